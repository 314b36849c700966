"""A training that goes on where it was broken off, to the same bits."""

from __future__ import annotations

import os
import time

from striate import checkpoints
from striate.callbacks.base import Callback
from striate.errors import ArgumentError, StriateError, received
from striate.ranks import ranks


class BackupAndRestore(Callback):
    """Saves the state of the training while it runs; the same `fit` in a new process takes it up.

    The state is everything that the rest of the training depends on: weights, statistics, the optimizer with its
    slots, the seed, epoch and batch, sums of losses and metrics, the history, and what callbacks remember (name the
    attributes of your own callbacks in `memory`). So the end is that of an unbroken training, bit for bit. A generator
    is assumed to give the same batches again; those already used are taken from it and thrown away.

    Args:
        backup_dir: folder for the states; nothing else should be in it. Each call of `fit` needs one of its own.
        save_freq: "epoch", or a number of batches; the end of an epoch is saved in any case.
        double_checkpoint: accepted for Keras' sake: the two newest states are always kept.
        delete_checkpoint: remove the states when the training is complete. (The last one lies beside the folder, by a
            hidden name, until the process ends: a program that is killed after this training does not make it twice.)
        every_seconds: save also after a batch when so many seconds have passed since the last time.
        force: go on even if the model, the data or the optimizer differ from the saved ones.

    Raises:
        ArgumentError: an argument cannot work; or, when `fit` begins, the saved training was another one.

    Example:
        >>> BackupAndRestore("backup", save_freq=100).save_freq
        100
    """

    comes_last = 2

    def __init__(self, backup_dir, save_freq: int | str = "epoch", double_checkpoint: bool = False,
                 delete_checkpoint: bool = True, every_seconds: float | None = None, force: bool = False):
        super().__init__()
        if save_freq != "epoch" and (isinstance(save_freq, bool) or not isinstance(save_freq, int) or save_freq < 1):
            raise ArgumentError(f"`save_freq` must be 'epoch' or a positive integer. {received(save_freq=save_freq)}")
        if not os.fspath(backup_dir):
            raise ArgumentError("Empty `backup_dir` argument passed: give the name of a folder. "
                                + received(backup_dir=backup_dir))
        self.backup_dir, self.save_freq = os.fspath(backup_dir), save_freq
        self.double_checkpoint, self.delete_checkpoint = double_checkpoint, delete_checkpoint
        self.every_seconds, self.force = every_seconds, force
        self._saved_at = 0.0

    def on_train_begin(self, logs=None) -> None:
        """Asks the training to go on from the newest state, if there is one; else saves how it begins.

        That first state has what callbacks began with: the lines of a file that another one appends to, for example.
        """
        state, training = ranks().from_first(lambda: checkpoints.newest(self.backup_dir)), self.model._training
        training.settle()
        if state is None:
            if not self._was_finished(training):
                self._save()
        elif training.begins_otherwise(state):
            self._save()
        else:
            training.go_on_from(state, self.force)
            began = state["position"].get("began", 0)
            # A program that trains twice and was killed the second time would skip its first training.
            if began > training.began and not self.force:
                raise ArgumentError("The saved state is of another call of `fit`, which began with a model that had "
                                    f"been trained for {began} steps. {received(steps=training.began)}. Give each call "
                                    "a folder of its own, remove the saved state to begin anew, or force it "
                                    "(BackupAndRestore(..., force=True)).")
        self._saved_at = time.monotonic()

    def _was_finished(self, training) -> bool:
        """Goes on from the end of this very training, if a killed program had completed it: nothing is left to do.
        Another training begins anew, as it would have if the program had ended."""
        state = ranks().from_first(lambda: checkpoints.finished(self.backup_dir))
        try:
            if state is None or state["position"]["began"] != training.began:
                return False
            training.go_on_from(state)
        except (StriateError, LookupError, TypeError):
            return False
        return True

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        """Saves if it is time."""
        by_count = isinstance(self.save_freq, int) and (batch + 1) % self.save_freq == 0
        by_clock = self.every_seconds is not None and time.monotonic() - self._saved_at >= self.every_seconds
        if by_count or by_clock:
            self._save()

    def on_epoch_end(self, epoch: int, logs=None) -> None:
        """Saves, after all other callbacks have done their part."""
        self._save()

    def on_interrupt(self, logs=None) -> None:
        """Saves, before `on_train_end` of other callbacks changes the weights."""
        self._save()

    def on_train_end(self, logs=None) -> None:
        """Removes the states of a training that is complete."""
        if self.delete_checkpoint and self.model._training.complete and ranks().rank == 0:
            checkpoints.finish(self.backup_dir)

    def _save(self) -> None:
        if ranks().rank == 0:  # All ranks have the same state.
            training = self.model._training
            checkpoints.save(self.backup_dir, self.model._steps_made(), training.state())
        self._saved_at = time.monotonic()
