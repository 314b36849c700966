"""Kernels for the gradients of a convolution: which, with what tiles, cut into which tasks, and why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from striate.graph.ir import Node, Value
from striate.kernels.cpu import Cpu
from striate.plan.ir import Constant, Launch, Temporary
from striate.plan.lower import conv_sparse, conv_weights_sparse, lowers, pointwise
from striate.plan.lower.conv import depthwise_input_grad
from striate.plan.lower.convolution import ENOUGH_TASKS, Convolution, ceil_div, round_up
from striate.plan.lower.weights_sums import Sums, add_up, chunks_of, split

PART_BYTES = 20 * 1024
"""Weights of one part of the channels that are used again and again should stay in the L1 cache."""
PIXEL_GAP = 4
"""Floats between two pixels of a window: equal channels of neighbours then lie in different banks of the L1 cache."""
BLOCK_PIXELS = 196
"""Pixels a task that make fetching the weights cheap."""
BLOCK_BYTES = 40 * 1024
"""What a block of the weights' gradient reads again and again: little more than an L1 cache, for a stride leaves some
of it out."""
DENSE_DEPTH, DENSE_CHANNELS = 16, 64
"""Most input channels of a part, whose window fits L1, and most channels of a dense tile of the weights' gradient."""
LINE = 16
"""Channels that a task of the depthwise gradient of the input takes: a line of the cache."""


