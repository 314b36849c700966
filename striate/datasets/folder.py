"""Folders of pictures: one folder a class, any pictures in it, become arrays to train on."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from striate.errors import ArgumentError, DataError, received

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif")
_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF")
_MODES = {"grayscale": ("L", 1), "rgb": ("RGB", 3), "rgba": ("RGBA", 4)}
_RESAMPLING = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3}
MAX_PIXELS = 64 << 20
"""Pictures that declare more pixels are refused before they are decoded."""


@dataclass(frozen=True)
class ImageFolder:
    """Pictures read from a folder: `x` (n, height, width, channels) uint8, `y` (n,) int64, and where they came from."""

    x: np.ndarray
    y: np.ndarray
    class_names: tuple[str, ...]
    paths: tuple[Path, ...]
    skipped: dict[Path, str]
    """Files that could not be read, each with the reason."""


def load(folder: str | os.PathLike, image_size: tuple[int, int] | None = None, color_mode: str = "grayscale",
         interpolation: str = "bilinear", class_names: Sequence[str] | None = None) -> ImageFolder:
    """Reads every picture of every class folder.

    Args:
        folder: holds one folder a class; hidden files and files that are no pictures are left out.
        image_size: (height, width) that every picture is brought to; None: all have the same size already.
        color_mode: "grayscale", "rgb" or "rgba".
        interpolation: "nearest", "bilinear", "bicubic" or "lanczos", where sizes differ.
        class_names: the class folders to read, in the order of the labels; None: all, in alphabetical order.

    Returns:
        An `ImageFolder`; the pictures are in the order of class and file name, EXIF orientation applied.

    Raises:
        ArgumentError: an argument cannot work.
        DataError: no class folders, no pictures, or sizes that differ without `image_size`.

    Example:
        >>> pictures = load("cells", image_size=(64, 64))  # doctest: +SKIP
        >>> model.fit(pictures.x / 255, pictures.y)  # doctest: +SKIP
    """
    if color_mode not in _MODES:
        raise ArgumentError(f"`color_mode` must be one of {', '.join(_MODES)}. " + received(color_mode=color_mode))
    if interpolation not in _RESAMPLING:
        raise ArgumentError(f"`interpolation` must be one of {', '.join(_RESAMPLING)}. "
                            + received(interpolation=interpolation))
    names = _class_names(Path(folder), class_names)
    pictures, labels, paths, skipped = [], [], [], {}
    for label, name in enumerate(names):
        for path in _files(Path(folder) / name):
            try:
                pictures.append(read_image(path, image_size, color_mode, interpolation))
            except DataError as error:
                skipped[path] = str(error)
                continue
            labels.append(label)
            paths.append(path)
    if not pictures:
        raise DataError(f"There is no readable picture ({', '.join(SUFFIXES)}) in the class folders of {folder}. "
                        + received(class_names=names, skipped=len(skipped)))
    return ImageFolder(_stacked(pictures, paths), np.array(labels), names, tuple(paths), skipped)


def read_image(path: str | os.PathLike, image_size: tuple[int, int] | None = None, color_mode: str = "grayscale",
               interpolation: str = "bilinear") -> np.ndarray:
    """One picture as uint8 of shape (height, width, channels). The arguments are those of `load`.

    Raises:
        DataError: the file is damaged, not a picture of a known kind, or claims to be enormous.
    """
    from PIL import Image, ImageOps

    mode, channels = _MODES[color_mode]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as file:
                if file.width * file.height > MAX_PIXELS:
                    raise DataError(f"{path} declares more than {MAX_PIXELS:,} pixels. "
                                    + received(width=file.width, height=file.height))
                image = ImageOps.exif_transpose(_eight_bits(file)).convert(mode)
                if image_size is not None and image.size != (image_size[1], image_size[0]):
                    image = image.resize((image_size[1], image_size[0]), _RESAMPLING[interpolation])
                return np.asarray(image, np.uint8).reshape(image.height, image.width, channels)
    except (OSError, SyntaxError, ValueError, MemoryError, Image.DecompressionBombError,
            Image.DecompressionBombWarning) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} cannot be read as a picture: {error}") from error


def _eight_bits(image):
    """Pictures of 16 bits (microscopes make them) keep their high bytes, instead of being cut at 255."""
    if image.mode.startswith("I;16"):
        from PIL import Image

        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image


def _class_names(folder: Path, class_names: Sequence[str] | None) -> tuple[str, ...]:
    if not folder.is_dir():
        raise DataError("There is no such folder. " + received(folder=str(folder)))
    present = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if class_names is None:
        if not present:
            raise DataError("The folder must hold one folder for each class, with its pictures in it. "
                            + received(folder=str(folder)))
        return tuple(present)
    missing = [name for name in class_names if name not in present]
    if missing:
        raise ArgumentError(f"There are no folders of these names in {folder}; there are: {', '.join(present)}. "
                            + received(missing=missing))
    return tuple(class_names)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*")
                  if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file())


def _stacked(pictures: list[np.ndarray], paths: list[Path]) -> np.ndarray:
    for picture, path in zip(pictures, paths, strict=True):
        if picture.shape != pictures[0].shape:
            raise DataError(f"The pictures have different sizes: {paths[0]} has {pictures[0].shape[:2]}, {path} has "
                            f"{picture.shape[:2]}. Give the size to bring them to, for example image_size=(64, 64).")
    return np.stack(pictures)
