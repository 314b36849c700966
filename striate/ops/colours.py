"""Colours of images, their rims, and a blur. Images are (n, h, w, c), or (h, w, c) for one."""

from __future__ import annotations

import numpy as np

from striate import ops
from striate.errors import ArgumentError, ShapeError, received
from striate.ops.allowance import spend_numbers
from striate.ops.broadcast import length_of, shape_of
from striate.ops.resample import image_axes


def rgb_to_grayscale(images, data_format=None):
    """One channel out of three: 0.2989 red + 0.5870 green + 0.1140 blue."""
    axis = -3 if data_format == "channels_first" else -1
    if length_of(images, axis) == 1:
        return images
    shape = [1] * len(shape_of(images))
    shape[axis] = 3
    share = np.array([0.2989, 0.5870, 0.1140], np.float32).reshape(shape)
    return ops.sum(ops.multiply(images, share), axis=axis, keepdims=True)


def _both_ends(before, after, total) -> tuple[int, int]:
    """The amounts at both ends of an axis, of which together `total` is known, or None; what is not given is 0."""
    if total is None:
        return before or 0, after or 0
    if before is not None and after is not None:
        raise ArgumentError("Of the amounts at two ends of an axis and its new length give two. "
                            + received(before=before, after=after, total=total))
    return (total - after, after) if after is not None else (before or 0, total - (before or 0))


def crop_images(images, top_cropping=None, left_cropping=None, bottom_cropping=None, right_cropping=None,
                target_height=None, target_width=None, data_format=None):
    """Images without their rim; the size that is left may be given in place of an amount."""
    axes = image_axes(images, data_format)
    keys = [slice(None)] * len(shape_of(images))
    for axis, before, after, target in zip(axes, (top_cropping, left_cropping), (bottom_cropping, right_cropping),
                                           (target_height, target_width), strict=True):
        length = shape_of(images)[axis]
        before, after = _both_ends(before, after, None if target is None else length - target)
        keys[axis] = slice(before, length - after)
    return ops.get_item(images, tuple(keys))


def pad_images(images, top_padding=None, left_padding=None, bottom_padding=None, right_padding=None,
               target_height=None, target_width=None, data_format=None):
    """Images with zeros around; the size to reach may be given in place of an amount."""
    axes = image_axes(images, data_format)
    pairs = [(0, 0)] * len(shape_of(images))
    for axis, before, after, target in zip(axes, (top_padding, left_padding), (bottom_padding, right_padding),
                                           (target_height, target_width), strict=True):
        pairs[axis] = _both_ends(before, after, None if target is None else target - shape_of(images)[axis])
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
        spend_numbers(size)
        places = np.arange(size, dtype=np.float32) - (size - 1) / 2.0
        weights = ops.exp(ops.square(places / width) * -0.5)
        return weights / ops.sum(weights)
    across, down = (window(size, width) for size, width in zip(kernel_size, sigma, strict=True))
    channels = shape_of(images)[1 if data_format == "channels_first" else -1]
    kernel = ops.outer(down, across)
    kernel = ops.tile(ops.reshape(kernel, (*shape_of(kernel), 1, 1)), (1, 1, channels, 1))
    return ops.depthwise_conv(ops.cast(images, "float32"), kernel, padding="same", data_format=data_format)
