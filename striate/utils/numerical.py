"""Labels and vectors, reshaped and scaled."""

from __future__ import annotations

import numpy as np

from striate.errors import ArgumentError, received


def to_categorical(x, num_classes: int | None = None) -> np.ndarray:
    """Class numbers as rows with a single one.

    Args:
        x: whole numbers from 0 on, any shape; a last axis of length 1 is dropped.
        num_classes: length of a row; the largest number plus one by default.

    Returns:
        float32 of the shape of x plus one axis.

    Raises:
        ArgumentError: numbers that are negative, not whole, or too large.

    Example:
        >>> to_categorical([0, 2]).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    x = np.asarray(x)
    if x.ndim > 1 and x.shape[-1] == 1:
        x = x[..., 0]
    labels = x.astype(np.int64)
    if x.size and (labels != x).any():
        raise ArgumentError("`x` must hold whole numbers. " + received(first=x[labels != x].flat[0]))
    largest = int(labels.max(initial=-1))
    if num_classes is None:
        num_classes = largest + 1
    if labels.min(initial=0) < 0 or largest >= num_classes:
        raise ArgumentError(f"`x` must hold numbers from 0 to num_classes - 1 = {num_classes - 1}. "
                            + received(smallest=int(labels.min()), largest=largest))
    rows = np.zeros((labels.size, num_classes), np.float32)
    rows[np.arange(labels.size), labels.ravel()] = 1
    return rows.reshape(*labels.shape, num_classes)


def normalize(x, axis: int = -1, order: int = 2) -> np.ndarray:
    """x divided by its norm along an axis; zeros stay zeros.

    Shapes: x any; gives the same. `order`: the p of the norm (sum |x|^p)^(1/p).

    Example:
        >>> normalize([[3.0, 4.0]]).tolist()
        [[0.6, 0.8]]
    """
    x = np.asarray(x)
    norm = np.atleast_1d(np.linalg.norm(x, order, axis))
    norm[norm == 0] = 1
    return x / np.expand_dims(norm, axis)


def pad_sequences(sequences, maxlen: int | None = None, dtype="int32", padding: str = "pre", truncating: str = "pre",
                  value=0) -> np.ndarray:
    """Lists of different lengths as the rows of one array.

    Args:
        sequences: lists of numbers.
        maxlen: length of a row; that of the longest list by default.
        dtype: of the result.
        padding, truncating: "pre" or "post", where values are added or cut off.
        value: what is added.

    Raises:
        ArgumentError: `padding` or `truncating` is something else; a sequence is none.

    Example:
        >>> pad_sequences([[1], [2, 3]]).tolist()
        [[0, 1], [2, 3]]
    """
    for name, side in (("padding", padding), ("truncating", truncating)):
        if side not in ("pre", "post"):
            raise ArgumentError(f'`{name}` must be "pre" or "post". ' + received(**{name: side}))
    for sequence in sequences:
        if not hasattr(sequence, "__len__"):
            raise ArgumentError("`sequences` must be a list of lists of numbers: each becomes a row. "
                                + received(sequence=sequence))
    length = max(map(len, sequences), default=0) if maxlen is None else maxlen
    rest = next((np.shape(sequence)[1:] for sequence in sequences if len(sequence)), ())
    rows = np.full((len(sequences), length, *rest), value, dtype)
    for row, sequence in zip(rows, sequences, strict=True):
        kept = sequence[max(len(sequence) - length, 0):] if truncating == "pre" else sequence[:length]
        if len(kept):
            row[:len(kept)] = kept
            if padding == "pre":
                row[:] = np.roll(row, length - len(kept), axis=0)
    return rows
