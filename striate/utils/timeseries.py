"""Windows that slide over rows in time, as a pipeline of batches."""

from __future__ import annotations

import numpy as np

from striate import seeds
from striate.errors import ArgumentError, received
from striate.utils.pipeline import Dataset
from striate.utils.tensor import as_tensor


def timeseries_dataset_from_array(  # noqa: PLR0913 - Keras' arguments
        data, targets, sequence_length: int, sequence_stride: int = 1, sampling_rate: int = 1,
        batch_size: int | None = 128, shuffle: bool = False, seed: int | None = None, start_index: int | None = None,
        end_index: int | None = None, format: str = "tf") -> Dataset:
    """Batches of windows of a series, with targets if there are some.

    Args:
        data: the rows, the first axis is time.
        targets: `targets[i]` belongs to the window that begins at row i; None: no targets.
        sequence_length: rows of a window.
        sequence_stride: rows between the beginnings of two windows.
        sampling_rate: of so many rows one is taken.
        batch_size: windows a batch; None gives single windows.
        shuffle, seed: whether windows come in another order, and its seed.
        start_index, end_index: rows before and from there on are left out.
        format: accepted for Keras' sake.

    Raises:
        ArgumentError: an argument that is not positive, or beyond the data.

    Example:
        >>> windows = timeseries_dataset_from_array(np.arange(10), None, sequence_length=3, sequence_stride=3)
        >>> [batch.tolist() for batch in windows]
        [[[0, 1, 2], [3, 4, 5], [6, 7, 8]]]
    """
    rows = np.asarray(data)
    first, last = start_index or 0, len(rows) if end_index is None else end_index
    for name, value in (("sampling_rate", sampling_rate), ("sequence_stride", sequence_stride)):
        if not 0 < value < len(rows):
            raise ArgumentError(f"`{name}` must be higher than 0 and smaller than the length of the data. "
                                + received(**{name: value}, length=len(rows)))
    if not 0 <= first < len(rows) or not first < last <= len(rows):
        raise ArgumentError("`start_index` and `end_index` must lie within the data, in this order. "
                            + received(start_index=start_index, end_index=end_index, length=len(rows)))
    answers = None if targets is None else np.asarray(targets)
    possible = last - first - (sequence_length - 1) * sampling_rate
    if answers is not None:
        possible = min(possible, len(answers) - first)
    begins = np.arange(0, possible, sequence_stride)
    if shuffle:
        np.random.RandomState(seeds.global_seed() if seed is None else seed).shuffle(begins)
    steps = first + np.arange(sequence_length) * sampling_rate

    def window(begin):
        series = as_tensor(rows[int(begin) + steps])
        return series if answers is None else (series, as_tensor(answers[first + int(begin)]))

    found = Dataset.from_tensor_slices(begins)
    if shuffle:
        found = found.shuffle(max(1, (batch_size or 128) * 8), seed=seed)
    found = found.map(window)
    return found if batch_size is None else found.batch(batch_size)
