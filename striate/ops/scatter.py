"""Numbers put at places that other numbers name: `scatter_update` and its kin, segments, counts.

    scatter_rows    y = x; for each n in order: y[rows[n]] = updates[n], or combined with what is there by `reduction`

All of them are this op, which has no kernel, after the places were turned into numbers of rows.
"""

from __future__ import annotations

from math import prod

import numpy as np

from striate import ops
from striate.errors import ArgumentError, ShapeError, received
from striate.ops.broadcast import broadcast_shapes, dtype_of, is_floating, shape_of
from striate.ops.dispatch import apply
from striate.ops.spec import OpSpec, TensorType, register

_COMBINE = {"add": np.add, "max": np.maximum, "min": np.minimum, "mul": np.multiply}


def _rows_shape(inputs, reduction):
    x, rows, updates = inputs
    broadcast_shapes(updates.shape, (*rows.shape, *x.shape[1:]))
    return [TensorType(x.shape, x.dtype)]


def _rows_reference(x, rows, updates, reduction):
    y = x.astype(np.float64) if reduction in ("add", "mul") and x.dtype.kind == "f" else x.copy()
    if reduction is None:
        wide = np.broadcast_to(updates, (*rows.shape, *x.shape[1:]))
        for row, update in zip(rows, wide, strict=True):  # the last of several for one row stays
            y[row] = update
    else:
        _COMBINE[reduction].at(y, rows, updates)
    return [y.astype(x.dtype)]


def _rows_gradient(node, g):
    x, rows, updates = node.inputs
    reduction, y = node.attributes["reduction"], node.outputs[0]
    of_rows = ops.take(g, rows, axis=0)
    if reduction == "add":
        return [g, None, of_rows]
    if reduction == "mul":
        factors = apply("scatter_rows", [ops.ones_like(x), rows, updates], reduction="mul")
        return [g * factors, None, ops.take(g * y, rows, axis=0) / updates]
    if reduction is None:
        count = shape_of(rows)[0]
        order = np.arange(count, dtype=np.int32)
        last = apply("scatter_rows", [np.zeros(shape_of(x)[0], np.int32), rows, order], reduction=None)
        counts = ops.equal(ops.take(last, rows, axis=0), order)
        counts = ops.reshape(ops.cast(counts, g.dtype), (count,) + (1,) * (len(shape_of(x)) - 1))
        kept = apply("scatter_rows", [ops.ones_like(g), rows, ops.zeros_like(of_rows)], reduction=None)
        return [g * kept, None, of_rows * counts]
    stays = ops.cast(ops.equal(x, y), g.dtype)
    comes = ops.cast(ops.equal(updates, ops.take(y, rows, axis=0)), g.dtype)
    share = g / apply("scatter_rows", [stays, rows, comes], reduction="add")  # equals share the gradient
    return [share * stays, None, ops.take(share, rows, axis=0) * comes]


def _size(inputs, outputs, attributes) -> int:
    return inputs[2].size


register(OpSpec("scatter_rows", _rows_shape, _rows_reference, _rows_gradient, _size))


def _row_numbers(indices, shape: tuple):
    """Places (n, k) along the first k axes of `shape` as numbers of rows (n,)."""
    strides = [prod(shape[axis + 1:]) for axis in range(len(shape))]
    return ops.sum(ops.multiply(indices, np.asarray(strides, np.int32)), axis=-1)


def scatter_update(inputs, indices, updates, reduction=None):
    """inputs with `updates` at the places `indices`.

    Args:
        inputs: a tensor of rank r.
        indices: (n, k) integers, k <= r: places along the first k axes.
        updates: (n, *inputs.shape[k:]).
        reduction: None (replaced, the last of several stays), "add", "max", "min" or "mul" (combined with what is
            there).

    Raises:
        ArgumentError: for another reduction. ShapeError: when a place has more numbers than inputs has axes.

    Example:
        >>> scatter_update(np.zeros(4, np.float32), [[0], [0], [2]], [1.0, 1.0, 5.0], reduction="add").tolist()
        [2.0, 0.0, 5.0, 0.0]
    """
    reduction = reduction if reduction is None else str(reduction).lower()
    if reduction is not None and reduction not in _COMBINE:
        raise ArgumentError(f"`reduction` must be None or one of {tuple(_COMBINE)}. " + received(reduction=reduction))
    inputs = ops.convert_to_tensor(inputs)
    shape, places = shape_of(inputs), shape_of(indices)
    if len(places) != 2 or places[1] > len(shape):
        raise ShapeError("`indices` of scatter_update must be (n, k), with k numbers for each place, at most one an "
                         "axis of inputs. " + received(indices=places, inputs=shape))
    front, rest = shape[:places[1]], shape[places[1]:]
    rows = ops.mod(_row_numbers(indices, front), prod(front))
    updates = ops.cast(ops.broadcast_to(updates, (places[0], *rest)), dtype_of(inputs))
    done = apply("scatter_rows", [ops.reshape(inputs, (prod(front), *rest)), rows, updates], reduction=reduction)
    return ops.reshape(done, shape)


def scatter(indices, values, shape):
    """Zeros of `shape` with `values` added at the places `indices`: (..., k) integers, values (..., *shape[k:]).

    Places that occur several times add up.
    """
    axes = shape_of(indices)[-1]
    count = prod(shape_of(indices)[:-1])
    zeros = np.zeros(tuple(shape), dtype_of(values))
    return scatter_update(zeros, ops.reshape(indices, (count, axes)),
                          ops.reshape(values, (count, *shape[axes:])), reduction="add")


