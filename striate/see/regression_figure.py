"""`regression`: what a model that predicts a number gets right and wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from striate.errors import ArgumentError, ShapeError, received
from striate.see import arguments, grid, probe
from striate.see.canvas import Canvas
from striate.see.palette import BLUE, INK, LINE, MUTED, ORANGE
from striate.see.result import Result, aligned
from striate.see.svg import ticks

WIDTH, SIDE = 1060.0, 470.0
BINS = 21
WORST = 8


@dataclass(frozen=True)
class Regression(Result):
    """truths, predictions: (samples,), in `unit`."""

    model: str
    unit: str
    truths: np.ndarray
    predictions: np.ndarray

    @property
    def errors(self) -> np.ndarray:
        return self.predictions - self.truths

    @property
    def mean_error(self) -> float:
        """The mean absolute error."""
        return float(np.abs(self.errors).mean())

    @property
    def root_mean_square(self) -> float:
        return float(np.sqrt((self.errors ** 2).mean()))

    @property
    def explained(self) -> float:
        """The share of the variance of the truths that the model explains (R squared)."""
        spread = float(((self.truths - self.truths.mean()) ** 2).sum())
        return 1 - float((self.errors ** 2).sum()) / spread if spread else float("nan")

    def data(self) -> dict[str, Any]:
        """Truths, predictions and the three measures."""
        return {"model": self.model, "unit": self.unit, "mean_absolute_error": self.mean_error,
                "root_mean_square_error": self.root_mean_square, "explained_variance": self.explained,
                "truths": self.truths, "predictions": self.predictions}

    def _note(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        return f"{len(self.truths):,} samples: mean absolute error {grid.short(self.mean_error)}{unit}, root mean " \
               f"square {grid.short(self.root_mean_square)}{unit}, mean error {grid.short(float(self.errors.mean()))}" \
               f"{unit}; explains {self.explained:.1%} of the variance."

    def __str__(self) -> str:
        worst = np.argsort(-np.abs(self.errors), kind="stable")[:WORST]
        rows = [[str(i), f"{self.truths[i]:.3f}", f"{self.predictions[i]:.3f}", f"{self.errors[i]:+.3f}"]
                for i in worst]
        return f"{self.model}. {self._note()}\n\n" + aligned(rows, ["worst samples", "is", "said", "error"])

    def figure(self) -> Canvas:
        """Predictions over truths, and how the errors are spread."""
        title = f"What {self.model} predicts"
        top = grid.header_height(WIDTH, title, self._note())
        canvas = Canvas(WIDTH, top + SIDE + 56, title)
        grid.header(canvas, title, self._note())
        self._scatter(canvas, grid.MARGIN + 56, top)
        self._histogram(canvas, 650, top)
        return canvas

    def _scatter(self, canvas: Canvas, x: float, y: float) -> None:
        both = np.concatenate([self.truths, self.predictions])
        marks = ticks(float(both.min()), float(both.max()))
        low, high = marks[0], marks[-1]

        def at(value):
            return SIDE * (value - low) / (high - low)
        for mark in marks:
            canvas.path([(x, y + SIDE - at(mark)), (x + SIDE, y + SIDE - at(mark))], LINE, 1)
            canvas.text(x - 8, y + SIDE - at(mark) + 5, grid.short(mark), 13, MUTED, "end")
            canvas.text(x + at(mark), y + SIDE + 20, grid.short(mark), 13, MUTED, "middle")
        canvas.path([(x, y + SIDE), (x + SIDE, y)], ORANGE, 2, dash=6)
        size = float(np.clip(200 / np.sqrt(len(self.truths)), 4, 9))
        for truth, said in zip(self.truths.tolist(), self.predictions.tolist(), strict=True):
            canvas.rectangle(x + at(truth) - size / 2, y + SIDE - at(said) - size / 2, size, size, fill=BLUE,
                             line="#ffffff", thickness=0.6, radius=size / 2)
        unit = f" ({self.unit})" if self.unit else ""
        canvas.text(x + 8, y + 18, f"predicted{unit}", 14, INK, bold=True)
        canvas.text(x + SIDE, y + SIDE + 44, f"true{unit}", 14, INK, "end", bold=True)

    def _histogram(self, canvas: Canvas, x: float, y: float) -> None:
        largest = float(np.abs(self.errors).max()) or 1.0
        counts, edges = np.histogram(self.errors, BINS, (-largest, largest))
        room, tall = WIDTH - x - grid.MARGIN - 10, SIDE * 0.6
        each = room / BINS
        unit = f" ({self.unit})" if self.unit else ""
        canvas.text(x, y + 18, f"errors: predicted minus true{unit}", 14, INK, bold=True)
        for place, count in enumerate(counts.tolist()):
            height = tall * count / max(1, int(counts.max()))
            colour = BLUE if edges[place] + edges[place + 1] > 0 else ORANGE
            if place == BINS // 2:
                colour = MUTED
            canvas.rectangle(x + place * each + 1, y + 54 + tall - height, each - 2, height, fill=colour)
        canvas.path([(x, y + 54 + tall), (x + room, y + 54 + tall)], INK, 1)
        highest = int(counts.argmax())
        canvas.text(x + (highest + 0.5) * each, y + 49, f"{counts[highest]} samples", 13, MUTED, "middle")
        for share, value in ((0, -largest), (0.5, 0.0), (1, largest)):
            canvas.text(x + share * room, y + 74 + tall, grid.short(value), 13, MUTED, "middle")


def regression(model, x, y, unit: str = "", scale: float = 1.0, offset: float = 0.0) -> Regression:
    """The predictions of a model that gives one number for a sample, beside the truth.

    Args:
        model: a model with one output of one number.
        x, y: samples and their targets.
        unit: of the targets, such as "mpg".
        scale, offset: take targets and predictions back to that unit, where they were standardised.

    Raises:
        ShapeError: the output is not one number for a sample.
        ArgumentError: another number of targets.

    Example:
        see.regression(model, x, y, "mpg", scale=spread, offset=mean).save("mpg.svg")
    """
    x = probe.batch(model, x)
    said = np.asarray(probe.arrays(model.predict(x, verbose=0))[0], np.float64)
    if said.shape[1:] not in ((), (1,)):
        raise ShapeError("`regression` needs a model that gives one number for a sample. "
                         + received(output=said.shape))
    truths = arguments.numbers(y, "y").astype(np.float64).reshape(-1)
    scale, offset = arguments.finite(scale, "scale"), arguments.finite(offset, "offset")
    if len(truths) != len(said) or not len(truths):
        raise ArgumentError("`y` must hold one number for each sample. "
                            + received(samples=len(said), targets=np.shape(y)))
    return Regression(model.name, unit, truths * scale + offset, said.reshape(-1) * scale + offset)
