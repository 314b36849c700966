"""Pooling: the largest, the mean or the root of the summed squares of each window of a feature map.

    max_pool2d  y[n, oh, ow, c] = max over (i, j) of x[n, oh sh + i - top, ow sw + j - left, c]
                winner = i pw + j of the first place (row-major) that has the maximum; padding never wins
    avg_pool2d  the mean of the places of the window that lie in the map: padding is not counted

A NaN wins its window. Layout NHWC. `padding` is ((top, bottom), (left, right)), each less than the window.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Generic

import numpy as np

from striate import ops
from striate.errors import ArgumentError, ShapeError, received
from striate.ops.allowance import spend_numbers
from striate.ops.broadcast import shape_of
from striate.ops.dispatch import apply
from striate.ops.spec import OpSpec, TensorType, register
from striate.ops.windows import Length, Pair, output_length, padding_amounts, per_axis


@dataclass(frozen=True)
class Axis(Generic[Length]):
    """How windows lie along one axis: `length` of the map, `count` of windows, their `size`, `stride`, padding."""

    length: Length
    count: Length
    size: int
    stride: int
    before: int
    after: int


def window_axes(lengths: Sequence[Length], pool_size: Pair, strides: Pair, padding: tuple[Pair, Pair]
                ) -> tuple[Axis[Length], Axis[Length]]:
    """The windows along height and width. Raises `ArgumentError` or `ShapeError` when there is none."""
    axes = []
    for length, size, stride, (before, after) in zip(lengths, pool_size, strides, padding, strict=True):
        if size < 1 or stride < 1:
            raise ArgumentError("`pool_size` and `strides` must be positive. "
                                + received(pool_size=pool_size, strides=strides))
        if not (0 <= before < size and 0 <= after < size):
            raise ArgumentError("The padding of a pooling must be at least 0 and less than `pool_size`: a window of "
                                "padding alone has no value. " + received(padding=padding, pool_size=pool_size))
        count = output_length(length, size, stride, padding=(before, after))
        if count == 0:
            raise ShapeError(f"A window of {size} does not fit in a map of length {length}. Use a smaller `pool_size` "
                             "or padding='same'. " + received(pool_size=pool_size, map=tuple(lengths)))
        axes.append(Axis(length, count, size, stride, before, after))
    return axes[0], axes[1]


def _pooled_type(inputs: Sequence[TensorType], pool_size, strides, padding) -> TensorType:
    shape = inputs[0].shape
    if len(shape) != 4:
        raise ShapeError("2-D pooling takes maps of shape (batch, height, width, channels). " + received(shape=shape))
    vertical, horizontal = window_axes(shape[1:3], pool_size, strides, padding)
    return TensorType((shape[0], vertical.count, horizontal.count, shape[3]), inputs[0].dtype)


def _unpooled_type(g: TensorType, pool_size, strides, padding, input_shape) -> TensorType:
    axes = window_axes(input_shape, pool_size, strides, padding)
    if len(g.shape) != 4 or g.shape[1:3] != (axes[0].count, axes[1].count):
        raise ShapeError(f"The gradient of this pooling must have shape (batch, {axes[0].count}, {axes[1].count}, "
                         "channels). " + received(g=g.shape, input_shape=input_shape))
    return TensorType((g.shape[0], *input_shape, g.shape[3]), g.dtype)


def _places(axes: tuple[Axis[int], Axis[int]]) -> Iterator[tuple[int, tuple, tuple]]:
    """For each place of the window, row-major: its number, where it lies in the map and for which windows."""
    def along(axis: Axis[int], place: int):
        start = place - axis.before
        first = -(start // axis.stride) if start < 0 else 0
        end = min(axis.count, (axis.length - 1 - start) // axis.stride + 1)
        return slice(start + first * axis.stride, start + (end - 1) * axis.stride + 1, axis.stride), slice(first, end)
    vertical, horizontal = axes
    for i in range(vertical.size):
        rows, window_rows = along(vertical, i)
        for j in range(horizontal.size):
            columns, window_columns = along(horizontal, j)
            if rows.stop > rows.start and columns.stop > columns.start:
                yield (i * horizontal.size + j, (slice(None), rows, columns),
                       (slice(None), window_rows, window_columns))


def _counts(axes: tuple[Axis[int], Axis[int]]) -> np.ndarray:
    """How many places of each window lie in the map: (oh, ow, 1)."""
    counts = np.zeros((1, axes[0].count, axes[1].count, 1))
    for _, _, windows in _places(axes):
        counts[windows] += 1
    return counts[0]


# ---- max ----------------------------------------------------------------------------------------------------

def _max_pool2d_reference(x, pool_size, strides, padding):
    axes = window_axes(x.shape[1:3], pool_size, strides, padding)
    y = np.full((x.shape[0], axes[0].count, axes[1].count, x.shape[3]), -np.inf, x.dtype)
    winner = np.full(y.shape, -1, np.int32)
    for number, places, windows in _places(axes):
        value, best = x[places], y[windows]
        better = (winner[windows] < 0) | (value > best) | (np.isnan(value) & ~np.isnan(best))
        y[windows] = np.where(better, value, best)
        winner[windows] = np.where(better, number, winner[windows])
    return [y, winner]


def _max_pool2d_gradient(node, g, of_winner):
    if g is None:
        return [None]
    return [apply("max_pool2d_grad", [g, node.outputs[1]], input_shape=tuple(node.inputs[0].shape[1:3]),
                  **node.attributes)]


def _max_pool2d_shape(inputs, pool_size, strides, padding):
    pooled = _pooled_type(inputs, pool_size, strides, padding)
    return [pooled, TensorType(pooled.shape, "int32")]


def _max_pool2d_grad_reference(g, winner, pool_size, strides, padding, input_shape):
    axes = window_axes(input_shape, pool_size, strides, padding)
    dx = np.zeros((g.shape[0], *input_shape, g.shape[3]))
    for number, places, windows in _places(axes):
        dx[places] += np.where(winner[windows] == number, g[windows], 0)
    return [dx.astype(g.dtype)]


def _window_flops(inputs, outputs, attributes):
    size = min(inputs[0].size, outputs[0].size)
    return size * prod(attributes["pool_size"])


register(OpSpec("max_pool2d", _max_pool2d_shape, _max_pool2d_reference, _max_pool2d_gradient, _window_flops))
register(OpSpec("max_pool2d_grad", lambda inputs, **attributes: [_unpooled_type(inputs[0], **attributes)],
                _max_pool2d_grad_reference, None, _window_flops))


# ---- average ------------------------------------------------------------------------------------------------

def _avg_pool2d_reference(x, pool_size, strides, padding):
    axes = window_axes(x.shape[1:3], pool_size, strides, padding)
    total = np.zeros((x.shape[0], axes[0].count, axes[1].count, x.shape[3]))
    for _, places, windows in _places(axes):
        total[windows] += x[places]
    return [(total / _counts(axes)).astype(x.dtype)]


def _avg_pool2d_grad_reference(g, pool_size, strides, padding, input_shape):
    axes = window_axes(input_shape, pool_size, strides, padding)
    dx = np.zeros((g.shape[0], *input_shape, g.shape[3]))
    share = g / _counts(axes)
    for _, places, windows in _places(axes):
        dx[places] += share[windows]
    return [dx.astype(g.dtype)]


def _avg_pool2d_grad_gradient(node, of_dx):
    attributes = {name: value for name, value in node.attributes.items() if name != "input_shape"}
    return [apply("avg_pool2d", [of_dx], **attributes)]


register(OpSpec(
    "avg_pool2d", lambda inputs, **attributes: [_pooled_type(inputs, **attributes)], _avg_pool2d_reference,
    lambda node, g: [apply("avg_pool2d_grad", [g], input_shape=tuple(node.inputs[0].shape[1:3]), **node.attributes)],
    _window_flops))
register(OpSpec("avg_pool2d_grad", lambda inputs, **attributes: [_unpooled_type(inputs[0], **attributes)],
                _avg_pool2d_grad_reference, _avg_pool2d_grad_gradient, _window_flops))


# ---- Keras' words -------------------------------------------------------------------------------------------

def _pool(op: str, x, pool_size, strides, padding: str, data_format: str | None):
    """Pools 1-D, 2-D and 3-D maps in either layout by the 2-D op on NHWC; gives the op's first output."""
    shape = shape_of(x)
    if padding not in ("valid", "same"):
        raise ArgumentError("`padding` of a pooling must be 'valid' or 'same'. " + received(padding=padding))
    if data_format not in (None, "channels_last", "channels_first"):
        raise ArgumentError("`data_format` must be 'channels_last' or 'channels_first'. "
                            + received(data_format=data_format))
    if len(shape) not in (3, 4, 5):
        raise ShapeError("Pooling takes maps with one, two or three axes beside batch and channels. "
                         + received(shape=shape))
    rank = len(shape) - 2
    pool_size = per_axis(pool_size, rank, "pool_size")
    strides = pool_size if strides is None else per_axis(strides, rank, "strides")
    if data_format == "channels_first":
        y = _pool(op, ops.moveaxis(x, 1, -1), pool_size, strides, padding, None)
        return ops.moveaxis(y, -1, 1)
    if rank == 1:
        y = _pool(op, ops.expand_dims(x, 1), (1, *pool_size), (1, *strides), padding, None)
        return ops.squeeze(y, axis=1)
    if rank == 3:
        from striate.ops.volume import pool_volume

        return pool_volume(max_pool if op == "max_pool2d" else average_pool, x, pool_size, strides, padding)
    pairs = tuple(map(padding_amounts, (padding,) * 2, shape[1:3], pool_size, strides))
    outputs = apply(op, [x], pool_size=pool_size, strides=strides, padding=pairs)
    return outputs[0] if op == "max_pool2d" else outputs


