"""Convolution, forward: direct sums in register tiles.

    y[n, i, j, o] = b[o] + sum over a, c, k of x[n, i sh + a dh - top, j sw + c dw - left, k] w[a, c, k, o]

A task is one *band* (some output rows) of one image and some blocks of output channels. If the convolution pads, the
input rows of the band are first copied with their border of zeros into the thread's scratch memory, so that the loops
know no borders. Then, for each block of `vectors` x `lanes` output channels, tiles of `pixels` output pixels are
summed in registers: every step multiplies one input number of each pixel by the block's weights for it.

    places[p]   offset in the band of the first input number of output pixel p (row-major in the band)
    taps[s]     offset of a run of inputs that lie side by side: a kernel row of kw * ic numbers, or, with dilation or
                groups, one pixel's ic numbers
    packed      weights as (groups, blocks, 1 + kh * kw * ic, vectors * lanes): row 0 of a block is the bias, which the
                sums start from; channels that the last block does not have are zero. Where sums are clamped, two rows
                follow the bias: the lower and the upper limits

The sum of an output number runs in the order bias, kernel row, kernel column, input channel, whatever the tiling.
Pooling, if fused, takes a band of sums in scratch memory and writes maxima and their places only.
"""

from numba import float32

from striate.kernels.jit import helper
from striate.kernels.simd import (
    any_nan,
    broadcast,
    clamped,
    f32,
    f32_at,
    i64,
    integer,
    lanes_of,
    load,
    load_like,
    load_part,
    raised,
    real,
    select_positive,
    store,
    u8,
    u8_at,
    where_open,
)
from striate.kernels.tiles import (
    load_offsets_within,
    tile_clamped,
    tile_dot,
    tile_gather_outer,
    tile_get,
    tile_load,
    tile_raised,
    tile_row_outer,
    tile_select_positive,
    tile_store,
    window_maximum,
)
from striate.kernels.windows import maximum_with_nans, pool_band, store_channels, store_places


def conv_pack(lanes):
    """Makes `kernel`: tasks are (group, block) pairs; slots: w, b, packed, numbers (kh * kw * ic), oc / groups, groups,
    blocks, vectors, whether there is a bias, whether the numbers come last first, lower and upper limits (or 0)."""
    def conv_pack(a, first, last, scratch):
        w, b, packed = f32(a, 0), f32(a, 1), f32(a, 2)
        numbers, filters, groups, blocks = integer(a, 3), integer(a, 4), integer(a, 5), integer(a, 6)
        vectors, biased, flipped = integer(a, 7), integer(a, 8), integer(a, 9)
        clamps, lower, upper = integer(a, 10) != 0, f32(a, 10), f32(a, 11)
        zero, head = broadcast(float32(0.0), lanes), 3 if clamps else 1
        for task in range(first, last):
            group, block = task // blocks, task % blocks
            at = task * (numbers + head) * vectors * lanes
            for v in range(vectors):
                channel = (block * vectors + v) * lanes
                count = min(max(filters - channel, 0), lanes)
                source, target = group * filters + channel, at + v * lanes
                store(packed, target, load_part(b, source, count, lanes) if biased else zero)
                if clamps:
                    store(packed, target + vectors * lanes, load_part(lower, source, count, lanes))
                    store(packed, target + 2 * vectors * lanes, load_part(upper, source, count, lanes))
                target += (head - 1) * vectors * lanes
                for k in range(numbers):
                    target += vectors * lanes
                    start = (numbers - 1 - k if flipped else k) * groups * filters + source
                    store(packed, target, load(w, start, lanes) if count == lanes
                          else load_part(w, start, count, lanes))
    return conv_pack


@helper
def copy_with_border(target, source, image, window, size, like):
    """A rectangle of pixels of one image, packed; zero where it reaches over the border.

    window: (row, column, rows, columns), size: (height, width, channels) of the images.
    """
    row, column, rows, columns = window
    height, width, depth = size
    left = max(-column, 0) * depth
    inside = max(0, min(column + columns, width) - max(column, 0)) * depth
    lanes = lanes_of(like)
    for r in range(rows):
        line = r * columns * depth
        if row + r < 0 or row + r >= height:
            for k in range(columns * depth):
                target[line + k] = 0.0
            continue
        for k in range(left):
            target[line + k] = 0.0
        for k in range(left + inside, columns * depth):
            target[line + k] = 0.0
        start = ((image * height + row + r) * width + max(column, 0)) * depth
        whole = inside // lanes * lanes
        for k in range(0, whole, lanes):
            store(target, line + left + k, load_like(source, start + k, like))
        for k in range(whole, inside):
            target[line + left + k] = source[start + k]


