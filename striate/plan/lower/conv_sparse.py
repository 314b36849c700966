"""The gradient of a convolution's input from the winners of a max pooling: when it pays, and with what launches."""

from __future__ import annotations

import numpy as np

from striate.graph.ir import Node
from striate.kernels.cpu import Cpu
from striate.plan.ir import Constant, Launch, Temporary
from striate.plan.lower.convolution import Convolution, ceil_div

_FEWEST_IMAGES = 8
"""An image is a task: with fewer, threads would wait."""
_MAP_BYTES = 4 << 20
"""A larger map of one image, with its border, is not kept in scratch memory."""
_WEIGHT_BYTES = 20 * 1024
"""Weights that are used again and again should stay in the L1 cache."""
_MOST_SUMS = 16
"""Vectors of a register tile that hide the latency of multiply-adds on any processor."""


def pays(c: Convolution, cpu: Cpu) -> bool:
    """Whether adding the winners one by one costs less than the dense sum."""
    return c.pool is not None and c.groups == 1 and c.n >= _FEWEST_IMAGES and 4 * _map(c, cpu)[2] <= _MAP_BYTES


def beats_winograd(c: Convolution, cpu: Cpu) -> bool:
    """Whether it pays where Winograd's convolution could run too: behind a 2 x 2 pooling both save three of four
    multiplications of a 3 x 3 kernel and take equally long (measured); larger windows save more, and of a 5 x 5 kernel
    Winograd's F(2x2, 5x5) saves less."""
    return pays(c, cpu) and (c.window[0] * c.window[1] > 4 or c.taps > 9)


def _tile(c: Convolution, cpu: Cpu) -> tuple[int, int, int, int]:
    """(runs of taps, numbers in a run, runs and vectors of the register tile).

    The columns of a kernel row lie side by side in dx, unless the convolution is dilated.
    """
    runs, length = (c.kh, c.kw * c.ic) if c.dilation[1] == 1 else (c.kh * c.kw, c.ic)
    most = min(_MOST_SUMS, cpu.registers - 4)
    rows = c.kh if runs == c.kh and c.kh <= most else 1
    needed = ceil_div(length, cpu.lanes)
    return runs, length, rows, ceil_div(needed, ceil_div(needed, most // rows))


def _map(c: Convolution, cpu: Cpu) -> tuple[int, int, int]:
    """(rows, columns, floats with a margin) of the map in which dx grows, border included."""
    (top, _), (left, _) = c.padding
    _, _, rows, vectors = _tile(c, cpu)
    height = max(top + c.h, (c.oh - 1) * c.strides[0] + (c.kh - 1) * c.dilation[0] + 1)
    columns = max(left + c.w, (c.ow - 1) * c.strides[1] + (c.kw - 1) * c.dilation[1] + 1)
    return height, columns, height * columns * c.ic + vectors * cpu.lanes


def launches(node: Node, c: Convolution, cpu: Cpu) -> list[Launch]:
    """The two launches of a `conv2d_input_grad` behind a pooling."""
    w, g, winner = node.inputs[:3]
    (pool_h, pool_w, pool_down, pool_right), (sh, sw), (dh, dw) = c.window, c.strides, c.dilation
    runs, length, rows, vectors = _tile(c, cpu)
    height, columns, map_size = _map(c, cpu)
    width = vectors * cpu.lanes
    across = ceil_div(length, width)
    pixel_of_run = [(run * dh * columns if runs == c.kh else (run // c.kw * dh * columns + run % c.kw * dw))
                    for run in range(0, runs, rows)]
    block_at = np.array([pixel * c.ic + part * width for pixel in pixel_of_run for part in range(across)], np.int64)
    place_at = np.array([(i * sh * columns + j * sw) * c.ic for i in range(pool_h) for j in range(pool_w)], np.int64)
    packed = Temporary((len(block_at) * c.oc * rows * width,), name="weights of patches")
    pack = Launch("conv_input_grad_sparse_pack", dict(rows=rows, width=width), [w, packed, runs, length, c.oc],
                  [packed], c.oc, "weights laid out as patches of the input's gradient", prepares=True)
    ph, pw = g.shape[1:3]
    arguments = [g, packed, node.outputs[0], node.inputs[-1] if node.attributes["masked"] else 0, winner,
                 Constant(place_at, "places"), Constant(block_at, "blocks"), c.h, c.w, c.ic, ph, pw, c.oc,
                 height, columns, c.padding[0][0], c.padding[1][0], pool_down * sh * columns * c.ic,
                 pool_right * sw * c.ic, pool_h * pool_w, len(block_at), dh * columns * c.ic, map_size,
                 max(1, _WEIGHT_BYTES // (4 * c.oc * rows * width))]
    slots = pw * pool_h * pool_w
    scratch = 4 * (map_size + slots * c.oc + 1) + 8 * (slots * c.oc + slots)
    reason = (f"sparse: only the winner of each {pool_h} x {pool_w} window counts; patches of {rows} x {vectors} "
              "vectors of sums in registers")
    flops = 2 * c.n * ph * pw * c.taps * c.ic * c.oc
    return [pack, Launch("conv_input_grad_sparse", dict(lanes=cpu.lanes, rows=rows, vectors=vectors), arguments,
                         [node.outputs[0]], c.n, reason, scratch=scratch, flops=flops)]
