"""Batch normalisation whose result is pooled at once: the normalised map is never written, nor is its gradient.

    norm_pool             y = max over the windows of gamma (x - mean) / sqrt(variance + epsilon) + beta, and its relu
                          (up to a limit) if asked; winner = the row-major place of the first largest number in its
                          window
    norm_pool_grad_sums   per chunk and channel: S = sum of g, Q = sum of g (x at the winner - mean)
    norm_pool_grad_apply  as `norm_grad_apply`, with g at the winners and nothing at the other places

Windows are `ph` x `pw` places without overlap and border; what they leave over at the right and at the bottom has no
gradient of its own, but counts in mean and variance. `norm_sums` makes the sums that `norm_pool` begins with.

A task is a chunk of rows of windows, row-major over images. The slots 0 and on hold arrays; the sizes are, in this
order: m (rows of x: all its places), c, rows of a chunk of the sums (or chunks of them), h, w, oh, ow, rows of windows
in all, rows of windows a task. Bound by memory: x is read once in each kernel.
"""

import numpy as np

from striate.kernels.norm import gradient_factors, normal_factors
from striate.kernels.parts import add_left, load_left, store_left
from striate.kernels.simd import (
    broadcast,
    clamped,
    exceeds,
    f32,
    f32_at,
    f64_at,
    fma,
    from_int_bits,
    integer,
    real,
    select,
    select_positive,
    to_int_bits,
    u8,
    u8_at,
)
from striate.kernels.windows import load_places, store_places


