"""The losses given to `compile`, one for each output, added up with their weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from striate import losses as losses_table
from striate.errors import ArgumentError, TypeMismatchError, received
from striate.models.training.outputs import Outputs


@dataclass(frozen=True)
class OutputLoss:
    """The loss of one output: which output, the `Loss` object, its weight in the sum, its name in the logs."""

    index: int
    loss: Any
    weight: float
    name: str


class CompileLoss:
    """What `compile(loss=..., loss_weights=...)` asked for, made concrete when the outputs are known.

    Example:
        >>> from striate.layers import KerasTensor
        >>> CompileLoss("mse").build(Outputs(KerasTensor((None, 1))), [None])[0].loss.name
        'mse'
    """

    def __init__(self, loss: Any, loss_weights: Any = None):
        if loss_weights is not None and not isinstance(loss_weights, (list, tuple, dict, int, float)):
            raise TypeMismatchError("`loss_weights` must be a float (single output case) or a list, tuple, or dict "
                                    f"(multiple output case). {received(loss_weights=loss_weights)}")
        self.loss, self.loss_weights = loss, loss_weights
        self.entries: list[OutputLoss] = []

    def build(self, outputs: Outputs, targets: list) -> list[OutputLoss]:
        """The losses for these outputs.

        Args:
            outputs: the model's outputs.
            targets: an array (or None) for each; "crossentropy" is chosen by their shapes.
        """
        loss = self.loss
        if isinstance(loss, (list, tuple)) and len(loss) == 1:
            loss = loss[0]
        wanted = outputs.options(loss, "loss")
        weights = outputs.options(self.loss_weights, "loss_weights")
        self.entries = []
        for index, (identifier, weight) in enumerate(zip(wanted, weights, strict=True)):
            if identifier is not None:
                found = get_loss(identifier, outputs.tensors[index], targets[index])
                self.entries.append(OutputLoss(index, found, 1.0 if weight is None else float(weight),
                                               outputs.names[index]))
        if isinstance(loss, dict) and isinstance(outputs.structure, dict):  # the logs have the order of the losses then
            self.entries.sort(key=lambda entry: list(loss).index(entry.name))
        return self.entries

    @property
    def names(self) -> list[str]:
        """Names of the single losses in the logs; none when there is only one."""
        return [f"{entry.name}_loss" for entry in self.entries] if len(self.entries) > 1 else []

    def __call__(self, targets: list, predictions: list, weights: list) -> tuple[Any, list]:
        """(the weighted sum, the single losses) for one batch, traced or computed at once; the sum may be None."""
        total, single = None, []
        for entry in self.entries:
            value = entry.loss(targets[entry.index], predictions[entry.index], weights[entry.index])
            single.append(value)
            weighted = value if entry.weight == 1.0 else value * entry.weight
            total = weighted if total is None else total + weighted
        return total, single


def label_kind(prediction: Any, target: Any) -> str:
    """How labels are written: "binary", "sparse" (class numbers) or "categorical" (one-hot), by the shapes."""
    if prediction.shape[-1] == 1:
        return "binary"
    rank = prediction.ndim if target is None else target.ndim
    if rank < prediction.ndim or (target is not None and target.shape[-1] == 1):
        return "sparse"
    return "categorical"


def get_loss(identifier: Any, prediction: Any, target: Any):
    """The `Loss` object for a name, function, class or object; "crossentropy" is settled by the shapes."""
    if isinstance(identifier, str) and identifier.lower() in ("crossentropy", "ce"):
        kind = label_kind(prediction, target)
        identifier = {"binary": "binary", "sparse": "sparse_categorical"}.get(kind, "categorical") + "_crossentropy"
    found = losses_table.get(identifier)
    if isinstance(found, losses_table.Loss):
        return found
    if not callable(found):
        raise ArgumentError(f"A loss is a name, a function or a Loss object. {received(loss=identifier)}")
    return losses_table.LossFunctionWrapper(found, name=identifier if isinstance(identifier, str) else _name(found))


def _name(function: Any) -> str:
    return getattr(function, "__name__", type(function).__name__)
