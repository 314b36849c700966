"""A training step whose batch is cut into shards: the same bits, however many processes share the work.

Each shard of the batch goes through one program that ends with its gradients, all in one flat vector; behind them, in
the same vector, lie the new values of the statistics that the forward pass assigns (the moving averages of batch
normalisation). The vectors are added in the order of the shards, weighted by their numbers of samples, and a second
program makes the optimizer's step with the sum. So the result depends on the number of shards, a setting of the
training like the size of its batches, but not on who computed which of them.

What a layer sees is its shard: batch normalisation uses the statistics of the shard, random numbers are keyed by seed,
step, layer, element and shard.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from striate import ops
from striate.engine import Function, gradients
from striate.errors import ArgumentError, received
from striate.graph.trace import current_tracer
from striate.models.training.buckets import buckets_of, final_after
from striate.models.training.data import Batch
from striate.ranks import ranks, shards
from striate.variables import FlatGroup, Variable

_ALIGN = 16
_SHARD_BITS = 48
"""The number of the shard stands above so many bits of the step in what random numbers are keyed by."""
_MEANS = ("sum_over_batch_size", "mean")


class ShardPrograms:
    """The two programs of such a step, and the layout of the vector between them.

    Args:
        programs: the model's `Programs`; they gather rows and work out results and loss.
        model: the model.
        trained: the variables that the optimizer changes.
    """

    def __init__(self, programs, model, trained: list[Variable]):
        check_shards(model)
        self._programs, self._model, self._trained = programs, model, trained
        group: FlatGroup | None = programs.group
        self._offsets, end = (list(group.offsets), group.size) if group is not None else _laid_out(trained, 0)
        self._weights_end = end
        self.statistics: list[Variable] | None = None
        self.length = 0
        self.buckets: list[tuple[int, int]] = []
        self._final: dict[Any, dict[int, list[int]]] = {}
        mode = "eager" if programs.eager else "compiled"
        self.shard = Function(self._shard, f"shard of a training step of {model.name}", mode, lends=1)
        self.update = Function(self._update, f"update of {model.name}", mode)

    def _shard(self, data: dict[str, Any], indices) -> tuple[Any, dict[str, Any]]:
        results, total = self._programs.training_results(data, indices)
        assigned = current_tracer("A training step").assigned
        statistics = dict(assigned)
        assigned.clear()
        self._settle(list(statistics))
        parts = list(gradients(self._programs.scaled(total), self._trained)) if self._trained else []
        offsets = [*self._offsets, *self._statistics_offsets]
        return ops.flat_gradients([*parts, *statistics.values()], tuple(offsets), self.length), results

    def _settle(self, statistics: list[Variable]) -> None:
        """The forward pass was traced: what it assigns gets its place in the vector."""
        whole = [variable.path for variable in statistics if variable.dtype != "float32"]
        if whole:
            raise ArgumentError("A model whose `call` assigns to a variable that is not float32 cannot be trained in "
                                f"shards: there is no mean of what the shards assign. {received(variable=whole[0])}")
        self.statistics = statistics
        self._statistics_offsets, self.length = _laid_out(statistics, self._weights_end)
        self.buckets = buckets_of([*self._offsets, *self._statistics_offsets], self.length, ranks().size)

    def compute(self, part: Batch, random: tuple[int, int], ready: Callable | None) -> tuple[np.ndarray, Any]:
        """(the vector, which the next shard overwrites, results) of a shard; `ready(bucket, elements)` is called as
        soon as a bucket is final, unless that is at the very end."""
        pauses = None if ready is None else partial(self._pauses, ready)
        return self.shard(part.examples.nest, part.indices, random=random, pauses=pauses)

    def _pauses(self, ready: Callable, executable: Any) -> dict[int, Callable]:
        """Where the program of a shard pauses, and what is done there."""
        flat = executable.graph.outputs[0]
        if executable not in self._final:
            self._final[executable] = final_after(executable.plan, flat, self.buckets)

        def announce(buckets: list[int]) -> None:
            for bucket in buckets:
                ready(bucket, executable.view(flat)[slice(*self.buckets[bucket])])
        return {step: partial(announce, buckets) for step, buckets in self._final[executable].items()}

    def know_length(self, batch: Batch) -> None:
        """Makes sure that the layout is known, also where a rank has no sample of the first batch."""
        if self.statistics is None:
            part = batch.between(0, 1)
            self.shard.graph(part.examples.nest, part.indices)

    def _update(self, vector, scalars) -> None:
        pieces = [ops.reshape(vector[start:start + variable.size], variable.shape)
                  for variable, start in zip(self._trained, self._offsets, strict=True)]
        self._model.optimizer.update(pieces, scalars, flat=vector)

    def apply(self, vector: np.ndarray, scalars: np.ndarray) -> None:
        """The optimizer's step and the new statistics, from the sum over all shards."""
        if self._trained:
            self.update(vector[:self._weights_end], scalars)
        for variable, start in zip(self.statistics or (), self._statistics_offsets, strict=True):
            variable.assign(vector[start:start + variable.size].reshape(variable.shape))


