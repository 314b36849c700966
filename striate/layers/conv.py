"""Convolutions over lines and images: plain, depthwise, separable and transposed."""

from __future__ import annotations

from striate import activations, constraints, initializers, ops, regularizers
from striate.errors import ArgumentError, ShapeError, received
from striate.layers.arguments import (
    ActivationArgument,
    positive,
    standard_data_format,
    standard_padding,
    standard_tuple,
)
from striate.layers.base import Layer
from striate.layers.input_spec import InputSpec
from striate.serialization import export


class _Convolution(Layer):
    """What all convolutions share: window arguments, bias, activation. `rank` is the number of axes slid over."""

    activation = ActivationArgument()
    rank = 2

    def _set_window(self, kernel_size, strides, padding, data_format, dilation_rate, allow_causal=False) -> None:
        self.kernel_size = standard_tuple(kernel_size, self.rank, "kernel_size")
        self.strides = standard_tuple(strides, self.rank, "strides")
        self.dilation_rate = standard_tuple(dilation_rate, self.rank, "dilation_rate")
        self.padding = standard_padding(padding, allow_causal=allow_causal and self.rank == 1)
        self.data_format = standard_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=self.rank + 2, max_ndim=self.rank + 2)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ArgumentError("`strides > 1` not supported in conjunction with `dilation_rate > 1`. "
                                + received(strides=self.strides, dilation_rate=self.dilation_rate))

    def _set_ends(self, activation, use_bias, bias_initializer, bias_regularizer, bias_constraint) -> None:
        self.activation, self.use_bias = activations.get(activation), use_bias
        self.bias_initializer = initializers.get(bias_initializer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.bias_constraint = constraints.get(bias_constraint)

    @property
    def _channel_axis(self) -> int:
        return -1 if self.data_format == "channels_last" else 1

    def _channels(self, input_shape) -> int:
        channels = input_shape[self._channel_axis]
        if channels is None:
            raise ShapeError(f"The channels of the input of layer '{self.name}' must be known. "
                             + received(input_shape=input_shape))
        self.input_spec = InputSpec(min_ndim=self.rank + 2, max_ndim=self.rank + 2,
                                    axes={self._channel_axis: channels})
        return channels

    def _add_bias_weight(self, filters: int) -> None:
        self.bias = self.add_weight((filters,), self.bias_initializer, name="bias", regularizer=self.bias_regularizer,
                                    constraint=self.bias_constraint) if self.use_bias else None

    def _finish(self, y):
        """Bias and activation."""
        if self.use_bias:
            first = self.data_format == "channels_first"
            y = ops.add(y, ops.reshape(self.bias, (-1, *(1,) * self.rank)) if first else self.bias)
        return self.activation(y)

    def get_config(self):
        return {"activity_regularizer": None, **super().get_config()}

    @property
    def _geometry(self) -> dict:
        return {"strides": self.strides, "padding": self.padding, "data_format": self.data_format,
                "dilation_rate": self.dilation_rate}


class BaseConv(_Convolution):
    """A convolution: each filter slides over the input and sums products over its window and all channels.

    Shapes: inputs (batch, steps, channels), (batch, height, width, channels) or (batch, depth, height, width,
    channels); gives the same number of axes with `filters` channels. With "valid" an axis of n becomes
    floor((n - dilation * (k - 1) - 1) / stride) + 1, otherwise ceil(n / stride). kernel (*kernel_size, channels /
    groups, filters), bias (filters,). All lengths are in steps or pixels.

    Args:
        filters: number of output channels.
        kernel_size: length of the window: an integer, or one for each axis.
        strides: step of the window.
        padding: "valid" (none), "same" (output as long as the input divided by the stride), for lines also "causal".
        data_format: "channels_last" (default) or "channels_first".
        dilation_rate: distance between the taps of the window.
        groups: into how many groups channels and filters are cut.
        activation: applied to the result; None for none.
        use_bias: whether one number a filter is added.
        kernel_initializer, bias_initializer: how the weights begin.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties.
        kernel_constraint, bias_constraint: projections after each step.

    Raises:
        ArgumentError: an argument cannot work.
        ShapeError: an input does not fit.
    """

    def __init__(self, filters, kernel_size, strides=1, padding="valid", data_format=None, dilation_rate=1, groups=1,
                 activation=None, use_bias=True, kernel_initializer="glorot_uniform", bias_initializer="zeros",
                 kernel_regularizer=None, bias_regularizer=None, activity_regularizer=None, kernel_constraint=None,
                 bias_constraint=None, **kwargs):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters, self.groups = positive(filters, "filters"), positive(groups, "groups")
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate, allow_causal=True)
        self._set_ends(activation, use_bias, bias_initializer, bias_regularizer, bias_constraint)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        if self.filters % self.groups:
            raise ArgumentError("The number of filters must be evenly divisible by the number of groups. "
                                + received(groups=self.groups, filters=self.filters))

    def build(self, input_shape):
        """Makes kernel (*kernel_size, channels / groups, filters) and bias (filters,)."""
        channels = self._channels(input_shape)
        if channels % self.groups:
            raise ShapeError("The number of input channels must be evenly divisible by the number of groups. "
                             + received(groups=self.groups, input_shape=input_shape))
        self.kernel = self.add_weight((*self.kernel_size, channels // self.groups, self.filters),
                                      self.kernel_initializer, name="kernel", regularizer=self.kernel_regularizer,
                                      constraint=self.kernel_constraint)
        self._add_bias_weight(self.filters)

    def convolution_op(self, inputs, kernel):
        """The convolution alone, without bias and activation. Override it, for example to standardise the kernel."""
        return ops.conv(inputs, kernel, **self._geometry)

    def call(self, inputs):
        """inputs (batch, ..., channels) to (batch, ..., filters)."""
        return self._finish(self.convolution_op(inputs, self.kernel))


@export("keras.layers.Conv1D", "keras.layers.Convolution1D")
class Conv1D(BaseConv):
    __doc__ = f"""Convolution over a line, such as a signal or DNA.\n\n    {BaseConv.__doc__}"""
    rank = 1


@export("keras.layers.Conv2D", "keras.layers.Convolution2D")
class Conv2D(BaseConv):
    __doc__ = f"""Convolution over an image.\n\n    {BaseConv.__doc__}
    Example:
        >>> Conv2D(32, (5, 5), activation="relu").compute_output_shape((None, 128, 128, 1))
        (None, 124, 124, 32)
    """


@export("keras.layers.Conv3D", "keras.layers.Convolution3D")
class Conv3D(BaseConv):
    __doc__ = f"""Convolution over a volume, such as a stack of images or a film.\n\n    {BaseConv.__doc__}"""
    rank = 3


class BaseDepthwiseConv(_Convolution):
    """A convolution of every channel on its own, giving `depth_multiplier` channels for each.

    Args as those of `Conv2D`, with `depthwise_` in front of what concerns the kernel.

    Shapes: inputs (batch, ..., channels); gives (batch, ..., channels * depth_multiplier), lengths as in `Conv2D`.
    kernel (*kernel_size, channels, depth_multiplier), bias (channels * depth_multiplier,). Source: Sifre (2014).

    Raises:
        ArgumentError: an argument cannot work.
        ShapeError: an input does not fit.
    """

    def __init__(self, kernel_size, strides=1, padding="valid", depth_multiplier=1, data_format=None, dilation_rate=1,
                 activation=None, use_bias=True, depthwise_initializer="glorot_uniform", bias_initializer="zeros",
                 depthwise_regularizer=None, bias_regularizer=None, activity_regularizer=None,
                 depthwise_constraint=None, bias_constraint=None, **kwargs):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.depth_multiplier = positive(depth_multiplier, "depth_multiplier")
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self._set_ends(activation, use_bias, bias_initializer, bias_regularizer, bias_constraint)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)

    def build(self, input_shape):
        """Makes kernel (*kernel_size, channels, depth_multiplier) and bias (channels * depth_multiplier,)."""
        channels = self._channels(input_shape)
        self.kernel = self.add_weight((*self.kernel_size, channels, self.depth_multiplier),
                                      self.depthwise_initializer, name="kernel",
                                      regularizer=self.depthwise_regularizer, constraint=self.depthwise_constraint)
        self._add_bias_weight(channels * self.depth_multiplier)

    def call(self, inputs):
        """inputs (batch, ..., channels) to (batch, ..., channels * depth_multiplier)."""
        return self._finish(ops.depthwise_conv(inputs, self.kernel, **self._geometry))


