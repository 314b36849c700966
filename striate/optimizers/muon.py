"""Muon: matrices move along the orthogonal matrix nearest to their momentum, everything else by Adam."""

from __future__ import annotations

import re
from math import sqrt

from striate import ops
from striate.optimizers.base import Optimizer
from striate.serialization import export


@export("keras.optimizers.Muon", "keras.optimizers.muon")
class Muon(Optimizer):
    """Momentum, made orthogonal by a few Newton-Schulz steps, for matrices; Adam with weight decay for all others.

    Source: Jordan and others (2024), Muon: an optimizer for hidden layers.

    Args:
        learning_rate: the rate.
        adam_beta_1, adam_beta_2, adam_weight_decay, epsilon: of the Adam part.
        weight_decay: of the matrices.
        exclude_layers: patterns; variables whose path matches one are left to Adam.
        exclude_embeddings: whether embeddings are left to Adam.
        muon_a, muon_b, muon_c: the polynomial a x + b x^3 + c x^5 of a Newton-Schulz step.
        adam_lr_ratio: Adam's rate as a multiple of the rate.
        momentum, nesterov: of the matrices, as in `SGD`.
        ns_steps: how many Newton-Schulz steps are made.
        rms_rate: the usual size of a move; None for moves of length 1.
        common: see `Optimizer`.
    """

    whole = False
    fused_decay = True

    def __init__(self, learning_rate=0.001, adam_beta_1=0.9, adam_beta_2=0.999, adam_weight_decay=0.004, epsilon=1e-7,
                 weight_decay=0.004, exclude_layers=None, exclude_embeddings=True, muon_a=3.4445, muon_b=-4.7750,
                 muon_c=2.0315, adam_lr_ratio=1, momentum=0.95, ns_steps=5, nesterov=True, rms_rate=0.2, **common):
        super().__init__(learning_rate, weight_decay=weight_decay, **common)
        self.adam_beta_1, self.adam_beta_2, self.epsilon = adam_beta_1, adam_beta_2, epsilon
        self.adam_weight_decay, self.adam_lr_ratio = adam_weight_decay, adam_lr_ratio
        self.exclude_layers, self.exclude_embeddings = exclude_layers or [], exclude_embeddings
        self.muon_a, self.muon_b, self.muon_c = muon_a, muon_b, muon_c
        self.momentum, self.ns_steps, self.nesterov, self.rms_rate = momentum, ns_steps, nesterov, rms_rate

    def slot_groups(self):
        return [("momentum", "velocity")]

    def slot_shape(self, name, variable):
        return variable.shape if name != "velocity" or self._by_adam(variable) else None

    def _by_adam(self, variable) -> bool:
        return (len(variable.shape) != 2 or self.exclude_embeddings and "embedding" in variable.path.lower()
                or any(re.search(pattern, variable.path) for pattern in self.exclude_layers))

    def numbers(self, rate, step, decay):
        adam_decay = 0.0 if self._separate_decay else rate * (self.adam_weight_decay or 0.0)
        correction = sqrt(1.0 - self.adam_beta_2 ** step) / (1.0 - self.adam_beta_1 ** step)
        return [rate, decay, rate * self.adam_lr_ratio * correction, adam_decay]

    def formula(self, w, g, slots, s):
        """Adam where there is a velocity, else w - rate * orthogonal(momentum)."""
        if "velocity" in slots:
            m = slots["momentum"] + (g - slots["momentum"]) * (1.0 - self.adam_beta_1)
            v = slots["velocity"] + (ops.square(g) - slots["velocity"]) * (1.0 - self.adam_beta_2)
            return w - w * s[3] - m * s[2] / (ops.sqrt(v) + self.epsilon), {"momentum": m, "velocity": v}
        m = slots["momentum"] * self.momentum + g
        move = self._orthogonal(g + m * self.momentum if self.nesterov else m)
        if self.rms_rate is not None:
            move = move * (sqrt(max(w.shape)) * self.rms_rate)
        return w - w * s[1] - move * s[0], {"momentum": m}

    def _orthogonal(self, x):
        """Nearly U V' of x = U S V': a few steps of a polynomial that drives all singular values towards 1."""
        tall = x.shape[0] > x.shape[1]
        if tall:
            x = ops.transpose(x)
        x = x / (ops.sqrt(ops.sum(ops.square(x))) + 1e-7)
        for _ in range(self.ns_steps):
            squares = ops.matmul(x, ops.transpose(x))
            rest = squares * self.muon_b + ops.matmul(squares * self.muon_c, squares)
            x = x * self.muon_a + ops.matmul(rest, x)
        return ops.transpose(x) if tall else x
