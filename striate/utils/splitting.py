"""Data split in two."""

from __future__ import annotations

from typing import Any

import numpy as np

from striate.errors import ArgumentError, DataError, TypeMismatchError, received
from striate.utils.nests import mapped, stacked
from striate.utils.pipeline import Dataset


def split_dataset(dataset, left_size: float | int | None = None, right_size: float | int | None = None,
                  shuffle: bool = False, seed: int | None = None, preferred_backend=None) -> tuple[Dataset, Dataset]:
    """Splits an array, several arrays of equal length, or a pipeline, in two.

    Args:
        dataset: an array, or a tuple, list or dict of arrays, or a `tf.data` pipeline.
        left_size, right_size: share between 0 and 1 or number of samples; what is left out is the rest, what neither
            wants is dropped.
        shuffle: whether samples go to the parts at random.
        seed: of the shuffle; the session's next seed by default.
        preferred_backend: accepted for Keras' sake.

    Returns:
        `(left, right)`, two pipelines of samples; `.batch(32)` makes batches of them for `fit`.

    Raises:
        ArgumentError: sizes that do not fit.
        DataError: arrays of different lengths.
        TypeMismatchError: something else.

    Example:
        >>> left, right = split_dataset(np.arange(10), left_size=0.8)
        >>> [int(number) for number in right]
        [8, 9]
    """
    whole, count = _arrays(dataset)
    left, right = _sizes(count, left_size, right_size)
    order = _order(count, seed) if shuffle else np.arange(count)
    return _part(whole, order[:left]), _part(whole, order[left:left + right])


def _arrays(dataset: Any) -> tuple[Any, int]:
    """The arrays of a nest, and how many samples they have."""
    if isinstance(dataset, Dataset):
        elements = list(dataset)
        if not elements:
            raise DataError("The data set is empty.")
        return stacked(elements), len(elements)
    if not isinstance(dataset, (np.ndarray, tuple, list, dict)):
        raise TypeMismatchError("`dataset` must be an array, a tuple, list or dict of arrays, or a pipeline. "
                                + received(dataset=dataset))
    whole = mapped(tuple(dataset) if isinstance(dataset, list) else dataset, np.asarray)
    lengths: set[int] = set()
    mapped(whole, lambda array: lengths.add(len(array)))
    if len(lengths) != 1:
        raise DataError("All arrays must have the same number of samples. " + received(lengths=sorted(lengths)))
    return whole, lengths.pop()


def _part(whole: Any, rows: np.ndarray) -> Dataset:
    return Dataset.from_tensor_slices(mapped(whole, lambda array: array[rows]))


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
