"""The gradient of a convolution with respect to its weights and its bias.

    dw[a, b, c, o] = sum over n, i, j of x[n, i sh + a dh - top, j sw + b dw - left, c] g[n, i, j, o]
    db[o]          = sum over n, i, j of g[n, i, j, o]

Every task adds its own part of the batch into its own part of a buffer `partial[chunk]`, block of pixels after block,
in an order that shapes decide; a last launch adds the chunks in order and brings dw into its layout. So the sums do
not depend on the threads.

*Dense*: rows of the register tile are (tap, input channel) pairs, columns are vectors of output channels; the loop
runs over the pixels of a block, whose window of x and whose g lie in the thread's own memory.

*Sparse*, behind a pooling: only a window's winner has a gradient, and only if a relu let it through. For each output
channel the entries (place in x, g) are listed once. Then vectors of x at an entry's taps times its g are added:
there is nothing else to multiply, a k x k pooling saves all but 1 / k^2 of the work.
"""

import numpy as np

from striate.kernels.conv_grad import copy_window, zero_floats
from striate.kernels.jit import helper
from striate.kernels.simd import (
    f32,
    f32_at,
    i32_at,
    i64,
    i64_at,
    integer,
    load_offsets,
    tile_add,
    tile_gather_outer,
    tile_gather_scale,
    tile_load,
    tile_store,
    tile_zeros,
    u8,
)


@helper
def add_columns(target, at, source, start, rows, width):
    """target[at + c] += source[start + r * width + c], summed over the rows first."""
    for c in range(width):
        total = np.float32(0.0)
        for r in range(rows):
            total += source[start + r * width + c]
        target[at + c] += total


def conv_weights_grad(lanes, rows, vectors):
    """Makes the dense kernel; `rows` x `vectors` is the register tile.

    partial[chunk][input part][block of outputs][row][width], bias_partial[chunk][output part][width] of the blocks.

    Arguments: x, g, partial, bias_partial, tables (rows, pixels); then batch, chunks, images a block, x's height,
    width, channels, g's height, width, channels, output rows a block; window top, left, rows, columns, row step a
    block; groups, input parts, depth, output parts, blocks a part, row count, row stride of x's window.
    """
    width = lanes * vectors

    def conv_weights_grad(a, first, last, scratch):
        x, g, partial, bias = f32(a, 0), f32(a, 1), f32(a, 2), f32(a, 3)
        row_at, pixel_at = i64(a, 4), i64(a, 5)
        n, chunks, n_block = integer(a, 6), integer(a, 7), integer(a, 8)
        size = integer(a, 9), integer(a, 10), integer(a, 11)
        g_size = integer(a, 12), integer(a, 13), integer(a, 14)
        h_block, top, left, x_rows, columns, row_step = (
            integer(a, 15), integer(a, 16), integer(a, 17), integer(a, 18), integer(a, 19), integer(a, 20))
        groups, parts, depth, out_parts, blocks, count, line = (
            integer(a, 21), integer(a, 22), integer(a, 23), integer(a, 24), integer(a, 25), integer(a, 26),
            integer(a, 27))
        ic, oc = size[2] // groups, g_size[2] // groups
        map_size = x_rows * columns * depth
        window = f32_at(scratch)
        outputs = f32_at(scratch + (n_block * map_size + 16) * 4)
        for task in range(first, last):
            out_part, part = task % out_parts, task // out_parts % parts
            group, chunk = task // (out_parts * parts) % groups, task // (out_parts * parts * groups)
            part_at = task * blocks * count * width
            bias_at = ((chunk * groups + group) * out_parts + out_part) * blocks * width
            zero_floats(partial, part_at, blocks * count * width)
            if part == 0:
                zero_floats(bias, bias_at, blocks * width)
            begin = part * depth
            in_channels = group * ic + begin, min(depth, ic - begin), depth, depth
            image, image_end = n * chunk // chunks, n * (chunk + 1) // chunks
            while image < image_end:
                images = min(n_block, image_end - image)
                for row in range(0, g_size[0], h_block):
                    used = min(h_block, g_size[0] - row)
                    place = row // h_block * row_step + top, left, x_rows - (h_block - used) * line, columns
                    for k in range(images):
                        copy_window(window, k * map_size, x, image + k, place, size, in_channels)
                    pixels = images * used * g_size[1]
                    for block in range(blocks):
                        out_begin = (out_part * blocks + block) * width
                        out_count = max(0, min(width, oc - out_begin))
                        if out_count == 0:
                            break
                        for k in range(images):
                            copy_window(outputs, k * used * g_size[1] * width, g, image + k,
                                        (row, 0, used, g_size[1]), g_size,
                                        (group * oc + out_begin, out_count, width, width))
                        if part == 0:
                            add_columns(bias, bias_at + block * width, outputs, 0, pixels, width)
                        for r in range(0, count, rows):
                            offsets = load_offsets(row_at, r, rows)
                            tile = tile_zeros(rows, vectors, lanes)
                            for p in range(pixels):
                                tile = tile_gather_outer(tile, window, offsets, pixel_at[p], outputs, p * width, 1)
                            at = part_at + (block * count + r) * width
                            tile = tile_add(tile, tile_load(partial, at, width, rows, vectors, lanes))
                            tile_store(tile, partial, at, width)
                image += images
    return conv_weights_grad


