"""`keras.backend`: settings, the session, and the old functions of course code (`from keras import backend as K`).

New code uses `striate.config` and `striate.ops`; the names here lead to the same functions.
"""

from __future__ import annotations

import contextlib

import numpy as np

from striate.config import (
    backend, epsilon, floatx, image_data_format, set_epsilon, set_floatx, set_image_data_format,
)
from striate.errors import ArgumentError, received
from striate.layers.symbolic import KerasTensor
from striate.naming import clear_session, get_uid
from striate.ops import (
    abs, all, any, arange, argmax, argmin, cast, clip, cos, dot, equal, exp, expand_dims, eye, greater,
    greater_equal, less, less_equal, log, logsumexp, max, maximum, mean, min, minimum, not_equal, one_hot, ones,
    ones_like, prod, relu, repeat, reshape, round, shape, sigmoid, sign, sin, softmax, softplus, softsign, sqrt,
    square, squeeze, stack, std, stop_gradient, sum, tanh, tile, transpose, var, where, zeros, zeros_like,
)
from striate.ops import concatenate as _concatenate
from striate.ops import power as pow
from striate.ops import take as gather
from striate.ops.broadcast import promoted as _promoted

__all__ = [
    "abs", "all", "any", "arange", "argmax", "argmin", "backend", "batch_flatten", "cast", "clear_session", "clip",
    "concatenate", "cos", "device", "dot", "epsilon", "equal", "exp", "expand_dims", "eye", "flatten", "floatx",
    "gather", "get_uid", "get_value", "greater", "greater_equal", "image_data_format", "int_shape",
    "is_float_dtype", "is_int_dtype", "is_keras_tensor", "less", "less_equal", "log", "logsumexp", "max", "maximum",
    "mean", "min", "minimum", "name_scope", "ndim", "not_equal", "one_hot", "ones", "ones_like",
    "permute_dimensions", "pow", "prod", "relu", "repeat", "reshape", "result_type", "round", "set_epsilon",
    "set_floatx", "set_image_data_format", "set_value", "shape", "sigmoid", "sign", "sin", "softmax", "softplus",
    "softsign", "sqrt", "square", "squeeze", "stack", "standardize_dtype", "std", "stop_gradient", "sum", "tanh",
    "tile", "transpose", "var", "where", "zeros", "zeros_like",
]


def name_scope(name, caller=None, deduplicate=True, override_parent=None):
    """A context that changes nothing: layers and weights have names of their own.

    Example:
        >>> with name_scope("block"):
        ...     pass
    """
    return contextlib.nullcontext(name)


def device(device_name):
    """A context that changes nothing: everything is computed on the CPU.

    Raises:
        ArgumentError: another kind of device.

    Example:
        >>> with device("cpu:0"):
        ...     pass
    """
    if not str(device_name).lower().lstrip("/").removeprefix("device:").startswith("cpu"):
        raise ArgumentError("striate computes on the CPU alone. " + received(device_name=device_name))
    return contextlib.nullcontext(device_name)


def concatenate(tensors, axis=-1):
    """Tensors one after the other along `axis`, in old code the last one by default."""
    return _concatenate(tensors, axis=axis)


def standardize_dtype(dtype) -> str:
    """The name of a type of numbers; float32 when None. Raises `ArgumentError` for what is no such type."""
    if dtype is None:
        return floatx()
    name = getattr(dtype, "__name__", None) or str(dtype)
    name = {"int": "int32", "float": floatx(), "bfloat16": "bfloat16"}.get(name.rpartition(".")[2], name)
    try:
        return name if name in ("bfloat16", "string") else np.dtype(name.rpartition(".")[2]).name
    except TypeError:
        raise ArgumentError("`dtype` must name a type of numbers. " + received(dtype=dtype)) from None


def is_float_dtype(dtype) -> bool:
    """Whether a type holds real numbers."""
    return "float" in standardize_dtype(dtype)


def is_int_dtype(dtype) -> bool:
    """Whether a type holds integers."""
    return "int" in standardize_dtype(dtype)


def is_keras_tensor(x) -> bool:
    """Whether x is a place holder inside a functional model."""
    return isinstance(x, KerasTensor)


def result_type(*dtypes) -> str:
    """The type of a result that mixes numbers of these types; float32 when there is none.

    Python's `int` and `float` stand for plain numbers, which take the type of what they are mixed with.

    Example:
        >>> result_type("int32", "float32")
        'float32'
    """
    weak = [dtype for dtype in dtypes if dtype is int or dtype is float]
    named = [standardize_dtype(dtype) for dtype in dtypes if dtype is not int and dtype is not float]
    if not named:
        return floatx() if float in weak or not weak else "int32"
    others = [name for name in named if name != "bfloat16"]
    if len(others) == len(named):
        found = _promoted(*others)
    else:  # NumPy does not know bfloat16
        floats = [name for name in others if "float" in name]
        found = _promoted("float32", *floats) if floats else "bfloat16"
    if float in weak and "float" not in found:
        return floatx()
    return "int32" if weak and found == "bool" else found


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
