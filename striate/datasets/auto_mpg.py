"""Auto MPG: fuel consumption of 392 cars of 1970-82, for regression. Ships with striate.

See data/AutoMPG.SOURCE.txt for where the table comes from, its licence and its credit.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from striate.errors import ArgumentError, received

FEATURES = ("cylinders", "displacement", "horsepower", "weight", "acceleration", "model_year", "origin")
TARGET = "mpg"
_FILE = Path(__file__).parent / "data" / "AutoMPG.tsv"


def load_data(validation: int = 92, seed: int | None = 0):
    """The cars, shuffled and split.

    The table is in order of model year, so without shuffling the two parts would be different kinds of cars.

    Args:
        validation: how many of the 392 cars go to the second part; the lecture takes 92.
        seed: of the shuffle; None keeps the order of the table.

    Returns:
        `(x_train, y_train), (x_valid, y_valid)`: float32; features of shape (n, 7), in the order of `FEATURES` and
        the units of the table, and miles per gallon of shape (n,).

    Raises:
        ArgumentError: `validation` does not lie between 0 and 391.

    Example:
        >>> (x_train, y_train), (x_valid, y_valid) = load_data()
        >>> x_train.shape, y_valid.shape
        ((300, 7), (92,))
    """
    table = np.loadtxt(_FILE, dtype=np.float32, delimiter="\t", skiprows=1)
    if not 0 <= validation < len(table):
        raise ArgumentError(f"`validation` must lie between 0 and {len(table) - 1}. " + received(validation=validation))
    if seed is not None:
        table = table[np.random.Generator(np.random.PCG64(seed)).permutation(len(table))]
    train, valid = table[:len(table) - validation], table[len(table) - validation:]
    return (train[:, 1:].copy(), train[:, 0].copy()), (valid[:, 1:].copy(), valid[:, 0].copy())
