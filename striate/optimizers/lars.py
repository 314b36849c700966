"""Layer-wise rates for large batches, beside `Lamb` in `striate.optimizers.adam`."""

from __future__ import annotations

from striate import ops
from striate.errors import ArgumentError, received
from striate.optimizers.base import Optimizer
from striate.serialization import export


@export("striate.optimizers.LARS")
class LARS(Optimizer):
    """Momentum whose move of each variable is in proportion to the variable's own length; for large batches.

        ratio = trust * |w| / (|g| + weight_decay * |w|)
        v = momentum * v + rate * ratio * (g + weight_decay * w)
        w = w - v

    (You, Gitman and Ginsburg, 2017: Large batch training of convolutional networks.) Variables of one dimension, biases
    and those of normalisation, have the ratio 1 and no decay, as is usual. So have variables that are zero, without
    which they would stay so. Keras has no such optimizer: a file that names it is read by striate alone.

    Source: arXiv:1708.03888.

    Args:
        learning_rate: the rate; a schedule with a warm-up is usual.
        momentum: how much of the last move is kept, between 0 and 1.
        trust: how long a move is beside the variable, with a rate of 1.
        common: see `Optimizer`; `weight_decay` is part of the formula.

    Raises:
        ArgumentError: `momentum` or `trust` cannot work.

    Example:
        >>> LARS(weight_decay=1e-4).get_config()["trust"]
        0.001
    """

    fused_decay = True
    whole = False

    def __init__(self, learning_rate=1.0, momentum=0.9, trust=0.001, **common):
        super().__init__(learning_rate, **common)
        if not 0 <= momentum < 1 or not trust > 0:
            raise ArgumentError("`momentum` must be at least 0 and less than 1, and `trust` more than 0. "
                                + received(momentum=momentum, trust=trust))
        self.momentum, self.trust = float(momentum), float(trust)

    def slot_groups(self):
        return [("momentum",)]

    def numbers(self, rate, step, decay):
        return [rate, decay / rate if rate else 0.0]

    def formula(self, w, g, slots, s):
        """w - v."""
        if len(w.shape) < 2:
            v = slots["momentum"] * self.momentum + g * s[0]
            return w - v, {"momentum": v}
        length = ops.sqrt(ops.sum(ops.square(w)))
        whole = ops.sqrt(ops.sum(ops.square(g))) + s[1] * length
        usable = ops.logical_and(ops.greater(length, 0.0), ops.greater(whole, 0.0))
        ratio = ops.where(usable, self.trust * length / ops.where(usable, whole, 1.0), 1.0)
        v = slots["momentum"] * self.momentum + (g + w * s[1]) * (ratio * s[0])
        return w - v, {"momentum": v}
