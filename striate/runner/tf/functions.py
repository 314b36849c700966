"""The functions of `tf` and `tf.math` that striate's ops compute, with TensorFlow's argument names."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from striate import ops
from striate.errors import ArgumentError, received
from striate.utils.tensor import as_tensor, is_symbolic

_SAME = (
    "abs", "add", "arctan2", "ceil", "cos", "cumsum", "divide", "equal", "exp", "eye", "floor", "greater",
    "greater_equal", "less", "less_equal", "log", "log1p", "logical_and", "logical_not", "logical_or", "matmul",
    "maximum", "minimum", "multiply", "negative", "not_equal", "ones_like", "round", "rsqrt", "sigmoid", "sign", "sin",
    "softplus", "sqrt", "square", "squared_difference", "subtract", "tan", "tanh", "tensordot", "tile", "where",
    "zeros_like", "expand_dims", "squeeze", "stack", "reshape", "argsort", "custom_gradient", "einsum", "floor_divide",
    "isfinite", "isnan", "logical_xor", "meshgrid", "mod", "reciprocal", "repeat", "sinh", "cosh", "sort",
    "stop_gradient", "tril", "unstack",
)
"""Functions that TensorFlow and Keras call with the same arguments."""
_REDUCTIONS = ("all", "any", "logsumexp", "max", "mean", "min", "prod", "std", "sum")
newaxis = None


def returning_tensors(function):
    """The function with NumPy's results made tensors."""
    @functools.wraps(function)
    def wrapped(*arguments, **keywords):
        return as_tensor(function(*arguments, **keywords))
    return wrapped


def _reduction(name: str):
    compute = getattr(ops, name)

    def reduce(input_tensor, axis=None, keepdims=False, name=None):
        x = input_tensor if is_symbolic(input_tensor) else convert_to_tensor(input_tensor)
        return as_tensor(compute(x, axis=axis, keepdims=keepdims))

    reduce.__name__ = reduce.__qualname__ = f"reduce_{name}"
    reduce.__doc__ = f"The {name} over an axis, several axes or everything."
    return reduce


globals().update({name: returning_tensors(getattr(ops, name)) for name in _SAME})
globals().update({f"reduce_{name}": _reduction(name) for name in _REDUCTIONS})


def convert_to_tensor(value, dtype=None, dtype_hint=None, name=None) -> Any:
    """An array, number or list as a tensor; Python's floats become float32 and its integers int32.

    Example:
        >>> convert_to_tensor([1, 2]).dtype
        dtype('int32')
    """
    if is_symbolic(value):
        return value if dtype is None else ops.cast(value, dtype)
    if hasattr(value, "numpy") and not isinstance(value, np.ndarray):
        value = value.numpy()
    array = np.asarray(value)
    if dtype is None and not isinstance(value, (np.ndarray, np.generic)) and array.dtype in (np.float64, np.int64):
        dtype = "float32" if array.dtype == np.float64 else "int32"
    return as_tensor(array if dtype is None else array.astype(np.dtype(dtype)))


def constant(value, dtype=None, shape=None, name=None) -> Any:
    """A tensor of given numbers; one number fills a whole `shape`."""
    tensor = convert_to_tensor(value, dtype)
    if shape is None:
        return tensor
    return as_tensor(np.full(shape, tensor) if tensor.size == 1 else tensor.reshape(shape))


def cast(x, dtype, name=None) -> Any:
    """The numbers as another type; a float becomes an integer by dropping its fraction."""
    return ops.cast(x, dtype) if is_symbolic(x) else convert_to_tensor(x).astype(np.dtype(dtype))


@returning_tensors
def argmax(input, axis=0, output_type="int64", name=None) -> Any:  # noqa: A002
    """Where the largest numbers along an axis are (axis 0 unless given, as in TensorFlow)."""
    return cast(ops.argmax(input, axis=axis), output_type)


@returning_tensors
def argmin(input, axis=0, output_type="int64", name=None) -> Any:  # noqa: A002
    """Where the smallest numbers along an axis are."""
    return cast(ops.argmin(input, axis=axis), output_type)


@returning_tensors
def one_hot(indices, depth, on_value=1.0, off_value=0.0, axis=-1, dtype="float32", name=None) -> Any:
    """Rows of zeros with a one at the index."""
    rows = ops.one_hot(indices, depth, axis=axis)
    return cast(rows * (on_value - off_value) + off_value, dtype)


@returning_tensors
def transpose(a, perm=None, name=None) -> Any:
    """The axes in another order; reversed unless given."""
    return ops.transpose(a, axes=perm)


@returning_tensors
def concat(values, axis, name=None) -> Any:
    """Tensors one behind the other along an axis."""
    return ops.concatenate(list(values), axis=axis)


@returning_tensors
def gather(params, indices, axis=0, name=None) -> Any:
    """The entries at some indices along an axis."""
    return ops.take(params, indices, axis=axis)


@returning_tensors
def clip_by_value(t, clip_value_min, clip_value_max, name=None) -> Any:
    """Numbers below the smallest or above the largest allowed one are set to it."""
    return ops.clip(t, clip_value_min, clip_value_max)


