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
    flops: additions and multiplications of the plain sum; `saving`: how many times fewer multiplications are made.
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
    saving: float = 1.0


@dataclass(frozen=True, eq=False)
class Step:
    """One node of the graph and how it runs: by launches of kernels, or (no launches) by its NumPy reference."""

    node: Any
    launches: Sequence[Launch]
    reason: str = ""

    @property
    def compiled(self) -> bool:
        return bool(self.launches)


@dataclass(frozen=True, eq=False)
class Home:
    """Where a value lives: `kind` is arena, persistent, variable, input or constant; `offset` bytes into `owner`.

    owner: None for the arena; a `Variable`, an input value, a constant array, or the key of a persistent buffer.
    """

    kind: str
    offset: int = 0
    owner: Any = None


@dataclass(frozen=True, eq=False)
class Plan:
    """How a graph runs: steps in order, a home for every value and temporary, and what is copied at the end.

    persistent: bytes of buffers that keep their contents between runs (packed weights, flat gradients).
    copies: (variable, value) pairs that could not be computed in place and are copied when all steps are done.
    """

    graph: Any
    steps: Sequence[Step]
    homes: Mapping[Any, Home]
    arena_bytes: int
    persistent: Mapping[Any, int]
    copies: Sequence[tuple[Any, Any]]

    @property
    def launches(self) -> int:
        """How many kernel launches one run makes."""
        return sum(len(step.launches) for step in self.steps)

    @property
    def bytes(self) -> int:
        """Memory of the arena and of the persistent buffers."""
        return self.arena_bytes + sum(self.persistent.values())

    def __str__(self) -> str:
        kept = sum(self.persistent.values()) / 2**20
        lines = [f"plan of {self.graph.name}: {len(self.steps)} steps, {self.launches} launches, "
                 f"arena {self.arena_bytes / 2**20:.1f} MiB, persistent {kept:.1f} MiB"]
        for index, step in enumerate(self.steps):
            title = f"  {index:3d} {step.node.op:28s} {step.node.scope}"
            if not step.compiled:
                lines.append(f"{title}  [{step.reason}]")
            for launch in step.launches:
                variant = ",".join(f"{k}={v}" for k, v in launch.variant.items())
                lines.append(f"{title}  {launch.kernel}({variant}) x {launch.tasks}: {launch.reason}")
        for variable, value in self.copies:
            lines.append(f"      copy {value!r} into {variable.path}")
        return "\n".join(lines)
