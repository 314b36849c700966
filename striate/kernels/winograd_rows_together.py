"""Winograd's convolution along the height, all eight points at once, for processors with 32 vector registers.

The convolution of `striate.kernels.winograd_rows`, whose eight sums of a pixel are written to the cache and read again.
Here the register tile holds all points of a few pixels and one vector of output channels,

    M[t, q] = sum over c, k of (G w)[t, c, k] (B' x)[t, q + c, k]        t: 8 points, q: `group` pixels

and A' M, `tile` vectors a pixel, is formed before anything is stored; the windows of a pooling are found at once.

Layout: packed weights [block of one vector][bias, zeros, limits, (kw * ic) x 8][lanes]: a step of the sum reads 8
vectors and 8 * `group` numbers for as many multiply-adds. Bands, strips and transformed rows as in `winograd_rows`.
"""

from numba import float32, types
from numba.core import cgutils
from numba.extending import intrinsic

from striate.kernels.conv import copy_with_border
from striate.kernels.simd import (
    I64,
    broadcast,
    emit_fma,
    f32,
    f32_at,
    integer,
    load,
    load_vector,
    real,
    splat,
    u8,
    u8_at,
)
from striate.kernels.tiles import tile_column, tile_load, tile_shift, tile_store, tile_zeros
from striate.kernels.winograd_rows import ROWS, input_map, output_map, write_window


@intrinsic(prefer_literal=True)
def tile_points_product(typing, tile, x, x_offset, plane, step, w, w_offset, steps, turns):
    """for s in range(steps * turns): tile[t, q] += x[x_offset + t * plane + q * step + s] * a vector of w, which begins
    at w_offset + (s * points + t) * lanes. step, steps: constants; a turn is unrolled.
    """
    apart, unrolled = step.literal_value, steps.literal_value

    def generate(context, builder, signature, args):
        sums, x, x_offset, plane, _, w, w_offset, _, turns = args
        points, pixels, lanes = signature.args[0].rows, signature.args[0].columns, signature.args[0].lanes
        cells = range(points * pixels)
        totals = [cgutils.alloca_once_value(builder, builder.extract_value(sums, cell)) for cell in cells]
        starts = [builder.add(x_offset, builder.mul(plane, I64(t))) for t in range(points)]
        rows = [cgutils.alloca_once_value(builder, builder.gep(x, [start])) for start in starts]
        panel = cgutils.alloca_once_value(builder, builder.gep(w, [w_offset]))
        with cgutils.for_range(builder, turns):
            at, base = [builder.load(row) for row in rows], builder.load(panel)
            for s in range(unrolled):
                for t in range(points):
                    weights = load_vector(builder, builder.gep(base, [I64((s * points + t) * lanes)]), lanes)
                    for q in range(pixels):
                        value = splat(builder, builder.load(builder.gep(at[t], [I64(q * apart + s)])), lanes)
                        cell = totals[t * pixels + q]
                        builder.store(emit_fma(builder, value, weights, builder.load(cell)), cell)
            for t in range(points):
                builder.store(builder.gep(at[t], [I64(unrolled)]), rows[t])
            builder.store(builder.gep(base, [I64(unrolled * points * lanes)]), panel)
        for cell in cells:
            sums = builder.insert_value(sums, builder.load(totals[cell]), cell)
        return sums
    return tile(tile, x, types.intp, types.intp, step, w, types.intp, steps, types.intp), generate


def winograd_rows_together(lanes, strip, group, ph, pw, tile, step, steps, upright, clamps, winners):
    """Makes the kernel; slots as for `winograd_rows` with blocks of one vector. `group`: pixels of the register tile,
    two or three, a divisor of those of a strip.
    """
    pixels, head, windows = strip * pw, 4 if clamps else 2, tile // ph
    span, third = pixels * lanes, group - 1

    def winograd_rows_together(a, first, last, scratch):
        x, packed, y, winner = f32(a, 0), f32(a, 1), f32(a, 2), u8(a, 3)
        floor = broadcast(float32(real(a, 4)), lanes)
        height, width, ic, oc, poh, pow_ = (integer(a, 5), integer(a, 6), integer(a, 7), integer(a, 8), integer(a, 9),
                                            integer(a, 10))
        top, left, wide, tall = integer(a, 11), integer(a, 12), integer(a, 13), integer(a, 14)
        bands, parts, blocks, turns = integer(a, 15), integer(a, 16), integer(a, 17), integer(a, 18)
        window, turned = f32_at(scratch), f32_at(scratch + integer(a, 19))
        raw, spare = f32_at(scratch + integer(a, 21)), u8_at(scratch + integer(a, 22))
        plane, across, length = integer(a, 23), wide * ic, turns * steps
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
                    shift = load(packed, start, lanes)
                    for j in range(0, columns, strip):
                        now = min(j, columns - strip)   # the last strip may overlap the one before
                        for q in range(0, pixels, group):
                            sums = tile_points_product(tile_zeros(ROWS, group, lanes), turned, (now * pw + q) * step,
                                                       plane, step, packed, start + head * lanes, steps, turns)
                            at = q * lanes
                            tile_store(tile_shift(output_map(tile_column(sums, 0), tile), shift), raw, at, span)
                            tile_store(tile_shift(output_map(tile_column(sums, 1), tile), shift), raw, at + lanes, span)
                            if group == 3:
                                tile_store(tile_shift(output_map(tile_column(sums, third), tile), shift), raw,
                                           at + 2 * lanes, span)
                        for q in range(strip):
                            left_over = poh - row - ((now + q) * windows if upright else 0)
                            for r in range(min(windows, left_over)):
                                to = out + (r * down + (now + q) * right) * oc
                                write_window(raw, (r * ph * pixels + q * pw) * lanes, span, y, winner, to, mask, masked,
                                             packed, start + 2 * lanes, lanes, channels, spare, floor, ph, pw, clamps,
                                             winners, lanes)
    return winograd_rows_together
