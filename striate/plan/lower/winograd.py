"""When Winograd's F(4x4, 3x3) or F(2x2, 5x5) runs a convolution, and with what launches."""

from __future__ import annotations

from dataclasses import dataclass

from striate.graph.ir import Node, Value
from striate.kernels.cpu import Cpu
from striate.ops.linear import output_size
from striate.plan.ir import Launch, Temporary
from striate.plan.lower import conv_sparse, lowers, winograd_rows
from striate.plan.lower.convolution import Convolution
from striate.plan.lower.winograd_rows import PARTS, SKEW

_TILE_OF = {3: 4, 5: 2}
"""Rows of a tile of outputs by the side of the kernel: both need 6 x 6 inputs."""
_TILES, _CHUNK = 64, 36
"""Tiles that a task aims at, and tiles of a chunk: enough rows to use each transformed weight often, few enough that
their transforms fit the second-level cache."""
_ROWS = {32: 12, 16: 6}
_ACTIVATIONS = {None: 0, "relu": 1, "clamp": 2}
"""As RELU and CLAMP of `striate.kernels.winograd`."""
_FEWEST_TILES = 16
"""With fewer tiles, reading the transformed weights (four times the weights) costs more than is saved."""
_FEW_CHANNELS = 48
"""5x5 kernels of fewer channels run along the height alone: F(4, 5) saves nearly as much as F(2x2, 5x5) and transforms
less."""
_SHARED_TASKS = 4
"""Fewer blocks of images than this are shared out by output channels too."""


