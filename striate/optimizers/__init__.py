"""Optimisers, by Keras' names."""

from __future__ import annotations

from typing import Any

from striate.optimizers import schedules
from striate.optimizers.adam import Adam, AdamW, Adamax, Lamb, Nadam, ScheduleFreeAdamW
from striate.optimizers.adaptive import Adadelta, Adafactor, Adagrad, Ftrl, Lion, RMSprop
from striate.optimizers.base import Optimizer
from striate.optimizers.lars import LARS
from striate.optimizers.loss_scale import LossScaleOptimizer
from striate.optimizers.muon import Muon
from striate.optimizers.sgd import SGD
from striate.outside import missing
from striate.serialization import deserialize_keras_object, resolve
from striate.serialization import serialize_keras_object as serialize


def deserialize(config: dict | str, custom_objects: dict | None = None):
    """The optimiser of a configuration, or of a name; names in older files are lower-case.

    `config`: a name or what `serialize` gave; `custom_objects`: {name: class} of your own. Raises `ArgumentError` for
    an unknown name.
    """
    if isinstance(config, str):
        return get(config)
    return deserialize_keras_object(config, custom_objects, module="keras.optimizers")


def get(identifier: Any) -> Optimizer:
    """The optimiser for a name in any case, a class, a configuration or an optimiser.

    `identifier`: one of these. Raises `ArgumentError` for an unknown name.

    Example:
        >>> get("SGD").get_config()["momentum"]
        0.0
    """
    return resolve(identifier, "keras.optimizers", "optimizer", {"lars": LARS})


__all__ = ["LARS", "SGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "Lion",
           "LossScaleOptimizer", "Muon", "Nadam", "Optimizer", "RMSprop", "ScheduleFreeAdamW", "deserialize", "get",
           "schedules", "serialize"]


def __getattr__(name: str):
    raise missing("keras.optimizers", name)
