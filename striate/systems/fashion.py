"""Networks of the zoo on Fashion-MNIST, each by its own recipe: one row for each network and seed, means below."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from striate.callbacks.history import finished
from striate.systems import data as datasets
from striate.systems.comparison import Comparison, Say, mean_and_spread, seeds_and_spread

COLUMNS = {"parameters": int, "epochs": int, "validation accuracy": float, "test accuracy": float, "seconds": float}
NETWORKS = ("uva", "nova", "tue", "lenet5", "small", "residual", "separable", "fast90", "fast92", "fast94")
CHANGES: Mapping[str, Mapping[str, Any]] = {"tue": {"loss": "SparseCategoricalCrossentropy"}}
"""Deck T's network has one output for two classes: for ten it has a softmax, and the loss that fits it."""
AIMS: Mapping[str, tuple[float, str]] = {
    "uva": (0.8983, "deck U's slides report"),
    "nova": (0.92, "deck N's network is expected to reach"),
    "fast90": (0.90, "the recipe aims at"),
    "fast92": (0.92, "the recipe aims at"),
    "fast94": (0.94, "the recipe aims at"),
}
"""What a network's mean is held against, and who says so."""


def compare(networks: Sequence[str] = NETWORKS, seeds: Sequence[int] = (0, 1, 2), epochs: int | None = None,
            subset: bool = False, limit: int | None = None, folder: Path | None = None,
            say: Say | None = None) -> Comparison:
    """Trains networks of the zoo by their recipes and tests each after its last epoch.

    Args:
        networks: names of the zoo.
        seeds: of the weights and of the order of the pictures; the pictures held out are the same for all.
        epochs: instead of the recipes'.
        subset: train on the tenth of Fashion-MNIST that ships with striate.
        limit: at most so many training pictures.
        folder: where the table is kept, to go on with it.
        say: is told which row is being made.
    """
    data = datasets.load("fashion-mnist", subset, limit)
    found = Comparison.at(folder, f"Fashion-MNIST by recipes of the zoo ({len(data.train[1]):,} pictures to train on)",
                          "How good is each network by its own recipe, and how much of that is luck?", COLUMNS)
    found.run({f"{name}, seed {seed}": partial(_row, name, seed, data, epochs)
               for name in networks for seed in seeds}, say)
    found.notes = explained(found, data)
    found.save()
    return found


def explained(found: Comparison, data: datasets.Data) -> list[str]:
    """The mean of each network over its seeds, beside what it is held against; and what the data lack."""
    notes = []
    networks = [row["variant"].rpartition(", seed ")[0] for row in found.rows]
    for name in dict.fromkeys(networks):
        scores = [row["test accuracy"] for row, network in zip(found.rows, networks, strict=True) if network == name]
        mean, spread = mean_and_spread(scores)
        text = f"{name}: test accuracy {mean:.4f}, {seeds_and_spread(len(scores), spread)}"
        if name in AIMS and not data.warning:
            text += "; {1} {0:.4f}".format(*AIMS[name])
        notes.append(f"{text}.")
    return notes + ([data.warning] if data.warning else [])


def _row(name: str, seed: int, data: datasets.Data, epochs: int | None) -> dict[str, Any]:
    from striate import zoo

    run = trained(lambda: zoo.build(name, input_shape=data.image_shape, classes=len(data.classes)),
                  CHANGES.get(name, {}), name, data, epochs, seed)
    return {"network": name, "seed": seed, "parameters": run["parameters"], "epochs": run["epochs"],
            "validation accuracy": run["validation"], "test accuracy": run["test"], "seconds": run["seconds"]}


def trained(build: Callable[[], Any], changes: Mapping[str, Any], recipe_name: str, data: datasets.Data,
            epochs: int | None, seed: int) -> dict[str, Any]:
    """Accuracies, parameters and seconds of a network trained by a recipe of the zoo with changes.

    Returns:
        "validation" and "test" accuracy after the last epoch, "parameters", "epochs", and "seconds" of training.
    """
    from striate import utils, zoo

    utils.clear_session()
    utils.set_random_seed(seed)
    recipe = replace(zoo.recipe(recipe_name), **changes)
    if epochs is not None:
        recipe = replace(recipe, epochs=epochs)
    model = build()
    x, labels = scaled(data.train[0]), data.train[1]
    recipe.compile(model, len(labels))
    targets = utils.to_categorical(labels, len(data.classes)) if recipe.one_hot_labels else labels
    started = time.perf_counter()
    finished(model.fit(x, targets, epochs=recipe.epochs, batch_size=recipe.batch_size, verbose=0))
    seconds = time.perf_counter() - started
    found = {part: float((recipe.predict(model, scaled(images)).argmax(axis=1) == own).mean())
             for part, (images, own) in (("validation", data.validation), ("test", data.test))}
    return {**found, "parameters": int(model.count_params()), "epochs": recipe.epochs, "seconds": seconds}


def scaled(images: np.ndarray) -> np.ndarray:
    """Pixels from 0 to 255 as floats from 0 to 1."""
    return images.astype(np.float32) / np.float32(255)


def classifier_accuracy(name: str, subset: bool, seed: int = 0) -> float:
    """Test accuracy on Fashion-MNIST of a network of the zoo, trained by its recipe."""
    from striate import zoo

    data = datasets.load("fashion-mnist", subset)
    return trained(lambda: zoo.build(name), {}, name, data, None, seed)["test"]