@helper
def list_winners(places, values, counts, sources, span, geometry, place, channels):
    """Appends (place in x's window, g) of every window's winner that passed the relu to the lists of its channel.

    sources: (g, y, winner, offsets of winners). span: (image, first pooled row, end, base place).
    geometry: (pooled height, width, channels, relu). place: (places a pooled row, a pooled column).
    channels: (first, count, entries a list).
    """
    g, y, winner, winner_at = sources
    image, row, end, base = span
    height, width, depth, relu = geometry
    first, count, room = channels
    for i in range(row, end):
        for j in range(width):
            source = ((image * height + i) * width + j) * depth + first
            corner = base + (i - row) * place[0] + j * place[1]
            for c in range(count):
                value = g[source + c]
                if relu and not y[source + c] > 0.0:
                    value = 0.0
                at = c * room + counts[c]
                places[at] = corner + winner_at[winner[source + c]]
                values[at] = value
                counts[c] += value != 0.0


def conv_weights_grad_sparse(lanes, taps, ways):
    """Makes the sparse kernel: `taps` vectors of sums for one output channel, `ways` entries at a time.

    partial[chunk][output part][channel of it][input part][tap][lanes], bias_partial[chunk][output part][channel].

    Arguments: x, g, y, winner, partial, bias_partial, tables (taps, winners); then batch, chunks, images a block,
    x's height, width, channels, pooled height, width, channels, pooled rows a block; window top, left, rows, columns,
    row step a block; groups, input parts, depth, output parts, channels an output part, taps in all, places a pooled
    row, a pooled column, relu.
    """
    def conv_weights_grad_sparse(a, first, last, scratch):
        x, g, y, winner = f32(a, 0), f32(a, 1), f32(a, 2), u8(a, 3)
        partial, bias, tap_at, winner_at = f32(a, 4), f32(a, 5), i64(a, 6), i64(a, 7)
        n, chunks, n_block = integer(a, 8), integer(a, 9), integer(a, 10)
        size = integer(a, 11), integer(a, 12), integer(a, 13)
        height, g_width, g_depth, h_block = integer(a, 14), integer(a, 15), integer(a, 16), integer(a, 17)
        top, left, x_rows, columns, row_step = (
            integer(a, 18), integer(a, 19), integer(a, 20), integer(a, 21), integer(a, 22))
        groups, parts, depth, out_parts, share, count = (
            integer(a, 23), integer(a, 24), integer(a, 25), integer(a, 26), integer(a, 27), integer(a, 28))
        place, relu = (integer(a, 29), integer(a, 30)), integer(a, 31)
        ic, oc = size[2] // groups, g_depth // groups
        map_size = x_rows * columns * depth
        room = n_block * h_block * g_width + 1
        window = f32_at(scratch)
        values_at = scratch + (n_block * map_size + 47) // 16 * 64
        values, places = f32_at(values_at), i32_at(values_at + share * room * 4)
        counts = i64_at(values_at + share * room * 8)
        for task in range(first, last):
            out_part, group = task % out_parts, task // out_parts % groups
            chunk = task // (out_parts * groups)
            begin = out_part * share
            outputs = min(share, oc - begin)
            part_at, bias_at = task * share * parts * count * lanes, task * share
            zero_floats(partial, part_at, share * parts * count * lanes)
            zero_floats(bias, bias_at, share)
            image, image_end = n * chunk // chunks, n * (chunk + 1) // chunks
            while image < image_end:
                images = min(n_block, image_end - image)
                for row in range(0, height, h_block):
                    for o in range(outputs):
                        counts[o] = 0
                    for k in range(images):
                        list_winners(places, values, counts, (g, y, winner, winner_at),
                                     (image + k, row, min(height, row + h_block), k * map_size),
                                     (height, g_width, g_depth, relu), place, (group * oc + begin, outputs, room))
                    for o in range(outputs):
                        add_columns(bias, bias_at + o, values, o * room, counts[o], 1)
                    for part in range(parts):
                        channel = part * depth
                        for k in range(images):
                            copy_window(window, k * map_size, x, image + k,
                                        (row // h_block * row_step + top, left, x_rows, columns), size,
                                        (group * ic + channel, min(depth, ic - channel), depth, depth))
                        for o in range(outputs):
                            entry, stop = o * room, o * room + counts[o]
                            for t in range(0, count, taps):
                                at = part_at + ((o * parts + part) * count + t) * lanes
                                offsets = load_offsets(tap_at, t, taps)
                                tile = tile_load(partial, at, lanes, taps, 1, lanes)
                                e = entry
                                if ways == 2:
                                    other = tile_zeros(taps, 1, lanes)
                                    while e + 2 <= stop:
                                        tile = tile_gather_scale(tile, values[e], window, places[e], offsets)
                                        other = tile_gather_scale(other, values[e + 1], window, places[e + 1], offsets)
                                        e += 2
                                    tile = tile_add(tile, other)
                                while e < stop:
                                    tile = tile_gather_scale(tile, values[e], window, places[e], offsets)
                                    e += 1
                                tile_store(tile, partial, at, lanes)
                image += images
    return conv_weights_grad_sparse


def conv_weights_grad_sum():
    """Makes the kernel out[r, c] = sum over chunks, in order, of partial[chunk * size + row_at[r] + column_at[c]].

    Arguments: partial, out, tables (rows, columns); columns, chunks, size of a chunk. A task is a row.
    """
    def conv_weights_grad_sum(a, first, last, scratch):
        partial, out, row_at, column_at = f32(a, 0), f32(a, 1), i64(a, 2), i64(a, 3)
        columns, chunks, size = integer(a, 4), integer(a, 5), integer(a, 6)
        for r in range(first, last):
            for c in range(columns):
                at = row_at[r] + column_at[c]
                total = partial[at]
                for chunk in range(1, chunks):
                    total += partial[chunk * size + at]
                out[r * columns + c] = total
    return conv_weights_grad_sum
