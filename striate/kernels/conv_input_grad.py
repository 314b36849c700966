"""The gradient of a convolution with respect to its input.

    dx[n, i, j, c] = sum over a, b, o with  i + top - a dh = sh oh,  j + left - b dw = sw ow  of
                     g[n, oh, ow, o] w[a, b, c, o]

The pixels (i, j) of one *phase*, those with equal (i + top) mod sh and (j + left) mod sw, meet the same taps, and their
oh = (i + top) // sh - (a dh) // sh. So each phase is a convolution of stride 1 of g with the taps of that phase, and
nothing is ever multiplied by a zero that a stride put there.

A task is a block of images, or of rows of an image. It brings its window of g into its own memory:

    window[part][image][row][column][depth]     part: `depth` output channels, so that weights and pixels stay in L1

(from a pooled g it puts each value at its window's winner), then adds for each block of `width` input channels

    sums[pixel][width]   over parts; tile of pixels x vectors in registers over all taps and channels of a part

and at last writes the block's pixels of dx. Tables (made when the plan is) say where a pixel of a phase lies.
"""

import numpy as np

from striate.kernels.conv_grad import copy_window, zero_floats
from striate.kernels.jit import helper
from striate.kernels.parts import load_left, store_left
from striate.kernels.simd import (
    SHUT,
    f32,
    f32_at,
    fma,
    i64,
    integer,
    load,
    select_positive,
    store,
    transpose_square,
    u8,
)
from striate.kernels.tiles import load_offsets, tile_gather_outer, tile_load, tile_store, tile_zeros

PHASE = 5
"""int64 a phase: first tap, taps, first pixel in the tables, pixels of a full block, pixels of the last block."""


