"""Layers around another layer."""

from __future__ import annotations

from striate import initializers, ops
from striate.errors import ArgumentError, ShapeError, received
from striate.layers.arguments import positive
from striate.layers.base import Layer
from striate.serialization import deserialize_keras_object, export


@export("keras.layers.Wrapper")
class Wrapper(Layer):
    """Base of layers that hold one other layer, `layer`.

    Shapes: those of the layer. `layer`: the layer; a wrapper's own `call` uses it.

    Example:
        >>> from striate.layers.core import Dense
        >>> Wrapper(Dense(2)).layer.units
        2
    """

    def __init__(self, layer, **kwargs):
        if not isinstance(layer, Layer):
            raise ArgumentError(f"{type(self).__name__} wraps a layer. " + received(layer=layer))
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape=None):
        """Builds the layer inside."""
        if not self.layer.built:
            self.layer.build(input_shape)

    @classmethod
    def from_config(cls, config):
        """The wrapper and the layer inside, of a configuration."""
        return cls(deserialize_keras_object(config["layer"], module="keras.layers"),
                   **{name: value for name, value in config.items() if name != "layer"})


@export("keras.layers.TimeDistributed")
class TimeDistributed(Wrapper):
    """The same layer at every step of a sequence.

    Shapes: (batch, steps, ...); gives (batch, steps, *the layer's output).

    Example:
        >>> from striate.layers.core import Dense
        >>> TimeDistributed(Dense(2)).compute_output_shape((None, 5, 3))
        (None, 5, 2)
    """

    def __init__(self, layer, **kwargs):
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def build(self, input_shape=None):
        """Builds the layer inside for one step."""
        if len(input_shape) < 3:
            raise ShapeError("`TimeDistributed` Layer should be passed an `input_shape` with at least 3 dimensions. "
                             + received(input_shape=input_shape))
        super().build((input_shape[0], *input_shape[2:]))

    def call(self, inputs, training=None, mask=None):
        """inputs (batch, steps, ...) to (batch, steps, what the layer gives); the mask (batch, steps) is handed on."""
        steps = inputs.shape[1]
        if steps is None:
            raise ShapeError(f"The number of steps of the input of layer '{self.name}' must be known. "
                             + received(input_shape=tuple(inputs.shape)))
        flat = ops.reshape(inputs, (-1, *inputs.shape[2:]))
        outputs = self.layer(flat, training=training)
        return ops.reshape(outputs, (-1, steps, *outputs.shape[1:]))


@export("keras.layers.SpectralNormalization")
class SpectralNormalization(Wrapper):
    """A layer whose kernel is divided by its largest singular value, as critics of GANs have it.

    The value is found by power iteration; `vector_u` goes on from one training step to the next. The kernel is divided
    in training and in prediction, and the gradient knows of it, as in Miyato et al. (2018).

    Shapes: those of the layer. Source: Miyato and others (2018), arXiv:1802.05957.

    Args:
        layer: a layer with a `kernel` or `embeddings`.
        power_iterations: how often the vector is multiplied, in each call.

    Raises:
        ArgumentError: the layer has no such weights.

    Example:
        >>> from striate.layers.core import Dense
        >>> SpectralNormalization(Dense(4)).compute_output_shape((None, 3))
        (None, 4)
    """

    def __init__(self, layer, power_iterations=1, **kwargs):
        super().__init__(layer, **kwargs)
        self.power_iterations = positive(power_iterations, "power_iterations")

    def build(self, input_shape=None):
        """Builds the layer inside and makes the vector."""
        super().build(input_shape)
        self._word = next((word for word in ("kernel", "embeddings") if hasattr(self.layer, word)), None)
        if self._word is None:
            raise ArgumentError("SpectralNormalization wraps a layer that has a `kernel` or `embeddings`. "
                                + received(layer=type(self.layer).__name__))
        self.kernel = getattr(self.layer, self._word)
        self.vector_u = self.add_weight((1, self.kernel.shape[-1]), initializers.TruncatedNormal(stddev=0.02),
                                        trainable=False, name="vector_u")

    def compute_output_shape(self, input_shape):
        """That of the layer inside."""
        return self.layer.compute_output_shape(input_shape)

    def call(self, inputs, training=False):
        """What the layer gives with the kernel divided."""
        vector, divided = self.normalized_weights()
        if training:
            self.vector_u.assign(vector)
        setattr(self.layer, self._word, divided)
        try:
            return self.layer(inputs)
        finally:
            setattr(self.layer, self._word, self.kernel)

    def normalized_weights(self):
        """(the vector after the multiplications, the divided kernel)."""
        kernel = self.kernel.value
        weights = ops.reshape(kernel, (-1, self.kernel.shape[-1]))
        fixed, row = ops.stop_gradient(weights), self.vector_u.value
        column = None
        for _ in range(self.power_iterations):
            column = _unit(ops.matmul(row, ops.transpose(fixed)))
            row = _unit(ops.matmul(column, fixed))
        largest = ops.reshape(ops.matmul(ops.matmul(column, weights), ops.transpose(row)), ())
        return row, kernel / ops.where(ops.equal(largest, 0.0), 1.0, largest)


def _unit(vector):
    """A vector of length 1 in the same direction; zeros stay."""
    return vector / ops.sqrt(ops.maximum(ops.sum(ops.square(vector)), 1e-12))
