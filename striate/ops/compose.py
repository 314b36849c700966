"""Functions of Keras' that are a few other ops in a row: no op, kernel or gradient of their own."""

from __future__ import annotations

from math import log, pi

import numpy as np

from striate import ops
from striate.errors import ArgumentError, received
from striate.ops.broadcast import dtype_of, floating, is_floating, length_of, shape_of
from striate.ops.elementwise import as_floating
from striate.ops.reduce import normal_axes

_slice = slice


# ---- numbers -----------------------------------------------------------------------------------------------------

def copy(x):
    """x itself: tensors do not change.

    Shapes: x any; gives x's.
    """
    return ops.convert_to_tensor(x)


def dtype(x) -> str:
    """The name of the type of x's numbers.

    Shapes: x any; gives a string, "float32" for example.
    """
    return dtype_of(x)


def fabs(x):
    """The distance of each number from 0.

    Shapes: x any; gives x's.
    """
    return ops.absolute(x)


def cbrt(x):
    """The cube root.

    Shapes: x any; gives x's.
    """
    x = as_floating(x)
    return ops.sign(x) * ops.power(ops.absolute(x), 1.0 / 3.0)


def erfc(x):
    """1 - erf(x).

    Shapes: x any; gives x's.
    """
    return 1.0 - ops.erf(x)


def heaviside(x1, x2):
    """0 below 0, 1 above, x2 at 0.

    Shapes: x1, x2 that broadcast; gives the broadcast shape. Raises `ShapeError` when they do not.
    """
    return ops.where(ops.equal(x1, 0), x2, ops.cast(ops.greater(x1, 0), "float32"))


def deg2rad(x):
    """Degrees to radians.

    Shapes: x any; gives x's.
    """
    return ops.multiply(x, pi / 180.0)


def rad2deg(x):
    """Radians to degrees.

    Shapes: x any; gives x's.
    """
    return ops.multiply(x, 180.0 / pi)


def hypot(x1, x2):
    """sqrt(x1^2 + x2^2).

    Shapes: x1, x2 that broadcast; gives the broadcast shape. Raises `ShapeError` when they do not.
    """
    dtype = floating(dtype_of(x1), dtype_of(x2))
    return ops.sqrt(ops.square(ops.cast(x1, dtype)) + ops.square(ops.cast(x2, dtype)))


def logaddexp2(x1, x2):
    """log2(2^x1 + 2^x2).

    Shapes: x1, x2 that broadcast; gives the broadcast shape. Raises `ShapeError` when they do not.
    """
    return ops.logaddexp(ops.multiply(x1, log(2.0)), ops.multiply(x2, log(2.0))) / log(2.0)


def divide_no_nan(x1, x2):
    """x1 / x2, and 0 where x2 is 0.

    Shapes: x1, x2 that broadcast; gives the broadcast shape. Raises `ShapeError` when they do not.
    """
    none = ops.equal(x2, 0)
    return ops.where(none, 0.0, ops.divide(x1, ops.where(none, 1.0, x2)))


def isclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Whether |x1 - x2| <= atol + rtol |x2|.

    Shapes: x1, x2 that broadcast; gives bool of the broadcast shape. `equal_nan`: whether two NaN are close. Raises
    `ShapeError` when the shapes do not broadcast.
    """
    close = ops.less_equal(ops.absolute(ops.subtract(x1, x2)), atol + rtol * ops.absolute(x2))
    close = ops.logical_or(close, ops.equal(x1, x2))
    return ops.logical_or(close, ops.logical_and(ops.isnan(x1), ops.isnan(x2))) if equal_nan else close


def allclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Whether all numbers are close.

    Shapes: x1, x2 that broadcast; gives one bool. Args as those of `isclose`: `rtol`, `atol`, `equal_nan`.
    """
    return ops.all(isclose(x1, x2, rtol, atol, equal_nan))


def nan_to_num(x, nan=0.0, posinf=None, neginf=None):
    """x with NaN and infinities replaced by numbers.

    Shapes: x any; gives x's.

    `nan`: for NaN; `posinf`, `neginf`: for the infinities, the largest numbers of float32 unless given.
    """
    largest = float(np.finfo(np.float32).max)
    y = ops.where(ops.isnan(x), nan, x)
    y = ops.where(ops.logical_and(ops.isinf(y), ops.greater(y, 0)), largest if posinf is None else posinf, y)
    return ops.where(ops.logical_and(ops.isinf(y), ops.less(y, 0)), -largest if neginf is None else neginf, y)


