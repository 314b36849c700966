"""striate's ops as ONNX nodes: one rule an op, looked up by name. What depends on weights alone is computed at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from striate.errors import ArgumentError, received
from striate.ops.windows import extent
from striate.saving.onnx.writer import (
    FIRST,
    NATURAL,
    GraphWriter,
    Symbol,
    first_order,
    last_order,
    reshaped_to,
)

Rule = Callable[[GraphWriter, Any, list[Symbol]], Symbol]
RULES: dict[str, Rule] = {}


def writes(*names: str) -> Callable[[Rule], Rule]:
    """Enters the rule of one or more ops: (writer, node, inputs) -> the node's first output."""
    def enter(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, rule))
        return rule
    return enter


# ---- ops that treat every element alike -------------------------------------------------------------------------

_ALIKE = {
    "absolute": "Abs", "add": "Add", "arccos": "Acos", "arccosh": "Acosh", "arcsin": "Asin", "arcsinh": "Asinh",
    "arctan": "Atan", "arctanh": "Atanh", "ceil": "Ceil", "cos": "Cos", "cosh": "Cosh", "divide": "Div",
    "equal": "Equal", "erf": "Erf", "exp": "Exp", "floor": "Floor", "greater": "Greater",
    "greater_equal": "GreaterOrEqual", "isinf": "IsInf", "isnan": "IsNaN", "less": "Less", "less_equal": "LessOrEqual",
    "log": "Log", "logical_and": "And", "logical_not": "Not", "logical_or": "Or", "logical_xor": "Xor",
    "maximum": "Max", "minimum": "Min", "multiply": "Mul", "negative": "Neg", "power": "Pow",
    "reciprocal": "Reciprocal", "relu": "Relu", "rint": "Round", "sigmoid": "Sigmoid", "sign": "Sign", "sin": "Sin",
    "sinh": "Sinh", "softplus": "Softplus", "sqrt": "Sqrt", "subtract": "Sub", "tan": "Tan", "tanh": "Tanh",
    "where": "Where",
}
_LOGICAL = frozenset({"logical_and", "logical_not", "logical_or", "logical_xor"})


def common_order(inputs: Sequence[Symbol], rank: int) -> str:
    """The order of axes that costs nothing: the channels first if a tensor of full rank is known only so."""
    moving = [symbol for symbol in inputs if symbol.constant is None]
    full = all(symbol.ndim in (0, rank) for symbol in moving)
    return FIRST if full and rank > 2 and any(NATURAL not in symbol.names for symbol in moving) else NATURAL


def operand(writer: GraphWriter, symbol: Symbol, order: str, rank: int) -> str:
    """The name of an operand that broadcasts to `rank` axes in the given order."""
    if order == NATURAL or symbol.ndim == 0:
        return writer.natural(symbol)
    if symbol.constant is not None and symbol.ndim < rank:
        shape = (1,) * (rank - symbol.ndim) + symbol.constant.shape
        if math.prod(symbol.constant.shape) == 1:
            return writer.array(symbol.constant.reshape(()), symbol.label)
        return writer.array(symbol.constant.reshape(shape).transpose(first_order(rank))[0], symbol.label)
    return writer.first(symbol)


