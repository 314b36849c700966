"""Rarer functions of one or two numbers, and ops on the bits of integers. None has a kernel: they run by reference.

Tensors hold real numbers, so of a complex number's parts there are the trivial answers: `real(x)` is x, `imag(x)` 0.
"""

from __future__ import annotations

import math

import numpy as np

from striate import ops
from striate.errors import TypeMismatchError, received
from striate.ops.broadcast import (
    binary,
    broadcast_shapes,
    comparison,
    count_of,
    dtype_of,
    floating,
    in_double,
    is_floating,
    operands,
    promoted,
    unary,
)
from striate.ops.dispatch import apply
from striate.ops.elementwise import exp, square, trunc
from striate.ops.spec import OpSpec, TensorType, register

_ROOT_PI = math.sqrt(math.pi)


# ---- one number ------------------------------------------------------------------------------------------------------

def _first_guess(x):
    """The inverse error function to about 1e-2, by Winitzki's formula; its square roots have no trouble near 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithm = np.log1p(-x * x)
        half = 2.0 / (math.pi * 0.147) + logarithm / 2.0
        return np.sign(x) * np.sqrt(np.maximum(np.sqrt(half * half - logarithm / 0.147) - half, 0.0))


def _erfinv(x):
    """Halley's steps on erf from a guess; -1 and 1 give infinities, what lies outside NaN."""
    y = _first_guess(np.where(np.abs(x) < 1.0, x, 0.0))
    erf = np.vectorize(math.erf, otypes=[np.float64])
    for _ in range(4 if x.size else 0):
        step = (erf(y) - np.where(np.abs(x) < 1.0, x, 0.0)) * (_ROOT_PI / 2.0) * np.exp(y * y)
        y = y - step / (1.0 + y * step)
    y = np.where(np.abs(x) == 1.0, np.sign(x) * np.inf, y)
    return np.where(np.abs(x) > 1.0, np.nan, y)


erfinv = unary("erfinv", _erfinv, lambda x, y, g: g * (_ROOT_PI / 2.0) * exp(square(y)),
               "The inverse of erf: the number whose error function is x, for x between -1 and 1.")

_ANGLES = 256


def _bessel(x, order):
    """The mean of exp(x cos t) cos(order t) over a circle, which equal steps give to the last bit."""
    t = np.arange(_ANGLES) * (2.0 * np.pi / _ANGLES)
    return (np.exp(x[..., None] * np.cos(t)) * np.cos(order * t)).mean(axis=-1)


def _bessel_gradient(node, g):
    x, order = node.inputs[0], node.attributes["order"]
    lower, higher = (apply("bessel_i", [x], order=abs(n)) for n in (order - 1, order + 1))
    return [g * 0.5 * (lower + higher)]


register(OpSpec("bessel_i", lambda inputs, order: [TensorType(inputs[0].shape, floating(inputs[0].dtype))],
                in_double(_bessel, floating), _bessel_gradient, count_of))


def i0(x):
    """The modified Bessel function of the first kind and order 0; any shape.

    Shapes: x any; gives x's.

    Example:
        >>> float(i0(0.0))
        1.0
    """
    return apply("bessel_i", [x], order=0)


def sinc(x):
    """sin(pi x) / (pi x), and 1 at 0; any shape.

    Shapes: x any; gives x's.
    """
    angle = ops.multiply(x, math.pi)
    zero = ops.equal(angle, 0.0)
    return ops.where(zero, 1.0, ops.divide(ops.sin(angle), ops.where(zero, 1.0, angle)))


signbit = comparison("signbit", np.signbit, 1, "Whether the sign of x is minus, also that of -0.0.")


def isposinf(x):
    """Whether x is +infinity; bool of x's shape.

    Shapes: x any; gives x's.
    """
    return ops.equal(x, math.inf)


def isneginf(x):
    """Whether x is -infinity; bool of x's shape.

    Shapes: x any; gives x's.
    """
    return ops.equal(x, -math.inf)


def real(x):
    """The real part, x itself.

    Shapes: x any; gives x's.
    """
    return ops.convert_to_tensor(x)


def imag(x):
    """The imaginary part: zeros.

    Shapes: x any; gives x's.
    """
    return ops.zeros_like(x)


def conj(x):
    """The complex conjugate, x itself.

    Shapes: x any; gives x's.
    """
    return ops.convert_to_tensor(x)


conjugate = conj


def angle(x):
    """The angle of x in the complex plane: pi where x is negative, else 0.

    Shapes: x any; gives x's.
    """
    return ops.where(ops.less(x, 0), math.pi, 0.0)


def isreal(x):
    """Whether x has no imaginary part: True everywhere.

    Shapes: x any; gives x's.
    """
    return ops.full_like(x, True, dtype="bool")


# ---- two numbers -----------------------------------------------------------------------------------------------------

fmod = binary("fmod", np.fmod, lambda a, b, y, g: (g, -(g * trunc(a / b))),
              "The remainder x1 - x2 * trunc(x1 / x2), with the sign of x1.")
