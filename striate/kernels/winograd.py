"""Winograd's convolution F(4x4, 3x3): 36 multiplications where the sum needs 144.

    Y = A' [ (G w G') . (B' d B) ] A        d: 6 x 6 inputs, w: 3 x 3 weights, Y: 4 x 4 outputs, . elementwise

Over channels the elementwise products become 36 matrix products, one a *frequency* f:

    M[f] = V[f] @ U[f]       V[f]: tiles x input channels,  U[f]: input channels x output channels

The matrices come from the interpolation points 0, 1, -1, 1/2, -2 and infinity (Lavin and Gray, arXiv 1509.09308;
the points after Barabasz et al., arXiv 1803.10986: relative error 1.3e-6 where the plain sum has 2.5e-7).

Layout: x and y NHWC. U is packed [f][block of 2 vectors of output channels][input channel][block].
One task is a block of whole images. Its padded images, V and M stay in the thread's scratch (L2): transform, multiply
and transform back without touching memory between the three stages ("L3 fusion", Gelashvili et al. 2019).
"""

from fractions import Fraction

import numpy as np
from llvmlite import ir
from numba.extending import intrinsic

from striate.kernels.jit import helper
from striate.kernels.simd import (
    Tile, beats, broadcast, constant, emit_fma, f32, f32_at, integer, load, load_part, select, store, store_part,
    tile_load, tile_product, tile_raised, tile_shift, tile_store, tile_zeros, transpose_square, u8, vector_type,
)

TILE = 4
SKEW = 16
"""Floats added between the planes of two frequencies: 36 planes a power of two apart would share a cache set."""
POINTS = (Fraction(0), Fraction(1), Fraction(-1), Fraction(1, 2), Fraction(-2))


def matrices() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(A', G, B'): 4 x 6, 6 x 3 and 6 x 6, by the Toom-Cook construction on `POINTS` and infinity."""
    a = [[point**i for point in POINTS] + [Fraction(int(i == TILE - 1))] for i in range(TILE)]
    g, b = [], []
    for j, point in enumerate(POINTS):
        others = [other for k, other in enumerate(POINTS) if k != j]
        scale = np.prod([point - other for other in others])
        g.append([point**k / scale for k in range(3)])
        b.append(_polynomial(others) + [Fraction(0)])
    g.append([Fraction(0), Fraction(0), Fraction(1)])
    b.append(_polynomial(POINTS))
    return tuple(np.array(m, dtype=np.float64) for m in (a, g, b))


def _polynomial(roots) -> list:
    """Coefficients of the product of (x - root), the constant first."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted = [Fraction(0), *coefficients]
        coefficients = [low - root * high for low, high in zip(shifted, [*coefficients, Fraction(0)], strict=True)]
    return coefficients


A_T, G, B_T = matrices()


def _rows(matrix):
    """The non-zero terms of each row, one with coefficient 1 (which costs nothing) first where there is one."""
    return [sorted(((k, float(c)) for k, c in enumerate(row) if c), key=lambda term: term[1] != 1) for row in matrix]


def _linear_map(*stages):
    """An intrinsic that multiplies the vectors of a tile by constant matrices, one after the other.

    A transform is cheaper in two stages, of which the first makes sums that several results share.
    """
    plan = [_rows(matrix) for matrix in stages]

    @intrinsic
    def apply(typing, tile):
        def generate(context, builder, signature, args):
            lanes = signature.args[0].lanes
            vectors = [builder.extract_value(args[0], k) for k in range(signature.args[0].rows)]
            for rows in plan:
                vectors = [_combination(builder, row, vectors, lanes) for row in rows]
            result = ir.Constant(ir.ArrayType(vector_type(lanes), len(vectors)), ir.Undefined)
            for i, vector in enumerate(vectors):
                result = builder.insert_value(result, vector, i)
            return result
        return Tile(len(plan[-1]), 1, tile.lanes)(tile), generate
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
    np.array([[0, -1, 1.5, 1, 0, 0], [0, 0, -1, 1.5, 1, 0], [-1, 0, 1, 0, 0, 0], [0, -1, 0, 1, 0, 0], [0, 0, -1, 0, 1, 0],
              [0, 0, 0, -1, 0, 1]]),
    np.array([[0, 0, -1, 1.5, 1, 0], [1, 1, 0, 0, 0, 0], [-1, 1, 0, 0, 0, 0], [0, 0, 0, 2, 1, 0], [0, 0, 0, -0.5, 1, 0],
              [0, 0, 0, -1, 1.5, 1]]))
