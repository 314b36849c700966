"""The figure of a generator that grew: real pictures above, below them what the same noise gave after some epochs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from striate.see import grid
from striate.see.canvas import Canvas
from striate.see.palette import BLUE, INK, LINE, MUTED, ORANGE, heat

if TYPE_CHECKING:
    from striate.systems.brain_gan import Growth

_SIDE, _GAP, _LABEL, _PLOT = 104.0, 6.0, 84.0, 120.0
_TITLE = "A generator learns from a discriminator"
_NOTE = ("Simulated frames, not measured ones. Each column below the first row is the same noise; the discriminator "
         "sees these pictures beside real ones and the generator is corrected by its answers.")


def growth_figure(growth: Growth) -> Canvas:
    """Rows of pictures, and below them the shares of real and of made pictures that the discriminator recognised."""
    columns = max(len(pictures) for _, pictures in growth.pictures)
    width = 2 * grid.MARGIN + _LABEL + columns * (_SIDE + _GAP)
    top = grid.header_height(width, _TITLE, _NOTE)
    below = top + len(growth.pictures) * (_SIDE + _GAP)
    canvas = Canvas(width, below + _PLOT + 90, _TITLE)
    grid.header(canvas, _TITLE, _NOTE)
    for row, (words, pictures) in enumerate(growth.pictures):
        y = top + row * (_SIDE + _GAP)
        canvas.text(grid.MARGIN, y + _SIDE / 2, words, grid.TEXT_SIZE, INK, bold=not row)
        tiles = [(heat(picture[..., 0], -1, 1), "") for picture in pictures]
        grid.gallery(canvas, grid.MARGIN + _LABEL, y, tiles, _SIDE, columns, _GAP)
    _shares(canvas, grid.MARGIN + _LABEL, below + 40, width - 2 * grid.MARGIN - _LABEL, growth)
    return canvas


def _shares(canvas: Canvas, x: float, y: float, width: float, growth: Growth) -> None:
    canvas.text(x, y - 14, "What the discriminator recognised in each epoch of training", grid.TEXT_SIZE, INK)
    for share in (0.0, 0.5, 1.0):
        place = y + (1 - share) * _PLOT
        canvas.path([(x, place), (x + width, place)], LINE, 1)
        canvas.text(x - 8, place + 4, f"{share:.0%}", grid.SMALL_SIZE, MUTED, "end")
    shares = (("reals_found", "real frames", BLUE, 0), ("fakes_found", "made ones", ORANGE, 130))
    for name, words, colour, left in shares:
        _line(canvas, x, y, width, growth.history[name], colour)
        canvas.path([(x + left, y + _PLOT + 22), (x + left + 22, y + _PLOT + 22)], colour, 3)
        canvas.text(x + left + 28, y + _PLOT + 27, words, grid.SMALL_SIZE, INK)
    canvas.text(x + width, y + _PLOT + 27, f"epoch {len(growth.history['reals_found'])}", grid.SMALL_SIZE, MUTED, "end")


def _line(canvas: Canvas, x: float, y: float, width: float, values: Sequence[float], colour: str) -> None:
    places = np.linspace(x, x + width, len(values))
    canvas.path([(float(place), y + (1 - float(value)) * _PLOT) for place, value in zip(places, values, strict=True)],
                colour, 2.4)
