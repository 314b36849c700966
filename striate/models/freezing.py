"""Models for prediction alone: batch normalisation folded into the layers before it, dropout taken out."""

from __future__ import annotations

from typing import Any

import numpy as np

from striate.errors import ArgumentError, received
from striate.layers.base import Layer
from striate.models.cloning import uncompiled_clone
from striate.models.model import Model
from striate.models.node_graph import NodeGraph, node_of
from striate.models.sequential import Sequential

_IDLE = ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "GaussianNoise", "GaussianDropout",
         "AlphaDropout", "ActivityRegularization")
"""Layers that do nothing in a prediction."""
_CHANNELS = {"Dense": 1, "Conv1D": 2, "Conv2D": 3, "Conv3D": 4, "Conv1DTranspose": 1, "Conv2DTranspose": 2,
             "Conv3DTranspose": 3}
"""Layers that batch normalisation folds into, with the axis of the kernel that counts their output channels."""
_DEPTHWISE = ("DepthwiseConv1D", "DepthwiseConv2D")


def freeze(model: Model) -> Model:
    """A copy of a model for prediction alone, with the same outputs up to rounding.

    A batch normalisation that directly follows a convolution or dense layer without activation is folded into that
    layer's weights; dropout and noise are taken out. No weight of the copy is trainable.

    Args:
        model: a built Sequential or functional model.

    Raises:
        ArgumentError: a model whose layers are not known (a class with a `call` method of its own), or not built.

    Example:
        >>> from striate import Input, layers
        >>> model = Sequential([Input((8, 8, 3)), layers.Conv2D(4, 3, use_bias=False), layers.BatchNormalization(),
        ...                     layers.ReLU(), layers.Dropout(0.5)])
        >>> [layer.name for layer in freeze(model).layers]
        ['conv2d', 're_lu']
    """
    if not model.built or model._graph is None:
        raise ArgumentError("Only built Sequential and functional models can be frozen. Call the model on an input "
                            f"first, or give it an Input. {received(model=model.name, built=model.built)}")
    folded = _folded(model._graph)
    followers = set(folded.values())

    def copy(layer: Any) -> Layer:
        if isinstance(layer, Model):
            return freeze(layer)
        config = layer.get_config()
        if layer in folded:
            config["use_bias"] = True
        return type(layer).from_config(config)

    if isinstance(model, Sequential):
        frozen = _sequential(model, followers, copy)
    else:
        frozen = _functional(model, followers, copy)
    for layer in model.layers:
        if not isinstance(layer, Model) and layer not in followers and type(layer).__name__ not in _IDLE:
            twin = frozen.get_layer(layer.name)
            weights = layer.get_weights()
            twin.set_weights(_fold(layer, folded[layer], weights) if layer in folded else weights)
    frozen.trainable = False
    return frozen


def _folded(graph: NodeGraph) -> dict[Any, Any]:
    """Layers that take up the batch normalisation after them, each with that one."""
    found: dict[Any, Any] = {}
    calls: dict[Any, int] = {}
    readers: dict[int, int] = {id(tensor): 1 for tensor in graph.outputs}
    for node in graph.nodes:
        calls[node.operation] = calls.get(node.operation, 0) + 1
        for tensor in node.input_tensors:
            readers[id(tensor)] = readers.get(id(tensor), 0) + 1
    for node in graph.nodes:
        norm: Any = node.operation
        if type(norm).__name__ != "BatchNormalization" or len(node.input_tensors) != 1:
            continue
        before = node_of(node.input_tensors[0]).operation
        alone = readers[id(node.input_tensors[0])] == calls[norm] == calls.get(before) == 1
        if alone and _takes(before, norm, len(node.input_tensors[0].shape)):
            found[before] = norm
    return found


def _takes(layer: Any, norm: Any, rank: int) -> bool:
    """Whether a layer ends in a sum for each channel that `norm` counts."""
    kind = type(layer).__name__
    if kind not in _CHANNELS and kind not in _DEPTHWISE:
        return False
    channels_first = getattr(layer, "data_format", None) == "channels_first"
    linear = getattr(layer.activation, "__name__", "linear") == "linear"
    return linear and norm.axis % rank == (1 if channels_first else rank - 1)


def _fold(layer: Any, norm: Any, weights: list[np.ndarray]) -> list[np.ndarray]:
    """Kernel and bias with the normalisation in them, computed in float64."""
    kernel = weights[0].astype(np.float64)
    channels = norm.moving_mean.shape[0]
    bias = weights[1].astype(np.float64) if layer.use_bias else np.zeros(channels)
    scale = 1.0 / np.sqrt(norm.moving_variance.numpy().astype(np.float64) + norm.epsilon)
    if norm.gamma is not None:
        scale = scale * norm.gamma.numpy()
    shift = 0.0 if norm.beta is None else norm.beta.numpy().astype(np.float64)
    if type(layer).__name__ in _DEPTHWISE:
        wide = scale.reshape(kernel.shape[-2:])
    else:
        axis = _CHANNELS[type(layer).__name__]
        wide = scale.reshape([-1 if i == axis else 1 for i in range(kernel.ndim)])
    folded = (bias - norm.moving_mean.numpy()) * scale + shift
    return [(kernel * wide).astype(weights[0].dtype), folded.astype(weights[0].dtype)]


def _sequential(model: Sequential, followers: set, copy) -> Model:
    from striate.layers.input import InputLayer

    inputs = [InputLayer.from_config(layer.get_config()) for layer in model._stack if isinstance(layer, InputLayer)]
    kept = [layer for layer in model.layers if layer not in followers and type(layer).__name__ not in _IDLE]
    frozen = Sequential(inputs + [copy(layer) for layer in kept], name=model.name)
    if not frozen.built:
        frozen.build(model.input_shape)
    return frozen


def _functional(model: Model, followers: set, copy) -> Model:
    class Through(Layer):
        """Gives its input on, in the place of a layer that is taken out."""

        def __call__(self, *args, **kwargs):
            return args[0]

    return uncompiled_clone(model, clone_function=lambda layer: Through() if layer in followers
                            or type(layer).__name__ in _IDLE else copy(layer))
