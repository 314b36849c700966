"""Lowering of elementwise ops: every one of them is a `chain`, an op by itself a chain of one instruction.

How the parts fit: `striate.ops.chain` says what a chain is and which nodes may join one (`chainable`); a graph pass
joins them; here the program is assembled for the interpreter `striate.kernels.elementwise`:

1. each instruction becomes formulas of the right kind (float32 or int32), with conversions where kinds meet;
2. results share registers as soon as nobody needs the old content;
3. each input is WHOLE (contiguous, used where it lies), the SAME in every block (a scalar, a bias of
   32 channels: loaded once) or BROADCAST (loaded block by block).
"""

from __future__ import annotations

import struct
from math import prod

import numpy as np

from striate.kernels import instructions as kernel
from striate.ops.chain import CHAIN_DTYPES, chainable, instruction, register_types
from striate.plan.ir import Constant, Launch
from striate.plan.lower import lowers

_KINDS = {"float32": kernel.FLOAT32, "int32": kernel.INT32, "uint8": kernel.UINT8, "bool": kernel.UINT8}
_COMPARISONS = frozenset("greater greater_equal less less_equal equal not_equal".split())
_LOGICAL = frozenset("logical_and logical_or logical_xor logical_not".split())
_PIECE = 8
"""Blocks that are worth a call: 4096 elements."""


class _Assembler:
    """Turns a chain's program into formulas on virtual registers that know their kind."""

    def __init__(self, inputs):
        self.real = [value.dtype == "float32" for value in inputs]
        self.places = list(range(len(inputs)))
        self.code: list[tuple[str, tuple[int, ...], int, tuple[float, ...]]] = []

    def emit(self, formula: str, operands, constants=(), real: bool = True) -> int:
        self.real.append(real)
        self.code.append((formula, tuple(operands), len(self.real) - 1, tuple(constants)))
        return len(self.real) - 1

    def as_real(self, place: int) -> int:
        return place if self.real[place] else self.emit("to_float", [place])

    def as_truth(self, place: int) -> int:
        return self.emit("truth", [place], real=False) if self.real[place] else place

    def add(self, op: str, operands, attributes: dict, dtype: str) -> None:
        """Appends one instruction of the chain."""
        places = [self.places[i] for i in operands]
        self.places.append(self._special(op, places, attributes, dtype))

    def _special(self, op, places, attributes, dtype) -> int:
        if op == "cast":
            return self._cast(places[0], attributes["dtype"])
        if op == "where":
            values = [self.as_real(p) for p in places[1:]] if dtype == "float32" else places[1:]
            return self.emit("where", [self.as_truth(places[0]), *values], real=dtype == "float32")
        if op in _LOGICAL:
            return self.emit(op, [self.as_truth(p) for p in places], real=False)
        if dtype == "int32" or op in _COMPARISONS and not any(self.real[p] for p in places):
            return self.emit(f"{op}_int", places, real=False)
        constants = [attributes["x_min"], attributes["x_max"]] if op == "clip" else []
        return self.emit(op, [self.as_real(p) for p in places], constants, real=dtype == "float32")

    def _cast(self, place: int, dtype: str) -> int:
        if dtype == "float32":
            return self.as_real(place)
        if dtype == "bool":
            return self.emit("truth" if self.real[place] else "truth_int", [place], real=False)
        whole = self.emit("to_int", [place], real=False) if self.real[place] else place
        return self.emit("to_byte", [whole], real=False) if dtype == "uint8" else whole


def _assigned(code, inputs: int, kept: set[int]) -> tuple[dict[int, int], int]:
    """Virtual to physical registers: an input keeps its own, results share; and how many there are."""
    last_use = {place: index for index, (_, operands, _, _) in enumerate(code) for place in operands}
    physical, free, count = {i: i for i in range(inputs)}, [], inputs
    for index, (_, operands, result, _) in enumerate(code):
        free += sorted({physical[p] for p in operands if p >= inputs and p not in kept and last_use[p] == index})
        if not free:
            free.append(count)
            count += 1
        physical[result] = free.pop()
    return physical, count


def _encoded(code, physical) -> np.ndarray:
    rows = []
    for formula, operands, result, constants in code:
        places = [physical[p] for p in operands] + [0] * (3 - len(operands))
        low, high = (*constants, 0.0, 0.0)[:2]
        word = struct.unpack("q", struct.pack("ff", low, high))[0]
        rows.append([kernel.OPCODES[formula], *places, physical[result], word])
    return np.array(rows or [[0] * kernel.INSTRUCTION], np.int64)


