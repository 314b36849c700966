"""A training under way: where it stands, everything it needs to go on, and how it goes on from a saved state.

Random numbers and the order of samples depend on seed and step alone (see `shuffle` and `ops.random`), so a position
is a few whole numbers; nothing else of the data has to be kept.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

import striate
from striate import seeds
from striate.errors import ArgumentError, ModelFileError, StriateError, received
from striate.models.training.data import Examples
from striate.models.training.nonfinite import Origin, Recorder
from striate.models.training.programs import scalars_of
from striate.ranks import shards

FORMAT = 1
_BEFORE_SHARDS = {"shards": 1}
"""What states say that were saved before there were shards."""


class Training:
    """One call of `fit`.

    epoch, batch: what comes next, counted from 0. first_step: how many steps were made before this epoch; with the
    seed it decides the epoch's order. began: how many had been made when this call of `fit` began. complete: all epochs
    are done, or a callback stopped the training. origin: where the first loss that is no finite number came from, if
    there was one.
    """

    def __init__(self, model, source, validation, callbacks, epoch: int):
        self.model, self.source, self.validation, self.callbacks = model, source, validation, callbacks
        self.epoch, self.batch, self.first_step = epoch, 0, 0
        self.began = model._steps_made()
        self.seed = seeds.global_seed()
        self.complete = False
        self.recorder = Recorder(model)
        self.origin: Origin | None = None
        self._waiting: dict | None = None
        self._fingerprint: dict | None = None
        self._first: Examples | None = None

    # ---- saving -----------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Everything that the rest of the training depends on: a nest of plain values and (uncopied) arrays."""
        model = self.model
        return {
            "format": FORMAT, "striate": striate.__version__, "fingerprint": self.fingerprint(),
            "position": {"epoch": self.epoch, "batch": self.batch, "first_step": self.first_step, "seed": self.seed,
                         "began": self.began, "source": self.source.position},
            "stopped": bool(model.stop_training),
            "variables": [variable.array for variable in model.variables],
            "optimizer": [variable.array for variable in self._optimizers_variables()],
            **self.sums(),
            "callbacks": [[name, item.get_state()] for name, item in self._named_callbacks()],
        }

    def _optimizers_variables(self) -> list:
        """Those of the optimizer of `compile`, then those of others that the model's class has."""
        return [variable for optimizer in self.model._optimizers() for variable in optimizer.variables]

    def sums(self) -> dict[str, Any]:
        """What losses and metrics have gathered in the epoch so far."""
        return {"losses": self.model._mean_losses.state,
                "metrics": [{"sums": metric.sums, "variables": [variable.array for variable in metric._variables]}
                            for metric in self.model.metrics]}

    def set_sums(self, state: dict[str, Any]) -> None:
        """Puts back what `sums` gave."""
        self.model._mean_losses.state = state["losses"]
        for metric, saved in zip(self.model.metrics, state["metrics"], strict=True):
            metric.set_sums(saved["sums"])
            _assign(metric._variables, saved["variables"])

    def fingerprint(self) -> dict[str, Any]:
        """What must be the same when the training goes on: the model, the data, how it is trained."""
        if self._fingerprint is None or not self._fingerprint["model"]["weights"]:
            self._fingerprint = {
                "model": _model_fingerprint(self.model), "data": self.source.fingerprint,
                "validation": None if self.validation is None else self.validation.fingerprint,
                "optimizer": _optimizers_fingerprint(self.model._optimizers()), "step": {"shards": shards()}}
        return self._fingerprint

    def _named_callbacks(self):
        """The callbacks, each with its class' name; the second of a class has "EarlyStopping 2"."""
        used: Counter[str] = Counter()
        for item in self.callbacks.callbacks:
            name = type(item).__name__
            used[name] += 1
            yield (name if used[name] == 1 else f"{name} {used[name]}"), item

    def settle(self) -> None:
        """Has the model know its data, before anything is computed."""
        self._first = self.source.settle()
        if self.validation is not None:
            self.validation.settle()

    def _make_what_a_step_makes(self, state: dict[str, Any]) -> None:
        """A `train_step` of the class' own may make weights, and memory of optimizers, when it first runs: too late for
        a state that has them. So it is traced before, where they are missing; nothing is computed or counted."""
        model = self.model
        if (self._first is None or "train" not in model._programs.own_steps
                or (len(state["variables"]) <= len(model.variables)
                    and len(state["optimizer"]) <= len(self._optimizers_variables()))):
            return
        train = model._programs.train
        numbers = [scalars_of(optimizer) for optimizer in model._optimizers()]
        (train if model._programs.eager else train.graph)(self._first.nest, None, numbers)

    # ---- going on ---------------------------------------------------------------------------------------------

    def go_on_from(self, state: dict[str, Any], force: bool = False) -> None:
        """Asks for the training to go on from what `state()` gave, as soon as every callback has begun. The training
        must be settled.

        Raises:
            ArgumentError: the model, the data or the optimizer is another one, and not `force`.
            ModelFileError: it is not what `state()` gives.
        """
        with _understood():
            if state.get("format") != FORMAT:
                raise ArgumentError("The saved state is of a format that this edition of striate does not read. "
                                    + received(format=state.get("format"), striate=state.get("striate")))
            self._make_what_a_step_makes(state)
            for what, now in self.fingerprint().items():
                before = state["fingerprint"].get(what, _BEFORE_SHARDS if what == "step" else None)
                if before != json.loads(json.dumps(now)) and not force:
                    raise ArgumentError(_refusal(what, before, now))
            position = {"began": 0, **state["position"]}
            numbers = [position[name] for name in ("epoch", "batch", "first_step", "seed", "began")]
            if any(type(number) is not int or number < 0 for number in numbers):
                raise ValueError(f"its position is {position}")
        self._waiting = state

    def begins_otherwise(self, state: dict[str, Any]) -> bool:
        """Whether no step was made before a state, and this training begins in another way: nothing is lost by it."""
        with _understood():
            if (state["position"]["epoch"], state["position"]["batch"]) != (self.epoch, 0):
                return False
            now = self.state()
            return not (state["fingerprint"] == json.loads(json.dumps(now["fingerprint"])) and all(
                len(state[name]) == len(now[name]) and all(map(np.array_equal, state[name], now[name]))
                for name in ("variables", "optimizer")))

    def resume(self) -> None:
        """Takes up the state that was asked for, if any; to be called when the callbacks' `on_train_begin` is over."""
        if self._waiting is None:
            return
        self._take(self._waiting)
        with _understood():
            self.source.go_to(self._waiting["position"]["source"])
        if not self.batch:
            self._waiting = None

    def begin_epoch(self, epoch: int) -> None:
        """After the callbacks' `on_epoch_begin`: a new epoch, or the middle of one, where what they changed goes."""
        self.epoch = epoch
        if self._waiting is not None:
            self._take(self._waiting)
            self._waiting = None
            return
        self.batch, self.first_step = 0, self.model._steps_made()
        self.model.reset_metrics()

    def end_epoch(self) -> None:
        """The epoch is done; what comes next is the first batch of the next one."""
        self.epoch, self.batch = self.epoch + 1, 0

    def _take(self, state: dict[str, Any]) -> None:
        model, position = self.model, state["position"]
        self.epoch, self.batch, self.first_step = position["epoch"], position["batch"], position["first_step"]
        self.seed, self.began = position["seed"], position.get("began", 0)
        seeds.go_on_with(self.seed)
        with _understood():
            model.stop_training = bool(state["stopped"])
            _assign(model.variables, state["variables"])
            _assign(self._optimizers_variables(), state["optimizer"])
            self.set_sums(state)
            saved_callbacks = dict(state["callbacks"])
            for name, item in self._named_callbacks():
                if name in saved_callbacks:
                    item.set_state(saved_callbacks[name])


