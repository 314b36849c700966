"""The windows of a 2-D max pooling that a convolution does on its own sums: maxima, and the places that won.

A place is the row-major position in its window, a byte; the first of equals wins, and a NaN wins over all numbers.
Where a relu let nothing of a window through, its place is `SHUT`: gradients need not read the results again for that.
"""

from numba import float32

from striate.kernels.jit import helper
from striate.kernels.simd import (
    broadcast_like,
    clamped,
    exceeds,
    lanes_of,
    load_like,
    load_small,
    raised,
    select,
    store,
    store_part,
    store_small,
    to_int_bits,
    where_open,
)


@helper
def store_channels(y, at, value, count):
    """y[at : at + count] = the first lanes of value."""
    if count >= lanes_of(value):
        store(y, at, value)
    else:
        store_part(y, at, value, count)


@helper
def store_places(winner, at, value, count, spare):
    """winner[at : at + count] = the first lanes of value, int32 bits; `spare` is memory for one vector."""
    if count >= lanes_of(value):
        store_small(winner, at, value)
        return
    store_small(spare, 0, value)
    for k in range(count):
        winner[at + k] = spare[k]


@helper
def load_places(winner, at, count, spare, like):
    """winner[at : at + count] in the first lanes of a vector, int32 bits; `spare` is memory for one vector of bytes."""
    if count >= lanes_of(like):
        return load_small(winner, at, like)
    for k in range(count):
        spare[k] = winner[at + k]
    return load_small(spare, 0, like)


@helper
def maximum_with_nans(raw, corner, row_stride, pixel_stride, pool, like):
    """The maxima over one window of a vector of channels, and the int32 bits of their places; a NaN wins."""
    best = load_like(raw, corner, like)
    place = broadcast_like(float32(0.0), like)
    for r in range(pool[0]):
        for c in range(pool[1]):
            value = load_like(raw, corner + r * row_stride + c * pixel_stride, like)
            wins = exceeds(value, best)
            best = select(wins, value, best)
            place = select(wins, broadcast_like(float32(r * pool[1] + c), like), place)
    return best, to_int_bits(place)


@helper
def pool_band(out, at, raw, band, channels, pool, floor, limits):
    """Maxima over the windows of a band of sums, and their places.

    out: (y, winner, spare, whether places are wanted). band: (rows and columns of windows, pixels in a row of sums,
    numbers in a pixel of sums, numbers in a pixel of y). pool: (height, width, steps down, steps right).
    limits: (array, place, whether maxima are clamped): there the lower limits of the channels begin, and the upper ones
    `block` numbers behind them.
    """
    y, winner, spare, places = out
    rows, columns, width, block, depth = band
    down, right = pool[2], pool[3]
    for i in range(rows):
        for j in range(columns):
            corner = (i * down * width + j * right) * block
            for v in range(0, channels, lanes_of(floor)):
                best, place = maximum_with_nans(raw, corner + v, width * block, block, pool, floor)
                to = at + (i * columns + j) * depth + v
                best = raised(best, floor)
                if limits[2]:
                    lower = limits[1] + v
                    best = clamped(best, load_like(limits[0], lower, floor), load_like(limits[0], lower + block, floor))
                store_channels(y, to, best, channels - v)
                if places:
                    store_places(winner, to, where_open(place, best, floor), channels - v, spare)
