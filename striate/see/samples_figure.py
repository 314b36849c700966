"""`samples`: look at the data first: a few samples of each class, or of the whole range of the targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from striate.errors import ArgumentError, received
from striate.see import arguments, grid
from striate.see.canvas import Canvas
from striate.see.result import Result, aligned
from striate.see.tiles import tile_of

WIDTH = 1060.0
COLUMNS = 10
MOST_CLASSES = 50


@dataclass(frozen=True)
class DataSamples(Result):
    """Some samples of a data set: captions name class or target; counts: samples of each class, {} for other targets.

    low, high: range of all numbers.
    """

    count: int
    shape: tuple[int, ...]
    low: float
    high: float
    counts: dict[str, int]
    indices: np.ndarray
    chosen: np.ndarray
    captions: tuple[str, ...]

    def data(self) -> dict[str, Any]:
        """Counts, range, and which samples are shown."""
        return {"samples": self.count, "shape": self.shape, "smallest": self.low, "largest": self.high,
                "classes": self.counts, "shown": self.indices, "captions": self.captions}

    def _note(self) -> str:
        shape = " x ".join(map(str, self.shape)) or "1"
        return f"{self.count:,} samples of {shape} numbers from {grid.short(self.low)} to {grid.short(self.high)}."

    def __str__(self) -> str:
        rows = [[name, f"{count:,}", f"{count / self.count:.1%}"] for name, count in self.counts.items()]
        return self._note() + ("\n\n" + aligned(rows, ["class", "samples", "share"]) if rows else "")

    def figure(self) -> Canvas:
        """The chosen samples in rows; below each its class or target."""
        title = "Samples of the data"
        top = grid.header_height(WIDTH, title, self._note())
        canvas = Canvas(WIDTH, top, title)
        tiles = [(tile_of(sample), caption) for sample, caption in zip(self.chosen, self.captions, strict=True)]
        side = (WIDTH - 2 * grid.MARGIN) / COLUMNS - 10
        canvas.height = grid.gallery(canvas, grid.MARGIN, top, tiles, side, COLUMNS) + 10
        grid.header(canvas, title, self._note())
        return canvas


def samples(x, y=None, classes: Sequence[str] | None = None, count: int = 20, seed: int = 0) -> DataSamples:
    """A few samples of a data set, from every class in turn; without classes spread over the range of the targets.

    Args:
        x: samples: images (n, height, width[, channels]), lines (n, length, channels) or vectors (n, features).
        y: their classes (numbers or one-hot rows) or other targets.
        classes: names; the numbers when left out.
        count: how many to show.
        seed: which ones.

    Raises:
        ArgumentError: no samples, or another number of targets.

    Example:
        >>> samples(np.zeros((4, 8, 8)), [0, 1, 0, 1], ["cat", "dog"]).counts
        {'cat': 2, 'dog': 2}
    """
    x, count = arguments.numbers(x, "x"), arguments.whole(count, "count")
    labels = None if y is None else arguments.numbers(y, "y")
    classes = None if classes is None else arguments.class_names(classes)
    if x.ndim < 2 or not len(x) or labels is not None and labels.shape[:1] != x.shape[:1]:
        raise ArgumentError("`samples` needs at least one sample, and as many targets. "
                            + received(x=x.shape, y=None if labels is None else labels.shape, count=count))
    if labels is not None and labels.ndim == 2 and labels.shape[1] > 1 and np.isin(labels, (0, 1)).all():
        labels = labels.argmax(axis=1)
    random = np.random.Generator(np.random.PCG64(arguments.seed_of(seed)))
    order = random.permutation(len(x))
    counts: dict[str, int] = {}
    if labels is None:
        chosen, captions = order[:count], ["" for _ in order[:count]]
    elif _are_classes(labels):
        flat = labels.reshape(-1).astype(np.int64)
        names = {value: str(classes[value] if classes is not None and 0 <= value < len(classes) else value)
                 for value in np.unique(flat).tolist()}
        counts = {name: int((flat == value).sum()) for value, name in names.items()}
        count = min(count, len(x))
        turns = [order[flat[order] == value] for value in names]
        chosen = np.array([turn[i] for i in range(count) for turn in turns if i < len(turn)][:count])
        captions = [names[int(flat[i])] for i in chosen]
    else:
        first = labels.reshape(len(labels), -1)[:, 0].astype(np.float64)
        chosen = np.argsort(first, kind="stable")[np.linspace(0, len(x) - 1, min(count, len(x))).astype(int)]
        captions = [grid.short(first[i]) for i in chosen]
    return DataSamples(len(x), x.shape[1:], float(x.min()), float(x.max()), counts, chosen, x[chosen], tuple(captions))


def _are_classes(labels: np.ndarray) -> bool:
    flat = labels.reshape(-1).astype(np.float64)
    return (labels.ndim == 1 or labels.shape[1:] == (1,)) and bool((flat == np.round(flat)).all()) \
        and len(np.unique(flat)) <= MOST_CLASSES and (np.issubdtype(labels.dtype, np.integer) or flat.max() <= 1)
