"""Activation functions as layers."""

from __future__ import annotations

from striate import activations, constraints, initializers, ops, regularizers
from striate.errors import ArgumentError, received
from striate.layers.base import Layer
from striate.layers.input_spec import InputSpec
from striate.serialization import export


@export("keras.layers.Activation")
class Activation(Layer):
    """Applies an activation function, given by its name (in any case) or as a function.

    Shapes: inputs any; gives the activation's shape, the inputs' for all but "glu". Raises `ArgumentError` for an
    unknown name.

    Example:
        >>> import numpy as np
        >>> np.asarray(Activation("ReLU")(np.array([-1.0, 2.0]))).tolist()
        [0.0, 2.0]
    """

    needs_no_build = True

    def __init__(self, activation, **kwargs):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)
        self.supports_masking = True

    def call(self, inputs):
        """inputs of any shape, to the same shape."""
        return self.activation(inputs)


def _checked(name: str, value) -> float:
    if value is None or value < 0:
        raise ArgumentError(f"`{name}` should be a number of at least zero. " + received(**{name: value}))
    return float(value)


@export("keras.layers.ReLU")
class ReLU(Layer):
    """max(inputs, 0), with Keras' variations.

    Shapes: inputs any; gives the same. Raises `ArgumentError` for a negative `max_value`, slope or threshold.

    Args:
        max_value: the largest output; None for no limit.
        negative_slope: slope below the threshold.
        threshold: below it the output is `negative_slope * (x - threshold)`.
    """

    needs_no_build = True

    def __init__(self, max_value=None, negative_slope=0.0, threshold=0.0, **kwargs):
        super().__init__(**kwargs)
        self.max_value = None if max_value is None else _checked("max_value", max_value)
        self.negative_slope = _checked("negative_slope", negative_slope)
        self.threshold = _checked("threshold", threshold)
        self.supports_masking = True

    def call(self, inputs):
        """inputs of any shape, to the same shape."""
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


@export("keras.layers.LeakyReLU")
class LeakyReLU(Layer):
    """inputs where positive, `negative_slope * inputs` elsewhere; `alpha` is the older name.

    Shapes: inputs any; gives the same. Raises `ArgumentError` for a negative slope. Source: Maas and others (2013).
    """

    needs_no_build = True

    def __init__(self, negative_slope=0.3, **kwargs):
        negative_slope = kwargs.pop("alpha", negative_slope)
        super().__init__(**kwargs)
        self.negative_slope = _checked("negative_slope", negative_slope)
        self.supports_masking = True

    def call(self, inputs):
        """inputs of any shape, to the same shape."""
        return activations.leaky_relu(inputs, self.negative_slope)


@export("keras.layers.PReLU")
class PReLU(Layer):
    """A leaky ReLU that learns its slopes.

    Shapes: inputs (batch, ...); gives the same; there is a slope for each number of a sample, unless shared. Source: He
    and others (2015), arXiv:1502.01852.

    Args:
        alpha_initializer, alpha_regularizer, alpha_constraint: of the slopes.
        shared_axes: axes along which one slope serves all places, such as [1, 2] for images.
    """

    def __init__(self, alpha_initializer="Zeros", alpha_regularizer=None, alpha_constraint=None, shared_axes=None,
                 **kwargs):
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        self.shared_axes = None if shared_axes is None else (
            [shared_axes] if isinstance(shared_axes, int) else list(shared_axes))
        self.supports_masking = True

    def build(self, input_shape):
        """Makes the slopes, one for each place of a sample but along `shared_axes`."""
        shape = [1 if axis in (self.shared_axes or []) else length
                 for axis, length in enumerate(input_shape)][1:]
        self.alpha = self.add_weight(tuple(shape), self.alpha_initializer, name="alpha",
                                     regularizer=self.alpha_regularizer, constraint=self.alpha_constraint)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={
            axis: length for axis, length in enumerate(input_shape) if axis and axis not in (self.shared_axes or [])})

    def call(self, inputs):
        """inputs of any shape, to the same shape."""
        return ops.relu(inputs) - self.alpha.value * ops.relu(-inputs)


@export("keras.layers.ELU")
class ELU(Layer):
    """inputs where positive, `alpha * (exp(inputs) - 1)` elsewhere.

    Shapes: inputs any; gives the same. Source: Clevert and others (2016), arXiv:1511.07289.
    """

    needs_no_build = True

    def __init__(self, alpha=1.0, **kwargs):
        super().__init__(**kwargs)
        self.alpha = alpha
        self.supports_masking = True

    def call(self, inputs):
        """inputs of any shape, to the same shape."""
        return activations.elu(inputs, self.alpha)


@export("keras.layers.Softmax")
class Softmax(Layer):
    """exp(inputs) divided by its sum along `axis`; places that the mask excludes count as minus infinity.

    Shapes: inputs (batch, ...); gives the same. `axis`: one or several.
    """

    needs_no_build = True

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis
        self.supports_masking = True

    def call(self, inputs, mask=None):
        """inputs of any shape, to the same shape."""
        if mask is not None:
            inputs = inputs + (1.0 - ops.cast(mask, "float32")) * -3.4e38 / 2.0
        return activations.softmax(inputs, tuple(self.axis) if isinstance(self.axis, list) else self.axis)
