"""The chain interpreter: any sequence of elementwise ops in one pass, without compiling anything new.

    for each block of BLOCK elements:
        load     bring inputs that broadcast, or are not 32 bits wide, into registers (once, if every block is the same)
        execute  instruction by instruction: register = formula(registers)
        store    what is not yet in its place

A *register* is BLOCK numbers of 32 bits (float32 or int32; truth values are the integers 0 and 1) that lie in the
thread's scratch memory, in the first-level cache. An input that is contiguous and 32 bits wide is no copy: its register
is the block in its own memory, and so is the result of the last instruction. The loop over a block is a vector loop for
each formula; choosing it costs a few nanoseconds for BLOCK elements.

A new elementwise op is one row of `FORMULAS` and its name in `striate.kernels.instructions`.

Argument slots: 0 instructions, 1 their number, 2 tensors (rows of `TENSOR` int64), 3 number of inputs, 4 number of
outputs, 5 elements, 6 ... the addresses of inputs, then outputs.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from striate.kernels import mathematics as m
from striate.kernels.instructions import BLOCK, INSTRUCTION, OPCODES, OPERANDS, REGISTERS, TENSOR
from striate.kernels.jit import helper
from striate.kernels.lanes import Lanes
from striate.kernels.simd import (
    F32,
    I32,
    I64,
    f32_at,
    i32_at,
    i64,
    i64_at,
    integer,
    load_vector,
    store_vector,
    u8_at,
)


def _truth(x):
    return x.differs(0)


FORMULAS = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "power": m.power,
    "maximum": lambda a, b: a.larger(b),
    "minimum": lambda a, b: a.smaller(b),
    "arctan2": m.arctan2,
    "relu_grad": lambda g, y: (y > 0.0).choose(g, 0.0),
    "clip": lambda x, low, high: x.larger(low).smaller(high),
    "greater": lambda a, b: a > b,
    "greater_equal": lambda a, b: a >= b,
    "less": lambda a, b: a < b,
    "less_equal": lambda a, b: a <= b,
    "equal": lambda a, b: a.equals(b),
    "not_equal": lambda a, b: a.differs(b),
    "negative": lambda x: -x,
    "absolute": lambda x: x.absolute(),
    "sign": lambda x: (x > 0.0).choose(1.0, (x < 0.0).choose(-1.0, x)),
    "square": lambda x: x * x,
    "floor": lambda x: x.floor(),
    "ceil": lambda x: x.ceil(),
    "trunc": lambda x: x.trunc(),
    "rint": lambda x: x.nearest(),
    "sqrt": lambda x: x.root(),
    "rsqrt": lambda x: 1.0 / x.root(),
    "reciprocal": lambda x: 1.0 / x,
    "relu": lambda x: (x < 0.0).choose(0.0, x),
    "isfinite": lambda x: x.absolute() < float("inf"),
    "isinf": lambda x: x.absolute().equals(float("inf")),
    "isnan": lambda x: x.is_nan(),
    **{name: getattr(m, name) for name in (
        "exp", "exp2", "expm1", "log", "log1p", "log2", "log10", "sin", "cos", "tan", "sinh", "cosh", "tanh", "arcsin",
        "arccos", "arctan", "arcsinh", "arccosh", "arctanh", "erf", "sigmoid", "softplus")},
    "add_int": lambda a, b: a + b,
    "subtract_int": lambda a, b: a - b,
    "multiply_int": lambda a, b: a * b,
    "maximum_int": lambda a, b: a.larger(b),
    "minimum_int": lambda a, b: a.smaller(b),
    "negative_int": lambda x: -x,
    "absolute_int": lambda x: x.absolute(),
    "greater_int": lambda a, b: a > b,
    "greater_equal_int": lambda a, b: a >= b,
    "less_int": lambda a, b: a < b,
    "less_equal_int": lambda a, b: a <= b,
    "equal_int": lambda a, b: a.equals(b),
    "not_equal_int": lambda a, b: a.differs(b),
    "logical_and": lambda a, b: _truth(a) & _truth(b),
    "logical_or": lambda a, b: _truth(a) | _truth(b),
    "logical_xor": lambda a, b: _truth(a) ^ _truth(b),
    "logical_not": lambda x: x.equals(0),
    "where": lambda condition, a, b: _truth(condition).choose(a, b),
    "to_float": lambda x: x.to_float32(),
    "to_int": lambda x: x.to_int32(),
    "to_byte": lambda x: x & 255,
    "truth": _truth,
    "truth_int": _truth,
}
"""Each instruction's formula on `Lanes`. `where` moves bit patterns, so one formula serves both kinds."""


def _emit_loop(builder, name, lanes, out, registers, constants, count):
    """One formula over a block."""
    operands, formula = OPERANDS[name], FORMULAS[name]
    with cgutils.for_range_slice(builder, I64(0), count, I64(lanes), I64) as (offset, _):
        values, given = [], iter(registers)
        for kind in operands:
            if kind in "12":
                scalar = constants[int(kind) - 1]
                vector = builder.insert_element(ir.Constant(ir.VectorType(F32, lanes), ir.Undefined), scalar, I32(0))
                vector = builder.shuffle_vector(vector, vector, ir.Constant(ir.VectorType(I32, lanes), [0] * lanes))
                values.append(Lanes(builder, vector))
                continue
            place = builder.add(next(given), builder.mul(offset, I64(4)))
            vector = load_vector(builder, builder.inttoptr(place, F32.as_pointer()), lanes)
            loaded = Lanes(builder, vector)
            values.append(loaded if kind == "f" else loaded.bits())
        result = formula(*values)
        if not result.real:
            result = result.bits().as_real()
        place = builder.add(out, builder.mul(offset, I64(4)))
        store_vector(builder, result.value, builder.inttoptr(place, F32.as_pointer()))


