"""Winograd's convolution along the height with its way back in registers, for processors with 32 vector registers.

The convolution of `striate.kernels.winograd_rows`, whose eight sums of a pixel are written to the cache and read again.
Here the register tile holds the outputs of a few pixels, `tile` vectors each of one vector of output channels. The
points are summed two at a time,

    M[t, q] = sum over c, k of (G w)[t, c, k] (B' x)[t, q + c, k]        t: point, c: column, k: channel, q: pixel

first 0 and infinity straight into the first and the last row of A' M, then p and -p, whose sum belongs to the even rows
and whose difference to the odd ones; nothing is stored before the outputs are whole. A filter row's vectors, and each
number of x, are read once for all pixels that share them: 13 operands for 20 multiply-adds of a 5 x 5 filter.

Layout: packed weights [block of one vector][bias, zeros, limits, 8 x (kw * ic)][lanes], bands and transformed rows as
in `winograd_rows`.

AMD EPYC (AVX-512), one thread, the products that are left in percent of the peak (those of the plain sum: 2.5, 2.25 and
1.75 times as much): 128 x 128 x 1 to 32 channels by 5 x 5, pooled 4 x 4: 67; 32 x 32 x 3 to 32 by 5 x 5: 71, by 3 x 3:
48; 64 x 64 x 3 to 32 by 7 x 7: 80; lines of 512 x 32 to 64 by 5: 78.
"""

from numba import float32, types
from numba.core import cgutils
from numba.extending import intrinsic

from striate.kernels.conv import copy_with_border
from striate.kernels.simd import (
    I64,
    broadcast,
    constant,
    emit_fma,
    f32,
    f32_at,
    integer,
    load_vector,
    real,
    splat,
    u8,
    u8_at,
)
from striate.kernels.tiles import tile_load, tile_store
from striate.kernels.winograd_rows import A_T, ROWS, input_map, write_window


@intrinsic(prefer_literal=True)
def tile_add_outputs(typing, tile, rows, x, x_offset, plane, channels, w, w_offset, taps, steps, turns):
    """tile[i * pixels + q] += row i of A' M at pixel q, where M[t, q] is the sum over s < taps, c < channels of
    x[x_offset + t * plane + (q + s) * channels + c] * a vector of w, which begins at
    w_offset + ((t * taps + s) * channels + c) * lanes. All but offsets, `plane` and `turns` are constants; channels are
    steps * turns, and a turn is unrolled.
    """
    high, apart, width, unrolled = (given.literal_value for given in (rows, channels, taps, steps))
    pixels = tile.rows // high

    def generate(context, builder, signature, args):
        sums, _, x, x_offset, plane, _, w, w_offset, _, _, turns = args
        lanes = signature.args[0].lanes
        totals = [builder.extract_value(sums, cell) for cell in range(high * pixels)]
        zero = constant(0.0, lanes)

        def products(points, begin):
            """The sums of two points, from `begin` on: pixels vectors each."""
            def start(array, offset, distance):
                return cgutils.alloca_once_value(builder, builder.gep(array, [builder.add(offset, distance)]))

            cells = [[cgutils.alloca_once_value(builder, vector) for vector in vectors] for vectors in begin]
            at = [start(x, x_offset, builder.mul(plane, I64(t))) for t in points]
            panels = [start(w, w_offset, I64(t * width * apart * lanes)) for t in points]
            with cgutils.for_range(builder, turns):
                for rows, panel, sums in zip(at, panels, cells, strict=True):
                    row, base = builder.load(rows), builder.load(panel)
                    for c in range(unrolled):
                        weights = [load_vector(builder, builder.gep(base, [I64((s * apart + c) * lanes)]), lanes)
                                   for s in range(width)]
                        for p in range(pixels + width - 1):
                            value = splat(builder, builder.load(builder.gep(row, [I64(p * apart + c)])), lanes)
                            for s in range(max(0, p + 1 - pixels), min(width, p + 1)):
                                cell = sums[p - s]
                                builder.store(emit_fma(builder, value, weights[s], builder.load(cell)), cell)
                    builder.store(builder.gep(row, [I64(unrolled)]), rows)
                    builder.store(builder.gep(base, [I64(unrolled * lanes)]), panel)
            return [[builder.load(cell) for cell in sums] for sums in cells]

        ends = products((0, ROWS - 1), (totals[:pixels], totals[-pixels:]))
        totals[:pixels], totals[-pixels:] = ends
        for plus in range(1, ROWS - 1, 2):
            both = products((plus, plus + 1), [[zero] * pixels] * 2)
            for q, (above, below) in enumerate(zip(*both, strict=True)):
                halves = builder.fadd(above, below), builder.fsub(above, below)
                for row in range(high):
                    factor, cell = A_T[high][row, plus], row * pixels + q
                    totals[cell] = (builder.fadd(totals[cell], halves[row % 2]) if factor == 1 else
                                    emit_fma(builder, halves[row % 2], constant(factor, lanes), totals[cell]))
        for cell, total in enumerate(totals):
            sums = builder.insert_value(sums, total, cell)
        return sums
    return tile(tile, rows, x, types.intp, types.intp, channels, w, types.intp, taps, steps, types.intp), generate


