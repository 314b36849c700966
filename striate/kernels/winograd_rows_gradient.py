"""Gradient of the weights by Winograd along the height: the adjoint of F(6, 3), F(4, 5) and F(2, 7).

    dw[:, k, c, o] = G' [ sum over tiles and columns j of (A g[j, o]) . (B' x[j + k, c]) ]       . elementwise

A tile is 8 rows of x and `tile` rows of g; both transforms give 8 numbers, and the sum is a product of matrices for
each of these (a *frequency*): numbers of a kernel row times output channels, summed over columns. 8 products a column
where the plain sum has 18, 20 or 14. The gradient of the bias is the sum of A g at the point 1, where it is that of g.

Layout: dU [part][frequency][block of output channels][kw * ic, filled up][block]. A *unit* is one row of tiles of one
image, or a line that stands upright, whose tiles are the columns (see `winograd_rows`). A task is a part of all units;
it transforms as many of them as the second-level cache holds, and adds their products to its dU, by register tiles of
`rows` numbers x `vectors` vectors whose loop runs over columns. `winograd_rows_gradient_sum` adds the parts in order.

AMD EPYC (AVX2), two threads, the plain sum's operations in percent of the peak: 128 lines of 256 x 32 to 64 channels by
5: 125 % (73 % by `conv_weights_grad`); 32 x 32 x 12 to 12 by 5 x 5, 32 images: 105 % (48 %).
"""

from numba import float32

from striate.kernels.conv import copy_with_border
from striate.kernels.parts import load_left, store_left
from striate.kernels.simd import broadcast, f32, f32_at, integer, load, store
from striate.kernels.tiles import tile_load, tile_product, tile_store, tile_zeros
from striate.kernels.winograd import SKEW
from striate.kernels.winograd_matrices import linear_map
from striate.kernels.winograd_rows import BIASED, INPUT_STAGES, OUTPUT_STAGES, ROWS, TILES, G

_input_map = linear_map(INPUT_STAGES)
_gradient_map = linear_map(*[[stage.T for stage in reversed(OUTPUT_STAGES[tile])] for tile in TILES])
_weight_map = linear_map(*[[G[tile].T] for tile in TILES])


def winograd_rows_gradient(lanes, rows, vectors, tile, step, upright):
    """Makes the kernel that fills dU. Task: a part of the units.

    Slots as `striate.plan.lower.winograd_rows` lists them. `step`: input channels.
    """
    block = vectors * lanes

    def winograd_rows_gradient(a, first, last, scratch):
        x, g, du, sums_of_g = f32(a, 0), f32(a, 1), f32(a, 2), f32(a, 3)
        height, width, ic, oc, oh, ow = (integer(a, 4), integer(a, 5), integer(a, 6), integer(a, 7), integer(a, 8),
                                         integer(a, 9))
        top, left, wide, tiles = integer(a, 10), integer(a, 11), integer(a, 12), integer(a, 13)
        units, room, parts, plane = integer(a, 14), integer(a, 15), integer(a, 16), integer(a, 17)
        long, blocks = integer(a, 18), integer(a, 19)
        window, v, d, column = (f32_at(scratch), f32_at(scratch + integer(a, 20)), f32_at(scratch + integer(a, 21)),
                                f32_at(scratch + integer(a, 22)))
        zero, across = broadcast(float32(0.0), lanes), wide * ic
        together = tiles if upright else 1
        columns = tiles if upright else ow
        v_plane, d_plane = room * plane + SKEW, blocks * room * columns * block + SKEW
        for part in range(first, last):
            begin, end = units * part // parts, units * (part + 1) // parts
            for chunk in range(begin, end, room):
                count = min(room, end - chunk)
                for u in range(count):
                    image = chunk + u if upright else (chunk + u) // tiles
                    row = 0 if upright else (chunk + u) % tiles * tile
                    copy_with_border(window, x, image, (row - top, -left, (together - 1) * tile + 8, wide),
                                     (height, width, ic), zero)
                    for j in range(together):
                        for k in range(0, across, lanes):
                            taken = tile_load(window, j * tile * across + k, across, 8, 1, lanes)
                            tile_store(_input_map(taken, 8), v, u * plane + j * across + k, v_plane)
                    for j in range(columns):
                        down, right = (j * tile, 0) if upright else (row, j)
                        for o in range(0, blocks * block, lanes):
                            for r in range(tile):
                                value = zero
                                if down + r < oh and o < oc:
                                    value = load_left(g, ((image * oh + down + r) * ow + right) * oc + o, oc - o, lanes)
                                store(column, r * lanes, value)
                            taken = tile_load(column, 0, lanes, tile, 1, lanes)
                            target = ((o // block * room + u) * columns + j) * block + o % block
                            tile_store(_gradient_map(taken, 8), d, target, d_plane)
                for t in range(8):
                    for b in range(blocks):
                        target = ((part * 8 + t) * blocks + b) * long * block
                        for k in range(0, long, rows):
                            if chunk == begin:
                                sums = tile_zeros(rows, vectors, lanes)
                            else:
                                sums = tile_load(du, target + k * block, block, rows, vectors, lanes)
                            for u in range(count):
                                w = t * d_plane + (b * room + u) * columns * block
                                sums = tile_product(sums, v, t * v_plane + u * plane + k, 1, step, d, w, block, columns,
                                                    w + columns * block)
                            tile_store(sums, du, target + k * block, block)
                for o in range(0, blocks * block, lanes):
                    place = part * blocks * block + o
                    total = zero if chunk == begin else load(sums_of_g, place, lanes)
                    for j in range(count * columns):
                        source = o // block * room * columns * block + j * block + o % block
                        total = total + load(d, BIASED * d_plane + source, lanes)
                    store(sums_of_g, place, total)
    return winograd_rows_gradient


def winograd_rows_gradient_sum(lanes, tile):
    """Makes the kernel dw = G' dU, and brings the bias gradient. Task: `share` numbers of a kernel row.

    Slots: dU, bias sums, dw, db; numbers of a kernel row, those filled up, oc, block, blocks, parts, share, whether db
    is wanted.
    """
    taps = ROWS + 1 - tile

    def winograd_rows_gradient_sum(a, first, last, scratch):
        du, sums_of_g, dw, db = f32(a, 0), f32(a, 1), f32(a, 2), f32(a, 3)
        length, long, oc, block, blocks = integer(a, 4), integer(a, 5), integer(a, 6), integer(a, 7), integer(a, 8)
        parts, share, column = integer(a, 9), integer(a, 10), f32_at(scratch)
        plane = blocks * long * block
        for task in range(first, last):
            for k in range(task * share, min((task + 1) * share, length)):
                for o in range(0, oc, lanes):
                    for t in range(8):
                        source = t * plane + (o // block * long + k) * block + o % block
                        total = load(du, source, lanes)
                        for part in range(1, parts):
                            total = total + load(du, source + part * 8 * plane, lanes)
                        store(column, t * lanes, total)
                    tile_store(_weight_map(tile_load(column, 0, lanes, 8, 1, lanes), taps), column, 0, lanes)
                    for row in range(taps):
                        store_left(dw, (row * length + k) * oc + o, load(column, row * lanes, lanes), oc - o, lanes)
            if task == 0 and integer(a, 11):
                for o in range(0, oc, lanes):
                    total = load(sums_of_g, o, lanes)
                    for part in range(1, parts):
                        total = total + load(sums_of_g, part * blocks * block + o, lanes)
                    store_left(db, o, total, oc - o, lanes)
    return winograd_rows_gradient_sum
