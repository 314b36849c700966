"""Loads and stores at the end of a row, where fewer elements may be left than a vector holds."""

from striate.kernels.jit import inlined
from striate.kernels.simd import load, load_part, store, store_part


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
