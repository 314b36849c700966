"""Layers that bring their input to mean zero and variance one, or to length one."""

from __future__ import annotations

from typing import Any

import numpy as np

from striate import constraints, initializers, ops, regularizers
from striate.errors import ArgumentError, ShapeError, TypeMismatchError, received
from striate.layers.base import Layer
from striate.layers.input_spec import InputSpec
from striate.serialization import export
from striate.variables import Variable


class _ScaleAndShift(Layer):
    """What normalising layers share: the learnt factor gamma and shift beta."""

    axis: Any
    gamma: Variable | None
    beta: Variable | None

    def _set_parameters(self, center, scale, beta, gamma) -> None:
        self.center, self.scale = center, scale
        self.beta_initializer = initializers.get(beta[0])
        self.beta_regularizer = regularizers.get(beta[1])
        self.beta_constraint = constraints.get(beta[2])
        self.gamma_initializer = initializers.get(gamma[0])
        self.gamma_regularizer = regularizers.get(gamma[1])
        self.gamma_constraint = constraints.get(gamma[2])
        self.gamma = self.beta = None
        self.supports_masking = True

    def _add_parameters(self, shape: tuple) -> None:
        if self.scale:
            self.gamma = self.add_weight(shape, self.gamma_initializer, name="gamma",
                                         regularizer=self.gamma_regularizer, constraint=self.gamma_constraint)
        if self.center:
            self.beta = self.add_weight(shape, self.beta_initializer, name="beta",
                                        regularizer=self.beta_regularizer, constraint=self.beta_constraint)

    def _length(self, input_shape, axis: int) -> int:
        if not -len(input_shape) <= axis < len(input_shape):
            raise ShapeError(f"Axis {axis} is out of bounds for input shape {tuple(input_shape)}. "
                             + received(axis=self.axis))
        if input_shape[axis] is None:
            raise ShapeError(f"Axis {axis} of the input of layer '{self.name}' must have a known length. "
                             + received(input_shape=tuple(input_shape)))
        return input_shape[axis]


@export("keras.layers.BatchNormalization")
class BatchNormalization(_ScaleAndShift):
    """Each channel brought to mean 0 and variance 1 over the batch, then scaled by gamma and shifted by beta.

    In training the batch's own statistics are used, and moving averages of them are kept; in inference the averages.

    Shapes: inputs (batch, ..., channels); gives the same; each weight is (channels,). Raises `ShapeError` for an axis
    that the input lacks, `ArgumentError` for batch renormalisation. Source: Ioffe and Szegedy (2015), arXiv:1502.03167.

    Args:
        axis: the axis of the channels.
        momentum: how much of the old average stays at each step.
        epsilon: added to the variance.
        center, scale: whether there are beta and gamma.
        beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer: how they begin.
        beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: as in `Dense`.
        renorm, renorm_clipping, renorm_momentum: must keep their defaults; batch renormalisation is not there.
        synchronized: statistics of the whole batch, which is what there is; a training in several shards, each with
            statistics of its own, refuses it.

    Example:
        >>> import numpy as np
        >>> y = BatchNormalization(epsilon=0.0)(np.array([[1.0], [3.0]], "float32"), training=True)
        >>> np.asarray(y).ravel().tolist()
        [-1.0, 1.0]
    """

    def __init__(self, axis=-1, momentum=0.99, epsilon=1e-3, center=True, scale=True, beta_initializer="zeros",
                 gamma_initializer="ones", moving_mean_initializer="zeros", moving_variance_initializer="ones",
                 beta_regularizer=None, gamma_regularizer=None, beta_constraint=None, gamma_constraint=None,
                 renorm=False, renorm_clipping=None, renorm_momentum=0.99, synchronized=False, **kwargs):
        super().__init__(**kwargs)
        if renorm:
            raise ArgumentError("Batch renormalisation is not part of striate. " + received(renorm=renorm)
                                + ". Leave `renorm` out.")
        self.axis = int(axis[0] if isinstance(axis, (list, tuple)) and len(axis) == 1 else axis)
        self.momentum, self.epsilon = float(momentum), float(epsilon)
        self._set_parameters(center, scale, (beta_initializer, beta_regularizer, beta_constraint),
                             (gamma_initializer, gamma_regularizer, gamma_constraint))
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.moving_mean = self.moving_variance = None
        self.renorm, self.renorm_clipping, self.renorm_momentum = renorm, renorm_clipping, renorm_momentum
        self.synchronized = synchronized

    def build(self, input_shape):
        """Makes gamma, beta, moving_mean and moving_variance, each (channels,)."""
        channels = self._length(input_shape, self.axis)
        self._add_parameters((channels,))
        self.moving_mean = self.add_weight((channels,), self.moving_mean_initializer, name="moving_mean",
                                           trainable=False)
        self.moving_variance = self.add_weight((channels,), self.moving_variance_initializer, name="moving_variance",
                                               trainable=False)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})

    def call(self, inputs, training=None, mask=None):
        """inputs of any shape with the channels along `axis`, to the same shape."""
        if not training or not self.trainable:
            return ops.batch_normalization(inputs, self.moving_mean, self.moving_variance, axis=self.axis,
                                           offset=self.beta, scale=self.gamma, epsilon=self.epsilon)
        if mask is not None:
            return self._masked(inputs, mask)
        last = self.axis in (-1, len(inputs.shape) - 1)
        x = inputs if last else ops.moveaxis(inputs, self.axis, -1)
        channels = self.moving_mean.shape
        gamma = np.ones(channels, np.float32) if self.gamma is None else self.gamma
        beta = np.zeros(channels, np.float32) if self.beta is None else self.beta
        y, mean, variance = ops.batch_norm(x, gamma, beta, self.epsilon)
        self._move(mean, variance)
        return y if last else ops.moveaxis(y, -1, self.axis)

    def _move(self, mean, variance) -> None:
        """The moving averages go a step of 1 - momentum towards the batch's statistics."""
        for average, current in ((self.moving_mean, mean), (self.moving_variance, variance)):
            average.assign(average.value * self.momentum + ops.stop_gradient(current) * (1.0 - self.momentum))

    def _masked(self, inputs, mask):
        """As in training, with statistics over the places that the mask keeps."""
        axes = tuple(axis for axis in range(len(inputs.shape)) if axis != self.axis % len(inputs.shape))
        weights = ops.cast(mask, "float32")
        while len(weights.shape) < len(inputs.shape):
            weights = ops.expand_dims(weights, -1)
        weights = weights + ops.zeros_like(inputs)
        total = ops.sum(weights, axis=axes, keepdims=True)
        mean = ops.sum(inputs * weights, axis=axes, keepdims=True) / total
        variance = ops.sum(weights * ops.square(inputs - mean), axis=axes, keepdims=True) / total
        mean, variance = ops.squeeze(mean, axis=axes), ops.squeeze(variance, axis=axes)
        self._move(mean, variance)
        return ops.batch_normalization(inputs, mean, variance, axis=self.axis, offset=self.beta, scale=self.gamma,
                                       epsilon=self.epsilon)

    def get_config(self):
        config = super().get_config()
        for name in ("renorm", "renorm_clipping", "renorm_momentum"):
            config.pop(name)
        return config