def _cast(writer: GraphWriter, name: str, dtype: str) -> str:
    from onnx import helper

    return writer.node("Cast", [name], to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def _operands(writer: GraphWriter, node: Any, inputs: list[Symbol]) -> tuple[list[str], str]:
    """Names of the operands, all of one dtype, and the order of their axes."""
    rank = len(node.outputs[0].shape)
    order = common_order(inputs, rank)
    names = [operand(writer, symbol, order, rank) for symbol in inputs]
    if node.op in _LOGICAL:
        names = [name if symbol.dtype == "bool" else _cast(writer, name, "bool")
                 for name, symbol in zip(names, inputs, strict=True)]
    elif len(names) == 2:
        wanted = str(np.result_type(*(symbol.dtype for symbol in inputs)))
        if {symbol.dtype for symbol in inputs} == {"float32", "int32"}:
            wanted = "float32"
        names = [name if symbol.dtype == wanted else _cast(writer, name, wanted)
                 for name, symbol in zip(names, inputs, strict=True)]
    return names, order


@writes(*_ALIKE)
def _alike(writer, node, inputs):
    names, order = _operands(writer, node, inputs)
    return writer.symbol(node.outputs[0], _ALIKE[node.op], names, order)


_COMPOSED: dict[str, Callable[[Callable, Callable, list[str]], str]] = {
    # op -> how it is put together; `do(op, *names)` writes a node, `number(x)` a constant of the operands' type.
    "exp2": lambda do, number, x: do("Pow", number(2), x[0]),
    "expm1": lambda do, number, x: do("Sub", do("Exp", x[0]), number(1)),
    "floor_divide": lambda do, number, x: do("Floor", do("Div", *x)),
    "isfinite": lambda do, number, x: do("Not", do("Or", do("IsInf", x[0]), do("IsNaN", x[0]))),
    "log10": lambda do, number, x: do("Mul", do("Log", x[0]), number(1 / math.log(10))),
    "log1p": lambda do, number, x: do("Log", do("Add", x[0], number(1))),
    "log2": lambda do, number, x: do("Mul", do("Log", x[0]), number(1 / math.log(2))),
    "mod": lambda do, number, x: do("Sub", x[0], do("Mul", x[1], do("Floor", do("Div", *x)))),
    "not_equal": lambda do, number, x: do("Not", do("Equal", *x)),
    "rsqrt": lambda do, number, x: do("Reciprocal", do("Sqrt", x[0])),
    "square": lambda do, number, x: do("Mul", x[0], x[0]),
    "trunc": lambda do, number, x: do("Mul", do("Sign", x[0]), do("Floor", do("Abs", x[0]))),
}


@writes(*_COMPOSED)
def _composed(writer, node, inputs):
    names, order = _operands(writer, node, inputs)
    dtype = inputs[0].dtype
    name = _COMPOSED[node.op](lambda op, *parts: writer.node(op, parts), lambda value: writer.number(value, dtype),
                              names)
    return Symbol(node.outputs[0].shape, node.outputs[0].dtype, {order: name})


@writes("clip")
def _clip(writer, node, inputs):
    (x,) = inputs
    order = common_order(inputs, x.ndim)
    ends = [writer.number(node.attributes[name], x.dtype) for name in ("x_min", "x_max")]
    return writer.symbol(node.outputs[0], "Clip", [writer.in_order(x, order), *ends], order)


@writes("cast")
def _cast_rule(writer, node, inputs):
    (x,) = inputs
    order = common_order(inputs, x.ndim)
    dtype = node.outputs[0].dtype
    return Symbol(x.shape, dtype, {order: _cast(writer, writer.in_order(x, order), dtype)})


@writes("stop_gradient", "custom_gradient")
def _same(writer, node, inputs):
    return inputs[0]


# ---- ops along axes -------------------------------------------------------------------------------------------

def _place(axis: int, order: str, rank: int) -> int:
    """Where an axis of striate's is in the given order."""
    axis %= rank
    return axis if order == NATURAL else first_order(rank).index(axis)


_REDUCTIONS = {"max": "ReduceMax", "mean": "ReduceMean", "min": "ReduceMin", "prod": "ReduceProd", "sum": "ReduceSum"}


@writes(*_REDUCTIONS)
def _reduction(writer, node, inputs):
    (x,) = inputs
    axis, keepdims, rank = node.attributes["axis"], node.attributes["keepdims"], x.ndim
    axes = range(rank) if axis is None else (axis,) if isinstance(axis, int) else axis
    axes = sorted(axis % rank for axis in axes)
    left = [axis for axis in range(rank) if axis not in axes]
    order = common_order(inputs, rank)
    if order == FIRST and not keepdims and [axis for axis in first_order(rank) if axis in left] != left:
        order = NATURAL
    names = [writer.in_order(x, order), writer.integers(_place(axis, order, rank) for axis in axes)]
    return writer.symbol(node.outputs[0], _REDUCTIONS[node.op], names, order if keepdims else NATURAL,
                         keepdims=int(keepdims))


@writes("any", "all")
def _logical_reduction(writer, node, inputs):
    (x,) = inputs
    axis = node.attributes["axis"]
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    name = writer.node("ReduceMax" if node.op == "any" else "ReduceMin",
                       [_cast(writer, writer.natural(x), "int32"), writer.integers(axis % x.ndim for axis in axes)],
                       keepdims=int(node.attributes["keepdims"]))
    return Symbol(node.outputs[0].shape, "bool", {NATURAL: _cast(writer, name, "bool")})


@writes("softmax", "log_softmax")
def _softmax(writer, node, inputs):
    (x,) = inputs
    order = common_order(inputs, x.ndim)
    return writer.symbol(node.outputs[0], "Softmax" if node.op == "softmax" else "LogSoftmax",
                         [writer.in_order(x, order)], order, axis=_place(node.attributes["axis"], order, x.ndim))


@writes("argmax", "argmin")
def _extreme(writer, node, inputs):
    (x,) = inputs
    axis, keepdims = node.attributes["axis"], node.attributes["keepdims"]
    name = writer.natural(x)
    if axis is None:
        name, axis = writer.node("Reshape", [name, writer.integers([-1])]), 0
    name = writer.node("ArgMax" if node.op == "argmax" else "ArgMin", [name], axis=axis, keepdims=int(keepdims))
    return Symbol(node.outputs[0].shape, node.outputs[0].dtype, {NATURAL: _cast(writer, name, node.outputs[0].dtype)})


@writes("argsort")
def _argsort(writer, node, inputs):
    (x,) = inputs
    axis = node.attributes["axis"] % x.ndim
    count = writer.integers([x.shape[axis]])
    _, places = writer.node("TopK", [writer.natural(x), count], outputs=2, axis=axis, largest=0, sorted=1)
    return Symbol(x.shape, "int32", {NATURAL: _cast(writer, places, "int32")})


@writes("cumsum")
def _cumsum(writer, node, inputs):
    axis = writer.array(np.int64(node.attributes["axis"]), "axis")
    return writer.symbol(node.outputs[0], "CumSum", [writer.natural(inputs[0]), axis],
                         reverse=int(node.attributes["reverse"]))


@writes("concatenate")
def _concatenate(writer, node, inputs):
    rank = len(node.outputs[0].shape)
    order = common_order(inputs, rank)
    return writer.symbol(node.outputs[0], "Concat", [writer.in_order(x, order) for x in inputs], order,
                         axis=_place(node.attributes["axis"], order, rank))


@writes("pad")
def _pad(writer, node, inputs):
    (x,) = inputs
    order = common_order(inputs, x.ndim)
    axes = range(x.ndim) if order == NATURAL else first_order(x.ndim)
    mode = {"constant": "constant", "reflect": "reflect", "edge": "edge", "wrap": "wrap"}.get(node.attributes["mode"])
    if mode is None:
        raise ArgumentError("ONNX knows no such padding. " + received(mode=node.attributes["mode"]))
    widths = [node.attributes["pad_width"][axis] for axis in axes]
    pads = writer.integers([before for before, _ in widths] + [after for _, after in widths])
    names = [writer.in_order(x, order), pads]
    if mode == "constant":
        names.append(writer.number(node.attributes["constant_value"], x.dtype))
    return writer.symbol(node.outputs[0], "Pad", names, order, mode=mode)


def _cut(writer, x: Symbol, order: str, cuts: list[tuple[int, int, int, int]]) -> str:
    """Slices along axes, each (axis, start, stop, step)."""
    starts, stops, steps = ([cut[index] for cut in cuts] for index in (1, 2, 3))
    axes = [_place(cut[0], order, x.ndim) for cut in cuts]
    return writer.node("Slice", [writer.in_order(x, order), *(writer.integers(values)
                                                              for values in (starts, stops, axes, steps))])


@writes("slice")
def _slice(writer, node, inputs):
    (x,) = inputs
    order = common_order(inputs, x.ndim)
    cuts = []
    for axis, (start, stop, step) in enumerate(zip(*(node.attributes[name] for name in ("starts", "stops", "steps")),
                                                   strict=True)):
        length = x.shape[axis]
        if (start, step) != (0, 1) or (stop is not None and stop != length):
            cuts.append((axis, start, np.iinfo(np.int64).max if stop is None else stop, step))
    if not cuts:
        return x
    return Symbol(node.outputs[0].shape, x.dtype, {order: _cut(writer, x, order, cuts)})


@writes("flip")
def _flip(writer, node, inputs):
    (x,) = inputs
    order, axis = common_order(inputs, x.ndim), node.attributes["axis"]
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    lowest = np.iinfo(np.int64).min
    return Symbol(x.shape, x.dtype, {order: _cut(writer, x, order, [(axis, -1, lowest, -1) for axis in axes])})


@writes("take")
def _take(writer, node, inputs):
    x, indices = inputs
    axis = node.attributes["axis"]
    name = writer.natural(x)
    if axis is None:
        name, axis = writer.node("Reshape", [name, writer.integers([-1])]), 0
    places = writer.natural(indices)
    if indices.dtype not in ("int32", "int64"):
        places = _cast(writer, places, "int32")
    return writer.symbol(node.outputs[0], "Gather", [name, places], axis=axis)


@writes("take_along_axis")
def _take_along_axis(writer, node, inputs):
    return writer.symbol(node.outputs[0], "GatherElements", [writer.natural(x) for x in inputs],
                         axis=node.attributes["axis"])


@writes("one_hot")
def _one_hot(writer, node, inputs):
    dtype = node.outputs[0].dtype
    ends = writer.array(np.array([0, 1], "int32" if dtype == "bool" else dtype), "ends")
    name = writer.node("OneHot", [writer.natural(inputs[0]), writer.integers([node.attributes["num_classes"]]), ends],
                       axis=node.attributes["axis"])
    return Symbol(node.outputs[0].shape, dtype, {NATURAL: _cast(writer, name, dtype) if dtype == "bool" else name})


# ---- shapes ---------------------------------------------------------------------------------------------------

@writes("reshape")
def _reshape(writer, node, inputs):
    (x,) = inputs
    old, new = x.shape, node.outputs[0].shape
    if (common_order(inputs, x.ndim) == FIRST and len(new) > 2 and old[0] == new[0] and old[-1] == new[-1]
            and None not in old[1:] and math.prod(old[1:]) == math.prod(length or 0 for length in new[1:])):
        # Only axes between batch and channels change; they lie together in either order.
        shape = writer.integers(reshaped_to([new[axis] for axis in first_order(len(new))]))
        return writer.symbol(node.outputs[0], "Reshape", [writer.first(x), shape], FIRST)
    return writer.symbol(node.outputs[0], "Reshape", [writer.natural(x), writer.integers(reshaped_to(new))])


@writes("transpose")
def _transpose(writer, node, inputs):
    (x,) = inputs
    axes = tuple(axis % x.ndim for axis in node.attributes["axes"])
    shape = node.outputs[0].shape
    if x.ndim > 2 and axes == last_order(x.ndim) and NATURAL in x.names:
        return Symbol(shape, x.dtype, {FIRST: writer.natural(x)})
    if x.ndim > 2 and axes == first_order(x.ndim) and FIRST in x.names:
        return Symbol(shape, x.dtype, {NATURAL: writer.first(x)})
    return writer.symbol(node.outputs[0], "Transpose", [writer.natural(x)], perm=axes)


@writes("broadcast_to")
def _broadcast(writer, node, inputs):
    shape = [1 if length is None else length for length in node.outputs[0].shape]
    return writer.symbol(node.outputs[0], "Expand", [writer.natural(inputs[0]), writer.integers(shape)])


# ---- products -------------------------------------------------------------------------------------------------

@writes("dense")
def _dense(writer, node, inputs):
    x, weights, *bias = inputs
    rest = [writer.natural(item) for item in bias]
    if x.ndim == 2:
        y = writer.node("Gemm", [writer.natural(x), writer.natural(weights), *rest])
    else:
        y = writer.node("MatMul", [writer.natural(x), writer.natural(weights)])
        y = writer.node("Add", [y, *rest]) if rest else y
    if node.attributes["activation"] == "relu":
        y = writer.node("Relu", [y])
    return Symbol(node.outputs[0].shape, x.dtype, {NATURAL: y})


@writes("matmul")
def _matmul(writer, node, inputs):
    names = []
    for symbol, turned in zip(inputs, (node.attributes["transpose_a"], node.attributes["transpose_b"]), strict=True):
        name, rank = writer.natural(symbol), symbol.ndim
        names.append(writer.node("Transpose", [name], perm=(*range(rank - 2), rank - 1, rank - 2)) if turned else name)
    return writer.symbol(node.outputs[0], "MatMul", names)


# ---- windows --------------------------------------------------------------------------------------------------

def _pads(padding: Sequence[tuple[int, int]]) -> list[int]:
    """ONNX' order: all the amounts before, then all those behind."""
    return [before for before, _ in padding] + [after for _, after in padding]


def _weights(writer: GraphWriter, kernel: Symbol) -> str:
    """(..., in, out) as ONNX has weights: (out, in, ...)."""
    axes = (kernel.ndim - 1, kernel.ndim - 2, *range(kernel.ndim - 2))
    if kernel.constant is not None:
        return writer.array(kernel.constant.transpose(axes), kernel.label)
    return writer.node("Transpose", [writer.natural(kernel)], perm=axes)


def convolution(writer: GraphWriter, type: Any, x: Symbol, kernel: Symbol, bias: Symbol | None, *, strides, padding,
                dilation, groups: int = 1) -> Symbol:
    """A convolution over any number of axes; kernel (..., in / groups, out), padding one pair an axis."""
    names = [writer.first(x), _weights(writer, kernel), *([] if bias is None else [writer.natural(bias)])]
    return writer.symbol(type, "Conv", names, FIRST, strides=list(strides), pads=_pads(padding),
                         dilations=list(dilation), group=groups, kernel_shape=list(kernel.shape[:-2]))


def transposed(writer: GraphWriter, type: Any, x: Symbol, kernel: Symbol, bias: Symbol | None, *, strides, padding,
               dilation, groups: int = 1) -> Symbol:
    """A transposed convolution; kernel (..., out, in), padding that of the convolution whose gradient it is."""
    lengths, size = x.shape[1:-1], type.shape[1:-1]
    if None in (*lengths, *size):
        raise ArgumentError("A transposed convolution goes to ONNX only with known lengths of its input. "
                            + received(input_shape=x.shape))
    taps = kernel.shape[:-2]
    extra = [wanted - ((length - 1) * stride + extent(count, step) - sum(pad)) for wanted, length, stride, count, step,
             pad in zip(size, lengths, strides, taps, dilation, padding, strict=True)]
    names = [writer.first(x), _weights(writer, kernel), *([] if bias is None else [writer.natural(bias)])]
    return writer.symbol(type, "ConvTranspose", names, FIRST, strides=list(strides), pads=_pads(padding),
                         dilations=list(dilation), group=groups, kernel_shape=list(taps), output_padding=extra)


@writes("conv2d", "conv2d_input_grad")
def _convolution(writer, node, inputs):
    attributes = node.attributes
    if attributes["pool"] is not None or attributes["activation"] is not None or attributes.get("masked"):
        raise ArgumentError(f"A fused {node.op} cannot be written as ONNX.")
    geometry = {name: attributes[name] for name in ("strides", "padding", "dilation", "groups")}
    if node.op == "conv2d":
        return convolution(writer, node.outputs[0], *inputs[:2], inputs[2] if len(inputs) > 2 else None, **geometry)
    kernel, x = inputs
    return transposed(writer, node.outputs[0], x, kernel, None, **geometry)


def pooling(writer: GraphWriter, type: Any, op: str, x: Symbol, size, strides, padding) -> Symbol:
    """MaxPool, AveragePool or LpPool over any number of axes; padding does not count."""
    extra = {"AveragePool": {"count_include_pad": 0}, "LpPool": {"p": 2}}.get(op, {})
    return writer.symbol(type, op, [writer.first(x)], FIRST, kernel_shape=list(size), strides=list(strides),
                         pads=_pads(padding), **extra)


@writes("max_pool2d", "avg_pool2d")
def _pooling(writer, node, inputs):
    attributes = node.attributes
    return pooling(writer, node.outputs[0], "MaxPool" if node.op == "max_pool2d" else "AveragePool", inputs[0],
                   attributes["pool_size"], attributes["strides"], attributes["padding"])