def winograd_rows_together(lanes, strip, ph, pw, tile, step, taps, steps, upright, clamps, winners):
    """Makes the kernel; slots as for `winograd_rows` with blocks of one vector. taps: columns of the filters; sums over
    the channels are unrolled by `steps`.
    """
    pixels, head, windows = strip * pw, 4 if clamps else 2, tile // ph
    cells, span = tile * pixels, pixels * lanes

    def winograd_rows_together(a, first, last, scratch):
        x, packed, y, winner = f32(a, 0), f32(a, 1), f32(a, 2), u8(a, 3)
        floor = broadcast(float32(real(a, 4)), lanes)
        height, width, ic, oc, poh, pow_ = (integer(a, 5), integer(a, 6), integer(a, 7), integer(a, 8), integer(a, 9),
                                            integer(a, 10))
        top, left, wide, tall = integer(a, 11), integer(a, 12), integer(a, 13), integer(a, 14)
        bands, parts, blocks, turns = integer(a, 15), integer(a, 16), integer(a, 17), integer(a, 18)
        window, turned = f32_at(scratch), f32_at(scratch + integer(a, 19))
        raw, spare = f32_at(scratch + integer(a, 21)), u8_at(scratch + integer(a, 22))
        plane, across, length = integer(a, 23), wide * ic, turns * steps * taps
        mask, masked = f32(a, 24), integer(a, 24) != 0
        # Windows of the result from one row of a tile to the next, and from one pixel of a strip to the next.
        down, right = (1, windows) if upright else (pow_, 1)
        for task in range(first, last):
            part, band, image = task % parts, task // parts % bands, task // (parts * bands)
            begin = tall * band // bands
            tiles = tall * (band + 1) // bands - begin
            copy_with_border(window, x, image, (begin * tile - top, -left, (tiles - 1) * tile + 8, wide),
                             (height, width, ic), floor)
            together = tiles if upright else 1
            columns = tiles if upright else pow_
            for i in range(0, tiles, together):
                for j in range(together):
                    for k in range(0, across, lanes):
                        taken = tile_load(window, (i + j) * tile * across + k, across, 8, 1, lanes)
                        tile_store(input_map(taken, 8), turned, j * across + k, plane)
                row = (begin + i) * windows
                for column in range(blocks * part // parts, blocks * (part + 1) // parts):
                    channels = min(lanes, oc - column * lanes)
                    start = column * (head + 8 * length) * lanes
                    out = (image * poh + row) * pow_ * oc + column * lanes
                    for j in range(0, columns, strip):
                        now = min(j, columns - strip)   # the last strip may overlap the one before
                        sums = tile_load(packed, start, 0, cells, 1, lanes)
                        sums = tile_add_outputs(sums, tile, turned, now * pw * step, plane, step, packed,
                                                start + head * lanes, taps, steps, turns)
                        tile_store(sums, raw, 0, lanes)
                        for q in range(strip):
                            left_over = poh - row - ((now + q) * windows if upright else 0)
                            for r in range(min(windows, left_over)):
                                to = out + (r * down + (now + q) * right) * oc
                                write_window(raw, (r * ph * pixels + q * pw) * lanes, span, y, winner, to, mask, masked,
                                             packed, start + 2 * lanes, lanes, channels, spare, floor, ph, pw, clamps,
                                             winners, lanes)
    return winograd_rows_together