@export("keras.layers.LayerNormalization")
class LayerNormalization(_ScaleAndShift):
    """Each sample brought to mean 0 and variance 1 over `axis`, then scaled by gamma and shifted by beta.

    Args as those of `BatchNormalization`; `axis` may be several.

    Shapes: inputs (batch, ...); gives the same; gamma and beta have the lengths of the axes. Source: Ba and others
    (2016), arXiv:1607.06450.
    """

    def __init__(self, axis=-1, epsilon=1e-3, center=True, scale=True, beta_initializer="zeros",
                 gamma_initializer="ones", beta_regularizer=None, gamma_regularizer=None, beta_constraint=None,
                 gamma_constraint=None, **kwargs):
        super().__init__(**kwargs)
        self.autocast = False
        if not isinstance(axis, (int, list, tuple)):
            raise TypeMismatchError("`axis` of LayerNormalization must be an integer or several. "
                                    + received(axis=axis))
        self.axis = list(axis) if isinstance(axis, (list, tuple)) else axis
        self.epsilon = float(epsilon)
        self._set_parameters(center, scale, (beta_initializer, beta_regularizer, beta_constraint),
                             (gamma_initializer, gamma_regularizer, gamma_constraint))

    def build(self, input_shape):
        """Makes gamma and beta of the lengths of the axes normalised over."""
        # Built, it holds a list: so do files that Keras writes.
        self.axis = sorted(self.axis) if isinstance(self.axis, list) else [self.axis]
        lengths = tuple(self._length(input_shape, axis) for axis in self.axis)
        self._add_parameters(lengths)
        rank = len(input_shape)
        self._axes = tuple(axis % rank for axis in self.axis)
        by_axis = dict(zip(self._axes, lengths, strict=True))
        self._broadcast_shape = tuple(by_axis.get(axis, 1) for axis in range(rank))

    def _parameter(self, variable):
        return None if variable is None else ops.reshape(variable, self._broadcast_shape)

    def call(self, inputs):
        """inputs of any shape, to the same shape."""
        return ops.layer_normalization(inputs, self._parameter(self.gamma), self._parameter(self.beta), self._axes,
                                       self.epsilon)


