"""Random bits from counters: Threefry2x32 with 20 rounds, PAIRS counters at a time, and what is made of them.

The words of counter i decide on elements 4 i .. 4 i + 3 of a dropout (16 bits each, low half first), or are the numbers
2 i and 2 i + 1 of a uniform distribution, or make number i of a normal one. So element i is the same whoever computes
it; `striate.ops.random` is the definition.
"""

from math import pi

from llvmlite import ir
from numba import float32, types
from numba.extending import intrinsic

from striate.kernels import mathematics
from striate.kernels.lanes import Lanes
from striate.kernels.simd import I32, I64, f32, f32_at, integer, load_vector, real, store_vector, u32, u32_at

_ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
_I16 = ir.IntType(16)
PAIRS = 16
"""Counters enciphered together: their words fill 64 elements of a mask. Enough to hide the rounds' latency."""


def _threefry(keys, x0, x1):
    """The two words of each lane's counter; `keys` are the two words of the key as lanes."""
    keys = (*keys, keys[0] ^ keys[1] ^ 0x1BD11BDA)
    x0, x1 = x0 + keys[0], x1 + keys[1]
    for number in range(20):
        turn = _ROTATIONS[number % 8]
        x0 = x0 + x1
        x1 = ((x1 << turn) | x1.shift_right(32 - turn)) ^ x0
        if number % 4 == 3:
            group = number // 4 + 1
            x0 = x0 + keys[group % 3]
            x1 = x1 + keys[(group + 1) % 3] + group
    return x0, x1


def _spread(builder, scalar, count):
    kind = ir.VectorType(scalar.type, count)
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), scalar, I32(0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(I32, count), [0] * count))


def _word(builder, pointer, index):
    return builder.load(builder.gep(pointer, [I64(index)]))


def _word_pairs(builder, key, first_low, first_high):
    """Both words of counters first .. first + PAIRS (64 bits, in two words), as two vectors.

    The counters share their high word: `first` is a multiple of PAIRS.
    """
    keys = [Lanes(builder, _spread(builder, _word(builder, key, i), PAIRS)) for i in range(2)]
    ramp = Lanes(builder, ir.Constant(ir.VectorType(I32, PAIRS), list(range(PAIRS))))
    low = Lanes(builder, _spread(builder, first_low, PAIRS)) + ramp
    high = Lanes(builder, _spread(builder, first_high, PAIRS))
    return _threefry(keys, low, high)


