"""When Winograd's F(4x4, 3x3), F(2x2, 5x5) or F(5x5, 2x2) runs a convolution, and with what launches."""

from __future__ import annotations

from dataclasses import dataclass

from striate.graph.ir import Value
from striate.kernels.cpu import Cpu
from striate.plan.ir import Launch, Temporary
from striate.plan.lower.winograd_rows import PARTS, SKEW

Tensor = Value | Temporary
_TILE_OF = {2: 5, 3: 4, 5: 2}
"""Rows of a tile of outputs by the side of the kernel: all need 6 x 6 inputs."""
_POINTS, _FEWEST = 6, 3
"""As INPUT_TILE and FEWEST_POINTS of `striate.kernels.winograd_matrices`, which cannot be imported without Numba."""
_TILES, _CHUNK, _LONGEST_CHUNK = 64, 36, 72
"""Tiles that a task aims at, and tiles of a chunk: enough rows to use each transformed weight often, few enough that
their transforms fit the second-level cache."""
_ROWS = {32: {1: 12, 2: 12, 3: 8}, 16: {1: 8, 2: 6, 3: 4}}
_GRADIENT_ROWS = {32: {1: 16, 2: 8, 3: 8}, 16: {1: 8, 2: 4, 3: 4}}
"""Rows of the register tile by the processor's registers and by the tile's vectors of output channels."""
_ACTIVATIONS = {None: 0, "relu": 1, "clamp": 2}
"""As RELU and CLAMP of `striate.kernels.winograd`."""
_LEAST_SAVED = ((32, 0.55), (16, 0.75))
"""(From so many channels on, how much must be saved as a part of what maps of whole tiles save.) With fewer channels
transforms cost more than is saved."""
_EDGES_PAY, _EDGES_OF_GRADIENTS_PAY = 0.80, 0.88
"""Products by smaller tiles at the edges, of those by whole ones, up to which the edges get them: forward and in
gradients. Maps of 14 x 14 and 7 x 7 (0.84) would run forward a tenth faster; but then twenty steps of `uva` end 3 % of
a bias away from Keras', where 2 % are allowed and 1.5 % reached: rounding decides between neighbours in a window."""
_FEWEST_TILES = 16
"""With fewer tiles, reading the transformed weights (four times the weights) costs more than is saved."""
_COLUMN_CHANNELS, _COLUMN_TILES = 128, 4
"""Most input channels of the kernel that transforms columns of products back at once: weights of more do not fit the
second-level cache, from which it reads them for every `_COLUMN_TILES` tiles (TILES_AT_ONCE of the kernel's file)."""
_SHARED_TASKS = 4
"""Fewer blocks of images than this are shared out by output channels too."""


def tile_of(attributes, kernel: tuple, size: tuple, batch: int, pool: tuple | None) -> int | None:
    """The side of the tiles of outputs, if Winograd's convolution pays: stride 1, enough channels, maps and tiles.

    A pooling's windows lie in whole tiles, so that those of 5 x 5 outputs are not pooled.
    """
    tile = _TILE_OF.get(kernel[0]) if kernel[0] == kernel[1] else None
    plain = (attributes["strides"] == (1, 1) and attributes["dilation"] == (1, 1) and attributes["groups"] == 1)
    if tile is None or not plain or (pool and (pool != (2, 2, 2, 2) or tile % 2 or min(size) < 2)):
        return None
    cut = _Cut(tile, *size)
    padding = all(0 <= side < kernel[0] for pair in attributes["padding"] for side in pair)
    least = next((part for enough, part in _LEAST_SAVED if min(kernel[2:]) >= enough), None)
    pays = least is not None and cut.saved >= least and batch * cut.tiles >= _FEWEST_TILES
    return tile if padding and pays else None