@export("keras.layers.RMSNormalization")
class RMSNormalization(Layer):
    """inputs / sqrt(mean of their squares over `axis`), times a learnt factor.

    Shapes: inputs (batch, ...); gives the same. `epsilon` is added to the mean. Source: Zhang and Sennrich (2019),
    arXiv:1910.07467.
    """

    def __init__(self, axis=-1, epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.axis, self.epsilon = list(axis) if isinstance(axis, (list, tuple)) else axis, epsilon

    def build(self, input_shape):
        """Makes the factor, of the lengths of the axes."""
        self.axis = sorted(self.axis) if isinstance(self.axis, list) else [self.axis]  # as `LayerNormalization`
        self.scale = self.add_weight(tuple(input_shape[axis] for axis in self.axis), "ones", name="scale")

    def call(self, inputs):
        """inputs of any shape, to the same shape."""
        return ops.rms_normalization(inputs, self.scale, tuple(self.axis), self.epsilon)


@export("keras.layers.GroupNormalization")
class GroupNormalization(_ScaleAndShift):
    """Each group of channels of each sample brought to mean 0 and variance 1, then scaled and shifted by channel.

    Shapes: inputs (batch, ..., channels); gives the same. Source: Wu and He (2018), arXiv:1803.08494.

    Args:
        groups: how many groups; -1 for one a channel (instance normalisation).
        axis: the axis of the channels.
        others: as those of `BatchNormalization`.

    Raises:
        ShapeError: the channels are no multiple of `groups`.
    """

    def __init__(self, groups=32, axis=-1, epsilon=1e-3, center=True, scale=True, beta_initializer="zeros",
                 gamma_initializer="ones", beta_regularizer=None, gamma_regularizer=None, beta_constraint=None,
                 gamma_constraint=None, **kwargs):
        super().__init__(**kwargs)
        self.autocast = False
        self.groups, self.axis, self.epsilon = groups, axis, epsilon
        self._set_parameters(center, scale, (beta_initializer, beta_regularizer, beta_constraint),
                             (gamma_initializer, gamma_regularizer, gamma_constraint))

    def build(self, input_shape):
        """Makes gamma and beta (channels,)."""
        channels = self._length(input_shape, self.axis)
        if self.groups == -1:
            self.groups = channels
        if channels < self.groups or channels % self.groups:
            raise ShapeError("The number of channels must be a multiple of the number of groups. "
                             + received(groups=self.groups, input_shape=tuple(input_shape)))
        self._add_parameters((channels,))
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})

    def call(self, inputs):
        """inputs (batch, ..., channels), to the same shape."""
        last = self.axis in (-1, len(inputs.shape) - 1)
        x = inputs if last else ops.moveaxis(inputs, self.axis, -1)
        mean, scale = self._statistics(x)
        y = (x - mean) * scale
        y = y if self.gamma is None else y * self.gamma
        y = y if self.beta is None else y + self.beta
        return y if last else ops.moveaxis(y, -1, self.axis)

    def _statistics(self, x):
        """Of each channel its group's mean and 1 / standard deviation, (batch, 1, ..., 1, channels).

        The variance of a group is the mean of its channels' variances and of the squares of how far their means lie
        apart, so that x is only ever read channel by channel, which memory likes better than group by group.
        """
        places, size = x.ndim - 2, x.shape[-1] // self.groups
        mean, spread = x, ops.zeros_like(x)
        if places:
            mean, spread = ops.moments(x, tuple(range(1, places + 1)), keepdims=True)
        means, spreads = (ops.reshape(values, (-1, self.groups, size)) for values in (mean, spread))
        mean = ops.mean(means, axis=-1, keepdims=True)
        variance = ops.mean(spreads + ops.square(means - mean), axis=-1)
        wide = (-1, *[1] * places, x.shape[-1])
        return tuple(ops.reshape(ops.repeat(values, size, axis=1), wide)
                     for values in (ops.squeeze(mean, -1), ops.rsqrt(variance + self.epsilon)))


@export("keras.layers.UnitNormalization")
class UnitNormalization(Layer):
    """Each sample brought to length one over `axis`.

    Shapes: inputs (batch, ...); gives the same. `axis`: one or several.
    """

    needs_no_build = True

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = list(axis) if isinstance(axis, (list, tuple)) else axis
        self.supports_masking = True

    def call(self, inputs):
        """inputs of any shape, to the same shape."""
        axis = tuple(self.axis) if isinstance(self.axis, list) else self.axis
        square = ops.sum(ops.square(inputs), axis=axis, keepdims=True)
        return inputs * ops.rsqrt(ops.maximum(square, 1e-12))


