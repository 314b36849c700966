"""Batch normalisation over the rows of an m x c matrix (all axes but the channels), forward and backward.

Two launches each: sums of fixed chunks of rows, then one pass that first adds the chunks up in order.

    norm_sums        per chunk and channel: S = sum of (x - pivot), Q = sum of (x - pivot)^2
                     pivot: the mean of the chunk's first rows, so that Q does not cancel when the mean is far from 0
    norm_apply       mean and variance of all chunks by Chan's formula in float64;
                     y = (x - mean) gamma / sqrt(variance + epsilon) + beta
    norm_grad_sums   per chunk and channel: S = sum of g, Q = sum of g (x - mean)
    norm_grad_apply  dbeta = sum S, dgamma = sum Q / sqrt(variance + epsilon),
                     dx = g a + (x - mean) b + d, zero where x <= 0 if masked, with a = gamma / sqrt(variance + epsilon),
                     b = -a dgamma / sqrt(variance + epsilon) / m, d = -a dbeta / m

A task is a chunk of rows. Every call of an apply kernel adds the chunks up for itself (they are few), so no third
launch is needed; whoever does task 0 writes the results of that.
Bound by memory: two reads forward and one write; four reads and one write backward.
"""

from math import sqrt

import numpy as np

from striate.kernels.jit import inlined
from striate.kernels.simd import (
    broadcast, f32, f32_at, fma, integer, load, load_part, real, select_positive, store, store_part, tile_add,
    tile_fma, tile_load, tile_store, tile_subtract, tile_zeros,
)

_PIVOT_ROWS = 16
"""Rows whose mean is a chunk's pivot."""


@inlined
def _load(x, i, count, lanes):
    """x[i : i + lanes]; with fewer than `lanes` elements left, those and zeros."""
    return load(x, i, lanes) if count >= lanes else load_part(x, i, count, lanes)


@inlined
def _store(x, i, value, count, lanes):
    """x[i : i + lanes] = value, or as many elements as are left."""
    if count >= lanes:
        store(x, i, value)
    else:
        store_part(x, i, value, count)


def norm_sums(lanes, vectors):
    """Makes the kernel; a tile of `vectors` vectors of channels runs down the rows of a chunk."""
    def norm_sums(arguments, first, last, scratch):
        x, parts = f32(arguments, 0), f32(arguments, 1)
        m, c, chunk = integer(arguments, 2), integer(arguments, 3), integer(arguments, 4)
        for task in range(first, last):
            top, bottom, out = task * chunk, min((task + 1) * chunk, m), task * 3 * c
            few = min(bottom, top + _PIVOT_ROWS)
            channel = 0
            while channel + lanes * vectors <= c:
                total = tile_zeros(1, vectors, lanes)
                for row in range(top, few):
                    total = tile_add(total, tile_load(x, row * c + channel, 0, 1, vectors, lanes))
                tile_store(total, parts, out + channel, 0)
                for i in range(channel, channel + lanes * vectors):
                    parts[out + i] /= np.float32(few - top)
                pivot = tile_load(parts, out + channel, 0, 1, vectors, lanes)
                total, squares = tile_zeros(1, vectors, lanes), tile_zeros(1, vectors, lanes)
                for row in range(top, bottom):
                    shifted = tile_subtract(tile_load(x, row * c + channel, 0, 1, vectors, lanes), pivot)
                    total, squares = tile_add(total, shifted), tile_fma(shifted, shifted, squares)
                tile_store(total, parts, out + c + channel, 0)
                tile_store(squares, parts, out + 2 * c + channel, 0)
                channel += lanes * vectors
            for j in range(channel, c, lanes):
                count = c - j
                centre = broadcast(np.float32(0.0), lanes)
                for row in range(top, few):
                    centre = centre + _load(x, row * c + j, count, lanes)
                centre = centre / broadcast(np.float32(few - top), lanes)
                sums, powers = broadcast(np.float32(0.0), lanes), broadcast(np.float32(0.0), lanes)
                for row in range(top, bottom):
                    value = _load(x, row * c + j, count, lanes) - centre
                    sums, powers = sums + value, fma(value, value, powers)
                _store(parts, out + j, centre, count, lanes)
                _store(parts, out + c + j, sums, count, lanes)
                _store(parts, out + 2 * c + j, powers, count, lanes)
    return norm_sums


