"""Operators that sum: matrix products, normalisations, reductions, and searches along an axis."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from striate import layers, ops
from striate.saving.onnx.builder import LAST, NATURAL, Builder, Tensor, Value, plain, reads
from striate.saving.onnx.writer import last_order

# ---- products -------------------------------------------------------------------------------------------------


def _dense(b: Builder, x: Any, weights: np.ndarray, bias: np.ndarray | None) -> Tensor:
    return Tensor(b.layer(layers.Dense, x, [weights, *([] if bias is None else [bias])], units=weights.shape[1],
                          use_bias=bias is not None))


@reads("Gemm")
def _gemm(b, node, x, weights, bias=None):
    alpha, beta = node.attributes.get("alpha", 1.0), node.attributes.get("beta", 1.0)
    turned = node.attributes.get("transA", 0), node.attributes.get("transB", 0)
    fixed = isinstance(weights, np.ndarray) and (bias is None or isinstance(bias, np.ndarray))
    if fixed and isinstance(x, Tensor) and not turned[0]:
        matrix = weights.T if turned[1] else weights
        matrix = matrix if alpha == 1 else matrix * np.float32(alpha)
        if bias is None:
            return _dense(b, b.natural(x), matrix, None)
        if bias.size in (1, matrix.shape[1]) and bias.shape[-1:] in ((), (1,), matrix.shape[1:]):
            row = bias.reshape(-1) if bias.size == matrix.shape[1] else np.full(matrix.shape[1], bias.item())
            return _dense(b, b.natural(x), matrix, row if beta == 1 else row * np.float32(beta))
    parts = [ops.transpose(b.natural(part)) if turn else b.natural(part)
             for part, turn in zip((x, weights), turned, strict=True)]
    y = ops.matmul(*parts)
    y = y if alpha == 1 else ops.multiply(y, float(alpha))
    if bias is None:
        return Tensor(y)
    rest = b.natural(bias)
    return Tensor(ops.add(y, rest if beta == 1 else ops.multiply(rest, float(beta))))


@reads("MatMul")
def _matmul(b, node, x, y):
    if isinstance(y, np.ndarray) and y.ndim == 2 and isinstance(x, Tensor) and x.ndim >= 2:
        return _dense(b, b.natural(x), y, b.bias_behind(y.shape[1], 0))
    return plain(b, ops.matmul, x, y)


@reads("Einsum")
def _einsum(b, node, *values):
    equation = node.attributes["equation"].replace(" ", "")
    return Tensor(ops.einsum(equation, *(b.natural(value) for value in values)))


# ---- normalisation --------------------------------------------------------------------------------------------

def _by_channel(value: Value, rank: int, b: Builder) -> Any:
    """One number a channel, so that it broadcasts along axis 1."""
    return ops.reshape(b.natural(value), (-1, *(1,) * (rank - 2)))


def _scaled(x: Any, mean: Any, variance: Any, scale: Any, shift: Any, epsilon: float) -> Any:
    return (x - mean) * ops.rsqrt(variance + epsilon) * scale + shift


@reads("BatchNormalization")
def _batch_normalization(b, node, x, scale, shift, mean, variance):
    x, epsilon = b.tensor(x), node.attributes.get("epsilon", 1e-5)
    if node.attributes.get("training_mode") or any(node.outputs[1:]):
        raise b.refuse("in training mode is not read")
    numbers = [scale, shift, mean, variance]
    if all(isinstance(value, np.ndarray) for value in numbers):
        order = LAST if x.ndim > 2 else NATURAL
        return Tensor(b.layer(layers.BatchNormalization, b.form(x, order), numbers, epsilon=float(epsilon),
                              momentum=float(node.attributes.get("momentum", 0.9))), order)
    scale, shift, mean, variance = (_by_channel(value, x.ndim, b) for value in numbers)
    return Tensor(_scaled(b.natural(x), mean, variance, scale, shift, epsilon))


def _normalised_groups(b: Builder, x: Tensor, groups: int, scale: Value, shift: Value, epsilon: float) -> Tensor:
    """Each group of channels of each sample at mean 0 and variance 1, then scaled and shifted by channel."""
    if isinstance(scale, np.ndarray) and isinstance(shift, np.ndarray) and scale.shape == shift.shape == x.shape[1:2]:
        return Tensor(b.layer(layers.GroupNormalization, b.last(x), [scale, shift], groups=groups,
                              epsilon=float(epsilon)), LAST)
    lengths = tuple(-1 if length is None else length for length in x.shape)
    grouped = ops.reshape(b.natural(x), (lengths[0], groups, -1) if None not in x.shape else
                          (-1, groups, math.prod(length or 0 for length in x.shape[1:]) // groups))
    mean, variance = ops.moments(grouped, axes=[-1], keepdims=True)
    y = ops.reshape((grouped - mean) * ops.rsqrt(variance + epsilon), lengths)
    return Tensor(y * _by_channel(scale, x.ndim, b) + _by_channel(shift, x.ndim, b))


@reads("InstanceNormalization", "GroupNormalization")
def _group_normalization(b, node, x, scale, shift):
    x = b.tensor(x)
    if None in x.shape[1:]:
        raise b.refuse("needs known lengths", shape=x.shape)
    groups = node.attributes["num_groups"] if node.op == "GroupNormalization" else x.shape[1]
    if groups < 1 or x.shape[1] % groups:
        raise b.refuse("has groups that do not fit the channels", num_groups=groups, shape=x.shape)
    if scale.shape == (groups,) != (x.shape[1],) and isinstance(scale, np.ndarray):
        # Edition 18 has one number a group.
        scale, shift = (np.repeat(value, x.shape[1] // groups) for value in (scale, shift))
    return _normalised_groups(b, x, groups, scale, shift, node.attributes.get("epsilon", 1e-5))


@reads("LayerNormalization")
def _layer_normalization(b, node, x, scale, shift=None):
    x, epsilon = b.tensor(x), node.attributes.get("epsilon", 1e-5)
    axes = tuple(range(node.attributes.get("axis", -1) % x.ndim, x.ndim))
    lengths = tuple(x.shape[axis] for axis in axes)
    fixed = isinstance(scale, np.ndarray) and scale.shape == lengths and not any(node.outputs[1:])
    if fixed and axes[0] > 0 and (shift is None or isinstance(shift, np.ndarray) and shift.shape == lengths):
        return Tensor(b.layer(layers.LayerNormalization, b.natural(x), [scale, *([] if shift is None else [shift])],
                              axis=list(axes) if len(axes) > 1 else -1, epsilon=float(epsilon),
                              center=shift is not None))
    mean, variance = ops.moments(b.natural(x), axes=list(axes), keepdims=True)
    y = _scaled(b.natural(x), mean, variance, b.natural(scale), 0.0 if shift is None else b.natural(shift), epsilon)
    return [Tensor(y), Tensor(mean), Tensor(ops.rsqrt(variance + epsilon))]


@reads("LpNormalization")
def _lp_normalization(b, node, x):
    axis, power = node.attributes.get("axis", -1), node.attributes.get("p", 2)

    def normal(t):
        size = ops.sum(ops.absolute(t), axis, True) if power == 1 else ops.sqrt(ops.sum(ops.square(t), axis, True))
        return ops.divide(t, ops.where(ops.equal(size, 0.0), 1.0, size))
    return plain(b, normal, b.tensor(x))


@reads("MeanVarianceNormalization")
def _standardised(b, node, x):
    x = b.tensor(x)
    axes = [axis % x.ndim for axis in node.attributes.get("axes") or (0, 2, 3)]

    def normal(t):
        mean, variance = ops.moments(t, axes=axes, keepdims=True)
        return (t - mean) / (ops.sqrt(variance) + 1e-9)
    return plain(b, normal, x)


# ---- reductions -----------------------------------------------------------------------------------------------

_REDUCTIONS: dict[str, Any] = {
    "ReduceL1": lambda t, axis, keep: ops.sum(ops.absolute(t), axis, keep),
    "ReduceL2": lambda t, axis, keep: ops.sqrt(ops.sum(ops.square(t), axis, keep)),
    "ReduceLogSum": lambda t, axis, keep: ops.log(ops.sum(t, axis, keep)),
    "ReduceLogSumExp": lambda t, axis, keep: ops.logsumexp(t, axis, keep),
    "ReduceMax": lambda t, axis, keep: ops.max(t, axis, keep),
    "ReduceMean": lambda t, axis, keep: ops.mean(t, axis, keep),
    "ReduceMin": lambda t, axis, keep: ops.min(t, axis, keep),
    "ReduceProd": lambda t, axis, keep: ops.prod(t, axis, keep),
    "ReduceSum": lambda t, axis, keep: ops.sum(t, axis, keep),
    "ReduceSumSquare": lambda t, axis, keep: ops.sum(ops.square(t), axis, keep),
}


@reads(*_REDUCTIONS)
def _reduction(b, node, x, axes=None):
    x, keep = b.tensor(x), bool(node.attributes.get("keepdims", 1))
    given = node.attributes.get("axes") if axes is None else b.integers(axes, "axes")
    if not given and node.attributes.get("noop_with_empty_axes"):
        return x
    found = sorted(axis % x.ndim for axis in given or range(x.ndim))
    left = [axis for axis in range(x.ndim) if axis not in found]
    order = b.order_of(x)
    if order == LAST and not keep and [axis for axis in last_order(x.ndim) if axis in left] != left:
        order = NATURAL
    if order == LAST and found == list(range(2, x.ndim)) and node.op in ("ReduceMean", "ReduceMax"):
        kind = "GlobalAveragePooling" if node.op == "ReduceMean" else "GlobalMaxPooling"
        y = b.layer(getattr(layers, f"{kind}{x.ndim - 2}D"), b.last(x), keepdims=keep)
    else:
        y = _REDUCTIONS[node.op](b.form(x, order), tuple(b.place(axis, order, x.ndim) for axis in found), keep)
    return Tensor(y, order if keep else NATURAL)


@reads("ArgMax", "ArgMin")
def _extreme(b, node, x):
    x = b.tensor(x)
    axis, keep = node.attributes.get("axis", 0) % x.ndim, bool(node.attributes.get("keepdims", 1))
    function = ops.argmax if node.op == "ArgMax" else ops.argmin
    if node.attributes.get("select_last_index"):
        return plain(b, lambda t: x.shape[axis] - 1 - function(ops.flip(t, axis), axis=axis, keepdims=keep), x)
    return plain(b, lambda t: function(t, axis=axis, keepdims=keep), x)


@reads("CumSum")
def _running_sum(b, node, x, axis):
    place = int(b.array(axis, "axis").item())

    def running(t):
        turned = ops.flip(t, place) if node.attributes.get("reverse") else t
        total = ops.cumsum(turned, axis=place)
        total = ops.subtract(total, turned) if node.attributes.get("exclusive") else total
        return ops.flip(total, place) if node.attributes.get("reverse") else total
    return plain(b, running, b.tensor(x))


@reads("OneHot")
def _one_hot(b, node, indices, depth, values):
    count, ends = int(b.array(depth, "depth").item()), b.array(values, "values").ravel().tolist()
    if not 1 <= count <= 1 << 20:
        raise b.refuse("has too many classes", depth=count)

    def rows(t):
        places = ops.cast(ops.where(ops.less(t, 0), t + count, t), "int32")
        return ops.one_hot(places, count, axis=node.attributes.get("axis", -1)) * (ends[1] - ends[0]) + ends[0]
    return plain(b, rows, b.tensor(indices))


@reads("TopK")
def _top(b, node, x, count):
    x, number = b.tensor(x), b.integers(count, "k")[0]
    axis, smallest = node.attributes.get("axis", -1) % x.ndim, not node.attributes.get("largest", 1)
    if x.dtype not in ("float32", "int32") or x.shape[axis] is None or not 1 <= number <= x.shape[axis]:
        raise b.refuse("has an impossible k, or numbers of this type", k=number, dtype=x.dtype)
    turned = ops.moveaxis(b.natural(x), axis, -1)
    values, places = ops.top_k(ops.negative(turned) if smallest else turned, number, sorted=True)
    values = ops.negative(values) if smallest else values
    return [Tensor(ops.moveaxis(found, -1, axis)) for found in (values, places)]