@contextmanager
def _understood() -> Iterator[None]:
    """Says that a state is damaged where something in it is not what `Training.state` gives: its files may be whole,
    and written by somebody else."""
    try:
        yield
    except StriateError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise ModelFileError(f"The saved state is damaged or not one of a training: {type(error).__name__}: "
                             f"{str(error)[:300]}. Remove it to begin anew.") from error


def _assign(variables: list, arrays: list) -> None:
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def _refusal(what: str, before: Any, now: Any) -> str:
    differing = {key for key in {*(before or {}), *(now or {})} if (before or {}).get(key) != (now or {}).get(key)}
    shown = {"saved": {key: (before or {}).get(key) for key in sorted(differing)},
             "now": {key: (now or {}).get(key) for key in sorted(differing)}}
    return (f"The saved training cannot go on here: its {what} differs in {', '.join(sorted(differing))}. "
            f"{received(**shown)}. Go on with what it began with, remove the saved state to begin anew, or force it "
            "(BackupAndRestore(..., force=True)), which gives other results than an unbroken training.")


def _model_fingerprint(model) -> dict[str, Any]:
    """Shapes and types of the weights, and a hash of the description without names, which count up in a process."""
    weights = [[list(variable.shape), variable.dtype] for variable in model.variables]
    names = {layer.name: f"#{index}" for index, layer in enumerate(model._flatten_layers())}

    def nameless(item):
        if isinstance(item, dict):
            return {key: nameless(value) for key, value in item.items()}
        if isinstance(item, (list, tuple)):
            return [nameless(value) for value in item]
        return names.get(item, item) if isinstance(item, str) else item
    try:
        text = json.dumps(nameless(model.get_config()), sort_keys=True, default=repr)
    except (StriateError, NotImplementedError, TypeError):
        text = type(model).__name__
    return {"weights": weights, "description": hashlib.sha256(text.encode()).hexdigest()}


def _optimizers_fingerprint(optimizers: list) -> dict[str, Any]:
    first, *others = map(_optimizer_fingerprint, optimizers)
    return {**first, "others": others} if others else first


def _optimizer_fingerprint(optimizer) -> dict[str, Any]:
    config = optimizer.get_config()
    if len(optimizer.variables) > 1 and optimizer.variables[1] is optimizer.learning_rate:
        config.pop("learning_rate", None)
    config.pop("name", None)
    return {"class": type(optimizer).__name__, **json.loads(json.dumps(config, default=repr, sort_keys=True))}
