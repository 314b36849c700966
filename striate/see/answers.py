"""What a classifier gets right and wrong: the confusion matrix, its worst mistakes, its most confident answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from striate.errors import ArgumentError, ShapeError, received
from striate.see import arguments, grid, probe
from striate.see.canvas import Canvas
from striate.see.palette import LINE, MUTED, readable_on, text_width
from striate.see.result import Result, aligned
from striate.see.tiles import tile_of

WIDTH = 1060.0
_RIGHT, _WRONG = np.array([31.0, 95.0, 191.0]), np.array([207.0, 90.0, 18.0])


@dataclass(frozen=True)
class Confusion(Result):
    """counts[t, s]: how many samples of class t were called s."""

    model: str
    classes: tuple[str, ...]
    counts: np.ndarray

    @property
    def accuracy(self) -> float:
        return float(np.trace(self.counts) / max(1, self.counts.sum()))

    def data(self) -> dict[str, Any]:
        """The counts."""
        return {"model": self.model, "classes": self.classes, "counts": self.counts, "accuracy": self.accuracy}

    def __str__(self) -> str:
        rows = [[name, *map(str, row), f"{row[i] / row.sum():.1%}" if row.sum() else "none there"]
                for i, (name, row) in enumerate(zip(self.classes, self.counts, strict=True))]
        return f"{self.model}: accuracy {self.accuracy:.2%} on {self.counts.sum():,} samples; rows are the truth\n\n" \
            + aligned(rows, ["", *self.classes, "found"])

    def figure(self) -> Canvas:
        """The matrix: rows are the truth, columns what the model said; blue is right, orange wrong."""
        title = f"{self.model}: which class is called which"
        note = f"Accuracy {self.accuracy:.2%} on {self.counts.sum():,} samples. Rows: what it is. Columns: what the " \
               "model said. Shades are shares of a row; mistakes are shaded four times as strongly."
        count, top = len(self.classes), grid.header_height(WIDTH, title, note)
        room = min(300.0, 10 + max(text_width(name, 14) for name in self.classes))
        left = grid.MARGIN + room + 14
        cell = min(max(72.0, min(130.0, 400 / count)), (WIDTH - left - grid.MARGIN) / count)
        words = [name.replace("/", "/ ").split()[:4] for name in self.classes]
        canvas = Canvas(WIDTH, top + cell * count + 24 + 16 * max(map(len, words)), title)
        grid.header(canvas, title, note)
        for t in range(count):
            grid.label(canvas, (left - 10, top + (t + 0.5) * cell + 5), self.classes[t], room, 14, anchor="end")
            for s in range(count):
                self._cell(canvas, left + s * cell, top + t * cell, cell, t, s)
        for s, lines in enumerate(words):
            x = left + (s + 0.5) * cell
            for row, word in enumerate(lines):
                grid.label(canvas, (x, top + count * cell + 20 + 16 * row), word, cell - 4, 13, MUTED, "middle")
        return canvas

    def _cell(self, canvas: Canvas, x: float, y: float, cell: float, t: int, s: int) -> None:
        share = self.counts[t, s] / max(1, self.counts[t].sum())
        strength = share if t == s else min(1.0, 4 * share)
        colour = 255 + ((_RIGHT if t == s else _WRONG) - 255) * strength
        canvas.picture(x, y, cell, cell, np.full((1, 1, 3), colour))
        canvas.rectangle(x, y, cell, cell, line=LINE, thickness=0.8)
        text = f"{self.counts[t, s]:,}"
        size = grid.fitting(text, cell - 6, 15)
        if self.counts[t, s] and size > 6:
            canvas.text(x + cell / 2, y + cell / 2 + 5, text, size, readable_on(colour), "middle")


@dataclass(frozen=True)
class Samples(Result):
    """Chosen samples: their index, image, true class, said class, and the probability of what was said."""

    title: str
    classes: tuple[str, ...]
    indices: np.ndarray
    images: np.ndarray
    truths: np.ndarray
    said: np.ndarray
    probabilities: np.ndarray

    def data(self) -> dict[str, Any]:
        """The list, without the images."""
        return {"title": self.title, "indices": self.indices, "truth": [self.classes[t] for t in self.truths],
                "said": [self.classes[s] for s in self.said], "probability": self.probabilities}

    def __str__(self) -> str:
        rows = [[str(i), self.classes[t], self.classes[s], f"{p:.2%}"] for i, t, s, p in
                zip(self.indices, self.truths, self.said, self.probabilities, strict=True)]
        return f"{self.title}\n\n" + (aligned(rows, ["sample", "is", "said", "probability"]) if rows else "none")

    def figure(self) -> Canvas:
        """The images with truth, answer and probability."""
        top = grid.header_height(WIDTH, self.title, "Below each: what it is; what the model said, and how sure it was")
        canvas = Canvas(WIDTH, top + 40, self.title)
        grid.header(canvas, self.title, "Below each: what it is; what the model said, and how sure it was")
        tiles = [(tile_of(image), f"{self.classes[t]}\n{self.classes[s]} {p:.0%}") for image, t, s, p in
                 zip(self.images, self.truths, self.said, self.probabilities, strict=True)]
        if not tiles:
            canvas.text(grid.MARGIN, top + 16, "There are none.", 16)
            return canvas
        canvas.height = grid.gallery(canvas, grid.MARGIN, top, tiles, (WIDTH - 2 * grid.MARGIN) / 6 - 12, 6, 12) + 8
        return canvas


def _answers(model, x, y, classes) -> tuple:
    """(inputs, true classes, probabilities, names)."""
    x, y = probe.batch(model, x), arguments.numbers(y, "y")
    if isinstance(x, list):
        raise ArgumentError("Only models with one input can be shown this way. " + received(inputs=len(x)))
    outputs = np.asarray(probe.arrays(model.predict(x, verbose=0))[0], np.float64)
    if outputs.ndim != 2:
        raise ShapeError("The model must give one vector of class scores for a sample. "
                         + received(output=outputs.shape))
    if y.ndim == 2 and y.shape[1] == outputs.shape[1] > 1:
        y = y.argmax(axis=1)
    y = _whole_labels(y.reshape(-1))
    probabilities = as_probabilities(model, outputs)
    count = probabilities.shape[1]
    if len(y) != len(outputs) or (len(y) and not 0 <= y.min() <= y.max() < count):
        raise ArgumentError(f"`y` must hold one class number from 0 to {count - 1} (or a one-hot row) for each sample. "
                            + received(samples=len(outputs), targets=len(y)))
    names = arguments.class_names(classes) if classes is not None else tuple(map(str, range(count)))
    if len(names) != count:
        raise ArgumentError(f"`classes` must hold {count} names. " + received(classes=classes))
    return x, y, probabilities, names


def _whole_labels(y: np.ndarray) -> np.ndarray:
    """Class numbers as integers; -1, which is no class, for what is no whole number."""
    return np.where(np.isfinite(y) & (y == np.round(y)), np.nan_to_num(y), -1).astype(np.int64)


def as_probabilities(model, outputs: np.ndarray) -> np.ndarray:
    """Outputs as probabilities (samples, classes): scores through a softmax, single outputs as those of two classes."""
    name = probe.activation_of(probe.last_layer(model))
    if outputs.shape[1] == 1:
        second = outputs if name == "sigmoid" else 1 / (1 + np.exp(-outputs))
        return np.concatenate([1 - second, second], axis=1)
    if name == "softmax":
        return outputs
    powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def confusion(model, x, y, classes: Sequence[str] | None = None) -> Confusion:
    """The confusion matrix of a classifier.

    Args:
        model: a classifier with one input and one output.
        x, y: samples and their classes (numbers or one-hot rows).
        classes: names; the numbers when left out.

    Raises:
        ArgumentError: labels or names do not fit the outputs.

    Example:
        >>> confusion(model, x_test, y_test, names).save("confusion.svg")  # doctest: +SKIP
    """
    _, y, probabilities, names = _answers(model, x, y, classes)
    counts = np.zeros((len(names), len(names)), np.int64)
    np.add.at(counts, (y, probabilities.argmax(axis=1)), 1)
    return Confusion(model.name, names, counts)


def worst_mistakes(model, x, y, classes: Sequence[str] | None = None, count: int = 12) -> Samples:
    """The wrong answers that the model was most sure of; arguments as for `confusion`.

    Args (model, x, y, classes) and errors as those of `confusion`; `count`: how many samples.
    """
    x, y, probabilities, names = _answers(model, x, y, classes)
    said = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(said != y)
    return _chosen(f"The worst mistakes of {model.name}", wrong, x, y, probabilities, names, count)


def most_confident(model, x, y, classes: Sequence[str] | None = None, count: int = 12) -> Samples:
    """The answers, right or wrong, that the model was most sure of; arguments as for `confusion`.

    Args (model, x, y, classes) and errors as those of `confusion`; `count`: how many samples.
    """
    x, y, probabilities, names = _answers(model, x, y, classes)
    return _chosen(f"The most confident answers of {model.name}", np.arange(len(y)), x, y, probabilities, names, count)


def _chosen(title: str, among, x, y, probabilities, names, count: int) -> Samples:
    sure = probabilities.max(axis=1)
    order = among[np.argsort(-sure[among], kind="stable")][:arguments.whole(count, "count")]
    return Samples(title, names, order, x[order], y[order], probabilities.argmax(axis=1)[order], sure[order])
