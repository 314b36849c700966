"""Where a NaN or an infinity came from.

Every few steps the weights and everything else that a step changes are copied, and the batches since then are kept
(as row numbers, for arrays). When a loss is no finite number, the steps are made again from the copy, to the same bits,
up to the first one that spoils something; that one is computed op by op, and the first value that is not finite names
the layer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from striate.engine import Function, compile_graph
from striate.graph.ir import Node
from striate.graph.trace import collect
from striate.models.training.data import Batch
from striate.models.training.sharding import cut, random_of, run_step
from striate.ranks import shards
from striate.variables import moves

COPIED_EVERY = 32
_KEPT_BYTES = 64 << 20
"""Batches that are not rows of arrays in memory are kept up to so many bytes; then a new copy is made earlier."""


@dataclass(frozen=True)
class Origin:
    """The first value of a training step that is not finite.

    where: "forward", "gradient", "update", "before the step" (a weight that was assigned) or "unknown".
    layer: path of the layer. op: what was computed. sample: the number of the sample in the data (in the batch, for
    data that come in batches), if the value belongs to one.
    """

    where: str
    layer: str
    op: str
    value: float
    epoch: int
    batch: int
    sample: int | None = None
    tensor: str = ""

    def __str__(self) -> str:
        if self.where == "unknown":
            return "Where it came from could not be found by making the last steps again."
        place = f"layer '{self.layer}'" if self.layer else {"forward": "the loss", "gradient": "the loss"}.get(
            self.where, "the optimizer")
        if self.op in ("take", "cast") and not self.layer and self.where == "forward":
            place = "the data"
        sample = "" if self.sample is None else f", sample {self.sample}"
        tensor = f" of shape {self.tensor}" if self.tensor else ""
        return (f"The first such number arose in {place}, {self.where}: {self.op} gave {self.value}{tensor} "
                f"(epoch {self.epoch + 1}, batch {self.batch}{sample}).")


@dataclass
class _Step:
    """What a training step was given."""

    batch: Batch
    scalars: np.ndarray
    random: tuple[int, int]
    epoch: int
    number: int


class Recorder:
    """Remembers the last steps of a training, cheaply, so that they can be made again."""

    def __init__(self, model):
        self.model = model
        self._steps: list[_Step] = []
        self._bytes = 0
        self._copies: list[np.ndarray] = []
        self._homes: list[np.ndarray] = []
        self._moves = -1

    def before(self, batch: Batch, scalars: np.ndarray, random: tuple[int, int], epoch: int, number: int) -> None:
        """To be called before each step, with what it is given."""
        if not self._steps or len(self._steps) >= COPIED_EVERY or self._bytes > _KEPT_BYTES:
            self._copy()
        self._bytes += batch.held_bytes
        self._steps.append(_Step(batch, scalars, random, epoch, number))

    def _copy(self) -> None:
        arrays = self._state()
        if [array.shape for array in arrays] != [copy.shape for copy in self._copies]:
            self._copies = [np.empty_like(array) for array in arrays]
        for copy, array in zip(self._copies, arrays, strict=True):
            np.copyto(copy, array)
        self._steps, self._bytes = [], 0

    def _state(self) -> list[np.ndarray]:
        """The memory of everything that a step changes, each flat group as one array."""
        if self._moves == moves():
            return self._homes
        found: dict[int, np.ndarray] = {}
        for variable in [*self.model.variables, *self.model.optimizer.variables]:
            home = variable if variable.group is None else variable.group.flat
            found[id(home)] = home.array
        self._homes, self._moves = list(found.values()), moves()
        return self._homes

    def origin(self) -> Origin:
        """Finds where the last step's non-finite loss came from; the model is as before afterwards."""
        last = self._steps[-1]
        unknown = Origin("unknown", "", "", float("nan"), last.epoch, last.number)
        arrays = self._state()
        if [array.shape for array in arrays] != [copy.shape for copy in self._copies]:
            return unknown
        now = [array.copy() for array in arrays]
        try:
            _restore(arrays, self._copies)
            for step in self._steps:
                before = [array.copy() for array in arrays]
                results = self._repeat(step)
                if all(np.isfinite(found["loss"]) for found in results) and all(_is_finite(array) for array in arrays):
                    continue
                _restore(arrays, before)
                return self._first(step) or unknown
            return unknown
        finally:
            _restore(arrays, now)
            for variable in self.model.variables:
                variable.version += 1

    def _repeat(self, step: _Step) -> list[dict[str, Any]]:
        return [results for _, results in run_step(self.model, step.batch, step.scalars, step.random)]

    def _first(self, step: _Step) -> Origin | None:
        """The first value of the step that is not finite, computed op by op, shard after shard."""
        if shards() == 1:
            return self._first_of(step, self.model._programs.train, step.scalars)
        for number, part in enumerate(cut(step.batch, shards())):
            shard = replace(step, batch=part, random=random_of(step.random, number))
            origin = self._first_of(shard, self.model._programs.sharded.shard)
            if origin is not None:
                return origin
        return None

    def _first_of(self, step: _Step, program: Function, *more: np.ndarray) -> Origin | None:
        """The same for a program, which is given data, rows and what else it takes."""
        arguments = [step.batch.examples.nest, step.batch.indices, *more]
        reference = compile_graph(program.graph(*arguments), "reference")
        inputs: list[np.ndarray] = []
        collect(arguments, inputs.append)
        for value in reference.graph.parameters:
            if not _is_finite(value.source.array):
                bad = value.source.array[~np.isfinite(value.source.array)][0]
                return Origin("before the step", value.source.path, "an assignment", float(bad), step.epoch,
                              step.number)
        backward = False
        for node, results in reference.steps(inputs, step.random):
            backward = backward or _is_gradient(node)
            for value, array in zip(node.outputs, results, strict=True):
                if not _is_finite(array):
                    where = "gradient" if _is_gradient(node) else "update" if backward else "forward"
                    return self._described(step, node, value, array, where)
        return None

    def _described(self, step: _Step, node: Node, value, array: np.ndarray, where: str) -> Origin:
        bad = np.argwhere(~np.isfinite(array))[0] if array.ndim else np.zeros(0, int)
        first = array[tuple(bad)]
        sample = None
        if where == "forward" and array.ndim and len(array) == step.batch.size:
            row = int(bad[0])
            sample = step.batch.first + row if step.batch.indices is None else int(step.batch.indices[row])
        layer = node.scope.removesuffix("/gradient").removesuffix("gradient")
        layer = layer.removeprefix(f"{self.model.name}/")
        layer = "" if layer == self.model.name else layer
        return Origin(where, layer, node.op, float(first), step.epoch, step.number, sample, str(tuple(value.shape)))


def _restore(arrays: list[np.ndarray], copies: list[np.ndarray]) -> None:
    for array, copy in zip(arrays, copies, strict=True):
        np.copyto(array, copy)


def _is_finite(array: np.ndarray) -> bool:
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def _is_gradient(node: Node) -> bool:
    return node.scope == "gradient" or node.scope.endswith("/gradient")
