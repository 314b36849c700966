"""Kernels for the gradient of a convolution's weights behind a max pooling, where only winners count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from striate.graph.ir import Node
from striate.kernels.cpu import Cpu
from striate.plan.ir import Constant, Launch, Temporary
from striate.plan.lower.convolution import Convolution, ceil_div, round_up
from striate.plan.lower.weights_sums import Sums, add_up, chunks_of, split

_MOST_OUTPUTS, _BLOCK_BYTES = 64, 16 * 1024
"""Most output channels of a task, and most bytes of its window of x."""
_LOOKUP_SUMS = {("avx512", 16): 24, ("avx512", 8): 10, ("avx2", 8): 10}
"""Vectors of the register tile of the lookup kernel, where a processor permutes vectors of so many lanes by others."""
_SUMS = {16: 10, 32: 28}
"""Most vectors of sums in registers by the number of registers, in the kernel that reads x as it multiplies."""
_TABLE = 2
"""Vectors that a permutation reads."""


def launches(node: Node, c: Convolution, cpu: Cpu) -> list[Launch]:
    """The launches of a `conv2d_weights_grad` behind a pooling."""
    tile = _lookup_tile(c, cpu)
    return _by_winner(node, c, cpu) if tile is None else _by_lookup(node, c, cpu, tile)


@dataclass(frozen=True)
class _Window:
    """The window of x that a block of pooled rows needs, in numbers of pixels and floats."""

    c: Convolution

    @property
    def columns(self) -> int:
        """Pixels in a row."""
        c = self.c
        (_, pw, _, psw), (_, g_width) = c.window, c.pooled_size
        return ((g_width - 1) * psw + pw - 1) * c.strides[1] + (c.kw - 1) * c.dilation[1] + 1

    def rows(self, pooled_rows: int) -> int:
        """Rows that so many pooled rows need."""
        (ph, _, psh, _), c = self.c.window, self.c
        return ((pooled_rows - 1) * psh + ph - 1) * c.strides[0] + (c.kh - 1) * c.dilation[0] + 1


def _block(c: Convolution, chunks: int, fits: Callable[[int, int], bool]) -> tuple[int, int]:
    """(images, pooled rows of each) of a block: as many as fit, equal parts of an image or whole images."""
    height = c.pooled_size[0]
    rows = max([rows for rows in range(1, height + 1) if fits(1, rows)], default=1)
    rows = ceil_div(height, ceil_div(height, rows))
    images = 1
    while rows == height and images < c.n // chunks and fits(images + 1, height):
        images += 1
    return images, rows


# ---- lanes are output channels: winners are looked up ------------------------------------------------------------

@dataclass(frozen=True)
class _LookupTile:
    """Rows of the kernel in registers at once, (column, input channel) pairs; pieces of a table and their length."""

    rows: int
    columns: int
    pieces: int
    length: int


def _lookup_tile(c: Convolution, cpu: Cpu) -> _LookupTile | None:
    """The register tile, or None where tables would be too long or the processor cannot permute."""
    (ph, pw, _, _), columns = c.window, c.kw * c.group_ic
    needed = (pw - 1) * c.strides[1] * c.group_ic + columns
    length = 1 << max(2, (needed - 1).bit_length())
    pieces = 1 << (ph - 1).bit_length()
    most = _LOOKUP_SUMS.get((cpu.isa, cpu.lanes), 0)
    if c.dilation[1] > 1 or columns > most or pieces * length > _TABLE * cpu.lanes:
        return None
    if cpu.lanes == 8 and c.kh * columns > most:    # two permutations and a choice each: slower, unless used only once
        return None
    return _LookupTile(split(c.kh, most // columns)[1], columns, ph, length)


def _by_lookup(node: Node, c: Convolution, cpu: Cpu, tile: _LookupTile) -> list[Launch]:
    x, g, winner = node.inputs
    ph, pw, psh, psw = c.window
    (sh, sw), (dh, _), (height, g_width) = c.strides, c.dilation, c.pooled_size
    out_parts, share = split(c.group_oc, _MOST_OUTPUTS)
    share = round_up(share, cpu.lanes)
    chunks = chunks_of(c, c.groups * out_parts)
    window = _Window(c)
    line = window.columns * c.group_ic

    def fits(images: int, rows: int) -> bool:
        return images * max(window.rows(rows) * line * 4, rows * g_width * cpu.lanes * 8) <= _BLOCK_BYTES
    images, h_block = _block(c, chunks, fits)
    sums = _lookup_sums(c, tile, share, out_parts, cpu.lanes)
    partial = Temporary((chunks * sums.size,), name="partial sums")
    bias = Temporary((chunks * sums.bias_size,), name="partial bias sums")
    x_rows = window.rows(h_block)
    arguments = [x, g, winner, partial, bias, c.n, chunks, images, c.h, c.w, c.ic, height, g_width, c.oc, h_block,
                 -c.padding[0][0], -c.padding[1][0], x_rows, window.columns, h_block * psh * sh, c.groups, out_parts,
                 share, c.kh, dh * line, sh * line, psh * sh * line, psw * sw * c.group_ic,
                 ceil_div(65536, pw), tile.length - pw * sw * c.group_ic, sw * c.group_ic]
    # The ends of tables reach behind the window; nobody looks up what lies there.
    scratch = 4 * (images * x_rows * line + tile.length + cpu.lanes) + 8 * images * h_block * g_width * cpu.lanes
    reason = (f"sparse: only the winner of each {ph} x {pw} window counts, looked up by permutations; {tile.rows} x "
              f"{tile.columns} vectors of output channels in registers; {images} images x {h_block} pooled rows a "
              f"block; the batch in {chunks} parts")
    variant = dict(lanes=cpu.lanes, rows=tile.rows, rest=c.kh % tile.rows, columns=tile.columns, pieces=tile.pieces,
                   length=tile.length)
    run = Launch("conv_weights_grad_lookup", variant, arguments, [partial, bias], chunks * c.groups * out_parts, reason,
                 scratch, flops=2 * c.n * height * g_width * c.oc * c.taps * c.group_ic)
    return [run, *add_up(node, partial, bias, sums, chunks, cpu)]


def _lookup_sums(c: Convolution, tile: _LookupTile, share: int, out_parts: int, lanes: int) -> Sums:
    """[group][output part][vector of it][kernel row][column][lane]"""
    group, output = np.divmod(np.arange(c.oc), c.group_oc)
    vector = c.kh * tile.columns * lanes
    size, inside = share * c.kh * tile.columns, output % share
    return Sums(rows=np.arange(c.taps * c.group_ic) * lanes,
                columns=((group * out_parts + output // share) * size + inside // lanes * vector + inside % lanes),
                size=c.groups * out_parts * size, bias_columns=(group * out_parts + output // share) * share + inside,
                bias_size=c.groups * out_parts * share)


# ---- lanes are numbers of x: entries in lists ---------------------------------------------------------------------

@dataclass(frozen=True)
class _Vectors:
    """What a vector of x holds in the sparse kernel: channels of one tap, or a run of (column, channel) of one row.

    `row_at`: where the rows of the kernel begin, in floats from an entry's place; `columns` vectors lie side by side in
    each. `sums`: where the sum of each (tap, input channel) lies among those of an output channel.
    """

    depth: int
    parts: int
    row_at: list[int]
    columns: int
    sums: np.ndarray
    channels: bool
    name: str


def _vectors(c: Convolution, columns: int, most: int, lanes: int) -> _Vectors:
    """The form with fewer vectors an entry: a few input channels leave most of a vector empty."""
    dh, dw = c.dilation
    tap, channel = np.divmod(np.arange(c.taps * c.group_ic), c.group_ic)
    run = ceil_div(c.kw * c.group_ic, lanes)
    parts = ceil_div(c.group_ic, lanes)
    if dw == 1 and run <= most and c.kh * run < c.taps * parts:
        row_at = [a * dh * columns * c.group_ic for a in range(c.kh)]
        sums = tap // c.kw * run * lanes + tap % c.kw * c.group_ic + channel
        return _Vectors(c.group_ic, 1, row_at, run, sums, False, "runs of a kernel row")
    beside = c.kw if dw == 1 and c.kw <= most else 1
    row_at = [(a * dh * columns + b * dw) * lanes for a in range(c.kh) for b in range(0, c.kw, beside)]
    return _Vectors(lanes, parts, row_at, beside, tap * lanes + channel % lanes, True, "input channels of a tap")


def _by_winner(node: Node, c: Convolution, cpu: Cpu) -> list[Launch]:
    x, g, winner = node.inputs
    ph, pw, psh, psw = c.window
    (sh, sw), lanes = c.strides, cpu.lanes
    height, g_width = c.pooled_size
    window = _Window(c)
    columns = window.columns
    most = _SUMS[16 if cpu.registers < 32 else 32]
    vectors = _vectors(c, columns, most, lanes)
    kernel_rows = len(vectors.row_at)
    rows = split(kernel_rows, most // vectors.columns)[1]
    out_parts, share = split(c.group_oc, _MOST_OUTPUTS)
    chunks = chunks_of(c, c.groups * out_parts)
    line, lists = columns * vectors.depth, vectors.parts > 1

    def fits(images: int, rows: int) -> bool:
        """Whether a part's window of x, and the entries unless they are in lists, stay in the L1 cache."""
        entries = 0 if lists else rows * g_width * share * 8
        return images * max(window.rows(rows) * line * 4, entries) <= _BLOCK_BYTES
    images, h_block = _block(c, chunks, fits)
    sums = _winner_sums(c, vectors, kernel_rows * vectors.columns * lanes, share, out_parts, lanes)
    partial = Temporary((chunks * sums.size,), name="partial sums")
    bias = Temporary((chunks * sums.bias_size,), name="partial bias sums")
    arguments = [x, g, winner, partial, bias, Constant(np.array(vectors.row_at, np.int64), "rows"),
                 c.n, chunks, images, c.h, c.w, c.ic, height, g_width, c.oc, h_block,
                 -c.padding[0][0], -c.padding[1][0], window.rows(h_block), columns, h_block * psh * sh,
                 c.groups, vectors.parts, vectors.depth, out_parts, share, kernel_rows,
                 psh * sh * line, psw * sw * vectors.depth,
                 ceil_div(65536, pw), sh * line - pw * sw * vectors.depth, sw * vectors.depth, int(lists)]
    room = images * h_block * g_width + 1
    scratch = (4 * (vectors.parts * images * window.rows(h_block) * line + 64)
               + 8 * share * (room + 1 + g_width * lists))
    reason = (f"sparse: only the winner of each {ph} x {pw} window counts; {rows} x {vectors.columns} vectors "
              f"({vectors.name}) of sums in registers; {images} images x {h_block} pooled rows a block; "
              f"the batch in {chunks} parts")
    variant = dict(lanes=lanes, rows=rows, rest=kernel_rows % rows, columns=vectors.columns)
    run = Launch("conv_weights_grad_sparse", variant, arguments, [partial, bias], chunks * c.groups * out_parts, reason,
                 scratch, flops=2 * c.n * height * g_width * c.oc * c.taps * c.group_ic)
    return [run, *add_up(node, partial, bias, sums, chunks, cpu)]


def _winner_sums(c: Convolution, vectors: _Vectors, tap_size: int, share: int, out_parts: int,
                 lanes: int) -> Sums:
    """[group][output part][input part][output channel of the part][vector][lane]"""
    channel = np.arange(c.taps * c.group_ic) % c.group_ic
    group, output = np.divmod(np.arange(c.oc), c.group_oc)
    part_size = share * tap_size
    size = out_parts * vectors.parts * part_size
    return Sums(rows=channel // vectors.depth * part_size + vectors.sums,
                 columns=group * size + output // share * vectors.parts * part_size + output % share * tap_size,
                 size=c.groups * size, bias_columns=group * out_parts * share + output,
                 bias_size=c.groups * out_parts * share,
                 turned=vectors.channels and c.group_ic % lanes == 0)
