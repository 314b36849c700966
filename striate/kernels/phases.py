"""A map by its phases: the rows and columns that lie `step` apart, each phase as channels or as an image of its own.

    s[n, i, j, phase, k] = x[n, step i + p - top, step j + q - left, k]      phase = step p + q; p, q: 0 to step - 1;
                                                                             zero outside x
A convolution in steps of 2 is one in steps of 1 over the four phases as channels, and a kernel whose taps lie d apart
is one whose taps are neighbours in each of d x d phases: Winograd's convolutions take both. The way back brings phases
to rows and columns again. All of it is copies of whole pixels: bound by memory.
"""

import numpy as np

from striate.kernels.parts import load_left, store_left
from striate.kernels.simd import broadcast, f32, integer, select_positive


def split_phases(lanes):
    """Makes the kernel s = phases of x. Task: a row of s of one image, in all phases.

    Arguments: 0 x, 1 s; 2 height, 3 width, 4 channels of x; 5 rows, 6 columns of s; 7 top, 8 left; 9 step; 10 to 13 the
    floats between images, phases, rows and columns of s.
    """
    def split_phases(a, first, last, scratch):
        x, s = f32(a, 0), f32(a, 1)
        h, w, ic = integer(a, 2), integer(a, 3), integer(a, 4)
        rows, columns, top, left = integer(a, 5), integer(a, 6), integer(a, 7), integer(a, 8)
        step, to_image, to_phase = integer(a, 9), integer(a, 10), integer(a, 11)
        to_row, to_column = integer(a, 12), integer(a, 13)
        zero = broadcast(np.float32(0.0), lanes)
        for task in range(first, last):
            image, i = task // rows, task % rows
            for p in range(step):
                row, out = step * i + p - top, image * to_image + step * p * to_phase + i * to_row
                for c in range(step * columns):
                    column, target = c - left, out + c % step * to_phase + c // step * to_column
                    if 0 <= row < h and 0 <= column < w:
                        source = ((image * h + row) * w + column) * ic
                        for k in range(0, ic, lanes):
                            store_left(s, target + k, load_left(x, source + k, ic - k, lanes), ic - k, lanes)
                    else:
                        for k in range(0, ic, lanes):
                            store_left(s, target + k, zero, ic - k, lanes)
    return split_phases


def join_phases(lanes):
    """Makes the kernel x = pixels of the phases in s, zero where a mask is given and not positive. Task: a row of x.

    Arguments: 0 s, 1 x, 2 mask (or 0); 3 height, 4 width, 5 channels of x; 6 rows, 7 columns of s; 8 top, 9 left;
    10 step; 11 to 14 the floats between images, phases, rows and columns of s. Pixels that s does not have are zero.
    """
    def join_phases(a, first, last, scratch):
        s, x, mask = f32(a, 0), f32(a, 1), f32(a, 2)
        h, w, ic = integer(a, 3), integer(a, 4), integer(a, 5)
        rows, columns, top, left = integer(a, 6), integer(a, 7), integer(a, 8), integer(a, 9)
        step, to_image, to_phase = integer(a, 10), integer(a, 11), integer(a, 12)
        to_row, to_column = integer(a, 13), integer(a, 14)
        masked, zero = integer(a, 2) != 0, broadcast(np.float32(0.0), lanes)
        for task in range(first, last):
            image, row = task // h, task % h + top
            start = image * to_image + row % step * step * to_phase + row // step * to_row
            for c in range(w):
                column, target = c + left, (task * w + c) * ic
                inside = row < step * rows and column < step * columns
                source = start + column % step * to_phase + column // step * to_column
                for k in range(0, ic, lanes):
                    value = zero
                    if inside:
                        value = load_left(s, source + k, ic - k, lanes)
                    if masked:
                        value = select_positive(value, load_left(mask, target + k, ic - k, lanes))
                    store_left(x, target + k, value, ic - k, lanes)
    return join_phases


def phase_weights(lanes):
    """Makes the kernel that brings weights w[2 a + p, 2 b + q] to s[a, b, p, q], or back. Task: a place (a, b, p, q).

    Arguments: 0 source, 1 target; 2 rows of w, 3 rows of s, 4 numbers of a tap; 5 back (1: from s to w). Where w has no
    such tap, s is zero.
    """
    def phase_weights(a, first, last, scratch):
        source, target = f32(a, 0), f32(a, 1)
        side, half, size, back = integer(a, 2), integer(a, 3), integer(a, 4), integer(a, 5)
        zero = broadcast(np.float32(0.0), lanes)
        for task in range(first, last):
            p, q, place = task % 4 // 2, task % 2, task // 4
            row, column = place // half * 2 + p, place % half * 2 + q
            inside, tap = row < side and column < side, (row * side + column) * size
            for k in range(0, size, lanes):
                if inside and back:
                    store_left(target, tap + k, load_left(source, task * size + k, size - k, lanes), size - k, lanes)
                elif inside:
                    store_left(target, task * size + k, load_left(source, tap + k, size - k, lanes), size - k, lanes)
                elif not back:
                    store_left(target, task * size + k, zero, size - k, lanes)
    return phase_weights
