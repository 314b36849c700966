"""Winograd's convolutions F(4x4, 3x3), F(2x2, 5x5) and F(5x5, 2x2): 36 multiplications for 144, 100 and 100.

    Y = A' [ (G w G') . (B' d B) ] A        d: 6 x 6 inputs, w: 3 x 3 weights, Y: 4 x 4 outputs, . elementwise
                                            or          w: 5 x 5 weights, Y: 2 x 2 outputs
                                            or          w: 2 x 2 weights, Y: 5 x 5 outputs (`phases`)

Over channels the elementwise products become 36 matrix products, one a *frequency* f:

    M[f] = V[f] @ U[f]       V[f]: tiles x input channels,  U[f]: input channels x output channels

The matrices come from the interpolation points 0, 1, -1, 1/2, -2 and infinity (Lavin and Gray, arXiv 1509.09308;
the points after Barabasz et al., arXiv 1803.10986: relative error 1.3e-6 where the plain sum has 2.5e-7). B' depends on
the points alone, so that both convolutions transform their inputs alike: everything else is named by its `tile`, the
rows of Y.

Where a map's side is no multiple of the tile, the last tiles have fewer rows or columns of Y, and need only the first
so many points: a map of 14 x 14 takes 9 tiles of 36 products, 6 of 24 and one of 16, in place of 16 of 36. The factors
by which G then differs are put into B', so that one U serves all tiles.

Layout: x and y NHWC. U is packed [f][block of one to three vectors of output channels][input channel][block]. The
tiles of a chunk lie in V and M by kind, so that those that have a frequency are neighbours: the lowest, the whole, the
last of their rows, the corners.
One task is a block of whole images. Its padded images, V and M stay in the thread's scratch (L2): transform, multiply
and transform back without touching memory between the three stages ("L3 fusion", Gelashvili et al. 2019).

AMD EPYC (AVX2), one thread, the plain sum's operations in percent of the peak, 102 GFLOP/s: 28 x 28 x 32 to 32 channels
200 %, 14 x 14 x 64 to 64 200 % (by smaller tiles 225 %), 9 x 9 x 64 to 64 220 %, 2 x 2 x 256 to 256 170 %. Of a tile of
28 x 28 x 32 the products take 57 %, the way back 25 %, the way there 12 %, copying 10 %; each register tile costs 33
cycles beside its multiply-adds (192 of 32 channels).
"""

import numpy as np

from striate.kernels.jit import helper, inlined
from striate.kernels.parts import goes_past_caches, load_left
from striate.kernels.simd import (
    broadcast,
    f32,
    f32_at,
    fence,
    from_int_bits,
    i64_at,
    integer,
    load_part,
    select,
    store,
    transpose_square,
    u8,
    u8_at,
)
from striate.kernels.tiles import (
    tile_load,
    tile_product,
    tile_store,
    tile_zeros,
)
from striate.kernels.windows import load_places
from striate.kernels.winograd_matrices import B_T, INPUT_STAGES, INPUT_TILE, TILES, G, linear_map, square_map
from striate.kernels.winograd_outputs import load_epilogue, output_columns, output_edge, write_part, write_tile

SKEW = 16
"""Floats added between the planes of two frequencies: 36 planes a power of two apart would share a cache set."""
_input_map = linear_map(INPUT_STAGES, *[[B_T[count]] for count in B_T if count < INPUT_TILE])
_input_square = square_map(INPUT_STAGES)
_weight_map = linear_map(*[[G[tile]] for tile in TILES])


