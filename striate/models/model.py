"""`Model`: layers that are trained, evaluated, saved and shown together.

A model is made in one of three ways: from symbolic inputs and outputs (`Model(inputs, outputs)`), as a list of layers
(`Sequential`), or as a class of the user's with a `call` method.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

import striate
from striate.errors import ArgumentError, StriateError, received
from striate.graph.trace import collect
from striate.layers.base import Layer, map_shapes, tensors_of
from striate.layers.symbolic import KerasTensor, infer_outputs, leaves, symbolic_leaves
from striate.models.node_graph import NodeGraph, from_inputs
from striate.models.structure import flatten, pack, single
from striate.models.training.outputs import Outputs
from striate.models.training.trainer import Trainer
from striate.ops.dispatch import active_tracer
from striate.serialization import deserialize_keras_object, export, serialize_keras_object
from striate.untrusted import read_json


@export("keras.Model", "keras.models.Model")
class Model(Trainer):
    """A model: `compile` it, `fit` it, `evaluate` it, ask it to `predict`.

    Args:
        inputs: one `keras.Input`, or a list or dict of them.
        outputs: what layers called on these gave: one tensor, or a list or dict.
        name: a name.
        trainable: whether training changes the weights.

    Example:
        >>> from striate import Input, layers
        >>> inputs = Input(shape=(8, 8, 1))
        >>> model = Model(inputs, layers.Flatten()(inputs))
        >>> model.output_shape
        (None, 64)
    """

    def __new__(cls, *args, **kwargs):
        if cls is Model and _is_functional(args, kwargs):
            from striate.models.functional import Functional

            cls = Functional
        self = super().__new__(cls, *args, **kwargs)
        self._graph = None
        self._start_training()
        return self

    def __init__(self, *args, **kwargs):
        if _is_functional(args, kwargs):
            names = ("inputs", "outputs", "name")
            kwargs |= dict(zip(names, args, strict=False))
            inputs, outputs = kwargs.pop("inputs"), kwargs.pop("outputs")
            super().__init__(**kwargs)
            self._connect(inputs, outputs)
        elif args:
            raise ArgumentError(f"Model takes (inputs, outputs), or keyword arguments only. {received(args=args)}")
        else:
            super().__init__(**kwargs)

    def _connect(self, inputs: Any, outputs: Any) -> None:
        """Makes the model the chain of layers from symbolic inputs to outputs."""
        self._graph = from_inputs(NodeGraph(inputs, outputs))
        self._operations = list(self._graph.operations)
        self.built = True
        if not self._trainable:
            self.trainable = False

    # ---- calling ----------------------------------------------------------------------------------------------

    def __call__(self, *args, **kwargs):
        if active_tracer() is not None or symbolic_leaves(args, kwargs) or not _only_arrays(args):
            return super().__call__(*args, **kwargs)
        if not self.built:
            self._build_for(*args, **kwargs)
        return self._compute(args, kwargs)

    def call(self, *args, **kwargs):
        """Computes the outputs. Override it in a class of your own."""
        if self._graph is None:
            raise NotImplementedError(f"Model {type(self).__name__} does not have a `call()` method implemented.")
        return self._graph.run(args[0] if args else kwargs["inputs"])

    def build(self, input_shape) -> None:
        """Makes the weights for inputs of this shape (with the batch, which may be None), or this nest of shapes."""
        if self._graph is None:
            infer_outputs(self.call, (tensors_of(input_shape, "float32"),), {})

    def build_from_config(self, config: dict) -> None:
        """Makes the weights that a model of the class had when its file was written."""
        if "shapes_dict" in config and type(self).build is Model.build:
            named = {name.removesuffix("_shape"): shape for name, shape in config["shapes_dict"].items()}
            infer_outputs(self.call, (), tensors_of(named, "float32"))
            self._build_shapes, self.built = map_shapes(config["shapes_dict"], tuple), True
        else:
            super().build_from_config(config)

    def _maybe_build(self, args: tuple, kwargs: dict) -> None:
        """Layers inside make their weights when they are called; only a `build` of the user's must come before.

        The shapes are noted, so that a file can say for what the weights are to be made.
        """
        if type(self).build is not Model.build:
            super()._maybe_build(args, kwargs)
        elif self._graph is None and self._build_shapes is None:
            shapes = self._named_shapes(args, kwargs)
            self._build_shapes = {f"{name}_shape": shape for name, shape in shapes.items()} or None

    def _build_for(self, x: Any, *others: Any, **named: Any) -> Any:
        """Makes the weights for data like `x` (a nest of arrays), any number of samples; gives symbolic outputs.

        `others`, `named`: further arguments of the class' own `call`.
        """
        tensors = [_symbolic(leaf) for leaf in flatten(x)]
        further = [None if value is None else collect(value, _symbolic_array) for value in (*others, *named.values())]
        return Layer.__call__(self, pack(x, tensors), *further[:len(others)],
                              **dict(zip(named, further[len(others):], strict=True)))

    def _find_outputs(self, x: Any) -> Outputs:
        if self._graph is not None:
            return Outputs(self._graph.output_structure, self.output_names)
        try:
            return Outputs(self._build_for(x), self.output_names)
        except (StriateError, NotImplementedError, TypeError, ValueError):
            if type(self).train_step is Model.train_step:
                raise
        # The user's own step need not call the model with the data as they come, nor at all: nobody asks for outputs.
        self.built = True
        first = flatten(x)[0]
        return Outputs(KerasTensor((None, *np.shape(first)[1:]), _model_dtype(first)), None)

    # ---- shape of the network ---------------------------------------------------------------------------------

    def _connected(self, what: str) -> NodeGraph:
        if self._graph is None:
            raise AttributeError(f"The model '{self.name}' has no defined {what}: its input shape is not known yet, or "
                                 "it is a class with a `call` method. Give the first layer an Input.")
        return self._graph

    @property
    def operations(self) -> list:
        """What the model is made of: its inputs, layers and calls of functions, in the order in which they run."""
        return list(self._connected("operations").operations)

    @property
    def metrics_variables(self) -> list:
        """The variables of all metrics."""
        return [variable for metric in self.metrics for variable in metric.variables]

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs."""
        return self._connected("inputs").inputs

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs."""
        return self._connected("outputs").outputs

    @property
    def input(self):
        """The symbolic inputs as they were given."""
        return self._connected("input").input_structure

    @property
    def output(self):
        """The symbolic outputs as they were given."""
        return self._connected("output").output_structure

    @property
    def input_shape(self):
        """Shape of the input, or a list of shapes."""
        return single([tensor.shape for tensor in self.inputs])

    @property
    def output_shape(self):
        """Shape of the output, or a list of shapes."""
        return single([tensor.shape for tensor in self.outputs])

    @property
    def input_names(self) -> list[str]:
        """Names of the input layers."""
        return [tensor.name for tensor in self.inputs]

    @property
    def output_names(self) -> list[str] | None:
        """Names of the layers that give the outputs; None when they are not known."""
        return None if self._graph is None else [tensor.made_by[0].name for tensor in self._graph.outputs]

    @property
    def layers(self) -> list[Layer]:
        """The layers, from the inputs to the outputs."""
        if self._graph is not None:
            return [operation for operation in self._graph.operations if isinstance(operation, Layer)]
        return self.inner_layers()

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of this name or at this place.

        Raises:
            ArgumentError: there is no such layer, or not exactly one of both was given.
        """
        if (name is None) == (index is None):
            raise ArgumentError("Provide either a layer name or a layer index at `get_layer`. "
                                + received(name=name, index=index))
        layers = self.layers
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ArgumentError(f"The model has {len(layers)} layers, counted from 0. {received(index=index)}")
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        raise ArgumentError(f"No such layer: {name}. Existing layers are: {[layer.name for layer in layers]}.")

    # ---- showing and saving -----------------------------------------------------------------------------------

    def summary(self, line_length=None, positions=None, print_fn=None, expand_nested=False, show_trainable=False,
                layer_range=None, style: str = "keras3") -> None:
        """Prints a table of the layers with shapes and numbers of parameters.

        Args:
            line_length: width in characters.
            positions: where the columns end, as fractions of the width (or characters).
            print_fn: receives the text instead of the screen.
            expand_nested: also lists the layers of models inside.
            show_trainable: adds a column.
            layer_range: names (or patterns) of the first and the last layer to list.
            style: "keras3", or "keras2" for the plain table of older versions.
        """
        from striate.models.summary import print_summary

        print_summary(self, line_length, positions, print_fn, expand_nested=expand_nested,
                      show_trainable=show_trainable, layer_range=layer_range, style=style)

    def memory_estimate(self, batch_size: int = 32):
        """How much memory a training with batches of this size will take besides the data: a `MemoryEstimate`.

        Raises:
            ArgumentError: the model is not compiled.

        Example:
            print(model.memory_estimate(batch_size=64))
        """
        from striate.models.training.memory import estimate

        self._require_compiled("memory_estimate")
        return estimate(self, batch_size)

    def plan(self, batch_size: int = 32, training: bool = False):
        """How the engine runs this model here, kernel by kernel: a `see.PlanTable`, which prints as a table.

        Args:
            batch_size: samples at once.
            training: a whole training step (of a compiled model), instead of a prediction.

        Example:
            print(model.plan(batch_size=1))
        """
        return striate.see.plan(self, batch_size, training)

    def freeze(self) -> Model:
        """A copy for prediction alone: batch normalisation folded into the layers before it, dropout taken out.

        Raises:
            ArgumentError: the model is not built, or its layers are not known.

        Example:
            model.freeze().save("clothes_frozen.keras")
        """
        from striate.models.freezing import freeze

        return freeze(self)

    def doctor(self, x=None, y=None, validation_split: float = 0.0, validation_data=None):
        """Looks for the usual mistakes in this model, its loss and its data, as `fit` would get them.

        Returns:
            A `see.Diagnosis`: prints as a list of findings, each with its code, reason, mend and page.

        Example:
            print(model.doctor(x_train, y_train, validation_split=0.2))
        """
        return striate.see.doctor(self, x, y, validation_split, validation_data)

    def save(self, filepath, overwrite: bool = True, **options) -> None:
        """Writes the whole model: layers, weights, optimiser. The ending says how: ".keras" or ".h5"."""
        striate.saving.save_model(self, filepath, overwrite=overwrite, **options)

    def __reduce__(self):
        """Copies and pickles of a built model are made through its `.keras` file."""
        if not self.built:
            return super().__reduce__()
        return striate.saving.model_of, (striate.saving.model_bytes(self),)

    def save_weights(self, filepath, overwrite: bool = True) -> None:
        """Writes the weights alone."""
        striate.saving.save_weights(self, filepath, overwrite=overwrite)

    def load_weights(self, filepath, skip_mismatch: bool = False, **options) -> None:
        """Reads weights written by `save_weights` (or the weights of a whole model's file)."""
        striate.saving.load_weights(self, filepath, skip_mismatch=skip_mismatch, **options)

    def export(self, filepath, format: str = "onnx", verbose: bool | None = None, input_signature=None,
               **options) -> None:
        """Writes the model for other programs, as it predicts: `format="onnx"` (needs the extra `onnx`)."""
        striate.saving.export_model(self, filepath, format, verbose, input_signature, **options)

    def quantize(self, mode=None, config=None, **options) -> None:
        """Refused: there is no arithmetic of whole numbers here.

        Raises:
            ArgumentError: always.
        """
        raise ArgumentError("A model is not quantized here: all arithmetic is float32. Leave the line out, or export "
                            "the model to ONNX and quantize that file. " + received(mode=mode))

    def to_json(self, **options) -> str:
        """The layers and their arrangement, without weights, as JSON."""
        return json.dumps(serialize_keras_object(self), **options)

    def get_config(self) -> dict[str, Any]:
        """Name, trainable and dtype; classes of the user's add what their constructor takes."""
        return Layer.get_config(self)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict | None = None):
        """The model that `get_config()` described, without weights."""
        from striate.models.functional import functional_from_config
        from striate.serialization import CustomObjectScope

        with CustomObjectScope(custom_objects):
            if {"layers", "input_layers", "output_layers"} <= set(config):
                return functional_from_config(cls, config)
            return super().from_config(config)


