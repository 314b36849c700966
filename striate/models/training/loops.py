"""The loops over epochs and batches, and what is averaged over them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from striate import seeds
from striate.callbacks import CallbackList, History
from striate.errors import DataError
from striate.models.structure import flatten, pack
from striate.models.training.data import Batch
from striate.models.training.interrupt import InterruptGuard
from striate.models.training.programs import scalars_of


class MeanLosses:
    """Means of the loss (and of each output's loss) over samples, summed in float64 in the order of the batches."""

    def __init__(self, names: list[str]):
        self.names = ["loss", *names]
        self.reset()

    def reset(self) -> None:
        """Forgets earlier batches."""
        self._sums, self._count = [0.0] * len(self.names), 0
        self.is_finite = True

    def update(self, losses: list, size: int) -> None:
        """Adds a batch of `size` samples."""
        for index, loss in enumerate(losses):
            self._sums[index] += float(loss) * size
        self._count += size
        self.is_finite = self.is_finite and math.isfinite(self._sums[0])

    def results(self) -> dict[str, float]:
        """Name -> mean."""
        return {name: total / max(self._count, 1) for name, total in zip(self.names, self._sums, strict=True)}


def train_step(model, batch: Batch) -> None:
    """One step of the optimiser; the model's metrics take the results in."""
    optimizer = model.optimizer
    results = model._programs.train(batch.examples.nest, batch.indices, scalars_of(optimizer),
                                    random=model._random_key())
    optimizer.advance()
    _take_in(model, batch, results)


def test_step(model, batch: Batch) -> None:
    """Losses and metrics of one batch; the model's metrics take the results in."""
    _take_in(model, batch, model._programs.test(batch.selected.nest))


def _take_in(model, batch: Batch, results: dict[str, Any]) -> None:
    model._mean_losses.update([results["loss"], *results["losses"]], batch.size)
    metrics = model._metrics
    if not metrics.entries:
        return
    needs_arrays = metrics.needs_predictions or metrics.weighted_metrics
    chosen = batch.selected if needs_arrays else batch.examples
    metrics.update(results["values"], chosen.y, results["predictions"], chosen.weights)


def fit(model, source, validation, callbacks: CallbackList, epochs: Iterable[int], validation_freq) -> History:
    """Trains for these epochs; gives the history, also after Ctrl-C."""
    seed = seeds.global_seed()
    model.stop_training = False
    logs: dict[str, Any] = {}
    with InterruptGuard() as guard:
        try:
            callbacks.on_train_begin()
            for epoch in epochs:
                callbacks.on_epoch_begin(epoch)
                if not _train_epoch(model, source, callbacks, guard, seed):
                    break
                logs = model.get_metrics_result()
                if validation is not None and _is_due(epoch, validation_freq):
                    found = evaluate(model, validation, callbacks, guard)
                    logs = dict(sorted((logs | {f"val_{name}": value for name, value in found.items()}).items()))
                if guard.requested:
                    break
                callbacks.on_epoch_end(epoch, logs)
                if model.stop_training:
                    break
        except Exception:
            _end_quietly(callbacks, logs)
            raise
        callbacks.on_train_end(logs)
    callbacks.history.interrupted = guard.requested
    return callbacks.history


def _end_quietly(callbacks: CallbackList, logs: dict[str, Any]) -> None:
    """`on_train_end` after a failure: what it raises in its turn is only warned of, so that the cause is seen."""
    try:
        callbacks.on_train_end(logs)
    except Exception as error:
        warnings.warn(f"on_train_end failed as well: {error!r}", stacklevel=3)


def _is_due(epoch: int, validation_freq: Any) -> bool:
    if isinstance(validation_freq, int):
        return (epoch + 1) % validation_freq == 0
    return epoch + 1 in validation_freq


def _train_epoch(model, source, callbacks: CallbackList, guard: InterruptGuard, seed: int) -> bool:
    """One pass over the batches; False when it was interrupted."""
    model.reset_metrics()
    hears_begin, hears_end = callbacks.hears("on_train_batch_begin"), callbacks.hears("on_train_batch_end")
    step, losses = -1, model._mean_losses
    for step, batch in enumerate(source.batches(seed, model._steps_made())):
        if hears_begin:
            callbacks.on_train_batch_begin(step)
        was_finite = losses.is_finite
        train_step(model, batch)
        if was_finite and not losses.is_finite:
            _warn_of_overflow(step)
        if hears_end:
            callbacks.on_train_batch_end(step, model.get_metrics_result())
        if guard.requested:
            return False
        if model.stop_training:
            return True
    _check_steps(source, step + 1)
    return True


def _warn_of_overflow(step: int) -> None:
    warnings.warn(f"The loss is no finite number any more, since batch {step} of this epoch (counted from 0). A "
                  "smaller learning rate or `clipnorm` often helps; callbacks.TerminateOnNaN() stops such a training.",
                  stacklevel=5)


def _check_steps(source, steps: int) -> None:
    if steps == 0:
        raise DataError("The data gave no batch. A generator can be used up only once: make a new one for each call.")
    if source.steps is not None and steps < source.steps:
        warnings.warn(f"Your input ran out of data after {steps} of {source.steps} steps; the epoch is shorter. "
                      "Make sure that the generator can give `steps_per_epoch * epochs` batches.", stacklevel=4)


def evaluate(model, source, callbacks: CallbackList, guard: InterruptGuard | None = None) -> dict[str, Any]:
    """Loss and metrics over all batches."""
    callbacks.on_test_begin()
    model.reset_metrics()
    hears_begin, hears_end = callbacks.hears("on_test_batch_begin"), callbacks.hears("on_test_batch_end")
    step = -1
    for step, batch in enumerate(source.batches()):
        if hears_begin:
            callbacks.on_test_batch_begin(step)
        test_step(model, batch)
        if hears_end:
            callbacks.on_test_batch_end(step, model.get_metrics_result())
        if guard is not None and guard.requested:
            break
    _check_steps(source, step + 1)
    logs = model.get_metrics_result()
    callbacks.on_test_end(logs)
    return logs


def predict(model, source, callbacks: CallbackList) -> Any:
    """The outputs over all batches, joined."""
    callbacks.on_predict_begin()
    hears_begin, hears_end = callbacks.hears("on_predict_batch_begin"), callbacks.hears("on_predict_batch_end")
    parts: list[list[np.ndarray]] = []
    structure, step = None, -1
    for step, batch in enumerate(source.batches()):
        if hears_begin:
            callbacks.on_predict_batch_begin(step)
        structure = model._forward([batch.selected.x])
        parts.append(flatten(structure))
        if hears_end:
            callbacks.on_predict_batch_end(step, {"outputs": structure})
    _check_steps(source, step + 1)
    callbacks.on_predict_end()
    return pack(structure, [np.concatenate(arrays) for arrays in zip(*parts, strict=True)])
