"""The work of `striate folds`: parts, trainings on all but one of them, and what their models say together."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from striate.callbacks.history import finished
from striate.cli import networks
from striate.cli.keeper import fed_part
from striate.cli.scores import PIECE, answers, score
from striate.datasets.audit import pixel_hashes
from striate.datasets.stream import StoredPictures
from striate.errors import ArgumentError, FileError, received
from striate.files import refuse_links, write_text
from striate.parallel import map_tasks
from striate.ranks import ranks
from striate.see.result import aligned
from striate.systems.data import Data
from striate.untrusted import read_own_json

FILE, MODELS = "folds.json", "fold-"
SESSIONS = ("simulated-ca", "brain-food")
"""Data whose pictures are frames of recordings."""


@dataclass(frozen=True)
class Found:
    """What came out. rows: for each fold {"fold", "images", "accuracy", "loss", "test_accuracy"}; ensemble: accuracy of
    the mean of all models' probabilities on the test images."""

    about: Mapping[str, Any]
    rows: list[dict[str, Any]]
    ensemble: float

    def data(self) -> dict[str, Any]:
        """Everything in plain types."""
        accuracies = [row["accuracy"] for row in self.rows]
        return {**self.about, "folds": self.rows, "accuracy": float(np.mean(accuracies)),
                "deviation": float(np.std(accuracies, ddof=1)), "ensemble_test_accuracy": self.ensemble}

    def __str__(self) -> str:
        rows = [[str(row["fold"]), f"{row['images']:,}", f"{row['accuracy']:.2%}", f"{row['loss']:.4f}",
                 f"{row['test_accuracy']:.2%}"] for row in self.rows]
        whole = self.data()
        single = np.mean([row["test_accuracy"] for row in self.rows])
        return (f"{aligned(rows, ['fold', 'images', 'accuracy', 'loss', 'on test images'])}\n"
                f"Accuracy on images that were held out: {whole['accuracy']:.2%}, standard deviation over the folds "
                f"{whole['deviation']:.2%}.\nTest images: {single:.2%} by one of the models (mean), "
                f"{self.ensemble:.2%} by all together.")


