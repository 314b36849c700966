"""`tf.image`: the few operations on pictures that course code uses. Pictures are (..., height, width, channels)."""

from __future__ import annotations

import numpy as np

from striate.errors import ArgumentError, received
from striate.runner.tf.functions import returning_tensors
from striate.runner.tf.io import decode_image, decode_jpeg, decode_png
from striate.utils.resizing import resized_axis


@returning_tensors
def resize(images, size, method="bilinear", preserve_aspect_ratio=False, antialias=False, name=None):
    """Pictures of another size, float32 (or the same type for method="nearest").

    Raises:
        ArgumentError: a method other than "bilinear" and "nearest", or an option that is not supported.

    Example:
        >>> resize(np.zeros((1, 28, 28, 1)), (14, 14)).shape
        (1, 14, 14, 1)
    """
    if method not in ("bilinear", "nearest") or preserve_aspect_ratio or antialias:
        raise ArgumentError("Pictures are resized by method='bilinear' or 'nearest', without `preserve_aspect_ratio` "
                            "and `antialias`. " + received(method=method, antialias=antialias,
                                                           preserve_aspect_ratio=preserve_aspect_ratio))
    images = np.asarray(images)
    for axis, length in ((-3, int(size[0])), (-2, int(size[1]))):
        images = resized_axis(images, axis, length, method)
    return images


@returning_tensors
def rgb_to_grayscale(images, name=None):
    """The brightness of colours: 0.2989 R + 0.587 G + 0.114 B; one channel."""
    images = np.asarray(images)
    grey = images.astype(np.float32) @ np.float32([[0.2989], [0.587], [0.114]])
    return grey.astype(images.dtype) if images.dtype.kind == "f" else np.rint(grey).astype(images.dtype)


@returning_tensors
def grayscale_to_rgb(images, name=None):
    """The one channel three times."""
    return np.repeat(np.asarray(images), 3, axis=-1)


@returning_tensors
def flip_left_right(image):
    """The picture mirrored."""
    return np.asarray(image)[..., ::-1, :]


@returning_tensors
def flip_up_down(image):
    """The picture upside down."""
    return np.asarray(image)[..., ::-1, :, :]


@returning_tensors
def convert_image_dtype(image, dtype, saturate=False, name=None):
    """Pixels as another type, scaled so that the largest integer is 1.0 and the other way round."""
    image, kind = np.asarray(image), np.dtype(dtype)
    whole = np.iinfo(image.dtype).max if image.dtype.kind in "iu" else None
    if kind.kind == "f":
        return image.astype(kind) / whole if whole else image.astype(kind)
    scaled = image / whole if whole else image
    return np.clip(scaled * (np.iinfo(kind).max + 0.5), 0, np.iinfo(kind).max).astype(kind)


@returning_tensors
def per_image_standardization(image):
    """Each picture with mean 0 and standard deviation 1."""
    image = np.asarray(image, np.float32)
    axes = (-3, -2, -1)
    count = np.prod([image.shape[axis] for axis in axes])
    deviation = np.maximum(image.std(axis=axes, keepdims=True), 1 / np.sqrt(count))
    return (image - image.mean(axis=axes, keepdims=True)) / deviation.astype(np.float32)


__all__ = [
    "convert_image_dtype", "decode_image", "decode_jpeg", "decode_png", "flip_left_right", "flip_up_down",
    "grayscale_to_rgb", "per_image_standardization", "resize", "rgb_to_grayscale",
]
