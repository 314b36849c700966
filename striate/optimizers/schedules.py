"""Learning rates that change from step to step; each is computed in float64 by the caller of the training program."""

from __future__ import annotations

from math import ceil, cos, floor, log, pi
from typing import Any

import numpy as np

from striate.errors import ArgumentError, received
from striate.serialization import Configurable, deserialize_keras_object, export
from striate.serialization import serialize_keras_object as serialize


def _schedule(kind: type) -> type:
    return export(f"keras.optimizers.schedules.{kind.__name__}", f"keras.optimizers.{kind.__name__}")(kind)


def _positive_steps(name: str, value) -> None:
    if value <= 0:
        raise ArgumentError(f"Argument `{name}` must be > 0. " + received(**{name: value}))


@export("keras.optimizers.schedules.LearningRateSchedule", "keras.optimizers.LearningRateSchedule")
class LearningRateSchedule(Configurable):
    """Base: `schedule(step)` gives the learning rate of a step, counted from 0.

    Shapes: step is a whole number, the rate a float. All lengths are in training steps.

    Example:
        >>> class Half(LearningRateSchedule):
        ...     def __call__(self, step):
        ...         return 0.1 if step < 100 else 0.05
        >>> Half()(100)
        0.05
    """

    def __call__(self, step):
        raise NotImplementedError(f"Learning rate schedule '{type(self).__name__}' must override "
                                  "`__call__(self, step)`.")


@_schedule
class ExponentialDecay(LearningRateSchedule):
    """initial_learning_rate * decay_rate ** (step / decay_steps); with `staircase` the exponent is rounded down.

    `initial_learning_rate` is a float, `decay_steps` a number of training steps.

    Example:
        >>> ExponentialDecay(0.1, 10, 0.5)(20)
        0.025
    """

    def __init__(self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name="ExponentialDecay"):
        _positive_steps("decay_steps", decay_steps)
        self.initial_learning_rate, self.decay_steps, self.decay_rate = initial_learning_rate, decay_steps, decay_rate
        self.staircase, self.name = staircase, name

    def __call__(self, step):
        exponent = float(step) / self.decay_steps
        return self.initial_learning_rate * self.decay_rate ** (floor(exponent) if self.staircase else exponent)


@_schedule
class PiecewiseConstantDecay(LearningRateSchedule):
    """values[i] up to and including step boundaries[i], the last value behind.

    `boundaries`: numbers of steps, rising; `values`: one more.

    Example:
        >>> [PiecewiseConstantDecay([2], [1.0, 0.5])(step) for step in (0, 2, 3)]
        [1.0, 1.0, 0.5]
    """

    def __init__(self, boundaries, values, name="PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            raise ArgumentError("The length of boundaries should be 1 less than the length of values. "
                                + received(boundaries=boundaries, values=values))
        self.boundaries, self.values, self.name = boundaries, values, name

    def __call__(self, step):
        return float(self.values[sum(float(step) > boundary for boundary in self.boundaries)])


@_schedule
class PolynomialDecay(LearningRateSchedule):
    """From `initial_learning_rate` to `end_learning_rate` in `decay_steps`, by the `power` of the way left.

    With `cycle` a new, longer descent begins when one ends.

    `initial_learning_rate` is a float, `decay_steps` a number of training steps.
    """

    def __init__(self, initial_learning_rate, decay_steps, end_learning_rate=0.0001, power=1.0, cycle=False,
                 name="PolynomialDecay"):
        _positive_steps("decay_steps", decay_steps)
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.end_learning_rate, self.power, self.cycle, self.name = end_learning_rate, power, cycle, name

    def __call__(self, step):
        step, steps = float(step), float(self.decay_steps)
        if self.cycle:
            steps *= max(1, ceil(step / steps))
        left = 1.0 - min(step, steps) / steps
        return (self.initial_learning_rate - self.end_learning_rate) * left ** self.power + self.end_learning_rate


