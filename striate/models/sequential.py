"""`Sequential`: layers one after the other."""

from __future__ import annotations

from typing import Any

from striate import naming
from striate.errors import ArgumentError, received
from striate.layers.base import Layer, is_shape
from striate.layers.input import InputLayer
from striate.layers.symbolic import KerasTensor
from striate.models.model import Model
from striate.models.node_graph import NodeGraph
from striate.serialization import CustomObjectScope, deserialize_keras_object, export, serialize_keras_object


@export("keras.Sequential", "keras.models.Sequential")
class Sequential(Model):
    """A stack of layers, each fed with the output of the one before.

    Args:
        layers: the layers; an `Input` (or `input_shape=` of the first layer) lets the weights be made at once,
            otherwise they are made when data come.
        trainable: whether training changes the weights.
        name: a name.

    Example:
        >>> from striate import Input, layers
        >>> model = Sequential([Input((4,)), layers.Dense(3), layers.Dense(2)])
        >>> model.count_params()
        23
    """

    def __init__(self, layers=None, trainable: bool = True, name: str | None = None):
        super().__init__(trainable=trainable, name=name)
        self._stack: list[Layer] = []
        self._tensors: list[KerasTensor] = []
        for layer in layers or ():
            self._push(layer)
        if layers:
            self._changed()

    def add(self, layer, rebuild: bool = True) -> None:
        """Puts a layer on top.

        Raises:
            ArgumentError: not a layer, its name is taken, or a second Input.
        """
        self._push(layer)
        self._changed()

    def _push(self, layer) -> None:
        if isinstance(layer, KerasTensor):
            layer = layer.made_by[0]
        self._check_new(layer)
        if not self._stack and not isinstance(layer, InputLayer):
            shape = getattr(layer, "_batch_input_shape", None)
            if shape is None and getattr(layer, "_graph", None) is not None and len(layer.inputs) == 1:
                shape = layer.inputs[0].shape
            if shape is not None:
                self._begin(InputLayer(batch_shape=shape))
        if isinstance(layer, InputLayer):
            self._begin(layer)
            return
        if self._tensors:
            with naming.name_scope(self.name):
                self._tensors.append(layer(self._tensors[-1]))
        self._stack.append(layer)

    def _check_new(self, layer: Any) -> None:
        if not isinstance(layer, Layer):
            hint = " Create it first: write Flatten(), with brackets." if isinstance(layer, type) else ""
            raise ArgumentError("Only instances of `keras.Layer` can be added to a Sequential model. "
                                    f"{received(layer=layer)} (of type {type(layer)}).{hint}")
        if any(layer.name == other.name for other in self._stack):
            raise ArgumentError(f"All layers added to a Sequential model should have unique names. Name '{layer.name}' "
                                "is already the name of a layer in this model. Update the `name` argument to pass a "
                                "unique name.")
        if isinstance(layer, InputLayer) and self._stack:
            raise ArgumentError(f"Sequential model '{self.name}' has layers already, so its Input cannot come now. "
                                f"Make the Input the first layer. {received(layer=layer.name)}")

    def _begin(self, layer: InputLayer) -> None:
        self._stack.insert(0, layer)
        self._tensors = [layer.output]

    def _changed(self) -> None:
        """The graph of calls follows the stack; what was compiled for the old stack is forgotten."""
        self._graph = NodeGraph(self._tensors[0], self._tensors[-1]) if len(self._tensors) > 1 else None
        self.built = self._graph is not None
        if self.built:
            naming.auto_name("functional")  # Keras makes a functional model here: later ones are numbered alike
        self._forget_programs()

    def pop(self, rebuild: bool = True) -> Layer:
        """Removes the layer on top and returns it."""
        if not self.layers:
            raise ArgumentError("There are no layers in the model to remove.")
        layer = self._stack.pop()
        if self._tensors:
            self._tensors.pop()
        self._changed()
        return layer

    def build(self, input_shape=None) -> None:
        """Makes the weights for inputs of this shape (with the batch, which may be None).

        Raises:
            ArgumentError: there are no layers, or the model has another input shape already.
        """
        if not self.layers:
            raise ArgumentError(f"Sequential model {self.name} cannot be built because it has no layers. "
                                "Call `model.add(layer)`.")
        if not is_shape(input_shape):
            if self._tensors or input_shape is not None:
                return
            raise ArgumentError(f"Sequential model '{self.name}' needs to know its input shape to be built, for "
                                "example build((None, 28, 28, 1)). " + received(input_shape=input_shape))
        if self._tensors:
            if tuple(self._tensors[0].shape[1:]) != tuple(input_shape[1:]):
                raise ArgumentError(f"Sequential model '{self.name}' has already been configured to use input shape "
                                    f"{self._tensors[0].shape}. You cannot build it with input_shape {input_shape}")
            return
        layers, self._stack = self._stack, []
        try:
            self._begin(InputLayer(batch_shape=tuple(input_shape)))
            for layer in layers:
                self._tensors.append(layer(self._tensors[-1]))
        except Exception:
            self._tensors, self._stack = [], layers
            raise
        self._stack += layers
        self._changed()

    def call(self, inputs, training=None, mask=None):
        """Applies the layers in order."""
        if self._graph is not None:
            return self._graph.run(inputs)
        for layer in self.layers:
            inputs = layer(inputs)
        return inputs

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the Input."""
        return [layer for layer in self._stack if not isinstance(layer, InputLayer)]

    def get_build_config(self) -> dict[str, Any] | None:
        """The input's shape, once it is known."""
        return {"input_shape": self._tensors[0].shape} if self._tensors else None

    def get_config(self) -> dict[str, Any]:
        """The layers' configurations, as Keras 3 writes them."""
        config = {"name": self.name, "trainable": self.trainable, "dtype": serialize_keras_object(self.dtype_policy),
                  "layers": [serialize_keras_object(layer) for layer in self._stack]}
        if self._tensors:
            config["build_input_shape"] = self._tensors[0].shape
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict | None = None):
        """The model that `get_config()` described, without weights."""
        if "layers" not in config:
            raise ArgumentError(f"A Sequential model's configuration needs 'layers'. {received(keys=list(config))}")
        with CustomObjectScope(custom_objects):
            model = cls(name=config.get("name"))
            layers = [deserialize_keras_object(description, module="keras.layers") for description in config["layers"]]
            for layer in layers[:-1]:  # As `add`, but the graph of the whole stack is made once.
                model._push(layer)
                if len(model._tensors) > 1:
                    naming.auto_name("functional")
            if layers:
                model.add(layers[-1])
        shape = config.get("build_input_shape")
        if not model._tensors and shape and is_shape(shape):
            model.build(tuple(shape))
        return model
