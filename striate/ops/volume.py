"""Volumes (batch, depth, height, width, channels): convolution and pooling made of the ops for images.

A window over a volume is a window over images, repeated along the depth. The images that meet one output slice are
put behind one another as channels, so that a convolution over a volume is one `conv2d` with depth * channels input
channels; a pooling pools every image and then the depth. Nothing is computed twice, and gradients follow.
"""

from __future__ import annotations

from striate import ops
from striate.errors import ShapeError, received
from striate.ops import windows
from striate.ops.dispatch import apply
from striate.ops.linear import conv2d, conv2d_input_grad


def _known(inputs) -> tuple[int, ...]:
    """(depth, height, width, channels), which must all be known."""
    rest = tuple(inputs.shape[1:])
    if None in rest:
        raise ShapeError("Depth, height, width and channels of a volume must be known. "
                         + received(inputs=tuple(inputs.shape)) + ". Give the input shape in full.")
    return rest


def _tap(x, tap: int, count: int, stride: int, dilation: int):
    """The slices of x (along axis 1) that the tap-th slice of the window meets."""
    first = tap * dilation
    return ops.get_item(x, (slice(None), slice(first, first + (count - 1) * stride + 1, stride)))


def conv_volume(x, w, strides, padding, dilation):
    """Convolution of a volume.

    x: (n, d, h, w, c); w: (kd, kh, kw, c / groups, filters); strides, dilation: three integers; padding: a word.
    Gives (n, od, oh, ow, filters).
    """
    shape = _known(x)
    taps, group_channels = w.shape[0], w.shape[3]
    groups = shape[3] // group_channels
    amounts = [windows.padding_amounts(padding, *axis)
               for axis in zip(shape[:3], w.shape[:3], strides, dilation, strict=True)]
    if any(amounts[0]):
        x = ops.pad(x, ((0, 0), amounts[0], (0, 0), (0, 0), (0, 0)))
    count = windows.output_length(shape[0], taps, strides[0], dilation[0], amounts[0])
    image = (-1, *shape[1:3], groups, group_channels)
    parts = [ops.reshape(_tap(x, tap, count, strides[0], dilation[0]), image) for tap in range(taps)]
    images = ops.reshape(ops.concatenate(parts, -1), (-1, *shape[1:3], groups * taps * group_channels))
    filters = ops.reshape(ops.transpose(w, (1, 2, 0, 3, 4)), (*w.shape[1:3], taps * group_channels, w.shape[4]))
    y = conv2d(images, filters, strides=strides[1:], padding=tuple(amounts[1:]), dilation=dilation[1:], groups=groups)
    return ops.reshape(y, (-1, count, *y.shape[1:]))


def conv_volume_transpose(x, w, strides, padding, dilation, output_padding):
    """Transposed convolution of a volume.

    x: (n, d, h, w, c); w: (kd, kh, kw, filters, c); output_padding: three integers or None.
    Gives (n, od, oh, ow, filters).
    """
    shape = _known(x)
    how = list(zip(w.shape[:3], strides, (padding,) * 3, dilation, output_padding, strict=True))
    amounts = [windows.transposed_padding(*axis) for axis in how]
    size = [windows.transposed_length(length, *axis) for length, axis in zip(shape[:3], how, strict=True)]
    images = ops.reshape(x, (-1, *shape[1:]))
    total = size[0] + sum(amounts[0])
    painted = None
    for tap in range(w.shape[0]):
        y = conv2d_input_grad(w[tap], images, input_shape=size[1:], strides=strides[1:], padding=tuple(amounts[1:]),
                              dilation=dilation[1:])
        y = ops.reshape(y, (-1, shape[0], *y.shape[1:]))
        first = tap * dilation[0]
        part = _spread(y, first, strides[0], total)
        painted = part if painted is None else painted + part
    return ops.get_item(painted, (slice(None), slice(amounts[0][0], amounts[0][0] + size[0])))


def _spread(y, first: int, stride: int, total: int):
    """The slices of y along axis 1 at every stride-th place from `first` on, among zeros; `total` slices."""
    shape = tuple(y.shape)
    return apply("put_slice", [y], shape=(shape[0], total, *shape[2:]), starts=(0, first, 0, 0, 0),
                 stops=(shape[0], first + (shape[1] - 1) * stride + 1, *shape[2:]), steps=(1, stride, 1, 1, 1))


def pool_volume(pool, x, pool_size, strides, padding):
    """Pooling of a volume by a pooling of images: first within each slice, then along the depth.

    pool: `ops.max_pool` or `ops.average_pool`; x: (n, d, h, w, c). A mean over a window is the mean over the depth of
    the means of its slices, also at the border, where every slice misses the same places.
    """
    depth, height, width, channels = _known(x)
    images = ops.reshape(x, (-1, height, width, channels))
    slices = pool(images, pool_size[1:], strides[1:], padding)
    rows, columns = slices.shape[1:3]
    y = pool(ops.reshape(slices, (-1, depth, rows * columns, channels)), (pool_size[0], 1), (strides[0], 1), padding)
    return ops.reshape(y, (-1, y.shape[1], rows, columns, channels))
