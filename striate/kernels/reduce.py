"""Reductions: y[o, i] = sum (product, largest, smallest) over r of x[o, r, i].

Every order of summing is fixed by shapes: a row is summed in 16 running sums and these in a tree, whatever the vector
registers of the processor; long rows are cut into chunks whose results a second launch reduces.

reduce_rows (inner = 1) slots: 0 x, 1 out, 2 length, 3 chunk, 4 chunks a row, 5 divisor (float); a task is a chunk.
reduce_columns slots: 0 x, 1 out, 2 length, 3 chunk, 4 chunks, 5 divisor, 6 inner, 7 column blocks; a task is one chunk
of rows for one block of 64 columns.
"""

from numba import float32, int32, int64, uint8

from striate.kernels import mathematics
from striate.kernels.jit import helper
from striate.kernels.lanes import vector_function
from striate.kernels.simd import (
    broadcast,
    f32,
    f32_at,
    fma,
    i32,
    integer,
    lane_sum,
    larger,
    load,
    real,
    store,
    u8,
)

SUM, PROD, MAX, MIN = 0, 1, 2, 3
COLUMNS = 64
"""Columns of a task of reduce_columns."""

_exp = vector_function(mathematics.exp)
_log = vector_function(mathematics.log)
_negated = vector_function(lambda x: -x)


@helper
def _joined(kind, a, b):
    """Two numbers reduced; a NaN in either is kept."""
    if kind == 0:
        return a + b
    if kind == 1:
        return a * b
    if a != a or b != b:
        return a + b
    if kind == 2:
        return a if a > b else b
    return a if a < b else b


@helper
def _vectors_joined(kind, a, b):
    if kind == 0:
        return a + b
    if kind == 1:
        return a * b
    if kind == 2:
        return larger(a, b)
    return _negated(larger(_negated(a), _negated(b)))


@helper
def _neutral(kind):
    if kind == 0:
        return 0.0
    if kind == 1:
        return 1.0
    return -float("inf") if kind == 2 else float("inf")


@helper
def row_reduced(kind, x, start, count, spare):
    """x[start : start + count] reduced in 32 running results, then in a tree (a short row one by one).

    `spare` holds 16 numbers.
    """
    if count < 32:
        total = x[start]
        for i in range(1, count):
            total = _joined(kind, total, x[start + i])
        return total
    one = broadcast(float32(_neutral(kind)), 16)
    two = one
    whole = count // 32 * 32
    for i in range(0, whole, 32):
        one = _vectors_joined(kind, one, load(x, start + i, 16))
        two = _vectors_joined(kind, two, load(x, start + i + 16, 16))
    store(spare, 0, _vectors_joined(kind, one, two))
    for i in range(whole, count):
        lane = (i - whole) % 16
        spare[lane] = _joined(kind, spare[lane], x[start + i])
    half = 8
    while half > 0:
        for lane in range(half):
            spare[lane] = _joined(kind, spare[lane], spare[lane + half])
        half //= 2
    return spare[0]


def reduce_rows(kind):
    """Makes the kernel for contiguous rows."""
    code = kind

    def reduce_rows(a, first, last, scratch):
        x, out = f32(a, 0), f32(a, 1)
        length, chunk, chunks, divisor = integer(a, 2), integer(a, 3), integer(a, 4), real(a, 5)
        spare = f32_at(scratch)
        for task in range(first, last):
            row, part = task // chunks, task % chunks
            begin = part * chunk
            count = min(chunk, length - begin)
            out[task] = float32(row_reduced(code, x, row * length + begin, count, spare) / float32(divisor))
    return reduce_rows


def reduce_columns(kind):
    """Makes the kernel for reductions over an axis that is not the last."""
    code = kind

    def reduce_columns(a, first, last, scratch):
        x, out = f32(a, 0), f32(a, 1)
        length, chunk, chunks, divisor = integer(a, 2), integer(a, 3), integer(a, 4), float32(real(a, 5))
        inner, blocks = integer(a, 6), integer(a, 7)
        for task in range(first, last):
            block, rest = task % blocks, task // blocks
            outer, part = rest // chunks, rest % chunks
            begin = part * chunk
            rows = min(chunk, length - begin)
            base = (outer * length + begin) * inner
            target = rest * inner
            column, end = block * 64, min(inner, block * 64 + 64)
            scale = broadcast(divisor, 16)
            while column + 32 <= end:
                one, two = load(x, base + column, 16), load(x, base + column + 16, 16)
                for r in range(1, rows):
                    one = _vectors_joined(code, one, load(x, base + r * inner + column, 16))
                    two = _vectors_joined(code, two, load(x, base + r * inner + column + 16, 16))
                store(out, target + column, one / scale)
                store(out, target + column + 16, two / scale)
                column += 32
            if column + 16 <= end:
                one = load(x, base + column, 16)
                for r in range(1, rows):
                    one = _vectors_joined(code, one, load(x, base + r * inner + column, 16))
                store(out, target + column, one / scale)
                column += 16
            for i in range(column, end):
                total = x[base + i]
                for r in range(1, rows):
                    total = _joined(code, total, x[base + r * inner + i])
                out[target + i] = total / divisor
    return reduce_columns


