"""Reductions that leave out NaN, and quantiles.

A slice that holds nothing but NaN has the sum 0, the product 1, and NaN as its mean, extremes and quantiles.
"""

from __future__ import annotations

import math

import numpy as np

from striate import ops
from striate.errors import ArgumentError, ShapeError, received
from striate.ops.broadcast import dtype_of, is_floating, shape_of
from striate.ops.reduce import normal_axes

_METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


def _known(x, instead: float):
    """x with a number in place of NaN; integers as they are."""
    return ops.where(ops.isnan(x), instead, x) if is_floating(dtype_of(x)) else x


def _count(x, axis, keepdims):
    """How many elements are not NaN; float32."""
    return ops.sum(ops.cast(ops.logical_not(ops.isnan(x)), "float32"), axis=axis, keepdims=keepdims)


def nansum(x, axis=None, keepdims=False):
    """The sum over `axis` without NaN.

    Shapes: x any; gives x's without the axes that `axis` names (None: all), or with length 1 there if `keepdims`.
    Raises `ArgumentError` for an axis that x lacks.

    Example:
        >>> float(nansum([1.0, float("nan")]))
        1.0
    """
    return ops.sum(_known(x, 0.0), axis=axis, keepdims=keepdims)


def nanprod(x, axis=None, keepdims=False):
    """The product over `axis` without NaN.

    Shapes: x any; gives x's without the axes that `axis` names (None: all), or with length 1 there if `keepdims`.
    Raises `ArgumentError` for an axis that x lacks.
    """
    return ops.prod(_known(x, 1.0), axis=axis, keepdims=keepdims)


def nanmean(x, axis=None, keepdims=False):
    """The mean over `axis` without NaN.

    Shapes: x any; gives x's without the axes that `axis` names (None: all), or with length 1 there if `keepdims`.
    Raises `ArgumentError` for an axis that x lacks.
    """
    return ops.divide(nansum(x, axis, keepdims), _count(x, axis, keepdims))


def nanvar(x, axis=None, keepdims=False):
    """The variance over `axis` without NaN.

    Shapes: x any; gives x's without the axes that `axis` names (None: all), or with length 1 there if `keepdims`.
    Raises `ArgumentError` for an axis that x lacks.
    """
    away = ops.square(ops.subtract(_known(x, 0.0), nanmean(x, axis, keepdims=True)))
    total = ops.sum(ops.where(ops.isnan(x), 0.0, away), axis=axis, keepdims=keepdims)
    return ops.divide(total, _count(x, axis, keepdims))


def nanstd(x, axis=None, keepdims=False):
    """The standard deviation over `axis` without NaN.

    Shapes: x any; gives x's without the axes that `axis` names (None: all), or with length 1 there if `keepdims`.
    Raises `ArgumentError` for an axis that x lacks.
    """
    return ops.sqrt(nanvar(x, axis, keepdims))


def _extreme(function, x, axis, keepdims, instead):
    found = function(_known(x, instead), axis=axis, keepdims=keepdims)
    if not is_floating(dtype_of(x)):
        return found
    return ops.where(ops.equal(_count(x, axis, keepdims), 0.0), math.nan, found)


def nanmax(x, axis=None, keepdims=False):
    """The largest element over `axis` that is not NaN.

    Shapes: x any; gives x's without the axes that `axis` names (None: all), or with length 1 there if `keepdims`.
    Raises `ArgumentError` for an axis that x lacks.
    """
    return _extreme(ops.max, x, axis, keepdims, -math.inf)


def nanmin(x, axis=None, keepdims=False):
    """The smallest element over `axis` that is not NaN.

    Shapes: x any; gives x's without the axes that `axis` names (None: all), or with length 1 there if `keepdims`.
    Raises `ArgumentError` for an axis that x lacks.
    """
    return _extreme(ops.min, x, axis, keepdims, math.inf)


def _place(function, x, axis, keepdims, instead):
    found = function(_known(x, instead), axis=axis, keepdims=keepdims)
    if not is_floating(dtype_of(x)):
        return found
    return ops.where(ops.equal(_count(x, axis, keepdims), 0.0), -1, found)


def nanargmax(x, axis=None, keepdims=False):
    """The position of the largest element that is not NaN, -1 where there is none; int32.

    Shapes: x any; gives x's without `axis` (None: of the flattened x), or with length 1 there if `keepdims`.
    """
    return _place(ops.argmax, x, axis, keepdims, -math.inf)


def nanargmin(x, axis=None, keepdims=False):
    """The position of the smallest element that is not NaN, -1 where there is none; int32.

    Shapes: x any; gives x's without `axis` (None: of the flattened x), or with length 1 there if `keepdims`.
    """
    return _place(ops.argmin, x, axis, keepdims, math.inf)


def nancumsum(x, axis=None, dtype=None):
    """Running sums along `axis`, NaN counted as 0.

    Shapes: x any; gives x's (flat for None). Numbers become `dtype`, when given.
    """
    return ops.cumsum(_known(x, 0.0), axis=axis, dtype=dtype)


