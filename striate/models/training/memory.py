"""How much memory a training will take, from its plan, before it begins."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from striate.models.training.data import Examples
from striate.models.training.loss_kinds import kind_of
from striate.models.training.programs import scalars_of
from striate.ops.spec import TensorType


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes that a training takes besides the data (and their copy as float32, if they are of 64 bits) and the
    program itself.

    arena: activations, gradients and temporary buffers of one step. persistent: what a plan keeps between steps.
    scratch: what each thread needs beside, for all threads.
    weights: weights and statistics. optimizer: its slots. copies: the weights and slots of a few steps ago, kept to
    find the cause of a loss that is no number. results: what one step hands back.
    """

    arena: int
    persistent: int
    scratch: int
    weights: int
    optimizer: int
    copies: int
    results: int

    @property
    def total(self) -> int:
        """All of it."""
        return sum(getattr(self, field.name) for field in fields(self))

    def __str__(self) -> str:
        rows = [(field.name, getattr(self, field.name)) for field in fields(self)] + [("total", self.total)]
        return "\n".join(f"{name:10s} {size / 2**20:10.1f} MiB" for name, size in rows)


def estimate(model, batch_size: int) -> MemoryEstimate:
    """The estimate for batches of this size; plans the training step (and forgets it), computes nothing."""
    from striate.runtime.pool import default_threads

    was_made = model._programs is not None
    function, arguments = example_step(model, batch_size)
    plan = function.plan(*_type_of(arguments))
    if not was_made:  # The data may turn out to be of another kind than the example.
        model._forget_programs()
    weights = sum(variable.array.nbytes for variable in model.variables)
    slots = sum(variable.array.nbytes for variable in model.optimizer.variables)
    results = sum(value.type.bytes for value in plan.graph.outputs)
    scratch = default_threads() * max((launch.scratch for item in plan.steps for launch in item.launches), default=0)
    return MemoryEstimate(plan.arena_bytes, sum(plan.persistent.values()), scratch, weights, slots, weights + slots,
                          results)


def example_step(model, batch_size: int) -> tuple[Any, list]:
    """(the program of a training step, its arguments for a batch of zeros)."""
    examples = Examples(*_example_batch(model, batch_size))
    model._make_programs(model._known_outputs(examples.x), examples)
    step = model._programs
    numbers = [scalars_of(optimizer) for optimizer in model._optimizers()]
    rows = np.arange(batch_size, dtype=np.int32)
    return step.train, [examples.nest, rows, numbers if "train" in step.own_steps else numbers[0]]


def _example_batch(model, batch_size: int) -> tuple[Any, list, list]:
    """Zeros like a batch: inputs by the model's own, targets by what its losses compare with."""
    inputs = [np.zeros((batch_size, *tensor.shape[1:]), np.dtype(tensor.dtype)) for tensor in model.inputs]
    targets: list = [None] * len(model.outputs)
    model._loss.build(model._known_outputs(inputs[0] if len(inputs) == 1 else inputs), targets)
    for entry in model._loss.entries:
        shape = model.outputs[entry.index].shape[1:]
        sparse = kind_of(entry.loss) == "sparse"
        targets[entry.index] = (np.zeros((batch_size, *shape[:-1]), np.int32) if sparse
                                else np.zeros((batch_size, *shape), np.float32))
    return inputs[0] if len(inputs) == 1 else inputs, targets, [None] * len(targets)


def _type_of(nest: Any) -> Any:
    if isinstance(nest, dict):
        return {name: _type_of(item) for name, item in nest.items()}
    if isinstance(nest, (list, tuple)):
        return [_type_of(item) for item in nest]
    return None if nest is None else TensorType(nest.shape, str(nest.dtype))
