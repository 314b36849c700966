"""The convolution lab: what another kernel size, stride, padding or dilation would give, with its size formula."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np

from striate import ops
from striate.engine import run_once
from striate.errors import ArgumentError, received
from striate.explore.session import Session, sliding
from striate.explore.views import by_filter, node_at
from striate.explore.wire import packed, planes
from striate.ops.windows import extent, output_length, padding_amounts
from striate.see import probe

LIMITS = {"size": (1, 11), "stride": (1, 6), "padding": (0, 10), "dilation": (1, 4)}


@dataclass(frozen=True)
class Setting:
    """What the sliders say. kernel: "own" (the layer's, cut or filled up with zeros) or a name of `KERNELS`."""

    size: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    kernel: str = "own"

    def __post_init__(self):
        for name, (low, high) in LIMITS.items():
            if not low <= getattr(self, name) <= high:
                raise ArgumentError(f"`{name}` must lie between {low} and {high}. "
                                    + received(**{name: getattr(self, name)}))
        if self.kernel not in ("own", *KERNELS):
            raise ArgumentError(f"`kernel` must be own, {', '.join(KERNELS)}. " + received(kernel=self.kernel))


def _mean(size: int) -> np.ndarray:
    return np.full((size, size), 1 / size ** 2)


def _blur(size: int) -> np.ndarray:
    row = np.array([comb(size - 1, i) for i in range(size)], float)
    return np.outer(row, row) / row.sum() ** 2


def _edges(size: int) -> np.ndarray:
    """A smoothed slope from left to right."""
    row = np.array([comb(size - 1, i) for i in range(size)], float)
    return np.outer(row / row.sum(), np.linspace(-1, 1, size) if size > 1 else np.zeros(1))


def _sharpen(size: int) -> np.ndarray:
    kernel = -_mean(size)
    kernel[size // 2, size // 2] += 2
    return kernel


KERNELS = {"mean": _mean, "blur": _blur, "vertical edges": _edges, "horizontal edges": lambda size: _edges(size).T,
           "sharpen": _sharpen}


def lab(session: Session, place: str, image: str, at: str, channel: int, filter: int, setting: Setting) \
        -> dict[str, Any]:
    """One input channel of a layer, a kernel, and what comes out: computed by the engine's definition of convolution.

    Every setting of the sliders would need a compiled kernel of its own; the definition (NumPy, summed in float64)
    needs none, and is what the compiled kernels are tested against.

    Raises:
        ArgumentError: no such layer or channel, or an input without places.
    """
    node = node_at(session, place)
    tap = session.taps(image, at)[node]
    inputs = np.asarray(probe.arrays(tap.inputs)[0])[0]
    inputs = np.moveaxis(inputs, 0, -1) if tap.fed_first and inputs.ndim > 1 else inputs
    kind, maps, _ = planes(inputs)
    if kind not in ("maps", "lines", "volume"):
        raise ArgumentError("The input of this layer has no places that a window could slide over. "
                            + received(layer=tap.name))
    if not 0 <= channel < len(maps):
        raise ArgumentError(f"The input has {len(maps)} channels, counted from 0. {received(channel=channel)}")
    x = maps[channel]
    kernel = _kernel(session, tap.layer, at, channel, filter, setting, is_line=kind == "lines")
    height, width = x.shape
    pads = ((0, 0) if kind == "lines" else (setting.padding,) * 2, (setting.padding,) * 2)
    steps = (1 if kind == "lines" else setting.stride, setting.stride)
    dilation = (1 if kind == "lines" else setting.dilation, setting.dilation)
    lengths = [output_length(n, k, s, d, p) for n, k, s, d, p in
               zip(x.shape, kernel.shape, steps, dilation, pads, strict=True)]
    found = {"x": packed(x), "kernel": packed(kernel), "kind": kind, "formulas": _formulas(x.shape, lengths, setting,
                                                                                            kind == "lines"),
             "same": sum(padding_amounts("same", width, setting.size, 1, setting.dilation)) // 2}
    if min(lengths) < 1:
        return {**found, "y": None}

    def convolve(image, weights):
        return ops.conv2d(image, weights, strides=steps, padding=pads, dilation=dilation)
    y = run_once(convolve, [x.reshape(1, height, width, 1), kernel.reshape(*kernel.shape, 1, 1)], "reference")
    return {**found, "y": packed(np.asarray(y)[0, :, :, 0])}


def _kernel(session: Session, layer, at: str, channel: int, filter: int, setting: Setting, is_line: bool) -> np.ndarray:
    size = setting.size
    shape = (1, size) if is_line else (size, size)
    if setting.kernel != "own":
        kernel = KERNELS[setting.kernel](size)
        return (kernel.sum(axis=0, keepdims=True) if is_line else kernel).astype(np.float32)
    if sliding(layer) is None:
        raise ArgumentError("This layer has no kernel of its own: choose another one. " + received(layer=layer.name))
    filters = by_filter(sliding(layer), session.weights(session.graph.names[layer], at))
    own = filters[min(max(filter, 0), len(filters) - 1)][channel % filters.shape[1]]
    kernel = np.zeros(shape, np.float32)
    places = [_middle(have, want) for have, want in zip(own.shape, shape, strict=True)]
    kernel[tuple(target for _, target in places)] = own[tuple(source for source, _ in places)]
    return kernel


def _middle(have: int, want: int) -> tuple[slice, slice]:
    """Which part of a line of length `have` goes where in one of length `want`, middle on middle."""
    size = min(have, want)
    source, target = (have - size) // 2, (want - size) // 2
    return slice(source, source + size), slice(target, target + size)


def _formulas(shape: tuple[int, ...], lengths: list[int], setting: Setting, is_line: bool) -> list[str]:
    rows = (("length", shape[1], lengths[1]),) if is_line else \
        (("height", shape[0], lengths[0]), ("width", shape[1], lengths[1]))
    reach = extent(setting.size, setting.dilation)
    found = [f"{name} = ⌊({n} + 2·{setting.padding} − {reach}) / {setting.stride}⌋ + 1 = "
             f"{(n + 2 * setting.padding - reach) // setting.stride + 1}" for name, n, _ in rows]
    if setting.dilation > 1:
        found.append(f"reach of the kernel = ({setting.size} − 1)·{setting.dilation} + 1 = {reach}")
    if min(lengths) < 1:
        found.append("The window does not fit into the padded input: nothing comes out.")
    return found
