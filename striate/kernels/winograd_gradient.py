"""The gradient of a convolution with respect to its weights: the adjoint of Winograd's F(4x4, 3x3), F(2x2, 5x5)
or F(5x5, 2x2).

    dw = G' [ sum over tiles of (B' d B) . (A dY A') ] G

Per frequency f this is dU[f] = V[f]' @ D[f], summed over all tiles of the batch that have it (see
`striate.kernels.winograd`). The frequency of point 1 in both directions is the plain sum of dY: the bias gradient comes
with it. Two ways, both with one order of every sum:

* few channels: the batch is cut into a few parts (from shapes alone); each is one task with a dU of its own, whose V
  and D never leave its core's cache; the last launch adds the parts in order;
* many channels: dU is one. The batch is cut into chunks of images, so that V and D of a chunk stay in the last-level
  cache; each chunk is transformed by one launch and added to dU by the next, whose tasks share out dU.

Layout: x and dY NHWC; V [f][ic / lanes][tile][lanes], D [f][oc / 2 lanes][tile][2 lanes], dU [f][ic][oc].
"""

import numpy as np

from striate.kernels.jit import inlined
from striate.kernels.simd import broadcast, f32, f32_at, i64_at, integer, load, store, store_part
from striate.kernels.tiles import tile_add, tile_load, tile_product, tile_store, tile_zeros
from striate.kernels.winograd import SKEW, clear, copy_padded, input_tile, order_tiles, tiles_of
from striate.kernels.winograd_matrices import A_T, INPUT_TILE, TILES, G, linear_map, square_map

_gradient_map = linear_map(*[[A_T[key].T] for key in A_T])
_gradient_square = square_map(*[[A_T[INPUT_TILE, tile].T] for tile in TILES])
_weight_gradient_map = linear_map(*[[G[tile].T] for tile in TILES])
_SUM_FREQUENCY = 2 * INPUT_TILE + 2


@inlined
def _edge_gradients(points, tile, source, at, step, target, out, line, lanes):
    """A dY along one line of a smaller tile."""
    if tile == 5 and points == 6:
        tile_store(_gradient_map(tile_load(source, at, step, 5, 1, lanes), 6), target, out, line)
    elif tile == 5 and points == 5:
        tile_store(_gradient_map(tile_load(source, at, step, 4, 1, lanes), 5), target, out, line)
    elif tile == 5 and points == 4:
        tile_store(_gradient_map(tile_load(source, at, step, 3, 1, lanes), 4), target, out, line)
    elif tile == 5:
        tile_store(_gradient_map(tile_load(source, at, step, 2, 1, lanes), 3), target, out, line)
    elif tile == 2 and points == 6:
        tile_store(_gradient_map(tile_load(source, at, step, 2, 1, lanes), 6), target, out, line)
    elif tile == 2:
        tile_store(_gradient_map(tile_load(source, at, step, 1, 1, lanes), 5), target, out, line)
    elif points == 6:
        tile_store(_gradient_map(tile_load(source, at, step, 4, 1, lanes), 6), target, out, line)
    elif points == 5:
        tile_store(_gradient_map(tile_load(source, at, step, 3, 1, lanes), 5), target, out, line)
    elif points == 4:
        tile_store(_gradient_map(tile_load(source, at, step, 2, 1, lanes), 4), target, out, line)
    else:
        tile_store(_gradient_map(tile_load(source, at, step, 1, 1, lanes), 3), target, out, line)


@inlined
def _gradient_tile(source, corner, pixel, line, half, d, target, plane, high, wide, tile, lanes):
    """D = A dY A' of one tile and one vector of channels: high x wide points."""
    if high == INPUT_TILE and wide == INPUT_TILE:
        _gradient_square(source, corner, pixel, line, tile, d, target, plane, lanes)
    else:
        for column in range(wide - INPUT_TILE + tile):
            at = corner + column * pixel
            _edge_gradients(high, tile, source, at, line, half, column * lanes, tile * lanes, lanes)
        for row in range(high):
            out = target + row * INPUT_TILE * plane
            _edge_gradients(wide, tile, half, row * tile * lanes, lanes, d, out, plane, lanes)


