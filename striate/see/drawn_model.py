"""A model's layers as boxes with arrows from top to bottom: what `keras.utils.plot_model` draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from striate.see.canvas import Canvas
from striate.see.palette import INK, LINE, MUTED
from striate.see.result import Result

_HEAD, _LINE, _GAP, _SPACE, _LANE = 26.0, 20.0, 34.0, 28.0, 18.0
"""Heights of a box' head and lines; distances between rows, between boxes and between lines that pass rows."""


class Box(Protocol):
    """What a box needs: text in its head and below, its size, and the numbers of the boxes that feed it."""

    head: str
    lines: tuple[str, ...]
    sources: tuple[int, ...]
    width: float
    height: float


class Graph(Protocol):
    """A named list of boxes, each behind those that feed it; and the same as text."""

    name: str
    boxes: Sequence[Any]

    def to_string(self) -> str:
        """The text."""
        ...


@dataclass(frozen=True)
class DrawnModel(Result):
    """Boxes with arrows.

    `graph`: of boxes and arrows; `to_string()` gives it in Graphviz' words.
    """

    graph: Graph

    def data(self) -> dict[str, Any]:
        """The boxes."""
        return {"model": self.graph.name, "layers": [
            {"head": box.head, "lines": list(box.lines), "sources": list(box.sources)} for box in self.graph.boxes]}

    def __str__(self) -> str:
        return self.graph.to_string()

    def png(self, dpi: float) -> bytes:
        """The drawing as a PNG file, of which `dpi` pixels are an inch."""
        return self.figure().png(dpi / 72)

    def figure(self) -> Canvas:
        """The drawing."""
        boxes = list(self.graph.boxes)
        rows = _rows(boxes)
        passing = [(source, number) for number, box in enumerate(boxes) for source in box.sources
                   if _row_of(rows, number) - _row_of(rows, source) > 1]
        widths = [sum(boxes[number].width for number in row) + _SPACE * (len(row) - 1) for row in rows]
        inner = max(widths)
        heights = [max(boxes[number].height for number in row) for row in rows]
        canvas = Canvas(inner + 40 + _LANE * len(passing), sum(heights) + _GAP * (len(rows) - 1) + 40, self.graph.name)
        places = _places(boxes, rows, widths, heights, inner)
        _arrows(canvas, boxes, places, passing, inner + 20)
        for number, box in enumerate(boxes):
            _draw(canvas, box, *places[number])
        return canvas


def _rows(boxes: list) -> list[list[int]]:
    """Numbers of the boxes in each row: one row below the lowest of those that feed them."""
    level: list[int] = []
    for box in boxes:
        level.append(1 + max((level[source] for source in box.sources), default=-1))
    return [[number for number, own in enumerate(level) if own == row] for row in range(max(level) + 1)]


def _row_of(rows: list[list[int]], number: int) -> int:
    return next(index for index, row in enumerate(rows) if number in row)


def _places(boxes: list, rows, widths, heights, inner: float) -> dict[int, tuple[float, float]]:
    """Number -> left and upper edge."""
    places, y = {}, 20.0
    for row, width, height in zip(rows, widths, heights, strict=True):
        x = 20 + (inner - width) / 2
        for number in row:
            places[number] = x, y
            x += boxes[number].width + _SPACE
        y += height + _GAP
    return places


def _arrows(canvas: Canvas, boxes: list, places, passing, side: float) -> None:
    """Straight arrows to the next row; others on lanes of their own beside the boxes."""
    for number, box in enumerate(boxes):
        x, y = places[number]
        for source in box.sources:
            sx, sy = places[source]
            middle = sx + boxes[source].width / 2
            if (source, number) not in passing:
                canvas.arrow((middle, sy + boxes[source].height), (x + box.width / 2, y), MUTED)
                continue
            lane = side + _LANE * (passing.index((source, number)) + 1)
            above, entry = y - _GAP / 3, x + 0.8 * box.width
            canvas.path([(sx + boxes[source].width, sy + _HEAD / 2), (lane, sy + _HEAD / 2), (lane, above),
                         (entry, above)], MUTED)
            canvas.arrow((entry, above), (entry, y), MUTED)


def _draw(canvas: Canvas, box: Box, x: float, y: float) -> None:
    canvas.rectangle(x, y, box.width, box.height, fill="#ffffff", line=LINE, radius=4)
    canvas.rectangle(x, y, box.width, _HEAD, fill=INK, radius=4)
    canvas.text(x + box.width / 2, y + 18, box.head, 13, "#ffffff", anchor="middle", bold=True)
    for index, line in enumerate(box.lines):
        canvas.text(x + box.width / 2, y + _HEAD + 15 + index * _LINE, line, 12.5, INK, anchor="middle")
