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
from striate.models.training.memory import example_step
from striate.see import grid, probe
from striate.see.arguments import whole
from striate.see.canvas import Canvas
from striate.see.palette import BLUE, INK, LINE, MUTED, ORANGE, SHADE
from striate.see.result import Result, aligned

WIDTH = 1180.0


@dataclass(frozen=True)
class PlanRow:
    """One launch of a kernel.

    predicted: microseconds in which the multiply-add units at their peak could do the arithmetic, or memory at its
    copying speed move the bytes, whichever is longer. microseconds: measured. bytes: of everything read and written.
    """

    layer: str
    op: str
    kernel: str
    variant: str
    reason: str
    predicted: float
    microseconds: float
    gflops: float
    bytes: int
    tasks: int


@dataclass(frozen=True)
class PlanTable(Result):
    """Every launch of one prediction (or of a training step) for a batch, in order.

    what: is planned, in words. peak, copying: what the multiply-add units and the memory can do, in GFLOP/s and GB/s,
    measured on the same threads; arena_bytes: memory of all intermediate values.
    """

    model: str
    batch_size: int
    what: str
    threads: int
    rows: tuple[PlanRow, ...]
    arena_bytes: int
    peak: float
    copying: float

    @property
    def microseconds(self) -> float:
        return sum(row.microseconds for row in self.rows)

    def data(self) -> dict[str, Any]:
        """All rows and sums."""
        return {"model": self.model, "batch_size": self.batch_size, "what": self.what, "threads": self.threads,
                "peak_gflops": self.peak, "copy_gbytes": self.copying, "arena_bytes": self.arena_bytes,
                "microseconds": self.microseconds,
                "launches": [{**vars(row), "percent_of_peak": 100 * row.gflops / self.peak} for row in self.rows]}

    def _cells(self) -> list[list[str]]:
        total = self.microseconds or 1.0
        return [[row.layer, row.kernel, f"{row.predicted:.1f}", f"{row.microseconds:.1f}",
                 f"{row.microseconds / total:.1%}", f"{row.gflops:.1f}" if row.gflops else "",
                 f"{row.gflops / self.peak:.0%}" if row.gflops else "", f"{row.bytes / 1024:,.0f}"]
                for row in self.rows]

    def __str__(self) -> str:
        names = ["layer", "kernel", "predicted", "took µs", "share", "GFLOP/s", "of peak", "KiB"]
        head, *lines = aligned(self._cells(), names).splitlines()
        table = "\n".join([head, *(f"{line}\n    {row.reason}" for line, row in zip(lines, self.rows, strict=True))])
        return (f"{self.model}: {self.what} of {self.batch_size} samples takes {self.microseconds:,.0f} µs on "
                f"{self.threads} thread(s), {self.microseconds / self.batch_size:,.1f} µs a sample; arena "
                f"{self.arena_bytes / 2**20:.1f} MiB; peak {self.peak:.0f} GFLOP/s, copying {self.copying:.0f} GB/s"
                f"\n\n{table}")

    def figure(self) -> Canvas:
        """The table with bars for the time."""
        title = f"How {self.model} runs"
        note = f"{self.what[0].upper()}{self.what[1:]} of {self.batch_size} samples: {self.microseconds:,.0f} µs on " \
               f"{self.threads} thread(s). Bars: time measured; orange: what {self.peak:.0f} GFLOP/s and " \
               f"{self.copying:.0f} GB/s, measured here, would allow. Winograd leaves multiplications out, so it can " \
               "pass 100 % of peak; what lies in the cache can be faster than memory."
        top = grid.header_height(WIDTH, title, note) + 20
        canvas = Canvas(WIDTH, top + 50 * len(self.rows) + 20, title)
        grid.header(canvas, title, note)
        columns = ((24.0, "layer and kernel", "start"), (500.0, "predicted µs", "end"), (600.0, "took µs", "end"),
                   (905.0, "GFLOP/s", "end"), (1000.0, "of peak", "end"), (1140.0, "KiB", "end"))
        for x, name, anchor in columns:
            canvas.text(x, top - 8, name, 14, MUTED, anchor)
        longest = max((max(row.microseconds, row.predicted) for row in self.rows), default=1.0) or 1.0
        for index, (row, cells) in enumerate(zip(self.rows, self._cells(), strict=True)):
            y = top + 50 * index
            canvas.rectangle(12, y, WIDTH - 24, 50, fill=SHADE if index % 2 == 0 else None)
            name = f"{row.layer}   {row.kernel}"
            grid.label(canvas, (24, y + 20), name, 370, 15, bold=True)
            canvas.rectangle(620, y + 8, max(1.0, 200 * row.microseconds / longest), 14, fill=BLUE)
            canvas.rectangle(619 + 200 * row.predicted / longest, y + 4, 3, 22, fill=ORANGE)
            for x, text in ((500, cells[2]), (600, cells[3]), (905, cells[5]), (1000, cells[6]), (1140, cells[7])):
                canvas.text(x, y + 20, text, 15, INK, "end")
            grid.label(canvas, (24, y + 40), row.reason, WIDTH - 60, 13, MUTED)
        canvas.path([(12, top), (WIDTH - 12, top)], LINE)
        return canvas