def register_tile(channels: int, cpu: Cpu) -> tuple[int, int]:
    """(pixels, vectors) of the register tile for so many channels: little waste first, then few loads an FMA."""
    pixels = {1: 12, 2: 8, 3: 6, 4: 5} if cpu.registers >= 32 else {1: 8, 2: 6, 3: 4}
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
    """(row, column, rows, columns) of g's map that the first `rows` rows of dx need; every column of the map, too."""
    edges = []
    for axis, (length, kernel) in enumerate(((rows, c.kh), (c.w, c.kw))):
        stride, before = c.strides[axis], c.padding[axis][0]
        edges.append((before // stride - (kernel - 1) * c.dilation[axis] // stride, (length - 1 + before) // stride))
    (row, row_end), (column, column_end) = edges
    column, column_end = min(column, 0), max(column_end, c.ow - 1)
    return row, column, row_end - row + 1, column_end - column + 1


def _input_block(c: Convolution, cpu: Cpu, channels: int) -> _Block:
    """Whole images, several if they are small; rows of one if it is large or images are few."""
    if c.h * c.w < BLOCK_PIXELS and c.n > ENOUGH_TASKS:
        images = min(ceil_div(BLOCK_PIXELS, c.h * c.w), c.n // ENOUGH_TASKS)
        return _Block(images, c.h, _input_window(c, c.h))
    _, _, rows, columns = _input_window(c, c.h)
    pieces = max(ceil_div(ENOUGH_TASKS, c.n), ceil_div(rows * columns * channels * 4, cpu.l2 // 2))
    rows = min(c.h, round_up(max(ceil_div(c.h, pieces), min(c.h, 2)), c.strides[0]))
    return _Block(1, rows, _input_window(c, rows))


def _input_tables(c: Convolution, block: _Block, pitch: int, tile: int) -> _InputTables:
    (sh, sw), (dh, dw), ((top, _), (left, _)) = c.strides, c.dilation, c.padding
    row, column, rows, columns = block.window
    last_images, last_rows = c.n % block.images or block.images, c.h % block.rows or block.rows
    pixels: list[int] = []
    taps: list[int] = []
    outputs, order, phases = [], [], []
    for phase in range(sh * sw):
        py, px = divmod(phase, sw)
        mine = [(a, b) for a in range(c.kh) for b in range(c.kw) if a * dh % sh == py and b * dw % sw == px]
        places = [(image, i, j) for image in range(block.images) for i in range(block.rows) for j in range(c.w)
                  if (i + top) % sh == py and (j + left) % sw == px]
        last = sum(image < last_images and i < last_rows for image, i, _ in places)
        phases.append((len(taps), len(mine), len(pixels), len(places), last))
        taps += [-((a * dh // sh) * columns + b * dw // sw) * pitch for a, b in mine]
        order += [a * c.kw + b for a, b in mine]
        places += places[-1:] * (-len(places) % tile)
        pixels += [((image * rows + (i + top) // sh - row) * columns + (j + left) // sw - column) * pitch
                   for image, i, j in places]
        outputs += [(image * c.h + i) * c.w + j for image, i, j in places]
    return _InputTables(*(np.array(table, np.int64) for table in (pixels, outputs, taps, order, phases)))


def _winner_tables(c: Convolution, row_step: int, column_step: int) -> tuple[np.ndarray, np.ndarray]:
    """(offset, row) of each position in a pooling window whose rows and columns lie so many floats apart."""
    ph, pw, _, _ = c.window
    row, column = np.divmod(np.arange(ph * pw), pw)
    return row * row_step + column * column_step, row


@lowers("conv2d_input_grad", reals=2)
def input_grad(node: Node, cpu: Cpu) -> list[Launch] | None:
    """A convolution of the padded g with the transposed weights, one a phase of the strides."""
    depthwise = depthwise_input_grad(node, cpu)
    if depthwise is not None:
        return depthwise
    w, g = node.inputs[:2]
    dx = node.outputs[0]
    c = Convolution.of(node, dx.shape, w.shape)
    if c.pool is None and 1 < c.groups == c.ic == c.oc:
        return [_depthwise(node, c, cpu)]
    if pointwise.is_product(c):
        return pointwise.input_grad(node, c, cpu)
    if conv_sparse.pays(c, cpu):
        return conv_sparse.launches(node, c, cpu)
    masked = node.attributes["masked"]
    pixels, vectors = register_tile(c.group_ic, cpu)
    width = vectors * cpu.lanes
    parts, depth = parts_of(c.group_oc, PART_BYTES // (4 * width * c.taps))
    pitch = depth + PIXEL_GAP
    channels = c.groups * parts * pitch
    block = _input_block(c, cpu, channels)
    tables = _input_tables(c, block, pitch, pixels)
    row, column, rows, columns = block.window
    blocks = ceil_div(c.group_ic, width)
    packed = Temporary((c.groups * blocks * parts * c.taps * depth * width,), name="transposed weights")
    pool, winners = (0, 0, 0), (np.zeros(1, np.int64),) * 2
    winner: Value | int = 0
    if c.pool is not None:
        pool, winners = (c.pool[2], c.pool[3], c.pool[0]), _winner_tables(c, columns * pitch, pitch)
        winner = node.inputs[2]
    pack = Launch("conv_input_grad_pack", dict(lanes=cpu.lanes, vectors=vectors),
                  [w, packed, Constant(tables.tap_order, "taps"), c.groups, c.group_ic, c.group_oc, c.taps, parts,
                   depth], [packed], c.groups * blocks * c.taps, "weights transposed and cut into panels for the "
                  "gradient of the input", prepares=True)
    arguments = [g, packed, dx, node.inputs[-1] if masked else 0, winner,
                 Constant(tables.pixels, "pixels"), Constant(tables.outputs, "outputs"), Constant(tables.taps, "taps"),
                 Constant(tables.phases, "phases"), *(Constant(table, "winners") for table in winners),
                 c.n, block.images, c.h, block.rows, c.w, c.ic, c.groups,
                 row, column, rows, columns, block.rows // c.strides[0],
                 *g.shape[1:], *pool, len(tables.phases), c.taps, parts, depth, pitch]
    scratch = 4 * (block.images * rows * columns * channels + len(tables.pixels) * width + 32)
    reason = (f"direct: {pixels} pixels x {vectors} vectors of input channels in registers, {depth} output channels at "
              f"a time; {block.images} images x {block.rows} rows a task")
    if c.strides != (1, 1):
        reason += f"; {len(tables.phases)} phases of the strides, no products with zeros"
    run = Launch("conv_input_grad", dict(lanes=cpu.lanes, pixels=pixels, vectors=vectors), arguments, [dx],
                 ceil_div(c.n, block.images) * ceil_div(c.h, block.rows), reason, scratch, flops=c.flops)
    return [pack, run]


def _depthwise(node: Node, c: Convolution, cpu: Cpu) -> Launch:
    """Each number of g is spread over the pixels that its sum read."""
    w, g = node.inputs[:2]
    (sh, sw), (dh, dw), ((top, _), (left, _)) = c.strides, c.dilation, c.padding
    columns = max(left + c.w, (c.ow - 1) * sw + (c.kw - 1) * dw + 1)
    rows = max(top + c.h, (c.oh - 1) * sh + (c.kh - 1) * dh + 1)
    taps = np.array([(a * dh * columns + b * dw) * LINE for a in range(c.kh) for b in range(c.kw)], np.int64)
    blocks, map_size = ceil_div(c.ic, LINE), rows * columns * LINE
    arguments = [g, w, node.outputs[0], node.inputs[-1] if node.attributes["masked"] else 0, Constant(taps, "taps"),
                 c.h, c.w, c.ic, c.oh, c.ow, columns, top, left, sh * columns * LINE, sw * LINE,
                 map_size, blocks]
    variant = dict(lanes=cpu.lanes, block=LINE, taps=c.taps)
    return Launch("conv_input_grad_depthwise", variant, arguments, list(node.outputs), c.n * blocks,
                  f"depthwise: numbers of g spread over {c.taps} taps of {LINE} channels of an image",
                  scratch=4 * (map_size + c.taps * LINE), flops=c.flops)


# ---- the gradient with respect to the weights -----------------------------------------------------------------

@lowers("conv2d_weights_grad", reals=2)
def weights_grad(node: Node, cpu: Cpu) -> list[Launch] | None:
    """Sparse behind a pooling, where only winners count; dense elsewhere."""
    c = Convolution.of(node, node.inputs[0].shape, node.attributes["kernel_shape"])
    product = pointwise.weights_grad(node, c, cpu) if pointwise.is_product(c) else None
    if product is not None:
        return product
    return _dense(node, c, cpu) if c.pool is None else conv_weights_sparse.launches(node, c, cpu)


@dataclass(frozen=True)
class _Tiles:
    """How the dense kernel cuts a gradient of the weights: register tile, parts of input channels, blocks of output
    channels, tiles of several of both; and how many rows of a part there are, of how many groups."""

    rows: int
    vectors: int
    width: int
    parts: int
    depth: int
    in_tiles: int
    blocks: int
    out_tiles: int
    groups: int
    depthwise: bool

    @classmethod
    def of(cls, c: Convolution, cpu: Cpu) -> _Tiles:
        depthwise = c.groups > 1 and c.groups == c.ic == c.oc
        if depthwise:
            rows = split(c.taps, 10 if cpu.registers < 32 else 20)[1]
            tiles, blocks = split(ceil_div(c.oc, cpu.lanes), max(1, DENSE_CHANNELS // cpu.lanes))
            return cls(rows, 1, cpu.lanes, blocks, cpu.lanes, 1, blocks, tiles, 1, True)
        rows, vectors = register_tile(c.group_oc, cpu)
        width = vectors * cpu.lanes
        parts, depth = split(c.group_ic, DENSE_DEPTH)
        rows = split(c.taps * depth, rows)[1]
        in_tiles, parts = split(parts, max(1, DENSE_CHANNELS // depth))
        out_tiles, blocks = split(ceil_div(c.group_oc, width), max(1, DENSE_CHANNELS // width))
        return cls(rows, vectors, width, parts, depth, in_tiles, blocks, out_tiles, c.groups, False)


def _window_size(c: Convolution, rows: int) -> tuple[int, int]:
    """Rows and columns of x that so many rows of outputs need."""
    (sh, sw), (dh, dw) = c.strides, c.dilation
    return (rows - 1) * sh + (c.kh - 1) * dh + 1, (c.ow - 1) * sw + (c.kw - 1) * dw + 1


def _block_of_pixels(c: Convolution, t: _Tiles, chunks: int) -> tuple[int, int]:
    """(images, rows of each) of a block of outputs: one part of its window and one block of g should fit L1."""
    def size(images: int, rows: int) -> int:
        x_rows, columns = _window_size(c, rows)
        return 4 * images * (x_rows * columns * t.depth + rows * c.ow * t.width)
    rows = min(c.oh, max(1, BLOCK_PIXELS // c.ow))
    images = max(1, min(BLOCK_PIXELS // (c.oh * c.ow), c.n // chunks))
    while images > 1 and size(images, rows) > BLOCK_BYTES:
        images -= 1
    while rows > 1 and size(images, rows) > BLOCK_BYTES:
        rows -= 1
    return images, rows


def _dense(node: Node, c: Convolution, cpu: Cpu) -> list[Launch]:
    x, g = node.inputs
    t = _Tiles.of(c, cpu)
    depth, width = t.depth, t.width
    tasks = t.groups * t.in_tiles * t.out_tiles
    chunks = chunks_of(c, tasks)
    images, h_block = _block_of_pixels(c, t, chunks)
    (sh, sw), (dh, dw) = c.strides, c.dilation
    x_rows, columns = _window_size(c, h_block)
    pitch = t.parts * depth if t.depthwise else depth
    row_at = np.array([(a * dh * columns + b * dw) * pitch + i
                       for a in range(c.kh) for b in range(c.kw) for i in range(1 if t.depthwise else depth)],
                      np.int64)
    count = round_up(len(row_at), t.rows)
    row_at = np.concatenate([row_at, np.repeat(row_at[-1:], count - len(row_at))])
    pixel_at = np.array([((image * x_rows + i * sh) * columns + j * sw) * pitch
                         for image in range(images) for i in range(h_block) for j in range(c.ow)], np.int64)
    sums = _depthwise_sums(c, t, count) if t.depthwise else _dense_sums(c, t, count)
    partial = Temporary((chunks * sums.size,), name="partial sums")
    bias = Temporary((chunks * sums.bias_size,), name="partial bias sums")
    arguments = [x, g, partial, bias, Constant(row_at, "rows"), Constant(pixel_at, "pixels"), c.n, chunks, images,
                 c.h, c.w, c.ic, c.oh, c.ow, c.oc, h_block, -c.padding[0][0], -c.padding[1][0], x_rows, columns,
                 h_block * sh, t.groups, t.in_tiles, t.parts, depth, t.out_tiles, t.blocks, count, sh]
    scratch = 4 * (images * (t.parts * x_rows * columns * depth + t.blocks * h_block * c.ow * width) + 64)
    how = ("depthwise: {} taps x {} vector of channels" if t.depthwise else
           "dense: {} taps and input channels x {} vectors of output channels").format(t.rows, t.vectors)
    reason = (f"{how} in registers; {images} images x {h_block} rows a block; the batch in {chunks} parts")
    variant = dict(lanes=cpu.lanes, rows=t.rows, vectors=t.vectors, depthwise=t.depthwise)
    run = Launch("conv_weights_grad", variant, arguments, [partial, bias],
                 chunks * tasks, reason, scratch, flops=c.flops)
    return [run, *add_up(node, partial, bias, sums, chunks, cpu)]


def _depthwise_sums(c: Convolution, t: _Tiles, count: int) -> Sums:
    """[tile][vector of channels][count taps][lane]"""
    channel = np.arange(c.oc)
    return Sums(rows=np.arange(c.taps) * t.width, columns=channel // t.width * count * t.width + channel % t.width,
                 size=t.out_tiles * t.blocks * count * t.width, bias_columns=channel,
                 bias_size=t.out_tiles * t.blocks * t.width)


def _dense_sums(c: Convolution, t: _Tiles, count: int) -> Sums:
    """[group][input tile][output tile][part][block][count rows][width]"""
    parts, depth, in_tiles, blocks, width, out_tiles = t.parts, t.depth, t.in_tiles, t.blocks, t.width, t.out_tiles
    block_size = count * width
    tile_size = parts * blocks * block_size
    group_size = in_tiles * out_tiles * tile_size
    tap, channel = np.divmod(np.arange(c.taps * c.group_ic), c.group_ic)
    group, output = np.divmod(np.arange(c.oc), c.group_oc)
    part, block = channel // depth, output // width
    return Sums(rows=(part // parts * out_tiles * tile_size + part % parts * blocks * block_size
                       + (tap * depth + channel % depth) * width),
                 columns=(group * group_size + block // blocks * tile_size + block % blocks * block_size
                          + output % width),
                 size=c.groups * group_size,
                 bias_columns=group * out_tiles * blocks * width + output,
                 bias_size=c.groups * out_tiles * blocks * width)
