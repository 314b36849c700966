"""Partial sums of the gradients of a convolution's weights: how the batch is cut, and how the parts are added."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from striate.graph.ir import Node
from striate.kernels.cpu import Cpu
from striate.plan.ir import Constant, Launch, Temporary
from striate.plan.lower.convolution import ENOUGH_TASKS, Convolution, ceil_div


def split(total: int, most: int) -> tuple[int, int]:
    """(parts, size of a part): equal parts of at most `most`."""
    parts = ceil_div(total, most)
    return parts, ceil_div(total, parts)


@dataclass(frozen=True)
class Sums:
    """A buffer of partial sums [chunk][size] and where in it an element of dw = [rows][columns] or of db lies.

    `turned`: rows lie side by side, always as many as a vector has lanes.
    """

    rows: np.ndarray
    columns: np.ndarray
    size: int
    bias_columns: np.ndarray
    bias_size: int
    turned: bool = False


def chunks_of(c: Convolution, tasks: int) -> int:
    """Into how many parts the batch is cut when there are so many tasks in one."""
    return min(c.n, ceil_div(ENOUGH_TASKS, tasks))


def add_up(node: Node, partial: Temporary, bias: Temporary, sums: Sums, chunks: int, cpu: Cpu) -> list[Launch]:
    """The launches that add the chunks and bring the sums into their places."""
    reason = f"adds {chunks} parts of the batch in order" if chunks > 1 else "brings the sums into the weights' layout"
    outputs = [(partial, sums.rows, sums.columns, sums.size, sums.turned),
               (bias, np.zeros(1, np.int64), sums.bias_columns, sums.bias_size, False)]
    return [Launch("conv_weights_grad_sum", dict(lanes=cpu.lanes),
                   [source, out, Constant(rows, "rows"), Constant(columns, "columns"), len(rows), len(columns), chunks,
                    size, int(turned)], [out], ceil_div(len(rows), cpu.lanes), reason, 4 * cpu.lanes ** 2)
            for out, (source, rows, columns, size, turned) in zip(node.outputs, outputs, strict=False)]
