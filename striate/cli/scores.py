"""How good a model is on test images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from striate.cli import networks

MISTAKES_KEPT = 16
PIECE = 4096


@dataclass(frozen=True)
class Scores:
    """counts: confusion matrix (classes, classes), rows the truth; mistakes: the most confident wrong answers as
    (index of the image, class said, probability)."""

    accuracy: float
    loss: float
    counts: np.ndarray
    mistakes: Sequence[tuple[int, int, float]]


def answers(model, images, batch_size: int = 256) -> np.ndarray:
    """Probabilities (count, classes) of images (count, height, width, channels)."""
    # In pieces: pictures that lie on the disk never are in memory all at once.
    outputs = np.concatenate([model.predict(networks.pixels(model, images[first:first + PIECE]), batch_size=batch_size,
                                            verbose=0) for first in range(0, len(images), PIECE)])
    return networks.probabilities(model, outputs)


def score(model, images: np.ndarray, labels: np.ndarray, classes: int, batch_size: int = 256) -> Scores:
    """Scores of a classifier.

    images: (count, height, width, channels); labels: whole numbers (count,).
    """
    shares = answers(model, images, batch_size)
    labels, said = np.asarray(labels).reshape(-1).astype(int), shares.argmax(axis=1)
    right = np.clip(shares[np.arange(len(labels)), labels], 1e-7, 1)
    wrong = np.flatnonzero(said != labels)
    confident = wrong[np.argsort(-shares[wrong, said[wrong]], kind="stable")][:MISTAKES_KEPT].tolist()
    return Scores(
        accuracy=float((said == labels).mean()),
        loss=float(-np.log(right).mean()),
        counts=np.bincount(labels * classes + said, minlength=classes**2).reshape(classes, classes),
        mistakes=[(index, int(said[index]), float(shares[index, said[index]])) for index in confident],
    )
