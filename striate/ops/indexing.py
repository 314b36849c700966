"""Picking numbers by position: slices, rows by index, one-hot rows, sorting.

A positive or negative step cuts with `slice`; its gradient puts the numbers back among zeros (`put_slice`).
`take` reads rows by index and can change their dtype on the way, which is how a batch comes out of a data set;
its gradient adds rows up again in the order of the indices (`take_grad`).
"""

from __future__ import annotations

import operator

import numpy as np

from striate import ops
from striate.errors import ArgumentError, ShapeError, received
from striate.ops.broadcast import dtype_of, is_floating, length_of, shape_of
from striate.ops.dispatch import apply
from striate.ops.reduce import normal_axes
from striate.ops.spec import OpSpec, TensorType, register

_builtin_slice = slice


# ---- slices ------------------------------------------------------------------------------------------------------

def _cut(starts, stops, steps):
    return tuple(_builtin_slice(a, b if b >= 0 else None, c) for a, b, c in zip(starts, stops, steps, strict=True))


def _slice_shape(inputs, starts, stops, steps):
    lengths = [None if b is None else len(range(a, b, c)) for a, b, c in zip(starts, stops, steps, strict=True)]
    return [TensorType(tuple(lengths), inputs[0].dtype)]


def _slice_reference(x, starts, stops, steps):
    stops = [n if b is None else b for n, b in zip(x.shape, stops, strict=True)]
    return [np.ascontiguousarray(x[_cut(starts, stops, steps)])]


def _put_reference(g, shape, starts, stops, steps):
    x = np.zeros(shape, g.dtype)
    x[_cut(starts, stops, steps)] = g
    return [x]


register(OpSpec("slice", _slice_shape, _slice_reference,
                lambda node, g: [apply("put_slice", [g], shape=node.inputs[0].shape, **node.attributes)]))
register(OpSpec("put_slice", lambda inputs, shape, **cut: [TensorType(shape, inputs[0].dtype)], _put_reference,
                lambda node, g: [apply("slice", [g], **{k: v for k, v in node.attributes.items() if k != "shape"})]))


def get_item(x, key):
    """x[key] for integers, slices, None (a new axis) and an Ellipsis; one integer tensor picks rows by `take`.

    Shapes: x any; an integer takes its axis away, a slice shortens it, None adds one.

    Raises:
        ArgumentError: for another key, or an index outside the axis.

    Example:
        >>> get_item([[1.0, 2.0], [3.0, 4.0]], (Ellipsis, 0))
        array([1., 3.], dtype=float32)
    """
    keys = list(key) if isinstance(key, tuple) else [key]
    if len(keys) == 1 and hasattr(keys[0], "shape") and len(shape_of(keys[0])) > 0:
        return take(x, keys[0], axis=0)
    lengths = shape_of(x)
    named = sum(k is not None and k is not Ellipsis for k in keys)
    if named > len(lengths):
        raise ArgumentError(f"A tensor of {len(lengths)} axes takes at most {len(lengths)} indices. "
                            + received(key=key))
    if not any(k is Ellipsis for k in keys):
        keys.append(Ellipsis)
    place = next(i for i, k in enumerate(keys) if k is Ellipsis)
    keys[place:place + 1] = [_builtin_slice(None)] * (len(lengths) - named)
    cuts, shape, axis = [], [], 0
    for item in keys:
        if item is None:
            shape.append(1)
            continue
        cut = _range_of(item, lengths[axis], key)
        cuts.append(cut)
        if isinstance(item, _builtin_slice):
            shape.append(-1 if cut[1] is None else len(range(*cut)))
        axis += 1
    starts, stops, steps = (tuple(part) for part in zip(*cuts, strict=True)) if cuts else ((), (), ())
    whole = all(a == 0 and (b is None or b == n) and c == 1 for (a, b, c), n in zip(cuts, lengths, strict=True))
    picked = x if whole else apply("slice", [x], starts=starts, stops=stops, steps=steps)
    return picked if tuple(-1 if n is None else n for n in shape_of(picked)) == tuple(shape) else ops.reshape(
        picked, shape)


