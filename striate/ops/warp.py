"""Images looked up at other places: any coordinates, perspective, elastic; scaled and moved; edges and likeness."""

from __future__ import annotations

import numpy as np

from striate import ops
from striate.errors import ArgumentError, ShapeError, received
from striate.ops.broadcast import dtype_of, is_floating, shape_of
from striate.ops.resample import FILL_MODES, KERNELS, inside_axis, look_up, nearest_place, pixel_places, weigh_axis

_METHODS = {"linear": "bilinear", "bilinear": "bilinear", "trilinear": "bilinear", "cubic": "bicubic",
            "bicubic": "bicubic", "tricubic": "bicubic", "lanczos3": "lanczos3", "lanczos5": "lanczos5"}


def map_coordinates(inputs, coordinates, order, fill_mode="constant", fill_value=0):
    """The numbers of a tensor at any places (`keras.ops.image.map_coordinates`).

    Args:
        inputs: a tensor of rank r.
        coordinates: (r, ...): the place along each axis of every number of the result.
        order: 0 (the nearest number) or 1 (linear between neighbours).
        fill_mode: what lies outside: "constant" (`fill_value`), "nearest", "wrap", "mirror" (the rim once) or
            "reflect" (the rim twice).

    Returns:
        (...), of the type of `inputs`.

    Example:
        >>> float(map_coordinates([0.0, 10.0], [[0.25]], order=1)[0])
        2.5
    """
    inputs, coordinates = ops.convert_to_tensor(inputs), _stacked(coordinates)
    shape, rank = shape_of(inputs), len(shape_of(inputs))
    if shape_of(coordinates)[0] != rank or len(shape_of(coordinates)) < 2:
        raise ShapeError("`coordinates` must be (rank of inputs, ...), of two axes at least. "
                         + received(inputs=shape, coordinates=shape_of(coordinates)))
    if order not in (0, 1) or fill_mode not in FILL_MODES:
        raise ArgumentError(f"`order` must be 0 or 1, `fill_mode` one of {FILL_MODES}. "
                            + received(order=order, fill_mode=fill_mode))
    places = [ops.cast(ops.get_item(coordinates, axis), "float32") for axis in range(rank)]
    flat = ops.cast(ops.reshape(inputs, (-1,)), "float32")
    y = _corner(flat, places, shape, fill_mode, fill_value, order, [])
    dtype = dtype_of(inputs)
    return y if dtype == "float32" else ops.cast(y if is_floating(dtype) else ops.rint(y), dtype)


def _stacked(coordinates):
    return ops.stack(list(coordinates)) if isinstance(coordinates, (list, tuple)) and hasattr(
        coordinates[0], "shape") else ops.convert_to_tensor(coordinates)


def _corner(flat, places, shape, fill_mode, fill_value, order, chosen):
    """Interpolates along the axes that are not chosen yet, the last one first chosen being axis 0."""
    axis = len(chosen)
    if axis == len(shape):
        number, known = None, None
        for place, length in zip(chosen, shape, strict=True):
            place, here = inside_axis(place, length, fill_mode)
            place = ops.cast(place, "int32")
            number = place if number is None else number * length + place
            known = here if known is None or here is None else known * here
        values = ops.take(flat, number, axis=0)
        return values if known is None else values * known + (1.0 - known) * float(fill_value)

    def at(place):
        return _corner(flat, places, shape, fill_mode, fill_value, order, [*chosen, place])
    if order == 0:
        return at(nearest_place(places[axis]))
    low = ops.floor(places[axis])
    share = places[axis] - low
    return at(low) * (1.0 - share) + at(low + 1.0) * share


# ---- perspective -----------------------------------------------------------------------------------------------------

def _homography(start_points, end_points):
    """The eight numbers (n, 8) of the map that takes the end points to the start points; points (n, 4, 2)."""
    from_x, from_y = (ops.get_item(start_points, (Ellipsis, i)) for i in range(2))
    to_x, to_y = (ops.get_item(end_points, (Ellipsis, i)) for i in range(2))
    zero, one = ops.zeros_like(to_x), ops.ones_like(to_x)
    across = ops.stack([to_x, to_y, one, zero, zero, zero, -(from_x * to_x), -(from_x * to_y)], axis=-1)
    down = ops.stack([zero, zero, zero, to_x, to_y, one, -(from_y * to_x), -(from_y * to_y)], axis=-1)
    return ops.solve(ops.concatenate([across, down], axis=1), ops.concatenate([from_x, from_y], axis=-1))


