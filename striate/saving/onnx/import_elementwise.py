"""Operators that treat every element alike: arithmetic, comparisons, activations."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from striate import activations, layers, ops
from striate.layers.merging import Add, Average, Maximum, Minimum, Multiply, Subtract
from striate.saving.onnx.builder import LAST, Builder, Tensor, Value, reads

_UNARY: dict[str, Callable] = {
    "Abs": ops.absolute, "Acos": ops.arccos, "Acosh": ops.arccosh, "Asin": ops.arcsin, "Asinh": ops.arcsinh,
    "Atan": ops.arctan, "Atanh": ops.arctanh, "Ceil": ops.ceil, "Cos": ops.cos, "Cosh": ops.cosh, "Erf": ops.erf,
    "Exp": ops.exp, "Floor": ops.floor, "IsNaN": ops.isnan, "Log": ops.log, "Neg": ops.negative, "Not": ops.logical_not,
    "Reciprocal": ops.reciprocal, "Round": ops.round, "Sign": ops.sign, "Sin": ops.sin, "Sinh": ops.sinh,
    "Sqrt": ops.sqrt, "Tan": ops.tan,
}


@reads(*_UNARY)
def _unary(b, node, x):
    return b.elementwise(_UNARY[node.op], b.tensor(x))


_BINARY: dict[str, Callable] = {
    "Add": ops.add, "And": ops.logical_and, "Equal": ops.equal, "Greater": ops.greater,
    "GreaterOrEqual": ops.greater_equal, "Less": ops.less, "LessOrEqual": ops.less_equal, "Max": ops.maximum,
    "Min": ops.minimum, "Mul": ops.multiply, "Or": ops.logical_or, "Pow": ops.power, "Sub": ops.subtract,
    "Sum": ops.add, "Xor": ops.logical_xor,
}
_MERGING = {"Add": Add, "Max": Maximum, "Mean": Average, "Min": Minimum, "Mul": Multiply, "Sub": Subtract, "Sum": Add}


def _merged(b: Builder, values: tuple[Value, ...]) -> Tensor | None:
    """Tensors of one shape by a merging layer."""
    kind = _MERGING.get(b.node.op)
    tensors = [value for value in values if isinstance(value, Tensor)]
    if kind is None or len(tensors) != len(values) or len(values) < 2 or tensors[0].ndim < 2:
        return None
    if len({tensor.shape for tensor in tensors}) > 1 or {tensor.dtype for tensor in tensors} != {"float32"}:
        return None
    order = b.order_of(*tensors)
    return Tensor(b.layer(kind, [b.form(tensor, order) for tensor in tensors]), order)


@reads(*_BINARY, "Mean")
def _several(b, node, *values):
    if len(values) == 1:
        return values[0]
    merged = _merged(b, values)
    if merged is not None:
        return merged
    function = _BINARY.get(node.op, ops.add)
    result = values[0]
    for value in values[1:]:
        result = b.elementwise(function, result, value)
    return b.elementwise(lambda x: ops.divide(x, float(len(values))), result) if node.op == "Mean" else result


@reads("Div")
def _quotient(b, node, x, y):
    whole = all(np.dtype(value.dtype).kind in "iu" for value in (x, y))
    # Whole numbers are divided as in C: what is left over is dropped.
    return b.elementwise((lambda p, q: ops.cast(ops.trunc(ops.divide(p, q)), x.dtype)) if whole else ops.divide, x, y)


@reads("Mod")
def _remainder(b, node, x, y):
    if node.attributes.get("fmod"):
        return b.elementwise(lambda p, q: ops.subtract(p, ops.multiply(q, ops.trunc(ops.divide(p, q)))), x, y)
    return b.elementwise(ops.mod, x, y)


@reads("Where")
def _where(b, node, condition, x, y):
    return b.elementwise(ops.where, condition, x, y)


@reads("IsInf")
def _is_infinite(b, node, x):
    up, down = node.attributes.get("detect_positive", 1), node.attributes.get("detect_negative", 1)
    if up and down:
        return b.elementwise(ops.isinf, b.tensor(x))
    side = ops.greater if up else ops.less
    return b.elementwise(lambda t: ops.logical_and(ops.isinf(t), side(t, 0.0)), b.tensor(x))


# ---- activations ----------------------------------------------------------------------------------------------

_ACTIVATIONS = {"HardSwish": "hard_silu", "Mish": "mish", "Relu": "relu", "Sigmoid": "sigmoid", "Softplus": "softplus",
                "Softsign": "softsign", "Tanh": "tanh"}


def _activation(b: Builder, x: Value, name: str) -> Tensor:
    tensor = b.tensor(x)
    order = b.order_of(tensor)
    return Tensor(b.layer(layers.Activation, b.form(tensor, order), activation=name), order)


@reads(*_ACTIVATIONS)
def _named(b, node, x):
    return _activation(b, x, _ACTIVATIONS[node.op])


@reads("Swish")
def _swish(b, node, x):
    alpha = node.attributes.get("alpha", 1.0)
    return _activation(b, x, "silu") if alpha == 1 else b.elementwise(
        lambda t: ops.multiply(t, ops.sigmoid(ops.multiply(t, alpha))), b.tensor(x))


@reads("Gelu")
def _gelu(b, node, x):
    if node.attributes.get("approximate", "none") == "none":
        return _activation(b, x, "gelu")
    return b.elementwise(lambda t: ops.gelu(t, approximate=True), b.tensor(x))


@reads("Elu", "Celu")
def _elu(b, node, x):
    alpha = node.attributes.get("alpha", 1.0)
    if alpha == 1:
        return _activation(b, x, "elu")
    function = activations.elu if node.op == "Elu" else ops.celu
    return b.elementwise(lambda t: function(t, alpha), b.tensor(x))


@reads("Selu")
def _selu(b, node, x):
    alpha = node.attributes.get("alpha", 1.6732631921768188)
    gamma = node.attributes.get("gamma", 1.0507010221481323)
    if math.isclose(alpha, 1.6732632, rel_tol=1e-6) and math.isclose(gamma, 1.0507010, rel_tol=1e-6):
        return _activation(b, x, "selu")
    return b.elementwise(lambda t: ops.multiply(ops.elu(t, alpha), gamma), b.tensor(x))


@reads("LeakyRelu")
def _leaky_relu(b, node, x):
    tensor = b.tensor(x)
    order, slope = b.order_of(tensor), node.attributes.get("alpha", 0.01)
    if slope < 0:
        return b.elementwise(lambda t: ops.where(ops.greater_equal(t, 0.0), t, ops.multiply(t, slope)), tensor)
    return Tensor(b.layer(layers.LeakyReLU, b.form(tensor, order), negative_slope=float(slope)), order)


@reads("PRelu")
def _prelu(b, node, x, slope):
    tensor = b.tensor(x)
    per_channel = isinstance(slope, np.ndarray) and slope.ndim == tensor.ndim - 1 and tensor.ndim > 2 and slope.shape[0]
    if per_channel and slope.size == slope.shape[0] == tensor.shape[1]:
        alpha = slope.reshape((1,) * (tensor.ndim - 2) + (-1,))
        return Tensor(b.layer(layers.PReLU, b.last(tensor), [alpha], shared_axes=list(range(1, tensor.ndim - 1))), LAST)
    return b.elementwise(lambda t, s: ops.where(ops.greater_equal(t, 0.0), t, ops.multiply(t, s)), tensor, slope)


@reads("HardSigmoid")
def _hard_sigmoid(b, node, x):
    alpha, beta = node.attributes.get("alpha", 0.2), node.attributes.get("beta", 0.5)
    if math.isclose(alpha, 1 / 6, rel_tol=1e-6) and beta == 0.5:
        return _activation(b, x, "hard_sigmoid")
    return b.elementwise(lambda t: ops.clip(ops.add(ops.multiply(t, alpha), beta), 0.0, 1.0), b.tensor(x))


@reads("ThresholdedRelu")
def _thresholded(b, node, x):
    least = node.attributes.get("alpha", 1.0)
    return b.elementwise(lambda t: ops.where(ops.greater(t, least), t, 0.0), b.tensor(x))


@reads("Shrink")
def _shrink(b, node, x):
    border, bias = node.attributes.get("lambd", 0.5), node.attributes.get("bias", 0.0)
    return b.elementwise(lambda t: ops.where(ops.less(t, -border), ops.add(t, bias),
                                             ops.where(ops.greater(t, border), ops.subtract(t, bias), 0.0)),
                         b.tensor(x))


@reads("Clip")
def _clip(b, node, x, low=None, high=None):
    if b.opset < 11:
        low, high = (np.float32(node.attributes[name]) if name in node.attributes else None for name in ("min", "max"))
    ends = [end.item() if isinstance(end, (np.ndarray, np.generic)) else end for end in (low, high)]
    if ends == [0, None]:
        return _activation(b, x, "relu")
    if ends == [0, 6]:
        return _activation(b, x, "relu6")
    result: Any = x
    for end, function in zip((low, high), (ops.maximum, ops.minimum), strict=True):
        if end is not None:
            result = b.elementwise(function, result, np.asarray(end) if isinstance(end, np.generic) else end)
    return result


@reads("Cast", "CastLike")
def _cast(b, node, x, like=None):
    kind = np.dtype(like.dtype) if like is not None else dtype_of(b, node.attributes["to"])
    if isinstance(x, np.ndarray):
        return x.astype(kind)
    wanted = "float32" if kind.kind == "f" else "int32" if kind.kind in "iu" and kind.itemsize >= 4 else kind.name
    if b.tensor(x).dtype == wanted:
        return x
    return b.elementwise(lambda t: ops.cast(t, wanted), b.tensor(x))


def dtype_of(b: Builder, number: int) -> np.dtype:
    """NumPy's name for one of ONNX' types of numbers."""
    names = {1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool",
             10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 16: "float32"}
    if number not in names:
        raise b.refuse("asks for a type that is not read", to=number)
    return np.dtype(names[number])


# ---- along one axis -------------------------------------------------------------------------------------------

def _softmaxed(b: Builder, x: Value, function: Callable) -> Tensor:
    """Softmax along an axis; before edition 13 over all axes from there on."""
    tensor = b.tensor(x)
    axis = b.node.attributes.get("axis", 1 if b.opset < 13 else -1) % tensor.ndim
    if b.opset < 13 and axis != tensor.ndim - 1:
        images = b.natural(tensor)
        lead = [-1 if length is None else length for length in tensor.shape[:axis]]
        flat = function(ops.reshape(images, (*lead, -1 if None not in tensor.shape[:axis] else
                                             math.prod(tensor.shape[axis:]))), -1)
        return Tensor(ops.reshape(flat, tuple(-1 if length is None else length for length in tensor.shape)))
    order = b.order_of(tensor)
    place = b.place(axis, order, tensor.ndim)
    if function is ops.softmax:
        return Tensor(b.layer(layers.Softmax, b.form(tensor, order), axis=-1 if place == tensor.ndim - 1 else place),
                      order)
    return Tensor(function(b.form(tensor, order), place), order)


@reads("Softmax", "LogSoftmax")
def _softmax(b, node, x):
    return _softmaxed(b, x, ops.softmax if node.op == "Softmax" else ops.log_softmax)


@reads("Hardmax")
def _hardmax(b, node, x):
    def hardest(t, axis):
        return ops.one_hot(ops.argmax(t, axis=axis), t.shape[axis], axis=axis)
    return _softmaxed(b, x, hardest)


@reads("Identity", "Dropout")
def _identity(b, node, x, *unused):
    if len(node.outputs) > 1 and node.outputs[1]:
        raise b.refuse("with a mask is not read")
    if node.op == "Identity" or not isinstance(x, Tensor):
        return x
    if len(unused) > 1 and np.any(b.array(unused[1], "training_mode")):
        raise b.refuse("in training mode is not read")
    order = b.order_of(x)
    rate = float(np.clip(np.ravel(unused[0])[0] if unused and isinstance(unused[0], np.ndarray)
                         else node.attributes.get("ratio", 0.5), 0, 0.999))
    return Tensor(b.layer(layers.Dropout, b.form(x, order), rate=rate), order)


