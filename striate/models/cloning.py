"""Copies of models with new weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from striate.errors import ArgumentError, DescriptionError, received
from striate.layers.base import Layer
from striate.layers.input import InputLayer
from striate.layers.symbolic import KerasTensor, Operation
from striate.models.model import Model
from striate.models.sequential import Sequential
from striate.models.structure import pack
from striate.serialization import deserialize_keras_object, serialize_keras_object


def clone_model(model: Model, input_tensors=None, clone_function: Callable[[Layer], Layer] | None = None) -> Model:
    """A model of the same layers with new weights, compiled alike; layers that were shared are shared again.

    Args:
        model: a Sequential or functional model, or one of a class that its `get_config()` describes.
        input_tensors: Inputs to build upon (a nest like the model's inputs), instead of new ones.
        clone_function: gives the copy of a layer; by default from its configuration.

    Raises:
        ArgumentError: `input_tensors` or `clone_function` for a class with a `call` method of the user's, whose layers
            are not known.

    Example:
        >>> from striate import Input, layers
        >>> model = Sequential([Input((4,)), layers.Dense(2)])
        >>> clone_model(model).count_params()
        10
    """
    return _compiled_like(model, uncompiled_clone(model, input_tensors, clone_function))


def uncompiled_clone(model: Model, input_tensors=None, clone_function: Callable[[Layer], Layer] | None = None) -> Model:
    """What `clone_model` gives, not compiled unless it is made from the configuration of a class."""
    copy = clone_function or (lambda layer: type(layer).from_config(layer.get_config()))
    if isinstance(model, Sequential):
        first = [_only(input_tensors)] if input_tensors is not None else \
            [_fresh_input(layer) for layer in model._stack if isinstance(layer, InputLayer)]
        return Sequential(first + [copy(layer) for layer in model.layers], name=model.name)
    if model._graph is None:
        if input_tensors is not None or clone_function is not None:
            raise ArgumentError("`input_tensors` and `clone_function` are for Sequential and functional models: the "
                                "layers of a class with a `call` of its own are not known. Leave them out. "
                                + received(model=model, input_tensors=input_tensors, clone_function=clone_function))
        return deserialize_keras_object(serialize_keras_object(model), {type(model).__name__: type(model)})
    graph = model._graph
    inputs = input_tensors if input_tensors is not None else \
        pack(graph.input_structure, [_fresh_input(tensor.made_by[0]) for tensor in graph.inputs])
    copies: dict[Operation, Operation] = {}

    def call(operation: Operation, args: tuple, kwargs: dict) -> Any:
        if operation not in copies:
            copies[operation] = copy(operation) if isinstance(operation, Layer) else \
                type(operation).from_config(operation.get_config())
        return copies[operation](*args, **kwargs)
    return type(model)(inputs, graph.run(inputs, call), name=model.name)


def _compiled_like(model: Model, clone: Model) -> Model:
    """The clone, compiled with descriptions of what the model was compiled with; with a warning if there are none."""
    if not model.compiled or clone.compiled:
        return clone
    config, reason = model.get_compile_config(), "something that it was compiled with cannot be described."
    if config is not None:
        try:
            clone.compile_from_config(config)
            return clone
        except DescriptionError as error:
            reason = str(error)
    warnings.warn(f"The clone of '{model.name}' is not compiled: {reason}", stacklevel=3)
    return clone


def _fresh_input(layer: Operation) -> KerasTensor:
    return InputLayer.from_config(layer.get_config()).output


def _only(tensors: Any) -> KerasTensor:
    return tensors[0] if isinstance(tensors, (list, tuple)) else tensors
