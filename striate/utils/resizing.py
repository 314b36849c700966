"""Pictures of another size, as `tf.image.resize` and Keras' data sets make them: without smoothing before."""

from __future__ import annotations

import numpy as np

from striate import ops
from striate.errors import ShapeError, received


def resized_axis(images: np.ndarray, axis: int, length: int, method: str) -> np.ndarray:
    """One axis brought to a length by "nearest" or "bilinear"; pixels are squares, so centres lie at half numbers.

    Example:
        >>> resized_axis(np.array([[0.0], [2.0]], np.float32), -2, 4, "bilinear")[:, 0].tolist()
        [0.0, 0.5, 1.5, 2.0]
    """
    given = images.shape[axis]
    centres = (np.arange(length) + 0.5) * (given / length)
    if method == "nearest":
        return images.take(np.minimum(centres.astype(int), given - 1), axis=axis)
    place = np.clip(centres - 0.5, 0, given - 1)
    low = np.floor(place).astype(int)
    share = (place - low).astype(np.float32).reshape((-1, *[1] * (-axis - 1)))
    images = images.astype(np.float32, copy=False)
    upper = images.take(np.minimum(low + 1, given - 1), axis=axis)
    lower = images.take(low, axis=axis)
    return lower + (upper - lower) * share


def resized_picture(picture: np.ndarray, size: tuple[int, ...], interpolation: str,
                    crop_to_aspect_ratio: bool = False, pad_to_aspect_ratio: bool = False) -> np.ndarray:
    """A picture (height, width, channels) as float32 of another size.

    Raises:
        ArgumentError: an interpolation that there is not.
    """
    if interpolation in ("nearest", "bilinear") and not (crop_to_aspect_ratio or pad_to_aspect_ratio):
        for axis, length in ((-3, int(size[0])), (-2, int(size[1]))):
            picture = resized_axis(picture, axis, length, interpolation) if picture.shape[axis] != length else picture
        return picture.astype(np.float32)
    resized = ops.image.resize(picture.astype(np.float32), size, interpolation,
                               crop_to_aspect_ratio=crop_to_aspect_ratio, pad_to_aspect_ratio=pad_to_aspect_ratio)
    return np.asarray(resized, np.float32)


def smart_resize(x, size: tuple[int, int], interpolation: str = "bilinear", data_format: str = "channels_last"):
    """Pictures of another size, undistorted: the largest middle part of that shape is cut out first.

    Args:
        x: (height, width, channels), or with the batch in front.
        size: (height, width).
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5".
        data_format: "channels_last" or "channels_first".

    Raises:
        ArgumentError: an argument cannot work. ShapeError: no pictures.

    Example:
        >>> smart_resize(np.zeros((20, 10, 3)), (5, 5)).shape
        (5, 5, 3)
    """
    if np.ndim(x) not in (3, 4):
        raise ShapeError("Pictures have the shape (height, width, channels), or with the batch in front. "
                         + received(shape=np.shape(x)))
    resized = ops.image.resize(np.asarray(x, np.float32), size, interpolation, crop_to_aspect_ratio=True,
                               data_format=data_format)
    return np.asarray(resized)