@export("keras.layers.Normalization")
class Normalization(Layer):
    """(inputs - mean) / sqrt(variance), with statistics that are given, or learnt from data by `adapt`.

    Shapes: inputs (batch, ...); gives the same; mean and variance broadcast with it.

    Args:
        axis: axes that keep their own statistics; None for one mean and variance for all.
        mean, variance: the statistics, instead of `adapt`.
        invert: whether to undo the normalisation.

    Example:
        >>> import numpy as np
        >>> layer = Normalization()
        >>> layer.adapt(np.array([[1.0, 0.0], [3.0, 4.0]]))
        >>> np.asarray(layer(np.array([[3.0, 0.0]]))).tolist()
        [[1.0, -1.0]]
    """

    def __init__(self, axis=-1, mean=None, variance=None, invert=False, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        if (mean is None) != (variance is None):
            raise ArgumentError("When setting values directly, both `mean` and `variance` must be set. "
                                + received(mean=mean, variance=variance))
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        self.invert = invert
        self.input_mean, self.input_variance = mean, variance

    def build(self, input_shape):
        """Makes the variables of the statistics, unless they were given."""
        rank = len(input_shape)
        if not all(-rank <= axis < rank for axis in self.axis):
            raise ShapeError(f"All `axis` values of Normalization must name axes of the input, which has {rank}. "
                             + received(axis=self.axis, input_shape=tuple(input_shape)))
        self._kept = sorted(axis % rank for axis in self.axis)
        self._broadcast_shape = tuple(self._length(input_shape, axis) if axis in self._kept else 1
                                      for axis in range(rank))
        shape = tuple(input_shape[axis] for axis in self._kept)
        if self.input_mean is None:
            self.adapt_mean = self.add_weight(shape, "zeros", name="mean", trainable=False)
            self.adapt_variance = self.add_weight(shape, "ones", name="variance", trainable=False)
            self.count = self.add_weight((), "zeros", dtype="int32", name="count", trainable=False)

    def _length(self, input_shape, axis: int) -> int:
        if input_shape[axis] is None:
            raise ShapeError("All `axis` values to be kept must have known shape. "
                             + received(axis=self.axis, input_shape=tuple(input_shape)))
        return input_shape[axis]

    def adapt(self, data) -> None:
        """Learns mean and variance from an array, or from an iterable of batches."""
        total: Any = None
        square: Any = None
        count = 0.0
        for batch in [data] if hasattr(data, "shape") else data:
            batch = np.asarray(batch[0] if isinstance(batch, tuple) else batch, np.float64)
            if not self.built:
                self.build((None, *batch.shape[1:]))
            axes = tuple(axis for axis in range(batch.ndim) if axis not in self._kept)
            number = batch.size / max(1, np.prod([batch.shape[axis] for axis in self._kept]))
            sums, squares = batch.sum(axes), np.square(batch).sum(axes)
            total, square = (sums, squares) if total is None else (total + sums, square + squares)
            count += number
        mean = total / count
        self.adapt_mean.assign(mean.astype(np.float32))
        self.adapt_variance.assign(np.maximum(square / count - mean * mean, 0).astype(np.float32))
        self.count.assign(np.int32(min(count, 2 ** 31 - 1)))

    @property
    def mean(self):
        """The mean that is subtracted, as it broadcasts with inputs; None until the layer is built."""
        return self._statistic(self.input_mean, "adapt_mean")

    @property
    def variance(self):
        """The variance whose root divides, as it broadcasts with inputs; None until the layer is built."""
        return self._statistic(self.input_variance, "adapt_variance")

    def _statistic(self, given, learnt: str):
        if not self.built:
            return None
        value = getattr(self, learnt).numpy() if given is None else np.asarray(given, np.float32)
        return value.reshape(_reshaped(value, self._broadcast_shape))

    def call(self, inputs):
        """inputs of any shape, to float32 of the same shape."""
        x = ops.cast(inputs, self.compute_dtype)
        if self.input_mean is None:  # Weights, which may be laid in after a program was made.
            mean, variance = (ops.reshape(statistic, self._broadcast_shape)
                              for statistic in (self.adapt_mean, self.adapt_variance))
            deviation = ops.maximum(ops.sqrt(variance), 1e-7)
        else:
            mean, deviation = self.mean, np.maximum(np.sqrt(self.variance), 1e-7)
        return x * deviation + mean if self.invert else (x - mean) / deviation

    def get_config(self):
        config = super().get_config()
        config.update(axis=self.axis, invert=self.invert, mean=_plain(self.input_mean),
                      variance=_plain(self.input_variance))
        return config


def _reshaped(value, shape: tuple) -> tuple:
    """The shape in which a statistic broadcasts: numbers everywhere, arrays along the kept axes."""
    return shape if np.size(value) == int(np.prod(shape)) else (1,) * len(shape)


def _plain(value):
    return np.asarray(value).tolist() if value is not None else None
