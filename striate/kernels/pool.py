"""Pooling of NHWC maps, and its gradients; vectors run over channels.

    max_pool       y = max over the window; winner = i pw + j of the first place (row-major) that has it
    avg_pool       y = (sum over the places of the window inside the map) / (their number)
    pool_grad      dx[n, h, w, c] = sum of g over the windows whose winner is (h, w), or
                   sum over the windows that hold (h, w) of g / (their number of places)

A task is one row of the result: `oh` of an image forward, `h` of an image backward. Backward, a row of dx takes its
part of every row of windows that crosses it, in order, so no two tasks write to one place.
The last channels are loaded and stored in part where their number is not a multiple of the vector.

The argument block, slots 3 on: h w c (the map), oh ow (the result), ph pw (the window), sh sw, top, left.
"""

import numpy as np

from striate.kernels.jit import inlined
from striate.kernels.parts import load_left, store_left
from striate.kernels.simd import broadcast, exceeds, f32, from_int_bits, integer, select, to_int_bits


@inlined
def _largest(x, y, winner, start, out, rows, columns, row, c, pw, lanes):
    """One window's maximum and winner; `start`: where the window's first place would lie, rows and columns: ranges."""
    for channel in range(0, c, lanes):
        count = c - channel
        first = start + rows[0] * row + columns[0] * c + channel
        best = load_left(x, first, count, lanes)
        place = broadcast(np.float32(rows[0] * pw + columns[0]), lanes)
        for i in range(rows[0], rows[1]):
            for j in range(columns[0], columns[1]):
                value = load_left(x, start + i * row + j * c + channel, count, lanes)
                better = exceeds(value, best)
                best = select(better, value, best)
                place = select(better, broadcast(np.float32(i * pw + j), lanes), place)
        store_left(y, out + channel, best, count, lanes)
        store_left(winner, out + channel, to_int_bits(place), count, lanes)


def max_pool(lanes, fixed_h, fixed_w):
    """Makes the kernel; `fixed_h`, `fixed_w`: the window's size if it is small (its loops are unrolled), else 0."""
    def max_pool(arguments, first, last, scratch):
        x, y, winner = f32(arguments, 0), f32(arguments, 1), f32(arguments, 2)
        h, w, c = integer(arguments, 3), integer(arguments, 4), integer(arguments, 5)
        oh, ow = integer(arguments, 6), integer(arguments, 7)
        ph = fixed_h if fixed_h else integer(arguments, 8)
        pw = fixed_w if fixed_w else integer(arguments, 9)
        sh, sw = integer(arguments, 10), integer(arguments, 11)
        top, left = integer(arguments, 12), integer(arguments, 13)
        for task in range(first, last):
            y0 = task % oh * sh - top
            rows = max(0, -y0), min(ph, h - y0)
            for column in range(ow):
                x0 = column * sw - left
                start, out = ((task // oh * h + y0) * w + x0) * c, (task * ow + column) * c
                if rows[1] - rows[0] == ph and x0 >= 0 and x0 + pw <= w:
                    _largest(x, y, winner, start, out, (0, ph), (0, pw), w * c, c, pw, lanes)
                else:
                    _largest(x, y, winner, start, out, rows, (max(0, -x0), min(pw, w - x0)), w * c, c, pw, lanes)
    return max_pool


def avg_pool(lanes):
    """Makes the kernel."""
    def avg_pool(arguments, first, last, scratch):
        x, y = f32(arguments, 0), f32(arguments, 1)
        h, w, c = integer(arguments, 3), integer(arguments, 4), integer(arguments, 5)
        oh, ow = integer(arguments, 6), integer(arguments, 7)
        ph, pw, sh, sw = integer(arguments, 8), integer(arguments, 9), integer(arguments, 10), integer(arguments, 11)
        top, left = integer(arguments, 12), integer(arguments, 13)
        for task in range(first, last):
            y0 = task % oh * sh - top
            bottom = min(y0 + ph, h)
            y0 = max(y0, 0)
            for column in range(ow):
                x0 = column * sw - left
                right = min(x0 + pw, w)
                x0 = max(x0, 0)
                number = broadcast(np.float32((bottom - y0) * (right - x0)), lanes)
                for channel in range(0, c, lanes):
                    total = broadcast(np.float32(0.0), lanes)
                    for i in range(y0, bottom):
                        for j in range(x0, right):
                            place = ((task // oh * h + i) * w + j) * c + channel
                            total = total + load_left(x, place, c - channel, lanes)
                    store_left(y, (task * ow + column) * c + channel, total / number, c - channel, lanes)
    return avg_pool


@inlined
def _spread(g, winner, dx, window, place, target, first, last, c, lanes, largest, number, overlapping):
    """One row of one window: g to the places first..last of it, or to that which won; `place`: the row's first one."""
    for channel in range(0, c, lanes):
        count = c - channel
        value = load_left(g, window + channel, count, lanes)
        won = value
        if largest:
            won = from_int_bits(load_left(winner, window + channel, count, lanes))
        else:
            value = value / broadcast(number, lanes)
        for j in range(first, last):
            share = value
            if largest:
                share = select(won == broadcast(np.float32(place + j), lanes), value, broadcast(np.float32(0.0), lanes))
            if overlapping:
                share = share + load_left(dx, target + j * c + channel, count, lanes)
            store_left(dx, target + j * c + channel, share, count, lanes)


def pool_grad(lanes, largest, fixed_w, overlapping):
    """Makes the kernel. `largest`: of max pooling, else of the mean; `fixed_w`: the window's width if it is small (its
    loop is unrolled), else 0; `overlapping`: a place may lie in two windows."""
    def pool_grad(arguments, first, last, scratch):
        g, winner, dx = f32(arguments, 0), f32(arguments, 1), f32(arguments, 2)
        h, w, c = integer(arguments, 3), integer(arguments, 4), integer(arguments, 5)
        oh, ow = integer(arguments, 6), integer(arguments, 7)
        ph, pw = integer(arguments, 8), fixed_w if fixed_w else integer(arguments, 9)
        sh, sw = integer(arguments, 10), integer(arguments, 11)
        top, left = integer(arguments, 12), integer(arguments, 13)
        for task in range(first, last):
            row, image, start = task % h, task // h, task * w * c
            for i in range(0, w * c, lanes):
                store_left(dx, start + i, broadcast(np.float32(0.0), lanes), w * c - i, lanes)
            for i in range(max(0, (row + top - ph + sh) // sh), min(oh - 1, (row + top) // sh) + 1):
                y0 = i * sh - top
                height, place = min(y0 + ph, h) - max(y0, 0), (row - y0) * pw
                for j in range(ow):
                    x0, window = j * sw - left, ((image * oh + i) * ow + j) * c
                    width = min(x0 + pw, w) - max(x0, 0)
                    number = np.float32(height * width)
                    if width == pw:
                        _spread(g, winner, dx, window, place, start + x0 * c, 0, pw, c, lanes, largest, number,
                                overlapping)
                    else:
                        _spread(g, winner, dx, window, place, start + x0 * c, max(0, -x0), min(pw, w - x0), c, lanes,
                                largest, number, overlapping)
    return pool_grad
