"""`gradient_number`: which pixels moved a weight: the sum behind one element of a gradient."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

from striate import losses, ops
from striate.engine import Function, gradients
from striate.errors import ArgumentError, GraphError, received
from striate.layers.core import Dense
from striate.layers.wrapper import TimeDistributed
from striate.models.training.compile_loss import get_loss
from striate.ops.dispatch import active_tracer
from striate.see import arguments, grid, probe
from striate.see.canvas import Canvas
from striate.see.explanation import EPSILON, check_index
from striate.see.geometry import is_convolution, kind_of, slid_over
from striate.see.palette import LINE, MUTED, signed
from striate.see.result import Result, aligned

SHOWN = 20
MAPS_SHOWN = 6


@dataclass(frozen=True)
class GradientNumber(Result):
    """One element of the loss' gradient, as a sum over the places where the weight was used.

    places: (terms, axes) of the input elements, sample first, channel last (of a layer that is used several times, the
    samples of one use follow those of the other); values: of those; slopes: of the loss by the sum that the weight took
    part in; products: values * slopes. engine: the gradient that the engine computed.
    """

    layer: str
    weight: tuple[int, ...]
    loss: float
    weight_value: float
    places: np.ndarray
    values: np.ndarray
    slopes: np.ndarray
    engine: float
    bound: float
    inputs: np.ndarray

    @property
    def products(self) -> np.ndarray:
        return self.values * self.slopes

    @property
    def total(self) -> float:
        return float(self.products.sum())

    def data(self) -> dict[str, Any]:
        """All terms and results."""
        return {"layer": self.layer, "weight": self.weight, "weight_value": self.weight_value, "loss": self.loss,
                "gradient": self.total, "engine": self.engine, "bound": self.bound, "places": self.places,
                "values": self.values, "slopes": self.slopes, "products": self.products}

    def __str__(self) -> str:
        order = np.argsort(-np.abs(self.products), kind="stable")
        rows = [[str(self.places[i].tolist()), f"{self.values[i]:.6f}", f"{self.slopes[i]: .3e}",
                 f"{self.products[i]: .3e}"] for i in order[:SHOWN]]
        head = ["input [sample, ...]", "value", "slope of the loss", "product"]
        left = len(order) - len(rows)
        rest = f"... and {left:,} smaller ones" if left > 0 else ""
        direction = "down" if self.total > 0 else "up"
        return "\n".join([
            f"d loss / d {self.layer} weight {list(self.weight)} = {self.engine:.7g}   (loss {self.loss:.5g}; the "
            f"weight is {self.weight_value:.5g}, a step of gradient descent moves it {direction})", "",
            aligned(rows, head), rest, "",
            f"sum of {len(order):,} products {self.total: .7g}",
            f"the engine says {self.engine: .7g}   (float32; rounding allows {self.bound:.1e})"])

    def maps(self) -> np.ndarray:
        """How much each input element contributed: (samples, ...) without the channels; zeros elsewhere."""
        found = np.zeros(self.inputs.shape[:-1])
        if self.inputs.ndim == 2:
            return self.inputs * 0.0
        inside = self.places[:, 1] >= 0
        np.add.at(found, tuple(self.places[inside][:, :-1].T), self.products[inside])
        return found

    def figure(self) -> Canvas:
        """The inputs, and over each place what it contributed."""
        title = f"Which inputs moved weight {list(self.weight)} of '{self.layer}'"
        note = f"The gradient {grid.short(self.engine, 4)} is the sum of {len(self.values):,} products: input times " \
               "slope of the loss. Blue adds to the gradient, orange takes away."
        width = 1060.0
        top = grid.header_height(width, title, note)
        if self.inputs.ndim != 4:
            return self._bars(width, top, title, note)
        maps = self.maps()
        order = np.argsort(-np.abs(maps).sum(axis=(1, 2)), kind="stable")[:MAPS_SHOWN]
        largest = float(np.abs(maps).max()) or 1.0
        columns = max(3, len(order))
        side = (width - 2 * grid.MARGIN - 12 * (columns - 1)) / columns
        canvas = Canvas(width, top + 2 * side + 130, title)
        grid.header(canvas, title, note)
        channel = int(self.places[0][-1])
        pictures = [(grid.picture_of(self.inputs[i, ..., channel:channel + 1]), f"sample {i}") for i in order]
        grid.gallery(canvas, grid.MARGIN, top, pictures, side, columns, 12)
        sums = [(signed(maps[i], largest), f"adds {grid.short(float(maps[i].sum()), 3)}") for i in order]
        grid.gallery(canvas, grid.MARGIN, top + side + 34, sums, side, columns, 12)
        grid.scale_bar(canvas, grid.MARGIN + 30, top + 2 * side + 76, largest)
        return canvas

    def _bars(self, width: float, top: float, title: str, note: str) -> Canvas:
        order = np.argsort(-np.abs(self.products), kind="stable")[:16]
        canvas = Canvas(width, top + 27 * len(order) + 20, title)
        grid.header(canvas, title, note)
        largest = float(np.abs(self.products).max()) or 1.0
        for row, i in enumerate(order):
            y, share = top + 27 * row, self.products[i] / largest
            canvas.text(300, y + 15, f"input {self.places[i].tolist()}", 14, anchor="end")
            canvas.picture(620 - 260 * max(0.0, -share), y, max(1.0, 260 * abs(share)), 19, signed([[share]], 0.5))
            canvas.text(620 + 270 * max(0.0, share) + 8, y + 15, grid.short(float(self.products[i])), 13, MUTED)
        canvas.path([(620, top - 4), (620, top + 27 * len(order))], LINE)
        return canvas


def gradient_number(model, x, y, layer, weight_index, loss=None) -> GradientNumber:
    """Explains one element of the gradient of the loss with respect to a layer's kernel.

    Args:
        model: a model with a graph and one output.
        x, y: a few samples and their targets, as `fit` takes them.
        layer: name, place or the layer itself; a convolution or a dense layer, in TimeDistributed too: then each step
            of each sample counts as a sample.
        weight_index: of the element of the kernel: (row, column, channel, filter) or (feature, unit).
        loss: name, function or loss; the one given to `compile` when left out.

    Returns:
        A `GradientNumber`: prints the largest products, draws over the inputs what each place contributed.

    Raises:
        ArgumentError: no such layer or weight, a layer without a plain kernel or used on inputs of
            different shapes, or no loss.

    Example:
        see.gradient_number(model, x[:4], y[:4], "conv2d", (0, 0, 0, 5))
    """
    outer = layer = probe.find_layer(model, layer)
    name, steps = probe.name_of(model, layer), 0
    while isinstance(layer, TimeDistributed):
        layer, steps = layer.layer, steps + 1
    if not (is_convolution(layer) or isinstance(layer, Dense)):
        raise ArgumentError("The gradient of a weight can be shown for Conv and Dense layers. "
                            + received(layer=name, type=kind_of(outer)))
    kernel = np.asarray(layer.kernel)
    weight = check_weight(weight_index, kernel.shape, name)
    x, y = probe.batch(model, x), np.atleast_1d(check_targets(model, loss, arguments.numbers(y, "y")))
    if len(y) != len(probe.arrays(x)[0]):
        raise ArgumentError("`y` must have one entry for each sample of `x`. "
                            + received(samples=len(probe.arrays(x)[0]), targets=len(y)))
    uses, slopes, slope, total = Function(lambda x, y: _backward(model, outer, layer.kernel, loss, x, y),
                                          "gradient")(x, y)
    uses = [use.reshape(-1, *use.shape[1 + steps:]) for use in uses]
    slopes = [one.reshape(-1, *one.shape[1 + steps:]) for one in slopes] if len(slopes[0]) == len(y) else slopes
    if len({use.shape[1:] for use in uses}) > 1:
        raise ArgumentError(f"The layer '{name}' is used on inputs of different shapes, which one picture cannot "
                            f"show. {received(shapes=[use.shape for use in uses])}")
    inputs, slopes = np.concatenate(uses), np.concatenate(slopes)
    if getattr(layer, "data_format", None) == "channels_first":  # The sums are computed with the channels last.
        inputs = np.moveaxis(inputs, 1, -1)
    places, values, factors = _terms(layer, inputs, slopes, weight)
    engine = float(slope[weight])
    bound = EPSILON * (64 + 4 * sqrt(len(values) or 1)) * (np.abs(inputs).max() * np.abs(slopes).sum() + 1e-30)
    found = GradientNumber(name, weight, float(total), float(kernel[weight]), places, values, factors, engine,
                           float(bound), inputs)
    if abs(found.total - engine) > bound:
        raise GraphError(f"The engine's gradient differs from its explanation by more than rounding can: {engine!r} "
                         f"instead of {found.total!r}. {received(layer=name, weight=weight)}")
    return found


def check_weight(index, shape: tuple[int, ...], name: str) -> tuple[int, ...]:
    """An index of a kernel's element, checked."""
    try:
        return check_index(index, shape, name)
    except ArgumentError:
        raise ArgumentError(f"The kernel of '{name}' has the shape {tuple(shape)}: `weight_index` needs one entry for "
                            f"each axis, smaller than its length. {received(weight_index=index)}") from None