def perspective_transform(images, start_points, end_points, interpolation="bilinear", fill_value=0, data_format=None):
    """Images moved so that four points come to lie on four others (`keras.ops.image.perspective_transform`).

    Args:
        images: (n, h, w, c) or (h, w, c).
        start_points, end_points: (n, 4, 2) or (4, 2), (x, y) of the corners before and after.
        interpolation: "nearest" or "bilinear".
        fill_value: what lies outside.
        data_format: "channels_last" (also None) or "channels_first".
    """
    if interpolation not in ("nearest", "bilinear"):
        raise ArgumentError("`interpolation` must be 'nearest' or 'bilinear'. " + received(interpolation=interpolation))
    points = [ops.reshape(ops.cast(p, "float32"), (-1, 4, 2)) for p in (start_points, end_points)]
    if len(shape_of(images)) == 3:
        return ops.squeeze(perspective_transform(ops.expand_dims(images, 0), *points, interpolation, fill_value,
                                                 data_format), 0)
    if data_format == "channels_first":
        last = perspective_transform(ops.transpose(images, (0, 2, 3, 1)), *points, interpolation, fill_value)
        return ops.transpose(last, (0, 3, 1, 2))
    numbers = _homography(*points)
    a, b, c, d, e, f, g, h = (ops.reshape(ops.get_item(numbers, (slice(None), i)), (-1, 1, 1)) for i in range(8))
    x, y = pixel_places(*shape_of(images)[1:3])
    depth = g * x + h * y + 1.0
    return look_up(images, (a * x + b * y + c) / depth, (d * x + e * y + f) / depth, interpolation, "constant",
                   fill_value)


# ---- scaled and moved ------------------------------------------------------------------------------------------------

def _scale_matrix(length: int, size: int, scale: float, translation: float, method: str, antialias: bool):
    """(size, length) weights of a line that is scaled about its start, then moved."""
    places = (np.arange(size) + 0.5) / scale - translation / scale - 0.5
    stretch = max(1.0 / scale, 1.0) if antialias else 1.0
    weights = KERNELS[_METHODS[method]](np.abs(places[:, None] - np.arange(length)) / stretch)
    total = weights.sum(axis=1, keepdims=True)
    weights = np.where(np.abs(total) > 1000 * np.finfo(np.float32).eps, weights / np.where(total == 0, 1.0, total), 0)
    inside = (places >= -0.5) & (places <= length - 0.5)
    return (weights * inside[:, None]).astype(np.float32)


def scale_and_translate(images, output_shape, scale, translation, spatial_dims, method, antialias=True):
    """A tensor scaled and moved along some axes (`keras.ops.image.scale_and_translate`).

    Args:
        images: any rank.
        output_shape: the lengths of the result.
        scale, translation: a number for each axis of `spatial_dims`, known before the program runs.
        spatial_dims: the axes.
        method: "linear", "cubic", "lanczos3" or "lanczos5" (also by Keras' other names).
        antialias: whether a smaller image averages.
    """
    if method not in _METHODS:
        raise ArgumentError(f"`method` must be one of {tuple(_METHODS)}. " + received(method=method))
    x = images if is_floating(dtype_of(images)) else ops.cast(images, "float32")
    x = ops.convert_to_tensor(x)
    numbers = (np.asarray(scale, np.float64).reshape(-1), np.asarray(translation, np.float64).reshape(-1))
    for axis, factor, shift in zip(spatial_dims, *numbers, strict=True):
        axis = axis % len(shape_of(x))
        matrix = _scale_matrix(shape_of(x)[axis], output_shape[axis], float(factor), float(shift), method, antialias)
        x = weigh_axis(x, matrix, axis)
    return x


# ---- elastic ---------------------------------------------------------------------------------------------------------

