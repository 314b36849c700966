"""`x_or_o`: the lectures' walk from a picture of 9x9 pixels through kernels, ReLU and pooling to votes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from striate import layers
from striate.datasets import x_or_o as letters
from striate.errors import ShapeError, received
from striate.see import grid
from striate.see.canvas import Canvas
from striate.see.films import run_layer
from striate.see.palette import BLUE, INK, MUTED, ORANGE, SHADE, rgb, signed
from striate.see.result import Result, aligned

WIDTH = 1100.0


@dataclass(frozen=True)
class XOrO(Result):
    """Every step for one picture: maps (7, 7, 3), relu, pooled (4, 4, 3), votes for X and O by similarity."""

    picture: np.ndarray
    maps: np.ndarray
    relu: np.ndarray
    pooled: np.ndarray
    votes: dict[str, float]

    @property
    def said(self) -> str:
        return max(self.votes, key=lambda name: self.votes[name])

    def data(self) -> dict[str, Any]:
        """All tables, the votes and the answer."""
        return {**vars(self), "said": self.said}

    def __str__(self) -> str:
        parts = []
        for channel in range(len(letters.KERNELS)):
            for name, values in (("kernel", letters.KERNELS[channel] * 9), ("feature map", self.maps[..., channel]),
                                 ("after ReLU", self.relu[..., channel]), ("pooled", self.pooled[..., channel])):
                rows = [[f"{value:.2f}" if name != "kernel" else f"{value:.0f}" for value in row]
                        for row in (cut(values) if name != "kernel" else values)]
                parts.append(f"kernel {channel + 1}: {name}\n{aligned(rows)}")
        votes = ", ".join(f"{name} {value:.2f}" for name, value in self.votes.items())
        return "\n\n".join(parts) + f"\n\nvotes: {votes}; said: {self.said}"

    def figure(self) -> Canvas:
        """One row a kernel: picture, kernel, map, ReLU, pooled."""
        title = f"X or O: said {self.said}"
        note = "Three kernels slide over 9x9 pixels of -1 and 1 and are divided by 9; ReLU; the largest of 2x2 with " \
               "stride 2. Numbers are cut after two decimals, as in the lecture. Votes: likeness to the pooled "\
               "maps of plain and thick letters at nine places."
        top = grid.header_height(WIDTH, title, note)
        canvas = Canvas(WIDTH, top + 3 * 262 + 40, title)
        grid.header(canvas, title, note)
        columns = (24.0, 236.0, 352.0, 602.0, 852.0)
        for channel in range(3):
            y = top + channel * 262
            panels = ((self.picture, 22.0, "picture"), (letters.KERNELS[channel] * 9, 32.0, "kernel"),
                      (cut(self.maps[..., channel]), 32.5, "feature map, 7x7"),
                      (cut(self.relu[..., channel]), 32.5, "after ReLU"),
                      (cut(self.pooled[..., channel]), 44.0, "pooled, 4x4"))
            for x, (values, cell, name) in zip(columns, panels, strict=True):
                canvas.text(x, y - 6, name, 14, MUTED)
                colours = inked(values) if name == "picture" else signed(values, 1.6 if name == "kernel" else 1.0)
                grid.numbers(canvas, x, y, values, cell, colours, 3)
        x = WIDTH - 24
        for name, colour in (("O", ORANGE), ("X", BLUE)):
            canvas.text(x, top + 3 * 262 + 16, f"vote for {name}: {self.votes[name]:.2f}", 18, colour, "end", bold=True)
            x -= 200
        canvas.text(24, top + 3 * 262 + 16, f"The picture is called {self.said}.", 18, INK, bold=True)
        return canvas


def inked(picture: np.ndarray) -> np.ndarray:
    """A picture of -1 and 1 as colours: ink on light paper."""
    return np.where(picture[..., np.newaxis] > 0, rgb(BLUE), rgb(SHADE)).astype(np.uint8)


def cut(values: np.ndarray) -> np.ndarray:
    """Numbers cut (not rounded) after two decimals.

    Example:
        >>> cut(np.array([7 / 9, -1 / 9])).tolist()
        [0.77, -0.11]
    """
    return np.trunc(np.asarray(values, np.float64) * 100 + np.sign(values) * 1e-4) / 100


def x_or_o(picture=None) -> XOrO:
    """Takes a 9x9 picture of -1 and 1 through the lecture's network.

    Args:
        picture: (9, 9); the plain X when left out. `datasets.x_or_o.draw` draws shifted, scaled, rotated and thicker
            letters.

    Raises:
        ShapeError: another size.

    Example:
        >>> x_or_o().said
        'X'
    """
    picture = nine_by_nine(picture)
    maps, relu, pooled = (array[0] for array in _steps(picture[np.newaxis]))
    votes = {name: max(_likeness(pooled, known) for known in _known(letter))
             for letter, name in enumerate(letters.CLASS_NAMES)}
    return XOrO(picture, maps, relu, pooled, votes)


def nine_by_nine(picture) -> np.ndarray:
    """A picture as float32 (9, 9); the plain X for None.

    Raises:
        ShapeError: another size.
    """
    picture = letters.plain_x() if picture is None else np.asarray(picture, np.float32)
    if picture.shape == (letters.SIDE, letters.SIDE, 1):
        picture = picture[..., 0]
    if picture.shape != (letters.SIDE, letters.SIDE):
        raise ShapeError("The picture must have 9x9 pixels of -1 (paper) and 1 (ink). "
                         + received(shape=picture.shape))
    return picture


@cache
def _known(letter: int) -> tuple[np.ndarray, ...]:
    """The pooled maps of plain and thick letters at nine places: what a picture is likened to."""
    shifts = [(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1)]
    drawn = [letters.draw(letter, shift, thickness=width) for width in (1.0, 1.8) for shift in shifts]
    return tuple(_steps(np.stack(drawn))[2])


def _steps(pictures: np.ndarray):
    """(maps, after ReLU, pooled) of pictures (count, 9, 9), computed by the engine's layers."""
    convolution = layers.Conv2D(3, 3, use_bias=False)
    convolution.build((1, letters.SIDE, letters.SIDE, 1))
    convolution.kernel.assign(np.moveaxis(letters.KERNELS, 0, -1)[:, :, np.newaxis])
    maps = run_layer(convolution, pictures[..., np.newaxis])
    relu = run_layer(layers.ReLU(), maps)
    pooled = run_layer(layers.MaxPooling2D(2, 2, padding="same"), relu)
    return maps, relu, pooled


def _likeness(one: np.ndarray, two: np.ndarray) -> float:
    """The cosine between two stacks of maps, each map's mean taken away."""
    one, two = (maps - maps.mean(axis=(0, 1)) for maps in (one, two))
    return float((one * two).sum() / (np.linalg.norm(one) * np.linalg.norm(two) + 1e-12))
