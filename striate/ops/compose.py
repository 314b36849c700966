"""Functions of Keras' that are a few other ops in a row: no op, kernel or gradient of their own."""

from __future__ import annotations

from math import log, pi

import numpy as np

from striate import ops
from striate.errors import ArgumentError, received
from striate.ops.broadcast import dtype_of, floating, is_floating, shape_of
from striate.ops.reduce import normal_axes

_slice = slice


# ---- numbers -----------------------------------------------------------------------------------------------------

def copy(x):
    """x itself: tensors do not change."""
    return ops.convert_to_tensor(x)


def dtype(x) -> str:
    """The name of the type of x's numbers."""
    return dtype_of(x)


def fabs(x):
    """The distance of each number from 0."""
    return ops.absolute(x)


def cbrt(x):
    """The cube root."""
    return ops.sign(x) * ops.power(ops.absolute(x), 1.0 / 3.0)


def erfc(x):
    """1 - erf(x)."""
    return 1.0 - ops.erf(x)


def heaviside(x1, x2):
    """0 below 0, 1 above, x2 at 0."""
    return ops.where(ops.equal(x1, 0), x2, ops.cast(ops.greater(x1, 0), "float32"))


def deg2rad(x):
    """Degrees to radians."""
    return ops.multiply(x, pi / 180.0)


def rad2deg(x):
    """Radians to degrees."""
    return ops.multiply(x, 180.0 / pi)


def hypot(x1, x2):
    """sqrt(x1^2 + x2^2)."""
    return ops.sqrt(ops.square(x1) + ops.square(x2))


def logaddexp2(x1, x2):
    """log2(2^x1 + 2^x2)."""
    return ops.logaddexp(ops.multiply(x1, log(2.0)), ops.multiply(x2, log(2.0))) / log(2.0)


def divide_no_nan(x1, x2):
    """x1 / x2, and 0 where x2 is 0."""
    none = ops.equal(x2, 0)
    return ops.where(none, 0.0, ops.divide(x1, ops.where(none, 1.0, x2)))


def isclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Whether |x1 - x2| <= atol + rtol |x2|."""
    close = ops.less_equal(ops.absolute(ops.subtract(x1, x2)), atol + rtol * ops.absolute(x2))
    close = ops.logical_or(close, ops.equal(x1, x2))
    return ops.logical_or(close, ops.logical_and(ops.isnan(x1), ops.isnan(x2))) if equal_nan else close


def allclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Whether all numbers are close."""
    return ops.all(isclose(x1, x2, rtol, atol, equal_nan))


def nan_to_num(x, nan=0.0, posinf=None, neginf=None):
    """x with NaN and infinities replaced by numbers."""
    largest = float(np.finfo(np.float32).max)
    y = ops.where(ops.isnan(x), nan, x)
    y = ops.where(ops.logical_and(ops.isinf(y), ops.greater(y, 0)), largest if posinf is None else posinf, y)
    return ops.where(ops.logical_and(ops.isinf(y), ops.less(y, 0)), -largest if neginf is None else neginf, y)


def saturate_cast(x, dtype):
    """x as another type, limited to what that can hold."""
    limits = np.finfo(dtype) if is_floating(dtype) else np.iinfo(dtype)
    return ops.cast(ops.clip(x, float(limits.min), float(limits.max)), dtype)


def select(condlist, choicelist, default=0):
    """At each place the choice whose condition holds there, the first of several."""
    result = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = ops.where(condition, choice, result)
    return result


def normalize(x, axis=-1, order=2, epsilon=None):
    """x divided by its length along `axis` (by `epsilon`, 1e-7 by default, where that is larger)."""
    least = 1e-7 if epsilon is None else epsilon
    if order == 2:
        return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=axis, keepdims=True), least ** 2))
    return ops.divide(x, ops.maximum(ops.norm(x, ord=order, axis=axis, keepdims=True), least))


def multi_hot(inputs, num_classes=None, axis=-1, dtype=None, sparse=False):
    """Rows with a 1 at every place that a sample's integers name."""
    rows = ops.one_hot(inputs, num_classes, axis=axis, dtype=dtype or "float32")
    return ops.max(rows, axis=1 if len(shape_of(inputs)) > 1 else 0)


# ---- sums and order ------------------------------------------------------------------------------------------------

def vdot(x1, x2):
    """The sum of products of all numbers."""
    return ops.sum(ops.multiply(ops.ravel(x1), ops.ravel(x2)))


def inner(x1, x2):
    """Sums of products over the last axes of both."""
    return ops.tensordot(x1, x2, axes=[[-1], [-1]])


def outer(x1, x2):
    """Every number of x1 times every number of x2: (n, m)."""
    return ops.multiply(ops.reshape(x1, (-1, 1)), ops.reshape(x2, (1, -1)))