@helper
def place_winners(target, at, sources, image, window, pooled, channels, rule):
    """Adds g of each pooling window to the place of its winner, in the window of the map that `target` holds.

    sources: (g, winner, offsets and rows of winners). pooled: (height, width, channels) of the pooled map.
    channels: (channels a group, depth of a part, floats a pixel, floats a part). rule: (row stride, column stride,
    window height).
    """
    g, winner, winner_at, winner_row = sources
    row, column, rows, columns = window
    height, width, depth = pooled
    group, chunk, pitch, part_size = channels
    row_stride, column_stride, reach = rule
    parts = (group + chunk - 1) // chunk
    for i in range(max(0, (row - reach) // row_stride), height):
        top = i * row_stride - row
        if top >= rows:
            break
        for j in range(width):
            corner = at + (top * columns + j * column_stride - column) * pitch
            source = ((image * height + i) * width + j) * depth
            for k in range(parts * (depth // group)):
                first = k // parts * group + k % parts * chunk
                base = corner + k * part_size
                for c in range(min(chunk, group - k % parts * chunk)):
                    position = source + first + c
                    value, win = g[position], winner[position]
                    if win == SHUT:     # a select, not a branch: which windows are shut cannot be foreseen
                        value, win = np.float32(0.0), np.uint8(0)
                    line = top + winner_row[win]
                    if line >= 0 and line < rows:
                        target[base + winner_at[win] + c] += value


def conv_input_grad(lanes, pixels, vectors):
    """Makes the kernel; `pixels` x `vectors` is the register tile.

    Arguments: g, packed weights, dx, mask (or 0), winner (or 0: not pooled); tables (pixels, outputs, taps, phases,
    winner offsets, winner rows); then images, images a block, rows, rows a block, width, input channels, groups;
    window row, column, rows, columns, row step a block; size of g's map (height, width, channels); pool strides, pool
    height; phases, taps, parts, depth, floats a pixel.
    """
    width = lanes * vectors

    def conv_input_grad(a, first, last, scratch):
        g, packed, dx, mask, winner = f32(a, 0), f32(a, 1), f32(a, 2), f32(a, 3), u8(a, 4)
        pixel_at, output_at, taps, phases = i64(a, 5), i64(a, 6), i64(a, 7), i64(a, 8)
        winner_at, winner_row = i64(a, 9), i64(a, 10)
        n, n_block, h, h_block = integer(a, 11), integer(a, 12), integer(a, 13), integer(a, 14)
        w, channels, groups = integer(a, 15), integer(a, 16), integer(a, 17)
        top, left, rows, columns = integer(a, 18), integer(a, 19), integer(a, 20), integer(a, 21)
        row_step = integer(a, 22)
        size = integer(a, 23), integer(a, 24), integer(a, 25)
        rule = integer(a, 26), integer(a, 27), integer(a, 28)
        phase_count, tap_count, parts, depth, pitch = (
            integer(a, 29), integer(a, 30), integer(a, 31), integer(a, 32), integer(a, 33))
        masked, pooled = integer(a, 3) != 0, integer(a, 4) != 0
        ic, oc = channels // groups, size[2] // groups
        blocks = (ic + width - 1) // width
        h_blocks = (h + h_block - 1) // h_block
        map_size = rows * columns * pitch
        part_size = n_block * map_size
        panel = tap_count * depth * width
        window = f32_at(scratch)
        sums = f32_at(scratch + (groups * parts * part_size + 16) * 4)
        for task in range(first, last):
            image, block = task // h_blocks * n_block, task % h_blocks
            images = min(n_block, n - image)
            partial = (images < n_block) or (block * h_block + h_block > h)
            if pooled:
                zero_floats(window, 0, groups * parts * part_size)
                for k in range(images):
                    place_winners(window, k * map_size, (g, winner, winner_at, winner_row), image + k,
                                  (top + block * row_step, left, rows, columns), size,
                                  (oc, depth, pitch, part_size), rule)
            else:
                for k in range(images):
                    for group in range(groups):
                        copy_window(window, group * parts * part_size + k * map_size, g, image + k,
                                    (top + block * row_step, left, rows, columns), size,
                                    (group * oc, group * oc + oc, depth, pitch, part_size))
            base = (image * h + block * h_block) * w
            for group in range(groups):
                for c_block in range(blocks):
                    for part in range(parts):
                        origin = (group * parts + part) * part_size
                        panel_at = ((group * blocks + c_block) * parts + part) * panel
                        for phase in range(phase_count):
                            tap, tap_end = phases[phase * PHASE], phases[phase * PHASE] + phases[phase * PHASE + 1]
                            start = phases[phase * PHASE + 2]
                            stop = start + phases[phase * PHASE + 3 + partial]
                            for p in range(start, stop, pixels):
                                offsets = load_offsets(pixel_at, p, pixels)
                                if part == 0:
                                    tile = tile_zeros(pixels, vectors, lanes)
                                else:
                                    tile = tile_load(sums, p * width, width, pixels, vectors, lanes)
                                weights = panel_at + tap * depth * width
                                for t in range(tap, tap_end):
                                    shift = origin + taps[t]
                                    for o in range(0, depth, 4):
                                        tile = tile_gather_outer(tile, window, offsets, shift + o, packed, weights, 4)
                                        weights += 4 * width
                                tile_store(tile, sums, p * width, width)
                    count = min(width, ic - c_block * width)
                    for phase in range(phase_count):
                        start = phases[phase * PHASE + 2]
                        for p in range(start, start + phases[phase * PHASE + 3 + partial]):
                            out = (base + output_at[p]) * channels + group * ic + c_block * width
                            k = 0
                            while k + lanes <= count:
                                value = load(sums, p * width + k, lanes)
                                if masked:
                                    value = select_positive(value, load(mask, out + k, lanes))
                                store(dx, out + k, value)
                                k += lanes
                            while k < count:
                                dx[out + k] = sums[p * width + k]
                                if masked and not mask[out + k] > 0.0:
                                    dx[out + k] = 0.0
                                k += 1
    return conv_input_grad


def conv_input_grad_pack(lanes, vectors):
    """Makes the kernel packed[group][block][part][tap][o][c] = w[tap, c, o], zero beyond the channels there are.

    Arguments: w, packed, taps (tap -> position in w); groups, channels a group in and out, taps, parts, depth.
    A task is a tap of a block.
    """
    width = lanes * vectors

    def conv_input_grad_pack(a, first, last, scratch):
        w, packed, taps = f32(a, 0), f32(a, 1), i64(a, 2)
        groups, ic, oc, tap_count, parts, depth = (
            integer(a, 3), integer(a, 4), integer(a, 5), integer(a, 6), integer(a, 7), integer(a, 8))
        blocks, line = (ic + width - 1) // width, groups * oc
        for task in range(first, last):
            tap, block, group = task % tap_count, task // tap_count % blocks, task // tap_count // blocks
            inputs = min(width, ic - block * width)
            source = (taps[tap] * ic + block * width) * line + group * oc
            for part in range(parts):
                outputs = min(depth, oc - part * depth)
                at = (((group * blocks + block) * parts + part) * tap_count + tap) * depth * width
                if inputs < width or outputs < depth:
                    zero_floats(packed, at, depth * width)
                for c in range(0, inputs, lanes):
                    o = 0
                    while c + lanes <= inputs and o + lanes <= outputs:
                        transpose_square(w, source + c * line + part * depth + o, line,
                                         packed, at + o * width + c, width, lanes)
                        o += lanes
                    while o < outputs:
                        for k in range(c, min(c + lanes, inputs)):
                            packed[at + o * width + k] = w[source + k * line + part * depth + o]
                        o += 1
    return conv_input_grad_pack


def conv_input_grad_depthwise(lanes, block, taps):
    """Makes the kernel for one filter a channel: each number of g, times its weights, goes to the pixels it came from.

    dx grows in a map of one image with its border and is then copied out. A task is `block` channels of an image; in
    dx a number is summed over the pixels of g row by row.

    Arguments: 0 g, 1 w, 2 dx, 3 mask (or 0); 4 offsets of the taps in the map; then 5 h, 6 w, 7 channels, 8 oh, 9 ow,
    10 map columns, 11 top, 12 left, 13 floats between two rows and 14 two pixels of g in the map, 15 map size,
    16 blocks.
    """
    def conv_input_grad_depthwise(a, first, last, scratch):
        g, weights, dx, mask, tap_at = f32(a, 0), f32(a, 1), f32(a, 2), f32(a, 3), i64(a, 4)
        h, w, channels, oh, ow = integer(a, 5), integer(a, 6), integer(a, 7), integer(a, 8), integer(a, 9)
        columns, top, left, row_step, step = (
            integer(a, 10), integer(a, 11), integer(a, 12), integer(a, 13), integer(a, 14))
        map_size, blocks, masked = integer(a, 15), integer(a, 16), integer(a, 3) != 0
        grown, panel = f32_at(scratch), f32_at(scratch + 4 * map_size)
        for task in range(first, last):
            image, begin = task // blocks, task % blocks * block
            count = min(block, channels - begin)
            zero_floats(grown, 0, map_size)
            for tap in range(taps):
                for v in range(0, block, lanes):
                    store(panel, tap * block + v, load_left(weights, tap * channels + begin + v, count - v, lanes))
            for i in range(oh):
                for j in range(ow):
                    source, corner = ((image * oh + i) * ow + j) * channels + begin, i * row_step + j * step
                    for v in range(0, count, lanes):
                        value = load_left(g, source + v, count - v, lanes)
                        for tap in range(taps):
                            at = corner + tap_at[tap] + v
                            store(grown, at, fma(value, load(panel, tap * block + v, lanes), load(grown, at, lanes)))
            for i in range(h):
                for j in range(w):
                    source = ((i + top) * columns + j + left) * block
                    target = ((image * h + i) * w + j) * channels + begin
                    for v in range(0, count, lanes):
                        value = load(grown, source + v, lanes)
                        if masked:
                            value = select_positive(value, load_left(mask, target + v, count - v, lanes))
                        store_left(dx, target + v, value, count - v, lanes)
    return conv_input_grad_depthwise
