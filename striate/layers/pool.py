"""Pooling: windows of the input, or all of it, become one number a channel."""

from __future__ import annotations

from striate import ops
from striate.layers.arguments import standard_data_format, standard_padding, standard_tuple
from striate.layers.base import Layer
from striate.layers.input_spec import InputSpec
from striate.serialization import export


class BasePooling(Layer):
    """A pooling over windows.

    Shapes: inputs (batch, steps, channels), (batch, height, width, channels) or (batch, depth, height, width,
    channels); gives the same number of axes. An axis of n becomes floor((n - pool) / stride) + 1 with "valid", ceil(n /
    stride) with "same". Lengths are in steps or pixels.

    Args:
        pool_size: length of the window: an integer, or one for each axis.
        strides: step of the window; the window's length when left out.
        padding: "valid" (only windows that fit) or "same".
        data_format: "channels_last" (default) or "channels_first".

    Raises:
        ArgumentError: a length that is not positive, or another `padding`.
        ShapeError: an input of another number of axes.
    """

    needs_no_build = True

    rank = 2
    function = "max_pool"

    def __init__(self, pool_size=2, strides=None, padding="valid", data_format=None, name=None, **kwargs):
        super().__init__(name=name, **kwargs)
        self.pool_size = standard_tuple(pool_size, self.rank, "pool_size")
        self.strides = self.pool_size if strides is None else standard_tuple(strides, self.rank, "strides")
        self.padding = standard_padding(padding)
        self.data_format = standard_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs):
        """inputs (batch, ..., channels) to (batch, fewer ..., channels)."""
        pool = getattr(ops, self.function)
        return pool(inputs, self.pool_size, self.strides, self.padding, self.data_format)


@export("keras.layers.MaxPooling1D", "keras.layers.MaxPool1D")
class MaxPooling1D(BasePooling):
    __doc__ = f"The largest number of each window of a line.\n\n    {BasePooling.__doc__}"
    rank = 1


@export("keras.layers.MaxPooling2D", "keras.layers.MaxPool2D")
class MaxPooling2D(BasePooling):
    __doc__ = f"""The largest number of each window of an image.\n\n    {BasePooling.__doc__}
    Example:
        >>> MaxPooling2D((4, 4)).compute_output_shape((None, 124, 124, 32))
        (None, 31, 31, 32)
    """


@export("keras.layers.MaxPooling3D", "keras.layers.MaxPool3D")
class MaxPooling3D(BasePooling):
    __doc__ = f"The largest number of each window of a volume.\n\n    {BasePooling.__doc__}"
    rank = 3


@export("keras.layers.AveragePooling1D", "keras.layers.AvgPool1D")
class AveragePooling1D(BasePooling):
    __doc__ = f"The mean of each window of a line; padding does not count.\n\n    {BasePooling.__doc__}"
    rank, function = 1, "average_pool"


@export("keras.layers.AveragePooling2D", "keras.layers.AvgPool2D")
class AveragePooling2D(BasePooling):
    __doc__ = f"The mean of each window of an image; padding does not count.\n\n    {BasePooling.__doc__}"
    function = "average_pool"


@export("keras.layers.AveragePooling3D", "keras.layers.AvgPool3D")
class AveragePooling3D(BasePooling):
    __doc__ = f"The mean of each window of a volume; padding does not count.\n\n    {BasePooling.__doc__}"
    rank, function = 3, "average_pool"


@export("striate.layers.LpPooling2D")
class LpPooling2D(BasePooling):
    __doc__ = f"The Euclidean length of each window: sqrt of the sum of squares.\n\n    {BasePooling.__doc__}"
    function = "l2_pool"


class BaseGlobalPooling(Layer):
    """A pooling over all places.

    Shapes: inputs (batch, ..., channels); gives (batch, channels), with `keepdims` (batch, 1, ..., channels).

    Args:
        data_format: "channels_last" (default) or "channels_first".
        keepdims: whether the axes that were pooled stay, with length 1.

    Raises:
        ShapeError: an input of another number of axes.
    """

    needs_no_build = True

    rank = 2
    function = "max"

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(**kwargs)
        self.data_format, self.keepdims = standard_data_format(data_format), keepdims
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs):
        """inputs (batch, ..., channels) to (batch, channels)."""
        first = 1 if self.data_format == "channels_last" else 2
        axes = tuple(range(first, first + self.rank))
        return getattr(ops, self.function)(inputs, axis=axes, keepdims=self.keepdims)


@export("keras.layers.GlobalMaxPooling1D", "keras.layers.GlobalMaxPool1D")
class GlobalMaxPooling1D(BaseGlobalPooling):
    __doc__ = f"The largest number of each channel of a line.\n\n    {BaseGlobalPooling.__doc__}"
    rank = 1


