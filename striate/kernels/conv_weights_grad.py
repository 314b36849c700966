"""The gradient of a convolution with respect to its weights and its bias.

    dw[a, b, c, o] = sum over n, i, j of x[n, i sh + a dh - top, j sw + b dw - left, c] g[n, i, j, o]
    db[o]          = sum over n, i, j of g[n, i, j, o]

Every task adds its own part of the batch into its own part of a buffer `partial[chunk]`, block of pixels after block,
in an order that shapes decide; a last launch adds the chunks in order and brings dw into its layout. So the sums do
not depend on the threads.

*Dense*: rows of the register tile are (tap, input channel) pairs, columns are vectors of output channels; the loop
runs over the pixels of a block, whose window of x and whose g lie in the thread's own memory. *Depthwise*, a channel
of x meets one channel of g only: the rows are taps, a column is a vector of channels, of x as of g.

*Sparse*, behind a pooling: only a window's winner has a gradient, and only if a relu let it through. For each output
channel the entries (place in x, g) are listed once. Then vectors of x at an entry's taps times its g are added:
there is nothing else to multiply, a k x k pooling saves all but 1 / k^2 of the work. A multiply-add reads its vector
of x from the first-level cache, which is what limits it: the columns of a kernel's row lie side by side, so that their
addresses cost nothing, and up to 28 sums stay in registers.

AMD EPYC (AVX-512), one thread, in percent of the peak (117 GFLOP/s; its loop alone, with all it reads in the cache,
reaches 82 to 90): 3x3, 14 x 14 x 128 to 128 channels 80, 7 x 7 x 256 to 256 86; 5x5, 28 x 28 x 16 to 32 72, 16 x 16 x
64 to 64 75; 3x3, 32 x 32 x 16 to 32 58, for a fourth of the time is spent on fetching x and finding the winners.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from striate.kernels.conv_grad import copy_window, zero_floats
from striate.kernels.jit import helper, inlined
from striate.kernels.simd import (
    I32,
    SHUT,
    broadcast,
    f32,
    f32_at,
    i32_at,
    i64,
    i64_at,
    integer,
    lanes_of,
    load_like,
    load_small,
    splat,
    store,
    transpose_square,
    u8,
    where_won,
)
from striate.kernels.tiles import (
    load_offsets,
    tile_add,
    tile_dot,
    tile_gather_outer,
    tile_gather_scale,
    tile_load,
    tile_store,
    tile_zeros,
)


def conv_weights_grad(lanes, rows, vectors, depthwise):
    """Makes the dense kernel; `rows` x `vectors` is the register tile.

    With `depthwise` there is one group and one input tile, a part and a block are the same vector of channels, and
    partial has no axis of blocks. The parts of a tile then lie side by side in each pixel, so that whole pixels (often
    whole rows) are copied at a time.
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
        kept = 1 if depthwise else blocks
        part_size = n_block * x_rows * columns * depth
        block_size = n_block * h_block * g_size[1] * width
        pitch, g_pitch = (blocks * width, blocks * width) if depthwise else (depth, width)
        part_step, block_step = (lanes, lanes) if depthwise else (part_size, block_size)
        window = f32_at(scratch)
        outputs = f32_at(scratch + (parts * part_size + 15) // 16 * 64)
        for task in range(first, last):
            out_tile, in_tile = task % out_tiles, task // out_tiles % in_tiles
            group, chunk = task // (out_tiles * in_tiles) % groups, task // (out_tiles * in_tiles * groups)
            part_at = task * parts * kept * count * width
            bias_at = ((chunk * groups + group) * out_tiles + out_tile) * blocks * width
            zero_floats(partial, part_at, parts * kept * count * width)
            if in_tile == 0:
                zero_floats(bias, bias_at, blocks * width)
            c, c_end = in_tile * parts * depth, min(ic, (in_tile + 1) * parts * depth)
            o, o_end = out_tile * blocks * width, min(oc, (out_tile + 1) * blocks * width)
            if depthwise:
                c, c_end = o, o_end
            image, image_end = n * chunk // chunks, n * (chunk + 1) // chunks
            while image < image_end:
                images = min(n_block, image_end - image)
                for row in range(0, g_size[0], h_block):
                    used = min(h_block, g_size[0] - row)
                    place = row // h_block * row_step + top, left, x_rows - (h_block - used) * line, columns
                    for k in range(images):
                        copy_window(window, k * x_rows * columns * pitch, x, image + k, place, size,
                                    (group * ic + c, group * ic + c_end, pitch, pitch, part_size))
                        copy_window(outputs, k * used * g_size[1] * g_pitch, g, image + k, (row, 0, used, g_size[1]),
                                    g_size, (group * oc + o, group * oc + o_end, g_pitch, g_pitch, block_size))
                    pixels = images * used * g_size[1]
                    for block in range((o_end - o + width - 1) // width):
                        if in_tile == 0:
                            at = bias_at + block * width
                            total = tile_zeros(1, vectors, lanes)
                            for p in range(pixels):
                                total = tile_add(total, tile_load(outputs, block * block_step + p * g_pitch, 0,
                                                                  1, vectors, lanes))
                            tile_store(tile_add(total, tile_load(bias, at, 0, 1, vectors, lanes)), bias, at, 0)
                    for part in range((c_end - c + depth - 1) // depth):
                        for pair in range(1 if depthwise else (o_end - o + width - 1) // width):
                            g_at = (part if depthwise else pair) * block_step
                            for r in range(0, count, rows):
                                offsets = load_offsets(row_at, r, rows)
                                tile = tile_zeros(rows, vectors, lanes)
                                for p in range(pixels):
                                    shift = part * part_step + pixel_at[p]
                                    if depthwise:
                                        tile = tile_dot(tile, window, offsets, shift,
                                                        outputs, g_at + p * g_pitch, width)
                                    else:
                                        tile = tile_gather_outer(tile, window, offsets, shift,
                                                                 outputs, g_at + p * width, 1)
                                at = part_at + ((part * kept + pair) * count + r) * width
                                tile = tile_add(tile, tile_load(partial, at, width, rows, vectors, lanes))
                                tile_store(tile, partial, at, width)
                image += images
    return conv_weights_grad


@intrinsic
def window_places(typing, position, rule):
    """row * row_step + column * column_step of the positions (int32 bits) in a window, as int32 bits.

    rule: (65536 / columns of a window, rounded up; row_step - columns * column_step; column_step).
    """
    def generate(context, builder, signature, args):
        lanes = signature.args[0].lanes
        kind = ir.VectorType(I32, lanes)
        inverse, row_step, column_step = (splat(builder, builder.trunc(builder.extract_value(args[1], k), I32), lanes)
                                          for k in range(3))
        positions = builder.bitcast(args[0], kind)
        row = builder.lshr(builder.mul(positions, inverse), ir.Constant(kind, [16] * lanes))
        places = builder.add(builder.mul(row, row_step), builder.mul(positions, column_step))
        return builder.bitcast(places, args[0].type)
    return position(position, rule), generate


@intrinsic
def shifted_places(typing, places, corner):
    """places + corner, of int32 bits."""
    def generate(context, builder, signature, args):
        lanes = signature.args[0].lanes
        start = splat(builder, builder.trunc(args[1], I32), lanes)
        return builder.bitcast(builder.add(builder.bitcast(args[0], start.type), start), args[0].type)
    return places(places, types.intp), generate


@helper
def find_winners(places, values, at, sources, bias, span, channels, rule, zero):
    """For a run of windows: places[at + j * pitch + c] in x's window, values[...] = g, or zero where nothing won.

    The values of each channel are added to bias[c]. sources: (g, winner). span: (first element, windows, floats a
    window, first place, places a window). channels: (channels, pitch). rule: see `window_places`. zero: a vector
    of zeros.
    """
    g, winner = sources
    source, windows, depth, corner, step = span
    count, pitch = channels
    lanes = lanes_of(zero)
    for _ in range(windows):
        c = 0
        while c + lanes <= count:
            won = load_small(winner, source + c, zero)
            value = where_won(load_like(g, source + c, zero), won)
            store(values, at + c, value)
            store(bias, c, load_like(bias, c, zero) + value)
            found = window_places(where_won(won, won), rule)
            store(places, at + c, shifted_places(found, corner))
            c += lanes
        while c < count:
            position, values[at + c] = int(winner[source + c]), g[source + c]
            if position == SHUT:
                position, values[at + c] = 0, 0.0
            places[at + c] = corner + (position * rule[0] >> 16) * rule[1] + position * rule[2]
            bias[c] += values[at + c]
            c += 1
        at += pitch
        source += depth
        corner += step


@helper
def append_entries(lists, counts, room, found, windows, channels):
    """Appends what `find_winners` found, but for zeros, to the list of each channel.

    lists, found: (places, values). channels: (channels, pitch).
    Whether an entry is kept only moves the end of its list: a branch here would be guessed wrong too often.
    """
    places, values = lists
    new_places, new_values = found
    count, pitch = channels
    for c in range(count):
        at = c * room + counts[c]
        for j in range(windows):
            value = new_values[j * pitch + c]
            places[at] = new_places[j * pitch + c]
            values[at] = value
            at += value != 0.0
        counts[c] = at - c * room


@inlined
def _add_entries(values, places, entries, x, base, row_at, t, partial, start, rows, columns, lanes):
    """The sums of a channel's entries for `rows` rows of the kernel from t on, added to those that begin at `start`."""
    entry, stop, step = entries
    offsets = load_offsets(row_at, t, rows)
    tile = tile_zeros(rows, columns, lanes)
    while entry < stop:
        tile = tile_gather_scale(tile, values[entry], x, base + places[entry], offsets)
        entry += step
    at = start + t * columns * lanes
    tile = tile_add(tile, tile_load(partial, at, columns * lanes, rows, columns, lanes))
    tile_store(tile, partial, at, columns * lanes)


def conv_weights_grad_sparse(lanes, rows, rest, columns):
    """Makes the sparse kernel: for one output channel, the sums of `rows` rows of the kernel (at last of `rest`, if
    that is not 0), `columns` vectors that lie side by side in x each.

    partial[chunk][group][output part][input part][channel of it][kernel row][column][lane],
    bias_partial[chunk][group][output part][channel].
    With `lists`, entries are gathered into a list a channel, without zeros; else they are used where they were found,
    zeros included, which is cheaper when a single part of input channels uses them.

    Arguments: x, g, winner, partial, bias_partial, table (rows); then batch, chunks, images a block; height, width,
    channels of x and of the pooled map; pooled rows a block; window top, left, rows, columns, row step a block; groups,
    input parts, depth, output parts, channels an output part, kernel rows, places a pooled row, a pooled column, the
    three numbers of `window_places`, lists.
    """
    def conv_weights_grad_sparse(a, first, last, scratch):
        x, g, winner = f32(a, 0), f32(a, 1), u8(a, 2)
        partial, bias, row_at = f32(a, 3), integer(a, 4), i64(a, 5)
        n, chunks, n_block = integer(a, 6), integer(a, 7), integer(a, 8)
        size = integer(a, 9), integer(a, 10), integer(a, 11)
        height, g_width, g_depth, h_block = integer(a, 12), integer(a, 13), integer(a, 14), integer(a, 15)
        top, left, x_rows, line = integer(a, 16), integer(a, 17), integer(a, 18), integer(a, 19)
        row_step, groups, parts, depth = integer(a, 20), integer(a, 21), integer(a, 22), integer(a, 23)
        out_parts, share, kernel_rows = integer(a, 24), integer(a, 25), integer(a, 26)
        row_place, column_place = integer(a, 27), integer(a, 28)
        rule, lists = (integer(a, 29), integer(a, 30), integer(a, 31)), integer(a, 32)
        ic, oc = size[2] // groups, g_depth // groups
        map_size = x_rows * line * depth
        part_size = n_block * map_size
        room = n_block * h_block * g_width + 1
        windows = g_width if lists != 0 else room
        zero = broadcast(np.float32(0.0), lanes)
        window = f32_at(scratch)
        at = scratch + (parts * part_size + 47) // 16 * 64
        new_values, new_places = f32_at(at), i32_at(at + windows * share * 4)
        at += windows * share * 8
        counts = i64_at(at)
        values, places = f32_at(at + share * 8), i32_at(at + share * 8 + share * room * 4)
        if lists == 0:
            values, places = new_values, new_places
        for task in range(first, last):
            out_part, group = task % out_parts, task // out_parts % groups
            chunk = task // (out_parts * groups)
            begin = out_part * share
            outputs = min(share, oc - begin)
            part_at = task * share * parts * kernel_rows * columns * lanes
            zero_floats(partial, part_at, share * parts * kernel_rows * columns * lanes)
            sums = f32_at(bias + task * share * 4)
            zero_floats(sums, 0, share)
            image, image_end = n * chunk // chunks, n * (chunk + 1) // chunks
            while image < image_end:
                images = min(n_block, image_end - image)
                for row in range(0, height, h_block):
                    for o in range(outputs):
                        counts[o] = 0
                    found = 0
                    for k in range(images):
                        copy_window(window, k * map_size, x, image + k,
                                    (row // h_block * row_step + top, left, x_rows, line), size,
                                    (group * ic, group * ic + ic, depth, depth, part_size))
                        for i in range(row, min(height, row + h_block)):
                            source = ((image + k) * height + i) * g_width * g_depth + group * oc + begin
                            find_winners(new_places, new_values, found, (g, winner), sums,
                                         (source, g_width, g_depth, k * map_size + (i - row) * row_place, column_place),
                                         (outputs, share), rule, zero)
                            if lists != 0:
                                append_entries((places, values), counts, room, (new_places, new_values), g_width,
                                               (outputs, share))
                            else:
                                found += g_width * share
                    for part in range(parts):
                        base = part * part_size
                        for o in range(outputs):
                            entry, stop, step = o, found, share
                            if lists != 0:
                                entry, stop, step = o * room, o * room + counts[o], 1
                            start = part_at + (part * share + o) * kernel_rows * columns * lanes
                            for t in range(0, kernel_rows - rest, rows):
                                _add_entries(values, places, (entry, stop, step), window, base, row_at, t, partial,
                                             start, rows, columns, lanes)
                            if rest > 0:
                                _add_entries(values, places, (entry, stop, step), window, base, row_at,
                                             kernel_rows - rest, partial, start, rest, columns, lanes)
                image += images
    return conv_weights_grad_sparse


@helper
def chunk_sum(partial, at, chunks, size, zero):
    """The sum over chunks, in order, of a vector at `at`."""
    total = load_like(partial, at, zero)
    for chunk in range(1, chunks):
        total = total + load_like(partial, chunk * size + at, zero)
    return total


def conv_weights_grad_sum(lanes):
    """Makes the kernel out[r, c] = sum over chunks, in order, of partial[chunk * size + row_at[r] + column_at[c]].

    Arguments: partial, out, tables (rows, columns); rows, columns, chunks, size of a chunk, turned. A task is `lanes`
    rows. `turned`: they lie side by side in `partial`; else columns may.
    """
    def conv_weights_grad_sum(a, first, last, scratch):
        partial, out, row_at, column_at = f32(a, 0), f32(a, 1), i64(a, 2), i64(a, 3)
        rows, columns, chunks, size, turned = integer(a, 4), integer(a, 5), integer(a, 6), integer(a, 7), integer(a, 8)
        square, zero = f32_at(scratch), broadcast(np.float32(0.0), lanes)
        for task in range(first, last):
            top = task * lanes
            for c in range(0, columns, lanes):
                whole = c + lanes <= columns
                if whole and turned:
                    for k in range(lanes):
                        at = row_at[top] + column_at[c + k]
                        store(square, k * lanes, chunk_sum(partial, at, chunks, size, zero))
                    transpose_square(square, 0, lanes, out, top * columns + c, columns, lanes)
                    continue
                together = whole and column_at[c + lanes - 1] == column_at[c] + lanes - 1
                for r in range(top, min(rows, top + lanes)):
                    if together:
                        at = row_at[r] + column_at[c]
                        store(out, r * columns + c, chunk_sum(partial, at, chunks, size, zero))
                        continue
                    for k in range(c, min(columns, c + lanes)):
                        at = row_at[r] + column_at[k]
                        total = partial[at]
                        for chunk in range(1, chunks):
                            total += partial[chunk * size + at]
                        out[r * columns + k] = total
    return conv_weights_grad_sum
