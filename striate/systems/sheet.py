"""A contact sheet: some pictures of each class of a data set, with the counts that one should know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from striate.datasets.audit import Audit
from striate.see import grid
from striate.see.canvas import Canvas
from striate.see.palette import INK, MUTED, photograph
from striate.see.result import Result, aligned
from striate.systems.data import Data

WIDTH = 1060.0
_LABEL, _SIDE, _GAP = 190.0, 76.0, 8.0
MOST_ROWS = 40


@dataclass(frozen=True)
class Sheet(Result):
    """Samples of each class: `tiles` holds class name, counts in words, and pictures (height, width[, channels])."""

    title: str
    note: str
    tiles: tuple[tuple[str, str, tuple[np.ndarray, ...]], ...]
    audit: Audit

    def data(self) -> dict[str, Any]:
        """What the audit found; the pictures are left out."""
        return {"title": self.title, "note": self.note, **self.audit.data()}

    def __str__(self) -> str:
        return "\n".join([self.title, self.table(), *self.audit.findings()])

    def table(self) -> str:
        """How many pictures each class has in each part."""
        parts = list(self.audit.counts)
        rows = [[name, *(f"{self.audit.counts[part][name]:,}" for part in parts)] for name, _, _ in self.tiles]
        return aligned(rows, ["class", *parts])

    def figure(self) -> Canvas:
        """One row of pictures for each class."""
        findings = self.audit.findings()
        note = " ".join([self.note, *findings])
        top = grid.header_height(WIDTH, self.title, note)
        canvas = Canvas(WIDTH, top + len(self.tiles) * (_SIDE + _GAP) + 16, self.title)
        grid.header(canvas, self.title, note)
        for row, (name, counts, pictures) in enumerate(self.tiles):
            y = top + row * (_SIDE + _GAP)
            canvas.text(grid.MARGIN, y + 32, name[:22], 15, INK, bold=True)
            canvas.text(grid.MARGIN, y + 52, counts, 11, MUTED)
            grid.gallery(canvas, grid.MARGIN + _LABEL, y, [(picture, "") for picture in pictures], _SIDE, 100, _GAP)
        return canvas


def sheet(data: Data, audit: Audit, seed: int = 0) -> Sheet:
    """The contact sheet of a data set: training pictures that the seed chooses, as the network gets them."""
    images, labels = data.train
    random = np.random.Generator(np.random.PCG64(seed))
    room = int((WIDTH - 2 * grid.MARGIN - _LABEL + _GAP) // (_SIDE + _GAP))
    tiles = []
    for label, name in enumerate(data.classes[:MOST_ROWS]):
        rows = np.flatnonzero(labels == label)
        chosen = np.sort(random.permutation(rows)[:room])
        counts = " + ".join(f"{audit.counts[part][name]:,}" for part in audit.counts)
        tiles.append((name, counts, tuple(photograph(image) for image in images[chosen]) if len(chosen) else ()))
    more = len(data.classes) - len(tiles)
    note = f"{data.sentence}. {data.image_shape[0]}x{data.image_shape[1]} pixels, " \
           f"{data.image_shape[2]} channel{'s' * (data.image_shape[2] > 1)}."
    return Sheet(data.title, note + (f" {more} more classes are not shown." if more else ""), tuple(tiles), audit)
