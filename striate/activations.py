"""Activation functions, by Keras' names and with Keras' defaults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from striate import ops
from striate.adaptations import note
from striate.serialization import deserialize_keras_object, export, public_name, resolve, serialize_keras_object


def _activation(function: Callable) -> Callable:
    return export(f"keras.activations.{function.__name__}")(function)


@_activation
def linear(x):
    """x itself.

    Shapes: x any; gives the same.
    """
    return x


@_activation
def relu(x, negative_slope=0.0, max_value=None, threshold=0.0):
    """max(x, 0); or x above `threshold`, at most `max_value`, and `negative_slope * (x - threshold)` below.

    Shapes: x any; gives the same. At the places where it bends its slope is Keras': 0 at 0, 0 at a `max_value` of 6 and
    1 at another one.

    Example:
        >>> relu([-1.0, 2.0]).tolist()
        [0.0, 2.0]
    """
    if negative_slope and threshold == 0.0 and max_value is None:
        return ops.leaky_relu(x, negative_slope)
    if threshold:
        y = ops.where(ops.greater(x, threshold), x, 0.0)
    elif max_value == 6:
        y = ops.relu6(x)
    else:
        y = ops.relu(x)
    if max_value is not None and (threshold or max_value != 6):
        y = ops.clip(y, 0.0, float(max_value))
    return y - negative_slope * ops.relu(threshold - x) if negative_slope else y


@_activation
def leaky_relu(x, negative_slope=0.2):
    """x where it is positive, `negative_slope * x` elsewhere.

    Shapes: x any; gives the same.
    """
    return ops.leaky_relu(x, negative_slope)


@_activation
def relu6(x):
    """min(max(x, 0), 6).

    Shapes: x any; gives the same.
    """
    return ops.relu6(x)


@_activation
def elu(x, alpha=1.0):
    """x where it is positive, `alpha * (exp(x) - 1)` elsewhere.

    Shapes: x any; gives the same.

    Source: Clevert and others (2016), arXiv:1511.07289.
    """
    return ops.elu(x, alpha)


@_activation
def selu(x):
    """The self-normalising scaled ELU.

    Shapes: x any; gives the same.

    Source: Klambauer and others (2017), arXiv:1706.02515.
    """
    return ops.selu(x)


@_activation
def celu(x, alpha=1.0):
    """max(x, 0) + min(0, alpha * (exp(x / alpha) - 1)).

    Shapes: x any; gives the same.

    Source: Barron (2017), arXiv:1704.07483.
    """
    return ops.celu(x, alpha)


@_activation
def gelu(x, approximate=False):
    """x times the normal distribution function of x.

    Shapes: x any; gives the same.

    `approximate`: by tanh instead of erf. Source: Hendrycks and Gimpel (2016), arXiv:1606.08415.
    """
    return ops.gelu(x, approximate)


@_activation
def silu(x):
    """x * sigmoid(x).

    Shapes: x any; gives the same.
    """
    return ops.silu(x)


@_activation
def softmax(x, axis=-1):
    """exp(x) divided by its sum along `axis`.

    Shapes: x with one axis or more; gives the same. `axis`: that of the classes. Raises `ArgumentError` for an axis
    that x lacks.
    """
    return ops.softmax(x, axis)


@_activation
def log_softmax(x, axis=-1):
    """The logarithm of `softmax`.

    Shapes: x with one axis or more; gives the same. `axis`: that of the classes. Raises `ArgumentError` for an axis
    that x lacks.
    """
    return ops.log_softmax(x, axis)


@_activation
def softplus(x):
    """log(exp(x) + 1).

    Shapes: x any; gives the same.
    """
    return ops.softplus(x)


@_activation
def softsign(x):
    """x / (|x| + 1).

    Shapes: x any; gives the same.
    """
    return ops.softsign(x)


@_activation
def tanh(x):
    """The hyperbolic tangent.

    Shapes: x any; gives the same.
    """
    return ops.tanh(x)


@_activation
def sigmoid(x):
    """1 / (1 + exp(-x)).

    Shapes: x any; gives the same.
    """
    return ops.sigmoid(x)


@_activation
def exponential(x):
    """exp(x).

    Shapes: x any; gives the same.
    """
    return ops.exp(x)


@_activation
def hard_sigmoid(x):
    """relu6(x + 3) / 6.

    Shapes: x any; gives the same.
    """
    return ops.hard_sigmoid(x)


@_activation
def hard_silu(x):
    """x * hard_sigmoid(x).

    Shapes: x any; gives the same.
    """
    return ops.hard_silu(x)


@_activation
def hard_tanh(x):
    """x within [-1, 1].

    Shapes: x any; gives the same.
    """
    return ops.hard_tanh(x)


@_activation
def hard_shrink(x, threshold=0.5):
    """x where |x| > threshold, 0 elsewhere.

    Shapes: x any; gives the same.
    """
    return ops.hard_shrink(x, threshold)


@_activation
def soft_shrink(x, threshold=0.5):
    """x moved towards 0 by `threshold`.

    Shapes: x any; gives the same.
    """
    return ops.soft_shrink(x, threshold)


@_activation
def tanh_shrink(x):
    """x - tanh(x).

    Shapes: x any; gives the same.
    """
    return ops.tanh_shrink(x)


@_activation
def threshold(x, threshold, default_value):
    """x where it is above `threshold`, `default_value` elsewhere.

    Shapes: x any; gives the same.
    """
    return ops.threshold(x, threshold, default_value)


@_activation
def log_sigmoid(x):
    """log(1 / (1 + exp(-x))).

    Shapes: x any; gives the same.
    """
    return ops.log_sigmoid(x)


@_activation
def sparse_plus(x):
    """0 below -1, x above 1, (x + 1)^2 / 4 between.

    Shapes: x any; gives the same.
    """
    return ops.sparse_plus(x)


@_activation
def sparse_sigmoid(x):
    """0 below -1, 1 above 1, (x + 1) / 2 between.

    Shapes: x any; gives the same.
    """
    return ops.sparse_sigmoid(x)


@_activation
def sparsemax(x, axis=-1):
    """The nearest point of the simplex: a softmax with exact zeros.

    Shapes: x with one axis or more; gives the same. `axis`: that of the classes. Raises `ArgumentError` for an axis
    that x lacks.

    Source: Martins and Astudillo (2016), arXiv:1602.02068.
    """
    return ops.sparsemax(x, axis)


@_activation
def squareplus(x, b=4):
    """(x + sqrt(x^2 + b)) / 2.

    Shapes: x any; gives the same.
    """
    return ops.squareplus(x, b)


@_activation
def mish(x):
    """x * tanh(softplus(x)).

    Shapes: x any; gives the same.

    Source: Misra (2019), arXiv:1908.08681.
    """
    return ops.mish(x)


@_activation
def glu(x, axis=-1):
    """The first half along `axis` times the sigmoid of the second.

    Shapes: x of an even length along `axis`; gives half of it there. Raises `ShapeError` for an odd length. Source:
    Dauphin and others (2017), arXiv:1612.08083.
    """
    return ops.glu(x, axis)


swish, hard_swish = silu, hard_silu
_ALIASES = {"swish": silu, "hard_swish": hard_silu}


def serialize(activation: Callable) -> Any:
    """The name of an activation of striate's own, else a description of the user's."""
    public = public_name(activation)
    if public is not None and not isinstance(activation, type):
        return public.rpartition(".")[2]
    return serialize_keras_object(activation)


def deserialize(config: Any, custom_objects: dict | None = None) -> Callable:
    """The activation of a name or a description.

    Raises `ArgumentError` for an unknown name.

    `config`: a name or what `serialize` gave; `custom_objects`: {name: function} of your own.
    """
    if isinstance(config, dict):
        return deserialize_keras_object(config, custom_objects, module="keras.activations")
    return get(config)


def get(identifier: Any) -> Callable:
    """The activation for None (linear), a name in any case, a configuration, a function or a layer.

    Raises `ArgumentError` for an unknown name.

    `identifier`: one of these.

    Example:
        >>> get("ReLU") is relu
        True
    """
    if identifier is None:
        return linear
    found = resolve(identifier, "keras.activations", "activation function", _ALIASES)
    if isinstance(identifier, str) and not identifier.islower():
        note(f"activation {identifier!r} -> {getattr(found, '__name__', identifier)!r}")
    return found