@export("keras.layers.DepthwiseConv1D")
class DepthwiseConv1D(BaseDepthwiseConv):
    __doc__ = BaseDepthwiseConv.__doc__
    rank = 1


@export("keras.layers.DepthwiseConv2D")
class DepthwiseConv2D(BaseDepthwiseConv):
    __doc__ = BaseDepthwiseConv.__doc__


class BaseSeparableConv(_Convolution):
    """A depthwise convolution followed by one of size 1 that mixes the channels.

    Args as those of `Conv2D`, with `depthwise_` and `pointwise_` in front of what concerns the two kernels.

    Shapes: inputs (batch, ..., channels); gives (batch, ..., filters), lengths as in `Conv2D`. Kernels (*kernel_size,
    channels, depth_multiplier) and (1, ..., channels * depth_multiplier, filters), bias (filters,). Source: Chollet
    (2017), arXiv:1610.02357.

    Raises:
        ArgumentError: an argument cannot work.
        ShapeError: an input does not fit.
    """

    def __init__(self, filters, kernel_size, strides=1, padding="valid", data_format=None, dilation_rate=1,
                 depth_multiplier=1, activation=None, use_bias=True, depthwise_initializer="glorot_uniform",
                 pointwise_initializer="glorot_uniform", bias_initializer="zeros", depthwise_regularizer=None,
                 pointwise_regularizer=None, bias_regularizer=None, activity_regularizer=None,
                 depthwise_constraint=None, pointwise_constraint=None, bias_constraint=None, **kwargs):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = positive(filters, "filters")
        self.depth_multiplier = positive(depth_multiplier, "depth_multiplier")
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self._set_ends(activation, use_bias, bias_initializer, bias_regularizer, bias_constraint)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)
        self.pointwise_constraint = constraints.get(pointwise_constraint)

    def build(self, input_shape):
        """Makes the two kernels and the bias."""
        channels = self._channels(input_shape)
        self.depthwise_kernel = self.add_weight((*self.kernel_size, channels, self.depth_multiplier),
                                                self.depthwise_initializer, name="depthwise_kernel",
                                                regularizer=self.depthwise_regularizer,
                                                constraint=self.depthwise_constraint)
        self.pointwise_kernel = self.add_weight((*(1,) * self.rank, channels * self.depth_multiplier, self.filters),
                                                self.pointwise_initializer, name="pointwise_kernel",
                                                regularizer=self.pointwise_regularizer,
                                                constraint=self.pointwise_constraint)
        self._add_bias_weight(self.filters)

    def call(self, inputs):
        """inputs (batch, ..., channels) to (batch, ..., filters)."""
        return self._finish(ops.separable_conv(inputs, self.depthwise_kernel, self.pointwise_kernel, **self._geometry))


