"""Layers that change the colours of images at random in training (`AutoContrast` always)."""

from __future__ import annotations

import numpy as np

from striate import ops
from striate.errors import ArgumentError, received
from striate.layers.augmentation import ImagesInRange, RandomBrightness, RandomContrast, factor_range
from striate.serialization import export


def rescaled(images, old, new):
    """Numbers of the range `old` as numbers of the range `new`."""
    scale = (new[1] - new[0]) / (old[1] - old[0])
    return images * float(scale) + float(new[0] - old[0] * scale)


class _RandomColour(ImagesInRange):
    """What these layers' constructors share: one factor, the range, the format, the seed."""

    bounds = (0, 1)

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor_range(factor, "factor", *self.bounds)
        self._begin_range(value_range, seed, data_format)

    @property
    def _channel_axis(self) -> int:
        return 1 if self.data_format == "channels_first" else -1

    def _planes(self, images) -> list:
        return ops.split(images, 3, axis=self._channel_axis)

    def _joined(self, planes):
        return ops.concatenate(planes, axis=self._channel_axis)


@export("keras.layers.RandomHue")
class RandomHue(_RandomColour):
    """Images with their hues turned by up to half of `factor`, either way round.

    Shapes: images (height, width, channels) or (batch, height, width, channels); gives the same.

    Args:
        factor: (lower, upper), each in [0, 1]; a single number is `upper`.
        value_range: the smallest and the largest number of the images.
        data_format: "channels_last" (default) or "channels_first".
        seed: fixes the layer's stream of random numbers.
    """

    def change(self, images):
        side = ops.where(ops.greater(self._draw(images), 0.5), -0.5, 0.5)
        unit = rescaled(images, self.value_range, (0, 1))
        hue, saturation, value = self._planes(ops.image.rgb_to_hsv(unit, self.data_format))
        hue = hue + side * self._draw(images, *self.factor)
        hue = hue - ops.cast(ops.greater(hue, 1.0), "float32") + ops.cast(ops.less(hue, 0.0), "float32")
        unit = ops.image.hsv_to_rgb(self._joined([hue, saturation, value]), self.data_format)
        return rescaled(ops.clip(unit, 0.0, 1.0), (0, 1), self.value_range)


@export("keras.layers.RandomSaturation")
class RandomSaturation(_RandomColour):
    """Images with paler or stronger colours: 0 makes them grey, 0.5 leaves them, 1 saturates them.

    Shapes: images (height, width, channels) or (batch, height, width, channels); gives the same.

    Args:
        factor: (lower, upper), each in [0, 1]; a single number is `upper`.
        value_range, data_format, seed: as in `RandomHue`.
    """

    def change(self, images):
        factor = self._draw(images, *self.factor)
        factor = factor / (1.0 - factor + 1e-7)
        hue, saturation, value = self._planes(ops.image.rgb_to_hsv(images, self.data_format))
        saturation = self._cut(saturation * factor)
        return ops.image.hsv_to_rgb(self._joined([hue, saturation, value]), self.data_format)


@export("keras.layers.RandomColorDegeneration")
class RandomColorDegeneration(_RandomColour):
    """Images mixed with their grey copies: 0 leaves them, 1 makes them grey.

    Shapes: images (height, width, channels) or (batch, height, width, channels); gives the same.

    Args:
        factor: (lower, upper), each in [0, 1]; a single number is `upper`.
        value_range, data_format, seed: as in `RandomHue`.
    """

    def change(self, images):
        grey = ops.image.rgb_to_grayscale(images, self.data_format)
        return self._cut(images + self._draw(images, *self.factor) * (grey - images))


@export("keras.layers.RandomPosterization")
class RandomPosterization(_RandomColour):
    """Images of which only the first few of the eight bits of each number are kept.

    Shapes: images (height, width, channels) or (batch, height, width, channels); gives the same.

    Args:
        factor: how many bits, from 1 to 8, (lower, upper) with `upper` left out; a single number is `upper`.
        value_range, data_format, seed: as in `RandomHue`.
    """

    bounds = (1, 8)

    def change(self, images):
        low, high = self.factor
        bits = ops.minimum(ops.floor(self._draw(images, float(low), float(high))), float(max(low, high - 1)))
        step = ops.exp2(8.0 - bits)
        whole = ops.floor(rescaled(images, self.value_range, (0, 255)))
        return rescaled(ops.floor(whole / step) * step, (0, 255), self.value_range)


