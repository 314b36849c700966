"""`animate`: films of what a layer does to an input, window by window, with the numbers that the engine computes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from striate import ops
from striate.engine import Function, gradients
from striate.errors import ArgumentError, ShapeError, received
from striate.layers.core import Dense
from striate.layers.pool import BasePooling
from striate.layers.regularization import Dropout
from striate.layers.reshaping import Flatten
from striate.layers.wrapper import TimeDistributed
from striate.see import arguments, grid, probe
from striate.see.canvas import Canvas, wrapped
from striate.see.geometry import Window, activation_name, inside, is_convolution, is_separable, slid_over, window_of
from striate.see.number_rules import Sum, Term, sum_of
from striate.see.palette import BLUE, INK, LINE, MUTED, ORANGE, SHADE, heat, signed
from striate.see.result import Animation

WIDTH = 1060.0
PLANES_SHOWN = 3


@dataclass(frozen=True)
class WindowFilm(Animation):
    """A window that slides: one frame for each place of the output.

    inputs: (rows, columns, channels); lines have one row. output: what the engine computed, of one channel, (rows,
    columns). gradient: for the way back, (given gradient, (rows, columns); what the engine says arrives at the input,
    like `inputs`), or None.
    """

    title: str
    layer: Any
    window: Window
    channel: int
    inputs: np.ndarray
    output: np.ndarray
    gradient: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def count(self) -> int:
        return self.output.size

    def place(self, index: int) -> tuple[int, ...]:
        """The output place of a frame."""
        row, column = divmod(index, self.output.shape[1])
        return (row, column) if self.window.rank == 2 else (column,)

    def sum(self, index: int) -> Sum:
        """What is summed (or compared) in a frame."""
        x = self.inputs if self.window.rank == 2 else self.inputs[0]
        return sum_of(self.layer, [x], (*self.place(index), self.channel))

    def routed(self, index: int) -> list[tuple[Term, float]]:
        """Of the way back: how much of a place's gradient goes to each input element of its window."""
        found, given = self.sum(index), float(self._given.flat[index])
        if found.kind == "max":
            # Of equals the first is the largest, as in the kernels.
            return [(max(found.terms, key=lambda term: term.value), given)]
        if found.kind == "l2":
            return [(term, given * term.value / (found.total or 1.0)) for term in found.terms]
        through = given if found.name == "linear" or found.total > 0 else 0.0
        return [(term, through * term.weight) for term in found.terms if term.place is not None]

    @cached_property
    def arrived(self) -> list[np.ndarray]:
        """The input's gradient after each frame, in float64; the last is what the engine computes at once."""
        total, after = np.zeros(self.inputs.shape), []
        for index in range(self.count):
            for term, amount in self.routed(index):
                if term.place is not None:
                    total[term.place if self.window.rank == 2 else (0, *term.place)] += amount
            after.append(total.copy())
        return after

    @property
    def _given(self) -> np.ndarray:
        return self.output if self.gradient is None else self.gradient[0]

    def data(self) -> dict[str, Any]:
        """Every frame's terms and value; of the way back what arrived at the input until then."""
        frames = []
        for index in range(self.count):
            found = self.sum(index)
            frames.append({"place": self.place(index), "value": found.value,
                           "products": [term.product for term in found.terms]}
                          | ({} if self.gradient is None else {"arrived": self.arrived[index]}))
        return {"title": self.title, "input": self.inputs, "output": self.output, "frames": frames}

    def __str__(self) -> str:
        size = " x ".join(map(str, self.window.outputs))
        return f"{self.title}: {self.count} frames, output {size}\n\n{self.output}"

    def frame(self, index: int) -> Canvas:
        """Input with the window, kernel, output so far, and the sum in words."""
        found = self.sum(index)
        top = grid.header_height(WIDTH, self.title, self._note())
        canvas = Canvas(WIDTH, top, self.title)
        grid.header(canvas, self.title, self._note())
        bottom = (self._beside if self.window.rank == 2 else self._below)(canvas, top, index, found)
        # Long sums get a second line; every frame has room for it.
        words = wrapped(self._words(index, found), WIDTH - 2 * grid.MARGIN, 17)
        for line, text in enumerate([words[0], " ".join(words[1:])]):
            size = grid.fitting(text, WIDTH - 2 * grid.MARGIN, 17)
            canvas.text(grid.MARGIN, bottom + 40 + 25 * line, text, size, INK)
        canvas.height = bottom + 86
        return canvas

    def _beside(self, canvas: Canvas, top: float, index: int, found: Sum) -> float:
        """Of images: input, kernel and output side by side, a row for each channel. Gives the y below."""
        channels = self._channels(found)
        rows, columns = self.inputs.shape[:2]
        pads = self._pads()
        tall, wide = rows + sum(pads[0]), columns + sum(pads[1])
        cell = min(58.0, 440 / wide, (400 if len(channels) < PLANES_SHOWN else 540) / (tall * len(channels)))
        height = max(len(channels) * (tall * cell + 26), 220.0)
        for order, channel in enumerate(channels):
            y = top + order * (tall * cell + 26)
            self._input(canvas, (grid.MARGIN, y), cell, channel, index, pads)
            if hasattr(self.layer, "kernel"):
                small = min(50.0, 190 / self.window.size[-1], (tall * cell - 4) / self._kernel_rows)
                self._kernel(canvas, 490, y, small, channel, found)
        out_cell = min(54.0, 330 / self.output.shape[1], (height - 20) / self.output.shape[0])
        self._output(canvas, 705, top, out_cell, index)
        return top + height

    def _below(self, canvas: Canvas, top: float, index: int, found: Sum) -> float:
        """Of lines: input, kernel and output below each other, all with cells of one size. Gives the y below."""
        wide = self.inputs.shape[1] + sum(self._pads()[1])
        cell = min(58.0, (WIDTH - 2 * grid.MARGIN) / max(wide, self.output.shape[1]))
        for channel in self._channels(found):
            self._input(canvas, (grid.MARGIN, top), cell, channel, index, self._pads())
            top += cell + 34
            if hasattr(self.layer, "kernel"):
                self._kernel(canvas, grid.MARGIN, top, cell, channel, found)
                top += cell + 34
        self._output(canvas, grid.MARGIN, top, cell, index)
        return top + cell

    def _note(self) -> str:
        w = self.window
        pads = " and ".join(f"{before}+{after}" for before, after in w.padding)
        padding = f", padding {pads}" if any(map(sum, w.padding)) else ""
        dilation = "" if set(w.dilation) == {1} else f", dilation {' x '.join(map(str, w.dilation))}"
        groups = getattr(self.layer, "groups", 1)
        return (f"{type(self.layer).__name__}: window {' x '.join(map(str, w.size))}, step "
                f"{' x '.join(map(str, w.strides))}{padding}{dilation}{f', {groups} groups' if groups > 1 else ''}")

    def _channels(self, found: Sum) -> list[int]:
        """The input channels that the sum reads, the first three."""
        axes = self.window.rank
        if isinstance(self.layer, BasePooling):
            return [self.channel]
        return sorted({term.tap[axes] for term in found.terms})[:PLANES_SHOWN] or [0]

    def _pads(self) -> list[tuple[int, int]]:
        if self.window.kind == "transposed":
            return [(0, 0), (0, 0)]
        return [(0, 0)] * (2 - self.window.rank) + list(self.window.padding)

    def _input(self, canvas: Canvas, corner, cell: float, channel: int, index: int, pads) -> None:
        (x, y), found = corner, self.sum(index)
        (top, bottom), (left, right) = pads
        plane = self.inputs[..., channel]
        rows, columns = plane.shape
        tall, wide = rows + top + bottom, columns + left + right
        name = "input" if self.gradient is None else "gradient of the input so far"
        name += "" if self.inputs.shape[-1] == 1 else f", channel {channel}"
        canvas.text(x, y - 5, name, grid.SMALL_SIZE, MUTED)
        if top + bottom + left + right:
            canvas.rectangle(x, y, wide * cell, tall * cell, fill=SHADE)
            grid.lines(canvas, x, y, tall, wide, cell)
        backward = self.gradient is not None
        shown = self.arrived[index][..., channel] if backward else plane
        largest = float(np.abs(self.arrived[-1] if backward else shown).max()) or 1.0
        colours = signed(shown, largest) if shown.min() < 0 or backward else heat(shown, 0, largest)
        grid.numbers(canvas, x + left * cell, y + top * cell, shown, cell, colours)
        # Of equals the first is the largest, as in the kernels.
        winner = max(found.terms, key=lambda term: term.value, default=None) if found.kind == "max" else None
        for term in found.terms:
            at = self._drawn_at(term, self.place(index))
            if at is not None and (len(term.tap) <= self.window.rank or term.tap[self.window.rank] == channel):
                grid.box(canvas, x + (left + at[1]) * cell + 2, y + (top + at[0]) * cell + 2, cell - 4, cell - 4,
                         ORANGE if term is winner else BLUE, 2.5)

    def _drawn_at(self, term, now: tuple[int, ...]) -> tuple[int, int] | None:
        """Row and column of a term's input element, the padding's included."""
        if term.place is not None:
            place = term.place[:self.window.rank]
        elif self.window.kind == "transposed":
            return None
        else:
            start = self.window.starts(now)
            place = tuple(s + t * d for s, t, d in zip(start, term.tap, self.window.dilation, strict=False))
        return tuple(place) if len(place) == 2 else (0, place[0])  # type: ignore[return-value]

    def _kernel(self, canvas: Canvas, x: float, y: float, cell: float, channel: int, found: Sum) -> None:
        axes, size = self.window.rank, self.window.size
        plane = np.full(size if axes == 2 else (1, *size), np.nan)
        for term in found.terms:
            if term.tap[axes] == channel:
                plane[term.tap[:axes] if axes == 2 else (0, term.tap[0])] = term.weight
        canvas.text(x, y - 5, f"weights of filter {self.channel}", grid.SMALL_SIZE, MUTED)
        known = np.nan_to_num(plane)
        grid.numbers(canvas, x, y, known, cell, signed(known, float(np.abs(np.asarray(self.layer.kernel)).max()) or 1))
        if self.window.kind == "transposed":
            for row, column in np.argwhere(np.isnan(plane)):
                canvas.rectangle(x + column * cell, y + row * cell, cell, cell, fill=SHADE, line=LINE)

    def _output(self, canvas: Canvas, x: float, y: float, cell: float, index: int) -> None:
        shown = self.output if self.gradient is None else self.gradient[0]
        rows, columns = shown.shape
        name = "output" if self.gradient is None else "gradient that comes back"
        canvas.text(x, y - 5, name, grid.SMALL_SIZE, MUTED)
        canvas.rectangle(x, y, columns * cell, rows * cell, fill=SHADE)
        largest = float(np.abs(shown).max()) or 1.0
        colours = signed(shown, largest)
        known = np.arange(shown.size).reshape(shown.shape) <= (index if self.gradient is None else shown.size)
        grid.numbers(canvas, x, y, shown, cell, colours, visible=known)
        grid.lines(canvas, x, y, rows, columns, cell)
        row, column = divmod(index, columns)
        grid.box(canvas, x + column * cell, y + row * cell, cell, cell, ORANGE)

    @property
    def _kernel_rows(self) -> int:
        return self.window.size[0] if self.window.rank == 2 else 1

    def _words(self, index: int, found: Sum) -> str:
        if self.gradient is not None:
            return self._back_words(index, found)
        if found.kind != "sum":
            values = ", ".join(grid.short(term.value) for term in found.terms[:9])
            return f"{'largest' if found.kind == 'max' else 'root of sum of squares'} of ({values}) = " \
                   f"{grid.short(found.value)}"
        products = [f"{grid.short(term.value, 2)}·{_bracket(term.weight)}" for term in found.terms]
        text = " + ".join(products[:9]) + (f" + … ({len(products) - 9} more)" if len(products) > 9 else "")
        bias = f" + {grid.short(found.bias)}" if found.bias else ""
        after = f" → {found.name} → {grid.short(found.value)}" if found.name != "linear" else ""
        # Who multiplies what stands here gets another number where weights were rounded.
        equal = "=" if all(_exact(term.value) and _exact(term.weight) for term in found.terms) else "≈"
        return f"{text}{bias} {equal} {grid.short(found.total)}{after}"

    def _back_words(self, index: int, found: Sum) -> str:
        given = grid.short(float(self._given.flat[index]))
        if found.kind == "max":
            return f"{given} goes to the one input that was the largest of its window, and to no other."
        if found.kind == "sum" and found.name == "relu" and found.total <= 0:
            return f"The ReLU was shut ({grid.short(found.total)} is not above zero): nothing of {given} goes back."
        shares = ", ".join(grid.short(amount) for _, amount in self.routed(index)[:9])
        way = {"sum": "times each weight", "l2": "by each input's share of the root"}[found.kind]
        if isinstance(self.layer, BasePooling) and found.kind == "sum":
            way = "in equal parts"
        return f"{given} goes back {way} and is added to what is there: {shares}" + (
            ", …" if len(found.terms) > 9 else "")