@export("keras.layers.GlobalMaxPooling2D", "keras.layers.GlobalMaxPool2D")
class GlobalMaxPooling2D(BaseGlobalPooling):
    __doc__ = f"The largest number of each channel of an image.\n\n    {BaseGlobalPooling.__doc__}"


@export("keras.layers.GlobalMaxPooling3D", "keras.layers.GlobalMaxPool3D")
class GlobalMaxPooling3D(BaseGlobalPooling):
    __doc__ = f"The largest number of each channel of a volume.\n\n    {BaseGlobalPooling.__doc__}"
    rank = 3


@export("keras.layers.GlobalAveragePooling1D", "keras.layers.GlobalAvgPool1D")
class GlobalAveragePooling1D(BaseGlobalPooling):
    __doc__ = f"The mean of each channel of a line; masked places do not count.\n\n    {BaseGlobalPooling.__doc__}"
    rank, function = 1, "mean"

    def compute_mask(self, inputs, previous_mask=None):
        """None: the places are gone."""
        return None

    def call(self, inputs, mask=None):
        """inputs (batch, steps, channels) to (batch, channels); mask (batch, steps) or None."""
        if mask is None:
            return super().call(inputs)
        axis = 1 if self.data_format == "channels_last" else 2
        weights = ops.expand_dims(ops.cast(mask, "float32"), 2 if axis == 1 else 1)
        total = ops.sum(inputs * weights, axis=axis, keepdims=self.keepdims)
        return total / ops.sum(weights, axis=axis, keepdims=self.keepdims)


@export("keras.layers.GlobalAveragePooling2D", "keras.layers.GlobalAvgPool2D")
class GlobalAveragePooling2D(BaseGlobalPooling):
    __doc__ = f"The mean of each channel of an image.\n\n    {BaseGlobalPooling.__doc__}"
    function = "mean"


@export("keras.layers.GlobalAveragePooling3D", "keras.layers.GlobalAvgPool3D")
class GlobalAveragePooling3D(BaseGlobalPooling):
    __doc__ = f"The mean of each channel of a volume.\n\n    {BaseGlobalPooling.__doc__}"
    rank, function = 3, "mean"


class BaseAdaptivePooling(Layer):
    """A pooling whose windows are chosen so that the output has a given size.

    Window i of `size` along an axis of n goes from floor(i * n / size) to ceil((i + 1) * n / size).

    Shapes: inputs (batch, ..., channels) of known lengths; gives (batch, *output_size, channels).

    Args:
        output_size: length of the output along each axis: an integer, or one for each axis.
        data_format: "channels_last" (default) or "channels_first".

    Raises:
        ArgumentError: a length that is not positive.
        ShapeError: an input of another number of axes, or of unknown lengths.
    """

    rank = 2
    function = "adaptive_average_pool"

    def __init__(self, output_size, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.output_size = standard_tuple(output_size, self.rank, "output_size")
        self.data_format = standard_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs):
        """inputs (batch, ..., channels) to (batch, *output_size, channels)."""
        return getattr(ops, self.function)(inputs, self.output_size, self.data_format)


@export("keras.layers.AdaptiveAveragePooling1D")
class AdaptiveAveragePooling1D(BaseAdaptivePooling):
    __doc__ = f"The mean of windows of a line.\n\n    {BaseAdaptivePooling.__doc__}"
    rank, function = 1, "adaptive_average_pool"


@export("keras.layers.AdaptiveAveragePooling2D")
class AdaptiveAveragePooling2D(BaseAdaptivePooling):
    __doc__ = f"The mean of windows of an image.\n\n    {BaseAdaptivePooling.__doc__}"
    rank, function = 2, "adaptive_average_pool"


@export("keras.layers.AdaptiveAveragePooling3D")
class AdaptiveAveragePooling3D(BaseAdaptivePooling):
    __doc__ = f"The mean of windows of a volume.\n\n    {BaseAdaptivePooling.__doc__}"
    rank, function = 3, "adaptive_average_pool"


@export("keras.layers.AdaptiveMaxPooling1D")
class AdaptiveMaxPooling1D(BaseAdaptivePooling):
    __doc__ = f"The largest number of windows of a line.\n\n    {BaseAdaptivePooling.__doc__}"
    rank, function = 1, "adaptive_max_pool"


@export("keras.layers.AdaptiveMaxPooling2D")
class AdaptiveMaxPooling2D(BaseAdaptivePooling):
    __doc__ = f"The largest number of windows of an image.\n\n    {BaseAdaptivePooling.__doc__}"
    rank, function = 2, "adaptive_max_pool"


@export("keras.layers.AdaptiveMaxPooling3D")
class AdaptiveMaxPooling3D(BaseAdaptivePooling):
    __doc__ = f"The largest number of windows of a volume.\n\n    {BaseAdaptivePooling.__doc__}"
    rank, function = 3, "adaptive_max_pool"