def _range_of(item, length, key) -> tuple:
    """(start, stop, step) of one index; stop is None where the length is unknown."""
    if isinstance(item, _builtin_slice):
        if length is None:
            if item != _builtin_slice(None):
                raise ArgumentError("An axis of unknown length can only be taken whole. " + received(key=key))
            return 0, None, 1
        return item.indices(length)
    try:
        item = operator.index(item)
    except TypeError:
        raise ArgumentError("An index must be an integer, a slice, None or an Ellipsis. "
                            + received(key=key)) from None
    if length is None or not -length <= item < length:
        raise ArgumentError(f"An index must lie inside its axis of length {length}. " + received(index=item))
    start = item % length
    return start, start + 1, 1


def slice(inputs, start_indices, shape):  # noqa: A001 - Keras' name
    """The block of `shape` that starts at `start_indices`; a length of -1 takes the rest of the axis.

    Shapes: inputs any, start_indices and shape with a number for each axis; gives `shape`. What reaches
    over the end is cut off.
    """
    return get_item(inputs, tuple(_builtin_slice(int(a), None if n == -1 else int(a) + int(n)) for a, n in zip(
        start_indices, shape, strict=True)))


# ---- rows by index -------------------------------------------------------------------------------------------------

def _take_shape(inputs, axis, dtype=None):
    x, indices = inputs
    if np.dtype(indices.dtype).kind not in "iu":
        raise ArgumentError("`indices` of take must be integers. " + received(dtype=indices.dtype))
    shape = x.shape[:axis] + indices.shape + x.shape[axis + 1:]
    return [TensorType(shape, dtype or x.dtype)]


def _take_reference(x, indices, axis, dtype=None):
    rows = np.take(x, indices, axis=axis, mode="wrap")
    return [rows if dtype is None else rows.astype(dtype)]


def _take_gradient(node, g):
    x, indices = node.inputs
    axis = node.attributes["axis"]
    return [apply("take_grad", [g, indices], axis=axis, length=x.shape[axis]) if is_floating(x.dtype) else None, None]


def _take_grad_shape(inputs, axis, length):
    g, indices = inputs
    rest = g.shape[axis + len(indices.shape):]
    return [TensorType(g.shape[:axis] + (length,) + rest, g.dtype)]


def _take_grad_reference(g, indices, axis, length):
    wide = np.zeros((*g.shape[:axis], length, *g.shape[axis + indices.ndim:]), np.float64)
    target = np.moveaxis(wide, axis, 0)
    rows = g.reshape(*g.shape[:axis], indices.size, *g.shape[axis + indices.ndim:])
    np.add.at(target, indices.reshape(-1) % length, np.moveaxis(rows, axis, 0))
    return [wide.astype(g.dtype)]


register(OpSpec("take", _take_shape, _take_reference, _take_gradient))
register(OpSpec("take_grad", _take_grad_shape, _take_grad_reference))


def take(x, indices, axis=None, dtype=None):
    """The parts of x at `indices` along `axis` (of the flattened x when None), as `dtype` when given.

    x: (n, ...), indices: integers of any shape i, axis=0: the result is (*i, ...). A negative index counts from the
    end; inside a program, where no number is known yet, every index counts modulo the axis.

    Raises `ArgumentError` when the indices are no integers, and when one of an array lies outside the axis.
    """
    if axis is None:
        x, axis = ops.reshape(x, (-1,)), 0
    axis = normal_axes(axis, len(shape_of(x)))[0]
    length = shape_of(x)[axis]
    if isinstance(indices, (int, list, tuple, np.ndarray)) and length is not None:
        known = np.asarray(indices)
        if known.size and known.dtype.kind in "iu" and not -length <= known.min() <= known.max() < length:
            raise ArgumentError(f"`indices` must lie between -{length} and {length - 1} along an axis of {length}. "
                                + received(axis=axis, smallest=int(known.min()), largest=int(known.max())))
    attributes = {} if dtype is None else {"dtype": str(np.dtype(dtype))}
    return apply("take", [x, indices], axis=axis, **attributes)


