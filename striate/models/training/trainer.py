"""What models can do with data: `compile`, `fit`, `evaluate`, `predict`, and the same for single batches."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from striate import seeds
from striate.callbacks import CallbackList, History
from striate.engine import gradients
from striate.errors import ArgumentError, StriateError, received
from striate.layers.base import Layer
from striate.metrics.base import Mean, Metric, Pending
from striate.models.node_graph import NodeGraph
from striate.models.structure import flatten
from striate.models.training import logs, loops
from striate.models.training.checks import check_finite, check_inputs, check_targets, found_in
from striate.models.training.compile_loss import CompileLoss
from striate.models.training.compile_metrics import CompileMetrics
from striate.models.training.data import (
    ArraySource,
    Batch,
    Examples,
    LimitedSource,
    check_end,
    is_stream,
    make_stream,
    split_last,
    unpack,
)
from striate.models.training.mismatches import warn_of_losses
from striate.models.training.outputs import Outputs
from striate.models.training.prepare import prepare, prepare_inputs, prepare_weights
from striate.models.training.programs import Programs
from striate.models.training.resume import Training
from striate.models.training.trained import Trained, lay_out
from striate.ops.dispatch import active_tracer
from striate.optimizers.base import Optimizer
from striate.serialization import deserialize_keras_object, serialize_keras_object
from striate.variables import moves

Settled = TypeVar("Settled")


def _settled(part: Settled | None) -> Settled:
    """A part of a training that the first data settle. Raises `ArgumentError` before that."""
    if part is None:
        raise ArgumentError("This works only once the model has seen data: its outputs, losses and programs depend on "
                            "them. Call `fit`, `evaluate` or `train_on_batch` first, or this inside a `train_step`.")
    return part


class Trainer(Layer):
    """The part of `Model` that trains; it asks the rest for the outputs' shapes."""

    _graph: NodeGraph | None

    def _find_outputs(self, x: Any) -> Outputs:
        """The outputs for data like the arrays `x`; unbuilt models are built for them. `Model` knows how."""
        raise NotImplementedError(f"{type(self).__name__} does not say what its outputs are.")

    def _start_training(self) -> None:
        self.optimizer: Any = None
        self.loss: Any = None
        self.compiled = self.stop_training = self.run_eagerly = False
        self.stop_evaluating = self.stop_predicting = False
        self.history: History | None = None
        self.jit_compile, self.steps_per_execution = True, 1
        self._loss, self._metrics = CompileLoss(None), CompileMetrics()
        self._mean_losses = loops.MeanLosses([])
        self._loss_tracker = Mean(name="loss")
        self._step_logs: dict[str, Any] | None = None
        self._training: Training | None = None
        self._trained: Trained | None = None
        self._moves = -1
        self._programs: Programs | None = None
        self._prediction: Programs | None = None
        self._outputs: Outputs | None = None

    def _forget_programs(self) -> None:
        """What was compiled no longer fits: the layers or the way of training changed."""
        self._programs = self._prediction = self._outputs = None

    # ---- compile ----------------------------------------------------------------------------------------------

    def compile(self, optimizer="rmsprop", loss=None, loss_weights=None, metrics=None,  # noqa: PLR0913 (Keras' order)
                weighted_metrics=None, run_eagerly: bool = False, steps_per_execution: int = 1, jit_compile="auto",
                auto_scale_loss: bool = True) -> None:
        """Says how to train.

        Args:
            optimizer: a name or an optimizer.
            loss: a name, a function or a Loss; a list or dict of them for several outputs.
            loss_weights: factors of the outputs' losses.
            metrics: a list of names, functions or metrics; a list of lists or a dict for several outputs.
            weighted_metrics: the same, but sample weights count.
            run_eagerly: compute every step op by op, so that `print` in layers and losses shows numbers; slow.
            steps_per_execution, jit_compile, auto_scale_loss: accepted for Keras' sake; every step is compiled here,
                and no setting changes the results.

        Example:
            model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        """
        from striate import optimizers

        self.optimizer = optimizers.get(optimizer)
        self.loss = self.loss if loss is None else loss  # a class may keep one of its own under this name
        self._loss, self._metrics = CompileLoss(loss, loss_weights), CompileMetrics(metrics, weighted_metrics)
        self._compile_arguments = {"optimizer": self.optimizer, "loss": loss, "loss_weights": loss_weights,
                                   "metrics": metrics, "weighted_metrics": weighted_metrics,
                                   "run_eagerly": run_eagerly, "steps_per_execution": steps_per_execution,
                                   "jit_compile": jit_compile}
        self.run_eagerly, self.steps_per_execution, self.jit_compile = run_eagerly, steps_per_execution, jit_compile
        self._trained = Trained(self)
        self.compiled = True
        self._forget_programs()

    @property
    def metrics(self) -> list:
        """The metrics that `compile` asked for; known once data were seen. In a `train_step` the loss comes first."""
        found = [*(entry.metric for entry in self._metrics.entries), *self._held_metrics()]
        return [self._loss_tracker, *found] if self.compiled and active_tracer() is not None else found

    def _held_metrics(self) -> list:
        """Metrics among the attributes of the model and of its layers, which update them in `call`."""
        return [metric for layer in self._flatten_layers() for metric in layer._held(Metric)]

    @property
    def metrics_names(self) -> list[str]:
        """The names of what `evaluate` gives, in its order."""
        if not self.compiled:
            return []
        return logs.listed_names(self)

    def get_compile_config(self) -> dict | None:
        """The arguments of `compile`; None before it was called, or when one of them has no description."""
        if not self.compiled:
            return None
        try:
            return serialize_keras_object(self._compile_arguments)
        except (StriateError, TypeError):
            return None

    def compile_from_config(self, config: dict) -> None:
        """Compiles with the arguments that `get_compile_config` gave."""
        arguments = {name: deserialize_keras_object(item) for name, item in config.items()}
        self.compile(**arguments)
        if self.built:
            self.optimizer.build(_settled(self._trained).settle(steps=0))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training: bool = True):
        """The number that is minimised, for one batch. Override it for losses of your own making.

        y, sample_weight: one, or lists with one entry for each output. y_pred: what the model gave.
        """
        return _settled(self._programs).total_loss(self._aligned(y), flatten(y_pred), self._aligned(sample_weight))[0]

    def reset_metrics(self) -> None:
        """Forgets the batches that the metrics have seen."""
        self._mean_losses.reset()
        self._loss_tracker.reset_state()
        self._step_logs = None
        for metric in self.metrics:
            metric.reset_state()
        self._metrics.reset()

    def get_metrics_result(self) -> dict[str, Any]:
        """Loss and metrics over the batches since `reset_metrics`, by name: the loss, the metrics of `compile`, the
        losses of several outputs, metrics of the model's and its layers' own."""
        if active_tracer() is not None:
            return self._promised_results()
        return logs.results(self)

    @property
    def _has_own_metrics(self) -> bool:
        """Whether the class says itself what its metrics are."""
        return type(self).metrics is not Trainer.metrics

    def _promised_results(self) -> dict[str, Any]:
        """`get_metrics_result` in a trace: the numbers are known only after the program has run."""
        if self._has_own_metrics:
            return {metric.name: metric.result() for metric in self.metrics}
        names = ["loss", *(entry.name for entry in self._metrics.entries)]
        return {name: Pending(lambda name=name: self._tracked_results()[name]) for name in names} | {
            metric.name: metric.result() for metric in self._held_metrics()}

    # ---- steps of the user's own ------------------------------------------------------------------------------

    def train_step(self, data) -> dict[str, Any]:
        """One training step, on symbolic tensors. Override it to train in a way of your own: it is compiled.

        Args:
            data: `x`, `(x, y)` or `(x, y, sample_weight)`.

        Returns:
            Numbers by name for the logs: tensors, or what metrics' `result()` gives.

        Example:
            def train_step(self, data):
                x, y = data
                loss = self.compute_loss(y=y, y_pred=self(x, training=True))
                gradients = striate.engine.gradients(loss, self.trainable_variables)
                self.optimizer.apply(gradients, self.trainable_variables)
                return {"loss": loss}
        """
        x, y, weights = unpack(data)
        predicted = self(x, training=True)
        loss = self.compute_loss(x, y, predicted, weights)
        trained = _settled(self._programs).trained
        self.optimizer.apply(gradients(loss, trained), trained)
        return self._tracked(loss, x, y, predicted, weights)

    def test_step(self, data) -> dict[str, Any]:
        """One evaluation step, on symbolic tensors; see `train_step`."""
        x, y, weights = unpack(data)
        predicted = self(x, training=False)
        return self._tracked(self.compute_loss(x, y, predicted, weights, training=False), x, y, predicted, weights)

    def predict_step(self, data) -> Any:
        """What `predict` gives for one batch, on symbolic tensors. Override it to hand on something else.

        Args:
            data: the inputs.
        """
        return self(unpack(data)[0], training=False)

    def compute_metrics(self, x, y, y_pred, sample_weight=None) -> dict[str, Any]:
        """Has the compiled metrics take in a batch; gives loss and metrics. For use in `train_step`."""
        targets, predictions = self._aligned(y), flatten(y_pred)
        values = self._metrics.values(targets, predictions)
        kept = predictions if self._metrics.needs_predictions else []
        arguments = (values, targets, kept, self._aligned(sample_weight))
        active_tracer().later.append((self._metrics.update, arguments, {}))
        return self.get_metrics_result()

    def _tracked(self, loss, x, y, predicted, weights) -> dict[str, Any]:
        self._loss_tracker.update_state(loss, sample_weight=np.float32(flatten(x)[0].shape[0]))
        return self.compute_metrics(x, y, predicted, weights)

    def _tracked_results(self) -> dict[str, Any]:
        return {"loss": float(self._loss_tracker.result())} | self._metrics.results()

    def _aligned(self, given) -> list:
        outputs = _settled(self._outputs)
        return [None] * len(outputs) if given is None else outputs.align(given, "y")

    def _optimizers(self) -> list:
        """The optimizer of `compile`, then others among the model's attributes."""
        others = [item for item in vars(self).values() if isinstance(item, Optimizer) and item is not self.optimizer]
        return ([] if self.optimizer is None else [self.optimizer]) + others

    # ---- getting ready ----------------------------------------------------------------------------------------

    def _require_compiled(self, what: str) -> None:
        if not self.compiled:
            raise ArgumentError(f"You must call `compile()` before calling `{what}()`: it says which optimizer and "
                                "loss to use, for example model.compile(optimizer='adam', loss='mse').")

    def _known_outputs(self, x: Any) -> Outputs:
        """The model's outputs, found for the first data."""
        if self._outputs is None:
            self._outputs = self._find_outputs(x)
        return self._outputs

    def _prepare(self, x: Any, y: Any, weights: Any = None, class_weight: dict | None = None) -> Examples:
        """Checked examples; the first ones also settle losses, metrics and programs."""
        x = prepare_inputs(x)
        check_inputs(self._graph, x, self.name)
        check_finite(x, "x")
        outputs = self._known_outputs(x)
        examples = prepare(x, y, weights, class_weight, outputs)
        self._make_programs(outputs, examples)
        check_targets(outputs, examples.y, self._loss.entries)
        return examples

    def _make_programs(self, outputs: Outputs, examples: Examples) -> None:
        """Losses, metrics and programs, unless they are there and the weights still lie where they were."""
        if self._programs is None:
            entries = self._loss.build(outputs, examples.y)
            self._metrics.build(outputs, examples.y)
            self._mean_losses = loops.MeanLosses(self._loss.names)
            warn_of_losses(outputs, examples.y, entries)
        trained = _settled(self._trained).settle(self._steps_made())
        lay_out(self, trained)
        programs = self._programs
        if programs is None or not programs.fit(self, trained):
            user_loss = type(self).compute_loss is not Trainer.compute_loss
            self._programs = Programs(self, self._loss, self._metrics, trained, user_loss, self._own_steps())

    def _own_steps(self) -> dict[str, Any]:
        """"train" and "test" -> the model's `train_step` and `test_step`, where its class has its own or they must
        update metrics of the class' own."""
        kind = type(self)
        own_metrics = bool(self._has_own_metrics or self._held_metrics()
                           or kind.compute_metrics is not Trainer.compute_metrics)
        return {name: getattr(self, f"{name}_step") for name in ("train", "test")
                if own_metrics or getattr(kind, f"{name}_step") is not getattr(Trainer, f"{name}_step")}

    def _renew_programs(self, batch: Batch) -> None:
        """Programs for the weights where they lie now: another model's optimizer may have laid them elsewhere."""
        if self._moves != moves():
            self._make_programs(_settled(self._outputs), batch.examples)
            self._moves = moves()

    def _source(self, x: Any, y: Any, weights: Any, class_weight: dict | None, batch_size: int | None,
                steps: int | None, shuffle: bool | str = False):
        """Batches of whatever was given as data."""
        if is_stream(x):
            if y is not None or weights is not None:
                raise ArgumentError("`y` and `sample_weight` must be left out when `x` gives batches itself: it yields "
                                    f"(x, y) or (x, y, sample_weight). {received(x=x)}")
            check_end(x, steps)
            source = make_stream(x, lambda item: self._prepare(*unpack(item), class_weight), shuffle)
        else:
            source = ArraySource(self._prepare(x, y, weights, class_weight), batch_size, shuffle)
        return source if steps is None else LimitedSource(source, steps)

    # ---- fit --------------------------------------------------------------------------------------------------

    def fit(self, x=None, y=None, batch_size: int | None = None, epochs: int = 1,  # noqa: PLR0913 (Keras' order)
            verbose="auto", callbacks=None, validation_split: float = 0.0, validation_data=None,
            shuffle: bool | str = True, class_weight=None, sample_weight=None, initial_epoch: int = 0,
            steps_per_epoch: int | None = None, validation_steps: int | None = None,
            validation_batch_size: int | None = None, validation_freq=1) -> History:
        """Trains.

        Args:
            x: inputs: an array (or what becomes one), a list or dict of arrays, a generator or a PyDataset.
            y: targets, like x; left out when x gives batches of (x, y).
            batch_size: samples a step, 32 by default; the last batch of an epoch may be smaller.
            epochs: how often all samples are seen; counts from `initial_epoch`.
            verbose: 0 silent, 1 or "auto" a progress bar, 2 one line an epoch.
            callbacks: callbacks.
            validation_split: share of the samples, the last ones, kept for validation.
            validation_data: (x, y) or (x, y, sample_weight), or a generator or PyDataset.
            shuffle: a new order in each epoch; "batch" shuffles whole batches.
            class_weight: class -> weight of its samples in the loss of the training.
            sample_weight: weight of each sample in the loss.
            initial_epoch: the first epoch's number, from 0.
            steps_per_epoch: batches an epoch, when not all.
            validation_steps, validation_batch_size, validation_freq: the same for the validation, and after every
                how many epochs (or after which) it happens.

        Returns:
            The `History`: its `history` maps names to one number for each epoch.

        Raises:
            DataError: the data do not fit the model or the loss; nothing has been computed then.
        """
        self._require_compiled("fit")
        if epochs < 0 or initial_epoch < 0:
            raise ArgumentError("`epochs` and `initial_epoch` must not be negative. "
                                + received(epochs=epochs, initial_epoch=initial_epoch))
        if validation_split and validation_data is None:
            kept, last = split_last(self._prepare(x, y, sample_weight), validation_split)
            if class_weight is not None:  # as with `validation_data`, validation weighs all classes alike
                kept = kept.weighted(prepare_weights(sample_weight, class_weight, kept.y,
                                                     _settled(self._outputs), kept.rows))
            source: Any = ArraySource(kept, batch_size, shuffle)
            source = source if steps_per_epoch is None else LimitedSource(source, steps_per_epoch)
            validation: Any = ArraySource(last, validation_batch_size or batch_size)
        else:
            source = self._source(x, y, sample_weight, class_weight, batch_size, steps_per_epoch, shuffle)
            validation = self._validation_source(validation_data, validation_batch_size or batch_size, validation_steps)
        if not isinstance(callbacks, CallbackList):
            callbacks = CallbackList(callbacks, add_history=True, add_progbar=verbose != 0, model=self,
                                     verbose=verbose, epochs=epochs, steps=source.steps)
        return loops.fit(self, source, validation, callbacks, range(initial_epoch, epochs), validation_freq)

    def _validation_source(self, data: Any, batch_size: int | None, steps: int | None):
        if data is None:
            return None
        if is_stream(data):
            return self._source(data, None, None, None, batch_size, steps)
        if not isinstance(data, (tuple, list)) or not 1 <= len(data) <= 3:
            raise ArgumentError("`validation_data` must be (x, y[, sample_weight]). " + received(validation_data=data))
        x, y, weights = (*data, None, None)[:3]
        with found_in("validation_data"):
            return self._source(x, y, weights, None, batch_size, steps)

    # ---- evaluate and predict ---------------------------------------------------------------------------------

    def evaluate(self, x=None, y=None, batch_size: int | None = None, verbose="auto", sample_weight=None,
                 steps: int | None = None, callbacks=None, return_dict: bool = False, **unknown):
        """Loss and metrics on data.

        Args:
            x, y, batch_size, sample_weight: as in `fit`.
            verbose: 0 silent, 1 or "auto" a progress bar, 2 one line.
            steps: batches, when not all.
            callbacks: callbacks.
            return_dict: give a dict by name.

        Returns:
            A list, the loss first (see `metrics_names`); the loss alone when there are no metrics; or a dict.

        Raises:
            ArgumentError: an argument that does not exist; Keras has a ValueError here, too, and not a TypeError.
        """
        if unknown:
            raise ArgumentError("`evaluate` has no such argument. Its arguments are x, y, batch_size, verbose, "
                                f"sample_weight, steps, callbacks, return_dict. {received(**unknown)}")
        self._require_compiled("evaluate")
        source = self._source(x, y, sample_weight, None, batch_size, steps)
        if not isinstance(callbacks, CallbackList):
            callbacks = CallbackList(callbacks, add_progbar=verbose != 0, model=self, verbose=verbose, epochs=1,
                                     steps=source.steps)
        return logs.as_result(self, loops.evaluate(self, source, callbacks), return_dict)

    def predict(self, x, batch_size: int | None = None, verbose="auto", steps: int | None = None, callbacks=None):
        """The model's outputs for inputs.

        Args:
            x: inputs, as in `fit`.
            batch_size: samples a step, 32 by default.
            verbose: 0 silent, 1 or "auto" a progress bar, 2 one line.
            steps: batches, when not all.
            callbacks: callbacks.

        Returns:
            An array with one row for each sample; a list or dict of arrays for several outputs.
        """
        if is_stream(x):
            check_end(x, steps)
            source: Any = make_stream(x, lambda item: self._prepare_inputs(unpack(item)[0]), False)
        else:
            source = ArraySource(self._prepare_inputs(x), batch_size)
        source = source if steps is None else LimitedSource(source, steps)
        if not isinstance(callbacks, CallbackList):
            callbacks = CallbackList(callbacks, add_progbar=verbose != 0, model=self, verbose=verbose, epochs=1,
                                     steps=source.steps)
        return loops.predict(self, source, callbacks)

    def _prepare_inputs(self, x: Any) -> Examples:
        x = prepare_inputs(x)
        check_inputs(self._graph, x, self.name)
        self._known_outputs(x)
        return Examples(x)

    def _compute(self, args: tuple, kwargs: dict):
        """The outputs for arrays given to `model(x)`, by the compiled program."""
        training = kwargs.pop("training", None)
        return self._forward(list(args), kwargs, training)

    def _predicted(self, x: Any):
        """What `predict` gives for one batch: the outputs, or those of the class' own `predict_step`."""
        if type(self).predict_step is Trainer.predict_step:
            return self._forward([x])
        return self._prediction_programs().predict(x, random=self._random_key)

    def _prediction_programs(self) -> Programs:
        if self._programs is not None:
            return self._programs
        if self._prediction is None:
            self._prediction = Programs(self)
        return self._prediction

    def _forward(self, args: list, kwargs: dict | None = None, training: bool | None = False):
        return self._prediction_programs().forward(args, kwargs or {}, training, random=self._random_key)

    def _random_key(self) -> tuple[int, int]:
        """(seed, step): what random numbers of the coming step depend on."""
        return seeds.global_seed(), self._steps_made()

    def _steps_made(self) -> int:
        """How many batches the model was trained on; part of the optimiser's state, so also after loading."""
        return sum(int(optimizer.variables[0]) for optimizer in self._optimizers())

    # ---- single batches ---------------------------------------------------------------------------------------

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict: bool = False,
                       reset_metrics: bool = True):
        """One training step on one batch.

        Returns:
            Loss and metrics, as `evaluate`; with `reset_metrics=False` over all batches since the last reset.
        """
        self._require_compiled("train_on_batch")
        examples = self._prepare(x, y, sample_weight, class_weight)
        if reset_metrics:
            self.reset_metrics()
        loops.train_step(self, Batch(examples))
        return logs.as_result(self, self.get_metrics_result(), return_dict)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict: bool = False, reset_metrics: bool = True):
        """Loss and metrics on one batch, without training."""
        self._require_compiled("test_on_batch")
        examples = self._prepare(x, y, sample_weight)
        if reset_metrics:
            self.reset_metrics()
        loops.test_step(self, Batch(examples))
        return logs.as_result(self, self.get_metrics_result(), return_dict)

    def predict_on_batch(self, x):
        """The outputs for one batch."""
        return self._predicted(self._prepare_inputs(x).x)
