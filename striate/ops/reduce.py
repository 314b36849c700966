"""Reductions: sums, means, extremes and counts over axes, and running sums.

`axis` is None (all axes), an integer or a tuple; `keepdims=True` keeps each reduced axis with length 1.
Sums are taken in float64 by the references.
"""

from __future__ import annotations

import math

import numpy as np

from striate import ops
from striate.errors import ArgumentError, ShapeError, received
from striate.ops.broadcast import dtype_of, floating, is_floating, shape_of
from striate.ops.dispatch import apply
from striate.ops.spec import OpSpec, TensorType, register


def normal_axes(axis, rank: int) -> tuple[int, ...]:
    """`axis` (None, an integer or several) as a sorted tuple of non-negative integers.

    Raises:
        ArgumentError: for an axis that a tensor of this rank does not have, or one named twice.

    Example:
        >>> normal_axes(-1, 3), normal_axes(None, 2)
        ((2,), (0, 1))
    """
    if axis is None:
        return tuple(range(rank))
    axes = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    if [a for a in axes if not -rank <= a < rank]:
        raise ArgumentError(f"`axis` must lie between {-rank} and {rank - 1} for a tensor of {rank} axes. "
                            + received(axis=axis))
    found = tuple(sorted({int(a) % rank for a in axes}))
    if len(found) != len(axes):
        raise ArgumentError("`axis` must name each axis once. " + received(axis=axis))
    return found


def reduced_shape(shape: tuple, axes: tuple[int, ...], keepdims: bool) -> tuple:
    """The shape that is left when `axes` are reduced."""
    if keepdims:
        return tuple(1 if i in axes else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in axes)


def _sum_type(dtype: str) -> str:
    return "int32" if np.dtype(dtype).kind in "bui" and np.dtype(dtype).itemsize < 4 else dtype


def _shape_rule(result_type):
    def shape(inputs, axis, keepdims):
        return [TensorType(reduced_shape(inputs[0].shape, axis, keepdims), result_type(inputs[0].dtype))]
    return shape


def _reference(function, result_type, double: bool):
    def reference(x, axis, keepdims):
        with np.errstate(all="ignore"):
            y = function(x.astype(np.float64) if double and x.dtype.kind == "f" else x, axis=axis, keepdims=keepdims)
        return [np.asarray(y).astype(result_type(str(x.dtype)))]
    return reference


def _expanded(value, node):
    """A reduced tensor with the reduced axes back as axes of length 1."""
    return ops.reshape(value, reduced_shape(node.inputs[0].shape, node.attributes["axis"], True))


def _sum_gradient(node, g):
    return [ops.broadcast_to(_expanded(g, node), node.inputs[0].shape)]


def _mean_gradient(node, g):
    count = math.prod(node.inputs[0].shape[a] for a in node.attributes["axis"])
    return [ops.broadcast_to(_expanded(g, node) / float(count), node.inputs[0].shape)]


def _extreme_gradient(node, g):
    """Equal extremes share the gradient equally."""
    x = node.inputs[0]
    winners = ops.cast(ops.equal(x, _expanded(node.outputs[0], node)), g.dtype)
    count = sum(winners, axis=node.attributes["axis"], keepdims=True)
    return [winners * (_expanded(g, node) / count)]


def _prod_gradient(node, g):
    """g times the product of the others, also where a factor is zero: the product of what stays when the zeros are
    taken out, given to no element (two zeros), to the zero alone (one) or divided by each element (none)."""
    x, axis = node.inputs[0], node.attributes["axis"]
    zero = ops.cast(ops.equal(x, 0.0), g.dtype)
    count = sum(zero, axis=axis, keepdims=True)
    rest = prod(x + zero, axis=axis, keepdims=True)
    none = ops.where(ops.equal(count, 0.0), rest / (x + zero), 0.0)
    return [_expanded(g, node) * ops.where(ops.equal(count, 1.0), rest * zero, none)]


def _input_size(inputs, outputs, attributes) -> int:
    return inputs[0].size


def _same(dtype):
    return dtype


def _require_numbers(shape: tuple, axes: tuple[int, ...]) -> None:
    """Raises `ShapeError` where an extreme of no numbers is asked for."""
    if 0 in [shape[axis] for axis in axes] and 0 not in reduced_shape(shape, axes, False):
        raise ShapeError("The largest and the smallest of no numbers are not known: no axis that is reduced may have "
                         "the length 0. " + received(shape=shape, axis=axes))


def _extreme_shape(inputs, axis, keepdims):
    _require_numbers(inputs[0].shape, axis)
    return [TensorType(reduced_shape(inputs[0].shape, axis, keepdims), inputs[0].dtype)]


def _reduction(name, function, result_type, gradient, double=False):
    register(OpSpec(name, _shape_rule(result_type), _reference(function, result_type, double), gradient, _input_size))


