"""Vectors in Numba: pointers, vector values and register tiles, as LLVM understands them.

Numba's own vectoriser does not keep a block of sums in registers, so a kernel says what it wants:

    x = f32(arguments, 0)              a pointer to float32 out of slot 0 of the argument block; x[i] is a scalar
    v = load(x, i, LANES)              x[i : i + LANES] as one vector
    v = fma(broadcast(s, LANES), v, w) arithmetic on vectors; + - * and comparisons work too
    tile = tile_zeros(6, 2, LANES)     6 x 2 vectors that live in registers
    tile = tile_outer(tile, ...)       rank-one update of the tile: the heart of convolution and matrix product

`LANES` and tile sizes must be plain integers of the kernel's factory (closure constants).
"""

import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, lower_builtin, models, overload, register_model, type_callable  # noqa: F401

from striate.kernels.cpu import host

I8, I32, I64, F32, F64 = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.FloatType(), ir.DoubleType()
ELEMENTS = {"f32": (types.float32, F32), "f64": (types.float64, F64), "i32": (types.int32, I32),
            "u32": (types.uint32, I32), "u8": (types.uint8, I8), "i64": (types.int64, I64)}


# ---- the argument block -------------------------------------------------------------------------------------

def _slot(builder, block, index):
    return builder.load(builder.inttoptr(builder.add(block, builder.mul(index, I64(8))), I64.as_pointer()))


def _pointer_reader(kind):
    element, llvm_type = ELEMENTS[kind]

    @intrinsic
    def read(typing, block, index):
        def generate(context, builder, signature, args):
            return builder.inttoptr(_slot(builder, *args), llvm_type.as_pointer())
        return types.CPointer(element)(types.intp, types.intp), generate
    return read


f32, f64, i32, u32, u8, i64 = (_pointer_reader(kind) for kind in ("f32", "f64", "i32", "u32", "u8", "i64"))


@intrinsic
def integer(typing, block, index):
    """The integer in slot `index` of the argument block."""
    def generate(context, builder, signature, args):
        return _slot(builder, *args)
    return types.intp(types.intp, types.intp), generate


@intrinsic
def real(typing, block, index):
    """The float64 in slot `index` of the argument block."""
    def generate(context, builder, signature, args):
        return builder.bitcast(_slot(builder, *args), F64)
    return types.float64(types.intp, types.intp), generate


def _caster(kind):
    element, llvm_type = ELEMENTS[kind]

    @intrinsic
    def cast(typing, address):
        def generate(context, builder, signature, args):
            return builder.inttoptr(args[0], llvm_type.as_pointer())
        return types.CPointer(element)(types.intp), generate
    return cast


f32_at, f64_at, i32_at, u32_at, u8_at, i64_at = (_caster(kind) for kind in ("f32", "f64", "i32", "u32", "u8", "i64"))
"""A pointer out of an address held in an integer (scratch memory is handed over so)."""


# ---- vectors ------------------------------------------------------------------------------------------------

class Vector(types.Type):
    """`lanes` float32 values in one register; a comparison of two gives a `Mask`."""

    def __init__(self, lanes):
        self.lanes = lanes
        super().__init__(name=f"Vector{lanes}")


class Mask(types.Type):
    """The outcome of a comparison, lane by lane."""

    def __init__(self, lanes):
        self.lanes = lanes
        super().__init__(name=f"Mask{lanes}")


class Tile(types.Type):
    """`rows` x `columns` vectors; LLVM keeps them in registers because both are constants."""

    def __init__(self, rows, columns, lanes):
        self.rows, self.columns, self.lanes = rows, columns, lanes
        super().__init__(name=f"Tile{rows}x{columns}x{lanes}")


def vector_type(lanes):
    return ir.VectorType(F32, lanes)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, fe_type):
        super().__init__(manager, fe_type, vector_type(fe_type.lanes))


@register_model(Mask)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, manager, fe_type):
        super().__init__(manager, fe_type, ir.VectorType(ir.IntType(1), fe_type.lanes))


