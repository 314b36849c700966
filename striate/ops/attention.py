"""Attention as a function: softmax of products of queries and keys, applied to values."""

from __future__ import annotations

import math

import numpy as np

from striate import ops
from striate.errors import ArgumentError, ShapeError, received
from striate.ops.broadcast import dtype_of, shape_of

_FAR_BELOW = -0.7 * float(np.finfo(np.float32).max)
"""What stands for minus infinity: a row without any key then gives equal weights and not NaN."""


def dot_product_attention(query, key, value, bias=None, mask=None, scale=None, is_causal=False, flash_attention=None,
                          attn_logits_soft_cap=None):
    """For each query the mean of the values, weighted by softmax(query . key * scale + bias).

    Args:
        query: (n, t, heads, depth). key: (n, s, key_heads, depth), value: (n, s, key_heads, width), where `heads` is
            key_heads or a multiple: neighbouring heads share keys.
        bias, mask: broadcast to (n, heads, t, s); where mask is False no value is read.
        scale: 1 / sqrt(depth) by default.
        is_causal: whether query t reads the keys up to t only.
        flash_attention, attn_logits_soft_cap: for other processors than these; None or False.

    Returns:
        (n, t, heads, width).

    Raises:
        ShapeError: an argument has not four axes, or the heads do not fit. ArgumentError: the last two arguments.

    Example:
        >>> one = np.ones((1, 2, 1, 3), np.float32)
        >>> dot_product_attention(one, one, one).shape
        (1, 2, 1, 3)
    """
    if flash_attention or attn_logits_soft_cap is not None:
        raise ArgumentError("`flash_attention` and `attn_logits_soft_cap` are for GPU and TPU: leave them out. "
                            + received(flash_attention=flash_attention, attn_logits_soft_cap=attn_logits_soft_cap))
    shapes = [shape_of(tensor) for tensor in (query, key, value)]
    if any(len(shape) != 4 for shape in shapes) or shapes[0][2] % shapes[1][2] or shapes[1][2] != shapes[2][2]:
        raise ShapeError("Attention needs query, key and value of four axes (batch, length, heads, depth), with as "
                         "many heads in query as in key, or a multiple. "
                         + received(query=shapes[0], key=shapes[1], value=shapes[2]))
    (_, length, heads, depth), (_, keys, key_heads, _) = shapes[:2]
    if heads != key_heads:
        key, value = (ops.repeat(tensor, heads // key_heads, axis=2) for tensor in (key, value))
    scores = ops.multiply(ops.einsum("btnh,bsnh->bnts", query, key), scale or 1.0 / math.sqrt(depth))
    scores = scores if bias is None else ops.add(scores, bias)
    allowed = None if mask is None else ops.cast(mask, "bool") if dtype_of(mask) != "bool" else mask
    if is_causal:
        before = np.tri(length, keys, dtype=bool)
        allowed = before if allowed is None else ops.logical_and(allowed, before)
    if allowed is not None:
        scores = ops.where(allowed, scores, _FAR_BELOW)
    return ops.einsum("bnts,bsnh->btnh", ops.softmax(scores, axis=-1), value)