_reduction("sum", np.sum, _sum_type, _sum_gradient, double=True)
_reduction("mean", np.mean, floating, _mean_gradient, double=True)
_reduction("prod", np.prod, _sum_type, _prod_gradient, double=True)
for _name, _function in (("max", np.max), ("min", np.min)):
    register(OpSpec(_name, _extreme_shape, _reference(_function, _same, False), _extreme_gradient, _input_size))
_reduction("any", np.any, lambda dtype: "bool", lambda node, g: [None])
_reduction("all", np.all, lambda dtype: "bool", lambda node, g: [None])


def _reduce(name, x, axis, keepdims):
    return apply(name, [x], axis=normal_axes(axis, len(shape_of(x))), keepdims=bool(keepdims))


def sum(x, axis=None, keepdims=False):  # noqa: A001 - Keras' name
    """The sum over `axis`; shape (a, b, c) with axis=1 gives (a, c).

    Shapes: x any; gives x's without the axes that `axis` names (None: all; an integer or several), or with length 1
    there if `keepdims`. Raises `ArgumentError` for an axis that x lacks, or one named twice.

    Floats are added in float64 by the reference; bools and integers of less than 32 bits give int32.

    Example:
        >>> float(sum([[1.0, 2.0], [3.0, 4.0]]))
        10.0
    """
    return _reduce("sum", x, axis, keepdims)


def mean(x, axis=None, keepdims=False):
    """The mean over `axis`; integers give float32.

    Shapes: x any; gives x's without the axes that `axis` names (None: all; an integer or several), or with length 1
    there if `keepdims`. Raises `ArgumentError` for an axis that x lacks, or one named twice.
    """
    return _reduce("mean", x, axis, keepdims)


def prod(x, axis=None, keepdims=False, dtype=None):
    """The product over `axis`, of numbers made `dtype` before when that is given.

    Shapes: x any; gives x's without the axes that `axis` names (None: all; an integer or several), or with length 1
    there if `keepdims`. Raises `ArgumentError` for an axis that x lacks, or one named twice.

    Bools and integers of less than 32 bits give int32.
    """
    return _reduce("prod", x if dtype is None else ops.cast(x, dtype), axis, keepdims)


def max(x, axis=None, keepdims=False, initial=None):  # noqa: A001 - Keras' name
    """The largest element over `axis`, at least `initial` when that is given.

    Shapes: x any; gives x's without the axes that `axis` names (None: all; an integer or several), or with length 1
    there if `keepdims`. Raises `ArgumentError` for an axis that x lacks, or one named twice.
    """
    y = _reduce("max", x, axis, keepdims)
    return y if initial is None else ops.maximum(y, initial)


def min(x, axis=None, keepdims=False, initial=None):  # noqa: A001 - Keras' name
    """The smallest element over `axis`, at most `initial` when that is given.

    Shapes: x any; gives x's without the axes that `axis` names (None: all; an integer or several), or with length 1
    there if `keepdims`. Raises `ArgumentError` for an axis that x lacks, or one named twice.
    """
    y = _reduce("min", x, axis, keepdims)
    return y if initial is None else ops.minimum(y, initial)


amax, amin = max, min


def any(x, axis=None, keepdims=False):  # noqa: A001 - Keras' name
    """Whether one element over `axis` is non-zero.

    Shapes: x any; gives x's without the axes that `axis` names (None: all; an integer or several), or with length 1
    there if `keepdims`. Raises `ArgumentError` for an axis that x lacks, or one named twice.
    """
    return _reduce("any", x, axis, keepdims)


def all(x, axis=None, keepdims=False):  # noqa: A001 - Keras' name
    """Whether every element over `axis` is non-zero.

    Shapes: x any; gives x's without the axes that `axis` names (None: all; an integer or several), or with length 1
    there if `keepdims`. Raises `ArgumentError` for an axis that x lacks, or one named twice.
    """
    return _reduce("all", x, axis, keepdims)


def count_nonzero(x, axis=None):
    """How many elements over `axis` are not zero; int32.

    Shapes: x any; gives x's without the axes that `axis` names (None: all). Raises `ArgumentError` for an axis that x
    lacks.
    """
    return sum(ops.not_equal(x, 0), axis=axis)


def var(x, axis=None, keepdims=False):
    """The variance over `axis`: the mean square of the distances from the mean.

    Shapes: x any; gives x's without the axes that `axis` names (None: all; an integer or several), or with length 1
    there if `keepdims`. Raises `ArgumentError` for an axis that x lacks, or one named twice.

    Divided by the number of elements, not by one less.
    """
    centred = ops.subtract(x, mean(x, axis=axis, keepdims=True))
    return mean(ops.square(centred), axis=axis, keepdims=keepdims)


