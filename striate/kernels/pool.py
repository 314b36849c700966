"""Pooling of NHWC maps, and its gradients; vectors run over channels.

    max_pool       y = max over the window; winner = i pw + j of the first place (row-major) that has it
    max_pool_grad  dx[n, h, w, c] = sum of g over the windows whose winner is (h, w)
    avg_pool       y = (sum over the places of the window inside the map) / (their number)
    avg_pool_grad  dx[n, h, w, c] = sum over the windows that hold (h, w) of g / (their number of places)

A task is one row of the result: `oh` of an image forward, `h` of an image backward. The gradients are gathered: an
element of dx asks the windows that hold it, in row-major order, so nothing is written twice and no two tasks meet.
The last channels are loaded and stored in part where their number is not a multiple of the vector.

The argument block, slots 3 on: h w c (the map), oh ow (the result), ph pw (the window), sh sw, top, left.
"""

import numpy as np

from striate.kernels.jit import inlined
from striate.kernels.simd import (
    broadcast, exceeds, f32, from_int_bits, i64_at, integer, load, load_part, select, store, store_part, to_int_bits,
)


@inlined
def _load(x, i, count, lanes):
    """x[i : i + lanes]; with fewer than `lanes` elements left, those and zeros."""
    return load(x, i, lanes) if count >= lanes else load_part(x, i, count, lanes)


@inlined
def _store(x, i, value, count, lanes):
    """x[i : i + lanes] = value, or as many elements as are left."""
    if count >= lanes:
        store(x, i, value)
    else:
        store_part(x, i, value, count)


@inlined
def _largest(x, y, winner, start, out, rows, columns, row, c, pw, lanes):
    """One window's maximum and winner; `start`: where the window's first place would lie, rows and columns: ranges."""
    for channel in range(0, c, lanes):
        count = c - channel
        first = start + rows[0] * row + columns[0] * c + channel
        best = _load(x, first, count, lanes)
        place = broadcast(np.float32(rows[0] * pw + columns[0]), lanes)
        for i in range(rows[0], rows[1]):
            for j in range(columns[0], columns[1]):
                value = _load(x, start + i * row + j * c + channel, count, lanes)
                better = exceeds(value, best)
                best = select(better, value, best)
                place = select(better, broadcast(np.float32(i * pw + j), lanes), place)
        _store(y, out + channel, best, count, lanes)
        _store(winner, out + channel, to_int_bits(place), count, lanes)


def max_pool(lanes, fixed_h, fixed_w):
    """Makes the kernel; `fixed_h`, `fixed_w`: the window's size if it is small (its loops are unrolled), else 0."""
    def max_pool(arguments, first, last, scratch):
        x, y, winner = f32(arguments, 0), f32(arguments, 1), f32(arguments, 2)
        h, w, c, oh, ow = (integer(arguments, 3), integer(arguments, 4), integer(arguments, 5), integer(arguments, 6),
                           integer(arguments, 7))
        ph = fixed_h if fixed_h else integer(arguments, 8)
        pw = fixed_w if fixed_w else integer(arguments, 9)
        sh, sw, top, left = integer(arguments, 10), integer(arguments, 11), integer(arguments, 12), integer(arguments, 13)
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
        h, w, c, oh, ow = (integer(arguments, 3), integer(arguments, 4), integer(arguments, 5), integer(arguments, 6),
                           integer(arguments, 7))
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
                            total = total + _load(x, place, c - channel, lanes)
                    _store(y, (task * ow + column) * c + channel, total / number, c - channel, lanes)
    return avg_pool


@inlined
def _windows_of(place, size, stride, before, count):
    """The first and the last window that holds a place of the map, along one axis."""
    return max(0, (place + before - size + stride) // stride), min(count - 1, (place + before) // stride)


@inlined
def _tabulate(table, length, size, stride, before, count):
    """Windows of every place along an axis: table[2 p] the first, table[2 p + 1] the last."""
    for place in range(length):
        first, last = _windows_of(place, size, stride, before, count)
        table[2 * place], table[2 * place + 1] = first, last


def max_pool_grad(lanes):
    """Makes the kernel."""
    def max_pool_grad(arguments, first, last, scratch):
        g, winner, dx = f32(arguments, 0), f32(arguments, 1), f32(arguments, 2)
        h, w, c, oh, ow = (integer(arguments, 3), integer(arguments, 4), integer(arguments, 5), integer(arguments, 6),
                           integer(arguments, 7))
        ph, pw, sh, sw = integer(arguments, 8), integer(arguments, 9), integer(arguments, 10), integer(arguments, 11)
        top, left = integer(arguments, 12), integer(arguments, 13)
        table = i64_at(scratch)
        _tabulate(table, w, pw, sw, left, ow)
        for task in range(first, last):
            row, image = task % h, task // h
            above, below = _windows_of(row, ph, sh, top, oh)
            for column in range(w):
                for channel in range(0, c, lanes):
                    count = c - channel
                    total = broadcast(np.float32(0.0), lanes)
                    for i in range(above, below + 1):
                        for j in range(table[2 * column], table[2 * column + 1] + 1):
                            window = ((image * oh + i) * ow + j) * c + channel
                            place = np.float32((row + top - i * sh) * pw + column + left - j * sw)
                            won = from_int_bits(_load(winner, window, count, lanes)) == broadcast(place, lanes)
                            total = select(won, total + _load(g, window, count, lanes), total)
                    _store(dx, (task * w + column) * c + channel, total, count, lanes)
    return max_pool_grad


def avg_pool_grad(lanes):
    """Makes the kernel."""
    def avg_pool_grad(arguments, first, last, scratch):
        g, dx = f32(arguments, 0), f32(arguments, 1)
        h, w, c, oh, ow = (integer(arguments, 3), integer(arguments, 4), integer(arguments, 5), integer(arguments, 6),
                           integer(arguments, 7))
        ph, pw, sh, sw = integer(arguments, 8), integer(arguments, 9), integer(arguments, 10), integer(arguments, 11)
        top, left = integer(arguments, 12), integer(arguments, 13)
        table = i64_at(scratch)
        _tabulate(table, w, pw, sw, left, ow)
        for task in range(first, last):
            row, image = task % h, task // h
            above, below = _windows_of(row, ph, sh, top, oh)
            for column in range(w):
                for channel in range(0, c, lanes):
                    total = broadcast(np.float32(0.0), lanes)
                    for i in range(above, below + 1):
                        height = min(i * sh - top + ph, h) - max(i * sh - top, 0)
                        for j in range(table[2 * column], table[2 * column + 1] + 1):
                            width = min(j * sw - left + pw, w) - max(j * sw - left, 0)
                            share = _load(g, ((image * oh + i) * ow + j) * c + channel, c - channel, lanes)
                            total = total + share / broadcast(np.float32(height * width), lanes)
                    _store(dx, (task * w + column) * c + channel, total, c - channel, lanes)
    return avg_pool_grad
