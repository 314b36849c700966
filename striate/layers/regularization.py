"""Layers that disturb their input in training, and hand it on untouched otherwise."""

from __future__ import annotations

from math import sqrt

import numpy as np

from striate import ops, seeds
from striate.errors import ArgumentError, received
from striate.layers.arguments import standard_data_format
from striate.layers.base import Layer
from striate.layers.input_spec import InputSpec
from striate.serialization import export


def _checked_rate(rate) -> float:
    rate = rate.item() if isinstance(rate, np.number) else rate
    if not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
        raise ArgumentError("Invalid value received for argument `rate`. Expected a float value between 0 and 1. "
                            + received(rate=rate))
    return rate


class RandomLayer(Layer):
    """What random layers share: a stream of random numbers of their own."""

    needs_no_build = True

    def _set_seed(self, seed) -> None:
        self.seed = seed
        self._stream = seeds.new_stream(getattr(seed, "seed", seed))
        self.supports_masking = True

    def _random(self) -> tuple:
        return seeds.random_state(self._stream)


@export("keras.layers.Dropout")
class Dropout(RandomLayer):
    """In training sets a share `rate` of the input to 0 and divides the rest by 1 - rate.

    Shapes: inputs (batch, ...); gives the same. Source: Srivastava and others (2014).

    Args:
        rate: share that is dropped, between 0 and 1.
        noise_shape: shape of the mask; None or 1 for axes along which whole slices are dropped.
        seed: fixes the layer's stream of random numbers.

    Raises:
        ArgumentError: `rate` is not between 0 and 1.
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = _checked_rate(rate)
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        self._set_seed(seed)

    def _mask_shape(self, inputs) -> tuple | None:
        return self.noise_shape

    def call(self, inputs, training=False):
        """inputs of any shape, to the same shape."""
        if not training or self.rate == 0:
            return inputs
        if self.rate == 1:
            return inputs * 0.0
        state, stream = self._random()
        return ops.dropout(inputs, state, self.rate, stream, noise_shape=self._mask_shape(inputs))


class BaseSpatialDropout(Dropout):
    """Dropout of whole feature maps: all places of a channel together.

    Shapes: inputs (batch, height, width, channels), or with depth before the height; gives the same. Source: Tompson
    and others (2015), arXiv:1411.4280.

    Args:
        rate: share that is dropped.
        data_format: "channels_last" (default) or "channels_first".
        seed: fixes the layer's stream of random numbers.

    Raises:
        ArgumentError: `rate` is not between 0 and 1.
    """

    rank = 2

    def __init__(self, rate, data_format=None, seed=None, name=None, dtype=None, **kwargs):
        super().__init__(rate, seed=seed, name=name, dtype=dtype, **kwargs)
        self.data_format = standard_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def get_config(self):
        config = super().get_config()
        del config["trainable"]
        return {**config, "dtype": self.dtype}

    def _mask_shape(self, inputs) -> tuple:
        ones = (1,) * self.rank
        if self.data_format == "channels_last":
            return (inputs.shape[0], *ones, inputs.shape[-1])
        return (inputs.shape[0], inputs.shape[1], *ones)


@export("keras.layers.SpatialDropout1D")
class SpatialDropout1D(BaseSpatialDropout):
    """Dropout of whole channels of lines (batch, steps, channels).

    `rate` is the share, between 0 and 1; `seed` fixes the layer's stream of random numbers. Source: Tompson and others
    (2015), arXiv:1411.4280.
    """

    rank = 1

    def __init__(self, rate, seed=None, name=None, dtype=None, **kwargs):
        super().__init__(rate, seed=seed, name=name, dtype=dtype, **kwargs)


@export("keras.layers.SpatialDropout2D")
class SpatialDropout2D(BaseSpatialDropout):
    __doc__ = BaseSpatialDropout.__doc__


@export("keras.layers.SpatialDropout3D")
class SpatialDropout3D(BaseSpatialDropout):
    __doc__ = BaseSpatialDropout.__doc__
    rank = 3


@export("keras.layers.GaussianNoise")
class GaussianNoise(RandomLayer):
    """In training adds normal noise of standard deviation `stddev`.

    Shapes: inputs (batch, ...); gives the same.

    `seed` fixes the layer's stream of random numbers. Raises `ArgumentError` for a deviation outside [0, 1].
    """

    def __init__(self, stddev, seed=None, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= stddev <= 1:
            raise ArgumentError("Invalid value received for argument `stddev`. Expected a float value between 0 and 1. "
                                + received(stddev=stddev))
        self.stddev = stddev
        self._set_seed(seed)

    def call(self, inputs, training=False):
        """inputs of any shape, to the same shape."""
        if not training or self.stddev == 0:
            return inputs
        state, stream = self._random()
        return inputs + ops.random_normal(state, inputs.shape, 0.0, self.stddev, stream=stream)


@export("keras.layers.GaussianDropout")
class GaussianDropout(RandomLayer):
    """In training multiplies by normal noise of mean 1 and standard deviation sqrt(rate / (1 - rate)).

    Shapes: inputs (batch, ...); gives the same.

    `seed` fixes the layer's stream of random numbers. Raises `ArgumentError` for a rate outside [0, 1]. Source:
    Srivastava and others (2014).
    """

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = _checked_rate(rate)
        self._set_seed(seed)

    def call(self, inputs, training=False):
        """inputs of any shape, to the same shape."""
        if not training or self.rate == 0:
            return inputs
        state, stream = self._random()
        return inputs * ops.random_normal(state, inputs.shape, 1.0, sqrt(self.rate / (1.0 - self.rate)), stream=stream)


@export("keras.layers.AlphaDropout")
class AlphaDropout(RandomLayer):
    """Dropout for SELU networks: dropped numbers take SELU's lowest value, and mean and variance stay.

    Shapes: inputs (batch, ...); gives the same. Source: Klambauer and others (2017), arXiv:1706.02515.

    Args:
        rate: share that is dropped, between 0 and 1.
        noise_shape: shape of the mask; None or 1 for axes along which whole slices are dropped.
        seed: fixes the layer's stream of random numbers.

    Raises:
        ArgumentError: `rate` is not between 0 and 1.
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = _checked_rate(rate)
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        self._set_seed(seed)

    def call(self, inputs, training=False):
        """inputs of any shape, to the same shape."""
        if not training or self.rate == 0:
            return inputs
        lowest = -1.6732632423543772848170429916717 * 1.0507009873554804934193349852946
        shape = tuple(inputs.shape) if self.noise_shape is None else tuple(
            length if wanted is None else wanted for wanted, length in zip(self.noise_shape, inputs.shape, strict=True))
        state, stream = self._random()
        kept = ops.random_bernoulli(state, shape, 1.0 - self.rate, stream=stream)
        factor = ((1.0 - self.rate) * (1.0 + self.rate * lowest ** 2)) ** -0.5
        shift = -factor * lowest * self.rate
        return factor * (inputs * kept + lowest * (1.0 - kept)) + shift
