"""The loops over epochs and batches, and what is averaged over them."""

from __future__ import annotations

import copy
import math
import warnings
from typing import Any

import numpy as np

from striate.callbacks import CallbackList, History
from striate.errors import ArgumentError, DataError, received
from striate.models.structure import flatten, pack
from striate.models.training.data import Batch, Examples
from striate.models.training.interrupt import InterruptGuard
from striate.models.training.logs import alphabetical
from striate.models.training.programs import scalars_of
from striate.models.training.resume import Training
from striate.models.training.sharding import check_ranks, check_shards, run_step
from striate.ranks import Alone, ranks
from striate.untrusted.kinds import of_kinds


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

    @property
    def state(self) -> dict[str, Any]:
        """What was gathered, in plain values; can be set."""
        return {"sums": list(self._sums), "count": self._count}

    @state.setter
    def state(self, saved: dict[str, Any]) -> None:
        of_kinds("The saved state of losses", {"sums": list[float], "count": int}, saved,
                 "Remove the saved state to begin anew.")
        if len(saved["sums"]) != len(self.names):
            raise ArgumentError(f"The saved state has sums of other losses than the model, which are {self.names}. "
                                f"{received(sums=saved['sums'])}. Remove the saved state to begin anew.")
        self._sums, self._count = list(saved["sums"]), saved["count"]
        self.is_finite = math.isfinite(self._sums[0])

    def results(self) -> dict[str, float]:
        """Name -> mean."""
        return {name: total / max(self._count, 1) for name, total in zip(self.names, self._sums, strict=True)}


def train_step(model, batch: Batch, training: Training | None = None) -> None:
    """One step of the optimiser; the model's metrics take the results in. In `fit` the step is remembered."""
    model._renew_programs(batch)
    own = model._programs.own_steps.get("train")
    if own is not None:
        check_shards(model)
        numbers = [scalars_of(optimizer) for optimizer in model._optimizers()]
        results = model._programs.train(batch.examples.nest, batch.indices, numbers, random=model._random_key())
        model._step_logs = own.finish(results)
        return
    optimizer = model.optimizer
    scalars, random = scalars_of(optimizer), model._random_key()
    if training is not None:
        training.recorder.before(batch, scalars, random, training.epoch, training.batch)
    found = run_step(model, batch, scalars, random)
    optimizer.advance()
    for part, results in found:
        _take_in(model, part, results)


def test_step(model, batch: Batch, results: dict[str, Any] | None = None) -> None:
    """Losses and metrics of one batch; the model's metrics take the results in, which are computed if not given."""
    own = model._programs.own_steps.get("test")
    results = model._programs.test(batch.selected.nest) if results is None else results
    if own is not None:
        model._step_logs = own.finish(results)
        return
    _take_in(model, batch, results)


def _take_in(model, batch: Batch, results: dict[str, Any]) -> None:
    model._mean_losses.update([results["loss"], *results["losses"]], batch.size)
    metrics = model._metrics
    if not metrics.entries:
        return
    chosen = batch.selected if metrics.needs_predictions or metrics.weighted_metrics else Examples(None)
    metrics.update(results["values"], chosen.y, results["predictions"], chosen.weights)


def fit(model, source, validation, callbacks: CallbackList, epochs: range, validation_freq) -> History:
    """Trains for these epochs; gives the history, also after Ctrl-C."""
    model.stop_training = False
    source.opens(model._programs is None)
    training = model._training = Training(model, source, validation, callbacks, epochs.start)
    logs: dict[str, Any] = {}
    with InterruptGuard() as guard:
        try:
            callbacks.on_train_begin()
            training.resume()
            check_ranks(training)
            while training.epoch < epochs.stop and not model.stop_training:
                callbacks.on_epoch_begin(training.epoch)
                training.begin_epoch(training.epoch)
                logs = _epoch(training, guard, validation_freq) or logs
                if guard.requested:
                    callbacks.on_interrupt()
                    break
        except Exception:
            _end_quietly(callbacks, logs)
            raise
        training.complete = not guard.requested
        if training.complete:
            model.optimizer.finalize_variable_values(model.trainable_variables)
        callbacks.on_train_end(logs)
    callbacks.history.interrupted = guard.requested
    return callbacks.history