def saturate_cast(x, dtype):
    """x as another type, limited to what that can hold.

    Shapes: x any; gives x's.
    """
    limits = np.finfo(dtype) if is_floating(dtype) else np.iinfo(dtype)
    return ops.cast(ops.clip(x, float(limits.min), float(limits.max)), dtype)


def select(condlist, choicelist, default=0):
    """At each place the choice whose condition holds there, the first of several.

    Shapes: lists of equal length; conditions in `condlist` and values in `choicelist` that all broadcast. `default` is
    for places where no condition holds.
    """
    result = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = ops.where(condition, choice, result)
    return result


def normalize(x, axis=-1, order=2, epsilon=None):
    """x divided by its length along `axis` (by `epsilon`, 1e-7 by default, where that is larger).

    Shapes: x any; gives x's. `order` is the p of the length (sum |x|^p)^(1/p).
    """
    x, least = as_floating(x), 1e-7 if epsilon is None else epsilon
    if order == 2:
        return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=axis, keepdims=True), least ** 2))
    return ops.divide(x, ops.maximum(ops.norm(x, ord=order, axis=axis, keepdims=True), least))


def multi_hot(inputs, num_classes=None, axis=-1, dtype=None, sparse=False):
    """Rows with a 1 at every place that a sample's integers name.

    Shapes: inputs (n, places) gives (n, num_classes), (places,) gives (num_classes,). float32 unless `dtype` says
    otherwise; `axis`: -1, the new axis. `sparse` is accepted for Keras' sake.
    """
    rows = ops.one_hot(inputs, num_classes, axis=axis, dtype=dtype or "float32")
    return ops.max(rows, axis=1 if len(shape_of(inputs)) > 1 else 0)


# ---- sums and order ------------------------------------------------------------------------------------------------

def vdot(x1, x2):
    """The sum of products of all numbers.

    Shapes: x1, x2 of equal size; gives a number.
    """
    return ops.sum(ops.multiply(ops.ravel(x1), ops.ravel(x2)))


def inner(x1, x2):
    """Sums of products over the last axes of both.

    A single number is multiplied.

    Shapes: (..., k) and (n, k) give (..., n). Raises `ShapeError` when the last axes differ.
    """
    if not shape_of(x1) or not shape_of(x2):
        return ops.multiply(x1, x2)
    return ops.tensordot(x1, x2, axes=[[-1], [-1]])


def outer(x1, x2):
    """Every number of x1 times every number of x2: (n, m).

    Shapes: x1 and x2 any, of n and m numbers.
    """
    return ops.multiply(ops.reshape(x1, (-1, 1)), ops.reshape(x2, (1, -1)))


def cumprod(x, axis=None, dtype=None):
    """The products of each number and all before it along `axis`.

    Shapes: x any; gives x's (flat for None). Numbers become `dtype`, when given.
    """
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
    """The differences of neighbours along `axis`, n times.

    Shapes: a (..., k) gives (..., k - n).
    """
    for _ in range(n):
        a = ops.subtract(_at(a, axis, _slice(1, None)), _at(a, axis, _slice(0, -1)))
    return a


def trapezoid(y, x=None, dx=1.0, axis=-1):
    """The area under the line through y.

    Shapes: y (..., k) gives (...), without `axis`. `dx`: the distance of the points, or `x`, their places: (k,) or y's
    shape.
    """
    y = as_floating(y)
    width = dx if x is None else diff(as_floating(x), axis=axis if len(shape_of(x)) > 1 else -1)
    means = (_at(y, axis, _slice(1, None)) + _at(y, axis, _slice(0, -1))) * 0.5
    if x is not None and len(shape_of(x)) == 1:
        shape = [1] * len(shape_of(y))
        shape[axis] = -1
        width = ops.reshape(width, shape)
    return ops.sum(means * width, axis=axis)


