"""The plan: how a graph will run. Launches of kernels, in order, and the buffers they read and write."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from striate.ops.spec import TensorType

_serial = itertools.count()


@dataclass(frozen=True, eq=False)
class Temporary:
    """Memory that only the launches of one node use: packed weights, partial sums."""

    shape: tuple[int, ...]
    dtype: str = "float32"
    name: str = "temporary"
    serial: int = field(default_factory=lambda: next(_serial))

    @property
    def type(self) -> TensorType:
        return TensorType(self.shape, self.dtype)


@dataclass(frozen=True, eq=False)
class Constant:
    """A small table computed when the plan is made (pixel offsets, say): `array` is copied once and kept."""

    array: Any
    name: str = "table"


@dataclass(frozen=True, eq=False)
class Launch:
    """One call of one kernel on all threads.

    arguments: one 64-bit slot each, in the kernel's order: a graph value, a `Temporary` or a `Constant` stands for its
        address, an int for itself, a float for its float64 bits.
    writes: the values and temporaries among the arguments that the kernel writes; every other one is only read.
    tasks: how many independent pieces of work there are. What a task computes must not depend on how tasks are
        divided into calls. `piece`: the fewest tasks worth one call.
    scratch: bytes that each thread needs beside.
    prepares: depends on parameters alone (packing weights): a prediction repeats it only after the weights changed.
    """

    kernel: str
    variant: Mapping[str, int | str | bool]
    arguments: Sequence[Any]
    writes: Sequence[Any]
    tasks: int
    reason: str
    scratch: int = 0
    piece: int = 1
    prepares: bool = False
    flops: int = 0
