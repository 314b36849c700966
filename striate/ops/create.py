"""Tensors from nothing, and questions about tensors: their values are known when the program is traced."""

from __future__ import annotations

import numpy as np

from striate import ops
from striate.errors import ArgumentError, ShapeError, TypeMismatchError, received
from striate.ops.broadcast import dtype_of, shape_of
from striate.ops.dispatch import active_tracer, to_array


def _lengths(shape) -> tuple:
    return tuple(shape) if isinstance(shape, (tuple, list)) else (int(shape),)


def full(shape, fill_value, dtype=None):
    """A tensor of `shape` filled with one number; float32 unless `dtype` says otherwise.

    `shape`: the lengths of the axes, a tuple or one integer. Raises ValueError for a negative length.

    `fill_value`: a number.
    """
    return np.full(_lengths(shape), fill_value, dtype or "float32")


def zeros(shape, dtype=None):
    """A tensor of zeros.

    `shape`: the lengths of the axes, a tuple or one integer. Raises ValueError for a negative length.

    float32 unless `dtype` says otherwise.
    """
    return full(shape, 0, dtype)


def ones(shape, dtype=None):
    """A tensor of ones.

    `shape`: the lengths of the axes, a tuple or one integer. Raises ValueError for a negative length.

    float32 unless `dtype` says otherwise.
    """
    return full(shape, 1, dtype)


empty = zeros


def full_like(x, fill_value, dtype=None):
    """A tensor of x's shape (and dtype, by default) filled with one number.

    Shapes: x any; gives x's. `dtype` is x's unless given.

    `fill_value`: a number.
    """
    shape, dtype = shape_of(x), dtype or dtype_of(x)
    if None not in shape:
        return _of_its_type(full(shape, fill_value, dtype))
    filling = _of_its_type(np.asarray(fill_value, dtype))
    return ops.where(ops.equal(x, x), filling, filling)


def _of_its_type(array):
    """The array; while a program is traced, one of 64 bits as a value, since arrays enter programs in 32 bits."""
    tracer = active_tracer()
    return array if tracer is None or array.dtype.itemsize < 8 else tracer.value(array, str(array.dtype))


def zeros_like(x, dtype=None):
    """Zeros of x's shape.

    Shapes: x any; gives x's. `dtype` is x's unless given.
    """
    return full_like(x, 0, dtype)


def ones_like(x, dtype=None):
    """Ones of x's shape.

    Shapes: x any; gives x's. `dtype` is x's unless given.
    """
    return full_like(x, 1, dtype)


def arange(start, stop=None, step=None, dtype=None):
    """The numbers start, start + step, ... before `stop`; arange(n) counts from 0. int32 or float32.

    Shapes: three numbers; gives a line of ceil((stop - start) / step) numbers, of `dtype` when given.
    """
    step = 1 if step is None else step
    if step == 0:
        raise ArgumentError("`step` must not be 0. " + received(start=start, stop=stop, step=step))
    numbers = np.arange(start, stop, step) if stop is not None else np.arange(0, start, step)
    return numbers.astype(dtype or ("float32" if numbers.dtype.kind == "f" else "int32"))


def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    """`num` numbers at equal distances from start to stop, along `axis` where these are arrays.

    `retstep`: also gives the distance.

    Shapes: numbers, or arrays that broadcast; gives their shape with one more axis of length `num` at `axis`.
    `endpoint`: whether `stop` is the last number. float32 unless `dtype` says otherwise.
    """
    numbers, step = np.linspace(start, stop, num, endpoint, retstep=True, axis=axis)
    numbers = numbers.astype(dtype or "float32")
    return (numbers, np.asarray(step, numbers.dtype)) if retstep else numbers


def eye(N, M=None, k=0, dtype=None):  # noqa: N803 - Keras' names
    """The matrix (N, M) with ones on its k-th diagonal.

    M is N unless given; float32 unless `dtype` says otherwise.
    """
    return np.eye(N, M, k, dtype or "float32")


def identity(n, dtype=None):
    """The square matrix (n, n) with ones on its diagonal.

    float32 unless `dtype` says otherwise.
    """
    return eye(n, dtype=dtype)


def tri(N, M=None, k=0, dtype=None):  # noqa: N803 - Keras' names
    """The matrix (N, M) with ones on and below its k-th diagonal.

    M is N unless given; float32 unless `dtype` says otherwise.
    """
    return np.tri(N, M, k, dtype or "float32")


def tril(x, k=0):
    """x with zeros above the k-th diagonal of its last two axes.

    Shapes: x (..., n, m); gives x's.
    """
    return ops.multiply(x, np.tri(*_last_two(x), k, dtype_of(x)))


def triu(x, k=0):
    """x with zeros below the k-th diagonal of its last two axes.

    Shapes: x (..., n, m); gives x's.
    """
    return ops.multiply(x, np.logical_not(np.tri(*_last_two(x), k - 1)).astype(dtype_of(x)))


def _last_two(x) -> tuple:
    """The lengths of the last two axes; of the only one."""
    if not shape_of(x):
        raise ShapeError("A triangle is a part of a matrix. " + received(shape=()))
    return shape_of(x)[-2:]


def convert_to_tensor(x, dtype=None, sparse=None, ragged=None):
    """x as a tensor: Python numbers and float64 become float32 or int32, unless `dtype` says otherwise.

    Shapes: x any, also nested lists; gives x's. `sparse` and `ragged` are accepted for Keras' sake: tensors are dense.

    Shapes: x any, also nested lists; gives x's. `sparse` and `ragged` are accepted for Keras' sake.

    Raises:
        TypeMismatchError: when x does not hold numbers.
    """
    if hasattr(x, "dtype") and not isinstance(x, (np.ndarray, np.generic)):
        return x if dtype is None else ops.cast(x, dtype)
    array = to_array(x)
    if array.dtype.kind not in "fiub":
        raise TypeMismatchError("A tensor holds numbers. " + received(x=x))
    return array if dtype is None else array.astype(dtype)


array = convert_to_tensor


def convert_to_numpy(x):
    """x as a NumPy array.

    Shapes: x any; gives x's.

    Raises:
        TypeError: while a program is traced, when the numbers are not known yet.
    """
    return np.asarray(getattr(x, "__striate_value__", x))


def is_tensor(x) -> bool:
    """Whether x is an array, a variable or a traced value.

    x: anything at all; lists and Python numbers are no tensors.
    """
    return hasattr(x, "shape") and hasattr(x, "dtype")


def shape(x) -> tuple:
    """The lengths of x's axes; None where one is not known yet.

    Shapes: x any; gives a tuple of integers.
    """
    return shape_of(x)


def ndim(x) -> int:
    """How many axes x has.

    Shapes: x any; gives an integer.
    """
    return len(shape_of(x))


def size(x) -> int:
    """How many numbers x holds.

    Shapes: x any; gives an integer.

    Raises:
        ArgumentError: when a length is not known yet.
    """
    if None in shape_of(x):
        raise ArgumentError("The size of a tensor with an unknown length is not known. " + received(shape=shape_of(x)))
    return int(np.prod(shape_of(x), dtype=np.int64))