def std(x, axis=None, keepdims=False):
    """The standard deviation over `axis`: the root of the variance.

    Shapes: x any; gives x's without the axes that `axis` names (None: all; an integer or several), or with length 1
    there if `keepdims`. Raises `ArgumentError` for an axis that x lacks, or one named twice.

    Divided by the number of elements, not by one less.
    """
    return ops.sqrt(var(x, axis=axis, keepdims=keepdims))


def logsumexp(x, axis=None, keepdims=False):
    """log(sum(exp(x))) over `axis`, without overflow.

    Shapes: x any; gives x's without the axes that `axis` names (None: all; an integer or several), or with length 1
    there if `keepdims`. Raises `ArgumentError` for an axis that x lacks, or one named twice.
    """
    largest = ops.stop_gradient(max(x, axis=axis, keepdims=True))
    largest = ops.where(ops.isfinite(largest), largest, 0.0)
    total = ops.log(sum(ops.exp(ops.subtract(x, largest)), axis=axis, keepdims=True)) + largest
    shape = reduced_shape(shape_of(x), normal_axes(axis, len(shape_of(x))), bool(keepdims))
    return ops.reshape(total, [-1 if n is None else n for n in shape])


# ---- positions of extremes ------------------------------------------------------------------------------------

def _position_shape(inputs, axis, keepdims):
    _require_numbers(inputs[0].shape, (axis,))
    return [TensorType(reduced_shape(inputs[0].shape, (axis,), keepdims), "int32")]


def _position(name, function):
    def reference(x, axis, keepdims):
        return [np.asarray(function(x, axis=axis, keepdims=keepdims)).astype(np.int32)]
    register(OpSpec(name, _position_shape, reference, lambda node, g: [None], _input_size))


_position("argmax", np.argmax)
_position("argmin", np.argmin)


def _positions(name, x, axis, keepdims):
    shape = shape_of(x)
    if axis is None:
        flat = apply(name, [ops.reshape(x, (-1,))], axis=0, keepdims=False)
        return ops.reshape(flat, (1,) * len(shape)) if keepdims else flat
    return apply(name, [x], axis=normal_axes(axis, len(shape))[0], keepdims=bool(keepdims))


def argmax(x, axis=None, keepdims=False):
    """The position of the largest element along `axis` (None: of the flattened tensor), the earliest of equals; int32.

    Shapes: x any; gives x's without `axis`, or with length 1 there if `keepdims`. Raises `ArgumentError` for an axis
    that x lacks.

    Example:
        >>> int(argmax([3.0, 9.0, 9.0]))
        1
    """
    return _positions("argmax", x, axis, keepdims)


def argmin(x, axis=None, keepdims=False):
    """The position of the smallest element along `axis` (None: flattened), the earliest of equals; int32.

    Shapes: x any; gives x's without `axis`, or with length 1 there if `keepdims`. Raises `ArgumentError` for an axis
    that x lacks.
    """
    return _positions("argmin", x, axis, keepdims)


# ---- running sums and weighted means --------------------------------------------------------------------------

def _running_type(dtype: str) -> str:
    return "int32" if dtype == "bool" else dtype


def _cumsum_reference(x, axis, reverse):
    x = np.flip(x, axis) if reverse else x
    y = np.cumsum(x.astype(np.float64) if is_floating(x.dtype) else x, axis=axis).astype(_running_type(str(x.dtype)))
    return [np.flip(y, axis) if reverse else y]


def _cumsum_shape(inputs, axis, reverse):
    return [TensorType(inputs[0].shape, _running_type(inputs[0].dtype))]


def _cumsum_gradient(node, g):
    return [apply("cumsum", [g], axis=node.attributes["axis"], reverse=not node.attributes["reverse"])]


register(OpSpec("cumsum", _cumsum_shape, _cumsum_reference, _cumsum_gradient, _input_size))


def cumsum(x, axis=None, dtype=None):
    """Running sums along `axis`, or of the flattened tensor when None; the result has x's shape (flat for None).

    Shapes: x any. Numbers become `dtype` before, when given. Raises `ArgumentError` for an axis that x lacks.
    """
    x = x if dtype is None else ops.cast(x, dtype)
    if axis is None:
        x, axis = ops.reshape(x, (-1,)), 0
    return apply("cumsum", [x], axis=normal_axes(axis, len(shape_of(x)))[0], reverse=False)


def average(x, axis=None, weights=None):
    """The mean over `axis`, weighted by `weights` (a shape that broadcasts with x) when given.

    Shapes: x any; gives x's without the axes that `axis` names (None: all). Raises `ShapeError` when the weights do not
    broadcast.
    """
    if weights is None:
        return mean(x, axis=axis)
    weights = ops.cast(weights, floating(dtype_of(weights)))
    return sum(ops.multiply(x, weights), axis=axis) / sum(ops.multiply(ops.ones_like(x), weights), axis=axis)
