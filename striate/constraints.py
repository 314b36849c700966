"""Projections applied to weights after each step of the optimiser."""

from __future__ import annotations

from typing import Any

from striate.serialization import Configurable, deserialize_keras_object, export, resolve
from striate.serialization import serialize_keras_object as serialize

_EPSILON = 1e-7


def _norm(w, axis):
    from striate import ops

    return ops.sqrt(ops.sum(ops.square(w), axis=axis, keepdims=True))


@export("keras.constraints.Constraint")
class Constraint(Configurable):
    """Base: `constraint(w)` gives the projected weights.

    Shapes: w any; gives the same.
    """

    def __call__(self, w):
        return w


@export("keras.constraints.MaxNorm", "keras.constraints.max_norm")
class MaxNorm(Constraint):
    """Vectors along `axis` longer than `max_value` are shortened to it.

    Shapes: w any; gives the same. `axis`: one or several, over which squares are summed. Source: Srivastava and others
    (2014).

    Example:
        >>> MaxNorm(3).get_config()
        {'max_value': 3, 'axis': 0}
    """

    def __init__(self, max_value=2, axis=0):
        self.max_value, self.axis = max_value, axis

    def __call__(self, w):
        from striate import ops

        norm = _norm(w, self.axis)
        return w * (ops.clip(norm, 0.0, self.max_value) / (norm + _EPSILON))


@export("keras.constraints.NonNeg", "keras.constraints.non_neg")
class NonNeg(Constraint):
    """Negative weights become zero.

    Shapes: w any; gives the same.
    """

    def __call__(self, w):
        from striate import ops

        return ops.maximum(w, 0.0)


@export("keras.constraints.UnitNorm", "keras.constraints.unit_norm")
class UnitNorm(Constraint):
    """Vectors along `axis` get length one.

    Shapes: w any; gives the same. `axis`: one or several, over which squares are summed.
    """

    def __init__(self, axis=0):
        self.axis = axis

    def __call__(self, w):
        return w / (_norm(w, self.axis) + _EPSILON)


@export("keras.constraints.MinMaxNorm", "keras.constraints.min_max_norm")
class MinMaxNorm(Constraint):
    """Lengths of vectors along `axis` are moved towards [min_value, max_value], by the share `rate` of the way.

    Shapes: w any; gives the same. `axis`: one or several, over which squares are summed.
    """

    def __init__(self, min_value=0.0, max_value=1.0, rate=1.0, axis=0):
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w):
        from striate import ops

        norm = _norm(w, self.axis)
        wanted = self.rate * ops.clip(norm, self.min_value, self.max_value) + (1 - self.rate) * norm
        return w * (wanted / (norm + _EPSILON))


def deserialize(config: dict | str, custom_objects: dict | None = None):
    """The constraint of a configuration, or of a name.

    `config`: a name or what `serialize` gave; `custom_objects`: {name: class} of your own. Raises `ArgumentError` for
    an unknown name.
    """
    if isinstance(config, str):
        return get(config)
    return deserialize_keras_object(config, custom_objects, module="keras.constraints")


def get(identifier: Any):
    """The constraint for None, a name ("max_norm"), a class, a configuration, a function or a constraint.

    `identifier`: one of these. Raises `ArgumentError` for an unknown name.
    """
    return None if identifier is None else resolve(identifier, "keras.constraints", "constraint")


max_norm, non_neg, unit_norm, min_max_norm = MaxNorm, NonNeg, UnitNorm, MinMaxNorm

__all__ = ["Constraint", "MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm", "deserialize", "get", "max_norm",
           "min_max_norm", "non_neg", "serialize", "unit_norm"]