@_schedule
class InverseTimeDecay(LearningRateSchedule):
    """initial_learning_rate / (1 + decay_rate * step / decay_steps); `staircase` rounds the quotient down.

    `initial_learning_rate` is a float, `decay_steps` a number of training steps.
    """

    def __init__(self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name="InverseTimeDecay"):
        _positive_steps("decay_steps", decay_steps)
        self.initial_learning_rate, self.decay_steps, self.decay_rate = initial_learning_rate, decay_steps, decay_rate
        self.staircase, self.name = staircase, name

    def __call__(self, step):
        quotient = float(step) / self.decay_steps
        return self.initial_learning_rate / (1.0 + self.decay_rate * (floor(quotient) if self.staircase else quotient))


@_schedule
class CosineDecay(LearningRateSchedule):
    """Half a cosine from `initial_learning_rate` to `alpha` times it; before it, if asked, a straight warm-up.

    Lengths are in steps. Source: Loshchilov and Hutter (2017), arXiv:1608.03983.

    Args:
        initial_learning_rate: where it begins (with warm-up: where the warm-up begins).
        decay_steps: length of the descent.
        alpha: the lowest rate, as a share of the highest.
        name: a name.
        warmup_target: the rate that the warm-up reaches; None for no warm-up.
        warmup_steps: length of the warm-up.
    """

    def __init__(self, initial_learning_rate, decay_steps, alpha=0.0, name="CosineDecay", warmup_target=None,
                 warmup_steps=0):
        _positive_steps("decay_steps", decay_steps)
        self.initial_learning_rate, self.decay_steps, self.alpha, self.name = (
            initial_learning_rate, decay_steps, alpha, name)
        self.warmup_target, self.warmup_steps = warmup_target, warmup_steps

    def __call__(self, step):
        step, top = float(step), self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return (self.warmup_target - top) * step / self.warmup_steps + top
            step, top = step - self.warmup_steps, self.warmup_target
        share = 0.5 * (1.0 + cos(pi * min(step, self.decay_steps) / self.decay_steps))
        return top * ((1.0 - self.alpha) * share + self.alpha)


@_schedule
class CosineDecayRestarts(LearningRateSchedule):
    """Cosine descents one after the other, each `t_mul` times as long and `m_mul` times as high as the one before.

    Lengths are in steps: the first is `first_decay_steps`, from `initial_learning_rate` to `alpha` times it. Source:
    Loshchilov and Hutter (2017), arXiv:1608.03983.
    """

    def __init__(self, initial_learning_rate, first_decay_steps, t_mul=2.0, m_mul=1.0, alpha=0.0, name="SGDRDecay"):
        _positive_steps("first_decay_steps", first_decay_steps)
        self.initial_learning_rate, self.first_decay_steps = initial_learning_rate, first_decay_steps
        self.t_mul, self.m_mul, self.alpha, self.name = t_mul, m_mul, alpha, name

    def __call__(self, step):
        done = float(step) / self.first_decay_steps
        if self.t_mul == 1.0:
            restarts = floor(done)
            done -= restarts
        else:
            restarts = floor(log(1.0 - done * (1.0 - self.t_mul)) / log(self.t_mul))
            length = self.t_mul ** restarts
            done = (done - (1.0 - length) / (1.0 - self.t_mul)) / length
        share = 0.5 * self.m_mul ** restarts * (1.0 + cos(pi * done))
        return self.initial_learning_rate * ((1.0 - self.alpha) * share + self.alpha)


def rate_at(schedule: Any, step: int) -> float:
    """The number a schedule gives, also when a user's schedule computes it with tensors."""
    return float(np.asarray(schedule(step)))


def deserialize(config: dict, custom_objects: dict | None = None):
    """The schedule of a configuration.

    `config`: what `serialize` gave; `custom_objects`: {name: class} of your own.
    """
    return deserialize_keras_object(config, custom_objects, module="keras.optimizers.schedules")


__all__ = ["CosineDecay", "CosineDecayRestarts", "ExponentialDecay", "InverseTimeDecay", "LearningRateSchedule",
           "PiecewiseConstantDecay", "PolynomialDecay", "deserialize", "serialize"]
