"""When Winograd's F(4x4, 3x3) runs a 3 x 3 convolution, and with what launches."""

from __future__ import annotations

from dataclasses import dataclass

from striate.graph.ir import Node, Value
from striate.kernels.cpu import Cpu
from striate.ops.linear import output_size
from striate.plan.ir import Launch, Temporary
from striate.plan.lower import conv_sparse, lowers
from striate.plan.lower.convolution import Convolution

_SKEW = 16
"""As `striate.kernels.winograd.SKEW`, which cannot be imported without Numba."""
_TILES, _CHUNK = 64, 36
"""Tiles that a task aims at, and tiles of a chunk: enough rows to use each transformed weight often, few enough that
their transforms fit the second-level cache."""
_ROWS = {32: 12, 16: 6}
_ACTIVATIONS = {None: 0, "relu": 1, "clamp": 2}
"""As RELU and CLAMP of `striate.kernels.winograd`."""
_FEWEST_TILES = 16
"""With fewer tiles, reading the transformed weights (four times the weights) costs more than is saved."""
_SHARED_TASKS = 4
"""Fewer blocks of images than this are shared out by output channels too."""


def suits(attributes, kernel: tuple, size: tuple, batch: int, pool: tuple | None) -> bool:
    """Whether F(4x4, 3x3) pays: 3 x 3, stride 1, enough channels, maps and tiles."""
    plain = (attributes["strides"] == (1, 1) and attributes["dilation"] == (1, 1) and attributes["groups"] == 1)
    tiles = batch * -(-size[0] // 4) * -(-size[1] // 4)
    used = size[0] * size[1] / (16 * -(-size[0] // 4) * -(-size[1] // 4))
    padding = all(side <= 2 for pair in attributes["padding"] for side in pair)
    enough = min(kernel[2:]) >= 16 and used >= 0.55 and tiles >= _FEWEST_TILES
    return plain and padding and kernel[:2] == (3, 3) and enough and pool in (None, (2, 2, 2, 2))


def _images(tiles: int, most: int, rows: int) -> int:
    """Images of a task: near `_TILES` tiles, the last register tile of `rows` wasting little; `most` at most."""
    wanted = max(1, min(_TILES // tiles, most))

    def waste(images: int) -> float:
        return round(-images * tiles % rows / (images * tiles), 2)
    return min(range(max(1, wanted - wanted // 4), max(wanted, min(most, 4 * _TILES // tiles)) + 1),
               key=lambda images: (waste(images), images < wanted, abs(images - wanted)))


def launches(x: Value, w: Value, y: Value, cpu: Cpu, *, size: tuple, padding: tuple,
             given: dict) -> list[Launch]:
    """The two launches of a Winograd convolution of x (n, h, w, ic) with w.

    size: (height, width) of the convolution's output before pooling. given: what is fused: `bias`, `mask`, `winner`,
    `lower` and `upper` values, `activation`, `pool`, `flipped`, `source` = (pooled y, winner, pool, relu) of a pooled
    gradient as input with its unpooled (height, width) as `map`.
    """
    lanes, rows = cpu.lanes, _ROWS[cpu.registers]
    flipped = bool(given.get("flipped"))
    batch, ic = x.shape[0], x.shape[3]
    oc = w.shape[2] if flipped else w.shape[3]
    height, width = given.get("map", x.shape[1:3])
    block, wide_ic = 2 * lanes, -(-ic // lanes) * lanes
    blocks = -(-oc // block)
    th, tw = -(-size[0] // 4), -(-size[1] // 4)
    heavy = 36 * ic * oc * 4 > cpu.l2
    images = _images(th * tw, -(-batch // (4 if heavy else 8)), rows)
    tall = min(_CHUNK, -(-images * th * tw // rows) * rows)
    wide = min(blocks, max(1, 64 // block))
    tasks = -(-batch // images)
    parts = 1 if tasks >= _SHARED_TASKS else min(blocks, max(2, blocks // 2), -(-_SHARED_TASKS // tasks))
    u = Temporary((36, blocks * wide_ic * block + _SKEW), name="transformed weights")
    pack = Launch("winograd_weights", {"lanes": lanes}, [w, u, ic, oc, wide_ic, int(flipped)], [u],
                  2 * blocks * wide_ic // lanes, "transforms the filters once a step",
                  scratch=4 * (18 * lanes + 18 * lanes * lanes), prepares=True)
    source = given.get("source")
    winner_in, y_in, pool_in, relu_in = source if source else (0, 0, (0, 0), False)
    arguments = [x, winner_in, y_in, u, given.get("bias", 0), given.get("mask", 0), y, given.get("winner", 0),
                 batch, height, width, ic, oc, *size, th, tw, padding[0][0], padding[1][0],
                 int("bias" in given), _ACTIVATIONS[given.get("activation")], int("mask" in given),
                 int(bool(given.get("pool"))), images, *pool_in[:2], int(relu_in), wide, tall, parts,
                 given.get("lower", 0), given.get("upper", 0)]
    planes = 36 * (tall * wide_ic + wide * tall * block + 2 * _SKEW)
    scratch = 4 * ((4 * th + 2) * (4 * tw + 2) * wide_ic + 66 * lanes + planes)
    writes = [y] + ([given["winner"]] if "winner" in given else [])
    flops = 2 * batch * size[0] * size[1] * 9 * ic * oc
    reason = (f"Winograd F(4x4,3x3): {size[0] * size[1] / (16 * th * tw):.0%} of its tiles used, "
              f"{images} images ({images * th * tw} tiles) a task, register tile {rows} x 2 vectors")
    return [pack, Launch("winograd_convolution", {"lanes": lanes, "rows": rows}, arguments, writes,
                         tasks * parts, reason, scratch=scratch, flops=flops)]


_CHUNK_TILES = 256
"""Tiles of a chunk of the weight gradient: long sums, while both transforms still fit a last-level cache."""
_SUM_BYTES = 48 * 1024
"""Sums of the parts of a transformed weight gradient that a task brings back: whole rows, which its cache can hold."""
_PARTS = 8
"""Parts of a batch whose gradients are summed apart: enough for the threads of a usual machine."""


@dataclass(frozen=True)
class _Gradient:
    """The numbers of one weight gradient: shapes, tiles and padded channels."""

    batch: int
    height: int
    width: int
    ic: int
    oh: int
    ow: int
    oc: int
    padding: tuple
    lanes: int

    @property
    def tiles(self) -> tuple[int, int]:
        """Rows and columns of tiles of an image."""
        return -(-self.oh // 4), -(-self.ow // 4)

    @property
    def wide(self) -> tuple[int, int]:
        """Input and output channels, filled up to whole vectors and blocks."""
        block = 2 * self.lanes
        return -(-self.ic // self.lanes) * self.lanes, -(-self.oc // block) * block

    @property
    def shape_arguments(self) -> list[int]:
        """The slots that all kernels of the gradient have in common."""
        return [self.height, self.width, self.ic, self.oc, self.oh, self.ow, *self.tiles, self.padding[0][0],
                self.padding[1][0]]

    @property
    def flops(self) -> int:
        """Operations of the plain sum."""
        return 2 * self.batch * self.oh * self.ow * 9 * self.ic * self.oc


def gradient_launches(x: Value, g: Value, dw: Value, db: Value | None, cpu: Cpu, padding: tuple) -> list[Launch]:
    """The launches of the weight gradient of a 3 x 3 convolution; g is the gradient of its own output."""
    (batch, height, width, ic), (_, oh, ow, oc) = x.shape, g.shape
    c = _Gradient(batch, height, width, ic, oh, ow, oc, padding, cpu.lanes)
    few = 36 * c.wide[0] * c.wide[1] * 4 <= 2 * cpu.l2
    parts = -(-c.batch // -(-c.batch // _PARTS)) if few else 1
    du = Temporary((parts, 36, *c.wide), name="transformed weight gradient")
    sums = Temporary((parts, c.wide[1]), name="bias sums")
    found = _in_parts(c, x, g, du, sums, cpu) if few else _in_chunks(c, x, g, du, sums, cpu)
    share = max(1, min(c.ic, _SUM_BYTES // (36 * 4 * c.wide[1])))
    found.append(Launch(
        "winograd_gradient_weights", {"lanes": c.lanes},
        [du, sums, dw, db if db is not None else 0, c.ic, c.oc, *c.wide, int(db is not None), du.shape[0], share],
        [dw] + ([db] if db is not None else []), -(-c.ic // share), "back to 3 x 3 weights",
        scratch=4 * (24 * c.lanes + 36 * share * c.wide[1])))
    return found


def _register_rows(cpu: Cpu) -> int:
    return 4 if cpu.registers == 16 else 8


def _in_parts(c: _Gradient, x: Value, g: Value, du: Temporary, sums: Temporary, cpu: Cpu) -> list[Launch]:
    images = -(-c.batch // _PARTS)
    count, (th, tw) = du.shape[0], c.tiles
    room = min(images * th * tw, 48 if sum(c.wide) <= 96 else 32)
    scratch = 4 * (36 * c.lanes + (4 * th + 2) * (4 * tw + 2) * c.wide[0] + 16 * th * tw * c.wide[1]
                   + 36 * (room * sum(c.wide) + 2 * _SKEW))
    return [Launch(
        "winograd_gradient_parts", {"lanes": c.lanes, "rows": _register_rows(cpu)},
        [x, g, du, sums, c.batch, *c.shape_arguments, room, images], [du, sums], count,
        f"Winograd F(4x4,3x3), adjoint: {count} parts of {images} images, each in one core's cache, {room} tiles at a "
        "time", scratch=scratch, flops=c.flops)]


def _in_chunks(c: _Gradient, x: Value, g: Value, du: Temporary, sums: Temporary, cpu: Cpu) -> list[Launch]:
    th, tw = c.tiles
    images = max(1, min(c.batch, _CHUNK_TILES // (th * tw)))
    tiles = images * th * tw
    v = Temporary((36, c.wide[0] * tiles + _SKEW), name="transformed inputs")
    d = Temporary((36, c.wide[1] * tiles + _SKEW), name="transformed output gradients")
    scratch = 4 * (36 * c.lanes + (4 * th + 2) * (4 * tw + 2) * max(c.wide))
    found = []
    for first in range(0, c.batch, images):
        count = min(images, c.batch - first)
        found.append(Launch(
            "winograd_gradient_transform", {"lanes": c.lanes}, [x, g, v, d, first, *c.shape_arguments, tiles], [v, d],
            count, f"transforms images {first} to {first + count - 1}", scratch=scratch))
        found.append(Launch(
            "winograd_gradient_sum", {"lanes": c.lanes, "rows": _register_rows(cpu)},
            [v, d, du, sums, c.ic, c.oc, tiles, count * th * tw, int(first == 0)], [du, sums],
            36 * c.wide[1] // (2 * c.lanes), f"Winograd F(4x4,3x3), adjoint: {count * th * tw} tiles",
            flops=c.flops * count // c.batch))
    return found


# ---- rules --------------------------------------------------------------------------------------------------------

@lowers("conv2d", preferred=True)
def _forward(node: Node, cpu: Cpu) -> list[Launch] | None:
    x, w, *rest = node.inputs
    a = node.attributes
    size = output_size(x.shape[1:3], w.shape, a["strides"], a["padding"], a["dilation"])
    if not suits(a, w.shape, size, x.shape[0], a["pool"]):
        return None
    given = {"activation": a["activation"]}
    given |= dict(zip(("bias", "lower", "upper"), rest, strict=False))
    given |= {"pool": True} if a["pool"] else {}
    given |= {"winner": node.outputs[1]} if len(node.outputs) > 1 else {}
    return launches(x, w, node.outputs[0], cpu, size=size, padding=a["padding"], given=given)


@lowers("conv2d_input_grad", preferred=True)
def _input_gradient(node: Node, cpu: Cpu) -> list[Launch] | None:
    w, g = node.inputs[:2]
    a = node.attributes
    size = a["input_shape"]
    if conv_sparse.beats_winograd(Convolution.of(node, node.outputs[0].shape, w.shape), cpu):
        return None
    turned = tuple((2 - before, 2 - after) for before, after in a["padding"])
    if min(side for pair in turned for side in pair) < 0:
        return None
    if not suits(a | {"padding": turned}, w.shape, size, g.shape[0], None):
        return None
    given: dict = {"flipped": True}
    if a["pool"] is not None:
        y, winner = node.inputs[2:4]
        unpooled = output_size(size, w.shape, a["strides"], a["padding"], a["dilation"])
        if a["pool"][:2] != a["pool"][2:]:
            return None
        given |= {"source": (winner, y, a["pool"], a["activation"] == "relu"), "map": unpooled}
    if a["masked"]:
        given["mask"] = node.inputs[-1]
    return launches(g, w, node.outputs[0], cpu, size=size, padding=turned, given=given)


@lowers("conv2d_weights_grad", preferred=True)
def _weights_gradient(node: Node, cpu: Cpu) -> list[Launch] | None:
    a = node.attributes
    if a["pool"] is not None:
        return None
    x, g = node.inputs
    if not suits(a, a["kernel_shape"], g.shape[1:3], x.shape[0], None):
        return None
    return gradient_launches(x, g, node.outputs[0], node.outputs[1] if a["bias"] else None, cpu, a["padding"])
