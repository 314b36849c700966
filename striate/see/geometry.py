"""The windows of layers: which layers slide a window, how, and over which axes."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from striate.errors import ArgumentError, received
from striate.layers import conv, pool, wrapper
from striate.ops import windows

Pair = tuple[int, int]


@dataclass(frozen=True)
class Window:
    """A window over the spatial axes of a layer's input.

    kind: conv, depthwise, separable, transposed, max, average or l2. padding: (before, after) for each axis; of a
    transposed convolution that of the convolution whose gradient it is. lengths, outputs: of the spatial axes.
    """

    kind: str
    size: tuple[int, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple[Pair, ...]
    lengths: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def rank(self) -> int:
        return len(self.size)

    def starts(self, place: tuple[int, ...]) -> tuple[int, ...]:
        """Where the window of an output place begins, in input elements; negative in the padding."""
        return tuple(i * stride - before for i, stride, (before, _) in
                     zip(place, self.strides, self.padding, strict=True))

    def taps(self, place: tuple[int, ...]) -> list[tuple[tuple[int, ...], tuple[int, ...] | None]]:
        """(tap, input place or None in the padding) for an output place, in row-major order of the taps."""
        reached = ((tap, self.reached(place, tap)) for tap in np.ndindex(*self.size))
        return [(tap, at) for tap, at in reached if at is not None or self.kind != "transposed"]

    def reached(self, place: tuple[int, ...], tap: tuple[int, ...]) -> tuple[int, ...] | None:
        """The input element that one tap of the kernel meets for an output place; None for the padding or none."""
        if self.kind == "transposed":  # The input elements that paint this output element.
            reach = [o + before - t * d for o, (before, _), t, d in
                     zip(place, self.padding, tap, self.dilation, strict=True)]
            if any(r % s for r, s in zip(reach, self.strides, strict=True)):
                return None
            at = tuple(r // s for r, s in zip(reach, self.strides, strict=True))
        else:
            at = tuple(first + t * d for first, t, d in zip(self.starts(place), tap, self.dilation, strict=True))
        return at if all(0 <= i < n for i, n in zip(at, self.lengths, strict=True)) else None


def is_convolution(layer) -> bool:
    """Whether a layer has a kernel that slides."""
    return isinstance(layer, (conv.BaseConv, conv.BaseDepthwiseConv, conv.BaseConvTranspose))


def inside(layer) -> Any:
    """The layer at work in a wrapper: that of each step, or one whose kernel is divided; else the layer itself."""
    if isinstance(layer, wrapper.TimeDistributed):
        return inside(layer.layer)
    if isinstance(layer, wrapper.SpectralNormalization):
        divided = copy(layer.layer)
        object.__setattr__(divided, layer._word, np.asarray(layer.normalized_weights()[1]))
        return divided
    return layer


def kind_of(layer) -> str:
    """The class of a layer, with that of the layer inside of a wrapper."""
    name = type(layer).__name__
    return f"{name}({kind_of(layer.layer)})" if isinstance(layer, wrapper.Wrapper) else name


def is_separable(layer) -> bool:
    """Whether a layer is a depthwise convolution and a mixing of the channels in one."""
    return isinstance(layer, conv.BaseSeparableConv)


def window_of(layer, input_shape) -> Window | None:
    """The window of a layer for inputs of this shape (with the batch, lengths known); None if it has none."""
    if not (is_convolution(layer) or is_separable(layer) or isinstance(layer, pool.BasePooling)):
        return None
    first = layer.data_format == "channels_first"
    lengths = tuple(input_shape[2:] if first else input_shape[1:-1])
    if isinstance(layer, pool.BasePooling):
        kind = {"max_pool": "max", "average_pool": "average", "l2_pool": "l2"}[layer.function]
        size, dilation = layer.pool_size, (1,) * layer.rank
    else:
        size, dilation = layer.kernel_size, layer.dilation_rate
        kind = "depthwise" if isinstance(layer, conv.BaseDepthwiseConv) else "separable" if is_separable(layer) else \
            "transposed" if isinstance(layer, conv.BaseConvTranspose) else "conv"
    if kind == "transposed":
        extra = layer.output_padding or (None,) * layer.rank
        axes = list(zip(size, layer.strides, dilation, extra, strict=True))
        padding = tuple(windows.transposed_padding(n, s, layer.padding, d, e) for n, s, d, e in axes)
        outputs = tuple(windows.transposed_length(length, n, s, layer.padding, d, e)
                        for length, (n, s, d, e) in zip(lengths, axes, strict=True))
    else:
        axes4 = list(zip(lengths, size, layer.strides, dilation, strict=True))
        padding = tuple(windows.padding_amounts(layer.padding, *axis) for axis in axes4)
        outputs = tuple(windows.output_length(*axis, pad) for axis, pad in zip(axes4, padding, strict=True))
    return Window(kind, tuple(size), tuple(layer.strides), tuple(dilation), padding, lengths,
                  tuple(length or 0 for length in outputs))


def slid_by(layer, input_shape) -> Window:
    """The window of a layer that has one.

    Raises:
        ArgumentError: it has none.
    """
    window = window_of(layer, input_shape)
    if window is None:
        raise ArgumentError("This layer slides no single window over its input. "
                            + received(layer=layer.name, type=type(layer).__name__))
    return window


def slid_over(layer, shape) -> Window:
    """The window of a layer that has one, for an input of this shape without the batch, its channels last."""
    return slid_by(layer, (1, shape[-1], *shape[:-1]) if layer.data_format == "channels_first" else (1, *shape))


def channels_last(call, array: np.ndarray) -> np.ndarray:
    """What a call of a layer (or a tap) gives, with the channels as its last axis."""
    return np.moveaxis(array, 1, -1) if call.channels_first and array.ndim > 2 else array


def kernel_of(layer) -> Any:
    """The kernel as an array, float64: (*window, channels in, channels out).

    Of a separable convolution the product of its two kernels, which does the same in one sum.
    """
    if is_separable(layer):
        depth = np.asarray(layer.depthwise_kernel, np.float64)
        mixed = np.asarray(layer.pointwise_kernel, np.float64).reshape(*depth.shape[-2:], -1)
        return np.einsum("...cm,cmo->...co", depth, mixed)
    return np.asarray(layer.kernel, np.float64)


def activation_name(layer) -> str:
    """The name of a layer's activation; "linear" for none."""
    return getattr(getattr(layer, "activation", None), "__name__", "linear")
