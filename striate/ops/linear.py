"""Convolution: one op, its two gradients, and Keras' functions on top of them.

    y[n, i, j, o] = b[o] + sum over a, c, k of x[n, i sh + a dh - top, j sw + c dw - left, k] w[a, c, k, o]

Layout is NHWC, weights are HWIO (a, c, k, o). Like every library for convolutional networks this is a
cross-correlation: the kernel is not flipped. `groups` splits input and output channels into that many independent
convolutions; as many groups as channels is a depthwise convolution; a transposed convolution is the gradient of a
convolution with respect to its input.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

import numpy as np

from striate.errors import ArgumentError, GraphError, ShapeError, received
from striate.ops import windows
from striate.ops.broadcast import dtype_of, floating
from striate.ops.dispatch import apply
from striate.ops.spec import OpSpec, Shape, TensorType, register
from striate.ops.windows import Length

UNPADDED = ((0, 0), (0, 0))
PLAIN = {"strides": (1, 1), "padding": UNPADDED, "dilation": (1, 1), "groups": 1}
"""The geometry of a convolution, where nothing else is said."""
SHUT = 255
"""Stands for the winner of a pooling window where a relu let nothing through: its gradient goes nowhere."""


# ---- shape rules ----------------------------------------------------------------------------------------------

def output_size(size: Sequence[Length], kernel: Sequence[int], strides, padding, dilation) -> tuple[Length, ...]:
    """(height, width) of a convolution's output before any pooling."""
    return tuple(windows.output_length(*axis)
                 for axis in zip(size, kernel[:2], strides, dilation, padding, strict=True))


def pooled_size(size: Sequence[Length], pool) -> tuple[Length, ...]:
    """(height, width) after a pooling (ph, pw, sh, sw) with the windows that fit."""
    return tuple(windows.output_length(length, pool[axis], pool[axis + 2]) for axis, length in enumerate(size))


def _check_convolution(x: TensorType, w: TensorType, groups: int, output: Shape) -> None:
    if len(x.shape) != 4 or len(w.shape) != 4:
        raise ShapeError("A convolution needs an input (batch, height, width, channels) and weights (height, width, "
                         "channels / groups, filters). " + received(input=x.shape, weights=w.shape))
    _, _, depth, filters = w.lengths
    if x.shape[3] != depth * groups:
        raise ShapeError("The weights of a convolution must have as many input channels as its input has, divided by "
                         "groups. " + received(input=x.shape, weights=w.shape, groups=groups))
    if filters % groups:
        raise ShapeError("The filters of a convolution must be a multiple of its groups. "
                         + received(filters=filters, groups=groups))
    if 0 in output:
        raise ShapeError("The input of a convolution is smaller than its kernel (or its fused pooling window): no "
                         "output is left. " + received(input=x.shape, weights=w.shape)
                         + '. Use a smaller kernel or padding="same".')


def _conv2d_shape(inputs, *, strides, padding, dilation, groups, activation, pool, winners=True):
    x, w, *rest = inputs
    size = output_size(x.shape[1:3], w.shape, strides, padding, dilation)
    if pool is not None:
        size = pooled_size(size, pool)
    _check_convolution(x, w, groups, size)
    for name, vector in zip(("bias", "lower", "upper"), rest, strict=False):
        if vector.shape != w.shape[3:]:
            raise ShapeError("The bias and the limits of a convolution must have one entry a filter. "
                             + received(**{name: vector.shape, "weights": w.shape}))
    if activation not in (None, "relu", "clamp") or (activation == "clamp") != (len(rest) == 3):
        raise ArgumentError('The fused activation of a convolution must be None, "relu" or, with a bias and limits '
                            'given, "clamp". ' + received(activation=activation, inputs=len(inputs)))
    y = TensorType((x.shape[0], *size, w.shape[3]), x.dtype)
    return [y, TensorType(y.shape, "uint8")] if pool is not None and winners else [y]


