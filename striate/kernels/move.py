"""Kernels that move numbers: strided copies, fills, rows by index, one-hot rows.

Almost every op that only moves (transpose, slice, pad, concatenate, broadcast, flip) is one or two strided copies:
out[dot(index, out strides)] = x[dot(index, x strides)] over a box of lengths. A copy does not look at what it moves, so
there is one kernel for each element size.
"""

from numba import float32, int32, int64, uint8  # noqa: F401 - the kinds below

from striate.kernels.jit import helper, inlined
from striate.kernels.parts import goes_past_caches
from striate.kernels.simd import f32, f64, fence, i32, i64, i64_at, integer, u8
from striate.kernels.tiles import tile_load, tile_stream

COPY_RANK = 6
"""Axes of a strided copy; the table holds lengths, strides of x, strides of out."""
_LINE = 16
"""Elements of 4 bytes in a line of the cache."""


@helper
def _start(table, row, places):
    """Sets `places` to the position of a row in the box (all axes but the last); the offsets of x and out there."""
    source = target = 0
    for axis in range(4, -1, -1):
        place = row % table[axis]
        row //= table[axis]
        places[axis] = place
        source += place * table[6 + axis]
        target += place * table[12 + axis]
    return source, target


@helper
def _next(table, places, source, target):
    """The offsets one row further; `places` moves with them."""
    axis = 4
    while axis >= 0:
        places[axis] += 1
        source += table[6 + axis]
        target += table[12 + axis]
        if places[axis] < table[axis]:
            break
        source -= table[axis] * table[6 + axis]
        target -= table[axis] * table[12 + axis]
        places[axis] = 0
        axis -= 1
    return source, target


