"""Receptive fields: what part of the input a number of a layer sees, by arithmetic and by measurement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from striate import ops
from striate.errors import ArgumentError, received
from striate.layers import attention, heads, normalization, pool, reshaping, wrapper
from striate.models import Model
from striate.ops.windows import receptive_field as chain_field
from striate.see import grid, probe
from striate.see.attention_steps import Step
from striate.see.canvas import Canvas
from striate.see.explanation import check_index
from striate.see.geometry import inside, window_of
from striate.see.palette import BLUE, MUTED, heat
from striate.see.result import Result, aligned
from striate.see.tiles import strip

ROUNDING = 1e-6
"""Winograd's convolutions leave so little of the largest gradient (in parts of it) where it is zero by arithmetic."""
Axis = tuple[int, int, int]
Fields = list[Axis] | str
"""(size, step, start) for each axis, or why there are none."""

_MIXERS = (pool.BaseGlobalPooling, reshaping.Flatten, reshaping.Reshape, reshaping.Permute, attention.Attention,
           heads.ManyHeads, Step, normalization.GroupNormalization)
"""Layers whose numbers stand for no place, or follow from all places."""


def fields_of(model) -> dict[Any, Fields]:
    """The receptive field behind each call of a layer (node of the model's graph), or why it has none.

    Where the network branches it is the smallest range that holds all branches.
    """
    graph = probe.network(model)
    found: dict[Any, Fields] = {}
    for node in graph.nodes:
        rank = max(len(node.output_tensors[0].shape) - 2, 0)
        if node.is_input:
            unknown = None in node.output_tensors[0].shape[1:]
            found[node] = "The input's size must be known." if unknown else [(1, 1, 0)] * rank
            continue
        makers = [graph.maker(tensor) for tensor in node.input_tensors]
        found[node] = _joined([found[maker] for maker in makers], node, rank)
    return found


def _joined(sources: list[Fields], node, rank: int) -> Fields:
    """The field behind one call, from the fields of what feeds it."""
    whole: list[list[Axis]] = []
    for source in sources:
        if isinstance(source, str):
            return source
        whole.append([(1, 1, 0)] * (rank - len(source)) + source)
    places = slice(2, None) if node.channels_first else slice(1, -1)
    reach = _reach(node, node.operation, node.input_tensors[0].shape, node.output_tensors[0].shape, places)
    if isinstance(reach, str):
        return reach
    fields = []
    for axis, window in enumerate(reach):
        if len({source[axis][1] for source in whole}) > 1:
            return f"The branches before '{node.name}' have different steps."
        start = min(source[axis][2] for source in whole)
        end = max(source[axis][2] + source[axis][0] for source in whole)
        fields.append(chain_field([window], (end - start, whole[0][axis][1], start)))
    return fields


def _reach(node, layer, given: tuple, shape: tuple, places: slice) -> list[tuple[int, int, int, int]] | str:
    """(taps, stride, dilation, padding before) of a call for each axis, or why it has none.

    given, shape: of the input and the output of the layer, which is the call's, or works inside of it.
    """
    rank = max(len(shape) - 2, 0)
    if isinstance(layer, wrapper.TimeDistributed):  # A number sees its own step alone.
        within = _reach(node, layer.layer, (given[0], *given[2:]), (shape[0], *shape[2:]), places)
        return within if isinstance(within, str) else [(1, 1, 1, 0), *within]
    layer = inside(layer)
    window = window_of(layer, given)
    if window is not None and window.kind != "transposed":
        return [(window.size[i], window.strides[i], window.dilation[i], window.padding[i][0]) for i in range(rank)]
    if isinstance(layer, (reshaping.BaseZeroPadding, reshaping.BaseCropping)):
        pairs: Any = layer.padding if isinstance(layer, reshaping.BaseZeroPadding) else layer.cropping
        sign = 1 if isinstance(layer, reshaping.BaseZeroPadding) else -1
        return [(1, 1, 1, sign * before) for before, _ in ([pairs] if rank == 1 else pairs)]
    if isinstance(layer, _MIXERS) or len(shape) == 2:
        return f"Behind '{node.name}' every number sees the whole input: choose a layer before it."
    if isinstance(layer, (wrapper.Wrapper, Model)) or shape[places] != given[places]:
        return (f"What a number behind '{node.name}' ({type(layer).__name__}) sees differs from place to place, or is "
                "not known; look at the measured field with see.saliency.")
    return [(1, 1, 1, 0)] * rank