def winograd_weights(lanes, tile):
    """Makes the kernel that packs U = G w G'. Task: one vector of output channels and one vector of input channels.

    Arguments: 0 w, 1 U; 2 ic, 3 oc, 4 padded ic, 5 flipped (1: w turned by 180 degrees and its channels exchanged, for
    the input gradient; ic and oc then name the roles in the convolution that is computed), 6 channels of a block,
    7 to 10 floats that blocks, input channels, columns and rows of U are apart.
    """
    side = INPUT_TILE + 1 - tile
    taps = side * side

    def winograd_weights(a, first, last, scratch):
        w, u = f32(a, 0), f32(a, 1)
        ic, oc, padded, flipped, block = integer(a, 2), integer(a, 3), integer(a, 4), integer(a, 5), integer(a, 6)
        block_step, channel_step, column_step, row_step = integer(a, 7), integer(a, 8), integer(a, 9), integer(a, 10)
        square, half = lanes * lanes, f32_at(scratch)
        weights = f32_at(scratch + 4 * 6 * side * lanes)
        turned = f32_at(scratch + 4 * (6 * side * lanes + taps * square))
        groups = padded // lanes
        for task in range(first, last):
            channel, begin = task // groups * lanes, task % groups * lanes
            for tap in range(taps):
                for i in range(lanes):
                    # Row i: weights of one input channel for all output channels, or (flipped) the other way round.
                    row = channel + i if flipped else begin + i
                    left, most = (begin, ic) if flipped else (channel, oc)
                    value = broadcast(np.float32(0.0), lanes)
                    if row < (oc if flipped else ic) and left < most:
                        place = ((taps - 1 - tap) * oc + row) * ic if flipped else (tap * ic + row) * oc
                        value = load_part(w, place + left, min(lanes, most - left), lanes)
                    store(weights, tap * square + i * lanes, value)
                if flipped:
                    transpose_square(weights, tap * square, lanes, turned, tap * square, lanes, lanes)
            source = turned if flipped else weights
            for i in range(lanes):
                for column in range(side):
                    taken = tile_load(source, column * square + i * lanes, side * square, side, 1, lanes)
                    tile_store(_weight_map(taken, INPUT_TILE), half, column * lanes, side * lanes)
                target = channel // block * block_step + (begin + i) * channel_step + channel % block
                for row in range(6):
                    taken = tile_load(half, row * side * lanes, lanes, side, 1, lanes)
                    tile_store(_weight_map(taken, INPUT_TILE), u, row * row_step + target, column_step)
    return winograd_weights


@helper
def clear(padded, count):
    """padded[:count] = 0"""
    for i in range(count):
        padded[i] = np.float32(0.0)


@helper
def copy_padded(x, image, h, w, ic, top, left, padded, channels, columns):
    """One image into the middle of the cleared scratch image, whose pixels have `channels` (a multiple of lanes)."""
    pixels = w if channels == ic else 1     # nothing lies between the pixels of a row: it is copied as one run
    for r in range(h):
        for c in range(0, w, pixels):
            source, target = ((image * h + r) * w + c) * ic, ((r + top) * columns + c + left) * channels
            for k in range(pixels * ic):
                padded[target + k] = x[source + k]


