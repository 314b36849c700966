"""`arithmetic`: each layer's output size, parameters, operations and bytes, with the formulas filled in."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from striate.graph.trace import trace
from striate.layers.conv import BaseSeparableConv
from striate.layers.core import Dense, EinsumDense
from striate.layers.normalization import BatchNormalization
from striate.layers.symbolic import leaves
from striate.ops.spec import OPS, TensorType
from striate.ops.windows import extent
from striate.see import grid, probe
from striate.see.canvas import Canvas
from striate.see.geometry import Window, window_of
from striate.see.palette import BLUE, INK, LINE, MUTED, SHADE
from striate.see.result import Result, aligned

AXES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


@dataclass(frozen=True)
class LayerArithmetic:
    """What one layer costs for one sample. The texts are formulas with their numbers, or empty."""

    name: str
    kind: str
    input_shape: tuple
    output_shape: tuple
    size_formulas: tuple[str, ...]
    parameters: int
    parameter_formula: str
    flops: int
    output_bytes: int
    full: int | None
    sparse: int | None

    @property
    def parameter_bytes(self) -> int:
        return 4 * self.parameters


@dataclass(frozen=True)
class Arithmetic(Result):
    """The arithmetic of a model: one `LayerArithmetic` for each layer."""

    model: str
    layers: tuple[LayerArithmetic, ...]

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def flops(self) -> int:
        return sum(layer.flops for layer in self.layers)

    def data(self) -> dict[str, Any]:
        """All layers and the sums."""
        return {"model": self.model, "parameters": self.parameters, "flops_a_sample": self.flops,
                "layers": [{**vars(layer), "parameter_bytes": layer.parameter_bytes} for layer in self.layers]}

    def __str__(self) -> str:
        lines = [f"Arithmetic of {self.model}, for one sample", ""]
        for layer in self.layers:
            lines.append(f"{layer.name} ({layer.kind})  {_shape(layer.input_shape)} -> {_shape(layer.output_shape)}")
            lines += [f"    {formula}" for formula in layer.size_formulas]
            if layer.parameters:
                lines.append(f"    parameters: {layer.parameter_formula}")
            if layer.full is not None and layer.sparse is not None:
                lines.append(f"    weights if fully connected {layer.full:,}; if only neighbours were connected "
                             f"{layer.sparse:,}; shared by all places {layer.parameters:,}")
            lines.append(f"    {layer.flops:,} floating-point operations, output {layer.output_bytes:,} bytes")
        share = max(self.layers, key=lambda layer: layer.parameters)
        lines += ["", aligned(self._rows(), ["layer", "output", "parameters", "share", "operations", "output bytes"]),
                  "", f"{self.parameters:,} parameters ({4 * self.parameters:,} bytes as float32), {self.flops:,} "
                  f"operations a sample."]
        if self.parameters:
            lines.append(f"{share.parameters / self.parameters:.1%} of the parameters are in {share.name}.")
        return "\n".join(lines)

    def _rows(self) -> list[list[str]]:
        total = max(1, self.parameters)
        return [[layer.name, _shape(layer.output_shape), f"{layer.parameters:,}", f"{layer.parameters / total:.1%}",
                 f"{layer.flops:,}", f"{layer.output_bytes:,}"] for layer in self.layers]

    def figure(self) -> Canvas:
        """The table, with the formulas below each layer's name."""
        blocks = [(layer, [*layer.size_formulas, layer.parameter_formula] if layer.parameters else
                   list(layer.size_formulas)) for layer in self.layers]
        title = f"The arithmetic of {self.model}"
        note = f"{self.parameters:,} parameters, {self.flops:,} operations for one sample (a multiply-add is two). " \
               f"As float32 the parameters take {4 * self.parameters:,} bytes."
        columns, width = (24.0, 540.0, 680.0, 920.0, 1056.0), 1080.0
        heights = [30 + 19 * len(formulas) for _, formulas in blocks]
        top = grid.header_height(width, title, note) + 22
        canvas = Canvas(width, top + sum(heights) + 14, title)
        grid.header(canvas, title, note)
        heads = ("layer", "output", "parameters", "operations", "output bytes")
        for place, text in zip(columns, heads, strict=True):
            canvas.text(place, top - 8, text, 13, MUTED, "start" if place < 100 else "end")
        y, total = top, max(1, self.parameters)
        for row, ((layer, formulas), height) in enumerate(zip(blocks, heights, strict=True)):
            canvas.rectangle(12, y, width - 24, height, fill=SHADE if row % 2 == 0 else None)
            grid.label(canvas, (columns[0], y + 21), layer.name, 380, 15, bold=True)
            canvas.text(columns[1], y + 21, _shape(layer.output_shape), 14, INK, "end")
            canvas.text(columns[2], y + 21, f"{layer.parameters:,}", 14, INK, "end")
            canvas.rectangle(columns[2] + 14, y + 10, 100 * layer.parameters / total, 12, fill=BLUE)
            canvas.text(columns[3], y + 21, f"{layer.flops:,}", 14, INK, "end")
            canvas.text(columns[4], y + 21, f"{layer.output_bytes:,}", 14, INK, "end")
            for line, formula in enumerate(formulas):
                canvas.text(columns[0] + 14, y + 42 + 19 * line, formula, 13, MUTED)
            y += height
        canvas.path([(12, top), (width - 12, top)], LINE)
        return canvas


