"""Keras' wrapper for training in float16: accepted, and without effect, because everything here is float32."""

from __future__ import annotations

from typing import Any

import numpy as np

from striate.errors import ArgumentError, TypeMismatchError, received
from striate.optimizers.base import Optimizer
from striate.serialization import deserialize_keras_object, export, serialize_keras_object

_INERT = ("weight_decay", "clipnorm", "global_clipnorm", "clipvalue", "use_ema", "ema_momentum",
          "ema_overwrite_frequency", "loss_scale_factor", "gradient_accumulation_steps")


@export("keras.optimizers.LossScaleOptimizer")
class LossScaleOptimizer(Optimizer):
    """Hands everything on to another optimiser.

    Args:
        inner_optimizer: the optimiser that does the work.
        initial_scale, dynamic_growth_steps: kept for files; nothing is scaled.
        name: a name.

    Raises:
        TypeMismatchError: `inner_optimizer` is none.

    Example:
        >>> from striate.optimizers.sgd import SGD
        >>> float(LossScaleOptimizer(SGD(0.5)).learning_rate)
        0.5
    """

    def __init__(self, inner_optimizer, initial_scale=2.0 ** 15, dynamic_growth_steps=2000, name=None, **kwargs):
        if not isinstance(inner_optimizer, Optimizer):
            raise TypeMismatchError("`inner_optimizer` must be an optimizer. "
                                    + received(inner_optimizer=inner_optimizer))
        unknown = {key: value for key, value in kwargs.items() if key not in (*_INERT, "dynamic")}
        if unknown:
            raise ArgumentError(f"Argument(s) not recognized: {unknown}")
        self.inner_optimizer = inner_optimizer
        self.initial_scale, self.dynamic_growth_steps = initial_scale, dynamic_growth_steps
        self.name = name or "loss_scale_optimizer"

    def __getattr__(self, name: str) -> Any:
        """The state, all of which is the inner optimiser's."""
        if name == "inner_optimizer":
            raise AttributeError(name)
        return getattr(self.inner_optimizer, name)

    @property
    def learning_rate(self):
        """The inner optimiser's rate."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, rate) -> None:
        self.inner_optimizer.learning_rate = rate

    def build(self, variables) -> None:
        """Builds the inner optimiser."""
        self.inner_optimizer.build(variables)

    def scalars(self):
        """The numbers of the inner optimiser's coming step."""
        return self.inner_optimizer.scalars()

    def update(self, gradients, scalars, flat=None) -> None:
        """The inner optimiser's step."""
        self.inner_optimizer.update(gradients, scalars, flat)

    def save_own_variables(self, store) -> None:
        """Writes what Keras keeps: two numbers without use, the steps since the scale grew, the scale, all of the inner
        optimiser's. The scale is the one that Keras would have if no gradient had been infinite."""
        rises, steps = divmod(int(self.inner_optimizer.variables[0]), self.dynamic_growth_steps)
        own = [np.int32(0), np.float32(0.0), np.int32(steps), np.float32(self.initial_scale * 2.0 ** min(rises, 64))]
        values = [*own, *(variable.numpy() for variable in self.inner_optimizer.variables)]
        store.update((str(index), np.asarray(value)) for index, value in enumerate(values))

    def scale_loss(self, loss):
        """The loss: float32 needs no scaling."""
        return loss

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"name": self.name, "inner_optimizer": serialize_keras_object(self.inner_optimizer),
                "initial_scale": self.initial_scale, "dynamic_growth_steps": self.dynamic_growth_steps}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> LossScaleOptimizer:
        """The optimiser that `get_config()` described; `custom_objects`: classes of the user's own, by name."""
        config = dict(config)
        inner = deserialize_keras_object(config.pop("inner_optimizer"), custom_objects, module="keras.optimizers")
        return cls(inner, **config)