def tile_of(attributes, kernel: tuple, size: tuple, batch: int, pool: tuple | None) -> int | None:
    """The side of the tiles of outputs, if Winograd's convolution pays: stride 1, enough channels, maps and tiles."""
    tile = _TILE_OF.get(kernel[0]) if kernel[0] == kernel[1] else None
    plain = (attributes["strides"] == (1, 1) and attributes["dilation"] == (1, 1) and attributes["groups"] == 1)
    if tile is None or not plain or pool not in (None, (2, 2, 2, 2)):
        return None
    th, tw = -(-size[0] // tile), -(-size[1] // tile)
    used = size[0] * size[1] / (tile * tile * th * tw)
    padding = all(0 <= side < kernel[0] for pair in attributes["padding"] for side in pair)
    pays = min(kernel[2:]) >= 16 and used >= 0.55 and batch * th * tw >= _FEWEST_TILES
    return tile if padding and pays else None


def _along_the_height(tile: int | None, kernel: tuple) -> bool:
    """Whether `winograd_rows` is asked first."""
    return tile is None or (tile == 2 and min(kernel[2:]) < _FEW_CHANNELS)


def _saving(tile: int) -> float:
    return (tile * (7 - tile) / 6) ** 2


def _name(tile: int) -> str:
    return f"Winograd F({tile}x{tile},{7 - tile}x{7 - tile})"


def _images(tiles: int, most: int, rows: int) -> int:
    """Images of a task: near `_TILES` tiles, the last register tile of `rows` wasting little; `most` at most."""
    wanted = max(1, min(_TILES // tiles, most))

    def waste(images: int) -> float:
        return round(-images * tiles % rows / (images * tiles), 2)
    return min(range(max(1, wanted - wanted // 4), max(wanted, min(most, 4 * _TILES // tiles)) + 1),
               key=lambda images: (waste(images), images < wanted, abs(images - wanted)))


def launches(x: Value, w: Value, y: Value, cpu: Cpu, tile: int, *, size: tuple, padding: tuple,
             given: dict) -> list[Launch]:
    """The two launches of a Winograd convolution of x (n, h, w, ic) with w, by tiles of `tile` x `tile` outputs.

    size: (height, width) of the convolution's output before pooling. given: what is fused: `bias`, `mask`, `winner`,
    `lower` and `upper` values, `activation`, `pool`, `flipped`, `source` = (pooled y, winner, pool, relu) of a pooled
    gradient as input with its unpooled (height, width) as `map`.
    """
    lanes, rows, side = cpu.lanes, _ROWS[cpu.registers], 7 - tile
    flipped = bool(given.get("flipped"))
    batch, ic = x.shape[0], x.shape[3]
    oc = w.shape[2] if flipped else w.shape[3]
    height, width = given.get("map", x.shape[1:3])
    block, wide_ic = 2 * lanes, -(-ic // lanes) * lanes
    blocks = -(-oc // block)
    th, tw = -(-size[0] // tile), -(-size[1] // tile)
    heavy = 36 * ic * oc * 4 > cpu.l2
    images = _images(th * tw, -(-batch // (4 if heavy else 8)), rows)
    tall = min(_CHUNK, -(-images * th * tw // rows) * rows)
    wide = min(blocks, max(1, 64 // block))
    tasks = -(-batch // images)
    parts = 1 if tasks >= _SHARED_TASKS else min(blocks, max(2, blocks // 2), -(-_SHARED_TASKS // tasks))
    u = Temporary((36, blocks * wide_ic * block + SKEW), name="transformed weights")
    pack = Launch("winograd_weights", {"lanes": lanes, "tile": tile}, [w, u, ic, oc, wide_ic, int(flipped)], [u],
                  2 * blocks * wide_ic // lanes, "transforms the filters once a step",
                  scratch=4 * (6 * side * lanes + 2 * side * side * lanes * lanes), prepares=True)
    source = given.get("source")
    winner_in, y_in, pool_in, relu_in = source if source else (0, 0, (0, 0), False)
    arguments = [x, winner_in, y_in, u, given.get("bias", 0), given.get("mask", 0), y, given.get("winner", 0),
                 batch, height, width, ic, oc, *size, th, tw, padding[0][0], padding[1][0],
                 int("bias" in given), _ACTIVATIONS[given.get("activation")], int("mask" in given),
                 int(bool(given.get("pool"))), images, *pool_in[:2], int(relu_in), wide, tall, parts,
                 given.get("lower", 0), given.get("upper", 0)]
    planes = 36 * (tall * wide_ic + wide * tall * block + 2 * SKEW)
    scratch = 4 * ((tile * th + side - 1) * (tile * tw + side - 1) * wide_ic + 66 * lanes + planes)
    writes = [y] + ([given["winner"]] if "winner" in given else [])
    flops = 2 * batch * size[0] * size[1] * side * side * ic * oc
    reason = (f"{_name(tile)}: {size[0] * size[1] / (tile * tile * th * tw):.0%} of its tiles used, "
              f"{images} images ({images * th * tw} tiles) a task, register tile {rows} x 2 vectors")
    return [pack, Launch("winograd_convolution", {"lanes": lanes, "rows": rows, "tile": tile}, arguments, writes,
                         tasks * parts, reason, scratch=scratch, flops=flops, saving=_saving(tile))]


_CHUNK_TILES = 256
"""Tiles of a chunk of the weight gradient: long sums, while both transforms still fit a last-level cache."""
_SUM_BYTES = 48 * 1024
"""Sums of the parts of a transformed weight gradient that a task brings back: whole rows, which its cache can hold."""


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
    tile: int

    @property
    def tiles(self) -> tuple[int, int]:
        """Rows and columns of tiles of an image."""
        return -(-self.oh // self.tile), -(-self.ow // self.tile)

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
    def side(self) -> int:
        """Rows of the kernel."""
        return 7 - self.tile

    @property
    def map_size(self) -> int:
        """Pixels of an image with its border, filled up to whole tiles."""
        th, tw = self.tiles
        return (self.tile * th + self.side - 1) * (self.tile * tw + self.side - 1)

    @property
    def flops(self) -> int:
        """Operations of the plain sum."""
        return 2 * self.batch * self.oh * self.ow * self.side ** 2 * self.ic * self.oc


def gradient_launches(x: Value, g: Value, dw: Value, db: Value | None, cpu: Cpu, tile: int,
                      padding: tuple) -> list[Launch]:
    """The launches of the gradient of a convolution's weights; g is the gradient of its own output."""
    (batch, height, width, ic), (_, oh, ow, oc) = x.shape, g.shape
    c = _Gradient(batch, height, width, ic, oh, ow, oc, padding, cpu.lanes, tile)
    few = 36 * c.wide[0] * c.wide[1] * 4 <= 2 * cpu.l2
    parts = -(-c.batch // -(-c.batch // PARTS)) if few else 1
    du = Temporary((parts, 36, *c.wide), name="transformed weight gradient")
    sums = Temporary((parts, c.wide[1]), name="bias sums")
    found = _in_parts(c, x, g, du, sums, cpu) if few else _in_chunks(c, x, g, du, sums, cpu)
    share = max(1, min(c.ic, _SUM_BYTES // (36 * 4 * c.wide[1])))
    found.append(Launch(
        "winograd_gradient_weights", {"lanes": c.lanes, "tile": tile},
        [du, sums, dw, db if db is not None else 0, c.ic, c.oc, *c.wide, int(db is not None), du.shape[0], share],
        [dw] + ([db] if db is not None else []), -(-c.ic // share), f"back to {c.side} x {c.side} weights",
        scratch=4 * (36 * c.lanes + 36 * share * c.wide[1])))
    return found


def _register_rows(cpu: Cpu) -> int:
    return 4 if cpu.registers == 16 else 8


def _in_parts(c: _Gradient, x: Value, g: Value, du: Temporary, sums: Temporary, cpu: Cpu) -> list[Launch]:
    images = -(-c.batch // PARTS)
    count, (th, tw) = du.shape[0], c.tiles
    room = min(images * th * tw, 48 if sum(c.wide) <= 96 else 32)
    scratch = 4 * (36 * c.lanes + c.map_size * c.wide[0] + c.tile ** 2 * th * tw * c.wide[1]
                   + 36 * (room * sum(c.wide) + 2 * SKEW))
    return [Launch(
        "winograd_gradient_parts", {"lanes": c.lanes, "rows": _register_rows(cpu), "tile": c.tile},
        [x, g, du, sums, c.batch, *c.shape_arguments, room, images], [du, sums], count,
        f"{_name(c.tile)}, adjoint: {count} parts of {images} images, each in one core's cache, {room} tiles at a "
        "time", scratch=scratch, flops=c.flops, saving=_saving(c.tile))]


def _in_chunks(c: _Gradient, x: Value, g: Value, du: Temporary, sums: Temporary, cpu: Cpu) -> list[Launch]:
    th, tw = c.tiles
    images = max(1, min(c.batch, _CHUNK_TILES // (th * tw)))
    tiles = images * th * tw
    v = Temporary((36, c.wide[0] * tiles + SKEW), name="transformed inputs")
    d = Temporary((36, c.wide[1] * tiles + SKEW), name="transformed output gradients")
    scratch = 4 * (36 * c.lanes + c.map_size * max(c.wide))
    found = []
    for first in range(0, c.batch, images):
        count = min(images, c.batch - first)
        found.append(Launch(
            "winograd_gradient_transform", {"lanes": c.lanes, "tile": c.tile},
            [x, g, v, d, first, *c.shape_arguments, tiles], [v, d], count,
            f"transforms images {first} to {first + count - 1}", scratch=scratch))
        found.append(Launch(
            "winograd_gradient_sum", {"lanes": c.lanes, "rows": _register_rows(cpu)},
            [v, d, du, sums, c.ic, c.oc, tiles, count * th * tw, int(first == 0)], [du, sums],
            36 * c.wide[1] // (2 * c.lanes), f"{_name(c.tile)}, adjoint: {count * th * tw} tiles",
            flops=c.flops * count // c.batch, saving=_saving(c.tile)))
    return found


# ---- rules --------------------------------------------------------------------------------------------------------

@lowers("conv2d", preferred=True)
def _forward(node: Node, cpu: Cpu) -> list[Launch] | None:
    x, w, *rest = node.inputs
    a = node.attributes
    size = output_size(x.shape[1:3], w.shape, a["strides"], a["padding"], a["dilation"])
    tile = tile_of(a, w.shape, size, x.shape[0], a["pool"])
    found = winograd_rows.forward(node, cpu) if _along_the_height(tile, w.shape) else None
    if tile is None or found is not None:
        return found
    given = {"activation": a["activation"]}
    given |= dict(zip(("bias", "lower", "upper"), rest, strict=False))
    given |= {"pool": True} if a["pool"] else {}
    given |= {"winner": node.outputs[1]} if len(node.outputs) > 1 else {}
    return launches(x, w, node.outputs[0], cpu, tile, size=size, padding=a["padding"], given=given)


@lowers("conv2d_input_grad", preferred=True)
def _input_gradient(node: Node, cpu: Cpu) -> list[Launch] | None:
    w, g = node.inputs[:2]
    a = node.attributes
    size = a["input_shape"]
    if conv_sparse.beats_winograd(Convolution.of(node, node.outputs[0].shape, w.shape), cpu):
        return None
    turned = tuple((w.shape[0] - 1 - before, w.shape[0] - 1 - after) for before, after in a["padding"])
    tile = tile_of(a | {"padding": turned}, w.shape, size, g.shape[0], None)
    found = winograd_rows.input_gradient(node, cpu) if _along_the_height(tile, w.shape) else None
    if tile is None or found is not None:
        return found
    given: dict = {"flipped": True}
    if a["pool"] is not None:
        y, winner = node.inputs[2:4]
        unpooled = output_size(size, w.shape, a["strides"], a["padding"], a["dilation"])
        if a["pool"][:2] != a["pool"][2:]:
            return None
        given |= {"source": (winner, y, a["pool"], a["activation"] == "relu"), "map": unpooled}
    if a["masked"]:
        given["mask"] = node.inputs[-1]
    return launches(g, w, node.outputs[0], cpu, tile, size=size, padding=turned, given=given)


@lowers("conv2d_weights_grad", preferred=True)
def _weights_gradient(node: Node, cpu: Cpu) -> list[Launch] | None:
    a = node.attributes
    if a["pool"] is not None:
        return None
    x, g = node.inputs
    tile = tile_of(a, a["kernel_shape"], g.shape[1:3], x.shape[0], None)
    found = winograd_rows.weights_gradient(node, cpu) if _along_the_height(tile, a["kernel_shape"]) else None
    if tile is None or found is not None:
        return found
    return gradient_launches(x, g, node.outputs[0], node.outputs[1] if a["bias"] else None, cpu, tile, a["padding"])
