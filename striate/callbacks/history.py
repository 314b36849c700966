"""The record of a training: one list of numbers for each name, one number for each epoch."""

from __future__ import annotations

from striate.adaptations import note
from striate.callbacks.base import Callback


class Logs(dict):
    """A dict in which "acc" also finds "accuracy" and the other way round, with or without "val_".

    The second name exists for look-ups with [] only: not in `len`, `in`, or when looping.

    Example:
        >>> Logs(val_accuracy=[0.9])["val_acc"]
        [0.9]
    """

    def __missing__(self, key):
        prefix, name = ("val_", key[4:]) if isinstance(key, str) and key.startswith("val_") else ("", key)
        other = prefix + {"acc": "accuracy", "accuracy": "acc"}.get(name, "")
        if other in self:
            note(f"{key!r} served from {other!r}")
            return self[other]
        raise KeyError(f"{key!r} was not recorded; there are: {', '.join(map(repr, self)) or 'no entries'}.")


class History(Callback):
    """Records the logs of every epoch; `fit` returns it.

    history: dict of name -> list with one number for each epoch. epoch: the epochs' indices.
    interrupted: whether the training was stopped by Ctrl-C (or SIGTERM).

    Example:
        >>> record = History()
        >>> record.on_epoch_end(0, {"accuracy": 0.5, "loss": 1.0})
        >>> record.history["acc"], list(record.history)
        ([0.5], ['accuracy', 'loss'])
    """

    memory = {"history": dict[str, list], "epoch": list[int]}

    def __init__(self):
        super().__init__()
        self.history: Logs = Logs()
        self.epoch: list[int] = []
        self.interrupted = False

    def on_train_begin(self, logs=None) -> None:
        """Starts anew, unless a list of epochs was put in before."""
        self.epoch = []
        self.interrupted = False

    def set_state(self, state) -> None:
        """Goes on with the record of an earlier process."""
        super().set_state(state)
        self.history = Logs(self.history)

    def on_epoch_end(self, epoch: int, logs=None) -> None:
        """Appends the epoch's numbers."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        if self.model is not None:
            self.model.history = self


def finished(history: History) -> History:
    """The record of a training that nobody broke off: half a training must not become a row, a number or a picture.

    `fit` ends in order at Ctrl-C, and what called it would go on; this is for callers that must not.

    Raises:
        KeyboardInterrupt: Ctrl-C or a signal ended the `fit` that gave this record.
    """
    if history.interrupted:
        raise KeyboardInterrupt
    return history
