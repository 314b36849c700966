"""`architecture`: a network as layered blocks, or, where it branches, as a graph of boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from striate.see import grid, probe
from striate.see.canvas import Canvas
from striate.see.palette import BLUE, GREEN, INK, LINE, MUTED, ORANGE, PURPLE, YELLOW, hexadecimal, rgb, text_width
from striate.see.result import Result, aligned

FAMILIES = (
    ("convolution", BLUE, ("Conv", "Separable", "Depthwise")), ("pooling", ORANGE, ("Pool",)),
    ("dense", GREEN, ("Dense", "Embedding")), ("normalisation", PURPLE, ("Normalization",)),
    ("input", INK, ("Input",)), ("merging", YELLOW, ("Add", "Concat", "Multiply", "Average", "Maximum", "Subtract")),
)
OTHER = "other", "#8493a5"
SLANT = 0.38
LABEL_SIZE, LABEL_ROOM = 15, 300.0


@dataclass(frozen=True)
class Block:
    """One layer of the drawing: its name, class, output shape without the batch, parameters, and what feeds it."""

    name: str
    kind: str
    shape: tuple
    parameters: int
    sources: tuple[str, ...]

    @property
    def family(self) -> tuple[str, str]:
        """(name, colour)."""
        for name, colour, words in FAMILIES:
            if any(word in self.kind for word in words) and not (name == "merging" and "Pool" in self.kind):
                return name, colour
        return OTHER

    @property
    def shape_text(self) -> str:
        return " x ".join("?" if n is None else f"{n:,}" for n in self.shape)


@dataclass(frozen=True)
class Architecture(Result):
    """The layers of a model in the order of their calls."""

    model: str
    blocks: tuple[Block, ...]
    is_chain: bool

    def data(self) -> dict[str, Any]:
        """The blocks."""
        return {"model": self.model, "blocks": [vars(block) for block in self.blocks]}

    def __str__(self) -> str:
        rows = [[block.name, block.kind, block.shape_text, f"{block.parameters:,}", ", ".join(block.sources)]
                for block in self.blocks]
        return f"{self.model}\n\n" + aligned(rows, ["layer", "type", "output", "parameters", "fed by"])

    def figure(self) -> Canvas:
        """The drawing, with a legend."""
        return _layered(self) if self.is_chain else _graph(self)


def architecture(model) -> Architecture:
    """The drawing of a network: blocks whose size follows the shapes, or a graph if it branches.

    `model`: one with a graph; its blocks are in the order of the data.

    Example:
        >>> from striate import zoo
        >>> architecture(zoo.build("yale")).blocks[-1].shape
        (2,)
    """
    graph = probe.network(model)
    blocks: list[Block] = []
    for node in graph.nodes:
        layer = node.operation
        count = int(layer.count_params()) if hasattr(layer, "count_params") else 0
        sources = tuple(graph.maker(tensor).name for tensor in node.input_tensors)
        blocks.append(Block(node.name, type(layer).__name__, tuple(node.output_tensors[0].shape[1:]), count, sources))
    return Architecture(model.name, tuple(blocks), graph.is_chain)


def _shade(colour: str, factor: float) -> str:
    return hexadecimal(tuple(min(255, part * factor + (255 * (factor - 1) * 0.55 if factor > 1 else 0))
                             for part in rgb(colour)))


def _legend(canvas: Canvas, blocks, x: float, y: float) -> None:
    seen = dict(block.family for block in blocks)
    for name, colour in seen.items():
        canvas.rectangle(x, y - 12, 15, 15, fill=colour, radius=2)
        canvas.text(x + 22, y + 1, name, 14, MUTED)
        x += 22 + text_width(name, 14) + 26


def _layered(drawing: Architecture) -> Canvas:
    """Blocks from left to right in rows: height and depth follow the places, thickness the channels."""
    shown = [b for b in drawing.blocks if b.kind not in ("Dropout", "Activation", "ReLU", "BatchNormalization")]
    rest = [b for b in drawing.blocks if b not in shown]
    longest = max((max(_places(b)) for b in shown), default=1)
    width, title = 1200.0, f"The layers of {drawing.model}"
    total = sum(block.parameters for block in drawing.blocks)
    note = f"{total:,} parameters. Height and depth of a block follow its places, its thickness the channels. " \
           "Below: what it gives, and its parameters."
    if rest:
        names = ", ".join(sorted({block.kind for block in rest}))
        note += f" Not drawn because they keep the shape: {names} ({len(rest)})."
    top = grid.header_height(width, title, note)
    canvas = Canvas(width, 10, title)
    grid.header(canvas, title, note)
    x, y, row = 40.0, top + 40, 270.0
    for block in shown:
        front, thick = _block_size(block, longest)
        depth = front * SLANT if len(block.shape) == 3 else 10
        words = block.name, block.shape_text, f"{block.parameters:,}"
        widest = max(text_width(word, LABEL_SIZE) * grid.BOLDER for word in words)
        room = max(thick + depth + 26, min(widest, LABEL_ROOM) + 20)
        if x + room > width - 20:
            x, y = 40.0, y + row + 74
        _prism(canvas, x, y + (row - 60 - front) / 2, thick, front, depth, block.family[1])
        for line, (text, colour) in enumerate(((block.name, INK), (block.shape_text, MUTED),
                                               (f"{block.parameters:,}" if block.parameters else "", MUTED))):
            grid.label(canvas, (x, y + row - 36 + 20 * line), text, LABEL_ROOM, LABEL_SIZE, colour, bold=line == 0)
        x += room
    _legend(canvas, shown, 40, y + row + 44)
    canvas.height = y + row + 66
    return canvas


def _places(block: Block) -> tuple[int, ...]:
    places = block.shape[:-1] if len(block.shape) > 1 else (1,)
    return tuple(n or 1 for n in places)


def _block_size(block: Block, longest: int) -> tuple[float, float]:
    """(height of the front, thickness) in units."""
    channels = block.shape[-1] or 1 if block.shape else 1
    if len(block.shape) == 1:
        return min(200.0, 14 + 26 * channels ** 0.26), 14.0
    return 18 + 130 * (max(_places(block)) / longest) ** 0.6, 6 + 5.5 * channels ** 0.42


def _prism(canvas: Canvas, x: float, y: float, width: float, height: float, depth: float, colour: str) -> None:
    """A block seen from the front left: front, top and right side."""
    dx, dy = depth, depth * 0.6
    line = _shade(colour, 0.6)
    canvas.path([(x, y), (x + dx, y - dy), (x + width + dx, y - dy), (x + width, y), (x, y)], line, 1,
                fill=_shade(colour, 1.35))
    canvas.path([(x + width, y), (x + width + dx, y - dy), (x + width + dx, y + height - dy), (x + width, y + height),
                 (x + width, y)], line, 1, fill=_shade(colour, 0.75))
    canvas.rectangle(x, y, width, height, fill=colour, line=line)


def _sized(block: Block) -> str:
    return block.shape_text + (f",  {block.parameters:,} parameters" if block.parameters else "")


def _graph(drawing: Architecture) -> Canvas:
    """Boxes from top to bottom, one row a step from the inputs; lines where one feeds another."""
    level: dict[str, int] = {}
    for block in drawing.blocks:
        level[block.name] = 1 + max((level[source] for source in block.sources), default=-1)
    rows: dict[int, list[Block]] = {}
    for block in drawing.blocks:
        rows.setdefault(level[block.name], []).append(block)
    most = max(len(row) for row in rows.values())
    widest = max(max(text_width(_sized(b), 13), text_width(b.name, 14) * grid.BOLDER) for b in drawing.blocks)
    box_width, box_height, gap = min(420.0, max(250.0, widest + 34)), 50.0, 34.0
    lanes = sum(1 for b in drawing.blocks for s in b.sources if level[b.name] - level[s] > 1)
    legend = sum(text_width(name, 14) + 48 for name in dict(block.family for block in drawing.blocks))
    width = max(640.0, legend + 40, most * (box_width + 40) + 80 + 26 * lanes)
    total = sum(block.parameters for block in drawing.blocks)
    note, title = f"{total:,} parameters", f"The layers of {drawing.model}"
    top = grid.header_height(width, title, note)
    canvas = Canvas(width, top + len(rows) * (box_height + gap) + 40, title)
    grid.header(canvas, title, note)
    inner = width - 26 * lanes
    at = {block.name: ((index + 0.5) * inner / len(row), top + place * (box_height + gap))
          for place, row in rows.items() for index, block in enumerate(row)}
    lane = 0
    for block in drawing.blocks:
        x, y = at[block.name]
        for source in block.sources:
            sx, sy = at[source][0], at[source][1] + box_height
            if level[block.name] - level[source] == 1:
                canvas.arrow((sx, sy), (x, y), MUTED)
            else:  # Past the rows between, on a lane of its own.
                lane += 1
                side = inner + 26 * lane - 20
                canvas.path([(at[source][0] + box_width / 2, sy - box_height / 2), (side, sy - box_height / 2),
                             (side, y + box_height / 2)], MUTED)
                canvas.arrow((side, y + box_height / 2), (x + box_width / 2, y + box_height / 2), MUTED)
    for block in drawing.blocks:
        x, y = at[block.name]
        canvas.rectangle(x - box_width / 2, y, box_width, box_height, fill="#ffffff", line=LINE, radius=7)
        canvas.rectangle(x - box_width / 2, y, 9, box_height, fill=block.family[1], radius=4)
        grid.label(canvas, (x - box_width / 2 + 20, y + 21), block.name, box_width - 28, 14, bold=True)
        grid.label(canvas, (x - box_width / 2 + 20, y + 40), _sized(block), box_width - 28, 13, MUTED)
    _legend(canvas, drawing.blocks, 30, canvas.height - 18)
    return canvas
