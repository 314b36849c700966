"""`Recipe`: how a network of the zoo is trained, in the words of where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import numpy as np

from striate.errors import ArgumentError, received

ONE_CYCLE = "one_cycle"
SHORT_MEMORY = 0.9
"""Momentum of the statistics of batch normalization in trainings of few steps: with Keras' 0.99 they lag behind."""
DECAY = 5e-3
"""Weight decay beside momentum 0.9. The optimizer takes it from the weights directly; papers that add 5e-4 to the
gradient, where momentum makes ten times as much of it, mean the same."""
LOWEST_SHARE = 0.1
"""A one-cycle schedule begins at this share of its highest learning rate."""


@dataclass(frozen=True)
class Recipe:
    """Everything needed to train a network as its source does.

    Args: title and source, in words; optimizer and loss, by name, with `optimizer_arguments` and `loss_arguments`;
    epochs; batch_size; inputs, augmentation, result, note, in words; learning_rate; schedule, None or "one_cycle", and
    `warmup`, the share of steps in which it rises; one_hot_labels; mirrored: whether an answer is the mean over a
    picture and its mirror image.

    Example:
        >>> from striate import zoo
        >>> zoo.recipe("nova").epochs
        25
    """

    title: str
    source: str
    optimizer: str
    loss: str
    epochs: int
    batch_size: int
    inputs: str
    """How the pictures are prepared, in words."""
    learning_rate: float | None = None
    """None: the optimizer's own. With a schedule: its highest."""
    schedule: str | None = None
    """None: a constant rate. "one_cycle": up in a straight line over the share `warmup` of all steps, then down to 0
    along half a cosine."""
    warmup: float = 0.25
    optimizer_arguments: Mapping[str, Any] = field(default_factory=dict)
    loss_arguments: Mapping[str, Any] = field(default_factory=dict)
    one_hot_labels: bool = False
    """Whether the loss wants labels as `utils.to_categorical` gives them."""
    augmentation: str = ""
    """How training pictures are changed at random, in words: layers at the network's beginning do it."""
    mirrored: bool = False
    """Whether an answer is the mean over a picture and its mirror image: see `predict`."""
    result: str = ""
    """What to expect, from the source or from a stored run; empty where nobody has measured it."""
    note: str = ""

    def steps(self, samples: int) -> int:
        """Training steps of the whole recipe with so many samples.

        Example:
            >>> from striate import zoo
            >>> zoo.recipe("uva").steps(55_000)
            17190
        """
        return self.epochs * ceil(samples / self.batch_size)

    def make_optimizer(self, samples: int | None = None):
        """A new optimizer with the recipe's settings.

        Args:
            samples: how many samples it will train on; needed by a recipe with a schedule alone.

        Raises:
            ArgumentError: the recipe has a schedule and `samples` is missing.
        """
        from striate import optimizers

        arguments = dict(self.optimizer_arguments)
        rate = self._schedule(samples) if self.schedule else self.learning_rate
        if rate is not None:
            arguments["learning_rate"] = rate
        return optimizers.get({"class_name": self.optimizer, "config": arguments})

    def _schedule(self, samples: int | None):
        from striate.optimizers import schedules

        if samples is None or self.learning_rate is None or self.schedule != ONE_CYCLE:
            raise ArgumentError(f"The learning rate of this recipe follows a schedule over the whole training: it "
                                f"needs `samples`, the number of training samples, a highest rate, and the schedule "
                                f"'{ONE_CYCLE}'. " + received(samples=samples, learning_rate=self.learning_rate,
                                                              schedule=self.schedule))
        steps = self.steps(samples)
        rising = min(round(self.warmup * steps), steps - 1)
        return schedules.CosineDecay(LOWEST_SHARE * self.learning_rate, steps - rising,
                                     warmup_target=self.learning_rate, warmup_steps=rising)

    def make_loss(self):
        """A new loss with the recipe's settings."""
        from striate import losses

        return losses.get({"class_name": self.loss, "config": dict(self.loss_arguments)})

    def predict(self, model, x: np.ndarray, batch_size: int = 256) -> np.ndarray:
        """What a trained network says about pictures, as the recipe asks for its answers.

        Args:
            model: the network.
            x: pictures (n, height, width, channels), prepared as `inputs` says.
            batch_size: how many at once.

        Returns:
            Its outputs (n, classes); with `mirrored` their mean over each picture and its mirror image.
        """
        says = model.predict(x, batch_size=batch_size, verbose=0)
        if not self.mirrored:
            return says
        return (says + model.predict(np.ascontiguousarray(x[:, :, ::-1]), batch_size=batch_size, verbose=0)) / 2

    def compile(self, model, samples: int | None = None):
        """Compiles `model` by this recipe, with accuracy as its metric, and gives it back.

        Args:
            model: a network.
            samples: how many samples it will train on; needed by a recipe with a schedule alone.
        """
        model.compile(optimizer=self.make_optimizer(samples), loss=self.make_loss(), metrics=["accuracy"])
        return model
