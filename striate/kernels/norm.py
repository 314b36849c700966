"""Batch normalisation over the rows of an m x c matrix (all axes but the channels), forward and backward.

Two launches each: sums of fixed chunks of rows, then one pass that first adds the chunks up in order.

    norm_sums        per chunk and channel: S = sum of (x - pivot), Q = sum of (x - pivot)^2
                     pivot: the mean of the chunk's first rows, so that Q does not cancel when the mean is far from 0
    norm_apply       mean and variance of all chunks by Chan's formula in float64;
                     y = (x - mean) gamma / sqrt(variance + epsilon) + beta, and its relu if asked, up to a `top`
    norm_grad_sums   per chunk and channel: S = sum of g, Q = sum of g (x - mean)
    norm_grad_apply  dbeta = sum S, dgamma = sum Q / sqrt(variance + epsilon),
                     dx = g a + (x - mean) b + d, zero where x <= 0 if masked, with
                     a = gamma / sqrt(variance + epsilon), b = -a dgamma / sqrt(variance + epsilon) / m,
                     d = -a dbeta / m

A task is a chunk of rows. Every call of an apply kernel adds the chunks up for itself (they are few), so no third
launch is needed; whoever does task 0 writes the results of that.
Bound by memory: two reads forward and one write; four reads and one write backward.
"""

from math import sqrt

import numpy as np

from striate.kernels.jit import helper
from striate.kernels.parts import add_left, load_left, store_left
from striate.kernels.simd import broadcast, clamped, f32, f32_at, f64_at, fma, integer, real, select_positive
from striate.kernels.tiles import tile_add, tile_fma, tile_load, tile_store, tile_subtract, tile_zeros

_PIVOT_ROWS = 16
"""Rows whose mean is a chunk's pivot."""
_BLOCK_ROWS = 32
"""Rows that stay in the cache while all their channels are summed; sums of blocks are added up, which rounds less than
one long sum."""


def norm_sums(lanes, vectors):
    """Makes the kernel; a tile of `vectors` vectors of channels runs down the rows of a block."""
    def norm_sums(arguments, first, last, scratch):
        x, parts = f32(arguments, 0), f32(arguments, 1)
        m, c, chunk = integer(arguments, 2), integer(arguments, 3), integer(arguments, 4)
        zero = broadcast(np.float32(0.0), lanes)
        for task in range(first, last):
            top, bottom, out = task * chunk, min((task + 1) * chunk, m), task * 3 * c
            few = min(bottom, top + _PIVOT_ROWS)
            for j in range(0, c, lanes):
                pivot = zero
                for row in range(top, few):
                    pivot = pivot + load_left(x, row * c + j, c - j, lanes)
                store_left(parts, out + j, pivot / broadcast(np.float32(few - top), lanes), c - j, lanes)
            for j in range(c, 3 * c, lanes):
                store_left(parts, out + j, zero, 3 * c - j, lanes)
            for start in range(top, bottom, _BLOCK_ROWS):
                end, channel = min(start + _BLOCK_ROWS, bottom), 0
                while channel + lanes * vectors <= c:
                    at = out + channel
                    pivots = tile_load(parts, at, 0, 1, vectors, lanes)
                    total, squares = tile_zeros(1, vectors, lanes), tile_zeros(1, vectors, lanes)
                    for row in range(start, end):
                        shifted = tile_subtract(tile_load(x, row * c + channel, 0, 1, vectors, lanes), pivots)
                        total, squares = tile_add(total, shifted), tile_fma(shifted, shifted, squares)
                    tile_store(tile_add(tile_load(parts, at + c, 0, 1, vectors, lanes), total), parts, at + c, 0)
                    at += 2 * c
                    tile_store(tile_add(tile_load(parts, at, 0, 1, vectors, lanes), squares), parts, at, 0)
                    channel += lanes * vectors
                for j in range(channel, c, lanes):
                    count, pivot, sums, powers = c - j, load_left(parts, out + j, c - j, lanes), zero, zero
                    for row in range(start, end):
                        value = load_left(x, row * c + j, count, lanes) - pivot
                        sums, powers = sums + value, fma(value, value, powers)
                    add_left(parts, out + c + j, sums, count, lanes)
                    add_left(parts, out + 2 * c + j, powers, count, lanes)
    return norm_sums


@helper
def normal_factors(parts, gamma, doubles, floats, m, c, chunk, epsilon):
    """Adds up chunks of `chunk` of the m rows: doubles = means and variances, floats = means and factors, c each."""
    for j in range(2 * c):
        doubles[j] = 0.0
    chunks = (m + chunk - 1) // chunk
    for part in range(chunks):
        rows, start = min(chunk, m - part * chunk), part * 3 * c
        for j in range(c):
            doubles[j] += rows * np.float64(parts[start + j]) + np.float64(parts[start + c + j])
    for j in range(c):
        doubles[j] /= m
    for part in range(chunks):
        rows, start = min(chunk, m - part * chunk), part * 3 * c
        share = 1.0 / rows
        for j in range(c):
            total = np.float64(parts[start + c + j])
            away = np.float64(parts[start + j]) + total * share - doubles[j]
            doubles[c + j] += np.float64(parts[start + 2 * c + j]) - total * total * share + rows * away * away
    for j in range(c):
        spread = doubles[c + j] / m
        spread = 0.0 if spread < 0.0 else spread
        floats[j], doubles[c + j] = doubles[j], spread
        floats[c + j] = np.float64(gamma[j]) / sqrt(spread + epsilon)


