"""One exploration: the model as it is shown, the inputs, kernels changed by hand, and the numbers behind all views.

The model that is shown is a copy. It takes the weights of the training (now), of an epoch (kept), with the user's
changes laid over them; so the page never disturbs the training, and the training never changes a view half-way.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from striate import ops
from striate.engine import Function, gradients
from striate.errors import ArgumentError, received
from striate.explore.learner import Learner
from striate.explore.subject import Sample, Subject
from striate.layers.symbolic import leaves
from striate.layers.wrapper import TimeDistributed
from striate.models.cloning import uncompiled_clone
from striate.see import probe
from striate.see.geometry import is_convolution

LIVE = "live"
UPLOADS = 24
KEPT_VIEWS = 6


def sliding(layer) -> Any:
    """The layer that slides one kernel, which can be shown and changed: itself, or that of each step; None for none."""
    while isinstance(layer, TimeDistributed):
        layer = layer.layer
    return layer if is_convolution(layer) and hasattr(layer, "kernel") else None


def _blank(layer):
    """A copy of a layer without its weights: they are laid in before each view, so none are drawn."""
    def plain(value):
        if not isinstance(value, dict):
            return value
        return {key: "zeros" if key.endswith("_initializer") else plain(item) for key, item in value.items()}
    return type(layer).from_config(plain(layer.get_config()))


class Session:
    """What is being looked at. Safe to call from several threads.

    model: the copy that is shown. learner: the training, if there can be one. samples: id -> input.
    """

    def __init__(self, subject: Subject):
        self.subject = subject
        self.model = uncompiled_clone(subject.model, clone_function=_blank)
        self.graph = probe.network(self.model)
        self.nodes = [node for node in self.graph.nodes if not node.is_input]
        self.answer = next(i for i, node in enumerate(self.nodes)
                           if any(tensor is self.graph.outputs[0] for tensor in node.output_tensors))
        """Which node gives the model's (first) output."""
        self.learner = None if subject.data is None else Learner(subject.model, subject.data)
        self.samples: OrderedDict[str, Sample] = OrderedDict(
            (f"sample-{i}", sample) for i, sample in enumerate(subject.samples))
        self.looked_at = threading.Event()
        """Set once the page has its first view."""
        self.edits: dict[str, dict[tuple, np.ndarray]] = {}
        self.spent = 0.0
        """Seconds that answers for the page have taken so far: the pace of a training's updates depends on it."""
        self._changes, self._uploads = 0, 0
        self._shown: tuple | None = None
        self.shown_steps = 0
        """How many steps of the training lay behind the weights when they were last laid into the shown model."""
        self._lock = threading.RLock()
        self._views: OrderedDict[tuple, Any] = OrderedDict()
        self._slopes = Function(self._loss_and_slopes, f"slopes of {self.model.name}")

    # ---- inputs -----------------------------------------------------------------------------------------------

    def sample(self, name: str) -> Sample:
        """An input by its id.

        Raises:
            ArgumentError: there is none of this id.
        """
        if name not in self.samples:
            raise ArgumentError("This image is not there (any more): choose one of those that the page shows. "
                                + received(image=name))
        return self.samples[name]

    def add(self, sample: Sample) -> str:
        """Takes in an input of the user's; the oldest of more than 24 is forgotten. Gives its id."""
        with self._lock:
            self._uploads += 1
            name = f"upload-{self._uploads}"
            self.samples[name] = sample
            own = [key for key in self.samples if key.startswith("upload-")]
            if len(own) > UPLOADS:
                del self.samples[own[0]]
            return name

    # ---- weights ----------------------------------------------------------------------------------------------

    def epoch(self, at: str) -> int | None:
        """None for the weights of now, or the epoch whose weights are meant.

        Raises:
            ArgumentError: no weights were kept of it.
        """
        if at == LIVE:
            return None
        kept = {} if self.learner is None else self.learner.snapshots
        if not at.isdecimal() or len(at) > 6 or int(at) not in kept:
            raise ArgumentError(f"Weights are kept of the epochs {', '.join(map(str, sorted(kept))) or 'none'}, and "
                                f'"live" are those of now. {received(at=at)}')
        return int(at)

    def edit(self, name: str, place: tuple, values: np.ndarray) -> None:
        """Lays weights over `kernel[place]` of a layer; they stay until `reset`, whatever the training does."""
        with self._lock:
            self.edits.setdefault(name, {})[place] = values
            self._changes += 1

    def reset(self, name: str | None = None) -> None:
        """Takes back the changes of a layer, or all."""
        with self._lock:
            if name is None:
                self.edits.clear()
            else:
                self.edits.pop(name, None)
            self._changes += 1

    def _show(self, epoch: int | None) -> tuple:
        """Lays the weights that are meant into the copy; gives a key that changes with them."""
        steps = self.learner.steps if self.learner is not None else 0
        run = self.learner.runs if self.learner is not None else 0
        key = (run, steps if epoch is None else f"epoch {epoch}", self._changes)
        if key != self._shown:
            if epoch is None or self.learner is None:
                arrays = [variable.array for variable in self.subject.model.variables]
            else:
                arrays = self.learner.snapshots[epoch]
            for variable, array in zip(self.model.variables, arrays, strict=True):
                variable.assign(array)
            for name, changes in self.edits.items():
                kernel = sliding(probe.find_layer(self.model, name)).kernel
                array = kernel.numpy()
                for place, values in changes.items():
                    array[place] = values
                kernel.assign(array)
            self._shown, self.shown_steps = key, steps
        return key

    # ---- numbers ----------------------------------------------------------------------------------------------

    def taps(self, image: str, at: str = LIVE) -> list[probe.Tap]:
        """What enters and leaves each call of a layer, in the order of `nodes`."""
        return self._view("taps", image, at, lambda values: probe.taps(self.model, values))

    def slopes(self, image: str, at: str = LIVE) -> tuple[str, list[np.ndarray], dict[str, np.ndarray]]:
        """(what is differentiated, its gradients by each layer's output, those by kernels and layer name)."""
        said, target = self._target(image, at)
        # Compiled before anything is locked: the first time it can take long, and other views shall not wait.
        self._slopes.executable(probe.batch(self.model, self.sample(image).values), target)

        def run(values):
            return self._slopes(probe.batch(self.model, values), target)
        outputs, kernels = self._view("slopes", image, at, run)
        return said, outputs, kernels

    def looking(self) -> AbstractContextManager:
        """While it is open (`with`) the shown model keeps the weights of the last view."""
        return self._lock

    def weights(self, name: str, at: str = LIVE) -> np.ndarray:
        """A copy of a layer's kernel."""
        with self._lock, self._still(at):
            self._show(self.epoch(at))
            return sliding(probe.find_layer(self.model, name)).kernel.numpy()

    def _still(self, at: str):
        return self.learner.between_steps() if at == LIVE and self.learner is not None else nullcontext()

    def _view(self, what: str, image: str, at: str, run) -> Any:
        sample, epoch = self.sample(image), self.epoch(at)
        with self._lock, self._still(at):
            key = (what, image, at, self._show(epoch))
            if key not in self._views:
                self._views[key] = run(sample.values)
                while len(self._views) > KEPT_VIEWS:
                    self._views.popitem(last=False)
            self._views.move_to_end(key)
            return self._views[key]

    # ---- gradients --------------------------------------------------------------------------------------------

    def _target(self, image: str, at: str) -> tuple[str, np.ndarray]:
        """(in words, which output is right): the sample's label, or what the model says."""
        output = np.asarray(probe.arrays(self.taps(image, at)[self.answer].output)[0])
        count = output.shape[-1]
        if self._score_kind() == "sum":
            return "the sum of the outputs", np.zeros(count, np.float32)
        label = self.sample(image).label
        chosen = int(self.subject.shares(output)[0].argmax()) if label is None else label
        name = self.subject.classes[chosen] if chosen < len(self.subject.classes) else f"class {chosen}"
        target = np.array([chosen], np.float32) if count == 1 else np.eye(count, dtype=np.float32)[chosen]
        because = "the image's label" if label is not None else "what the network says"
        return f"the loss, −log of the share of “{name}” ({because})", target

    def _score_kind(self) -> str:
        """softmax, sigmoid or scores: how outputs become a loss; sum: they are no classes."""
        first = self.graph.outputs[0]
        name = probe.activation_of(probe.last_layer(self.model))
        if len(first.shape) != 2 or not self.subject.classes:
            return "sum"
        return name if name in ("softmax", "sigmoid") else "scores" if first.shape[-1] > 1 else "sum"

    def _loss_and_slopes(self, values, target):
        seen: list = []

        def visit(call, inputs, output):
            seen.append((call.operation, leaves(output)[0]))
        output = leaves(probe.watched(self.graph, values, visit))[0]
        kind = self._score_kind()
        if kind == "sum":
            loss = ops.sum(output)
        elif kind == "softmax":
            loss = -ops.sum(target * ops.log(output + 1e-12))
        elif kind == "sigmoid":
            loss = -ops.sum(target * ops.log(output + 1e-12) + (1.0 - target) * ops.log(1.0 - output + 1e-12))
        else:
            loss = -ops.sum(target * ops.log_softmax(output))
        kernels = {self.graph.names[layer]: sliding(layer).kernel for layer, _ in seen if sliding(layer) is not None}
        found = gradients(loss, [*(output for _, output in seen), *kernels.values()])
        return found[:len(seen)], dict(zip(kernels, found[len(seen):], strict=True))
