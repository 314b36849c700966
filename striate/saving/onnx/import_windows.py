"""Operators whose windows slide over an image: convolution, pooling, and what changes an image's size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from striate import layers, ops
from striate.ops import windows
from striate.ops.windows import extent
from striate.saving.onnx.builder import LAST, MAX_CONSTANT, Builder, Tensor, reads, sliced

Pairs = tuple[tuple[int, int], ...]
_LOWEST = float(np.finfo(np.float32).min)


def _kind(name: str, rank: int) -> type:
    """A layer class by name and number of axes, such as Conv2D."""
    return getattr(layers, name.format(rank))


def _rank(b: Builder, x: Tensor) -> int:
    rank = x.ndim - 2
    if rank not in (1, 2, 3):
        raise b.refuse("over one to three axes is read", shape=x.shape)
    return rank


def _amounts(b: Builder, lengths: Sequence[int | None], taps, strides, dilations) -> Pairs:
    """The padding of each axis that a node's attributes ask for."""
    rank, mode = len(taps), b.node.attributes.get("auto_pad", "NOTSET")
    if mode in ("NOTSET", ""):
        pads = b.node.attributes.get("pads") or (0,) * (2 * rank)
        if len(pads) != 2 * rank or min(pads) < 0 or max(pads) > 1 << 20:
            raise b.refuse("has impossible pads", pads=pads)
        return tuple((int(pads[axis]), int(pads[rank + axis])) for axis in range(rank))
    if mode == "VALID":
        return ((0, 0),) * rank
    if mode not in ("SAME_UPPER", "SAME_LOWER") or None in lengths:
        raise b.refuse("pads in a way that needs known lengths", auto_pad=mode, lengths=lengths)
    pairs = [windows.padding_amounts("same", length, size, stride, dilation)
             for length, size, stride, dilation in zip(lengths, taps, strides, dilations, strict=True)]
    return tuple(pair if mode == "SAME_UPPER" else (pair[1], pair[0]) for pair in pairs)


def _keras_padding(padding: Pairs, lengths, taps, strides, dilations) -> str | None:
    """Keras' word for these amounts; None if there is none."""
    if not any(map(any, padding)):
        return "valid"
    if all(length is not None or stride == 1 for length, stride in zip(lengths, strides, strict=True)):
        same = tuple(windows.padding_amounts("same", *axis)
                     for axis in zip(lengths, taps, strides, dilations, strict=True))
        if padding == same:
            return "same"
    return "causal" if len(taps) == 1 and padding == ((extent(taps[0], dilations[0]) - 1, 0),) else None


def padded(b: Builder, x: Any, padding: Pairs, value: float = 0.0) -> Any:
    """A tensor with its channels at the end, longer by the padding."""
    if not any(map(any, padding)):
        return x
    if value:
        return ops.pad(x, ((0, 0), *padding, (0, 0)), constant_values=value)
    return b.layer(_kind("ZeroPadding{}D", len(padding)), x, padding=padding[0] if len(padding) == 1 else padding)


