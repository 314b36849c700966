"""Matrix products in float32.

    gemm          c[t, i, j] = sum over p of a[t, i, p] b[t, p, j]  (+ bias[j]) (relu) (zero where mask[t, i, j] <= 0)
    gemm_long     c[t, i, j] = sum over the t-th part of p of a[p, i] b[p, j] for few i and j and many p
    gemm_dots     c[i, j] = sum over p of a[i, p] b[j, p] for few j: vectors run along p
    gemm_streams  c[i, j] = sum over p of a[p, i] b[p, j] for few j: vectors run along i, rows of a stream through
    gemm_thin     c[i, j] = sum over p of a[i, p] b[p, j] for few p: bound by the writing of c
    gemm_finish   adds up what `gemm_long` or `gemm_streams` made of each part of p; bias, relu, mask
    column_sums   sums[j] = sum over i of x[i, j]
    transpose     out[j, i] = x[i, j]

Letters: a is m x k, b is k x n, c is m x n; i, j, p run over m, n, k. A *panel* is the block of b that one register
tile multiplies by: `vectors` vectors wide, `depth` deep, copied so that the tile reads it front to back from the
first-level cache. A task of `gemm` makes `row_block` rows and `group` panels' columns of c. It sums p in blocks of
`depth`, each in registers, and adds the blocks in order: every element is summed by one task in an order that
depends on the shapes alone. Where there is one block and nothing follows the sum, whole tiles go straight to c.
"""

import numpy as np

from striate.kernels.jit import inlined
from striate.kernels.parts import load_left, store_left
from striate.kernels.simd import (
    broadcast,
    f32,
    f32_at,
    fma,
    i64,
    i64_at,
    integer,
    lane_sum,
    larger,
    load,
    load_part,
    select_positive,
    store,
    store_part,
    transpose_square,
)
from striate.kernels.tiles import (
    load_offsets,
    tile_add,
    tile_dot,
    tile_gather_outer,
    tile_load,
    tile_outer,
    tile_product,
    tile_store,
    tile_zeros,
)


@inlined
def _copy_part(out, target, x, source, count, width, lanes):
    """out[target : target + width] = x[source : source + count], then zeros; width is a multiple of lanes."""
    for shift in range(0, width, lanes):
        left = count - shift
        if left >= lanes:
            store(out, target + shift, load(x, source + shift, lanes))
        else:
            store(out, target + shift, load_part(x, source + shift, max(left, 0), lanes))


@inlined
def _pack_transposed(panel, b, start, stride, depth, count, width, lanes):
    """panel[p, j] = b[start + j * stride + p] for p < depth, j < count; the other columns are zero."""
    whole = depth - depth % lanes
    for j in range(0, width, lanes):
        if j + lanes <= count:
            for p in range(0, whole, lanes):
                transpose_square(b, start + j * stride + p, stride, panel, p * width + j, width, lanes)
        for column in range(j, j + lanes):
            for p in range(whole if j + lanes <= count else 0, depth):
                panel[p * width + column] = b[start + column * stride + p] if column < count else 0.0


@inlined
def _pack_tiles(block, a, start, stride, depth, height, rows, tile_stride, lanes):
    """block[i // rows, p, i % rows] = a[start + p * stride + i]; the last tile is filled up with zeros.

    Whole vectors are stored: what one writes too much, the next p overwrites, and the gap between tiles takes the last.
    """
    vectors = (rows + lanes - 1) // lanes
    inside = max(0, height - vectors * lanes) // rows * rows
    for p in range(depth):
        source, target = start + p * stride, p * rows
        for i in range(0, inside, rows):
            for shift in range(0, vectors * lanes, lanes):
                store(block, target + shift, load(a, source + i + shift, lanes))
            target += tile_stride
        for i in range(inside, height, rows):
            for shift in range(0, vectors * lanes, lanes):
                left = max(0, min(lanes, height - i - shift))
                store(block, target + shift, load_part(a, source + i + shift, left, lanes))
            target += tile_stride