@register_model(Tile)
class _TileModel(models.PrimitiveModel):
    def __init__(self, manager, fe_type):
        count = fe_type.rows * fe_type.columns
        super().__init__(manager, fe_type, ir.ArrayType(vector_type(fe_type.lanes), count))


def load_vector(builder, pointer, lanes, align=4):
    value = builder.load(builder.bitcast(pointer, vector_type(lanes).as_pointer()))
    value.align = align
    return value


def store_vector(builder, value, pointer, align=4):
    builder.store(value, builder.bitcast(pointer, value.type.as_pointer())).align = align


def splat(builder, scalar, lanes):
    kind = ir.VectorType(scalar.type, lanes)
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), scalar, I32(0))
    return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined),
                                  ir.Constant(ir.VectorType(I32, lanes), [0] * lanes))


def emit_fma(builder, a, b, c):
    """a * b + c, rounded once where the processor can; else rounded twice (a libm call a lane would be absurd)."""
    if not host().fma:
        return builder.fadd(builder.fmul(a, b), c)
    lanes = a.type.count
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(a.type, [a.type] * 3), f"llvm.fma.v{lanes}f32")
    return builder.call(function, [a, b, c])


def constant(value, lanes):
    return ir.Constant(vector_type(lanes), [value] * lanes)


@intrinsic(prefer_literal=True)
def load(typing, x, i, lanes):
    """x[i : i + lanes] as a vector."""
    count = lanes.literal_value

    def generate(context, builder, signature, args):
        return load_vector(builder, builder.gep(args[0], [args[1]]), count)
    return Vector(count)(x, types.intp, lanes), generate


@intrinsic
def store(typing, x, i, value):
    """x[i : i + lanes] = value"""
    def generate(context, builder, signature, args):
        store_vector(builder, args[2], builder.gep(args[0], [args[1]]))
        return context.get_dummy_value()
    return types.void(x, types.intp, value), generate


@intrinsic(prefer_literal=True)
def broadcast(typing, scalar, lanes):
    """A vector that holds `scalar` in every lane."""
    count = lanes.literal_value

    def generate(context, builder, signature, args):
        return splat(builder, args[0], count)
    return Vector(count)(types.float32, lanes), generate


@intrinsic
def fma(typing, a, b, c):
    """a * b + c on vectors."""
    def generate(context, builder, signature, args):
        return emit_fma(builder, *args)
    return a(a, b, c), generate


@intrinsic
def larger(typing, a, b):
    """The larger of two vectors, lane by lane; a NaN in either is kept."""
    def generate(context, builder, signature, args):
        x, y = args
        return builder.select(builder.fcmp_unordered(">=", x, y), builder.select(
            builder.fcmp_unordered("uno", x, x), x, builder.select(builder.fcmp_unordered("uno", y, y), y, x)), y)
    return a(a, b), generate


@intrinsic
def select(typing, mask, a, b):
    """a where the mask holds, b elsewhere."""
    def generate(context, builder, signature, args):
        return builder.select(*args)
    return a(mask, a, b), generate


@intrinsic
def lane_sum(typing, a):
    """The sum of a vector's lanes, added in a fixed tree: halves, quarters, ..."""
    def generate(context, builder, signature, args):
        value, lanes = args[0], signature.args[0].lanes
        while lanes > 1:
            half = lanes // 2
            kind = ir.VectorType(I32, half)
            low = builder.shuffle_vector(value, value, ir.Constant(kind, list(range(half))))
            high = builder.shuffle_vector(value, value, ir.Constant(kind, list(range(half, lanes))))
            value, lanes = builder.fadd(low, high), half
        return builder.extract_element(value, I32(0))
    return types.float32(a), generate


def _arithmetic(operation, emit):
    @type_callable(operation)
    def infer(context):
        def typer(a, b):
            if isinstance(a, Vector) and a == b:
                return a
        return typer

    @lower_builtin(operation, Vector, Vector)
    def lower(context, builder, signature, args):
        return getattr(builder, emit)(*args)


