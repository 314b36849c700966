"""Layers that move numbers and compute nothing: flatten, reshape, pad, crop, repeat."""

from __future__ import annotations

from math import prod

from striate import ops
from striate.errors import ArgumentError, ShapeError, received
from striate.layers.arguments import positive, standard_data_format, standard_tuple
from striate.layers.base import Layer
from striate.layers.input_spec import InputSpec
from striate.serialization import export

_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


@export("keras.layers.Flatten")
class Flatten(Layer):
    """All axes but the batch become one.

    Shapes: inputs (batch, a, b, ...); gives (batch, a b ...); (batch,) gives (batch, 1).

    Args:
        data_format: "channels_first" brings the channels to the end before.

    Example:
        >>> Flatten().compute_output_shape((None, 31, 31, 32))
        (None, 30752)
    """

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = standard_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs):
        """inputs (batch, ...) to (batch, product of the rest)."""
        if len(inputs.shape) > 2 and self.data_format == "channels_first":
            inputs = ops.moveaxis(inputs, 1, -1)
        rest = inputs.shape[1:]
        if None in rest and inputs.shape[0] is None:
            return ops.reshape(inputs, (-1, None))
        return ops.reshape(inputs, (-1 if inputs.shape[0] is None else inputs.shape[0],
                                    -1 if None in rest else prod(rest)))


@export("keras.layers.Reshape")
class Reshape(Layer):
    """Another shape for each sample; one length may be -1.

    Shapes: inputs (batch, ...); gives (batch, *target_shape). Raises `ShapeError` when the count of numbers differs.
    """

    needs_no_build = True

    def __init__(self, target_shape, **kwargs):
        super().__init__(**kwargs)
        self.target_shape = (target_shape,) if isinstance(target_shape, int) else tuple(target_shape)

    def call(self, inputs):
        """inputs (batch, ...) to (batch, *target_shape)."""
        rest, target = inputs.shape[1:], self.target_shape
        if None not in rest:
            known = prod(n for n in target if n != -1)
            fits = prod(rest) % max(known, 1) == 0 if -1 in target else prod(rest) == known
            if not fits:
                raise ShapeError("The total size of the tensor must be unchanged. "
                                 + received(input_shape=tuple(inputs.shape), target_shape=target))
            target = tuple(prod(rest) // max(known, 1) if n == -1 else n for n in target)
        batch = inputs.shape[0]
        return ops.reshape(inputs, (-1 if batch is None else batch, *target))


@export("keras.layers.Permute")
class Permute(Layer):
    """The axes of each sample in another order; axes count from 1.

    Shapes: inputs (batch, a, b) with dims=(2, 1) give (batch, b, a). Raises `ArgumentError` when `dims` does not name
    every axis once.
    """

    def __init__(self, dims, **kwargs):
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ArgumentError("Invalid permutation argument `dims` for Permute Layer. The set of indices in `dims` "
                                "must be consecutive and start from 1. " + received(dims=dims))
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs):
        """inputs (batch, ...) with its axes in the order of `dims`."""
        return ops.transpose(inputs, axes=(0, *self.dims))


@export("keras.layers.RepeatVector")
class RepeatVector(Layer):
    """(batch, features) to (batch, n, features), each row n times.

    Raises `ArgumentError` when n is no positive integer.
    """

    def __init__(self, n, **kwargs):
        super().__init__(**kwargs)
        self.n = positive(n, "n")
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs):
        """inputs (batch, features)."""
        return ops.repeat(ops.expand_dims(inputs, 1), self.n, axis=1)


def _pairs(value, rank: int, name: str) -> tuple[tuple[int, ...], ...]:
    """An integer, one integer an axis, or (before, after) an axis, as pairs."""
    if isinstance(value, int):
        value = (value,) * rank
    if not isinstance(value, (tuple, list)) or len(value) != rank:
        raise ArgumentError(f"`{name}` should be an integer, {rank} integers or {rank} pairs of integers. "
                            + received(**{name: value}))
    return tuple(standard_tuple(entry if isinstance(entry, int) else tuple(entry), 2, name, allow_zero=True)
                 for entry in value)


class _Spatial(Layer):
    """What padding, cropping and repeating share: which axes they work on."""

    rank = 2

    def _set_format(self, data_format) -> None:
        self.data_format = standard_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _with_others(self, pairs, neutral) -> list:
        """One entry for each axis: `neutral` for batch and channels."""
        first = self.data_format == "channels_first"
        return [neutral, *([neutral] if first else []), *pairs, *([] if first else [neutral])]


