"""Optimisers that scale each weight's step by what its gradients were like before."""

from __future__ import annotations

from striate import ops
from striate.errors import ArgumentError, received
from striate.optimizers.base import Optimizer
from striate.optimizers.schedules import LearningRateSchedule
from striate.serialization import export


@export("keras.optimizers.RMSprop", "keras.optimizers.rmsprop")
class RMSprop(Optimizer):
    """The gradient divided by the root of the running average of its square.

    Source: Tieleman and Hinton (2012), lecture 6.5.

    Args:
        learning_rate: the rate.
        rho: how much of the average is kept.
        momentum: how much of the last move is kept.
        epsilon: added to the average.
        centered: whether the square of the average gradient is taken off the average square.
        common: see `Optimizer`.
    """

    def __init__(self, learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False, **common):
        super().__init__(learning_rate, **common)
        self.rho, self.momentum, self.epsilon, self.centered = rho, momentum, epsilon, centered

    def slot_groups(self):
        return [("velocity",), *([("momentum",)] if self.momentum > 0 else []),
                *([("average_gradient",)] if self.centered else [])]

    def formula(self, w, g, slots, s):
        """w - rate * g / sqrt(average of g^2 + epsilon)."""
        velocity = slots["velocity"] * self.rho + ops.square(g) * (1.0 - self.rho)
        changed = {"velocity": velocity}
        denominator = velocity
        if self.centered:
            average = slots["average_gradient"] * self.rho + g * (1.0 - self.rho)
            changed["average_gradient"] = average
            denominator = velocity - ops.square(average)
        move = g * s[0] / ops.sqrt(denominator + self.epsilon)
        if self.momentum > 0:
            move = slots["momentum"] * self.momentum + move
            changed["momentum"] = move
        return w - move, changed


@export("keras.optimizers.Adagrad", "keras.optimizers.adagrad")
class Adagrad(Optimizer):
    """The gradient divided by the root of the sum of all its squares so far.

    Source: Duchi and others (2011).

    Args:
        learning_rate: the rate.
        initial_accumulator_value: where the sum of squares begins.
        epsilon: added to the sum.
        common: see `Optimizer`.
    """

    def __init__(self, learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-7, **common):
        super().__init__(learning_rate, **common)
        self.initial_accumulator_value, self.epsilon = initial_accumulator_value, epsilon

    def slot_groups(self):
        return [("accumulator",)]

    def slot_start(self, name):
        return self.initial_accumulator_value if name == "accumulator" else 0.0

    def formula(self, w, g, slots, s):
        """w - rate * g / sqrt(sum of g^2 + epsilon)."""
        total = slots["accumulator"] + ops.square(g)
        return w - g * s[0] / ops.sqrt(total + self.epsilon), {"accumulator": total}


@export("keras.optimizers.Adadelta", "keras.optimizers.adadelta")
class Adadelta(Optimizer):
    """The gradient, in units of its own running size, times the running size of earlier moves.

    Source: Zeiler (2012), arXiv:1212.5701.

    Args:
        learning_rate: a factor on the move; 1 in the paper.
        rho: how much of the averages is kept.
        epsilon: added to both.
        common: see `Optimizer`.
    """

    def __init__(self, learning_rate=0.001, rho=0.95, epsilon=1e-7, **common):
        super().__init__(learning_rate, **common)
        self.rho, self.epsilon = rho, epsilon

    def slot_groups(self):
        return [("accumulated_grad", "accumulated_delta_var")]

    def formula(self, w, g, slots, s):
        """w + rate * move."""
        gradients = slots["accumulated_grad"] * self.rho + ops.square(g) * (1.0 - self.rho)
        moves = slots["accumulated_delta_var"]
        move = -(ops.sqrt(moves + self.epsilon) * g / ops.sqrt(gradients + self.epsilon))
        moves = moves * self.rho + ops.square(move) * (1.0 - self.rho)
        return w + move * s[0], {"accumulated_grad": gradients, "accumulated_delta_var": moves}


