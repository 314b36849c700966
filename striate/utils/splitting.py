"""Data split in two."""

from __future__ import annotations

from typing import Any

import numpy as np

from striate.errors import ArgumentError, DataError, received


def split_dataset(dataset, left_size: float | int | None = None, right_size: float | int | None = None,
                  shuffle: bool = False, seed: int | None = None) -> tuple[Any, Any]:
    """Splits an array, or a tuple, list or dict of arrays of equal length, in two.

    Args:
        dataset: what to split.
        left_size, right_size: share between 0 and 1 or number of samples; what is left out is the rest, what neither
            wants is dropped.
        shuffle: whether samples go to the parts at random.
        seed: of the shuffle; the session's next seed by default.

    Returns:
        `(left, right)`, each built like `dataset`.

    Raises:
        ArgumentError: sizes that do not fit.
        DataError: arrays of different lengths.

    Example:
        >>> left, right = split_dataset(np.arange(10), left_size=0.8)
        >>> left.tolist(), right.tolist()
        ([0, 1, 2, 3, 4, 5, 6, 7], [8, 9])
    """
    arrays = list(dataset.values()) if isinstance(dataset, dict) else (
        list(dataset) if isinstance(dataset, (tuple, list)) else [dataset])
    lengths = {len(array) for array in arrays}
    if len(lengths) != 1:
        raise DataError("All arrays must have the same number of samples. " + received(lengths=sorted(lengths)))
    count = lengths.pop()
    left, right = _sizes(count, left_size, right_size)
    order = _order(count, seed) if shuffle else np.arange(count)
    return _taken(dataset, order[:left]), _taken(dataset, order[left:left + right])


def _sizes(count: int, left_size, right_size) -> tuple[int, int]:
    if left_size is None and right_size is None:
        raise ArgumentError("At least one of `left_size` and `right_size` must be given.")

    def length(size) -> int:
        return round(size * count) if isinstance(size, float) else int(size)
    left = count - length(right_size) if left_size is None else length(left_size)
    right = count - left if right_size is None else length(right_size)
    if left < 0 or right < 0 or left + right > count:
        raise ArgumentError(f"The parts must fit into {count} samples. "
                            + received(left_size=left_size, right_size=right_size))
    return left, right


def _order(count: int, seed: int | None) -> np.ndarray:
    from striate import random

    return np.asarray(random.shuffle(np.arange(count), seed=seed))


def _taken(dataset, indices: np.ndarray):
    if isinstance(dataset, dict):
        return {name: np.asarray(array)[indices] for name, array in dataset.items()}
    if isinstance(dataset, (tuple, list)):
        return type(dataset)(np.asarray(array)[indices] for array in dataset)
    return np.asarray(dataset)[indices]
