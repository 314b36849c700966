"""Lengths of vectors and matrices."""

from __future__ import annotations

import math

import numpy as np

from striate import ops
from striate.errors import ArgumentError, received
from striate.ops.algebra import svd
from striate.ops.broadcast import dtype_of, is_floating, shape_of
from striate.ops.reduce import normal_axes


def norm(x, ord=None, axis=None, keepdims=False):  # noqa: A002 - Keras' name
    """Lengths of vectors (one axis) or matrices (two axes); of all numbers as one vector when both are None.

    ord: None or "fro" (the root of the sum of squares). Of vectors: any number p, inf, -inf, 0 (how many are not 0).
    Of matrices: "nuc", inf, -inf (sums of rows), 1, -1 (of columns), 2, -2 (largest, smallest singular value).

    Shapes: x any; gives x's without the axes that `axis` names, or with length 1 there if `keepdims`.

    Raises:
        ArgumentError: for another `ord`, or more than two axes.

    Example:
        >>> float(norm([3.0, 4.0]))
        5.0
    """
    x = x if is_floating(dtype_of(x)) else ops.cast(x, "float32")
    rank = len(shape_of(x))
    if ord in (None, "euclidean") or (ord == "fro" and (axis is None or np.ndim(axis) == 1)):
        return ops.sqrt(ops.sum(ops.square(x), axis=axis, keepdims=keepdims))
    axes = tuple(axis) if isinstance(axis, (tuple, list)) else tuple(range(rank)) if axis is None else (axis,)
    axes = tuple(normal_axes(one, rank)[0] for one in axes)
    if len(axes) == 1 and not isinstance(ord, str):
        return _vector_norm(x, ord, axes[0], keepdims)
    if len(axes) == 2 and (ord in ("nuc", 1, -1, 2, -2) or abs(ord) == math.inf):
        return _matrix_norm(x, ord, axes, keepdims)
    raise ArgumentError("norm has no such `ord` for this many axes. " + received(ord=ord, axis=axis, shape=shape_of(x)))


def _vector_norm(x, ord, axis, keepdims):  # noqa: A002 - Keras' name
    size = ops.absolute(x)
    if ord == math.inf:
        return ops.max(size, axis=axis, keepdims=keepdims)
    if ord == -math.inf:
        return ops.min(size, axis=axis, keepdims=keepdims)
    if ord == 0:
        return ops.sum(ops.cast(ops.not_equal(x, 0), dtype_of(x)), axis=axis, keepdims=keepdims)
    if ord == 1:
        return ops.sum(size, axis=axis, keepdims=keepdims)
    if ord == 2:
        return ops.sqrt(ops.sum(ops.square(x), axis=axis, keepdims=keepdims))
    return ops.power(ops.sum(ops.power(size, float(ord)), axis=axis, keepdims=keepdims), 1.0 / float(ord))


def _matrix_norm(x, ord, axes, keepdims):  # noqa: A002 - Keras' name
    rows, columns = axes
    if ord in ("nuc", 2, -2):
        s = svd(ops.moveaxis(x, axes, (-2, -1)), compute_uv=False)
        y = {"nuc": ops.sum, 2: ops.max, -2: ops.min}[ord](s, axis=-1)
    else:
        summed = rows if abs(ord) == 1 else columns
        sums = ops.sum(ops.absolute(x), axis=summed, keepdims=True)
        y = (ops.max if ord > 0 else ops.min)(sums, axis=axes)
    return ops.expand_dims(y, axes) if keepdims else y