@intrinsic(prefer_literal=True)
def execute(typing, opcode, out, a, b, c, low, high, count, lanes):
    """Runs formula `opcode` on `count` elements (a multiple of 16) of the registers at addresses a, b, c."""
    width = lanes.literal_value

    def generate(context, builder, signature, args):
        opcode, out, a, b, c, low, high, count, _ = args
        after = builder.append_basic_block("executed")
        switch = builder.switch(opcode, after)
        for name, code in OPCODES.items():
            block = builder.append_basic_block(name)
            switch.add_case(I64(code), block)
            builder.position_at_end(block)
            _emit_loop(builder, name, width, out, (a, b, c), (low, high), count)
            builder.branch(after)
        builder.position_at_end(after)
        return context.get_dummy_value()
    kinds = [types.intp] * 5 + [types.float32] * 2 + [types.intp, lanes]
    return types.void(*kinds), generate


@helper
def _load_run(kind, source, first, step, target, begin, count):
    """Copies `count` elements from source[first], source[first + step], ... into a register as 32-bit numbers."""
    if kind == 2:
        bytes_in, numbers = u8_at(source), i32_at(target)
        if step == 1:
            for i in range(count):
                numbers[begin + i] = bytes_in[first + i]
        else:
            for i in range(count):
                numbers[begin + i] = bytes_in[first + i * step]
        return
    words, numbers = i32_at(source), i32_at(target)
    if step == 1:
        for i in range(count):
            numbers[begin + i] = words[first + i]
    elif step == 0:
        word = words[first]
        for i in range(count):
            numbers[begin + i] = word
    else:
        for i in range(count):
            numbers[begin + i] = words[first + i * step]


@helper
def _load_broadcast(row, source, start, target, count):
    """Elements start .. start + count of the broadcast input, walked row by row of its last axis.

    An input that repeats itself after a period is read for one period; the rest is copied within the register.
    """
    kind, rank, period = row[0], row[3], row[4]
    inner, step = row[4 + rank], row[10 + rank]
    needed = min(count, period) if period > 0 else count
    begin = 0
    while begin < needed:
        position = start + begin
        within = position % inner
        rest = position // inner
        offset = within * step
        for axis in range(rank - 2, -1, -1):
            length = row[5 + axis]
            offset += rest % length * row[11 + axis]
            rest //= length
        run = min(inner - within, needed - begin)
        _load_run(kind, source, offset, step, target, begin, run)
        begin += run
    numbers = i32_at(target)
    for i in range(needed, count):
        numbers[i] = numbers[i - needed]


@helper
def _store(kind, register, target, start, count):
    """A register into an output, as 32-bit numbers or as bytes."""
    words = i32_at(register)
    if kind == 2:
        narrow = u8_at(target)
        for i in range(count):
            narrow[start + i] = words[i]
    else:
        wide = i32_at(target)
        for i in range(count):
            wide[start + i] = words[i]


@helper
def _prepare_input(row, source, home, start, count):
    """Where block `start` of an input lies as a register: in its own memory, or at `home` after loading."""
    if row[1] == 2:
        _load_broadcast(row, source, start, home, count)
    elif row[1] == 0:
        if row[0] != 2 and count == 512:
            return source + start * 4
        _load_run(row[0], source, start, 1, home, 0, count)
    return home


def chain(lanes):
    """Makes `kernel(arguments, first, last, scratch)`: blocks first .. last of a chain.

    The scratch memory holds the addresses of REGISTERS registers, then the registers.
    """
    block, width, step, heads = BLOCK, TENSOR * 8, INSTRUCTION, REGISTERS

    def chain(arguments, first, last, scratch):
        code, length, tensors = i64(arguments, 0), integer(arguments, 1), integer(arguments, 2)
        inputs, outputs, total = integer(arguments, 3), integer(arguments, 4), integer(arguments, 5)
        place, registers = i64_at(scratch), scratch + heads * 8
        final = code[(length - 1) * step + 4] if length > 0 else -1
        for i in range(inputs):
            row = i64_at(tensors + i * width)
            if row[1] == 1:
                _load_broadcast(row, integer(arguments, 6 + i), 0, registers + row[2] * block * 4, block)
        for task in range(first, last):
            start = task * block
            count = min(block, total - start)
            padded = (count + 15) // 16 * 16
            for i in range(inputs):
                row = i64_at(tensors + i * width)
                home = registers + row[2] * block * 4
                place[row[2]] = _prepare_input(row, integer(arguments, 6 + i), home, start, count)
            direct = -1
            for i in range(outputs):
                row = i64_at(tensors + (inputs + i) * width)
                if row[2] == final and row[0] != 2 and count == block:
                    direct = i
            for k in range(length):
                at = k * step
                constants = f32_at(integer(arguments, 0) + (at + 5) * 8)
                out = registers + code[at + 4] * block * 4
                if k == length - 1 and direct >= 0:
                    out = integer(arguments, 6 + inputs + direct) + start * 4
                execute(code[at], out, place[code[at + 1]], place[code[at + 2]], place[code[at + 3]],
                        constants[0], constants[1], padded, lanes)
                place[code[at + 4]] = out
            for i in range(outputs):
                row = i64_at(tensors + (inputs + i) * width)
                if i != direct:
                    _store(row[0], place[row[2]], integer(arguments, 6 + inputs + i), start, count)
    return chain
