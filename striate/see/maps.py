"""What a layer looks for and what it finds: feature maps, filters, and the patches of images that excite a filter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from striate.errors import ArgumentError, received
from striate.see import arguments, grid, probe
from striate.see.canvas import Canvas
from striate.see.explanation import check_sample
from striate.see.fields import field_of
from striate.see.geometry import channels_last, inside, is_convolution
from striate.see.palette import heat, scaled, signed
from striate.see.result import Result, aligned
from striate.see.tiles import strip, tile_of

WIDTH = 1060.0
SHOWN = 64
MOST_ROWS = 8
"""Input channels of a line that get a row each in a filter's picture."""


@dataclass(frozen=True)
class FeatureMaps(Result):
    """The channels of a layer's output for one input. maps: (height, width, channels), (length, channels), or (depth,
    height, width, channels)."""

    model: str
    layer: str
    image: np.ndarray
    maps: np.ndarray

    def data(self) -> dict[str, Any]:
        """The maps."""
        return {"model": self.model, "layer": self.layer, "maps": self.maps}

    def __str__(self) -> str:
        flat = self.maps.reshape(-1, self.maps.shape[-1]).astype(np.float64)
        rows = [[str(i), f"{flat[:, i].min():.4f}", f"{flat[:, i].mean():.4f}", f"{flat[:, i].max():.4f}",
                 f"{(flat[:, i] != 0).mean():.0%}"] for i in range(flat.shape[1])]
        return f"Feature maps of '{self.layer}' ({self.model}), {self.maps.shape}\n\n" + aligned(
            rows, ["channel", "smallest", "mean", "largest", "not zero"])

    def figure(self) -> Canvas:
        """The input and every map (the first 64), all on one scale."""
        count = min(self.maps.shape[-1], SHOWN)
        numbers = self.maps[np.isfinite(self.maps)]
        low, high = (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 0.0)
        colour = (lambda m: heat(m, 0.0, high)) if low >= 0 else (lambda m: signed(m, max(-low, high)))
        tiles = [(colour(grid.as_image(self.maps[..., i])), f"channel {i}") for i in range(count)]
        more = self.maps.shape[-1] - count
        note = f"{_size(self.maps)}; colours from {grid.short(low)} to {grid.short(high)}" + (
            f"; the first {count} of {count + more} channels" if more else "") + (
            f"; {self.maps.size - numbers.size:,} are NaN or infinite" if numbers.size < self.maps.size else "")
        note += "." * (self.image.ndim == 4) + grid.slice_said(self.image)
        return _with_input(f"What '{self.layer}' of {self.model} finds", note, self.image, tiles)


def _size(maps: np.ndarray) -> str:
    return " x ".join(map(str, maps.shape[:-1])) + f" x {maps.shape[-1]} numbers"


def _with_input(title: str, note: str, sample: np.ndarray, tiles) -> Canvas:
    columns = 4 if len(tiles) <= 8 else 8
    side = (WIDTH - 2 * grid.MARGIN - 230) / columns - 10
    is_line = sample.ndim == 2
    top = grid.header_height(WIDTH, title, note)
    canvas = Canvas(WIDTH, 10, title)
    if is_line:
        bottom = _lines(canvas, top, sample, tiles)
    else:
        bottom = max(grid.gallery(canvas, grid.MARGIN + 230, top, tiles, side, columns),
                     grid.gallery(canvas, grid.MARGIN, top, [(grid.picture_of(sample), "input")], 200, 1))
    canvas.height = bottom + 10
    grid.header(canvas, title, note)
    return canvas


def _lines(canvas: Canvas, top: float, sample: np.ndarray, tiles) -> float:
    """The input as curves, and maps of one row, stretched to bars below each other."""
    canvas.text(grid.MARGIN, top + 40, "input", 14)
    strip(canvas, 150, top, WIDTH - 174, 66, sample)
    for row, (pixels, name) in enumerate(tiles):
        canvas.text(grid.MARGIN, top + 28 * row + 94, name, 14)
        canvas.picture(150, top + 28 * row + 78, WIDTH - 174, 22, pixels)
    return top + 28 * len(tiles) + 86


