"""`tf.summary`: curves and pictures for TensorBoard that training loops of one's own write."""

from __future__ import annotations

import contextlib
import os
import time
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from striate.callbacks import events
from striate.callbacks.tensorboard import opened
from striate.errors import ArgumentError, received
from striate.files import Growing

_writers: list[Writer] = []
"""Those that are written to now; the last one counts."""
_step: list[int] = []


class Writer:
    """An event file, opened when something is first written."""

    def __init__(self, folder: str):
        self._folder = folder
        self._file: Growing | None = None

    @contextlib.contextmanager
    def as_default(self, step: int | None = None) -> Iterator[Writer]:
        """What is summarised inside goes to this writer; `step` is the step of what says none."""
        _writers.append(self)
        if step is not None:
            _step.append(int(step))
        try:
            yield self
        finally:
            if self in _writers:    # not closed inside
                _writers.remove(self)
            if step is not None:
                _step.pop()

    def set_as_default(self, step: int | None = None) -> None:
        """From now on, what is summarised goes to this writer."""
        _writers.append(self)
        if step is not None:
            set_step(step)

    def append(self, step: int, values: list[bytes]) -> None:
        """One record."""
        if self._file is None:
            self._file = opened(self._folder)
        self._file.append(events.record(events.event(time.time(), step, values=values)))

    def flush(self) -> None:
        """Nothing: every record is written at once."""

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()
        self._file = None
        while self in _writers:
            _writers.remove(self)


def create_file_writer(logdir, max_queue=None, flush_millis=None, filename_suffix=None, name=None) -> Writer:
    """A writer of event files in a folder."""
    return Writer(os.fspath(logdir))


def scalar(name, data, step=None, description=None) -> bool:
    """A point of a curve. Returns whether there is a writer.

    Raises:
        ArgumentError: no step, or not one number.
    """
    if np.ndim(data) != 0:
        raise ArgumentError("A curve's point is one number. " + received(name=name, shape=np.shape(data)))
    return _write(step, [events.scalar(name, float(data))])


def image(name, data, step=None, max_outputs=3, description=None) -> bool:
    """Pictures (n, height, width, 1, 3 or 4), of bytes or of numbers from 0 to 1. Returns whether there is a writer.

    Raises:
        ArgumentError: no step, or another shape.
    """
    pictures = np.asarray(data)
    if pictures.ndim != 4 or pictures.shape[3] not in (1, 3, 4):
        raise ArgumentError("Pictures have the shape (n, height, width, 1, 3 or 4). " + received(shape=pictures.shape))
    pictures = pictures[:max_outputs]
    if pictures.dtype != np.uint8:
        pictures = (np.clip(pictures, 0, 1) * 255.5).astype(np.uint8)
    return _write(step, [events.image(f"{name}/{index}" if len(pictures) > 1 else name,
                                      picture[..., 0] if picture.shape[2] == 1 else picture)
                         for index, picture in enumerate(pictures)])


def flush(writer=None, name=None) -> None:
    """Nothing: every record is written at once."""


def set_step(step) -> None:
    """The step of what says none."""
    _step[:] = [int(step)]


def get_step() -> int | None:
    """The step of what says none."""
    return _step[-1] if _step else None


experimental = types.SimpleNamespace(set_step=set_step, get_step=get_step)


def _write(step: Any, values: list[bytes]) -> bool:
    if not _writers:
        return False
    step = get_step() if step is None else int(step)
    if step is None:
        raise ArgumentError("No step set. Please specify one either through the `step` argument or through "
                            "tf.summary.experimental.set_step().")
    _writers[-1].append(step, values)
    return True


__all__ = ["create_file_writer", "experimental", "flush", "image", "scalar"]
