"""`tf.image`: the few operations on pictures that course code uses. Pictures are (..., height, width, channels)."""

from __future__ import annotations

import numpy as np

from striate import ops, random
from striate.errors import ArgumentError, received
from striate.runner.tf.functions import returning_tensors
from striate.runner.tf.io import decode_image, decode_jpeg, decode_png, encode_jpeg, encode_png
from striate.utils.resizing import resized_axis
from striate.utils.tensor import as_tensor, is_symbolic


@returning_tensors
def resize(images, size, method="bilinear", preserve_aspect_ratio=False, antialias=False, name=None):
    """Pictures of another size, float32 (or the same type for method="nearest").

    Raises:
        ArgumentError: a method other than "bilinear", "nearest", "bicubic", "lanczos3" and "lanczos5".

    Example:
        >>> resize(np.zeros((1, 28, 28, 1)), (14, 14)).shape
        (1, 14, 14, 1)
    """
    if method not in ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"):
        raise ArgumentError("Pictures are resized by method='bilinear', 'nearest', 'bicubic', 'lanczos3' or "
                            "'lanczos5'. " + received(method=method))
    symbolic = is_symbolic(images)
    images = images if symbolic else np.asarray(images)
    height, width = (int(length) for length in size)
    if preserve_aspect_ratio:
        scale = min(height / images.shape[-3], width / images.shape[-2])
        height, width = (max(1, round(length * scale)) for length in images.shape[-3:-1])
    if symbolic or method not in ("bilinear", "nearest") or antialias:
        numbers = images if symbolic or method == "nearest" else images.astype(np.float32)
        return ops.image.resize(numbers, (height, width), interpolation=method, antialias=antialias,
                                data_format="channels_last")
    for axis, length in ((-3, height), (-2, width)):
        images = resized_axis(images, axis, length, method)
    return images


class ResizeMethod:
    """The names of the methods of `resize`."""

    BILINEAR, NEAREST_NEIGHBOR, BICUBIC, LANCZOS3, LANCZOS5 = "bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"


@returning_tensors
def resize_with_pad(image, target_height, target_width, method="bilinear", antialias=False):
    """The whole picture, made to fit, with zeros around it."""
    height, width = image.shape[-3:-1]
    ratio = max(height / target_height, width / target_width)
    inner = int(height / ratio), int(width / ratio)
    top, left = int((target_height - height / ratio) / 2), int((target_width - width / ratio) / 2)
    resized = resize(image, inner, method, antialias=antialias)
    return pad_to_bounding_box(resized, top, left, target_height, target_width)


@returning_tensors
def pad_to_bounding_box(image, offset_height, offset_width, target_height, target_width):
    """The picture at a row and a column of a larger one of zeros."""
    image = np.asarray(image)
    rows = (offset_height, target_height - offset_height - image.shape[-3])
    columns = (offset_width, target_width - offset_width - image.shape[-2])
    if min(*rows, *columns) < 0:
        raise ArgumentError("The picture does not fit into the larger one. "
                            + received(shape=image.shape, offset_height=offset_height, offset_width=offset_width,
                                       target_height=target_height, target_width=target_width))
    return np.pad(image, [(0, 0)] * (image.ndim - 3) + [rows, columns, (0, 0)])


@returning_tensors
def transpose(image, name=None):
    """Rows and columns swapped."""
    return np.swapaxes(np.asarray(image), -3, -2)


@returning_tensors
def rgb_to_hsv(images, name=None):
    """Hue, saturation and value of colours, each from 0 to 1."""
    return ops.image.rgb_to_hsv(images)


@returning_tensors
def hsv_to_rgb(images, name=None):
    """The colours of hue, saturation and value."""
    return ops.image.hsv_to_rgb(images)


@returning_tensors
def adjust_gamma(image, gamma=1, gain=1):
    """gain times each number (from 0 to 1) to the power of gamma; bytes stay bytes."""
    image = np.asarray(image)
    numbers = image if image.dtype.kind == "f" else np.asarray(convert_image_dtype(image, "float32"))
    changed = (gain * numbers ** gamma).astype(numbers.dtype)
    return changed if image.dtype.kind == "f" else convert_image_dtype(changed, image.dtype)