def norm_pool(lanes, relu, ph, pw):
    """Makes the kernel. Slots: 0 x, 1 gamma, 2 beta, 3 sums of chunks, 4 y, 5 mean, 6 variance, 7 winner, 8 sizes,
    17 epsilon, 18 the largest y."""
    def norm_pool(arguments, first, last, scratch):
        x, gamma, beta, parts = f32(arguments, 0), f32(arguments, 1), f32(arguments, 2), f32(arguments, 3)
        y, mean, variance, winner = f32(arguments, 4), f32(arguments, 5), f32(arguments, 6), u8(arguments, 7)
        m, c, chunk = integer(arguments, 8), integer(arguments, 9), integer(arguments, 10)
        h, w, oh, ow = integer(arguments, 11), integer(arguments, 12), integer(arguments, 13), integer(arguments, 14)
        rows, tall = integer(arguments, 15), integer(arguments, 16)
        spare, doubles, floats = u8_at(scratch), f64_at(scratch + 64), f32_at(scratch + 64 + 16 * c)
        normal_factors(parts, gamma, doubles, floats, m, c, chunk, real(arguments, 17))
        top = broadcast(np.float32(real(arguments, 18)), lanes)
        if first == 0:
            for j in range(c):
                mean[j], variance[j] = doubles[j], doubles[c + j]
        for row in range(first * tall, min(last * tall, rows)):
            corner = (row // oh * h + row % oh * ph) * w * c
            for column in range(ow):
                for j in range(0, c, lanes):
                    count, place = c - j, corner + column * pw * c + j
                    middle, scale = load_left(floats, j, count, lanes), load_left(floats, c + j, count, lanes)
                    shift = load_left(beta, j, count, lanes)
                    best = fma(load_left(x, place, count, lanes) - middle, scale, shift)
                    won = broadcast(np.float32(0.0), lanes)
                    for i in range(1, ph * pw):
                        value = load_left(x, place + (i // pw * w + i % pw) * c, count, lanes)
                        value = fma(value - middle, scale, shift)
                        better = exceeds(value, best)
                        best = select(better, value, best)
                        won = select(better, broadcast(np.float32(i), lanes), won)
                    if relu:
                        best = clamped(best, broadcast(np.float32(0.0), lanes), top)
                    out = (row * ow + column) * c + j
                    store_left(y, out, best, count, lanes)
                    store_places(winner, out, to_int_bits(won), count, spare)
    return norm_pool


def norm_pool_grad_sums(lanes, ph, pw):
    """Makes the kernel. Slots: 0 g, 1 x, 2 mean, 3 winner, 4 sums of chunks, 5 sizes."""
    def norm_pool_grad_sums(arguments, first, last, scratch):
        g, x, mean, winner = f32(arguments, 0), f32(arguments, 1), f32(arguments, 2), u8(arguments, 3)
        parts, c = f32(arguments, 4), integer(arguments, 6)
        h, w, oh, ow = integer(arguments, 8), integer(arguments, 9), integer(arguments, 10), integer(arguments, 11)
        rows, tall = integer(arguments, 12), integer(arguments, 13)
        spare, sums, zero = u8_at(scratch), f32_at(scratch + 64), broadcast(np.float32(0.0), lanes)
        for task in range(first, last):
            for j in range(0, 2 * c, lanes):
                store_left(parts, task * 2 * c + j, zero, 2 * c - j, lanes)
            for row in range(task * tall, min((task + 1) * tall, rows)):
                # Sums of rows are added up, not one long sum: it rounds less. Columns add to two sums by turns, so that
                # none waits for the one before.
                for j in range(0, 4 * c, lanes):
                    store_left(sums, j, zero, 4 * c - j, lanes)
                for column in range(ow):
                    turn = column % 2 * 2 * c
                    start, corner = (row * ow + column) * c, ((row // oh * h + row % oh * ph) * w + column * pw) * c
                    for j in range(0, c, lanes):
                        count, at, place = c - j, start + j, corner + j
                        value, won = load_left(g, at, count, lanes), load_places(winner, at, count, spare, zero)
                        best = load_left(x, place, count, lanes)
                        for i in range(1, ph * pw):
                            other = load_left(x, place + (i // pw * w + i % pw) * c, count, lanes)
                            best = select(from_int_bits(won) == broadcast(np.float32(i), lanes), other, best)
                        add_left(sums, turn + j, value, count, lanes)
                        product = fma(value, best - load_left(mean, j, count, lanes),
                                      load_left(sums, turn + c + j, count, lanes))
                        store_left(sums, turn + c + j, product, count, lanes)
                for j in range(0, 2 * c, lanes):
                    count = 2 * c - j
                    total = load_left(sums, j, count, lanes) + load_left(sums, 2 * c + j, count, lanes)
                    add_left(parts, task * 2 * c + j, total, count, lanes)
    return norm_pool_grad_sums


def norm_pool_grad_apply(lanes, masked, ph, pw):
    """Makes the kernel. `masked`: dx is zero where x is not positive. Slots: 0 g, 1 x, 2 gamma, 3 mean, 4 variance,
    5 winner, 6 sums of chunks, 7 dx, 8 dgamma, 9 dbeta, 10 sizes, 19 epsilon."""
    def norm_pool_grad_apply(arguments, first, last, scratch):
        g, x, gamma, mean = f32(arguments, 0), f32(arguments, 1), f32(arguments, 2), f32(arguments, 3)
        variance, winner, parts = f32(arguments, 4), u8(arguments, 5), f32(arguments, 6)
        dx, dgamma, dbeta = f32(arguments, 7), f32(arguments, 8), f32(arguments, 9)
        m, c, chunks = integer(arguments, 10), integer(arguments, 11), integer(arguments, 12)
        h, w, oh, ow = integer(arguments, 13), integer(arguments, 14), integer(arguments, 15), integer(arguments, 16)
        rows, tall = integer(arguments, 17), integer(arguments, 18)
        spare, doubles, floats = u8_at(scratch), f64_at(scratch + 64), f32_at(scratch + 64 + 16 * c)
        gradient_factors(parts, gamma, variance, doubles, floats, m, c, chunks, real(arguments, 19))
        zero = broadcast(np.float32(0.0), lanes)
        if first == 0:
            for j in range(c):
                dbeta[j], dgamma[j] = doubles[j], doubles[c + j]
        for row in range(first * tall, min(last * tall, rows)):
            top, bottom = row % oh * ph, (row % oh + 1) * ph if row % oh < oh - 1 else h
            corner = (row // oh * h + top) * w * c
            for i in range(bottom - top):
                for column in range(w):
                    inside = i < ph and column < ow * pw
                    at = (row * ow + column // pw) * c
                    mine = broadcast(np.float32(i * pw + column % pw), lanes)
                    for j in range(0, c, lanes):
                        count, place = c - j, corner + (i * w + column) * c + j
                        share = zero
                        if inside:
                            won = from_int_bits(load_places(winner, at + j, count, spare, zero))
                            share = select(won == mine, load_left(g, at + j, count, lanes), zero)
                        value = load_left(x, place, count, lanes)
                        result = fma(value - load_left(mean, j, count, lanes), load_left(floats, c + j, count, lanes),
                                     fma(share, load_left(floats, j, count, lanes),
                                         load_left(floats, 2 * c + j, count, lanes)))
                        if masked:
                            result = select_positive(result, value)
                        store_left(dx, place, result, count, lanes)
    return norm_pool_grad_apply
