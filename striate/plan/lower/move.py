"""Lowering of ops that only move numbers: each is one or two strided copies over a box of lengths."""

from __future__ import annotations

from math import gcd, prod

import numpy as np

from striate.plan.ir import Constant, Launch
from striate.plan.lower import lowers

_RANK = 6
_CHUNK = 4096
_SQUARE = 32
"""Side of the squares in which rows become columns: 4 KB of each tensor."""
_SIZES = (1, 4, 8)
_TAGS = {"uint8": "u8", "bool": "u8", "int32": "i32", "int64": "i64", "float32": "f32", "float64": "f64"}
_CONVERSIONS = {"f32": ("u8", "f32", "f64", "i32", "i64"), "i32": ("u8", "i32", "i64"), "i64": ("i64",), "u8": ("u8",)}


def contiguous(shape) -> list[int]:
    """Strides, in elements, of a contiguous tensor.

    Example:
        >>> contiguous((4, 5, 6))
        [30, 6, 1]
    """
    return [prod(shape[axis + 1:]) for axis in range(len(shape))]


def _size(value) -> int:
    return np.dtype(value.dtype).itemsize


def _joined(lengths, x_strides, out_strides):
    """The box with axes of length 1 dropped and neighbours that go together joined."""
    axes: list[list[int]] = []
    for length, x_stride, out_stride in zip(lengths, x_strides, out_strides, strict=True):
        if length == 1:
            continue
        if axes and axes[-1][1] == x_stride * length and axes[-1][2] == out_stride * length:
            axes[-1] = [axes[-1][0] * length, x_stride, out_stride]
        else:
            axes.append([length, x_stride, out_stride])
    return axes