def take_along_axis(x, indices, axis=None):
    """result[i, j, ...] = x[indices[i, j, ...], j, ...] for axis 0, and so on; all other lengths agree.

    Shapes: x and indices of one rank; gives the indices' shape. Without an axis both are flattened. Raises IndexError
    for an array's index outside the axis.
    """
    if axis is None:
        return take_along_axis(ops.reshape(x, (-1,)), ops.reshape(indices, (-1,)), 0)
    return apply("take_along_axis", [x, indices], axis=normal_axes(axis, len(shape_of(x)))[0])


def _along_gradient(node, g):
    x, indices = node.inputs
    axis = node.attributes["axis"]
    hot = one_hot(indices, x.shape[axis], axis=-1, dtype=g.dtype)
    picked = ops.sum(ops.expand_dims(g, -1) * hot, axis=axis)
    return [ops.moveaxis(picked, -1, axis), None]


register(OpSpec("take_along_axis", lambda inputs, axis: [TensorType(inputs[1].shape, inputs[0].dtype)],
                lambda x, indices, axis: [np.take_along_axis(x, indices, axis)], _along_gradient))


# ---- one-hot rows ----------------------------------------------------------------------------------------------------

def _one_hot_shape(inputs, num_classes, axis, dtype):
    shape = inputs[0].shape
    return [TensorType(shape[:axis] + (num_classes,) + shape[axis:], dtype)]


def _one_hot_reference(x, num_classes, axis, dtype):
    hot = np.expand_dims(x, -1) == np.arange(num_classes)
    return [np.ascontiguousarray(np.moveaxis(hot, -1, axis)).astype(dtype)]


register(OpSpec("one_hot", _one_hot_shape, _one_hot_reference, lambda node, g: [None]))


def one_hot(x, num_classes, axis=-1, dtype=None, sparse=False):
    """Rows with a 1 at the place that each integer of x names, 0 elsewhere; all 0 when there is no such place.

    x: any shape; the result has one more axis, of length `num_classes`, at `axis`.

    float32 unless `dtype` says otherwise; `sparse` is accepted for Keras' sake.
    """
    if is_floating(dtype_of(x)):
        x = ops.cast(x, "int32")
    place = normal_axes(axis, len(shape_of(x)) + 1)[0]
    return apply("one_hot", [x], num_classes=int(num_classes), axis=place, dtype=str(np.dtype(dtype or "float32")))


# ---- order -----------------------------------------------------------------------------------------------------------

register(OpSpec("argsort", lambda inputs, axis: [TensorType(inputs[0].shape, "int32")],
                lambda x, axis: [np.argsort(x, axis=axis, kind="stable").astype(np.int32)], lambda node, g: [None]))


def argsort(x, axis=-1):
    """The positions that sort x along `axis` (of the flattened x when None), equal elements in their order; int32.

    Shapes: x any; gives x's, or a line. Raises `ArgumentError` for an axis that x lacks.
    """
    if axis is None:
        x, axis = ops.reshape(x, (-1,)), 0
    return apply("argsort", [x], axis=normal_axes(axis, len(shape_of(x)))[0])


def sort(x, axis=-1):
    """x sorted along `axis`, smallest first.

    Shapes: x any; gives x's, or a line for None. Raises `ArgumentError` for an axis that x lacks.
    """
    return take_along_axis(x, argsort(x, axis), axis)


def top_k(x, k, sorted=True):
    """The k largest numbers of each row (last axis), largest first, and their positions.

    Shapes: x (..., n); gives two times (..., k), the second int32. `sorted` changes nothing: the result always falls.

    Raises:
        ShapeError: when a row holds fewer than k numbers.
    """
    length = length_of(x, -1)
    if k > length:
        raise ShapeError(f"`k` must not be larger than the last axis, {length}. " + received(k=k))
    places = get_item(argsort(ops.negative(x), -1), (Ellipsis, _builtin_slice(0, k)))
    return take_along_axis(x, places, -1), places


def in_top_k(targets, predictions, k):
    """Whether each target class is among the k largest predictions of its row; ties count in its favour.

    Shapes: targets (...) class numbers, predictions (..., classes); gives bool (...).
    """
    places = ops.expand_dims(ops.cast(targets, "int32"), -1)
    chosen = take_along_axis(predictions, places, -1)
    ahead = ops.sum(ops.cast(ops.greater(predictions, chosen), "int32"), axis=-1)
    return ops.less(ahead, k)