@export("keras.optimizers.Ftrl", "keras.optimizers.ftrl")
class Ftrl(Optimizer):
    """Follow the regularised leader: for sparse linear models.

    Source: McMahan and others (2013).

    Args:
        learning_rate: the rate.
        learning_rate_power: how the rate falls with the gradients so far; at most 0.
        initial_accumulator_value: where the sum of squares begins.
        l1_regularization_strength, l2_regularization_strength, l2_shrinkage_regularization_strength: penalties.
        beta: added to the l2 penalty, over twice the rate.
        common: see `Optimizer`.
    """

    def __init__(self, learning_rate=0.001, learning_rate_power=-0.5, initial_accumulator_value=0.1,
                 l1_regularization_strength=0.0, l2_regularization_strength=0.0,
                 l2_shrinkage_regularization_strength=0.0, beta=0.0, **common):
        super().__init__(learning_rate, **common)
        if learning_rate_power > 0:
            raise ArgumentError("`learning_rate_power` needs to be negative or zero. "
                                + received(learning_rate_power=learning_rate_power))
        self.learning_rate_power, self.initial_accumulator_value = learning_rate_power, initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta

    def slot_groups(self):
        return [("accumulator", "linear")]

    def slot_start(self, name):
        return self.initial_accumulator_value if name == "accumulator" else 0.0

    def numbers(self, rate, step, decay):
        return [1.0 / rate, 2.0 * (self.l2_regularization_strength + self.beta / (2.0 * rate))]

    def formula(self, w, g, slots, s):
        """The weights that minimise all linearised losses so far plus the penalties."""
        exponent, l1 = -float(self.learning_rate_power), float(self.l1_regularization_strength)
        before, total = slots["accumulator"], slots["accumulator"] + ops.square(g)
        shrunk = g + w * (2.0 * self.l2_shrinkage_regularization_strength)
        growth = (ops.power(total, exponent) - ops.power(before, exponent)) * s[0]
        linear = slots["linear"] + shrunk - growth * w
        quadratic = ops.power(total, exponent) * s[0] + s[1]
        return (ops.clip(linear, -l1, l1) - linear) / quadratic, {"accumulator": total, "linear": linear}


@export("keras.optimizers.Lion", "keras.optimizers.lion")
class Lion(Optimizer):
    """Every weight moves by the rate, in the direction of a mix of gradient and momentum.

    Source: Chen and others (2023), arXiv:2302.06675.

    Args:
        learning_rate: the length of each move; a tenth of Adam's is usual.
        beta_1: how much of the momentum is in the mix.
        beta_2: how much of the momentum is kept.
        common: see `Optimizer`.
    """

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.99, **common):
        super().__init__(learning_rate, **common)
        if not 0 < beta_1 <= 1:
            raise ArgumentError("Argument `beta_1` must be in the [0, 1] range. " + received(beta_1=beta_1))
        self.beta_1, self.beta_2 = beta_1, beta_2

    def slot_groups(self):
        return [("momentum",)]

    def formula(self, w, g, slots, s):
        """w - rate * sign(beta_1 * m + (1 - beta_1) * g)."""
        m = slots["momentum"]
        direction = ops.sign(m * self.beta_1 + g * (1.0 - self.beta_1))
        return w - direction * s[0], {"momentum": m * self.beta_2 + g * (1.0 - self.beta_2)}


@export("keras.optimizers.Adafactor", "keras.optimizers.adafactor")
class Adafactor(Optimizer):
    """Adam's v kept as row and column averages; the step follows the size of the variable.

    Source: Shazeer and Stern (2018), arXiv:1804.04235.

    Args:
        learning_rate: the rate.
        beta_2_decay: how the averages slow down: beta_2 = 1 - t ** beta_2_decay.
        epsilon_1: added to squared gradients.
        epsilon_2: the smallest size of a variable that counts.
        clip_threshold: the largest root mean square of a move.
        relative_step: whether the rate is at most 1 / sqrt(t).
        common: see `Optimizer`.
    """

    whole = False

    def __init__(self, learning_rate=0.001, beta_2_decay=-0.8, epsilon_1=1e-30, epsilon_2=1e-3, clip_threshold=1.0,
                 relative_step=True, **common):
        super().__init__(learning_rate, **common)
        self.beta_2_decay, self.epsilon_1, self.epsilon_2 = beta_2_decay, epsilon_1, epsilon_2
        self.clip_threshold, self.relative_step = clip_threshold, relative_step

    def slot_groups(self):
        return [("row", "column", "velocity")]

    def slot_shape(self, name, variable):
        shape = variable.shape
        if name == "row":
            return shape[:-1] if len(shape) > 1 else ()
        if name == "column":
            return (*shape[:-2], shape[-1]) if len(shape) > 1 else ()
        return shape

    def numbers(self, rate, step, decay):
        if self.relative_step and not isinstance(self._learning_rate, LearningRateSchedule):
            rate = min(rate, step ** -0.5)
        return [min(rate, step ** -0.5), 1.0 - float(step) ** self.beta_2_decay]

    def formula(self, w, g, slots, s):
        """w - size of w * rate * g / sqrt(v), the move kept within the threshold."""
        keep, square = s[1], ops.square(g) + self.epsilon_1
        changed = {}
        if len(w.shape) > 1:
            row = slots["row"] * keep + ops.mean(square, axis=-1) * (1.0 - keep)
            column = slots["column"] * keep + ops.mean(square, axis=-2) * (1.0 - keep)
            changed.update(row=row, column=column)
            v = ops.expand_dims(row / ops.mean(row, axis=-1, keepdims=True), -1) * ops.expand_dims(column, -2)
        else:
            v = slots["velocity"] * keep + square * (1.0 - keep)
        changed["velocity"] = v
        move = g / ops.sqrt(v)
        size = ops.sqrt(ops.mean(ops.square(move)))
        step = ops.maximum(self.epsilon_2, ops.sqrt(ops.mean(ops.square(w)))) * s[0]
        return w - move * (step / ops.maximum(1.0, size / self.clip_threshold)), changed
