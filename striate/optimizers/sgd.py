"""Gradient descent."""

from __future__ import annotations

from striate import ops
from striate.errors import ArgumentError, received
from striate.optimizers.base import Optimizer
from striate.serialization import export


@export("keras.optimizers.SGD", "keras.optimizers.sgd")
class SGD(Optimizer):
    """w = w - rate * g; or with momentum v = momentum * v - rate * g and w = w + v.

    Source: Sutskever and others (2013), for Nesterov's momentum.

    Args:
        learning_rate: the rate.
        momentum: how much of the last move is kept, between 0 and 1.
        nesterov: whether the gradient is taken as if the next move were made already.
        common: see `Optimizer`.

    Example:
        >>> SGD(momentum=0, decay=1e-4).get_config()["decay"]
        0.0001
    """

    fused_decay = True

    def __init__(self, learning_rate=0.01, momentum=0.0, nesterov=False, **common):
        super().__init__(learning_rate, **common)
        if not isinstance(momentum, (int, float)) or not 0 <= momentum <= 1:
            raise ArgumentError("`momentum` must be a float between [0, 1]. " + received(momentum=momentum))
        self.momentum, self.nesterov = float(momentum), nesterov

    def slot_groups(self):
        return [("momentum",)] if self.momentum else []

    def numbers(self, rate, step, decay):
        return [rate, self.momentum, decay, 1.0]

    def formula(self, w, g, slots, s):
        """One pass of the fused op."""
        if not self.momentum:
            return ops.sgd_update(w, None, s, g), {}
        w, velocity = ops.sgd_update(w, slots["momentum"], s, g, nesterov=self.nesterov)
        return w, {"momentum": velocity}
