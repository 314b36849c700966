"""Layers around another layer."""

from __future__ import annotations

from striate import ops
from striate.errors import ArgumentError, ShapeError, received
from striate.layers.base import Layer
from striate.serialization import deserialize_keras_object, export


@export("keras.layers.Wrapper")
class Wrapper(Layer):
    """Base of layers that hold one other layer, `layer`."""

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

    Example:
        >>> from striate.layers.core import Dense
        >>> TimeDistributed(Dense(2)).compute_output_shape((None, 5, 3))
        (None, 5, 2)
    """

    def build(self, input_shape=None):
        """Builds the layer inside for one step."""
        if len(input_shape) < 3:
            raise ShapeError("`TimeDistributed` Layer should be passed an `input_shape` with at least 3 dimensions. "
                             + received(input_shape=input_shape))
        super().build((input_shape[0], *input_shape[2:]))

    def call(self, inputs, training=None):
        """inputs (batch, steps, ...) to (batch, steps, what the layer gives)."""
        steps = inputs.shape[1]
        if steps is None:
            raise ShapeError(f"The number of steps of the input of layer '{self.name}' must be known. "
                             + received(input_shape=tuple(inputs.shape)))
        flat = ops.reshape(inputs, (-1, *inputs.shape[2:]))
        outputs = self.layer(flat, training=training)
        return ops.reshape(outputs, (-1, steps, *outputs.shape[1:]))