@inlined
def _products(v, left_plane, d, right_plane, du, f, b, wide_ic, wide_oc, room, start, end, fresh, rows, vectors, block,
              lanes):
    """dU[f, :, block b] += V[f]' @ D[f, :, block b] over tiles start to end; V and D have room for `room` tiles."""
    right = f * right_plane + (b * room + start) * block
    for k in range(0, wide_ic, rows):
        left, out = f * left_plane + k // lanes * lanes * room + k % lanes, (f * wide_ic + k) * wide_oc + b * block
        sums = tile_product(tile_zeros(rows, vectors, lanes), v, left + start * lanes, 1, lanes, d, right, block,
                            end - start, right + room * block)
        if not fresh:   # sums of chunks are added up, which rounds less than one long sum
            sums = tile_add(tile_load(du, out, wide_oc, rows, vectors, lanes), sums)
        tile_store(sums, du, out, wide_oc)


@inlined
def _bias_sums(d, right_plane, sums, b, room, tiles, fresh, vectors, lanes):
    """sums[block b] += the sum of dY over `tiles` tiles: the frequency of point 1 in both directions."""
    block = vectors * lanes
    for part in range(vectors):
        place = b * block + part * lanes
        total = broadcast(np.float32(0.0), lanes)
        for t in range(tiles):
            at = _SUM_FREQUENCY * right_plane + (b * room + t) * block + part * lanes
            total = total + load(d, at, lanes)
        store(sums, place, total if fresh else load(sums, place, lanes) + total)


