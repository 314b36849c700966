"""Lowering of the optimisers' updates: one launch, one pass over the flat buffers."""

from __future__ import annotations

from striate.plan.ir import Launch
from striate.plan.lower import lowers

_CHUNK = 4096


def _pass(kernel, variant, node, flops):
    size = node.outputs[0].type.size
    if size == 0 or any(value.dtype != "float32" for value in node.inputs):
        return None
    moved = len(node.inputs) - 1 + len(node.outputs)
    return [Launch(kernel, variant, [*node.inputs, *node.outputs, size], list(node.outputs), -(-size // _CHUNK),
                   f"one pass, {4 * moved} bytes a weight", flops=flops * size)]


@lowers("adam_update")
def lower_adam(node, cpu):
    """Adam and AdamW."""
    return _pass("adam_update", dict(lanes=cpu.lanes), node, 14)


@lowers("sgd_update")
def lower_sgd(node, cpu):
    """Gradient descent, with momentum where there is a velocity."""
    if len(node.inputs) == 3:
        return _pass("descent", dict(lanes=cpu.lanes), node, 4)
    return _pass("sgd_update", dict(lanes=cpu.lanes, nesterov=int(node.attributes.get("nesterov", False))), node, 7)
