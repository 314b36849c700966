"""Images as data: resizing and moving them (`keras.ops.image`).

Both are sums of pixels with weights. `resize` is a product with one small matrix an axis; `affine_transform` looks up
the four pixels around each place that it comes from. Images are (n, h, w, c), or (h, w, c) for one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from striate import ops
from striate.errors import ArgumentError, ShapeError, received
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


_KERNELS: dict[str, Callable] = {"bilinear": lambda x: np.maximum(0.0, 1.0 - x), "bicubic": _cubic,
                                 "lanczos3": _lanczos(3), "lanczos5": _lanczos(5)}
_FILL_MODES = ("constant", "nearest", "wrap", "reflect")


def resize_matrix(length: int, size: int, interpolation: str, antialias: bool = False) -> np.ndarray:
    """(size, length) weights: each row makes one pixel of the new line out of the old one; centres stay in place.

    Example:
        >>> resize_matrix(2, 4, "bilinear").tolist()
        [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    """
    places = (np.arange(size) + 0.5) * (length / size) - 0.5
    stretch = max(length / size, 1.0) if antialias else 1.0
    weights = _KERNELS[interpolation](np.abs(places[:, None] - np.arange(length)) / stretch)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def weigh_axis(x, matrix: np.ndarray, axis: int):
    """Every line of x along `axis` times a matrix (new length, old length)."""
    shape = tuple(x.shape)
    before, after = shape[:axis], shape[axis + 1:]
    lead = -1 if None in before else int(np.prod(before, dtype=np.int64))
    y = ops.matmul(matrix, ops.reshape(x, (lead, shape[axis], int(np.prod(after, dtype=np.int64)))))
    return ops.reshape(y, tuple(-1 if n is None else n for n in (*before, matrix.shape[0], *after)))


def _image_axes(images, data_format) -> tuple[int, int]:
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
        float32 images; with "nearest" of the type of `images`.

    Raises:
        ArgumentError: an argument has an impossible value. ShapeError: no images, or of unknown size.

    Example:
        >>> resize(np.ones((1, 4, 4, 3)), (2, 8)).shape
        (1, 2, 8, 3)
    """
    if interpolation not in ("nearest", *_KERNELS):
        raise ArgumentError(f"`interpolation` must be one of {('nearest', *_KERNELS)}. "
                            + received(interpolation=interpolation))
    if fill_mode != "constant":
        raise ArgumentError("`fill_mode` of resize must be 'constant'. " + received(fill_mode=fill_mode))
    if pad_to_aspect_ratio and crop_to_aspect_ratio:
        raise ArgumentError("Only one of `pad_to_aspect_ratio` and `crop_to_aspect_ratio` can be True.")
    if len(size) != 2 or min(size) < 1:
        raise ArgumentError("`size` must be a (height, width) of positive integers. " + received(size=size))
    axes = _image_axes(images, data_format)
    if None in [shape_of(images)[axis] for axis in axes]:
        raise ShapeError("Images to be resized need a height and a width that are known. "
                         + received(shape=shape_of(images)))
    if crop_to_aspect_ratio or pad_to_aspect_ratio:
        images = _fit_aspect(images, axes, size, crop_to_aspect_ratio, fill_value)
    x = images if interpolation == "nearest" or is_floating(dtype_of(images)) else ops.cast(images, "float32")
    for axis, count in zip(axes, size, strict=True):
        length = shape_of(x)[axis]
        if interpolation == "nearest":
            x = ops.take(x, np.floor((np.arange(count) + 0.5) * length / count).astype(np.int32), axis=axis)
        elif length != count:
            x = weigh_axis(ops.convert_to_tensor(x), resize_matrix(length, count, interpolation, antialias), axis)
    return x


def _inside(places, length: int, fill_mode: str):
    """Whole float places as places inside 0 ... length - 1, and whether they were inside before (None: all count)."""
    if fill_mode == "wrap":
        places = places - length * ops.floor(places / float(length))
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
        fill_mode: what lies outside: "constant" (`fill_value`), "nearest", "wrap" or "reflect".
        data_format: "channels_last" (also None) or "channels_first".

    Returns:
        float32 images of the same shape.
    """
    if interpolation not in ("nearest", "bilinear"):
        raise ArgumentError("`interpolation` must be 'nearest' or 'bilinear'. " + received(interpolation=interpolation))
    if fill_mode not in _FILL_MODES:
        raise ArgumentError(f"`fill_mode` must be one of {_FILL_MODES}. " + received(fill_mode=fill_mode))
    if len(shape_of(images)) == 3:
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
        column, known_column = _inside(across, width, fill_mode)
        row, known_row = _inside(down, height, fill_mode)
        place = ops.cast(row, "int32") * width + ops.cast(column, "int32") + image
        pixels = ops.take(rows, place, axis=0)
        if known_column is None:
            return pixels
        known = ops.expand_dims(known_column * known_row, -1)
        return pixels * known + (1.0 - known) * float(fill_value)
    if interpolation == "nearest":
        return pixels_at(_nearest(places_x), _nearest(places_y))
    left, top = ops.floor(places_x), ops.floor(places_y)
    right_share, low_share = ops.expand_dims(places_x - left, -1), ops.expand_dims(places_y - top, -1)
    upper = pixels_at(left, top) * (1.0 - right_share) + pixels_at(left + 1.0, top) * right_share
    lower = pixels_at(left, top + 1.0) * (1.0 - right_share) + pixels_at(left + 1.0, top + 1.0) * right_share
    return upper * (1.0 - low_share) + lower * low_share


def _nearest(places):
    """Rounded, halves away from zero."""
    return ops.sign(places) * ops.floor(ops.absolute(places) + 0.5)


def rgb_to_grayscale(images, data_format=None):
    """One channel out of three: 0.2989 red + 0.5870 green + 0.1140 blue."""
    axis = -3 if data_format == "channels_first" else -1
    if shape_of(images)[axis] == 1:
        return images
    shape = [1] * len(shape_of(images))
    shape[axis] = 3
    share = np.array([0.2989, 0.5870, 0.1140], np.float32).reshape(shape)
    return ops.sum(ops.multiply(images, share), axis=axis, keepdims=True)


def crop_images(images, top_cropping=0, left_cropping=0, bottom_cropping=0, right_cropping=0, target_height=None,
                target_width=None, data_format=None):
    """Images without their rim; the size that is left may be given instead of the bottom or right amount."""
    axes = _image_axes(images, data_format)
    keys = [slice(None)] * len(shape_of(images))
    for axis, before, after, target in zip(axes, (top_cropping, left_cropping), (bottom_cropping, right_cropping),
                                           (target_height, target_width), strict=True):
        stop = shape_of(images)[axis] - after if target is None else before + target
        keys[axis] = slice(before, stop)
    return ops.get_item(images, tuple(keys))


def pad_images(images, top_padding=0, left_padding=0, bottom_padding=0, right_padding=0, target_height=None,
               target_width=None, data_format=None):
    """Images with zeros around; the size to reach may be given instead of the bottom or right amount."""
    axes = _image_axes(images, data_format)
    pairs = [(0, 0)] * len(shape_of(images))
    for axis, before, after, target in zip(axes, (top_padding, left_padding), (bottom_padding, right_padding),
                                           (target_height, target_width), strict=True):
        pairs[axis] = (before, after if target is None else target - before - shape_of(images)[axis])
    return ops.pad(images, pairs)


def _channels(images, data_format) -> tuple[list, int]:
    """(the three channels; their axis)."""
    axis = -3 if data_format == "channels_first" else -1
    if shape_of(images)[axis] != 3:
        raise ShapeError("Images of three channels are expected. " + received(shape=shape_of(images)))
    key: list[slice | int] = [slice(None)] * len(shape_of(images))
    parts = []
    for place in range(3):
        key[axis] = place
        parts.append(ops.get_item(images, tuple(key)))
    return parts, axis


def rgb_to_hsv(images, data_format=None):
    """Hue, saturation and value, each in [0, 1], of red, green and blue: (..., 3) to (..., 3).

    Example:
        >>> rgb_to_hsv([[[0.0, 0.5, 0.5]]]).tolist()
        [[[0.5, 1.0, 0.5]]]
    """
    (red, green, blue), axis = _channels(ops.cast(images, "float32"), data_format)
    value = ops.maximum(ops.maximum(red, green), blue)
    span = value - ops.minimum(ops.minimum(red, green), blue)
    saturation = ops.where(ops.greater(value, 0.0), span / ops.where(ops.greater(value, 0.0), value, 1.0), 0.0)
    sixth = 1.0 / (6.0 * ops.where(ops.greater(span, 0.0), span, 1.0))
    hue = ops.where(ops.equal(value, green), sixth * (blue - red) + 2.0 / 6.0, sixth * (red - green) + 4.0 / 6.0)
    hue = ops.where(ops.equal(value, red), sixth * (green - blue), hue)
    hue = ops.where(ops.greater(span, 0.0), hue, 0.0)
    return ops.stack([hue + ops.cast(ops.less(hue, 0.0), "float32"), saturation, value], axis=axis)


def hsv_to_rgb(images, data_format=None):
    """Red, green and blue of hue, saturation and value: (..., 3) to (..., 3)."""
    (hue, saturation, value), axis = _channels(ops.cast(images, "float32"), data_format)
    sixths = (hue - ops.floor(hue)) * 6.0
    shares = [ops.clip(ops.absolute(sixths - 3.0) - 1.0, 0.0, 1.0),
              ops.clip(2.0 - ops.absolute(sixths - 2.0), 0.0, 1.0),
              ops.clip(2.0 - ops.absolute(sixths - 4.0), 0.0, 1.0)]
    return ops.stack([value * (1.0 - saturation + saturation * share) for share in shares], axis=axis)


def gaussian_blur(images, kernel_size=(3, 3), sigma=(1.0, 1.0), data_format=None):
    """Images (n, h, w, c) or (h, w, c) under a Gaussian window; zeros lie around.

    kernel_size, sigma: along the width, along the height; a sigma may be a number or a tensor of one number.
    """
    if len(shape_of(images)) == 3:
        return ops.squeeze(gaussian_blur(ops.expand_dims(images, 0), kernel_size, sigma, data_format), 0)

    def window(size, width):
        places = np.arange(size, dtype=np.float32) - (size - 1) / 2.0
        weights = ops.exp(ops.square(places / width) * -0.5)
        return weights / ops.sum(weights)
    across, down = (window(size, width) for size, width in zip(kernel_size, sigma, strict=True))
    channels = shape_of(images)[1 if data_format == "channels_first" else -1]
    kernel = ops.outer(down, across)
    kernel = ops.tile(ops.reshape(kernel, (*shape_of(kernel), 1, 1)), (1, 1, channels, 1))
    return ops.depthwise_conv(ops.cast(images, "float32"), kernel, padding="same", data_format=data_format)
