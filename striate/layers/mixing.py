"""Layers that mix the images of a batch with each other, and layers in a row."""

from __future__ import annotations

import numpy as np

from striate import ops, random
from striate.errors import ArgumentError, received
from striate.layers.augmentation import RandomImageLayer, factor_range
from striate.layers.base import Layer
from striate.ops.image import pixel_places
from striate.serialization import deserialize_keras_object, export


class _Mixing(RandomImageLayer):
    """A mix of each image with another of its batch: images, or a dict of "images" and "labels" (one-hot)."""

    def call(self, inputs, training=True):
        """Images (n, h, w, c) or {"images": ..., "labels": (n, classes)}, to the same."""
        given = isinstance(inputs, dict)
        images = ops.cast(inputs["images"] if given else inputs, self.compute_dtype)
        if not training or len(images.shape) != 4 or images.shape[0] is None:
            return {**inputs, "images": images} if given else images
        state, stream = self._random()
        order = ops.argsort(ops.random_uniform(state, (images.shape[0],), stream=stream))
        mixed, kept = self.mix(images, ops.take(images, order, axis=0))
        if not given:
            return mixed
        share = ops.reshape(kept, (-1, 1))
        labels = ops.cast(inputs["labels"], "float32")
        return {**inputs, "images": mixed, "labels": labels * share + ops.take(labels, order, axis=0) * (1.0 - share)}

    def compute_output_shape(self, input_shape):
        """The input's."""
        return input_shape

    def mix(self, images, others):
        """(the mixed images, the share (n, 1, 1, 1) of the first)."""
        raise NotImplementedError(f"{type(self).__name__} must define `mix(images, others)`.")

    def _share(self, images, alpha: float):
        """One number of the distribution Beta(alpha, alpha) for each image."""
        state, stream = self._random()
        return random.beta_from(state, stream, (images.shape[0], 1, 1, 1), alpha, alpha)


@export("keras.layers.MixUp")
class MixUp(_Mixing):
    """Each image (and label) as a weighted mean with another of the batch.

    Shapes: images (batch, height, width, channels); gives the same. Or {"images": ..., "labels": (batch, classes)};
    gives such a dict.

    Source: Zhang and others (2018), arXiv:1710.09412.

    Args:
        alpha: the shares are of the distribution Beta(alpha, alpha): near 0 or 1 for a small one.
        data_format: "channels_last" (default) or "channels_first".
        seed: fixes the layer's stream of random numbers.
    """

    def __init__(self, alpha=0.2, data_format=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.alpha = alpha
        self._begin(seed, data_format)

    def mix(self, images, others):
        share = self._share(images, self.alpha)
        return images * share + others * (1.0 - share), share


@export("keras.layers.CutMix")
class CutMix(_Mixing):
    """Each image with a rectangle out of another of the batch; labels are mixed by the areas.

    Shapes: images (batch, height, width, channels); gives the same. Or {"images": ..., "labels": (batch, classes)};
    gives such a dict.

    Source: Yun and others (2019), arXiv:1905.04899.

    Args:
        factor: the rectangle's area is 1 - Beta(a, a), with a drawn between (lower, upper); a number is `upper`.
        seed: fixes the layer's stream of random numbers.
        data_format: "channels_last" (default) or "channels_first".
    """

    def __init__(self, factor=1.0, seed=None, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor_range(factor, "factor", 0, 1)
        self._begin(seed, data_format)

    def mix(self, images, others):
        alpha = self._draw(np.zeros((1, 1, 1, 1), np.float32), *self.factor) + 1e-6
        side = ops.sqrt(1.0 - self._share(images, alpha))
        height, width = (images.shape[axis] for axis in self._axes)
        inside, area = [], 1.0
        first = self.data_format == "channels_first"
        for places, length in zip(pixel_places(height, width), (width, height), strict=True):
            places = np.expand_dims(places, 1 if first else -1)
            size = side * float(length)
            start = self._draw(images) * (float(length) - size)
            inside.append(ops.logical_and(ops.greater_equal(places, start), ops.less(places, start + size)))
            area = area * size / float(length)
        return ops.where(ops.logical_and(*inside), others, images), 1.0 - area


@export("keras.layers.Pipeline")
class Pipeline(Layer):
    """Layers one behind the other, for augmentations.

    Shapes: those of the layers, one after the other.

    Example:
        >>> from striate.layers.core import Rescaling
        >>> Pipeline([Rescaling(2.0), Rescaling(1.0, offset=1.0)])(np.ones((1, 2))).tolist()
        [[3.0, 3.0]]
    """

    needs_no_build = True

    def __init__(self, layers, name=None):
        super().__init__(name=name)
        if not all(isinstance(layer, Layer) for layer in layers):
            raise ArgumentError("`layers` of a Pipeline must hold layers. " + received(layers=layers))
        self._layers = list(layers)

    @property
    def layers(self) -> list[Layer]:
        """The layers, in order."""
        return self._layers

    def call(self, inputs, training=True):
        """Applies the layers in order."""
        for layer in self._layers:
            inputs = layer(inputs, training=training)
        return inputs

    @classmethod
    def from_config(cls, config):
        """The pipeline that `get_config()` described."""
        return cls([deserialize_keras_object(layer, module="keras.layers") for layer in config["layers"]],
                   name=config.get("name"))

    def get_config(self):
        return {"name": self.name, "layers": super().get_config()["layers"]}