@returning_tensors
def add_n(inputs, name=None) -> Any:
    """The sum of a list of tensors of one shape."""
    total = inputs[0]
    for part in inputs[1:]:
        total = ops.add(total, part)
    return total


@returning_tensors
def identity(input, name=None) -> Any:  # noqa: A002
    """The same tensor."""
    return input if is_symbolic(input) else convert_to_tensor(input)


@returning_tensors
def norm(tensor, ord="euclidean", axis=None, keepdims=False, name=None) -> Any:  # noqa: A002
    """The length of vectors along an axis, or of everything."""
    if ord in ("euclidean", 2):
        return ops.sqrt(ops.sum(ops.square(tensor), axis=axis, keepdims=keepdims))
    return ops.norm(tensor, ord=ord, axis=axis, keepdims=keepdims)


@returning_tensors
def pad(tensor, paddings, mode="CONSTANT", constant_values=0, name=None) -> Any:
    """The tensor with margins: pairs of widths, one for each axis."""
    pairs = tuple((int(before), int(after)) for before, after in paddings)
    values = {"constant_values": constant_values} if mode.lower() == "constant" else {}
    return ops.pad(tensor, pairs, mode=mode.lower(), **values)


@returning_tensors
def pow(x, y, name=None) -> Any:  # noqa: A001
    """x to the power of y."""
    return ops.power(x, y)


@returning_tensors
def split(value, num_or_size_splits, axis=0, num=None, name=None) -> Any:
    """The tensor cut along an axis into so many equal parts, or into parts of these lengths (one may be -1)."""
    if isinstance(num_or_size_splits, (int, np.integer)):
        return ops.split(value, int(num_or_size_splits), axis=axis)
    lengths = [int(length) for length in num_or_size_splits]
    rest = value.shape[axis] - sum(length for length in lengths if length >= 0)
    ends = np.cumsum([rest if length < 0 else length for length in lengths])
    return ops.split(value, [int(end) for end in ends[:-1]], axis=axis)


def zeros(shape, dtype="float32", name=None) -> Any:
    """A tensor of zeros."""
    return as_tensor(np.zeros(shape, np.dtype(dtype)))


def ones(shape, dtype="float32", name=None) -> Any:
    """A tensor of ones."""
    return as_tensor(np.ones(shape, np.dtype(dtype)))


def fill(dims, value, name=None) -> Any:
    """A tensor of one number."""
    return constant(value, shape=tuple(dims))


def range(start, limit=None, delta=1, dtype=None, name=None) -> Any:  # noqa: A001
    """The numbers from `start` up to `limit`, without it; from 0 when there is one argument."""
    first, last = (0, start) if limit is None else (start, limit)
    return convert_to_tensor(np.arange(first, last, delta).tolist(), dtype)


def linspace(start, stop, num, name=None) -> Any:
    """`num` numbers evenly spaced from `start` to `stop`, both included."""
    return convert_to_tensor(np.linspace(start, stop, num).tolist())


def shape(input, out_type="int32", name=None) -> Any:  # noqa: A002
    """The lengths of the axes as a tensor; inside a model a tuple."""
    return tuple(input.shape) if is_symbolic(input) else convert_to_tensor(np.shape(input), out_type)


def size(input, name=None) -> Any:  # noqa: A002
    """How many numbers there are."""
    return convert_to_tensor(int(np.size(input)))


def rank(input, name=None) -> Any:  # noqa: A002
    """How many axes there are."""
    return convert_to_tensor(len(np.shape(input)))


def numpy_function(func=None, inp=None, Tout=None, stateful=True, name=None) -> Any:
    """func of arrays, its results as tensors of the types `Tout`; for pipelines, not inside models."""
    if any(is_symbolic(item) for item in inp):
        raise ArgumentError("Python functions of arrays work in pipelines of data, not inside a model, whose numbers "
                            "are not known while it is traced. " + received(function=func))
    results = func(*[np.array(item) for item in inp])
    if isinstance(Tout, (list, tuple)):
        given = results if isinstance(results, (list, tuple)) else [results]
        return [convert_to_tensor(item, kind) for item, kind in zip(given, Tout, strict=True)]
    return convert_to_tensor(results, Tout)


def py_function(func=None, inp=None, Tout=None, name=None) -> Any:
    """`numpy_function` whose function gets tensors."""
    return numpy_function(lambda *arrays: func(*as_tensor(list(arrays))), inp, Tout)


def is_tensor(x) -> bool:
    """Whether x is a tensor of `tf`, or a value inside a model."""
    return isinstance(x, as_tensor(np.zeros(0)).__class__) or is_symbolic(x)


__all__ = [
    *_SAME, *(f"reduce_{name}" for name in _REDUCTIONS), "add_n", "argmax", "argmin", "cast", "clip_by_value",
    "concat", "constant", "convert_to_tensor", "fill", "gather", "identity", "is_tensor", "linspace", "newaxis", "norm",
    "numpy_function", "py_function",
    "one_hot", "ones", "pad", "pow", "range", "rank", "shape", "size", "split", "transpose", "zeros",
]