def _comparison(operation, symbol):
    @type_callable(operation)
    def infer(context):
        def typer(a, b):
            if isinstance(a, Vector) and a == b:
                return Mask(a.lanes)
        return typer

    @lower_builtin(operation, Vector, Vector)
    def lower(context, builder, signature, args):
        return builder.fcmp_ordered(symbol, *args)


for _operation, _emit in ((operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul"),
                          (operator.truediv, "fdiv")):
    _arithmetic(_operation, _emit)
for _operation, _symbol in ((operator.gt, ">"), (operator.ge, ">="), (operator.lt, "<"), (operator.le, "<="),
                            (operator.eq, "==")):
    _comparison(_operation, _symbol)


# ---- tiles --------------------------------------------------------------------------------------------------

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


@intrinsic
def tile_store(typing, tile, out, offset, row_stride):
    """out[offset + i * row_stride + j * lanes : ... + lanes] = tile[i, j]"""
    def generate(context, builder, signature, args):
        sums, out, offset, stride = args
        kind = signature.args[0]
        for i in range(kind.rows):
            row = builder.add(offset, builder.mul(stride, I64(i)))
            for j in range(kind.columns):
                pointer = builder.gep(out, [builder.add(row, I64(j * kind.lanes))])
                store_vector(builder, builder.extract_value(sums, i * kind.columns + j), pointer)
        return context.get_dummy_value()
    return types.void(tile, out, types.intp, types.intp), generate


# ---- tiles whose rows lie anywhere --------------------------------------------------------------------------

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
def select_positive(typing, value, by):
    """value where by > 0, else zero."""
    def generate(context, builder, signature, args):
        value, by = args
        zero = constant(0.0, signature.args[0].lanes)
        return builder.select(builder.fcmp_ordered(">", by, zero), value, zero)
    return value(value, by), generate


# ---- parts of vectors, and transposition --------------------------------------------------------------------

def _first_lanes(builder, count, lanes):
    """The mask of the first `count` lanes."""
    kind = ir.VectorType(I64, lanes)
    return builder.icmp_signed("<", ir.Constant(kind, list(range(lanes))), splat(builder, count, lanes))


@intrinsic(prefer_literal=True)
def load_part(typing, x, i, count, lanes):
    """x[i : i + count] in the first lanes of a vector, zeros in the others; no other element is touched."""
    n = lanes.literal_value

    def generate(context, builder, signature, args):
        kind = vector_type(n)
        pointer = builder.gep(args[0], [args[1]])
        mask = _first_lanes(builder, args[2], n)
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(kind, [pointer.type, I32, mask.type, kind]),
            f"llvm.masked.load.v{n}f32.p0")
        return builder.call(function, [pointer, I32(4), mask, constant(0.0, n)])
    return Vector(n)(x, types.intp, types.intp, lanes), generate


@intrinsic
def store_part(typing, x, i, value, count):
    """x[i : i + count] = the first lanes of value; no other element is touched."""
    def generate(context, builder, signature, args):
        n = signature.args[2].lanes
        pointer = builder.gep(args[0], [args[1]])
        # A masked store costs dozens of cycles on some processors (AMD Zen): whole vectors take the plain one.
        with builder.if_else(builder.icmp_signed(">=", args[3], I64(n))) as (whole, part):
            with whole:
                store_vector(builder, args[2], pointer)
            with part:
                mask = _first_lanes(builder, args[3], n)
                function = cgutils.get_or_insert_function(
                    builder.module, ir.FunctionType(ir.VoidType(), [args[2].type, pointer.type, I32, mask.type]),
                    f"llvm.masked.store.v{n}f32.p0")
                builder.call(function, [args[2], pointer, I32(4), mask])
        return context.get_dummy_value()
    return types.void(x, types.intp, value, types.intp), generate


