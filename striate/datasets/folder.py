"""Folders of pictures: one folder a class, any pictures in it, become arrays to train on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from striate.datasets.pictures import SUFFIXES, Preparation, is_picture, read_image
from striate.datasets.readers import Readers
from striate.errors import ArgumentError, DataError, MissingDataError, received

__all__ = ["SUFFIXES", "ImageFolder", "class_names_of", "files_of", "load", "read_image"]


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
    preparation = Preparation(image_size, color_mode, interpolation)
    names = class_names_of(folder, class_names)
    found = [(label, path) for label, name in enumerate(names) for path in files_of(Path(folder) / name)]
    with Readers.for_files(len(found)) as readers:
        read = readers.pixels([path for _, path in found], preparation)
    skipped = {path: str(answer) for (_, path), answer in zip(found, read, strict=True)
               if isinstance(answer, DataError)}
    kept = [(answer, label, path) for (label, path), answer in zip(found, read, strict=True)
            if not isinstance(answer, DataError)]
    if not kept:
        why = f" The first file: {next(iter(skipped.values()))}" if skipped else ""
        raise DataError(f"There is no readable picture ({', '.join(SUFFIXES)}) in the class folders of {folder}. "
                        + received(class_names=names, skipped=len(skipped)) + why)
    pictures, labels, paths = zip(*kept, strict=True)
    return ImageFolder(_stacked(pictures, paths), np.array(labels), names, tuple(paths), skipped)


def class_names_of(folder: str | os.PathLike, class_names: Sequence[str] | None = None) -> tuple[str, ...]:
    """The class folders in a folder, in alphabetical order; or those that were asked for, in their order.

    Raises:
        ArgumentError: one that was asked for is not there.
        DataError: there is no such folder, or no class folder in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise MissingDataError("There is no such folder. " + received(folder=str(folder)))
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


def files_of(folder: Path) -> list[Path]:
    """The pictures in a class folder and the folders in it, in the order of their names; links to nothing among them,
    so that they are told. What lies in hidden folders is left out."""
    return sorted(path for path in folder.rglob("*") if is_picture(path) and not path.is_dir()
                  and not any(part.startswith(".") for part in path.relative_to(folder).parts))


def _stacked(pictures: Sequence[np.ndarray], paths: Sequence[Path]) -> np.ndarray:
    for picture, path in zip(pictures, paths, strict=True):
        if picture.shape != pictures[0].shape:
            raise DataError(f"The pictures have different sizes: {paths[0]} has {pictures[0].shape[:2]}, {path} has "
                            f"{picture.shape[:2]}. Give the size to bring them to, for example image_size=(64, 64).")
    return np.stack(pictures)
