"""Kernels for the gradients of a convolution: which, with what tiles, cut into which tasks, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from striate.graph.ir import Node
from striate.kernels.cpu import Cpu
from striate.ops.windows import output_length
from striate.plan.ir import Constant, Launch, Temporary
from striate.plan.lower import lowers

PART_BYTES = 20 * 1024
"""Weights of one part of the channels that are used again and again should stay in the L1 cache."""
BLOCK_PIXELS = 196
"""Pixels a task that make fetching the weights cheap."""
ENOUGH_TASKS = 8
"""Tasks below which threads would wait; a number, not the machine's cores, so that sums do not depend on them."""


@dataclass(frozen=True)
class Convolution:
    """The shapes of one convolution, whose output has (oh, ow) pixels before any pooling."""

    n: int
    h: int
    w: int
    ic: int
    oc: int
    kh: int
    kw: int
    oh: int
    ow: int
    strides: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]
    dilation: tuple[int, int]
    groups: int
    pool: tuple[int, int, int, int] | None
    relu: bool

    @classmethod
    def of(cls, node: Node, input_shape: Sequence[int], kernel_shape: Sequence[int]) -> Convolution:
        attributes = node.attributes
        n, h, w, ic = input_shape
        kh, kw, _, oc = kernel_shape
        geometry = [tuple(attributes[name]) for name in ("strides", "padding", "dilation")]
        strides, padding, dilation = geometry
        oh, ow = (output_length(*axis) for axis in zip((h, w), (kh, kw), strides, dilation, padding, strict=True))
        pool = attributes["pool"]
        return cls(n, h, w, ic, oc, kh, kw, oh, ow, strides, padding, dilation, attributes["groups"],
                   tuple(pool) if pool is not None else None,
                   pool is not None and attributes["activation"] == "relu")

    @property
    def group_ic(self) -> int:
        return self.ic // self.groups

    @property
    def group_oc(self) -> int:
        return self.oc // self.groups

    @property
    def taps(self) -> int:
        return self.kh * self.kw

    @property
    def flops(self) -> int:
        """Of a dense gradient, a multiply-add counted as two."""
        return 2 * self.n * self.oh * self.ow * self.taps * self.group_ic * self.oc

    @property
    def pooled_size(self) -> tuple[int, int]:
        ph, pw, sh, sw = self.pool
        return output_length(self.oh, ph, sh), output_length(self.ow, pw, sw)


