"""Pointers and vectors in Numba, as LLVM understands them.

A kernel says what it wants, instead of hoping for the vectoriser:

    x = f32(arguments, 0)              a pointer to float32 out of slot 0 of the argument block; x[i] is a scalar
    v = load(x, i, LANES)              x[i : i + LANES] as one vector
    v = fma(broadcast(s, LANES), v, w) arithmetic on vectors; + - * and comparisons work too

`LANES` must be a plain integer of the kernel's factory (a closure constant). `tiles.py` builds register tiles of these.
"""

import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, lower_builtin, models, register_model, type_callable

from striate.kernels.cpu import host

SHUT = 255
"""The place of a pooling window where a relu let nothing through."""
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


def vector_type(lanes):
    """The LLVM type of a vector of float32."""
    return ir.VectorType(F32, lanes)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, fe_type):
        super().__init__(manager, fe_type, vector_type(fe_type.lanes))


@register_model(Mask)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, manager, fe_type):
        super().__init__(manager, fe_type, ir.VectorType(ir.IntType(1), fe_type.lanes))


def load_vector(builder, pointer, lanes, align=4):
    """Emits the load of a vector from a pointer to its first element."""
    value = builder.load(builder.bitcast(pointer, vector_type(lanes).as_pointer()))
    value.align = align
    return value


def store_vector(builder, value, pointer, align=4):
    """Emits the store of a vector to a pointer to its first element; gives the instruction."""
    stored = builder.store(value, builder.bitcast(pointer, value.type.as_pointer()))
    stored.align = align
    return stored


def splat(builder, scalar, lanes):
    """Emits a vector that holds `scalar` in every lane."""
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
    """A vector constant with the same float32 in every lane."""
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


def stream_vector(builder, value, pointer):
    """Emits the store of a vector to memory past the caches; the pointer must be a multiple of the vector's size."""
    store_vector(builder, value, pointer, align=value.type.count * 4).set_metadata(
        "nontemporal", builder.module.add_metadata([I32(1)]))


@intrinsic
def fence(typing):
    """What was written past the caches is seen by other threads that see what is written after this."""
    def generate(context, builder, signature, args):
        builder.fence("seq_cst")
        return context.get_dummy_value()
    return types.void(), generate


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


@intrinsic
def select_positive(typing, value, by):
    """value where by > 0, else zero."""
    def generate(context, builder, signature, args):
        value, by = args
        zero = constant(0.0, signature.args[0].lanes)
        return builder.select(builder.fcmp_ordered(">", by, zero), value, zero)
    return value(value, by), generate


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


def at_least(builder, value, floor):
    """Emits the larger of `value` and `floor`; a NaN in `value` is kept."""
    return builder.select(builder.fcmp_ordered(">", floor, value), floor, value)


@intrinsic
def raised(typing, value, floor):
    """The larger of value and floor; a NaN in `value` is kept."""
    def generate(context, builder, signature, args):
        return at_least(builder, *args)
    return value(value, floor), generate


def between(builder, value, lower, upper):
    """Emits `value`, no less than `lower` and no more than `upper`; a NaN in `value` is kept."""
    value = at_least(builder, value, lower)
    return builder.select(builder.fcmp_ordered("<", upper, value), upper, value)


@intrinsic
def clamped(typing, value, lower, upper):
    """value, no less than lower and no more than upper; a NaN in `value` is kept."""
    def generate(context, builder, signature, args):
        return between(builder, *args)
    return value(value, lower, upper), generate


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
def load_small(typing, x, i, like):
    """x[i : i + lanes] of bytes as int32 bits (`from_int_bits` makes numbers of them)."""
    def generate(context, builder, signature, args):
        pointer = builder.bitcast(builder.gep(args[0], [args[1]]), ir.VectorType(I8, like.lanes).as_pointer())
        whole = builder.zext(builder.load(pointer, align=1), ir.VectorType(I32, like.lanes))
        return builder.bitcast(whole, vector_type(like.lanes))
    return like(x, types.intp, like), generate


@intrinsic
def where_won(typing, value, place):
    """value where a place of int32 bits is one of a window, zero where it is `SHUT`."""
    def generate(context, builder, signature, args):
        lanes = signature.args[0].lanes
        kind = ir.VectorType(I32, lanes)
        won = builder.icmp_signed("!=", builder.bitcast(args[1], kind), ir.Constant(kind, [SHUT] * lanes))
        return builder.select(won, args[0], constant(0.0, lanes))
    return value(value, place), generate


@intrinsic
def where_open(typing, place, best, floor):
    """A place of int32 bits where best > 0 or there is no relu (a floor below zero), elsewhere `SHUT`."""
    def generate(context, builder, signature, args):
        place, best, floor = args
        lanes = signature.args[0].lanes
        kind, zero = ir.VectorType(I32, lanes), constant(0.0, lanes)
        kept = builder.or_(builder.fcmp_ordered(">", best, zero), builder.fcmp_ordered("<", floor, zero))
        shut = builder.bitcast(ir.Constant(kind, [SHUT] * lanes), place.type)
        return builder.select(kept, place, shut)
    return place(place, best, floor), generate


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
def any_nan(typing, value):
    """Whether a lane holds a NaN."""
    def generate(context, builder, signature, args):
        n = signature.args[0].lanes
        bits = builder.bitcast(builder.fcmp_unordered("uno", args[0], args[0]), ir.IntType(n))
        return builder.icmp_unsigned("!=", bits, ir.Constant(ir.IntType(n), 0))
    return types.boolean(value), generate


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
