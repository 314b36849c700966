"""Lowering of pooling: one launch an op, a task a row of the result."""

from __future__ import annotations

from striate.kernels.cpu import Cpu
from striate.ops.pool import window_axes
from striate.plan.ir import Launch
from striate.plan.lower import lowers

_UNROLLED = ((2, 2), (3, 3))
"""Windows that kernels are compiled for; all others share one kernel."""


def _geometry(shape, attributes) -> tuple[int, ...]:
    """Slots 3 on of the argument block: map, result, window, strides, padding."""
    vertical, horizontal = window_axes(shape[1:3], attributes["pool_size"], attributes["strides"],
                                       attributes["padding"])
    return (*shape[1:], vertical.count, horizontal.count, vertical.size, horizontal.size, vertical.stride,
            horizontal.stride, vertical.before, horizontal.before)


def _words(shape, attributes) -> str:
    ph, pw = attributes["pool_size"]
    return f"{ph}x{pw} windows over maps of {shape[1]}x{shape[2]}x{shape[3]}"


@lowers("max_pool2d", "avg_pool2d", reals=1)
def pool(node, cpu: Cpu) -> list[Launch] | None:
    """Values (and winners): a task a row of windows."""
    if 0 in node.inputs[0].shape:
        return None
    x, y = node.inputs[0], node.outputs[0]
    tasks = y.shape[0] * y.shape[1]
    geometry, words = _geometry(x.shape, node.attributes), _words(x.shape, node.attributes)
    if node.op == "avg_pool2d":
        return [Launch("avg_pool", dict(lanes=cpu.lanes), (x, y, 0, *geometry), (y,), tasks, f"mean of {words}")]
    ph, pw = node.attributes["pool_size"]
    fixed = (ph, pw) if (ph, pw) in _UNROLLED else (0, 0)
    variant = dict(lanes=cpu.lanes, fixed_h=fixed[0], fixed_w=fixed[1])
    return [Launch("max_pool", variant, (x, *node.outputs, *geometry), node.outputs, tasks,
                   f"largest value of {words}, and where it was")]


@lowers("max_pool2d_grad", "avg_pool2d_grad", reals=1)
def pool_grad(node, cpu: Cpu) -> list[Launch] | None:
    """The gradient: a task a row of the map."""
    if 0 in node.inputs[0].shape:
        return None
    g, dx = node.inputs[0], node.outputs[0]
    largest = node.op == "max_pool2d_grad"
    (ph, pw), (sh, sw) = node.attributes["pool_size"], node.attributes["strides"]
    variant = dict(lanes=cpu.lanes, largest=largest, fixed_w=pw if (ph, pw) in _UNROLLED else 0,
                   overlapping=sh < ph or sw < pw)
    arguments = (g, node.inputs[1] if largest else 0, dx, *_geometry(dx.shape, node.attributes))
    return [Launch("pool_grad", variant, arguments, (dx,), dx.shape[0] * dx.shape[1],
                   f"gradient of {_words(dx.shape, node.attributes)}")]