def check_targets(model, loss, y: np.ndarray) -> np.ndarray:
    """Targets that a loss can be taken of.

    Raises:
        ArgumentError: NaN or infinite ones, or class numbers that no output stands for.
    """
    chosen, units = loss if loss is not None else model.loss, probe.network(model).outputs[0].shape[-1]
    named = str(getattr(chosen, "name", chosen))
    wrong = ~np.isfinite(y)
    if "sparse_categorical" in named and units is not None:
        wrong |= ~((y >= 0) & (y < units) & (y == np.round(y)))
    if wrong.any():
        what = f"class numbers from 0 to {units - 1}" if "sparse_categorical" in named else "finite numbers"
        raise ArgumentError(f"`y` must hold {what}. " + received(y=y[wrong][:8].tolist()))
    return y


def loss_of(model, loss, outputs, y):
    """The loss of traced outputs: one number. `loss` is a name, function or loss; None: the one given to `compile`.

    Raises:
        ArgumentError: there is none.
    """
    chosen = loss if loss is not None else model.loss
    if chosen is None:
        raise ArgumentError("A gradient needs a loss: compile the model, or give `loss`, for example "
                            "loss='sparse_categorical_crossentropy'.")
    found = get_loss(chosen, outputs, y)
    return found(y, outputs) if isinstance(found, losses.Loss) else ops.mean(found(y, outputs))