def nancumprod(x, axis=None, dtype=None):
    """Running products along `axis`, NaN counted as 1.

    Shapes: x any; gives x's (flat for None). Numbers become `dtype`, when given.
    """
    return ops.cumprod(_known(x, 1.0), axis=axis, dtype=dtype)


# ---- quantiles -------------------------------------------------------------------------------------------------------

def _between(ordered, place, method: str):
    """The numbers at fractional places (..., 1) of ordered lines (..., n)."""
    low = ops.floor(place)
    share = ops.subtract(place, low)
    below = ops.take_along_axis(ordered, ops.cast(low, "int32"), axis=-1)
    above = ops.take_along_axis(ordered, ops.cast(ops.ceil(place), "int32"), axis=-1)
    if method == "linear":
        return below * (1.0 - share) + above * share
    if method == "midpoint":
        return (below + above) * 0.5
    if method == "nearest":
        return ops.where(ops.less_equal(share, 0.5), below, above)
    return below if method == "lower" else above


def _reduced_last(x, axis):
    """(x with the axes to be reduced as one, at the end; the axes)."""
    shape = shape_of(x)
    axes = normal_axes(axis, len(shape))
    kept = [i for i in range(len(shape)) if i not in axes]
    moved = ops.transpose(x, (*kept, *axes))
    length = math.prod(shape[i] for i in axes)
    return ops.reshape(moved, (*[-1 if shape[i] is None else shape[i] for i in kept], length)), axes


def _quantile(x, q, axis, method: str, keepdims, skip: bool):
    if method not in _METHODS:
        raise ArgumentError(f"`method` must be one of {_METHODS}. " + received(method=method))
    x = x if is_floating(dtype_of(x)) else ops.cast(x, "float32")
    lines, axes = _reduced_last(x, axis)
    if shape_of(lines)[-1] == 0 and 0 not in shape_of(lines)[:-1]:
        raise ShapeError("Quantiles of no numbers are not known. " + received(shape=shape_of(x), axis=axis))
    ordered = ops.sort(lines, axis=-1)
    unknown = ops.isnan(lines)
    count = ops.sum(ops.cast(ops.logical_not(unknown), "float32"), axis=-1, keepdims=True)
    bad = ops.equal(count, 0.0) if skip else ops.any(unknown, axis=-1, keepdims=True)
    results = []
    for share in np.asarray(q, np.float64).reshape(-1):
        place = ops.maximum(ops.multiply(ops.subtract(count, 1.0), float(share)), 0.0)
        y = ops.where(bad, math.nan, _between(ordered, place, method))
        if keepdims:
            shape = [1 if i in axes else n for i, n in enumerate(shape_of(x))]
            results.append(ops.reshape(y, [-1 if n is None else n for n in shape]))
        else:
            results.append(ops.squeeze(y, axis=-1))
    return ops.stack(results, axis=0) if np.ndim(q) else results[0]


def quantile(x, q, axis=None, method="linear", keepdims=False):
    """The numbers below which the shares `q` (one or a list, from 0 to 1) of the elements over `axis` lie.

    A list gives a new first axis. `method` says what holds between two elements: "linear", "lower", "higher",
    "midpoint" or "nearest". NaN gives NaN.

    Shapes: x any; gives x's without the axes that `axis` names (None: all), or with length 1 there if `keepdims`.

    Raises:
        ArgumentError: for another `method`.

    Example:
        >>> float(quantile([1.0, 2.0, 4.0], 0.5))
        2.0
    """
    return _quantile(x, q, axis, method, keepdims, skip=False)


def nanquantile(x, q, axis=None, method="linear", keepdims=False):
    """As `quantile`, without NaN.

    Args and shapes (x, q, axis, method, keepdims) as those of `quantile`.
    """
    return _quantile(x, q, axis, method, keepdims, skip=True)


def percentile(x, q, axis=None, method="linear", keepdims=False):
    """As `quantile`, with shares from 0 to 100.

    Args and shapes (x, q, axis, method, keepdims) as those of `quantile`.
    """
    return quantile(x, np.asarray(q, np.float64) / 100.0, axis, method, keepdims)


def nanpercentile(x, q, axis=None, method="linear", keepdims=False):
    """As `percentile`, without NaN.

    Args and shapes (x, q, axis, method, keepdims) as those of `quantile`.
    """
    return nanquantile(x, np.asarray(q, np.float64) / 100.0, axis, method, keepdims)


def nanmedian(x, axis=None, keepdims=False):
    """The median over `axis` without NaN.

    Shapes: x any; gives x's without the axes that `axis` names (None: all), or with length 1 there if `keepdims`.
    Raises `ArgumentError` for an axis that x lacks.
    """
    return nanquantile(x, 0.5, axis, "midpoint", keepdims)
