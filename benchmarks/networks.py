"""The networks that are timed, described once; `keras_model` and `torch_model` build them for each framework.

A network is a list of steps. A step is a dict (so that a network can be written to JSON): its `kind` and its options,
made by the functions below. `resolve` follows the shapes through the steps and names every layer; both builders and
the initial weights work from what it gives, so that all frameworks start from the same numbers.

Labels are class numbers and the loss is cross-entropy of scores, unless the last layer has one sigmoid unit (then it
is binary cross-entropy).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from math import prod

import numpy as np


def conv(filters, size, strides=1, padding="same", activation=None, bias=True, groups=1):
    """A convolution over one or two axes, as the input has them."""
    return dict(kind="conv", filters=filters, size=size, strides=strides, padding=padding, activation=activation,
                bias=bias, groups=groups)


def depthwise(size, strides=1, padding="same", bias=False):
    """A convolution of each channel with a filter of its own."""
    return dict(kind="depthwise", size=size, strides=strides, padding=padding, bias=bias)


def pool(size, strides=None):
    """The largest of each window."""
    return dict(kind="pool", size=size, strides=strides or size)


def average():
    """The mean of each channel over the whole map."""
    return dict(kind="average")


def norm():
    """Batch normalisation."""
    return dict(kind="norm")


def relu():
    """max(x, 0)"""
    return dict(kind="relu")


def flatten():
    """A map as one row of numbers."""
    return dict(kind="flatten")


def dropout(rate):
    """Sets a share of the numbers to zero while training."""
    return dict(kind="dropout", rate=rate)


def dense(units, activation=None):
    """A fully connected layer."""
    return dict(kind="dense", units=units, activation=activation)


def merge(mode, *branches):
    """The sum ("add") or the joined channels ("concatenate") of branches; an empty branch is the input itself."""
    return dict(kind="merge", mode=mode, branches=[list(branch) for branch in branches])


@dataclass(frozen=True)
class Network:
    """A network: shape of one sample, optimiser ("adam" or "sgd"), steps.

    Example:
        >>> Network((4, 4, 1), (flatten(), dense(2))).classes
        2
    """

    input_shape: tuple
    steps: tuple
    optimizer: str = "adam"

    @property
    def classes(self) -> int:
        """Units of the last layer; 1 stands for two classes told by a sigmoid."""
        return self.steps[-1]["units"]

    def described(self) -> dict:
        """What `Network(**...)` makes this network of again; can be written to JSON."""
        return {"input_shape": list(self.input_shape), "steps": list(self.steps), "optimizer": self.optimizer}


@dataclass(frozen=True)
class Layer:
    """One step with its name and its shapes (of one sample)."""

    name: str
    kind: str
    options: dict
    input_shape: tuple
    output_shape: tuple
    branches: tuple = field(default=())


def window(length: int, size: int, stride: int, padding: str) -> tuple[int, int, int]:
    """(outputs, padding before, padding after) of a window that slides along one axis, as Keras pads.

    Example:
        >>> window(32, 3, 2, "same"), window(33, 3, 2, "same")
        ((16, 0, 1), (17, 1, 1))
    """
    if padding == "valid":
        return (length - size) // stride + 1, 0, 0
    outputs = -(-length // stride)
    total = max(0, (outputs - 1) * stride + size - length)
    return outputs, total // 2, total - total // 2


def resolve(network: Network) -> tuple[Layer, ...]:
    """The network's layers with names and shapes.

    Raises:
        ValueError: a map becomes empty, or branches that are to be added have different shapes.
    """
    return _resolve(network.steps, tuple(network.input_shape), count())


def _resolve(steps, shape, serial) -> tuple[Layer, ...]:
    layers = []
    for step in steps:
        branches = tuple(_resolve(branch, shape, serial) for branch in step.get("branches", ()))
        result = _output_shape(step, shape, branches)
        if min(result) < 1:
            raise ValueError(f"Nothing is left of the map. Received: step={step}, shape={shape}")
        layers.append(Layer(f"{step['kind']}_{next(serial)}", step["kind"], step, shape, result, branches))
        shape = result
    return tuple(layers)


def _output_shape(step: dict, shape: tuple, branches) -> tuple:
    kind = step["kind"]
    if kind in ("conv", "depthwise", "pool"):
        padding = step.get("padding", "valid")
        sides = tuple(window(side, step["size"], step["strides"], padding)[0] for side in shape[:-1])
        return (*sides, step["filters"] if kind == "conv" else shape[-1])
    if kind == "average":
        return shape[-1:]
    if kind == "flatten":
        return (prod(shape),)
    if kind == "dense":
        return (step["units"],)
    if kind == "merge":
        shapes = [branch[-1].output_shape if branch else shape for branch in branches]
        compared = shapes if step["mode"] == "add" else [each[:-1] for each in shapes]
        if len(set(compared)) > 1:
            raise ValueError(f"Branches of different shapes cannot be merged. Received: shapes={shapes}")
        return shapes[0] if step["mode"] == "add" else (*shapes[0][:-1], sum(each[-1] for each in shapes))
    return shape


def every_layer(layers):
    """All layers, those of branches before the layer that merges them."""
    for layer in layers:
        for branch in layer.branches:
            yield from every_layer(branch)
        yield layer


def data(network: Network, samples: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Inputs float32 (samples, *shape) and class numbers int64 (samples,)."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((samples, *network.input_shape), dtype=np.float32)
    return x, rng.integers(0, max(2, network.classes), samples)


def initial_weights(layers, seed: int = 1) -> dict[str, list[np.ndarray]]:
    """Name of a layer -> its weights in Keras' order and layout: He-normal filters, small biases."""
    rng = np.random.default_rng(seed)
    weights = {}
    for layer in every_layer(layers):
        channels, options = layer.input_shape[-1], layer.options
        if layer.kind == "norm":
            arrays = [np.ones(channels), np.zeros(channels), np.zeros(channels), np.ones(channels)]
        elif layer.kind in ("conv", "depthwise", "dense"):
            shape, inputs = _kernel_shape(layer, channels)
            arrays = [rng.standard_normal(shape) * np.sqrt(2 / inputs)]
            if options.get("bias", True):
                arrays.append(rng.standard_normal(layer.output_shape[-1]) * 0.01)
        else:
            continue
        weights[layer.name] = [array.astype(np.float32) for array in arrays]
    return weights


def _kernel_shape(layer: Layer, channels: int) -> tuple[tuple, int]:
    """(shape of the weights, numbers that one output is summed of)."""
    if layer.kind == "dense":
        return (channels, layer.options["units"]), channels
    window_shape = (layer.options["size"],) * (len(layer.input_shape) - 1)
    if layer.kind == "depthwise":
        return (*window_shape, channels, 1), prod(window_shape)
    group = channels // layer.options["groups"]
    return (*window_shape, group, layer.options["filters"]), prod(window_shape) * group


def flops(layers) -> int:
    """Floating-point operations of one forward pass of one sample in convolutions and dense layers, 2 a multiply-add.

    Example:
        >>> flops(resolve(Network((4, 4, 1), (flatten(), dense(2)))))
        64
    """
    total = 0
    for layer in every_layer(layers):
        if layer.kind in ("conv", "depthwise", "dense"):
            total += 2 * prod(layer.output_shape) * _kernel_shape(layer, layer.input_shape[-1])[1]
    return total
