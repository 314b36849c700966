"""A table of the epochs in a file."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from typing import Any

from striate.callbacks.base import Callback
from striate.files import write_text
from striate.untrusted import read_file
from striate.untrusted.limits import damaged


class CSVLogger(Callback):
    """Writes one line for each epoch: `epoch`, then the logs by name.

    The file is replaced as a whole after every epoch, so that it never holds half a line, and a training that is
    taken up again goes on after the line of its last epoch.

    Raises `FileError` when the file cannot be written, `ModelFileError` when what is appended to is no text.

    Args:
        filename: the file.
        separator: between the columns.
        append: continue an existing file, in its columns, instead of replacing it.

    Example:
        >>> CSVLogger("history.csv", separator=";").sep
        ';'
    """

    memory = {"keys": list[str], "_content": str}

    def __init__(self, filename, separator: str = ",", append: bool = False):
        super().__init__()
        self.filename, self.sep, self.append = os.fspath(filename), separator, append
        self.keys: list[str] = []
        self._content = ""

    def on_train_begin(self, logs=None) -> None:
        """Makes the file, empty unless lines are appended to it."""
        self.keys, self._content = [], ""
        if self.append and os.path.exists(self.filename):
            self._continue()
        write_text(self.filename, self._content)

    def _continue(self) -> None:
        """Takes over the lines of the file and, if it has them, the names of its columns."""
        with damaged(self.filename, csv.Error):
            self._content = read_file(self.filename).decode("utf-8")
            first = next(csv.reader(self._content.splitlines()[:1], delimiter=self.sep), [])
        if self._content and not self._content.endswith("\n"):  # Whatever wrote it was cut off, or ends no last line.
            self._content += "\r\n"
        if first[:1] == ["epoch"]:
            self.keys = first[1:]

    def set_state(self, state) -> None:
        """Puts the lines of an earlier process back."""
        super().set_state(state)
        write_text(self.filename, self._content)

    def on_epoch_end(self, epoch: int, logs=None) -> None:
        """Writes a line."""
        logs = logs or {}
        text = io.StringIO(newline="")
        if not self.keys:
            self.keys = sorted(logs)
            if not any(key.startswith("val_") for key in self.keys):
                self.keys += [f"val_{key}" for key in self.keys]
        writer = csv.DictWriter(text, ["epoch", *self.keys], delimiter=self.sep)
        if not self._content:
            writer.writeheader()
        writer.writerow({"epoch": epoch} | {key: _text(logs.get(key, "NA")) for key in self.keys})
        self._content += text.getvalue()
        write_text(self.filename, self._content)


def _text(value: Any) -> Any:
    if isinstance(value, str) or not isinstance(value, Iterable) or getattr(value, "ndim", 1) == 0:
        return value
    return f'"[{", ".join(map(str, value))}]"'
