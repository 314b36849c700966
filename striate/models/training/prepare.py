"""From what the user gave to `Examples`: arrays of the right kinds, one target and one weight for each output."""

from __future__ import annotations

from typing import Any

import numpy as np

from striate.errors import ArgumentError, DataError, received
from striate.models.structure import flatten
from striate.models.training.arrays import as_target, to_array, to_arrays
from striate.models.training.checks import check_finite
from striate.models.training.data import Examples
from striate.models.training.outputs import Outputs


def prepare_inputs(x: Any) -> Any:
    """The nest of input arrays.

    Raises:
        DataError: there are no data, or something that is no array.
    """
    if x is None:
        raise DataError("`x` is missing: give the input data.")
    x = to_arrays(x, "x")
    arrays = flatten(x)
    if not arrays or any(array.size == 0 and len(array) == 0 for array in arrays):
        raise DataError(f"`x` is empty: there is no sample in it. {received(shapes=[a.shape for a in arrays])}")
    rows = [len(array) for array in arrays]
    if len(set(rows)) > 1:
        hint = (" If they are the samples of one input, join them with numpy.stack(x)."
                if len({a.shape for a in arrays}) == 1 or len(arrays) > 8 else "")
        raise DataError("All arrays in `x` must have the same number of samples (the length of their first axis). "
                        f"{received(lengths=rows)}{hint}")
    return x


def prepare_targets(y: Any, outputs: Outputs, rows: int) -> list:
    """One target array (or None) for each output."""
    if y is None:
        return [None] * len(outputs)
    if len(outputs) == 1 and isinstance(y, (list, tuple)) and len(y) == rows:
        y = to_array(y, "y")
    else:
        y = to_arrays(y, "y")
    targets = outputs.align(y, "y")
    for target in targets:
        if target is not None and len(target) != rows:
            raise DataError(f"`x` and `y` must have the same number of samples. {received(x=rows, y=len(target))}. "
                            "Were some samples dropped from one of them?")
    return [None if target is None else as_target(target) for target in targets]


def prepare_weights(weights: Any, class_weight: dict | None, targets: list, outputs: Outputs, rows: int) -> list:
    """One float32 weight array (or None) for each output, from `sample_weight` and `class_weight`."""
    if class_weight is not None:
        if weights is not None:
            raise ArgumentError("Arguments `sample_weight` and `class_weight` cannot be specified at the same time. "
                                + received(class_weight=class_weight))
        return [class_weights(class_weight, targets, outputs)]
    if weights is None:
        return [None] * len(outputs)
    found = to_arrays(weights, "sample_weight")
    found = [found] * len(outputs) if isinstance(found, np.ndarray) else outputs.align(found, "sample_weight")
    for weight in found:
        if weight is not None and len(weight) != rows:
            raise DataError("`sample_weight` must have one entry for each sample. "
                            + received(x=rows, sample_weight=len(weight)))
    check_finite(found, "sample_weight")
    return [None if weight is None else np.ascontiguousarray(weight, np.float32) for weight in found]


def class_weights(weights: dict, targets: list, outputs: Outputs) -> np.ndarray:
    """The weight of each sample's class: float32 (samples,).

    Raises:
        ArgumentError: several outputs, no targets to read classes from, or keys that are no class numbers.
    """
    if len(outputs) != 1 or targets[0] is None:
        raise ArgumentError("`class_weight` is only supported for Models with a single output and with targets `y`. "
                            + received(outputs=outputs.names))
    y = targets[0]
    labels = y.argmax(axis=-1) if y.ndim > 1 and y.shape[-1] > 1 else y.reshape(-1)
    try:
        table = {int(key): float(value) for key, value in weights.items()}
    except (TypeError, ValueError):
        raise ArgumentError("`class_weight` must map class numbers (as in `y`) to weights, such as {0: 1.0, 1: 3.0}. "
                            + received(class_weight=weights)) from None
    classes, places = np.unique(labels.astype(np.int64), return_inverse=True)
    return np.array([table.get(int(label), 1.0) for label in classes], np.float32)[places.reshape(-1)]


def prepare(x: Any, y: Any, weights: Any, class_weight: dict | None, outputs: Outputs) -> Examples:
    """Everything for one call of `fit` or for one batch of a generator."""
    x = prepare_inputs(x)
    rows = len(flatten(x)[0])
    targets = prepare_targets(y, outputs, rows)
    return Examples(x, targets, prepare_weights(weights, class_weight, targets, outputs, rows))
