"""Layers that change images at random in training, and hand them on untouched otherwise.

Each image of a batch draws numbers of its own, which depend on the seed, the training step, the layer and the image's
place in the batch alone.
"""

from __future__ import annotations

from math import pi

import numpy as np

from striate import ops
from striate.errors import ArgumentError, received
from striate.layers.arguments import positive
from striate.layers.images import ImageLayer
from striate.layers.regularization import RandomLayer
from striate.serialization import export


def factor_range(factor, name: str, low: float, high: float) -> tuple:
    """(lower, upper) of a factor: two numbers, or one that is meant in both directions, within [low, high].

    Raises:
        ArgumentError: the factor is no number or lies outside.

    Example:
        >>> factor_range(0.2, "factor", -1.0, 1.0), factor_range((0.3, 0.1), "factor", -1.0, 1.0)
        ((-0.2, 0.2), (0.1, 0.3))
    """
    pair = tuple(factor) if isinstance(factor, (tuple, list)) else (factor,)
    numbers = all(isinstance(n, (int, float)) and low <= n <= high for n in pair)
    if not numbers or len(pair) > 2:
        raise ArgumentError(f"The `{name}` argument should be a number (or a list of two numbers) in the range "
                            f"[{low}, {high}]. " + received(**{name: factor}))
    if len(pair) == 2:
        return tuple(sorted(pair))
    return max(low, -abs(pair[0])), abs(pair[0])


class RandomImageLayer(RandomLayer, ImageLayer):
    """A change of images at random: `change(images)` gets a batch (n, ...) of float32 images, in training only."""

    needs_no_build = False

    def _begin(self, seed, data_format=None, bounding_box_format=None) -> None:
        self._set_seed(seed)
        self._set_format(data_format, bounding_box_format)
        self.supports_masking = False

    def _draw(self, images, low=0.0, high=1.0):
        """One number for each image, evenly spread over [low, high): (n, 1, 1, 1)."""
        if low == high:
            return ops.full((1, 1, 1, 1), float(low))
        state, stream = self._random()
        return ops.random_uniform(state, (images.shape[0], 1, 1, 1), low, high, stream=stream)

    def call(self, inputs, training=True):
        """Images (n, h, w, c), or one (h, w, c), to float32 images of the same size."""
        images = ops.cast(inputs, self.compute_dtype)
        if not training:
            return self.unchanged(images)
        if len(images.shape) == 3:
            return ops.squeeze(self.change(ops.expand_dims(images, 0)), 0)
        return self.change(images)

    def unchanged(self, images):
        """What prediction sees."""
        return images

    def change(self, images):
        """The changed images."""
        raise NotImplementedError(f"{type(self).__name__} must define `change(images)`.")


@export("keras.layers.RandomFlip")
class RandomFlip(RandomImageLayer):
    """Half of the images turned over.

    Shapes: images (height, width, channels) or (batch, height, width, channels); gives the same.

    Args:
        mode: "horizontal" (left and right), "vertical" or "horizontal_and_vertical" (both at once).
        seed: fixes the layer's stream of random numbers.
        data_format: "channels_last" (default) or "channels_first".
    """

    def __init__(self, mode="horizontal_and_vertical", seed=None, data_format=None, **kwargs):
        bounding_box_format = kwargs.pop("bounding_box_format", None)
        super().__init__(**kwargs)
        if mode not in ("horizontal", "vertical", "horizontal_and_vertical"):
            raise ArgumentError("`mode` must be 'horizontal', 'vertical' or 'horizontal_and_vertical'. "
                                + received(mode=mode))
        self.mode = mode
        self._begin(seed, data_format, bounding_box_format)

    def change(self, images):
        down, across = self._axes
        axes = [axis for axis, word in ((across, "horizontal"), (down, "vertical")) if word in self.mode]
        return ops.where(self._draw(images) <= 0.5, ops.flip(images, axes), images)