@returning_tensors
def total_variation(images, name=None):
    """The sum of the differences of neighbours, for each picture."""
    down = ops.abs(images[..., 1:, :, :] - images[..., :-1, :, :])
    right = ops.abs(images[..., 1:, :] - images[..., :-1, :])
    return ops.sum(down, axis=(-3, -2, -1)) + ops.sum(right, axis=(-3, -2, -1))


@returning_tensors
def image_gradients(image):
    """The differences to the next row and to the next column; 0 in the last ones."""
    margins = [[0, 0]] * 4
    down = ops.pad(image[:, 1:] - image[:, :-1], [margins[0], [0, 1], *margins[2:]])
    right = ops.pad(image[:, :, 1:] - image[:, :, :-1], [*margins[:2], [0, 1], margins[3]])
    return down, right


@returning_tensors
def psnr(a, b, max_val, name=None):
    """The ratio of the largest value to the root of the mean squared difference, for each picture, in decibels."""
    a, b = (_scaled(item) for item in (a, b))
    error = ops.mean(ops.square(a - b), axis=(-3, -2, -1))
    return 20 * np.log10(np.float32(max_val)) - ops.log(error) * np.float32(10 / np.log(10))


@returning_tensors
def ssim(img1, img2, max_val, filter_size=11, filter_sigma=1.5, k1=0.01, k2=0.03, name=None):
    """The structural similarity of pictures (h, w, c) or batches of them, 1 for equal ones: one number each."""
    return ops.image.ssim(img1, img2, max_val, filter_size, filter_sigma, k1, k2)


@returning_tensors
def sobel_edges(image, name=None):
    """How brightness changes downwards and to the right: (n, h, w, c) to (n, h, w, c, 2); the margin is reflected."""
    margin = ops.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    return ops.image.sobel_edges(margin)[:, 1:-1, 1:-1]


def _scaled(item):
    return item if is_symbolic(item) else np.asarray(item, np.float32)


@returning_tensors
def extract_patches(images, sizes, strides, rates, padding, name=None):
    """Each patch of pictures as one row of numbers: (n, rows, columns, height * width * channels)."""
    return ops.image.extract_patches(images, tuple(sizes[1:3]), strides=tuple(strides[1:3]),
                                     dilation_rate=rates[1] if rates[1] == rates[2] else tuple(rates[1:3]),
                                     padding=padding.lower(), data_format="channels_last")


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


def _drawn(low: float, high: float, seed: int | None) -> float:
    """One number, evenly spread from `low` to `high`."""
    return float(random.uniform((), low, high, seed=seed))


def random_flip_left_right(image, seed=None):
    """The picture, mirrored half of the time."""
    return flip_left_right(image) if _drawn(0.0, 1.0, seed) < 0.5 else as_tensor(np.asarray(image))


def random_flip_up_down(image, seed=None):
    """The picture, upside down half of the time."""
    return flip_up_down(image) if _drawn(0.0, 1.0, seed) < 0.5 else as_tensor(np.asarray(image))


@returning_tensors
def rot90(image, k=1, name=None):
    """The picture turned by k quarters, against the clock."""
    return np.rot90(np.asarray(image), k, axes=(-3, -2))


@returning_tensors
def adjust_brightness(image, delta):
    """delta (of a largest value of 1) added; bytes stay bytes."""
    image = np.asarray(image)
    return image + delta if image.dtype.kind == "f" else convert_image_dtype(
        np.asarray(convert_image_dtype(image, "float32")) + delta, image.dtype)


@returning_tensors
def adjust_contrast(images, contrast_factor):
    """The difference of each pixel from the mean of its channel times a factor; bytes stay bytes."""
    images = np.asarray(images)
    numbers = images if images.dtype.kind == "f" else np.asarray(convert_image_dtype(images, "float32"))
    mean = numbers.mean(axis=(-3, -2), keepdims=True)
    changed = ((numbers - mean) * contrast_factor + mean).astype(numbers.dtype)
    return changed if images.dtype.kind == "f" else convert_image_dtype(changed, images.dtype)


def _in_hsv(images, change):
    """Colour pictures with hue, saturation and value changed by a function; bytes stay bytes."""
    images = np.asarray(images)
    numbers = images if images.dtype.kind == "f" else convert_image_dtype(images, "float32")
    changed = ops.image.hsv_to_rgb(change(np.array(ops.image.rgb_to_hsv(np.asarray(numbers)))))
    return changed if images.dtype.kind == "f" else convert_image_dtype(changed, images.dtype)


