"""Metrics, by Keras' names."""

from __future__ import annotations

from typing import Any

from striate.losses.functions import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from striate.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from striate.metrics.base import Mean, MeanMetricWrapper, Metric, Sum
from striate.metrics.confusion import (
    AUC,
    FalseNegatives,
    FalsePositives,
    Precision,
    PrecisionAtRecall,
    Recall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
    TrueNegatives,
    TruePositives,
)
from striate.metrics.means import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    ConcordanceCorrelation,
    CosineSimilarity,
    Hinge,
    KLDivergence,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    PearsonCorrelation,
    Poisson,
    RootMeanSquaredError,
    SparseCategoricalCrossentropy,
    SquaredHinge,
    concordance_correlation,
    pearson_correlation,
)
from striate.metrics.scores import (
    BinaryIoU,
    F1Score,
    FBetaScore,
    IoU,
    MeanIoU,
    OneHotIoU,
    OneHotMeanIoU,
    R2Score,
)
from striate.naming import to_snake_case
from striate.serialization import deserialize_keras_object, resolve
from striate.serialization import serialize_keras_object as serialize

_NAMED = (Accuracy, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy, SparseTopKCategoricalAccuracy,
          TopKCategoricalAccuracy, BinaryCrossentropy, CategoricalCrossentropy, CategoricalHinge,
          ConcordanceCorrelation, Hinge, KLDivergence, MeanAbsoluteError, MeanAbsolutePercentageError,
          MeanSquaredError, MeanSquaredLogarithmicError, PearsonCorrelation, Poisson, SparseCategoricalCrossentropy,
          SquaredHinge)
"""Metrics whose names in snake case are also those of functions: `get` gives the metric, as Keras does."""
_ALIASES = {"logcosh": LogCoshError, "acc": Accuracy, "rmse": RootMeanSquaredError,
            "mse": MeanSquaredError, "mae": MeanAbsoluteError, "mape": MeanAbsolutePercentageError,
            "msle": MeanSquaredLogarithmicError, "bce": BinaryCrossentropy, "kld": KLDivergence,
            **{to_snake_case(kind.__name__): kind for kind in _NAMED}}
_ALIASES |= {name.upper(): kind for name, kind in _ALIASES.items() if len(name) <= 4}


def deserialize(config: dict | str, custom_objects: dict | None = None):
    """The metric of a configuration, or of a name.

    `config`: a name or what `serialize` gave; `custom_objects`: {name: class or function} of your own. Raises
    `ArgumentError` for an unknown name.
    """
    if isinstance(config, str):
        return get(config)
    return deserialize_keras_object(config, custom_objects, module="keras.metrics")


def get(identifier: Any):
    """The metric for None, a name in any case, a class, a configuration, a function or a metric.

    `identifier`: one of these. Raises `ArgumentError` for an unknown name.

    Example:
        >>> get("auc").num_thresholds
        200
    """
    return None if identifier is None else resolve(identifier, "keras.metrics", "metric", _ALIASES)


__all__ = [
    "AUC", "Accuracy", "BinaryAccuracy", "BinaryCrossentropy", "BinaryIoU", "CategoricalAccuracy",
    "CategoricalCrossentropy", "CategoricalHinge", "ConcordanceCorrelation", "CosineSimilarity", "F1Score",
    "FBetaScore", "FalseNegatives", "FalsePositives", "Hinge", "IoU", "KLDivergence", "LogCoshError", "Mean",
    "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanIoU", "MeanMetricWrapper", "MeanSquaredError",
    "MeanSquaredLogarithmicError", "Metric", "OneHotIoU", "OneHotMeanIoU", "PearsonCorrelation", "Poisson",
    "Precision", "PrecisionAtRecall", "R2Score", "Recall", "RecallAtPrecision", "RootMeanSquaredError",
    "SensitivityAtSpecificity", "SparseCategoricalAccuracy", "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy", "SpecificityAtSensitivity", "SquaredHinge", "Sum", "TopKCategoricalAccuracy",
    "TrueNegatives", "TruePositives", "binary_accuracy", "binary_crossentropy", "binary_focal_crossentropy",
    "categorical_accuracy", "categorical_crossentropy", "categorical_focal_crossentropy", "categorical_hinge",
    "concordance_correlation", "deserialize", "get", "hinge", "huber", "kl_divergence", "log_cosh",
    "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_error", "mean_squared_logarithmic_error",
    "pearson_correlation", "poisson", "serialize", "sparse_categorical_accuracy", "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy", "squared_hinge", "top_k_categorical_accuracy",
]
