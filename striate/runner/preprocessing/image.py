"""`keras.preprocessing.image`: `ImageDataGenerator`, which changes pictures at random while a model trains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from striate import seeds
from striate.errors import ArgumentError, received
from striate.runner.preprocessing import affine
from striate.runner.preprocessing.iterators import DirectoryIterator, NumpyArrayIterator
from striate.utils import array_to_img, img_to_array, load_img, save_img, smart_resize

_FILL_MODES = ("nearest", "constant", "reflect", "wrap")


class ImageDataGenerator:
    """Batches of pictures, each changed at random within given limits.

    Args:
        featurewise_center, featurewise_std_normalization: subtract the mean and divide by the standard deviation of
            all pictures, which `fit` measures.
        samplewise_center, samplewise_std_normalization: the same with those of each picture.
        rotation_range: largest rotation in degrees.
        width_shift_range, height_shift_range: largest shift: a share of the size if below 1, else pixels.
        brightness_range: (lowest, highest) factor.
        shear_range: largest shear in degrees.
        zoom_range: (lowest, highest) factor of the size, or a number z for (1 - z, 1 + z).
        channel_shift_range: the largest number added to a channel.
        fill_mode: what appears outside of the picture: "nearest", "constant" (`cval`), "reflect" or "wrap".
        horizontal_flip, vertical_flip: whether half of the pictures are mirrored.
        rescale: factor of all pixels, applied last.
        preprocessing_function: applied to each picture before it is rescaled.
        validation_split: share of the pictures, the first ones, that `subset="validation"` gives.

    Raises:
        ArgumentError: an unknown fill mode, or a zoom that is no range.

    Example:
        >>> generator = ImageDataGenerator(rescale=1 / 255, horizontal_flip=True)
        >>> x, y = next(generator.flow(np.zeros((8, 4, 4, 1)), np.arange(8), batch_size=4))
        >>> x.shape, y.shape
        ((4, 4, 4, 1), (4,))
    """

    def __init__(self, featurewise_center=False, samplewise_center=False,  # noqa: PLR0913 (Keras' order)
                 featurewise_std_normalization=False, samplewise_std_normalization=False, zca_whitening=False,
                 zca_epsilon=1e-6, rotation_range=0, width_shift_range=0.0, height_shift_range=0.0,
                 brightness_range=None, shear_range=0.0, zoom_range=0.0, channel_shift_range=0.0, fill_mode="nearest",
                 cval=0.0, horizontal_flip=False, vertical_flip=False, rescale=None,
                 preprocessing_function: Callable | None = None, data_format=None, validation_split=0.0,
                 interpolation_order=1, dtype="float32"):
        if zca_whitening or data_format == "channels_first":
            raise ArgumentError("`zca_whitening` and data_format='channels_first' are not supported. "
                                + received(zca_whitening=zca_whitening, data_format=data_format))
        if fill_mode not in _FILL_MODES:
            raise ArgumentError(f"`fill_mode` must be one of {', '.join(_FILL_MODES)}. "
                                + received(fill_mode=fill_mode))
        self.featurewise_center, self.featurewise_std_normalization = featurewise_center, featurewise_std_normalization
        self.samplewise_center, self.samplewise_std_normalization = samplewise_center, samplewise_std_normalization
        self.rotation_range, self.shear_range = rotation_range, shear_range
        self.width_shift_range, self.height_shift_range = width_shift_range, height_shift_range
        self.brightness_range, self.channel_shift_range = brightness_range, channel_shift_range
        self.zoom_range = _zoom_limits(zoom_range)
        self.fill_mode, self.cval = fill_mode, cval
        self.horizontal_flip, self.vertical_flip = horizontal_flip, vertical_flip
        self.rescale, self.preprocessing_function = rescale, preprocessing_function
        self.validation_split, self.dtype = validation_split, dtype
        self.mean: Any = None
        self.std: Any = None

    # ---- batches ----------------------------------------------------------------------------------------------

    def flow(self, x, y=None, batch_size=32, shuffle=True, sample_weight=None, seed=None, save_to_dir=None,
             save_prefix="", save_format="png", ignore_class_split=False, subset=None) -> NumpyArrayIterator:
        """Batches of arrays: x (n, height, width, channels) and, unless None, y and weights."""
        return NumpyArrayIterator(self, (x, y, sample_weight), batch_size, shuffle, seed, subset)

    def flow_from_directory(self, directory, target_size=(256, 256), color_mode="rgb",  # noqa: PLR0913
                            classes=None, class_mode="categorical", batch_size=32, shuffle=True, seed=None,
                            save_to_dir=None, save_prefix="", save_format="png", follow_links=False, subset=None,
                            interpolation="nearest", keep_aspect_ratio=False) -> DirectoryIterator:
        """Batches of the pictures in a folder with one folder for each class."""
        return DirectoryIterator(self, directory, batch_size, shuffle, seed, subset, target_size=tuple(target_size),
                                 color_mode=color_mode, classes=classes, class_mode=class_mode,
                                 interpolation=interpolation)

    # ---- one picture ------------------------------------------------------------------------------------------

    def fit(self, x, augment=False, rounds=1, seed=None) -> None:
        """Measures the mean and the standard deviation of each channel, for the `featurewise_` options."""
        x = np.asarray(x, np.float64)
        self.mean = x.mean(axis=(0, 1, 2)).astype(np.float32)
        self.std = x.std(axis=(0, 1, 2)).astype(np.float32)

    def get_random_transform(self, img_shape, seed=None) -> dict[str, Any]:
        """What `apply_transform` shall do to a picture of this shape, drawn at random."""
        return self._draw(img_shape, np.random.default_rng(seeds.global_seed() if seed is None else seed))

    def random_transform(self, x, seed=None) -> np.ndarray:
        """A picture changed at random."""
        return self.apply_transform(x, self.get_random_transform(np.shape(x), seed))

    def _draw(self, shape: tuple, generator: np.random.Generator) -> dict[str, Any]:
        def within(limit: float) -> float:
            return float(generator.uniform(-limit, limit)) if limit else 0.0

        def shift(limit: float, length: int) -> float:
            return within(limit) * (length if limit < 1 else 1)

        low, high = self.zoom_range
        drawn = {
            "theta": within(self.rotation_range),
            "tx": shift(self.height_shift_range, shape[0]),
            "ty": shift(self.width_shift_range, shape[1]),
            "shear": within(self.shear_range),
            "zx": float(generator.uniform(low, high)) if low != high else low,
            "zy": float(generator.uniform(low, high)) if low != high else low,
            "flip_horizontal": bool(self.horizontal_flip and generator.random() < 0.5),
            "flip_vertical": bool(self.vertical_flip and generator.random() < 0.5),
            "channel_shift_intensity": within(self.channel_shift_range),
            "brightness": float(generator.uniform(*self.brightness_range)) if self.brightness_range else 1.0,
        }
        return drawn

    def apply_transform(self, x, transform_parameters: dict[str, Any]) -> np.ndarray:
        """A picture (height, width, channels) changed as `get_random_transform` says."""
        x, drawn = np.asarray(x, self.dtype), transform_parameters
        zoom = (drawn.get("zx", 1.0), drawn.get("zy", 1.0))
        degrees, down, right, shear = (drawn.get(name, 0.0) for name in ("theta", "tx", "ty", "shear"))
        if degrees or down or right or shear or zoom != (1.0, 1.0):
            transform = affine.matrix(degrees, down, right, shear, zoom)
            x = affine.transformed(x, transform, self.fill_mode, self.cval)
        if drawn.get("channel_shift_intensity"):
            x = np.clip(x + drawn["channel_shift_intensity"], x.min(), x.max())
        x = x[:, ::-1] if drawn.get("flip_horizontal") else x
        x = x[::-1] if drawn.get("flip_vertical") else x
        return np.clip(x * drawn["brightness"], 0, 255) if drawn.get("brightness", 1.0) != 1.0 else x

    def standardize(self, x) -> np.ndarray:
        """Rescaling and the mean and standard deviation options, in Keras' order."""
        if self.preprocessing_function is not None:
            x = self.preprocessing_function(x)
        x = np.asarray(x, self.dtype)
        if self.rescale:
            x = x * np.asarray(self.rescale, self.dtype)
        if self.samplewise_center:
            x = x - x.mean()
        if self.samplewise_std_normalization:
            x = x / (x.std() + 1e-6)
        if (self.featurewise_center or self.featurewise_std_normalization) and self.mean is None:
            raise ArgumentError("The `featurewise_` options need to see the pictures first: call generator.fit(x).")
        if self.featurewise_center:
            x = x - self.mean
        return x / (self.std + 1e-6) if self.featurewise_std_normalization else x

    def picture(self, x: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """A picture as the model gets it."""
        return self.standardize(self.apply_transform(x, self._draw(np.shape(x), generator)))


def _zoom_limits(zoom: Any) -> tuple[float, float]:
    if isinstance(zoom, (int, float)):
        return 1.0 - zoom, 1.0 + zoom
    if len(zoom) != 2:
        raise ArgumentError("`zoom_range` must be a number or (lowest, highest). " + received(zoom_range=zoom))
    return float(zoom[0]), float(zoom[1])


__all__ = ["DirectoryIterator", "ImageDataGenerator", "NumpyArrayIterator", "array_to_img", "img_to_array", "load_img",
           "save_img", "smart_resize"]
