"""The table that `model.summary()` prints: Keras 3's, or the plain one of Keras 2."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import StringIO
from math import prod
from typing import Any

import numpy as np

from striate import config
from striate.callbacks.console import say
from striate.errors import ArgumentError, received
from striate.graph.trace import collect
from striate.layers.symbolic import leaves
from striate.models.node_graph import node_of

_UNITS = ("B", "KB", "MB", "GB", "TB", "PB")


@dataclass(frozen=True)
class _Row:
    """What the table says of one layer. connections: (layer, node, tensor) for each input; trainable: "Y", "N", "-"."""

    name: str
    kind: str
    shape: Any
    parameters: str
    unbuilt: bool
    connections: tuple
    trainable: str


def print_summary(model, line_length: int | None = None, positions: Sequence[float] | None = None,
                  print_fn: Callable[[str], Any] | None = None, expand_nested: bool = False,
                  show_trainable: bool = False, layer_range=None, style: str = "keras3") -> None:
    """Prints the layers of a model with shapes and numbers of parameters; arguments as in `Model.summary`.

    Raises:
        ArgumentError: an unknown style, a range without layers, or too few columns.
    """
    if style not in ("keras3", "keras2"):
        raise ArgumentError(f"`style` of a summary must be 'keras3' or 'keras2'. {received(style=style)}")
    is_linear = model._graph is None or model._graph.is_chain
    rows = _rows(model, _in_range(_listed(model), layer_range), expand_nested)
    if style == "keras2":
        text = _plain_table(model, rows, is_linear, line_length or (65 if is_linear else 98), positions)
        (print_fn or say)(text)
        return
    _rich_table(model, rows, is_linear, line_length, positions, print_fn, show_trainable)


# ---- what is told ----------------------------------------------------------------------------------------------------

def _listed(model) -> list:
    from striate.models.sequential import Sequential

    return model.layers if isinstance(model, Sequential) or model._graph is None else list(model._graph.operations)


def _in_range(layers: list, layer_range) -> list:
    if layer_range is None:
        return layers
    if len(layer_range) != 2 or not all(isinstance(name, str) for name in layer_range):
        raise ArgumentError(f"`layer_range` must hold the names of two layers. {received(layer_range=layer_range)}")
    found = [[index for index, layer in enumerate(layers) if re.match(name, layer.name)] for name in layer_range]
    if not all(found):
        raise ArgumentError("`layer_range` names no layer of the model. "
                            f"{received(layer_range=layer_range)}. Layers: {[layer.name for layer in layers]}")
    return layers[min(map(min, found)):max(map(max, found)) + 1]


def _rows(model, layers: list, expand_nested: bool, level: int = 0) -> list[_Row]:
    rows = []
    for layer in layers:
        rows.append(_row(model, layer, "   " * level + "└ " if level else ""))
        inner = getattr(layer, "layers", None)
        if expand_nested and inner:
            rows += _rows(model, inner, True, level + 1)
    return rows


def _row(model, layer, prefix: str) -> _Row:
    built = getattr(layer, "built", True)
    count = sum(prod(v.shape) for v in getattr(layer, "weights", ())) if built else 0
    weights = getattr(layer, "weights", ())
    trainable = ("Y" if layer.trainable else "N") if weights else "-"
    kind = type(layer).__name__ if hasattr(layer, "weights") else layer.op.title().replace("_", "")
    return _Row(prefix + layer.name, kind, _output_shape(layer), f"{count:,}", not built, _connections(model, layer),
                trainable)


def _output_shape(layer) -> Any:
    """The shape (or nest of shapes) of the last call's output; None if it is not known."""
    if layer._inbound_nodes:
        return collect(layer._inbound_nodes[-1].outputs, lambda tensor: tensor.shape)
    if getattr(layer, "_graph", None) is not None:
        return layer.output_shape
    if getattr(layer, "_build_shapes", None):
        try:
            return layer.compute_output_shape(**layer._build_shapes)
        except (NotImplementedError, TypeError):
            return None
    return None


def _connections(model, layer) -> tuple:
    if model._graph is None:
        return ()
    tensors = [tensor for node in layer._inbound_nodes if node in model._graph for tensor in node.input_tensors]
    return tuple((node_of(tensor).operation.name, *tensor.history[1:]) for tensor in tensors)


def _totals(model) -> list[tuple[str, int, int]]:
    """(label, numbers, bytes) for the lines below the table."""
    trained, fixed = _size(model.trainable_weights), _size(model.non_trainable_weights)
    groups = [("Trainable params", *trained), ("Non-trainable params", *fixed)]
    if model.compiled and model.optimizer.built:
        groups.append(("Optimizer params", *_size(model.optimizer.variables)))
    return [("Total params", sum(g[1] for g in groups), sum(g[2] for g in groups)), *groups]


def _size(variables) -> tuple[int, int]:
    distinct = {id(v): v for v in variables}.values()
    return (sum(prod(v.shape) for v in distinct),
            sum(prod(v.shape) * np.dtype(v.dtype).itemsize for v in distinct))


def readable_size(count: float) -> str:
    """Bytes in the largest unit that leaves a number of at least 1.

    Example:
        >>> readable_size(249352)
        '243.51 KB'
    """
    for unit in _UNITS[:-1]:
        if count < 1024:
            return f"{count:.2f} {unit}"
        count /= 1024
    return f"{count:.2f} {_UNITS[-1]}"


