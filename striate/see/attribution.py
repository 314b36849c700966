"""Why a model said what it said: saliency, Grad-CAM, occlusion; and images that excite a neuron as much as possible."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from striate import ops
from striate.engine import Function, gradients
from striate.errors import ArgumentError, received
from striate.layers.symbolic import leaves
from striate.see import arguments, grid, probe
from striate.see.canvas import Canvas
from striate.see.geometry import channels_last, inside, is_convolution
from striate.see.palette import heat
from striate.see.result import Result
from striate.see.tiles import strip, tile_of
from striate.see.weight_gradient import before_activation

WIDTH = 1060.0


@dataclass(frozen=True)
class Attribution(Result):
    """How much each place of an input matters for one output. heat: (height, width), not negative; (length,) of lines,
    (depth, height, width) of volumes.

    method: its name; note: what the numbers are; class_index: of the output; output: its value; class_name: what the
    output stands for, where that is known.
    """

    method: str
    note: str
    model: str
    class_index: int
    output: float
    image: np.ndarray
    heat: np.ndarray
    class_name: str = ""

    def data(self) -> dict[str, Any]:
        """The heat."""
        return {"method": self.method, "model": self.model, "class": self.class_index, "class_name": self.class_name,
                "output": self.output, "heat": self.heat}

    @property
    def _name(self) -> str:
        return "" if self.class_name in ("", str(self.class_index)) else self.class_name

    def __str__(self) -> str:
        at = tuple(int(i) for i in np.unravel_index(int(self.heat.argmax()), self.heat.shape))
        name = f"{self._name}, " if self._name else ""
        return (f"{self.method} of {self.model} for output {self.class_index} ({name}value {self.output:.4f}): "
                f"{self.note} It is largest at {at}.")

    def figure(self) -> Canvas:
        """The input, the heat, and the heat over the input."""
        name = f" ({self._name})" if self._name else ""
        title = f"{self.method}: what output {self.class_index}{name} of {self.model} rests on"
        note, sample, mask = self.note, self.image, self.heat
        if sample.ndim == 4:
            at = int(mask.max(axis=(1, 2)).argmax())
            note, sample, mask = note + grid.slice_said(sample, at, "with the largest of them"), sample[at], mask[at]
        top = grid.header_height(WIDTH, title, note)
        image, mask = grid.picture_of(sample), grid.as_image(mask)
        canvas = Canvas(WIDTH, 10, title)
        grid.header(canvas, title, note)
        tiles = [(image, "input"), (heat(mask), "heat"), (grid.overlay(image, mask), "both")]
        if self.image.ndim == 2:  # A line.
            strip(canvas, 110, top, WIDTH - 134, 110, self.image)
            canvas.picture(110, top + 120, WIDTH - 134, 42, tiles[1][0])
            for y, name in ((60, "input"), (146, "heat")):
                canvas.text(grid.MARGIN, top + y, name, 15)
            canvas.height = top + 182
        else:
            canvas.height = grid.gallery(canvas, grid.MARGIN, top, tiles, 330.0, 3, 11) + 20
        return canvas


def _prepared(model, x, class_index, method: str):
    """(batch of one, class, its output)."""
    probe.need_places(model, method)
    x = probe.batch(model, x)[:1]
    chosen = probe.check_class(model, class_index)
    outputs = np.asarray(probe.arrays(model.predict(x, verbose=0))[0])[0]
    if outputs.ndim != 1:
        raise ArgumentError(f"{method} needs a model whose output is one vector. " + received(shape=outputs.shape))
    if not np.isfinite(outputs).all():
        raise ArgumentError(f"{method} cannot say what an output rests on that is no number: outputs of '{model.name}' "
                            "are NaN or infinite for this input. `striate doctor` and see.feature_maps show where that "
                            "begins. " + received(outputs=outputs[:8].tolist()))
    chosen = int(outputs.argmax()) if chosen is None else chosen
    return x, chosen, float(outputs[chosen])


def saliency(model, x, class_index: int | None = None) -> Attribution:
    """How strongly an output changes with each input element: the absolute gradient, the largest over the channels.

    Source: Simonyan and others (2014), arXiv:1312.6034.

    Args:
        model: a model with a graph, one input and a vector of outputs.
        x: one input (of a batch the first).
        class_index: which output; the largest when left out.

    Example:
        see.saliency(model, image).save("saliency.png")
    """
    x, chosen, output = _prepared(model, x, class_index, "Saliency")
    _, slopes, _ = probe.output_gradients(model, x, probe.class_score(model, chosen), key=("class", chosen))
    return Attribution("Saliency", "The absolute gradient of the output by each input element.", model.name, chosen,
                       output, probe.pictures(model, x)[0],
                       np.abs(probe.pictures(model, np.asarray(slopes))[0]).max(axis=-1))


def grad_cam(model, x, class_index: int | None = None, layer=None) -> Attribution:
    """Grad-CAM: the feature maps of a convolution, each weighted by the mean gradient of the output by it.

    Source: Selvaraju and others (2017), arXiv:1610.02391.

    Args:
        model, x, class_index: as for `saliency`.
        layer: a convolution; the last one whose maps have the input's axes when left out.

    Raises:
        ArgumentError: the model has no convolution, or the layer's output has not the input's axes.

    Example:
        >>> grad_cam(model, image).save("why.svg")  # doctest: +SKIP
    """
    x, chosen, output = _prepared(model, x, class_index, "Grad-CAM")
    found = [one for one in probe.network(model).layers if is_convolution(inside(one))
             and len(probe.find_call(model, one).output_tensors[0].shape) == x.ndim]
    if layer is None and not found:
        raise ArgumentError(f"Grad-CAM needs a convolution whose maps have the input's axes, and '{model.name}' has "
                            "none. Use see.saliency or see.occlusion.")
    target = probe.find_call(model, found[-1] if layer is None else layer)
    name = target.name
    maps, slopes, _ = probe.output_gradients(model, x, probe.class_score(model, chosen), name, key=("class", chosen))
    maps, slopes = (channels_last(target, np.asarray(array))[0].astype(np.float64)
                    for array in (maps, slopes))
    if maps.ndim != x.ndim - 1:
        raise ArgumentError("Grad-CAM lays the maps of a layer over the input, so they need axes like those of the "
                            f"input, {x.shape[1:]}. " + received(layer=name, output=maps.shape))
    weights = slopes.mean(axis=tuple(range(maps.ndim - 1)))
    cam = np.maximum((maps * weights).sum(axis=-1), 0)
    note = f"The maps of '{name}', each weighted by how much the output follows it; only what speaks for it."
    image = probe.pictures(model, x)[0]
    return Attribution("Grad-CAM", note, model.name, chosen, output, image, stretched(cam, image.shape[:-1]))


def stretched(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A map enlarged to a shape, linearly between the middles of its elements.

    Example:
        >>> stretched(np.array([0.0, 1.0]), (4,)).tolist()
        [0.0, 0.25, 0.75, 1.0]
    """
    for axis, length in enumerate(shape):
        have = values.shape[axis]
        places = np.clip((np.arange(length) + 0.5) * have / length - 0.5, 0, have - 1)
        first = np.minimum(places.astype(int), max(have - 2, 0))
        share = (places - first).reshape([-1 if i == axis else 1 for i in range(values.ndim)])
        values = np.take(values, first, axis) * (1 - share) + np.take(values, np.minimum(first + 1, have - 1),
                                                                      axis) * share
    return values


