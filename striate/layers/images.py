"""Layers that bring images to one size."""

from __future__ import annotations

import numpy as np

from striate import ops
from striate.errors import ShapeError, received
from striate.layers.arguments import positive, standard_data_format
from striate.layers.base import Layer
from striate.serialization import export


class ImageLayer(Layer):
    """What layers over images share: images (n, h, w, c), one image (h, w, c), or channels first.

    `_to_size` is (height, width) when the output has another size than the input.
    """

    _to_size: tuple[int, int] | None = None

    def _set_format(self, data_format, bounding_box_format=None) -> None:
        self.data_format = standard_data_format(data_format)
        self.bounding_box_format = bounding_box_format

    @property
    def _axes(self) -> tuple[int, int]:
        """The axes of height and width, counted from the end."""
        return (-2, -1) if self.data_format == "channels_first" else (-3, -2)

    def compute_output_shape(self, input_shape):
        """The input's shape, with the layer's height and width if it has any."""
        shape = list(input_shape)
        if len(shape) not in (3, 4):
            raise ShapeError("Invalid images rank: expected rank 3 (single image) or rank 4 (batch of images). "
                             + received(input_shape=tuple(input_shape)))
        if self._to_size is not None:
            for axis, length in zip(self._axes, self._to_size, strict=True):
                shape[axis] = length
        return tuple(shape)

    def get_config(self):
        config = {**super().get_config(), "data_format": self.data_format}
        if self.bounding_box_format is not None:
            config["bounding_box_format"] = self.bounding_box_format
        return config

    def _fitted(self, images, interpolation="bilinear", **how):
        """Images of the layer's size."""
        return ops.image.resize(images, self._to_size, interpolation, data_format=self.data_format, **how)


@export("keras.layers.Resizing")
class Resizing(ImageLayer):
    """Images of another size.

    Shapes: images (height, width, channels) or (batch, height, width, channels); gives them with the new height and
    width, in pixels. Raises `ArgumentError` when one is no positive integer.

    Args:
        height, width: the new size.
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5".
        crop_to_aspect_ratio: cut the middle out first, so that nothing is distorted.
        pad_to_aspect_ratio: add `fill_value` around first, so that nothing is distorted.
        fill_mode: "constant".
        fill_value: what padding holds.
        antialias: average when the images become smaller.
        data_format: "channels_last" (default) or "channels_first".

    Example:
        >>> Resizing(28, 28).compute_output_shape((None, 480, 640, 3))
        (None, 28, 28, 3)
    """

    def __init__(self, height, width, interpolation="bilinear", crop_to_aspect_ratio=False, pad_to_aspect_ratio=False,
                 fill_mode="constant", fill_value=0.0, antialias=False, data_format=None, **kwargs):
        bounding_box_format = kwargs.pop("bounding_box_format", None)
        super().__init__(**kwargs)
        self.height, self.width = positive(height, "height"), positive(width, "width")
        self.interpolation, self.antialias = interpolation, bool(antialias)
        self.crop_to_aspect_ratio, self.pad_to_aspect_ratio = crop_to_aspect_ratio, pad_to_aspect_ratio
        self.fill_mode, self.fill_value = fill_mode, fill_value
        self._set_format(data_format, bounding_box_format)
        self._to_size = self.height, self.width

    def call(self, inputs, training=True):
        """Images of any size to (height, width), in training and prediction alike; bytes are rounded back to bytes."""
        images = self._fitted(inputs, self.interpolation, antialias=self.antialias, fill_mode=self.fill_mode,
                              crop_to_aspect_ratio=self.crop_to_aspect_ratio, fill_value=self.fill_value,
                              pad_to_aspect_ratio=self.pad_to_aspect_ratio)
        kind = str(inputs.dtype)
        if str(images.dtype) == kind:
            return images
        limits = np.iinfo(kind)
        return ops.cast(ops.clip(ops.round(images), float(limits.min), float(limits.max)), kind)


@export("keras.layers.CenterCrop")
class CenterCrop(ImageLayer):
    """The middle of each image; a smaller image is made larger first, keeping its proportions.

    Shapes: images (height, width, channels) or (batch, height, width, channels); gives them with the new height and
    width, in pixels. Raises `ArgumentError` when one is no positive integer.

    Args:
        height, width: size of the part.
        data_format: "channels_last" (default) or "channels_first".
    """

    def __init__(self, height, width, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.height, self.width = positive(height, "height"), positive(width, "width")
        self._set_format(data_format)
        self._to_size = self.height, self.width

    def call(self, inputs, training=True):
        """Images of any size to (height, width), float32, in training and prediction alike."""
        images = ops.cast(inputs, self.compute_dtype)
        spare = [images.shape[axis] - length for axis, length in zip(self._axes, self._to_size, strict=True)]
        if min(spare) < 0:
            return self._fitted(images, crop_to_aspect_ratio=True)
        top, left = (amount // 2 for amount in spare)
        return ops.image.crop_images(images, top, left, target_height=self.height, target_width=self.width,
                                     data_format=self.data_format)