def _geometry(b: Builder, taps: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(strides, dilations)."""
    found = []
    for name in ("strides", "dilations"):
        values = tuple(b.node.attributes.get(name) or (1,) * len(taps))
        if len(values) != len(taps) or min(values) < 1:
            raise b.refuse(f"has impossible {name}", given=values)
        found.append(values)
    return found[0], found[1]


# ---- convolutions ---------------------------------------------------------------------------------------------

def _inward(weights: Any) -> Any:
    """(out, in, ...) as striate has weights: (..., in, out)."""
    axes = (*range(2, len(weights.shape)), 1, 0)
    return weights.transpose(axes) if isinstance(weights, np.ndarray) else ops.transpose(weights, axes)


@reads("Conv")
def _convolution(b, node, x, weights, bias=None):
    x = b.tensor(x)
    rank, groups, taps = _rank(b, x), node.attributes.get("group", 1), tuple(weights.shape[2:])
    if len(taps) != rank or groups < 1 or weights.shape[0] % groups or x.shape[1] != weights.shape[1] * groups:
        raise b.refuse("has weights that do not fit its input", input=x.shape, weights=weights.shape, group=groups)
    if rank == 3 and groups > 1:
        raise b.refuse("of volumes in groups is not read", group=groups)
    strides, dilations = _geometry(b, taps)
    lengths = x.shape[2:]
    padding = _amounts(b, lengths, taps, strides, dilations)
    fixed = isinstance(weights, np.ndarray) and (bias is None or isinstance(bias, np.ndarray))
    if not fixed or (max(strides) > 1 and max(dilations) > 1):
        return _free_convolution(b, x, weights, bias, padding, strides=strides, dilation_rate=dilations)
    if bias is None:
        bias = b.bias_behind(weights.shape[0], rank)
    word = _keras_padding(padding, lengths, taps, strides, dilations)
    images = b.last(x) if word else padded(b, b.last(x), padding)
    how = {"strides": strides, "padding": word or "valid", "dilation_rate": dilations, "use_bias": bias is not None}
    kernel, ends = _inward(weights), [] if bias is None else [bias]
    channels = x.shape[1]
    if groups == channels > 1 and rank < 3 and len(set(strides)) == 1 and word != "causal":
        kernel = kernel.reshape(*taps, channels, weights.shape[0] // channels)
        y = b.layer(_kind("DepthwiseConv{}D", rank), images, [kernel, *ends], kernel_size=taps,
                    depth_multiplier=weights.shape[0] // channels, **how)
    else:
        y = b.layer(_kind("Conv{}D", rank), images, [kernel, *ends], filters=weights.shape[0], kernel_size=taps,
                    groups=groups, **how)
    return Tensor(y, LAST)


def _free_convolution(b: Builder, x: Tensor, weights, bias, padding: Pairs, **how) -> Tensor:
    """A convolution whose weights are computed as well."""
    y = ops.conv(padded(b, b.last(x), padding), _inward(b.natural(weights)), padding="valid", **how)
    return Tensor(y if bias is None else ops.add(y, b.natural(bias)), LAST)


@reads("ConvTranspose")
def _transposed_convolution(b, node, x, weights, bias=None):
    x = b.tensor(x)
    rank, groups, taps = _rank(b, x), node.attributes.get("group", 1), tuple(weights.shape[2:])
    if len(taps) != rank or groups < 1 or x.shape[1] != weights.shape[0] or weights.shape[0] % groups:
        raise b.refuse("has weights that do not fit its input", input=x.shape, weights=weights.shape, group=groups)
    strides, dilations = _geometry(b, taps)
    extra, cuts = _transposed_amounts(b, x.shape[2:], taps, strides, dilations)
    default = tuple(max(extent(size, dilation), stride) - extent(size, dilation)
                    for size, dilation, stride in zip(taps, dilations, strides, strict=True))
    images = b.last(x)
    if groups == 1 and isinstance(weights, np.ndarray) and (bias is None or isinstance(bias, np.ndarray)):
        if bias is None:
            bias = b.bias_behind(weights.shape[1], rank)
        same = [(windows.transposed_padding(size, stride, "same", dilation),
                 windows.transposed_length(length, size, stride, "same", dilation))
                for size, stride, dilation, length in zip(taps, strides, dilations, x.shape[2:], strict=True)]
        wanted = [None if length is None else (length - 1) * stride + extent(size, dilation) + more - sum(cut)
                  for length, stride, size, dilation, more, cut
                  in zip(x.shape[2:], strides, taps, dilations, extra, cuts, strict=True)]
        as_same = None not in wanted and same == list(zip(cuts, wanted, strict=True)) and any(map(any, cuts))
        y = b.layer(_kind("Conv{}DTranspose", rank), images, [_inward(weights), *([] if bias is None else [bias])],
                    filters=weights.shape[1], kernel_size=taps, strides=strides, dilation_rate=dilations,
                    padding="same" if as_same else "valid", use_bias=bias is not None,
                    output_padding=None if as_same or extra == default else extra)
        return Tensor(y if as_same else _cropped(b, y, cuts), LAST)
    parts, size = [], weights.shape[0] // groups
    for group in range(groups):
        part = slice(group * size, (group + 1) * size)
        kernel = sliced(b.natural(weights), {0: part})
        parts.append(ops.conv_transpose(sliced(images, {rank + 1: part}), _inward(kernel), strides, "valid", extra,
                                        dilation_rate=dilations))
    y = ops.concatenate(parts, axis=-1) if groups > 1 else parts[0]
    y = y if bias is None else ops.add(y, b.natural(bias))
    return Tensor(_cropped(b, y, cuts), LAST)


def _cropped(b: Builder, x: Any, cuts: Pairs) -> Any:
    if not any(map(any, cuts)):
        return x
    return b.layer(_kind("Cropping{}D", len(cuts)), x, cropping=cuts[0] if len(cuts) == 1 else cuts)


def _transposed_amounts(b: Builder, lengths, taps, strides, dilations) -> tuple[tuple[int, ...], Pairs]:
    """(how much longer the output is than its windows reach, what is cut off from it) for each axis."""
    rank, attributes = len(taps), b.node.attributes
    extra = list(attributes.get("output_padding") or (0,) * rank)
    if len(extra) != rank or min(extra) < 0 or max(extra) > max(*strides, *dilations):
        raise b.refuse("has an impossible output_padding", output_padding=extra)
    mode, wanted = attributes.get("auto_pad", "NOTSET"), attributes.get("output_shape")
    if wanted is None and mode in ("SAME_UPPER", "SAME_LOWER") and None not in lengths:
        wanted = [length * stride for length, stride in zip(lengths, strides, strict=True)]
    if wanted is None:
        return tuple(extra), _amounts(b, lengths, taps, strides, dilations)
    if None in lengths or len(wanted) not in (rank, rank + 2):
        raise b.refuse("with an output_shape needs known lengths", lengths=lengths, output_shape=wanted)
    cuts = []
    for axis, target in enumerate(wanted[-rank:]):
        total = strides[axis] * (lengths[axis] - 1) + extra[axis] + extent(taps[axis], dilations[axis]) - target
        extra[axis] += max(0, -total)
        half = max(0, total) // 2
        pair = (half, max(0, total) - half)
        cuts.append(pair if mode == "SAME_UPPER" else (pair[1], pair[0]))
    if max(extra) > 1 << 20:
        raise b.refuse("has an output that is too large", output_shape=wanted)
    return tuple(extra), tuple(cuts)


# ---- pooling --------------------------------------------------------------------------------------------------

def _pool_window(b: Builder, x: Tensor) -> tuple[tuple[int, ...], tuple[int, ...], Pairs, Pairs]:
    """(size, strides, padding, the same longer so that the last windows fit: `ceil_mode`)."""
    taps = tuple(b.node.attributes.get("kernel_shape") or ())
    if len(taps) != _rank(b, x) or min(taps) < 1:
        raise b.refuse("has an impossible window", kernel_shape=taps)
    strides, dilations = _geometry(b, taps)
    if max(dilations) > 1 or b.node.attributes.get("storage_order"):
        raise b.refuse("with dilations or another storage order is not read", dilations=dilations)
    padding = _amounts(b, x.shape[2:], taps, strides, dilations)
    if not b.node.attributes.get("ceil_mode"):
        return taps, strides, padding, padding
    if None in x.shape[2:]:
        raise b.refuse("with ceil_mode needs known lengths", shape=x.shape)
    longer = []
    lengths = [int(length or 0) for length in x.shape[2:]]
    for length, size, stride, (before, after) in zip(lengths, taps, strides, padding, strict=True):
        count = -(-(length + before + after - size) // stride) + 1
        count -= (count - 1) * stride >= length + before
        longer.append((before, max(after, (count - 1) * stride + size - length - before)))
    return taps, strides, padding, tuple(longer)


@reads("MaxPool")
def _max_pool(b, node, x):
    x = b.tensor(x)
    if len(node.outputs) > 1 and node.outputs[1]:
        raise b.refuse("with indices is not read")
    size, strides, _, padding = _pool_window(b, x)
    word = _keras_padding(padding, x.shape[2:], size, strides, (1,) * len(size))
    word = None if word == "causal" else word
    y = b.last(x) if word else padded(b, b.last(x), padding, _LOWEST)
    return Tensor(b.layer(_kind("MaxPooling{}D", len(size)), y, pool_size=size, strides=strides,
                          padding=word or "valid"), LAST)


@reads("AveragePool")
def _average_pool(b, node, x):
    x = b.tensor(x)
    size, strides, padding, longer = _pool_window(b, x)
    counts_padding = bool(node.attributes.get("count_include_pad", 0))
    word = _keras_padding(longer, x.shape[2:], size, strides, (1,) * len(size))
    if word == "valid" or word == "same" and padding == longer and not counts_padding:
        return Tensor(b.layer(_kind("AveragePooling{}D", len(size)), b.last(x), pool_size=size, strides=strides,
                              padding=word), LAST)
    y = b.layer(_kind("AveragePooling{}D", len(size)), padded(b, b.last(x), longer), pool_size=size, strides=strides)
    factors = _shares(b, x.shape[2:], size, strides, padding, longer, counts_padding)
    return Tensor(y if (factors == 1).all() else ops.multiply(y, factors), LAST)


def _shares(b: Builder, lengths, size, strides, padding: Pairs, longer: Pairs, counts_padding: bool) -> np.ndarray:
    """For each window its places divided by those that count: (1, ..., 1)."""
    if None in lengths or max(lengths) > MAX_CONSTANT:
        raise b.refuse("with padding needs known lengths", lengths=lengths)
    factors = np.ones((1,) * (len(size) + 2), np.float32)
    for axis, (length, taps, stride) in enumerate(zip(lengths, size, strides, strict=True)):
        before, after = longer[axis]
        line = np.zeros(length + before + after)
        low, high = padding[axis] if counts_padding else (0, 0)
        line[before - low:before + length + high] = 1
        counts = np.lib.stride_tricks.sliding_window_view(line, taps)[::stride].sum(-1)
        shape = [1] * factors.ndim
        shape[axis + 1] = -1
        factors = factors * (taps / np.maximum(counts, 1)).astype(np.float32).reshape(shape)
    return factors


@reads("LpPool")
def _lp_pool(b, node, x):
    x = b.tensor(x)
    size, strides, _, padding = _pool_window(b, x)
    power = node.attributes.get("p", 2)
    if power == 2 and len(size) == 2 and not any(map(any, padding)):
        return Tensor(b.layer(layers.LpPooling2D, b.last(x), pool_size=size, strides=strides), LAST)
    y = ops.power(ops.absolute(padded(b, b.last(x), padding)), float(power))
    y = ops.average_pool(y, size, strides, "valid")
    return Tensor(ops.power(ops.multiply(y, float(math.prod(size))), 1 / power), LAST)


_GLOBAL = {"GlobalAveragePool": "GlobalAveragePooling{}D", "GlobalMaxPool": "GlobalMaxPooling{}D"}


@reads(*_GLOBAL)
def _global_pool(b, node, x):
    x = b.tensor(x)
    return Tensor(b.layer(_kind(_GLOBAL[node.op], _rank(b, x)), b.last(x), keepdims=True), LAST)


@reads("GlobalLpPool")
def _global_lp_pool(b, node, x):
    x, power = b.tensor(x), float(node.attributes.get("p", 2))
    axes = tuple(range(1, x.ndim - 1))
    return Tensor(ops.power(ops.sum(ops.power(ops.absolute(b.last(x)), power), axis=axes, keepdims=True), 1 / power),
                  LAST)


@reads("LRN")
def _local_response(b, node, x):
    """x divided by (bias + alpha / size * sum of squares over neighbouring channels) ** beta."""
    x, size, channels = b.tensor(x), node.attributes["size"], b.tensor(x).shape[1]
    if channels is None or not 1 <= size <= 1 << 16 or channels * (channels + size) > MAX_CONSTANT:
        raise b.refuse("needs known channels and a size", shape=x.shape, size=size)
    images = b.last(x)
    before = (size - 1) // 2
    rank = x.ndim
    square = ops.pad(ops.square(images), ((0, 0),) * (rank - 1) + ((before, size - 1 - before),))
    band = np.zeros((channels + size - 1, channels), np.float32)
    for channel in range(channels):
        band[channel:channel + size, channel] = 1
    total = ops.matmul(square, band)
    scale = node.attributes.get("alpha", 1e-4) / size
    base = ops.add(ops.multiply(total, scale), node.attributes.get("bias", 1.0))
    return Tensor(ops.divide(images, ops.power(base, node.attributes.get("beta", 0.75))), LAST)