def _shape(shape: tuple) -> str:
    return " x ".join("?" if n is None else f"{n:,}" for n in shape)


def arithmetic(model) -> Arithmetic:
    """The arithmetic of a model: output sizes, parameters, operations and bytes, layer by layer.

    Args:
        model: a model with a graph; input lengths that are not known are shown as "?".

    Returns:
        An `Arithmetic`: prints formulas and a table, draws the table.

    Example:
        >>> from striate import zoo
        >>> arithmetic(zoo.build("yale")).layers[0].size_formulas[0]
        'height: floor((128 + 0 + 0 - 5) / 1) + 1 = 124'
    """
    graph = probe.network(model)
    flops = _flops(graph)
    rows, seen = [], set()
    for node in graph.nodes:
        layer = node.operation
        if node.is_input or not hasattr(layer, "count_params") or layer in seen:
            continue
        seen.add(layer)
        rows.append(_row(graph.names[layer], layer, node.input_tensors[0].shape, leaves(node.outputs)[0].shape,
                         flops.get(layer, 0)))
    return Arithmetic(model.name, tuple(rows))


def _row(name: str, layer, input_shape, output_shape, flops: int) -> LayerArithmetic:
    known = None not in input_shape[1:]
    window = window_of(layer, input_shape) if known else None
    size = prod(n or 1 for n in output_shape[1:])
    full = sparse = None
    if window is not None and window.kind == "conv":
        inputs = prod(input_shape[1:])
        full, sparse = (inputs + 1) * size, (prod(layer.kernel.shape[:-1]) + 1) * size
    return LayerArithmetic(name, type(layer).__name__, tuple(input_shape[1:]), tuple(output_shape[1:]),
                           _size_formulas(layer, window), int(layer.count_params()), _parameter_formula(layer), flops,
                           4 * size, full, sparse)


def _size_formulas(layer, window: Window | None) -> tuple[str, ...]:
    if window is None:
        return ()
    found = []
    for axis, name in enumerate(AXES[window.rank]):
        length, size, stride = window.lengths[axis], window.size[axis], window.strides[axis]
        (before, after), out = window.padding[axis], window.outputs[axis]
        reach = extent(size, window.dilation[axis])
        spread = "" if reach == size else f"   (kernel {size} dilated by {window.dilation[axis]} reaches over {reach})"
        if window.kind == "transposed":
            text = f"{name}: ({length} - 1) * {stride} + {out - (length - 1) * stride} = {out}"
        else:
            text = f"{name}: floor(({length} + {before} + {after} - {reach}) / {stride}) + 1 = {out}"
            lost = (length + before + after - reach) % stride
            if lost:
                spread += f"   (the floor leaves {lost} at the end out)"
        found.append(text + spread)
    pads = sorted({f"{b} before and {a} after" for b, a in window.padding if a or b})
    if pads and window.kind != "transposed":
        found.append(f'padding "{layer.padding}": {", ".join(pads)}')
    return tuple(found)


def _parameter_formula(layer) -> str:
    count = f"{layer.count_params():,}"
    if isinstance(layer, BatchNormalization):
        return f"{len(layer.weights)} numbers * {layer.weights[0].shape[0]:,} channels = {count}" if layer.weights \
            else ""
    if isinstance(layer, (BaseSeparableConv, EinsumDense)) or not hasattr(layer, "kernel"):
        return " + ".join(_product(w.shape) for w in layer.weights) + f" = {count}" if layer.weights else ""
    shape = layer.kernel.shape
    outputs = layer.units if isinstance(layer, Dense) else getattr(layer, "filters", prod(shape[-2:]))
    inputs = prod(shape) // outputs
    inner = _product(shape[:-1]) if len(shape) > 2 and prod(shape[:-1]) == inputs else f"{inputs:,}"
    if getattr(layer, "bias", None) is None:
        return f"{inner} * {outputs:,} = {count}"
    return f"({inner} + 1) * {outputs:,} = {count}   ({prod(shape):,} weights + {outputs:,} biases)"


def _product(shape) -> str:
    return " * ".join(f"{n:,}" for n in shape) or "1"


def _flops(graph) -> dict[Any, int]:
    """Operations of one sample by layer; empty when lengths are not known."""
    if any(None in tensor.shape[1:] for tensor in graph.inputs):
        return {}
    types = [TensorType((1, *tensor.shape[1:]), tensor.dtype) for tensor in graph.inputs]
    found: dict[Any, int] = {}
    marks: list = []

    def run(*values):
        from striate.ops.dispatch import active_tracer

        tracer = active_tracer()

        def visit(call, inputs, output):
            marks.append((call.operation, len(tracer.nodes)))
        return probe.watched(graph, list(values) if len(values) > 1 else values[0], visit)
    recorded, _ = trace(run, types)
    first = 0
    for layer, last in marks:
        for node in recorded.nodes[first:last]:
            cost = OPS[node.op].flops([v.type for v in node.inputs], [v.type for v in node.outputs], node.attributes)
            if not cost and OPS[node.op].elementwise:
                cost = node.outputs[0].type.size
            found[layer] = found.get(layer, 0) + int(np.int64(cost))
        first = last
    return found