class BaseZeroPadding(_Spatial):
    """Zeros around each sample.

    Shapes: inputs (batch, steps, channels), (batch, height, width, channels) or (batch, depth, height, width,
    channels); gives the same, longer by the padding.

    Args:
        padding: how many: an integer, one for each axis, or (before, after) for each axis.
        data_format: "channels_last" (default) or "channels_first".

    Raises:
        ArgumentError: another form of `padding`.
    """

    def __init__(self, padding=1, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._set_format(data_format)
        pairs = _pairs((tuple(padding),) if self.rank == 1 and not isinstance(padding, int) else padding, self.rank,
                       "padding")
        self.padding = pairs[0] if self.rank == 1 else pairs

    def call(self, inputs):
        """inputs (batch, ..., channels), longer by the padding."""
        pairs = [self.padding] if self.rank == 1 else self.padding
        return ops.pad(inputs, self._with_others(pairs, (0, 0)))


@export("keras.layers.ZeroPadding1D")
class ZeroPadding1D(BaseZeroPadding):
    __doc__ = BaseZeroPadding.__doc__
    rank = 1


@export("keras.layers.ZeroPadding2D")
class ZeroPadding2D(BaseZeroPadding):
    __doc__ = BaseZeroPadding.__doc__


@export("keras.layers.ZeroPadding3D")
class ZeroPadding3D(BaseZeroPadding):
    __doc__ = BaseZeroPadding.__doc__
    rank = 3


class BaseCropping(_Spatial):
    """Cuts the rim off each sample.

    Shapes: inputs (batch, steps, channels), (batch, height, width, channels) or (batch, depth, height, width,
    channels); gives the same, shorter by the cropping.

    Args:
        cropping: how much: an integer, one for each axis, or (before, after) for each axis.
        data_format: "channels_last" (default) or "channels_first".

    Raises:
        ArgumentError: another form of `cropping`.
        ShapeError: nothing is left of the input.
    """

    def _set_cropping(self, cropping, data_format) -> None:
        self._set_format(data_format)
        pairs = _pairs((tuple(cropping),) if self.rank == 1 and not isinstance(cropping, int) else cropping,
                       self.rank, "cropping")
        self.cropping = pairs[0] if self.rank == 1 else pairs

    def call(self, inputs):
        """inputs (batch, ..., channels), shorter by the cropping."""
        pairs = [self.cropping] if self.rank == 1 else self.cropping
        first = 1 if self.data_format == "channels_last" else 2
        for axis, (before, after) in enumerate(pairs, first):
            length = inputs.shape[axis]
            if length is not None and before + after >= length:
                raise ShapeError("The cropping leaves nothing of the input. "
                                 + received(cropping=self.cropping, input_shape=tuple(inputs.shape)))
        cuts = [slice(before, -after or None) for before, after in pairs]
        return inputs[tuple(self._with_others(cuts, slice(None)))]


@export("keras.layers.Cropping1D")
class Cropping1D(BaseCropping):
    __doc__ = BaseCropping.__doc__
    rank = 1

    def __init__(self, cropping=(1, 1), **kwargs):
        super().__init__(**kwargs)
        self._set_cropping(cropping, None)


@export("keras.layers.Cropping2D")
class Cropping2D(BaseCropping):
    __doc__ = BaseCropping.__doc__

    def __init__(self, cropping=((0, 0), (0, 0)), data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._set_cropping(cropping, data_format)


@export("keras.layers.Cropping3D")
class Cropping3D(BaseCropping):
    __doc__ = BaseCropping.__doc__
    rank = 3

    def __init__(self, cropping=((1, 1), (1, 1), (1, 1)), data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._set_cropping(cropping, data_format)


@export("keras.layers.UpSampling1D")
class UpSampling1D(Layer):
    """Each step `size` times.

    Shapes: (batch, steps, channels); gives (batch, size * steps, channels). Raises `ArgumentError` for a size that is
    not positive.
    """

    def __init__(self, size=2, **kwargs):
        super().__init__(**kwargs)
        self.size = positive(size, "size")
        self.input_spec = InputSpec(ndim=3)

    def call(self, inputs):
        """inputs (batch, steps, channels) to (batch, size * steps, channels)."""
        return ops.repeat(inputs, self.size, axis=1)


@export("keras.layers.UpSampling2D")
class UpSampling2D(_Spatial):
    """Images larger by whole factors.

    Shapes: (batch, height, width, channels); gives (batch, rows * height, columns * width, channels). Raises
    `ArgumentError` for a size that is not positive.

    Args:
        size: the factor, or (rows, columns).
        data_format: "channels_last" (default) or "channels_first".
        interpolation: "nearest" repeats pixels, "bilinear" goes between them in straight lines; also "bicubic",
            "lanczos3" and "lanczos5".
    """

    def __init__(self, size=(2, 2), data_format=None, interpolation="nearest", **kwargs):
        super().__init__(**kwargs)
        self.size = standard_tuple(size, 2, "size")
        self._set_format(data_format)
        self.interpolation = interpolation.lower()
        if self.interpolation not in _INTERPOLATIONS:
            raise ArgumentError(f"`interpolation` must be one of {_INTERPOLATIONS}. "
                                + received(interpolation=interpolation))

    def call(self, inputs):
        """inputs (batch, rows, columns, channels) to (batch, size[0] * rows, size[1] * columns, channels)."""
        first = 1 if self.data_format == "channels_last" else 2
        if self.interpolation != "nearest":
            lengths = inputs.shape[first:first + 2]
            size = tuple(length * factor for length, factor in zip(lengths, self.size, strict=True))
            return ops.image.resize(inputs, size, self.interpolation, data_format=self.data_format)
        for axis, factor in enumerate(self.size, first):
            if factor > 1:
                inputs = ops.repeat(inputs, factor, axis=axis)
        return inputs


@export("keras.layers.UpSampling3D")
class UpSampling3D(_Spatial):
    """Volumes larger by whole factors, each number repeated.

    Shapes: (batch, depth, height, width, channels); gives larger middle three. Raises `ArgumentError` for a size that
    is not positive.

    Args:
        size: the factor, or (depth, rows, columns).
        data_format: "channels_last" (default) or "channels_first".
    """

    rank = 3

    def __init__(self, size=(2, 2, 2), data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.size = standard_tuple(size, 3, "size")
        self._set_format(data_format)

    def call(self, inputs):
        """inputs (batch, depth, rows, columns, channels), each axis but the outer ones `size` times as long."""
        first = 1 if self.data_format == "channels_last" else 2
        for axis, factor in enumerate(self.size, first):
            if factor > 1:
                inputs = ops.repeat(inputs, factor, axis=axis)
        return inputs
