"""Normalisation: batch norm and its gradient as ops, the other kinds as formulas of ops.

    batch_norm       y = gamma (x - mean) / sqrt(variance + epsilon) + beta
                     mean and variance (biased) over all axes but the last
                     with `activation` "relu" its relu, with `pool` (ph, pw) the largest of each window of that
    batch_norm_grad  xhat = (x - mean) / sqrt(variance + epsilon),  dbeta = sum g,  dgamma = sum g xhat
                     dx = gamma / sqrt(variance + epsilon) (g - dbeta / m - xhat dgamma / m), m rows
                     with `pool` g belongs to the places that won their windows
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, prod

import numpy as np

from striate import ops
from striate.errors import ShapeError, received
from striate.ops.broadcast import shape_of
from striate.ops.dispatch import apply
from striate.ops.linear import pooled_maximum, pooled_size, unpooled
from striate.ops.spec import OpSpec, TensorType, register

_EPSILON = 1e-7
"""Keras' default where a function is not told."""


def _check_channels(x: tuple, **vectors: tuple) -> None:
    if not x:
        raise ShapeError("Batch normalisation needs at least one axis, the channels. " + received(x=x))
    for name, shape in vectors.items():
        if len(shape) != 1 or (x[-1] is not None and shape[0] is not None and shape[0] != x[-1]):
            raise ShapeError(f"`{name}` must have shape ({x[-1]},), one number a channel (the last axis of x). "
                             + received(**{name: shape, "x": x}))


def _batch_norm_shape(inputs: Sequence[TensorType], epsilon: float, activation: str | None = None,
                      pool: tuple[int, int] | None = None, top: float = inf) -> list[TensorType]:
    x, gamma, beta = inputs
    _check_channels(x.shape, gamma=gamma.shape, beta=beta.shape)
    statistics = [TensorType(x.shape[-1:], x.dtype)] * 2
    if pool is None:
        return [x, *statistics]
    n, *size, c = x.shape
    y = TensorType((n, *pooled_size(size, (*pool, *pool)), c), x.dtype)
    return [y, *statistics, TensorType(y.shape, "uint8")]


def _batch_norm_reference(x, gamma, beta, epsilon, activation=None, pool=None, top=inf):
    rows = x.reshape(-1, x.shape[-1]).astype(np.float64)
    mean = rows.mean(axis=0)
    variance = np.square(rows - mean).mean(axis=0)
    y = ((rows - mean) * (gamma / np.sqrt(variance + epsilon)) + beta).reshape(x.shape).astype(x.dtype)
    winner = []
    if pool is not None:
        y, places = pooled_maximum(y, (*pool, *pool))
        winner = [places]
    if activation == "relu":
        y = np.clip(y, 0, np.asarray(top, y.dtype))
    return [y, mean.astype(x.dtype), variance.astype(x.dtype), *winner]


def _batch_norm_gradient(node, g, of_mean, of_variance, of_winner=None):
    x, gamma, _ = node.inputs
    y, mean, variance, *winner = node.outputs
    dx = dgamma = dbeta = None
    if g is not None:
        if node.attributes.get("activation") == "relu":
            g = apply("relu_grad", [g, y])
            top = node.attributes.get("top", inf)
            g = g if top == inf else ops.where(ops.less(y, top), g, 0.0)
        dx, dgamma, dbeta = apply("batch_norm_grad", [g, x, gamma, mean, variance, *winner],
                                  epsilon=node.attributes["epsilon"], masked=False, pool=node.attributes.get("pool"))
    count = prod(x.shape[:-1])
    if of_mean is not None:
        share = ops.broadcast_to(of_mean / float(count), x.shape)
        dx = share if dx is None else dx + share
    if of_variance is not None:
        share = (x - mean) * (of_variance * (2.0 / count))
        dx = share if dx is None else dx + share
    return [dx, dgamma, dbeta]


register(OpSpec("batch_norm", _batch_norm_shape, _batch_norm_reference, _batch_norm_gradient,
                lambda inputs, outputs, attributes: 6 * inputs[0].size))


def _batch_norm_grad_shape(inputs: Sequence[TensorType], epsilon: float, masked: bool = False,
                           pool: tuple[int, int] | None = None) -> list[TensorType]:
    g, x, gamma, mean, variance = inputs[:5]
    _check_channels(x.shape, gamma=gamma.shape, mean=mean.shape, variance=variance.shape)
    if len(g.shape) != len(x.shape):
        raise ShapeError("The gradient of a batch normalisation has the shape of x. "
                         + received(g=g.shape, x=x.shape))
    return [TensorType(x.shape, g.dtype), TensorType(gamma.shape, g.dtype), TensorType(gamma.shape, g.dtype)]


def _batch_norm_grad_reference(g, x, gamma, mean, variance, winner=None, *, epsilon, masked=False, pool=None):
    dtype = g.dtype
    if pool is not None:
        g = unpooled(g, winner, x.shape[1:3], (*pool, *pool))
    g_rows, x_rows = (array.reshape(-1, x.shape[-1]).astype(np.float64) for array in (g, x))
    scale = 1 / np.sqrt(variance.astype(np.float64) + epsilon)
    xhat = (x_rows - mean) * scale
    dbeta, dgamma = g_rows.sum(axis=0), (g_rows * xhat).sum(axis=0)
    dx = gamma * scale * (g_rows - (dbeta + xhat * dgamma) / len(x_rows))
    if masked:
        dx = np.where(x_rows > 0, dx, 0)
    return [dx.reshape(x.shape).astype(dtype), dgamma.astype(dtype), dbeta.astype(dtype)]