def median(x, axis=None, keepdims=False):
    """The number in the middle of the order, or the mean of the two.

    Shapes: x any; gives x's without the axes that `axis` names (None: all), or with length 1 there if `keepdims`.
    """
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
    """How many numbers of an ordered line stand before each value.

    Shapes: sorted_sequence (n,), values any; gives int32 of the values' shape. `side`: "left" counts what is smaller,
    "right" what is smaller or equal.
    """
    before = ops.less if side == "left" else ops.less_equal
    return ops.sum(ops.cast(before(sorted_sequence, ops.expand_dims(values, -1)), "int32"), axis=-1)


def digitize(x, bins):
    """The bin of each number: how many of the rising boundaries are not above it.

    Shapes: x any, bins (n,), rising; gives int32 of x's shape.
    """
    return searchsorted(bins, x, side="right")


def bincount(x, weights=None, minlength=0, sparse=False):
    """How often each integer 0 ... minlength - 1 occurs in the last axis; on arrays also larger ones.

    Shapes: x (..., n) integers from 0 gives int32 (..., count), weights (..., n) their sums in float32. `sparse` is
    accepted for Keras' sake. Raises `ArgumentError` in a model or program when `minlength` is not given there: how many
    numbers occur is not known before it runs.
    """
    known = isinstance(x, (np.ndarray, list, tuple))
    if not known and int(minlength) < 1:
        raise ArgumentError("bincount needs `minlength`, the number of counts, in a model or a compiled program: how "
                            "large the numbers are is not known before it runs. " + received(minlength=minlength))
    count = max(int(minlength), int(np.max(x, initial=-1)) + 1) if known else int(minlength)
    rows = ops.one_hot(x, count)
    if weights is None:
        return ops.cast(ops.sum(rows, axis=-2), "int32")
    return ops.sum(rows * ops.expand_dims(weights, -1), axis=-2)


def segment_sum(data, segment_ids, num_segments=None, sorted=False):
    """The sums of the rows of `data` that have the same segment.

    Shapes: data (n, ...), segment_ids (n,) integers from 0; gives (num_segments, ...), as many as occur unless given.
    `sorted` changes nothing.
    """
    count = int(ops.max(segment_ids)) + 1 if num_segments is None else num_segments
    rows = ops.one_hot(segment_ids, count, axis=0)
    flat = ops.reshape(data, (length_of(data, 0), -1))
    return ops.reshape(ops.matmul(rows, flat), (count, *shape_of(data)[1:]))


# ---- places ---------------------------------------------------------------------------------------------------------

def _at(x, axis: int, key):
    axis = normal_axes(axis, len(shape_of(x)))[0]
    return ops.get_item(x, (*[_slice(None)] * axis, key))


def append(x1, x2, axis=None):
    """x2 behind x1 along `axis`; both as one line when None.

    Shapes: (a, c) and (b, c) along axis 0 give (a + b, c). Raises `ShapeError` when the others differ.
    """
    return ops.concatenate([ops.ravel(x1), ops.ravel(x2)], 0) if axis is None else ops.concatenate([x1, x2], axis)


def hstack(xs):
    """Tensors side by side: along the second axis, lines along the first.

    Shapes: `xs` of (n, a) and (n, b) gives (n, a + b); of (a,) and (b,) gives (a + b,).
    """
    return ops.concatenate(xs, axis=0 if len(shape_of(xs[0])) == 1 else 1)


def vstack(xs):
    """Tensors one below the other; lines become rows.

    Shapes: `xs` of (a, n) and (b, n) gives (a + b, n); of lines (n,) gives (count, n).
    """
    return ops.concatenate([ops.reshape(x, (1, -1)) if len(shape_of(x)) == 1 else x for x in xs], axis=0)


def dstack(xs):
    """Tensors behind one another along the third axis.

    Shapes: `xs` of (h, w) gives (h, w, count).
    """
    deep = [ops.reshape(x, (1, -1, 1)) if len(shape_of(x)) == 1 else
            ops.expand_dims(x, 2) if len(shape_of(x)) == 2 else x for x in xs]
    return ops.concatenate(deep, axis=2)


def fliplr(x):
    """x with its second axis reversed.

    Shapes: x (n, m, ...); gives x's.
    """
    return ops.flip(x, 1)