def max_pool(inputs, pool_size, strides=None, padding: str = "valid", data_format: str | None = None):
    """The largest value of each window (`keras.ops.max_pool`, 1-D to 3-D).

    Shapes: inputs (batch, length, channels) or (batch, height, width, channels), or with the channels second under
    `data_format="channels_first"`. `strides` is `pool_size` unless given. Raises `ShapeError`, `ArgumentError`.

    `padding`: "valid" (only windows that fit) or "same".

    Example:
        >>> max_pool([[[1.0], [3.0], [2.0], [0.0]]], 2).tolist()
        [[[3.0], [2.0]]]
    """
    return _pool("max_pool2d", inputs, pool_size, strides, padding, data_format)


def average_pool(inputs, pool_size, strides=None, padding: str = "valid", data_format: str | None = None):
    """The mean of each window, padding not counted (`keras.ops.average_pool`, 1-D to 3-D). Shapes as `max_pool`.

    `inputs`, `pool_size`, `strides`, `padding`, `data_format` as in `max_pool`. Raises `ShapeError`, `ArgumentError`.

    Example:
        >>> average_pool([[[1.0], [3.0], [2.0], [0.0]]], 2).tolist()
        [[[2.0], [1.0]]]
    """
    return _pool("avg_pool2d", inputs, pool_size, strides, padding, data_format)


