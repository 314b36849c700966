"""Loads and stores of rows: their ends, where fewer elements may be left than a vector holds, and large results.

A result larger than the second-level caches can be written past them: the processor need not read the lines before it
overwrites them, and what lies in the caches stays there. AMD EPYC (AVX-512), batch 128: 28 x 28 x 32 to 32 channels by
Winograd 55 -> 48 us an image. Vectors must be whole lines of the cache; half lines would be written one by one.
Kernels that have just read what they overwrite, or compute little (batch normalisation), gain nothing by it.
"""

from striate.kernels.jit import inlined
from striate.kernels.simd import load, load_part, store, store_part

_LARGE = 4 * 2**20
"""Bytes. From 1.5 MB on nothing was lost by it, and at 3 MB little won."""
_LINE = 64
"""Bytes of a line of the cache."""


@inlined
def goes_past_caches(address, count, row, lanes):
    """Whether `count` numbers at `address`, in rows of `row`, are written by `tile_stream`; `fence` must follow."""
    return lanes * 4 == _LINE and count * 4 >= _LARGE and address % _LINE == 0 and row % lanes == 0


@inlined
def load_left(x, i, left, lanes):
    """x[i : i + lanes]; with `left` < lanes, those and zeros."""
    return load(x, i, lanes) if left >= lanes else load_part(x, i, left, lanes)


@inlined
def store_left(x, i, value, left, lanes):
    """x[i : i + lanes] = value; with `left` < lanes, only so many."""
    if left >= lanes:
        store(x, i, value)
    else:
        store_part(x, i, value, left)


@inlined
def add_left(x, i, value, left, lanes):
    """x[i : i + lanes] += value; with `left` < lanes, only so many."""
    store_left(x, i, load_left(x, i, left, lanes) + value, left, lanes)
