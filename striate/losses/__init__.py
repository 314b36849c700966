"""Losses, by Keras' names: functions in snake case, objects in camel case."""

from __future__ import annotations

from typing import Any

from striate.losses.base import Loss, LossFunctionWrapper
from striate.losses.classes import (
    CTC,
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    CategoricalHinge,
    Circle,
    CosineSimilarity,
    Dice,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
    Tversky,
)
from striate.losses.functions import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    categorical_hinge,
    circle,
    cosine_similarity,
    ctc,
    dice,
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
    tversky,
)
from striate.outside import missing
from striate.serialization import deserialize_keras_object, public_name, resolve, serialize_keras_object

mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
bce = BCE = binary_crossentropy
kld = KLD = kullback_leibler_divergence = kl_divergence
logcosh = log_cosh


def serialize(loss: Any) -> Any:
    """The name of a loss function of striate's own, else a description.

    Gives a string or {"module", "class_name", "config", ...}.
    """
    public = public_name(loss)
    if public is not None and not isinstance(loss, type):
        return public.rpartition(".")[2]
    return serialize_keras_object(loss)


def deserialize(config: Any, custom_objects: dict | None = None):
    """The loss of a name or a description.

    Raises `ArgumentError` for an unknown name. `config`: a name or what `serialize` gave; `custom_objects`: {name:
    class or function} of your own.
    """
    if isinstance(config, dict):
        return deserialize_keras_object(config, custom_objects, module="keras.losses")
    return get(config)


def get(identifier: Any):
    """The loss for None, a name in any case ("mse", "MSE"), a class, a configuration, a function or a loss.

    `identifier`: one of these. Raises `ArgumentError` for an unknown name, `TypeMismatchError` for anything else.

    Example:
        >>> get("MSE").__name__
        'mean_squared_error'
    """
    return None if identifier is None else resolve(identifier, "keras.losses", "loss")


__all__ = [
    "BCE", "CTC", "KLD", "MAE", "MAPE", "MSE", "MSLE", "BinaryCrossentropy", "BinaryFocalCrossentropy",
    "CategoricalCrossentropy", "CategoricalFocalCrossentropy", "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge", "Circle", "CosineSimilarity", "Dice", "Hinge", "Huber", "KLDivergence", "LogCosh", "Loss",
    "LossFunctionWrapper", "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredError",
    "MeanSquaredLogarithmicError", "Poisson", "SparseCategoricalCrossentropy", "SquaredHinge", "Tversky", "bce",
    "binary_crossentropy", "binary_focal_crossentropy", "categorical_crossentropy", "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy", "categorical_hinge", "circle", "cosine_similarity", "ctc", "deserialize",
    "dice",
    "get", "hinge", "huber", "kl_divergence", "kld", "kullback_leibler_divergence", "log_cosh", "logcosh", "mae",
    "mape", "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_error",
    "mean_squared_logarithmic_error", "mse", "msle", "poisson", "serialize", "sparse_categorical_crossentropy",
    "squared_hinge", "tversky",
]


def __getattr__(name: str):
    raise missing("keras.losses", name)