def field_of(model, layer) -> list[Axis]:
    """(size, step, start) of a layer's receptive field for each axis: element i sees `size` from start + i * step on.

    Where the network branches it is the smallest range that holds all branches.

    Raises:
        ArgumentError: the layer lies behind a Flatten or Dense layer, or branches have different steps.

    Example:
        >>> from striate import zoo
        >>> field_of(zoo.build("lenet5"), "conv2d_1")
        [(14, 2, -2), (14, 2, -2)]
    """
    call = probe.find_call(model, layer)
    found = fields_of(model)[call]
    if isinstance(found, str):
        raise ArgumentError(f"{found} " + received(layer=call.name))
    return found


@dataclass(frozen=True)
class ReceptiveField(Result):
    """The receptive field of one place of a layer.

    table: (layer, sizes, steps) of every layer up to it; size, step, start: for each axis; measured: the absolute
    gradient of the place by every input element, as the input has them, and box: where it is more than rounding leaves.
    """

    model: str
    layer: str
    place: tuple[int, ...]
    table: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]
    size: tuple[int, ...]
    step: tuple[int, ...]
    start: tuple[int, ...]
    image: np.ndarray
    measured: np.ndarray

    @property
    def first(self) -> tuple[int, ...]:
        """Where the field of this place begins; negative in the padding."""
        return tuple(start + i * step for start, i, step in zip(self.start, self.place, self.step, strict=True))

    @property
    def box(self) -> tuple[tuple[int, int], ...]:
        """(first, last + 1) of the input elements with a gradient, for each axis; (0, 0) if there is none."""
        where = np.nonzero(self.measured > ROUNDING * self.measured.max(initial=0))
        return tuple((int(axis.min()), int(axis.max()) + 1) if len(axis) else (0, 0) for axis in where)

    def data(self) -> dict[str, Any]:
        """Sizes, and the measured gradients."""
        return {"model": self.model, "layer": self.layer, "place": self.place, "size": self.size, "step": self.step,
                "first": self.first, "measured_box": self.box, "measured": self.measured,
                "layers": [{"layer": name, "size": size, "step": step} for name, size, step in self.table]}

    def __str__(self) -> str:
        rows = [[name, " x ".join(map(str, size)), " x ".join(map(str, step))] for name, size, step in self.table]
        sees = ", ".join(f"{first} to {first + size - 1}" for first, size in zip(self.first, self.size, strict=True))
        seen = ", ".join(f"{a} to {b - 1}" for a, b in self.box)
        return "\n".join([f"Receptive fields in {self.model}", "",
                          aligned(rows, ["layer", "sees (input elements)", "step"]), "",
                          f"{self.layer}{list(self.place)} sees {sees}; measured by gradients: {seen}"])

    def figure(self) -> Canvas:
        """The input, the theoretical field as a box, the measured one as heat."""
        width, title = 1060.0, f"What one number of '{self.layer}' sees"
        note = f"Blue box: {' x '.join(map(str, self.size))} input elements by arithmetic. Colours: how strongly " \
               "each of them changes the number, measured by the gradient."
        sample, measured, extents = self.image, self.measured, list(zip(self.first, self.size, strict=True))[-2:]
        if measured.ndim == 3:
            at = int(measured.max(axis=(1, 2)).argmax())
            note += grid.slice_said(sample, at, "which counts most")
            sample, measured = sample[at], measured[at]
        top = grid.header_height(width, title, note)
        image = grid.picture_of(sample)
        zoom = min(500 / image.shape[1], 460 / image.shape[0])
        is_line = measured.ndim == 1
        height = 130.0 if is_line else max(image.shape[0] * zoom, 60)
        canvas = Canvas(width, max(top + height + 30, top + 26 * len(self.table) + 60), title)
        grid.header(canvas, title, note)
        mask = grid.as_image(measured)
        if is_line:
            strip(canvas, grid.MARGIN, top, image.shape[1] * zoom, height - 40, sample)
            canvas.picture(grid.MARGIN, top + height - 32, image.shape[1] * zoom, 32, heat(mask))
        else:
            canvas.picture(grid.MARGIN, top, image.shape[1] * zoom, height, grid.overlay(image, mask, 0.85))
        spans = [(0, image.shape[0]), (0, image.shape[1])] if not is_line else [(0, 1), (0, image.shape[1])]
        for axis, (first, size) in enumerate(extents, 2 - len(extents)):
            spans[axis] = max(first, 0), min(first + size, spans[axis][1])
        (y0, y1), (x0, x1) = spans
        tall = height if is_line else zoom
        grid.box(canvas, grid.MARGIN + x0 * zoom, top + y0 * tall, (x1 - x0) * zoom, (y1 - y0) * tall, BLUE)
        for place, text, anchor in ((570, "layer", "start"), (900, "sees", "end"), (1010, "step", "end")):
            canvas.text(place, top + 14, text, 14, MUTED, anchor)
        for row, (name, sizes, steps) in enumerate(self.table, 1):
            grid.label(canvas, (570, top + 14 + 26 * row), name, 240, 15)
            canvas.text(900, top + 14 + 26 * row, " x ".join(map(str, sizes)), 15, anchor="end")
            canvas.text(1010, top + 14 + 26 * row, " x ".join(map(str, steps)), 15, anchor="end")
        return canvas