def feature_maps(model, x, layer, sample: int = 0) -> FeatureMaps:
    """The feature maps that a layer gives for an input.

    Args:
        model: a model with a graph.
        x: one input, or a batch of which `sample` is looked at.
        layer: name, place or the layer itself; its output must have channels at places.

    Raises:
        ArgumentError: no such layer, or its output is a plain vector.

    Example:
        see.feature_maps(model, image, "conv2d_1").save("maps.png")
    """
    tap = probe.tap(model, x, layer)
    probe.need_places(model, "Feature maps")
    sample = check_sample(sample, len(probe.arrays(tap.output)[0]))
    maps = channels_last(tap, probe.arrays(tap.output)[0])
    if maps.ndim not in (3, 4, 5):
        raise ArgumentError(f"The output of '{tap.name}' has no places, so there are no maps: its shape is "
                            f"{maps.shape[1:]}. Choose a layer before Flatten. " + received(layer=layer))
    return FeatureMaps(model.name, tap.name, probe.pictures(model, probe.batch(model, x))[sample], maps[sample])


@dataclass(frozen=True)
class Filters(Result):
    """The weights of a convolution: (height, width, channels, filters); lines have height 1."""

    layer: str
    weights: np.ndarray

    def data(self) -> dict[str, Any]:
        """The weights."""
        return {"layer": self.layer, "weights": self.weights}

    def __str__(self) -> str:
        flat = self.weights.reshape(-1, self.weights.shape[-1]).astype(np.float64)
        rows = [[str(i), f"{flat[:, i].sum():.4f}", f"{np.linalg.norm(flat[:, i]):.4f}"] for i in range(flat.shape[1])]
        return f"Filters of '{self.layer}', {self.weights.shape}\n\n" + aligned(rows, ["filter", "sum", "length"])

    def figure(self) -> Canvas:
        """Every filter (the first 64): its weights, or their mean over many channels. Those of lines have a row for
        each channel, which shows the letters that a filter for DNA looks for."""
        count, channels = min(self.weights.shape[-1], SHOWN), self.weights.shape[2]
        is_line = len(self.weights) == 1
        in_rows = is_line and 1 < channels <= MOST_ROWS
        largest = float(np.abs(self.weights).max()) or 1.0
        tiles = []
        for i in range(count):
            one = self.weights[..., i]
            if in_rows:
                pixels = signed(one[0].T, largest)
            elif channels == 3 and not is_line:
                pixels = np.round(scaled(one, -largest, largest) * 255).astype(np.uint8)
            else:
                pixels = signed(one.mean(axis=2, dtype=np.float64), largest if channels == 1 else None)
                # A line of cells as high as half its length is seen from the last row of a lecture hall.
                pixels = np.repeat(pixels, max(1, pixels.shape[1] // 2), axis=0) if is_line else pixels
            tiles.append((pixels, str(i)))
        colours = "blue is above zero, orange below"
        what = f"a row for each of {channels} input channels; {colours}" if in_rows else {
            1: colours, 3: "as colours of light"}.get(0 if is_line and channels > 1 else channels, "mean over "
                                                      f"{channels} input channels, each with its own scale")
        title, note = f"The filters of '{self.layer}'", f"{self.weights.shape[-1]} filters; {what}"
        top = grid.header_height(WIDTH, title, note)
        canvas = Canvas(WIDTH, 10, title)
        columns = 8 if count <= 32 else 12
        canvas.height = grid.gallery(canvas, grid.MARGIN, top, tiles, (WIDTH - 2 * grid.MARGIN) / columns - 10,
                                     columns) + 50
        grid.header(canvas, title, note)
        if channels == 1 or in_rows:
            grid.scale_bar(canvas, grid.MARGIN + 30, canvas.height - 44, largest)
        return canvas


def filters(model, layer=None) -> Filters:
    """The filters of a convolution; of the first one when `layer` is left out.

    Raises:
        ArgumentError: the model has no convolution, or the layer is none.

    Example:
        >>> from striate import zoo
        >>> filters(zoo.build("yale")).weights.shape
        (5, 5, 1, 32)
    """
    graph = probe.network(model)
    found = [candidate for candidate in graph.layers if is_convolution(inside(candidate))]
    chosen = probe.find_layer(model, layer) if layer is not None else found[0] if found else None
    if chosen is None or not is_convolution(inside(chosen)):
        names = ", ".join(graph.names[candidate] for candidate in found) or "none"
        raise ArgumentError(f"Filters are the weights of convolutions; '{model.name}' has: {names}. "
                            + received(layer=layer))
    weights = np.asarray(inside(chosen).kernel)
    if weights.ndim == 5:
        weights = weights.mean(axis=0)
    return Filters(graph.names[chosen], weights if weights.ndim == 4 else weights[np.newaxis])


@dataclass(frozen=True)
class Patches(Result):
    """For each channel of a layer the patches that excite it most: (channels, count, height, width, c) of images,
    (channels, count, length, c) of lines; of volumes with a depth as well."""

    layer: str
    patches: np.ndarray
    values: np.ndarray
    places: np.ndarray

    def data(self) -> dict[str, Any]:
        """Values and places (sample, row, column), or (sample, place) of lines."""
        return {"layer": self.layer, "values": self.values, "places": self.places}

    def __str__(self) -> str:
        rows = [[str(channel), f"{values[0]:.4f}", str(places[0].tolist())]
                for channel, (values, places) in enumerate(zip(self.values, self.places, strict=True))]
        place = {2: "[sample, place]", 3: "[sample, row, column]"}.get(self.places.shape[-1],
                                                                       "[sample, slice, row, column]")
        return f"What excites '{self.layer}' most\n\n" + aligned(rows, ["channel", "value", place])

    def figure(self) -> Canvas:
        """One row a channel (the first 16)."""
        count = min(len(self.patches), 16)
        title = f"What excites '{self.layer}' most"
        note = f"The {self.patches.shape[1]} strongest patches of the images for each channel, strongest first"
        note += "; the slice in the middle of each" if self.patches.ndim == 6 else ""
        tiles = [(tile_of(patch), f"{channel}: {grid.short(float(self.values[channel, i]))}")
                 for channel in range(count) for i, patch in enumerate(self.patches[channel])]
        columns = self.patches.shape[1] * 2
        top = grid.header_height(WIDTH, title, note)
        canvas = Canvas(WIDTH, 10, title)
        side = (WIDTH - 2 * grid.MARGIN) / columns - 10
        canvas.height = grid.gallery(canvas, grid.MARGIN, top, tiles, side, columns) + 10
        grid.header(canvas, title, note)
        return canvas


def patches(model, x, layer=0, count: int = 6) -> Patches:
    """The patches of images that excite each channel of a layer most, one from each image at most.

    Args:
        model: a model for images or lines, with a graph.
        x: a batch of at least `count` images or lines.
        layer: name, place or the layer itself.
        count: patches for each channel.

    Raises:
        ArgumentError: the layer does not keep places, or there are too few samples.

    Example:
        >>> patches(model, x_test, "conv2d").save("patches.svg")  # doctest: +SKIP
    """
    probe.need_places(model, "Patches")
    count = arguments.whole(count, "count")
    tap, images = probe.tap(model, x, layer), probe.pictures(model, probe.batch(model, x))
    maps = channels_last(tap, probe.arrays(tap.output)[0])
    if maps.ndim not in (3, 4, 5) or len(maps) < count:
        raise ArgumentError("Patches need a layer whose output is (height, width, channels), or (length, channels), "
                            "and at least `count` samples. " + received(output=maps.shape, count=count))
    field = field_of(model, tap.name)
    padded = np.pad(images, ((0, 0), *((size, size) for size, _, _ in field), (0, 0)))
    found, values, places = [], [], []
    for channel in range(maps.shape[-1]):
        flat = maps[..., channel].reshape(len(maps), -1)
        best = np.argsort(-flat.max(axis=1), kind="stable")[:count]
        at = [(int(n), *map(int, np.unravel_index(int(flat[n].argmax()), maps.shape[1:-1]))) for n in best]
        found.append([padded[n][tuple(slice(size + i * step + start, 2 * size + i * step + start)
                                      for i, (size, step, start) in zip(place, field, strict=True))]
                      for n, *place in at])
        values.append([float(maps[(*place, channel)]) for place in at])
        places.append(at)
    return Patches(tap.name, np.array(found), np.array(values), np.array(places))
