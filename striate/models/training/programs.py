"""The compiled programs of a model: one training step, one evaluation step, one prediction.

A training step is a single program: gather the batch's rows, forward, losses, metrics, backward, optimiser.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from striate import ops
from striate.engine import Function, gradients
from striate.errors import ArgumentError, received
from striate.graph.trace import collect
from striate.models.structure import flatten
from striate.models.training.compile_loss import CompileLoss
from striate.models.training.compile_metrics import CompileMetrics
from striate.models.training.own_step import OwnStep, as_input
from striate.models.training.sharding import ShardPrograms


class Programs:
    """The programs of one model as it was compiled; each is traced when arrays of new shapes come.

    Args:
        model: the model; called inside the programs.
        loss, metrics: built for the model's outputs; None for a model that only predicts.
        trained: the variables that the optimiser changes.
        user_loss: the model's class has a `compute_loss` of its own.
        own_steps: "train" and "test" -> the model's `train_step` and `test_step`, where its class has its own.
    """

    def __init__(self, model, loss: CompileLoss | None = None, metrics: CompileMetrics | None = None, trained=(),
                 user_loss: bool = False, own_steps: Mapping[str, Callable] | None = None):
        self._model, self.trained = model, trained
        self._loss, self._metrics = loss or CompileLoss(None), metrics or CompileMetrics()
        self._user_loss = user_loss
        self.group = getattr(model.optimizer, "group", None)
        self.eager = model.run_eagerly
        self.own_steps = {name: OwnStep(model, method) for name, method in (own_steps or {}).items()}
        mode = "eager" if self.eager else "compiled"
        self.train = Function(self.own_steps.get("train", self._train), f"training step of {model.name}", mode)
        self.test = Function(self.own_steps.get("test", self._test), f"evaluation step of {model.name}", mode)
        self.forward = Function(self._forward, f"prediction of {model.name}", mode)
        self.predict = Function(self._predict, f"prediction step of {model.name}", mode)

    @cached_property
    def sharded(self) -> ShardPrograms:
        """The programs of a training step whose batch is cut into shards."""
        return ShardPrograms(self, self._model, self.trained)

    def fit(self, model, trained: list) -> bool:
        """Whether these are still the programs for training these weights, where they lie now."""
        return self.group is model.optimizer.group and self.eager == model.run_eagerly and self.trained is trained

    def _train(self, data: dict[str, Any], indices, scalars) -> dict[str, Any]:
        results, total = self.training_results(data, indices)
        if self.trained:
            self._model.optimizer.update(gradients(self.scaled(total), self.trained), scalars)
        return results

    def training_results(self, data: dict[str, Any], indices) -> tuple[dict[str, Any], Any]:
        """In a trace: the forward pass of a training step on rows of the data (None: all); results and loss."""
        if indices is not None:
            data = collect(data, lambda array: ops.take(array, indices, axis=0))
        return self._results(data, training=True)

    def scaled(self, total):
        """The loss as it is differentiated: times the optimizer's `loss_scale_factor`, if it has one."""
        scale = self._model.optimizer.loss_scale_factor
        return total if scale is None else total * float(scale)

    def _test(self, data: dict[str, Any]) -> dict[str, Any]:
        return self._results(data, training=False)[0]

    def _predict(self, x: Any):
        """What the user's own `predict_step` gives."""
        return self._model.predict_step(collect(x, as_input))

    def _forward(self, args: list, kwargs: dict[str, Any], training: bool | None):
        """`args[0]` are the inputs; the others are further arguments of the model's `call`."""
        first = collect(args[0], as_input)
        return self._model(first, *args[1:], **kwargs, training=training)

    def _results(self, data: dict[str, Any], training: bool) -> tuple[dict[str, Any], Any]:
        """Losses, metric values and, if a metric needs them, predictions; and the loss that is differentiated."""
        x = collect(data["x"], as_input)
        y, weights = data["y"], data["weights"]
        predicted = self._model(x, training=training)
        predictions = flatten(predicted)
        if self._user_loss:
            singles: list = []
            total = self._model.compute_loss(x, _single(y), predicted, _single(weights), training)
        else:
            total, singles = self.total_loss(y, predictions, weights)
        single = [_one(ops.mean, loss) for loss in singles]
        results = {"loss": _one(ops.mean, total), "losses": single if len(single) > 1 else [],
                   "values": self._metrics.values(y, predictions),
                   "predictions": predictions if self._metrics.needs_predictions else []}
        return results, _one(ops.sum, total)

    def total_loss(self, targets: list, predictions: list, weights: list) -> tuple[Any, list]:
        """(everything that is minimised: weighted losses and penalties; the single losses).

        Raises:
            ArgumentError: there is nothing to minimise.
        """
        total, singles = self._loss(targets, predictions, weights)
        for penalty in self._model.losses:
            total = penalty if total is None else total + penalty
        if total is None:
            raise ArgumentError("There is nothing to minimise: give compile() a `loss`, or call add_loss in a layer. "
                                + received(loss=self._loss.loss))
        return total, singles


def _one(reduce: Callable, loss: Any) -> Any:
    """A loss as one number. Of one without reduction the mean is told and the sum differentiated, as by TensorFlow."""
    return reduce(loss) if loss.shape else loss


def _single(items: list) -> Any:
    """The only entry of a list, as users' code expects a model's only target; longer lists stay."""
    return items[0] if len(items) == 1 else items


def scalars_of(optimizer) -> np.ndarray:
    """The optimiser's numbers for the coming step, float32."""
    return np.asarray(optimizer.scalars(), np.float32)
