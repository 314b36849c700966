"""CIFAR-10: 60,000 colour pictures, 32x32 pixels, 10 classes (Krizhevsky 2009). Downloaded.

The binary edition is used: the edition for Python is pickled, and striate never unpickles.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np

from striate import config
from striate.datasets.fetch import cache_folder, fetch, sha256_of
from striate.errors import DownloadError, received

CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_URLS = ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",)
_SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
_NAME = "cifar-10-binary.tar.gz"
_FOLDER = "cifar-10-batches-bin"
_TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
_TEST = ("test_batch.bin",)
_PER_FILE, _ROW = 10_000, 1 + 3 * 32 * 32


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
    rows = read_batches(_find(), _TRAIN + _TEST)
    return _pictures(rows[:len(_TRAIN)]), _pictures(rows[len(_TRAIN):])


def on_this_computer() -> Path | None:
    """The archive, if it lies where it is looked for; its content is checked when it is read."""
    return next((path for path in (*_places(), cache_folder("cifar-10") / _NAME) if path.is_file()), None)


def _places() -> list[Path]:
    return [] if config.value("data") is None else [config.value("data") / "cifar-10" / _NAME]


def _find() -> Path:
    for path in _places():
        if path.is_file() and sha256_of(path) == _SHA256:
            return path
    return fetch(cache_folder("cifar-10") / _NAME, _URLS, _SHA256, max_bytes=256 << 20)


def read_batches(path: Path, names: tuple[str, ...]) -> list[np.ndarray]:
    """The files of the archive, each as an array of shape (10000, 3073); nothing is unpacked to the disk.

    Raises:
        DownloadError: a file is missing or has the wrong length.
    """
    found = {}
    with tarfile.open(path, "r:gz") as archive:
        for member in archive:
            name = member.name.removeprefix(f"{_FOLDER}/")
            wanted = name in names and member.isreg() and member.size == _PER_FILE * _ROW
            file = archive.extractfile(member) if wanted else None
            if file is not None:
                found[name] = np.frombuffer(file.read(), np.uint8).reshape(_PER_FILE, _ROW)
    missing = [name for name in names if name not in found]
    if missing:
        raise DownloadError(f"{path} does not hold what CIFAR-10 should hold. " + received(missing=missing))
    return [found[name] for name in names]


def _pictures(batches: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    rows = np.concatenate(batches)
    planes = rows[:, 1:].reshape(-1, 3, 32, 32)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), rows[:, :1].copy()
