"""Formulas on vectors: `Lanes` stands for a vector of numbers while LLVM code is written, and knows Python's operators.

    def softsign(x):
        return x / (x.absolute() + 1.0)

Called on a `Lanes`, such a function emits a handful of vector instructions; a kernel's table of formulas is therefore
plain Python. One `Lanes` holds float32, int32 or float64 lanes, or the truth values of a comparison. Python numbers
become constants of the kind of the vector beside them. Everything here rounds as IEEE 754 says: no fast-math.
"""

import struct

from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from striate.kernels.simd import F32, F64, I32, I64, emit_fma

_TRUTH = ir.IntType(1)


class Lanes:
    """A vector in the code that `builder` writes; `kind` is the LLVM type of one lane."""

    def __init__(self, builder, value):
        self.builder, self.value = builder, value

    @property
    def kind(self):
        return self.value.type.element

    @property
    def count(self) -> int:
        return self.value.type.count

    @property
    def real(self) -> bool:
        return self.kind in (F32, F64)

    def constant(self, number, kind=None):
        """The number in every lane."""
        kind = kind or self.kind
        number = float(number) if kind in (F32, F64) else int(number)
        if kind is F32:
            number = struct.unpack("f", struct.pack("f", number))[0]
        return Lanes(self.builder, ir.Constant(ir.VectorType(kind, self.count), [number] * self.count))

    def _other(self, other):
        return other if isinstance(other, Lanes) else self.constant(other)

    def _emit(self, real: str, whole: str, a, b):
        return Lanes(self.builder, getattr(self.builder, real if self.real else whole)(a.value, b.value))

    # ---- arithmetic ----

    def __add__(self, other):
        return self._emit("fadd", "add", self, self._other(other))

    __radd__ = __add__

    def __sub__(self, other):
        return self._emit("fsub", "sub", self, self._other(other))

    def __rsub__(self, other):
        return self._other(other) - self

    def __mul__(self, other):
        return self._emit("fmul", "mul", self, self._other(other))

    __rmul__ = __mul__

    def __truediv__(self, other):
        return self._emit("fdiv", "sdiv", self, self._other(other))

    def __rtruediv__(self, other):
        return self._other(other) / self

    def __neg__(self):
        return self ^ self.sign_bit() if self.real else self.constant(0) - self

    def times_plus(self, factor, addend):
        """self * factor + addend; float32 rounds once where the processor has a fused multiply-add."""
        factor, addend = self._other(factor), self._other(addend)
        if self.kind is F32:
            return Lanes(self.builder, emit_fma(self.builder, self.value, factor.value, addend.value))
        return self * factor + addend

    def polynomial(self, coefficients):
        """coefficients[0] + coefficients[1] * self + ..., by Horner's rule."""
        total = self.constant(coefficients[-1])
        for coefficient in reversed(coefficients[:-1]):
            total = total.times_plus(self, coefficient)
        return total

    # ---- bits ----

    def bits(self):
        """The lanes' bit patterns as integers (truth values as 0 and 1)."""
        if self.kind is _TRUTH:
            return Lanes(self.builder, self.builder.zext(self.value, ir.VectorType(I32, self.count)))
        if not self.real:
            return self
        return Lanes(self.builder, self.builder.bitcast(self.value, ir.VectorType(
            I32 if self.kind is F32 else I64, self.count)))

    def as_real(self):
        """Bit patterns back as float32 or float64."""
        return Lanes(self.builder, self.builder.bitcast(self.value, ir.VectorType(
            F32 if self.kind == I32 else F64, self.count)))

    def sign_bit(self):
        """A bit pattern with the sign alone set."""
        wide = self.kind in (F64, I64)
        return self.constant(-2 ** 63 if wide else -2 ** 31, I64 if wide else I32)

    def _bitwise(self, name, other):
        if self.kind is _TRUTH:
            return Lanes(self.builder, getattr(self.builder, name)(self.value, other.value))
        other = other if isinstance(other, Lanes) else self.bits().constant(other)
        result = Lanes(self.builder, getattr(self.builder, name)(self.bits().value, other.bits().value))
        return result.as_real() if self.real else result

    def __and__(self, other):
        return self._bitwise("and_", other)

    def __or__(self, other):
        return self._bitwise("or_", other)

    def __xor__(self, other):
        return self._bitwise("xor", other)

    def __invert__(self):
        """The opposite truth values."""
        return Lanes(self.builder, self.builder.not_(self.value))

    def __lshift__(self, places: int):
        return Lanes(self.builder, self.builder.shl(self.value, self.constant(places).value))

    def __rshift__(self, places: int):
        """Shifts integers right, keeping the sign."""
        return Lanes(self.builder, self.builder.ashr(self.value, self.constant(places).value))

    def absolute(self):
        """The magnitude."""
        if not self.real:
            return (self < 0).choose(-self, self)
        return self & (2 ** 31 - 1 if self.kind is F32 else 2 ** 63 - 1)

    def with_sign_of(self, other):
        """The magnitude of self with the sign of other."""
        return self.absolute() | (other & self.sign_bit())

    # ---- comparisons ----

    def _compare(self, symbol, other):
        other = self._other(other)
        if not self.real:
            return Lanes(self.builder, self.builder.icmp_signed(symbol, self.value, other.value))
        compare = self.builder.fcmp_unordered if symbol == "!=" else self.builder.fcmp_ordered
        return Lanes(self.builder, compare(symbol, self.value, other.value))

    def __lt__(self, other):
        return self._compare("<", other)

    def __le__(self, other):
        return self._compare("<=", other)

    def __gt__(self, other):
        return self._compare(">", other)

    def __ge__(self, other):
        return self._compare(">=", other)

    def equals(self, other):
        """Whether lanes are equal; a NaN equals nothing."""
        return self._compare("==", other)

    def differs(self, other):
        """Whether lanes are not equal."""
        return self._compare("!=", other)

    def is_nan(self):
        """Whether lanes are NaN."""
        return self.differs(self)

    def choose(self, yes, no):
        """Of truth values: `yes` where they hold, `no` elsewhere; one of the two may be a number."""
        if not isinstance(yes, Lanes):
            yes = no.constant(yes)
        no = yes._other(no)
        return Lanes(self.builder, self.builder.select(self.value, yes.value, no.value))

    def rarely(self, rare, usual):
        """Of truth values that seldom hold: of the vectors that `rare()` gives where they hold, of `usual` elsewhere.
        The code of `rare` is jumped over when they hold nowhere."""
        whole = ir.IntType(self.count)
        any_holds = self.builder.icmp_unsigned("!=", self.builder.bitcast(self.value, whole), whole(0))
        before = self.builder.block
        with cgutils.if_unlikely(self.builder, any_holds):
            found = [self.choose(one, other).value for one, other in zip(rare(), usual, strict=True)]
            after = self.builder.block
        merged = []
        for one, other in zip(found, usual, strict=True):
            merged.append(self.builder.phi(one.type))
            merged[-1].add_incoming(one, after)
            merged[-1].add_incoming(other.value, before)
        return [Lanes(self.builder, value) for value in merged]

    def larger(self, other):
        """The larger of two, a NaN in either kept."""
        other = self._other(other)
        winner = (self > other).choose(self, other)
        return self.is_nan().choose(self, winner) if self.real else winner

    def smaller(self, other):
        """The smaller of two, a NaN in either kept."""
        other = self._other(other)
        winner = (self < other).choose(self, other)
        return self.is_nan().choose(self, winner) if self.real else winner

    # ---- between kinds ----

    def to_int32(self):
        """float32 without its fraction; out of range, NaN: the smallest integer, as x86 and NumPy have it."""
        inside = (self > -2147483648.0) & (self < 2147483648.0)
        number = inside.choose(self, 0.0)
        whole = Lanes(self.builder, self.builder.fptosi(number.value, ir.VectorType(I32, self.count)))
        return inside.choose(whole, -2 ** 31)

    def to_float32(self):
        """int32 (rounded) or float64 (rounded) as float32."""
        kind = ir.VectorType(F32, self.count)
        return Lanes(self.builder, self.builder.fptrunc(self.value, kind) if self.real
                     else self.builder.sitofp(self.value, kind))

    def to_float64(self):
        """float32, int32 or int64 as float64."""
        kind = ir.VectorType(F64, self.count)
        return Lanes(self.builder, self.builder.fpext(self.value, kind) if self.real
                     else self.builder.sitofp(self.value, kind))

    def to_int64(self):
        """float64 (within range) or int32 as int64."""
        kind = ir.VectorType(I64, self.count)
        return Lanes(self.builder, self.builder.fptosi(self.value, kind) if self.real
                     else self.builder.sext(self.value, kind))

    # ---- functions that processors have ----

    def _llvm(self, name):
        tag = f"v{self.count}f{32 if self.kind is F32 else 64}"
        full = f"llvm.{name}.{tag}"
        function = self.builder.module.globals.get(full) or ir.Function(
            self.builder.module, ir.FunctionType(self.value.type, [self.value.type]), full)
        return Lanes(self.builder, self.builder.call(function, [self.value]))

    def root(self):
        """The square root, correctly rounded."""
        return self._llvm("sqrt")

    def _rounded(self, toward_even):
        """Rounding through integers: the same on every processor, exact because large floats are whole already."""
        limit = 2.0 ** 23 if self.kind is F32 else 2.0 ** 52
        small = self.absolute() < limit
        return small.choose(toward_even(self).with_sign_of(self), self)

    def nearest(self):
        """The nearest whole number, the even one of two as near."""
        magic = 2.0 ** 23 if self.kind is F32 else 2.0 ** 52
        return self._rounded(lambda x: (x.absolute() + magic) - magic)

    def floor(self):
        """The largest whole number that is not above."""
        near = self.nearest()
        return (near > self).choose(near - 1.0, near)

    def ceil(self):
        """The smallest whole number that is not below."""
        near = self.nearest()
        return (near < self).choose((near + 1.0).with_sign_of(self), near)

    def trunc(self):
        """Without the fraction."""
        return self.absolute().floor().with_sign_of(self)

    def shift_right(self, places: int):
        """Shifts integers right, filling with zeros."""
        return Lanes(self.builder, self.builder.lshr(self.value, self.constant(places).value))


def vector_function(formula):
    """An intrinsic that applies a formula of `Lanes` to one vector: `exp = vector_function(mathematics.exp)`."""
    @intrinsic
    def function(typing, vector):
        def generate(context, builder, signature, args):
            return formula(Lanes(builder, args[0])).value
        return vector(vector), generate
    return function
