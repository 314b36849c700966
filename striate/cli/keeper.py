"""What `striate train` hands to `fit`: the data in the form that fits, and the callback that writes everything down."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console

from striate.callbacks import Callback
from striate.cli import networks
from striate.cli.run_folder import RunFolder
from striate.cli.terminal import say
from striate.datasets.stream import StoredBatches, StoredPictures
from striate.systems.data import Data


class Keeper(Callback):
    """Writes the history down and says an epoch's result where no progress bar does."""

    memory = {"history": dict[str, list[float]]}

    def __init__(self, folder: RunFolder, epochs: int, console: Console):
        super().__init__()
        self.folder, self.epochs, self.console = folder, epochs, console
        self.history: dict[str, list[float]] = {}

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        numbers = {**(logs or {}), "seconds": time.perf_counter() - self.started}
        for name, value in numbers.items():
            self.history.setdefault(name, []).append(float(value))
        self.folder.write_history(self.history)
        if self.console.stderr:
            said = ", ".join(f"{name} {value:.4f}" for name, value in numbers.items())
            say(self.console, "Epoch", f"{epoch + 1}/{self.epochs}: {said}")


def fed(model, data: Data, batch_size: int, seed: int) -> dict[str, Any]:
    """The data arguments of `fit`: arrays, or batches that are read while the network computes."""
    images, labels = data.validation
    targets = networks.targets(model, labels)
    held = _Prepared(model, StoredBatches(images, targets, batch_size)) if isinstance(images, StoredPictures) \
        else (networks.pixels(model, images), targets)
    return {**fed_part(model, *data.train, batch_size, seed), "validation_data": held}


def fed_part(model, images, labels, batch_size: int, seed: int) -> dict[str, Any]:
    """The same for pictures without any for validation."""
    targets = networks.targets(model, labels)
    if isinstance(images, StoredPictures):
        return {"x": _Prepared(model, StoredBatches(images, targets, batch_size, seed))}
    return {"x": networks.pixels(model, images), "y": targets, "batch_size": batch_size}


class _Prepared:
    """Batches whose pictures are as the model takes them."""

    def __init__(self, model, batches: StoredBatches):
        self.model, self.batches = model, batches
        self.workers, self.max_queue_size = batches.workers, batches.max_queue_size

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int):
        images, labels = self.batches[index]
        return networks.pixels(self.model, images), labels