def occlusion(model, x, class_index: int | None = None, size: int | None = None, stride: int | None = None,
              fill: float | None = None) -> Attribution:
    """How much an output falls when a square of the input is covered.

    Source: Zeiler and Fergus (2014), arXiv:1311.2901.

    Args:
        model, x, class_index: as for `saliency`.
        size: of the square; a quarter of the image's shorter side when left out.
        stride: of its movement; half of its size when left out.
        fill: the value that covers; the image's mean when left out.

    Raises:
        ArgumentError: the square is larger than the image.

    Example:
        >>> occlusion(model, image).save("why.svg")  # doctest: +SKIP
    """
    x, chosen, output = _prepared(model, x, class_index, "Occlusion")
    x = probe.pictures(model, x)
    lengths = x.shape[1:-1]
    size = max(1, min(lengths) // 4) if size is None else arguments.whole(size, "size")
    stride = max(1, size // 2) if stride is None else arguments.whole(stride, "stride")
    fill = x.mean(dtype=np.float64) if fill is None else arguments.finite(fill, "fill")
    if size > min(lengths):
        raise ArgumentError("The square must fit into the input, and move on. "
                            + received(size=size, stride=stride, input=lengths))
    grids = [list(range(0, length - size, stride)) + [length - size] for length in lengths]
    corners = [tuple(axis[i] for axis, i in zip(grids, index, strict=True))
               for index in np.ndindex(*(len(axis) for axis in grids))]
    covered = np.repeat(x, len(corners), axis=0)
    for one, corner in zip(covered, corners, strict=True):
        one[tuple(slice(first, first + size) for first in corner)] = fill
    given = probe.taken(model, covered)
    outputs = np.asarray(probe.arrays(model.predict(given, batch_size=32, verbose=0))[0])[:, chosen]
    falls, counts = np.zeros(lengths), np.zeros(lengths)
    for corner, value in zip(corners, outputs, strict=True):
        window = tuple(slice(first, first + size) for first in corner)
        falls[window] += output - float(value)
        counts[window] += 1
    note = f"How much the output falls when {size} elements each way are covered (mean over {len(corners)} places)."
    return Attribution("Occlusion", note, model.name, chosen, output, x[0],
                       np.maximum(falls / np.maximum(counts, 1), 0))


@dataclass(frozen=True)
class Maximisation(Result):
    """Inputs that excite channels of a layer: images (channels, height, width, c), and the activations reached."""

    layer: str
    channels: tuple[int, ...]
    images: np.ndarray
    before: np.ndarray
    after: np.ndarray

    def data(self) -> dict[str, Any]:
        """The images and the activations before and after."""
        return {"layer": self.layer, "channels": self.channels, "images": self.images, "before": self.before,
                "after": self.after}

    def __str__(self) -> str:
        return "\n".join(f"{self.layer} channel {channel}: mean before the activation {before:.4f} in noise, "
                         f"{after:.4f} in its image"
                         for channel, before, after in zip(self.channels, self.before, self.after, strict=True))

    def figure(self) -> Canvas:
        """One image a channel."""
        title = f"Images that excite '{self.layer}' most"
        note = "Made from noise by following the gradient; below: the channel's mean before the activation, in " \
               "noise and in its image"
        top = grid.header_height(WIDTH, title, note)
        canvas = Canvas(WIDTH, 10, title)
        columns = min(6, max(3, len(self.images)))
        side = (WIDTH - 2 * grid.MARGIN) / columns - 10
        tiles = [(grid.picture_of(image) if image.ndim == 2 else tile_of(image),
                  f"channel {channel}\n{grid.short(before)} → {grid.short(after)}")
                 for channel, image, before, after in
                 zip(self.channels, self.images, self.before.tolist(), self.after.tolist(), strict=True)]
        canvas.height = grid.gallery(canvas, grid.MARGIN, top, tiles, side, columns) + 10
        grid.header(canvas, title, note)
        return canvas


def activation_maximisation(model, layer, channels=None, steps: int = 60, rate: float = 0.1, low: float = 0.0,
                            high: float = 1.0, seed: int = 0) -> Maximisation:
    """Inputs that excite channels of a layer as much as possible, found by climbing the gradient from noise.

    Source: Erhan and others (2009).

    Args:
        model: a model with a graph and one input of known size.
        layer: name, place or the layer itself.
        channels: numbers of channels (or units); the first six when left out.
        steps, rate: how often and how far the input moves (in units of the range).
        low, high: the range of an input element.
        seed: of the noise.

    Returns:
        A `Maximisation`.

    Raises:
        ArgumentError: no such layer or channel, or the input's size is not known.

    Example:
        >>> activation_maximisation(model, "conv2d", channels=range(6)).save("images.svg")  # doctest: +SKIP
    """
    graph, call = probe.network(model), probe.find_call(model, layer)
    layer, name = call.operation, call.name
    shape = graph.inputs[0].shape[1:]
    count = call.output_tensors[0].shape[1 if call.channels_first else -1]
    chosen = tuple(range(min(count, 6))) if channels is None else tuple(
        int(c) if c == np.round(c) else -1 for c in np.atleast_1d(arguments.numbers(
            list(channels) if isinstance(channels, range) else channels, "channels")).ravel())
    steps, seed = arguments.whole(steps, "steps", 0), arguments.seed_of(seed)
    rate, low, high = (arguments.finite(value, name) for value, name in ((rate, "rate"), (low, "low"), (high, "high")))
    if None in shape or any(not 0 <= channel < count for channel in chosen):
        raise ArgumentError(f"'{name}' has {count} channels, counted from 0, and the input's size must be known. "
                            + received(channels=channels, input_shape=shape))

    def run(images, wanted):
        seen: list = []

        def visit(called, inputs, output):
            if called is call:
                seen.append(before_activation(layer, output))
        probe.watched(graph, images, visit)
        reached = seen[0]
        places = tuple(range(2, reached.ndim) if call.channels_first else range(1, reached.ndim - 1))
        means = ops.mean(reached, axis=places) if places else reached
        scores = ops.sum(means * wanted, axis=-1)
        return scores, gradients(ops.sum(scores), [leaves(images)[0]])[0]
    climb = Function(run, f"maximisation of {name}")
    wanted = np.eye(count, dtype=np.float32)[list(chosen)]
    noise = np.random.Generator(np.random.PCG64(seed)).uniform(0.4, 0.6, (len(chosen), *shape))
    images = (low + (high - low) * noise).astype(np.float32)
    first = None
    for _ in range(steps):
        scores, slopes = climb(images, wanted)
        first = scores if first is None else first
        length = np.sqrt(np.mean(slopes.astype(np.float64) ** 2, axis=tuple(range(1, slopes.ndim)), keepdims=True))
        images = np.clip(images + (high - low) * rate * slopes / (length + 1e-12), low, high).astype(np.float32)
    last, _ = climb(images, wanted)
    return Maximisation(name, chosen, probe.pictures(model, images),
                        np.asarray(last if first is None else first), np.asarray(last))