OUTPUT_STAGES = (
    np.array([[1, 0, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0], [0, 1, -1, 0, 0, 0], [0, 0, 0, 1, 0, 0], [0, 0, 0, 0, 1, 0],
              [0, 0, 0, 0, 0, 1]]),
    np.array([[1, 1, 0, 1, 1, 0], [0, 0, 1, 0.5, -2, 0], [0, 1, 0, 0.25, 4, 0], [0, 0, 1, 0.125, -8, 1]]))
_input_map, _output_map, _weight_map = _linear_map(*INPUT_STAGES), _linear_map(*OUTPUT_STAGES), _linear_map(G)


def winograd_weights(lanes):
    """Makes the kernel that packs U = G w G'. Task: one vector of output channels and one vector of input channels.

    Arguments: 0 w, 1 U; 2 ic, 3 oc, 4 padded ic, 5 flipped (1: w turned by 180 degrees and its channels exchanged, for
    the input gradient; ic and oc then name the roles in the convolution that is computed).
    """
    block = 2 * lanes

    def winograd_weights(a, first, last, scratch):
        w, u = f32(a, 0), f32(a, 1)
        ic, oc, padded, flipped = integer(a, 2), integer(a, 3), integer(a, 4), integer(a, 5)
        square, half = lanes * lanes, f32_at(scratch)
        taps, turned = f32_at(scratch + 4 * 18 * lanes), f32_at(scratch + 4 * (18 * lanes + 9 * lanes * lanes))
        groups, stride = padded // lanes, (oc + block - 1) // block * block * padded
        for task in range(first, last):
            channel, begin = task // groups * lanes, task % groups * lanes
            for tap in range(9):
                for i in range(lanes):
                    # Row i: weights of one input channel for all output channels, or (flipped) the other way round.
                    row = channel + i if flipped else begin + i
                    left, most = (begin, ic) if flipped else (channel, oc)
                    value = broadcast(np.float32(0.0), lanes)
                    if row < (oc if flipped else ic) and left < most:
                        place = ((8 - tap) * oc + row) * ic if flipped else (tap * ic + row) * oc
                        value = load_part(w, place + left, min(lanes, most - left), lanes)
                    store(taps, tap * square + i * lanes, value)
                if flipped:
                    transpose_square(taps, tap * square, lanes, turned, tap * square, lanes, lanes)
            source = turned if flipped else taps
            for i in range(lanes):
                for column in range(3):
                    tile = _weight_map(tile_load(source, column * square + i * lanes, 3 * square, 3, 1, lanes))
                    tile_store(tile, half, column * lanes, 3 * lanes)
                target = (channel // block * padded + begin + i) * block + channel % block
                for row in range(6):
                    tile = _weight_map(tile_load(half, row * 3 * lanes, lanes, 3, 1, lanes))
                    tile_store(tile, u, row * 6 * (stride + SKEW) + target, stride + SKEW)
    return winograd_weights


@helper
def _clear(padded, count):
    for i in range(count):
        padded[i] = np.float32(0.0)


@helper
def _copy_padded(x, image, h, w, ic, top, left, padded, channels, columns):
    """One image into the middle of the cleared scratch image, whose pixels have `channels` (a multiple of lanes)."""
    for r in range(h):
        for c in range(w):
            source, target = ((image * h + r) * w + c) * ic, ((r + top) * columns + c + left) * channels
            for k in range(ic):
                padded[target + k] = x[source + k]


@helper
def _scatter_padded(a, image, h, w, ic, top, left, padded, channels, columns):
    """One pooled gradient into the cleared scratch image: each number to the place that won its window."""
    g, winner, pooled = f32(a, 0), u8(a, 1), f32(a, 2)
    pool_h, pool_w, relu = integer(a, 24), integer(a, 25), integer(a, 26)
    ph, pw = h // pool_h, w // pool_w
    for r in range(ph):
        for c in range(pw):
            source = ((image * ph + r) * pw + c) * ic
            for k in range(ic):
                place = np.int64(winner[source + k])
                if relu == 0 or pooled[source + k] > np.float32(0.0):
                    row, column = r * pool_h + place // pool_w + top, c * pool_w + place % pool_w + left
                    padded[(row * columns + column) * channels + k] = g[source + k]


def winograd_convolution(lanes, rows):
    """Makes the kernel for x * w with epilogue. Task: `images` whole images.

    Arguments (slots): 0 x or pooled gradient, 1 winners and 2 pooled outputs of the input (when slot 24 > 0), 3 U,
    4 bias, 5 mask, 6 y, 7 winners out, 8 images n, 9 h, 10 w, 11 ic, 12 oc, 13 oh, 14 ow, 15 tile rows, 16 tile
    columns, 17 top, 18 left, 19 has bias, 20 relu, 21 has mask, 22 pool (1: 2 x 2), 23 images a task,
    24 and 25 the pool of the input, 26 its relu, 27 output channels a pass.
    The register tile is `rows` tiles x 2 vectors of output channels; its inner loop runs over input channels.
    """
    block = 2 * lanes

    def winograd_convolution(a, first, last, scratch):
        x, h, w, top, left = f32(a, 0), integer(a, 9), integer(a, 10), integer(a, 17), integer(a, 18)
        u, bias, given, y, winner = f32(a, 3), f32(a, 4), f32(a, 5), f32(a, 6), u8(a, 7)
        oh, ow, has_bias, relu, has_mask, pool = (
            integer(a, 13), integer(a, 14), integer(a, 19), integer(a, 20), integer(a, 21), integer(a, 22))
        zero, plain = broadcast(np.float32(0.0), lanes), has_mask == 0 and pool == 0
        n, ic, oc = integer(a, 8), integer(a, 11), integer(a, 12)
        th, tw, images, wide = integer(a, 15), integer(a, 16), integer(a, 23), integer(a, 27)
        lanes_ic = (ic + lanes - 1) // lanes * lanes
        blocks = (oc + block - 1) // block
        prows, pcolumns = 4 * th + 2, 4 * tw + 2
        tiles = images * th * tw
        tall = (tiles + rows - 1) // rows * rows
        padded, half = f32_at(scratch), f32_at(scratch + 4 * prows * pcolumns * lanes_ic)
        done = f32_at(scratch + 4 * (prows * pcolumns * lanes_ic + 36 * lanes))
        at = scratch + 4 * (prows * pcolumns * lanes_ic + 64 * lanes)
        v_stride, m_stride = tall * lanes_ic + SKEW, wide * tall * block + SKEW
        v, m = f32_at(at), f32_at(at + 4 * 36 * v_stride)
        _clear(padded, prows * pcolumns * lanes_ic)
        for task in range(first, last):
            begin, end = task * images, min((task + 1) * images, n)
            for image in range(begin, end):
                if integer(a, 24) > 0:
                    _clear(padded, prows * pcolumns * lanes_ic)
                    _scatter_padded(a, image, h, w, ic, top, left, padded, lanes_ic, pcolumns)
                else:
                    _copy_padded(x, image, h, w, ic, top, left, padded, lanes_ic, pcolumns)
                for t in range(th * tw):
                    corner = (t // tw * 4 * pcolumns + t % tw * 4) * lanes_ic
                    row_of_v = ((image - begin) * th * tw + t) * lanes_ic
                    for k in range(0, lanes_ic, lanes):
                        for column in range(6):
                            tile = _input_map(tile_load(padded, corner + column * lanes_ic + k, pcolumns * lanes_ic, 6, 1, lanes))
                            tile_store(tile, half, column * lanes, 6 * lanes)
                        for row in range(6):
                            tile = _input_map(tile_load(half, row * 6 * lanes, lanes, 6, 1, lanes))
                            tile_store(tile, v, row * 6 * v_stride + row_of_v + k, v_stride)
            for group in range(0, blocks, wide):
                width = min(wide, blocks - group)
                for f in range(36):
                    for b in range(width):
                        weights = f * (blocks * lanes_ic * block + SKEW) + (group + b) * lanes_ic * block
                        for t in range(0, tall, rows):
                            sums = tile_product(tile_zeros(rows, 2, lanes), v, f * v_stride + t * lanes_ic, lanes_ic, 1,
                                                u, weights, block, lanes_ic)
                            tile_store(sums, m, f * m_stride + (b * tall + t) * block, block)
                for b in range(width):
                    for part in range(2):
                        channel = (group + b) * block + part * lanes
                        count = min(lanes, oc - channel)
                        if count <= 0:
                            continue
                        shift = zero
                        if has_bias:
                            shift = load_part(bias, channel, count, lanes)
                        for t in range((end - begin) * th * tw):
                            source = (b * tall + t) * block + part * lanes
                            for column in range(6):
                                tile = _output_map(tile_load(m, source + column * m_stride, 6 * m_stride, 6, 1, lanes))
                                tile_store(tile, half, column * lanes, 6 * lanes)
                            image, place = begin + t // (th * tw), t % (th * tw)
                            row, column = place // tw * 4, place % tw * 4
                            if plain and count == lanes and column + 4 <= ow:
                                for r in range(min(4, oh - row)):
                                    tile = tile_shift(_output_map(tile_load(half, r * 6 * lanes, lanes, 6, 1, lanes)), shift)
                                    if relu:
                                        tile = tile_raised(tile, zero)
                                    tile_store(tile, y, ((image * oh + row + r) * ow + column) * oc + channel, oc)
                                continue
                            for r in range(4):
                                tile = tile_shift(_output_map(tile_load(half, r * 6 * lanes, lanes, 6, 1, lanes)), shift)
                                tile_store(tile, done, r * 4 * lanes, lanes)
                            if pool:
                                for window in range(4):
                                    r, c = row // 2 + window // 2, column // 2 + window % 2
                                    if r >= oh // 2 or c >= ow // 2:
                                        continue
                                    corner = (window // 2 * 8 + window % 2 * 2) * lanes
                                    best, index = load(done, corner, lanes), zero
                                    for i in range(1, 4):
                                        value = load(done, corner + (i // 2 * 4 + i % 2) * lanes, lanes)
                                        mask = beats(value, best)
                                        best = select(mask, value, best)
                                        index = select(mask, broadcast(np.float32(i), lanes), index)
                                    if relu:
                                        best = select(zero >= best, zero, best)
                                    out = ((image * (oh // 2) + r) * (ow // 2) + c) * oc + channel
                                    store_part(y, out, best, count)
                                    store(done, 16 * lanes, index)
                                    for lane in range(count):
                                        winner[out + lane] = np.uint8(done[16 * lanes + lane])
                                continue
                            for r in range(min(4, oh - row)):
                                for c in range(min(4, ow - column)):
                                    value = load(done, (r * 4 + c) * lanes, lanes)
                                    out = ((image * oh + row + r) * ow + column + c) * oc + channel
                                    if relu:
                                        value = select(zero >= value, zero, value)
                                    if has_mask:
                                        value = select(load_part(given, out, count, lanes) > zero, value, zero)
                                    store_part(y, out, value, count)
    return winograd_convolution


# ---- the gradient with respect to the weights: the adjoint of the same algorithm ------------------------------------
#
#     dw = G' [ sum over tiles of (B' d B) . (A dY A') ] G
#
# Per frequency this is dU[f] = V[f]' @ D[f], summed over all tiles of the batch. The batch is cut into chunks of images
# (a fixed number, so that V and D of a chunk stay in the last-level cache); each chunk is transformed by one launch and
# added to dU by the next, so that every sum has one order. The tile of point 1 in both directions is the plain sum of
# dY: the bias gradient comes with it.
# Layout: V [f][ic / lanes][tile][lanes], D [f][oc / 2 lanes][tile][2 lanes], dU [f][ic][oc].

_gradient_map, _weight_gradient_map = _linear_map(A_T.T), _linear_map(G.T)
_SUM_FREQUENCY = 7


def winograd_gradient_transform(lanes):
    """Makes the kernel that transforms x and dY of one chunk. Task: one image of the chunk.

    Arguments: 0 x, 1 g, 2 V, 3 D; 4 first image, 5 h, 6 w, 7 ic, 8 oc, 9 oh, 10 ow, 11 tile rows, 12 tile columns,
    13 top, 14 left, 15 tiles of a whole chunk.
    """
    block = 2 * lanes

    def winograd_gradient_transform(a, first, last, scratch):
        x, g, v, d = f32(a, 0), f32(a, 1), f32(a, 2), f32(a, 3)
        h, w, ic, oc, oh, ow = (
            integer(a, 5), integer(a, 6), integer(a, 7), integer(a, 8), integer(a, 9), integer(a, 10))
        th, tw, all_tiles = integer(a, 11), integer(a, 12), integer(a, 15)
        wide_ic, wide_oc = (ic + lanes - 1) // lanes * lanes, (oc + block - 1) // block * block
        columns, v_stride, d_stride = 4 * tw + 2, all_tiles * wide_ic + SKEW, all_tiles * wide_oc + SKEW
        half, padded = f32_at(scratch), f32_at(scratch + 4 * 36 * lanes)
        for task in range(first, last):
            image = integer(a, 4) + task
            _clear(padded, (4 * th + 2) * columns * wide_ic)
            _copy_padded(x, image, h, w, ic, integer(a, 13), integer(a, 14), padded, wide_ic, columns)
            for t in range(th * tw):
                corner, place = (t // tw * 4 * columns + t % tw * 4) * wide_ic, task * th * tw + t
                for k in range(0, wide_ic, lanes):
                    for column in range(6):
                        tile = _input_map(tile_load(padded, corner + column * wide_ic + k, columns * wide_ic, 6, 1, lanes))
                        tile_store(tile, half, column * lanes, 6 * lanes)
                    for row in range(6):
                        tile = _input_map(tile_load(half, row * 6 * lanes, lanes, 6, 1, lanes))
                        tile_store(tile, v, row * 6 * v_stride + k * all_tiles + place * lanes, v_stride)
            _clear(padded, 4 * th * 4 * tw * wide_oc)
            _copy_padded(g, image, oh, ow, oc, 0, 0, padded, wide_oc, 4 * tw)
            for t in range(th * tw):
                corner, place = (t // tw * 16 * tw + t % tw * 4) * wide_oc, task * th * tw + t
                for k in range(0, wide_oc, lanes):
                    for column in range(4):
                        tile = _gradient_map(tile_load(padded, corner + column * wide_oc + k, 4 * tw * wide_oc, 4, 1, lanes))
                        tile_store(tile, half, column * lanes, 4 * lanes)
                    target = k // block * block * all_tiles + place * block + k % block
                    for row in range(6):
                        tile = _gradient_map(tile_load(half, row * 4 * lanes, lanes, 4, 1, lanes))
                        tile_store(tile, d, row * 6 * d_stride + target, d_stride)
    return winograd_gradient_transform


def winograd_gradient_sum(lanes, rows):
    """Makes the kernel that adds one chunk's V' @ D to dU. Task: a frequency and a block of 2 * lanes output channels.

    Arguments: 0 V, 1 D, 2 dU, 3 bias sums (one vector of padded oc); 4 ic, 5 oc, 6 tiles of a whole chunk, 7 tiles of
    this chunk, 8 whether this is the first chunk. Register tile: `rows` (a divisor of lanes) input channels x 2
    vectors; its inner loop runs over tiles, contiguous in both operands.
    """
    block = 2 * lanes

    def winograd_gradient_sum(a, first, last, scratch):
        v, d, du, sums_of_g = f32(a, 0), f32(a, 1), f32(a, 2), f32(a, 3)
        ic, oc, all_tiles, tiles, fresh = integer(a, 4), integer(a, 5), integer(a, 6), integer(a, 7), integer(a, 8)
        wide_ic, blocks = (ic + lanes - 1) // lanes * lanes, (oc + block - 1) // block
        wide_oc = blocks * block
        for task in range(first, last):
            f, b = task // blocks, task % blocks
            right = f * (wide_oc * all_tiles + SKEW) + b * all_tiles * block
            for k in range(0, wide_ic, rows):
                left = f * (wide_ic * all_tiles + SKEW) + k // lanes * lanes * all_tiles + k % lanes
                out = (f * wide_ic + k) * wide_oc + b * block
                sums = tile_zeros(rows, 2, lanes)
                if not fresh:
                    sums = tile_load(du, out, wide_oc, rows, 2, lanes)
                sums = tile_product(sums, v, left, 1, lanes, d, right, block, tiles)
                tile_store(sums, du, out, wide_oc)
            if f == _SUM_FREQUENCY:
                for part in range(2):
                    place = b * block + part * lanes
                    total = broadcast(np.float32(0.0), lanes)
                    if not fresh:
                        total = load(sums_of_g, place, lanes)
                    for t in range(tiles):
                        total = total + load(d, right + t * block + part * lanes, lanes)
                    store(sums_of_g, place, total)
    return winograd_gradient_sum


def winograd_gradient_weights(lanes):
    """Makes the kernel dw = G' dU G, and copies the bias gradient. Task: one input channel.

    Arguments: 0 dU, 1 bias sums, 2 dw, 3 db; 4 ic, 5 oc, 6 padded ic, 7 padded oc, 8 whether db is wanted.
    """
    def winograd_gradient_weights(a, first, last, scratch):
        du, sums_of_g, dw, db = f32(a, 0), f32(a, 1), f32(a, 2), f32(a, 3)
        ic, oc, wide_ic, wide_oc = integer(a, 4), integer(a, 5), integer(a, 6), integer(a, 7)
        half, done = f32_at(scratch), f32_at(scratch + 4 * 18 * lanes)
        for k in range(first, last):
            for o in range(0, oc, lanes):
                for column in range(6):
                    source = (column * wide_ic + k) * wide_oc + o
                    tile = _weight_gradient_map(tile_load(du, source, 6 * wide_ic * wide_oc, 6, 1, lanes))
                    tile_store(tile, half, column * lanes, 6 * lanes)
                for row in range(3):
                    tile = _weight_gradient_map(tile_load(half, row * 6 * lanes, lanes, 6, 1, lanes))
                    tile_store(tile, done, 0, lanes)
                    for column in range(3):
                        store_part(dw, ((row * 3 + column) * ic + k) * oc + o, load(done, column * lanes, lanes), oc - o)
            if k == 0 and integer(a, 8):
                for o in range(oc):
                    db[o] = sums_of_g[o]
    return winograd_gradient_weights
