"""Layers that shear images at random, show them in perspective, or pull them about."""

from __future__ import annotations

import numpy as np

from striate import ops
from striate.errors import ArgumentError, received
from striate.layers.augmentation import MovingLayer, factor_range
from striate.ops.image import gaussian_blur, look_up, pixel_places
from striate.serialization import export


@export("keras.layers.RandomShear")
class RandomShear(MovingLayer):
    """Images sheared.

    Shapes: images (height, width, channels) or (batch, height, width, channels); gives the same.

    Args:
        x_factor, y_factor: by how much at most along each axis, in [0, 1], or (lower, upper).
        interpolation: "nearest" or "bilinear".
        fill_mode: what comes in from outside: "reflect", "wrap", "constant" (`fill_value`) or "nearest".
        fill_value: see `fill_mode`.
        data_format: "channels_last" (default) or "channels_first".
        seed: fixes the layer's stream of random numbers.
    """

    def __init__(self, x_factor=0.0, y_factor=0.0, interpolation="bilinear", fill_mode="reflect", fill_value=0.0,
                 data_format=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.x_factor = factor_range(x_factor, "x_factor", -1, 1)
        self.y_factor = factor_range(y_factor, "y_factor", -1, 1)
        self._begin_moving(fill_mode, interpolation, seed, fill_value, data_format)

    def change(self, images):
        side = ops.where(ops.greater(self._draw(images), 0.5), -1.0, 1.0)
        across, down = (self._draw(images, *factor) * side for factor in (self.x_factor, self.y_factor))
        return self._transform(images, 1.0, across, 0.0, down, 1.0, 0.0)


@export("keras.layers.RandomPerspective")
class RandomPerspective(MovingLayer):
    """Some images as if seen from the side: the corners but the upper left one are moved.

    Shapes: images (height, width, channels) or (batch, height, width, channels); gives the same.

    Args:
        factor: the probability, drawn between (lower, upper); a single number is `upper`.
        scale: by how much at most, in [0, 1]: half of it times a corner's distance from the upper left.
        interpolation: "nearest" or "bilinear".
        fill_value: what comes in from outside.
        seed: fixes the layer's stream of random numbers.
        data_format: "channels_last" (default) or "channels_first".
    """

    def __init__(self, factor=1.0, scale=1.0, interpolation="bilinear", fill_value=0.0, seed=None, data_format=None,
                 **kwargs):
        super().__init__(**kwargs)
        self.factor = factor_range(factor, "factor", 0, 1)
        if not 0.0 <= scale <= 1.0:
            raise ArgumentError("The `scale` argument should be a number in the range [0, 1]. " + received(scale=scale))
        self.scale = scale
        self._begin_moving("constant", interpolation, seed, fill_value, data_format)

    def get_config(self):
        config = super().get_config()
        config.pop("fill_mode", None)
        return config

    def change(self, images):
        first = self.data_format == "channels_first"
        last = ops.transpose(images, (0, 2, 3, 1)) if first else images
        seen = look_up(last, *self._places(last), self.interpolation, "constant", self.fill_value)
        chosen = ops.less(self._draw(images), self._draw(images, *self.factor))
        return ops.where(chosen, ops.transpose(seen, (0, 3, 1, 2)) if first else seen, images)

    def _places(self, images) -> tuple:
        """Where each pixel of the result is looked up.

        With corners (0, 0), (x1, 0), (0, y2), (x3, y3), the unit square (u, v) is seen at x = a u / w and y = e v / w,
        w = g u + h v + 1; solved for u and v this is x / a and y / e over 1 - x g / a - y h / e.
        """
        height, width = (float(n) for n in images.shape[1:3])
        x1, x3 = ((1.0 + self._moved(images)) * (width - 1.0) for _ in range(2))
        y2, y3 = ((1.0 + self._moved(images)) * (height - 1.0) for _ in range(2))
        sum_of_both = 1.0 / (x3 / x1 + y3 / y2 - 1.0)
        g, h = x3 * sum_of_both / x1 - 1.0, y3 * sum_of_both / y2 - 1.0
        a, e = x1 * (g + 1.0), y2 * (h + 1.0)
        x, y = pixel_places(int(height), int(width))
        whole = 1.0 - g / a * x - h / e * y
        return x / a / whole * (width - 1.0), y / e / whole * (height - 1.0)

    def _moved(self, images):
        return ops.squeeze(self._draw(images, -0.5 * self.scale, 0.5 * self.scale), -1)


@export("keras.layers.RandomElasticTransform")
class RandomElasticTransform(MovingLayer):
    """Some images pulled about smoothly, as if they were of rubber.

    Shapes: images (height, width, channels) or (batch, height, width, channels); gives the same.

    Args:
        factor: the probability, drawn between (lower, upper); a single number is `upper`.
        scale: how strongly, (lower, upper) in [0, 1]; a single number is `upper`. One strength is drawn for a batch.
        interpolation: "nearest" or "bilinear".
        fill_mode: what comes in from outside: "reflect", "wrap", "constant" (`fill_value`) or "nearest".
        fill_value: see `fill_mode`.
        value_range: the smallest and the largest number of the images.
        seed: fixes the layer's stream of random numbers.
        data_format: "channels_last" (default) or "channels_first".
    """

    def __init__(self, factor=1.0, scale=1.0, interpolation="bilinear", fill_mode="reflect",  # noqa: PLR0913 (Keras')
                 fill_value=0.0, value_range=(0, 255), seed=None, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.factor, self.scale = factor_range(factor, "factor", 0, 1), factor_range(scale, "scale", 0, 1)
        self.value_range = value_range
        self._begin_moving(fill_mode, interpolation, seed, fill_value, data_format)

    def change(self, images):
        if self.factor[1] == 0 or self.scale[1] == 0:
            return images
        first = self.data_format == "channels_first"
        last = ops.transpose(images, (0, 2, 3, 1)) if first else images
        moved = look_up(last, *self._places(last), self.interpolation, self.fill_mode, self.fill_value)
        chosen = ops.less(self._draw(images), self._draw(images, *self.factor))
        pulled = ops.where(chosen, ops.transpose(moved, (0, 3, 1, 2)) if first else moved, images)
        return ops.clip(pulled, float(min(self.value_range)), float(max(self.value_range)))

    def _places(self, images) -> tuple:
        """Where each pixel is looked up: at its own place, moved by smoothed noise."""
        count, height, width, _ = images.shape
        strength = ops.reshape(self._draw(np.zeros((1, 1, 1, 1), np.float32), *self.scale), ())
        sigma = ops.maximum(strength * (0.05 * min(height, width)), 1e-6)
        window = int(6 * 0.05 * min(height, width) * self.scale[1]) | 1
        state, stream = self._random()
        noise = ops.random_normal(state, (count, height, width, 2), stream=stream) * sigma
        smooth = gaussian_blur(noise, (window, window), (sigma, sigma)) * (strength * (0.1 * max(height, width)))
        x, y = pixel_places(height, width)
        return smooth[..., 0] + x, smooth[..., 1] + y