@export("keras.layers.RandomColorJitter")
class RandomColorJitter(ImagesInRange):
    """Brightness, contrast, saturation and hue changed at random, in this order.

    Shapes: images (height, width, channels) or (batch, height, width, channels); gives the same.

    Args:
        value_range: the smallest and the largest number of the images.
        brightness_factor, contrast_factor, saturation_factor, hue_factor: as `factor` of `RandomBrightness`,
            `RandomContrast`, `RandomSaturation`, `RandomHue`; None leaves the step out.
        seed: fixes the layers' streams of random numbers.
        data_format: "channels_last" (default) or "channels_first".
    """

    def __init__(self, value_range=(0, 255), brightness_factor=None, contrast_factor=None,  # noqa: PLR0913 (Keras')
                 saturation_factor=None, hue_factor=None, seed=None, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.brightness_factor, self.contrast_factor = brightness_factor, contrast_factor
        self.saturation_factor, self.hue_factor = saturation_factor, hue_factor
        self._begin_range(value_range, seed, data_format)
        wanted = ((RandomBrightness, brightness_factor), (RandomContrast, contrast_factor),
                  (RandomSaturation, saturation_factor), (RandomHue, hue_factor))
        self._steps = [kind(factor, value_range=value_range, seed=seed, data_format=data_format)
                       for kind, factor in wanted if factor is not None]

    def change(self, images):
        for step in self._steps:
            images = step.change(images)
        return images


@export("keras.layers.Solarization")
class Solarization(ImagesInRange):
    """Images made brighter by `addition_factor`, with everything above a threshold turned into its negative.

    Shapes: images (height, width, channels) or (batch, height, width, channels); gives the same.

    Args:
        addition_factor, threshold_factor: (lower, upper), each in [0, 1]; a single number is `upper`.
        value_range: the smallest and the largest number of the images.
        seed: fixes the layer's stream of random numbers.
    """

    def __init__(self, addition_factor=0.0, threshold_factor=0.0, value_range=(0, 255), seed=None, **kwargs):
        data_format = kwargs.pop("data_format", None)
        super().__init__(**kwargs)
        self.addition_factor = factor_range(addition_factor, "addition_factor", 0, 1)
        self.threshold_factor = factor_range(threshold_factor, "threshold_factor", 0, 1)
        self._begin_range(value_range, seed, data_format)

    def change(self, images):
        addition, threshold = (self._draw(images, float(low), high * 255.0)  # as in Keras, `low` is not scaled
                               for low, high in (self.addition_factor, self.threshold_factor))
        bright = ops.clip(rescaled(images, self.value_range, (0, 255)) + addition, 0.0, 255.0)
        return rescaled(ops.where(ops.less(bright, threshold), bright, 255.0 - bright), (0, 255), self.value_range)


@export("keras.layers.AutoContrast")
class AutoContrast(ImagesInRange):
    """Images stretched to the whole range, each channel by itself, in training and prediction; flat channels stay.

    Shapes: images (height, width, channels) or (batch, height, width, channels); gives the same.

    Args:
        value_range: the smallest and the largest number of the images.
    """

    def __init__(self, value_range=(0, 255), **kwargs):
        data_format = kwargs.pop("data_format", None)
        super().__init__(**kwargs)
        self._begin_range(value_range, None, data_format)

    def unchanged(self, images):
        low, high = (function(images, axis=self._axes, keepdims=True) for function in (ops.min, ops.max))
        flat = ops.equal(low, high)
        stretched = (images - low) / ops.where(flat, 1.0, high - low)
        return self._cut(ops.where(flat, images, rescaled(stretched, (0, 1), self.value_range)))

    change = unchanged


@export("keras.layers.RandomGaussianBlur")
class RandomGaussianBlur(ImagesInRange):
    """Some images blurred.

    Shapes: images (height, width, channels) or (batch, height, width, channels); gives the same.

    Args:
        factor: the probability, drawn between (lower, upper); a single number is `upper`.
        kernel_size: of the window, odd, or (along the width, along the height).
        sigma: the standard deviation of the window, (lower, upper) in [0, 1]; a single number is `upper`.
        value_range: the smallest and the largest number of the images.
        data_format: "channels_last" (default) or "channels_first".
        seed: fixes the layer's stream of random numbers.

    Raises:
        ArgumentError: a kernel size is even.
    """

    def __init__(self, factor=1.0, kernel_size=3, sigma=1.0, value_range=(0, 255), data_format=None, seed=None,
                 **kwargs):
        super().__init__(**kwargs)
        self.factor, self.sigma = factor_range(factor, "factor", 0, 1), factor_range(sigma, "sigma", 0, 1)
        sizes = tuple(kernel_size) if isinstance(kernel_size, (tuple, list)) else (kernel_size,) * 2
        if len(sizes) != 2 or any(size % 2 == 0 for size in sizes):
            raise ArgumentError("kernel_size must be an odd number, or two of them. " + received(kernel_size=sizes))
        self.kernel_size = sizes
        self._begin_range(value_range, seed, data_format)

    def change(self, images):
        chosen = ops.less(self._draw(images), self._draw(images, *self.factor))
        one = np.zeros((1, 1, 1, 1), np.float32)
        sigma = [ops.reshape(self._draw(one, *self.sigma), ()) + 1e-6 for _ in range(2)]
        blurred = ops.image.gaussian_blur(images, self.kernel_size, sigma, self.data_format)
        return self._cut(ops.where(chosen, blurred, images))