def ceil_div(a: int, b: int) -> int:
    return -(-a // b)


def round_up(a: int, b: int) -> int:
    return ceil_div(a, b) * b


def register_tile(channels: int, cpu: Cpu) -> tuple[int, int]:
    """(pixels, vectors) of the register tile for so many channels: little waste first, then few loads an FMA."""
    pixels = {1: 12, 2: 12, 3: 8, 4: 6} if cpu.registers >= 32 else {1: 8, 2: 6, 3: 4}
    needed = ceil_div(channels, cpu.lanes)

    def cost(vectors: int) -> float:
        rows = pixels[vectors]
        return round_up(needed, vectors) * max(1.0, (rows + vectors) / (0.75 * rows * vectors))
    vectors = min(pixels, key=cost)
    return pixels[vectors], vectors


def parts_of(channels: int, most: int) -> tuple[int, int]:
    """(parts, depth): the channels cut into equal parts of at most about `most`, a multiple of 4 each."""
    parts = ceil_div(channels, max(4, most // 4 * 4))
    return parts, round_up(ceil_div(channels, parts), 4)


# ---- the gradient with respect to the input -------------------------------------------------------------------

@dataclass(frozen=True)
class _InputTables:
    """Where the pixels of a block lie, phase by phase (see the kernel's file)."""

    pixels: np.ndarray
    outputs: np.ndarray
    taps: np.ndarray
    tap_order: np.ndarray
    phases: np.ndarray


@dataclass(frozen=True)
class _Block:
    """A task's share: so many images, so many rows of each, and the window of g that they need."""

    images: int
    rows: int
    window: tuple[int, int, int, int]


def _input_window(c: Convolution, rows: int) -> tuple[int, int, int, int]:
    """(row, column, rows, columns) of g's map that the first `rows` rows of dx need."""
    edges = []
    for axis, (length, kernel) in enumerate(((rows, c.kh), (c.w, c.kw))):
        stride, before = c.strides[axis], c.padding[axis][0]
        begin = before // stride - (kernel - 1) * c.dilation[axis] // stride
        edges.append((begin, (length - 1 + before) // stride - begin + 1))
    (row, rows), (column, columns) = edges
    return row, column, rows, columns


def _input_block(c: Convolution, cpu: Cpu, channels: int) -> _Block:
    """Whole images, several if they are small; rows of one if it is large or images are few."""
    if c.h * c.w < BLOCK_PIXELS and c.n > ENOUGH_TASKS:
        images = min(ceil_div(BLOCK_PIXELS, c.h * c.w), c.n // ENOUGH_TASKS)
        return _Block(images, c.h, _input_window(c, c.h))
    _, _, rows, columns = _input_window(c, c.h)
    pieces = max(ceil_div(ENOUGH_TASKS, c.n), ceil_div(rows * columns * channels * 4, cpu.l2 // 2))
    rows = min(c.h, round_up(max(ceil_div(c.h, pieces), min(c.h, 2)), c.strides[0]))
    return _Block(1, rows, _input_window(c, rows))


def _input_tables(c: Convolution, block: _Block, depth: int, tile: int) -> _InputTables:
    (sh, sw), (dh, dw), ((top, _), (left, _)) = c.strides, c.dilation, c.padding
    row, column, rows, columns = block.window
    last_images, last_rows = c.n % block.images or block.images, c.h % block.rows or block.rows
    pixels, outputs, taps, order, phases = [], [], [], [], []
    for phase in range(sh * sw):
        py, px = divmod(phase, sw)
        mine = [(a, b) for a in range(c.kh) for b in range(c.kw) if a * dh % sh == py and b * dw % sw == px]
        places = [(image, i, j) for image in range(block.images) for i in range(block.rows) for j in range(c.w)
                  if (i + top) % sh == py and (j + left) % sw == px]
        last = sum(image < last_images and i < last_rows for image, i, _ in places)
        phases.append((len(taps), len(mine), len(pixels), len(places), last))
        taps += [-((a * dh // sh) * columns + b * dw // sw) * depth for a, b in mine]
        order += [a * c.kw + b for a, b in mine]
        places += places[-1:] * (-len(places) % tile)
        pixels += [((image * rows + (i + top) // sh - row) * columns + (j + left) // sw - column) * depth
                   for image, i, j in places]
        outputs += [(image * c.h + i) * c.w + j for image, i, j in places]
    return _InputTables(*(np.array(table, np.int64) for table in (pixels, outputs, taps, order, phases)))


def _winner_tables(c: Convolution, columns: int, unit: int) -> tuple[np.ndarray, np.ndarray]:
    """(offset, row) of each position in a pooling window, in a window of so many columns of `unit` floats."""
    ph, pw = c.pool[:2]
    position = np.arange(ph * pw)
    return (position // pw * columns + position % pw) * unit, position // pw


@lowers("conv2d_input_grad")
def input_grad(node: Node, cpu: Cpu) -> list[Launch] | None:
    """A convolution of the padded g with the transposed weights, one a phase of the strides."""
    w, g = node.inputs[:2]
    dx = node.outputs[0]
    c = Convolution.of(node, dx.shape, w.shape)
    masked = node.attributes["masked"]
    pixels, vectors = register_tile(c.group_ic, cpu)
    width = vectors * cpu.lanes
    parts, depth = parts_of(c.group_oc, PART_BYTES // (4 * width * c.taps))
    channels = c.groups * parts * depth
    block = _input_block(c, cpu, channels)
    tables = _input_tables(c, block, depth, pixels)
    row, column, rows, columns = block.window
    blocks = ceil_div(c.group_ic, width)
    packed = Temporary((c.groups * blocks * parts * c.taps * depth * width,), name="transposed weights")
    pool, winners, pooled = (0, 0, 0), (np.zeros(1, np.int64),) * 2, (0, 0)
    if c.pool is not None:
        pool, winners = (c.pool[2], c.pool[3], c.pool[0]), _winner_tables(c, columns, depth)
        pooled = node.inputs[2:4]
    pack = Launch("conv_input_grad_pack", dict(width=width),
                  [w, packed, Constant(tables.tap_order, "taps"), c.groups, c.group_ic, c.group_oc, c.taps, parts,
                   depth], [packed], c.groups * blocks * parts, "weights transposed and cut into panels for the "
                  "gradient of the input", prepares=True)
    arguments = [g, packed, dx, node.inputs[-1] if masked else 0, *pooled,
                 Constant(tables.pixels, "pixels"), Constant(tables.outputs, "outputs"), Constant(tables.taps, "taps"),
                 Constant(tables.phases, "phases"), *(Constant(table, "winners") for table in winners),
                 c.n, block.images, c.h, block.rows, c.w, c.ic, c.groups,
                 row, column, rows, columns, block.rows // c.strides[0],
                 *g.shape[1:], *pool, len(tables.phases), c.taps, parts, depth, len(tables.pixels)]
    scratch = 4 * (block.images * rows * columns * channels + len(tables.pixels) * width + 32)
    reason = (f"direct: {pixels} pixels x {vectors} vectors of input channels in registers, {depth} output channels at "
              f"a time; {block.images} images x {block.rows} rows a task")
    if c.strides != (1, 1):
        reason += f"; {len(tables.phases)} phases of the strides, no products with zeros"
    run = Launch("conv_input_grad", dict(lanes=cpu.lanes, pixels=pixels, vectors=vectors, pooled=c.pool is not None,
                                         relu=c.relu, masked=masked),
                 arguments, [dx], ceil_div(c.n, block.images) * ceil_div(c.h, block.rows), reason, scratch,
                 flops=c.flops)
    return [pack, run]