nextafter = binary("nextafter", np.nextafter, lambda a, b, y, g: (g, None),
                   "The next number of the type after x1 on the way to x2.", integers=False)


def fmax(x1, x2):
    """The larger of two numbers, and the other where one is NaN; shapes broadcast.

    Shapes: x1, x2 that broadcast; gives the broadcast shape. Raises `ShapeError` when they do not.
    """
    return ops.where(ops.isnan(x1), x2, ops.where(ops.isnan(x2), x1, ops.maximum(x1, x2)))


def fmin(x1, x2):
    """The smaller of two numbers, and the other where one is NaN; shapes broadcast.

    Shapes: x1, x2 that broadcast; gives the broadcast shape. Raises `ShapeError` when they do not.
    """
    return ops.where(ops.isnan(x1), x2, ops.where(ops.isnan(x2), x1, ops.minimum(x1, x2)))


def ldexp(x1, x2):
    """x1 * 2 ** x2; shapes broadcast.

    Shapes: x1, x2 that broadcast; gives the broadcast shape. Raises `ShapeError` when they do not.
    """
    return ops.multiply(x1, ops.exp2(ops.cast(x2, floating(dtype_of(x1)))))


# ---- integers --------------------------------------------------------------------------------------------------------

def _whole(name: str, formula, doc: str, arity: int = 2):
    """Registers an op of integers and truth values and gives its public function."""
    def shape(inputs):
        if any(is_floating(i.dtype) for i in inputs):
            raise TypeMismatchError(f"{name} takes integers or truth values. "
                                    + received(dtypes=tuple(i.dtype for i in inputs)))
        return [TensorType(broadcast_shapes(*[i.shape for i in inputs]), promoted(*[i.dtype for i in inputs]))]

    def reference(*arrays):
        dtype = promoted(*[a.dtype for a in arrays])
        return [np.asarray(formula(*[a.astype(dtype) for a in arrays])).astype(dtype)]
    register(OpSpec(name, shape, reference, lambda node, g: [None] * arity, count_of))

    def unary_call(x):
        return apply(name, [x])

    def binary_call(x, y):
        return apply(name, operands(x, y))
    public = unary_call if arity == 1 else binary_call
    public.__name__ = public.__qualname__ = name
    public.__module__ = "striate.ops"
    public.__doc__ = (f"{doc}\n\n    Integers or truth values, of shapes that broadcast. Raises TypeMismatchError for "
                      "real numbers.\n    ")
    return public


bitwise_and = _whole("bitwise_and", np.bitwise_and, "The bits that both numbers have.")
bitwise_or = _whole("bitwise_or", np.bitwise_or, "The bits that one of the numbers has, or both.")
bitwise_xor = _whole("bitwise_xor", np.bitwise_xor, "The bits that exactly one of the numbers has.")
bitwise_not = _whole("bitwise_not", np.invert, "The bits that the number does not have.", arity=1)
bitwise_left_shift = _whole("bitwise_left_shift", np.left_shift, "x with its bits moved up by y places.")
bitwise_right_shift = _whole("bitwise_right_shift", np.right_shift, "x with its bits moved down by y places.")
bitwise_invert, left_shift, right_shift = bitwise_not, bitwise_left_shift, bitwise_right_shift

_gcd = _whole("gcd", np.gcd, "The greatest common divisor.")
_lcm = _whole("lcm", np.lcm, "The least common multiple.")


def gcd(x1, x2):
    """The greatest common divisor of two integers; shapes broadcast.

    Shapes: x1, x2 that broadcast; gives the broadcast shape. Raises `ShapeError` when they do not.

    Example:
        >>> gcd([12, 7], 18).tolist()
        [6, 1]
    """
    return _gcd(x1, x2)


def lcm(x1, x2):
    """The least common multiple of two integers; shapes broadcast.

    Shapes: x1, x2 that broadcast; gives the broadcast shape. Raises `ShapeError` when they do not.
    """
    return _lcm(x1, x2)


# ---- the same bits as another type ---------------------------------------------------------------------------------

def _view_shape(inputs, dtype):
    shape, old, new = inputs[0].shape, np.dtype(inputs[0].dtype).itemsize, np.dtype(dtype).itemsize
    if old == new:
        return [TensorType(shape, dtype)]
    if not shape or shape[-1] is None or shape[-1] * old % new:
        raise TypeMismatchError("The last axis does not hold a whole count of numbers of the new type. "
                                + received(shape=shape, dtype=inputs[0].dtype, new=dtype))
    return [TensorType((*shape[:-1], shape[-1] * old // new), dtype)]


register(OpSpec("view", _view_shape, lambda x, dtype: [np.ascontiguousarray(x).reshape(x.shape).view(dtype)],
                lambda node, g: [None]))


def view(x, dtype=None):
    """The bits of x read as another type; the last axis grows or shrinks with the size of the numbers.

    Shapes: x (..., n) gives (..., n * size of x's type / size of `dtype`).

    Example:
        >>> view(np.array([1.0], np.float32), "int32").tolist()
        [1065353216]
    """
    return ops.convert_to_tensor(x) if dtype is None else apply("view", [x], dtype=str(np.dtype(dtype)))