@inlined
def scatter_padded(a, image, h, w, ic, padded, channels, columns, spare, lanes):
    """One pooled gradient into the cleared scratch image: each number to the place that won its window.

    All places of a window are written, those that lost with zeros (all, if a relu shut it); what no window covers
    stays clear.
    """
    g, winner = f32(a, 0), u8(a, 1)
    top, left, pool_h, pool_w = integer(a, 16), integer(a, 17), integer(a, 23), integer(a, 24)
    ph, pw, zero = h // pool_h, w // pool_w, broadcast(np.float32(0.0), lanes)
    for r in range(ph):
        for c in range(pw):
            corner = ((r * pool_h + top) * columns + c * pool_w + left) * channels
            for k in range(0, ic, lanes):
                source = ((image * ph + r) * pw + c) * ic + k
                value = load_left(g, source, ic - k, lanes)
                won = from_int_bits(load_places(winner, source, ic - k, spare, zero))
                for place in range(pool_h * pool_w):
                    share = select(won == broadcast(np.float32(place), lanes), value, zero)
                    store(padded, corner + (place // pool_w * columns + place % pool_w) * channels + k, share)


@helper
def order_tiles(slots, chunk, count, th, tw, low, far):
    """slots[t] = where tile chunk + t lies among the `count` of its chunk; gives the ends of the first three kinds.

    low, far: whether the tiles of an image's last row, and the last ones of each row, have fewer points.
    """
    if not low and not far:
        for t in range(count):
            slots[t] = t
        return 0, count, count
    lowest = whole = last = 0
    for t in range(count):
        place = (chunk + t) % (th * tw)
        below, beyond = low and place // tw == th - 1, far and place % tw == tw - 1
        lowest += below and not beyond
        whole += not below and not beyond
        last += beyond and not below
    at_lowest, at_whole, at_last, at_corner = 0, lowest, lowest + whole, lowest + whole + last
    for t in range(count):
        place = (chunk + t) % (th * tw)
        below, beyond = low and place // tw == th - 1, far and place % tw == tw - 1
        if below and beyond:
            slots[t] = at_corner
            at_corner += 1
        elif below:
            slots[t] = at_lowest
            at_lowest += 1
        elif beyond:
            slots[t] = at_last
            at_last += 1
        else:
            slots[t] = at_whole
            at_whole += 1
    return lowest, lowest + whole, lowest + whole + last


@helper
def tiles_of(f, high, wide, lowest, whole, last, count):
    """(First, end) of the tiles of a chunk that have frequency f; high, wide: points of the lowest and last tiles."""
    down, across = f // INPUT_TILE < high, f % INPUT_TILE < wide
    return 0 if down else lowest, (count if down else last) if across else whole


@inlined
def _edge_inputs(points, source, at, step, target, out, line, lanes):
    """B' d along one line of a smaller tile."""
    if points == 6:
        tile_store(_input_map(tile_load(source, at, step, 6, 1, lanes), 6), target, out, line)
    elif points == 5:
        tile_store(_input_map(tile_load(source, at, step, 5, 1, lanes), 5), target, out, line)
    elif points == 4:
        tile_store(_input_map(tile_load(source, at, step, 4, 1, lanes), 4), target, out, line)
    else:
        tile_store(_input_map(tile_load(source, at, step, 3, 1, lanes), 3), target, out, line)


@inlined
def input_tile(source, corner, pixel, line, half, v, target, plane, high, wide, lanes):
    """V = B' d B of one tile of high x wide points and one vector of channels; `plane` parts two frequencies of V."""
    if high == INPUT_TILE and wide == INPUT_TILE:
        _input_square(source, corner, pixel, line, INPUT_TILE, v, target, plane, lanes)
    else:
        for column in range(wide):
            _edge_inputs(high, source, corner + column * pixel, line, half, column * lanes, INPUT_TILE * lanes, lanes)
        for row in range(high):
            out = target + row * INPUT_TILE * plane
            _edge_inputs(wide, half, row * INPUT_TILE * lanes, lanes, v, out, plane, lanes)


def winograd_convolution(lanes, rows, vectors, tile):
    """Makes the kernel for x * w with epilogue, by tiles of `tile` x `tile` outputs. Task: `images` whole images, and
    one of `parts` shares of the output channels (a single image is shared out among threads that way; each transforms
    its input anew).

    Arguments (slots): 0 x or pooled gradient, 1 winners of the input (when slot 23 > 0), 2 U, 3 bias, 4 mask, 5 y,
    6 winners out (or 0), 7 images n, 8 h, 9 w, 10 ic, 11 oc, 12 oh, 13 ow, 14 tile rows, 15 tile columns, 16 top,
    17 left, 18 has bias, 19 activation, 20 has mask, 21 pool (1: 2 x 2), 22 images a task, 23 and 24 the pool of the
    input, 25 blocks of output channels a pass, 26 tiles a chunk: V and M of a chunk should fit the cache beside U,
    27 parts, 28 lower and 29 upper limits of a clamp, 30 points of the lowest tiles along the height, 31 of the last
    ones of a row along the width (6: whole tiles, which may reach beyond y).
    The register tile is `rows` tiles x `vectors` vectors of output channels; its inner loop runs over input channels.
    The last one of a frequency may reach into tiles that do not have it: what it gives them is never read.
    """
    block, border = vectors * lanes, INPUT_TILE - tile

    def winograd_convolution(a, first, last, scratch):
        x, u, bias, given, y, winner = f32(a, 0), f32(a, 2), f32(a, 3), f32(a, 4), f32(a, 5), u8(a, 6)
        high, broad = integer(a, 30), integer(a, 31)
        n, h, w, ic, oc = integer(a, 7), integer(a, 8), integer(a, 9), integer(a, 10), integer(a, 11)
        oh, ow = integer(a, 12), integer(a, 13)
        th, tw, images, wide = integer(a, 14), integer(a, 15), integer(a, 22), integer(a, 25)
        zero, past = broadcast(np.float32(0.0), lanes), goes_past_caches(integer(a, 5), n * oh * ow * oc, oc, lanes)
        depth, blocks = (ic + lanes - 1) // lanes * lanes, (oc + block - 1) // block
        # Where pooling leaves out the last row or column of outputs, no tile reaches the last one of the input.
        line = max(tile * tw + border, integer(a, 17) + w)
        map_size = max(tile * th + border, integer(a, 16) + h) * line * depth
        tall, parts = integer(a, 26), integer(a, 27)
        share, room = (blocks + parts - 1) // parts, tall + rows
        v_plane, m_plane, u_plane = room * depth + SKEW, wide * room * block + SKEW, blocks * depth * block + SKEW
        half, spare, done = f32_at(scratch), u8_at(scratch), f32_at(scratch + 4 * 36 * lanes)
        limits, padded = f32_at(scratch + 4 * 64 * lanes), f32_at(scratch + 4 * 66 * lanes)
        v = f32_at(scratch + 4 * (66 * lanes + map_size))
        m = f32_at(scratch + 4 * (66 * lanes + map_size + 36 * v_plane))
        slots = i64_at(scratch + 4 * (66 * lanes + map_size + 36 * (v_plane + m_plane)))
        clear(padded, map_size)
        for task in range(first, last):
            begin, first_block = task // parts * images, task % parts * share
            last_block = min(first_block + share, blocks)
            tiles = (min(begin + images, n) - begin) * th * tw
            for chunk in range(0, tiles, tall):
                count = min(tall, tiles - chunk)
                ends = order_tiles(slots, chunk, count, th, tw, high < INPUT_TILE, broad < INPUT_TILE)
                for t in range(count):
                    image, place = begin + (chunk + t) // (th * tw), (chunk + t) % (th * tw)
                    if place == 0 and integer(a, 23) > 0:
                        scatter_padded(a, image, h, w, ic, padded, depth, line, spare, lanes)
                    elif place == 0:
                        copy_padded(x, image, h, w, ic, integer(a, 16), integer(a, 17), padded, depth, line)
                    row, column = place // tw, place % tw
                    corner = (row * line + column) * tile * depth
                    tall_points = high if row == th - 1 else INPUT_TILE
                    wide_points = broad if column == tw - 1 else INPUT_TILE
                    for k in range(0, depth, lanes):
                        input_tile(padded, corner + k, depth, line * depth, half, v, slots[t] * depth + k, v_plane,
                                   tall_points, wide_points, lanes)
                for group in range(first_block, last_block, wide):
                    width = min(wide, last_block - group)
                    for f in range(36):
                        start, end = tiles_of(f, high, broad, *ends, count)
                        for b in range(width):
                            weights = f * u_plane + (group + b) * depth * block
                            for t in range(start, end, rows):
                                ahead = weights + depth * block + t // rows * (depth // 4 * 16)
                                sums = tile_product(tile_zeros(rows, vectors, lanes), v, f * v_plane + t * depth,
                                                    depth, 1, u, weights, block, depth, ahead)
                                tile_store(sums, m, f * m_plane + (b * room + t) * block, block)
                    for t in range(count):
                        image, place = begin + (chunk + t) // (th * tw), (chunk + t) % (th * tw)
                        row, column = place // tw * tile, place % tw * tile
                        many, much = min(tile, oh - row), min(tile, ow - column)
                        tall_points = high if row + tile >= oh else INPUT_TILE
                        wide_points = broad if column + tile >= ow else INPUT_TILE
                        smaller = tall_points < INPUT_TILE or wide_points < INPUT_TILE
                        corner, sizes = (image, row, column), (oh, ow, oc)
                        for b in range(vectors * width):
                            channel = group * block + b * lanes
                            used = min(lanes, oc - channel)
                            if used <= 0:
                                continue
                            shift = load_epilogue(a, bias, limits, channel, used, zero, lanes)
                            source = (b // vectors * room + slots[t]) * block + b % vectors * lanes
                            if smaller:
                                output_edge(m, source, m_plane, half, shift, done, tall_points, wide_points, zero,
                                            tile, lanes)
                                write_part(done, spare, a, y, winner, given, limits, corner, sizes, many, much, channel,
                                           used, zero, tile, lanes)
                            else:
                                output_columns(m, source, m_plane, half, tile, lanes)
                                write_tile(half, 0, done, spare, shift, a, y, winner, given, limits, corner, sizes,
                                           many, much, channel, used, past, zero, tile, lanes)
        if past:
            fence()
    return winograd_convolution