def _epoch(training: Training, guard: InterruptGuard, validation_freq: Any) -> dict[str, Any] | None:
    """One epoch (or the rest of one) with its validation; gives its logs, or None when it was interrupted."""
    model, callbacks, epoch = training.model, training.callbacks, training.epoch
    if not _train_epoch(training, guard):
        return None
    logs = alphabetical(model.get_metrics_result())
    if training.validation is not None and _is_due(epoch, validation_freq):
        gathered = copy.deepcopy(training.sums())
        found = evaluate(model, training.validation, callbacks, guard)
        if guard.requested:  # A state that is saved now is that of before the validation, which will be made again.
            training.set_sums(gathered)
            return None
        logs = alphabetical(logs | {f"val_{name}": value for name, value in found.items()})
    training.end_epoch()
    callbacks.on_epoch_end(epoch, dict(logs))  # what callbacks add is for one another and the history
    return logs


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


def _train_epoch(training: Training, guard: InterruptGuard) -> bool:
    """The batches of one epoch that are still to do; False when it was interrupted."""
    model, source, callbacks = training.model, training.source, training.callbacks
    hears_begin, hears_end = callbacks.hears("on_train_batch_begin"), callbacks.hears("on_train_batch_end")
    source.epoch_begins()
    for batch in source.batches(training.seed, training.first_step, training.batch):
        step = training.batch
        if hears_begin:
            callbacks.on_train_batch_begin(step)
        train_step(model, batch, training)
        training.batch = step + 1
        if not model._mean_losses.is_finite and training.origin is None:
            _warn_of_overflow(training, step)
        if hears_end:
            callbacks.on_train_batch_end(step, alphabetical(model.get_metrics_result()))
        if guard.requested:
            return False
        if model.stop_training:
            return True
    source.epoch_ends()
    _check_steps(source, training.batch)
    return True


def _warn_of_overflow(training: Training, step: int) -> None:
    """Looks for the cause, once in a training: later steps only inherit it."""
    training.origin = training.recorder.origin()
    cause = f" {training.origin}"
    warnings.warn(f"The loss is no finite number any more, since batch {step} of this epoch (counted from 0).{cause} A "
                  "smaller learning rate or `clipnorm` often helps; callbacks.TerminateOnNaN() stops such a training.",
                  stacklevel=6)


def _check_steps(source, steps: int) -> None:
    if steps == 0:
        raise DataError("The data gave no batch. A generator can be used up only once: make a new one for each call.")
    if source.steps is not None and steps < source.steps:
        warnings.warn(f"Your input ran out of data after {steps} of {source.steps} steps; the epoch is shorter. "
                      "Make sure that the generator can give `steps_per_epoch * epochs` batches.", stacklevel=4)


def evaluate(model, source, callbacks: CallbackList, guard: InterruptGuard | None = None) -> dict[str, Any]:
    """Loss and metrics over all batches, or until a callback sets `model.stop_evaluating`."""
    model.stop_evaluating = False
    source.opens(model._programs is None)
    callbacks.on_test_begin()
    model.reset_metrics()
    hears_begin, hears_end = callbacks.hears("on_test_batch_begin"), callbacks.hears("on_test_batch_end")
    step = -1
    source.epoch_begins()
    own = "test" in model._own_steps()  # What such a step gives is for the process that traced it.
    spread = (Alone() if own else ranks()).spread(
        source.batches(), lambda batch: model._programs.test(batch.selected.nest))
    for step, (batch, results) in enumerate(spread):
        if hears_begin:
            callbacks.on_test_batch_begin(step)
        test_step(model, batch, results())
        if hears_end:
            callbacks.on_test_batch_end(step, alphabetical(model.get_metrics_result()))
        if model.stop_evaluating or (guard is not None and guard.requested):
            break
    else:
        source.epoch_ends()
        _check_steps(source, step + 1)
    logs = alphabetical(model.get_metrics_result())
    callbacks.on_test_end(logs)
    return logs


def predict(model, source, callbacks: CallbackList) -> Any:
    """The outputs over all batches, joined, or those until a callback sets `model.stop_predicting`."""
    model.stop_predicting = False
    callbacks.on_predict_begin()
    hears_begin, hears_end = callbacks.hears("on_predict_batch_begin"), callbacks.hears("on_predict_batch_end")
    parts: list[list[np.ndarray]] = []
    structure, step = None, -1
    source.epoch_begins()
    spread = ranks().spread(source.batches(), lambda batch: model._predicted(batch.selected.x))
    for step, (_, results) in enumerate(spread):
        if hears_begin:
            callbacks.on_predict_batch_begin(step)
        structure = results()
        parts.append(flatten(structure))
        if hears_end:
            callbacks.on_predict_batch_end(step, alphabetical({"outputs": structure}))
        if model.stop_predicting:
            break
    else:
        source.epoch_ends()
        _check_steps(source, step + 1)
    callbacks.on_predict_end()
    return pack(structure, [np.concatenate(arrays) for arrays in zip(*parts, strict=True)])
