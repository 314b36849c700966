"""Adam and its family: rates that follow running averages of gradients and of their squares."""

from __future__ import annotations

from math import sqrt

import numpy as np

from striate import ops
from striate.optimizers.base import Optimizer
from striate.serialization import export
from striate.variables import Variable


@export("keras.optimizers.Adam", "keras.optimizers.adam")
class Adam(Optimizer):
    """m and v follow the gradient and its square; w = w - alpha * m / (sqrt(v) + epsilon).

    alpha = rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) makes up for averages that begin at zero.

    Source: Kingma and Ba (2015), arXiv:1412.6980; for `amsgrad` Reddi and others (2018), arXiv:1904.09237.

    Args:
        learning_rate: the rate.
        beta_1, beta_2: how much of the averages is kept.
        epsilon: added to the denominator.
        amsgrad: whether the largest v so far is used.
        common: see `Optimizer`.

    Example:
        >>> Adam().get_config()["epsilon"]
        1e-07
    """

    fused_decay = True

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False, **common):
        super().__init__(learning_rate, **common)
        self.beta_1, self.beta_2, self.epsilon, self.amsgrad = beta_1, beta_2, epsilon, amsgrad

    def slot_groups(self):
        return [("momentum", "velocity"), *([("velocity_hat",)] if self.amsgrad else [])]

    def numbers(self, rate, step, decay):
        alpha = rate * sqrt(1.0 - self.beta_2 ** step) / (1.0 - self.beta_1 ** step)
        return [alpha, 1.0 - self.beta_1, 1.0 - self.beta_2, self.epsilon, decay, 1.0]

    def formula(self, w, g, slots, s):
        """One pass of the fused op; with amsgrad as a chain of ops."""
        m, v = slots["momentum"], slots["velocity"]
        if not self.amsgrad:
            w, m, v = ops.adam_update(w, m, v, s, g)
            return w, {"momentum": m, "velocity": v}
        w = w - w * s[4]
        m = m + (g - m) * s[1]
        v = v + (ops.square(g) - v) * s[2]
        largest = ops.maximum(slots["velocity_hat"], v)
        return w - m * s[0] / (ops.sqrt(largest) + s[3]), {"momentum": m, "velocity": v, "velocity_hat": largest}


@export("keras.optimizers.AdamW", "keras.optimizers.adamw")
class AdamW(Adam):
    """Adam with weight decay: each step also takes rate * weight_decay of every weight off.

    Args as those of `Adam`, which see (`learning_rate`, `beta_1`, `beta_2`, `epsilon`, `amsgrad`), and of `Optimizer`.
    Source: Loshchilov and Hutter (2019), arXiv:1711.05101.
    """

    def __init__(self, learning_rate=0.001, weight_decay=0.004, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False,
                 **common):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **common)


@export("keras.optimizers.ScheduleFreeAdamW", "keras.optimizers.schedulefreeadamw")
class ScheduleFreeAdamW(Optimizer):
    """AdamW that needs no schedule: gradients are taken between the weights that move (z) and their mean (x).

    The weights are y = (1 - beta_1) z + beta_1 x, and x is the mean of all z so far.

    Source: Defazio and others (2024), arXiv:2405.15682.

    Args:
        learning_rate: the rate.
        beta_1: how near to the mean gradients are taken.
        beta_2: how much of the average of squares is kept.
        epsilon: added to the denominator.
        warmup_steps: over how many steps the rate rises from 0.
        common: see `Optimizer`.
    """

    copies_of_weights = ("momentum",)

    def __init__(self, learning_rate=0.0025, beta_1=0.9, beta_2=0.999, epsilon=1e-8, warmup_steps=0, **common):
        super().__init__(learning_rate, **common)
        self.beta_1, self.beta_2, self.epsilon, self.warmup_steps = beta_1, beta_2, epsilon, warmup_steps

    def slot_groups(self):
        return [("momentum", "velocity")]

    def numbers(self, rate, step, decay):
        rise = min(step / self.warmup_steps, 1.0) if self.warmup_steps else 1.0
        return [rate * rise, 1.0 / (1.0 - self.beta_2 ** step), 1.0 / step]

    def formula(self, w, g, slots, s):
        """z moves as in Adam without momentum; x takes it in; the weights lie between."""
        v = slots["velocity"] + (ops.square(g) - slots["velocity"]) * (1.0 - self.beta_2)
        z = slots["momentum"] - g * s[0] / (ops.sqrt(v * s[1]) + self.epsilon)
        mean = (w - slots["momentum"] * (1.0 - self.beta_1)) / self.beta_1
        mean = mean + (z - mean) * s[2]
        return z * (1.0 - self.beta_1) + mean * self.beta_1, {"momentum": z, "velocity": v}