register(OpSpec("batch_norm_grad", _batch_norm_grad_shape, _batch_norm_grad_reference, None,
                lambda inputs, outputs, attributes: 10 * inputs[0].size))


def batch_norm(x, gamma, beta, epsilon: float):
    """Normalises each channel (the last axis) over the batch: the triple of y, mean and biased variance.

    Shapes: x (..., c), gamma and beta (c,); gives (..., c), (c,), (c,). Raises `ShapeError`.

    Source: Ioffe and Szegedy (2015), arXiv:1502.03167.

    Example:
        >>> y, mean, variance = batch_norm([[1.0], [3.0]], [1.0], [0.0], epsilon=0.0)
        >>> y.ravel().tolist(), mean.tolist(), variance.tolist()
        ([-1.0, 1.0], [2.0], [1.0])
    """
    return apply("batch_norm", [x, gamma, beta], epsilon=float(epsilon))


# ---- Keras' words -------------------------------------------------------------------------------------------

def _along(vector, axis: int, rank: int):
    """A vector shaped so that it broadcasts along `axis` of a tensor with `rank` axes."""
    after = rank - 1 - axis % rank
    return vector if after == 0 else ops.reshape(vector, (-1,) + (1,) * after)


def batch_normalization(x, mean, variance, axis: int, offset=None, scale=None, epsilon: float = 1e-3):
    """`(x - mean) / sqrt(variance + epsilon) * scale + offset` along `axis` (`keras.ops.batch_normalization`).

    Shapes: x any, of n elements along `axis`; the others (n,). Raises `ShapeError`.

    Example:
        >>> batch_normalization([[1.0, 4.0]], [1.0, 2.0], [1.0, 4.0], axis=-1, epsilon=0.0).tolist()
        [[0.0, 1.0]]
    """
    shape = shape_of(x)
    if not -len(shape) <= axis < len(shape):
        raise ShapeError(f"`axis` must name one of the {len(shape)} axes of x. " + received(axis=axis, x=shape))
    for name, vector in (("mean", mean), ("variance", variance), ("offset", offset), ("scale", scale)):
        if vector is not None and shape[axis] is not None and shape_of(vector) != (shape[axis],):
            raise ShapeError(f"`{name}` must have shape ({shape[axis]},), the length of axis {axis} of x. "
                             + received(**{name: shape_of(vector), "x": shape}))
    factor = ops.rsqrt(ops.add(variance, float(epsilon)))
    if scale is not None:
        factor = ops.multiply(factor, scale)
    shift = ops.negative(ops.multiply(mean, factor))
    if offset is not None:
        shift = ops.add(shift, offset)
    rank = len(shape)
    return ops.add(ops.multiply(x, _along(factor, axis, rank)), _along(shift, axis, rank))


def moments(x, axes, keepdims: bool = False, synchronized: bool = False):
    """Mean and biased variance over `axes` (`keras.ops.moments`).

    `synchronized` is accepted for Keras' sake: one process sees the whole batch.

    Shapes: x any; gives x's without `axes`, or with length 1 there if `keepdims`. Raises `ArgumentError` for an axis
    that x lacks.

    Example:
        >>> mean, variance = moments([1.0, 3.0], axes=[0])
        >>> float(mean), float(variance)
        (2.0, 1.0)
    """
    axes = (axes,) if isinstance(axes, int) else tuple(axes)
    mean = ops.mean(x, axis=axes, keepdims=True)
    variance = ops.mean(ops.square(ops.subtract(x, mean)), axis=axes, keepdims=keepdims)
    return (mean if keepdims else ops.squeeze(mean, axis=axes)), variance


def layer_normalization(x, gamma=None, beta=None, axis=-1, epsilon: float | None = None):
    """Each element's tensor normalised over `axis`, then scaled and shifted (`keras.ops.layer_normalization`).

    gamma and beta broadcast against x. `epsilon` is 1e-7 unless given.

    Shapes: x any; gives x's. Raises `ArgumentError` for an axis that x lacks. Source: Ba and others (2016),
    arXiv:1607.06450.

    Example:
        >>> layer_normalization([[1.0, 3.0]], epsilon=0.0).tolist()
        [[-1.0, 1.0]]
    """
    mean, variance = moments(x, axis, keepdims=True)
    factor = ops.rsqrt(ops.add(variance, _EPSILON if epsilon is None else float(epsilon)))
    y = ops.multiply(ops.subtract(x, mean), factor)
    y = y if gamma is None else ops.multiply(y, gamma)
    return y if beta is None else ops.add(y, beta)


def rms_normalization(x, scale=None, axis=-1, epsilon: float | None = None):
    """`x / sqrt(mean of x squared over axis + epsilon) * scale` (`keras.ops.rms_normalization`).

    scale broadcasts against x. `epsilon` is 1e-7 unless given.

    Shapes: x any; gives x's. Raises `ArgumentError` for an axis that x lacks. Source: Zhang and Sennrich (2019),
    arXiv:1910.07467.

    Example:
        >>> rms_normalization([3.0, 3.0], epsilon=0.0).tolist()
        [1.0, 1.0]
    """
    power = ops.mean(ops.square(x), axis=axis, keepdims=True)
    y = ops.multiply(x, ops.rsqrt(ops.add(power, _EPSILON if epsilon is None else float(epsilon))))
    return y if scale is None else ops.multiply(y, scale)
