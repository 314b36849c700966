"""A table of the epochs in a file."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from typing import Any

from striate.callbacks.base import Callback


class CSVLogger(Callback):
    """Writes one line for each epoch: `epoch`, then the logs by name.

    Args:
        filename: the file.
        separator: between the columns.
        append: continue an existing file instead of replacing it.
    """

    def __init__(self, filename, separator: str = ",", append: bool = False):
        super().__init__()
        self.filename, self.sep, self.append = os.fspath(filename), separator, append
        self.csv_file: Any = None
        self.keys: list[str] = []
        self._writer: Any = None

    def on_train_begin(self, logs=None) -> None:
        """Opens the file."""
        self._close()
        self._has_header = self.append and os.path.exists(self.filename) and os.path.getsize(self.filename) > 0
        self.csv_file = open(self.filename, "a" if self.append else "w", newline="", encoding="utf-8")
        self.keys, self._writer = [], None

    def on_epoch_end(self, epoch: int, logs=None) -> None:
        """Writes a line."""
        logs = logs or {}
        if self._writer is None:
            self.keys = sorted(logs)
            if not any(key.startswith("val_") for key in self.keys):
                self.keys += [f"val_{key}" for key in self.keys]
            self._writer = csv.DictWriter(self.csv_file, ["epoch", *self.keys], delimiter=self.sep)
            if not self._has_header:
                self._writer.writeheader()
        self._writer.writerow({"epoch": epoch} | {key: _text(logs.get(key, "NA")) for key in self.keys})
        self.csv_file.flush()

    def on_train_end(self, logs=None) -> None:
        """Closes the file."""
        self._close()

    def _close(self) -> None:
        if self.csv_file is not None:
            self.csv_file.close()
        self.csv_file = self._writer = None


def _text(value: Any) -> Any:
    if isinstance(value, str) or not isinstance(value, Iterable) or getattr(value, "ndim", 1) == 0:
        return value
    return f'"[{", ".join(map(str, value))}]"'
