"""The `chain` op: several elementwise ops as one, computed in one pass over memory.

A chain's inputs are registers 0 .. n-1; each instruction of `program` appends one register:

    (op name, operand registers, attributes as sorted pairs)    relu(x + b): (("add", (0, 1), ()), ("relu", (2,), ()))

`results` names the registers that are the outputs; all of them have the shape to which the inputs broadcast. A graph
pass makes chains of nodes for which `chainable(node)` holds and whose outputs have the chain's shape.
"""

from __future__ import annotations

import numpy as np

from striate.ops.broadcast import broadcast_shapes
from striate.ops.spec import OPS, OpSpec, TensorType, register

CHAIN_DTYPES = ("float32", "int32", "uint8", "bool")
_WHOLE_NUMBERS = frozenset("add subtract multiply maximum minimum negative absolute where cast".split())
"""Ops that kernels also compute in int32."""
_TRUTH_VALUES = frozenset("greater greater_equal less less_equal equal not_equal logical_and logical_or logical_xor "
                          "logical_not isfinite isinf isnan where cast".split())
"""Ops that kernels give bool of."""
_NO_KERNEL = frozenset("chain floor_divide mod fmod nextafter erfinv".split())


def instruction(node) -> tuple[str, tuple]:
    """The op name and attributes of a node as they stand in a chain's program."""
    return node.op, tuple(sorted(node.attributes.items()))


def chainable(node) -> bool:
    """Whether a node can be an instruction of a chain: elementwise, of types that the chain's kernel computes."""
    result = node.outputs[0].dtype
    if not OPS[node.op].elementwise or any(v.dtype not in CHAIN_DTYPES for v in (*node.inputs, *node.outputs)):
        return False
    if result == "float32":
        return node.op not in _NO_KERNEL
    return node.op in {"int32": _WHOLE_NUMBERS, "bool": _TRUTH_VALUES, "uint8": {"cast"}}[result]


def register_types(inputs, program) -> list[TensorType]:
    """The type of every register."""
    types = list(inputs)
    for op, operands, attributes in program:
        types += OPS[op].shape([types[i] for i in operands], **dict(attributes))
    return types


def _chain_shape(inputs, program, results):
    shape = broadcast_shapes(*[i.shape for i in inputs])
    types = register_types(inputs, program)
    return [TensorType(shape, types[register].dtype) for register in results]


def _chain_reference(*inputs, program, results):
    registers = list(inputs)
    for op, operands, attributes in program:
        registers += OPS[op].reference(*[registers[i] for i in operands], **dict(attributes))
    shape = np.broadcast_shapes(*[x.shape for x in inputs])
    return [np.broadcast_to(registers[i], shape).copy() for i in results]


def _chain_flops(inputs, outputs, attributes) -> int:
    return outputs[0].size * len(attributes["program"])


register(OpSpec("chain", _chain_shape, _chain_reference, flops=_chain_flops, elementwise=True))