class Folds:
    """A cross-validation in a folder.

    Args:
        folder: holds a model a fold, and `folds.json` in the end.
        data: pictures in memory or on the disk.
        model: what `--model` names.
        count: how many parts.
        seed: of the parts and, with the number of the fold, of the weights.
        recipe: epochs, batch_size, optimizer, learning_rate; None for what the model's recipe says.

    Raises:
        ArgumentError: the data cannot be cut into so many parts.
        FileError: the folder holds another cross-validation, or links.
    """

    def __init__(self, folder: Path, data: Data, model: str, count: int, seed: int, recipe: Mapping[str, Any]):
        self.folder, self.data, self.model, self.count, self.seed = folder, data, model, count, seed
        self.recipe = networks.recipe(model, of_data=data.recipe, **recipe)
        self.images, self.labels = _pictures(data)
        self.test_labels = np.asarray(data.test[1]).reshape(-1)
        self.parts = _together(self.images, self.labels, count, seed)
        self.about = {"data": data.said, "model": model, "count": count, "seed": seed,
                      "recipe": networks.said(self.recipe)}
        ranks().from_first(self._begin)

    def _begin(self) -> None:
        """Writes down what this is; the folder may hold a part of it already."""
        place = self.folder / FILE
        refuse_links(self.folder, FILE, MODELS)
        if place.exists():
            try:
                found = read_own_json(place)
                found = {name: found[name] for name in self.about}
            except (ValueError, LookupError, TypeError) as error:
                raise FileError(f"{place} is damaged: {str(error).rstrip('.')}. Name another folder.") from None
            if found != self.about:
                raise FileError("This folder holds another cross-validation: name a new one, or repeat the same. "
                                + received(found=found, wanted=self.about))
        self.folder.mkdir(parents=True, exist_ok=True)
        write_text(place, json.dumps(self.about, indent=2, ensure_ascii=False) + "\n")

    def run(self, say: Callable[[str], None]) -> Found:
        """Trains what is not trained yet, a fold on each rank at a time, and judges everything."""
        results = []
        for first in range(0, self.count, ranks().size):
            for result in map_tasks(self._fold, range(first, min(first + ranks().size, self.count))):
                results.append(result)
                say("fold {fold}: accuracy {accuracy:.4f} on {images} images".format(**result[0]))
        rows, shares = [row for row, _ in results], np.mean([share for _, share in results], axis=0)
        found = Found(self.about, rows, float((shares.argmax(axis=1) == self.test_labels).mean()))
        write_text(self.folder / FILE, json.dumps(found.data(), indent=2, ensure_ascii=False) + "\n")
        return found

    def _fold(self, number: int) -> tuple[dict[str, Any], np.ndarray]:
        """(row, probabilities of the test images (count, classes)) of one fold."""
        model, held = self._trained(number), self.parts == number
        own = score(model, self._of(held), self.labels[held], len(self.data.classes))
        tests = answers(model, self.data.test[0])
        row = {"fold": number, "images": int(held.sum()), "accuracy": own.accuracy, "loss": own.loss,
               "test_accuracy": float((tests.argmax(axis=1) == self.test_labels).mean())}
        return row, tests

    def _of(self, chosen: np.ndarray) -> Any:
        """The pictures for which `chosen` (count,) is true; those on the disk stay there."""
        return self.images.of(np.flatnonzero(chosen)) if isinstance(self.images, StoredPictures) \
            else self.images[chosen]

    def _trained(self, number: int):
        """The model of a fold, from its file if it is there."""
        from striate import saving, utils

        place = self.folder / f"{MODELS}{number:02d}.keras"
        utils.clear_session()
        utils.set_random_seed(self.seed + number)
        if place.is_file():
            return saving.load_model(place)
        kept = self.parts != number
        model = networks.compiled(
            networks.build(self.model, self.data.image_shape, len(self.data.classes)), self.recipe, int(kept.sum()))
        finished(model.fit(**fed_part(model, self._of(kept), self.labels[kept], self.recipe.batch_size,
                                      self.seed + number), epochs=self.recipe.epochs, verbose=0))
        model.save(place)
        return model


def _pictures(data: Data) -> tuple[Any, np.ndarray]:
    """Images (an array, or `StoredPictures`) and labels of training and validation.

    Raises:
        ArgumentError: they cannot be cut at random.
    """
    if data.name in SESSIONS:
        raise ArgumentError("Pictures of one recording resemble each other, so random folds would show a network what "
                            "it is judged on. Compare networks on whole sessions: striate compare brain. "
                            + received(data=data.name))
    images, labels = zip(data.train, data.validation, strict=True)
    together = images[0] + images[1] if isinstance(images[0], StoredPictures) else np.concatenate(images)
    return together, np.concatenate(labels).reshape(-1)


def _together(images: Any, labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """`parts`, with all copies of a picture in one: none is trained on and then asked for."""
    hashes = [one for first in range(0, len(labels), PIECE) for one in pixel_hashes(images[first:first + PIECE])]
    _, firsts, places = np.unique(hashes, return_index=True, return_inverse=True)
    order = np.sort(firsts)
    return parts(labels[order], count, seed)[np.searchsorted(order, firsts)][places]


def parts(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """The part of each image (count of images,): as many of each class in each part as can be, at random.

    Raises:
        ArgumentError: a class has fewer images than there are parts.

    Example:
        >>> parts(np.array([0, 0, 1, 1]), 2, seed=0).reshape(2, 2).sum(axis=1)
        array([1, 1])
    """
    order = np.random.Generator(np.random.Philox(seed)).permutation(len(labels))
    found = np.empty(len(labels), int)
    for label in np.unique(labels):
        rows = order[labels[order] == label]
        if len(rows) < count:
            raise ArgumentError("Each fold needs an image of each class: ask for fewer folds, or add images. "
                                + received(folds=count, label=int(label), images=len(rows)))
        found[rows] = np.arange(len(rows)) % count
    return found