def _exact(number: float) -> bool:
    """Whether a number stands in the words of a frame as it is."""
    return float(grid.short(number, 2).replace(",", "")) == number


def _bracket(number: float) -> str:
    return f"({grid.short(number, 2)})" if number < 0 else grid.short(number, 2)


def animate(layer, x, channel: int = 0, backward: bool = False, gradient=None, seed: int = 0) -> Animation:
    """A film of what a layer does to an input.

    Args:
        layer: a convolution (also depthwise, transposed, grouped, dilated), a pooling, Dense, Flatten or Dropout, built
            or not.
        x: one input: (height, width), (height, width, channels), or (length, channels) for lines; at most 400 places
            of the output are shown, so take a small image or a piece of one.
        channel: of the output.
        backward: the way of the gradient back through a convolution or pooling: to where the largest stood, in equal
            parts, or times the weights.
        gradient: what comes back, as large as the output; ones when left out.
        seed: of dropout.

    Returns:
        An `Animation`: saves as .gif, .apng, .svg, .html or .pdf, and with `save_frames(folder)` frame by frame.

    Raises:
        ArgumentError: a layer that cannot be animated, an image too large, or no such channel.

    Example:
        see.animate(layers.Conv2D(1, 3, strides=2, padding="same"), image[:8, :8]).save("stride.gif")
    """
    from striate.see import films_flat

    if isinstance(layer, Dense):
        return films_flat.dense_film(layer, x)
    if isinstance(layer, Flatten):
        return films_flat.flatten_film(layer, x)
    if isinstance(layer, Dropout):
        return films_flat.dropout_film(layer, x, seed)
    if not (is_convolution(layer) or is_separable(layer) or isinstance(layer, BasePooling)) or layer.rank > 2:
        raise ArgumentError("Films are there for convolutions and poolings over lines and images, "
                            "Dense, Flatten and Dropout. " + received(layer=type(layer).__name__))
    image = _image(x, layer.rank)
    batch = image[np.newaxis]
    output = run_layer(layer, batch)
    window = slid_over(layer, image.shape)
    if not isinstance(channel, (int, np.integer)) or not 0 <= channel < output.shape[-1]:
        raise ArgumentError(f"The output has {output.shape[-1]} channels, counted from 0. {received(channel=channel)}")
    if output[..., channel].size > 400:
        raise ArgumentError("A film of more than 400 windows is too long to look at: give a piece of the image, such "
                            "as image[:10, :10]. " + received(output=output.shape))
    back = _way_back(layer, batch, output, channel, gradient) if backward else None
    title = f"How the gradient goes back through '{layer.name}'" if backward else f"What '{layer.name}' does"
    planes = image if layer.rank == 2 else image[np.newaxis]
    return WindowFilm(title, layer, window, channel, planes, grid.as_image(output[0, ..., channel]), back)


