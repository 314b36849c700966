"""Activation functions. A few are ops of their own (relu, sigmoid, tanh, softplus, softmax); the others are formulas of
elementwise ops, which one kernel pass computes together.

Every function keeps the shape of its argument.
"""

from __future__ import annotations

import math

import numpy as np

from striate import ops
from striate.errors import ArgumentError, received
from striate.ops.broadcast import dtype_of, shape_of
from striate.ops.dispatch import apply
from striate.ops.elementwise import (
    absolute,
    as_floating,
    clip,
    erf,
    exp,
    expm1,
    relu,
    sigmoid,
    softplus,
    tanh,
    where,
)
from striate.ops.reduce import normal_axes
from striate.ops.spec import OpSpec, register

_SELU_SCALE, _SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


def _saturated(x, low: float, high: float):
    """x between two limits, at which its slope is 0: that of `clip` is 1 there."""
    return apply("clip", [x], x_min=low, x_max=high, flat_ends=True)


def relu6(x):
    """x between 0 and 6.

    Shapes: x any; gives x's. Integers stay integers.
    """
    return _saturated(x, 0.0, 6.0)


def leaky_relu(x, negative_slope=0.2):
    """x where it is positive, else `negative_slope` * x.

    Shapes: x any; gives x's, in float32 where x holds integers.
    """
    return where(ops.greater(x, 0.0), x, ops.multiply(x, float(negative_slope)))


def elu(x, alpha=1.0):
    """x where it is positive, else alpha * (exp(x) - 1).

    Shapes: x any; gives x's, in float32 where x holds integers.

    Source: Clevert and others (2016), arXiv:1511.07289.
    """
    return where(ops.greater_equal(x, 0.0), x, expm1(ops.minimum(x, 0.0)) * float(alpha))


def selu(x):
    """elu with the scale and alpha that keep mean 0 and variance 1.

    Shapes: x any; gives x's, in float32 where x holds integers.

    Source: Klambauer and others (2017), arXiv:1706.02515.
    """
    return elu(x, _SELU_ALPHA) * _SELU_SCALE


def celu(x, alpha=1.0):
    """x where it is positive, else alpha * (exp(x / alpha) - 1).

    Shapes: x any; gives x's, in float32 where x holds integers.

    Source: Barron (2017), arXiv:1704.07483.
    """
    x = as_floating(x)
    return where(ops.greater_equal(x, 0.0), x, expm1(ops.minimum(x, 0.0) / float(alpha)) * float(alpha))


def gelu(x, approximate=True):
    """x times the probability that a standard normal number is below x; `approximate` uses tanh instead of erf.

    Shapes: x any; gives x's, in float32 where x holds integers.

    Source: Hendrycks and Gimpel (2016), arXiv:1606.08415.
    """
    x = as_floating(x)
    if approximate:
        inner = (x + ops.square(x) * x * 0.044715) * math.sqrt(2.0 / math.pi)
        return ops.multiply(x, 0.5) * (tanh(inner) + 1.0)
    return ops.multiply(x, 0.5) * (erf(ops.multiply(x, 1.0 / math.sqrt(2.0))) + 1.0)


def silu(x):
    """x * sigmoid(x), also called swish.

    Shapes: x any; gives x's, in float32 where x holds integers.

    Source: Elfwing and others (2018), arXiv:1702.03118; Ramachandran and others (2017), arXiv:1710.05941.
    """
    return ops.multiply(x, sigmoid(x))


swish = silu


def hard_sigmoid(x):
    """x / 6 + 1/2, between 0 and 1.

    Shapes: x any; gives x's, in float32 where x holds integers.
    """
    return _saturated(ops.divide(x, 6.0) + 0.5, 0.0, 1.0)


def hard_silu(x):
    """x * hard_sigmoid(x), also called hard swish.

    Shapes: x any; gives x's, in float32 where x holds integers.

    Source: Howard and others (2019), arXiv:1905.02244.
    """
    return ops.multiply(x, hard_sigmoid(x))


