"""Curves (and pictures of filters) for TensorBoard."""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from striate.callbacks import events
from striate.callbacks.base import Callback
from striate.errors import ArgumentError, received
from striate.files import Growing


class TensorBoard(Callback):
    """Writes event files: LOG_DIR/train and LOG_DIR/validation, with Keras' names for the curves.

    Show them by `tensorboard --logdir LOG_DIR`. TensorBoard is not needed to write them. The files only grow, by whole
    records, so a training that dies leaves files that can be read up to its last record.

    Args:
        log_dir: folder of the event files.
        histogram_freq, write_graph, profile_batch, embeddings_freq, embeddings_metadata, write_steps_per_second:
            accepted for Keras' sake; such things are not written.
        write_images: pictures of the filters of convolutions after every epoch.
        update_freq: "epoch"; "batch" or a number of batches to write curves over batches as well.

    Raises:
        ArgumentError: `update_freq` is none of these.

    Example:
        >>> TensorBoard("logs").update_freq
        'epoch'
    """

    memory = {"_step": int}

    def __init__(self, log_dir="logs", histogram_freq=0, write_graph=True, write_images=False,  # noqa: PLR0913
                 write_steps_per_second=False, update_freq="epoch", profile_batch=0, embeddings_freq=0,
                 embeddings_metadata=None):
        super().__init__()
        if update_freq not in ("epoch", "batch") and not (isinstance(update_freq, int) and update_freq > 0):
            raise ArgumentError("`update_freq` must be 'epoch', 'batch' or a positive integer. "
                                + received(update_freq=update_freq))
        self.log_dir, self.write_images, self.update_freq = os.fspath(log_dir), write_images, update_freq
        self._step = 0
        self._files: dict[str, Growing] = {}

    def on_train_begin(self, logs=None) -> None:
        """Counts batches from 0."""
        self._step = 0

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        """Writes curves over batches, if asked for."""
        self._step += 1
        every = {"epoch": 0, "batch": 1}.get(self.update_freq, self.update_freq)
        if every and self._step % every == 0:
            found = [scalar for name, value in (logs or {}).items() for scalar in _scalars(f"batch_{name}", value)]
            self._write("train", self._step - 1, found)

    def on_epoch_end(self, epoch: int, logs=None) -> None:
        """Writes curves over epochs."""
        logs = dict(logs or {})
        rate = getattr(getattr(self.model, "optimizer", None), "learning_rate", None)
        if rate is not None:
            logs.setdefault("learning_rate", float(rate))
        for folder, wanted in (("train", False), ("validation", True)):
            found = [scalar for name, value in logs.items() if name.startswith("val_") == wanted
                     for scalar in _scalars(f"epoch_{name.removeprefix('val_')}", value)]
            if found:
                self._write(folder, epoch, found)
        if self.write_images:
            self._write("train", epoch, self._filters())

    def on_train_end(self, logs=None) -> None:
        """Closes the files."""
        for file in self._files.values():
            file.close()
        self._files = {}

    def _filters(self) -> Iterable[bytes]:
        for layer in getattr(self.model, "layers", ()):
            kernel = getattr(layer, "kernel", None)
            if kernel is not None and len(kernel.shape) == 4:
                yield events.image(f"{layer.name}/kernel", mosaic(np.asarray(kernel)))

    def _write(self, folder: str, step: int, values: Iterable[bytes]) -> None:
        """Appends one record."""
        file = self._files.get(folder)
        if file is None:
            file = self._files[folder] = opened(os.path.join(self.log_dir, folder))
        file.append(events.record(events.event(time.time(), step, values=list(values))))


def opened(folder: str) -> Growing:
    """A new event file in a folder, with its first record."""
    now = time.time()
    name = f"events.out.tfevents.{int(now)}.{socket.gethostname()}.{os.getpid()}.{time.monotonic_ns() % 10 ** 6}.v2"
    file = Growing(os.path.join(folder, name))
    file.append(events.record(events.event(now, version="brain.Event:2")))
    return file


def _scalars(tag: str, value: Any) -> list[bytes]:
    """The value as a curve's point, if it is one number."""
    return [events.scalar(tag, float(value))] if np.ndim(value) == 0 else []


def mosaic(kernel: np.ndarray) -> np.ndarray:
    """Filters side by side in grey: (height, width, inputs, filters) -> uint8 (rows, columns), each scaled by itself.

    Example:
        >>> mosaic(np.zeros((3, 3, 1, 4))).shape
        (7, 7)
    """
    height, width, _, count = kernel.shape
    columns = math.ceil(math.sqrt(count))
    rows = -(-count // columns)
    picture = np.zeros((rows * (height + 1) - 1, columns * (width + 1) - 1), np.uint8)
    for index in range(count):
        tile = kernel[:, :, :, index].mean(axis=2)
        span = np.ptp(tile) or 1.0
        top, left = index // columns * (height + 1), index % columns * (width + 1)
        picture[top:top + height, left:left + width] = np.rint((tile - tile.min()) / span * 255)
    return picture
