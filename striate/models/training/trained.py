"""Which weights training changes, when `trainable` is set after `compile()`."""

from __future__ import annotations

import warnings
from typing import Any

from striate.layers.state import freezings
from striate.variables import Variable


class Trained:
    """The weights that a model's training changes, as `compile()` and the time until the first step settle it.

    Until the first step, setting `trainable` counts as if it had been set before `compile()`, as in Keras 3. From then
    on the weights are settled until the next `compile()`, and a later setting is warned of. A model that is frozen
    altogether after `compile()` goes on learning, with a warning: so GAN recipes freeze a discriminator for the model
    around it.

    Example:
        >>> from striate import Input, Sequential, layers
        >>> model = Sequential([Input((2,)), layers.Dense(3), layers.Dense(1)])
        >>> trained = Trained(model)
        >>> model.layers[0].trainable = False
        >>> [variable.shape for variable in trained.settle(steps=0)]
        [(3, 1), (1,)]
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._weights: list[Variable] | None = list(model.trainable_variables) if model.built else None
        self._seen = freezings()
        self._warned_of: set[int] = set()

    def settle(self, steps: int) -> list[Variable]:
        """The weights for the coming step, `steps` steps having been made; warns if others are trainable by now."""
        if self._weights is None:
            if not self._model.variables:
                return []  # The class' own `train_step` makes them in the first step: they count from then on.
            self._weights, self._seen = list(self._model.trainable_variables), freezings()
        if self._seen != freezings():
            self._seen = freezings()
            self._look_again(self._weights, steps)
        return self._weights

    def _look_again(self, weights: list[Variable], steps: int) -> None:
        now = list(self._model.trainable_variables)
        changed = {id(v) for v in now} ^ {id(v) for v in weights}
        if now and steps == 0:
            self._weights = now
        elif changed and changed != self._warned_of:
            warnings.warn(self._message({id(v) for v in now}, changed), stacklevel=6)
        self._warned_of = changed

    def _message(self, now: set[int], changed: set[int]) -> str:
        """What was set, what training does instead, and how to mend it."""
        frozen = [layer.name for layer in self._model._flatten_layers() if layer is not self._model
                  and any(id(v) in changed for v in layer._own_variables())]
        names = ", ".join(frozen[:4]) + (f" and {len(frozen) - 4} more" if len(frozen) > 4 else "")
        frozen_now = not changed & now
        held = "goes on changing their weights" if frozen_now else "does not change these weights as they now say"
        why = (" (the model is frozen altogether, as in recipes for GANs)" if not now
               else " (training had begun)")
        return (f"`trainable` of layers of the model '{self._model.name}' was set after compile(){why}, so training it "
                f"{held}: {names}. Call compile() again if they should count as they are set now.")


def lay_out(model, trained: list[Variable]) -> None:
    """Has the optimizer lay out the weights that it trains. Where a `train_step` of the class' own uses several, that
    step says which weights are whose; here each only takes home what is its own already."""
    optimizers = model._optimizers()
    if len(optimizers) == 1 or "train" not in model._own_steps():
        model.optimizer.build(trained)
        return
    for optimizer in optimizers:
        if optimizer.built:
            optimizer.build(optimizer._trainable_variables)