def winograd_gradient_parts(lanes, rows, vectors, tile):
    """Makes the kernel that computes the dU of a part of the batch. Task: a part.

    Arguments: 0 x, 1 g, 2 the dU of all parts, 3 their bias sums; 4 images n, 5 h, 6 w, 7 ic, 8 oc, 9 oh, 10 ow,
    11 tile rows, 12 tile columns, 13 top, 14 left, 15 tiles of a chunk, 16 images of a part, 17 and 18 points of the
    lowest tiles and of the last ones of a row. Register tile as below.
    """
    block, border = vectors * lanes, INPUT_TILE - tile

    def winograd_gradient_parts(a, first, last, scratch):
        x, g, n, images = f32(a, 0), f32(a, 1), integer(a, 4), integer(a, 16)
        h, w, ic, oc, oh, ow = (
            integer(a, 5), integer(a, 6), integer(a, 7), integer(a, 8), integer(a, 9), integer(a, 10))
        th, tw, room, high, wide = integer(a, 11), integer(a, 12), integer(a, 15), integer(a, 17), integer(a, 18)
        wide_ic, wide_oc = (ic + lanes - 1) // lanes * lanes, (oc + block - 1) // block * block
        line, g_line = tile * tw + border, tile * tw * wide_oc
        v_plane, d_plane = room * wide_ic + SKEW, room * wide_oc + SKEW
        map_size = (tile * th + border) * line * wide_ic
        half, padded = f32_at(scratch), f32_at(scratch + 4 * 36 * lanes)
        g_size = tile * th * g_line
        outputs, at = f32_at(scratch + 4 * (36 * lanes + map_size)), 36 * lanes + map_size + g_size
        v, d = f32_at(scratch + 4 * at), f32_at(scratch + 4 * (at + 36 * v_plane))
        slots = i64_at(scratch + 4 * (at + 36 * (v_plane + d_plane)))
        clear(padded, map_size)
        clear(outputs, g_size)
        for task in range(first, last):
            du = f32_at(integer(a, 2) + 4 * task * 36 * wide_ic * wide_oc)
            sums = f32_at(integer(a, 3) + 4 * task * wide_oc)
            tiles = (min((task + 1) * images, n) - task * images) * th * tw
            for chunk in range(0, tiles, room):
                count = min(room, tiles - chunk)
                ends = order_tiles(slots, chunk, count, th, tw, high < INPUT_TILE, wide < INPUT_TILE)
                for t in range(count):
                    image, place = task * images + (chunk + t) // (th * tw), (chunk + t) % (th * tw)
                    row, column = place // tw, place % tw
                    tall_points = high if row == th - 1 else INPUT_TILE
                    wide_points = wide if column == tw - 1 else INPUT_TILE
                    if place == 0:
                        copy_padded(x, image, h, w, ic, integer(a, 13), integer(a, 14), padded, wide_ic, line)
                        copy_padded(g, image, oh, ow, oc, 0, 0, outputs, wide_oc, tile * tw)
                    corner = (row * line + column) * tile * wide_ic
                    for k in range(0, wide_ic, lanes):
                        input_tile(padded, corner + k, wide_ic, line * wide_ic, half, v, k * room + slots[t] * lanes,
                                   v_plane, tall_points, wide_points, lanes)
                    corner = (row * tile * tw + column) * tile * wide_oc
                    for k in range(0, wide_oc, lanes):
                        target = k // block * block * room + slots[t] * block + k % block
                        _gradient_tile(outputs, corner + k, wide_oc, g_line, half, d, target, d_plane, tall_points,
                                       wide_points, tile, lanes)
                for f in range(36):
                    start, end = tiles_of(f, high, wide, *ends, count)
                    for b in range(wide_oc // block):
                        _products(v, v_plane, d, d_plane, du, f, b, wide_ic, wide_oc, room, start, end, chunk == 0,
                                  rows, vectors, block, lanes)
                for b in range(wide_oc // block):
                    _bias_sums(d, d_plane, sums, b, room, count, chunk == 0, vectors, lanes)
    return winograd_gradient_parts


def winograd_gradient_transform(lanes, vectors, tile):
    """Makes the kernel that transforms x and dY of one chunk. Task: one image of the chunk.

    Arguments: 0 x, 1 g, 2 V, 3 D; 4 first image, 5 h, 6 w, 7 ic, 8 oc, 9 oh, 10 ow, 11 tile rows, 12 tile columns,
    13 top, 14 left, 15 tiles of a whole chunk, 16 tiles of this chunk, 17 and 18 points of the lowest tiles and of the
    last ones of a row.
    """
    block, border = vectors * lanes, INPUT_TILE - tile

    def winograd_gradient_transform(a, first, last, scratch):
        x, g, v, d = f32(a, 0), f32(a, 1), f32(a, 2), f32(a, 3)
        h, w, ic, oc, oh, ow = (
            integer(a, 5), integer(a, 6), integer(a, 7), integer(a, 8), integer(a, 9), integer(a, 10))
        th, tw, all_tiles, count = integer(a, 11), integer(a, 12), integer(a, 15), integer(a, 16)
        high, wide = integer(a, 17), integer(a, 18)
        wide_ic, wide_oc = (ic + lanes - 1) // lanes * lanes, (oc + block - 1) // block * block
        line, g_line = tile * tw + border, tile * tw * wide_oc
        v_plane, d_plane = all_tiles * wide_ic + SKEW, all_tiles * wide_oc + SKEW
        half, slots = f32_at(scratch), i64_at(scratch + 4 * 36 * lanes)
        padded = f32_at(scratch + 4 * (36 * lanes + 2 * all_tiles))
        order_tiles(slots, 0, count, th, tw, high < INPUT_TILE, wide < INPUT_TILE)
        for task in range(first, last):
            image = integer(a, 4) + task
            clear(padded, (tile * th + border) * line * wide_ic)
            copy_padded(x, image, h, w, ic, integer(a, 13), integer(a, 14), padded, wide_ic, line)
            for t in range(th * tw):
                row, column, place = t // tw, t % tw, slots[task * th * tw + t] * lanes
                corner = (row * line + column) * tile * wide_ic
                for k in range(0, wide_ic, lanes):
                    input_tile(padded, corner + k, wide_ic, line * wide_ic, half, v, k * all_tiles + place, v_plane,
                               high if row == th - 1 else INPUT_TILE, wide if column == tw - 1 else INPUT_TILE, lanes)
            clear(padded, tile * th * g_line)
            copy_padded(g, image, oh, ow, oc, 0, 0, padded, wide_oc, tile * tw)
            for t in range(th * tw):
                row, column, place = t // tw, t % tw, slots[task * th * tw + t] * block
                corner = (row * tile * tw + column) * tile * wide_oc
                for k in range(0, wide_oc, lanes):
                    target = k // block * block * all_tiles + place + k % block
                    _gradient_tile(padded, corner + k, wide_oc, g_line, half, d, target, d_plane,
                                   high if row == th - 1 else INPUT_TILE, wide if column == tw - 1 else INPUT_TILE,
                                   tile, lanes)
    return winograd_gradient_transform


def winograd_gradient_sum(lanes, rows, vectors):
    """Makes the kernel that adds one chunk's V' @ D to dU. Task: a frequency and a block of `vectors` vectors of
    output channels.

    Arguments: 0 V, 1 D, 2 dU, 3 bias sums (one vector of padded oc); 4 ic, 5 oc, 6 tiles of a whole chunk, 7 tiles of
    this chunk, 8 whether this is the first chunk, 9 to 11 ends of the chunk's first three kinds of tiles, 12 and 13
    points of the lowest tiles and of the last ones of a row. Register tile: `rows` (a divisor of lanes) input channels
    x `vectors` vectors; its inner loop runs over tiles, contiguous in both operands.
    """
    block = vectors * lanes

    def winograd_gradient_sum(a, first, last, scratch):
        v, d, du, sums_of_g = f32(a, 0), f32(a, 1), f32(a, 2), f32(a, 3)
        ic, oc, all_tiles, tiles, fresh = integer(a, 4), integer(a, 5), integer(a, 6), integer(a, 7), integer(a, 8)
        wide_ic, blocks = (ic + lanes - 1) // lanes * lanes, (oc + block - 1) // block
        wide_oc = blocks * block
        v_plane, d_plane = wide_ic * all_tiles + SKEW, wide_oc * all_tiles + SKEW
        for task in range(first, last):
            f, b = task // blocks, task % blocks
            start, end = tiles_of(f, integer(a, 12), integer(a, 13), integer(a, 9), integer(a, 10), integer(a, 11),
                                  tiles)
            _products(v, v_plane, d, d_plane, du, f, b, wide_ic, wide_oc, all_tiles, start, end, fresh, rows,
                      vectors, block, lanes)
            if f == _SUM_FREQUENCY:
                _bias_sums(d, d_plane, sums_of_g, b, all_tiles, tiles, fresh, vectors, lanes)
    return winograd_gradient_sum


def winograd_gradient_weights(lanes, tile):
    """Makes the kernel dw = G' dU G, and brings the bias gradient. Task: `share` input channels.

    Arguments: 0 dU, 1 bias sums, 2 dw, 3 db; 4 ic, 5 oc, 6 padded ic, 7 padded oc, 8 whether db is wanted, 9 parts of
    dU and of the bias sums, which are added in order, 10 share.
    """
    side = INPUT_TILE + 1 - tile

    def winograd_gradient_weights(a, first, last, scratch):
        du, sums_of_g, dw, db = f32(a, 0), f32(a, 1), f32(a, 2), f32(a, 3)
        ic, oc, wide_ic, wide_oc = integer(a, 4), integer(a, 5), integer(a, 6), integer(a, 7)
        parts, share, plane = integer(a, 9), integer(a, 10), wide_ic * wide_oc
        half, done, sums = f32_at(scratch), f32_at(scratch + 4 * 30 * lanes), f32_at(scratch + 4 * 36 * lanes)
        for task in range(first, last):
            begin, end = task * share, min((task + 1) * share, ic)
            # Frequencies lie a power of two apart, so their lines would drive each other out of the cache if one vector
            # of each were taken at a time: whole rows are added up first.
            for f in range(36):
                for i in range(0, (end - begin) * wide_oc, lanes):
                    source = f * plane + begin * wide_oc + i
                    total = load(du, source, lanes)
                    for part in range(1, parts):
                        total = total + load(du, source + part * 36 * plane, lanes)
                    store(sums, f * share * wide_oc + i, total)
            for k in range(begin, end):
                for o in range(0, oc, lanes):
                    for column in range(6):
                        source = (column * share + k - begin) * wide_oc + o
                        taken = tile_load(sums, source, 6 * share * wide_oc, 6, 1, lanes)
                        tile_store(_weight_gradient_map(taken, side), half, column * lanes, 6 * lanes)
                    for row in range(side):
                        taken = tile_load(half, row * 6 * lanes, lanes, 6, 1, lanes)
                        tile_store(_weight_gradient_map(taken, side), done, 0, lanes)
                        for column in range(side):
                            place = ((row * side + column) * ic + k) * oc + o
                            store_part(dw, place, load(done, column * lanes, lanes), oc - o)
            if task == 0 and integer(a, 8):
                for o in range(oc):
                    total = sums_of_g[o]
                    for part in range(1, parts):
                        total += sums_of_g[part * wide_oc + o]
                    db[o] = total
    return winograd_gradient_weights
