"""Single pictures as arrays and back, with Keras' names."""

from __future__ import annotations

import io
import os

import numpy as np

from striate.datasets.folder import read_image
from striate.errors import ArgumentError, ShapeError, received
from striate.files import write_bytes


def load_img(path: str | os.PathLike, color_mode: str = "rgb", target_size: tuple[int, int] | None = None,
             interpolation: str = "nearest"):
    """A picture as a PIL image, brought to `target_size` (height, width).

    Raises:
        DataError: the file is damaged or not a picture.

    Example:
        >>> load_img("cat.png", color_mode="grayscale", target_size=(28, 28))  # doctest: +SKIP
    """
    return array_to_img(read_image(path, target_size, color_mode, interpolation), scale=False)


def img_to_array(img, dtype: str | None = None) -> np.ndarray:
    """A PIL image as an array of shape (height, width, channels), float32 by default."""
    array = np.asarray(img, dtype or "float32")
    return array[..., np.newaxis] if array.ndim == 2 else array


def array_to_img(x, scale: bool = True):
    """An array of shape (height, width, 1, 3 or 4) as a PIL image.

    Args:
        x: the pixels.
        scale: whether the smallest value becomes black and the largest white; else values are 0 to 255.

    Raises:
        ShapeError: another shape.
    """
    from PIL import Image

    x = np.asarray(x)
    if x.ndim != 3 or x.shape[2] not in (1, 3, 4):
        raise ShapeError("An image array has the shape (height, width, channels) with 1, 3 or 4 channels. "
                         + received(shape=x.shape))
    if scale:
        low, high = float(x.min()), float(x.max())
        x = (x - low) * (255 / (high - low) if high > low else 0)
    pixels = np.clip(x, 0, 255).astype(np.uint8)
    return Image.fromarray(pixels[..., 0] if x.shape[2] == 1 else pixels)


def save_img(path: str | os.PathLike, x, file_format: str | None = None, scale: bool = True) -> None:
    """Writes an array as a picture; the format is that of the file's ending.

    Raises:
        ArgumentError: a format that is none of png, jpeg, tiff, bmp and gif.
    """
    kind = (file_format or os.fspath(path).rpartition(".")[2]).lower().replace("jpg", "jpeg")
    kind = "tiff" if kind == "tif" else kind
    if kind not in ("png", "jpeg", "tiff", "bmp", "gif"):
        raise ArgumentError("A picture is written as png, jpeg, tiff, bmp or gif. " + received(file_format=kind))
    memory = io.BytesIO()
    array_to_img(x, scale=scale).save(memory, kind)
    write_bytes(path, memory.getvalue())
