"""Films of layers without a sliding window: dense, flatten and dropout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from striate.engine import Function
from striate.errors import ArgumentError, ShapeError, received
from striate.see import arguments, grid
from striate.see.canvas import Canvas
from striate.see.number_rules import Sum, sum_of
from striate.see.palette import BLUE, INK, LINE, MUTED, ORANGE, heat, signed
from striate.see.result import Animation

WIDTH = 1060.0
DROPOUT_FRAMES = 8


@dataclass(frozen=True)
class DenseFilm(Animation):
    """One frame for each unit: all inputs, the unit's weights, their products added up."""

    title: str
    layer: Any
    inputs: np.ndarray
    output: np.ndarray
    seconds = 0.9

    @property
    def count(self) -> int:
        return len(self.output)

    def sum(self, index: int) -> Sum:
        """What is summed in a frame."""
        return sum_of(self.layer, [self.inputs], (index,))

    def data(self) -> dict[str, Any]:
        """Input, output, and the products of every frame."""
        return {"title": self.title, "input": self.inputs, "output": self.output,
                "frames": [{"unit": i, "value": self.sum(i).value,
                            "products": [term.product for term in self.sum(i).terms]} for i in range(self.count)]}

    def __str__(self) -> str:
        return f"{self.title}: {len(self.inputs)} inputs, {self.count} units\n\n{self.output}"

    def frame(self, index: int) -> Canvas:
        """Inputs on the left, units on the right, lines as thick as the weights of one unit."""
        found = self.sum(index)
        note = "Every unit adds up all inputs, each times a weight of its own. Blue lines are weights above zero, " \
               "orange below."
        top = grid.header_height(WIDTH, self.title, note)
        room = 420.0
        canvas = Canvas(WIDTH, top + room + 60, self.title)
        grid.header(canvas, self.title, note)
        left = [(230.0, top + (i + 0.5) * room / len(self.inputs)) for i in range(len(self.inputs))]
        right = [(760.0, top + (i + 0.5) * room / self.count) for i in range(self.count)]
        largest = float(np.abs(np.asarray(self.layer.kernel)).max()) or 1.0
        for begin, term in zip(left, found.terms, strict=True):
            share = abs(term.weight) / largest
            canvas.path([begin, right[index]], BLUE if term.weight > 0 else ORANGE, 0.5 + 5 * share)
        for points, values in ((left, self.inputs), (right, self.output)):
            side = min(34.0, room / len(values) - 2)
            colours = signed(values, float(np.abs(values).max()) or 1.0)
            for i, ((x, y), value) in enumerate(zip(points, values, strict=True)):
                if points is left or i <= index:
                    grid.numbers(canvas, x - side / 2, y - side / 2, [[value]], side, colours[i:i + 1][np.newaxis])
                else:
                    canvas.rectangle(x - side / 2, y - side / 2, side, side, fill="#ffffff", line=LINE)
        x, y = right[index]
        canvas.text(x + 34, y + 6, f"{self.layer.name}[{index}] = {grid.short(found.value)}", 16, INK, bold=True)
        after = f", then {found.name}" if found.name != "linear" else ""
        canvas.text(grid.MARGIN, top + room + 36, f"sum of {len(found.terms)} products + bias "
                    f"{grid.short(found.bias)} = {grid.short(found.total)}{after} = {grid.short(found.value)}", 16)
        return canvas


def dense_film(layer, x) -> DenseFilm:
    """The film of a dense layer; at most 64 inputs and 64 units."""
    from striate.see.films import run_layer

    vector = np.asarray(x, np.float32).reshape(-1)
    if len(vector) > 64 or layer.units > 64:
        raise ArgumentError("A film of a dense layer shows at most 64 inputs and 64 units. "
                            + received(inputs=len(vector), units=layer.units))
    return DenseFilm(layer.name, layer, vector, run_layer(layer, vector[np.newaxis])[0])