def broadcast_axes(shape: tuple, target: tuple) -> tuple[list[int], list[int]]:
    """Lengths and strides (in elements) of a contiguous tensor of `shape` repeated to `target`, joined where possible.

    Example:
        >>> broadcast_axes((32,), (8, 7, 32))
        ([56, 32], [0, 1])
    """
    shape = (1,) * (len(target) - len(shape)) + tuple(shape)
    lengths: list[int] = []
    strides: list[int] = []
    stride = 1
    for own, length in zip(reversed(shape), reversed(target), strict=True):
        step = stride if own > 1 else 0
        stride *= own
        if length == 1:
            continue
        if lengths and step == strides[0] * lengths[0]:
            lengths[0] *= length
        else:
            lengths.insert(0, length)
            strides.insert(0, step)
    return lengths or [1], strides or [0]


def _period(lengths: list[int], strides: list[int]) -> int:
    """After how many elements a broadcast tensor repeats itself; 0 where it does not."""
    return 0 if strides[0] else prod(lengths[1:])


def _tensor_row(value, register: int, shape: tuple) -> list[int] | None:
    lengths, strides = broadcast_axes(value.shape, shape)
    period = _period(lengths, strides)
    if value.type.size == prod(shape) and value.type.size > 1:
        mode, lengths, strides = kernel.WHOLE, [], []
    else:
        mode = kernel.SAME if period and kernel.BLOCK % period == 0 else kernel.BROADCAST
    if len(lengths) > kernel.RANK:
        return None
    spare = [0] * (kernel.RANK - len(lengths))
    return [_KINDS[value.dtype], mode, register, len(lengths), period, *lengths, *spare, *strides, *spare]


def chain_launch(node, program, results, cpu) -> Launch | None:
    """The launch of a chain; None where a type, an op or the number of registers does not fit."""
    shape, total = node.outputs[0].shape, node.outputs[0].type.size
    if total == 0 or any(v.dtype not in CHAIN_DTYPES for v in (*node.inputs, *node.outputs)):
        return None
    types = register_types([value.type for value in node.inputs], program)
    assembler = _Assembler(node.inputs)
    for (op, operands, attributes), type in zip(program, types[len(node.inputs):], strict=True):
        assembler.add(op, operands, dict(attributes), type.dtype)
    if any(formula not in kernel.OPCODES for formula, *_ in assembler.code):
        return None
    kept = {assembler.places[register] for register in results}
    physical, count = _assigned(assembler.code, len(node.inputs), kept)
    rows = [_tensor_row(value, i, shape) for i, value in enumerate(node.inputs)]
    rows += [_tensor_row(value, physical[assembler.places[register]], shape)
             for value, register in zip(node.outputs, results, strict=True)]
    if count > kernel.REGISTERS or any(row is None for row in rows):
        return None
    arguments = [Constant(_encoded(assembler.code, physical), "program"), len(assembler.code),
                 Constant(np.array(rows, np.int64), "tensors"), len(node.inputs), len(node.outputs), total,
                 *node.inputs, *node.outputs]
    names = ", ".join(formula for formula, *_ in assembler.code) or "copy"
    scratch = kernel.REGISTERS * 8 + count * kernel.BLOCK * 4
    return Launch("chain", dict(lanes=cpu.lanes), arguments, list(node.outputs), -(-total // kernel.BLOCK),
                  f"one pass in blocks of {kernel.BLOCK}: {names}", scratch=scratch, piece=_PIECE,
                  flops=total * len(assembler.code))


@lowers("chain")
def lower_chain(node, cpu):
    """A chain that a pass made."""
    launch = chain_launch(node, node.attributes["program"], node.attributes["results"], cpu)
    return None if launch is None else [launch]


@lowers("add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "arctan2", "relu_grad", "clip", "where",
        "cast", "greater", "greater_equal", "less", "less_equal", "equal", "not_equal", "logical_and", "logical_or",
        "logical_xor", "logical_not", "isfinite", "isinf", "isnan", "negative", "absolute", "sign", "square", "floor",
        "ceil", "trunc", "rint", "sqrt", "rsqrt", "reciprocal", "exp", "exp2", "expm1", "log", "log1p", "log2", "log10",
        "sin", "cos", "tan", "sinh", "cosh", "tanh", "arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh",
        "erf", "sigmoid", "relu", "softplus")
def lower_elementwise(node, cpu):
    """One elementwise op: a chain of one instruction."""
    if not chainable(node):
        return None
    op, attributes = instruction(node)
    operands = tuple(range(len(node.inputs)))
    launch = chain_launch(node, ((op, operands, attributes),), (len(operands),), cpu)
    return None if launch is None else [launch]