@dataclass(frozen=True)
class _Cut:
    """A map of `height` x `width` outputs cut into tiles.

    The lowest and last ones are smaller, with fewer points, if that saves enough; else they reach beyond the map.
    """

    tile: int
    height: int
    width: int
    pays: float = _EDGES_PAY

    @property
    def smaller(self) -> bool:
        """Whether the map's edges get tiles of their own."""
        whole = _POINTS ** 2 * self.tiles
        return self._products < self.pays * whole

    @property
    def _left(self) -> tuple[int, int]:
        """Rows and columns of outputs of the lowest and last tiles: those in the map, but what three points give."""
        fewest = _FEWEST - _POINTS + self.tile
        return (max(fewest, self.height - self.tile * (self.rows - 1)),
                max(fewest, self.width - self.tile * (self.columns - 1)))

    @property
    def _products(self) -> int:
        """Products of a channel, if the tiles at the edges are smaller."""
        down, across = (_POINTS * (count - 1) + left + _POINTS - self.tile
                        for count, left in zip((self.rows, self.columns), self._left, strict=True))
        return down * across

    @property
    def rows(self) -> int:
        """Rows of tiles."""
        return -(-self.height // self.tile)

    @property
    def columns(self) -> int:
        """Columns of tiles."""
        return -(-self.width // self.tile)

    @property
    def tiles(self) -> int:
        """Tiles of all kinds."""
        return self.rows * self.columns

    @property
    def down(self) -> int:
        """Rows of outputs of the lowest tiles."""
        return self._left[0] if self.smaller else self.tile

    @property
    def across(self) -> int:
        """Columns of outputs of the last tiles of a row."""
        return self._left[1] if self.smaller else self.tile

    @property
    def points(self) -> tuple[int, int]:
        """Points of the lowest tiles along the height and of the last ones of a row along the width."""
        return self.down + _POINTS - self.tile, self.across + _POINTS - self.tile

    @property
    def saved(self) -> float:
        """How much is saved, as a part of what a map of whole tiles would save."""
        products = self._products if self.smaller else _POINTS ** 2 * self.tiles
        return self.height * self.width / products * (_POINTS / self.tile) ** 2

    def ends(self, images: int) -> tuple[int, int, int]:
        """Ends of the first three kinds of tiles of so many images: the lowest, the whole, the last of their rows."""
        low, far = self.down < self.tile, self.across < self.tile
        lowest = images * (self.columns - far) * low
        whole = lowest + images * (self.rows - low) * (self.columns - far)
        return lowest, whole, whole + images * (self.rows - low) * far

    def register_tiles(self, images: int, rows: int) -> int:
        """Register tiles of `rows` tiles that the products of so many images take, for a block of output channels."""
        (lowest, whole, last), count = self.ends(images), images * self.tiles
        high, wide = self.points

        def taken(tiles):
            return -(-tiles // rows)
        return (high * wide * taken(count) + high * (_POINTS - wide) * taken(whole)
                + (_POINTS - high) * wide * taken(last - lowest)
                + (_POINTS - high) * (_POINTS - wide) * taken(whole - lowest))

    def __str__(self) -> str:
        edges = [f"{count} {words}" for count, words in ((self.down, "rows"), (self.across, "columns"))
                 if count < self.tile]
        return f"{self.rows} x {self.columns} tiles" + (f", the last with {' and '.join(edges)}" if edges else "")


def _vectors(channels: int, lanes: int) -> int:
    """Vectors of output channels in a block: two, or as many as leave fewer of the last block's empty."""
    needed = -(-channels // lanes)
    return 1 if needed == 1 else min((2, 3), key=lambda vectors: -(-needed // vectors) * vectors)


def _by_columns(cut: _Cut, channels: int, cpu: Cpu) -> bool:
    """Whether a column of frequencies is transformed back in registers, of which it needs 32: whole tiles only."""
    return channels <= _COLUMN_CHANNELS and cpu.lanes == 16 and not cut.smaller


def _name(tile: int) -> str:
    return f"Winograd F({tile}x{tile},{7 - tile}x{7 - tile})"


def _saving(cut: _Cut) -> float:
    """How many times fewer multiplications are made."""
    return cut.saved * (cut.tile * (7 - cut.tile) / _POINTS) ** 2


def _images(cut: _Cut, most: int, rows: int) -> tuple[int, int]:
    """(Images of a task, tiles of a chunk). A task has near `_TILES` tiles, `most` images at most.

    Smaller tiles belong to chunks of whole images where these are small: so many that register tiles waste little.
    """
    wanted = max(1, min(_TILES // cut.tiles, most))
    if cut.smaller and cut.tiles <= _LONGEST_CHUNK:
        together = min(range(1, max(1, min(_LONGEST_CHUNK // cut.tiles, most)) + 1),
                       key=lambda images: (round(cut.register_tiles(images, rows) / images, 1), images))
        return together * max(1, wanted // together), together * cut.tiles

    def waste(images: int) -> float:
        return round(-images * cut.tiles % rows / (images * cut.tiles), 2)
    images = min(range(max(1, wanted - wanted // 4), max(wanted, min(most, 4 * _TILES // cut.tiles)) + 1),
                 key=lambda images: (waste(images), images < wanted, abs(images - wanted)))
    return images, min(_CHUNK, -(-images * cut.tiles // rows) * rows)


def launches(x: Tensor, w: Tensor, y: Tensor, cpu: Cpu, tile: int, *, size: tuple, padding: tuple,
             given: dict) -> list[Launch]:
    """The two launches of a Winograd convolution of x (n, h, w, ic) with w, by tiles of `tile` x `tile` outputs.

    size: (height, width) of the convolution's output before pooling. given: what is fused: `bias`, `mask`, `winner`,
    `lower` and `upper` values, `activation`, `pool`, `flipped`, `source` = (winner, pool) of a pooled
    gradient as input with its unpooled (height, width) as `map`.
    """
    lanes, side = cpu.lanes, 7 - tile
    pooled, flipped = bool(given.get("pool")), bool(given.get("flipped"))
    pays = _EDGES_OF_GRADIENTS_PAY if flipped else _EDGES_PAY
    down, across = (length // 2 * 2 if pooled else length for length in size)
    cut = _Cut(tile, down, across, pays)
    batch, ic = x.shape[0], x.shape[3]
    oc = w.shape[2] if flipped else w.shape[3]
    height, width = given.get("map", x.shape[1:3])
    wide_ic = -(-ic // lanes) * lanes
    columns = _by_columns(cut, ic, cpu)
    vectors = 1 if columns else _vectors(oc, lanes)
    rows, block = _COLUMN_TILES if columns else _ROWS[cpu.registers][vectors], vectors * lanes
    blocks = -(-oc // block)
    heavy = 36 * ic * oc * 4 > cpu.l2
    images, tall = _images(cut, -(-batch // (4 if heavy else 8)), rows)
    wide = min(blocks, max(1, 64 // block))
    tasks = -(-batch // images)
    parts = 1 if tasks >= _SHARED_TASKS else min(blocks, max(2, blocks // 2), -(-_SHARED_TASKS // tasks))
    plane = blocks * wide_ic * block + SKEW
    u = Temporary((36, plane), name="transformed weights")
    steps = ((36 * wide_ic * lanes, 6 * lanes, 6 * wide_ic * lanes, lanes) if columns else
             (wide_ic * block, block, plane, 6 * plane))
    pack = Launch("winograd_weights", {"lanes": lanes, "tile": tile},
                  [w, u, ic, oc, wide_ic, int(flipped), block, *steps], [u], vectors * blocks * wide_ic // lanes,
                  "transforms the filters once a step",
                  scratch=4 * (6 * side * lanes + 2 * side * side * lanes * lanes), prepares=True)
    source = given.get("source")
    winner_in, pool_in = source if source else (0, (0, 0))
    arguments = [x, winner_in, u, given.get("bias", 0), given.get("mask", 0), y, given.get("winner", 0),
                 batch, height, width, ic, oc, cut.height, cut.width, cut.rows, cut.columns, padding[0][0],
                 padding[1][0], int("bias" in given), _ACTIVATIONS[given.get("activation")], int("mask" in given),
                 int(pooled), images, *pool_in[:2], wide, tall, parts,
                 given.get("lower", 0), given.get("upper", 0), *cut.points]
    planes = (36 * (tall + rows) * wide_ic + rows * 6 * tile * lanes if columns else
              36 * ((tall + rows) * (wide_ic + wide * block) + 2 * SKEW) + 2 * tall)
    map_size = (max(tile * cut.rows + side - 1, padding[0][0] + height)
                * max(tile * cut.columns + side - 1, padding[1][0] + width))
    scratch = 4 * (map_size * wide_ic + 66 * lanes + planes)
    writes = [y] + ([given["winner"]] if "winner" in given else [])
    flops = 2 * batch * size[0] * size[1] * side * side * ic * oc
    reason = f"{_name(tile)}: {cut}, {images} images ({images * cut.tiles} tiles) a task, register tile "
    reason += f"6 frequencies x {rows} tiles" if columns else f"{rows} x {vectors} vectors"
    variant = {"lanes": lanes, "tile": tile} | ({} if columns else {"rows": rows, "vectors": vectors})
    return [pack, Launch("winograd_columns" if columns else "winograd_convolution", variant, arguments, writes,
                         tasks * parts, reason, scratch=scratch, flops=flops, saving=_saving(cut))]


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
    def cut(self) -> _Cut:
        """How the gradient is cut into tiles."""
        return _Cut(self.tile, self.oh, self.ow, _EDGES_OF_GRADIENTS_PAY)

    @property
    def vectors(self) -> int:
        """Vectors of output channels in a block."""
        return _vectors(self.oc, self.lanes)

    @property
    def wide(self) -> tuple[int, int]:
        """Input and output channels, filled up to whole vectors and blocks."""
        block = self.vectors * self.lanes
        return -(-self.ic // self.lanes) * self.lanes, -(-self.oc // block) * block

    @property
    def shape_arguments(self) -> list[int]:
        """The slots that all kernels of the gradient have in common."""
        return [self.height, self.width, self.ic, self.oc, self.oh, self.ow, self.cut.rows, self.cut.columns,
                self.padding[0][0], self.padding[1][0]]

    @property
    def side(self) -> int:
        """Rows of the kernel."""
        return 7 - self.tile

    @property
    def map_size(self) -> int:
        """Pixels of an image with its border, filled up to whole tiles."""
        return (self.tile * self.cut.rows + self.side - 1) * (self.tile * self.cut.columns + self.side - 1)

    @property
    def flops(self) -> int:
        """Operations of the plain sum."""
        return 2 * self.batch * self.oh * self.ow * self.side ** 2 * self.ic * self.oc


def gradient_launches(x: Tensor, g: Tensor, dw: Tensor, db: Value | None, cpu: Cpu, tile: int,
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


def _in_parts(c: _Gradient, x: Tensor, g: Tensor, du: Temporary, sums: Temporary, cpu: Cpu) -> list[Launch]:
    images = -(-c.batch // PARTS)
    count, tiles, rows = du.shape[0], c.cut.tiles, _GRADIENT_ROWS[cpu.registers][c.vectors]
    room = min(images * tiles, 48 if sum(c.wide) <= 96 else 64)
    scratch = 4 * (36 * c.lanes + c.map_size * c.wide[0] + c.tile ** 2 * tiles * c.wide[1]
                   + 36 * (room * sum(c.wide) + 2 * SKEW) + 2 * room)
    return [Launch(
        "winograd_gradient_parts", {"lanes": c.lanes, "rows": rows, "vectors": c.vectors, "tile": c.tile},
        [x, g, du, sums, c.batch, *c.shape_arguments, room, images, *c.cut.points], [du, sums], count,
        f"{_name(c.tile)}, adjoint: {c.cut}, {count} parts of {images} images, each in one core's cache, {room} tiles "
        "at a time", scratch=scratch, flops=c.flops, saving=_saving(c.cut))]


def _in_chunks(c: _Gradient, x: Tensor, g: Tensor, du: Temporary, sums: Temporary, cpu: Cpu) -> list[Launch]:
    images = max(1, min(c.batch, _CHUNK_TILES // c.cut.tiles))
    tiles, rows = images * c.cut.tiles, _GRADIENT_ROWS[cpu.registers][c.vectors]
    v = Temporary((36, c.wide[0] * tiles + SKEW), name="transformed inputs")
    d = Temporary((36, c.wide[1] * tiles + SKEW), name="transformed output gradients")
    scratch = 4 * (36 * c.lanes + 2 * tiles + c.map_size * max(c.wide))
    found = []
    for first in range(0, c.batch, images):
        count = min(images, c.batch - first)
        found.append(Launch(
            "winograd_gradient_transform", {"lanes": c.lanes, "vectors": c.vectors, "tile": c.tile},
            [x, g, v, d, first, *c.shape_arguments, tiles, count * c.cut.tiles,
             *c.cut.points], [v, d], count,
            f"transforms images {first} to {first + count - 1}: {c.cut}", scratch=scratch))
        found.append(Launch(
            "winograd_gradient_sum", {"lanes": c.lanes, "rows": rows, "vectors": c.vectors},
            [v, d, du, sums, c.ic, c.oc, tiles, count * c.cut.tiles, int(first == 0), *c.cut.ends(count),
             *c.cut.points], [du, sums], 36 * c.wide[1] // (c.vectors * c.lanes),
            f"{_name(c.tile)}, adjoint: {count * c.cut.tiles} tiles",
            flops=c.flops * count // c.batch, saving=_saving(c.cut)))
    return found