def cumprod(x, axis=None, dtype=None):
    """The products of each number and all before it along `axis`."""
    if axis is None:
        x, axis = ops.ravel(x), 0
    axis = normal_axes(axis, len(shape_of(x)))[0]
    x = ops.cast(x, "int32") if dtype_of(x) == "bool" else x
    parts = [_at(x, axis, _slice(0, 1))]
    for place in range(1, shape_of(x)[axis]):
        parts.append(parts[-1] * _at(x, axis, _slice(place, place + 1)))
    y = ops.concatenate(parts, axis)
    return y if dtype is None else ops.cast(y, dtype)


def diff(a, n=1, axis=-1):
    """The differences of neighbours along `axis`, n times."""
    for _ in range(n):
        a = ops.subtract(_at(a, axis, _slice(1, None)), _at(a, axis, _slice(0, -1)))
    return a


def trapezoid(y, x=None, dx=1.0, axis=-1):
    """The area under the line through y."""
    width = dx if x is None else diff(x, axis=axis if len(shape_of(x)) > 1 else -1)
    means = (_at(y, axis, _slice(1, None)) + _at(y, axis, _slice(0, -1))) * 0.5
    if x is not None and len(shape_of(x)) == 1:
        shape = [1] * len(shape_of(y))
        shape[axis] = -1
        width = ops.reshape(width, shape)
    return ops.sum(means * width, axis=axis)


