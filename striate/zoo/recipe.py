"""`Recipe`: how a network of the zoo is trained, in the words of where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """Everything needed to train a network as its source does.

    Example:
        >>> from striate import zoo
        >>> zoo.recipe("nova").epochs
        25
    """

    title: str
    source: str
    optimizer: str
    loss: str
    epochs: int
    batch_size: int
    inputs: str
    """How the pictures are prepared, in words."""
    learning_rate: float | None = None
    """None: the optimizer's own."""
    optimizer_arguments: Mapping[str, Any] = field(default_factory=dict)
    loss_arguments: Mapping[str, Any] = field(default_factory=dict)
    one_hot_labels: bool = False
    """Whether the loss wants labels as `utils.to_categorical` gives them."""
    note: str = ""

    def make_optimizer(self):
        """A new optimizer with the recipe's settings."""
        from striate import optimizers

        arguments = dict(self.optimizer_arguments)
        if self.learning_rate is not None:
            arguments["learning_rate"] = self.learning_rate
        return optimizers.get({"class_name": self.optimizer, "config": arguments})

    def make_loss(self):
        """A new loss with the recipe's settings."""
        from striate import losses

        return losses.get({"class_name": self.loss, "config": dict(self.loss_arguments)})

    def compile(self, model):
        """Compiles `model` by this recipe, with accuracy as its metric, and gives it back."""
        model.compile(optimizer=self.make_optimizer(), loss=self.make_loss(), metrics=["accuracy"])
        return model