def copy(size):
    """Makes the strided copy of elements of 1, 4 or 8 bytes.

    Slots: 0 x, 1 out, 2 offset in x, 3 offset in out, 4 table, 5 chunk, 6 chunks, 7 the number by which all lengths
    and places of contiguous rows can be divided, 8 elements of out; a task is one chunk of one row of the last axis.

    Whole lines of a large result go past the caches. AMD EPYC (AVX-512), two threads: two maps of 45 x 45 x 16 joined
    along the channels, batch 128: 27 -> 11 us an image, and cut apart again 22 -> 18.
    """
    octets, words = size == 1, size == 4

    def copy(a, first, last, scratch):
        table, chunk, chunks, places = i64(a, 4), integer(a, 5), integer(a, 6), i64_at(scratch)
        length, x_step, out_step = table[5], table[11], table[17]
        past = words and goes_past_caches(integer(a, 1), integer(a, 8), integer(a, 7), _LINE)
        source, target = _start(table, first // chunks, places)
        part = first % chunks
        for _ in range(first, last):
            begin = part * chunk
            count = min(chunk, length - begin)
            from_here = integer(a, 2) + source + begin * x_step
            to_here = integer(a, 3) + target + begin * out_step
            if past:
                _copy_lines(f32(a, 0), f32(a, 1), from_here, to_here, count)
            elif octets:
                _copy_row(u8(a, 0), u8(a, 1), from_here, to_here, x_step, out_step, count)
            elif words:
                _copy_row(i32(a, 0), i32(a, 1), from_here, to_here, x_step, out_step, count)
            else:
                _copy_row(i64(a, 0), i64(a, 1), from_here, to_here, x_step, out_step, count)
            part += 1
            if part == chunks:
                part = 0
                source, target = _next(table, places, source, target)
        if past:
            fence()
    return copy


def turn(size):
    """Makes the copy whose rows are columns of x: the last axis of out is not the last of x.

    Slots as in `copy`, but the last two axes of the table are x's last axis and out's last axis, and a task is a square
    of 32 x 32 of them; 5 squares along x's last axis, 6 along out's.
    """
    octets, words = size == 1, size == 4

    def turn(a, first, last, scratch):
        table, down, across, places = i64(a, 4), integer(a, 5), integer(a, 6), i64_at(scratch)
        for task in range(first, last):
            square = task % (down * across)
            source, target = _start(table, task // (down * across) * table[4], places)
            top, left = square // across * 32, square % across * 32
            height, width = min(32, table[4] - top), min(32, table[5] - left)
            source += integer(a, 2) + top * table[10] + left * table[11]
            target += integer(a, 3) + top * table[16] + left * table[17]
            for i in range(height):
                begin, end = source + i * table[10], target + i * table[16]
                if octets:
                    _copy_row(u8(a, 0), u8(a, 1), begin, end, table[11], 1, width)
                elif words:
                    _copy_row(i32(a, 0), i32(a, 1), begin, end, table[11], 1, width)
                else:
                    _copy_row(i64(a, 0), i64(a, 1), begin, end, table[11], 1, width)
    return turn


@inlined
def _copy_lines(x, out, source, target, count):
    for i in range(0, count, _LINE):
        tile_stream(tile_load(x, source + i, 0, 1, 1, _LINE), out, target + i, 0)


@helper
def _copy_row(x, out, source, target, x_step, out_step, count):
    if out_step == 1 and x_step == 1:
        for i in range(count):
            out[target + i] = x[source + i]
    elif out_step == 1 and x_step == 0:
        number = x[source]
        for i in range(count):
            out[target + i] = number
    else:
        for i in range(count):
            out[target + i * out_step] = x[source + i * x_step]


def fill(size):
    """Makes the kernel that writes one bit pattern (slot 1) over the elements (slot 2) of slot 0; a task is 4096."""
    octets, words = size == 1, size == 4

    def fill(a, first, last, scratch):
        begin, end = first * 4096, min(last * 4096, integer(a, 2))
        pattern = integer(a, 1)
        if octets:
            out8 = u8(a, 0)
            for i in range(begin, end):
                out8[i] = uint8(pattern)
        elif words:
            out32 = i32(a, 0)
            for i in range(begin, end):
                out32[i] = int32(pattern)
        else:
            out64 = i64(a, 0)
            for i in range(begin, end):
                out64[i] = pattern
    return fill


@helper
def _convert_row(x, out, source, target, count):
    for i in range(count):
        out[target + i] = x[source + i]


@helper
def _row_of(a, wide, task, length):
    """The row that index number `task` names, counted modulo the axis."""
    row = i64(a, 1)[task] if wide else int64(i32(a, 1)[task])
    return row % length


def take(source, result, wide):
    """Makes take: out[o, j, :] = x[o, indices[j], :], converted from `source` ("u8", "f32", "f64", "i32", "i64") to
    `result` ("u8", "f32", "i32", "i64") on the way. `wide`: the indices are int64.

    Slots: 0 x, 1 indices, 2 out, 3 length of the axis, 4 number of indices, 5 elements a row; a task is one row.
    """
    to_real, to_words, to_wide = result == "f32", result == "i32", result == "i64"
    from_octets, from_real, from_double, from_words = source == "u8", source == "f32", source == "f64", source == "i32"

    def take(a, first, last, scratch):
        length, count, inner = integer(a, 3), integer(a, 4), integer(a, 5)
        for task in range(first, last):
            begin = (task // count * length + _row_of(a, wide, task % count, length)) * inner
            end = task * inner
            if to_real and from_octets:
                _convert_row(u8(a, 0), f32(a, 2), begin, end, inner)
            elif to_real and from_real:
                _convert_row(f32(a, 0), f32(a, 2), begin, end, inner)
            elif to_real and from_double:
                _convert_row(f64(a, 0), f32(a, 2), begin, end, inner)
            elif to_real and from_words:
                _convert_row(i32(a, 0), f32(a, 2), begin, end, inner)
            elif to_real:
                _convert_row(i64(a, 0), f32(a, 2), begin, end, inner)
            elif to_words and from_octets:
                _convert_row(u8(a, 0), i32(a, 2), begin, end, inner)
            elif to_words and from_words:
                _convert_row(i32(a, 0), i32(a, 2), begin, end, inner)
            elif to_words:
                _convert_row(i64(a, 0), i32(a, 2), begin, end, inner)
            elif to_wide:
                _convert_row(i64(a, 0), i64(a, 2), begin, end, inner)
            else:
                _convert_row(u8(a, 0), u8(a, 2), begin, end, inner)
    return take


def take_grad(wide):
    """Makes take's gradient: rows of g added up at their indices, in the order of the indices.

    Slots: 0 g, 1 indices, 2 out, 3 length of the axis, 4 number of indices, 5 elements a row, 6 blocks of 64 columns;
    a task is one block of columns of one outer part.
    """
    long_indices = wide

    def take_grad(a, first, last, scratch):
        g, out = f32(a, 0), f32(a, 2)
        length, count, inner, blocks = integer(a, 3), integer(a, 4), integer(a, 5), integer(a, 6)
        for task in range(first, last):
            outer, column = task // blocks, task % blocks * 64
            width = min(64, inner - column)
            base = outer * length * inner + column
            for row in range(length):
                for i in range(width):
                    out[base + row * inner + i] = 0
            for j in range(count):
                place = base + _row_of(a, long_indices, j, length) * inner
                source = (outer * count + j) * inner + column
                for i in range(width):
                    out[place + i] += g[source + i]
    return take_grad


@helper
def _mark(out, base, step, classes, label):
    for c in range(classes):
        out[base + c * step] = 0
    if 0 <= label < classes:
        out[base + label * step] = 1


def one_hot(result, wide):
    """Makes one_hot into "f32", "i32" or "u8": slots 0 x, 1 out, 2 classes, 3 inner; a task is one element of x."""
    real, words = result == "f32", result == "i32"

    def one_hot(a, first, last, scratch):
        classes, inner = integer(a, 2), integer(a, 3)
        for task in range(first, last):
            label = i64(a, 0)[task] if wide else int64(i32(a, 0)[task])
            base = task // inner * classes * inner + task % inner
            if real:
                _mark(f32(a, 1), base, inner, classes, label)
            elif words:
                _mark(i32(a, 1), base, inner, classes, label)
            else:
                _mark(u8(a, 1), base, inner, classes, label)
    return one_hot
