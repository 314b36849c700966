"""A map by its four phases: even and odd rows and columns side by side, as channels.

    s[n, i, j, (2 p + q) ic + k] = x[n, 2 i + p - top, 2 j + q - left, k]        p, q: 0 or 1; zero outside x

A convolution of a kernel of 4 x 4 in steps of 2 is then one of 2 x 2 in steps of 1 over four times the channels, which
Winograd's F(5x5, 2x2) computes with 36 products where the sum has 100. The way back takes the gradient of s to that of
x. Both are copies of whole pixels: bound by memory.
"""

import numpy as np

from striate.kernels.parts import load_left, store_left
from striate.kernels.simd import broadcast, f32, integer, select_positive


def split_phases(lanes):
    """Makes the kernel s = phases of x. Task: a row of s of one image.

    Arguments: 0 x, 1 s; 2 height, 3 width, 4 channels of x; 5 rows, 6 columns of s; 7 top, 8 left.
    """
    def split_phases(a, first, last, scratch):
        x, s = f32(a, 0), f32(a, 1)
        h, w, ic = integer(a, 2), integer(a, 3), integer(a, 4)
        rows, columns, top, left = integer(a, 5), integer(a, 6), integer(a, 7), integer(a, 8)
        zero = broadcast(np.float32(0.0), lanes)
        for task in range(first, last):
            image, i = task // rows, task % rows
            for p in range(2):
                row = 2 * i + p - top
                for c in range(2 * columns):
                    column, target = c - left, ((task * columns + c // 2) * 4 + 2 * p + c % 2) * ic
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

    Arguments: 0 s, 1 x, 2 mask (or 0); 3 height, 4 width, 5 channels of x; 6 rows, 7 columns of s; 8 top, 9 left.
    Pixels that no row or column of s has are zero.
    """
    def join_phases(a, first, last, scratch):
        s, x, mask = f32(a, 0), f32(a, 1), f32(a, 2)
        h, w, ic = integer(a, 3), integer(a, 4), integer(a, 5)
        rows, columns, top, left = integer(a, 6), integer(a, 7), integer(a, 8), integer(a, 9)
        masked, zero = integer(a, 2) != 0, broadcast(np.float32(0.0), lanes)
        for task in range(first, last):
            image, row = task // h, task % h + top
            for c in range(w):
                column, target = c + left, (task * w + c) * ic
                inside = row < 2 * rows and column < 2 * columns
                source = (((image * rows + row // 2) * columns + column // 2) * 4 + row % 2 * 2 + column % 2) * ic
                for k in range(0, ic, lanes):
                    value = zero
                    if inside:
                        value = load_left(s, source + k, ic - k, lanes)
                    if masked:
                        value = select_positive(value, load_left(mask, target + k, ic - k, lanes))
                    store_left(x, target + k, value, ic - k, lanes)
    return join_phases