def _backward(model, layer, kernel, loss, x, y):
    """(inputs of the layer that holds the kernel and slopes by its sums, each for every use; gradient; loss)."""
    kept: list = []

    def visit(called, inputs, output):
        if called.operation is layer:
            kept.append(inputs)
    outputs = probe.watched(probe.network(model), x, visit, training=False)
    total = loss_of(model, loss, outputs, y)
    tracer = active_tracer()
    kernel = tracer.read(kernel)
    *slopes, slope = gradients(total, [*_sums_with(tracer.nodes, kernel)[:len(kept)], kernel])
    return kept, slopes, slope, total


def _sums_with(nodes, kernel) -> list:
    """The values that the ops with this kernel give, in order: the sums before bias and activation."""
    carriers, found = {kernel}, []
    for node in nodes:
        if any(value in carriers for value in node.inputs):
            if node.op in ("reshape", "transpose", "expand_dims"):
                carriers.update(node.outputs)
            else:
                found.append(node.outputs[0])
    if not found:
        raise ArgumentError("The kernel takes no part in the model's outputs.")
    return found


def before_activation(layer, output):
    """What a layer with a kernel computes before its activation, traced; of other layers the output itself.

    A ReLU that is shut lets no gradient through; the sum before it still says where to go.
    """
    if not (is_convolution(layer) or isinstance(layer, Dense)):
        return output
    first, shape = getattr(layer, "data_format", None) == "channels_first", output.shape
    tracer = active_tracer()
    sums = ops.reshape(_sums_with(tracer.nodes, tracer.read(layer.kernel))[-1],
                       (shape[0], *shape[2:], shape[1]) if first else shape)
    sums = sums if layer.bias is None else sums + layer.bias.value
    return ops.moveaxis(sums, -1, 1) if first else sums


def _terms(layer, x: np.ndarray, slopes: np.ndarray, weight: tuple[int, ...]):
    """(places, values, slopes) of every use of a weight, in float64."""
    if isinstance(layer, Dense):
        feature, unit = weight
        flat, g = x.reshape(-1, x.shape[-1]), slopes.reshape(-1, slopes.shape[-1])
        rows = np.array(list(np.ndindex(*x.shape[:-1])))
        places = np.concatenate([rows, np.full((len(rows), 1), feature)], axis=1)
        return places, flat[:, feature].astype(np.float64), g[:, unit].astype(np.float64)
    window = slid_over(layer, x.shape[1:])
    tap, (channel, out) = weight[:-2], _channels(layer, window.kind, weight)
    g = slopes.reshape(len(x), *window.outputs, -1)[..., out].astype(np.float64)
    used: list[tuple[int, ...]] = []
    values: list[float] = []
    factors: list[float] = []
    for place in np.ndindex(*window.outputs):
        at = window.reached(place, tap)
        if at is None:
            continue
        for sample in range(len(x)):
            used.append((sample, *at, channel))
            values.append(float(x[(sample, *at, channel)]))
            factors.append(float(g[(sample, *place)]))
    return np.array(used).reshape(len(values), x.ndim), np.array(values), np.array(factors)


def _channels(layer, kind: str, weight: tuple[int, ...]) -> tuple[int, int]:
    """(input channel, output channel) that an element of a kernel connects."""
    one, two = weight[-2:]
    if kind == "depthwise":
        return one, one * layer.kernel.shape[-1] + two
    if kind == "transposed":
        return two, one
    return two // (layer.filters // layer.groups) * layer.kernel.shape[-2] + one, two