def flipud(x):
    """x with its first axis reversed.

    Shapes: x (n, m, ...); gives x's.
    """
    return ops.flip(x, 0)


def rot90(array, k=1, axes=(0, 1)):
    """x turned by k quarters in the plane of two axes.

    Shapes: array (n, m, ...) gives (m, n, ...) for odd k. Turned from the first axis of `axes` to the second.
    """
    first, second = (normal_axes(axis, len(shape_of(array)))[0] for axis in axes)
    turns = k % 4
    if turns == 2:
        return ops.flip(array, (first, second))
    if turns == 1:
        return ops.swapaxes(ops.flip(array, second), first, second)
    return array if turns == 0 else ops.flip(ops.swapaxes(array, first, second), second)


def diagonal(x, offset=0, axis1=0, axis2=1):
    """The numbers on a diagonal of two axes, as the last axis.

    Shapes: (..., n, m) gives (..., min(n, m)), less where `offset` (above the diagonal, below it if negative) leads
    out. `axis1`, `axis2`: the two axes.
    """
    rank = len(shape_of(x))
    first, second = normal_axes(axis1, rank)[0], normal_axes(axis2, rank)[0]
    x = ops.moveaxis(x, (first, second), (rank - 2, rank - 1))
    rows, columns = shape_of(x)[-2:]
    above, below = max(offset, 0), max(-offset, 0)
    count = max(0, min(rows - below, columns - above))
    places = (np.arange(count) + below) * columns + np.arange(count) + above
    return ops.take(ops.reshape(x, (*shape_of(x)[:-2], rows * columns)), places.astype(np.int32), axis=-1)


def trace(x, offset=0, axis1=0, axis2=1):
    """The sum of a diagonal.

    Shapes: x (n, m, ...) gives (...). Args as those of `diagonal`: `offset`, `axis1`, `axis2`.
    """
    return ops.sum(diagonal(x, offset, axis1, axis2), axis=-1)


def diag(x, k=0):
    """A line as the diagonal of a square, or the diagonal of a square as a line.

    Shapes: x (n,) gives (n + |k|, n + |k|); (n, m) gives the line of its k-th diagonal.
    """
    if len(shape_of(x)) == 2:
        return diagonal(x, k)
    length, above, below = length_of(x, 0), max(k, 0), max(-k, 0)
    y = ops.multiply(ops.expand_dims(x, 1 if k >= 0 else 0), np.eye(length, dtype=np.float32))
    return ops.pad(y, ((below, above), (above, below)))


def meshgrid(*x, indexing="xy"):
    """The coordinates of a grid: for each line a tensor with as many axes as there are lines.

    Shapes: x of n and m numbers gives two tensors (m, n); with indexing="ij" (n, m).

    Raises:
        ArgumentError: for another `indexing`.
    """
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
    """Zeros of x's shape.

    Shapes: x any; gives x's, of `dtype` when given.
    """
    return ops.zeros_like(x, dtype=dtype)


def depth_to_space(x, block_size, data_format="channels_last"):
    """Channels as pixels: (n, h, w, b b c) to (n, b h, b w, c), or (n, c b b, h, w) to (n, c, b h, b w).

    `block_size` is b; `data_format` "channels_last" or "channels_first". x is (n, h, w, channels) or (n, channels, h,
    w).
    """
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
    """Pixels as channels: (n, h, w, c) to (n, h / b, w / b, b b c); with channels first to (n, c b b, h / b, w / b).

    `block_size` is b; `data_format` "channels_last" or "channels_first". x is (n, h, w, channels) or (n, channels, h,
    w).
    """
    if data_format == "channels_first":
        _, channels, height, width = shape_of(x)
        rows, columns = height // block_size, width // block_size
        y = ops.transpose(ops.reshape(x, (-1, channels, rows, block_size, columns, block_size)), (0, 1, 3, 5, 2, 4))
        return ops.reshape(y, (-1, block_size ** 2 * channels, rows, columns))
    _, height, width, channels = shape_of(x)
    rows, columns = height // block_size, width // block_size
    y = ops.reshape(x, (-1, rows, block_size, columns, block_size, channels))
    return ops.reshape(ops.transpose(y, (0, 1, 3, 2, 4, 5)), (-1, rows, columns, block_size ** 2 * channels))
