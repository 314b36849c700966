"""Images resized and moved.

Both are sums of pixels with weights. `resize` is a product with one small matrix an axis; `affine_transform` looks up
the four pixels around each place that it comes from. Images are (n, h, w, c), or (h, w, c) for one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from striate import ops
from striate.errors import ArgumentError, ShapeError, received
from striate.ops.allowance import spend_numbers
from striate.ops.broadcast import dtype_of, is_floating, shape_of


def _cubic(x):
    """Keys' cubic with a = -1/2."""
    near = ((1.5 * x - 2.5) * x) * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))


def _lanczos(radius: int) -> Callable:
    def kernel(x):
        return np.where(x < radius, np.sinc(x) * np.sinc(x / radius), 0.0)
    return kernel


KERNELS: dict[str, Callable] = {"bilinear": lambda x: np.maximum(0.0, 1.0 - x), "bicubic": _cubic,
                                 "lanczos3": _lanczos(3), "lanczos5": _lanczos(5)}
FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")


def resize_matrix(length: int, size: int, interpolation: str, antialias: bool = False) -> np.ndarray:
    """(size, length) weights: each row makes one pixel of the new line out of the old one; centres stay in place.

    Example:
        >>> resize_matrix(2, 4, "bilinear").tolist()
        [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    """
    spend_numbers(size, length)
    places = (np.arange(size) + 0.5) * (length / size) - 0.5
    stretch = max(length / size, 1.0) if antialias else 1.0
    weights = KERNELS[interpolation](np.abs(places[:, None] - np.arange(length)) / stretch)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def weigh_axis(x, matrix: np.ndarray, axis: int):
    """Every line of x along `axis` times a matrix (new length, old length)."""
    shape = tuple(x.shape)
    before, after = shape[:axis], shape[axis + 1:]
    lead = -1 if None in before else int(np.prod(before, dtype=np.int64))
    y = ops.matmul(matrix, ops.reshape(x, (lead, shape[axis], int(np.prod(after, dtype=np.int64)))))
    return ops.reshape(y, tuple(-1 if n is None else n for n in (*before, matrix.shape[0], *after)))


def image_axes(images, data_format) -> tuple[int, int]:
    """The axes of height and width."""
    rank = len(shape_of(images))
    if rank not in (3, 4):
        raise ShapeError("Invalid images rank: expected rank 3 (single image) or rank 4 (batch of images). "
                         + received(shape=shape_of(images)))
    first = rank - 2 if data_format == "channels_first" else rank - 3
    return first, first + 1


def _fit_aspect(images, axes, size, crop: bool, fill_value):
    """Images cut or padded in the middle to the proportions of `size`."""
    height, width = (shape_of(images)[axis] for axis in axes)
    wanted = int(float(width * size[0]) / size[1]), int(float(height * size[1]) / size[0])
    if crop:
        cut = [max(min(n, w), 1) for n, w in zip((height, width), wanted, strict=True)]
        starts = [int(float(n - c) / 2) for n, c in zip((height, width), cut, strict=True)]
        keys = [slice(None)] * len(shape_of(images))
        for axis, start, count in zip(axes, starts, cut, strict=True):
            keys[axis] = slice(start, start + count)
        return ops.get_item(images, tuple(keys))
    amounts = [int(float(max(n, w) - n) / 2) for n, w in zip((height, width), wanted, strict=True)]
    pairs = [(0, 0)] * len(shape_of(images))
    for axis, amount in zip(axes, amounts, strict=True):
        pairs[axis] = (amount, amount)
    return ops.pad(images, pairs, constant_values=fill_value)


def resize(images, size, interpolation="bilinear", antialias=False, crop_to_aspect_ratio=False,
           pad_to_aspect_ratio=False, fill_mode="constant", fill_value=0.0, data_format=None):
    """Images of another size (`keras.ops.image.resize`).

    Args:
        images: (n, h, w, c) or (h, w, c).
        size: (height, width).
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".
        antialias: whether a smaller image averages all pixels that fall into one of its own.
        crop_to_aspect_ratio, pad_to_aspect_ratio: cut or pad first, so that nothing is distorted.
        fill_mode: "constant", the only one; fill_value: what padding holds.
        data_format: "channels_last" (also None) or "channels_first".

    Returns:
        Images of the type of `images`; whole numbers are rounded.

    Raises:
        ArgumentError: an argument has an impossible value. ShapeError: no images, or of unknown size.

    Example:
        >>> resize(np.ones((1, 4, 4, 3)), (2, 8)).shape
        (1, 2, 8, 3)
    """
    if interpolation not in ("nearest", *KERNELS):
        raise ArgumentError(f"`interpolation` must be one of {('nearest', *KERNELS)}. "
                            + received(interpolation=interpolation))
    if fill_mode != "constant":
        raise ArgumentError("`fill_mode` of resize must be 'constant'. " + received(fill_mode=fill_mode))
    if pad_to_aspect_ratio and crop_to_aspect_ratio:
        raise ArgumentError("Only one of `pad_to_aspect_ratio` and `crop_to_aspect_ratio` can be True.")
    if len(size) != 2 or min(size) < 1:
        raise ArgumentError("`size` must be a (height, width) of positive integers. " + received(size=size))
    axes = image_axes(images, data_format)
    if None in [shape_of(images)[axis] for axis in axes]:
        raise ShapeError("Images to be resized need a height and a width that are known. "
                         + received(shape=shape_of(images)))
    if crop_to_aspect_ratio or pad_to_aspect_ratio:
        images = _fit_aspect(images, axes, size, crop_to_aspect_ratio, fill_value)
    x = images if interpolation == "nearest" or is_floating(dtype_of(images)) else ops.cast(images, "float32")
    for axis, count in zip(axes, size, strict=True):
        length = shape_of(x)[axis]
        if interpolation == "nearest":
            spend_numbers(count)
            x = ops.take(x, np.floor((np.arange(count) + 0.5) * length / count).astype(np.int32), axis=axis)
        elif length != count:
            x = weigh_axis(ops.convert_to_tensor(x), resize_matrix(length, count, interpolation, antialias), axis)
    dtype = dtype_of(images)
    return x if dtype_of(x) == dtype else ops.saturate_cast(ops.round(x), dtype)


