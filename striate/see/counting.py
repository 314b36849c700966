"""The lectures' sums: full, sparse and shared connections, and what edge detection costs in two ways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from striate.errors import ArgumentError, received
from striate.see import arguments, grid
from striate.see.canvas import Canvas
from striate.see.palette import BLUE, INK, LINE, MUTED, ORANGE, photograph, signed
from striate.see.result import Result, aligned

MOST_PIXELS = 1000
"""More could not be told apart in the drawing."""


@dataclass(frozen=True)
class Connectivity(Result):
    """Weights between a line of pixels and neurons: all connected, only neighbours, neighbours with shared weights."""

    pixels: int
    neurons: int
    taps: int

    @property
    def full(self) -> int:
        return self.pixels * self.neurons

    @property
    def sparse(self) -> int:
        return self.taps * self.neurons

    @property
    def shared(self) -> int:
        return self.taps

    def data(self) -> dict[str, Any]:
        """The three counts."""
        return {"pixels": self.pixels, "neurons": self.neurons, "taps": self.taps, "full": self.full,
                "sparse": self.sparse, "shared": self.shared}

    def __str__(self) -> str:
        return aligned([
            ["full", f"{self.pixels} pixels * {self.neurons} neurons", f"{self.full:,}"],
            ["sparse", f"{self.taps} neighbours * {self.neurons} neurons", f"{self.sparse:,}"],
            ["shared", f"{self.taps} neighbours, the same for every neuron", f"{self.shared:,}"],
        ], ["connections", "count", "weights"])

    def figure(self) -> Canvas:
        """Three nets beside each other; equal colours are equal weights."""
        width = 1060.0
        title = "Full, sparse and shared connections"
        note = f"{self.pixels} pixels (below), {self.neurons} neurons (above). Lines of one colour share one weight."
        top = grid.header_height(width, title, note)
        canvas = Canvas(width, top + 280, title)
        grid.header(canvas, title, note)
        start = (self.pixels - self.neurons - self.taps + 1) // 2
        for panel, (name, count) in enumerate((("full", self.full), ("sparse", self.sparse), ("shared", self.shared))):
            left, room = grid.MARGIN + panel * 345, 300.0
            below = [(left + (i + 0.5) * room / self.pixels, top + 200) for i in range(self.pixels)]
            shift = (self.pixels - self.neurons) / 2
            above = [(left + (i + shift + 0.5) * room / self.pixels, top + 50) for i in range(self.neurons)]
            for j, end in enumerate(above):
                for i, begin in enumerate(below):
                    tap = i - j - start
                    if name == "full" or 0 <= tap < self.taps:
                        colour = (BLUE, ORANGE, "#1d8562", "#8a4fa3", "#e0a100")[tap % 5] if name == "shared" else MUTED
                        canvas.path([begin, end], colour, 2.2)
            for x, y in below + above:
                canvas.rectangle(x - 13, y - 13, 26, 26, fill="#ffffff", line=INK, radius=13 if y < top + 100 else 3)
            canvas.text(left + room / 2, top + 250, f"{name}: {count:,} weights", 18, INK, "middle", bold=True)
        return canvas


def connectivity(pixels: int = 5, neurons: int = 3, taps: int = 3) -> Connectivity:
    """Counts the weights of full, sparse and shared connections between pixels and neurons.

    `taps`: how many neighbouring pixels a neuron sees.

    Raises:
        ArgumentError: a count below one, or more neighbours than fit.

    Example:
        >>> found = connectivity()
        >>> found.full, found.sparse, found.shared
        (15, 9, 3)
    """
    pixels, neurons, taps = (arguments.whole(count, name, 1, MOST_PIXELS) for count, name in
                             ((pixels, "pixels"), (neurons, "neurons"), (taps, "taps")))
    if neurons + taps - 1 > pixels:
        raise ArgumentError("With windows of `taps` pixels at most pixels - taps + 1 neurons have a whole window. "
                            + received(pixels=pixels, neurons=neurons, taps=taps))
    return Connectivity(pixels, neurons, taps)


@dataclass(frozen=True)
class EdgeDetection(Result):
    """Each pixel minus its left neighbour: what it costs, and, for an image given, what it gives."""

    height: int
    width: int
    image: np.ndarray | None = None

    @property
    def convolution(self) -> int:
        """Two multiplications and an addition for each of (width - 1) * height outputs."""
        return (self.width - 1) * self.height * 3

    @property
    def matrix(self) -> int:
        """Entries of the matrix that maps all pixels to all outputs: as many multiplications."""
        return self.width * self.height * (self.width - 1) * self.height

    @property
    def edges(self) -> np.ndarray | None:
        """The image's edges, (height, width - 1), or None."""
        return None if self.image is None else np.diff(self.image.astype(np.float64), axis=1)

    def data(self) -> dict[str, Any]:
        """The counts and the edges."""
        return {"height": self.height, "width": self.width, "convolution": self.convolution, "matrix": self.matrix,
                "edges": self.edges}

    def __str__(self) -> str:
        h, w = self.height, self.width
        return "\n".join([
            f"Each pixel minus its left neighbour, on {w} x {h} pixels",
            f"  as a convolution:    {w - 1} * {h} * 3 = {self.convolution:,} operations",
            f"  as a matrix product: {w} * {h} * {w - 1} * {h} = {self.matrix:,} multiplications",
            f"  the convolution needs {self.matrix / self.convolution:,.0f} times fewer, and 2 weights instead of "
            f"{self.matrix:,}"])

    def figure(self) -> Canvas:
        """The image before and after, and the sums."""
        width = 1060.0
        title = "Edge detection: each pixel minus its left neighbour"
        lines = str(self).splitlines()[1:]
        top = grid.header_height(width, title)
        side = 0.0
        if self.image is not None:
            zoom = min(500 / self.width, 420 / self.height)
            side = self.height * zoom + 20
        canvas = Canvas(width, top + side + 30 * len(lines) + 10, title)
        grid.header(canvas, title)
        if self.image is not None and self.edges is not None:
            zoom = min(500 / self.width, 420 / self.height)
            canvas.picture(grid.MARGIN, top, self.width * zoom, self.height * zoom, photograph(self.image))
            canvas.picture(536, top, (self.width - 1) * zoom, self.height * zoom, signed(self.edges))
            canvas.rectangle(536, top, (self.width - 1) * zoom, self.height * zoom, line=LINE, thickness=0.8)
            canvas.text(grid.MARGIN, top - 10, "the image", grid.TEXT_SIZE, MUTED)
            canvas.text(536, top - 10, "blue: brighter than its left neighbour; orange: darker", grid.TEXT_SIZE, MUTED)
        for row, line in enumerate(lines):
            canvas.text(grid.MARGIN, top + side + 30 * row + 20, line.strip(), 17, INK)
        return canvas


def edge_detection(image=None, height: int = 280, width: int = 320) -> EdgeDetection:
    """What edge detection costs as a convolution and as a product with a full matrix.

    Args:
        image: (height, width) or with channels, of which the mean is taken; its size counts instead of the next two.
        height, width: of an image that is not given; the lecture's by default.

    Example:
        >>> edge_detection().convolution
        267960
    """
    if image is None:
        return EdgeDetection(arguments.whole(height, "height"), arguments.whole(width, "width", 2))
    image = arguments.numbers(image, "image")
    if image.ndim == 3:
        image = image.mean(axis=-1)
    if image.ndim != 2 or image.shape[1] < 2:
        raise ArgumentError("`image` must have a height and a width of at least 2. " + received(shape=image.shape))
    return EdgeDetection(image.shape[0], image.shape[1], image)
