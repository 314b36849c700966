"""Saving the model while it trains."""

from __future__ import annotations

import os
import warnings

from striate.callbacks.console import say
from striate.callbacks.monitor import MonitorCallback
from striate.errors import ArgumentError, FileError, received


class ModelCheckpoint(MonitorCallback):
    """Saves the model, or its weights, after epochs or after a number of batches.

    Args:
        filepath: the file; may hold names in braces: "{epoch:02d}-{val_loss:.2f}.keras". It ends in ".keras" or
            ".h5", with `save_weights_only` in ".weights.h5".
        monitor, mode: the number that `save_best_only` watches.
        verbose: 1 prints what is done.
        save_best_only: save only when the number has improved.
        save_weights_only: weights instead of the whole model.
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: first value to beat.

    Raises:
        ArgumentError: the file's ending or `save_freq` cannot be used.

    Example:
        >>> ModelCheckpoint("best.keras", save_best_only=True).filepath
        'best.keras'
    """

    memory = {"best": float | None, "_batches_since_saving": int, "_epoch": int}

    def __init__(self, filepath, monitor="val_loss", verbose=0, save_best_only=False, save_weights_only=False,
                 mode="auto", save_freq="epoch", initial_value_threshold=None):
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath = os.fspath(filepath)
        self.verbose, self.save_best_only, self.save_weights_only = verbose, save_best_only, save_weights_only
        self.save_freq = save_freq
        self._batches_since_saving = 0
        self._epoch = 0
        if save_freq != "epoch" and not (isinstance(save_freq, int) and save_freq > 0):
            raise ArgumentError(f"`save_freq` must be 'epoch' or a positive integer. {received(save_freq=save_freq)}")
        endings = (".weights.h5",) if save_weights_only else (".keras", ".h5")
        if not self.filepath.endswith(endings):
            raise ArgumentError(f"The `filepath` of ModelCheckpoint with save_weights_only={save_weights_only} must "
                                f"end in {' or '.join(endings)}. {received(filepath=self.filepath)}")

    def on_epoch_begin(self, epoch: int, logs=None) -> None:
        """Remembers the epoch for file names."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        """Saves when `save_freq` batches have passed."""
        if self.save_freq == "epoch":
            return
        self._batches_since_saving += 1
        if self._batches_since_saving >= self.save_freq:
            self._batches_since_saving = 0
            self._save(self._epoch, batch, logs or {})

    def on_epoch_end(self, epoch: int, logs=None) -> None:
        """Saves when epochs count."""
        if self.save_freq == "epoch":
            self._save(epoch, None, logs or {})

    def _save(self, epoch: int, batch: int | None, logs) -> None:
        path, before = self._path(epoch, batch, logs), self.best
        if not self._is_wanted(epoch, logs, path):
            return
        if os.path.isdir(path):
            raise ArgumentError(f"The `filepath` of ModelCheckpoint is a folder. {received(filepath=path)}. "
                                "Give the name of a file.")
        try:
            if self.save_weights_only:
                self.model.save_weights(path, overwrite=True)
            else:
                self.model.save(path, overwrite=True)
        except FileError:
            self.best = before  # the file holds the model of before, and the next one that beats it is to be kept
            raise
        self._say(epoch, f"finished saving model to {path}")

    def _say(self, epoch: int, text: str) -> None:
        if self.verbose > 0:
            say(f"\nEpoch {epoch + 1}: {text}")

    def _is_wanted(self, epoch: int, logs, path: str) -> bool:
        if not self.save_best_only:
            self._say(epoch, f"saving model to {path}")
            return True
        current = self.watched(logs)
        if current is None:
            warnings.warn(f"Can save best model only with {self.monitor} available.", stacklevel=4)
            return True
        before = "None" if self.best is None else f"{self.best:.5f}"
        if not self.is_improvement(current, self.best):
            self._say(epoch, f"{self.monitor} did not improve from {before}")
            return False
        self._say(epoch, f"{self.monitor} improved from {before} to {current:.5f}, saving model to {path}")
        self.best = current
        return True

    def _path(self, epoch: int, batch: int | None, logs) -> str:
        names = dict(logs, epoch=epoch + 1)
        if batch is not None:
            names.setdefault("batch", batch + 1)
        try:
            return self.filepath.format(**names)
        except KeyError as error:
            raise ArgumentError(f"The `filepath` of ModelCheckpoint names {error}, which is not logged. There are "
                                f"{', '.join(sorted(names))}. {received(filepath=self.filepath)}") from None
