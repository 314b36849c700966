"""CIFAR-10: 60,000 colour pictures, 32x32 pixels, 10 classes (Krizhevsky 2009). Downloaded.

The binary edition is used: the edition for Python is pickled, and striate never unpickles.
"""

from __future__ import annotations

import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from striate import config
from striate.datasets.fetch import cache_folder, fetch, sha256_of
from striate.errors import DownloadError, received

CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_PER_FILE, _PIXELS = 10_000, 3 * 32 * 32


@dataclass(frozen=True)
class Archive:
    """A tar file of CIFAR: folder in the cache, name, hash, the folder in it, bytes of labels before each picture."""

    folder: str
    name: str
    sha256: str
    inner: str
    labels: int

    def places(self) -> list[Path]:
        """Where it may lie on this computer."""
        return [] if config.value("data") is None else [config.value("data") / self.folder / self.name]

    def on_this_computer(self) -> Path | None:
        """It, if it lies where it is looked for; its content is checked when it is read."""
        return next((path for path in (*self.places(), cache_folder(self.folder) / self.name) if path.is_file()), None)

    def find(self) -> Path:
        """It, from this computer or the internet."""
        for path in self.places():
            if path.is_file() and sha256_of(path) == self.sha256:
                return path
        address = f"https://www.cs.toronto.edu/~kriz/{self.name}"
        return fetch(cache_folder(self.folder) / self.name, (address,), self.sha256, max_bytes=256 << 20)

    def read(self, files: Mapping[str, int]) -> list[np.ndarray]:
        """The rows of some of its files, each of so many pictures, as bytes; nothing is unpacked to the disk.

        Raises:
            DownloadError: a file is missing or has the wrong length.
        """
        path, row, found = self.find(), self.labels + _PIXELS, {}
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                name = member.name.removeprefix(f"{self.inner}/")
                wanted = name in files and member.isreg() and member.size == files[name] * row
                file = archive.extractfile(member) if wanted else None
                if file is not None:
                    found[name] = np.frombuffer(file.read(), np.uint8).reshape(-1, row)
        missing = [name for name in files if name not in found]
        if missing:
            raise DownloadError(f"{path} does not hold what it should hold. " + received(missing=missing))
        return [found[name] for name in files]


_ARCHIVE = Archive("cifar-10", "cifar-10-binary.tar.gz",
                   "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd", "cifar-10-batches-bin", 1)
_TRAIN, _TEST = tuple(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"
on_this_computer = _ARCHIVE.on_this_computer


def load_data():
    """The pictures, from this computer or the internet.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8; pictures of shape (50000, 32, 32, 3) and (10000, 32, 32, 3),
        labels of shape (50000, 1) and (10000, 1), as Keras gives them.

    Raises:
        DownloadError: the data is neither on this computer nor reachable, or damaged.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
    """
    *train, test = _ARCHIVE.read(dict.fromkeys((*_TRAIN, _TEST), _PER_FILE))
    return tuple((pictures(rows), rows[:, :1].copy()) for rows in (np.concatenate(train), test))


def pictures(rows: np.ndarray) -> np.ndarray:
    """The pictures (n, 32, 32, 3) of rows that end in their planes of red, green and blue."""
    return np.ascontiguousarray(rows[:, -_PIXELS:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
