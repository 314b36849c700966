"""The gradient of a first convolution's weights behind a max pooling: winners looked up in vectors of x.

    dw[a, b, c, o] = sum over windows of x[window's corner + winner(o) + (a, b), c] g[o]

Lanes are output channels, each with a winner of its own: the numbers of x that meet one weight of all of them lie
in a few short pieces of rows, one for each row of a window. Those pieces make up one or two registers, the *table*, and
a permutation by the winners' places brings each lane its number. A weight of `lanes` channels costs a permutation and
a multiply-add, where `conv_weights_grad_sparse` spends a vector on each channel and leaves most of it empty.

The register tile has a row for each row of the kernel, or some of them, and a column for each (column, input channel).
The table of a kernel's row is used for all its columns, an index for all rows. A few input channels and narrow kernels
only: the pieces must fit the table.

AMD EPYC (AVX-512), one thread, us an image, this kernel and `conv_weights_grad_sparse`: 3x3, 64 x 64 x 1 to 16
channels, pooled 2 x 2: 16 and 44 (AVX2: 19 and 30); 5x5, 128 x 128 x 1 to 32, pooled 4 x 4: 60 and 111; 7x7,
28 x 28 x 1 to 64: 31 and 59. Fetching gradients and winners from memory takes from a third (7x7) to two thirds (3x3)
of that; a pair of permutation and multiply-add takes 1.7 cycles with one register as table, 2.7 with two.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from striate.kernels.conv_grad import copy_window, zero_floats
from striate.kernels.conv_weights_grad import window_places
from striate.kernels.jit import inlined
from striate.kernels.parts import load_left
from striate.kernels.simd import (
    I32,
    I64,
    broadcast,
    emit_fma,
    f32,
    f32_at,
    i32_at,
    integer,
    load,
    load_vector,
    store,
    u8,
    u8_at,
    vector_type,
    where_won,
)
from striate.kernels.tiles import tile_add, tile_load, tile_store, tile_zeros
from striate.kernels.windows import load_places


def _joined(builder, pieces):
    """Short vectors side by side; their number is a power of two."""
    while len(pieces) > 1:
        length = pieces[0].type.count
        order = ir.Constant(ir.VectorType(I32, 2 * length), list(range(2 * length)))
        pieces = [builder.shuffle_vector(*pair, order) for pair in zip(pieces[::2], pieces[1::2], strict=True)]
    return pieces[0]


def _looked_up(builder, tables, index, lanes):
    """tables[index] lane by lane, of one or two tables of `lanes` numbers; index: int32, only its low bits count."""
    kind, integers = vector_type(lanes), ir.VectorType(I32, lanes)
    names = {16: ("llvm.x86.avx512.permvar.sf.512", "llvm.x86.avx512.vpermi2var.ps.512"),
             8: ("llvm.x86.avx2.permps", None)}[lanes]

    def call(name, *values):
        signature = ir.FunctionType(kind, [value.type for value in values])
        return builder.call(cgutils.get_or_insert_function(builder.module, signature, name), values)
    if len(tables) == 1:
        return call(names[0], tables[0], index)
    if names[1] is not None:
        return call(names[1], tables[0], index, tables[1])
    second = builder.icmp_signed("!=", builder.and_(index, ir.Constant(integers, [lanes] * lanes)),
                                 ir.Constant(integers, [0] * lanes))
    return builder.select(second, call(names[0], tables[1], index), call(names[0], tables[0], index))


@intrinsic(prefer_literal=True)
def tile_lookup(typing, tile, g, index, x, at, row_step, piece_step, pieces, length):
    """tile[a, k] += g * table[index + k], of the table of x's `pieces` rows of `length` numbers from kernel's row a on:

    row p of it begins at x[at + a * row_step + p * piece_step]; `pieces` need not be a power of two, `length` must.
    """
    count, width = pieces.literal_value, length.literal_value

    def generate(context, builder, signature, args):
        sums, g, index, x, at, row_step, piece_step = args[:7]
        kind = signature.args[0]
        lanes = kind.lanes
        per_table = lanes // min(width, lanes)
        filled = max(1 << (count - 1).bit_length(), per_table) * max(width // lanes, 1)
        tables = []
        for a in range(kind.rows):
            start = builder.gep(x, [builder.add(at, builder.mul(row_step, I64(a)))])
            loaded = []
            for piece in range(count):
                begin = builder.gep(start, [builder.mul(piece_step, I64(piece))])
                loaded += [load_vector(builder, builder.gep(begin, [I64(part)]), min(width, lanes))
                           for part in range(0, width, lanes)]
            loaded += loaded[-1:] * (filled - len(loaded))  # No winner lies there.
            tables.append([_joined(builder, loaded[first:first + per_table])
                           for first in range(0, filled, per_table)])
        integers = ir.VectorType(I32, lanes)
        places = builder.bitcast(index, integers)
        for k in range(kind.columns):
            place = builder.add(places, ir.Constant(integers, [k] * lanes))
            for a in range(kind.rows):
                cell = a * kind.columns + k
                value = _looked_up(builder, tables[a], place, lanes)
                sums = builder.insert_value(
                    sums, emit_fma(builder, value, g, builder.extract_value(sums, cell)), cell)
        return sums
    return tile(tile, g, g, x, types.intp, types.intp, types.intp, pieces, length), generate


@inlined
def _find_winners(values, places, entry, sources, source, windows, step, count, bias, channel, rule, spare,
                  zero, lanes):
    """From `entry` on, values and places in the table: g and the winner of a vector of `count` channels in a run of
    windows, `step` floats apart; g is zero where nothing won. All of them are added to bias[channel].
    """
    g, winner = sources
    total = load(bias, channel, lanes)
    for j in range(windows):
        at = source + j * step
        won = load_places(winner, at, count, spare, zero)
        value = where_won(load_left(g, at, count, lanes), won)
        total = total + value
        store(values, entry + j * lanes, value)
        store(places, entry + j * lanes, window_places(where_won(won, won), rule))
    store(bias, channel, total)


@inlined
def _add_rows(values, places, x, counts, steps, tap_step, piece_step, t, partial, place, rows, columns, pieces, length,
              lanes):
    """The sums of all entries for `rows` rows of the kernel from t on, added to those that begin at `place`."""
    images, high, wide = counts
    map_size, row_place, column_place = steps
    tile = tile_zeros(rows, columns, lanes)
    entry = 0
    for k in range(images):
        for i in range(high):
            corner = k * map_size + i * row_place + t * tap_step
            for j in range(wide):
                tile = tile_lookup(tile, load(values, entry, lanes), load(places, entry, lanes), x,
                                   corner + j * column_place, tap_step, piece_step, pieces, length)
                entry += lanes
    at = place + t * columns * lanes
    tile = tile_add(tile, tile_load(partial, at, columns * lanes, rows, columns, lanes))
    tile_store(tile, partial, at, columns * lanes)


def conv_weights_grad_lookup(lanes, rows, rest, columns, pieces, length):
    """Makes the kernel: a register tile of `rows` rows of the kernel (at last of `rest`, if that is not 0) by `columns`
    (column, input channel) pairs, and a table of `pieces` rows of a pooling's window, `length` numbers each.

    partial[chunk][group][output part][vector of the part][kernel row][column][lane],
    bias_partial[chunk][group][output part][channel]. A task is one part of the output channels over one chunk.

    Arguments: x, g, winner, partial, bias_partial; then batch, chunks, images a block; height, width, channels of x
    and of the pooled map; pooled rows a block; window top, left, rows, columns, row step a block; groups, output parts,
    channels an output part (a multiple of `lanes`), kernel rows, floats that a kernel's row, a winner's row, a pooled
    row and a pooled column are apart; the three numbers of `window_places`.
    """
    def conv_weights_grad_lookup(a, first, last, scratch):
        x, g, winner, partial, bias = f32(a, 0), f32(a, 1), u8(a, 2), f32(a, 3), integer(a, 4)
        n, chunks, n_block = integer(a, 5), integer(a, 6), integer(a, 7)
        size = integer(a, 8), integer(a, 9), integer(a, 10)
        height, g_width, g_depth, h_block = integer(a, 11), integer(a, 12), integer(a, 13), integer(a, 14)
        top, left, x_rows, line, row_step = (integer(a, 15), integer(a, 16), integer(a, 17), integer(a, 18),
                                             integer(a, 19))
        groups, out_parts, share, kernel_rows = integer(a, 20), integer(a, 21), integer(a, 22), integer(a, 23)
        tap_step, piece_step, row_place, column_place = integer(a, 24), integer(a, 25), integer(a, 26), integer(a, 27)
        rule = integer(a, 28), integer(a, 29), integer(a, 30)
        ic, oc = size[2] // groups, g_depth // groups
        map_size = x_rows * line * ic
        zero = broadcast(np.float32(0.0), lanes)
        entries = n_block * h_block * g_width * lanes
        values, places, spare = f32_at(scratch), i32_at(scratch + 4 * entries), u8_at(scratch + 8 * entries)
        window = f32_at(scratch + 8 * entries + 4 * lanes)
        for task in range(first, last):
            out_part, group = task % out_parts, task // out_parts % groups
            chunk = task // (out_parts * groups)
            begin = out_part * share
            outputs = min(share, oc - begin)
            part_at = task * kernel_rows * columns * share
            zero_floats(partial, part_at, kernel_rows * columns * share)
            sums = f32_at(bias + task * share * 4)
            zero_floats(sums, 0, share)
            image, image_end = n * chunk // chunks, n * (chunk + 1) // chunks
            while image < image_end:
                images = min(n_block, image_end - image)
                for row in range(0, height, h_block):
                    used = min(h_block, height - row)
                    for k in range(images):
                        copy_window(window, k * map_size, x, image + k,
                                    (row // h_block * row_step + top, left, x_rows, line), size,
                                    (group * ic, group * ic + ic, ic, ic, map_size))
                    run = used * g_width
                    for v in range(0, outputs, lanes):
                        for k in range(images):
                            source = ((image + k) * height + row) * g_width * g_depth + group * oc + begin + v
                            _find_winners(values, places, k * run * lanes, (g, winner), source, run, g_depth,
                                          outputs - v, sums, v, rule, spare, zero, lanes)
                        place = part_at + v * kernel_rows * columns
                        for t in range(0, kernel_rows - rest, rows):
                            _add_rows(values, places, window, (images, used, g_width), (map_size, row_place,
                                      column_place), tap_step, piece_step, t, partial, place, rows, columns, pieces,
                                      length, lanes)
                        if rest > 0:
                            _add_rows(values, places, window, (images, used, g_width), (map_size, row_place,
                                      column_place), tap_step, piece_step, kernel_rows - rest, partial, place, rest,
                                      columns, pieces, length, lanes)
                image += images
    return conv_weights_grad_lookup
