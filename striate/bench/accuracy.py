"""Time to accuracy: a recipe of the zoo from the start of the process, accuracy on the test images after each epoch."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import numpy as np

from striate import callbacks, zoo
from striate.callbacks.history import finished


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
    finished(model.fit(*train, batch_size=recipe.batch_size, epochs=recipe.epochs, verbose=0, callbacks=[clock]))
    return clock.epochs


def seconds_to(epochs: list[Epoch], accuracy: float) -> float | None:
    """When the test accuracy was first reached; None if never.

    Example:
        >>> seconds_to([Epoch(1, 9.0, 0.8, 0.88), Epoch(2, 18.0, 0.9, 0.91)], 0.9)
        18.0
    """
    return next((epoch.seconds for epoch in epochs if epoch.test_accuracy >= accuracy), None)


def markdown(result: Mapping[str, Any]) -> str:
    """The page of a stored measurement: the JSON object that `striate bench accuracy --json` prints."""
    target, machine, runs = result["target"], result["machine"], result["runs"]
    reached = [run["seconds_to_target"] for run in runs if run["seconds_to_target"] is not None]
    lines = [f"# Time to accuracy: {result['network']}", "",
             f"{result['started']}, {machine['processor']}, {machine['threads']} "
             f"thread{'s' * (machine['threads'] != '1')}, {machine['instructions']}; "
             f"striate {machine['striate']}. {result['data']}{', the subset' if result['subset'] else ''}: seconds "
             "from loading the data to the first epoch after which the test accuracy is reached; tests are not "
             "counted.", "",
             f"| seed | seconds to {target} | epochs in all | seconds in all | test accuracy at the end |",
             "| --- | --- | --- | --- | --- |"]
    for run in runs:
        last, seconds = run["epochs"][-1], run["seconds_to_target"]
        lines.append(f"| {run['seed']} | {'never' if seconds is None else format(seconds, '.1f')} | {last['epoch']} | "
                     f"{last['seconds']:.1f} | {last['test_accuracy']:.4f} |")
    mean = f"after {fmean(reached):.1f} s on average, {max(reached):.1f} s at the latest; " if reached else ""
    lines += ["", f"Reached in {len(reached)} of {len(runs)} runs: {mean}at the end "
              f"{fmean(run['epochs'][-1]['test_accuracy'] for run in runs):.4f} on average."]
    return "\n".join(lines) + "\n"
