"""`passes`: a film of one training step: forward through every layer, the loss, the gradients back, the weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from striate.engine import Function, gradients
from striate.errors import ArgumentError, received
from striate.layers.symbolic import leaves
from striate.see import arguments, grid, probe
from striate.see.canvas import Canvas
from striate.see.geometry import channels_last
from striate.see.palette import BLUE, INK, LINE, MUTED, ORANGE, SHADE, heat, signed
from striate.see.result import Animation, aligned
from striate.see.weight_gradient import check_targets, loss_of

WIDTH = 1160.0
COLUMNS = 6
CARD_WIDTH, CARD_HEIGHT, ARROW = 158.0, 204.0, 26.0
SHOWN = 6


@dataclass(frozen=True)
class Stage:
    """One layer: what it gave, the gradient of the loss by that, and of each of its weights (name -> gradient)."""

    layer: str
    kind: str
    output: np.ndarray
    gradient: np.ndarray
    weights: dict[str, np.ndarray]

    @property
    def size(self) -> str:
        return " x ".join(map(str, self.output.shape))


@dataclass(frozen=True)
class Passes(Animation):
    """Forward and backward pass of one sample (dropout drops nothing, statistics stay).

    image: the input; slope: the gradient of the loss by it; stages: the layers in order.
    """

    model: str
    loss_name: str
    image: np.ndarray
    slope: np.ndarray
    stages: tuple[Stage, ...]
    loss: float
    target: Any
    seconds = 0.9

    @property
    def count(self) -> int:
        return 2 * len(self.stages) + 3

    def moment(self, index: int) -> tuple[str, int]:
        """("forward", layer), ("loss", 0), ("backward", layer), with -1 for the input; last ("weights", 0)."""
        last = len(self.stages)
        if index < last:
            return "forward", index
        if index == last:
            return "loss", 0
        return ("backward", 2 * last - index) if index < self.count - 1 else ("weights", 0)

    def data(self) -> dict[str, Any]:
        """Outputs and gradients of all layers."""
        return {"model": self.model, "loss": self.loss, "loss_name": self.loss_name, "target": self.target,
                "input": self.image, "input_gradient": self.slope, "layers": [vars(stage) for stage in self.stages]}

    def __str__(self) -> str:
        rows = [[stage.layer, stage.kind, stage.size, f"{np.abs(stage.output).max(initial=0):.5f}",
                 f"{np.abs(stage.gradient).max(initial=0):.3e}",
                 ", ".join(f"{name} {np.abs(array).max():.3e}" for name, array in stage.weights.items())]
                for stage in self.stages]
        head = ["layer", "type", "output", "largest output", "largest gradient", "largest gradients of weights"]
        return f"One step of {self.model}: {self.loss_name} {self.loss:.5f}\n\n{aligned(rows, head)}"

    def frame(self, index: int) -> Canvas:
        """All layers as cards; those that the pass has reached are filled."""
        way, place = self.moment(index)
        title = f"{self.model}: " + {"forward": "forward pass", "loss": "the loss", "backward": "backward pass",
                                     "weights": "what moves the weights"}[way]
        note = "Cards show the busiest channels. Forward: what each layer gives. Backward (orange): how the loss " \
               "changes with each of these numbers, blue up, orange down."
        top = grid.header_height(WIDTH, title, note)
        rows = -(-(len(self.stages) + 1) // COLUMNS)
        canvas = Canvas(WIDTH, top + rows * (CARD_HEIGHT + 18) + 60, title)
        grid.header(canvas, title, note)
        self._card(canvas, top, -1, way, place)
        for number in range(len(self.stages)):
            self._card(canvas, top, number, way, place)
        words = self._words(way, place)
        size = grid.fitting(words, WIDTH - 2 * grid.MARGIN, 17)
        canvas.text(grid.MARGIN, canvas.height - 28, words, size, INK)
        return canvas

    def _card(self, canvas: Canvas, top: float, number: int, way: str, now: int) -> None:
        row, column = divmod(number + 1, COLUMNS)
        x, y = grid.MARGIN + column * (CARD_WIDTH + ARROW), top + row * (CARD_HEIGHT + 18)
        back = way == "weights" or way == "backward" and number >= now
        reached = way != "forward" or number <= now
        current = way in ("forward", "backward") and number == now
        colour = ORANGE if back else BLUE
        canvas.rectangle(x, y, CARD_WIDTH, CARD_HEIGHT, fill="#ffffff" if reached else SHADE,
                         line=colour if current else LINE, thickness=3 if current else 1, radius=6)
        stage = self.stages[number] if number >= 0 else None
        name = stage.layer if stage else "input"
        size = stage.size if stage else " x ".join(map(str, self.image.shape))
        grid.label(canvas, (x + 10, y + 22), name, CARD_WIDTH - 20, 15, bold=True)
        grid.label(canvas, (x + 10, y + 41), size, CARD_WIDTH - 20, 13, MUTED)
        if reached:
            values = (stage.gradient if stage else self.slope) if back else (stage.output if stage else self.image)
            _picture(canvas, x + 14, y + 52, 130, values, back)
            largest = f"largest {'gradient ' if back else ''}{grid.short(float(np.abs(values).max(initial=0)))}"
            grid.label(canvas, (x + 10, y + CARD_HEIGHT - 9), largest, CARD_WIDTH - 16, 13, colour)
        if number < len(self.stages) - 1:
            begin, end = (x + CARD_WIDTH + 4, y + 100), (x + CARD_WIDTH + ARROW - 4, y + 100)
            if column == COLUMNS - 1:  # On in the next row: a short stub shows the direction.
                end = (x + CARD_WIDTH + 16, y + 100)
            following = way in ("backward", "weights") and (way == "weights" or number + 1 > now)
            ends = (end, begin) if following and number + 1 >= now else (begin, end)
            canvas.arrow(*ends, ORANGE if following else MUTED, 2.0, 8.0)

    def _words(self, way: str, place: int) -> str:
        if way == "forward":
            stage = self.stages[place]
            return f"{place + 1} of {len(self.stages)}: {stage.layer} ({stage.kind}) gives {stage.size} numbers."
        if way == "loss":
            outputs = self.stages[-1].output.reshape(-1)
            said = ", ".join(grid.short(float(value), 2) for value in outputs[:10])
            return f"The outputs ({said}{', …' if outputs.size > 10 else ''}) are compared with the target " \
                   f"{self.target}: {self.loss_name} = {grid.short(self.loss, 4)}."
        if way == "backward":
            if place < 0:
                return "At the input the gradient says which pixels would change the loss."
            stage = self.stages[place]
            moved = "; ".join(f"{name}: largest gradient {grid.short(float(np.abs(array).max()), 3)}"
                              for name, array in stage.weights.items())
            return f"The gradient by the output of {stage.layer}." + (f" It gives those of its weights: {moved}."
                                                                     if moved else " It has no weights.")
        lengths = [(stage.layer, sum(float((g.astype(np.float64) ** 2).sum()) for g in stage.weights.values()) ** 0.5)
                   for stage in self.stages if stage.weights]
        return "Every weight takes a step against its gradient. Lengths of the gradients: " + ", ".join(
            f"{name} {grid.short(length, 2)}" for name, length in lengths)


def _picture(canvas: Canvas, x: float, y: float, side: float, values: np.ndarray, back: bool) -> None:
    """Four busiest channels of maps, or all numbers of a vector as a square."""
    tiles, gap = _tiles(values), 4.0
    largest = max(float(np.abs(tile).max(initial=0)) for tile in tiles) or 1.0
    paint = (lambda tile: signed(tile, largest)) if back or min(float(tile.min()) for tile in tiles) < 0 else \
        (lambda tile: heat(tile, 0, largest))
    each = side if len(tiles) == 1 else (side - gap) / 2
    for place, tile in enumerate(tiles):
        row, column = divmod(place, 2)
        left, upper = x + column * (each + gap), y + row * (each + gap)
        zoom = each / max(tile.shape)
        width, height = tile.shape[1] * zoom, max(tile.shape[0] * zoom, 8)
        canvas.picture(left, upper, width, height, paint(tile))
        canvas.rectangle(left, upper, width, height, line=LINE, thickness=0.8)


def _tiles(values: np.ndarray) -> list[np.ndarray]:
    if values.ndim == 1:
        columns = int(np.ceil(np.sqrt(values.size)))
        whole = np.zeros(columns * -(-values.size // columns))
        whole[:values.size] = values
        return [whole.reshape(-1, columns)]
    maps = values if values.ndim >= 3 else values[np.newaxis]
    maps = maps.reshape(-1, *maps.shape[-2:]) if maps.ndim > 3 else maps
    order = np.argsort(-np.abs(maps).mean(axis=(0, 1), dtype=np.float64), kind="stable")
    return [maps[..., channel] for channel in sorted(order[:4].tolist())] if maps.shape[-1] > 1 else [maps[..., 0]]


def passes(model, x, y, loss=None) -> Passes:
    """A film of the forward and the backward pass of one sample through a whole network.

    Args:
        model: a model with a graph, one input and one output.
        x: one input (of a batch the first).
        y: its target, as `fit` takes it: a class number, a one-hot row, or numbers.
        loss: the loss; that of `compile` when left out.

    Returns:
        A `Passes`: an animation with one frame a layer and direction.

    Raises:
        ArgumentError: there is no loss, or more than one input or output.

    Example:
        see.passes(model, x[0], y[0]).save("step.html")
    """
    graph = probe.network(model)
    if len(graph.inputs) > 1 or len(graph.outputs) > 1:
        raise ArgumentError("The film of a training step needs one input and one output. "
                            + received(inputs=len(graph.inputs), outputs=len(graph.outputs)))
    image = probe.batch(model, x)[:1]
    target = check_targets(model, loss, arguments.numbers(y, "y"))
    target = target[np.newaxis] if target.ndim < len(graph.outputs[0].shape) else target[:1]
    variables = list(model.trainable_variables)

    def run(values, wanted):
        outputs: list[Any] = []

        def visit(call, inputs, output):
            outputs.append(leaves(output)[0])
        last = probe.watched(graph, values, visit)
        total = loss_of(model, loss, last, wanted)
        return outputs, gradients(total, [leaves(values)[0], *outputs, *variables]), total
    outputs, slopes, total = Function(run, f"passes of {model.name}")(image, target)
    of_weights = {id(variable): np.asarray(slope)
                  for variable, slope in zip(variables, slopes[1 + len(outputs):], strict=True)}
    stages = tuple(
        Stage(call.name, type(call.operation).__name__, channels_last(call, np.asarray(output))[0],
              channels_last(call, np.asarray(slope))[0],
              {variable.name: of_weights[id(variable)]
               for variable in getattr(call.operation, "trainable_variables", ())})
        for call, output, slope in zip(graph.calls, outputs, slopes[1:], strict=False))
    name = loss if isinstance(loss, str) else getattr(loss or model.loss, "name", None) or str(loss or model.loss)
    shown, slope = (probe.pictures(model, np.asarray(batch))[0] for batch in (image, slopes[0]))
    return Passes(model.name, name.replace("_", " "), shown, slope, stages, float(total),
                  target[0].tolist())
