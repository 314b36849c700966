"""Convolution, forward: which kernel, which tile, which division of the work, from shapes and the processor alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import inf

import numpy as np

from striate.kernels.cpu import Cpu
from striate.ops import windows
from striate.ops.linear import output_size, pooled_size
from striate.plan.ir import Constant, Launch, Temporary
from striate.plan.lower import lowers

_CHAINS = 10
"""Sums that should be under way at once to keep two multiply-add units busy: each takes 4 cycles, and some slack."""
_POINTERS = 8
"""Most pixels of a tile: each needs an address register."""
WINDOW = 16
"""Most pixels of a pooling window that is unrolled."""
_FEW = 80
"""Numbers a sum up to which pooling in strips is worth the smaller tiles."""
ROW_REGISTERS = 6
"""Registers that a row tile leaves to input numbers, which LLVM keeps for the next tap, and to weights."""
UNROLLED = 16
"""Longest run of taps that is unrolled."""
TASKS = 16
"""Tasks that a launch should have at least, so that the threads of a usual machine share it evenly."""


@dataclass(frozen=True)
class Convolution:
    """The numbers of one `conv2d` node.

    `size` is the part of its unpooled output that is needed. `copied`: each band of the input is copied to scratch
    memory first, because it needs a border, or room behind its last channel.
    """

    batch: int
    height: int
    width: int
    ic: int
    kernel: tuple[int, ...]
    strides: tuple[int, int]
    padding: tuple
    dilation: tuple[int, int]
    groups: int
    relu: bool
    pool: tuple[int, int, int, int] | None
    clamps: bool
    copied: bool

    @classmethod
    def of(cls, node, cpu: Cpu) -> Convolution:
        x, w = node.inputs[:2]
        a = node.attributes
        batch, height, width, ic = x.shape
        padded = any(amount > 0 for pair in a["padding"] for amount in pair)
        depthwise = a["groups"] == ic == w.shape[3]
        return cls(batch, height, width, ic, kernel=w.shape, strides=a["strides"], padding=a["padding"],
                   dilation=a["dilation"], groups=a["groups"], relu=a["activation"] == "relu", pool=a["pool"],
                   clamps=a["activation"] == "clamp", copied=padded or (depthwise and ic % cpu.lanes > 0))

    @cached_property
    def pooled(self) -> tuple[int, ...]:
        """(height, width) of the output, after any pooling."""
        size = output_size((self.height, self.width), self.kernel, self.strides, self.padding, self.dilation)
        if self.pool is None:
            return size
        return pooled_size(size, self.pool)

    @cached_property
    def size(self) -> tuple[int, ...]:
        """(height, width) of the unpooled output, as far as pooling windows reach."""
        if self.pool is None:
            return self.pooled
        return tuple((n - 1) * self.pool[i + 2] + self.pool[i] for i, n in enumerate(self.pooled))

    @property
    def oc(self) -> int:
        return self.kernel[3]

    @property
    def numbers(self) -> int:
        """Input numbers that one output number depends on."""
        return self.kernel[0] * self.kernel[1] * self.kernel[2]

    @property
    def depthwise(self) -> bool:
        """Whether every output channel reads its own input channel."""
        return self.groups > 1 and self.groups == self.ic == self.oc

    @property
    def reach(self) -> tuple[int, ...]:
        """Height and width of the input that one output pixel depends on."""
        return tuple(windows.extent(*axis) for axis in zip(self.kernel[:2], self.dilation, strict=True))

    @property
    def wide(self) -> int:
        """Pixels in a row of the band that the sums read: of the padded copy, or of the input itself."""
        return (self.size[1] - 1) * self.strides[1] + self.reach[1] if self.copied else self.width

    @property
    def runs(self) -> tuple[np.ndarray, int]:
        """Offsets of the runs of inputs that lie side by side, and the length of each."""
        kh, kw, depth, _ = self.kernel
        rows = np.arange(kh)[:, None] * self.dilation[0] * self.wide * self.ic
        if self.groups == 1 and (self.dilation[1] == 1 or kw == 1):
            return rows.ravel(), kw * depth
        return (rows + np.arange(kw) * self.dilation[1] * self.ic).ravel(), depth

    def places(self, rows: int) -> np.ndarray:
        """Offsets of the first input number of each output pixel of a band."""
        down = np.arange(rows)[:, None] * self.strides[0] * self.wide
        return ((down + np.arange(self.size[1]) * self.strides[1]) * self.ic).ravel()

    def window_bytes(self, rows: int) -> int:
        """Bytes of input that a band of output rows depends on."""
        return 4 * ((rows - 1) * self.strides[0] + self.reach[0]) * self.wide * self.ic


@dataclass(frozen=True)
class Tiling:
    """A register tile of `pixels` x `vectors` vectors, bands of `rows` output rows, `blocks` of output channels."""

    vectors: int
    pixels: int
    rows: int
    bands: int
    blocks: int
    parts: int


def step_cycles(vectors: int, pixels: int) -> float:
    """Cycles of one step of a tile: two multiply-adds and two loads a cycle, and never fewer than their latency."""
    return max(vectors * pixels, vectors + pixels, _CHAINS) / 2


def tile_shapes(cpu: Cpu):
    """The tiles whose sums, weights and one input number fit the registers, as (vectors, pixels)."""
    for vectors in (1, 2, 3, 4):
        for pixels in range(1, _POINTERS + 1):
            if vectors * pixels + vectors + 1 <= cpu.registers:
                yield vectors, pixels


def _band_cycles(conv: Convolution, rows: int, vectors: int, pixels: int, lanes: int) -> float:
    """An estimate for one image in bands of `rows` rows: tiles, their beginnings and ends, copies of the border."""
    filters = conv.oc // conv.groups
    blocks = -(-filters // (vectors * lanes)) * conv.groups
    cycles = 0.0
    for start in range(0, conv.size[0], rows):
        count = min(rows, conv.size[0] - start)
        tiles = -(-count * conv.size[1] // pixels) * blocks
        cycles += 100 + tiles * (20 + 2 * vectors * pixels + conv.numbers * step_cycles(vectors, pixels))
        if conv.copied:
            cycles += conv.window_bytes(count) / 32
    return cycles


def _row_choices(conv: Convolution, cpu: Cpu, block: int) -> list[int]:
    """Heights of a band whose input fits half of L2 and, pooled, whose sums fit half of L1; at least one row."""
    if conv.pool is not None and (conv.pool[2] < conv.pool[0] or conv.pool[3] < conv.pool[1]):
        return [conv.size[0]]
    unit = 1 if conv.pool is None else conv.pool[2]
    wanted = max(unit, -(-conv.size[0] * conv.batch // TASKS))
    choices = [unit]
    for rows in range(2 * unit, min(wanted, conv.size[0]) + unit, unit):
        sums = 4 * rows * conv.size[1] * block if conv.pool is not None else 0
        if conv.window_bytes(rows) <= cpu.l2 // 2 and sums <= cpu.l1 // 2:
            choices.append(rows)
    return choices


def depthwise_tiling(conv: Convolution, cpu: Cpu) -> Tiling:
    """Tiles of as many pixels as there are addresses for, and one vector of channels."""
    rows = _row_choices(conv, cpu, cpu.lanes)[-1]
    bands, blocks = -(-conv.size[0] // rows), -(-conv.oc // cpu.lanes)
    return Tiling(1, _POINTERS, rows, bands, blocks, max(1, min(blocks, -(-TASKS // (conv.batch * bands)))))


def choose_tiling(conv: Convolution, cpu: Cpu) -> Tiling:
    """The tiling of the fewest estimated cycles."""
    if conv.depthwise:
        return depthwise_tiling(conv, cpu)
    best, cost = (1, 1, 1), inf
    for vectors, pixels in tile_shapes(cpu):
        for rows in _row_choices(conv, cpu, vectors * cpu.lanes):
            cycles = _band_cycles(conv, rows, vectors, pixels, cpu.lanes)
            if cycles < cost:
                best, cost = (vectors, pixels, rows), cycles
    vectors, pixels, rows = best
    bands = -(-conv.size[0] // rows)
    blocks = -(-conv.oc // conv.groups // (vectors * cpu.lanes))
    parts = max(1, min(blocks * conv.groups, -(-TASKS // (conv.batch * bands))))
    return Tiling(vectors, pixels, rows, bands, blocks, parts)


def _scratch(conv: Convolution, tiling: Tiling, cpu: Cpu) -> tuple[int, int, int]:
    """Bytes of a thread's scratch memory, and where in it sums and spare begin, behind the padded input."""
    window = conv.window_bytes(tiling.rows) if conv.copied else 0
    pixels = tiling.pixels + (tiling.rows * conv.size[1] if conv.pool is not None else 0)
    sums = -(-window // 64) * 64 + 64
    spare = sums + 4 * pixels * tiling.vectors * cpu.lanes
    return spare + 64, sums, spare


def direct_arguments(conv: Convolution, tiling: Tiling, tensors, sums: int, spare: int, mask=0) -> list:
    """The slots of `conv_direct`; `tensors` are x, packed weights, y, winner; `mask` a value of y's shape, or 0."""
    taps, length = conv.runs
    (top, _), (left, _) = conv.padding
    return [*tensors, Constant(conv.places(tiling.rows), "places"), Constant(taps, "taps"), 0.0 if conv.relu else -inf,
            conv.height, conv.width, conv.ic, *conv.size, conv.oc,
            conv.strides[0], conv.reach[0], int(conv.copied), top, left, conv.wide,
            tiling.rows, tiling.bands, tiling.parts, 1 if conv.depthwise else conv.groups, tiling.blocks,
            len(taps), length,
            *(conv.pool or (1, 1, 1, 1)), *conv.pooled, sums, spare, mask]


def pack_launch(w, rest, conv: Convolution, tiling: Tiling, cpu: Cpu, flipped: bool = False) -> Launch:
    """Weights in blocks of `vectors` vectors of output channels; `flipped`: last tap first.

    rest: nothing, the bias, or the bias and the limits of a clamp.
    """
    vectors, blocks = tiling.vectors, tiling.blocks
    groups = 1 if conv.depthwise else conv.groups
    bias, lower, upper = (*rest, *[None] * 3)[:3]
    packed = Temporary((groups, blocks, conv.numbers + (1 if lower is None else 3), vectors * cpu.lanes),
                       name="packed weights")
    return Launch("conv_pack", dict(lanes=cpu.lanes),
                  [w, w if bias is None else bias, packed, conv.numbers, conv.oc // groups, groups, blocks, vectors,
                   int(bias is not None), int(flipped), *(0 if limit is None else limit for limit in (lower, upper))],
                  [packed], groups * blocks, "weights in the order the tiles read them", prepares=True)


# ---- few input channels, pooled -------------------------------------------------------------------------------

@dataclass(frozen=True)
class Strips:
    """A tiling by `conv_window`: a tile is a row of `strip` windows (ph, pw); `steps` taps of a run are unrolled."""

    tiling: Tiling
    strip: int
    window: tuple[int, int]
    steps: int


def choose_strips(conv: Convolution, cpu: Cpu) -> Strips | None:
    """The strip tiling of the fewest estimated cycles; None where windows overlap, lie apart in a row or are large."""
    if conv.pool is None or conv.groups > 1 or conv.numbers > _FEW:
        return None
    ph, pw, down, right = conv.pool
    if down < ph or right != pw or ph * pw > WINDOW:
        return None
    best, cost = None, inf
    for vectors, pixels in tile_shapes(cpu):
        strip = pixels // pw
        spare = cpu.registers - vectors * pixels
        if pixels % pw or strip > conv.pooled[1] or spare < ROW_REGISTERS:
            continue
        blocks = -(-conv.oc // (vectors * cpu.lanes))
        cycles = (blocks * -(-conv.pooled[1] // strip)
                  * (20 + 4 * vectors * pixels + conv.numbers * step_cycles(vectors, pixels)))
        if cycles <= cost:
            best, cost = (vectors, strip, blocks), cycles
    if best is None:
        return None
    vectors, strip, blocks = best
    rows = _row_choices(conv, cpu, 0)[-1]
    bands = -(-conv.pooled[0] * down // rows)
    parts = max(1, min(blocks, -(-TASKS // (conv.batch * bands))))
    return Strips(Tiling(vectors, strip * pw, rows, bands, blocks, parts), strip, (ph, pw), _steps(conv))


def _window_launch(node, conv: Convolution, strips: Strips, packed: Temporary, cpu: Cpu) -> Launch:
    tiling = strips.tiling
    ph, pw = strips.window
    window = -(-conv.window_bytes(tiling.rows) // 64) * 64 if conv.copied else 0
    spare = window + 8 * ph * tiling.pixels * tiling.vectors * cpu.lanes
    variant = dict(lanes=cpu.lanes, vectors=tiling.vectors, strip=strips.strip, ph=ph, pw=pw,
                   step=conv.strides[1] * conv.ic, steps=strips.steps, clamps=conv.clamps,
                   winners=len(node.outputs) > 1)
    reason = (f"strips of {strips.strip} pooling windows: {tiling.pixels} pixels x {tiling.vectors} vectors in "
              "registers, pooled from cache" + (", input copied with its border" if conv.copied else ""))
    return Launch("conv_window", variant,
                  direct_arguments(conv, tiling, [node.inputs[0], packed, *node.outputs, 0][:4], window, spare),
                  list(node.outputs), conv.batch * tiling.bands * tiling.parts, reason, scratch=spare + 64,
                  flops=plain_flops(node))


def _steps(conv: Convolution) -> int:
    """How many taps of a run are unrolled: all of a short run."""
    _, length = conv.runs
    return length if length <= UNROLLED else 1


def plain_flops(node) -> int:
    """Operations of the plain sum."""
    return node.spec.flops([value.type for value in node.inputs], [value.type for value in node.outputs],
                           node.attributes)


def _direct_launch(node, conv: Convolution, tiling: Tiling, tensors: list, cpu: Cpu, mask=0) -> Launch:
    scratch, sums, spare = _scratch(conv, tiling, cpu)
    tensors = [*tensors, *node.outputs, 0][:4]
    variant = dict(lanes=cpu.lanes, vectors=tiling.vectors, pixels=tiling.pixels, steps=_steps(conv),
                   pooled=conv.pool is not None, depthwise=conv.depthwise, clamps=conv.clamps)
    how = "depthwise" if conv.depthwise else "direct"
    reason = (f"{how}: {tiling.pixels} pixels x {tiling.vectors} vectors in registers, bands of {tiling.rows} rows"
              + (", input copied with its border" if conv.copied else "")
              + (", pooled from cache" if conv.pool is not None else ""))
    return Launch("conv_direct", variant,
                  direct_arguments(conv, tiling, tensors, sums, spare, mask),
                  list(node.outputs), conv.batch * tiling.bands * tiling.parts, reason, scratch=scratch,
                  flops=plain_flops(node))


@lowers("conv2d", reals=2)
def lower_conv2d(node, cpu: Cpu) -> list[Launch]:
    """Packs the weights, then sums: in strips when few channels are pooled, else directly."""
    conv = Convolution.of(node, cpu)
    strips = choose_strips(conv, cpu)
    tiling = choose_tiling(conv, cpu) if strips is None else strips.tiling
    pack = pack_launch(node.inputs[1], node.inputs[2:], conv, tiling, cpu)
    packed = pack.writes[0]
    if strips is not None:
        return [pack, _window_launch(node, conv, strips, packed, cpu)]
    return [pack, _direct_launch(node, conv, tiling, [node.inputs[0], packed], cpu)]


def depthwise_input_grad(node, cpu: Cpu) -> list[Launch] | None:
    """A depthwise convolution of g with each filter turned round; None where strides, pooling or borders forbid."""
    w, g = node.inputs[:2]
    a = node.attributes
    reach = [windows.extent(*axis) - 1 for axis in zip(w.shape[:2], a["dilation"], strict=True)]
    padding = tuple((r - before, r - after) for r, (before, after) in zip(reach, a["padding"], strict=True))
    batch, height, width, depth = g.shape
    if a["groups"] != node.outputs[0].shape[3] or depth != a["groups"] or depth == 1:
        return None
    if a["pool"] is not None or tuple(a["strides"]) != (1, 1) or min(side for pair in padding for side in pair) < 0:
        return None
    conv = Convolution(batch, height, width, depth, kernel=w.shape, strides=(1, 1), padding=padding,
                       dilation=a["dilation"], groups=a["groups"], relu=False, pool=None, clamps=False,
                       copied=padding != ((0, 0), (0, 0)) or depth % cpu.lanes > 0)
    tiling = choose_tiling(conv, cpu)
    pack = pack_launch(w, [], conv, tiling, cpu, flipped=True)
    mask = node.inputs[-1] if a["masked"] else 0
    return [pack, _direct_launch(node, conv, tiling, [g, pack.writes[0]], cpu, mask)]
