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


def conv_weights_grad(lanes, rows, vectors):
    """Makes the dense kernel; `rows` x `vectors` is the register tile.

    partial[chunk][group][input tile][output tile][part][block][row][width], bias_partial[chunk][group][output tile]
    [block][width]. A task is one tile of dw over one chunk of the batch.

    Arguments: x, g, partial, bias_partial, tables (rows, pixels); then batch, chunks, images a block; height, width,
    channels of x and of g; output rows a block; window top, left, rows, columns, row step a block; groups, input
    tiles, parts a tile, depth of a part, output tiles, blocks a tile, rows of a part, row stride.
    """
    width = lanes * vectors

    def conv_weights_grad(a, first, last, scratch):
        x, g, partial, bias = f32(a, 0), f32(a, 1), f32(a, 2), f32(a, 3)
        row_at, pixel_at = i64(a, 4), i64(a, 5)
        n, chunks, n_block = integer(a, 6), integer(a, 7), integer(a, 8)
        size = integer(a, 9), integer(a, 10), integer(a, 11)
        g_size = integer(a, 12), integer(a, 13), integer(a, 14)
        h_block, top, left = integer(a, 15), integer(a, 16), integer(a, 17)
        x_rows, columns, row_step = integer(a, 18), integer(a, 19), integer(a, 20)
        groups, in_tiles, parts, depth = integer(a, 21), integer(a, 22), integer(a, 23), integer(a, 24)
        out_tiles, blocks, count, line = integer(a, 25), integer(a, 26), integer(a, 27), integer(a, 28)
        ic, oc = size[2] // groups, g_size[2] // groups
        part_size = n_block * x_rows * columns * depth
        block_size = n_block * h_block * g_size[1] * width
        window = f32_at(scratch)
        outputs = f32_at(scratch + (parts * part_size + 15) // 16 * 64)
        for task in range(first, last):
            out_tile, in_tile = task % out_tiles, task // out_tiles % in_tiles
            group, chunk = task // (out_tiles * in_tiles) % groups, task // (out_tiles * in_tiles * groups)
            part_at = task * parts * blocks * count * width
            bias_at = ((chunk * groups + group) * out_tiles + out_tile) * blocks * width
            zero_floats(partial, part_at, parts * blocks * count * width)
            if in_tile == 0:
                zero_floats(bias, bias_at, blocks * width)
            c, c_end = in_tile * parts * depth, min(ic, (in_tile + 1) * parts * depth)
            o, o_end = out_tile * blocks * width, min(oc, (out_tile + 1) * blocks * width)
            image, image_end = n * chunk // chunks, n * (chunk + 1) // chunks
            while image < image_end:
                images = min(n_block, image_end - image)
                for row in range(0, g_size[0], h_block):
                    used = min(h_block, g_size[0] - row)
                    place = row // h_block * row_step + top, left, x_rows - (h_block - used) * line, columns
                    for k in range(images):
                        copy_window(window, k * x_rows * columns * depth, x, image + k, place, size,
                                    (group * ic + c, group * ic + c_end, depth, depth, part_size))
                        copy_window(outputs, k * used * g_size[1] * width, g, image + k, (row, 0, used, g_size[1]),
                                    g_size, (group * oc + o, group * oc + o_end, width, width, block_size))
                    pixels = images * used * g_size[1]
                    for block in range((o_end - o + width - 1) // width):
                        if in_tile == 0:
                            at = bias_at + block * width
                            total = tile_zeros(1, vectors, lanes)
                            for p in range(pixels):
                                total = tile_add(total, tile_load(outputs, block * block_size + p * width, 0,
                                                                  1, vectors, lanes))
                            tile_store(tile_add(total, tile_load(bias, at, 0, 1, vectors, lanes)), bias, at, 0)
                    for part in range((c_end - c + depth - 1) // depth):
                        for block in range((o_end - o + width - 1) // width):
                            g_at = block * block_size
                            for r in range(0, count, rows):
                                offsets = load_offsets(row_at, r, rows)
                                tile = tile_zeros(rows, vectors, lanes)
                                for p in range(pixels):
                                    tile = tile_gather_outer(tile, window, offsets, part * part_size + pixel_at[p],
                                                             outputs, g_at + p * width, 1)
                                at = part_at + ((part * blocks + block) * count + r) * width
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

    Whether an entry is kept only moves the end of its list: a branch here would be guessed wrong too often.
    """
    g, y, winner, winner_at = sources
    image, row, end, base = span
    height, width, depth, relu = geometry
    first, count, room = channels
    every = relu == 0
    for i in range(row, end):
        for c in range(count):
            source = (image * height + i) * width * depth + first + c
            corner = base + (i - row) * place[0]
            at = c * room + counts[c]
            for _ in range(width):
                value = g[source]
                places[at] = corner + winner_at[winner[source]]
                values[at] = value
                at += (value != 0.0) & ((y[source] > 0.0) | every)
                source += depth
                corner += place[1]
            counts[c] = at - c * room


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
        part_size = n_block * map_size
        room = n_block * h_block * g_width + 1
        window = f32_at(scratch)
        values_at = scratch + (parts * part_size + 47) // 16 * 64
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
                        total = np.float32(0.0)
                        for e in range(o * room, o * room + counts[o]):
                            total += values[e]
                        bias[bias_at + o] += total
                    for k in range(images):
                        copy_window(window, k * map_size, x, image + k,
                                    (row // h_block * row_step + top, left, x_rows, columns), size,
                                    (group * ic, group * ic + ic, depth, depth, part_size))
                    for part in range(parts):
                        base = part * part_size
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
                                        tile = tile_gather_scale(tile, values[e], window, base + places[e], offsets)
                                        e += 1
                                        other = tile_gather_scale(other, values[e], window, base + places[e], offsets)
                                        e += 1
                                    tile = tile_add(tile, other)
                                while e < stop:
                                    tile = tile_gather_scale(tile, values[e], window, base + places[e], offsets)
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