def receptive_field(model, layer, x=None, place=None) -> ReceptiveField:
    """The receptive field of a layer, by arithmetic and measured on an input.

    Args:
        model: a model with a graph and one input of known size.
        layer: name, place or the layer itself; before any Flatten.
        x: one input; noise when left out. Where a ReLU is shut nothing is measured.
        place: (row, column) of the layer's output, the middle when left out.

    Raises:
        ArgumentError: no such layer or place, or the layer sees the whole input.

    Example:
        see.receptive_field(model, "conv2d_1", image).save("field.svg")
    """
    probe.need_places(model, "Receptive fields")
    call, graph = probe.find_call(model, layer), probe.network(model)
    axes, name = field_of(model, call.name), call.name
    if x is None:
        shape = tuple(n or 1 for n in graph.inputs[0].shape)
        x = np.random.Generator(np.random.PCG64(0)).random(shape, np.float32)
    shape = call.output_tensors[0].shape
    size = shape[2:] if call.channels_first else shape[1:-1]
    where = check_index(tuple(n // 2 for n in size) if place is None else place, size, name)

    def score(outputs, watched):
        places = tuple(slice(i, i + 1) for i in where)
        return ops.sum(watched[(slice(0, 1), slice(None), *places) if call.channels_first else (slice(0, 1), *places)])
    x = probe.batch(model, x)
    slopes = probe.pictures(model, probe.input_gradient_of(model, x, call, score, where)[0][np.newaxis])[0]
    before = _before(graph, call)
    table: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {}
    for node, fields in fields_of(model).items():
        if node in before and not isinstance(fields, str):
            table[node.name] = tuple(f[0] for f in fields), tuple(f[1] for f in fields)
    sizes, steps, starts = (tuple(field[i] for field in axes) for i in range(3))
    rows = tuple((before_it, *row) for before_it, row in table.items())
    return ReceptiveField(model.name, name, where, rows, sizes, steps, starts,
                          probe.pictures(model, np.asarray(x))[0],
                          np.abs(slopes).sum(axis=-1))


def _before(graph, call) -> set:
    """Calls on a way from the input to a call, and itself."""
    found, stack = set(), [call]
    while stack:
        node = stack.pop()
        if node.is_input or node in found:
            continue
        found.add(node)
        stack.extend(graph.maker(tensor) for tensor in node.input_tensors)
    return found
