"""Lowering of reductions and softmax: any set of axes becomes passes over (outer, length, inner)."""

from __future__ import annotations

from math import prod

from striate.plan.ir import Launch, Temporary
from striate.plan.lower import lowers

_CODES = {"sum": 0, "mean": 0, "prod": 1, "max": 2, "min": 3, "any": 2, "all": 3}
_CHUNK = 8192
"""Elements of a row that one task sums; longer rows are summed in chunks, and their sums in a second launch."""
_COLUMNS = 64
_TAGS = {"int32": "i32", "uint8": "u8", "bool": "u8", "float32": "f32"}


def passes(shape: tuple, axes: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """(outer, length, inner) of each pass that reduces neighbouring axes, the last group of axes first.

    Example:
        >>> passes((8, 7, 7, 32), (0, 1, 2)), passes((4, 5, 6), (0, 2))
        ([(1, 392, 32)], [(20, 6, 1), (1, 4, 5)])
    """
    found, lengths = [], list(shape)
    remaining = [a for a in axes if shape[a] != 1]
    while remaining:
        last = first = remaining.pop()
        while remaining and prod(shape[remaining[-1] + 1:first]) == 1:
            first = remaining.pop()
        found.append((prod(lengths[:first]), prod(lengths[first:last + 1]), prod(lengths[last + 1:])))
        for axis in range(first, last + 1):
            lengths[axis] = 1
    return found


def _float_pass(code, source, target, sizes, divisor) -> list[Launch]:
    """One pass over float32: in chunks when rows are long."""
    outer, length, inner = sizes
    name = "reduce_rows" if inner == 1 else "reduce_columns"
    chunk = _CHUNK if inner == 1 else max(32, _CHUNK // inner)
    blocks = -(-inner // _COLUMNS)
    chunks = -(-length // chunk)
    extra = [] if inner == 1 else [inner, blocks]

    def launch(x, y, length, chunk, chunks, divisor, reason):
        return Launch(name, dict(kind=code), [x, y, length, chunk, chunks, float(divisor), *extra], [y],
                      outer * chunks * (1 if inner == 1 else blocks), reason, scratch=64,
                      piece=max(1, 2048 // max(1, min(chunk, length))), flops=outer * inner * length)
    if chunks == 1:
        return [launch(source, target, length, max(length, 1), 1, divisor, f"sums of {length} by one task each")]
    parts = Temporary((outer, chunks, inner), name="parts")
    return [launch(source, parts, length, chunk, chunks, 1.0, f"{chunks} chunks of {chunk} rows, fixed by the shape"),
            launch(parts, target, chunks, chunks, 1, divisor, "the chunks' results in order")]


def add_rows(source, target, rows: int, columns: int) -> list[Launch]:
    """The sums of the columns of a matrix of many rows, in chunks."""
    return _float_pass(_CODES["sum"], source, target, (1, rows, columns), 1.0)


@lowers("sum", "mean", "prod", "max", "min", "any", "all")
def lower_reduction(node, cpu):
    """Passes from the last group of axes to the first."""
    x, y = node.inputs[0], node.outputs[0]
    if x.dtype not in _TAGS or y.dtype not in _TAGS or x.type.size == 0:
        return None
    if (x.dtype == "float32") != (y.dtype == "float32") and node.op != "mean":
        return None
    sizes = passes(x.shape, node.attributes["axis"]) or [(x.type.size, 1, 1)]
    code = _CODES[node.op]
    count = x.type.size // y.type.size if node.op == "mean" else 1
    if x.dtype != "float32":
        return _integer_pass(node, code, sizes, count)
    launches, source = [], x
    for index, size in enumerate(sizes):
        final = index == len(sizes) - 1
        target = y if final else Temporary((size[0], size[2]), name="reduced")
        launches += _float_pass(code, source, target, size, count if final else 1)
        source = target
    return launches


def _integer_pass(node, code, sizes, count):
    x, y = node.inputs[0], node.outputs[0]
    if len(sizes) > 1:
        return None
    outer, length, inner = sizes[0]
    variant = dict(kind=code, source=_TAGS[x.dtype], result="truth" if node.op in ("any", "all") else _TAGS[y.dtype])
    return [Launch("reduce_integers", variant, [x, y, length, inner, float(count)], [y], outer * inner,
                   "whole numbers, each result by one task", piece=max(1, 1024 // length))]


def _around(value, axis: int) -> tuple[int, int, int]:
    shape = value.shape
    return prod(shape[:axis]), shape[axis], prod(shape[axis + 1:])


@lowers("argmax", "argmin", reals=1)
def lower_position(node, cpu):
    """One task a result."""
    x, y = node.inputs[0], node.outputs[0]
    if x.type.size == 0:
        return None
    outer, length, inner = _around(x, node.attributes["axis"])
    return [Launch("position", dict(kind=2 if node.op == "argmax" else 3), [x, y, length, inner], [y], outer * inner,
                   "one pass over each row", piece=max(1, 1024 // length))]


@lowers("softmax", "log_softmax", reals=1)
def lower_softmax(node, cpu):
    """Row by row in scratch memory."""
    x, y = node.inputs[0], node.outputs[0]
    if x.type.size == 0:
        return None
    outer, length, inner = _around(x, node.attributes["axis"])
    return [Launch("softmax", dict(log=int(node.op == "log_softmax")), [x, y, length, inner], [y], outer * inner,
                   "each row in the first-level cache", scratch=64 + 4 * (-(-length // 16) * 16),
                   piece=max(1, 512 // length), flops=10 * x.type.size)]


@lowers("softmax_grad", reals=2)
def lower_softmax_grad(node, cpu):
    """Row by row in scratch memory."""
    y, g = node.inputs
    out = node.outputs[0]
    if y.type.size == 0:
        return None
    outer, length, inner = _around(y, node.attributes["axis"])
    return [Launch("softmax_grad", {}, [y, g, out, length, inner], [out], outer * inner,
                   "each row in the first-level cache", scratch=8 * (-(-length // 16) * 16),
                   piece=max(1, 512 // length), flops=4 * y.type.size)]
