"""Winograd's convolutions F(4x4, 3x3) and F(2x2, 5x5): 36 multiplications where the sum needs 144 or 100.

    Y = A' [ (G w G') . (B' d B) ] A        d: 6 x 6 inputs, w: 3 x 3 weights, Y: 4 x 4 outputs, . elementwise
                                            or          w: 5 x 5 weights, Y: 2 x 2 outputs

Over channels the elementwise products become 36 matrix products, one a *frequency* f:

    M[f] = V[f] @ U[f]       V[f]: tiles x input channels,  U[f]: input channels x output channels

The matrices come from the interpolation points 0, 1, -1, 1/2, -2 and infinity (Lavin and Gray, arXiv 1509.09308;
the points after Barabasz et al., arXiv 1803.10986: relative error 1.3e-6 where the plain sum has 2.5e-7). B' depends on
the points alone, so that both convolutions transform their inputs alike: everything else is named by its `tile`, the
rows of Y.

Layout: x and y NHWC. U is packed [f][block of 2 vectors of output channels][input channel][block].
One task is a block of whole images. Its padded images, V and M stay in the thread's scratch (L2): transform, multiply
and transform back without touching memory between the three stages ("L3 fusion", Gelashvili et al. 2019).
"""

from fractions import Fraction

import numpy as np
from llvmlite import ir
from numba.extending import intrinsic

from striate.kernels.jit import helper, inlined
from striate.kernels.parts import load_left
from striate.kernels.simd import (
    any_nan,
    broadcast,
    clamped,
    constant,
    emit_fma,
    f32,
    f32_at,
    from_int_bits,
    integer,
    load,
    load_part,
    raised,
    select,
    select_positive,
    store,
    store_part,
    transpose_square,
    u8,
    u8_at,
    vector_type,
)
from striate.kernels.tiles import (
    Tile,
    tile_clamped,
    tile_get,
    tile_load,
    tile_product,
    tile_raised,
    tile_select_positive,
    tile_shift,
    tile_store,
    tile_zeros,
    window_maximum,
)
from striate.kernels.windows import load_places, maximum_with_nans, store_channels, store_places

INPUT_TILE = 6
"""Rows and columns of d."""
SKEW = 16
"""Floats added between the planes of two frequencies: 36 planes a power of two apart would share a cache set."""
RELU, CLAMP = 1, 2
"""What slot 20 says of the activation; 0: none."""
POINTS = (Fraction(0), Fraction(1), Fraction(-1), Fraction(1, 2), Fraction(-2))