@intrinsic(prefer_literal=True)
def transpose_square(typing, x, offset, stride, out, out_offset, out_stride, lanes):
    """out[out_offset + j * out_stride + i] = x[offset + i * stride + j] for i, j in range(lanes)"""
    n = lanes.literal_value

    def generate(context, builder, signature, args):
        x, offset, stride, out, out_offset, out_stride, _ = args
        rows = [load_vector(builder, builder.gep(x, [builder.add(offset, builder.mul(stride, I64(i)))]), n)
                for i in range(n)]
        half = 1
        while half < n:
            kind = ir.VectorType(I32, n)
            low = ir.Constant(kind, [i if not i & half else n + i - half for i in range(n)])
            high = ir.Constant(kind, [i + half if not i & half else n + i for i in range(n)])
            for i in range(n):
                if not i & half:
                    a, b = rows[i], rows[i + half]
                    rows[i], rows[i + half] = builder.shuffle_vector(a, b, low), builder.shuffle_vector(a, b, high)
            half *= 2
        for j in range(n):
            pointer = builder.gep(out, [builder.add(out_offset, builder.mul(out_stride, I64(j)))])
            store_vector(builder, rows[j], pointer)
        return context.get_dummy_value()
    return types.void(x, types.intp, types.intp, out, types.intp, types.intp, lanes), generate


# ---- epilogues ----------------------------------------------------------------------------------------------

@intrinsic
def load_like(typing, x, i, like):
    """x[i : i + lanes] as a vector of the kind of `like`, for functions that do not know the number of lanes."""
    def generate(context, builder, signature, args):
        return load_vector(builder, builder.gep(args[0], [args[1]]), signature.args[2].lanes)
    return like(x, types.intp, like), generate


@intrinsic
def broadcast_like(typing, scalar, like):
    """A vector of the kind of `like` that holds `scalar` in every lane."""
    def generate(context, builder, signature, args):
        return splat(builder, args[0], signature.args[1].lanes)
    return like(types.float32, like), generate


@intrinsic
def lanes_of(typing, like):
    """How many lanes a vector has."""
    def generate(context, builder, signature, args):
        return I64(signature.args[0].lanes)
    return types.intp(like), generate


@intrinsic
def beats(typing, value, best):
    """Where `value` is larger than the best so far, or is a NaN: a NaN, once met, stays."""
    def generate(context, builder, signature, args):
        value, best = args
        return builder.or_(builder.fcmp_ordered(">", value, best), builder.fcmp_unordered("uno", value, value))
    return Mask(value.lanes)(value, best), generate


def at_least(builder, value, floor):
    return builder.select(builder.fcmp_ordered(">", floor, value), floor, value)


@intrinsic
def raised(typing, value, floor):
    """The larger of value and floor; a NaN in `value` is kept."""
    def generate(context, builder, signature, args):
        return at_least(builder, *args)
    return value(value, floor), generate


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
def store_small(typing, x, i, value):
    """x[i : i + lanes] = value as uint8; value holds int32 bits from 0 to 255 (`to_int_bits`)."""
    def generate(context, builder, signature, args):
        whole = builder.bitcast(args[2], ir.VectorType(I32, signature.args[2].lanes))
        small = builder.trunc(whole, ir.VectorType(I8, signature.args[2].lanes))
        store_vector(builder, small, builder.gep(args[0], [args[1]]), align=1)
        return context.get_dummy_value()
    return types.void(x, types.intp, value), generate


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
def exceeds(typing, value, best):
    """Where value > best, or value is the first NaN."""
    def generate(context, builder, signature, args):
        value, best = args
        return builder.and_(builder.fcmp_unordered(">", value, best), builder.fcmp_ordered("ord", best, best))
    return Mask(value.lanes)(value, best), generate


@intrinsic
def to_int_bits(typing, value):
    """The whole numbers of a vector as int32, in a vector that can only be stored."""
    def generate(context, builder, signature, args):
        return builder.bitcast(builder.fptosi(args[0], ir.VectorType(I32, value.lanes)), args[0].type)
    return value(value), generate


