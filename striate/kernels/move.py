"""Kernels that move numbers: strided copies, fills, rows by index, one-hot rows.

Almost every op that only moves (transpose, slice, pad, concatenate, broadcast, flip) is one or two strided copies:
out[dot(index, out strides)] = x[dot(index, x strides)] over a box of lengths. A copy does not look at what it moves, so
there is one kernel for each element size.
"""

from numba import float32, int32, int64, uint8  # noqa: F401 - the kinds below

from striate.kernels.jit import helper
from striate.kernels.simd import f32, f64, i32, i64, integer, u8

COPY_RANK = 6
"""Axes of a strided copy; the table holds lengths, strides of x, strides of out."""


def copy(size):
    """Makes the strided copy of elements of 1, 4 or 8 bytes.

    Slots: 0 x, 1 out, 2 offset in x, 3 offset in out, 4 table, 5 chunk, 6 chunks; a task is one chunk of one row of the
    last axis.
    """
    octets, words = size == 1, size == 4

    def copy(a, first, last, scratch):
        table, chunk, chunks = i64(a, 4), integer(a, 5), integer(a, 6)
        length, x_step, out_step = table[5], table[11], table[17]
        for task in range(first, last):
            rest = task // chunks
            begin = task % chunks * chunk
            count = min(chunk, length - begin)
            source = integer(a, 2) + begin * x_step
            target = integer(a, 3) + begin * out_step
            for axis in range(4, -1, -1):
                place = rest % table[axis]
                rest //= table[axis]
                source += place * table[6 + axis]
                target += place * table[12 + axis]
            if octets:
                _copy_row(u8(a, 0), u8(a, 1), source, target, x_step, out_step, count)
            elif words:
                _copy_row(i32(a, 0), i32(a, 1), source, target, x_step, out_step, count)
            else:
                _copy_row(i64(a, 0), i64(a, 1), source, target, x_step, out_step, count)
    return copy


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
    """Makes the kernel that writes one bit pattern (slot 1, an integer) over slot 0; a task is 4096 of slot 2 elements."""
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


def one_hot(result, wide):
    """Makes one_hot into "f32", "i32" or "u8": slots 0 x, 1 out, 2 classes, 3 inner; a task is one element of x."""
    real, words = result == "f32", result == "i32"

    def one_hot(a, first, last, scratch):
        classes, inner = integer(a, 2), integer(a, 3)
        for task in range(first, last):
            label = i64(a, 0)[task] if wide else int64(i32(a, 0)[task])
            base = task // inner * classes * inner + task % inner
            for c in range(classes):
                hit = 1 if c == label else 0
                if real:
                    f32(a, 1)[base + c * inner] = hit
                elif words:
                    i32(a, 1)[base + c * inner] = hit
                else:
                    u8(a, 1)[base + c * inner] = hit
    return one_hot
