"""Ops that move numbers without computing: reshape, transpose, concatenate, pad, repeat and their kin.

A length may be None (the batch, while a functional model is described); what cannot be known then stays None.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from striate import ops
from striate.errors import ArgumentError, ShapeError, received
from striate.ops.broadcast import broadcast_shapes, promoted, shape_of, sum_to_shape
from striate.ops.dispatch import apply
from striate.ops.reduce import normal_axes
from striate.ops.spec import OpSpec, TensorType, register


def _axis(axis: int, rank: int) -> int:
    return normal_axes(axis, rank)[0]


# ---- reshape: the same memory under another shape ----------------------------------------------------------------

def _resolved(old: tuple, new: tuple) -> tuple:
    """`new` with its -1 worked out; None where it depends on an unknown length."""
    if sum(length == -1 for length in new) > 1 or any(length is not None and length < -1 for length in new):
        raise ShapeError("A new shape may hold one -1 and no other negative length. " + received(newshape=new))
    known = prod(length for length in new if length not in (-1, None))
    if None in old or None in new:
        if -1 in new and None not in new and old.count(None) == 1:
            rest = prod(length for length in old if length is not None)
            if rest == known:
                return tuple(None if length == -1 else length for length in new)
        return tuple(None if length == -1 else length for length in new)
    total = prod(old)
    if -1 in new and known and total % known == 0:
        return tuple(total // known if length == -1 else length for length in new)
    if -1 in new or known != total:
        raise ShapeError(f"A tensor of {total} numbers does not fit the new shape. "
                         + received(shape=old, newshape=new))
    return new


register(OpSpec("reshape", lambda inputs, newshape: [TensorType(_resolved(inputs[0].shape, newshape), inputs[0].dtype)],
                lambda x, newshape: [np.reshape(x, newshape)],
                lambda node, g: [reshape(g, node.inputs[0].shape)], alias=True))


def reshape(x, newshape):
    """x with the same numbers in another shape; one length may be -1.

    Shapes: x any; gives `newshape`, a tuple of lengths or one integer.

    Raises:
        ShapeError: when the count of numbers differs.

    Example:
        >>> reshape([[1.0, 2.0], [3.0, 4.0]], (4,)).shape
        (4,)
    """
    new = tuple(newshape) if isinstance(newshape, (tuple, list)) else (newshape,)
    return apply("reshape", [x], newshape=tuple(-1 if n is None else int(n) for n in new))


def ravel(x):
    """x as one axis.

    Shapes: x any; gives (size of x,).
    """
    return reshape(x, (-1,))


def expand_dims(x, axis):
    """x with a new axis of length 1 at each place that `axis` (an integer or several) names in the result.

    Shapes: (a, b) with axis=0 gives (1, a, b). Raises `ArgumentError` for a place that the result lacks.
    """
    places = axis if isinstance(axis, (tuple, list)) else (axis,)
    old = shape_of(x)
    rank = len(old) + len(places)
    new_places = normal_axes(tuple(places), rank)
    rest = iter(old)
    return _with_shape(x, [1 if i in new_places else next(rest) for i in range(rank)])


def squeeze(x, axis=None):
    """x without its axes of length 1, or without those that `axis` names.

    Shapes: (a, 1, b) gives (a, b).

    Raises:
        ShapeError: when a named axis is longer than 1.
    """
    old = shape_of(x)
    axes = [i for i, n in enumerate(old) if n == 1] if axis is None else normal_axes(axis, len(old))
    if any(old[i] not in (1, None) for i in axes):
        raise ShapeError("squeeze removes axes of length 1 only. " + received(shape=old, axis=axis))
    return _with_shape(x, [n for i, n in enumerate(old) if i not in axes])


def _with_shape(x, lengths: Sequence):
    """Reshape by lengths of which at most one is unknown."""
    return reshape(x, tuple(-1 if n is None else n for n in lengths))


# ---- order of axes -----------------------------------------------------------------------------------------------

def _transpose_shape(inputs, axes):
    return [TensorType(tuple(inputs[0].shape[i] for i in axes), inputs[0].dtype)]


register(OpSpec("transpose", _transpose_shape, lambda x, axes: [np.ascontiguousarray(np.transpose(x, axes))],
                lambda node, g: [transpose(g, tuple(np.argsort(node.attributes["axes"]).tolist()))]))


def transpose(x, axes=None):
    """x with its axes in the order `axes`, reversed by default: shape (a, b, c) with (2, 0, 1) gives (c, a, b).

    Raises `ArgumentError` when `axes` does not name each axis once.
    """
    rank = len(shape_of(x))
    order = tuple(range(rank))[::-1] if axes is None else tuple(_axis(a, rank) for a in axes)
    if sorted(order) != list(range(rank)):
        raise ArgumentError(f"`axes` must name each of the {rank} axes once. " + received(axes=axes))
    return x if order == tuple(range(rank)) else apply("transpose", [x], axes=order)


def moveaxis(x, source, destination):
    """x with the axes `source` moved to the places `destination`; the others keep their order.

    Shapes: (a, b, c) with source=0, destination=2 gives (b, c, a). Both are integers or lists of the same length.
    Raises `ArgumentError` for an axis that x lacks.
    """
    rank = len(shape_of(x))
    sources = [_axis(a, rank) for a in (source if isinstance(source, (tuple, list)) else (source,))]
    places = [_axis(a, rank) for a in (destination if isinstance(destination, (tuple, list)) else (destination,))]
    order = [i for i in range(rank) if i not in sources]
    for place, axis in sorted(zip(places, sources, strict=True)):
        order.insert(place, axis)
    return transpose(x, order)


def swapaxes(x, axis1, axis2):
    """x with two axes exchanged.

    Shapes: (a, b, c) with axis1=0, axis2=2 gives (c, b, a). Raises `ArgumentError` for an axis that x lacks.
    """
    order = list(range(len(shape_of(x))))
    first, second = _axis(axis1, len(order)), _axis(axis2, len(order))
    order[first], order[second] = second, first
    return transpose(x, order)


# ---- joining and cutting -------------------------------------------------------------------------------------------

def _concatenate_shape(inputs, axis):
    shapes = [i.shape for i in inputs]
    for position in range(len(shapes[0])):
        if position != axis and len({s[position] for s in shapes} - {None}) > 1 or len({len(s) for s in shapes}) > 1:
            raise ShapeError(f"Tensors to join along axis {axis} must agree in all other lengths. "
                             + received(shapes=shapes))
    lengths = [s[axis] for s in shapes]
    joined = None if None in lengths else sum(lengths)
    shape = shapes[0][:axis] + (joined,) + shapes[0][axis + 1:]
    return [TensorType(shape, promoted(*[i.dtype for i in inputs]))]


def _concatenate_gradient(node, g):
    axis, parts, start = node.attributes["axis"], [], 0
    for value in node.inputs:
        stop = start + value.shape[axis]
        parts.append(_range(g, axis, start, stop))
        start = stop
    return parts


def _range(x, axis: int, start: int, stop: int):
    return ops.get_item(x, (*[slice(None)] * axis, slice(start, stop)))


register(OpSpec("concatenate", _concatenate_shape,
                lambda *xs, axis: [np.concatenate(xs, axis).astype(promoted(*[x.dtype for x in xs]))],
                _concatenate_gradient))


def concatenate(xs, axis=0):
    """The tensors `xs` one after the other along `axis`; all other lengths must agree.

    Shapes: (a, c) and (b, c) along axis 0 give (a + b, c).

    Raises:
        ShapeError: when they do not.
    """
    xs = list(xs)
    if not xs:
        raise ArgumentError("concatenate needs at least one tensor. " + received(xs=xs))
    return apply("concatenate", xs, axis=_axis(axis, len(shape_of(xs[0]))))


def stack(x, axis=0):
    """The tensors of the list `x`, all of one shape, along a new axis.

    Shapes: n tensors (a, b) along axis 0 give (n, a, b). Raises `ShapeError` for different shapes.
    """
    return concatenate([expand_dims(item, axis) for item in x], axis=axis)


def unstack(x, num=None, axis=0):
    """The list of x's parts along `axis`, without that axis.

    Shapes: (n, a) along axis 0 gives n tensors (a,). `num`: n, where the length is not known yet.
    """
    count = shape_of(x)[_axis(axis, len(shape_of(x)))]
    return [squeeze(part, axis) for part in split(x, count, axis)]


def split(x, indices_or_sections, axis=0):
    """x cut along `axis` into equal sections (an integer) or before each index of a list; gives a list.

    Shapes: (6, a) into 3 sections gives three tensors (2, a); before [1, 4] gives (1, a), (3, a) and (2, a).

    Raises:
        ShapeError: when the axis cannot be cut into that many equal parts.
    """
    axis = _axis(axis, len(shape_of(x)))
    length = shape_of(x)[axis]
    if isinstance(indices_or_sections, int):
        if length is None or length % indices_or_sections:
            raise ShapeError(f"An axis of length {length} cannot be cut into equal parts. "
                             + received(indices_or_sections=indices_or_sections))
        step = length // indices_or_sections
        cuts = list(range(step, length, step))
    else:
        cuts = [int(i) for i in indices_or_sections]
    edges = [0, *cuts, length]
    return [_range(x, axis, a, b) for a, b in zip(edges[:-1], edges[1:], strict=True)]


def array_split(x, indices_or_sections, axis=0):
    """As `split`, also into parts that are not equal: the first ones are longer by one.

    Shapes: (5, a) with `indices_or_sections` 2 along `axis` 0 gives (3, a) and (2, a). Raises `ShapeError` when the
    length is not known yet.
    """
    if not isinstance(indices_or_sections, int):
        return split(x, indices_or_sections, axis)
    length = shape_of(x)[_axis(axis, len(shape_of(x)))]
    if length is None:
        raise ShapeError("An axis of unknown length cannot be cut. " + received(shape=shape_of(x), axis=axis))
    step, more = divmod(length, indices_or_sections)
    return split(x, [place * step + min(place, more) for place in range(1, indices_or_sections)], axis)


# ---- repeating -------------------------------------------------------------------------------------------------

def _broadcast_shape(inputs, shape):
    if broadcast_shapes(inputs[0].shape, shape) != tuple(shape):
        raise ShapeError("broadcast_to cannot shorten an axis. " + received(x=inputs[0].shape, shape=shape))
    return [TensorType(tuple(shape), inputs[0].dtype)]


register(OpSpec("broadcast_to", _broadcast_shape, lambda x, shape: [np.broadcast_to(x, shape).copy()],
                lambda node, g: [sum_to_shape(g, node.inputs[0].shape)]))


def broadcast_to(x, shape):
    """x repeated along axes of length 1 (and new leading axes) up to `shape`.

    Shapes: (1, b) to (n, a, b). Raises `ShapeError` when x does not broadcast to it.
    """
    return x if shape_of(x) == tuple(shape) else apply("broadcast_to", [x], shape=tuple(shape))


def repeat(x, repeats, axis=None):
    """Each element (of the flattened x when `axis` is None) `repeats` times in a row: [a, b] gives [a, a, b, b].

    Shapes: (a, b) three times along axis 1 gives (a, 3 b). `repeats`: an integer, or one for each element along `axis`.
    """
    if axis is None:
        x, axis = ravel(x), 0
    shape = list(shape_of(x))
    axis = _axis(axis, len(shape))
    if np.ndim(repeats):
        return ops.take(x, np.repeat(np.arange(shape[axis]), repeats).astype(np.int32), axis=axis)
    if repeats == 1:
        return x
    wide = expand_dims(x, axis + 1)
    target = (*shape[:axis + 1], int(repeats), *shape[axis + 1:])
    if None in target:
        return _with_shape(concatenate([wide] * int(repeats), axis + 1), _times(shape, axis, repeats))
    return _with_shape(broadcast_to(wide, target), _times(shape, axis, repeats))


def _times(shape, axis, count):
    return [n if i != axis else None if n is None else n * int(count) for i, n in enumerate(shape)]


def tile(x, repeats):
    """The whole of x `repeats[i]` times along axis i: [a, b] gives [a, b, a, b].

    Shapes: (a, b) with repeats (2, 3) gives (2 a, 3 b); missing axes are added in front.
    """
    counts = list(repeats) if isinstance(repeats, (tuple, list)) else [repeats]
    missing = len(counts) - len(shape_of(x))
    if missing > 0:
        x = expand_dims(x, tuple(range(missing)))
    counts = [1] * -missing + counts
    for axis, count in enumerate(counts):
        if count != 1:
            x = concatenate([x] * int(count), axis)
    return x


# ---- padding, turning -----------------------------------------------------------------------------------------

def _pad_shape(inputs, pad_width, mode, constant_value):
    lengths = [None if n is None else n + low + high for n, (low, high) in zip(inputs[0].shape, pad_width, strict=True)]
    return [TensorType(tuple(lengths), inputs[0].dtype)]


def _pad_reference(x, pad_width, mode, constant_value):
    return [np.pad(x, pad_width, mode=mode, constant_values=constant_value)]


def _pad_gradient(node, g):
    cut = zip(node.inputs[0].shape, node.attributes["pad_width"], strict=True)
    return [ops.get_item(g, tuple(slice(low, low + n) for n, (low, _) in cut))]


register(OpSpec("pad", _pad_shape, _pad_reference, _pad_gradient))


def pad(x, pad_width, mode="constant", constant_values=None):
    """x with `pad_width[i] = (before, after)` more elements along axis i; one pair, or one integer, serves all axes.

    mode: "constant" (`constant_values`, 0 by default), "reflect", "symmetric", "edge" or "wrap".

    Shapes: (a, b) with pad_width ((1, 2), (0, 0)) gives (a + 3, b). Raises `ArgumentError` for another mode or a pair
    too few.
    """
    rank = len(shape_of(x))
    if isinstance(pad_width, int):
        pairs = ((pad_width, pad_width),) * rank
    elif all(isinstance(n, (int, np.integer)) for n in pad_width):
        pairs = (tuple(pad_width),) * rank if len(pad_width) == 2 else ((pad_width[0],) * 2,) * rank
    else:
        pairs = tuple(tuple(pair) for pair in pad_width)
        pairs = pairs * rank if len(pairs) == 1 else pairs
    if not rank or len(pairs) != rank or any(len(pair) != 2 or min(pair) < 0 for pair in pairs):
        raise ArgumentError(f"`pad_width` must hold (before, after) for each of the {rank} axes. "
                            + received(pad_width=pad_width))
    pairs = tuple((int(low), int(high)) for low, high in pairs)
    if mode == "constant":
        return apply("pad", [x], pad_width=pairs, mode=mode, constant_value=constant_values or 0)
    if mode not in ("reflect", "symmetric", "edge", "wrap"):
        raise ArgumentError("`mode` of pad must be 'constant', 'reflect', 'symmetric', 'edge' or 'wrap'. "
                            + received(mode=mode))
    for axis, pair in enumerate(pairs):
        if any(pair):
            places = np.pad(np.arange(shape_of(x)[axis], dtype=np.int32), pair, mode=mode)
            x = ops.take(x, places, axis=axis)
    return x


register(OpSpec("flip", lambda inputs, axis: [inputs[0]], lambda x, axis: [np.flip(x, axis).copy()],
                lambda node, g: [flip(g, node.attributes["axis"])]))


def flip(x, axis=None):
    """x with the order along `axis` (None: every axis) reversed.

    Shapes: x any; gives x's. Raises `ArgumentError` for an axis that x lacks.
    """
    return apply("flip", [x], axis=normal_axes(axis, len(shape_of(x))))


def roll(x, shift, axis=None):
    """x turned round along `axis` by `shift` places; what leaves at the end comes in at the start.

    Shapes: x any; gives x's. Raises `ArgumentError` for an axis that x lacks.

    `axis` None rolls the flattened x. `shift` and `axis`: integers, or lists of the same length.
    """
    if axis is None:
        return _with_shape(roll(ravel(x), shift, 0), shape_of(x))
    if isinstance(axis, (tuple, list)):
        for one_shift, one_axis in zip(shift, axis, strict=True):
            x = roll(x, one_shift, one_axis)
        return x
    axis = _axis(axis, len(shape_of(x)))
    length = shape_of(x)[axis]
    turn = shift % max(length, 1)
    return x if turn == 0 else concatenate(
        [_range(x, axis, length - turn, length), _range(x, axis, 0, length - turn)], axis)
