"""The files of the lecture's "Brain food" exercise (Yale S&DS 365): optical images of mouse cortex, and GAN-made fakes.

Ten files of real and ten of fake images lie in a public bucket, about 100 MB each: gzip of plain little-endian float32,
2,048 images of 128x128 a file. No licence is stated, so nothing of it ships with striate and nothing is fetched unless
asked for; no hashes were published either. Each file is another recording session: test on sessions that were not
trained on. The images: Lake and others (2020), Nature Methods 17, 1262-1271, doi 10.1038/s41592-020-00984-6.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from striate import config
from striate.datasets.fetch import cache_folder, opened
from striate.errors import ArgumentError, DownloadError, received
from striate.files import write_bytes

_WAYS = """What can be done:
  - put the course's files (real_0.gz, fake_0.gz, ...) into a folder brain-food, and set STRIATE_DATA to the folder that
    holds it;
  - without them, look at simulated pictures: striate train simulated-ca, striate compare brain."""
CLASS_NAMES = ("real", "fake")
SIDE, IMAGES_PER_FILE, FILES = 128, 2048, 10
TRAIN_FILES, TEST_FILES = (0, 1, 2), (7, 8, 9)
_URL = "https://sds365.s3.amazonaws.com/calcium/"
_FOLDER = "brain-food"
_IMAGE_BYTES = SIDE * SIDE * 4


def load_data(images: int = 256, train_files: Sequence[int] = TRAIN_FILES, test_files: Sequence[int] = TEST_FILES):
    """Images of the exercise, split by session as the course splits them.

    Args:
        images: of each file the first so many (at most 2,048). Only these are fetched: the files are streamed, and the
            connection is closed when enough has come. All of it is 2 GB.
        train_files, test_files: numbers of the files, 0 to 9, for the two parts.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: float32 (n, 128, 128, 1) in the files' own unit, and uint8 labels, 0 for
        real and 1 for fake. A part holds file after file, of each first the real and then the fake images: shuffle
        before holding out a share, or take whole files.

    Raises:
        ArgumentError: a number that cannot be.
        DownloadError: the files are neither on this computer nor reachable, or are not what they should be.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data(images=64)  # doctest: +SKIP
    """
    if not 1 <= images <= IMAGES_PER_FILE:
        raise ArgumentError(f"`images` must lie between 1 and {IMAGES_PER_FILE:,}. " + received(images=images))
    strange = [number for number in (*train_files, *test_files) if number not in range(FILES)]
    if strange or not train_files or not test_files:
        raise ArgumentError(f"The files are numbered from 0 to {FILES - 1}; each part needs one at least. "
                            + received(train_files=tuple(train_files), test_files=tuple(test_files)))
    return _part(train_files, images), _part(test_files, images)


def _part(files: Sequence[int], images: int) -> tuple[np.ndarray, np.ndarray]:
    pictures = [_images(f"{kind}_{number}", images) for number in files for kind in CLASS_NAMES]
    return np.concatenate(pictures), np.tile(np.repeat(np.arange(2, dtype=np.uint8), images), len(files))


def _images(name: str, count: int) -> np.ndarray:
    """The first images of a file: out of the folder STRIATE_DATA, the cache, or the bucket."""
    own = None if config.value("data") is None else config.value("data") / _FOLDER / f"{name}.gz"
    if own is not None and own.is_file():
        with gzip.open(own) as file:
            return _checked(file, count, str(own))
    kept = cache_folder(_FOLDER) / f"{name}-first-{count}.f32"
    if not kept.is_file():
        url = f"{_URL}{name}.gz"
        try:
            with opened(url) as answer:
                images = _checked(gzip.GzipFile(fileobj=answer), count, url)
        except DownloadError as error:
            raise DownloadError(f"{error}\n{_WAYS}") from error
        write_bytes(kept, images.tobytes())
    return _checked(kept.open("rb"), count, str(kept))


def _checked(file: BinaryIO | gzip.GzipFile, count: int, what: str) -> np.ndarray:
    """The first images of an unpacked stream.

    Raises:
        DownloadError: it ends too early, is no gzip, or holds what cannot be an image.
    """
    try:
        with file:
            content = file.read(count * _IMAGE_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise DownloadError(f"{what} is damaged: {error}") from error
    if len(content) != count * _IMAGE_BYTES:
        raise DownloadError(f"{what} should hold at least {count:,} images of {SIDE}x{SIDE} float32 numbers. "
                            + received(bytes=len(content)))
    images = np.frombuffer(content, "<f4").astype(np.float32).reshape(count, SIDE, SIDE, 1)
    if not np.isfinite(images).all() or np.abs(images).max() > 1e6:
        raise DownloadError(f"{what} does not hold images: there are numbers in it that cannot be. "
                            + received(largest=float(np.abs(images).max())))
    return images


def on_this_computer() -> Path | None:
    """The folder with the user's own copy of the files, if there is one."""
    own = config.value("data")
    return own / _FOLDER if own is not None and (own / _FOLDER / "real_0.gz").is_file() else None