@helper
def gradient_factors(parts, gamma, variance, doubles, floats, m, c, chunks, epsilon):
    """Adds up the chunks: doubles = dbeta and dgamma, floats = the factors a and b and the number d, c each."""
    for j in range(2 * c):
        doubles[j] = 0.0
    for part in range(chunks):
        for j in range(2 * c):
            doubles[j] += np.float64(parts[part * 2 * c + j])
    for j in range(c):
        scale = 1.0 / sqrt(np.float64(variance[j]) + epsilon)
        factor = np.float64(gamma[j]) * scale
        doubles[c + j] *= scale
        floats[j], floats[c + j] = factor, -factor * doubles[c + j] * scale / m
        floats[2 * c + j] = -factor * doubles[j] / m


def norm_apply(lanes, relu):
    """Makes the kernel. `relu`: y is zero where it would be negative, and `top` where it would be larger."""
    def norm_apply(arguments, first, last, scratch):
        x, gamma, beta, parts = f32(arguments, 0), f32(arguments, 1), f32(arguments, 2), f32(arguments, 3)
        y, mean, variance = f32(arguments, 4), f32(arguments, 5), f32(arguments, 6)
        m, c, chunk = integer(arguments, 7), integer(arguments, 8), integer(arguments, 9)
        epsilon, top = real(arguments, 10), broadcast(np.float32(real(arguments, 11)), lanes)
        doubles, floats = f64_at(scratch), f32_at(scratch + 16 * c)
        normal_factors(parts, gamma, doubles, floats, m, c, chunk, epsilon)
        if first == 0:
            for j in range(c):
                mean[j], variance[j] = doubles[j], doubles[c + j]
        for row in range(first * chunk, min(last * chunk, m)):
            for j in range(0, c, lanes):
                count = c - j
                centred = load_left(x, row * c + j, count, lanes) - load_left(floats, j, count, lanes)
                value = fma(centred, load_left(floats, c + j, count, lanes), load_left(beta, j, count, lanes))
                if relu:
                    value = clamped(value, broadcast(np.float32(0.0), lanes), top)
                store_left(y, row * c + j, value, count, lanes)
    return norm_apply


def norm_grad_sums(lanes, vectors):
    """Makes the kernel; a tile of `vectors` vectors of channels runs down the rows of a block."""
    def norm_grad_sums(arguments, first, last, scratch):
        g, x, mean, parts = f32(arguments, 0), f32(arguments, 1), f32(arguments, 2), f32(arguments, 3)
        m, c, chunk = integer(arguments, 4), integer(arguments, 5), integer(arguments, 6)
        zero = broadcast(np.float32(0.0), lanes)
        for task in range(first, last):
            top, bottom, out = task * chunk, min((task + 1) * chunk, m), task * 2 * c
            for j in range(0, 2 * c, lanes):
                store_left(parts, out + j, zero, 2 * c - j, lanes)
            for start in range(top, bottom, _BLOCK_ROWS):
                end, channel = min(start + _BLOCK_ROWS, bottom), 0
                while channel + lanes * vectors <= c:
                    centre, at = tile_load(mean, channel, 0, 1, vectors, lanes), out + channel
                    total, products = tile_zeros(1, vectors, lanes), tile_zeros(1, vectors, lanes)
                    for row in range(start, end):
                        value = tile_load(g, row * c + channel, 0, 1, vectors, lanes)
                        centred = tile_subtract(tile_load(x, row * c + channel, 0, 1, vectors, lanes), centre)
                        total, products = tile_add(total, value), tile_fma(value, centred, products)
                    tile_store(tile_add(tile_load(parts, at, 0, 1, vectors, lanes), total), parts, at, 0)
                    at += c
                    tile_store(tile_add(tile_load(parts, at, 0, 1, vectors, lanes), products), parts, at, 0)
                    channel += lanes * vectors
                for j in range(channel, c, lanes):
                    count, middle, sums, powers = c - j, load_left(mean, j, c - j, lanes), zero, zero
                    for row in range(start, end):
                        part = load_left(g, row * c + j, count, lanes)
                        sums = sums + part
                        powers = fma(part, load_left(x, row * c + j, count, lanes) - middle, powers)
                    add_left(parts, out + j, sums, count, lanes)
                    add_left(parts, out + c + j, powers, count, lanes)
    return norm_grad_sums


def norm_grad_apply(lanes, masked):
    """Makes the kernel. `masked`: dx is zero where x is not positive."""
    def norm_grad_apply(arguments, first, last, scratch):
        g, x, gamma, mean = f32(arguments, 0), f32(arguments, 1), f32(arguments, 2), f32(arguments, 3)
        variance, parts, dx = f32(arguments, 4), f32(arguments, 5), f32(arguments, 6)
        dgamma, dbeta = f32(arguments, 7), f32(arguments, 8)
        m, c, chunk = integer(arguments, 9), integer(arguments, 10), integer(arguments, 11)
        epsilon = real(arguments, 12)
        doubles, floats = f64_at(scratch), f32_at(scratch + 16 * c)
        gradient_factors(parts, gamma, variance, doubles, floats, m, c, (m + chunk - 1) // chunk, epsilon)
        if first == 0:
            for j in range(c):
                dbeta[j], dgamma[j] = doubles[j], doubles[c + j]
        for row in range(first * chunk, min(last * chunk, m)):
            for j in range(0, c, lanes):
                count, place = c - j, row * c + j
                value = load_left(x, place, count, lanes)
                result = fma(value - load_left(mean, j, count, lanes), load_left(floats, c + j, count, lanes),
                             fma(load_left(g, place, count, lanes), load_left(floats, j, count, lanes),
                                 load_left(floats, 2 * c + j, count, lanes)))
                if masked:
                    result = select_positive(result, value)
                store_left(dx, place, result, count, lanes)
    return norm_grad_apply
