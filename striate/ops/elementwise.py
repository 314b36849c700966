"""Elementwise mathematics: arithmetic, comparisons and functions of one number, with NumPy broadcasting.

Integers stay integers where that makes sense; a function of real numbers (and division) makes float32 of them.
A comparison gives bool. Each op is one statement: name, formula, gradient, docstring.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from striate import ops
from striate.errors import ArgumentError, received
from striate.ops.broadcast import (
    binary,
    broadcast_shapes,
    comparison,
    count_of,
    dtype_of,
    floating,
    is_floating,
    operands,
    promoted,
    sum_to_shape,
    unary,
)
from striate.ops.dispatch import apply
from striate.ops.spec import OpSpec, TensorType, register


def _zero(x1, x2, y, g):
    return None, None


def _for_larger(x1, x2, y, g):
    """Ties share the gradient half and half; what was not taken gets 0, however large g is."""
    larger, tie = ops.greater(x1, x2), ops.equal(x1, x2)
    half = 0.5 * g
    return ops.where(larger, g, ops.where(tie, half, 0.0)), ops.where(larger, 0.0, ops.where(tie, half, g))


def _for_smaller(x1, x2, y, g):
    return tuple(reversed(_for_larger(x1, x2, y, g)))


def _for_power(x1, x2, y, g):
    base = ops.where(x1 > 0.0, x1, 1.0)
    exponent_part = ops.where(x1 > 0.0, y * ops.log(base), 0.0)
    return g * x2 * ops.power(x1, x2 - 1), g * exponent_part


# ---- two operands -------------------------------------------------------------------------------------------

add = binary("add", np.add, lambda a, b, y, g: (g, g), "x1 + x2.")
subtract = binary("subtract", np.subtract, lambda a, b, y, g: (g, -g), "x1 - x2.")
multiply = binary("multiply", np.multiply, lambda a, b, y, g: (g * b, g * a), "x1 * x2.")
divide = binary("divide", np.divide, lambda a, b, y, g: (g / b, -(g * y) / b),
                "x1 / x2; integers give float32.", integers=False)
true_divide = divide
power = binary("power", np.power, _for_power, "x1 to the power x2.")
maximum = binary("maximum", np.maximum, _for_larger, "The larger of two numbers; a NaN in either stays.")
minimum = binary("minimum", np.minimum, _for_smaller, "The smaller of two numbers; a NaN in either stays.")
floor_divide = binary("floor_divide", np.floor_divide, _zero, "The floor of x1 / x2.")
mod = binary("mod", np.mod, lambda a, b, y, g: (g, -(g * ops.floor(a / b))),
             "The remainder x1 - x2 * floor(x1 / x2), with the sign of x2.")
arctan2 = binary("arctan2", np.arctan2, lambda a, b, y, g: (g * b / (a * a + b * b), -(g * a) / (a * a + b * b)),
                 "The angle of the point (x2, x1), from -pi to pi.", integers=False)
relu_grad: Callable = binary("relu_grad", lambda g, y: np.where(y > 0, g, 0),
                             lambda g1, y, out, g: (ops.relu_grad(g, y), None),
                             "The gradient of relu: x1 where x2, relu's output, is positive, else 0.")

greater = comparison("greater", np.greater, 2, "x1 > x2.")
greater_equal = comparison("greater_equal", np.greater_equal, 2, "x1 >= x2.")
less = comparison("less", np.less, 2, "x1 < x2.")
less_equal = comparison("less_equal", np.less_equal, 2, "x1 <= x2.")
equal = comparison("equal", np.equal, 2, "x1 == x2.")
not_equal = comparison("not_equal", np.not_equal, 2, "x1 != x2.")
logical_and = comparison("logical_and", np.logical_and, 2, "Whether both are non-zero.")
logical_or = comparison("logical_or", np.logical_or, 2, "Whether one or both are non-zero.")
logical_xor = comparison("logical_xor", np.logical_xor, 2, "Whether exactly one is non-zero.")
logical_not = comparison("logical_not", np.logical_not, 1, "Whether x is zero.")
isfinite = comparison("isfinite", np.isfinite, 1, "Whether x is neither infinite nor NaN.")
isinf = comparison("isinf", np.isinf, 1, "Whether x is infinite.")
isnan = comparison("isnan", np.isnan, 1, "Whether x is NaN.")


# ---- one operand --------------------------------------------------------------------------------------------

_TWO_BY_ROOT_PI = 2.0 / math.sqrt(math.pi)
_erf_of_number = np.vectorize(math.erf, otypes=[np.float64])


def _erf(x):
    return _erf_of_number(x) if x.size else x


def _sigmoid(x):
    positive = 1.0 / (1.0 + np.exp(-np.abs(x)))
    return np.where(x >= 0, positive, 1.0 - positive) if x.dtype.kind != "f" else np.where(
        x >= 0, positive, np.exp(-np.abs(x)) * positive)


negative = unary("negative", np.negative, lambda x, y, g: -g, "-x.", integers=True)
absolute = unary("absolute", np.abs, lambda x, y, g: g * ops.sign(x), "The magnitude of x.", integers=True)
abs = absolute  # noqa: A001 - Keras' name
sign: Callable = unary("sign", np.sign, lambda x, y, g: None, "-1, 0 or 1.", integers=True)
_square = unary("square", np.square, lambda x, y, g: 2.0 * g * x, "x * x.", integers=True)
floor: Callable = unary("floor", np.floor, lambda x, y, g: None, "The largest whole number that is not above x.")
ceil = unary("ceil", np.ceil, lambda x, y, g: None, "The smallest whole number that is not below x.")
trunc = unary("trunc", np.trunc, lambda x, y, g: None, "x without its fraction.")
rint = unary("rint", np.rint, lambda x, y, g: None, "The nearest whole number, the even one of two as near.")
sqrt = unary("sqrt", np.sqrt, lambda x, y, g: 0.5 * g / y, "The square root.")
rsqrt = unary("rsqrt", lambda x: 1.0 / np.sqrt(x), lambda x, y, g: -0.5 * g * y / x, "1 / sqrt(x).")
reciprocal = unary("reciprocal", lambda x: 1.0 / x, lambda x, y, g: -(g * y * y), "1 / x.")
exp = unary("exp", np.exp, lambda x, y, g: g * y, "e to the power x.")
exp2 = unary("exp2", np.exp2, lambda x, y, g: g * y * math.log(2.0), "2 to the power x.")
expm1 = unary("expm1", np.expm1, lambda x, y, g: g * (y + 1.0), "exp(x) - 1, exact also near x = 0.")
log = unary("log", np.log, lambda x, y, g: g / x, "The natural logarithm.")
log1p = unary("log1p", np.log1p, lambda x, y, g: g / (x + 1.0), "log(1 + x), exact also near x = 0.")
log2 = unary("log2", np.log2, lambda x, y, g: g / (x * math.log(2.0)), "The logarithm to base 2.")
log10 = unary("log10", np.log10, lambda x, y, g: g / (x * math.log(10.0)), "The logarithm to base 10.")
sin = unary("sin", np.sin, lambda x, y, g: g * ops.cos(x), "The sine; x in radians.")
cos: Callable = unary("cos", np.cos, lambda x, y, g: -(g * ops.sin(x)), "The cosine; x in radians.")
tan = unary("tan", np.tan, lambda x, y, g: g * (1.0 + y * y), "The tangent; x in radians.")
sinh = unary("sinh", np.sinh, lambda x, y, g: g * ops.cosh(x), "The hyperbolic sine.")
cosh: Callable = unary("cosh", np.cosh, lambda x, y, g: g * ops.sinh(x), "The hyperbolic cosine.")
tanh = unary("tanh", np.tanh, lambda x, y, g: g * (1.0 - y * y), "The hyperbolic tangent.")
arcsin = unary("arcsin", np.arcsin, lambda x, y, g: g * rsqrt(1.0 - x * x), "The angle whose sine is x.")
arccos = unary("arccos", np.arccos, lambda x, y, g: -(g * rsqrt(1.0 - x * x)), "The angle whose cosine is x.")
arctan = unary("arctan", np.arctan, lambda x, y, g: g / (1.0 + x * x), "The angle whose tangent is x.")
arcsinh = unary("arcsinh", np.arcsinh, lambda x, y, g: g * rsqrt(x * x + 1.0), "The inverse of sinh.")
arccosh = unary("arccosh", np.arccosh, lambda x, y, g: g * rsqrt(x * x - 1.0), "The inverse of cosh.")
arctanh = unary("arctanh", np.arctanh, lambda x, y, g: g / (1.0 - x * x), "The inverse of tanh.")
erf = unary("erf", _erf, lambda x, y, g: g * _TWO_BY_ROOT_PI * exp(-(x * x)), "The error function.")
sigmoid = unary("sigmoid", _sigmoid, lambda x, y, g: g * y * (1.0 - y), "1 / (1 + exp(-x)).")
relu = unary("relu", lambda x: np.maximum(x, 0), lambda x, y, g: ops.relu_grad(g, y), "x where it is positive, else 0.",
             integers=True)
softplus = unary("softplus", lambda x: np.logaddexp(x, 0.0), lambda x, y, g: g * ops.sigmoid(x),
                 "log(1 + exp(x)), a smooth relu.")


def round(x, decimals: int = 0):  # noqa: A001 - Keras' name
    """x rounded to `decimals` decimal places, to the even neighbour of two as near; any shape.

    Shapes: x any; gives x's.
    """
    if not is_floating(dtype_of(x)):
        x = ops.convert_to_tensor(x)
        return x if decimals >= 0 else ops.cast(rint(x / 10.0 ** -decimals), x.dtype) * 10 ** -decimals
    scale = 10.0 ** decimals
    return rint(x) if decimals == 0 else rint(x * scale) / scale


# ---- attributes or three operands ----------------------------------------------------------------------------

def _clip_reference(x, x_min, x_max, flat_ends=False):
    return [np.clip(x, x_min, x_max).astype(x.dtype)]


def _clip_gradient(node, g):
    """g inside the limits and, unless the ends count as flat, at them; 0 elsewhere, however large g is."""
    x, limits = node.inputs[0], node.attributes
    above, below = (greater, less) if limits.get("flat_ends") else (greater_equal, less_equal)
    inside = logical_and(above(x, limits["x_min"]), below(x, limits["x_max"]))
    return [ops.where(inside, g, 0.0)]


register(OpSpec("clip", lambda inputs, x_min, x_max, flat_ends=False: [inputs[0]], _clip_reference, _clip_gradient,
                count_of, elementwise=True))


def _counted(x):
    """Truth values as integers, anything else as it is."""
    return cast(x, "int32") if dtype_of(x) == "bool" else x


def square(x):
    """x * x.

    Shapes: x any; gives x's. Integers stay integers; bools give int32.
    """
    return _square(_counted(x))


def clip(x, x_min, x_max):
    """x, no smaller than `x_min` and no larger than `x_max`.

    x: any shape; the limits are numbers, or tensors that broadcast with x.

    Raises `ShapeError` when the limits do not broadcast.

    Example:
        >>> clip([-2.0, 0.5, 9.0], 0.0, 1.0)
        array([0. , 0.5, 1. ], dtype=float32)
    """
    x = _counted(x)
    if not is_floating(dtype_of(x)) and (isinstance(x_min, float) or isinstance(x_max, float)):
        x = ops.cast(x, "float32")  # whole numbers would not reach a limit between two of them
    if isinstance(x_min, (int, float)) and isinstance(x_max, (int, float)):
        return apply("clip", [x], x_min=x_min, x_max=x_max)
    return minimum(maximum(x, x_min), x_max)


def _where_shape(inputs):
    return [TensorType(broadcast_shapes(*[i.shape for i in inputs]), promoted(inputs[1].dtype, inputs[2].dtype))]


def _where_reference(condition, x1, x2):
    return [np.where(condition, x1, x2).astype(promoted(x1.dtype, x2.dtype))]


def _where_gradient(node, g):
    condition, x1, x2 = node.inputs
    zero = np.zeros((), g.dtype)
    return [None, sum_to_shape(where(condition, g, zero), x1.shape),
            sum_to_shape(where(condition, zero, g), x2.shape)]


register(OpSpec("where", _where_shape, _where_reference, _where_gradient, count_of, elementwise=True))


def where(condition, x1=None, x2=None):
    """x1 where the condition is true (non-zero), x2 elsewhere; the three shapes broadcast.

    Without x1 and x2: the places where it is true, as `nonzero` gives them.

    Raises `ArgumentError` when one of x1 and x2 is missing, `ShapeError` when the shapes do not broadcast.
    """
    if x1 is None and x2 is None:
        return ops.nonzero(condition)
    if x1 is None or x2 is None:
        raise ArgumentError("`x1` and `x2` of where must both be given, or none of them. " + received(x1=x1, x2=x2))
    return apply("where", [condition, *operands(x1, x2)])


def _cast_gradient(node, g):
    x = node.inputs[0]
    return [cast(g, x.dtype) if is_floating(x.dtype) and is_floating(node.outputs[0].dtype) else None]


def _cast_reference(x, dtype):
    with np.errstate(invalid="ignore"):
        return [x.astype(dtype)]


register(OpSpec("cast", lambda inputs, dtype: [TensorType(inputs[0].shape, dtype)], _cast_reference, _cast_gradient,
                elementwise=True))


def cast(x, dtype):
    """x with the numbers of another dtype; a float becomes an integer by dropping its fraction.

    Shapes: x any; gives x's.

    Raises:
        ArgumentError: when `dtype` names no number type.
    """
    try:
        name = str(np.dtype(dtype))
    except TypeError:
        raise ArgumentError("`dtype` must name a type of numbers, for example 'float32' or 'int32'. "
                            + received(dtype=dtype)) from None
    return x if getattr(x, "dtype", None) is not None and str(x.dtype) == name else apply("cast", [x], dtype=name)


def as_floating(x):
    """x as it is where it holds real numbers, in float32 where it holds integers, truth values or Python's numbers.

    Shapes: x any; gives x's.
    """
    return cast(x, floating(dtype_of(x)))


def _stop_reference(x):
    return [x]


register(OpSpec("stop_gradient", lambda inputs: [inputs[0]], _stop_reference, lambda node, g: [None], alias=True))


def stop_gradient(variable):
    """The same numbers, but no gradient flows back through them; any shape.

    Shapes: variable any; gives its shape.
    """
    return apply("stop_gradient", [variable])


def logaddexp(x1, x2):
    """log(exp(x1) + exp(x2)) without overflow; shapes broadcast.

    Raises `ShapeError` when the shapes do not broadcast.
    """
    x1, x2 = (cast(x, floating_dtype(x)) for x in (x1, x2))
    return maximum(x1, x2) + log1p(exp(-absolute(subtract(x1, x2))))


def squared_difference(x1, x2):
    """(x1 - x2) squared; shapes broadcast.

    Raises `ShapeError` when the shapes do not broadcast.
    """
    return square(subtract(x1, x2))


def floating_dtype(x) -> str:
    """float32, or x's own dtype when that is floating."""
    return floating(dtype_of(x))