hard_swish = hard_silu


def hard_tanh(x):
    """x between -1 and 1.

    Shapes: x any; gives x's. Integers stay integers.
    """
    return clip(x, -1.0, 1.0)


def softsign(x):
    """x / (1 + |x|).

    Shapes: x any; gives x's, in float32 where x holds integers.
    """
    x = as_floating(x)
    return ops.divide(x, absolute(x) + 1.0)


def log_sigmoid(x):
    """log(sigmoid(x)), without underflow.

    Shapes: x any; gives x's, in float32 where x holds integers.
    """
    return -softplus(ops.negative(x))


def mish(x):
    """x * tanh(softplus(x)).

    Shapes: x any; gives x's, in float32 where x holds integers.

    Source: Misra (2019), arXiv:1908.08681.
    """
    return ops.multiply(x, tanh(softplus(x)))


def tanh_shrink(x):
    """x - tanh(x).

    Shapes: x any; gives x's, in float32 where x holds integers.
    """
    return ops.subtract(x, tanh(x))


def soft_shrink(x, threshold=0.5):
    """x moved towards zero by `threshold`, 0 where |x| is smaller.

    Shapes: x any; gives x's, in float32 where x holds integers.
    """
    return relu(ops.subtract(x, float(threshold))) - relu(ops.negative(ops.add(x, float(threshold))))


def hard_shrink(x, threshold=0.5):
    """x, but 0 where |x| is at most `threshold`.

    Shapes: x any; gives x's, in float32 where x holds integers.
    """
    return where(ops.greater(absolute(x), float(threshold)), x, 0.0)


def threshold(x, threshold, default_value):
    """x where it is above `threshold`, else `default_value`.

    Shapes: x any; gives x's, in float32 where x holds integers.
    """
    return where(ops.greater(x, float(threshold)), x, float(default_value))


def squareplus(x, b=4):
    """(x + sqrt(x * x + b)) / 2.

    Shapes: x any; gives x's, in float32 where x holds integers.

    Source: Barron (2021), arXiv:2112.11687.
    """
    x = as_floating(x)
    return (ops.add(x, ops.sqrt(ops.square(x) + float(b)))) * 0.5


def sparse_plus(x):
    """0 below -1, x above 1, the parabola (x + 1)^2 / 4 between.

    Shapes: x any; gives x's, in float32 where x holds integers.
    """
    return where(ops.less_equal(x, -1.0), 0.0, where(ops.less(x, 1.0), ops.square(ops.add(x, 1.0)) * 0.25, x))


def sparse_sigmoid(x):
    """0 below -1, 1 above 1, (x + 1) / 2 between.

    Shapes: x any; gives x's, in float32 where x holds integers.
    """
    return _saturated(ops.add(x, 1.0) * 0.5, 0.0, 1.0)


def glu(x, axis=-1):
    """The first half of x along `axis` times the sigmoid of the second half; the axis becomes half as long.

    Shapes: x any, of an even length along `axis`; gives half of it there. Raises `ShapeError` for an odd length.
    Source: Dauphin and others (2017), arXiv:1612.08083.
    """
    first, second = ops.split(as_floating(x), 2, axis)
    return first * sigmoid(second)


# ---- softmax ---------------------------------------------------------------------------------------------------

def _softmax_reference(x, axis):
    exact = np.exp(x.astype(np.float64) - np.max(x, axis=axis, keepdims=True))
    return [(exact / exact.sum(axis=axis, keepdims=True)).astype(x.dtype)]


def _softmax_grad_reference(y, g, axis):
    y64, g64 = y.astype(np.float64), g.astype(np.float64)
    return [(y64 * (g64 - (y64 * g64).sum(axis=axis, keepdims=True))).astype(y.dtype)]