def _way_back(layer, batch: np.ndarray, output: np.ndarray, channel: int, gradient) -> tuple[np.ndarray, np.ndarray]:
    """(the gradient that comes back to one channel, what the engine says arrives at the input)."""
    if activation_name(layer) not in ("linear", "relu"):
        raise ArgumentError("The way back is shown for layers without activation or with a ReLU. "
                            + received(activation=activation_name(layer)))
    given = np.ones(output.shape[1:-1], np.float32) if gradient is None else np.asarray(gradient, np.float32)
    if given.shape != output.shape[1:-1]:
        raise ShapeError("`gradient` must be as large as the output. "
                         + received(gradient=given.shape, output=output.shape[1:-1]))
    whole = np.zeros_like(output)
    whole[0, ..., channel] = given
    arrived = np.asarray(Function(lambda v, g: gradients(ops.sum(layer(v) * g), [v])[0], "backward")(
        _turned(layer, batch), _turned(layer, whole)))
    arrived = _turned(layer, arrived, 1, -1)[0]
    return grid.as_image(given), arrived if arrived.ndim == 3 else arrived[np.newaxis]


def run_layer(layer, batch: np.ndarray, **options) -> np.ndarray:
    """The output of one layer for a batch, both with their channels last, computed by the engine."""
    batch = np.ascontiguousarray(_turned(layer, batch), np.float32)
    if not layer.built:
        layer.build(batch.shape)
        layer.built = True
    return _turned(layer, np.asarray(Function(lambda v: layer(v, **options), layer.name)(batch)), 1, -1)