@helper
def copy_pixels(y, at, depth, raw, pixels, block, channels, floor):
    """`channels` channels of `pixels` pixels of sums (rows of `block` numbers) go to y, raised to the floor."""
    for p in range(pixels):
        for v in range(0, channels, lanes_of(floor)):
            store_channels(y, at + p * depth + v, raised(load_like(raw, p * block + v, floor), floor), channels - v)


@helper
def mask_pixels(raw, mask, at, depth, pixels, block, channels, like):
    """Sums of `channels` channels of `pixels` pixels become zero where the mask, laid out as y, is not positive."""
    for p in range(pixels):
        v = 0
        while v + lanes_of(like) <= channels:
            passed = load_like(mask, at + p * depth + v, like)
            store(raw, p * block + v, select_positive(load_like(raw, p * block + v, like), passed))
            v += lanes_of(like)
        while v < channels:
            if not mask[at + p * depth + v] > 0.0:
                raw[p * block + v] = 0.0
            v += 1


def conv_direct(lanes, vectors, pixels, steps, pooled, depthwise, clamps):
    """Makes `kernel`; slots as `striate.plan.lower.conv.direct_arguments` lists them.

    A run of taps is unrolled by `steps`. With `depthwise` every output channel reads its own input channel: a block is
    one vector, a run is one pixel, and vectors of inputs take the place of single ones. `clamps`: the sums are brought
    between the limits of their channels.
    """
    block, head = vectors * lanes, 3 if clamps else 1

    def conv_direct(a, first, last, scratch):
        x, packed, y, winner, places, taps = f32(a, 0), f32(a, 1), f32(a, 2), u8(a, 3), i64(a, 4), i64(a, 5)
        floor = broadcast(float32(real(a, 6)), lanes)
        height, width, ic = integer(a, 7), integer(a, 8), integer(a, 9)
        oh, ow, oc = integer(a, 10), integer(a, 11), integer(a, 12)
        sh, reach, padded, top, left, wide = (integer(a, 13), integer(a, 14), integer(a, 15), integer(a, 16),
                                              integer(a, 17), integer(a, 18))
        rows, bands, parts = integer(a, 19), integer(a, 20), integer(a, 21)
        groups, blocks, runs, length = integer(a, 22), integer(a, 23), integer(a, 24), integer(a, 25)
        pool = integer(a, 26), integer(a, 27), integer(a, 28), integer(a, 29)
        poh, pow_ = integer(a, 30), integer(a, 31)
        window, raw, spare = f32_at(scratch), f32_at(scratch + integer(a, 32)), u8_at(scratch + integer(a, 33))
        mask, masked = f32(a, 34), integer(a, 34) != 0
        filters, numbers, turns = oc // groups, runs * length + head, length // steps
        for task in range(first, last):
            part, band, image = task % parts, task // parts % bands, task // (parts * bands)
            row = band * rows
            band_rows = min(rows, oh - row)
            count = band_rows * ow
            source, base = x, (image * height + row * sh) * width * ic
            if padded:
                copy_with_border(window, x, image, (row * sh - top, -left, (band_rows - 1) * sh + reach, wide),
                            (height, width, ic), floor)
                source, base = window, 0
            for column in range(groups * blocks * part // parts, groups * blocks * (part + 1) // parts):
                group, channel = column // blocks, column % blocks * block
                channels = min(block, filters - channel)
                out, limits = group * filters + channel, (column * numbers + 1) * block
                for start in range(0, count, pixels):
                    offsets = load_offsets_within(places, start, count - 1, pixels)
                    w = column * numbers * block
                    sums = tile_load(packed, w, 0, pixels, vectors, lanes)
                    w += head * block
                    for run in range(runs):
                        at = base + (column * block if depthwise else group * (ic // groups)) + taps[run]
                        if depthwise:
                            sums = tile_dot(sums, source, offsets, at, packed, w, block)
                            w += block
                            continue
                        for _ in range(turns):
                            sums = tile_gather_outer(sums, source, offsets, at, packed, w, steps)
                            at += steps
                            w += steps * block
                    if clamps and not pooled:
                        sums = tile_clamped(sums, packed, limits, limits + block)
                    to = ((image * oh + row) * ow + start) * oc + out
                    if pooled:
                        tile_store(sums, raw, start * block, block)
                    elif start + pixels <= count and channels == block and not masked:
                        tile_store(tile_raised(sums, floor), y, to, oc)
                    elif start + pixels <= count and channels == block:
                        passed = tile_load(mask, to, oc, pixels, vectors, lanes)
                        tile_store(tile_select_positive(tile_raised(sums, floor), passed), y, to, oc)
                    else:
                        tile_store(sums, raw, 0, block)
                        if masked:
                            mask_pixels(raw, mask, to, oc, min(pixels, count - start), block, channels, floor)
                        copy_pixels(y, to, oc, raw, min(pixels, count - start), block, channels, floor)
                if pooled:
                    windows = row // pool[2]
                    pool_band((y, winner, spare, integer(a, 3) != 0), (image * poh + windows) * pow_ * oc + out, raw,
                              (min(rows // pool[2], poh - windows), pow_, ow, block, oc), channels, pool, floor,
                              (packed, limits, clamps))
    return conv_direct


def conv_window(lanes, vectors, strip, ph, pw, step, steps, clamps, winners):
    """Makes `kernel`: convolution of few input channels, pooled; slots as for `conv_direct`.

    Pooling windows do not overlap: they are ph x pw pixels with nothing between two in a row. A tile is one row of
    `strip` windows; the ph tiles of a strip are kept in the first-level cache, and pooled while the sums of the next
    strip are under way, so that the processor finds work for both. The numbers of two pixels lie `step` apart; a run
    of taps is unrolled by `steps`. The last strip of a row overlaps the one before, and gives the same numbers again.
    """
    block, pixels, head = vectors * lanes, strip * pw, 3 if clamps else 1
    line = pixels * block
    slots = ph * line

    def conv_window(a, first, last, scratch):
        x, packed, y, winner, taps = f32(a, 0), f32(a, 1), f32(a, 2), u8(a, 3), i64(a, 5)
        floor = broadcast(float32(real(a, 6)), lanes)
        height, width, ic, oc = integer(a, 7), integer(a, 8), integer(a, 9), integer(a, 12)
        sh, reach, padded, top, left, wide = (integer(a, 13), integer(a, 14), integer(a, 15), integer(a, 16),
                                              integer(a, 17), integer(a, 18))
        rows, bands, parts = integer(a, 19), integer(a, 20), integer(a, 21)
        blocks, runs, turns = integer(a, 23), integer(a, 24), integer(a, 25) // steps
        down, poh, pow_ = integer(a, 28), integer(a, 30), integer(a, 31)
        window, raw, spare = f32_at(scratch), f32_at(scratch + integer(a, 32)), u8_at(scratch + integer(a, 33))
        below = sh * wide * ic
        for task in range(first, last):
            part, band, image = task % parts, task // parts % bands, task // (parts * bands)
            top_window = band * rows // down
            windows = min(rows // down, poh - top_window)
            source, base = x, (image * height + band * rows * sh) * width * ic
            if padded:
                copy_with_border(window, x, image,
                                 (band * rows * sh - top, -left, ((windows - 1) * down + ph - 1) * sh + reach, wide),
                                 (height, width, ic), floor)
                source, base = window, 0
            for column in range(blocks * part // parts, blocks * (part + 1) // parts):
                channels = min(block, oc - column * block)
                start = column * (runs * turns * steps + head) * block
                for i in range(windows):
                    out = ((image * poh + top_window + i) * pow_) * oc + column * block
                    slot, before = 0, 0
                    for j in range(0, pow_ + strip, strip):
                        now = min(j, pow_ - strip)
                        if j < pow_:
                            above = base + i * down * below + now * pw * step
                            for r in range(ph):
                                sums = tile_load(packed, start, 0, pixels, vectors, lanes)
                                w = start + head * block
                                for run in range(runs):
                                    at = above + taps[run]
                                    for _ in range(turns):
                                        sums = tile_row_outer(sums, source, at, step, packed, w, steps)
                                        at += steps
                                        w += steps * block
                                tile_store(sums, raw, slot + r * line, block)
                                above += below
                        slot = slots - slot
                        if j > 0:
                            for q in range(strip):
                                to = out + (before + q) * oc
                                for v in range(0, block, lanes):
                                    if v >= channels:
                                        break
                                    corner = slot + q * pw * block + v
                                    found = window_maximum(raw, corner, line, block, ph, pw, lanes)
                                    best, place = tile_get(found, 0, 0), tile_get(found, 1, 0)
                                    if any_nan(tile_get(found, 2, 0)):
                                        best, place = maximum_with_nans(raw, corner, line, block, (ph, pw), floor)
                                    best = raised(best, floor)
                                    if clamps:
                                        limits = start + block + v
                                        best = clamped(best, load(packed, limits, lanes),
                                                       load(packed, limits + block, lanes))
                                    store_channels(y, to + v, best, channels - v)
                                    if winners:
                                        store_places(winner, to + v, where_open(place, best, floor), channels - v,
                                                     spare)
                        before = now
    return conv_window