def elastic_transform(images, alpha=20.0, sigma=5.0, interpolation="bilinear", fill_mode="reflect", fill_value=0.0,
                      seed=None, data_format=None):
    """Images pulled about at random, smoothly (`keras.ops.image.elastic_transform`).

    Args:
        images: (n, h, w, c) or (h, w, c).
        alpha: how far; sigma: how smoothly.
        interpolation, fill_mode, fill_value, data_format: as of `affine_transform`.
        seed: a whole number, which always gives the same, or a `SeedGenerator`.

    Raises:
        ArgumentError: without a seed.
    """
    if seed is None:
        raise ArgumentError("elastic_transform needs a `seed`: a whole number, or a keras.random.SeedGenerator for "
                            "other numbers at each call. " + received(seed=seed))
    if len(shape_of(images)) == 3:
        return ops.squeeze(elastic_transform(ops.expand_dims(images, 0), alpha, sigma, interpolation, fill_mode,
                                             fill_value, seed, data_format), 0)
    if data_format == "channels_first":
        last = elastic_transform(ops.transpose(images, (0, 2, 3, 1)), alpha, sigma, interpolation, fill_mode,
                                 fill_value, seed)
        return ops.transpose(last, (0, 3, 1, 2))
    count, height, width, _ = shape_of(images)
    window = (int(6 * sigma) | 1,) * 2
    words = np.array([int(seed) & 0xFFFFFFFF, int(seed) >> 32, 0, 0], np.uint32) if isinstance(
        seed, (int, np.integer)) else None
    state, stream = (words, 0) if words is not None else seed.source()
    moves = ops.random_normal(state, (count, height, width, 2), stddev=float(sigma), stream=stream)
    moves = ops.multiply(ops.image.gaussian_blur(moves, window, (sigma, sigma)), alpha)
    x, y = pixel_places(height, width)
    moved = look_up(images, ops.get_item(moves, (Ellipsis, 0)) + x, ops.get_item(moves, (Ellipsis, 1)) + y,
                    interpolation, fill_mode, fill_value)
    return ops.cast(moved, dtype_of(images))


# ---- edges and likeness ----------------------------------------------------------------------------------------------

def sobel_edges(images, data_format=None):
    """How brightness changes downwards and to the right: (n, h, w, c) to (n, h, w, c, 2); zeros lie around."""
    down = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]], np.float32)
    axis = 1 if data_format == "channels_first" else -1
    channels = shape_of(images)[axis]
    edges = []
    for window in (down, down.T):
        kernel = np.repeat(window.reshape(3, 3, 1, 1), channels, axis=2)
        edges.append(ops.depthwise_conv(ops.cast(images, "float32"), kernel, padding="same", data_format=data_format))
    return ops.stack(edges, axis=-1)


def ssim(image1, image2, max_val=1.0, filter_size=11, filter_sigma=1.5, k1=0.01, k2=0.03, data_format=None):
    """The structural similarity of two images, 1 for equal ones (`keras.ops.image.ssim`): one number an image.

    Args:
        image1, image2: (n, h, w, c) or (h, w, c), of one shape, at least `filter_size` high and wide.
        max_val: the largest value that a pixel can have.
        filter_size, filter_sigma: of the Gaussian window that is compared.
        k1, k2: keep divisors from 0.
        data_format: "channels_last" (also None) or "channels_first".
    """
    if len(shape_of(image1)) == 3:
        pair = [ops.expand_dims(image, 0) for image in (image1, image2)]
        return ops.squeeze(ssim(*pair, max_val, filter_size, filter_sigma, k1, k2, data_format), 0)
    first, second = (ops.cast(image, "float32") for image in (image1, image2))
    if data_format == "channels_first":
        first, second = ops.moveaxis(first, 1, -1), ops.moveaxis(second, 1, -1)
    places = np.arange(filter_size) - (filter_size - 1) / 2.0
    line = np.exp(-np.square(places) / (2.0 * filter_sigma ** 2))
    line = line / line.sum()
    window = np.outer(line, line).astype(np.float32).reshape(filter_size, filter_size, 1, 1)
    kernel = np.repeat(window, shape_of(first)[-1], axis=2)

    def mean(x):
        return ops.depthwise_conv(x, kernel)
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    mean1, mean2 = mean(first), mean(second)
    spread = mean(ops.square(first)) - ops.square(mean1) + mean(ops.square(second)) - ops.square(mean2)
    common = mean(first * second) - mean1 * mean2
    likeness = (2.0 * mean1 * mean2 + c1) * (2.0 * common + c2) / (
        (ops.square(mean1) + ops.square(mean2) + c1) * (spread + c2))
    return ops.mean(likeness, axis=(1, 2, 3))
