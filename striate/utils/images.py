"""Single pictures as arrays and back, with Keras' names."""

from __future__ import annotations

import io
import os

import numpy as np

from striate import config
from striate.datasets.pictures import Preparation
from striate.errors import ArgumentError, ShapeError, received
from striate.files import write_bytes


def load_img(path: str | os.PathLike, color_mode: str = "rgb", target_size: tuple[int, int] | None = None,
             interpolation: str = "nearest", keep_aspect_ratio: bool = False):
    """A picture as a PIL image, brought to `target_size` (height, width).

    `keep_aspect_ratio` cuts out the largest middle part of that shape first, instead of distorting.

    `path`: of the file; `color_mode`: "grayscale", "rgb" or "rgba"; `interpolation`: "nearest", "bilinear", "bicubic",
    "lanczos", "hamming" or "box".

    Raises:
        DataError: the file is damaged or not a picture.

    Example:
        >>> load_img("cat.png", color_mode="grayscale", target_size=(28, 28))  # doctest: +SKIP
    """
    preparation = Preparation(target_size, color_mode, interpolation, crop=keep_aspect_ratio)
    return array_to_img(preparation.read(path), scale=False)


def img_to_array(img, data_format: str | None = None, dtype: str | None = None) -> np.ndarray:
    """A PIL image as an array of shape (height, width, channels), float32 by default.

    With data_format="channels_first" of shape (channels, height, width).

    `img`: any PIL image.
    """
    array = np.asarray(img, dtype or "float32")
    array = array[..., np.newaxis] if array.ndim == 2 else array
    return array.transpose(2, 0, 1) if _is_first(data_format) else array


def _is_first(data_format: str | None) -> bool:
    known = data_format or config.image_data_format()
    if known not in ("channels_last", "channels_first"):
        raise ArgumentError('`data_format` must be "channels_last" or "channels_first". '
                            + received(data_format=data_format))
    return known == "channels_first"


def array_to_img(x, data_format: str | None = None, scale: bool = True, dtype: str | None = None):
    """An array of shape (height, width, 1, 3 or 4) as a PIL image.

    Args:
        x: the pixels.
        data_format: "channels_first" if the shape is (1, 3 or 4, height, width).
        scale: whether the smallest value becomes black and the largest white; else values are 0 to 255.
        dtype: type in which is computed, float32 unless given.

    Raises:
        ShapeError: another shape.

    Example:
        >>> import numpy as np
        >>> array_to_img(np.zeros((4, 6, 3))).size
        (6, 4)
    """
    from PIL import Image

    x = np.array(x, dtype or config.floatx())
    x = x.transpose(1, 2, 0) if x.ndim == 3 and _is_first(data_format) else x
    if x.ndim != 3 or x.shape[2] not in (1, 3, 4):
        raise ShapeError("An image array has the shape (height, width, channels) with 1, 3 or 4 channels. "
                         + received(shape=x.shape))
    if scale:
        x -= x.min()
        x = x / (x.max() or 1) * 255  # in this order, as Keras: other roundings give other bytes
    pixels = np.clip(x, 0, 255).astype(np.uint8)
    return Image.fromarray(pixels[..., 0] if x.shape[2] == 1 else pixels)


def save_img(path: str | os.PathLike, x, data_format: str | None = None, file_format: str | None = None,
             scale: bool = True, **options) -> None:
    """Writes an array as a picture; the format is that of the file's ending, `options` are those of PIL.

    Args: path, of the file; x, (height, width, channels), as `data_format` says; `scale` as in `array_to_img`;
    `file_format`: instead of the ending's.

    Raises:
        ArgumentError: a format that is none of png, jpeg, tiff, bmp and gif.
    """
    kind = (file_format or os.fspath(path).rpartition(".")[2]).lower().replace("jpg", "jpeg")
    kind = "tiff" if kind == "tif" else kind
    if kind not in ("png", "jpeg", "tiff", "bmp", "gif"):
        raise ArgumentError("A picture is written as png, jpeg, tiff, bmp or gif. " + received(file_format=kind))
    memory = io.BytesIO()
    array_to_img(x, data_format, scale).save(memory, kind, **options)
    write_bytes(path, memory.getvalue())
