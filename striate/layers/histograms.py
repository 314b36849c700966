"""Layers that spread the numbers of images evenly, by their histograms."""

from __future__ import annotations

import numpy as np

from striate import ops
from striate.layers.arguments import positive, standard_tuple
from striate.layers.augmentation import ImagesInRange
from striate.layers.colour import rescaled
from striate.serialization import export

_BYTE = (0, 255)


def counts(numbers, bins: int):
    """How often 0, 1 ... bins - 1 occur in each row of whole numbers (rows, n): float32 (rows, bins)."""
    rows = numbers.shape[0]
    places = ops.cast(numbers, "int32") + (np.arange(rows, dtype=np.int32) * bins).reshape(rows, 1)
    ones = np.ones((rows * numbers.shape[1],), np.float32)
    return ops.reshape(ops.scatter(ops.reshape(places, (-1, 1)), ones, (rows * bins,)), (rows, bins))


@export("keras.layers.Equalization")
class Equalization(ImagesInRange):
    """Images of which each channel's numbers are spread evenly, in training.

    The histogram is that of the channel over the whole batch, as in Keras.

    Shapes: images (height, width, channels) or (batch, height, width, channels); gives the same.

    Args:
        value_range: the smallest and the largest number of the images.
        bins: of the histogram.
        data_format: "channels_last" (default) or "channels_first".
    """

    def __init__(self, value_range=(0, 255), bins=256, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.bins = positive(bins, "bins")
        self._begin_range(sorted(value_range), None, data_format)

    def change(self, images):
        axis = 1 if self.data_format == "channels_first" else 3
        channels = ops.moveaxis(rescaled(images, self.value_range, _BYTE), axis, 0)
        flat = ops.reshape(channels, (channels.shape[0], -1))
        binned = ops.cast(ops.clip(flat * ((self.bins - 1) / 255.0), 0.0, float(self.bins - 1)), "int32")
        found = counts(binned, self.bins)
        below = ops.cumsum(found, axis=1)
        first = ops.min(ops.where(ops.greater(below, 0.0), below, np.float32(np.inf)), axis=1, keepdims=True)
        span = below[:, -1:] - first
        table = ops.round((below - first) * 255.0 / ops.where(ops.equal(span, 0.0), 1.0, span))
        spread = ops.take_along_axis(ops.clip(table, 0.0, 255.0), binned, axis=1)
        flat = ops.where(ops.equal(span, 0.0), flat, spread)
        whole = ops.moveaxis(ops.reshape(flat, channels.shape), 0, axis)
        return rescaled(whole, _BYTE, self.value_range)


@export("keras.layers.ContrastLimitedAdaptiveHistogramEqualization")
class ContrastLimitedAdaptiveHistogramEqualization(ImagesInRange):
    """Images of which each tile's numbers are spread evenly, in training and prediction (CLAHE).

    Each pixel's result lies between those of the four tiles around it, so that no tile is to be seen.

    Shapes: images (height, width, channels) or (batch, height, width, channels); gives the same.

    Args:
        value_range: the smallest and the largest number of the images.
        clip_limit: how much more than its even share a bin of a tile's histogram may hold; the rest is spread over all.
            0 for no limit.
        tile_grid_size: how many tiles, (downwards, across).
        data_format: "channels_last" (default) or "channels_first".
    """

    def __init__(self, value_range=(0, 255), clip_limit=4.0, tile_grid_size=(8, 8), data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.clip_limit = clip_limit
        self.tile_grid_size = standard_tuple(tile_grid_size, 2, "tile_grid_size")
        self._begin_range(value_range, None, data_format)

    def call(self, inputs, training=True):
        """Images (n, h, w, c), or one (h, w, c), to images of the same size and type."""
        return ops.cast(super().call(inputs, training), str(inputs.dtype))

    def unchanged(self, images):
        first = self.data_format == "channels_first"
        last = ops.transpose(images, (0, 2, 3, 1)) if first else images
        even = rescaled(self._evened(rescaled(last, self.value_range, _BYTE)), _BYTE, self.value_range)
        return ops.transpose(even, (0, 3, 1, 2)) if first else even

    change = unchanged

    def _evened(self, images):
        """Images (n, h, w, c) from 0 to 255."""
        _, height, width, _ = images.shape
        down, across = self.tile_grid_size
        tall, wide = -(-height // down), -(-width // across)
        padding = [(0, 0), (0, tall * down - height), (0, wide * across - width), (0, 0)]
        padded = ops.cast(ops.clip(ops.pad(images, padding, mode="symmetric"), 0.0, 255.0), "int32")
        tables = self._tables(padded, tall, wide)
        return self._between(padded, tables, tall, wide)[:, :height, :width]

    def _tables(self, images, tall: int, wide: int):
        """What each byte becomes in each tile: (n, tiles downwards, tiles across, c, 256)."""
        count, _, _, channels = images.shape
        down, across = self.tile_grid_size
        tiles = ops.transpose(ops.reshape(images, (count, down, tall, across, wide, channels)), (0, 1, 3, 5, 2, 4))
        found = counts(ops.reshape(tiles, (-1, tall * wide)), 256)
        if self.clip_limit > 0:
            kept = ops.minimum(found, float(self.clip_limit * (tall * wide) / 256.0))
            found = kept + ops.sum(found - kept, axis=-1, keepdims=True) / 256.0
        below = ops.cumsum(found, axis=-1)
        first = ops.min(below, axis=-1, keepdims=True)
        span = float(tall * wide) - first
        table = ops.clip((below - first) * 255.0 / ops.where(ops.equal(span, 0.0), 1.0, span), 0.0, 255.0)
        return ops.reshape(table, (count, down, across, channels, 256))

    def _between(self, images, tables, tall: int, wide: int):
        """Each pixel looked up in the tables of the four tiles around it, and interpolated."""
        count, _, _, channels = images.shape
        (above, below, low), (left, right, near) = (
            self._neighbours(n, size) for n, size in zip(self.tile_grid_size, (tall, wide), strict=True))
        flat = ops.reshape(tables, (-1,))
        start = (np.arange(count)[:, None, None, None] * self.tile_grid_size[0], np.arange(channels))

        def looked_up(row, column):
            tile = (start[0] + row[:, None, None]) * self.tile_grid_size[1] + column[:, None]
            return ops.take(flat, images + ((tile * channels + start[1]) * 256).astype(np.int32), axis=0)
        low, near = low[:, None, None], near[:, None]
        upper = looked_up(above, left) * (1.0 - near) + looked_up(above, right) * near
        lower = looked_up(below, left) * (1.0 - near) + looked_up(below, right) * near
        return upper * (1.0 - low) + lower * low

    @staticmethod
    def _neighbours(tiles: int, size: int):
        """For each pixel along one axis: the tile before, the tile behind, the share of the latter."""
        place = (np.arange(tiles * size, dtype=np.float32) - size / 2.0) / size
        before = np.floor(place)
        limits = [np.clip(tile, 0, tiles - 1).astype(np.int64) for tile in (before, before + 1)]
        return *limits, (place - before).astype(np.float32)
