"""Pictures that stay on the disk: read when they are asked for, by processes, for folders larger than the memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from striate.datasets.pictures import Preparation
from striate.datasets.readers import Readers
from striate.errors import DataError


class StoredPictures:
    """Looks like an array (n, height, width, channels) of uint8; what is taken out of it is read from files.

    Args:
        paths: the pictures.
        preparation: with an image size.
        readers: the processes that read.

    Example:
        >>> pictures = StoredPictures(paths, Preparation((64, 64)), Readers(4))  # doctest: +SKIP
        >>> pictures[:32].shape  # doctest: +SKIP
        (32, 64, 64, 1)
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, paths: Sequence[Path], preparation: Preparation, readers: Readers):
        self.paths, self.preparation, self.readers = list(paths), preparation, readers
        height, width = preparation.image_size or (0, 0)
        self.shape = (len(self.paths), height, width, preparation.channels)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, rows) -> np.ndarray:
        """One picture for a number; pictures for a slice or an array of numbers, in its order.

        Raises:
            DataError: a file cannot be read any more.
        """
        if isinstance(rows, (int, np.integer)):
            return self._read([self.paths[rows]])[0]
        chosen = range(len(self))[rows] if isinstance(rows, slice) else [int(row) for row in rows]
        return self._read([self.paths[row] for row in chosen])

    def of(self, rows: np.ndarray) -> StoredPictures:
        """Some of the pictures, which stay on the disk."""
        return StoredPictures([self.paths[int(row)] for row in rows], self.preparation, self.readers)

    def __add__(self, others: StoredPictures) -> StoredPictures:
        """These pictures and then others that are prepared in the same way."""
        return StoredPictures(self.paths + others.paths, self.preparation, self.readers)

    def _read(self, paths: list[Path]) -> np.ndarray:
        if not paths:
            return np.empty((0, *self.shape[1:]), np.uint8)
        found = self.readers.pixels(paths, self.preparation)
        failure = next((answer for answer in found if isinstance(answer, DataError)), None)
        if failure is not None:
            raise failure
        return np.stack([answer for answer in found if not isinstance(answer, DataError)])


class StoredBatches:
    """Batches (pictures, labels) out of `StoredPictures`, for `fit`: read ahead while the network computes.

    Which pictures make a batch is drawn once, by the seed; `fit` takes the batches in a new order every epoch.

    Args:
        pictures: what to read from.
        labels: (n,), or (n, classes).
        batch_size: pictures a batch.
        seed: of the drawing; None keeps the order.
    """

    workers = 2
    max_queue_size = 4

    def __init__(self, pictures: StoredPictures, labels: np.ndarray, batch_size: int, seed: int | None = None):
        self.pictures, self.labels, self.batch_size = pictures, labels, batch_size
        self.order = np.arange(len(labels))
        if seed is not None:
            self.order = np.random.Generator(np.random.PCG64(seed)).permutation(len(labels))

    def __len__(self) -> int:
        return -(-len(self.labels) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rows = self.order[index * self.batch_size:(index + 1) * self.batch_size]
        return self.pictures[rows], self.labels[rows]