class MovingLayer(RandomImageLayer):
    """A change that looks each pixel up at another place."""

    def _begin_moving(self, fill_mode, interpolation, seed, fill_value, data_format) -> None:
        if fill_mode not in ("reflect", "wrap", "constant", "nearest"):
            raise ArgumentError("`fill_mode` must be 'reflect', 'wrap', 'constant' or 'nearest'. "
                                + received(fill_mode=fill_mode))
        if interpolation not in ("nearest", "bilinear"):
            raise ArgumentError("`interpolation` must be 'nearest' or 'bilinear'. "
                                + received(interpolation=interpolation))
        self.fill_mode, self.interpolation, self.fill_value = fill_mode, interpolation, fill_value
        self._begin(seed, data_format)

    def _transform(self, images, *factors):
        """Images looked up at (a0 x + a1 y + a2, b0 x + b1 y + b2); each factor a number or (n, 1, 1, 1)."""
        columns = [ops.reshape(factor, (-1, 1)) if hasattr(factor, "shape") else factor for factor in factors]
        count = max((c.shape[0] or 0 for c in columns if hasattr(c, "shape")), default=1)
        columns = [c if hasattr(c, "shape") and c.shape[0] != 1 else ops.ones((count, 1)) * c for c in columns]
        transform = ops.concatenate([*columns, np.zeros((count, 2), np.float32)], axis=1)
        return ops.image.affine_transform(images, transform, self.interpolation, self.fill_mode, self.fill_value,
                                          self.data_format)

    def _middle(self, images) -> tuple[float, float]:
        """The centre, (x, y)."""
        down, across = self._axes
        return (images.shape[across] - 1) / 2.0, (images.shape[down] - 1) / 2.0