def l2_pool(inputs, pool_size, strides=None, padding: str = "valid", data_format: str | None = None):
    """The Euclidean length of each window: sqrt of the mean of its squares times the window's size.

    Shapes as `max_pool`. Under padding="same" a window at the border is scaled as if it were whole.

    `inputs`, `pool_size`, `strides`, `padding`, `data_format` as in `max_pool`. Raises `ShapeError`, `ArgumentError`.

    Example:
        >>> l2_pool([[[3.0], [4.0]]], 2).tolist()
        [[[5.0]]]
    """
    shape = shape_of(inputs)
    places = prod(per_axis(pool_size, max(len(shape) - 2, 1), "pool_size"))
    squares = average_pool(ops.square(inputs), pool_size, strides, padding, data_format)
    return ops.sqrt(ops.multiply(squares, float(places)))


# ---- windows chosen by the size of the output ---------------------------------------------------------------

def _adaptive(reduce_axis, inputs, output_size, data_format):
    """Applies reduce_axis(x, [(start, stop), ...], axis) along each axis that is pooled."""
    rank = len(shape_of(inputs)) - 2
    first = 2 if data_format == "channels_first" else 1
    for axis, size in enumerate(per_axis(output_size, rank, "output_size"), first):
        length = shape_of(inputs)[axis]
        if length is None:
            raise ShapeError("Adaptive pooling needs maps whose size is known. " + received(shape=shape_of(inputs)))
        spend_numbers(size, length)
        cuts = [(i * length // size, -(-(i + 1) * length // size)) for i in range(size)]
        inputs = reduce_axis(inputs, cuts, axis)
    return inputs


def _largest(x, cuts, axis):
    parts = [ops.max(ops.get_item(x, (*[slice(None)] * axis, slice(*cut))), axis=axis, keepdims=True) for cut in cuts]
    return ops.concatenate(parts, axis=axis)


def _means(x, cuts, axis):
    from striate.ops.resample import weigh_axis

    matrix = np.zeros((len(cuts), shape_of(x)[axis]), np.float32)
    for row, (start, stop) in enumerate(cuts):
        matrix[row, start:stop] = 1.0 / (stop - start)
    return weigh_axis(x, matrix, axis)


def adaptive_max_pool(inputs, output_size, data_format: str | None = None):
    """The largest value of each of `output_size` windows an axis (`keras.ops.adaptive_max_pool`).

    Window i of `size` over n elements goes from floor(i n / size) to ceil((i + 1) n / size). Shapes as `max_pool`.

    `inputs`, `data_format` as in `max_pool`; gives (batch, *output_size, channels).

    Raises:
        ShapeError: the size of the maps is not known yet.

    Example:
        >>> adaptive_max_pool([[[1.0], [3.0], [2.0]]], 2).tolist()
        [[[3.0], [3.0]]]
    """
    return _adaptive(_largest, inputs, output_size, data_format)


def adaptive_average_pool(inputs, output_size, data_format: str | None = None):
    """The mean of each of `output_size` windows an axis (`keras.ops.adaptive_average_pool`); windows as there.

    Shapes, `inputs` and `data_format` as in `adaptive_max_pool`. Raises `ShapeError`.
    """
    return _adaptive(_means, ops.convert_to_tensor(inputs), output_size, data_format)