def gemm(lanes, rows, vectors, a_transposed, b_transposed):
    """Makes the general kernel. `a_transposed`: a is stored as k x m; `b_transposed`: b is stored as n x k.

    Arguments: 0 a, 1 b, 2 c, 3 bias, 4 mask (left out when their addresses are 0), 5 relu; tables with an entry for
    each t: 6 where a[t] and 7 where b[t] begins, 8 its numbers of p (parts of one long sum are a batch, too); 9 m,
    10 n, 11 the length of a stored row of a and 12 of b, 13 row_block, 14 group, 15 depth.
    """
    width = lanes * vectors

    def gemm(arguments, first, last, scratch):
        a, b, c = f32(arguments, 0), f32(arguments, 1), f32(arguments, 2)
        addend, mask, relu = f32(arguments, 3), f32(arguments, 4), integer(arguments, 5)
        biased, masked = integer(arguments, 3) != 0, integer(arguments, 4) != 0
        a_starts, b_starts, lengths = i64(arguments, 6), i64(arguments, 7), i64(arguments, 8)
        m, n = integer(arguments, 9), integer(arguments, 10)
        a_stride, b_stride = integer(arguments, 11), integer(arguments, 12)
        row_block, group, depth = integer(arguments, 13), integer(arguments, 14), integer(arguments, 15)
        row_blocks, column_blocks = (m + row_block - 1) // row_block, (n + width * group - 1) // (width * group)
        tile_stride = depth * rows + lanes
        offsets = i64_at(scratch)
        panel = f32_at(scratch + 512)
        sums = f32_at(scratch + 512 + 4 * width * depth)
        block = f32_at(scratch + 512 + 4 * width * (depth + row_block * group))
        for task in range(first, last):
            batch, place = task // (row_blocks * column_blocks), task % (row_blocks * column_blocks)
            top, left = place % row_blocks * row_block, place // row_blocks * width * group
            height, columns, k = min(row_block, m - top), min(group * width, n - left), lengths[batch]
            plain = k <= depth and not (biased or relu or masked)
            a_start = a_starts[batch] + (top if a_transposed else top * a_stride)
            for p0 in range(0, k, depth):
                steps = min(depth, k - p0)
                if a_transposed:
                    _pack_tiles(block, a, a_start + p0 * a_stride, a_stride, steps, height, rows, tile_stride, lanes)
                for j in range(0, columns, width):
                    row, column = (left + j, p0) if b_transposed else (p0, left + j)
                    corner = b_starts[batch] + row * b_stride + column
                    if b_transposed:
                        _pack_transposed(panel, b, corner, b_stride, steps, columns - j, width, lanes)
                    else:
                        for p in range(steps):
                            _copy_part(panel, p * width, b, corner + p * b_stride, columns - j, width, lanes)
                    for i in range(0, height, rows):
                        tile = tile_zeros(rows, vectors, lanes)
                        if a_transposed:
                            tile = tile_product(tile, block, i // rows * tile_stride, 1, rows, panel, 0, width,
                                                steps, 0)
                        elif i + rows <= height:
                            tile = tile_product(tile, a, a_start + i * a_stride + p0, a_stride, 1, panel, 0, width,
                                                steps, 0)
                        else:
                            for r in range(rows):
                                offsets[r] = a_start + min(i + r, height - 1) * a_stride + p0
                            table = load_offsets(offsets, 0, rows)
                            for p in range(0, steps - 3, 4):
                                tile = tile_gather_outer(tile, a, table, p, panel, p * width, 4)
                            for p in range(steps - steps % 4, steps):
                                tile = tile_gather_outer(tile, a, table, p, panel, p * width, 1)
                        if plain and i + rows <= height and j + width <= columns:
                            tile_store(tile, c, (batch * m + top + i) * n + left + j, n)
                            continue
                        start = j * row_block + i * width
                        if p0 > 0:
                            tile = tile_add(tile_load(sums, start, width, rows, vectors, lanes), tile)
                        tile_store(tile, sums, start, width)
            whole_rows = height - height % rows if plain else 0
            for i in range(height):
                start = (batch * m + top + i) * n + left
                for j in range(columns - columns % width if i < whole_rows else 0, columns, lanes):
                    count = columns - j
                    value = load(sums, j // width * width * row_block + i * width + j % width, lanes)
                    if biased:
                        value = value + load_left(addend, left + j, count, lanes)
                    if relu:
                        value = larger(value, broadcast(np.float32(0.0), lanes))
                    if masked:
                        value = select_positive(value, load_left(mask, start + j, count, lanes))
                    store_left(c, start + j, value, count, lanes)
    return gemm


def gemm_long(lanes, rows, vectors):
    """Makes the kernel for a stored as k x m and b as k x n. Task: `part` steps of p, for all of c[task].

    Tiles read a and b where they lie, for no number is read often enough to pay for a copy; only what whole tiles leave
    over is copied, filled up with zeros. `depth` steps of a and b stay in the second-level cache while all tiles pass.

    Arguments: 0 a, 1 b, 2 c; 3 m, 4 n, 5 k, 6 part, 7 depth.

    AMD EPYC (AVX-512), one thread, m x n, in percent of the peak (117 GFLOP/s): 64 x 64 75 to 93, 32 x 128 78 to 95,
    24 x 96 85, 16 x 64 and 64 x 16 73, 96 x 24 58. `gemm`, which copies both into panels: 35 to 55.
    """
    width = lanes * vectors

    def gemm_long(arguments, first, last, scratch):
        a, b, c = f32(arguments, 0), f32(arguments, 1), f32(arguments, 2)
        m, n, k = integer(arguments, 3), integer(arguments, 4), integer(arguments, 5)
        part, depth = integer(arguments, 6), integer(arguments, 7)
        wide, tall = (n + width - 1) // width * width, (m + rows - 1) // rows * rows
        low, far = m - m % rows, n - n % width
        sums, block = f32_at(scratch), f32_at(scratch + 4 * tall * wide)
        panel = f32_at(scratch + 4 * (tall * wide + depth * rows + lanes))
        for task in range(first, last):
            end = min((task + 1) * part, k)
            for p0 in range(task * part, end, depth):
                steps = min(depth, end - p0)
                if low < m:
                    _pack_tiles(block, a, p0 * m + low, m, steps, m - low, rows, 0, lanes)
                for p in range(steps if far < n else 0):
                    _copy_part(panel, p * width, b, (p0 + p) * n + far, n - far, width, lanes)
                for j in range(0, n, width):
                    w, w_at, w_step = (b, p0 * n + j, n) if j < far else (panel, 0, width)
                    for i in range(0, m, rows):
                        x, x_at, x_step = (a, p0 * m + i, m) if i < low else (block, 0, rows)
                        tile = tile_product(tile_zeros(rows, vectors, lanes), x, x_at, 1, x_step, w, w_at, w_step,
                                            steps, w_at)
                        start = i * wide + j
                        if p0 > task * part:
                            tile = tile_add(tile_load(sums, start, wide, rows, vectors, lanes), tile)
                        tile_store(tile, sums, start, wide)
            for i in range(m):
                for j in range(0, n, lanes):
                    store_left(c, (task * m + i) * n + j, load(sums, i * wide + j, lanes), n - j, lanes)
    return gemm_long


def gemm_dots(lanes, rows, columns):
    """Makes the kernel for `columns` (at most 4) rows of b; a task makes `rows` rows of c."""
    def gemm_dots(arguments, first, last, scratch):
        a, b, c = f32(arguments, 0), f32(arguments, 1), f32(arguments, 2)
        m, k, depth = integer(arguments, 3), integer(arguments, 4), integer(arguments, 5)
        c_row, c_column = integer(arguments, 6), integer(arguments, 7)
        addend, mask, relu = f32(arguments, 8), f32(arguments, 9), integer(arguments, 10)
        biased, masked = integer(arguments, 8) != 0, integer(arguments, 9) != 0
        addend_row, addend_column = integer(arguments, 11), integer(arguments, 12)
        offsets, sums = i64_at(scratch), f32_at(scratch + 512)
        whole = k - k % lanes
        for task in range(first, last):
            top = task * rows
            for r in range(rows):
                offsets[r] = min(top + r, m - 1) * k
            table = load_offsets(offsets, 0, rows)
            total = tile_zeros(rows, columns, lanes)
            for p0 in range(0, whole, depth):
                tile = tile_zeros(rows, columns, lanes)
                for p in range(p0, min(p0 + depth, whole), lanes):
                    tile = tile_dot(tile, a, table, p, b, p, k)
                total = tile_add(total, tile)
            tile_store(total, sums, 0, columns * lanes)
            for i in range(min(rows, m - top)):
                for j in range(columns):
                    value = lane_sum(load(sums, (i * columns + j) * lanes, lanes))
                    for p in range(whole, k):
                        value += a[(top + i) * k + p] * b[j * k + p]
                    if biased:
                        value += addend[(top + i) * addend_row + j * addend_column]
                    place = (top + i) * c_row + j * c_column
                    if (relu and value <= 0) or (masked and not mask[place] > 0):
                        value = np.float32(0.0)
                    c[place] = value
    return gemm_dots


def gemm_streams(lanes, columns):
    """Makes the kernel for `columns` (at most 4) columns of b; a task makes `width` rows of c from one chunk of p."""
    step = 2 * lanes

    def gemm_streams(arguments, first, last, scratch):
        a, b, c = f32(arguments, 0), f32(arguments, 1), f32(arguments, 2)
        m, k, depth, width = integer(arguments, 3), integer(arguments, 4), integer(arguments, 5), integer(arguments, 6)
        b_row, b_column = integer(arguments, 7), integer(arguments, 8)
        c_row, c_column = integer(arguments, 9), integer(arguments, 10)
        blocks = (m + width - 1) // width
        sums = f32_at(scratch)
        for task in range(first, last):
            left, p0 = task % blocks * width, task // blocks * depth
            count, p1 = min(width, m - left), min(p0 + depth, k)
            whole = count - count % step
            for v in range(0, columns * width, lanes):
                store(sums, v, broadcast(np.float32(0.0), lanes))
            p = p0
            while p + 4 <= p1:
                for v in range(0, whole, step):
                    tile = tile_load(sums, v, width, columns, 2, lanes)
                    tile = tile_outer(tile, b, p * b_row, b_column, a, p * m + left + v)
                    tile = tile_outer(tile, b, (p + 1) * b_row, b_column, a, (p + 1) * m + left + v)
                    tile = tile_outer(tile, b, (p + 2) * b_row, b_column, a, (p + 2) * m + left + v)
                    tile = tile_outer(tile, b, (p + 3) * b_row, b_column, a, (p + 3) * m + left + v)
                    tile_store(tile, sums, v, width)
                p += 4
            while p < p1:
                for v in range(0, whole, step):
                    tile = tile_load(sums, v, width, columns, 2, lanes)
                    tile_store(tile_outer(tile, b, p * b_row, b_column, a, p * m + left + v), sums, v, width)
                p += 1
            for v in range(whole, count, lanes):
                for j in range(columns):
                    value = broadcast(np.float32(0.0), lanes)
                    for p in range(p0, p1):
                        value = fma(broadcast(b[p * b_row + j * b_column], lanes),
                                    load_part(a, p * m + left + v, min(lanes, count - v), lanes), value)
                    store(sums, j * width + v, value)
            start = task // blocks * m * columns
            for i in range(count):
                for j in range(columns):
                    c[start + (left + i) * c_row + j * c_column] = sums[j * width + i]
    return gemm_streams


def gemm_thin(lanes, depth, b_transposed):
    """Makes the kernel for products over at most 4 steps (`depth`); a task makes `width` columns of c."""
    def gemm_thin(arguments, first, last, scratch):
        a, b, c = f32(arguments, 0), f32(arguments, 1), f32(arguments, 2)
        addend, mask, relu = f32(arguments, 3), f32(arguments, 4), integer(arguments, 5)
        biased, masked = integer(arguments, 3) != 0, integer(arguments, 4) != 0
        m, n, width = integer(arguments, 6), integer(arguments, 7), integer(arguments, 8)
        a_row, a_step = integer(arguments, 9), integer(arguments, 10)
        rows = f32_at(scratch)
        for task in range(first, last):
            left = task * width
            count = min(width, n - left)
            for p in range(depth):
                for j in range(count):
                    rows[p * width + j] = b[(left + j) * depth + p] if b_transposed else b[p * n + left + j]
            for i in range(m):
                start = i * n + left
                for j in range(0, count, lanes):
                    value = broadcast(np.float32(0.0), lanes)
                    if biased:
                        value = load_left(addend, left + j, count - j, lanes)
                    for p in range(depth):
                        factor = broadcast(a[i * a_row + p * a_step], lanes)
                        value = fma(factor, load(rows, p * width + j, lanes), value)
                    if relu:
                        value = larger(value, broadcast(np.float32(0.0), lanes))
                    if masked:
                        value = select_positive(value, load_left(mask, start + j, count - j, lanes))
                    store_left(c, start + j, value, count - j, lanes)
    return gemm_thin


def gemm_finish(lanes):
    """Makes the kernel that ends a narrow product; a task makes up to `width` columns of one row of c."""
    def gemm_finish(arguments, first, last, scratch):
        parts, c, addend, mask = f32(arguments, 0), f32(arguments, 1), f32(arguments, 2), f32(arguments, 3)
        biased, masked, relu = integer(arguments, 2) != 0, integer(arguments, 3) != 0, integer(arguments, 4)
        m, n, chunks, width = integer(arguments, 5), integer(arguments, 6), integer(arguments, 7), integer(arguments, 8)
        blocks = (n + width - 1) // width
        for task in range(first, last):
            left = task % blocks * width
            start = task // blocks * n
            for j in range(left, min(left + width, n), lanes):
                count = min(lanes, n - j)
                value = load_part(parts, start + j, count, lanes)
                for chunk in range(1, chunks):
                    value = value + load_part(parts, chunk * m * n + start + j, count, lanes)
                if biased:
                    value = value + load_part(addend, j, count, lanes)
                if relu:
                    value = larger(value, broadcast(np.float32(0.0), lanes))
                if masked:
                    value = select_positive(value, load_part(mask, start + j, count, lanes))
                store_part(c, start + j, value, count)
    return gemm_finish


def column_sums(lanes):
    """Makes the kernel; a task sums one vector's columns."""
    def column_sums(arguments, first, last, scratch):
        x, sums, m, n = f32(arguments, 0), f32(arguments, 1), integer(arguments, 2), integer(arguments, 3)
        for task in range(first, last):
            j = task * lanes
            total = broadcast(np.float32(0.0), lanes)
            for i in range(m):
                total = total + load_left(x, i * n + j, n - j, lanes)
            store_part(sums, j, total, min(lanes, n - j))
    return column_sums


def transpose(lanes):
    """Makes the kernel that turns rows into columns; a task makes up to `width` elements of every row of the result."""
    def transpose(arguments, first, last, scratch):
        x, out = f32(arguments, 0), f32(arguments, 1)
        m, n, width = integer(arguments, 2), integer(arguments, 3), integer(arguments, 4)
        for task in range(first, last):
            for j in range(n):
                for i in range(task * width, min(task * width + width, m)):
                    out[j * m + i] = x[i * n + j]
    return transpose
