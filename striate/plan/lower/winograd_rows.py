"""When Winograd's F(6, 3), F(4, 5) or F(2, 7) along the height runs a convolution, with which register tile."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from striate.graph.ir import Node
from striate.kernels.cpu import Cpu
from striate.plan.ir import Launch, Temporary
from striate.plan.lower.conv import (
    ROW_REGISTERS,
    TASKS,
    UNROLLED,
    WINDOW,
    Convolution,
    plain_flops,
    step_cycles,
    tile_shapes,
)

_ROWS = 8
"""Input rows of a tile, as `striate.kernels.winograd_rows.ROWS`, which cannot be imported without Numba."""
_TILE_OF = {3: 6, 5: 4, 7: 2}
"""Rows of a tile of outputs by the rows of the kernel."""
_SHORTEST = {3: 6, 5: 3, 7: 3}
"""Numbers in a row of the kernel from which on it pays: with fewer, the transform back costs more than is saved."""
_SHORTEST_UPRIGHT = 16
"""The same for a line."""
_PIXELS = {6: 4, 4: 4, 2: 5}
"""The most pixels of a register tile that holds all points at once, by the rows of a tile of outputs."""
_UNROLLED = 5
"""The most products of a pixel that it unrolls: with more, LLVM puts sums aside in memory."""
_SHORTEST_GRADIENT = {3: 12, 5: 12, 7: 48}
"""The same for the gradient of the weights."""
_USED = 0.75
"""Part of the tiles' rows that the output must have at least."""
_GRADIENT_TILE = {32: (12, 2), 16: (6, 2)}
"""Numbers of a kernel row and vectors of output channels of its register tile, by the registers there are."""
PARTS = 8
"""Parts of a batch whose gradients are summed apart: enough for the threads of a usual machine."""
SKEW = 16
"""As `striate.kernels.winograd.SKEW`, which cannot be imported without Numba."""


def _upright(conv: Convolution) -> Convolution:
    """A line turned to stand upright (its numbers stay where they are); any other convolution as it is."""
    if conv.height > 1 or conv.kernel[0] > 1 or conv.padding[0] != (0, 0):
        return conv
    turned = {name: getattr(conv, name)[::-1] for name in ("strides", "padding", "dilation")}
    pool = None if conv.pool is None else (conv.pool[1], conv.pool[0], conv.pool[3], conv.pool[2])
    return replace(conv, height=conv.width, width=1, kernel=(conv.kernel[1], 1, *conv.kernel[2:]), pool=pool, **turned)


def _is_upright(conv: Convolution) -> bool:
    return conv.width == conv.kernel[1] == 1 and conv.padding[1] == (0, 0)


