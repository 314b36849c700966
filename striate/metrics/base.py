"""`Metric`: a number that is gathered batch by batch, in float64, outside the training program.

Metrics that are a mean over samples also have `values(y_true, y_pred)`, written with `striate.ops`: the program
computes the values of a batch, and `update_values` adds them up. All others are updated from whole arrays.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from striate import initializers, naming, ops
from striate.errors import ArgumentError, received
from striate.losses.base import same_rank
from striate.ops.allowance import spend_numbers
from striate.ops.dispatch import active_tracer, recording
from striate.serialization import Configurable, export, serialize_argument, serialize_keras_object
from striate.variables import Variable


@export("keras.metrics.Metric", "keras.Metric")
class Metric(Configurable):
    """Base: `update_state(y_true, y_pred, sample_weight)` gathers, `result()` tells, `reset_state()` forgets.

    Shapes: y_true and y_pred as the metric has them, sample_weight (batch,) or a shape that broadcasts; `result()` is
    one number unless said otherwise.

    Args:
        dtype: accepted for Keras' sake.
        name: a name; the class' by default.

    Sums of striate's own metrics are float64 arrays made by `add_sum`; those of a user's are variables.

    Example:
        >>> from striate import ops
        >>> class Largest(Metric):
        ...     def __init__(self, name="largest"):
        ...         super().__init__(name=name)
        ...         self.value = self.add_variable((), "zeros", name="value")
        ...     def update_state(self, y_true, y_pred, sample_weight=None):
        ...         self.value.assign(ops.maximum(self.value, ops.max(y_pred)))
        ...     def result(self):
        ...         return self.value
        >>> largest = Largest()
        >>> largest.update_state([0.0], [3.0])
        >>> float(largest.result())
        3.0
    """

    _sums: dict[str, np.ndarray]
    _variables: list[Variable]

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls)
        self._sums, self._variables = {}, []
        return self

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for name in ("update_state", "result", "reset_state"):
            if name in vars(cls):
                setattr(cls, name, _after_the_program(vars(cls)[name]))

    def __init__(self, dtype=None, name=None):
        self.name = naming.given(name, type(self).__name__)
        self.dtype = "float32"

    def add_sum(self, name: str, shape: tuple = ()) -> None:
        """Makes a sum that begins at zero: `self.sums[name]`."""
        spend_numbers(*shape)
        self._sums[name] = np.zeros(shape, np.float64)

    @property
    def sums(self) -> dict[str, np.ndarray]:
        """What was gathered, by name: enough to go on later (`set_sums`)."""
        return self._sums

    def set_sums(self, sums: dict[str, np.ndarray]) -> None:
        """Puts back what `sums` gave."""
        for name, value in sums.items():
            if name not in self._sums or np.shape(value) != self._sums[name].shape:
                self.add_sum(name, np.shape(value))
            self._sums[name][...] = value

    def add_variable(self, shape=(), initializer="zeros", dtype=None, aggregation="sum", name=None) -> Variable:
        """Makes a variable of a user's metric; `reset_state` sets it to zero."""
        with recording(None):
            value = initializers.get(initializer or "zeros")(tuple(shape), dtype=dtype or "float32")
        variable = Variable(value, name=name or "variable", trainable=False)
        self._variables.append(variable)
        return variable

    def add_weight(self, shape=(), initializer=None, dtype=None, name=None, **ignored) -> Variable:
        """`add_variable` under its older name, which also took the name first."""
        if isinstance(shape, str):
            shape, name = (), shape
        return self.add_variable(shape, initializer, dtype, name=name)

    @property
    def variables(self) -> list[Variable]:
        """The sums, as variables, and those that a user's metric made."""
        return [*(_SumVariable(total, name) for name, total in self._sums.items()), *self._variables]

    def __getattr__(self, name: str):
        sums = self.__dict__.get("_sums", {})
        if name in sums:
            return _SumVariable(sums[name], name)
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def update_state(self, *args, **kwargs) -> None:
        """Gathers one batch."""
        raise NotImplementedError(f"Metric {type(self).__name__} must override `update_state`.")

    def result(self):
        """What was gathered, as a number."""
        raise NotImplementedError(f"Metric {type(self).__name__} must override `result`.")

    def reset_state(self) -> None:
        """Forgets everything gathered."""
        for total in self._sums.values():
            total[...] = 0.0
        for variable in self._variables:
            variable.assign(np.zeros(variable.shape, variable.dtype))

    def reset_states(self) -> None:
        """`reset_state` under its older name."""
        self.reset_state()

    def stateless_update_state(self, metric_variables, *args, **kwargs) -> list[np.ndarray]:
        """What `update_state` would make of these values of the variables; the metric keeps its own."""
        with self._standing_in(metric_variables):
            self.update_state(*args, **kwargs)
            return [variable.numpy() for variable in self.variables]

    def stateless_result(self, metric_variables):
        """What `result` would tell with these values of the variables."""
        with self._standing_in(metric_variables):
            return self.result()

    def stateless_reset_state(self) -> list[np.ndarray]:
        """The values of the variables that `reset_state` would leave."""
        with self._standing_in(self.variables):
            self.reset_state()
            return [variable.numpy() for variable in self.variables]

    @contextmanager
    def _standing_in(self, values) -> Iterator[None]:
        """Other values of the variables for a while."""
        if len(values) != len(self.variables):
            raise ArgumentError(f"`metric_variables` must hold one array for each of the {len(self.variables)} "
                                f"variables of {type(self).__name__}. " + received(metric_variables=len(values)))
        sums = {name: total.copy() for name, total in self._sums.items()}
        own = [variable.numpy() for variable in self._variables]
        try:
            for variable, value in zip(self.variables, values, strict=True):
                variable.assign(np.asarray(value))
            yield
        finally:
            self.set_sums(sums)
            for variable, value in zip(self._variables, own, strict=True):
                variable.assign(value)

    def __call__(self, *args, **kwargs):
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        """Name and type; in striate's own subclasses all constructor arguments."""
        from striate.serialization import public_name

        if public_name(type(self)) is None:
            return {"name": self.name, "dtype": self.dtype}
        return super().get_config()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class _SumVariable(Variable):
    """A sum of a metric under Keras' face: what is assigned to it is what the metric goes on with."""

    def __init__(self, total: np.ndarray, name: str):
        super().__init__(total, name=name, trainable=False, dtype="float64")
        self._array = total


