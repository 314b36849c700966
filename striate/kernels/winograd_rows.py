"""Winograd's convolution along the height alone: F(6, 3), F(4, 5) and F(2, 7).

    y[i, j, o] = A' [ sum over c, k of (G w[:, c, k, o]) . (B' x[i : i + 8, j + c, k]) ]       . elementwise

A tile is 8 input rows and `tile` output rows: 6, 4 or 2 for kernels of 3, 5 or 7 rows. Along the width and over the
input channels the sum stays plain: where few channels share the transforms, those of two dimensions cost more than they
save. 8 products a column, channel and tile: 1.33, 2 or 4 an output where the plain sum has 3, 5 or 7.

The points 0, +-1, +-1/2, +-3/2 and infinity come in pairs, so that both transforms are sums and differences of halves
(24 operations for a vector of 8 inputs, 16 for one of 4 outputs). Relative error 6e-7, where the plain sum has 3e-7.

Layout: x and y NHWC; packed weights [block of output channels][bias, zeros, limits, 8 x (kw * ic)][block].
A task is a *band* (some tiles of rows) of one image and some blocks. Its rows are copied with their border; the 8 rows
of a tile are transformed, and each is then the input of a convolution by a kernel of one row, whose register tile is
`strip` pooling windows (single pixels, if nothing is pooled) x `vectors` vectors. The eight sums of a strip wait in the
first-level cache, and are transformed back and pooled while those of the next strip are under way.

Lines (one-dimensional convolutions) stand upright: images of one column. The pixels of a register tile are then tiles
of rows, one below the other, which lie side by side once they are transformed.

AMD EPYC (AVX2), two threads, the plain sum's operations in percent of the peak: 128 x 128 x 1 to 32 channels by 5 x 5,
pooled 4 x 4: 125 % (75 % by `conv_window`); 32 x 32 x 12 to 64 by 5 x 5, pooled: 185 % (90 % by `conv_direct`).
"""

from fractions import Fraction

import numpy as np
from numba import float32

from striate.kernels.conv import copy_with_border
from striate.kernels.jit import inlined
from striate.kernels.simd import (
    any_nan,
    broadcast,
    clamped,
    f32,
    f32_at,
    integer,
    load,
    load_part,
    raised,
    real,
    select_positive,
    store,
    u8,
    u8_at,
    where_open,
)
from striate.kernels.tiles import tile_get, tile_load, tile_row_outer, tile_store, window_maximum
from striate.kernels.windows import maximum_with_nans, store_channels, store_places
from striate.kernels.winograd_matrices import linear_map, matrices

ROWS = 8
"""Input rows of a tile."""
_PAIRS = (Fraction(1), Fraction(1, 2), Fraction(3, 2))
POINTS = (Fraction(0), *(sign * point for point in _PAIRS for sign in (1, -1)))
TILES = (6, 4, 2)
A_T, G = {tile: matrices(tile, POINTS)[0] for tile in TILES}, {tile: matrices(tile, POINTS)[1] for tile in TILES}
B_T = matrices(TILES[0], POINTS)[2]
BIASED = 1
"""The point 1 counts once in every output: a bias that its sums start from is in all of them."""


def _input_stages() -> tuple[np.ndarray, np.ndarray]:
    """The rows of B' for p and -p are x (x + p) and x (x - p) times one even polynomial: halves, then both of them."""
    halves, both = np.zeros((ROWS, ROWS)), np.zeros((ROWS, ROWS))
    halves[0], halves[7] = B_T[0], B_T[7]
    both[0, 0] = both[7, 7] = 1
    for k, point in enumerate(_PAIRS):
        plus, even = 2 * k + 1, np.arange(ROWS) % 2 == 0
        halves[plus, even] = B_T[plus, even]
        halves[plus + 1, ~even] = B_T[plus, ~even] / float(point)
        both[plus, plus] = both[plus + 1, plus] = 1
        both[plus, plus + 1], both[plus + 1, plus + 1] = float(point), -float(point)
    return halves, both


def _output_stages(tile: int) -> tuple[np.ndarray, np.ndarray]:
    """Sums and differences of each pair; even rows of A' take the sums, odd ones the differences."""
    pairs = np.zeros((ROWS, ROWS))
    pairs[0, 0] = pairs[7, 7] = 1
    for plus in (1, 3, 5):
        pairs[plus, plus:plus + 2], pairs[plus + 1, plus:plus + 2] = (1, 1), (1, -1)
    rest = np.zeros((tile, ROWS))
    for row in range(tile):
        rest[row, [0, 7]] = A_T[tile][row, [0, 7]]
        rest[row, [1 + row % 2, 3 + row % 2, 5 + row % 2]] = A_T[tile][row, [1, 3, 5]]
    return pairs, rest


INPUT_STAGES, OUTPUT_STAGES = _input_stages(), {tile: _output_stages(tile) for tile in TILES}
input_map, output_map = linear_map(INPUT_STAGES), linear_map(*OUTPUT_STAGES.values())
_weight_map = linear_map(*[[G[tile]] for tile in TILES])


