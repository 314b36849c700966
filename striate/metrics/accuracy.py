"""How often predictions are right."""

from __future__ import annotations

from math import prod

from striate import ops
from striate.losses.base import same_rank
from striate.metrics.base import MeanMetricWrapper
from striate.serialization import export


def _metric(function):
    return export(f"keras.metrics.{function.__name__}")(function)


def _tensor(y):
    return y if hasattr(y, "shape") else ops.convert_to_tensor(y)


def _hits(one, other):
    """1.0 where two tensors are equal."""
    return ops.cast(ops.equal(one, other), "float32")


@export("keras.metrics.accuracy")
def accuracy(y_true, y_pred):
    """1 where the prediction equals the label."""
    y_true, y_pred = same_rank(_tensor(y_true), _tensor(y_pred))
    return _hits(ops.cast(y_true, str(y_pred.dtype)), y_pred)


@_metric
def binary_accuracy(y_true, y_pred, threshold=0.5):
    """1 where "prediction above the threshold" equals the label.

    Shapes: y_true and y_pred of one shape; gives the same, 0 or 1.
    """
    y_true, y_pred = same_rank(_tensor(y_true), _tensor(y_pred))
    return _hits(ops.cast(y_true, "float32"), ops.cast(ops.greater(y_pred, float(threshold)), "float32"))


@_metric
def categorical_accuracy(y_true, y_pred):
    """1 where the largest prediction is at the place of the label; labels are one-hot.

    Shapes: y_true and y_pred (..., classes); gives (...), 0 or 1.

    Example:
        >>> categorical_accuracy([[0.0, 1.0]], [[0.4, 0.6]]).tolist()
        [1.0]
    """
    return _hits(ops.argmax(_tensor(y_true), axis=-1), ops.argmax(_tensor(y_pred), axis=-1))


@_metric
def sparse_categorical_accuracy(y_true, y_pred):
    """1 where the largest prediction is at the place of the label; labels are class numbers.

    Shapes: y_true (...) or (..., 1), y_pred (..., classes); gives (...), 0 or 1.
    """
    y_true, y_pred = _tensor(y_true), _tensor(y_pred)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    return _hits(ops.cast(y_true, "int32"), ops.cast(ops.argmax(y_pred, axis=-1), "int32"))


@_metric
def top_k_categorical_accuracy(y_true, y_pred, k=5):
    """1 where the label is among the k largest predictions; labels are one-hot.

    Shapes: y_true and y_pred (..., classes); gives (...), 0 or 1.
    """
    return sparse_top_k_categorical_accuracy(ops.argmax(_tensor(y_true), axis=-1), y_pred, k)


@_metric
def sparse_top_k_categorical_accuracy(y_true, y_pred, k=5, from_sorted_ids=False):
    """1 where the label is among the k largest predictions; labels are class numbers.

    Shapes: gives (...), 0 or 1.

    Args:
        y_true: (...) or (..., 1).
        y_pred: (..., classes) of scores; with `from_sorted_ids` of class numbers, the best first.
        k: how many.
        from_sorted_ids: see `y_pred`.
    """
    y_true, y_pred = _tensor(y_true), _tensor(y_pred)
    shape = tuple(y_pred.shape[:-1])
    labels = ops.reshape(ops.cast(y_true, "int32"), (prod(shape),))
    scores = ops.reshape(y_pred, (prod(shape), y_pred.shape[-1]))
    if from_sorted_ids:
        found = ops.any(ops.equal(ops.expand_dims(labels, 1), ops.cast(scores[:, :k], "int32")), axis=1)
    else:
        found = ops.in_top_k(labels, scores, k)
    return ops.reshape(ops.cast(found, "float32"), shape)


@export("keras.metrics.Accuracy")
class Accuracy(MeanMetricWrapper):
    """Share of predictions that equal their labels.

    Shapes: y_true and y_pred of one shape, class numbers.
    """

    def __init__(self, name="accuracy", dtype=None):
        super().__init__(accuracy, name, dtype)


@export("keras.metrics.BinaryAccuracy")
class BinaryAccuracy(MeanMetricWrapper):
    """Share of predictions on the right side of the threshold.

    Shapes: y_true and y_pred (batch, ...), labels 0 and 1 and probabilities; `threshold` lies between 0 and 1. Raises
    `ShapeError` when the shapes do not broadcast.
    """

    def __init__(self, name="binary_accuracy", dtype=None, threshold=0.5):
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)


@export("keras.metrics.CategoricalAccuracy")
class CategoricalAccuracy(MeanMetricWrapper):
    """Share of samples whose largest prediction is at the place of the one-hot label.

    Shapes: y_true and y_pred (batch, ..., classes).
    """

    def __init__(self, name="categorical_accuracy", dtype=None):
        super().__init__(categorical_accuracy, name, dtype)


@export("keras.metrics.SparseCategoricalAccuracy")
class SparseCategoricalAccuracy(MeanMetricWrapper):
    """Share of samples whose largest prediction is at the place of the class number.

    Shapes: y_true (batch, ...) or (batch, ..., 1), y_pred (batch, ..., classes).
    """

    def __init__(self, name="sparse_categorical_accuracy", dtype=None):
        super().__init__(sparse_categorical_accuracy, name, dtype)


@export("keras.metrics.TopKCategoricalAccuracy")
class TopKCategoricalAccuracy(MeanMetricWrapper):
    """Share of samples whose one-hot label is among the k largest predictions.

    Shapes: y_true and y_pred (batch, ..., classes).

    `k`: how many.
    """

    def __init__(self, k=5, name="top_k_categorical_accuracy", dtype=None):
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)


@export("keras.metrics.SparseTopKCategoricalAccuracy")
class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """Share of samples whose class number is among the k largest predictions.

    Shapes: y_true (batch, ...) or (batch, ..., 1), y_pred (batch, ..., classes).

    `k`: how many.

    `from_sorted_ids`: whether y_pred holds class numbers, the best first.
    """

    def __init__(self, k=5, name="sparse_top_k_categorical_accuracy", dtype=None, from_sorted_ids=False):
        super().__init__(sparse_top_k_categorical_accuracy, name, dtype, k=k, from_sorted_ids=from_sorted_ids)

    def get_config(self):
        config = super().get_config()
        if not self.from_sorted_ids:
            del config["from_sorted_ids"]
        return config
