"""Deck N's regression: fuel consumption from seven numbers of a car; activations, learning rates and a linear model.

Features and target are standardised with the training part's mean and spread, the output is linear, the loss is the
mean squared error. The error is told in miles per gallon: the root of the mean squared error on the validation part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from striate.callbacks.history import finished
from striate.datasets import auto_mpg
from striate.datasets.tables import Table
from striate.errors import DataError, received
from striate.systems.comparison import Comparison, Say, mean_and_spread

ACTIVATIONS = ("relu", "tanh", "sigmoid", "linear")
RATES = (0.003, 0.01, 0.03)
SPLITS = 20
EPOCHS, BATCH_SIZE, HIDDEN = 60, 32, (32, 16)
COLUMNS = {"activation": str, "learning rate": float | None, "validation error": float, "spread": float | None,
           "training error": float | None, "better than linear": str | None}
Split = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Scaled:
    """A split, scaled to mean 0 and spread 1 on the training part; `unit` is the spread that the target had."""

    train: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]
    unit: float

    @classmethod
    def of(cls, data: Split) -> Scaled:
        """Scales a split."""
        (x, y), (x_valid, y_valid) = data
        mean, spread, middle, unit = x.mean(axis=0), x.std(axis=0), y.mean(), y.std()
        if not unit > 0 or not len(y_valid):
            raise DataError("The column to predict must have different values among the rows to learn from, and some "
                            "rows must be left to measure with: give more rows, or predict another column. "
                            + received(rows=len(y), held_out=len(y_valid), value=float(middle)))
        spread = np.where(spread > 0, spread, 1)
        return cls(((x - mean) / spread, (y - middle) / unit), ((x_valid - mean) / spread, (y_valid - middle) / unit),
                   float(unit))


def error_of(predicted: np.ndarray, wanted: np.ndarray, unit: float) -> float:
    """Root of the mean squared error, in the target's unit."""
    return float(np.sqrt(np.mean((np.asarray(predicted, np.float64).ravel() - wanted) ** 2)) * unit)


def linear_error(seed: int | None, data: Split | None = None) -> float:
    """Validation error of least squares in miles per gallon; seed None keeps the order of the table.

    Example:
        >>> round(linear_error(None), 2)
        5.78
    """
    scaled = Scaled.of(data if data is not None else auto_mpg.load_data(seed=seed))
    (x, y), (x_valid, y_valid) = scaled.train, scaled.validation
    solution = np.linalg.lstsq(_with_ones(x), y.astype(np.float64), rcond=None)[0]
    return error_of(_with_ones(x_valid) @ solution, y_valid, scaled.unit)


def _with_ones(x: np.ndarray) -> np.ndarray:
    return np.concatenate([x.astype(np.float64), np.ones((len(x), 1))], axis=1)


def network(features: int = 7, activation: str = "relu"):
    """Two hidden layers of 32 and 16 neurons and one linear output.

    Args:
        features: how many numbers a row has.
        activation: of the hidden layers.

    Returns:
        A `Sequential` model, not compiled.

    Example:
        >>> network().count_params()
        801
    """
    from striate import Input, Sequential, layers

    return Sequential([Input((features,)), *[layers.Dense(units, activation=activation) for units in HIDDEN],
                       layers.Dense(1)], name="regression")


class Trainer:
    """Trains the same network on one split after the other; it is compiled once and begins anew each time."""

    def __init__(self, features: int, activation: str, rate: float):
        from striate import optimizers, utils

        utils.clear_session()
        self.activation, self.features, self.rate = activation, features, rate
        self.model = network(features, activation)
        self.model.compile(loss="mse", optimizer=optimizers.SGD(learning_rate=rate, momentum=0.9))

    def errors(self, data: Split, seed: int) -> tuple[float, float]:
        """(training, validation) error in the target's unit after training on a split."""
        from striate import utils

        utils.set_random_seed(seed)
        self.model.set_weights(network(self.features, self.activation).get_weights())
        for variable in self.model.optimizer.variables:
            if variable is not self.model.optimizer.learning_rate:
                variable.assign(np.zeros(variable.shape, variable.dtype))
        scaled = Scaled.of(data)
        finished(self.model.fit(*scaled.train, epochs=EPOCHS, batch_size=BATCH_SIZE, verbose=0))
        found = [error_of(self.model.predict(x, batch_size=512, verbose=0), y, scaled.unit)
                 for x, y in (scaled.train, scaled.validation)]
        return found[0], found[1]


def table_split(table: Table, seed: int, share: float = 92 / 392) -> Split:
    """A table's rows, shuffled and split."""
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(table.y))
    border = len(order) - max(1, round(len(order) * share))
    train, valid = order[:border], order[border:]
    return (table.x[train], table.y[train]), (table.x[valid], table.y[valid])


def compare(splits: int = SPLITS, activations: Sequence[str] = ACTIVATIONS, rates: Sequence[float] = RATES,
            table: Table | None = None, folder: Path | None = None, say: Say | None = None) -> Comparison:
    """The linear model and the network with each activation and learning rate, on the same splits.

    Args:
        splits: how many; split k is shuffled with seed k.
        activations, rates: what is compared.
        table: other data than Auto MPG: a table of numbers.
        folder: where the table is kept, to go on with it.
        say: is told which row is being made.

    Returns:
        A `Comparison`; errors are means over the splits, in the target's unit, and "better than linear" counts the
        splits on which the network's error was lower.
    """
    data = [auto_mpg.load_data(seed=seed) if table is None else table_split(table, seed) for seed in range(splits)]
    linear = [linear_error(None, split) for split in data]
    unit = "miles per gallon" if table is None else f"the unit of {table.target}"
    found = Comparison.at(folder, f"{'Auto MPG' if table is None else table.target}: validation error in {unit}, mean "
                          f"over {splits} splits", "Which activation and learning rate predict best?", COLUMNS)

    def linear_row() -> dict[str, Any]:
        error, spread = mean_and_spread(linear)
        return {"activation": "none", "validation error": error, "spread": spread}

    def row(activation: str, rate: float) -> dict[str, Any]:
        trainer = Trainer(data[0][0][0].shape[1], activation, rate)
        errors = [trainer.errors(split, seed) for seed, split in enumerate(data)]
        error, spread = mean_and_spread([valid for _, valid in errors])
        wins = sum(valid < base for (_, valid), base in zip(errors, linear, strict=True))
        return {"activation": activation, "learning rate": rate, "validation error": error, "spread": spread,
                "training error": mean_and_spread([train for train, _ in errors])[0],
                "better than linear": f"{wins} of {splits}"}

    found.run({"linear model": linear_row,
               **{f"{activation}, {rate:g}": partial(row, activation, rate)
                  for activation in activations for rate in rates}}, say)
    best = min(found.rows[1:], key=lambda own: own["validation error"])
    hidden = " and ".join(map(str, HIDDEN))
    spread = "" if best["spread"] is None else f" +- {best['spread']:.2f}"
    found.notes = [
        f"Best: {best['variant']} with {best['validation error']:.2f}{spread}; the linear model has "
        f"{found.rows[0]['validation error']:.2f} on the same splits. Network: {hidden} neurons, one linear output, "
        f"SGD with momentum 0.9, {EPOCHS} epochs of batches of {BATCH_SIZE}."]
    found.save()
    return found
