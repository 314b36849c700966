"""Windows of images as tensors of their own: patches with channels last (as Keras has them), and PyTorch's unfold and
fold with channels first. All are strided slices put together, so gradients follow from those.
"""

from __future__ import annotations

from itertools import product
from math import prod

from striate import ops
from striate.errors import ArgumentError, ShapeError, received
from striate.ops.allowance import spend_numbers
from striate.ops.broadcast import shape_of
from striate.ops.dispatch import apply
from striate.ops.windows import padding_amounts, per_axis


def _window_keys(counts, size, strides, dilation):
    """For each place of the window, row-major: the slice along each axis that holds it in every window."""
    spend_numbers(*size)
    for place in product(*map(range, size)):
        yield tuple(slice(p * d, p * d + (n - 1) * s + 1, s)
                    for p, n, s, d in zip(place, counts, strides, dilation, strict=True))


def _counts(lengths, size, strides, dilation) -> list[int]:
    return [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(lengths, size, strides, dilation, strict=True)]


def _patches(x, rank: int, size, strides, dilation_rate, padding: str, data_format):
    if len(shape_of(x)) == rank + 1:
        return ops.squeeze(_patches(ops.expand_dims(x, 0), rank, size, strides, dilation_rate, padding, data_format), 0)
    if len(shape_of(x)) != rank + 2 or padding not in ("valid", "same"):
        raise ArgumentError(f"Patches are cut of tensors of {rank + 1} or {rank + 2} axes, with padding 'valid' or "
                            "'same'. " + received(shape=shape_of(x), padding=padding))
    size = per_axis(size, rank, "size")
    strides = size if not strides else per_axis(strides, rank, "strides")
    dilation = per_axis(dilation_rate, rank, "dilation_rate")
    if data_format == "channels_first":
        last = _patches(ops.moveaxis(x, 1, -1), rank, size, strides, dilation, padding, None)
        return ops.moveaxis(last, -1, 1)
    pairs = [padding_amounts(padding, *axis) for axis in zip(shape_of(x)[1:-1], size, strides, dilation, strict=True)]
    if any(map(any, pairs)):
        x = ops.pad(x, [(0, 0), *pairs, (0, 0)])
    counts = _counts(shape_of(x)[1:-1], size, strides, dilation)
    return ops.concatenate([ops.get_item(x, (slice(None), *key))
                            for key in _window_keys(counts, size, strides, dilation)], axis=-1)


def extract_patches(images, size, strides=None, dilation_rate=1, padding="valid", data_format=None):
    """The pixels of each window as channels (`keras.ops.image.extract_patches`).

    Args:
        images: (n, h, w, c) or (h, w, c); with three numbers as `size` also volumes (n, d, h, w, c) or (d, h, w, c).
        size: of the windows, one number or one an axis.
        strides: from one window to the next, `size` by default.
        dilation_rate: the distance of neighbours inside a window.
        padding: "valid" or "same".
        data_format: "channels_last" (also None) or "channels_first".

    Returns:
        (n, rows, columns, height * width * c of the window), row-major.

    Example:
        >>> extract_patches(ops.ones((1, 6, 6, 3)), 3).shape
        (1, 2, 2, 27)
    """
    rank = 3 if isinstance(size, (tuple, list)) and len(size) == 3 else 2
    return _patches(images, rank, size, strides, dilation_rate, padding, data_format)


def extract_patches_3d(volumes, size, strides=None, dilation_rate=1, padding="valid", data_format=None):
    """As `extract_patches`, for volumes (n, d, h, w, c) or (d, h, w, c)."""
    return _patches(volumes, 3, size, strides, dilation_rate, padding, data_format)


# ---- PyTorch's layout --------------------------------------------------------------------------------------------

def unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    """The numbers of each window as a column: (n, c, h, w) to (n, c * height * width of the window, windows).

    `kernel_size`, `dilation`, `padding`, `stride`: in pixels, an integer or (rows, columns); padding is zeros at both
    ends.

    Raises:
        ShapeError: x has not four axes.

    Example:
        >>> unfold(ops.ones((1, 2, 4, 4)), 2, stride=2).shape
        (1, 8, 4)
    """
    if len(shape_of(x)) != 4:
        raise ShapeError("unfold takes images (batch, channels, height, width). " + received(shape=shape_of(x)))
    size, steps = per_axis(kernel_size, 2, "kernel_size"), per_axis(stride, 2, "stride")
    spread, rim = per_axis(dilation, 2, "dilation"), _rim(padding)
    x = ops.pad(x, [(0, 0), (0, 0), *[(n, n) for n in rim]]) if any(rim) else x
    counts = _counts(shape_of(x)[2:], size, steps, spread)
    parts = [ops.get_item(x, (slice(None), slice(None), *key)) for key in _window_keys(counts, size, steps, spread)]
    return ops.reshape(ops.stack(parts, axis=2), (-1, shape_of(x)[1] * prod(size), prod(counts)))


def _rim(padding) -> tuple[int, int]:
    return (padding, padding) if isinstance(padding, int) else tuple(padding)


def fold(x, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Columns added up where their windows lie, the reverse way of `unfold`: (n, c * kh * kw, windows) to (n, c, h, w).

    `output_size`: (h, w). `kernel_size`, `dilation`, `padding`, `stride` as in `unfold`.

    Raises:
        ShapeError: when x does not hold a column for each window.
    """
    size, steps = per_axis(kernel_size, 2, "kernel_size"), per_axis(stride, 2, "stride")
    spread, rim = per_axis(dilation, 2, "dilation"), _rim(padding)
    target = per_axis(output_size, 2, "output_size")
    wide = [n + 2 * pad for n, pad in zip(target, rim, strict=True)]
    counts = _counts(wide, size, steps, spread)
    n, rows, columns = shape_of(x)
    if rows % prod(size) or columns != prod(counts):
        raise ShapeError(f"fold needs x of shape (batch, channels * {prod(size)}, {prod(counts)}) for this size. "
                         + received(x=shape_of(x), output_size=target))
    channels = rows // prod(size)
    parts = ops.reshape(x, (-1, channels, prod(size), *counts))
    total = None
    for place, key in enumerate(_window_keys(counts, size, steps, spread)):
        part = ops.get_item(parts, (slice(None), slice(None), place))
        shape = (n, channels, *wide)
        cuts = [(0, n, 1), (0, channels, 1), *[(k.start, k.stop, k.step) for k in key]]
        starts, stops, strides = (tuple(c) for c in zip(*cuts, strict=True))
        part = apply("put_slice", [part], shape=shape, starts=starts, stops=stops, steps=strides)
        total = part if total is None else ops.add(total, part)
    (top, left), (height, width) = rim, target
    return ops.get_item(total, (slice(None), slice(None), slice(top, top + height), slice(left, left + width)))
