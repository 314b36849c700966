"""What an op is: a shape rule, a gradient rule, a reference in NumPy and a cost; and the table of all ops.

The reference is the op's definition: plain NumPy that sums in float64 and rounds once to the result's type.
Under `ReferenceExecutable(dtype=float64)` it is handed float64 arrays and nothing is rounded, which is how
gradient rules are checked against finite differences.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from striate.errors import GraphError, received

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class TensorType:
    """Shape and dtype of a tensor. `None` stands for a length not known yet (the batch, in a model's description)."""

    shape: Shape
    dtype: str = "float32"

    @property
    def lengths(self) -> tuple[int, ...]:
        """The shape, where every length is known. Raises `GraphError` where one is not."""
        known = tuple(length for length in self.shape if length is not None)
        if len(known) != len(self.shape):
            raise GraphError("The lengths of this tensor must be known: give the batch's as well. "
                             + received(shape=self.shape))
        return known

    @property
    def size(self) -> int:
        return prod(self.lengths)

    @property
    def bytes(self) -> int:
        return self.size * np.dtype(self.dtype).itemsize

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join('?' if n is None else str(n) for n in self.shape)}]"


def _no_cost(inputs: Sequence[TensorType], outputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> int:
    return 0


@dataclass(frozen=True)
class OpSpec:
    """One op.

    shape(inputs, **attributes) -> list of `TensorType`; `inputs` is one list of types. Raises `ShapeError` or
        `ArgumentError` on bad arguments;
        passes `None` lengths through.
    reference(*arrays, **attributes) -> list of arrays.
    gradient(node, *output_gradients) -> one entry an input: a tensor made with `striate.ops`, or None where no
        gradient flows. An output that nothing depends on has None as its gradient. `node.inputs`, `node.outputs`
        and `node.attributes` are what the rule works with. None instead of a function: not differentiable.
    flops(inputs, outputs, attributes) -> floating-point operations, a multiply-add counted as two.
    elementwise: every output element depends on the (broadcast) input elements at its own place alone.
    alias: the output is the first input's memory under another shape (reshape).
    """

    name: str
    shape: Callable[..., list[TensorType]]
    reference: Callable[..., list[np.ndarray]]
    gradient: Callable[..., Sequence[Any]] | None = None
    flops: Callable[[Sequence[TensorType], Sequence[TensorType], Mapping[str, Any]], int] = _no_cost
    elementwise: bool = False
    alias: bool = False


OPS: dict[str, OpSpec] = {}


def register(spec: OpSpec) -> OpSpec:
    """Enters an op in the table; each name once."""
    if spec.name in OPS:
        raise GraphError(f"An op named {spec.name!r} is registered already.")
    OPS[spec.name] = spec
    return spec
