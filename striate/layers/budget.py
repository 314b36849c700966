"""How much memory weights may take while a model is made from a file's description.

The file says how many numbers it holds, and a description that asks for more is refused before anything is allocated.
The weights then begin as zeros, because the file's numbers replace them anyway.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from striate.errors import ModelFileError, received
from striate.ops.allowance import allowance

_OPERATIONS = 30_000
"""Far beyond the thousands of the largest networks in use."""
_NUMBERS = 16 << 20
"""Of all the tables that layers make: weights of interpolations, windows, kernels that are not learnt."""


class _Budget(threading.local):
    left: int | None = None


_budget = _Budget()


@contextmanager
def weight_budget(nbytes: int) -> Iterator[None]:
    """Weights made inside, on this thread, may take so many bytes in all, and are zeros; operations and tables have
    bounds of their own."""
    before, _budget.left = _budget.left, nbytes
    try:
        with allowance(_OPERATIONS, _NUMBERS):
            yield
    finally:
        _budget.left = before


def blank_weights(shape: tuple[int, ...], dtype: str) -> np.ndarray | None:
    """Zeros taken from the budget, or None when there is no budget and weights are to be initialized.

    Raises:
        ModelFileError: the budget is used up.
    """
    if _budget.left is None:
        return None
    _budget.left -= math.prod(shape) * np.dtype(dtype).itemsize
    if _budget.left < 0 or any(length < 0 for length in shape):
        raise ModelFileError("The model described in the file has more weights than the file holds. "
                             + received(shape=shape))
    return np.zeros(shape, dtype)
