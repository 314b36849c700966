"""Metrics that are the mean of a loss over the samples, and their kin."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from striate import ops
from striate.losses import functions
from striate.losses.base import same_rank
from striate.metrics.base import MeanMetricWrapper, as_number
from striate.serialization import export


def _plain(class_name: str, name: str, function: Callable) -> type:
    """The class of a metric without settings."""
    def construct(self, name=name, dtype=None):
        MeanMetricWrapper.__init__(self, function, name, dtype)
    text = f"The mean of `{function.__name__}` over all samples.\n\n    Shapes: those of that loss.\n    "
    kind = type(class_name, (MeanMetricWrapper,), {"__init__": construct, "__doc__": text, "__module__": __name__})
    return export(f"keras.metrics.{class_name}")(kind)


MeanSquaredError = _plain("MeanSquaredError", "mean_squared_error", functions.mean_squared_error)
MeanAbsoluteError = _plain("MeanAbsoluteError", "mean_absolute_error", functions.mean_absolute_error)
MeanAbsolutePercentageError = _plain("MeanAbsolutePercentageError", "mean_absolute_percentage_error",
                                     functions.mean_absolute_percentage_error)
MeanSquaredLogarithmicError = _plain("MeanSquaredLogarithmicError", "mean_squared_logarithmic_error",
                                     functions.mean_squared_logarithmic_error)
LogCoshError = _plain("LogCoshError", "logcosh", functions.log_cosh)
Hinge = _plain("Hinge", "hinge", functions.hinge)
SquaredHinge = _plain("SquaredHinge", "squared_hinge", functions.squared_hinge)
CategoricalHinge = _plain("CategoricalHinge", "categorical_hinge", functions.categorical_hinge)
KLDivergence = _plain("KLDivergence", "kl_divergence", functions.kl_divergence)
Poisson = _plain("Poisson", "poisson", functions.poisson)


def _squared_error(y_true, y_pred):
    y_true, y_pred = same_rank(ops.cast(y_true, "float32"), y_pred)
    return ops.square(y_pred - y_true)


@export("keras.metrics.RootMeanSquaredError")
class RootMeanSquaredError(MeanMetricWrapper):
    """The root of the mean squared error over all samples.

    Shapes: y_true and y_pred of one shape; in the unit of the labels.
    """

    def __init__(self, name="root_mean_squared_error", dtype=None):
        super().__init__(_squared_error, name, dtype)

    def result(self):
        """The root of the mean so far."""
        return as_number(np.sqrt(np.float64(super().result())))


def cosine_similarity(y_true, y_pred, axis=-1):
    """The cosine between labels and predictions along `axis` (the loss of this name has a minus)."""
    return -functions.cosine_similarity(y_true, y_pred, axis)


@export("keras.metrics.CosineSimilarity")
class CosineSimilarity(MeanMetricWrapper):
    """The mean cosine between labels and predictions.

    Shapes: y_true and y_pred of one shape. `axis`: that of the vectors. From -1 to 1.
    """

    def __init__(self, name="cosine_similarity", dtype=None, axis=-1):
        super().__init__(cosine_similarity, name, dtype, axis=axis)


@export("keras.metrics.BinaryCrossentropy")
class BinaryCrossentropy(MeanMetricWrapper):
    """The mean cross-entropy of labels 0 and 1.

    Shapes: y_true and y_pred of one shape (batch, ...). `from_logits`, `label_smoothing` as in the loss of this name.
    """

    def __init__(self, name="binary_crossentropy", dtype=None, from_logits=False, label_smoothing=0):
        super().__init__(functions.binary_crossentropy, name, dtype, from_logits=from_logits,
                         label_smoothing=label_smoothing)


@export("keras.metrics.CategoricalCrossentropy")
class CategoricalCrossentropy(MeanMetricWrapper):
    """The mean cross-entropy of one-hot labels.

    Shapes: y_true and y_pred (batch, ..., classes).

    `from_logits`, `label_smoothing`, `axis` as in the loss of this name.
    """

    def __init__(self, name="categorical_crossentropy", dtype=None, from_logits=False, label_smoothing=0, axis=-1):
        super().__init__(functions.categorical_crossentropy, name, dtype, from_logits=from_logits,
                         label_smoothing=label_smoothing, axis=axis)


@export("keras.metrics.SparseCategoricalCrossentropy")
class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """The mean cross-entropy of class numbers.

    Shapes: y_true (batch, ...) or (batch, ..., 1), y_pred (batch, ..., classes).

    `from_logits`, `ignore_class`, `axis` as in the loss of this name.
    """

    def __init__(self, name="sparse_categorical_crossentropy", dtype=None, from_logits=False, ignore_class=None,
                 axis=-1):
        super().__init__(functions.sparse_categorical_crossentropy, name, dtype, from_logits=from_logits,
                         ignore_class=ignore_class, axis=axis)


@export("keras.metrics.pearson_correlation")
def pearson_correlation(y_true, y_pred, axis=-1):
    """Pearson's correlation of labels and predictions along `axis`.

    Shapes: y_true and y_pred of one shape; gives theirs without `axis`, from -1 to 1.
    """
    y_true, y_pred = same_rank(ops.cast(y_true, "float32"), ops.cast(y_pred, "float32"))
    one, other = (y - ops.mean(y, axis=axis, keepdims=True) for y in (y_true, y_pred))
    one, other = (y / ops.std(y, axis=axis, keepdims=True) for y in (one, other))
    return ops.mean(one * other, axis=axis)


@export("keras.metrics.concordance_correlation")
def concordance_correlation(y_true, y_pred, axis=-1):
    """How near labels and predictions are to being equal, along `axis`, as Keras computes it.

    Shapes: y_true and y_pred of one shape; gives theirs without `axis`, from -1 to 1. Source: Lin (1989).
    """
    y_true, y_pred = same_rank(ops.cast(y_true, "float32"), ops.cast(y_pred, "float32"))
    mean_true, mean_pred = ops.mean(y_true, axis=axis, keepdims=True), ops.mean(y_pred, axis=axis, keepdims=True)
    spread = ops.var(y_true, axis=axis, keepdims=True) + ops.var(y_pred, axis=axis, keepdims=True)
    together = (y_true - mean_pred) * (y_pred - mean_pred)
    return ops.mean(2.0 * together / (spread + ops.square(mean_true - mean_pred) + functions.EPSILON), axis=axis)


@export("keras.metrics.PearsonCorrelation")
class PearsonCorrelation(MeanMetricWrapper):
    """The mean of Pearson's correlation over the samples.

    Shapes: y_true and y_pred of one shape (batch, ..., n). `axis`: along which numbers are compared. From -1 to 1.
    """

    def __init__(self, name="pearson_correlation", dtype=None, axis=-1):
        super().__init__(pearson_correlation, name, dtype, axis=axis)


@export("keras.metrics.ConcordanceCorrelation")
class ConcordanceCorrelation(MeanMetricWrapper):
    """The mean of the concordance correlation over the samples.

    Shapes: y_true and y_pred of one shape (batch, ..., n). `axis`: along which numbers are compared. From -1 to 1.
    """

    def __init__(self, name="concordance_correlation", dtype=None, axis=-1):
        super().__init__(concordance_correlation, name, dtype, axis=axis)