def reduce_integers(kind, source, result):
    """Makes the kernel for int32 ("i32") and bytes ("u8"), into "i32", "u8", "f32" or "truth" (which are not 0).

    Slots: 0 x, 1 out, 2 length, 3 inner, 4 divisor (float); a task is one result.
    """
    code, wide, truth, to_real = kind, source == "i32", result == "truth", result == "f32"
    to_bytes = truth or result == "u8"

    def reduce_integers(a, first, last, scratch):
        words, octets = i32(a, 0), u8(a, 0)
        length, inner, divisor = integer(a, 2), integer(a, 3), real(a, 4)
        for task in range(first, last):
            base = task // inner * length * inner + task % inner
            total = int64(words[base]) if wide else int64(octets[base])
            if truth:
                total = int64(total != 0)
            for r in range(1, length):
                number = int64(words[base + r * inner]) if wide else int64(octets[base + r * inner])
                if truth:
                    number = int64(number != 0)
                if code == 0:
                    total += number
                elif code == 1:
                    total *= number
                elif code == 2:
                    total = max(total, number)
                else:
                    total = min(total, number)
            if to_real:
                f32(a, 1)[task] = float32(total / divisor)
            elif to_bytes:
                u8(a, 1)[task] = uint8(total)
            else:
                i32(a, 1)[task] = int32(total)
    return reduce_integers


def position(kind):
    """Makes argmax (kind MAX) and argmin: slots 0 x, 1 out, 2 length, 3 inner; a task is one result.

    The earliest of equals wins, and a NaN before everything, as NumPy has it.
    """
    sign = 1.0 if kind == 2 else -1.0

    def position(a, first, last, scratch):
        x, out, length, inner = f32(a, 0), i32(a, 1), integer(a, 2), integer(a, 3)
        for task in range(first, last):
            base = task // inner * length * inner + task % inner
            best, place = x[base] * sign, 0
            for r in range(1, length):
                number = x[base + r * inner] * sign
                if number > best or (number != number and best == best):
                    best, place = number, r
            out[task] = place
    return position


# ---- softmax ---------------------------------------------------------------------------------------------------

@helper
def _fetch(x, base, inner, length, row, padding):
    """Row `base` of x (its elements `inner` apart) into `row`, filled up to a multiple of 16."""
    for r in range(length):
        row[r] = x[base + r * inner]
    for r in range(length, (length + 15) // 16 * 16):
        row[r] = padding


@helper
def _largest(row, length, spare):
    best = load(row, 0, 16)
    for r in range(16, length, 16):
        best = larger(best, load(row, r, 16))
    store(spare, 0, best)
    result = spare[0]
    for lane in range(1, 16):
        result = _joined(2, result, spare[lane])
    return result


def softmax(log):
    """Makes softmax (log = 0) or log_softmax (1): slots 0 x, 1 out, 2 length, 3 inner; a task is one row."""
    logarithm = log == 1

    def softmax(a, first, last, scratch):
        x, out, length, inner = f32(a, 0), f32(a, 1), integer(a, 2), integer(a, 3)
        spare, row = f32_at(scratch), f32_at(scratch + 64)
        for task in range(first, last):
            base = task // inner * length * inner + task % inner
            _fetch(x, base, inner, length, row, float32(-float("inf")))
            best = broadcast(_largest(row, length, spare), 16)
            total = broadcast(float32(0.0), 16)
            for r in range(0, length, 16):
                shifted = load(row, r, 16) - best
                raised = _exp(shifted)
                total = total + raised
                store(row, r, shifted if logarithm else raised)
            whole = broadcast(lane_sum(total), 16)
            level = _log(whole)
            for r in range(0, length, 16):
                part = load(row, r, 16)
                store(row, r, part - level if logarithm else part / whole)
            for r in range(length):
                out[base + r * inner] = row[r]
    return softmax


def softmax_grad():
    """Makes y * (g - sum(y * g)): slots 0 y, 1 g, 2 out, 3 length, 4 inner; a task is one row."""
    def softmax_grad(a, first, last, scratch):
        y, g, out, length, inner = f32(a, 0), f32(a, 1), f32(a, 2), integer(a, 3), integer(a, 4)
        padded = (length + 15) // 16 * 16
        shares, slopes = f32_at(scratch), f32_at(scratch + padded * 4)
        for task in range(first, last):
            base = task // inner * length * inner + task % inner
            _fetch(y, base, inner, length, shares, float32(0.0))
            _fetch(g, base, inner, length, slopes, float32(0.0))
            total = broadcast(float32(0.0), 16)
            for r in range(0, length, 16):
                total = fma(load(shares, r, 16), load(slopes, r, 16), total)
            mean = broadcast(lane_sum(total), 16)
            for r in range(0, length, 16):
                store(slopes, r, load(shares, r, 16) * (load(slopes, r, 16) - mean))
            for r in range(length):
                out[base + r * inner] = slopes[r]
    return softmax_grad
