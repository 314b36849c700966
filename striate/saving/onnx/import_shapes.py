"""Operators that move numbers: shapes, orders of axes, parts, joins; and what computes with shapes while loading."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from striate import layers, ops
from striate.saving.onnx.builder import (
    LAST,
    MAX_CONSTANT,
    NATURAL,
    Builder,
    Tensor,
    Value,
    plain,
    reads,
    sliced,
)
from striate.saving.onnx.import_elementwise import dtype_of
from striate.saving.onnx.writer import first_order, last_order

_UNKNOWN = -(1 << 40)
"""Stands for a length that is not known (the batch) among numbers that are computed while loading."""


# ---- numbers that are computed while loading ------------------------------------------------------------------

def _reduced(function: Callable) -> Callable:
    def compute(b, node, x, axes=None):
        axis = node.attributes.get("axes") if axes is None else tuple(np.ravel(axes).tolist())
        return function(x, axis=axis, keepdims=bool(node.attributes.get("keepdims", 1)))
    return compute


def _joined(b, node, *parts):
    return np.concatenate([np.atleast_1d(part) for part in parts], axis=node.attributes["axis"])


def _squeezed(b, node, x, axes=None):
    axis = node.attributes.get("axes") if axes is None else tuple(np.ravel(axes).tolist())
    return np.squeeze(x, axis=axis)


def _cut(b, node, x, *rest):
    return x[tuple(_cuts(b, x.shape, rest).get(axis, slice(None)) for axis in range(x.ndim))]


def _spread(b, node, x, shape):
    return np.broadcast_to(x, _small(b, np.broadcast_shapes(x.shape, tuple(shape.ravel().tolist()))))


def _divided(b, node, x, y):
    return np.trunc(x / y).astype(x.dtype) if x.dtype.kind in "iu" else x / y


CONSTANT: dict[str, Callable[..., Any]] = {
    "Abs": lambda b, node, x: np.abs(x), "Add": lambda b, node, x, y: x + y, "Cast": lambda b, node, x: x.astype(
        dtype_of(b, node.attributes["to"])), "Ceil": lambda b, node, x: np.ceil(x), "Concat": _joined,
    "Div": _divided, "CastLike": lambda b, node, x, y: x.astype(
        y.dtype), "Equal": lambda b, node, x, y: x == y, "Expand": _spread, "Exp": lambda b, node, x: np.exp(x),
    "Floor": lambda b, node, x: np.floor(x), "Gather": lambda b, node, x, i: np.take(
        x, i, axis=node.attributes.get("axis", 0)), "Greater": lambda b, node, x, y: x > y,
    "Identity": lambda b, node, x: x, "Less": lambda b, node, x, y: x < y, "Log": lambda b, node, x: np.log(x),
    "Max": lambda b, node, *x: np.maximum.reduce(np.broadcast_arrays(*x)),
    "Min": lambda b, node, *x: np.minimum.reduce(np.broadcast_arrays(*x)), "Mul": lambda b, node, x, y: x * y,
    "Neg": lambda b, node, x: -x, "Not": lambda b, node, x: ~x, "Pow": lambda b, node, x, y: np.power(
        x, y.astype(x.dtype)), "ReduceMax": _reduced(np.max), "ReduceMin": _reduced(np.min),
    "ReduceProd": _reduced(np.prod), "ReduceSum": _reduced(np.sum), "Reshape": lambda b, node, x, shape: x.reshape(
        [int(n) or x.shape[i] for i, n in enumerate(shape)]), "Slice": _cut,
    "Sqrt": lambda b, node, x: np.sqrt(x), "Squeeze": _squeezed, "Sub": lambda b, node, x, y: x - y,
    "Transpose": lambda b, node, x: x.transpose(node.attributes.get("perm")),
    "Unsqueeze": lambda b, node, x, axes=None: np.expand_dims(
        x, tuple(node.attributes["axes"] if axes is None else np.ravel(axes).tolist())),
    "Where": lambda b, node, c, x, y: np.where(c, x, y),
}
"""Operators on constants: what programs write to compute shapes."""
_ARITHMETIC = frozenset({"Add", "Div", "Equal", "Max", "Min", "Mul", "Pow", "Sub", "Where"})


def _size_of_result(node: Any, arrays: Sequence[np.ndarray]) -> int:
    """How many numbers an operator gives that can give more than it gets; 0 for the others."""
    if node.op in _ARITHMETIC:
        return math.prod(np.broadcast_shapes(*(array.shape for array in arrays)))
    if node.op == "Concat":
        return sum(array.size for array in arrays)
    if node.op == "Gather":
        x, indices = arrays
        return x.size // max(1, x.shape[node.attributes.get("axis", 0)]) * indices.size
    return 0


def constant(b: Builder, node: Any, arrays: Sequence[np.ndarray]) -> np.ndarray:
    """An operator on constants alone, computed at once.

    Raises:
        ModelFileError: it is none of those that are, or its result would be too large.
    """
    if node.op not in CONSTANT:
        raise b.refuse("on constants alone is not read")
    if _size_of_result(node, arrays) > MAX_CONSTANT:
        raise b.refuse("makes a constant that is too large")
    return np.asarray(CONSTANT[node.op](b, node, *arrays))


@reads("Constant")
def _constant(b, node):
    attributes = node.attributes
    for name, kind in (("value", None), ("value_float", "f4"), ("value_floats", "f4"), ("value_int", "i8"),
                       ("value_ints", "i8")):
        if attributes.get(name) is not None:
            return np.asarray(attributes[name], kind)
    raise b.refuse("holds no numbers")


def _small(b: Builder, shape: Sequence[int]) -> tuple[int, ...]:
    if any(length < 0 for length in shape) or math.prod(shape) > MAX_CONSTANT:
        raise b.refuse("makes a constant that is too large, or of an unknown length", shape=tuple(shape))
    return tuple(shape)


@reads("ConstantOfShape")
def _filled(b, node, shape):
    value = node.attributes.get("value")
    value = np.zeros(1, np.float32) if value is None else value
    return np.full(_small(b, b.integers(shape, "shape")), value.item(), value.dtype)


@reads("Range")
def _range(b, node, start, limit, step):
    ends = [b.array(value, name).item() for value, name in ((start, "start"), (limit, "limit"), (step, "delta"))]
    if ends[2] == 0 or _UNKNOWN in ends:
        raise b.refuse("has an unknown length", given=ends)
    _small(b, [max(0, math.ceil((ends[1] - ends[0]) / ends[2]))])
    return np.arange(*ends, dtype=start.dtype)


@reads("Shape")
def _shape(b, node, x):
    lengths = [_UNKNOWN if length is None else length for length in x.shape]
    return np.array(lengths[node.attributes.get("start", 0):node.attributes.get("end", len(lengths))], np.int64)


@reads("Size")
def _size(b, node, x):
    if None in x.shape:
        raise b.refuse("of an unknown shape is not read", shape=x.shape)
    return np.array(math.prod(x.shape), np.int64)


# ---- shapes of tensors ----------------------------------------------------------------------------------------

@reads("Flatten")
def _flatten(b, node, x):
    x, axis = b.tensor(x), node.attributes.get("axis", 1)
    axis = axis + x.ndim if axis < 0 else axis
    if axis == 1 and x.ndim > 1:
        return Tensor(b.layer(layers.Flatten, b.to_flatten(x)))
    lead, rest = x.shape[:axis], x.shape[axis:]
    known = [None if None in part else math.prod(part) for part in (lead, rest)]
    return plain(b, lambda t: ops.reshape(t, tuple(-1 if length is None else length for length in known)), x)


@reads("Reshape")
def _reshape(b, node, x, shape):
    x, target = b.tensor(x), b.integers(shape, "shape")
    if not node.attributes.get("allowzero"):
        target = [(_UNKNOWN if x.shape[axis] is None else x.shape[axis]) if length == 0 and axis < x.ndim else length
                  for axis, length in enumerate(target)]
    rest = target[1:]
    if _UNKNOWN in rest or rest.count(-1) + (target[:1] == [-1]) > 1 and x.shape[0] is not None:
        raise b.refuse("to a shape that is not known is not read", shape=target)
    keeps_batch = target and (x.shape[0] is None and target[0] in (_UNKNOWN, -1)
                              or target[0] == x.shape[0] is not None)
    if keeps_batch and len(rest) > 0 and None not in x.shape[1:] and not (-1 in rest and target[0] == -1):
        if rest == [-1] or rest == [math.prod(x.shape[1:])]:
            return Tensor(b.layer(layers.Flatten, b.to_flatten(x)))
        if -1 in rest or math.prod(rest) == math.prod(x.shape[1:]):
            return Tensor(b.layer(layers.Reshape, b.natural(x), target_shape=tuple(rest)))
    return plain(b, lambda t: ops.reshape(t, tuple(-1 if length == _UNKNOWN else length for length in target)), x)


@reads("Transpose")
def _transpose(b, node, x):
    x = b.tensor(x)
    axes = tuple(node.attributes.get("perm") or range(x.ndim)[::-1])
    if sorted(axes) != list(range(x.ndim)):
        raise b.refuse("has an impossible order of axes", perm=axes)
    if x.ndim > 2 and axes == last_order(x.ndim) and LAST in x.forms:
        return Tensor(b.last(x))
    if x.ndim > 2 and axes == first_order(x.ndim) and NATURAL in x.forms:
        return Tensor(b.natural(x), LAST)
    if x.ndim > 1 and axes[0] == 0:
        return Tensor(b.layer(layers.Permute, b.natural(x), dims=axes[1:]))
    return plain(b, lambda t: ops.transpose(t, axes), x)


def _axes(b: Builder, axes: Value, rank: int) -> tuple[int, ...] | None:
    """The axes of a node: an attribute in older editions, an input in newer ones; None if there are none."""
    given = b.node.attributes.get("axes") if axes is None else b.integers(axes, "axes")
    return None if given is None else tuple(axis % rank for axis in given)


@reads("Squeeze")
def _squeeze(b, node, x, axes=None):
    x = b.tensor(x)
    found = _axes(b, axes, x.ndim)
    if found is None:
        found = tuple(axis for axis, length in enumerate(x.shape) if length == 1)
    order = b.order_of(x)
    left = [axis for axis in range(x.ndim) if axis not in found]
    if order == LAST and [axis for axis in last_order(x.ndim) if axis in left] != left:
        order = NATURAL
    return Tensor(ops.squeeze(b.form(x, order), tuple(b.place(axis, order, x.ndim) for axis in found)))


@reads("Unsqueeze")
def _unsqueeze(b, node, x, axes=None):
    x = b.tensor(x)
    given = node.attributes.get("axes") if axes is None else b.integers(axes, "axes")
    if not given or len(given) + x.ndim > 8:
        raise b.refuse("has too many axes, or none", axes=given)
    rank = x.ndim + len(given)
    return plain(b, lambda t: ops.expand_dims(t, tuple(sorted(axis % rank for axis in given))), x)


@reads("Expand")
def _expand(b, node, x, shape):
    x, target = b.tensor(x), b.integers(shape, "shape")
    rank = max(x.ndim, len(target))
    own = (1,) * (rank - x.ndim) + x.shape
    wanted = [1] * (rank - len(target)) + target
    result = tuple(wide if length == 1 else length for length, wide in zip(own, wanted, strict=True))
    if any(length is not None and length < 1 for length in result):
        raise b.refuse("has an unknown length", shape=target)
    if result == own:
        return x
    return plain(b, lambda t: ops.broadcast_to(t, result), x)


@reads("Tile")
def _tile(b, node, x, repeats):
    x, counts = b.tensor(x), b.integers(repeats, "repeats")
    if len(counts) != x.ndim or min(counts) < 1 or math.prod(counts) > 1 << 16:
        raise b.refuse("repeats too often, or not at all", repeats=counts)
    return plain(b, lambda t: ops.tile(t, counts), x)


# ---- parts and joins ------------------------------------------------------------------------------------------

def _cuts(b: Builder, shape: Sequence[int | None], rest: Sequence[Value]) -> dict[int, slice]:
    """Axis -> slice, from attributes (older editions) or inputs."""
    node, rank = b.node, len(shape)
    if b.opset < 10:
        starts, stops = list(node.attributes["starts"]), list(node.attributes["ends"])
        axes, steps = node.attributes.get("axes"), None
    else:
        starts, stops = b.integers(rest[0], "starts"), b.integers(rest[1], "ends")
        axes = b.integers(rest[2], "axes") if len(rest) > 2 and rest[2] is not None else None
        steps = b.integers(rest[3], "steps") if len(rest) > 3 and rest[3] is not None else None
    axes = list(range(len(starts))) if axes is None else [axis % rank for axis in axes]
    found = {}
    for axis, start, stop, step in zip(axes, starts, stops, steps or [1] * len(starts), strict=True):
        length = shape[axis]
        if step == 0 or length is None and (start, step) != (0, 1) and not (start >= 0 and step > 0):
            raise b.refuse("cuts an axis of unknown length", axis=axis)
        if length is None:
            found[axis] = slice(start, None if stop > 1 << 31 else stop, step)
            continue
        first, last, step = slice(start, stop, step).indices(length)
        found[axis] = slice(first, None if last < 0 else last, step)
    return found


def _part(b: Builder, x: Tensor, cuts: dict[int, slice]) -> Tensor:
    order = b.order_of(x)
    return Tensor(sliced(b.form(x, order), {b.place(axis, order, x.ndim): cut for axis, cut in cuts.items()}), order)


@reads("Slice")
def _slice(b, node, x, *rest):
    x = b.tensor(x)
    cuts = {axis: cut for axis, cut in _cuts(b, x.shape, rest).items()
            if not (cut.start == 0 and cut.step == 1 and cut.stop in (None, x.shape[axis]))}
    return _part(b, x, cuts) if cuts else x


@reads("Split")
def _split(b, node, x, sizes=None):
    x, axis = b.tensor(x), node.attributes.get("axis", 0)
    axis, length = axis % x.ndim, x.shape[axis]
    parts = node.attributes.get("split") if sizes is None else b.integers(sizes, "split")
    if parts is None:
        count = node.attributes.get("num_outputs", len(node.outputs))
        if length is None or not 1 <= count <= 1 << 16:
            raise b.refuse("cuts an axis of unknown length", shape=x.shape)
        size = -(-length // count)
        parts = [min(size, length - index * size) for index in range(count)]
    if length is None or sum(parts) != length or min(parts) < 0:
        raise b.refuse("does not cut the whole axis", split=parts, length=length)
    ends = np.cumsum([0, *parts]).tolist()
    return [_part(b, x, {axis: slice(start, stop, 1)}) for start, stop in zip(ends, ends[1:], strict=False)]


@reads("Concat")
def _concat(b, node, *values):
    if len(values) == 1:
        return values[0]
    rank, order = values[0].ndim, b.order_of(*values)
    axis = b.place(node.attributes["axis"], order, rank)
    parts = [b.form(value, order) for value in values]
    if all(isinstance(value, Tensor) for value in values) and axis > 0:
        return Tensor(b.layer(layers.Concatenate, parts, axis=-1 if axis == rank - 1 else axis), order)
    return Tensor(ops.concatenate(parts, axis=axis), order)


@reads("Gather")
def _gather(b, node, x, indices):
    axis = node.attributes.get("axis", 0) % x.ndim
    if isinstance(x, np.ndarray) and x.ndim == 2 and axis == 0:
        table = np.asarray(x, np.float32)
        return Tensor(b.layer(layers.Embedding, b.natural(indices), [table], input_dim=table.shape[0],
                              output_dim=table.shape[1]))
    if isinstance(indices, np.ndarray):
        length = x.shape[axis]
        if length is None or indices.size and not -length <= indices.min() <= indices.max() < length:
            raise b.refuse("reads outside of an axis, or one of unknown length", length=length)
        indices = np.where(indices < 0, indices + length, indices).astype(np.int32)
    return Tensor(ops.take(b.natural(x), b.natural(indices) if isinstance(indices, Tensor) else indices, axis=axis))


@reads("GatherElements")
def _gather_elements(b, node, x, indices):
    return Tensor(ops.take_along_axis(b.natural(x), b.natural(indices), axis=node.attributes.get("axis", 0)))


@reads("Pad")
def _pad(b, node, x, pads=None, value=None, axes=None):
    x, mode = b.tensor(x), node.attributes.get("mode", "constant")
    amounts = list(node.attributes["pads"]) if pads is None else b.integers(pads, "pads")
    chosen = [axis % x.ndim for axis in (b.integers(axes, "axes") if axes is not None else range(x.ndim))]
    if len(amounts) != 2 * len(chosen) or max(map(abs, amounts)) > 1 << 20 or mode not in (
            "constant", "reflect", "edge", "wrap"):
        raise b.refuse("pads in an impossible way", pads=amounts, mode=mode)
    pairs = {axis: (amounts[index], amounts[len(chosen) + index]) for index, axis in enumerate(chosen)}
    cuts = {axis: slice(max(0, -before), -max(0, -after) or None, 1) for axis, (before, after) in pairs.items()
            if min(before, after) < 0}
    x = _part(b, x, cuts) if cuts else x
    fill = float(np.ravel(b.array(value, "value"))[0]) if value is not None and np.size(value) else \
        node.attributes.get("value", 0.0)
    return _longer(b, x, {axis: (max(0, before), max(0, after)) for axis, (before, after) in pairs.items()}, mode, fill)


def _longer(b: Builder, x: Tensor, pairs: dict[int, tuple[int, int]], mode: str, fill: float) -> Tensor:
    pairs = {axis: pair for axis, pair in pairs.items() if any(pair)}
    if not pairs:
        return x
    spatial = range(2, x.ndim)
    if mode == "constant" and fill == 0 and set(pairs) <= set(spatial) and 3 <= x.ndim <= 5:
        widths = tuple(pairs.get(axis, (0, 0)) for axis in spatial)
        return Tensor(b.layer(getattr(layers, f"ZeroPadding{len(widths)}D"), b.last(x),
                              padding=widths[0] if len(widths) == 1 else widths), LAST)
    order = b.order_of(x)
    by_place = {b.place(axis, order, x.ndim): pair for axis, pair in pairs.items()}
    widths = tuple(by_place.get(axis, (0, 0)) for axis in range(x.ndim))
    return Tensor(ops.pad(b.form(x, order), widths, mode, fill if mode == "constant" else None), order)


@reads("DepthToSpace", "SpaceToDepth")
def _blocks(b, node, x):
    x, size = b.tensor(x), node.attributes["blocksize"]
    channels, height, width = x.shape[1:]
    if None in x.shape[1:] or not 1 <= size <= 1 << 12:
        raise b.refuse("needs known lengths", shape=x.shape, blocksize=size)
    batch = -1 if x.shape[0] is None else x.shape[0]
    crd = node.attributes.get("mode", "DCR") == "CRD"
    if node.op == "SpaceToDepth":
        cut = (batch, channels, height // size, size, width // size, size)
        axes = (0, 1, 3, 5, 2, 4) if crd else (0, 3, 5, 1, 2, 4)
        shape = (batch, channels * size * size, height // size, width // size)
    else:
        depth = channels // (size * size)
        cut = (batch, depth, size, size, height, width) if crd else (batch, size, size, depth, height, width)
        axes = (0, 1, 4, 2, 5, 3) if crd else (0, 3, 4, 1, 5, 2)
        shape = (batch, depth, height * size, width * size)
    return plain(b, lambda t: ops.reshape(ops.transpose(ops.reshape(t, cut), axes), shape), x)
