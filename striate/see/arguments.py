"""What users hand to `striate.see`, checked before anything is computed with it."""

from __future__ import annotations

from typing import Any

import numpy as np

from striate.errors import ArgumentError, TypeMismatchError, received

MOST = 1_000_000
"""No count that anybody looks at is larger."""


def whole(value: Any, name: str, least: int = 1, most: int = MOST) -> int:
    """A whole number within limits.

    Raises:
        ArgumentError: something else.

    Example:
        >>> whole(np.int64(3), "count")
        3
    """
    fits = isinstance(value, (int, np.integer)) and not isinstance(value, bool) and least <= value <= most
    if not fits:
        raise ArgumentError(f"`{name}` must be a whole number from {least:,} to {most:,}. " + received(**{name: value}))
    return int(value)


def seed_of(value: Any) -> int:
    """The seed of a generator of random numbers."""
    return whole(value, "seed", 0, 2 ** 63)


def finite(value: Any, name: str) -> float:
    """One finite number.

    Raises:
        ArgumentError: something else.
    """
    if not isinstance(value, (int, float, np.number)) or isinstance(value, bool) or not np.isfinite(value):
        raise ArgumentError(f"`{name}` must be a finite number. " + received(**{name: value}))
    return float(value)


def numbers(values: Any, name: str) -> np.ndarray:
    """An array of numbers (or truth values).

    Raises:
        TypeMismatchError: text, objects, complex numbers, or rows of different lengths.

    Example:
        >>> numbers([[1, 2], [3, 4]], "x").shape
        (2, 2)
    """
    try:
        array = np.asarray(values)
    except ValueError:  # Rows of different lengths.
        array = np.asarray(None)
    if array.dtype.kind not in "biuf":
        raise TypeMismatchError(f"`{name}` must hold numbers, in rows of one length. "
                                + received(**{name: values if array.ndim == 0 else str(array.dtype)}))
    return array


def class_names(classes: Any) -> tuple[str, ...]:
    """Names of classes, in the order of their numbers; the letters of a text are names too.

    Raises:
        ArgumentError: no list of names.
    """
    if isinstance(classes, (bytes, dict)) or not hasattr(classes, "__len__") or not hasattr(classes, "__getitem__"):
        raise ArgumentError("`classes` must be a list with a name for each class. " + received(classes=classes))
    return tuple(map(str, classes))