def _ciphered(builder, key, first_low, first_high):
    """The words of `_word_pairs` as one vector w0, w1, w0, w1, ..."""
    w0, w1 = _word_pairs(builder, key, first_low, first_high)
    order = [lane // 2 + PAIRS * (lane % 2) for lane in range(2 * PAIRS)]
    return builder.shuffle_vector(w0.value, w1.value, ir.Constant(ir.VectorType(I32, 2 * PAIRS), order))


def _counter(builder, first):
    return builder.trunc(first, I32), builder.trunc(builder.lshr(first, I64(32)), I32)


@intrinsic
def derive_key(typing, state, stream, key):
    """key[0:2] = the key of a stream: the step (state[2:4]) enciphered under the seed, then the stream under that."""
    def generate(context, builder, signature, args):
        state, stream, key = args
        words = [Lanes(builder, _spread(builder, _word(builder, state, i), 4)) for i in range(4)]
        first = _threefry(words[:2], *words[2:])
        low, high = (Lanes(builder, _spread(builder, part, 4)) for part in _counter(builder, stream))
        for i, word in enumerate(_threefry(first, low, high)):
            builder.store(builder.extract_element(word.value, I32(0)), builder.gep(key, [I64(i)]))
        return context.get_dummy_value()
    return types.void(state, types.intp, key), generate


@intrinsic
def drop_block(typing, x, i, out, j, key, first, threshold, scale):
    """out[j : j + 64] = x[i : i + 64] * scale where the bits of counters first .. first + 16 say "keep", else 0."""
    def generate(context, builder, signature, args):
        x, i, out, j, key, first, threshold, scale = args
        words = _ciphered(builder, key, *_counter(builder, first))
        halves = builder.bitcast(words, ir.VectorType(_I16, 4 * PAIRS))
        level = _spread(builder, builder.trunc(threshold, _I16), 4 * PAIRS)
        keep = builder.icmp_unsigned(">=", halves, level)
        numbers = load_vector(builder, builder.gep(x, [i]), 4 * PAIRS)
        scaled = builder.fmul(numbers, _spread(builder, scale, 4 * PAIRS))
        zeros = ir.Constant(scaled.type, [0.0] * 4 * PAIRS)
        store_vector(builder, builder.select(keep, scaled, zeros), builder.gep(out, [j]))
        return context.get_dummy_value()
    return types.void(x, types.intp, out, types.intp, key, types.intp, types.intp, types.float32), generate


@intrinsic
def uniform_block(typing, out, j, key, first, width, low):
    """out[j : j + 32] = low + width * u, where u has the upper 24 bits of the words of counters first .. first + 16."""
    def generate(context, builder, signature, args):
        out, j, key, first, width, low = args
        words = Lanes(builder, _ciphered(builder, key, *_counter(builder, first)))
        unit = words.shift_right(8).to_float32() * 2.0 ** -24
        scaled = builder.fmul(unit.value, _spread(builder, width, 2 * PAIRS))
        store_vector(builder, builder.fadd(scaled, _spread(builder, low, 2 * PAIRS)), builder.gep(out, [j]))
        return context.get_dummy_value()
    return types.void(out, types.intp, key, types.intp, types.float32, types.float32), generate


@intrinsic
def normal_block(typing, out, j, key, first, stddev, mean):
    """out[j : j + 16] = mean + stddev * sqrt(-2 log u) cos(2 pi v) of counters first .. first + 16 (Box and Muller).

    u = (w0 + 1) / 2^32 and v = w1 / 2^32. Of a u above 1/2, which float32 knows less well than 1 - u, the logarithm is
    taken as log1p(-(1 - u)); v counts as a signed fraction of a turn.
    """
    def generate(context, builder, signature, args):
        out, j, key, first, stddev, mean = args
        w0, w1 = _word_pairs(builder, key, *_counter(builder, first))
        below = mathematics.log((w0.to_float32() + 1.0) * 2.0 ** -32)
        above = mathematics.log1p((w0 + 1).to_float32() * 2.0 ** -32)
        radius = ((w0 < 0).choose(above, below) * -2.0).root()
        unit = radius * mathematics.cos(w1.to_float32() * (pi * 2.0 ** -31))
        scaled = builder.fmul(unit.value, _spread(builder, stddev, PAIRS))
        store_vector(builder, builder.fadd(scaled, _spread(builder, mean, PAIRS)), builder.gep(out, [j]))
        return context.get_dummy_value()
    return types.void(out, types.intp, key, types.intp, types.float32, types.float32), generate


def dropout():
    """Makes dropout, forward and backward; a task is 1024 elements.

    Slots: 0 x, 1 state, 2 out, 3 elements, 4 stream, 5 threshold, 6 scale (float).
    """
    def dropout(a, first, last, scratch):
        x, out, total = f32(a, 0), f32(a, 2), integer(a, 3)
        key, spare = u32_at(scratch), f32_at(scratch + 64)
        derive_key(u32(a, 1), integer(a, 4), key)
        threshold, scale = integer(a, 5), float32(real(a, 6))
        begin, end = first * 1024, min(last * 1024, total)
        whole = begin + (end - begin) // 64 * 64
        for i in range(begin, whole, 64):
            drop_block(x, i, out, i, key, i // 4, threshold, scale)
        if whole < end:
            for i in range(end - whole):
                spare[i] = x[whole + i]
            for i in range(end - whole, 64):
                spare[i] = 0.0
            drop_block(spare, 0, spare, 0, key, whole // 4, threshold, scale)
            for i in range(end - whole):
                out[whole + i] = spare[i]
    return dropout


def random_numbers(normal):
    """Makes random numbers, `normal` ones or uniform ones; a task is 1024.

    Slots: 0 state, 1 out, 2 elements, 3 stream, 4 standard deviation or width (float), 5 mean or least number (float).
    """
    size = 16 if normal else 32

    def random_numbers(a, first, last, scratch):
        out, total = f32(a, 1), integer(a, 2)
        key, spare = u32_at(scratch), f32_at(scratch + 64)
        derive_key(u32(a, 0), integer(a, 3), key)
        factor, addend = float32(real(a, 4)), float32(real(a, 5))
        begin, end = first * 1024, min(last * 1024, total)
        for i in range(begin, end, size):
            target, at = (out, i) if i + size <= end else (spare, 0)
            if normal:
                normal_block(target, at, key, i, factor, addend)
            else:
                uniform_block(target, at, key, i // 2, factor, addend)
        for i in range(begin + (end - begin) // size * size, end):
            out[i] = spare[i - (begin + (end - begin) // size * size)]
    return random_numbers
