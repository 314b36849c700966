"""What happens around training steps: `Callback`, and the list that calls many of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from striate import config
from striate.errors import FileError, TypeMismatchError, received
from striate.files import is_lack_of_room
from striate.untrusted.kinds import of_kinds

_SPANS = ("train", "epoch", "test", "predict", "train_batch", "test_batch", "predict_batch")
_HOOKS = (*(f"on_{span}_{when}" for span in _SPANS for when in ("begin", "end")), "on_interrupt")
_OLD_NAMES = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}


class Callback:
    """Base of callbacks: override the moments that matter.

    `self.model` is the model at work and `self.params` a dict with `verbose`, `epochs` and `steps`. `logs` holds the
    results so far: in batch hooks the means over the epoch's batches until now, in `on_epoch_end` also `val_...`.

    Example:
        >>> class Printer(Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         print(epoch, sorted(logs))
        >>> Printer().on_epoch_end(0, {"loss": 1.0})
        0 ['loss']
    """

    memory: Mapping[str, Any] | tuple[str, ...] = ()
    """The attributes that a training which is taken up again needs (see `BackupAndRestore`): their names, or a dict of
    name -> type hint, by which a saved state is checked."""
    comes_last = 0
    """1: it is called after all others; 2: after those, too, because it keeps what they remember."""

    def __init__(self):
        self.params: dict[str, Any] = {}
        self._model = None

    def get_state(self) -> dict[str, Any]:
        """What the callback remembers, as plain values and arrays: the attributes that `memory` names."""
        return {name: getattr(self, name) for name in self.memory}

    def set_state(self, state: dict[str, Any]) -> None:
        """Takes back what `get_state` gave, when a training is taken up again: those attributes and no others, so that
        a state from elsewhere cannot name another file to write to.

        Raises:
            ArgumentError: the state holds something else.
        """
        kept = of_kinds(f"The saved state of {type(self).__name__}", self.memory, state,
                        "Remove the saved state to begin anew.")
        for name, value in kept.items():
            setattr(self, name, value)

    @property
    def model(self):
        """The model that is trained, evaluated or asked for predictions."""
        return self._model

    def set_params(self, params: dict[str, Any]) -> None:
        """Receives `verbose`, `epochs` and `steps`."""
        self.params = params

    def set_model(self, model) -> None:
        """Receives the model."""
        self._model = model

    def on_batch_begin(self, batch: int, logs=None) -> None:
        """Old name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs=None) -> None:
        """Old name of `on_train_batch_end`."""

    def on_train_batch_begin(self, batch: int, logs=None) -> None:
        """Before a training step; `batch` counts from 0 in each epoch."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        """After a training step."""
        self.on_batch_end(batch, logs=logs)

    def on_test_batch_begin(self, batch: int, logs=None) -> None:
        """Before a batch of `evaluate` (also of the validation in `fit`)."""

    def on_test_batch_end(self, batch: int, logs=None) -> None:
        """After a batch of `evaluate`."""

    def on_predict_batch_begin(self, batch: int, logs=None) -> None:
        """Before a batch of `predict`."""

    def on_predict_batch_end(self, batch: int, logs=None) -> None:
        """After a batch of `predict`; `logs["outputs"]` is what the model gave."""

    def on_epoch_begin(self, epoch: int, logs=None) -> None:
        """Before an epoch; `epoch` counts from 0."""

    def on_epoch_end(self, epoch: int, logs=None) -> None:
        """After an epoch and its validation."""

    def on_train_begin(self, logs=None) -> None:
        """Before `fit` begins."""

    def on_train_end(self, logs=None) -> None:
        """When `fit` ends, also when it was stopped or failed."""

    def on_interrupt(self, logs=None) -> None:
        """After Ctrl-C (or SIGTERM), when the step under way is done; `on_train_end` follows."""

    def on_test_begin(self, logs=None) -> None:
        """Before `evaluate` begins."""

    def on_test_end(self, logs=None) -> None:
        """When `evaluate` ends."""

    def on_predict_begin(self, logs=None) -> None:
        """Before `predict` begins."""

    def on_predict_end(self, logs=None) -> None:
        """When `predict` ends."""


class CallbackList(Callback):
    """Several callbacks called as one, in order. Moments that no callback overrides cost nothing.

    Args: callbacks, one or several; `add_history`, `add_progbar`: whether a `History` and a `ProgbarLogger` are added;
    model, params: handed on to all.

    Example:
        >>> calls = CallbackList([LambdaCallback(on_epoch_end=lambda epoch, logs: print("end of", epoch))])
        >>> calls.on_epoch_end(3)
        end of 3
    """

    def __init__(self, callbacks: Iterable[Callback] | Callback | None = None, add_history: bool = False,
                 add_progbar: bool = False, model=None, **params):
        from striate.callbacks.history import History
        from striate.callbacks.progress import ProgbarLogger

        super().__init__()
        self.callbacks = _flat(callbacks)
        self.history = self._own(History, add_history)
        self._own(ProgbarLogger, add_progbar)
        if model is not None:
            self.set_model(model)
        self.set_params(params)
        self._refresh()

    def _own(self, kind: type, wanted: bool):
        """The callback of this kind in the list, which is appended if it is wanted and missing."""
        found = next((item for item in self.callbacks if isinstance(item, kind)), None)
        if found is None and wanted:
            found = kind()
            self.callbacks.append(found)
        return found

    def _refresh(self) -> None:
        """Gives this list, for each moment, one function that calls just the callbacks that listen to it."""
        in_order = sorted(self.callbacks, key=lambda item: getattr(item, "comes_last", 0))
        self._listeners = {hook: [getattr(item, hook) for item in in_order if _listens(item, hook)] for hook in _HOOKS}
        if config.value("go_on"):
            self._listeners = {hook: [_forgiving(listener) for listener in listeners]
                               for hook, listeners in self._listeners.items()}
        for hook, listeners in self._listeners.items():
            setattr(self, hook, _caller(hook, listeners))

    def hears(self, hook: str) -> bool:
        """Whether any callback listens to this moment (named like its method)."""
        return bool(self._listeners[hook])

    def append(self, callback: Callback) -> None:
        """Adds a callback at the end."""
        self.callbacks.append(callback)
        self._refresh()

    def set_params(self, params: dict[str, Any]) -> None:
        """Hands the parameters to every callback."""
        super().set_params(params)
        for item in self.callbacks:
            item.set_params(params)

    def set_model(self, model) -> None:
        """Hands the model to every callback."""
        super().set_model(model)
        if self.history is not None:
            model.history = self.history
        for item in self.callbacks:
            item.set_model(model)


class LambdaCallback(Callback):
    """A callback made of functions, each given by the name of its moment.

    Args: `on_epoch_begin`, `on_epoch_end` (epoch, logs), `on_train_batch_begin`, `on_train_batch_end` (batch, logs),
    `on_train_begin`, `on_train_end` (logs), and the other moments of `Callback` by their names.

    Example:
        >>> LambdaCallback(on_train_end=lambda logs: print("done")).on_train_end(None)
        done
    """

    def __init__(self, on_epoch_begin=None, on_epoch_end=None, on_train_begin=None, on_train_end=None,
                 on_train_batch_begin=None, on_train_batch_end=None, **others):
        super().__init__()
        given = dict(on_epoch_begin=on_epoch_begin, on_epoch_end=on_epoch_end, on_train_begin=on_train_begin,
                     on_train_end=on_train_end, on_train_batch_begin=on_train_batch_begin,
                     on_train_batch_end=on_train_batch_end) | others
        for name, function in given.items():
            if function is not None:
                setattr(self, name, function)


def _flat(callbacks: Any) -> list:
    if callbacks is None:
        return []
    if isinstance(callbacks, (list, tuple)):
        return [item for entry in callbacks for item in _flat(entry)]
    if isinstance(callbacks, type) or not hasattr(callbacks, "on_train_begin"):
        hint = "Create it first, for example EarlyStopping()." if isinstance(callbacks, type) else \
            "Derive from striate.callbacks.Callback, or use LambdaCallback for plain functions."
        raise TypeMismatchError(f"`callbacks` must hold Callback objects. {received(callbacks=callbacks)}. {hint}")
    return [callbacks]


def _listens(callback: Callback, hook: str) -> bool:
    """Whether the callback does anything at this moment: a method or attribute of its own, by either name."""
    names = (hook, _OLD_NAMES[hook]) if hook in _OLD_NAMES else (hook,)
    return any(name in vars(callback) or getattr(type(callback), name, None) is not getattr(Callback, name)
               for name in names)


def _forgiving(listener: Callable) -> Callable:
    """The same listener, which only warns when the disk is full or may not be written to (setting `go_on`)."""
    def call(*arguments, **named):
        try:
            listener(*arguments, **named)
        except FileError as error:
            if not is_lack_of_room(error):
                raise
            owner = type(getattr(listener, "__self__", listener)).__name__
            warnings.warn(f"The training goes on without what {owner} would have written: {error}", stacklevel=3)
    return call


def _caller(hook: str, listeners: list):
    """One function for all listeners, which hands the arguments on as Keras does: `logs` by name in batch hooks."""
    def batch(index, logs=None):
        logs = {} if logs is None else logs
        for listener in listeners:
            listener(index, logs=logs)

    def epoch(index, logs=None):
        logs = {} if logs is None else logs
        for listener in listeners:
            listener(index, logs)

    def whole(logs=None):
        logs = {} if logs is None else logs
        for listener in listeners:
            listener(logs)
    return batch if "batch" in hook else epoch if "epoch" in hook else whole
