"""Batches that `ImageDataGenerator` makes: endless with `next()`, one pass with `[index]` and `len()`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from striate import seeds
from striate.datasets import folder
from striate.errors import ArgumentError, DataError, MissingDataError, received

_CLASS_MODES = ("categorical", "binary", "sparse", "input", None)


class Iterator:
    """Batches in an order that is new in each pass.

    What is drawn depends on the seed (or the global one), the pass and the batch alone.
    """

    def __init__(self, generator: Any, count: int, batch_size: int, shuffle: bool, seed: int | None):
        if batch_size < 1:
            raise ArgumentError("`batch_size` must be at least 1. " + received(batch_size=batch_size))
        self.image_data_generator, self.n, self.batch_size, self.shuffle = generator, count, batch_size, shuffle
        self._stream = seeds.new_stream(seed)
        self.seed = seed
        self.reset()

    def reset(self) -> None:
        """Starts the first pass again."""
        self.total_batches_seen = self.batch_index = self._pass = 0

    def _generator(self, *places: int) -> np.random.Generator:
        seed = seeds.global_seed() if self.seed is None else 0
        return np.random.default_rng([seed, self._stream, self._pass, *places])

    def _order(self) -> np.ndarray:
        return self._generator().permutation(self.n) if self.shuffle else np.arange(self.n)

    def on_epoch_end(self) -> None:
        """The next pass has another order and other changes."""
        self._pass += 1

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(f"There are {len(self)} batches. {received(index=index)}")
        rows = self._order()[index * self.batch_size:(index + 1) * self.batch_size]
        return self.batch(rows, self._generator(index + 1))

    def __iter__(self):
        return self

    def __next__(self) -> Any:
        batch = self[self.batch_index]
        self.total_batches_seen += 1
        self.batch_index += 1
        if self.batch_index == len(self):
            self.batch_index = 0
            self.on_epoch_end()
        return batch

    next = __next__

    def batch(self, rows: np.ndarray, generator: np.random.Generator) -> Any:
        """The batch of some samples."""
        raise NotImplementedError


class NumpyArrayIterator(Iterator):
    """Batches of arrays in memory: x, (x, y) or (x, y, weights)."""

    def __init__(self, generator: Any, arrays: tuple, batch_size: int, shuffle: bool, seed: int | None,
                 subset: str | None):
        x = np.asarray(arrays[0])
        y, weights = (None if array is None else np.asarray(array) for array in arrays[1:])
        if x.ndim != 4:
            raise DataError("Pictures must come as an array of shape (n, height, width, channels). "
                            + received(shape=x.shape))
        lengths = [len(part) for part in (x, y, weights) if part is not None]
        if len(set(lengths)) > 1:
            raise DataError("`x`, `y` and `sample_weight` must have the same length. " + received(lengths=lengths))
        chosen = part_of(len(x), generator.validation_split, subset)
        self.x = x[chosen]
        self.y, self.sample_weight = (None if part is None else part[chosen] for part in (y, weights))
        super().__init__(generator, len(self.x), batch_size, shuffle, seed)

    def batch(self, rows, generator):
        """Changed pictures with their targets."""
        pictures = np.stack([self.image_data_generator.picture(self.x[row], generator) for row in rows])
        further = [part[rows] for part in (self.y, self.sample_weight) if part is not None]
        return (pictures, *further) if further else pictures


class DirectoryIterator(Iterator):
    """Batches of the pictures in a folder; each is read when its batch is made.

    Args:
        generator, directory, batch_size, shuffle, seed, subset: as for `flow_from_directory`.
        options: target_size, color_mode, classes, class_mode and interpolation.
    """

    def __init__(self, generator: Any, directory: str | os.PathLike, batch_size: int, shuffle: bool, seed: int | None,
                 subset: str | None, **options):
        self.directory, self.target_size = directory, options["target_size"]
        self.class_mode, self.color_mode = options["class_mode"], options["color_mode"]
        self.interpolation = options["interpolation"]
        if self.class_mode not in _CLASS_MODES:
            raise ArgumentError(f"`class_mode` must be one of {_CLASS_MODES}. " + received(class_mode=self.class_mode))
        root = Path(directory)
        if not root.is_dir():
            raise MissingDataError("There is no such folder. " + received(directory=str(directory)))
        names = list(options["classes"] or sorted(entry.name for entry in root.iterdir() if entry.is_dir()))
        self.class_indices = {name: label for label, name in enumerate(names)}
        self.filepaths, labels = [], []
        for name, label in self.class_indices.items():
            found = sorted(path for path in (root / name).rglob("*") if path.suffix.lower() in folder.SUFFIXES)
            found = found[part_of(len(found), generator.validation_split, subset)]
            self.filepaths += [str(path) for path in found]
            labels += [label] * len(found)
        self.classes = self.labels = np.array(labels, np.int32)
        self.filenames = [os.path.relpath(path, root) for path in self.filepaths]
        self.samples, self.num_classes = len(labels), len(names)
        self.image_shape = (*self.target_size, {"grayscale": 1, "rgb": 3, "rgba": 4}[self.color_mode])
        print(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        super().__init__(generator, self.samples, batch_size, shuffle, seed)

    def batch(self, rows, generator):
        """Changed pictures with the labels that `class_mode` asks for."""
        pictures = np.stack([self.image_data_generator.picture(self._read(row), generator) for row in rows])
        if self.class_mode is None:
            return pictures
        if self.class_mode == "input":
            return pictures, pictures.copy()
        labels = self.classes[rows]
        if self.class_mode == "categorical":
            return pictures, np.eye(self.num_classes, dtype=np.float32)[labels]
        return pictures, labels.astype(np.float32)

    def _read(self, row: int) -> np.ndarray:
        return folder.read_image(self.filepaths[row], self.target_size, self.color_mode, self.interpolation)


def part_of(count: int, share: float, subset: str | None) -> slice:
    """Which of `count` samples a subset is: the first `share` for "validation", the rest for "training"."""
    if subset is None:
        return slice(None)
    if subset not in ("training", "validation") or not share:
        raise ArgumentError('`subset` is "training" or "validation", and needs a `validation_split` of the generator. '
                            + received(subset=subset, validation_split=share))
    border = int(count * share)
    return slice(None, border) if subset == "validation" else slice(border, None)
