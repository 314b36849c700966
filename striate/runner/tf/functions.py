"""The functions of `tf` and `tf.math` that striate's ops compute, with TensorFlow's argument names."""

from __future__ import annotations

import builtins
import functools
import sys
from typing import Any

import numpy as np

from striate import ops
from striate.errors import ArgumentError, received
from striate.utils.tensor import as_tensor, is_symbolic

_SAME = (
    "add", "arctan2", "ceil", "cos", "divide", "equal", "exp", "eye", "floor", "greater",
    "greater_equal", "less", "less_equal", "log", "log1p", "logical_and", "logical_not", "logical_or", "matmul",
    "maximum", "minimum", "multiply", "negative", "not_equal", "ones_like", "round", "rsqrt", "sigmoid", "sign", "sin",
    "softplus", "sqrt", "square", "squared_difference", "subtract", "tan", "tanh", "tensordot", "tile", "where",
    "zeros_like", "expand_dims", "squeeze", "stack", "reshape", "custom_gradient", "einsum", "floor_divide",
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


def named(function):
    """The function with TensorFlow's further argument `name`, which changes nothing."""
    @functools.wraps(function)
    def wrapped(*arguments, name=None, **keywords):
        return as_tensor(function(*arguments, **keywords))
    return wrapped


globals().update({name: named(getattr(ops, name)) for name in _SAME})
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
def abs(x, name=None) -> Any:  # noqa: A001
    """The numbers without their signs; of complex numbers, as spectra have them, their lengths."""
    return np.abs(x) if isinstance(x, np.ndarray) and x.dtype.kind == "c" else ops.abs(x)


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


@returning_tensors
def cumsum(x, axis=0, exclusive=False, reverse=False, name=None) -> Any:
    """The sums up to each place of an axis (axis 0 unless given), without the place itself if `exclusive`."""
    turned = ops.flip(x, axis=axis) if reverse else x
    sums = ops.cumsum(turned, axis=axis)
    sums = ops.subtract(sums, turned) if exclusive else sums
    return ops.flip(sums, axis=axis) if reverse else sums


@returning_tensors
def sort(values, axis=-1, direction="ASCENDING", name=None) -> Any:
    """The numbers in their order, or from the largest on with direction="DESCENDING"."""
    ordered = ops.sort(values, axis=axis)
    return ops.flip(ordered, axis=axis) if direction == "DESCENDING" else ordered


@returning_tensors
def argsort(values, axis=-1, direction="ASCENDING", stable=False, name=None) -> Any:
    """Where the numbers of the sorted tensor come from; of equal ones the first is first."""
    return ops.argsort(ops.negative(values) if direction == "DESCENDING" else values, axis=axis)


@returning_tensors
def reverse(tensor, axis, name=None) -> Any:
    """The tensor turned round along some axes."""
    return ops.flip(tensor, axis=tuple(axis))


@returning_tensors
def roll(input, shift, axis, name=None) -> Any:  # noqa: A002
    """The entries moved on along an axis; those at the end come first."""
    return ops.roll(input, shift, axis=axis)


@returning_tensors
def broadcast_to(input, shape, name=None) -> Any:  # noqa: A002
    """The tensor repeated along axes of length 1 until it has the shape."""
    return ops.broadcast_to(input, tuple(int(length) for length in shape))


@returning_tensors
def boolean_mask(tensor, mask, axis=None, name=None) -> Any:
    """The entries where the mask is True; not inside a model, whose shapes must be known."""
    if is_symbolic(tensor) or is_symbolic(mask):
        raise ArgumentError("boolean_mask gives a tensor of a length that depends on numbers, which a model cannot "
                            "have. Write tf.where(mask, tensor, 0). " + received(tensor=tensor))
    return np.asarray(tensor)[(slice(None),) * (axis or 0) + (np.asarray(mask, "bool"),)]


@returning_tensors
def gather_nd(params, indices, batch_dims=0, name=None) -> Any:
    """The entries, or parts, at places that the last axis of `indices` names."""
    places = convert_to_tensor(indices)
    if batch_dims or is_symbolic(params) or is_symbolic(indices):
        raise ArgumentError("gather_nd works on arrays, without `batch_dims`. " + received(batch_dims=batch_dims))
    return np.asarray(params)[tuple(np.moveaxis(np.asarray(places), -1, 0))]


@returning_tensors
def clip_by_norm(t, clip_norm, axes=None, name=None) -> Any:
    """The tensor, made shorter if it is longer than `clip_norm`."""
    length = ops.sqrt(ops.sum(ops.square(t), axis=axes, keepdims=True))
    return ops.multiply(t, clip_norm / ops.maximum(length, clip_norm))


@returning_tensors
def clip_by_global_norm(t_list, clip_norm, use_norm=None, name=None) -> Any:
    """(tensors that together are no longer than `clip_norm`, the length they had); None among them stays."""
    length = global_norm(t_list) if use_norm is None else use_norm
    factor = clip_norm / ops.maximum(length, clip_norm)
    return [None if t is None else ops.multiply(t, factor) for t in t_list], length


@returning_tensors
def global_norm(t_list, name=None) -> Any:
    """The length of all tensors together."""
    return ops.sqrt(add_n([ops.sum(ops.square(t)) for t in t_list if t is not None]))


def map_fn(fn, elems, name=None) -> Any:
    """What the function gives for each entry of the first axis, stacked."""
    return as_tensor(ops.map(fn, elems))


def cond(pred, true_fn=None, false_fn=None, name=None) -> Any:
    """What the one or the other function gives; inside a model both are computed."""
    return as_tensor(ops.cond(pred, true_fn, false_fn))


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


def print(*inputs, output_stream=None, summarize=3, sep=" ", end="\n", name=None) -> None:  # noqa: A001
    """The inputs on the stream (standard error unless given), tensors as their numbers alone."""
    if isinstance(output_stream, str):
        raise ArgumentError("tf.print writes to a stream such as sys.stdout. " + received(output_stream=output_stream))
    shown = [np.asarray(item) if isinstance(item, np.ndarray) else item for item in inputs]
    builtins.print(*shown, sep=sep, end=end, file=output_stream or sys.stderr)


def is_tensor(x) -> bool:
    """Whether x is a tensor of `tf`, or a value inside a model."""
    return isinstance(x, as_tensor(np.zeros(0)).__class__) or is_symbolic(x)


__all__ = [
    *_SAME, *(f"reduce_{name}" for name in _REDUCTIONS), "abs", "add_n", "argmax", "argmin", "argsort", "boolean_mask",
    "broadcast_to", "cast", "clip_by_global_norm", "clip_by_norm", "clip_by_value", "concat", "cond", "constant",
    "convert_to_tensor", "cumsum", "fill", "gather", "gather_nd", "identity", "is_tensor", "linspace", "map_fn",
    "newaxis", "norm", "numpy_function", "one_hot", "ones", "pad", "pow", "print", "py_function", "range", "rank",
    "reverse", "roll", "shape", "size", "sort", "split", "transpose", "zeros",
]