class Pending:
    """Stands for a number that is known only when the program that is being traced has run."""

    def __init__(self, function: Callable):
        self.function = function


def _after_the_program(method):
    """A method of a metric which, called in a program that is traced, is called after each run instead."""
    @functools.wraps(method)
    def wrapped(self, *args, **kwargs):
        tracer = active_tracer()
        if tracer is None:
            return method(self, *args, **kwargs)
        if method.__name__ == "result":
            return Pending(lambda: method(self))
        tracer.later.append((functools.partial(method, self), args, kwargs))
        return None
    return wrapped


def ratio(numerator, denominator):
    """Quotients in float64, 0 where the denominator is 0."""
    numerator, denominator = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    safe = np.where(denominator == 0, 1.0, denominator)
    return np.where(denominator == 0, 0.0, numerator / safe)


def as_number(value):
    """A result as NumPy's float32 (an array stays one)."""
    return np.float32(value) if np.ndim(value) == 0 else np.asarray(value, np.float32)


def by_sample(values, sample_weight, reduce: Callable) -> tuple[np.ndarray, np.ndarray | None]:
    """(one weighted number a sample, one weight a sample or None) from values and weights of more axes."""
    values = np.asarray(values, np.float64)
    weights = None
    if sample_weight is not None:
        weights = np.asarray(sample_weight, np.float64)
        values, weights = same_rank(values, weights)
        if values.ndim > weights.ndim:
            values = reduce(values, axis=tuple(range(weights.ndim, values.ndim)))
        weights = np.broadcast_to(weights, values.shape)
        values = values * weights
        if weights.ndim > 1:
            weights = reduce(weights, axis=tuple(range(1, weights.ndim)))
    if values.ndim > 1:
        values = reduce(values, axis=tuple(range(1, values.ndim)))
    return values, weights


@export("keras.metrics.Mean")
class Mean(Metric):
    """The weighted mean of all values given.

    Shapes: values any, weights that broadcast with them.

    Example:
        >>> mean = Mean()
        >>> mean.update_state([1.0, 3.0])
        >>> float(mean.result())
        2.0
    """

    def __init__(self, name="mean", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.add_sum("total")
        self.add_sum("count")

    def update_state(self, values, sample_weight=None) -> None:
        """Gathers values of any shape; weights broadcast to them."""
        self.update_values(values, sample_weight)

    def update_values(self, values, sample_weight=None) -> None:
        """Gathers the values of a batch, one or more for each sample."""
        values, weights = by_sample(values, sample_weight, np.mean)
        count = weights.sum() if weights is not None else values.shape[0] if values.ndim else 1
        self._sums["total"] += values.sum()
        self._sums["count"] += count

    def result(self):
        """The mean so far; 0 before any value."""
        return as_number(ratio(self._sums["total"], self._sums["count"]))


@export("keras.metrics.Sum")
class Sum(Metric):
    """The weighted sum of all values given.

    Shapes: values any, weights that broadcast with them.
    """

    def __init__(self, name="sum", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.add_sum("total")

    def update_state(self, values, sample_weight=None) -> None:
        """Gathers values of any shape; weights broadcast to them."""
        self._sums["total"] += by_sample(values, sample_weight, np.sum)[0].sum()

    def result(self):
        """The sum so far."""
        return as_number(self._sums["total"])


@export("keras.metrics.MeanMetricWrapper")
class MeanMetricWrapper(Mean):
    """The mean over all samples of a function `fn(y_true, y_pred, **kwargs)` written with `striate.ops`.

    Shapes: those of `fn`, which gives one value for each sample.

    Example:
        >>> from striate import ops
        >>> error = MeanMetricWrapper(lambda y_true, y_pred: ops.abs(y_true - y_pred), name="error")
        >>> error.update_state([1.0, 2.0], [1.5, 2.5])
        >>> float(error.result())
        0.5
    """

    def __init__(self, fn: Callable, name=None, dtype=None, **kwargs):
        super().__init__(name=name, dtype=dtype)
        self.fn, self._fn_kwargs = fn, kwargs
        vars(self).update(kwargs)

    def values(self, y_true, y_pred):
        """The values of a batch, in a traced program or at once."""
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    # Keras derives this class from `Mean` although it takes labels and predictions instead of values.
    def update_state(self, y_true, y_pred, sample_weight=None) -> None:  # type: ignore[override]
        """Gathers a batch of labels and predictions."""
        y_true, y_pred = (y if hasattr(y, "shape") else ops.convert_to_tensor(y) for y in (y_true, y_pred))
        with recording(None):
            self.update_values(self.values(y_true, y_pred), sample_weight)

    def get_config(self) -> dict[str, Any]:
        config = {"name": self.name, "dtype": self.dtype}
        if type(self) is MeanMetricWrapper:
            config["fn"] = serialize_keras_object(self.fn)
        config.update({name: serialize_argument(value) for name, value in self._fn_kwargs.items()})
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]):
        from striate.serialization import deserialize_keras_object

        if isinstance(config.get("fn"), dict):
            config = {**config, "fn": deserialize_keras_object(config["fn"])}
        return cls(**config)