def matrices(tile: int, points: tuple = POINTS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(A', G, B'): tile x n, n x (n + 1 - tile) and n x n, by the Toom-Cook construction on `points` and infinity.

    n: how many points there are with infinity, 6 unless others are given.
    """
    taps = len(points) + 2 - tile
    a = [[point**i for point in points] + [Fraction(int(i == tile - 1))] for i in range(tile)]
    g, b = [], []
    for j, point in enumerate(points):
        others = [other for k, other in enumerate(points) if k != j]
        scale = np.prod([point - other for other in others])
        g.append([point**k / scale for k in range(taps)])
        b.append(_polynomial(others) + [Fraction(0)])
    g.append([Fraction(int(k == taps - 1)) for k in range(taps)])
    b.append(_polynomial(points))
    return tuple(np.array(m, dtype=np.float64) for m in (a, g, b))


def _polynomial(roots) -> list:
    """Coefficients of the product of (x - root), the constant first."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted = [Fraction(0), *coefficients]
        coefficients = [low - root * high for low, high in zip(shifted, [*coefficients, Fraction(0)], strict=True)]
    return coefficients


TILES = (4, 2)
A_T, G = {tile: matrices(tile)[0] for tile in TILES}, {tile: matrices(tile)[1] for tile in TILES}
B_T = matrices(TILES[0])[2]


def _rows(matrix):
    """The non-zero terms of each row, one with coefficient 1 (which costs nothing) first where there is one."""
    return [sorted(((k, float(c)) for k, c in enumerate(row) if c), key=lambda term: term[1] != 1) for row in matrix]


def linear_map(choices):
    """An intrinsic that multiplies the vectors of a tile by constant matrices, one after another.

    A transform is cheaper in two stages, of which the first makes sums that several results share.
    choices: the matrices for each value of the intrinsic's second argument.
    """
    plans = {which: [_rows(matrix) for matrix in stages] for which, stages in choices.items()}

    @intrinsic(prefer_literal=True)
    def apply(typing, tile, which):
        """The map of that name, on a tile of one column."""
        plan = plans[which.literal_value]

        def generate(context, builder, signature, args):
            lanes = signature.args[0].lanes
            vectors = [builder.extract_value(args[0], k) for k in range(signature.args[0].rows)]
            for rows in plan:
                vectors = [_combination(builder, row, vectors, lanes) for row in rows]
            result = ir.Constant(ir.ArrayType(vector_type(lanes), len(vectors)), ir.Undefined)
            for i, vector in enumerate(vectors):
                result = builder.insert_value(result, vector, i)
            return result
        return Tile(len(plan[-1]), 1, tile.lanes)(tile, which), generate
    return apply


def _combination(builder, row, vectors, lanes):
    total = None
    for k, c in row:
        if total is None:
            total = vectors[k] if c == 1 else builder.fmul(vectors[k], constant(c, lanes))
        elif abs(c) == 1:
            total = (builder.fadd if c > 0 else builder.fsub)(total, vectors[k])
        else:
            total = emit_fma(builder, vectors[k], constant(c, lanes), total)
    return total


# With q(x) = x^3 - x and p(x) = x^3 + 1.5 x^2 - x the rows of B' are (x +- 1) p, (x + 2) q, (x - 1/2) q and, for the
# points 0 and infinity, (x^2 + 1.5 x - 1) times x^2 - 1 and q: 16 operations in place of 26.
INPUT_STAGES = (
    np.array([[0, -1, 1.5, 1, 0, 0], [0, 0, -1, 1.5, 1, 0], [-1, 0, 1, 0, 0, 0], [0, -1, 0, 1, 0, 0],
              [0, 0, -1, 0, 1, 0], [0, 0, 0, -1, 0, 1]]),
    np.array([[0, 0, -1, 1.5, 1, 0], [1, 1, 0, 0, 0, 0], [-1, 1, 0, 0, 0, 0], [0, 0, 0, 2, 1, 0], [0, 0, 0, -0.5, 1, 0],
              [0, 0, 0, -1, 1.5, 1]]))
_SUMS_AND_DIFFERENCES = np.array([[1, 0, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0], [0, 1, -1, 0, 0, 0], [0, 0, 0, 1, 0, 0],
                                  [0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 0, 1]])
OUTPUT_STAGES = {
    4: (_SUMS_AND_DIFFERENCES, np.array([[1, 1, 0, 1, 1, 0], [0, 0, 1, 0.5, -2, 0], [0, 1, 0, 0.25, 4, 0],
                                         [0, 0, 1, 0.125, -8, 1]])),
    2: (_SUMS_AND_DIFFERENCES, np.array([[1, 1, 0, 1, 1, 0], [0, 0, 1, 0.5, -2, 1]]))}
_input_map, _output_map = linear_map({INPUT_TILE: INPUT_STAGES}), linear_map(OUTPUT_STAGES)
_weight_map = linear_map({tile: [G[tile]] for tile in TILES})


def winograd_weights(lanes, tile):
    """Makes the kernel that packs U = G w G'. Task: one vector of output channels and one vector of input channels.

    Arguments: 0 w, 1 U; 2 ic, 3 oc, 4 padded ic, 5 flipped (1: w turned by 180 degrees and its channels exchanged, for
    the input gradient; ic and oc then name the roles in the convolution that is computed).
    """
    block, side = 2 * lanes, INPUT_TILE + 1 - tile
    taps = side * side

    def winograd_weights(a, first, last, scratch):
        w, u = f32(a, 0), f32(a, 1)
        ic, oc, padded, flipped = integer(a, 2), integer(a, 3), integer(a, 4), integer(a, 5)
        square, half = lanes * lanes, f32_at(scratch)
        weights = f32_at(scratch + 4 * 6 * side * lanes)
        turned = f32_at(scratch + 4 * (6 * side * lanes + taps * square))
        groups, stride = padded // lanes, (oc + block - 1) // block * block * padded
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
                    tile_store(_weight_map(taken, tile), half, column * lanes, side * lanes)
                target = (channel // block * padded + begin + i) * block + channel % block
                for row in range(6):
                    taken = tile_load(half, row * side * lanes, lanes, side, 1, lanes)
                    tile_store(_weight_map(taken, tile), u, row * 6 * (stride + SKEW) + target, stride + SKEW)
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
def _scatter_padded(a, image, h, w, ic, padded, channels, columns, spare, lanes):
    """One pooled gradient into the cleared scratch image: each number to the place that won its window.

    All places of a window are written, those that lost with zeros; what no window covers stays clear.
    """
    g, winner, pooled = f32(a, 0), u8(a, 1), f32(a, 2)
    top, left, pool_h, pool_w = integer(a, 17), integer(a, 18), integer(a, 24), integer(a, 25)
    ph, pw, zero = h // pool_h, w // pool_w, broadcast(np.float32(0.0), lanes)
    for r in range(ph):
        for c in range(pw):
            corner = ((r * pool_h + top) * columns + c * pool_w + left) * channels
            for k in range(0, ic, lanes):
                source = ((image * ph + r) * pw + c) * ic + k
                value = load_left(g, source, ic - k, lanes)
                won = from_int_bits(load_places(winner, source, ic - k, spare, zero))
                if integer(a, 26):
                    value = select_positive(value, load_left(pooled, source, ic - k, lanes))
                for place in range(pool_h * pool_w):
                    share = select(won == broadcast(np.float32(place), lanes), value, zero)
                    store(padded, corner + (place // pool_w * columns + place % pool_w) * channels + k, share)


@inlined
def input_tile(source, corner, pixel, line, half, v, target, plane, lanes):
    """V = B' d B of one 6 x 6 tile and one vector of channels; `plane` lies between two frequencies of V."""
    for column in range(6):
        tile = _input_map(tile_load(source, corner + column * pixel, line, 6, 1, lanes), 6)
        tile_store(tile, half, column * lanes, 6 * lanes)
    for row in range(6):
        tile = _input_map(tile_load(half, row * 6 * lanes, lanes, 6, 1, lanes), 6)
        tile_store(tile, v, target + row * 6 * plane, plane)


@inlined
def _output_columns(m, source, plane, half, tile, lanes):
    """The first half of Y = A' M A: over the rows of each of the six columns."""
    for column in range(6):
        rows = _output_map(tile_load(m, source + column * plane, 6 * plane, 6, 1, lanes), tile)
        tile_store(rows, half, column * lanes, 6 * lanes)


@inlined
def _output_rows(half, shift, done, tile, lanes):
    """The second half of Y = A' M A, plus the bias: tile x tile vectors."""
    for row in range(tile):
        pixels = _output_map(tile_load(half, row * 6 * lanes, lanes, 6, 1, lanes), tile)
        tile_store(tile_shift(pixels, shift), done, row * tile * lanes, lanes)


@inlined
def _write_whole_rows(half, shift, y, given, limits, out, line, pixel, tall, activation, has_mask, zero, tile, lanes):
    """The second half of Y = A' M A straight into the result, where all columns of the tile lie in it."""
    for row in range(tall):
        pixels = tile_shift(_output_map(tile_load(half, row * 6 * lanes, lanes, 6, 1, lanes), tile), shift)
        if activation == RELU:
            pixels = tile_raised(pixels, zero)
        elif activation == CLAMP:
            pixels = tile_clamped(pixels, limits, 0, lanes)
        if has_mask:
            pixels = tile_select_positive(pixels, tile_load(given, out + row * line, pixel, tile, 1, lanes))
        tile_store(pixels, y, out + row * line, pixel)


@inlined
def _activated(value, limits, activation, zero, lanes):
    """One vector behind the activation."""
    if activation == RELU:
        value = raised(value, zero)
    elif activation == CLAMP:
        value = clamped(value, load(limits, 0, lanes), load(limits, lanes, lanes))
    return value


@inlined
def _write_pixels(done, y, given, limits, out, line, pixel, tall, wide, activation, has_mask, count, zero, tile,
                  lanes):
    """The pixels of a tile that lie in the result, one by one, masked if `given` says so."""
    for row in range(tall):
        for column in range(wide):
            place = out + row * line + column * pixel
            value = _activated(load(done, (row * tile + column) * lanes, lanes), limits, activation, zero, lanes)
            if has_mask:
                value = select(load_part(given, place, count, lanes) > zero, value, zero)
            store_part(y, place, value, count)


@inlined
def _write_windows(done, spare, y, winner, places, limits, out, line, pixel, tall, wide, activation, count, zero, tile,
                   lanes):
    """The largest of each 2 x 2 window of a tile, and which it was."""
    for row in range(tall):
        for column in range(wide):
            corner, place = (row * tile + column) * 2 * lanes, out + row * line + column * pixel
            found = window_maximum(done, corner, tile * lanes, lanes, 2, 2, lanes)
            best, index = tile_get(found, 0, 0), tile_get(found, 1, 0)
            if any_nan(tile_get(found, 2, 0)):
                best, index = maximum_with_nans(done, corner, tile * lanes, lanes, (2, 2), zero)
            store_channels(y, place, _activated(best, limits, activation, zero, lanes), count)
            if places:
                store_places(winner, place, index, count, spare)


def winograd_convolution(lanes, rows, tile):
    """Makes the kernel for x * w with epilogue, by tiles of `tile` x `tile` outputs. Task: `images` whole images, and
    one of `parts` shares of the output channels (a single image is shared out among threads that way; each transforms
    its input anew).

    Arguments (slots): 0 x or pooled gradient, 1 winners and 2 pooled outputs of the input (when slot 24 > 0), 3 U,
    4 bias, 5 mask, 6 y, 7 winners out (or 0), 8 images n, 9 h, 10 w, 11 ic, 12 oc, 13 oh, 14 ow, 15 tile rows, 16 tile
    columns, 17 top, 18 left, 19 has bias, 20 activation, 21 has mask, 22 pool (1: 2 x 2), 23 images a task,
    24 and 25 the pool of the input, 26 its relu, 27 blocks of output channels a pass, 28 tiles a chunk (a multiple of
    `rows`): V and M of a chunk should fit the cache beside U, 29 parts, 30 lower and
    31 upper limits of a clamp.
    The register tile is `rows` tiles x 2 vectors of output channels; its inner loop runs over input channels.
    """
    block, border = 2 * lanes, INPUT_TILE - tile

    def winograd_convolution(a, first, last, scratch):
        x, u, bias, given, y, winner = f32(a, 0), f32(a, 3), f32(a, 4), f32(a, 5), f32(a, 6), u8(a, 7)
        lower, upper = f32(a, 30), f32(a, 31)
        n, h, w, ic, oc = integer(a, 8), integer(a, 9), integer(a, 10), integer(a, 11), integer(a, 12)
        oh, ow = integer(a, 13), integer(a, 14)
        th, tw, images, wide = integer(a, 15), integer(a, 16), integer(a, 23), integer(a, 27)
        has_bias, activation, has_mask, pool = integer(a, 19), integer(a, 20), integer(a, 21), integer(a, 22)
        zero = broadcast(np.float32(0.0), lanes)
        depth, blocks, line = (ic + lanes - 1) // lanes * lanes, (oc + block - 1) // block, tile * tw + border
        map_size, tall, parts = (tile * th + border) * line * depth, integer(a, 28), integer(a, 29)
        share = (blocks + parts - 1) // parts
        v_plane, m_plane, u_plane = tall * depth + SKEW, wide * tall * block + SKEW, blocks * depth * block + SKEW
        half, spare, done = f32_at(scratch), u8_at(scratch), f32_at(scratch + 4 * 36 * lanes)
        limits, padded = f32_at(scratch + 4 * 64 * lanes), f32_at(scratch + 4 * 66 * lanes)
        v = f32_at(scratch + 4 * (66 * lanes + map_size))
        m = f32_at(scratch + 4 * (66 * lanes + map_size + 36 * v_plane))
        clear(padded, map_size)
        for task in range(first, last):
            begin, first_block = task // parts * images, task % parts * share
            last_block = min(first_block + share, blocks)
            tiles = (min(begin + images, n) - begin) * th * tw
            for chunk in range(0, tiles, tall):
                count = min(tall, tiles - chunk)
                high = (count + rows - 1) // rows * rows
                for t in range(count):
                    image, place = begin + (chunk + t) // (th * tw), (chunk + t) % (th * tw)
                    if place == 0 and integer(a, 24) > 0:
                        _scatter_padded(a, image, h, w, ic, padded, depth, line, spare, lanes)
                    elif place == 0:
                        copy_padded(x, image, h, w, ic, integer(a, 17), integer(a, 18), padded, depth, line)
                    corner = (place // tw * line + place % tw) * tile * depth
                    for k in range(0, depth, lanes):
                        input_tile(padded, corner + k, depth, line * depth, half, v, t * depth + k, v_plane, lanes)
                for group in range(first_block, last_block, wide):
                    width = min(wide, last_block - group)
                    for f in range(36):
                        for b in range(width):
                            weights = f * u_plane + (group + b) * depth * block
                            for t in range(0, high, rows):
                                ahead = weights + depth * block + t // rows * (depth // 4 * 16)
                                sums = tile_product(tile_zeros(rows, 2, lanes), v, f * v_plane + t * depth, depth, 1,
                                                    u, weights, block, depth, ahead)
                                tile_store(sums, m, f * m_plane + (b * tall + t) * block, block)
                    for t in range(count):
                        image, place = begin + (chunk + t) // (th * tw), (chunk + t) % (th * tw)
                        row, column = place // tw * tile, place % tw * tile
                        down, across = min(tile, oh - row), min(tile, ow - column)
                        pixel = (image * oh + row) * ow + column
                        window = (image * (oh // 2) + row // 2) * (ow // 2) + column // 2
                        for b in range(2 * width):
                            channel = group * block + b * lanes
                            used, shift = min(lanes, oc - channel), zero
                            if used <= 0:
                                continue
                            if has_bias:
                                shift = load_part(bias, channel, used, lanes)
                            if activation == CLAMP:
                                store(limits, 0, load_part(lower, channel, used, lanes))
                                store(limits, lanes, load_part(upper, channel, used, lanes))
                            source = (b // 2 * tall + t) * block + b % 2 * lanes
                            _output_columns(m, source, m_plane, half, tile, lanes)
                            if pool:
                                _output_rows(half, shift, done, tile, lanes)
                                _write_windows(done, spare, y, winner, integer(a, 7) != 0, limits,
                                               window * oc + channel, ow // 2 * oc, oc, down // 2, across // 2,
                                               activation, used, zero, tile, lanes)
                            elif used == lanes and across == tile:
                                _write_whole_rows(half, shift, y, given, limits, pixel * oc + channel, ow * oc, oc,
                                                  down, activation, has_mask, zero, tile, lanes)
                            else:
                                _output_rows(half, shift, done, tile, lanes)
                                _write_pixels(done, y, given, limits, pixel * oc + channel, ow * oc, oc, down, across,
                                              activation, has_mask, used, zero, tile, lanes)
    return winograd_convolution