def _shape_text(shape: Any, show: Callable[[Any], str] = str) -> str:
    if shape is None:
        return "?"
    if _is_one_shape(shape):
        return f"({', '.join(show(length) for length in shape)})"
    if isinstance(shape, dict):
        return "{" + ", ".join(f"{key}: {_shape_text(item, show)}" for key, item in shape.items()) + "}"
    parts = [_shape_text(item, show) for item in shape]
    if len(parts) == 1:
        return parts[0]
    inner = ", ".join(parts)
    return f"[{inner}]" if isinstance(shape, list) else f"({inner})"


def _is_one_shape(shape: Any) -> bool:
    return isinstance(shape, tuple) and all(length is None or isinstance(length, int) for length in leaves([shape]))


# ---- Keras 3 ---------------------------------------------------------------------------------------------------------

def _number(item: Any) -> str:
    return f"[color({45 if item is None else 34})]{item}[/]"


def _columns(is_linear: bool, line_length: int | None, positions, show_trainable: bool) -> tuple[list, int]:
    """(columns as (title, alignment, width), width of the table)."""
    titles, aligned = ["Layer (type)", "Output Shape", "Param #"], ["left", "left", "right"]
    default, ends = (88, [0.45, 0.80, 1.0]) if is_linear else (108, [0.3, 0.56, 0.74, 1.0])
    if not is_linear:
        titles, aligned = [*titles, "Connected to"], [*aligned, "left"]
    ends = list(positions or ends)
    if show_trainable:
        default, ends = default + 12, [end * 0.9 for end in ends] + [1.0]
        titles, aligned = [*titles, "Trainable"], [*aligned, "center"]
    width = line_length or min(default, shutil.get_terminal_size().columns - 4)
    columns, reached = [], 0
    for title, side, end in zip(titles, aligned, ends, strict=True):
        columns.append((title, side, int(end * width) - reached))
        reached = int(end * width)
        if columns[-1][2] < 4:
            raise ArgumentError(f"Insufficient console width to print summary. {received(line_length=width)}. "
                                "Pass a greater line_length.")
    return columns, width


def _rich_table(model, rows: list[_Row], is_linear: bool, line_length, positions, print_fn, show_trainable) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Column, Table

    columns, width = _columns(is_linear, line_length, positions, show_trainable)
    table = Table(*[Column(title, justify=side, width=size) for title, side, size in columns], width=width,
                  show_lines=True)
    for row in rows:
        cells = [f"{escape(row.name)} ([color(33)]{escape(row.kind)}[/])", _shape_text(row.shape, _number),
                 _number(row.parameters) + (" (unbuilt)" if row.unbuilt else "")]
        if not is_linear:
            cells.append(", ".join(f"{name}[{_number(node)}][{_number(tensor)}]"
                                   for name, node, tensor in row.connections) or "-")
        if show_trainable:
            colour = {"Y": "[color(34)]", "N": "[color(9)]"}.get(row.trainable)
            cells.append(f"[bold]{colour}{row.trainable}[/][/]" if colour else "[bold]-[/]")
        table.add_row(*cells)
    captures = print_fn is not None or not config.is_interactive_logging_enabled()
    target = StringIO() if captures else None
    console = Console(highlight=False, file=target)
    console.print(f'[bold]Model: "{escape(model.name)}"[/]')
    console.print(table)
    for label, count, size in _totals(model):
        console.print(f"[bold] {label}: [/]{_number(f'{count:,}')} ({readable_size(size)})")
    if target is not None:
        say(target.getvalue(), end="") if print_fn is None else print_fn(target.getvalue())


# ---- Keras 2 ---------------------------------------------------------------------------------------------------------

def _plain_table(model, rows: list[_Row], is_linear: bool, width: int, positions) -> str:
    """The table of underscores and equals signs; entries are cut where their column ends."""
    shares = positions or ([0.45, 0.85, 1.0] if is_linear else [0.33, 0.55, 0.67, 1.0])
    ends = [int(end * width) if end <= 1 else int(end) for end in shares]
    lines = [f'Model: "{model.name}"', "_" * width, _cells(_titles(is_linear), ends), "=" * width]
    for index, row in enumerate(rows):
        fields = [f"{row.name} ({row.kind})", _shape_text(row.shape), row.parameters.replace(",", "")]
        first = [f"{name}[{node}][{tensor}]" for name, node, tensor in row.connections]
        lines.append(_cells(fields + ([] if is_linear else first[:1] or [""]), ends))
        lines += [_cells(["", "", "", other], ends) for other in ([] if is_linear else first[1:])]
        lines.append(("=" if index == len(rows) - 1 else "_") * width)
    trained, fixed = _size(model.trainable_weights)[0], _size(model.non_trainable_weights)[0]
    lines += [f"Total params: {trained + fixed:,}", f"Trainable params: {trained:,}",
              f"Non-trainable params: {fixed:,}", "_" * width]
    return "\n".join(lines)


def _titles(is_linear: bool) -> list[str]:
    return ["Layer (type)", "Output Shape", "Param #"] + ([] if is_linear else ["Connected to"])


def _cells(fields: list[str], ends: list[int]) -> str:
    line = ""
    for field, end in zip(fields, ends, strict=True):
        line = (f"{line[:-1]} " if line else "") + field
        line = line[:end].ljust(end)
    return line
