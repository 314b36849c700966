"""Drawings as the pages of a PDF file: lines stay lines and text stays text, at any size of the page."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from striate.errors import ArgumentError
from striate.see.canvas import Canvas, Path, Picture, Rectangle, Text

FAMILY = "DejaVu Sans"
"""Comes with matplotlib, so that every computer writes the same pages."""
SETTINGS: Any = {"pdf.fonttype": 42}
"""Fonts are embedded as TrueType, whose text can be selected, searched and copied."""
ENLARGED = 4
"""Each pixel of a picture is written so many times each way: some viewers blur what has fewer."""


def pages(canvases: Sequence[Canvas]) -> bytes:
    """Drawings as the pages of one PDF file, a point (1/72 inch) for each unit.

    Raises:
        ArgumentError: matplotlib is not installed.

    Example:
        pages([see.architecture(model).figure()])
    """
    try:
        import matplotlib
        from matplotlib.backends.backend_pdf import FigureCanvasPdf, PdfPages
        from matplotlib.figure import Figure
    except ImportError:
        raise ArgumentError("PDF pages are written with matplotlib: pip install 'striate[viz]'. Without it: save as "
                            ".svg, .png or .html, which a browser prints as PDF.") from None
    memory = io.BytesIO()
    facts = {"Title": canvases[0].describe, "Creator": "striate", "CreationDate": None}
    with matplotlib.rc_context(SETTINGS), PdfPages(memory, metadata=facts) as book:
        for canvas in canvases:
            page = Figure(figsize=(canvas.width / 72, canvas.height / 72), dpi=72)
            page.add_artist(_drawing(canvas))
            FigureCanvasPdf(page).print_pdf(book)
    return memory.getvalue()


def _drawing(canvas: Canvas) -> Any:
    """The shapes of a canvas as one artist of matplotlib; SVG counts y downwards, PDF upwards."""
    from matplotlib.artist import Artist
    from matplotlib.transforms import Affine2D

    turned = Affine2D().scale(1, -1).translate(0, canvas.height)

    class Drawing(Artist):
        def draw(self, renderer):
            for shape in canvas.shapes:
                _PEN[type(shape)](renderer, shape, turned)

    return Drawing()


def _context(renderer, shape):
    """The pen for a shape's outline."""
    context = renderer.new_gc()
    context.set_alpha(shape.opacity)
    context.set_joinstyle("round")
    context.set_linewidth(shape.thickness if shape.line else 0)
    context.set_foreground(shape.line or "none")
    return context


def _face(shape):
    from matplotlib.colors import to_rgba

    return to_rgba(shape.fill, shape.opacity) if shape.fill else None


def _rectangle(renderer, shape: Rectangle, turned) -> None:
    from matplotlib.patches import FancyBboxPatch

    style = f"round,pad=0,rounding_size={shape.radius}" if shape.radius else "square,pad=0"
    outline = FancyBboxPatch((shape.x, shape.y), shape.width, shape.height, style).get_path()
    renderer.draw_path(_context(renderer, shape), outline, turned, _face(shape))


def _path(renderer, shape: Path, turned) -> None:
    from matplotlib.path import Path as Line

    context = _context(renderer, shape)
    if shape.dash:
        context.set_dashes(0, [shape.dash, shape.dash])
    points = [*shape.points, shape.points[0]] if shape.fill else list(shape.points)
    renderer.draw_path(context, Line(points, closed=bool(shape.fill)), turned, _face(shape))


def _text(renderer, shape: Text, turned) -> None:
    from matplotlib.font_manager import FontProperties

    if not shape.text.strip():
        return
    font = FontProperties(family=FAMILY, weight="bold" if shape.bold else "normal", size=shape.size)
    x, y = turned.transform((shape.x, shape.y))
    if shape.anchor != "start":
        width, _, _ = renderer.get_text_width_height_descent(shape.text, font, ismath=False)
        x -= width / 2 if shape.anchor == "middle" else width
    context = renderer.new_gc()
    context.set_foreground(shape.colour)
    renderer.draw_text(context, x, y, shape.text, font, 0)


def _picture(renderer, shape: Picture, turned) -> None:
    from matplotlib.transforms import Affine2D

    pixels = np.repeat(np.repeat(shape.pixels, ENLARGED, 0), ENLARGED, 1)
    whole = np.full((*pixels.shape[:2], 4), 255, np.uint8)
    whole[..., :3] = pixels
    x, y = turned.transform((shape.x, shape.y + shape.height))
    renderer.draw_image(renderer.new_gc(), x, y, whole[::-1], Affine2D().scale(shape.width, shape.height))


_PEN: dict[type, Any] = {Rectangle: _rectangle, Path: _path, Text: _text, Picture: _picture}