def copy_launch(x, out, lengths, x_strides, out_strides, x_offset=0, out_offset=0, reason="") -> Launch | None:
    """The launch of a strided copy; None where the box has too many axes or the elements an odd size."""
    axes = _joined(lengths, x_strides, out_strides) or [[1, 0, 0]]
    if len(axes) > _RANK or _size(x) not in _SIZES or _size(x) != _size(out):
        return None
    axes = [[1, 0, 0]] * (_RANK - len(axes)) + axes
    turned = _turned(axes)
    if turned is not None:
        return _turn_launch(x, out, turned, x_offset, out_offset)
    rows, (length, *steps) = prod(axis[0] for axis in axes[:-1]), axes[-1]
    chunks, places = -(-length // _CHUNK), [x_offset, out_offset, *(step for axis in axes[:-1] for step in axis[1:])]
    common = gcd(length, *places) if steps == [1, 1] else 1
    arguments = [x, out, x_offset, out_offset, _table(axes), _CHUNK, chunks, common, out.type.size]
    return Launch("copy", dict(size=_size(x)), arguments, [out], rows * chunks,
                  reason or f"copy of rows of {length}", scratch=64, piece=max(1, _CHUNK // length))


def _table(axes) -> Constant:
    return Constant(np.array(axes, np.int64).T.reshape(-1), "box")


def _turned(axes):
    """The axes with x's last one moved before out's last one, where x and out disagree on which is the last."""
    if axes[-1][2] != 1 or axes[-1][1] == 1 or axes[-1][0] < 8:
        return None
    inner = [axis for axis in axes[:-1] if axis[1] == 1 and axis[0] >= 8]
    if not inner:
        return None
    return [axis for axis in axes[:-1] if axis is not inner[0]] + [inner[0], axes[-1]]


def _turn_launch(x, out, axes, x_offset, out_offset) -> Launch:
    down, across = -(-axes[4][0] // _SQUARE), -(-axes[5][0] // _SQUARE)
    tasks = prod(axis[0] for axis in axes[:4]) * down * across
    return Launch("turn", dict(size=_size(x)), [x, out, x_offset, out_offset, _table(axes), down, across], [out], tasks,
                  f"rows become columns in squares of {_SQUARE}", scratch=64, piece=4)


def fill_launch(out, pattern: int, reason: str) -> Launch:
    """The launch that writes one bit pattern over a tensor."""
    total = out.type.size
    return Launch("fill", dict(size=_size(out)), [out, pattern, total], [out], -(-total // 4096), reason)


def _launches(*launches):
    return None if any(launch is None for launch in launches) else list(launches)


def _empty(node) -> bool:
    return any(value.type.size == 0 for value in (*node.inputs, *node.outputs))


@lowers("transpose")
def lower_transpose(node, cpu):
    """Rows of the result, gathered."""
    x, y = node.inputs[0], node.outputs[0]
    if _empty(node):
        return None
    strides = contiguous(x.shape)
    return _launches(copy_launch(x, y, y.shape, [strides[a] for a in node.attributes["axes"]], contiguous(y.shape)))


@lowers("broadcast_to")
def lower_broadcast(node, cpu):
    """Repeated axes have stride 0."""
    x, y = node.inputs[0], node.outputs[0]
    if _empty(node):
        return None
    shape = (1,) * (len(y.shape) - len(x.shape)) + tuple(x.shape)
    strides = [0 if n == 1 else s for n, s in zip(shape, contiguous(shape), strict=True)]
    return _launches(copy_launch(x, y, y.shape, strides, contiguous(y.shape)))


@lowers("flip")
def lower_flip(node, cpu):
    """Flipped axes start at their end and go backwards."""
    x, y = node.inputs[0], node.outputs[0]
    if _empty(node):
        return None
    strides = contiguous(x.shape)
    turned = [-s if a in node.attributes["axis"] else s for a, s in enumerate(strides)]
    offset = sum((x.shape[a] - 1) * strides[a] for a in node.attributes["axis"])
    return _launches(copy_launch(x, y, y.shape, turned, strides, offset))


def _cut(whole, attributes):
    """Offset and strides of a slice of a contiguous tensor."""
    strides = contiguous(whole.shape)
    offset = sum(start * s for start, s in zip(attributes["starts"], strides, strict=True))
    return offset, [step * s for step, s in zip(attributes["steps"], strides, strict=True)]


@lowers("slice")
def lower_slice(node, cpu):
    """A box of x."""
    x, y = node.inputs[0], node.outputs[0]
    if _empty(node):
        return None
    offset, strides = _cut(x, node.attributes)
    return _launches(copy_launch(x, y, y.shape, strides, contiguous(y.shape), offset))


@lowers("put_slice")
def lower_put_slice(node, cpu):
    """Zeros, then the numbers in their box."""
    g, x = node.inputs[0], node.outputs[0]
    if _empty(node):
        return None
    offset, strides = _cut(x, node.attributes)
    return _launches(fill_launch(x, 0, "zeros around the slice"),
                     copy_launch(g, x, g.shape, contiguous(g.shape), strides, 0, offset))


@lowers("pad")
def lower_pad(node, cpu):
    """The border's number everywhere, then x in its box. Only for borders of one number."""
    x, y = node.inputs[0], node.outputs[0]
    if _empty(node) or node.attributes["mode"] != "constant" or _size(y) not in _SIZES:
        return None
    bits = np.array([node.attributes["constant_value"]]).astype(y.dtype).view(f"int{8 * _size(y)}")
    strides = contiguous(y.shape)
    offset = sum(low * s for (low, _), s in zip(node.attributes["pad_width"], strides, strict=True))
    return _launches(fill_launch(y, int(bits[0]), "the border's number everywhere"),
                     copy_launch(x, y, x.shape, contiguous(x.shape), strides, 0, offset))


@lowers("concatenate")
def lower_concatenate(node, cpu):
    """One copy for each part."""
    y, axis = node.outputs[0], node.attributes["axis"]
    strides, offset, launches = contiguous(y.shape), 0, []
    if any(value.dtype != y.dtype for value in node.inputs):
        return None
    for x in node.inputs:
        if x.type.size:
            launches.append(copy_launch(x, y, x.shape, contiguous(x.shape), strides, 0, offset))
        offset += x.shape[axis] * strides[axis]
    return _launches(*launches) or None


@lowers("take")
def lower_take(node, cpu):
    """Row by row, converted on the way."""
    x, indices = node.inputs
    y, axis = node.outputs[0], node.attributes["axis"]
    source, result = _TAGS.get(x.dtype), _TAGS.get(y.dtype)
    if _empty(node) or indices.dtype not in ("int32", "int64") or source not in _CONVERSIONS.get(result, ()):
        return None
    inner = prod(x.shape[axis + 1:])
    rows = prod(x.shape[:axis]) * indices.type.size
    return [Launch("take", dict(source=source, result=result, wide=indices.dtype == "int64"),
                   [x, indices, y, x.shape[axis], indices.type.size, inner], [y], rows,
                   f"rows of {inner} by index, {x.dtype} to {y.dtype} on the way", piece=max(1, 2048 // inner))]


@lowers("take_grad")
def lower_take_grad(node, cpu):
    """Columns are independent; rows are added in the order of the indices."""
    g, indices = node.inputs
    out, axis, length = node.outputs[0], node.attributes["axis"], node.attributes["length"]
    if _empty(node) or indices.dtype not in ("int32", "int64") or g.dtype != "float32":
        return None
    inner = prod(out.shape[axis + 1:])
    blocks = -(-inner // 64)
    return [Launch("take_grad", dict(wide=indices.dtype == "int64"),
                   [g, indices, out, length, indices.type.size, inner, blocks], [out], prod(out.shape[:axis]) * blocks,
                   "blocks of 64 columns, rows in the order of the indices")]


@lowers("one_hot")
def lower_one_hot(node, cpu):
    """Element by element."""
    x, y = node.inputs[0], node.outputs[0]
    if _empty(node) or x.dtype not in ("int32", "int64") or _TAGS.get(y.dtype) not in ("f32", "i32", "u8"):
        return None
    classes, inner = node.attributes["num_classes"], prod(x.shape[node.attributes["axis"]:])
    return [Launch("one_hot", dict(result=_TAGS[y.dtype], wide=x.dtype == "int64"), [x, y, classes, inner], [y],
                   x.type.size, "row by row", piece=max(1, 2048 // classes))]