@intrinsic
def from_int_bits(typing, value):
    """The numbers of a vector that was loaded from int32 memory."""
    def generate(context, builder, signature, args):
        return builder.sitofp(builder.bitcast(args[0], ir.VectorType(I32, value.lanes)), args[0].type)
    return value(value), generate


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


@intrinsic
def any_nan(typing, value):
    """Whether a lane holds a NaN."""
    def generate(context, builder, signature, args):
        n = signature.args[0].lanes
        bits = builder.bitcast(builder.fcmp_unordered("uno", args[0], args[0]), ir.IntType(n))
        return builder.icmp_unsigned("!=", bits, ir.Constant(ir.IntType(n), 0))
    return types.boolean(value), generate


@intrinsic(prefer_literal=True)
def tile_product(typing, tile, x, x_offset, x_stride, x_step, w, w_offset, w_step, count):
    """tile[i, j] += sum over k < count of
           x[x_offset + i * x_stride + k * x_step] * w[w_offset + k * w_step + j * lanes : ... + lanes]

    The loop of `tile_outer` over k, with running pointers and four steps a turn: written in Numba instead, the row
    addresses would be computed anew (from the stack) in every step. x_step, w_step: constants; x_stride: may be one.
    """
    steps = x_step.literal_value, w_step.literal_value
    fixed = getattr(x_stride, "literal_value", None)

    def generate(context, builder, signature, args):
        sums, x, x_offset, x_stride, _, w, w_offset, _, count = args
        kind = signature.args[0]
        cells = range(kind.rows * kind.columns)
        totals = [cgutils.alloca_once_value(builder, builder.extract_value(sums, k)) for k in cells]
        pointers = 1 if fixed is not None else kind.rows
        starts = [builder.add(x_offset, builder.mul(x_stride, I64(i))) for i in range(pointers)]
        rows = [cgutils.alloca_once_value(builder, builder.gep(x, [start])) for start in starts]
        panel = cgutils.alloca_once_value(builder, builder.gep(w, [w_offset]))

        def turn(steps_now):
            pointers, base = [builder.load(row) for row in rows], builder.load(panel)
            for k in range(steps_now):
                weights = [load_vector(builder, builder.gep(base, [I64(k * steps[1] + j * kind.lanes)]), kind.lanes)
                           for j in range(kind.columns)]
                for i in range(kind.rows):
                    place = (pointers[0], i * fixed) if fixed is not None else (pointers[i], 0)
                    address = builder.gep(place[0], [I64(k * steps[0] + place[1])])
                    pixel = splat(builder, builder.load(address), kind.lanes)
                    for j in range(kind.columns):
                        cell = totals[i * kind.columns + j]
                        builder.store(emit_fma(builder, pixel, weights[j], builder.load(cell)), cell)
            for row, pointer in zip(rows, pointers, strict=True):
                builder.store(builder.gep(pointer, [I64(steps_now * steps[0])]), row)
            builder.store(builder.gep(base, [I64(steps_now * steps[1])]), panel)
        with cgutils.for_range(builder, builder.lshr(count, I64(2))):
            turn(4)
        with cgutils.for_range(builder, builder.and_(count, I64(3))):
            turn(1)
        for k in cells:
            sums = builder.insert_value(sums, builder.load(totals[k]), k)
        return sums
    stride = x_stride if fixed is not None else types.intp
    return tile(tile, x, types.intp, stride, x_step, w, types.intp, w_step, types.intp), generate


@intrinsic
def tile_shift(typing, tile, by):
    """tile[i, j] + the vector `by`"""
    def generate(context, builder, signature, args):
        tile, by = args
        for k in range(signature.args[0].rows * signature.args[0].columns):
            tile = builder.insert_value(tile, builder.fadd(builder.extract_value(tile, k), by), k)
        return tile
    return tile(tile, by), generate
