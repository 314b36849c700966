"""`Canvas`: a list of shapes, which is written as SVG text or drawn as pixels, both from the same list."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from pathlib import Path as FilePath
from typing import Any

import numpy as np

from striate.errors import ArgumentError, received
from striate.files import write_bytes, write_text
from striate.see.palette import FONT, INK, PAPER, rgb, text_width

ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}
SHARPER = 2
"""Pixels are drawn this many times too large and then averaged, so that slanted lines are smooth."""
PIXELS_A_UNIT = 2.0
"""Of saved still pictures: sharp on a projector."""
NORMAL, BOLD = "DejaVuSans.ttf", "DejaVuSans-Bold.ttf"


@dataclass(frozen=True)
class Rectangle:
    """Filled and/or outlined; `fill` or `line` None leaves that out."""

    x: float
    y: float
    width: float
    height: float
    fill: str | None
    line: str | None
    thickness: float
    opacity: float
    radius: float


@dataclass(frozen=True)
class Path:
    """Straight lines through points; closed when filled."""

    points: tuple[tuple[float, float], ...]
    fill: str | None
    line: str | None
    thickness: float
    opacity: float
    dash: float


@dataclass(frozen=True)
class Text:
    """One line; y is its base line."""

    x: float
    y: float
    text: str
    size: float
    colour: str
    anchor: str
    bold: bool


@dataclass(frozen=True)
class Picture:
    """Pixels (height, width, 3), uint8, enlarged without blurring."""

    x: float
    y: float
    width: float
    height: float
    pixels: np.ndarray


@dataclass
class Canvas:
    """A drawing of `width` x `height` units; `describe` is read out to those who cannot see it.

    Example:
        >>> canvas = Canvas(40, 20, "a box")
        >>> canvas.rectangle(1, 1, 38, 18, fill="#1f5fbf")
        >>> canvas.svg().count("<rect")
        2
    """

    width: float
    height: float
    describe: str = ""
    shapes: list[Any] = field(default_factory=list)

    def rectangle(self, x, y, width, height, fill=None, line=None, thickness=1.0, opacity=1.0, radius=0.0) -> None:
        """Adds a rectangle."""
        self.shapes.append(Rectangle(x, y, width, height, fill, line, thickness, opacity, radius))

    def path(self, points: Sequence, line: str | None = INK, thickness=1.5, fill=None, opacity=1.0, dash=0.0) -> None:
        """Adds straight lines through points; with `fill` a polygon."""
        self.shapes.append(Path(tuple((float(x), float(y)) for x, y in points), fill, line, thickness, opacity, dash))

    def arrow(self, start, end, line: str = INK, thickness=1.5, head=6.0) -> None:
        """Adds a line with a head at its end."""
        (x0, y0), (x1, y1) = start, end
        length = float(np.hypot(x1 - x0, y1 - y0)) or 1.0
        ux, uy = (x1 - x0) / length, (y1 - y0) / length
        back = x1 - head * ux, y1 - head * uy
        self.path([start, back], line, thickness)
        side = head * 0.5
        self.path([end, (back[0] - side * uy, back[1] + side * ux), (back[0] + side * uy, back[1] - side * ux)],
                  None, 0, fill=line)

    def text(self, x, y, text: object, size=14.0, colour: str = INK, anchor: str = "start", bold=False) -> None:
        """Adds a line of text on the base line y."""
        self.shapes.append(Text(x, y, str(text), size, colour, anchor, bold))

    def picture(self, x, y, width, height, pixels: np.ndarray) -> None:
        """Adds pixels (height, width, 3), uint8."""
        self.shapes.append(Picture(x, y, width, height, np.ascontiguousarray(pixels, np.uint8)))

    def paste(self, other: Canvas, x: float, y: float) -> None:
        """Adds all shapes of another canvas, moved by (x, y)."""
        for shape in other.shapes:
            self.shapes.append(_moved(shape, x, y))

    def svg(self) -> str:
        """The drawing as SVG text that needs nothing but itself."""
        return (f"<svg xmlns='http://www.w3.org/2000/svg' width='{_number(self.width)}' height='{_number(self.height)}'"
                f" viewBox='0 0 {_number(self.width)} {_number(self.height)}' role='img' font-family=\"{FONT}\">"
                f"<title>{escape(self.describe)}</title>{self.svg_shapes()}</svg>")

    def svg_shapes(self) -> str:
        """The shapes on white paper, without the element around them."""
        paper = f"<rect width='{_number(self.width)}' height='{_number(self.height)}' fill='{PAPER}'/>"
        return paper + "".join(_SVG[type(shape)](shape) for shape in self.shapes)

    def save(self, path) -> None:
        """Writes the drawing; the file's ending says as what: svg or png.

        Raises:
            ArgumentError: another ending.
        """
        path = FilePath(path)
        if path.suffix.lower() == ".svg":
            write_text(path, self.svg())
        elif path.suffix.lower() == ".png":
            write_bytes(path, self.png())
        else:
            raise ArgumentError("The file's ending says how a drawing is written: .svg or .png. "
                                + received(path=str(path)))

    def png(self, scale: float = PIXELS_A_UNIT) -> bytes:
        """The drawing as a PNG file, `scale` pixels a unit; one of few colours as a small one."""
        image, memory = self.image(scale), io.BytesIO()
        if image.getcolors(256) is not None:
            image = image.quantize(256)
        image.save(memory, "PNG", optimize=True)
        return memory.getvalue()

    def image(self, scale: float = 1.0):
        """The drawing as a Pillow image, `scale` pixels a unit."""
        from PIL import Image, ImageDraw

        zoom = scale * SHARPER
        size = max(1, round(self.width * scale)), max(1, round(self.height * scale))
        picture = Image.new("RGB", (size[0] * SHARPER, size[1] * SHARPER), PAPER)
        for shape in self.shapes:
            if getattr(shape, "opacity", 1.0) < 1:
                above = picture.copy()
                _RASTER[type(shape)](above, ImageDraw.Draw(above), shape, zoom)
                picture = Image.blend(picture, above, shape.opacity)
            else:
                _RASTER[type(shape)](picture, ImageDraw.Draw(picture), shape, zoom)
        return picture.resize(size, Image.Resampling.BOX)


def _moved(shape, x: float, y: float):
    from dataclasses import replace

    if isinstance(shape, Path):
        return replace(shape, points=tuple((px + x, py + y) for px, py in shape.points))
    return replace(shape, x=shape.x + x, y=shape.y + y)


# ---- as SVG ----------------------------------------------------------------------------------------------------------

def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _look(shape) -> str:
    line = f" stroke='{shape.line}' stroke-width='{_number(shape.thickness)}'" if shape.line else ""
    seen = f" opacity='{_number(shape.opacity)}'" if shape.opacity < 1 else ""
    return f" fill='{shape.fill or 'none'}'{line}{seen}"


def _svg_rectangle(shape: Rectangle) -> str:
    radius = f" rx='{_number(shape.radius)}'" if shape.radius else ""
    return (f"<rect x='{_number(shape.x)}' y='{_number(shape.y)}' width='{_number(shape.width)}' "
            f"height='{_number(shape.height)}'{radius}{_look(shape)}/>")


def _svg_path(shape: Path) -> str:
    points = " ".join(f"{_number(x)},{_number(y)}" for x, y in shape.points)
    dash = f" stroke-dasharray='{_number(shape.dash)}'" if shape.dash else ""
    kind = "polygon" if shape.fill else "polyline"
    return f"<{kind} points='{points}'{_look(shape)}{dash} stroke-linejoin='round'/>"


def _svg_text(shape: Text) -> str:
    bold = " font-weight='bold'" if shape.bold else ""
    anchor = "" if shape.anchor == "start" else f" text-anchor='{shape.anchor}'"
    return (f"<text x='{_number(shape.x)}' y='{_number(shape.y)}' font-size='{_number(shape.size)}' "
            f"fill='{shape.colour}'{anchor}{bold} xml:space='preserve'>{escape(shape.text)}</text>")


def _svg_picture(shape: Picture) -> str:
    from PIL import Image

    memory = io.BytesIO()
    Image.fromarray(shape.pixels).save(memory, "PNG")
    source = base64.b64encode(memory.getvalue()).decode("ascii")
    return (f"<image x='{_number(shape.x)}' y='{_number(shape.y)}' width='{_number(shape.width)}' "
            f"height='{_number(shape.height)}' preserveAspectRatio='none' style='image-rendering:pixelated' "
            f"href='data:image/png;base64,{source}'/>")


# ---- as pixels -------------------------------------------------------------------------------------------------------

def _draw_rectangle(picture, pen, shape: Rectangle, zoom: float) -> None:
    box = [shape.x * zoom, shape.y * zoom, (shape.x + shape.width) * zoom, (shape.y + shape.height) * zoom]
    width = max(1, round(shape.thickness * zoom)) if shape.line else 0
    half = width / 2
    if shape.line:  # SVG's outlines stand half outside.
        box = [box[0] - half, box[1] - half, box[2] + half, box[3] + half]
    pen.rounded_rectangle(box, shape.radius * zoom, fill=shape.fill, outline=shape.line, width=width)


def _draw_path(picture, pen, shape: Path, zoom: float) -> None:
    points = [(x * zoom, y * zoom) for x, y in shape.points]
    width = max(1, round(shape.thickness * zoom))
    if shape.fill:
        pen.polygon(points, fill=shape.fill)
        points = [*points, points[0]]
    if shape.line and shape.dash:
        for start, end in zip(points, points[1:], strict=False):
            _draw_dashes(pen, np.array(start), np.array(end), shape.dash * zoom, shape.line, width)
    elif shape.line:
        pen.line(points, fill=shape.line, width=width, joint="curve")


def _draw_dashes(pen, start: np.ndarray, end: np.ndarray, dash: float, line: str, width: int) -> None:
    length = float(np.hypot(*(end - start)))
    for place in np.arange(0, length, 2 * dash):
        part = start + (end - start) * place / length, start + (end - start) * min(1, (place + dash) / length)
        pen.line([tuple(part[0]), tuple(part[1])], fill=line, width=width)


@cache
def _font(bold: bool, size: float):
    from PIL import ImageFont

    try:
        return ImageFont.truetype(BOLD if bold else NORMAL, size)
    except OSError:
        return ImageFont.load_default(size)


def _draw_text(picture, pen, shape: Text, zoom: float) -> None:
    pen.text((shape.x * zoom, shape.y * zoom), shape.text, fill=rgb(shape.colour), anchor=ANCHORS[shape.anchor],
             font=_font(shape.bold, shape.size * zoom))


def _draw_picture(picture, pen, shape: Picture, zoom: float) -> None:
    from PIL import Image

    left, top = round(shape.x * zoom), round(shape.y * zoom)
    size = max(1, round((shape.x + shape.width) * zoom) - left), max(1, round((shape.y + shape.height) * zoom) - top)
    picture.paste(Image.fromarray(shape.pixels).resize(size, Image.Resampling.NEAREST), (left, top))


_SVG: dict[type, Any] = {Rectangle: _svg_rectangle, Path: _svg_path, Text: _svg_text, Picture: _svg_picture}
_RASTER: dict[type, Any] = {Rectangle: _draw_rectangle, Path: _draw_path, Text: _draw_text, Picture: _draw_picture}


def wrapped(text: str, width: float, size: float) -> list[str]:
    """Text broken into lines that fit a width.

    Example:
        >>> wrapped("one two three", 60, 12)
        ['one two', 'three']
    """
    lines: list[str] = []
    for word in text.split():
        if lines and text_width(f"{lines[-1]} {word}", size) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