@export("keras.layers.SeparableConv1D", "keras.layers.SeparableConvolution1D")
class SeparableConv1D(BaseSeparableConv):
    __doc__ = BaseSeparableConv.__doc__
    rank = 1


@export("keras.layers.SeparableConv2D", "keras.layers.SeparableConvolution2D")
class SeparableConv2D(BaseSeparableConv):
    __doc__ = BaseSeparableConv.__doc__


class BaseConvTranspose(_Convolution):
    """The transpose of a convolution: each input element paints its filter onto the output ("deconvolution").

    Args as those of `Conv2D`; `output_padding` lengthens the output.

    Shapes: inputs (batch, ..., channels); gives (batch, ..., filters). An axis of n becomes n * stride with "same", n *
    stride + max(k - stride, 0) with "valid". kernel (*kernel_size, filters, channels), bias (filters,). Source: Zeiler
    and others (2010).

    Raises:
        ArgumentError: an argument cannot work.
        ShapeError: an input does not fit.
    """

    def __init__(self, filters, kernel_size, strides=1, padding="valid", output_padding=None, data_format=None,
                 dilation_rate=1, activation=None, use_bias=True, kernel_initializer="glorot_uniform",
                 bias_initializer="zeros", kernel_regularizer=None, bias_regularizer=None, activity_regularizer=None,
                 kernel_constraint=None, bias_constraint=None, **kwargs):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = positive(filters, "filters")
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self.output_padding = None if output_padding is None else standard_tuple(
            output_padding, self.rank, "output_padding", allow_zero=True)
        self._set_ends(activation, use_bias, bias_initializer, bias_regularizer, bias_constraint)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)

    def build(self, input_shape):
        """Makes kernel (*kernel_size, filters, channels) and bias (filters,)."""
        self.kernel = self.add_weight((*self.kernel_size, self.filters, self._channels(input_shape)),
                                      self.kernel_initializer, name="kernel", regularizer=self.kernel_regularizer,
                                      constraint=self.kernel_constraint)
        self._add_bias_weight(self.filters)

    def call(self, inputs):
        """inputs (batch, ..., channels) to (batch, ..., filters)."""
        return self._finish(ops.conv_transpose(inputs, self.kernel, output_padding=self.output_padding,
                                               **self._geometry))


@export("keras.layers.Conv1DTranspose", "keras.layers.Convolution1DTranspose")
class Conv1DTranspose(BaseConvTranspose):
    __doc__ = BaseConvTranspose.__doc__
    rank = 1


@export("keras.layers.Conv2DTranspose", "keras.layers.Convolution2DTranspose")
class Conv2DTranspose(BaseConvTranspose):
    __doc__ = BaseConvTranspose.__doc__


@export("keras.layers.Conv3DTranspose", "keras.layers.Convolution3DTranspose")
class Conv3DTranspose(BaseConvTranspose):
    __doc__ = BaseConvTranspose.__doc__
    rank = 3
