"""Winograd's convolution by columns of frequencies: the way back begins in the registers that hold the products.

In `winograd_convolution` the products M of a frequency are written to the second-level cache and read again, which with
16 or 32 input channels costs half as much as computing them. Here the register tile holds a column of frequencies: the
sums of all 6 rows, of 4 tiles, for one vector of output channels,

    M[row, t] = sum over k of V[t][row, column, k] U[row, column, k]        row: 6, t: 4

and A' M, four vectors for each tile, is formed before anything is stored. After six columns the second half follows,
from the first-level cache. Sums and rounding are those of `winograd_convolution`.

Layout: V [tile][16 input channels][frequency][16], U [block of one vector][column][input channel][row][lanes], so that
every address of a step is a constant away from one of five pointers. A step of k reads 6 vectors of U and 24 numbers of
V for 24 multiply-adds; U of a block streams from the second-level cache, a line in four cycles.

AMD EPYC (AVX-512), one thread, us an image, this kernel and `winograd_convolution`: 33 x 33 x 16 to 16 channels 27 and
38, 28 x 28 x 32 to 32 53 and 64, 28 x 28 x 64 to 64 169 and 203, 28 x 28 x 128 to 128 604 and 649; in percent of the
peak (117 GFLOP/s) by the plain sum's operations 159, 233, 292, 327.
"""

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from striate.kernels.jit import inlined
from striate.kernels.parts import goes_past_caches
from striate.kernels.simd import (
    I64,
    broadcast,
    emit_fma,
    f32,
    f32_at,
    fence,
    integer,
    load_vector,
    splat,
    u8,
    u8_at,
)
from striate.kernels.tiles import tile_column, tile_store, tile_zeros
from striate.kernels.winograd import clear, copy_padded, input_tile, scatter_padded
from striate.kernels.winograd_matrices import INPUT_TILE
from striate.kernels.winograd_outputs import load_epilogue, output_map, write_tile

TILES_AT_ONCE = 4
"""Tiles of the register tile: with 6 rows 24 of 32 registers."""


@intrinsic
def tile_column_product(typing, tile, v, v_offset, v_stride, u, u_offset, groups):
    """tile[row, t] += sum over k < groups * lanes of v[row, k of tile t] * u[k][row][lanes], of one column.

    v: V[tile 0][group 0][the column's first frequency][k 0] lies at v_offset, tiles are v_stride apart.
    """
    def generate(context, builder, signature, args):
        sums, v, v_offset, v_stride, u, u_offset, groups = args
        rows, tiles, lanes = signature.args[0].rows, signature.args[0].columns, signature.args[0].lanes
        cells = range(rows * tiles)
        totals = [cgutils.alloca_once_value(builder, builder.extract_value(sums, cell)) for cell in cells]
        starts = [builder.add(v_offset, builder.mul(v_stride, I64(t))) for t in range(tiles)]
        pixels = [cgutils.alloca_once_value(builder, builder.gep(v, [start])) for start in starts]
        panel = cgutils.alloca_once_value(builder, builder.gep(u, [u_offset]))
        with cgutils.for_range(builder, groups):
            at, base = [builder.load(pixel) for pixel in pixels], builder.load(panel)
            for k in range(lanes):
                for row in range(rows):
                    weights = load_vector(builder, builder.gep(base, [I64((k * rows + row) * lanes)]), lanes)
                    for t in range(tiles):
                        value = builder.load(builder.gep(at[t], [I64(row * rows * lanes + k)]))
                        cell = totals[row * tiles + t]
                        total = emit_fma(builder, splat(builder, value, lanes), weights, builder.load(cell))
                        builder.store(total, cell)
            for t in range(tiles):
                builder.store(builder.gep(at[t], [I64(rows * rows * lanes)]), pixels[t])
            builder.store(builder.gep(base, [I64(lanes * rows * lanes)]), panel)
        for cell in cells:
            sums = builder.insert_value(sums, builder.load(totals[cell]), cell)
        return sums
    return tile(tile, v, types.intp, types.intp, u, types.intp, types.intp), generate


