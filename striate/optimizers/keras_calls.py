"""What Keras' optimisers offer to the code of users: steps outside `fit`, and slots for optimisers of their own."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from striate import initializers
from striate.errors import ArgumentError, ShapeError, TypeMismatchError, received
from striate.ops.dispatch import active_tracer, recording
from striate.serialization import CustomObjectScope
from striate.variables import Variable


def with_common_arguments(init: Callable, base: Callable) -> Callable:
    """An `__init__` that takes what it calls `**common` by position as well, behind its own arguments, as Keras' do.

    base: the constructor with the common arguments behind the learning rate. Others are handed back as they are.
    """
    parameters = inspect.signature(init).parameters
    if "common" not in parameters:
        return init
    own = [p for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    common = list(inspect.signature(base).parameters.values())[2:-1]
    behind = [p for p in common if p.name not in parameters]

    @functools.wraps(init)
    def wrapped(self, *args, **kwargs):
        taken = len(own) - 1
        if len(args) > taken + len(behind):
            raise TypeMismatchError(f"{type(self).__name__} takes {taken + len(behind)} arguments at most. "
                                    + received(arguments=len(args)))
        twice = [p.name for p, _ in zip(behind, args[taken:], strict=False) if p.name in kwargs]
        if twice:
            raise TypeMismatchError(f"Arguments are given twice: {twice}. " + received(**kwargs))
        init(self, *args[:taken], **dict(zip((p.name for p in behind), args[taken:], strict=False)), **kwargs)
    rest = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)
    vars(wrapped)["__signature__"] = inspect.Signature([*own, *behind, rest])
    return wrapped


class KerasCalls:
    """The part of `Optimizer` that only users' code calls; the rest, which it relies on, is declared first."""

    name: str
    built: bool
    variables: Any
    loss_scale_factor: float | None
    build: Callable[[list[Variable]], None]
    scalars: Callable[[], np.ndarray]
    update: Callable[[Sequence[Any], Any], None]
    advance: Callable[[], None]
    _named: Callable[[Variable], Variable]
    _trainable_variables: list[Variable]
    _slot_variables: list[Variable]

    def apply_gradients(self, grads_and_vars):
        """One step outside `fit`: pairs of gradient and variable."""
        gradients, variables = zip(*grads_and_vars, strict=True)
        self.apply(gradients, variables)
        return self.iterations

    def apply(self, grads, trainable_variables=None) -> None:
        """One step: computed at once, or part of the training step that is being traced (in a `train_step`)."""
        if trainable_variables is not None:
            self.build(list(trainable_variables))
        if len(grads) != len(self._trainable_variables):
            raise ArgumentError("There must be one gradient for each variable. "
                                + received(gradients=len(grads), variables=len(self._trainable_variables)))
        tracer = active_tracer()
        if tracer is not None:
            if self not in tracer.scalars:
                raise ArgumentError("An optimizer that a `train_step` uses must be an attribute of the model. "
                                    + received(optimizer=self.name))
            self.update(list(grads), tracer.scalars[self])
            tracer.later.append((self.advance, (), {}))
            return
        self.update([np.asarray(g, np.float32) for g in grads], self.scalars())
        self.advance()

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None):
        """The optimizer that `get_config()` described; `custom_objects`: schedules of the user's own, by name."""
        with CustomObjectScope(custom_objects):
            return cls(**config)

    def set_weights(self, weights) -> None:
        """Replaces the values of all variables, in the order of `variables`.

        Raises:
            ArgumentError: the optimizer is not built, or not one array for each variable.
            ShapeError: an array has another shape than its variable.
        """
        if not self.built:
            raise ArgumentError("You are calling `set_weights()` on an optimizer that has not yet been built. Please "
                                "call `optimizer.build(trainable_variables)` first. " + received(built=self.built))
        if len(weights) != len(self.variables):
            raise ArgumentError(f"The optimizer has {len(self.variables)} variables. "
                                + received(weights=f"{len(weights)} arrays"))
        for variable, value in zip(self.variables, weights, strict=True):
            if tuple(np.shape(value)) != tuple(variable.shape):
                raise ShapeError(f"Optimizer variable {variable.path} has shape {tuple(variable.shape)} not "
                                 f"compatible with provided weight shape {tuple(np.shape(value))}. "
                                 + received(shape=tuple(np.shape(value))))
        for variable, value in zip(self.variables, weights, strict=True):
            variable.assign(np.asarray(value))

    def scale_loss(self, loss):
        """The loss times `loss_scale_factor`, if there is one: for steps outside `fit`."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def add_variable(self, shape, initializer="zeros", dtype=None, name=None, **ignored) -> Variable:
        """A slot of a user's optimiser."""
        with recording(None):
            value = initializers.get(initializer)(tuple(shape), dtype=dtype or "float32")
        variable = Variable(value, name=name or "variable", trainable=False)
        self._slot_variables.append(self._named(variable))
        return variable

    def add_variable_from_reference(self, reference_variable, name=None, initializer="zeros") -> Variable:
        """A slot of a user's optimiser with the shape of a variable."""
        return self.add_variable(reference_variable.shape, initializer, reference_variable.dtype,
                                 f"{reference_variable.path.replace('/', '_')}_{name or 'var'}")

    def add_optimizer_variables(self, trainable_variables, name, initializer="zeros"):
        """Slots of a user's optimiser for all variables: a list, or one list for each of several names."""
        if isinstance(name, str):
            return [self.add_variable_from_reference(v, name, initializer) for v in trainable_variables]
        starts = initializer if isinstance(initializer, (list, tuple)) else [initializer] * len(name)
        rows = [[self.add_variable_from_reference(v, part, start) for part, start in zip(name, starts, strict=True)]
                for v in trainable_variables]
        return tuple(list(column) for column in zip(*rows, strict=True))

    def _get_variable_index(self, variable) -> int:
        return next(i for i, known in enumerate(self._trainable_variables) if known is variable)

    def assign(self, variable, value) -> None:
        """variable = value."""
        variable.assign(value)

    def assign_add(self, variable, value) -> None:
        """variable += value."""
        variable.assign(variable.value + value)

    def assign_sub(self, variable, value) -> None:
        """variable -= value."""
        variable.assign(variable.value - value)