def _turned(layer, batch: np.ndarray, have: int = -1, wanted: int = 1) -> np.ndarray:
    """A batch with its channels where the layer takes them; back again by `have=1, wanted=-1`."""
    first = getattr(layer, "data_format", None) == "channels_first" and batch.ndim > 2
    return np.ascontiguousarray(np.moveaxis(batch, have, wanted)) if first else batch


def _image(x, rank: int) -> np.ndarray:
    array = arguments.numbers(x, "x").astype(np.float32)
    if array.ndim == rank:
        array = array[..., np.newaxis]
    if array.ndim != rank + 1:
        words = "(height, width) or (height, width, channels)" if rank == 2 else "(length,) or (length, channels)"
        raise ShapeError(f"The layer's film needs one input of the form {words}, without a batch axis. "
                         + received(shape=array.shape))
    return array


def film_of(model, x, layer, piece: int = 8, channel: int = 0, backward: bool = False) -> Animation:
    """The film of a model's layer on a piece of what enters it there.

    Args:
        model: a model with a graph.
        x: one input of the model.
        layer: name, place or the layer itself; of TimeDistributed what it does to the step in the middle.
        piece: places each way, cut out of the middle of the layer's input; at least as many as its window has.
        channel, backward: as for `animate`.

    Raises:
        ArgumentError: no such layer, or one that cannot be animated.

    Example:
        see.film_of(model, image, "conv2d_1", piece=6).save("film.gif")
    """
    tap, piece = probe.tap(model, x, layer), arguments.whole(piece, "piece")
    inputs, outer = np.asarray(probe.arrays(tap.inputs)[0])[0], tap.layer
    while isinstance(outer, TimeDistributed):  # The step in the middle.
        inputs, outer = inputs[len(inputs) // 2], outer.layer
    animated = inside(tap.layer)
    window = window_of(animated, (1, *inputs.shape))
    inputs = np.moveaxis(inputs, 0, -1) if tap.fed_first and inputs.ndim > 1 else inputs
    reach = (1,) * (inputs.ndim - 1) if window is None or window.kind == "transposed" else \
        tuple((size - 1) * step + 1 for size, step in zip(window.size, window.dilation, strict=True))
    pieces = [max(piece, least) for least in reach]
    cut = tuple(slice(max(0, (n - part) // 2), max(0, (n - part) // 2) + part)
                for n, part in zip(inputs.shape[:-1], pieces, strict=True))
    return animate(animated, inputs[cut], channel, backward)
