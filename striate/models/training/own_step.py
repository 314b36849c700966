"""A `train_step` or `test_step` of the user's class, traced like everything else.

The method sees symbolic tensors: it calls the model, works out a loss, asks for gradients, has an optimizer apply them
and updates metrics. Metrics gather their numbers outside the program, so their calls are made after each run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from striate import ops
from striate.errors import TypeMismatchError, received
from striate.graph.trace import collect, current_tracer
from striate.metrics.base import Pending
from striate.models.structure import single
from striate.models.training.logs import alphabetical


class OwnStep:
    """The program of such a method, for `engine.Function`.

    Args:
        model: the model.
        method: takes the data as Keras packs them, `x`, `(x, y)` or `(x, y, sample_weight)`; gives a dict of logs.
    """

    def __init__(self, model, method: Callable):
        self._model, self._method = model, method
        self._calls: list[Callable] = []
        self._pending: dict[str, Pending] = {}

    def __call__(self, data: dict[str, Any], indices=None, scalars=()) -> dict[str, Any]:
        """One step on symbolic tensors; gives what `finish` needs after each run."""
        tracer = current_tracer("A training step")
        if indices is not None:
            data = collect(data, lambda array: ops.take(array, indices, axis=0))
        tracer.scalars = dict(zip(self._model._optimizers(), scalars, strict=False))
        logs = self._method(_packed(data))
        if not isinstance(logs, dict):
            raise TypeMismatchError(f"`{self._method.__name__}` must give a dict of name -> number. "
                                    + received(returned=logs))
        logs = alphabetical(logs)
        self._pending = {name: value for name, value in logs.items() if isinstance(value, Pending)}
        self._calls = [function for function, _, _ in tracer.later]
        return {"logs": {name: value for name, value in logs.items() if name not in self._pending},
                "arguments": [[args, kwargs] for _, args, kwargs in tracer.later]}

    def finish(self, results: dict[str, Any]) -> dict[str, Any]:
        """Makes the calls of metrics (and the steps of optimizers) of one run; gives the logs."""
        for function, (args, kwargs) in zip(self._calls, results["arguments"], strict=True):
            function(*args, **kwargs)
        logs = results["logs"] | {name: pending.function() for name, pending in self._pending.items()}
        return {name: float(value) if np.ndim(value) == 0 else value for name, value in logs.items()}


def as_input(value):
    """Images as uint8 and numbers as float64 are taken as float32, bit by bit of the batch, not the data set."""
    return value if value.dtype in ("float32", "int32") else ops.cast(value, "float32")


def _packed(data: dict[str, Any]) -> Any:
    """x, (x, y) or (x, y, sample_weight), as Keras packs them; lists of one entry as the entry."""
    x = collect(data["x"], as_input)
    y, weights = (None if all(item is None for item in data[name]) else single(data[name]) for name in ("y", "weights"))
    if weights is not None:
        return x, y, weights
    if y is not None:
        return x, y
    return (x,) if isinstance(x, (list, tuple)) else x  # several inputs alone are no (x, y)
