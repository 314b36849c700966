"""Callbacks that watch one number: is it better than before?"""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Callable

import numpy as np

from striate.callbacks.base import Callback
from striate.callbacks.console import say
from striate.errors import ArgumentError, received

_UP = ("acc", "accuracy", "auc", "precision", "recall", "f1", "fbeta", "iou", "r2", "true_positives", "true_negatives",
       "similarity", "sensitivity", "specificity", "correct")
_DOWN = ("loss", "error", "mse", "mae", "mape", "msle", "rmse", "crossentropy", "divergence", "hinge", "poisson",
         "logcosh", "kl", "false_positives", "false_negatives", "learning_rate")


class MonitorCallback(Callback):
    """Base of callbacks that compare a logged number with the best so far.

    Args:
        monitor: name in the logs.
        mode: "min", "max", or "auto": known from the name or the metric.
        baseline: first value to beat; None: the first value is the best.
        min_delta: a smaller change is no improvement.

    Raises:
        ArgumentError: `mode` is "auto" and neither name nor metric tells, when training begins.
    """

    def __init__(self, monitor: str = "val_loss", mode: str = "auto", baseline: float | None = None,
                 min_delta: float = 0.0):
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warnings.warn(f"{type(self).__name__} mode '{mode}' is unknown, fallback to auto mode.", stacklevel=3)
            mode = "auto"
        self.monitor, self.mode = monitor, mode
        self.best = baseline
        self.min_delta = abs(min_delta)

    @property
    def seeks_more(self) -> bool:
        """Whether greater values are better.

        Raises:
            ArgumentError: mode is "auto" and the name tells nothing.
        """
        return self._find_direction()

    @property
    def monitor_op(self) -> Callable[[float, float], bool]:
        """The comparison that says whether its first number is better than its second."""
        return operator.gt if self.seeks_more else operator.lt

    def _find_direction(self) -> bool:
        if self.mode != "auto":
            return self.mode == "max"
        name = self.monitor.removeprefix("val_")
        for metric in getattr(self.model, "metrics", None) or ():
            if metric.name == name and getattr(metric, "direction", None) in ("up", "down"):
                return metric.direction == "up"
        if any(word in name for word in _DOWN):
            return False
        if any(word in name for word in _UP):
            return True
        raise ArgumentError(f"{type(self).__name__} cannot tell whether {self.monitor!r} should become greater or "
                            f"smaller. {received(monitor=self.monitor, mode=self.mode)}. "
                            "Pass mode='max' or mode='min'.")

    def watched(self, logs) -> float | None:
        """The number in the logs, None when it is not there.

        Raises:
            ArgumentError: it is not there, and its name tells nothing: probably the name is wrong.
        """
        value = logs.get(self.monitor)
        if value is None:
            self._find_direction()
        return value

    def is_improvement(self, value: float, reference: float | None) -> bool:
        """Whether `value` beats `reference` by more than `min_delta`. NaN and infinity never do."""
        if not math.isfinite(value):
            return False
        if reference is None or math.isnan(reference):
            return True
        return value - self.min_delta > reference if self.seeks_more else value + self.min_delta < reference


class EarlyStopping(MonitorCallback):
    """Stops the training when a number no longer improves.

    Args:
        monitor: name in the logs.
        min_delta: a smaller change is no improvement.
        patience: epochs without improvement that are borne.
        verbose: 1 prints what is done.
        mode: "min", "max" or "auto".
        baseline: a value that must be beaten at all.
        restore_best_weights: give the model the weights of its best epoch at the end, also after Ctrl-C.
        start_from_epoch: epochs before which nothing is watched.

    Example:
        >>> EarlyStopping(monitor="val_accuracy", patience=3).seeks_more
        True
    """

    memory = {"wait": int, "stopped_epoch": int, "best_epoch": int, "best": float | None,
              "best_weights": list[np.ndarray] | None}

    def __init__(self, monitor="val_loss", min_delta=0, patience=0, verbose=0, mode="auto", baseline=None,
                 restore_best_weights=False, start_from_epoch=0):
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch
        self._reset()

    def _reset(self) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = self.best_weights = None

    def on_train_begin(self, logs=None) -> None:
        """Forgets earlier trainings."""
        self._reset()

    def on_epoch_end(self, epoch: int, logs=None) -> None:
        """Compares, remembers the best weights, asks to stop."""
        current = self.get_monitor_value(logs or {})
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self._remember(epoch)
        self.wait += 1
        if self.is_improvement(current, self.best):
            self.best = current
            self._remember(epoch)
            if self.baseline is None or self.is_improvement(current, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def _remember(self, epoch: int) -> None:
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()

    def on_train_end(self, logs=None) -> None:
        """Says why it stopped and restores the best weights if that was asked."""
        if self.stopped_epoch > 0 and self.verbose > 0:
            say(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                say(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)

    def get_monitor_value(self, logs) -> float | None:
        """The number that is watched; override it to watch something made of several logs."""
        value = self.watched(logs)
        if value is None:
            warnings.warn(f"Early stopping conditioned on metric `{self.monitor}` which is not available. "
                          f"Available metrics are: {','.join(logs)}", stacklevel=3)
        return value
