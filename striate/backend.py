"""`keras.backend`: settings, the session, and the old functions of course code (`from keras import backend as K`).

New code uses `striate.config` and `striate.ops`; the names here lead to the same functions.
"""

from __future__ import annotations

from striate.config import (
    backend, epsilon, floatx, image_data_format, set_epsilon, set_floatx, set_image_data_format,
)
from striate.naming import clear_session, get_uid
from striate.ops import (
    abs, all, any, arange, argmax, argmin, cast, clip, concatenate, cos, dot, equal, exp, expand_dims, eye, greater,
    greater_equal, less, less_equal, log, logsumexp, max, maximum, mean, min, minimum, not_equal, one_hot, ones,
    ones_like, prod, relu, repeat, reshape, round, shape, sigmoid, sign, sin, softmax, softplus, softsign, sqrt,
    square, squeeze, stack, std, stop_gradient, sum, tanh, tile, transpose, var, where, zeros, zeros_like,
)
from striate.ops import power as pow
from striate.ops import take as gather

__all__ = [
    "abs", "all", "any", "arange", "argmax", "argmin", "backend", "batch_flatten", "cast", "clear_session", "clip",
    "concatenate", "cos", "dot", "epsilon", "equal", "exp", "expand_dims", "eye", "flatten", "floatx", "gather",
    "get_uid", "get_value", "greater", "greater_equal", "image_data_format", "int_shape", "less", "less_equal", "log",
    "logsumexp", "max", "maximum", "mean", "min", "minimum", "ndim", "not_equal", "one_hot", "ones", "ones_like",
    "permute_dimensions", "pow", "prod", "relu", "repeat", "reshape", "round", "set_epsilon", "set_floatx",
    "set_image_data_format", "set_value", "shape", "sigmoid", "sign", "sin", "softmax", "softplus", "softsign", "sqrt",
    "square", "squeeze", "stack", "std", "stop_gradient", "sum", "tanh", "tile", "transpose", "var", "where", "zeros",
    "zeros_like",
]


def permute_dimensions(x, pattern):
    """The axes of `x` in the order of `pattern`: `transpose` under its old name."""
    return transpose(x, axes=tuple(pattern))


def flatten(x):
    """All elements in one axis."""
    return reshape(x, (-1,))


def batch_flatten(x):
    """All axes but the first made one: shape (batch, rest)."""
    return reshape(x, (x.shape[0], -1))


def int_shape(x) -> tuple:
    """The shape as a tuple; unknown lengths are None."""
    return tuple(x.shape)


def ndim(x) -> int:
    """How many axes a tensor has."""
    return len(x.shape)


def get_value(variable):
    """The value of a variable as a NumPy array, for example `get_value(model.optimizer.learning_rate)`."""
    return variable.numpy() if hasattr(variable, "numpy") else variable


def set_value(variable, value) -> None:
    """Gives a variable another value."""
    variable.assign(value)
