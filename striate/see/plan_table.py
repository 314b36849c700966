"""`plan`: how the engine runs a model: kernel by kernel, why each was chosen, and what it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from striate import ops
from striate.engine import Function, gradients
from striate.errors import ArgumentError, received
from striate.graph.trace import collect
from striate.layers.symbolic import leaves
from striate.see import grid, probe
from striate.see.canvas import Canvas
from striate.see.palette import BLUE, INK, LINE, MUTED, SHADE, text_width
from striate.see.result import Result, aligned

WIDTH = 1180.0


@dataclass(frozen=True)
class PlanRow:
    """One launch of a kernel. bytes: of everything that it reads and writes."""

    layer: str
    op: str
    kernel: str
    variant: str
    reason: str
    microseconds: float
    gflops: float
    bytes: int
    tasks: int


@dataclass(frozen=True)
class PlanTable(Result):
    """Every launch of one prediction (or of forward and backward) for a batch, in order.

    peak: what the multiply-add units can do, in GFLOP/s, measured on the same threads; arena_bytes: memory of all
    intermediate values.
    """

    model: str
    batch_size: int
    training: bool
    threads: int
    rows: tuple[PlanRow, ...]
    arena_bytes: int
    peak: float

    @property
    def microseconds(self) -> float:
        return sum(row.microseconds for row in self.rows)

    def data(self) -> dict[str, Any]:
        """All rows and sums."""
        return {"model": self.model, "batch_size": self.batch_size, "training": self.training, "threads": self.threads,
                "peak_gflops": self.peak, "arena_bytes": self.arena_bytes, "microseconds": self.microseconds,
                "launches": [{**vars(row), "percent_of_peak": 100 * row.gflops / self.peak} for row in self.rows]}

    def _cells(self) -> list[list[str]]:
        total = self.microseconds or 1.0
        return [[row.layer, row.kernel, f"{row.microseconds:.1f}", f"{row.microseconds / total:.1%}",
                 f"{row.gflops:.1f}" if row.gflops else "", f"{row.gflops / self.peak:.0%}" if row.gflops else "",
                 f"{row.bytes / 1024:,.0f}", row.reason] for row in self.rows]

    def __str__(self) -> str:
        what = "forward and backward" if self.training else "a prediction"
        head = ["layer", "kernel", "us", "share", "GFLOP/s", "of peak", "KiB", "why"]
        return (f"{self.model}: {what} of {self.batch_size} samples takes {self.microseconds:,.0f} us on "
                f"{self.threads} thread(s), {self.microseconds / self.batch_size:,.1f} us a sample; arena "
                f"{self.arena_bytes / 2**20:.1f} MiB; peak {self.peak:.0f} GFLOP/s\n\n{aligned(self._cells(), head)}")

    def figure(self) -> Canvas:
        """The table with bars for the time."""
        title = f"How {self.model} runs"
        note = f"{'Forward and backward' if self.training else 'Prediction'} of {self.batch_size} samples: " \
               f"{self.microseconds:,.0f} us on {self.threads} thread(s); percentages refer to {self.peak:.0f} " \
               "GFLOP/s, measured here. Winograd leaves multiplications out, so it can pass 100 %."
        top = grid.header_height(WIDTH, title, note) + 20
        canvas = Canvas(WIDTH, top + 50 * len(self.rows) + 20, title)
        grid.header(canvas, title, note)
        columns = ((24.0, "layer and kernel", "start"), (560.0, "us", "end"), (580.0, "", "start"),
                   (880.0, "GFLOP/s", "end"), (980.0, "of peak", "end"), (1110.0, "KiB", "end"))
        for x, name, anchor in columns:
            canvas.text(x, top - 8, name, 13, MUTED, anchor)
        longest = max((row.microseconds for row in self.rows), default=1.0) or 1.0
        for index, (row, cells) in enumerate(zip(self.rows, self._cells(), strict=True)):
            y = top + 50 * index
            canvas.rectangle(12, y, WIDTH - 24, 50, fill=SHADE if index % 2 == 0 else None)
            canvas.text(24, y + 20, f"{row.layer}   {row.kernel}", 14, INK, bold=True)
            canvas.text(560, y + 20, cells[2], 14, INK, "end")
            canvas.rectangle(580, y + 8, max(1.0, 200 * row.microseconds / longest), 14, fill=BLUE)
            for x, text in ((880, cells[4]), (980, cells[5]), (1110, cells[6])):
                canvas.text(x, y + 20, text, 14, INK, "end")
            size = min(12.5, (WIDTH - 60) / max(text_width(row.reason, 1.0), 0.1))
            canvas.text(24, y + 40, row.reason, size, MUTED)
        canvas.path([(12, top), (WIDTH - 12, top)], LINE)
        return canvas


def plan(model, batch_size: int = 32, training: bool = False, repeats: int = 5) -> PlanTable:
    """How the engine runs a model, measured launch by launch on this computer.

    Args:
        model: a model with a graph and inputs of known size.
        batch_size: samples at once.
        training: also the backward pass, of the sum of the outputs (the loss and the optimizer are left out).
        repeats: the smallest time of so many runs counts.

    Returns:
        A `PlanTable`.

    Raises:
        ArgumentError: the input's size is not known, or a count is not positive.

    Example:
        print(see.plan(model, batch_size=1))
    """
    from striate.bench.machine import measure_peak

    graph = probe.network(model)
    if batch_size < 1 or repeats < 1 or any(None in tensor.shape[1:] for tensor in graph.inputs):
        raise ArgumentError("A plan needs inputs of known size and positive counts. "
                            + received(inputs=[t.shape for t in graph.inputs], batch_size=batch_size, repeats=repeats))
    random = np.random.Generator(np.random.PCG64(0))
    inputs = [random.random((batch_size, *tensor.shape[1:]), np.float32).astype(tensor.dtype)
              for tensor in graph.inputs]
    variables = list(model.trainable_variables)

    def run(values):
        outputs = model(values if len(values) > 1 else values[0], training=False)
        if not training:
            return outputs
        total = None
        for leaf in leaves(outputs):
            total = ops.sum(leaf) if total is None else total + ops.sum(leaf)
        return outputs, gradients(total, variables)
    function = Function(run, f"plan of {model.name}")
    executable = function.executable(inputs)
    times = executable.profile(inputs, repeats)
    best = measure_peak()
    rows = []
    for spent in times:
        launch, node = spent.launch, spent.step.node
        layer = node.scope.split("/")[-1] if node.scope else node.op
        if launch is None:
            moved = sum(value.type.bytes for value in (*node.inputs, *node.outputs))
            rows.append(PlanRow(layer, node.op, f"NumPy reference of {node.op}", "", spent.step.reason,
                                1e6 * spent.seconds, 0.0, moved, 1))
            continue
        seen: dict[int, int] = {}
        collect(list(launch.arguments), lambda item, seen=seen: seen.update(
            {id(item): item.type.bytes} if hasattr(item, "type") else {}))
        variant = ", ".join(f"{name}={value}" for name, value in launch.variant.items())
        rows.append(PlanRow(layer, node.op, launch.kernel, variant, launch.reason, 1e6 * spent.seconds, spent.gflops,
                            sum(seen.values()), launch.tasks))
    return PlanTable(model.name, batch_size, training, best.threads, tuple(rows), executable.plan.arena_bytes,
                     best.gflops)
