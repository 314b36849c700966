"""Register tiles: blocks of vectors that stay in registers while a kernel adds up products.

Numba's own vectoriser does not keep a block of sums in registers. A `Tile` is an LLVM array of vectors with constant
sizes, which LLVM turns into as many registers:

    tile = tile_zeros(6, 2, LANES)                 6 x 2 vectors
    tile = tile_product(tile, x, ..., w, ...)      a whole sum of rank-one updates: the heart of a matrix product
    tile = tile_gather_outer(tile, x, offsets, ...)  the same with rows anywhere: the heart of a convolution
    tile_store(tile, y, offset, row_stride)
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

from striate.kernels.simd import (
    I8,
    I32,
    I64,
    Vector,
    at_least,
    between,
    constant,
    emit_fma,
    load_vector,
    splat,
    store_vector,
    stream_vector,
    vector_type,
)


class Tile(types.Type):
    """`rows` x `columns` vectors; LLVM keeps them in registers because both are constants."""

    def __init__(self, rows, columns, lanes):
        self.rows, self.columns, self.lanes = rows, columns, lanes
        super().__init__(name=f"Tile{rows}x{columns}x{lanes}")


@register_model(Tile)
class _TileModel(models.PrimitiveModel):
    def __init__(self, manager, fe_type):
        count = fe_type.rows * fe_type.columns
        super().__init__(manager, fe_type, ir.ArrayType(vector_type(fe_type.lanes), count))


@intrinsic(prefer_literal=True)
def tile_zeros(typing, rows, columns, lanes):
    """A tile of zeros."""
    r, c, n = rows.literal_value, columns.literal_value, lanes.literal_value

    def generate(context, builder, signature, args):
        return ir.Constant(ir.ArrayType(vector_type(n), r * c), [constant(0.0, n)] * (r * c))
    return Tile(r, c, n)(rows, columns, lanes), generate


@intrinsic
def tile_outer(typing, tile, x, x_offset, x_stride, w, w_offset):
    """tile[i, j] += x[x_offset + i * x_stride] * w[w_offset + j * lanes : ... + lanes]"""
    def generate(context, builder, signature, args):
        sums, x, x_offset, x_stride, w, w_offset = args
        kind = signature.args[0]
        base = builder.gep(w, [w_offset])
        weights = [load_vector(builder, builder.gep(base, [I64(j * kind.lanes)]), kind.lanes)
                   for j in range(kind.columns)]
        for i in range(kind.rows):
            offset = builder.add(x_offset, builder.mul(x_stride, I64(i)))
            pixel = splat(builder, builder.load(builder.gep(x, [offset])), kind.lanes)
            for j in range(kind.columns):
                k = i * kind.columns + j
                sums = builder.insert_value(
                    sums, emit_fma(builder, pixel, weights[j], builder.extract_value(sums, k)), k)
        return sums
    return tile(tile, x, types.intp, types.intp, w, types.intp), generate


@intrinsic(prefer_literal=True)
def tile_get(typing, tile, i, j):
    """The vector in row i, column j (constants) of a tile."""
    k = i.literal_value * tile.columns + j.literal_value

    def generate(context, builder, signature, args):
        return builder.extract_value(args[0], k)
    return Vector(tile.lanes)(tile, i, j), generate


@intrinsic(prefer_literal=True)
def tile_column(typing, tile, j):
    """Column j (a constant) of a tile, as a tile of one column."""
    def generate(context, builder, signature, args):
        result = ir.Constant(ir.ArrayType(vector_type(tile.lanes), tile.rows), ir.Undefined)
        for i in range(tile.rows):
            vector = builder.extract_value(args[0], i * tile.columns + j.literal_value)
            result = builder.insert_value(result, vector, i)
        return result
    return Tile(tile.rows, 1, tile.lanes)(tile, j), generate


def _emit_tile_store(builder, args, kind, emit):
    sums, out, offset, stride = args
    for i in range(kind.rows):
        row = builder.add(offset, builder.mul(stride, I64(i)))
        for j in range(kind.columns):
            pointer = builder.gep(out, [builder.add(row, I64(j * kind.lanes))])
            emit(builder, builder.extract_value(sums, i * kind.columns + j), pointer)


@intrinsic
def tile_store(typing, tile, out, offset, row_stride):
    """out[offset + i * row_stride + j * lanes : ... + lanes] = tile[i, j]"""
    def generate(context, builder, signature, args):
        _emit_tile_store(builder, args, signature.args[0], store_vector)
        return context.get_dummy_value()
    return types.void(tile, out, types.intp, types.intp), generate


@intrinsic
def tile_stream(typing, tile, out, offset, row_stride):
    """`tile_store` past the caches: every vector must begin at a multiple of its size, and `fence` must follow."""
    def generate(context, builder, signature, args):
        _emit_tile_store(builder, args, signature.args[0], stream_vector)
        return context.get_dummy_value()
    return types.void(tile, out, types.intp, types.intp), generate


@intrinsic(prefer_literal=True)
def load_offsets(typing, table, start, count):
    """table[start : start + count] of an int64 table as a tuple, so that LLVM keeps it in registers."""
    length = count.literal_value

    def generate(context, builder, signature, args):
        offsets = ir.Constant(ir.ArrayType(I64, length), ir.Undefined)
        for i in range(length):
            pointer = builder.gep(args[0], [builder.add(args[1], I64(i))])
            offsets = builder.insert_value(offsets, builder.load(pointer), i)
        return offsets
    return types.UniTuple(types.intp, length)(table, types.intp, count), generate


@intrinsic(prefer_literal=True)
def tile_gather_outer(typing, tile, x, offsets, shift, w, w_offset, steps):
    """for s in range(steps): tile[i, j] += x[offsets[i] + shift + s] * w[w_offset + (s * columns + j) * lanes ...]"""
    count = steps.literal_value

    def generate(context, builder, signature, args):
        sums, x, offsets, shift, w, w_offset, _ = args
        kind = signature.args[0]
        base = builder.gep(w, [w_offset])
        rows = [builder.gep(builder.gep(x, [builder.extract_value(offsets, i)]), [shift]) for i in range(kind.rows)]
        for s in range(count):
            weights = [load_vector(builder, builder.gep(base, [I64((s * kind.columns + j) * kind.lanes)]), kind.lanes)
                       for j in range(kind.columns)]
            for i in range(kind.rows):
                value = splat(builder, builder.load(builder.gep(rows[i], [I64(s)])), kind.lanes)
                for j in range(kind.columns):
                    k = i * kind.columns + j
                    sums = builder.insert_value(
                        sums, emit_fma(builder, value, weights[j], builder.extract_value(sums, k)), k)
        return sums
    return tile(tile, x, offsets, types.intp, w, types.intp, steps), generate


@intrinsic
def tile_gather_scale(typing, tile, s, x, base, offsets):
    """tile[i, j] += s * x[base + offsets[i] + j * lanes : ... + lanes]"""
    def generate(context, builder, signature, args):
        sums, s, x, base, offsets = args
        kind = signature.args[0]
        scale, start = splat(builder, s, kind.lanes), builder.gep(x, [base])
        for i in range(kind.rows):
            row = builder.gep(start, [builder.extract_value(offsets, i)])
            for j in range(kind.columns):
                k = i * kind.columns + j
                value = load_vector(builder, builder.gep(row, [I64(j * kind.lanes)]), kind.lanes)
                sums = builder.insert_value(sums, emit_fma(builder, scale, value, builder.extract_value(sums, k)), k)
        return sums
    return tile(tile, types.float32, x, types.intp, offsets), generate


@intrinsic(prefer_literal=True)
def tile_load(typing, x, offset, row_stride, rows, columns, lanes):
    """The tile whose row i, column j is x[offset + i * row_stride + j * lanes : ... + lanes]."""
    r, c, n = rows.literal_value, columns.literal_value, lanes.literal_value

    def generate(context, builder, signature, args):
        x, offset, stride = args[:3]
        sums = ir.Constant(ir.ArrayType(vector_type(n), r * c), ir.Undefined)
        for i in range(r):
            row = builder.add(offset, builder.mul(stride, I64(i)))
            for j in range(c):
                value = load_vector(builder, builder.gep(x, [builder.add(row, I64(j * n))]), n)
                sums = builder.insert_value(sums, value, i * c + j)
        return sums
    return Tile(r, c, n)(x, types.intp, types.intp, rows, columns, lanes), generate


@intrinsic
def tile_add(typing, a, b):
    """The sum of two tiles of one kind."""
    def generate(context, builder, signature, args):
        kind, sums = signature.args[0], args[0]
        for k in range(kind.rows * kind.columns):
            both = [builder.extract_value(tile, k) for tile in args]
            sums = builder.insert_value(sums, builder.fadd(*both), k)
        return sums
    return a(a, b), generate


@intrinsic
def tile_raised(typing, tile, floor):
    """tile[i, j] = the larger of tile[i, j] and the vector `floor`; NaNs are kept."""
    def generate(context, builder, signature, args):
        tile, floor = args
        for k in range(signature.args[0].rows * signature.args[0].columns):
            tile = builder.insert_value(tile, at_least(builder, builder.extract_value(tile, k), floor), k)
        return tile
    return tile(tile, floor), generate


@intrinsic
def tile_clamped(typing, tile, x, lower, upper):
    """tile[i, j], no less than x[lower + j * lanes : ... + lanes], no more than x[upper + ...]; NaNs are kept."""
    def generate(context, builder, signature, args):
        tile, x, lower, upper = args
        kind = signature.args[0]
        for j in range(kind.columns):
            low, high = (load_vector(builder, builder.gep(x, [builder.add(start, I64(j * kind.lanes))]), kind.lanes)
                         for start in (lower, upper))
            for k in range(j, kind.rows * kind.columns, kind.columns):
                tile = builder.insert_value(tile, between(builder, builder.extract_value(tile, k), low, high), k)
        return tile
    return tile(tile, x, types.intp, types.intp), generate


@intrinsic
def tile_dot(typing, tile, x, offsets, shift, w, w_offset, w_stride):
    """tile[i, j] += x[offsets[i] + shift : ... + lanes] * w[w_offset + j * w_stride : ... + lanes], lane by lane"""
    def generate(context, builder, signature, args):
        sums, x, offsets, shift, w, w_offset, w_stride = args
        kind = signature.args[0]
        factors = [load_vector(builder, builder.gep(w, [builder.add(w_offset, builder.mul(w_stride, I64(j)))]),
                               kind.lanes) for j in range(kind.columns)]
        for i in range(kind.rows):
            row = builder.gep(x, [builder.add(builder.extract_value(offsets, i), shift)])
            value = load_vector(builder, row, kind.lanes)
            for j in range(kind.columns):
                k = i * kind.columns + j
                sums = builder.insert_value(
                    sums, emit_fma(builder, value, factors[j], builder.extract_value(sums, k)), k)
        return sums
    return tile(tile, x, offsets, types.intp, w, types.intp, types.intp), generate


@intrinsic(prefer_literal=True)
def load_offsets_within(typing, table, start, last, count):
    """table[start : start + count] of an int64 table as a tuple; entries behind `last` repeat the last one."""
    length = count.literal_value

    def generate(context, builder, signature, args):
        table, start, last, _ = args
        offsets = ir.Constant(ir.ArrayType(I64, length), ir.Undefined)
        for i in range(length):
            index = builder.add(start, I64(i))
            index = builder.select(builder.icmp_signed("<", index, last), index, last)
            offsets = builder.insert_value(offsets, builder.load(builder.gep(table, [index])), i)
        return offsets
    return types.UniTuple(types.intp, length)(table, types.intp, types.intp, count), generate


@intrinsic
def tile_subtract(typing, a, b):
    """The difference of two tiles of one kind."""
    def generate(context, builder, signature, args):
        kind, result = signature.args[0], args[0]
        for k in range(kind.rows * kind.columns):
            both = [builder.extract_value(tile, k) for tile in args]
            result = builder.insert_value(result, builder.fsub(*both), k)
        return result
    return a(a, b), generate


@intrinsic
def tile_fma(typing, a, b, c):
    """a * b + c, element by element, on tiles of one kind."""
    def generate(context, builder, signature, args):
        kind, result = signature.args[0], args[2]
        for k in range(kind.rows * kind.columns):
            three = [builder.extract_value(tile, k) for tile in args]
            result = builder.insert_value(result, emit_fma(builder, *three), k)
        return result
    return a(a, b, c), generate


@intrinsic
def tile_scaled(typing, tile, s, x, offset):
    """tile[i, j] += s * x[offset + (i * columns + j) * lanes : ... + lanes]"""
    def generate(context, builder, signature, args):
        sums, s, x, offset = args
        kind, base = signature.args[0], builder.gep(x, [offset])
        factor = splat(builder, s, kind.lanes)
        for k in range(kind.rows * kind.columns):
            vector = load_vector(builder, builder.gep(base, [I64(k * kind.lanes)]), kind.lanes)
            total = emit_fma(builder, factor, vector, builder.extract_value(sums, k))
            sums = builder.insert_value(sums, total, k)
        return sums
    return tile(tile, types.float32, x, types.intp), generate


@intrinsic(prefer_literal=True)
def tile_row_outer(typing, tile, x, offset, step, w, w_offset, steps):
    """for s in range(steps): tile[i, j] += x[offset + i * step + s] * w[w_offset + (s * columns + j) * lanes ...]"""
    apart, count = step.literal_value, steps.literal_value

    def generate(context, builder, signature, args):
        sums, x, offset, _, w, w_offset, _ = args
        kind = signature.args[0]
        base, pixels = builder.gep(w, [w_offset]), builder.gep(x, [offset])
        for s in range(count):
            weights = [load_vector(builder, builder.gep(base, [I64((s * kind.columns + j) * kind.lanes)]), kind.lanes)
                       for j in range(kind.columns)]
            for i in range(kind.rows):
                value = splat(builder, builder.load(builder.gep(pixels, [I64(i * apart + s)])), kind.lanes)
                for j in range(kind.columns):
                    k = i * kind.columns + j
                    sums = builder.insert_value(
                        sums, emit_fma(builder, value, weights[j], builder.extract_value(sums, k)), k)
        return sums
    return tile(tile, x, types.intp, step, w, types.intp, steps), generate


def _later_wins(builder, earlier, later):
    """Of two (value, place bits) pairs the one with the larger value; the earlier at equal values."""
    mask = builder.fcmp_ordered(">", later[0], earlier[0])
    return builder.select(mask, later[0], earlier[0]), builder.select(mask, later[1], earlier[1])


@intrinsic(prefer_literal=True)
def window_maximum(typing, x, offset, row_stride, pixel_stride, rows, columns, lanes):
    """Maxima over the window x[offset + r * row_stride + c * pixel_stride : ... + lanes], as a tile of three vectors:

    the maximum, the int32 bits of its place r * columns + c (the first of equals), and the sum of all, which is a NaN
    whenever a number is: then the first two mean nothing.
    """
    r, c, n = rows.literal_value, columns.literal_value, lanes.literal_value
    kind = ir.VectorType(I32, n)

    def generate(context, builder, signature, args):
        x, offset, row_stride, pixel_stride = args[:4]
        nodes, total = [], None
        for place in range(r * c):
            at = builder.add(offset, builder.mul(row_stride, I64(place // c)))
            at = builder.add(at, builder.mul(pixel_stride, I64(place % c)))
            value = load_vector(builder, builder.gep(x, [at]), n)
            total = value if total is None else builder.fadd(total, value)
            nodes.append((value, ir.Constant(kind, [place] * n)))
        while len(nodes) > 1:
            rest = nodes[len(nodes) // 2 * 2:]
            nodes = [_later_wins(builder, *pair) for pair in zip(nodes[::2], nodes[1::2], strict=False)] + rest
        result = ir.Constant(ir.ArrayType(vector_type(n), 3), ir.Undefined)
        for k, vector in enumerate((nodes[0][0], builder.bitcast(nodes[0][1], vector_type(n)), total)):
            result = builder.insert_value(result, vector, k)
        return result
    return Tile(3, 1, n)(x, types.intp, types.intp, types.intp, rows, columns, lanes), generate


def emit_prefetch(builder, pointer):
    """Asks for the cache line at a pointer; never fails, wherever it points."""
    byte = builder.bitcast(pointer, I8.as_pointer())
    kind = ir.FunctionType(ir.VoidType(), [byte.type, I32, I32, I32])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    builder.call(function, [byte, I32(0), I32(2), I32(1)])


@intrinsic(prefer_literal=True)
def tile_product(typing, tile, x, x_offset, x_stride, x_step, w, w_offset, w_step, count, ahead):
    """tile[i, j] += sum over k < count of
           x[x_offset + i * x_stride + k * x_step] * w[w_offset + k * w_step + j * lanes : ... + lanes]

    The loop of `tile_outer` over k, with running pointers and four steps a turn: written in Numba instead, the row
    addresses would be computed anew (from the stack) in every step. x_stride, x_step and w_step may be constants.
    Each turn asks the cache for one line (64 bytes) of w from w[ahead] on: what the next product will read.
    """
    fixed = getattr(x_stride, "literal_value", None)
    constants = [getattr(step, "literal_value", None) for step in (x_step, w_step)]

    def generate(context, builder, signature, args):
        sums, x, x_offset, x_stride, x_step, w, w_offset, w_step, count, ahead = args
        steps = [given if value is None else I64(value)
                 for value, given in zip(constants, (x_step, w_step), strict=True)]
        kind = signature.args[0]
        cells = range(kind.rows * kind.columns)
        totals = [cgutils.alloca_once_value(builder, builder.extract_value(sums, k)) for k in cells]
        pointers = 1 if fixed is not None else kind.rows
        starts = [builder.add(x_offset, builder.mul(x_stride, I64(i))) for i in range(pointers)]
        rows = [cgutils.alloca_once_value(builder, builder.gep(x, [start])) for start in starts]
        panel = cgutils.alloca_once_value(builder, builder.gep(w, [w_offset]))
        coming = cgutils.alloca_once_value(builder, builder.gep(w, [ahead]))

        def turn(steps_now):
            pointers, base = [builder.load(row) for row in rows], builder.load(panel)
            for _ in range(steps_now):
                weights = [load_vector(builder, builder.gep(base, [I64(j * kind.lanes)]), kind.lanes)
                           for j in range(kind.columns)]
                for i in range(kind.rows):
                    pointer, ahead = (pointers[0], i * fixed) if fixed is not None else (pointers[i], 0)
                    pixel = splat(builder, builder.load(builder.gep(pointer, [I64(ahead)])), kind.lanes)
                    for j in range(kind.columns):
                        cell = totals[i * kind.columns + j]
                        builder.store(emit_fma(builder, pixel, weights[j], builder.load(cell)), cell)
                pointers = [builder.gep(pointer, [steps[0]]) for pointer in pointers]
                base = builder.gep(base, [steps[1]])
            for row, pointer in zip(rows, pointers, strict=True):
                builder.store(pointer, row)
            builder.store(base, panel)
        with cgutils.for_range(builder, builder.lshr(count, I64(2))):
            line = builder.load(coming)
            emit_prefetch(builder, line)
            builder.store(builder.gep(line, [I64(16)]), coming)
            turn(4)
        with cgutils.for_range(builder, builder.and_(count, I64(3))):
            turn(1)
        for k in cells:
            sums = builder.insert_value(sums, builder.load(totals[k]), k)
        return sums
    stride, *step_types = [given if value is not None else types.intp
                           for value, given in zip((fixed, *constants), (x_stride, x_step, w_step), strict=True)]
    return tile(tile, x, types.intp, stride, step_types[0], w, types.intp, step_types[1], types.intp,
                types.intp), generate


@intrinsic
def tile_select_positive(typing, tile, by):
    """tile[i, j] where by[i, j] > 0, else zero, element by element."""
    def generate(context, builder, signature, args):
        tile, by = args
        kind, zero = signature.args[0], constant(0.0, signature.args[0].lanes)
        for k in range(kind.rows * kind.columns):
            value, passed = builder.extract_value(tile, k), builder.extract_value(by, k)
            chosen = builder.select(builder.fcmp_ordered(">", passed, zero), value, zero)
            tile = builder.insert_value(tile, chosen, k)
        return tile
    return tile(tile, by), generate


@intrinsic
def tile_shift(typing, tile, by):
    """tile[i, j] + the vector `by`"""
    def generate(context, builder, signature, args):
        tile, by = args
        for k in range(signature.args[0].rows * signature.args[0].columns):
            tile = builder.insert_value(tile, builder.fadd(builder.extract_value(tile, k), by), k)
        return tile
    return tile(tile, by), generate
