"""Runs the launches of one node directly, on guarded memory: how kernels are tested."""

from __future__ import annotations

import dataclasses
import struct
from functools import cache
from importlib import import_module

import numpy as np

from striate.graph.ir import Node, Value
from striate.kernels import cpu as cpus
from striate.kernels import jit, program
from striate.memory import aligned_zeros
from striate.ops.spec import OPS, TensorType
from striate.plan.ir import Constant, Temporary
from striate.plan.lower import RULES
from striate.runtime.pool import Pool

_GUARD = 256
"""Bytes after each buffer that no kernel may change."""
_UNTOUCHED = 0xFF
"""What outputs and temporaries hold before a run: NaN as float32."""
_FAMILIES = ("conv", "conv_grad", "gemm", "pool", "norm", "elementwise", "reduce", "move", "random", "update")


@cache
def _pool(threads: int) -> Pool:
    return Pool(threads)


def with_lanes(lanes: int) -> cpus.Cpu:
    """This machine, but with vectors of `lanes` float32."""
    return dataclasses.replace(cpus.host(), lanes=lanes, registers=32 if lanes == 16 else 16)


def lowered(node: Node, cpu: cpus.Cpu | None = None) -> list:
    """The launches of a node, or None where no kernel fits."""
    for family in _FAMILIES:
        try:
            import_module(f"striate.plan.lower.{family}")
        except ModuleNotFoundError as failure:
            if f"lower.{family}" not in str(failure):
                raise
    rule = RULES.get(node.op)
    return None if rule is None else rule(node, cpu or cpus.host())


def make_node(op: str, inputs, **attributes) -> Node:
    """A node whose inputs have the types of the arrays."""
    types = [TensorType(x.shape, str(x.dtype)) for x in inputs]
    return Node(op, [Value(type) for type in types], attributes, OPS[op].shape(types, **attributes))


class _Memory:
    """A guarded copy of every buffer that launches name."""

    def __init__(self):
        self.raw: dict = {}

    def add(self, key, size_bytes: int, array=None) -> None:
        raw = aligned_zeros(size_bytes + _GUARD, np.uint8)
        raw[:] = _UNTOUCHED
        if array is not None:
            raw[:size_bytes] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        self.raw[key] = raw, size_bytes

    def address(self, key) -> int:
        return self.raw[key][0].ctypes.data

    def check(self) -> None:
        for key, (raw, size) in self.raw.items():
            if not (raw[size:] == _UNTOUCHED).all():
                raise AssertionError(f"a kernel wrote past the end of {key}")


def _block(launch, memory: _Memory) -> np.ndarray:
    slots = []
    for item in launch.arguments:
        if isinstance(item, Temporary) and item not in memory.raw:
            memory.add(item, item.type.bytes)
        if isinstance(item, Constant) and item not in memory.raw:
            memory.add(item, item.array.nbytes, item.array)
        if isinstance(item, (Value, Temporary, Constant)):
            slots.append(memory.address(item))
        else:
            slots.append(struct.unpack("q", struct.pack("d", item))[0] if isinstance(item, float) else int(item))
    return np.array(slots, np.int64)


def run_node(op: str, inputs, cpu: cpus.Cpu | None = None, threads: int = 1, repeats: int = 1, **attributes) -> list:
    """Lowers the op for these arrays, runs its launches on `threads` threads, gives copies of the outputs.

    Raises AssertionError when the op has no kernel, or a kernel writes past a buffer or into an input.
    """
    inputs = [np.asarray(x) for x in inputs]
    node = make_node(op, inputs, **attributes)
    launches = lowered(node, cpu)
    if launches is None:
        raise AssertionError(f"{op} has no kernel for {[value.type for value in node.inputs]}")
    memory = _Memory()
    for value, array in zip(node.inputs, inputs, strict=True):
        memory.add(value, array.nbytes, array)
    for value in node.outputs:
        memory.add(value, value.type.bytes)
    blocks = [_block(launch, memory) for launch in launches]
    rows = [[jit.compiled(launch.kernel, **launch.variant).address, block.ctypes.data, launch.tasks,
             max(1, launch.piece)] for launch, block in zip(launches, blocks, strict=True)]
    table = np.array(rows, np.int64).reshape(len(rows), program.ROW)
    scratch_bytes = max([-(-launch.scratch // 64) * 64 for launch in launches], default=0)
    scratch = aligned_zeros(scratch_bytes * threads + _GUARD, np.uint8)
    scratch[:] = _UNTOUCHED
    for _ in range(repeats):
        _pool(threads).run(table, scratch, scratch_bytes)
    memory.check()
    if not (scratch[scratch_bytes * threads:] == _UNTOUCHED).all():
        raise AssertionError("a kernel wrote past its scratch memory")
    for value, array in zip(node.inputs, inputs, strict=True):
        raw, size = memory.raw[value]
        if not (raw[:size] == np.ascontiguousarray(array).reshape(-1).view(np.uint8)).all():
            raise AssertionError("a kernel changed an input")
    return [memory.raw[value][0][:memory.raw[value][1]].view(value.dtype).reshape(value.shape).copy()
            for value in node.outputs]


def reference(op: str, inputs, **attributes) -> list:
    """What the op's definition gives for these arrays."""
    node = make_node(op, [np.asarray(x) for x in inputs], **attributes)
    with np.errstate(all="ignore"):
        results = OPS[op].reference(*[np.asarray(x) for x in inputs], **attributes)
    return [np.asarray(y, dtype=value.dtype) for y, value in zip(results, node.outputs, strict=True)]


def check(op: str, inputs, bound: float = 0.0, threads: int = 1, cpu: cpus.Cpu | None = None, **attributes) -> None:
    """Raises AssertionError unless every result equals the reference's, or lies within bound * max|y| of it."""
    actual = run_node(op, inputs, threads=threads, cpu=cpu, **attributes)
    for y, expected in zip(actual, reference(op, inputs, **attributes), strict=True):
        if y.dtype != expected.dtype or y.shape != expected.shape:
            raise AssertionError(f"{op}: {y.dtype}{y.shape} is not {expected.dtype}{expected.shape}")
        if bound == 0.0:
            agrees = np.array_equal(y, expected, equal_nan=expected.dtype.kind == "f")
        else:
            scale = np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
            agrees = np.allclose(y, expected, rtol=0, atol=bound * scale, equal_nan=True)
        if not agrees:
            raise AssertionError(f"{op} {attributes} of {[np.shape(x) for x in inputs]} differs from its reference")