def _weights_grad_shape(inputs, *, kernel_shape, bias, **attributes):
    dtype = inputs[1].dtype     # that of g: x may be the bytes of a picture
    dw = TensorType(tuple(kernel_shape), dtype)
    return [dw, TensorType(dw.shape[3:], dtype)] if bias else [dw]


def _input_grad_shape(inputs, *, input_shape, groups, **attributes):
    w, g = inputs[:2]
    return [TensorType((g.shape[0], *input_shape, w.shape[2] * groups), g.dtype)]


# ---- references -----------------------------------------------------------------------------------------------

def _taps(x: np.ndarray, size, kernel, strides, padding, dilation) -> Iterator[tuple[int, int, np.ndarray]]:
    """For every tap of a kernel, the part of the padded input that it multiplies; `size` is the output's."""
    if padding != UNPADDED:
        x = np.pad(x, ((0, 0), *padding, (0, 0)))
    for a in range(kernel[0]):
        for c in range(kernel[1]):
            rows = slice(a * dilation[0], a * dilation[0] + (size[0] - 1) * strides[0] + 1, strides[0])
            columns = slice(c * dilation[1], c * dilation[1] + (size[1] - 1) * strides[1] + 1, strides[1])
            yield a, c, x[:, rows, columns]


def _grouped(x: np.ndarray, groups: int) -> np.ndarray:
    """(..., groups * channels) as (groups, everything before, channels) in float64."""
    return np.moveaxis(x.reshape(-1, groups, x.shape[-1] // groups).astype(np.float64), 1, 0)


def _grouped_weights(w: np.ndarray, groups: int) -> np.ndarray:
    """(kh, kw, channels, groups * filters) as (kh, kw, groups, channels, filters) in float64."""
    return np.moveaxis(w.reshape(*w.shape[:3], groups, w.shape[3] // groups).astype(np.float64), 3, 2)


def pooled_maximum(y: np.ndarray, pool) -> tuple[np.ndarray, np.ndarray]:
    """The maxima of the windows that fit, and the position of each in its window (row-major, the first of equals)."""
    ph, pw, sh, sw = pool
    view = np.lib.stride_tricks.sliding_window_view(y, (ph, pw), axis=(1, 2))[:, ::sh, ::sw]
    flat = view.reshape(*view.shape[:4], ph * pw)
    winner = flat.argmax(-1)
    return np.take_along_axis(flat, winner[..., None], -1)[..., 0], winner.astype(np.uint8)


def unpooled(g: np.ndarray, winner: np.ndarray, size, pool) -> np.ndarray:
    """The gradient of what was pooled, of (height, width) `size`: g at the winner of each window, zero elsewhere.

    Where nothing of a window came through a relu, its winner is `SHUT`, and all is zero. float64.
    """
    ph, pw, sh, sw = pool
    g, winner = np.where(winner != SHUT, g, 0), np.where(winner != SHUT, winner, 0)
    raw = np.zeros((g.shape[0], *size, g.shape[3]), np.float64)
    n, i, j, channel = np.ix_(*(np.arange(length) for length in g.shape))
    np.add.at(raw, (n, i * sh + winner // pw, j * sw + winner % pw, channel), g)
    return raw


def _sliding(attributes) -> tuple:
    """(strides, padding, dilation)."""
    return attributes["strides"], attributes["padding"], attributes["dilation"]


def _conv2d_reference(x, w, b=None, lower=None, upper=None, *, groups, activation, pool, winners=True, **sliding):
    dtype = np.result_type(x, w)
    size = output_size(x.shape[1:3], w.shape, *_sliding(sliding))
    weights = _grouped_weights(w, groups)
    total = 0.0
    for a, c, view in _taps(x, size, w.shape, *_sliding(sliding)):
        total = total + _grouped(view, groups) @ weights[a, c]
    y = np.moveaxis(total, 0, 1).reshape(x.shape[0], *size, w.shape[3])
    if b is not None:
        y = y + b
    y = y.astype(dtype)
    winner = None
    if pool is not None:
        y, winner = pooled_maximum(y, pool)
    if activation == "relu":
        y = np.maximum(y, 0)
        if winner is not None:
            winner = np.where(y > 0, winner, np.uint8(SHUT))
    elif activation == "clamp":
        y = np.minimum(np.maximum(y, lower), upper)
    return [y] if winner is None or not winners else [y, winner]


def _weights_grad_reference(x, g, *pooled, groups, kernel_shape, bias, **attributes):
    dtype = g.dtype
    size = output_size(x.shape[1:3], kernel_shape, *_sliding(attributes))
    if attributes["pool"] is not None:
        g = unpooled(g, *pooled, size, attributes["pool"])
    flat = _grouped(g, groups)
    dw = np.empty(kernel_shape, np.float64)
    for a, c, view in _taps(x, size, kernel_shape, *_sliding(attributes)):
        product = np.swapaxes(_grouped(view, groups), 1, 2) @ flat
        dw[a, c] = np.moveaxis(product, 0, 1).reshape(kernel_shape[2:])
    db = [g.sum((0, 1, 2), dtype=np.float64).astype(dtype)] if bias else []
    return [dw.astype(dtype), *db]


def _input_grad_reference(w, g, *rest, groups, input_shape, masked, **attributes):
    dtype = np.result_type(w, g)
    strides, padding, dilation = _sliding(attributes)
    size = output_size(input_shape, w.shape, strides, padding, dilation)
    if attributes["pool"] is not None:
        g = unpooled(g, rest[0], size, attributes["pool"])
    weights = np.swapaxes(_grouped_weights(w, groups), 3, 4)
    flat = _grouped(g, groups)
    shape = (g.shape[0], *input_shape, w.shape[2] * groups)
    padded = np.pad(np.zeros(shape, np.float64), ((0, 0), *padding, (0, 0)))
    for a, c, view in _taps(padded, size, w.shape, strides, UNPADDED, dilation):
        view += np.moveaxis(flat @ weights[a, c], 0, 1).reshape(view.shape)
    (top, _), (left, _) = padding
    dx = padded[:, top:top + shape[1], left:left + shape[2]]
    if masked:
        dx = dx * (rest[-1] > 0)
    return [dx.astype(dtype)]


# ---- gradient rules -------------------------------------------------------------------------------------------

def _geometry(attributes) -> dict:
    """The attributes that a convolution and its two gradients have in common."""
    return {name: attributes[name] for name in ("strides", "padding", "dilation", "groups")}


def _conv2d_gradient(node, g, *unused):
    x, w, *bias = node.inputs
    y, *winner = node.outputs
    attributes = node.attributes
    if attributes["activation"] == "clamp":
        _refuse_fused(node)
    common = _geometry(attributes)
    pooled = []
    if attributes["pool"] is not None:
        common |= {"pool": attributes["pool"]}
        pooled = winner
    elif attributes["activation"] == "relu":
        g = apply("relu_grad", [g, y])
    dw = conv2d_weights_grad(x, g, *pooled, kernel_shape=w.shape, bias=bool(bias), **common)
    dx = conv2d_input_grad(w, g, *pooled, input_shape=x.shape[1:3], **common)
    return [dx, *dw] if bias else [dx, dw]


def _refuse_fused(node) -> None:
    given = node.attributes
    if given["pool"] is not None or given.get("masked") or given.get("activation") == "clamp":
        raise GraphError(f"The gradient of a fused {node.op!r} was asked for: differentiation comes before fusion.")


def _weights_grad_gradient(node, dw, db=None):
    _refuse_fused(node)
    x, g = node.inputs
    common = _geometry(node.attributes)
    if dw is None:
        from striate import ops

        return [None, ops.broadcast_to(db, g.shape)]
    dg = conv2d(x, dw, db, **common)
    return [conv2d_input_grad(dw, g, input_shape=x.shape[1:3], **common), dg]


def _input_grad_gradient(node, dx):
    _refuse_fused(node)
    w, g = node.inputs
    common = _geometry(node.attributes)
    return [conv2d_weights_grad(dx, g, kernel_shape=w.shape, bias=False, **common), conv2d(dx, w, **common)]


# ---- costs and specs ------------------------------------------------------------------------------------------

def convolution_flops(batch: int, size: Sequence[int], kernel: Sequence[int]) -> int:
    """Operations of a dense convolution with output (height, width) `size`: two for each multiply-add."""
    return 2 * batch * prod(size) * prod(kernel)


def _conv2d_flops(inputs, outputs, attributes):
    x, w = inputs[0].shape, inputs[1].shape
    geometry = [attributes[name] for name in ("strides", "padding", "dilation")]
    return convolution_flops(x[0], output_size(x[1:3], w, *geometry), w)


def _weights_grad_flops(inputs, outputs, attributes):
    return convolution_flops(inputs[1].shape[0], inputs[1].shape[1:3], outputs[0].shape)


def _input_grad_flops(inputs, outputs, attributes):
    return convolution_flops(inputs[1].shape[0], inputs[1].shape[1:3], inputs[0].shape)


register(OpSpec("conv2d", _conv2d_shape, _conv2d_reference, _conv2d_gradient, _conv2d_flops))
register(OpSpec("conv2d_weights_grad", _weights_grad_shape, _weights_grad_reference, _weights_grad_gradient,
                _weights_grad_flops))
register(OpSpec("conv2d_input_grad", _input_grad_shape, _input_grad_reference, _input_grad_gradient,
                _input_grad_flops))


# ---- the ops as functions -------------------------------------------------------------------------------------

def conv2d(x, w, b=None, *limits, activation=None, pool=None, **geometry):
    """Convolution, with everything that may be fused behind it.

    x: (n, h, w, ic). w: (kh, kw, ic / groups, oc). b: (oc,) or None. geometry: strides=(1, 1),
    padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1.
    activation: None, "relu" or "clamp", which needs b and two limits, lower and upper ones of (oc,), and has no
    gradient. pool: None or (ph, pw, sh, sw), a maximum over the windows that fit.

    Returns (n, oh, ow, oc); with `pool` also the winners, uint8 positions in their windows, `SHUT` where relu gives 0.

    Raises `ShapeError` when shapes do not fit, `ArgumentError` for another activation or an impossible geometry.
    """
    inputs = [x, w] if b is None else [x, w, b]
    return apply("conv2d", [*inputs, *limits], **PLAIN | geometry, activation=activation, pool=pool)


def conv2d_weights_grad(x, g, *winner, kernel_shape, bias, pool=None, **geometry):
    """The gradient of `conv2d` with respect to its weights; with `bias` also the one of the bias.

    g is the gradient of the convolution's own output; with `pool` that of the pooled one, and `winner` is there.

    Shapes: x (n, h, w, ic), g (n, oh, ow, oc); gives (kh, kw, ic / groups, oc), which `kernel_shape` says, and (oc,).
    Geometry and pool as in `conv2d`.
    """
    return apply("conv2d_weights_grad", [x, g, *winner], kernel_shape=tuple(kernel_shape), bias=bias,
                 **PLAIN | geometry, pool=pool)


def conv2d_input_grad(w, g, *winner, input_shape, pool=None, **geometry):
    """The gradient of `conv2d` with respect to its input of (height, width) `input_shape`.

    Shapes: w (kh, kw, ic / groups, oc), g (n, oh, ow, oc); gives (n, h, w, ic). Geometry and pool as in `conv2d`;
    `winner` is that of a pooled convolution.
    """
    return apply("conv2d_input_grad", [w, g, *winner], input_shape=tuple(input_shape), **PLAIN | geometry, pool=pool,
                 masked=False)


# ---- Keras' functions -----------------------------------------------------------------------------------------

def _channels_last(inputs, data_format):
    """(inputs with channels last, a function that brings the output back to `data_format`)."""
    from striate import ops

    if data_format in (None, "channels_last"):
        return inputs, lambda outputs: outputs
    if data_format != "channels_first":
        raise ArgumentError('`data_format` must be "channels_last" or "channels_first". '
                            + received(data_format=data_format))
    axes = len(inputs.shape)
    last = ops.transpose(inputs, (0, *range(2, axes), 1))
    return last, lambda outputs: ops.transpose(outputs, (0, axes - 1, *range(1, axes - 1)))


def _of_one_type(inputs, kernel):
    """Both in the floating type that they mix to: whole numbers become float32."""
    from striate import ops

    common = floating(dtype_of(inputs), dtype_of(kernel))
    return ops.cast(inputs, common), ops.cast(kernel, common)


def _as_image(inputs, kernel):
    """Inputs and kernel of a convolution over a line as those of one over an image of height 1."""
    from striate import ops

    axes = len(inputs.shape) - 2
    if axes not in (1, 2) or len(kernel.shape) != axes + 2:
        raise ShapeError("A convolution needs inputs (batch, ..., channels) and a kernel of the same rank, with one "
                         "or two axes in the middle. " + received(inputs=inputs.shape, kernel=kernel.shape))
    if axes == 2:
        return inputs, kernel, lambda outputs: outputs
    image = ops.reshape(inputs, (-1, 1, *inputs.shape[1:]))
    return image, ops.reshape(kernel, (1, *kernel.shape)), lambda y: ops.reshape(y, (-1, *y.shape[2:]))


def _per_axis(value, axes, name):
    """`value` for the two axes of an image; a line lies along the second."""
    return (1,) * (2 - axes) + windows.per_axis(value, axes, name)


def _convolve(inputs, kernel, strides, padding, data_format, dilation_rate, depthwise=False):
    axes = len(inputs.shape) - 2
    inputs, kernel = _of_one_type(inputs, kernel)
    x, restore_format = _channels_last(inputs, data_format)
    if axes == 3 and not depthwise:
        return restore_format(_convolve_volume(x, kernel, strides, padding, dilation_rate))
    x, w, restore_rank = _as_image(x, kernel)
    strides, dilation = _per_axis(strides, axes, "strides"), _per_axis(dilation_rate, axes, "dilation_rate")
    if depthwise:
        from striate import ops

        if x.shape[-1] != w.shape[2]:
            raise ShapeError("A depthwise convolution needs a kernel (..., channels, multiplier) with as many channels "
                             "as `inputs`. " + received(inputs=x.shape, kernel=w.shape))
        w = ops.reshape(w, (*w.shape[:2], 1, w.shape[2] * w.shape[3]))
    channels = x.shape[3]
    _check_channels(x, w)
    if padding == "causal" and axes != 1:
        raise ArgumentError('padding="causal" is for convolutions over one axis. ' + received(inputs=inputs.shape))
    amounts = tuple(windows.padding_amounts(padding, *axis)
                    for axis in zip(x.shape[1:3], w.shape[:2], strides, dilation, strict=True))
    y = conv2d(x, w, strides=strides, padding=amounts, dilation=dilation, groups=channels // w.shape[2])
    return restore_format(restore_rank(y))


def _check_channels(x, w) -> None:
    channels = x.shape[-1]
    if channels is None or channels % w.shape[-2]:
        raise ShapeError("The channels of `inputs` must be a multiple of the kernel's input channels. "
                         + received(inputs=x.shape, kernel=w.shape))


def _convolve_volume(x, kernel, strides, padding, dilation_rate):
    from striate.ops.volume import conv_volume

    if len(kernel.shape) != 5:
        raise ShapeError("A convolution of volumes needs a kernel (depth, height, width, channels / groups, filters). "
                         + received(inputs=x.shape, kernel=kernel.shape))
    _check_channels(x, kernel)
    return conv_volume(x, kernel, windows.per_axis(strides, 3, "strides"), padding,
                       windows.per_axis(dilation_rate, 3, "dilation_rate"))


def conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """Convolution over one, two or three axes (Keras' `keras.ops.conv`).

    Args:
        inputs: (batch, steps, channels), (batch, height, width, channels) or (batch, depth, height, width, channels).
        kernel: (..., channels / groups, filters); the number of groups follows from the channels.
        strides, dilation_rate: an integer, or one for each axis.
        padding: "valid", "same" or "causal" (all padding before the line).
        data_format: "channels_last" (also None) or "channels_first".

    Raises:
        ShapeError: ranks or channels do not fit together. ArgumentError: an argument has an impossible value.

    Example:
        >>> conv(np.ones((1, 5, 5, 1)), np.ones((3, 3, 1, 8))).shape
        (1, 3, 3, 8)
    """
    return _convolve(inputs, kernel, strides, padding, data_format, dilation_rate)


def depthwise_conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """Convolution of every channel on its own (Keras' `keras.ops.depthwise_conv`).

    As `conv`, with kernel (..., channels, multiplier) and channels * multiplier outputs.

    `inputs`, `strides`, `padding`, `data_format`, `dilation_rate` as in `conv`. Raises `ArgumentError`.

    Example:
        >>> depthwise_conv(np.ones((1, 5, 5, 4)), np.ones((3, 3, 4, 2))).shape
        (1, 3, 3, 8)
    """
    return _convolve(inputs, kernel, strides, padding, data_format, dilation_rate, depthwise=True)


def separable_conv(inputs, depthwise_kernel, pointwise_kernel, strides=1, padding="valid", data_format=None,
                   dilation_rate=1):
    """A depthwise convolution, then one of size 1 that mixes the channels (Keras' `keras.ops.separable_conv`).

    Shapes: inputs (batch, ..., channels), depthwise_kernel (..., channels, multiplier), pointwise_kernel (1, ...,
    channels * multiplier, filters). The others (`strides`, `padding`, `data_format`, `dilation_rate`) as in `conv`.

    Example:
        >>> separable_conv(np.ones((1, 5, 5, 4)), np.ones((3, 3, 4, 2)), np.ones((1, 1, 8, 6))).shape
        (1, 3, 3, 6)
    """
    y = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(y, pointwise_kernel, data_format=data_format)


def conv_transpose(inputs, kernel, strides=1, padding="valid", output_padding=None, data_format=None,
                   dilation_rate=1):
    """Transposed convolution: the input gradient of a convolution (Keras' `keras.ops.conv_transpose`).

    As `conv`, with kernel (..., filters, channels). `output_padding` (None: as Keras chooses) lengthens the output.

    `inputs`, `data_format`, `dilation_rate` as in `conv`. Raises `ShapeError`, `ArgumentError`.

    Example:
        >>> conv_transpose(np.ones((1, 7, 7, 4)), np.ones((3, 3, 8, 4)), strides=2, padding="same").shape
        (1, 14, 14, 8)
    """
    axes = len(inputs.shape) - 2
    inputs, kernel = _of_one_type(inputs, kernel)
    x, restore_format = _channels_last(inputs, data_format)
    if x.shape[-1] != kernel.shape[-1]:
        raise ShapeError("The kernel of a transposed convolution must be (..., filters, channels of inputs). "
                         + received(inputs=inputs.shape, kernel=kernel.shape))
    extra = (output_padding,) * max(axes, 2) if output_padding is None or isinstance(output_padding, int) \
        else output_padding
    if axes == 3:
        from striate.ops.volume import conv_volume_transpose

        return restore_format(conv_volume_transpose(
            x, kernel, windows.per_axis(strides, 3, "strides"), padding,
            windows.per_axis(dilation_rate, 3, "dilation_rate"), tuple(extra)))
    x, w, restore_rank = _as_image(x, kernel)
    strides, dilation = _per_axis(strides, axes, "strides"), _per_axis(dilation_rate, axes, "dilation_rate")
    extra = (None,) * (2 - axes) + tuple(extra)[-axes:]
    amounts, size = [], []
    for axis, length in enumerate(x.shape[1:3]):
        how = w.shape[axis], strides[axis], padding, dilation[axis], extra[axis]
        amounts.append(windows.transposed_padding(*how))
        size.append(windows.transposed_length(length, *how))
    y = conv2d_input_grad(w, x, input_shape=size, strides=strides, padding=tuple(amounts), dilation=dilation)
    return restore_format(restore_rank(y))