@returning_tensors
def adjust_saturation(image, saturation_factor, name=None):
    """Colours stronger (above 1) or paler (below 1)."""
    def change(hsv):
        hsv[..., 1] = np.clip(hsv[..., 1] * np.float32(saturation_factor), 0, 1)
        return hsv
    return _in_hsv(image, change)


@returning_tensors
def adjust_hue(image, delta, name=None):
    """Colours turned on the wheel by a share of it."""
    def change(hsv):
        hsv[..., 0] = (hsv[..., 0] + np.float32(delta)) % 1
        return hsv
    return _in_hsv(image, change)


def random_saturation(image, lower, upper, seed=None):
    """`adjust_saturation` by lower to upper."""
    return adjust_saturation(image, _drawn(lower, upper, seed))


def random_hue(image, max_delta, seed=None):
    """`adjust_hue` by -max_delta to max_delta."""
    return adjust_hue(image, _drawn(-max_delta, max_delta, seed))


@returning_tensors
def crop_to_bounding_box(image, offset_height, offset_width, target_height, target_width):
    """The part of a picture that begins at a row and a column."""
    return np.asarray(image)[..., offset_height:offset_height + target_height,
                             offset_width:offset_width + target_width, :]


def random_brightness(image, max_delta, seed=None):
    """`adjust_brightness` by -max_delta to max_delta."""
    return adjust_brightness(image, np.float32(_drawn(-max_delta, max_delta, seed)))


def random_contrast(image, lower, upper, seed=None):
    """`adjust_contrast` by lower to upper."""
    return adjust_contrast(image, np.float32(_drawn(lower, upper, seed)))


@returning_tensors
def random_crop(value, size, seed=None, name=None):
    """A block of this size from anywhere."""
    value = np.asarray(value)
    if len(size) != value.ndim or any(n > length for n, length in zip(size, value.shape, strict=True)):
        raise ArgumentError("`size` must have a length for each axis, none larger than the axis. "
                            + received(size=tuple(size), shape=value.shape))
    starts = [int(_drawn(0.0, 1.0, seed) * (length - n + 1)) for n, length in zip(size, value.shape, strict=True)]
    return value[tuple(slice(start, start + int(n)) for start, n in zip(starts, size, strict=True))]


@returning_tensors
def central_crop(image, central_fraction):
    """The middle part of a share of each side."""
    image = np.asarray(image)
    starts = [int((length - length * central_fraction) / 2) for length in image.shape[-3:-1]]
    rows, columns = (slice(start, length - start) for start, length in zip(starts, image.shape[-3:-1], strict=True))
    return image[..., rows, columns, :]


@returning_tensors
def resize_with_crop_or_pad(image, target_height, target_width):
    """The picture cut, or framed by zeros, around its middle."""
    image = np.asarray(image)
    for axis, target in ((-3, target_height), (-2, target_width)):
        spare = image.shape[axis] - int(target)
        if spare > 0:
            image = np.take(image, np.arange(spare // 2, spare // 2 + int(target)), axis=axis)
        else:
            margins = [(0, 0)] * image.ndim
            margins[axis] = (-spare // 2, -spare - -spare // 2)
            image = np.pad(image, margins)
    return image


__all__ = [
    "ResizeMethod", "adjust_brightness", "adjust_contrast", "adjust_gamma", "adjust_hue", "adjust_saturation",
    "central_crop", "convert_image_dtype", "crop_to_bounding_box", "decode_image", "decode_jpeg", "decode_png",
    "encode_jpeg", "encode_png", "extract_patches", "flip_left_right", "flip_up_down", "grayscale_to_rgb",
    "hsv_to_rgb", "image_gradients", "pad_to_bounding_box", "per_image_standardization", "psnr", "random_brightness",
    "random_contrast", "random_crop", "random_flip_left_right", "random_flip_up_down", "random_hue",
    "random_saturation", "resize", "resize_with_crop_or_pad", "resize_with_pad", "rgb_to_grayscale", "rgb_to_hsv",
    "rot90", "sobel_edges", "ssim", "total_variation", "transpose",
]
