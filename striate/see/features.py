"""`embedding`: the features that a network's last layer decides by, laid out in a plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from striate.errors import ArgumentError, received
from striate.see import arguments, grid, probe
from striate.see.canvas import Canvas
from striate.see.palette import CLASSES, LINE, MUTED, PAPER
from striate.see.result import Result, aligned

WIDTH, PLOT = 1060.0, 720.0
CHUNK = 256
SHAPES, COLOURS_A_SHAPE = 3, 5


@dataclass(frozen=True)
class Embedding(Result):
    """Samples in a plane. points: (samples, 2); shares: of the variance along the two axes (PCA only).

    neighbours: share of the samples whose nearest neighbour, by all features, is of the same class; None without y.
    """

    model: str
    layer: str
    method: str
    features: int
    points: np.ndarray
    shares: tuple[float, float] | None
    labels: np.ndarray
    classes: tuple[str, ...]
    neighbours: float | None

    def data(self) -> dict[str, Any]:
        """Points, labels and names."""
        return {**vars(self)}

    def __str__(self) -> str:
        rows = []
        for index, name in enumerate(self.classes):
            inside = self.points[self.labels == index]
            if len(inside):
                middle = inside.mean(axis=0)
                rows.append([name, str(len(inside)), f"{middle[0]:.3f}", f"{middle[1]:.3f}",
                             f"{np.sqrt(((inside - middle) ** 2).sum(axis=1).mean()):.3f}"])
        return f"{self._note()}\n\n{aligned(rows, ['class', 'samples', 'middle x', 'middle y', 'spread'])}"

    def _note(self) -> str:
        axes = "" if self.shares is None else f"; the axes hold {self.shares[0]:.0%} and {self.shares[1]:.0%} of " \
                                              "their variance"
        near = "" if self.neighbours is None else f". {self.neighbours:.1%} of the samples have a nearest neighbour " \
                                                  "(by all features) of their own class"
        return f"{len(self.points):,} samples by {self.features:,} features, {self.layer}, in a plane by " \
               f"{self.method}{axes}{near}."

    def figure(self) -> Canvas:
        """A dot a sample, coloured by class, and a legend."""
        title = f"How {self.model} sees the samples"
        top = grid.header_height(WIDTH, title, self._note())
        tall = PLOT * 0.78
        canvas = Canvas(WIDTH, top + tall + 30, title)
        grid.header(canvas, title, self._note())
        canvas.rectangle(grid.MARGIN, top, PLOT, tall, line=LINE)
        low, high = self.points.min(axis=0), self.points.max(axis=0)
        span = np.where(high > low, high - low, 1.0)
        places = np.array([grid.MARGIN + 14, top + 14]) + (self.points - low) / span * np.array([PLOT - 28, tall - 28])
        order = np.random.Generator(np.random.PCG64(0)).permutation(len(places))  # No class lies on top of all others.
        size = float(np.clip(260 / np.sqrt(len(places)), 5, 11))
        for index in order:
            x, y = places[index]
            _mark(canvas, float(x), float(y), size, int(self.labels[index]))
        for row, name in enumerate(self.classes):
            y = top + 16 + 25 * row
            _mark(canvas, PLOT + 60, y, 12, row)
            room = WIDTH - PLOT - 100
            grid.label(canvas, (PLOT + 78, y + 5), name, room, 15)
        if not self.classes:
            canvas.text(PLOT + 54, top + 20, "no classes given", 14, MUTED)
        return canvas


def _mark(canvas: Canvas, x: float, y: float, size: float, label: int) -> None:
    """A circle, square or diamond with a thin white edge."""
    colour, shape = CLASSES[label % len(CLASSES)], label // COLOURS_A_SHAPE % SHAPES
    half = size / 2
    if shape == 2:
        canvas.path([(x, y - half - 1), (x + half + 1, y), (x, y + half + 1), (x - half - 1, y)], PAPER, 0.7,
                    fill=colour)
    else:
        canvas.rectangle(x - half, y - half, size, size, fill=colour, line=PAPER, thickness=0.7,
                         radius=half if shape == 0 else 0)


def embedding(model, x, y=None, classes: Sequence[str] | None = None, layer=None, method: str = "pca",
              seed: int = 0) -> Embedding:
    """The features of samples, as the last layer gets them, in a plane: near each other what the network finds alike.

    Args:
        model: a model with a graph and one input.
        x: at least three samples.
        y: their classes (numbers or one-hot rows), for the colours.
        classes: names; the numbers when left out.
        layer: whose output to take; what enters the last layer with weights when left out.
        method: "pca", or "tsne" (needs the package scikit-learn).
        seed: of t-SNE.

    Raises:
        ArgumentError: too few samples, labels that do not fit, an unknown method, or scikit-learn is missing.

    Example:
        see.embedding(model, x_test, y_test, names).save("features.png")
    """
    if method not in ("pca", "tsne"):
        raise ArgumentError('`method` must be "pca" or "tsne". ' + received(method=method))
    x = probe.batch(model, x)
    if isinstance(x, list) or len(x) < 3:
        raise ArgumentError("An embedding needs a model with one input and at least three samples. "
                            + received(samples=len(x)))
    features, name = _features(model, x, layer)
    if not np.isfinite(features).all():
        raise ArgumentError(f"Some features ({name}) are NaN or infinite: a weight is, or a layer divides by zero. "
                            + received(model=model.name))
    labels, names = _labels(y, len(x), classes)
    points, shares = _principal(features) if method == "pca" else (_neighbour_embedding(features, seed), None)
    return Embedding(model.name, name, "PCA" if method == "pca" else "t-SNE", features.shape[1], points, shares, labels,
                     names, None if y is None else _same_neighbour(features, labels))


def _features(model, x: np.ndarray, layer) -> tuple[np.ndarray, str]:
    """(features (samples, count) in float64, what they are in words)."""
    layers = probe.network(model).layers
    chosen = probe.find_layer(model, layer) if layer is not None else next(
        (one for one in reversed(layers) if hasattr(one, "kernel")), layers[-1])
    name = probe.name_of(model, chosen)
    found = []
    for first in range(0, len(x), CHUNK):
        tap = probe.tap(model, x[first:first + CHUNK], chosen)
        found.append(probe.arrays(tap.inputs if layer is None else tap.output)[0])
    whole = np.concatenate(found).astype(np.float64)
    what = f"what enters {name}" if layer is None else f"the output of {name}"
    return whole.reshape(len(whole), -1), what


def _labels(y, count: int, classes) -> tuple[np.ndarray, tuple[str, ...]]:
    if y is None:
        return np.zeros(count, np.int64), ()
    y = arguments.numbers(y, "y")
    labels = y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1)
    if len(labels) != count or not np.isfinite(labels).all() or (labels != np.round(labels)).any() or labels.min() < 0:
        raise ArgumentError("`y` must hold one class number (or one-hot row) for each sample. "
                            + received(samples=count, targets=y.shape))
    labels = labels.astype(np.int64)
    names = tuple(map(str, range(int(labels.max()) + 1))) if classes is None else arguments.class_names(classes)
    if len(names) <= labels.max():
        raise ArgumentError(f"`classes` must hold a name for class {labels.max()}. " + received(classes=classes))
    return labels, names


def _principal(features: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    """The two directions of largest variance; the sign is such that a direction's largest entry is positive."""
    centred = features - features.mean(axis=0)
    left, sizes, right = np.linalg.svd(centred, full_matrices=False)
    count = min(2, len(sizes))
    signs = np.sign(right[np.arange(count), np.abs(right[:count]).argmax(axis=1)])
    points = np.zeros((len(features), 2))
    points[:, :count] = left[:, :count] * sizes[:count] * np.where(signs == 0, 1, signs)
    total = float((sizes ** 2).sum()) or 1.0
    shares = [*(float(size) ** 2 / total for size in sizes[:2]), 0.0][:2]
    return points, (shares[0], shares[1])


def _neighbour_embedding(features: np.ndarray, seed: int) -> np.ndarray:
    try:
        from sklearn.manifold import TSNE
    except ImportError:
        raise ArgumentError("t-SNE is made by scikit-learn: pip install 'striate[tsne]'. Without it: method=\"pca\". "
                            + received(method="tsne")) from None
    perplexity = min(30.0, (len(features) - 1) / 3)
    return TSNE(random_state=seed, perplexity=perplexity, init="pca").fit_transform(features).astype(np.float64)


def _same_neighbour(features: np.ndarray, labels: np.ndarray) -> float:
    """Share of the samples whose nearest other one has the same label."""
    lengths = (features ** 2).sum(axis=1)
    same = 0
    for first in range(0, len(features), CHUNK):
        part = features[first:first + CHUNK]
        distances = lengths[np.newaxis] - 2 * part @ features.T
        distances[np.arange(len(part)), first + np.arange(len(part))] = np.inf
        same += int((labels[distances.argmin(axis=1)] == labels[first:first + CHUNK]).sum())
    return same / len(features)
