"""Lowering of random ops: masks and numbers from counters, computed where they are needed."""

from __future__ import annotations

from striate.ops.random import keep_scale, keep_threshold
from striate.plan.ir import Launch
from striate.plan.lower import lowers

_TASK = 1024
_SCRATCH = 64 + 256


@lowers("dropout", "dropout_grad")
def lower_dropout(node, cpu):
    """The mask is computed from the counter in both directions and never stored. Not for a `noise_shape`."""
    x, state = node.inputs
    y, rate = node.outputs[0], node.attributes["rate"]
    if x.dtype != "float32" or x.type.size == 0 or node.attributes.get("noise_shape") not in (None, x.shape):
        return None
    return [Launch("dropout", {}, [x, state, y, x.type.size, node.attributes["stream"], keep_threshold(rate),
                                   float(keep_scale(rate))], [y], -(-x.type.size // _TASK),
                   "16 bits an element from its counter", scratch=_SCRATCH, piece=4, flops=2 * x.type.size)]


@lowers("random_uniform")
def lower_uniform(node, cpu):
    """24 bits an element from its counter."""
    state, y, attributes = node.inputs[0], node.outputs[0], node.attributes
    if y.type.size == 0:
        return None
    width = float(attributes["maxval"] - attributes["minval"])
    return [Launch("random_uniform", {}, [state, y, y.type.size, attributes["stream"], width,
                                          float(attributes["minval"])], [y], -(-y.type.size // _TASK),
                   "24 bits an element from its counter", scratch=_SCRATCH, piece=4)]


@lowers("random_normal")
def lower_normal(node, cpu):
    """A counter an element: one word for the distance from the mean, one for the angle."""
    state, y, attributes = node.inputs[0], node.outputs[0], node.attributes
    if y.type.size == 0:
        return None
    return [Launch("random_normal", {}, [state, y, y.type.size, attributes["stream"], float(attributes["stddev"]),
                                         float(attributes["mean"])], [y], -(-y.type.size // _TASK),
                   "64 bits an element from its counter", scratch=_SCRATCH, piece=1)]