def _tile_of(conv: Convolution) -> int | None:
    """Rows of a tile of outputs; None where strides, groups, windows or sizes forbid or waste too much."""
    tile = _TILE_OF.get(conv.kernel[0])
    if tile is None or conv.strides != (1, 1) or conv.dilation != (1, 1) or conv.groups > 1:
        return None
    ph, pw, down, right = conv.pool or (1, 1, 1, 1)
    if (down, right) != (ph, pw) or tile % ph or ph * pw > WINDOW:
        return None
    used = conv.size[0] / (tile * -(-conv.size[0] // tile))
    shortest = _SHORTEST_UPRIGHT if _is_upright(conv) else _SHORTEST[conv.kernel[0]]
    return tile if used >= _USED and conv.kernel[1] * conv.ic >= shortest else None


def _strip(conv: Convolution, columns: int, cpu: Cpu) -> tuple[int, int]:
    """(vectors, pooling windows) of the register tile of the fewest estimated cycles; (0, 0) if none fits."""
    pw = conv.pool[1] if conv.pool else 1
    length, best, cost = conv.kernel[1] * conv.ic, (0, 0), inf
    for vectors, pixels in tile_shapes(cpu):
        strip = pixels // pw
        if pixels % pw or strip > columns or cpu.registers - vectors * pixels < ROW_REGISTERS:
            continue
        blocks = -(-conv.oc // (vectors * cpu.lanes))
        cycles = (blocks * -(-columns // strip)
                  * (_ROWS * (10 + length * step_cycles(vectors, pixels)) + 24 * vectors * pixels))
        if cycles <= cost:
            best, cost = (vectors, strip), cycles
    return best


def _together(conv: Convolution, tile: int, columns: int, cpu: Cpu) -> int:
    """Pooling windows of a register tile that holds all points of its pixels at once; 0 if none fits."""
    pw = conv.pool[1] if conv.pool else 1
    return min(_PIXELS[tile] // pw, columns) if cpu.lanes == 16 else 0


def launches(conv: Convolution, tensors: list, writes: list, cpu: Cpu, flops: int, *, flipped: bool = False,
             mask=0) -> list[Launch] | None:
    """The two launches of a convolution by Winograd along the height; None where it does not pay.

    Args:
        tensors: input and weights; then nothing, the bias, or the bias and the limits of a clamp.
        writes: the output; and the winners, if its pooling is asked for them.
        flipped: the weights are turned round and their channels exchanged: the gradient of an input.
        mask: a value of the output's shape: where it is not positive, the output is zero.
    """
    conv = _upright(replace(conv, copied=True))
    tile = _tile_of(conv)
    if tile is None:
        return None
    tiles, upright = -(-conv.size[0] // tile), _is_upright(conv)
    columns = tiles if upright else conv.pooled[1]
    vectors, strip = 1, _together(conv, tile, columns, cpu)
    together = strip > 0
    if not together:
        vectors, strip = _strip(conv, columns, cpu)
    if not strip:
        return None
    x, w, *rest = tensors
    bias, lower, upper = (*rest, *[None] * 3)[:3]
    ph, pw = conv.pool[:2] if conv.pool else (1, 1)
    length, taps, block = conv.kernel[1] * conv.ic, conv.kernel[0], vectors * cpu.lanes
    along, unrolled = (conv.ic, _UNROLLED // conv.kernel[1]) if together else (length, UNROLLED)
    steps = next((count for count in range(min(along, unrolled), 0, -1) if along % count == 0), 1)
    blocks, most = -(-conv.oc // block), tiles // strip if upright else tiles

    def window(bands: int) -> int:
        return 4 * ((-(-tiles // bands)) * tile + taps - 1) * conv.wide * conv.ic
    bands = min(most, -(-TASKS // conv.batch))
    while bands < most and window(bands) > cpu.l2 // 4:
        bands += 1
    parts = max(1, min(blocks, -(-TASKS // (conv.batch * bands))))
    head, pixels = 2 if lower is None else 4, strip * pw
    packed = Temporary((blocks, head + _ROWS * length, block), name="packed weights")
    pack = Launch("winograd_rows_pack", dict(lanes=cpu.lanes, tile=tile),
                  [w, 0 if bias is None else bias, packed, conv.kernel[1], conv.ic, conv.oc, vectors,
                   int(bias is not None), *(0 if limit is None else limit for limit in (lower, upper)), int(flipped),
                   block, length * block],
                  [packed], blocks, "transforms the filters once a step", scratch=4 * taps * cpu.lanes, prepares=True)
    plane = conv.wide * conv.ic * (-(-tiles // bands) if upright else 1) + cpu.lanes
    places = [0]
    for size in (window(bands) + 64, 4 * _ROWS * plane, 8 * _ROWS * pixels * block, 4 * tile * pixels * cpu.lanes, 64):
        places.append(places[-1] + -(-size // 64) * 64)
    (top, _), (left, _) = conv.padding
    unit = "pooling windows" if conv.pool else "pixels"
    reason = (f"Winograd F({tile},{taps}) along the {'line' if upright else 'height'}: strips of {strip} "
              f"{'tiles' if upright else unit}, "
              f"{f'outputs of {pixels} pixels' if together else f'{pixels} x {vectors} vectors'} in registers")
    variant = dict(lanes=cpu.lanes, strip=strip, ph=ph, pw=pw, tile=tile, step=conv.ic, steps=steps,
                   upright=upright, clamps=conv.clamps, winners=len(writes) > 1)
    variant |= dict(taps=conv.kernel[1]) if together else dict(vectors=vectors)
    arguments = [x, packed, *[*writes, 0][:2], 0.0 if conv.relu else -inf, conv.height, conv.width, conv.ic, conv.oc,
                 *conv.pooled, top, left, conv.wide, tiles, bands, parts, blocks, along // steps, *places[1:5], plane,
                 mask]
    return [pack, Launch("winograd_rows_together" if together else "winograd_rows", variant, arguments, writes,
                         conv.batch * bands * parts, reason, scratch=places[-1], flops=flops,
                         saving=taps * tile / _ROWS)]


def weights_gradient(node: Node, cpu: Cpu) -> list[Launch] | None:
    """The launches of a `conv2d_weights_grad` that no pooling precedes; None where it does not pay."""
    x, g = node.inputs[:2]
    a = node.attributes
    batch, height, width, ic = x.shape
    conv = _upright(Convolution(batch, height, width, ic, kernel=a["kernel_shape"], strides=a["strides"],
                                padding=a["padding"], dilation=a["dilation"], groups=a["groups"], relu=False, pool=None,
                                clamps=False, copied=True))
    tile = _tile_of(conv) if a["pool"] is None else None
    if tile is None:
        return None
    rows, vectors = _GRADIENT_TILE[cpu.registers]
    length, block, upright = conv.kernel[1] * conv.ic, vectors * cpu.lanes, _is_upright(conv)
    blocks, tiles = -(-conv.oc // block), -(-conv.size[0] // tile)
    columns, long = (tiles if upright else conv.size[1]), -(-length // rows) * rows
    plane = conv.wide * conv.ic * (tiles if upright else 1) + cpu.lanes + rows
    units = conv.batch * (1 if upright else tiles)
    unit = 4 * _ROWS * (plane + columns * blocks * block)
    if length < _SHORTEST_GRADIENT[conv.kernel[0]] or unit > cpu.l2:
        return None
    parts = min(units, PARTS)
    room = max(1, min(cpu.l2 // 2 // unit, -(-units // parts)))
    window = 4 * ((tiles if upright else 1) * tile + conv.kernel[0] - 1) * conv.wide * conv.ic + 64
    places = [0]
    for size in (window, 4 * _ROWS * (room * plane + SKEW), 4 * _ROWS * (room * columns * blocks * block + SKEW),
                 4 * _ROWS * cpu.lanes):
        places.append(places[-1] + -(-size // 64) * 64)
    (top, _), (left, _) = conv.padding
    du = Temporary((parts, _ROWS, blocks, long, block), name="transformed weight gradient")
    sums = Temporary((parts, blocks * block), name="bias sums")
    dw, db = node.outputs[0], node.outputs[1] if a["bias"] else None
    share = -(-length // TASKS)
    return [
        Launch("winograd_rows_gradient", dict(lanes=cpu.lanes, rows=rows, vectors=vectors, tile=tile, step=conv.ic,
                                              upright=upright),
               [x, g, du, sums, conv.height, conv.width, conv.ic, conv.oc, *conv.size, top, left, conv.wide, tiles,
                units, room, parts, plane, long, blocks, *places[1:4]], [du, sums], parts,
               f"Winograd F({tile},{conv.kernel[0]}) along the {'line' if upright else 'height'}, adjoint: {parts} "
               f"parts, {rows} numbers x {vectors} vectors in registers", scratch=places[-1], flops=plain_flops(node),
               saving=conv.kernel[0] * tile / _ROWS),
        Launch("winograd_rows_gradient_sum", dict(lanes=cpu.lanes, tile=tile),
               [du, sums, dw, 0 if db is None else db, length, long, conv.oc, block, blocks, parts, share,
                int(db is not None)], [dw] + ([db] if db is not None else []), -(-length // share),
               f"adds {parts} parts, back to the weights' own shape", scratch=4 * _ROWS * cpu.lanes)]


def forward(node: Node, cpu: Cpu) -> list[Launch] | None:
    """The launches of a `conv2d`; None where Winograd along the height does not pay."""
    return launches(Convolution.of(node, cpu), list(node.inputs), list(node.outputs), cpu, plain_flops(node))


def input_gradient(node: Node, cpu: Cpu) -> list[Launch] | None:
    """The launches of a `conv2d_input_grad` that no pooling precedes; None where it does not pay."""
    w, g = node.inputs[:2]
    a = node.attributes
    if a["pool"] is not None or a["groups"] > 1 or a["strides"] != (1, 1) or a["dilation"] != (1, 1):
        return None
    kh, kw, ic, oc = w.shape
    padding = tuple((side - 1 - before, side - 1 - after)
                    for side, (before, after) in zip((kh, kw), a["padding"], strict=True))
    if min(amount for pair in padding for amount in pair) < 0:
        return None
    batch, height, width, _ = g.shape
    conv = Convolution(batch, height, width, oc, kernel=(kh, kw, oc, ic), strides=(1, 1), padding=padding,
                       dilation=(1, 1), groups=1, relu=False, pool=None, clamps=False, copied=True)
    return launches(conv, [g, w], list(node.outputs), cpu, plain_flops(node), flipped=True,
                    mask=node.inputs[-1] if a["masked"] else 0)