def _laid_out(variables: list[Variable], end: int) -> tuple[list[int], int]:
    """Offsets of variables one after the other from `end` on, each at a multiple of 64 bytes, and the new end."""
    offsets = []
    for variable in variables:
        offsets.append(end)
        end += -(-variable.size // _ALIGN) * _ALIGN
    return offsets, end


def run_step(model, batch: Batch, scalars: np.ndarray, random: tuple[int, int]) -> list[tuple[Batch, dict[str, Any]]]:
    """One training step of the compiled kind, without metrics.

    Args:
        model: the model, whose programs are made.
        batch: all samples of the step.
        scalars: the optimizer's numbers.
        random: (seed, step).

    Returns:
        (samples, what the program gave for them) for each shard; one entry when the batch is not cut.
    """
    programs = model._programs
    if shards() == 1:
        results = programs.train(batch.examples.nest, batch.indices, scalars, random=random)
        return [(batch, results)]
    parts, program = cut(batch, shards()), programs.sharded
    program.know_length(batch)

    def compute(shard: int, ready: Callable | None) -> tuple[np.ndarray, dict[str, Any]]:
        return program.compute(parts[shard], random_of(random, shard), ready)
    total, results = ranks().sum_shards(program.buckets, [part.size for part in parts], compute)
    program.apply(total, scalars)
    return list(zip(parts, results, strict=True))


def cut(batch: Batch, count: int) -> list[Batch]:
    """The shards of a batch: neighbouring rows, as evenly as can be; fewer shards where there are fewer rows.

    Example:
        >>> from striate.models.training.data import Examples
        >>> [part.size for part in cut(Batch(Examples(np.zeros((10, 2)))), 4)]
        [2, 3, 2, 3]
    """
    count = min(count, batch.size)
    borders = [shard * batch.size // count for shard in range(count + 1)]
    return [batch.between(first, last) for first, last in zip(borders, borders[1:], strict=False)]


def random_of(random: tuple[int, int], shard: int) -> tuple[int, int]:
    """What the random numbers of a shard are keyed by; those of the first shard are those of the whole batch."""
    seed, step = random
    return seed, step | shard << _SHARD_BITS


def check_shards(model) -> None:
    """Can the training be cut into shards, if it is to be?

    Raises:
        ArgumentError: the model's class has a `train_step` of its own, or something looks at whole batches.
    """
    if shards() == 1:
        return
    if "train" in model._programs.own_steps:
        raise ArgumentError("A model with a `train_step` of its own cannot be trained in shards, because it applies "
                            "its gradients by itself. " + received(model=type(model).__name__, shards=shards()))
    for layer in model._flatten_layers():
        if getattr(layer, "synchronized", False):
            raise ArgumentError("Statistics of batch normalisation are those of each shard; they are not synchronized "
                                f"within a step. {received(layer=layer.name, shards=shards())}. Leave `synchronized` "
                                "out, or train with one shard, which has the statistics of the whole batch.")
    for entry in model._loss.entries:
        if getattr(entry.loss, "reduction", None) not in _MEANS:
            raise ArgumentError("In a training in shards every loss must be a mean over samples: reduction="
                                f"'sum_over_batch_size'. {received(reduction=entry.loss.reduction, loss=entry.name)}")


def check_ranks(training) -> None:
    """Have all ranks begun with the same weights and data?

    Raises:
        ArgumentError: they have not; their results would be worth nothing.
    """
    found = ranks()
    if found.size == 1:
        return
    digest = hashlib.sha256(json.dumps(training.fingerprint(), sort_keys=True, default=repr).encode())
    for variable in training.model.variables:
        digest.update(variable.array.tobytes())
    if len(set(found.gather(digest.hexdigest()))) > 1:
        raise ArgumentError("The ranks did not begin with the same weights and data, so they cannot share a training. "
                            f"{received(ranks=found.size)}. Draw all that is random by keras.utils.set_random_seed(...)"
                            " and give every rank the whole data.")
