"""A network in PyTorch, channels last, as someone who knows PyTorch writes it."""

from __future__ import annotations

import torch
from torch import nn

from benchmarks.networks import Layer, Network, initial_weights, resolve, window


class Sequence(nn.Module):
    """Layers one after the other."""

    def __init__(self, layers, with_dropout: bool):
        super().__init__()
        parts = [module for layer in layers for module in _make(layer, with_dropout)]
        self.parts = nn.Sequential(*parts)

    def forward(self, x):
        return self.parts(x)


class Merge(nn.Module):
    """Branches side by side, added or joined along the channels."""

    def __init__(self, layer: Layer, with_dropout: bool):
        super().__init__()
        self.adds = layer.options["mode"] == "add"
        self.branches = nn.ModuleList(Sequence(branch, with_dropout) for branch in layer.branches)

    def forward(self, x):
        results = [branch(x) for branch in self.branches]
        if not self.adds:
            return torch.cat(results, 1)
        total = results[0]
        for result in results[1:]:
            total = total + result
        return total


class KerasFlatten(nn.Module):
    """Flattens with the channels last, in Keras' order; in channels-last memory that copies nothing."""

    def forward(self, x):
        return x.movedim(1, -1).flatten(1)


class Mean(nn.Module):
    """The mean over all axes but samples and channels."""

    def forward(self, x):
        return x.mean(tuple(range(2, x.ndim)))


def build(network: Network, with_dropout: bool) -> nn.Module:
    """The model with the common initial weights."""
    layers = resolve(network)
    model = Sequence(layers, with_dropout)
    if len(network.input_shape) == 3:
        model = model.to(memory_format=torch.channels_last)
    modules = {module.layer_name: module for module in model.modules() if hasattr(module, "layer_name")}
    with torch.no_grad():
        for name, arrays in initial_weights(layers).items():
            for target, array in zip(_weights(modules[name]), arrays, strict=True):
                array = torch.from_numpy(array)
                if target.ndim > 1:
                    array = array.T if array.ndim == 2 else array.permute(-1, -2, *range(array.ndim - 2))
                target.copy_(array.reshape(target.shape))
    return model


def to_batch(network: Network, x, y):
    """NumPy arrays as tensors of the layout and types that the model takes."""
    x = torch.from_numpy(x).movedim(-1, 1)
    x = x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x.contiguous()
    return x, torch.from_numpy(y).float() if network.classes == 1 else torch.from_numpy(y)


def optimizer(network: Network, model: nn.Module):
    """As `keras_model.optimizer`, fused."""
    if network.optimizer == "adam":
        return torch.optim.Adam(model.parameters(), 1e-4, eps=1e-7, fused=True)
    return torch.optim.SGD(model.parameters(), 1e-3, momentum=0.9, fused=True)


def loss(network: Network):
    """A function (outputs, targets) -> mean loss."""
    if network.classes == 1:
        return lambda outputs, y: nn.functional.binary_cross_entropy(outputs[:, 0], y)
    return nn.functional.cross_entropy


def _weights(module: nn.Module) -> list:
    if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
        return [module.weight, module.bias, module.running_mean, module.running_var]
    return [module.weight] + ([] if module.bias is None else [module.bias])


def _make(layer: Layer, with_dropout: bool) -> list:
    options, shape = layer.options, layer.input_shape
    if layer.kind in ("conv", "depthwise"):
        return _convolution(layer)
    if layer.kind == "merge":
        return [Merge(layer, with_dropout)]
    if layer.kind == "pool":
        return [(nn.MaxPool2d if len(shape) == 3 else nn.MaxPool1d)(options["size"], options["strides"])]
    if layer.kind == "norm":
        kind = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
        return [_named(layer, kind(shape[-1], eps=1e-3, momentum=0.01))]
    if layer.kind == "dense":
        return [_named(layer, nn.Linear(shape[-1], options["units"])), *_activation(options["activation"])]
    if layer.kind == "dropout":
        return [nn.Dropout(options["rate"])] if with_dropout else []
    return [{"relu": lambda: nn.ReLU(inplace=True), "flatten": KerasFlatten, "average": Mean}[layer.kind]()]


def _convolution(layer: Layer) -> list:
    """The convolution, with a padding layer before it only where Keras pads one side more than the other."""
    options, channels, sides = layer.options, layer.input_shape[-1], layer.input_shape[:-1]
    depthwise = layer.kind == "depthwise"
    pads = [window(side, options["size"], options["strides"], options["padding"])[1:] for side in sides]
    before, padding = [], tuple(low for low, _ in pads)
    if any(low != high for low, high in pads):
        flat = [number for pair in reversed(pads) for number in pair]
        before, padding = [(nn.ZeroPad2d if len(sides) == 2 else nn.ZeroPad1d)(tuple(flat))], 0
    kind = nn.Conv2d if len(sides) == 2 else nn.Conv1d
    module = kind(channels, channels if depthwise else options["filters"], options["size"], options["strides"],
                  padding, groups=channels if depthwise else options["groups"], bias=options["bias"])
    return [*before, _named(layer, module), *_activation(options.get("activation"))]


def _activation(name: str | None) -> list:
    return {None: [], "relu": [nn.ReLU(inplace=True)], "sigmoid": [nn.Sigmoid()]}[name]


def _named(layer: Layer, module: nn.Module) -> nn.Module:
    module.layer_name = layer.name
    return module
