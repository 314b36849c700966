"""`plot_model` and `model_to_dot`: the layers of a model as boxes with arrows, as a picture or as text for Graphviz."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import striate
from striate.errors import ArgumentError, received
from striate.files import write_bytes, write_text

_HEAD, _LINE, _CHARACTER = 26.0, 20.0, 7.4
"""Heights of a box' head and lines, and the width of a letter: in the drawing's units."""


@dataclass(frozen=True)
class Box:
    """A layer of the drawing: what stands in its head and below, and the numbers of the boxes that feed it."""

    head: str
    lines: tuple[str, ...]
    sources: tuple[int, ...]

    @property
    def width(self) -> float:
        return 24 + _CHARACTER * max(1.2 * len(self.head), *map(len, self.lines), 0)

    @property
    def height(self) -> float:
        return _HEAD + _LINE * len(self.lines)


@dataclass(frozen=True)
class Dot:
    """A graph as text in Graphviz' language.

    Example:
        >>> print(Dot("m", (Box("Dense", (), ()),)))
        digraph "m" {
          rankdir=TB;
          node [shape=record];
          0 [label="{Dense}"];
        }
    """

    name: str
    boxes: tuple[Box, ...]
    rankdir: str = "TB"

    def to_string(self) -> str:
        """The text."""
        rows = [f'digraph "{_quoted(self.name)}" {{', f"  rankdir={self.rankdir};", "  node [shape=record];"]
        for number, box in enumerate(self.boxes):
            label = "|".join(_quoted(line) for line in (box.head, *box.lines))
            rows.append(f'  {number} [label="{{{label}}}"];')
        rows += [f"  {source} -> {number};" for number, box in enumerate(self.boxes) for source in box.sources]
        return "\n".join([*rows, "}"])

    __str__ = to_string


def _quoted(text: str) -> str:
    return "".join(f"\\{letter}" if letter in '{}|<>"\\' else letter for letter in text)


@dataclass(frozen=True)
class _Wanted:
    """What boxes are to say."""

    shapes: bool = False
    dtype: bool = False
    names: bool = True
    activations: bool = False
    trainable: bool = False
    nested: bool = False

    def box(self, node: Any, sources: tuple[int, ...]) -> Box:
        """The box of one call of a layer."""
        layer = node.operation
        kind = type(layer).__name__
        lines = []
        if self.activations and hasattr(layer, "activation"):
            lines.append(f"Activation: {getattr(layer.activation, '__name__', layer.activation)}")
        if self.shapes:
            if not node.is_input:
                lines.append(f"Input shape: {_shapes(node.input_tensors)}")
            lines.append(f"Output shape: {_shapes(node.output_tensors)}")
        if self.dtype:
            lines.append(f"Output dtype: {', '.join(tensor.dtype for tensor in node.output_tensors)}")
        if self.trainable and getattr(layer, "weights", None):
            lines.append(f"Trainable: {layer.trainable}")
        if self.nested:
            lines += [f"└ {inner.name} ({type(inner).__name__})" for inner in getattr(layer, "layers", ())]
        return Box(f"{layer.name} ({kind})" if self.names else kind, tuple(lines), sources)


def _shapes(tensors: list) -> str:
    return str(tensors[0].shape) if len(tensors) == 1 else ", ".join(str(tensor.shape) for tensor in tensors)


def _boxes(model: Any, wanted: _Wanted) -> tuple[Box, ...]:
    from striate.models.node_graph import node_of

    if model._graph is None:
        raise ArgumentError("This model has not yet been built. Build the model first by calling `build()` or by "
                            "calling the model on a batch of data; a class with a `call` method has no picture. "
                            + received(model=model.name))
    numbers = {id(node): number for number, node in enumerate(model._graph.nodes)}
    return tuple(wanted.box(node, () if node.is_input else tuple(
        numbers[id(node_of(tensor))] for tensor in node.input_tensors)) for node in model._graph.nodes)


def model_to_dot(model, show_shapes: bool = False, show_dtype: bool = False,  # noqa: PLR0913 - Keras' arguments
                 show_layer_names: bool = True, rankdir: str = "TB", expand_nested: bool = False, dpi: int = 200,
                 subgraph: bool = False, show_layer_activations: bool = False, show_trainable: bool = False,
                 splines: str = "ortho") -> Dot:
    """A model as a graph for Graphviz; its `to_string()` is the text. The arguments are those of `plot_model`.

    Raises:
        ArgumentError: the model is not built.
    """
    wanted = _Wanted(show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable, expand_nested)
    return Dot(model.name, _boxes(model, wanted), rankdir)


def plot_model(model, to_file: str | os.PathLike | None = "model.png",  # noqa: PLR0913 - Keras' arguments
               show_shapes: bool = False, show_dtype: bool = False, show_layer_names: bool = False,
               rankdir: str = "TB", expand_nested: bool = False, dpi: int = 200, show_layer_activations: bool = False,
               show_trainable: bool = False, splines: str = "ortho"):
    """Draws the layers of a model, without Graphviz.

    Args:
        model: a Sequential or functional model.
        to_file: the picture: `.png`, `.svg`, `.pdf`, or `.dot` for the text; None: no file.
        show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable: what boxes say.
        rankdir: "TB" from top to bottom, "LR" for `.dot` files only.
        expand_nested: whether the layers of models inside are listed.
        dpi: resolution of a `.png`.
        splines: accepted for Keras' sake.

    Returns:
        A picture that shows itself in notebooks.

    Raises:
        ArgumentError: the model is not built, or an unknown ending.

    Example:
        >>> plot_model(model, "net.png", show_shapes=True)  # doctest: +SKIP
    """
    dot = model_to_dot(model, show_shapes, show_dtype, show_layer_names, rankdir, expand_nested,
                       show_layer_activations=show_layer_activations, show_trainable=show_trainable)
    drawn = striate.see.DrawnModel(dot)
    if to_file is None:
        return drawn
    ending = os.path.splitext(to_file)[1].lower()
    if ending == ".png":
        write_bytes(to_file, drawn.png(dpi))
    elif ending == ".dot":
        write_text(to_file, dot.to_string() + "\n")
    elif ending in (".svg", ".pdf"):
        drawn.save(to_file)
    else:
        raise ArgumentError("A picture of a model is written as .png, .svg, .pdf or .dot. "
                            + received(to_file=str(to_file)))
    return drawn
