"""How much the description of a model out of a file may have done and laid out while the model is made.

A layer called by a layer called by a layer, each a hundred times, is a short text and endless work; so are windows
counted in millions and tables as long as a number in the file says. Elsewhere nothing is counted.

    with allowance(operations=1000, numbers=10**6): ...
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from striate.errors import ModelFileError, received

_LARGEST = 1 << 31


class _Left(threading.local):
    operations = math.inf
    numbers = math.inf


_left = _Left()


@contextmanager
def allowance(operations: int, numbers: int) -> Iterator[None]:
    """Inside, on this thread, so many ops may be applied, and tables with so many numbers in all be made."""
    before = _left.operations, _left.numbers
    _left.operations, _left.numbers = operations, numbers
    try:
        yield
    finally:
        _left.operations, _left.numbers = before


def is_limited() -> bool:
    """Whether an allowance holds here."""
    return _left.numbers != math.inf


def check_sizes(shapes: Iterable[tuple[int | None, ...]]) -> None:
    """Where an allowance holds, tensors have no more than two thousand million numbers for each sample.

    Raises:
        ModelFileError: one has more.
    """
    for shape in shapes if is_limited() else ():
        if math.prod(length for length in shape if length is not None) > _LARGEST:
            raise ModelFileError("The model described in the file makes larger tensors than any honest one. "
                                 + received(shape=shape))


def spend_operation() -> None:
    """One op is about to be applied.

    Raises:
        ModelFileError: there were too many.
    """
    _left.operations -= 1
    if _left.operations < 0:
        raise ModelFileError("The model described in the file does more operations than any honest one.")


def spend_numbers(*shape: int) -> None:
    """A table of this shape is about to be made.

    Raises:
        ModelFileError: it is too large, together with those before.
    """
    _left.numbers -= math.prod(max(int(length), 0) for length in shape)
    if _left.numbers < 0:
        raise ModelFileError("The model described in the file needs larger tables than any honest one. "
                             + received(shape=shape))