@inlined
def _column(v, v_offset, v_stride, u, u_offset, groups, halves, column, tile, lanes):
    """A' M of one column of frequencies of four tiles: into halves[tile][row of Y][column]."""
    sums = tile_column_product(tile_zeros(INPUT_TILE, TILES_AT_ONCE, lanes), v, v_offset, v_stride, u, u_offset, groups)
    line, step = INPUT_TILE * lanes, tile * INPUT_TILE * lanes
    at = column * lanes
    tile_store(output_map(tile_column(sums, 0), tile), halves, at, line)
    tile_store(output_map(tile_column(sums, 1), tile), halves, at + step, line)
    tile_store(output_map(tile_column(sums, 2), tile), halves, at + 2 * step, line)
    tile_store(output_map(tile_column(sums, 3), tile), halves, at + 3 * step, line)


def winograd_columns(lanes, tile):
    """Makes the kernel. Tasks and arguments as `winograd_convolution`; tiles are whole, so slots 27, 32 and 33 are not
    read, and U has the layout above.
    """
    border = INPUT_TILE - tile

    def winograd_columns(a, first, last, scratch):
        x, u, bias, given, y, winner = f32(a, 0), f32(a, 2), f32(a, 3), f32(a, 4), f32(a, 5), u8(a, 6)
        n, h, w, ic, oc = integer(a, 7), integer(a, 8), integer(a, 9), integer(a, 10), integer(a, 11)
        oh, ow = integer(a, 12), integer(a, 13)
        th, tw, images = integer(a, 14), integer(a, 15), integer(a, 22)
        zero, past = broadcast(np.float32(0.0), lanes), goes_past_caches(integer(a, 5), n * oh * ow * oc, oc, lanes)
        depth, blocks = (ic + lanes - 1) // lanes * lanes, (oc + lanes - 1) // lanes
        # Where pooling leaves out the last row or column of outputs, no tile reaches the last one of the input.
        line = max(tile * tw + border, integer(a, 17) + w)
        map_size = max(tile * th + border, integer(a, 16) + h) * line * depth
        tall, parts = integer(a, 26), integer(a, 27)
        share, stride = (blocks + parts - 1) // parts, 36 * depth
        half, spare, done = f32_at(scratch), u8_at(scratch), f32_at(scratch + 4 * 36 * lanes)
        limits, padded = f32_at(scratch + 4 * 64 * lanes), f32_at(scratch + 4 * 66 * lanes)
        halves = f32_at(scratch + 4 * (66 * lanes + map_size))
        v = f32_at(scratch + 4 * (66 * lanes + map_size + TILES_AT_ONCE * tile * INPUT_TILE * lanes))
        clear(padded, map_size)
        for task in range(first, last):
            begin, first_block = task // parts * images, task % parts * share
            last_block = min(first_block + share, blocks)
            tiles = (min(begin + images, n) - begin) * th * tw
            for chunk in range(0, tiles, tall):
                count = min(tall, tiles - chunk)
                for t in range(count):
                    image, place = begin + (chunk + t) // (th * tw), (chunk + t) % (th * tw)
                    if place == 0 and integer(a, 23) > 0:
                        scatter_padded(a, image, h, w, ic, padded, depth, line, spare, lanes)
                    elif place == 0:
                        copy_padded(x, image, h, w, ic, integer(a, 16), integer(a, 17), padded, depth, line)
                    corner = (place // tw * line + place % tw) * tile * depth
                    for k in range(0, depth, lanes):
                        input_tile(padded, corner + k, depth, line * depth, half, v, t * stride + 36 * k, lanes,
                                   INPUT_TILE, INPUT_TILE, lanes)
                for b in range(first_block, last_block):
                    channel = b * lanes
                    used = min(lanes, oc - channel)
                    shift = load_epilogue(a, bias, limits, channel, used, zero, lanes)
                    for group in range(0, count, TILES_AT_ONCE):
                        for column in range(INPUT_TILE):
                            _column(v, group * stride + column * lanes, stride, u,
                                    (b * INPUT_TILE + column) * INPUT_TILE * depth * lanes, depth // lanes, halves,
                                    column, tile, lanes)
                        for t in range(group, min(group + TILES_AT_ONCE, count)):
                            image, place = begin + (chunk + t) // (th * tw), (chunk + t) % (th * tw)
                            row, column = place // tw * tile, place % tw * tile
                            at = (t - group) * tile * INPUT_TILE * lanes
                            write_tile(halves, at, done, spare, shift, a, y, winner, given, limits,
                                       (image, row, column), (oh, ow, oc), min(tile, oh - row),
                                       min(tile, ow - column), channel, used, past, zero, tile, lanes)
        if past:
            fence()
    return winograd_columns