def norm_apply(lanes):
    """Makes the kernel."""
    def norm_apply(arguments, first, last, scratch):
        x, gamma, beta, parts = f32(arguments, 0), f32(arguments, 1), f32(arguments, 2), f32(arguments, 3)
        y, mean, variance = f32(arguments, 4), f32(arguments, 5), f32(arguments, 6)
        m, c, chunk = integer(arguments, 7), integer(arguments, 8), integer(arguments, 9)
        epsilon = real(arguments, 10)
        means, scales = f32_at(scratch), f32_at(scratch + 4 * c)
        chunks = (m + chunk - 1) // chunk
        for j in range(c):
            centre = 0.0
            for part in range(chunks):
                rows = min(chunk, m - part * chunk)
                centre += rows * np.float64(parts[part * 3 * c + j]) + np.float64(parts[(part * 3 + 1) * c + j])
            centre /= m
            spread = 0.0
            for part in range(chunks):
                rows, total = min(chunk, m - part * chunk), np.float64(parts[(part * 3 + 1) * c + j])
                away = np.float64(parts[part * 3 * c + j]) + total / rows - centre
                spread += np.float64(parts[(part * 3 + 2) * c + j]) - total * total / rows + rows * away * away
            spread = max(spread / m, 0.0) if spread == spread else spread
            means[j], scales[j] = centre, np.float64(gamma[j]) / sqrt(spread + epsilon)
            if first == 0:
                mean[j], variance[j] = centre, spread
        for row in range(first * chunk, min(last * chunk, m)):
            for j in range(0, c, lanes):
                count = c - j
                centred = _load(x, row * c + j, count, lanes) - _load(means, j, count, lanes)
                value = fma(centred, _load(scales, j, count, lanes), _load(beta, j, count, lanes))
                _store(y, row * c + j, value, count, lanes)
    return norm_apply


def norm_grad_sums(lanes, vectors):
    """Makes the kernel; a tile of `vectors` vectors of channels runs down the rows of a chunk."""
    def norm_grad_sums(arguments, first, last, scratch):
        g, x, mean, parts = f32(arguments, 0), f32(arguments, 1), f32(arguments, 2), f32(arguments, 3)
        m, c, chunk = integer(arguments, 4), integer(arguments, 5), integer(arguments, 6)
        for task in range(first, last):
            top, bottom, out = task * chunk, min((task + 1) * chunk, m), task * 2 * c
            channel = 0
            while channel + lanes * vectors <= c:
                centre = tile_load(mean, channel, 0, 1, vectors, lanes)
                total, products = tile_zeros(1, vectors, lanes), tile_zeros(1, vectors, lanes)
                for row in range(top, bottom):
                    value = tile_load(g, row * c + channel, 0, 1, vectors, lanes)
                    centred = tile_subtract(tile_load(x, row * c + channel, 0, 1, vectors, lanes), centre)
                    total, products = tile_add(total, value), tile_fma(value, centred, products)
                tile_store(total, parts, out + channel, 0)
                tile_store(products, parts, out + c + channel, 0)
                channel += lanes * vectors
            for j in range(channel, c, lanes):
                count = c - j
                middle = _load(mean, j, count, lanes)
                sums, powers = broadcast(np.float32(0.0), lanes), broadcast(np.float32(0.0), lanes)
                for row in range(top, bottom):
                    part = _load(g, row * c + j, count, lanes)
                    sums = sums + part
                    powers = fma(part, _load(x, row * c + j, count, lanes) - middle, powers)
                _store(parts, out + j, sums, count, lanes)
                _store(parts, out + c + j, powers, count, lanes)
    return norm_grad_sums


def norm_grad_apply(lanes, masked):
    """Makes the kernel. `masked`: dx is zero where x is not positive."""
    def norm_grad_apply(arguments, first, last, scratch):
        g, x, gamma, mean = f32(arguments, 0), f32(arguments, 1), f32(arguments, 2), f32(arguments, 3)
        variance, parts, dx = f32(arguments, 4), f32(arguments, 5), f32(arguments, 6)
        dgamma, dbeta = f32(arguments, 7), f32(arguments, 8)
        m, c, chunk = integer(arguments, 9), integer(arguments, 10), integer(arguments, 11)
        epsilon = real(arguments, 12)
        direct, centred, constant = f32_at(scratch), f32_at(scratch + 4 * c), f32_at(scratch + 8 * c)
        chunks = (m + chunk - 1) // chunk
        for j in range(c):
            total, products = 0.0, 0.0
            for part in range(chunks):
                total += np.float64(parts[part * 2 * c + j])
                products += np.float64(parts[(part * 2 + 1) * c + j])
            scale = 1.0 / sqrt(np.float64(variance[j]) + epsilon)
            factor = np.float64(gamma[j]) * scale
            direct[j], centred[j] = factor, -factor * products * scale * scale / m
            constant[j] = -factor * total / m
            if first == 0:
                dgamma[j], dbeta[j] = products * scale, total
        for row in range(first * chunk, min(last * chunk, m)):
            for j in range(0, c, lanes):
                count, place = c - j, row * c + j
                value = _load(x, place, count, lanes)
                result = fma(value - _load(mean, j, count, lanes), _load(centred, j, count, lanes),
                             fma(_load(g, place, count, lanes), _load(direct, j, count, lanes),
                                 _load(constant, j, count, lanes)))
                if masked:
                    result = select_positive(result, value)
                _store(dx, place, result, count, lanes)
    return norm_grad_apply