def _log_softmax_reference(x, axis):
    shifted = x.astype(np.float64) - np.max(x, axis=axis, keepdims=True)
    return [(shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))).astype(x.dtype)]


def _log_softmax_gradient(node, g):
    axis = node.attributes["axis"]
    return [g - exp(node.outputs[0]) * ops.sum(g, axis=axis, keepdims=True)]


def _softmax_grad_gradient(node, d):
    """The gradient is linear in g, and y enters twice."""
    y, g = node.inputs
    axis = node.attributes["axis"]
    inner = ops.sum(y * g, axis=axis, keepdims=True)
    return [d * (g - inner) - g * ops.sum(d * y, axis=axis, keepdims=True), y * (d - ops.sum(
        d * y, axis=axis, keepdims=True))]


def _softmax_flops(inputs, outputs, attributes) -> int:
    return 5 * outputs[0].size


register(OpSpec("softmax", lambda inputs, axis: [inputs[0]], _softmax_reference,
                lambda node, g: [apply("softmax_grad", [node.outputs[0], g], axis=node.attributes["axis"])],
                _softmax_flops))
register(OpSpec("softmax_grad", lambda inputs, axis: [inputs[0]], _softmax_grad_reference, _softmax_grad_gradient,
                _softmax_flops))
register(OpSpec("log_softmax", lambda inputs, axis: [inputs[0]], _log_softmax_reference, _log_softmax_gradient,
                _softmax_flops))


def _over_axes(op, x, axis):
    x, shape = as_floating(x), shape_of(x)
    axes = normal_axes(axis, len(shape))
    if len(axes) == 1:
        return apply(op, [x], axis=axes[0])
    if any(shape[axis] is None for axis in axes) or shape.count(None) > 1:
        raise ArgumentError(f"Several axes of {op} must have known lengths. " + received(axis=axis, shape=shape))
    order = [i for i in range(len(shape)) if i not in axes] + list(axes)
    moved = ops.transpose(x, order)
    kept = [-1 if n is None else n for n in shape_of(moved)]
    flat = ops.reshape(moved, (*kept[:-len(axes)], math.prod(kept[-len(axes):])))
    y = ops.reshape(apply(op, [flat], axis=len(shape) - len(axes)), kept)
    return ops.transpose(y, [order.index(i) for i in range(len(shape))])


def softmax(x, axis=-1):
    """exp(x) divided by its sum along `axis` (one or several): numbers from 0 to 1 that sum to 1.

    Shapes: x with one axis or more; gives x's. Raises `ArgumentError` for an axis that x lacks.

    Example:
        >>> softmax([0.0, 0.0])
        array([0.5, 0.5], dtype=float32)
    """
    return _over_axes("softmax", x, axis)


def log_softmax(x, axis=-1):
    """The logarithm of softmax, exact also where softmax would be 0.

    Shapes: x with one axis or more; gives x's. Raises `ArgumentError` for an axis that x lacks.
    """
    return _over_axes("log_softmax", x, axis)


def sparsemax(x, axis=-1):
    """The nearest point to x of the simplex (numbers from 0 that sum to 1 along `axis`); many become exactly 0.

    Shapes: x with one axis or more; gives x's. Raises `ArgumentError` for an axis that x lacks. Source: Martins and
    Astudillo (2016), arXiv:1602.02068.
    """
    last = ops.moveaxis(as_floating(x), axis, -1)
    length = shape_of(last)[-1]
    ordered = ops.flip(ops.sort(last, axis=-1), axis=-1)
    total = ops.cumsum(ordered, axis=-1)
    position = np.arange(1, length + 1, dtype=np.float32)
    support = ops.greater(ordered * position + 1.0, total)
    size = ops.sum(ops.cast(support, dtype_of(last)), axis=-1, keepdims=True)
    level = (ops.sum(ops.where(support, ordered, 0.0), axis=-1, keepdims=True) - 1.0) / size
    return ops.moveaxis(relu(last - level), -1, axis)