def model_from_json(json_string: str, custom_objects: dict | None = None) -> Model:
    """The model that `to_json()` described, without weights.

    `json_string`: its text, which may be a stranger's; `custom_objects`: {name: class} of your own. Raises
    `ArgumentError` for classes that are not known, `ModelFileError` for what is no such text.

    Example:
        >>> from striate import Input, layers, models
        >>> model = models.Sequential([Input((4,)), layers.Dense(2)])
        >>> model_from_json(model.to_json()).output_shape
        (None, 2)
    """
    return deserialize_keras_object(read_json(json_string, "The description"), custom_objects=custom_objects)


def _is_functional(args: tuple, kwargs: dict) -> bool:
    """Whether constructor arguments are (inputs, outputs)."""
    given = len(args) + sum(name in kwargs for name in ("inputs", "outputs"))
    return given >= 2


def _only_arrays(args: tuple) -> bool:
    found = leaves(args)
    return bool(found) and all(isinstance(leaf, (np.ndarray, np.generic, int, float)) for leaf in found)


def _symbolic(leaf: Any) -> KerasTensor:
    return KerasTensor((None, *np.shape(leaf)[1:]), _model_dtype(leaf))


def _symbolic_array(leaf: Any) -> Any:
    return _symbolic(leaf) if isinstance(leaf, np.ndarray) and leaf.ndim else leaf


def _model_dtype(leaf: Any) -> str:
    return "int32" if np.asarray(leaf).dtype in (np.int32, np.int64) else "float32"