@export("keras.layers.RandomRotation")
class RandomRotation(MovingLayer):
    """Images turned round their centre.

    Shapes: images (height, width, channels) or (batch, height, width, channels); gives the same.

    Args:
        factor: by how much at most, as a share of a full turn, or (lower, upper); positive is counter-clockwise.
        fill_mode: what comes in from outside: "reflect", "wrap", "constant" (`fill_value`) or "nearest".
        interpolation: "nearest" or "bilinear".
        seed: fixes the layer's stream of random numbers.
        fill_value: see `fill_mode`.
        data_format: "channels_last" (default) or "channels_first".
    """

    def __init__(self, factor, fill_mode="reflect", interpolation="bilinear", seed=None, fill_value=0.0,
                 data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor_range(factor, "factor", -1.0, 1.0)
        self._begin_moving(fill_mode, interpolation, seed, fill_value, data_format)

    def change(self, images):
        angle = self._draw(images, *self.factor) * (2.0 * pi)
        cosine, sine = ops.cos(angle), ops.sin(angle)
        x, y = self._middle(images)
        return self._transform(images, cosine, -sine, x - x * cosine + y * sine,
                               sine, cosine, y - x * sine - y * cosine)


@export("keras.layers.RandomTranslation")
class RandomTranslation(MovingLayer):
    """Images moved.

    Shapes: images (height, width, channels) or (batch, height, width, channels); gives the same.

    Args:
        height_factor: by how much at most, as a share of the height, or (lower, upper); positive is down.
        width_factor: the same for the width; positive is to the right.
        fill_mode, interpolation, seed, fill_value, data_format: as in `RandomRotation`.
    """

    def __init__(self, height_factor, width_factor, fill_mode="reflect", interpolation="bilinear", seed=None,
                 fill_value=0.0, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._down = factor_range(height_factor, "height_factor", -1.0, 1.0)
        self._across = factor_range(width_factor, "width_factor", -1.0, 1.0)
        self._begin_moving(fill_mode, interpolation, seed, fill_value, data_format)

    def change(self, images):
        height, width = (float(images.shape[axis]) for axis in self._axes)
        return self._transform(images, 1.0, 0.0, self._draw(images, *self._across) * -width,
                               0.0, 1.0, self._draw(images, *self._down) * -height)


@export("keras.layers.RandomZoom")
class RandomZoom(MovingLayer):
    """Images seen from nearer or farther.

    Shapes: images (height, width, channels) or (batch, height, width, channels); gives the same.

    Args:
        height_factor: by how much the seen height changes at most, or (lower, upper); positive is farther.
        width_factor: the same for the width; as the height when left out.
        fill_mode, interpolation, seed, fill_value, data_format: as in `RandomRotation`.
    """

    def __init__(self, height_factor, width_factor=None, fill_mode="reflect", interpolation="bilinear", seed=None,
                 fill_value=0.0, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._down = factor_range(height_factor, "height_factor", -1.0, 1.0)
        self._across = None if width_factor is None else factor_range(width_factor, "width_factor", -1.0, 1.0)
        self._begin_moving(fill_mode, interpolation, seed, fill_value, data_format)

    def change(self, images):
        down = self._draw(images, *self._down) + 1.0
        across = down if self._across is None else self._draw(images, *self._across) + 1.0
        x, y = self._middle(images)
        return self._transform(images, across, 0.0, (1.0 - across) * x, 0.0, down, (1.0 - down) * y)


@export("keras.layers.RandomCrop")
class RandomCrop(RandomImageLayer):
    """A part of each image, at a place that all images of the batch share; in prediction the middle.

    Shapes: images (height, width, channels) or (batch, height, width, channels); gives them with the new height and
    width, in pixels. Raises `ArgumentError` when one is no positive integer.

    Args:
        height, width: size of the part. Smaller images are made larger first, keeping their proportions.
        seed: fixes the layer's stream of random numbers.
        data_format: "channels_last" (default) or "channels_first".
    """

    def __init__(self, height, width, seed=None, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.height, self.width = positive(height, "height"), positive(width, "width")
        self._to_size = self.height, self.width
        self._begin(seed, data_format)

    def unchanged(self, images):
        return self._fitted(images, crop_to_aspect_ratio=True)

    def change(self, images):
        spare = [images.shape[axis] - length for axis, length in zip(self._axes, self._to_size, strict=True)]
        if min(spare) <= 0:
            return self.unchanged(images)
        for axis, length, room in zip(self._axes, self._to_size, spare, strict=True):
            state, stream = self._random()
            start = ops.floor(ops.random_uniform(state, (1,), 0.0, room + 1.0, stream=stream))
            places = ops.cast(ops.minimum(start, float(room)) + np.arange(length, dtype=np.float32), "int32")
            images = ops.take(images, places, axis=axis)
        return images


class ImagesInRange(RandomImageLayer):
    """A change whose results are cut to the range of the images' numbers."""

    def _begin_range(self, value_range, seed, data_format=None) -> None:
        if not isinstance(value_range, (tuple, list)) or len(value_range) != 2:
            raise ArgumentError("The `value_range` argument should be a list of two numbers. "
                                + received(value_range=value_range))
        self.value_range = value_range
        self._begin(seed, data_format)

    def _cut(self, images):
        return ops.clip(images, float(min(self.value_range)), float(max(self.value_range)))


@export("keras.layers.RandomContrast")
class RandomContrast(ImagesInRange):
    """Images with their distances from each channel's mean multiplied by a number between 1 - lower and 1 + upper.

    Shapes: images (height, width, channels) or (batch, height, width, channels); gives the same.

    Args:
        factor: (lower, upper), each in [0, 1]; a single number is `upper`, as in Keras 3.
        value_range: the smallest and the largest number of the images.
        seed: fixes the layer's stream of random numbers.
    """

    def __init__(self, factor, value_range=(0, 255), seed=None, **kwargs):
        data_format = kwargs.pop("data_format", None)
        super().__init__(**kwargs)
        self.factor = factor_range(factor, "factor", 0, 1)
        self._begin_range(value_range, seed, data_format)

    def change(self, images):
        means = ops.mean(images, axis=self._axes, keepdims=True)
        contrast = self._draw(images, 1.0 - self.factor[0], 1.0 + self.factor[1])
        return self._cut((images - means) * contrast + means)


@export("keras.layers.RandomBrightness")
class RandomBrightness(ImagesInRange):
    """Images with one number added to all of their pixels.

    Shapes: images (height, width, channels) or (batch, height, width, channels); gives the same.

    Args:
        factor: how much at most, as a share of the range, or (lower, upper).
        value_range: the smallest and the largest number of the images.
        seed: fixes the layer's stream of random numbers.
    """

    def __init__(self, factor, value_range=(0, 255), seed=None, **kwargs):
        data_format = kwargs.pop("data_format", None)
        super().__init__(**kwargs)
        self.factor = factor_range(factor, "factor", -1, 1)
        self._begin_range(sorted(value_range), seed, data_format)

    def change(self, images):
        span = float(self.value_range[1] - self.value_range[0])
        return self._cut(images + self._draw(images, *self.factor) * span)


@export("keras.layers.RandomSharpness")
class RandomSharpness(ImagesInRange):
    """Images mixed with smoothed copies of themselves: softer below a factor of 0.5, sharper above.

    Shapes: images (height, width, channels) or (batch, height, width, channels); gives the same.

    Args:
        factor: (lower, upper), each in [0, 1]; a single number is `upper`.
        value_range: the smallest and the largest number of the images.
        data_format: "channels_last" (default) or "channels_first".
        seed: fixes the layer's stream of random numbers.
    """

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor_range(factor, "factor", 0, 1)
        self._begin_range(sorted(value_range), seed, data_format)

    def change(self, images):
        channels = images.shape[1 if self.data_format == "channels_first" else -1]
        weights = np.full((3, 3, channels, 1), 1.0 / 13.0, np.float32)
        weights[1, 1] = 5.0 / 13.0
        smooth = ops.depthwise_conv(images, weights, padding="same", data_format=self.data_format)
        return self._cut(images + (1.0 - 2.0 * self._draw(images, *self.factor)) * (smooth - images))


@export("keras.layers.RandomErasing")
class RandomErasing(ImagesInRange):
    """Images with a rectangle painted over.

    Shapes: images (height, width, channels) or (batch, height, width, channels); gives the same.

    Source: Zhong and others (2017), arXiv:1708.04896.

    Args:
        factor: the probability, drawn between (lower, upper); a single number is `upper`.
        scale: shares of the image that the rectangle covers, (lower, upper).
        fill_value: a number, one for each channel, or None for noise.
        value_range: the smallest and the largest number of the images.
        seed: fixes the layer's stream of random numbers.
        data_format: "channels_last" (default) or "channels_first".
    """

    def __init__(self, factor=1.0, scale=(0.02, 0.33), fill_value=None, value_range=(0, 255), seed=None,
                 data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor_range(factor, "factor", 0, 1)
        self.scale = factor_range(scale, "scale", 0, 1)
        self.fill_value = fill_value
        self._begin_range(value_range, seed, data_format)

    def _inside(self, images, axis: int):
        """Where the rectangle is along one axis."""
        length = images.shape[axis]
        size = ops.sqrt(self._draw(images, *self.scale)) * float(length)
        start = self._draw(images) * (float(length) - size)
        shape = [1] * 4
        shape[axis] = length
        places = np.arange(length, dtype=np.float32).reshape(shape)
        return ops.logical_and(ops.greater_equal(places, start), ops.less(places, start + size))

    def _paint(self, images):
        if self.fill_value is None:
            state, stream = self._random()
            return self._cut(ops.random_normal(state, images.shape, 0.0, float(self.value_range[1]), stream=stream))
        shape = (1, -1, 1, 1) if self.data_format == "channels_first" else (1, 1, 1, -1)
        return self._cut(np.asarray(self.fill_value, np.float32).reshape(shape))

    def change(self, images):
        down, across = self._axes
        chosen = ops.less(self._draw(images), self._draw(images, *self.factor))
        place = ops.logical_and(self._inside(images, down), self._inside(images, across))
        return ops.where(ops.logical_and(place, chosen), self._paint(images), images)


@export("keras.layers.RandomInvert")
class RandomInvert(ImagesInRange):
    """Some images as their negatives: the largest number minus each pixel.

    Shapes: images (height, width, channels) or (batch, height, width, channels); gives the same.

    Args:
        factor: the probability, drawn between (lower, upper); a single number is `upper`.
        value_range: the smallest and the largest number of the images.
        seed: fixes the layer's stream of random numbers.
        data_format: "channels_last" (default) or "channels_first".
    """

    def __init__(self, factor=1.0, value_range=(0, 255), seed=None, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor_range(factor, "factor", 0, 1)
        self._begin_range(value_range, seed, data_format)

    def change(self, images):
        chosen = ops.less(self._draw(images), self._draw(images, *self.factor))
        return ops.where(chosen, float(self.value_range[1]) - images, images)


@export("keras.layers.RandomGrayscale")
class RandomGrayscale(RandomImageLayer):
    """Some images without colour, still with three channels.

    Shapes: images (height, width, channels) or (batch, height, width, channels); gives the same.

    Args:
        factor: the probability.
        data_format: "channels_last" (default) or "channels_first".
        seed: fixes the layer's stream of random numbers.
    """

    def __init__(self, factor=0.5, data_format=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        factor_range(factor, "factor", 0, 1)
        self.factor = factor
        self._begin(seed, data_format)

    def change(self, images):
        gray = ops.image.rgb_to_grayscale(images, self.data_format)
        return ops.where(self._draw(images) < self.factor, gray, images)
