"""Time to accuracy: a recipe of the zoo from the start of the process, accuracy on the test images after each epoch."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from striate import callbacks, zoo


@dataclass(frozen=True)
class Epoch:
    """After one epoch: seconds since the clock started (tests of the model not counted), and accuracies."""

    epoch: int
    seconds: float
    training_accuracy: float
    test_accuracy: float


class _Clock(callbacks.Callback):
    """Tests the model after each epoch and stops the clock meanwhile."""

    def __init__(self, started: float, test: tuple, recipe: zoo.Recipe):
        super().__init__()
        self.started, self.test, self.recipe = started, test, recipe
        self.epochs: list[Epoch] = []

    def on_epoch_end(self, epoch, logs=None):
        """Notes time and accuracy down."""
        now = time.perf_counter()
        images, labels = self.test
        outputs = self.recipe.predict(self.model, images)
        # A single output is a score: positive means the second class.
        right = (outputs.argmax(axis=1) if outputs.shape[1] > 1 else outputs[:, 0] > 0) == labels
        self.epochs.append(Epoch(epoch + 1, now - self.started, float(logs["accuracy"]), float(right.mean())))
        self.started += time.perf_counter() - now


def run(network: str, train: tuple, test: tuple, seed: int, epochs: int | None = None,
        started: float | None = None) -> list[Epoch]:
    """Trains a network of the zoo by its recipe, with this seed, and says how good it is after each epoch.

    Args:
        train, test: (images, labels); images as the network takes them, labels whole numbers. Tests are made as the
            recipe says: the mean over a picture and its mirror image, if it is `mirrored`.
        epochs: instead of the recipe's.
        started: when the clock started, by `time.perf_counter()`; now unless given.
    """
    from striate import utils

    started = time.perf_counter() if started is None else started
    utils.set_random_seed(seed)
    recipe, model = zoo.recipe(network), zoo.build(network)
    if epochs is not None:
        recipe = replace(recipe, epochs=epochs)
    recipe.compile(model, len(train[0]))
    if recipe.one_hot_labels:
        classes = model.output_shape[-1]
        train = train[0], np.eye(classes, dtype=np.float32)[train[1]]
    clock = _Clock(started, test, recipe)
    model.fit(*train, batch_size=recipe.batch_size, epochs=recipe.epochs, verbose=0, callbacks=[clock])
    return clock.epochs


def seconds_to(epochs: list[Epoch], accuracy: float) -> float | None:
    """When the test accuracy was first reached; None if never.

    Example:
        >>> seconds_to([Epoch(1, 9.0, 0.8, 0.88), Epoch(2, 18.0, 0.9, 0.91)], 0.9)
        18.0
    """
    return next((epoch.seconds for epoch in epochs if epoch.test_accuracy >= accuracy), None)