def winograd_rows_pack(lanes, tile):
    """Makes the kernel that packs G w. Task: one block of output channels.

    Slots: w, b, packed, kw, ic, oc, vectors of a block, whether there is a bias, lower and upper limits (or 0), flipped
    (1: w turned by 180 degrees and its channels exchanged, for the gradient of the input; ic and oc name the roles in
    the convolution that is computed), floats that numbers of a kernel row and points are apart.
    """
    taps = ROWS + 1 - tile

    def winograd_rows_pack(a, first, last, scratch):
        w, b, packed = f32(a, 0), f32(a, 1), f32(a, 2)
        kw, ic, oc, vectors, biased = integer(a, 3), integer(a, 4), integer(a, 5), integer(a, 6), integer(a, 7)
        clamps, lower, upper, flipped = integer(a, 8) != 0, f32(a, 8), f32(a, 9), integer(a, 10) != 0
        number_step, point_step = integer(a, 11), integer(a, 12)
        zero, head, column = broadcast(float32(0.0), lanes), 4 if clamps else 2, f32_at(scratch)
        block, length = vectors * lanes, kw * ic
        for task in range(first, last):
            for v in range(vectors):
                channel = (task * vectors + v) * lanes
                count = min(max(oc - channel, 0), lanes)
                target = task * (head + 8 * length) * block + v * lanes
                store(packed, target, load_part(b, channel, count, lanes) if biased else zero)
                store(packed, target + block, zero)
                if clamps:
                    store(packed, target + 2 * block, load_part(lower, channel, count, lanes))
                    store(packed, target + 3 * block, load_part(upper, channel, count, lanes))
                for k in range(length):
                    for row in range(taps):
                        if flipped:
                            turned = ((taps - 1 - row) * kw + kw - 1 - k // ic) * oc * ic + channel * ic + k % ic
                            store(column, row * lanes, zero)
                            for c in range(count):
                                column[row * lanes + c] = w[turned + c * ic]
                        else:
                            store(column, row * lanes, load_part(w, (row * length + k) * oc + channel, count, lanes))
                    sums = _weight_map(tile_load(column, 0, lanes, taps, 1, lanes), 8)
                    tile_store(sums, packed, target + head * block + k * number_step, point_step)
    return winograd_rows_pack


@inlined
def write_window(raw, corner, span, y, winner, to, mask, masked, packed, limits, block, channels, spare, floor, ph, pw,
                 clamps, winners, lanes):
    """y[to] = the largest of a window of sums that begins at raw[corner], behind activation and mask; its place."""
    found = window_maximum(raw, corner, span, lanes, ph, pw, lanes)
    best, place = tile_get(found, 0, 0), tile_get(found, 1, 0)
    if any_nan(tile_get(found, 2, 0)):
        best, place = maximum_with_nans(raw, corner, span, lanes, (ph, pw), floor)
    best = raised(best, floor)
    if clamps:
        best = clamped(best, load(packed, limits, lanes), load(packed, limits + block, lanes))
    if masked:
        best = select_positive(best, load_part(mask, to, min(channels, lanes), lanes))
    store_channels(y, to, best, channels)
    if winners:
        store_places(winner, to, where_open(place, best, floor), channels, spare)


def winograd_rows(lanes, vectors, strip, ph, pw, tile, step, steps, upright, clamps, winners):
    """Makes `kernel`; slots as `striate.plan.lower.winograd_rows` lists them.

    Pooling windows of ph x pw pixels (1 x 1: none) tile the output; ph divides `tile`. The numbers of two pixels lie
    `step` apart; a row of taps is unrolled by `steps`. `upright`: images of one column, whose tiles are the pixels. The
    last strip of a row overlaps the one before, and gives the same numbers again.
    """
    block, pixels, head = vectors * lanes, strip * pw, 4 if clamps else 2
    line, windows = pixels * block, tile // ph
    slots, span = 8 * line, pixels * lanes

    def winograd_rows(a, first, last, scratch):
        x, packed, y, winner = f32(a, 0), f32(a, 1), f32(a, 2), u8(a, 3)
        floor = broadcast(float32(real(a, 4)), lanes)
        height, width, ic, oc, poh, pow_ = (integer(a, 5), integer(a, 6), integer(a, 7), integer(a, 8), integer(a, 9),
                                            integer(a, 10))
        top, left, wide, tall = integer(a, 11), integer(a, 12), integer(a, 13), integer(a, 14)
        bands, parts, blocks, turns = integer(a, 15), integer(a, 16), integer(a, 17), integer(a, 18)
        window, turned = f32_at(scratch), f32_at(scratch + integer(a, 19))
        products, raw, spare = (f32_at(scratch + integer(a, 20)), f32_at(scratch + integer(a, 21)),
                                u8_at(scratch + integer(a, 22)))
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
                    channels = min(block, oc - column * block)
                    start = column * (head + 8 * length) * block
                    out = (image * poh + row) * pow_ * oc + column * block
                    slot, before = 0, 0
                    for j in range(0, columns + strip, strip):
                        now = min(j, columns - strip)
                        if j < columns:
                            w = start + head * block
                            for t in range(8):
                                sums = tile_load(packed, start if t == BIASED else start + block, 0, pixels, vectors,
                                                 lanes)
                                at = t * plane + now * pw * step
                                for _ in range(turns):
                                    sums = tile_row_outer(sums, turned, at, step, packed, w, steps)
                                    at += steps
                                    w += steps * block
                                tile_store(sums, products, slot + t * line, block)
                        slot = slots - slot
                        if j > 0:
                            for v in range(0, block, lanes):
                                if v >= channels:
                                    break
                                for q in range(0, line, block):
                                    taken = tile_load(products, slot + q + v, line, 8, 1, lanes)
                                    tile_store(output_map(taken, tile), raw, q // vectors, span)
                                for q in range(strip):
                                    left_over = poh - row - ((before + q) * windows if upright else 0)
                                    for r in range(min(windows, left_over)):
                                        to = out + (r * down + (before + q) * right) * oc + v
                                        write_window(raw, (r * ph * pixels + q * pw) * lanes, span, y, winner, to, mask,
                                                     masked, packed, start + 2 * block + v, block, channels - v, spare,
                                                     floor, ph, pw, clamps, winners, lanes)
                        before = now
    return winograd_rows
