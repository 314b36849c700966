"""MNIST: 70,000 handwritten digits, 28x28 grey pixels (LeCun, Cortes and Burges; CC BY-SA 3.0). Downloaded."""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path

import numpy as np

from striate import config
from striate.datasets.fetch import cache_folder, fetch, sha256_of
from striate.errors import DownloadError, received

_URLS = ("https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
         "https://s3.amazonaws.com/img-datasets/mnist.npz")
_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
_ARRAYS = {"x_train": (60000, 28, 28), "y_train": (60000,), "x_test": (10000, 28, 28), "y_test": (10000,)}


def load_data():
    """The digits, from this computer or the internet.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 arrays of shapes (60000, 28, 28), (60000,), (10000, 28, 28)
        and (10000,).

    Raises:
        DownloadError: the data is neither on this computer nor reachable.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
    """
    arrays = read_npz(_find(), _ARRAYS)
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


def on_this_computer() -> Path | None:
    """The file, if it lies where it is looked for; its content is checked when it is read."""
    return next((path for path in (*_places(), cache_folder("mnist") / "mnist.npz") if path.is_file()), None)


def _places() -> list[Path]:
    places = [Path("~/.keras/datasets/mnist.npz").expanduser()]
    if config.value("data") is not None:
        places.insert(0, config.value("data") / "mnist" / "mnist.npz")
    return places


def _find() -> Path:
    for path in _places():
        if path.is_file() and sha256_of(path) == _SHA256:
            return path
    return fetch(cache_folder("mnist") / "mnist.npz", _URLS, _SHA256, max_bytes=64 << 20)


def read_npz(path: Path, shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """The named uint8 arrays of an .npz file; the sizes are those of `shapes`, whatever the file says.

    Raises:
        DownloadError: an array is missing or not as it should be.
    """
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for name, shape in shapes.items():
            wanted = math.prod(shape)
            with archive.open(f"{name}.npy") as member:
                content = member.read(wanted + 1024)
            array = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
            if array.shape != shape or array.dtype != np.uint8:
                raise DownloadError(f"{name} in {path} should be uint8 of shape {shape}. "
                                    + received(shape=array.shape, dtype=str(array.dtype)))
            arrays[name] = array
    return arrays
