"""Deck N's exercise on Fashion-MNIST: the network as described, and what becomes of it when one thing is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from striate.systems import data as datasets
from striate.systems.comparison import Comparison, Say, mean_and_spread
from striate.systems.fashion import trained

COLUMNS = {"parameters": int, "validation accuracy": float, "test accuracy": float, "spread": float | None,
           "seconds": float}
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "as described": {},
    "25 % dropout after each stack": {"stack_dropout": 0.25},
    "no dropout": {"dropout": 0.0},
    "no batch normalization": {"normalised": False},
    "no activation in convolutions": {"activation": "linear"},
    "tanh": {"activation": "tanh"},
    "sigmoid": {"activation": "sigmoid"},
    "elu": {"activation": "elu"},
    "average pooling": {"pooling": "average"},
    "SGD without momentum": {"optimizer": "SGD", "optimizer_arguments": {}},
    "Adam": {"optimizer": "Adam", "learning_rate": 0.001, "optimizer_arguments": {}},
    "RMSprop": {"optimizer": "RMSprop", "learning_rate": 0.001, "optimizer_arguments": {}},
}
"""What is changed of the network or of its training, by the name of the variant."""
_OF_THE_RECIPE = ("optimizer", "learning_rate", "optimizer_arguments")


def network(activation: str = "relu", normalised: bool = True, dropout: float = 0.5, stack_dropout: float = 0.0,
            pooling: str = "max"):
    """Two stacks of two 3x3 convolutions (32, then 64 filters), a dense layer of 512, ten classes.

    Args:
        activation: of the convolutions; the dense layer has ReLU.
        normalised: whether batch normalization follows convolutions and the dense layer.
        dropout: before the last layer; stack_dropout: after each stack.
        pooling: "max" or "average".

    Returns:
        A `Sequential` model, not compiled.

    Example:
        >>> network().count_params(), network(normalised=False).count_params()
        (1679082, 1676266)
    """
    from striate import Input, Sequential, layers

    model = Sequential([Input((28, 28, 1))], name="nova")
    pool = layers.MaxPooling2D if pooling == "max" else layers.AveragePooling2D
    for filters in (32, 64):
        for _ in range(2):
            model.add(layers.Conv2D(filters, 3, padding="same", activation=activation))
            if normalised:
                model.add(layers.BatchNormalization())
        model.add(pool(2))
        if stack_dropout:
            model.add(layers.Dropout(stack_dropout))
    model.add(layers.Flatten())
    model.add(layers.Dense(512, activation="relu"))
    if normalised:
        model.add(layers.BatchNormalization())
    if dropout:
        model.add(layers.Dropout(dropout))
    model.add(layers.Dense(10, activation="softmax"))
    return model


def compare(subset: bool = False, epochs: int | None = None, variants: Sequence[str] = tuple(VARIANTS),
            seeds: Sequence[int] = (0,), limit: int | None = None, folder: Path | None = None,
            say: Say | None = None) -> Comparison:
    """All variants in one table.

    Args:
        subset: train on the tenth of Fashion-MNIST that ships with striate.
        epochs: instead of the slides' 25.
        variants: names out of `VARIANTS`.
        seeds: of the weights and the order.
        limit: at most so many training pictures.
        folder: where the table is kept, to go on with it.
        say: is told which row is being made.
    """
    data = datasets.load("fashion-mnist", subset, limit)
    size = f"{len(data.train[1]):,} pictures"
    found = Comparison.at(folder, f"Deck N's network on Fashion-MNIST: its variants ({size})",
                          "What does each part of the network and of its training do?", COLUMNS)
    found.run({name: partial(_row, VARIANTS[name], data, epochs, seeds) for name in variants}, say)
    best = max(found.rows, key=lambda row: row["test accuracy"])
    found.notes = [f"Best on the test: {best['variant']} with {best['test accuracy']:.2%}."]
    if data.warning:
        found.notes.append(data.warning)
    found.save()
    return found


def _row(changes: Mapping[str, Any], data: datasets.Data, epochs: int | None, seeds: Sequence[int]) -> dict[str, Any]:
    runs = [trained(lambda: network(**{name: value for name, value in changes.items() if name not in _OF_THE_RECIPE}),
                    {name: value for name, value in changes.items() if name in _OF_THE_RECIPE}, "nova", data, epochs,
                    seed) for seed in seeds]
    test, spread = mean_and_spread([run["test"] for run in runs])
    return {"parameters": runs[0]["parameters"],
            "validation accuracy": mean_and_spread([run["validation"] for run in runs])[0], "test accuracy": test,
            "spread": spread, "seconds": mean_and_spread([run["seconds"] for run in runs])[0]}