def inside_axis(places, length: int, fill_mode: str):
    """Whole float places as places inside 0 ... length - 1, and whether they were inside before (None: all count)."""
    if fill_mode == "wrap":
        places = places - length * ops.floor(places / float(length))
    elif fill_mode == "mirror" and length > 1:
        period = 2.0 * (length - 1)
        places = ops.absolute(places - period * ops.floor(places / period + 0.5))
    elif fill_mode == "reflect":
        places = places - 2 * length * ops.floor(places / float(2 * length))
        places = ops.minimum(places, 2 * length - 1 - places)
    known = None
    if fill_mode == "constant":
        known = ops.cast(ops.logical_and(places >= 0.0, places <= length - 1.0), "float32")
    return ops.clip(places, 0.0, length - 1.0), known


def affine_transform(images, transform, interpolation="bilinear", fill_mode="constant", fill_value=0.0,
                     data_format=None):
    """Images turned, moved, stretched (`keras.ops.image.affine_transform`).

    Args:
        images: (n, h, w, c) or (h, w, c).
        transform: (n, 8) or (8,): a0, a1, a2, b0, b1, b2, 0, 0. Pixel (x, y) of the result is looked up at
            (a0 x + a1 y + a2, b0 x + b1 y + b2).
        interpolation: "nearest" or "bilinear".
        fill_mode: what lies outside: "constant" (`fill_value`), "nearest", "wrap", "mirror" or "reflect".
        data_format: "channels_last" (also None) or "channels_first".

    Returns:
        float32 images of the same shape.
    """
    if interpolation not in ("nearest", "bilinear"):
        raise ArgumentError("`interpolation` must be 'nearest' or 'bilinear'. " + received(interpolation=interpolation))
    if fill_mode not in FILL_MODES:
        raise ArgumentError(f"`fill_mode` must be one of {FILL_MODES}. " + received(fill_mode=fill_mode))
    rank, numbers = len(shape_of(images)), shape_of(transform)
    if rank not in (3, 4) or len(numbers) not in (1, 2) or numbers[-1] != 8:
        raise ShapeError("affine_transform takes images (n, height, width, channels) and (n, 8) numbers, or one image "
                         "and 8 numbers. " + received(images=shape_of(images), transform=numbers))
    if rank == 3:
        one = affine_transform(ops.expand_dims(images, 0), ops.reshape(transform, (-1, 8)), interpolation, fill_mode,
                               fill_value, data_format)
        return ops.squeeze(one, 0)
    if data_format == "channels_first":
        last = affine_transform(ops.transpose(images, (0, 2, 3, 1)), transform, interpolation, fill_mode, fill_value)
        return ops.transpose(last, (0, 3, 1, 2))
    height, width = shape_of(images)[1:3]
    if None in shape_of(images)[:3]:
        return ops.cast(images, "float32")  # shapes are being worked out: nothing changes them
    factors = [ops.reshape(ops.get_item(transform, (slice(None), i)), (-1, 1, 1)) for i in range(6)]
    x, y = pixel_places(height, width)
    return look_up(images, factors[0] * x + factors[1] * y + factors[2], factors[3] * x + factors[4] * y + factors[5],
                   interpolation, fill_mode, fill_value)


def pixel_places(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """x of every column, (1, 1, width), and y of every row, (1, height, 1)."""
    return np.arange(width, dtype=np.float32).reshape(1, 1, -1), np.arange(height, dtype=np.float32).reshape(1, -1, 1)


def look_up(images, places_x, places_y, interpolation="bilinear", fill_mode="constant", fill_value=0.0):
    """The pixels of images (n, h, w, c) at any places: each result pixel has its x and y, (n, h, w)."""
    count, height, width, channels = shape_of(images)
    rows = ops.reshape(ops.cast(images, "float32"), (count * height * width, channels))
    image = np.arange(count, dtype=np.int32).reshape(-1, 1, 1) * (height * width)

    def pixels_at(across, down):
        column, known_column = inside_axis(across, width, fill_mode)
        row, known_row = inside_axis(down, height, fill_mode)
        place = ops.cast(row, "int32") * width + ops.cast(column, "int32") + image
        pixels = ops.take(rows, place, axis=0)
        if known_column is None:
            return pixels
        known = ops.expand_dims(known_column * known_row, -1)
        return pixels * known + (1.0 - known) * float(fill_value)
    if interpolation == "nearest":
        return pixels_at(nearest_place(places_x), nearest_place(places_y))
    left, top = ops.floor(places_x), ops.floor(places_y)
    right_share, low_share = ops.expand_dims(places_x - left, -1), ops.expand_dims(places_y - top, -1)
    upper = pixels_at(left, top) * (1.0 - right_share) + pixels_at(left + 1.0, top) * right_share
    lower = pixels_at(left, top + 1.0) * (1.0 - right_share) + pixels_at(left + 1.0, top + 1.0) * right_share
    return upper * (1.0 - low_share) + lower * low_share


def nearest_place(places):
    """Rounded, halves away from zero."""
    return ops.sign(places) * ops.floor(ops.absolute(places) + 0.5)