@export("keras.optimizers.Adamax", "keras.optimizers.adamax")
class Adamax(Optimizer):
    """Adam with the largest gradient, fading by beta_2, in the place of the root of v.

    Source: Kingma and Ba (2015), arXiv:1412.6980.

    Args:
        learning_rate: the rate.
        beta_1, beta_2: how much is kept of the average and of the largest gradient.
        epsilon: added to the denominator.
        common: see `Optimizer`.
    """

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **common):
        super().__init__(learning_rate, **common)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def slot_groups(self):
        return [("momentum", "norm")]

    def numbers(self, rate, step, decay):
        return [rate / (1.0 - self.beta_1 ** step)]

    def formula(self, w, g, slots, s):
        """w - alpha * m / (u + epsilon)."""
        m = slots["momentum"] + (g - slots["momentum"]) * (1.0 - self.beta_1)
        u = ops.maximum(slots["norm"] * self.beta_2, ops.absolute(g))
        return w - m * s[0] / (u + self.epsilon), {"momentum": m, "norm": u}


@export("keras.optimizers.Nadam", "keras.optimizers.nadam")
class Nadam(Optimizer):
    """Adam that looks ahead as Nesterov's momentum does.

    Source: Dozat (2016).

    Args:
        learning_rate: the rate.
        beta_1, beta_2: how much of the averages is kept.
        epsilon: added to the denominator.
        common: see `Optimizer`.
    """

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **common):
        super().__init__(learning_rate, **common)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self._products: dict[int, float] = {0: 1.0}
        self._u_product: Variable | None = None

    def slot_groups(self):
        return [("momentum", "velocity")]

    def build(self, variables):
        """Also makes the product of the momenta a variable, because Keras' files hold it."""
        super().build(variables)
        self._u_product = self.add_variable((), "ones", name="variable")
        self._u_product.assign(np.float32(self._product(int(self.iterations))))

    def advance(self):
        super().advance()
        self._u_product.assign(np.float32(self._product(int(self.iterations))))

    def _momentum_at(self, step: int) -> float:
        return self.beta_1 * (1.0 - 0.5 * 0.96 ** step)

    def _product(self, step: int) -> float:
        """The product of the momenta of steps 1 to `step`; made from the last one known."""
        start = max(known for known in self._products if known <= step)
        product = self._products[start]
        for index in range(start + 1, step + 1):
            product *= self._momentum_at(index)
        self._products = {0: 1.0, step: product}
        return product

    def numbers(self, rate, step, decay):
        now, following, product = self._momentum_at(step), self._momentum_at(step + 1), self._product(step)
        return [rate * following / (1.0 - product * following), rate * (1.0 - now) / (1.0 - product),
                1.0 / (1.0 - self.beta_2 ** step)]

    def formula(self, w, g, slots, s):
        """w - (share of m + share of g) / (sqrt(v corrected) + epsilon)."""
        m = slots["momentum"] + (g - slots["momentum"]) * (1.0 - self.beta_1)
        v = slots["velocity"] + (ops.square(g) - slots["velocity"]) * (1.0 - self.beta_2)
        w = w - (m * s[0] + g * s[1]) / (ops.sqrt(v * s[2]) + self.epsilon)
        return w, {"momentum": m, "velocity": v}


@export("keras.optimizers.Lamb", "keras.optimizers.lamb")
class Lamb(Optimizer):
    """Adam whose move of each variable is as long as rate times the variable itself; for large batches.

    Source: You and others (2020), arXiv:1904.00962.

    Args:
        learning_rate: the rate.
        beta_1, beta_2: how much of the averages is kept.
        epsilon: added to the denominator.
        common: see `Optimizer`.
    """

    whole = False

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **common):
        super().__init__(learning_rate, **common)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def slot_groups(self):
        return [("momentum", "velocity")]

    def numbers(self, rate, step, decay):
        return [rate, 1.0 / (1.0 - self.beta_1 ** step), 1.0 / (1.0 - self.beta_2 ** step)]

    def formula(self, w, g, slots, s):
        """w - |w| / |move| * rate * move."""
        m = slots["momentum"] + (g - slots["momentum"]) * (1.0 - self.beta_1)
        v = slots["velocity"] + (ops.square(g) - slots["velocity"]) * (1.0 - self.beta_2)
        move = m * s[1] / (ops.sqrt(v * s[2]) + self.epsilon)
        lengths = ops.sqrt(ops.sum(ops.square(w))), ops.sqrt(ops.sum(ops.square(move)))
        usable = ops.logical_and(ops.greater(lengths[0], 0.0), ops.greater(lengths[1], 0.0))
        ratio = ops.where(usable, lengths[0] / ops.where(usable, lengths[1], 1.0), 1.0)
        return w - move * (ratio * s[0]), {"momentum": m, "velocity": v}