@dataclass(frozen=True)
class FlattenFilm(Animation):
    """One frame for each row: where its numbers come to lie in the vector."""

    title: str
    inputs: np.ndarray
    output: np.ndarray

    @property
    def count(self) -> int:
        return int(np.prod(self.inputs.shape[:-1]))

    def data(self) -> dict[str, Any]:
        """Input and output."""
        return {"title": self.title, "input": self.inputs, "output": self.output}

    def __str__(self) -> str:
        return f"{self.title}: {' x '.join(map(str, self.inputs.shape))} numbers become a vector of {self.output.size}"

    def part(self, index: int) -> slice:
        """The part of the vector that a frame fills: all channels of one place."""
        channels = self.inputs.shape[-1]
        return slice(index * channels, (index + 1) * channels)

    def frame(self, index: int) -> Canvas:
        """The maps, and the vector as far as it is filled."""
        note = "Place by place, row by row; the channels of a place stand beside each other."
        rows, columns, channels = self.inputs.shape
        top = grid.header_height(WIDTH, self.title, note)
        shown = min(channels, 6)
        cell = min(40.0, (WIDTH - 2 * grid.MARGIN - 20 * shown) / (columns * shown), 300 / rows)
        canvas = Canvas(WIDTH, 10, self.title)
        grid.header(canvas, self.title, note)
        largest = float(np.abs(self.inputs).max()) or 1.0
        row, column = divmod(index, columns)
        for channel in range(shown):
            x = grid.MARGIN + channel * (columns * cell + 20)
            canvas.text(x, top - 5, f"channel {channel}", grid.SMALL_SIZE, MUTED)
            plane = self.inputs[..., channel]
            grid.numbers(canvas, x, top, plane, cell, signed(plane, largest))
            grid.box(canvas, x + column * cell, top + row * cell, cell, cell, ORANGE)
        a_row = min(self.output.size, 32)
        small = (WIDTH - 2 * grid.MARGIN) / a_row
        y, filled = top + rows * cell + 50, self.part(index).stop
        canvas.text(grid.MARGIN, y - 8, f"the vector: numbers 0 to {filled - 1} of {self.output.size}",
                    grid.SMALL_SIZE, MUTED)
        for i in range(self.output.size):
            left, upper = grid.MARGIN + i % a_row * small, y + i // a_row * small
            if i < filled:
                grid.numbers(canvas, left, upper, [[self.output[i]]], small, signed([[self.output[i]]], largest))
            else:
                canvas.rectangle(left, upper, small, small, line=LINE, thickness=0.8)
        canvas.height = y + -(-self.output.size // a_row) * small + 20
        return canvas


def flatten_film(layer, x) -> FlattenFilm:
    """The film of a Flatten layer; at most 512 numbers."""
    from striate.see.films import run_layer

    image = np.asarray(x, np.float32)
    image = image[..., np.newaxis] if image.ndim == 2 else image
    if image.ndim != 3 or image.size > 512:
        raise ShapeError("A film of Flatten shows one input (height, width, channels) of at most 512 numbers. "
                         + received(shape=image.shape))
    return FlattenFilm(layer.name, image, run_layer(layer, image[np.newaxis])[0])


@dataclass(frozen=True)
class DropoutFilm(Animation):
    """Eight training steps: which numbers are dropped in each; then what happens when predicting."""

    title: str
    rate: float
    inputs: np.ndarray
    outputs: np.ndarray
    seconds = 0.8

    @property
    def count(self) -> int:
        return len(self.outputs)

    def data(self) -> dict[str, Any]:
        """Input, and the output of each step; the last is that of a prediction."""
        return {"title": self.title, "rate": self.rate, "input": self.inputs, "outputs": self.outputs}

    def __str__(self) -> str:
        dropped = ", ".join(f"{(out == 0).mean():.0%}" for out in self.outputs[:-1])
        return f"{self.title}: dropped in steps 1 to {self.count - 1}: {dropped}; when predicting nothing is dropped"

    def frame(self, index: int) -> Canvas:
        """Input on the left, output of one step on the right."""
        predicts = index == self.count - 1
        title = f"{self.title}: " + ("predicting" if predicts else f"training step {index + 1}")
        note = "Nothing is dropped, nothing is scaled." if predicts else \
            f"Each number is dropped with probability {self.rate:g}; what is left is divided by {1 - self.rate:g}."
        top = grid.header_height(WIDTH, title, note)
        rows, columns = self.inputs.shape
        cell = min(48.0, 480 / columns, 420 / rows)
        canvas = Canvas(WIDTH, top + rows * cell + 30, title)
        grid.header(canvas, title, note)
        largest = float(np.abs(self.outputs).max()) or 1.0
        for x, values, name in ((grid.MARGIN, self.inputs, "input"), (550, self.outputs[index], "output")):
            canvas.text(x, top - 5, name, grid.SMALL_SIZE, MUTED)
            colours = heat(values, 0, largest) if self.inputs.min() >= 0 else signed(values, largest)
            grid.numbers(canvas, x, top, values, cell, colours)
        for row, column in np.argwhere((self.outputs[index] == 0) & (self.inputs != 0)):
            x, y = 550 + column * cell, top + row * cell
            canvas.path([(x + 4, y + 4), (x + cell - 4, y + cell - 4)], ORANGE, 2.5)
            canvas.path([(x + cell - 4, y + 4), (x + 4, y + cell - 4)], ORANGE, 2.5)
        return canvas


def dropout_film(layer, x, seed: int = 0) -> DropoutFilm:
    """The film of a Dropout layer over a vector or an image; at most 400 numbers."""
    values = np.asarray(x, np.float32)
    flat = grid.as_image(values[..., 0] if values.ndim == 3 else values)
    if flat.ndim != 2 or flat.size > 400:
        raise ShapeError("A film of Dropout shows a vector or an image of one channel with at most 400 numbers. "
                         + received(shape=values.shape))
    train = Function(lambda v: layer(v, training=True), "dropout")
    seed = arguments.seed_of(seed)
    outputs = [np.asarray(train(flat[np.newaxis], random=(seed, step)))[0] for step in range(DROPOUT_FRAMES)]
    return DropoutFilm(layer.name, layer.rate, flat, np.array([*outputs, flat]))
