"""Whole networks of the zoo: a training step, a prediction, and where the time of a step goes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from striate import zoo
from striate.bench.timing import Timing, repeat
from striate.models.training import loops
from striate.models.training.data import Batch
from striate.models.training.programs import scalars_of
from striate.runtime.events import LaunchTime


@dataclass(frozen=True)
class ModelTime:
    """Times of one network in batches of one size."""

    network: str
    batch: int
    threads: int
    train: Timing
    predict: Timing


class Subject:
    """A network of the zoo, compiled by its recipe, with a batch of random images."""

    def __init__(self, network: str, batch: int, seed: int = 0):
        rng = np.random.default_rng(seed)
        recipe = zoo.recipe(network)
        self.model = recipe.compile(zoo.build(network), samples=batch)
        x = rng.random((batch, *self.model.input_shape[1:]), np.float32)
        classes = self.model.output_shape[-1]
        labels = rng.integers(0, max(2, classes), batch)
        y = np.eye(classes, dtype=np.float32)[labels] if recipe.one_hot_labels else labels
        self.x, self.batch = x, Batch(self.model._prepare(x, y))

    def train(self) -> None:
        """One training step, as `fit` makes it."""
        loops.train_step(self.model, self.batch)

    def predict(self) -> np.ndarray:
        """The outputs for the batch."""
        return self.model.predict_on_batch(self.x)

    def profile(self, repeats: int = 5) -> list[LaunchTime]:
        """The times of all launches of a training step."""
        arguments = self.batch.examples.nest, None, scalars_of(self.model.optimizer)
        leaves: list[np.ndarray] = []
        _collect(arguments, leaves)
        return self.model._programs.train.executable(*arguments).profile(leaves, repeats)


def _collect(structure, leaves: list[np.ndarray]) -> None:
    if isinstance(structure, dict):
        structure = list(structure.values())
    if isinstance(structure, (list, tuple)):
        for item in structure:
            _collect(item, leaves)
    elif structure is not None:
        leaves.append(structure)


def measure(networks: Iterable[str], batches: Iterable[int], threads: Iterable[int],
            seconds: float = 1.0) -> Iterator[ModelTime]:
    """Times of every network in batches of every size on every number of threads.

    Example:
        >>> [row.network for row in measure(["lenet5"], [2], [1], 0.01)]  # doctest: +SKIP
        ['lenet5']
    """
    from striate.runtime.pool import set_threads

    for count in threads:
        set_threads(count)
        for network in networks:
            for batch in batches:
                subject = Subject(network, batch)
                yield ModelTime(network, batch, count, repeat(subject.train, seconds, warm=2),
                                repeat(subject.predict, seconds / 2, warm=2))
