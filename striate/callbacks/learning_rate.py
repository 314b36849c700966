"""Callbacks that change the learning rate between epochs."""

from __future__ import annotations

import inspect
import numbers
import warnings

from striate.callbacks.base import Callback
from striate.callbacks.console import say
from striate.callbacks.monitor import MonitorCallback
from striate.errors import ArgumentError, received


class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of each epoch to `schedule(epoch, learning_rate)`.

    Args:
        schedule: function of the epoch (from 0) and the present rate, or of the epoch alone, that gives a float.
        verbose: 1 prints the new rate.

    Example:
        >>> LearningRateScheduler(lambda epoch, rate: rate * 0.5).schedule(1, 0.1)
        0.05
    """

    def __init__(self, schedule, verbose: int = 0):
        super().__init__()
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs=None) -> None:
        """Sets the rate."""
        optimizer = self.model.optimizer
        rate = self._scheduled(epoch, float(optimizer.learning_rate))
        if isinstance(rate, bool) or not isinstance(rate, numbers.Real):
            raise ArgumentError("The output of the `schedule` function of LearningRateScheduler should be a float. "
                                + received(learning_rate=rate))
        optimizer.learning_rate = float(rate)
        if self.verbose > 0:
            say(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")

    def _scheduled(self, epoch: int, rate: float):
        try:
            inspect.signature(self.schedule).bind(epoch, rate)
        except TypeError:
            return self.schedule(epoch)
        return self.schedule(epoch, rate)

    def on_epoch_end(self, epoch: int, logs=None) -> None:
        """Logs the rate."""
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


class ReduceLROnPlateau(MonitorCallback):
    """Multiplies the learning rate by `factor` when a number no longer improves.

    Args:
        monitor, mode, min_delta: what is watched and what counts as an improvement.
        factor: less than 1.
        patience: epochs without improvement that are borne.
        verbose: 1 prints the new rate.
        cooldown: epochs after a change in which nothing is counted.
        min_lr: the rate never goes below it.

    Raises:
        ArgumentError: `factor` is 1 or more.

    Example:
        >>> ReduceLROnPlateau(factor=0.5).factor
        0.5
    """

    memory = {"best": float | None, "wait": int, "cooldown_counter": int}

    def __init__(self, monitor="val_loss", factor=0.1, patience=10, verbose=0, mode="auto", min_delta=1e-4,
                 cooldown=0, min_lr=0.0):
        super().__init__(monitor, mode, min_delta=min_delta)
        if factor >= 1.0:
            raise ArgumentError(f"ReduceLROnPlateau does not support a factor >= 1.0. {received(factor=factor)}")
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr
        self._reset()

    def _reset(self) -> None:
        self.best = None
        self.wait = self.cooldown_counter = 0

    def on_train_begin(self, logs=None) -> None:
        """Forgets earlier trainings."""
        self._reset()

    def in_cooldown(self) -> bool:
        """Whether a change happened lately."""
        return self.cooldown_counter > 0

    def on_epoch_end(self, epoch: int, logs=None) -> None:
        """Logs the rate, compares, reduces."""
        logs = {} if logs is None else logs
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        current = self.watched(logs)
        if current is None:
            warnings.warn(f"Learning rate reduction is conditioned on metric `{self.monitor}` which is not available. "
                          f"Available metrics are: {','.join(logs)}.", stacklevel=2)
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_improvement(current, self.best):
            self.best, self.wait = current, 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience and self._reduce(epoch, logs["learning_rate"]):
                self.cooldown_counter, self.wait = self.cooldown, 0

    def _reduce(self, epoch: int, rate: float) -> bool:
        if rate <= self.min_lr:
            return False
        new = max(rate * self.factor, self.min_lr)
        self.model.optimizer.learning_rate = new
        if self.verbose > 0:
            say(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {new}.")
        return True