def plan(model, batch_size: int = 32, training: bool = False, repeats: int = 5) -> PlanTable:
    """How the engine runs a model, measured launch by launch on this computer.

    Args:
        model: a model with a graph and inputs of known size.
        batch_size: samples at once.
        training: of a compiled model a whole training step, with loss and optimizer; of another one forward and
            backward pass of the sum of its outputs. The weights stay as they are.
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
    batch_size, repeats = whole(batch_size, "batch_size"), whole(repeats, "repeats")
    if any(None in tensor.shape[1:] for tensor in graph.inputs):
        raise ArgumentError("A plan needs inputs of known size. " + received(inputs=[t.shape for t in graph.inputs]))
    random = np.random.Generator(np.random.PCG64(0))
    inputs: list[Any] = [random.random((batch_size, *tensor.shape[1:]), np.float32).astype(tensor.dtype)
                         for tensor in graph.inputs]
    if training and model.compiled:
        function, arguments, what = *example_step(model, batch_size), "a training step"
        _fill(arguments[0]["x"], inputs)
    else:
        function, arguments = Function(_run(model, training), f"plan of {model.name}"), [inputs]
        what = "forward and backward pass" if training else "a prediction"
    executable = function.executable(*arguments)
    given: list[np.ndarray] = []
    collect(arguments, lambda leaf: given.append(leaf) if isinstance(leaf, np.ndarray) else None)
    kept = [(variable, variable.array.copy()) for variable in _changing(model)]
    try:
        times = executable.profile(given, repeats)
    finally:
        for variable, array in kept:
            variable.assign(array)
    best = measure_peak()
    rows = tuple(_row(model.name, spent, best) for spent in times)
    return PlanTable(model.name, batch_size, what, best.threads, rows, executable.plan.arena_bytes,
                     best.gflops, best.copy_gbytes)


def _fill(nest: Any, inputs: list[np.ndarray]) -> None:
    """Noise in the place of zeros: a network of zeros takes another time."""
    given = iter(inputs)
    collect(nest, lambda array: array.__setitem__(..., next(given)))


def _changing(model) -> list:
    """What a step changes: weights, statistics, the optimizer's slots."""
    return [*model.variables, *(model.optimizer.variables if model.compiled else ())]


def _run(model, training: bool):
    def run(values):
        outputs = model(values if len(values) > 1 else values[0], training=training)
        if not training:
            return outputs
        total = None
        for leaf in leaves(outputs):
            total = ops.sum(leaf) if total is None else total + ops.sum(leaf)
        return outputs, gradients(total, list(model.trainable_variables))
    return run


def _row(model: str, spent, best) -> PlanRow:
    """The row of one launch, or of one op that runs by its reference."""
    launch, node = spent.launch, spent.step.node
    layer = node.scope.removeprefix(f"{model}/") or node.op
    if launch is None:
        moved = sum(value.type.bytes for value in (*node.inputs, *node.outputs))
        return PlanRow(layer, node.op, f"NumPy reference of {node.op}", "", spent.step.reason,
                       moved / best.copy_gbytes / 1e3, 1e6 * spent.seconds, 0.0, moved, 1)
    seen: dict[int, int] = {}
    collect(list(launch.arguments), lambda item: seen.update(
        {id(item): item.type.bytes} if hasattr(item, "type") else {}))
    moved = sum(seen.values())
    arithmetic = launch.flops / launch.saving
    predicted = max(arithmetic / best.gflops, moved / best.copy_gbytes) / 1e3
    variant = ", ".join(f"{name}={value}" for name, value in launch.variant.items())
    return PlanRow(layer, node.op, launch.kernel, variant, launch.reason, predicted, 1e6 * spent.seconds, spent.gflops,
                   moved, launch.tasks)