def median(x, axis=None, keepdims=False):
    """The number in the middle of the order, or the mean of the two."""
    rank = len(shape_of(x))
    axes = normal_axes(axis, rank)
    x = ops.cast(x, floating(dtype_of(x)))
    kept = [n for i, n in enumerate(shape_of(x)) if i not in axes]
    flat = ops.reshape(ops.moveaxis(x, axes, tuple(range(rank - len(axes), rank))), (*kept, -1))
    ordered = ops.sort(flat, axis=-1)
    count = shape_of(ordered)[-1]
    y = (ops.get_item(ordered, (Ellipsis, (count - 1) // 2)) + ops.get_item(ordered, (Ellipsis, count // 2))) * 0.5
    return ops.reshape(y, [1 if i in axes else n for i, n in enumerate(shape_of(x))]) if keepdims else y


def searchsorted(sorted_sequence, values, side="left"):
    """How many numbers of an ordered line stand before each value."""
    before = ops.less if side == "left" else ops.less_equal
    return ops.sum(ops.cast(before(sorted_sequence, ops.expand_dims(values, -1)), "int32"), axis=-1)


def digitize(x, bins):
    """The bin of each number: how many of the rising boundaries are not above it."""
    return searchsorted(bins, x, side="right")


def bincount(x, weights=None, minlength=0, sparse=False):
    """How often each integer 0 ... minlength - 1 occurs in the last axis; on arrays also larger ones."""
    count = max(int(minlength), int(np.max(x)) + 1) if isinstance(x, (np.ndarray, list)) else int(minlength)
    rows = ops.one_hot(x, count)
    if weights is None:
        return ops.cast(ops.sum(rows, axis=-2), "int32")
    return ops.sum(rows * ops.expand_dims(weights, -1), axis=-2)


def segment_sum(data, segment_ids, num_segments=None, sorted=False):
    """The sums of the rows of `data` that have the same segment."""
    count = int(np.max(segment_ids)) + 1 if num_segments is None else num_segments
    rows = ops.one_hot(segment_ids, count, axis=0)
    flat = ops.reshape(data, (shape_of(data)[0], -1))
    return ops.reshape(ops.matmul(rows, flat), (count, *shape_of(data)[1:]))


# ---- places ---------------------------------------------------------------------------------------------------------

def _at(x, axis: int, key):
    axis = normal_axes(axis, len(shape_of(x)))[0]
    return ops.get_item(x, (*[_slice(None)] * axis, key))


def append(x1, x2, axis=None):
    """x2 behind x1 along `axis`; both as one line when None."""
    return ops.concatenate([ops.ravel(x1), ops.ravel(x2)], 0) if axis is None else ops.concatenate([x1, x2], axis)


def hstack(xs):
    """Tensors side by side: along the second axis, lines along the first."""
    return ops.concatenate(xs, axis=0 if len(shape_of(xs[0])) == 1 else 1)


def vstack(xs):
    """Tensors one below the other; lines become rows."""
    return ops.concatenate([ops.reshape(x, (1, -1)) if len(shape_of(x)) == 1 else x for x in xs], axis=0)


def dstack(xs):
    """Tensors behind one another along the third axis."""
    deep = [ops.reshape(x, (1, -1, 1)) if len(shape_of(x)) == 1 else
            ops.expand_dims(x, 2) if len(shape_of(x)) == 2 else x for x in xs]
    return ops.concatenate(deep, axis=2)


def fliplr(x):
    """x with its second axis reversed."""
    return ops.flip(x, 1)


def flipud(x):
    """x with its first axis reversed."""
    return ops.flip(x, 0)


def rot90(array, k=1, axes=(0, 1)):
    """x turned by k quarters in the plane of two axes."""
    first, second = (normal_axes(axis, len(shape_of(array)))[0] for axis in axes)
    turns = k % 4
    if turns == 2:
        return ops.flip(array, (first, second))
    if turns == 1:
        return ops.swapaxes(ops.flip(array, second), first, second)
    return array if turns == 0 else ops.flip(ops.swapaxes(array, first, second), second)


def diagonal(x, offset=0, axis1=0, axis2=1):
    """The numbers on a diagonal of two axes, as the last axis."""
    rank = len(shape_of(x))
    first, second = normal_axes(axis1, rank)[0], normal_axes(axis2, rank)[0]
    x = ops.moveaxis(x, (first, second), (rank - 2, rank - 1))
    rows, columns = shape_of(x)[-2:]
    above, below = max(offset, 0), max(-offset, 0)
    count = max(0, min(rows - below, columns - above))
    places = (np.arange(count) + below) * columns + np.arange(count) + above
    return ops.take(ops.reshape(x, (*shape_of(x)[:-2], rows * columns)), places.astype(np.int32), axis=-1)


def trace(x, offset=0, axis1=0, axis2=1):
    """The sum of a diagonal."""
    return ops.sum(diagonal(x, offset, axis1, axis2), axis=-1)


def diag(x, k=0):
    """A line as the diagonal of a square, or the diagonal of a square as a line."""
    if len(shape_of(x)) == 2:
        return diagonal(x, k)
    size = shape_of(x)[0] + abs(k)
    y = ops.multiply(ops.expand_dims(x, 1 if k >= 0 else 0), np.eye(shape_of(x)[0], dtype=np.float32))
    above, below = max(k, 0), max(-k, 0)
    return ops.pad(y, ((below, size - shape_of(x)[0] - below), (above, size - shape_of(x)[0] - above)))


def meshgrid(*x, indexing="xy"):
    """The coordinates of a grid: for each line a tensor with as many axes as there are lines."""
    if indexing not in ("xy", "ij"):
        raise ArgumentError("`indexing` must be 'xy' or 'ij'. " + received(indexing=indexing))
    lines = [ops.ravel(line) for line in x]
    order = list(range(len(lines)))
    if indexing == "xy" and len(lines) > 1:
        order[:2] = [1, 0]
    shape = [0] * len(lines)
    for line, axis in zip(lines, order, strict=True):
        shape[axis] = shape_of(line)[0]
    return [ops.broadcast_to(ops.reshape(line, [-1 if i == axis else 1 for i in range(len(shape))]), tuple(shape))
            for line, axis in zip(lines, order, strict=True)]


def empty_like(x, dtype=None):
    """Zeros of x's shape."""
    return ops.zeros_like(x, dtype=dtype)


def slice_update(inputs, start_indices, updates):
    """inputs with the block at `start_indices` replaced by `updates`."""
    starts, lengths = [int(start) for start in start_indices], shape_of(updates)
    pairs = [(start, n - start - m) for start, n, m in zip(starts, shape_of(inputs), lengths, strict=True)]
    inside = np.pad(np.ones(lengths, bool), pairs)
    return ops.where(inside, ops.pad(updates, pairs), inputs)


def depth_to_space(x, block_size, data_format="channels_last"):
    """Channels as pixels: (n, h, w, b b c) to (n, b h, b w, c), or (n, c b b, h, w) to (n, c, b h, b w)."""
    if data_format == "channels_first":
        _, channels, height, width = shape_of(x)
        y = ops.reshape(x, (-1, channels // block_size ** 2, block_size, block_size, height, width))
        y = ops.transpose(y, (0, 1, 4, 2, 5, 3))
        return ops.reshape(y, (-1, channels // block_size ** 2, height * block_size, width * block_size))
    _, height, width, channels = shape_of(x)
    y = ops.reshape(x, (-1, height, width, block_size, block_size, channels // block_size ** 2))
    y = ops.transpose(y, (0, 1, 3, 2, 4, 5))
    return ops.reshape(y, (-1, height * block_size, width * block_size, channels // block_size ** 2))


def space_to_depth(x, block_size, data_format="channels_last"):
    """Pixels as channels: (n, h, w, c) to (n, h / b, w / b, b b c); with channels first to (n, c b b, h / b, w / b)."""
    if data_format == "channels_first":
        _, channels, height, width = shape_of(x)
        rows, columns = height // block_size, width // block_size
        y = ops.transpose(ops.reshape(x, (-1, channels, rows, block_size, columns, block_size)), (0, 1, 3, 5, 2, 4))
        return ops.reshape(y, (-1, block_size ** 2 * channels, rows, columns))
    _, height, width, channels = shape_of(x)
    rows, columns = height // block_size, width // block_size
    y = ops.reshape(x, (-1, rows, block_size, columns, block_size, channels))
    return ops.reshape(ops.transpose(y, (0, 1, 3, 2, 4, 5)), (-1, rows, columns, block_size ** 2 * channels))
