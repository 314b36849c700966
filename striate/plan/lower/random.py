"""Lowering of random ops: masks and numbers from counters, computed where they are needed."""

from __future__ import annotations

from striate.ops.random import keep_scale, keep_threshold
from striate.plan.ir import Launch
from striate.plan.lower import lowers

_TASK = 1024
_SCRATCH = 64 + 256


@lowers("dropout", "dropout_grad", reals=1)
def lower_dropout(node, cpu):
    """The mask is computed from the counter in both directions and never stored. Not for a `noise_shape`."""
    x, state = node.inputs
    y, rate = node.outputs[0], node.attributes["rate"]
    if x.type.size == 0 or node.attributes.get("noise_shape") not in (None, x.shape):
        return None
    return [Launch("dropout", {}, [x, state, y, x.type.size, node.attributes["stream"], keep_threshold(rate),
                                   float(keep_scale(rate))], [y], -(-x.type.size // _TASK),
                   "16 bits an element from its counter", scratch=_SCRATCH, piece=4, flops=2 * x.type.size)]


@lowers("random_uniform")
def lower_uniform(node, cpu):
    """24 bits an element from its counter."""
    low, high = node.attributes["minval"], node.attributes["maxval"]
    return _numbers(node, False, high - low, low, "24 bits an element from its counter")


@lowers("random_normal")
def lower_normal(node, cpu):
    """A counter an element: one word for the distance from the mean, one for the angle."""
    stddev, mean = node.attributes["stddev"], node.attributes["mean"]
    return _numbers(node, True, stddev, mean, "64 bits an element from its counter")


def _numbers(node, normal: bool, factor: float, addend: float, reason: str):
    state, y = node.inputs[0], node.outputs[0]
    if y.type.size == 0:
        return None
    return [Launch("random_numbers", dict(normal=normal),
                   [state, y, y.type.size, node.attributes["stream"], float(factor), float(addend)], [y],
                   -(-y.type.size // _TASK), reason, scratch=_SCRATCH, piece=1 if normal else 4)]
