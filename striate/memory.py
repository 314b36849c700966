"""Memory for the kernels: where numbers lie, and how they begin."""

from __future__ import annotations

import numpy as np

ALIGNMENT = 64
"""Bytes of a line of the cache, and of the longest vector."""


def aligned_zeros(count: int, dtype="float32") -> np.ndarray:
    """Zeros that start at a multiple of 64 bytes.

    Example:
        >>> address_of(aligned_zeros(5)) % ALIGNMENT
        0
    """
    dtype = np.dtype(dtype)
    raw = np.zeros(count * dtype.itemsize + ALIGNMENT, np.uint8)
    start = -address_of(raw) % ALIGNMENT
    return raw[start:start + count * dtype.itemsize].view(dtype)


def address_of(array: np.ndarray) -> int:
    """Where the array's memory begins; `array.ctypes.data` takes several times as long."""
    return array.__array_interface__["data"][0]