# ---- segments --------------------------------------------------------------------------------------------------------

def _segments(data, segment_ids, num_segments, start, reduction: str):
    """Rows of one segment combined, from `start`; segments outside 0 ... num_segments - 1 are left out."""
    count = int(np.max(np.asarray(segment_ids))) + 1 if num_segments is None else int(num_segments)
    inside = ops.logical_and(ops.greater_equal(segment_ids, 0), ops.less(segment_ids, count))
    rows = ops.where(inside, segment_ids, count)
    data = ops.convert_to_tensor(data)
    empty = np.full((count + 1, *shape_of(data)[1:]), start, dtype_of(data))
    done = apply("scatter_rows", [empty, rows, data], reduction=reduction)
    return ops.get_item(done, slice(0, count))


def _limit(data, largest: bool):
    dtype = dtype_of(data)
    if is_floating(dtype):
        return np.inf if largest else -np.inf
    return np.iinfo(dtype).max if largest else np.iinfo(dtype).min


def segment_max(data, segment_ids, num_segments=None, sorted=False):
    """The largest numbers of the rows of `data` that have the same segment; -infinity for a segment of no rows.

    Shapes: data (n, ...), segment_ids (n,) integers from 0; gives (num_segments, ...), as many as occur unless given.
    `sorted` changes nothing.
    """
    return _segments(data, segment_ids, num_segments, _limit(data, False), "max")


def segment_min(data, segment_ids, num_segments=None, sorted=False):
    """The smallest numbers of the rows of `data` that have the same segment; infinity for a segment of no rows.

    Shapes: data (n, ...), segment_ids (n,) integers from 0; gives (num_segments, ...), as many as occur unless given.
    `sorted` changes nothing.
    """
    return _segments(data, segment_ids, num_segments, _limit(data, True), "min")


def segment_prod(data, segment_ids, num_segments=None, sorted=False):
    """The products of the rows of `data` that have the same segment; 1 for a segment of no rows.

    Shapes: data (n, ...), segment_ids (n,) integers from 0; gives (num_segments, ...), as many as occur unless given.
    `sorted` changes nothing.
    """
    return _segments(data, segment_ids, num_segments, 1, "mul")


# ---- counts ----------------------------------------------------------------------------------------------------------

def slice_update(inputs, start_indices, updates):
    """inputs with the block at `start_indices` replaced by `updates`.

    Shapes: inputs any, start_indices (axes,) whole numbers, updates with as many axes; gives inputs'.
    """
    starts, lengths, shape = [int(start) for start in start_indices], shape_of(updates), shape_of(inputs)
    if not len(starts) == len(lengths) == len(shape) or any(
            start < 0 or start + m > n for start, n, m in zip(starts, shape, lengths, strict=True)):
        raise ShapeError("`updates` must have as many axes as `inputs`, `start_indices` a number for each, and the "
                         "block must lie inside. " + received(inputs=shape, start_indices=starts, updates=lengths))
    pairs = [(start, n - start - m) for start, n, m in zip(starts, shape, lengths, strict=True)]
    inside = np.pad(np.ones(lengths, bool), pairs)
    return ops.where(inside, ops.pad(updates, pairs), inputs)


def histogram(x, bins=10, range=None):
    """How many numbers of the line x lie in each of `bins` equal intervals, and the bins + 1 edges between.

    range: (lowest, highest); those of x by default. The last interval holds its upper edge too. Counts are of x's
    type.

    Raises:
        ArgumentError: for less than one bin, or a range that falls. ShapeError: x has several axes.

    Example:
        >>> histogram([0.0, 1.0, 1.0, 4.0], bins=2)[0].tolist()
        [3.0, 1.0]
    """
    if not isinstance(bins, int) or bins < 1:
        raise ArgumentError("`bins` must be a positive integer. " + received(bins=bins))
    if range is not None and (len(range) != 2 or range[1] < range[0]):
        raise ArgumentError("`range` must be (lowest, highest). " + received(range=range))
    x = ops.convert_to_tensor(x)
    if len(shape_of(x)) != 1:
        raise ShapeError("histogram takes a line of numbers. " + received(shape=shape_of(x)))
    dtype = dtype_of(x)
    values = ops.cast(x, "float32")
    low, high = (ops.min(values), ops.max(values)) if range is None else map(np.float32, range)
    flat = ops.equal(low, high)
    low, high = ops.where(flat, ops.subtract(low, 0.5), low), ops.where(flat, ops.add(high, 0.5), high)
    share = (np.arange(bins + 1) / bins).astype(np.float32)
    edges = ops.multiply(low, 1.0 - share) + ops.multiply(high, share)
    places = ops.subtract(ops.searchsorted(edges, values, side="right"), 1)
    places = ops.where(ops.equal(values, ops.get_item(edges, bins)), bins - 1, places)
    ones = ops.ones_like(values)
    outside = ops.logical_or(ops.less(places, 0), ops.greater_equal(places, bins))
    counts = apply("scatter_rows", [np.zeros(bins + 1, np.float32), ops.where(outside, bins, places), ones],
                   reduction="add")
    return ops.cast(ops.get_item(counts, slice(0, bins)), dtype), edges
