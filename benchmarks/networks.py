"""The networks that are timed, written once and built for each framework from the same description.

A network is a list of steps: ("conv", filters, size, padding, activation), ("pool", size), ("norm",), ("flatten",),
("dense", units, activation), ("dropout", rate). Labels are class numbers and the loss is cross-entropy from logits,
unless the last layer has one sigmoid unit (then binary cross-entropy).
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Network:
    """A network with its input shape, optimiser ("adam" or "sgd") and steps."""

    input_shape: tuple
    steps: tuple
    optimizer: str = "adam"

    @property
    def classes(self):
        return self.steps[-1][1]


NETWORKS = {
    "yale": Network((128, 128, 1), (
        ("conv", 32, 5, "valid", "relu"), ("pool", 4), ("flatten",), ("dense", 2, None))),
    "uva": Network((28, 28, 1), (
        ("conv", 64, 7, "same", "relu"), ("pool", 2), ("conv", 128, 3, "same", "relu"), ("conv", 128, 3, "same", "relu"),
        ("pool", 2), ("conv", 256, 3, "same", "relu"), ("conv", 256, 3, "same", "relu"), ("pool", 2), ("flatten",),
        ("dense", 128, "relu"), ("dropout", 0.5), ("dense", 64, "relu"), ("dropout", 0.5), ("dense", 10, None))),
    "nova": Network((28, 28, 1), (
        ("conv", 32, 3, "same", "relu"), ("norm",), ("conv", 32, 3, "same", "relu"), ("norm",), ("pool", 2),
        ("conv", 64, 3, "same", "relu"), ("norm",), ("conv", 64, 3, "same", "relu"), ("norm",), ("pool", 2), ("flatten",),
        ("dense", 512, "relu"), ("norm",), ("dropout", 0.5), ("dense", 10, None)), "sgd"),
    "tue": Network((64, 64, 1), (
        ("conv", 16, 3, "same", "relu"), ("pool", 2), ("conv", 32, 3, "same", "relu"), ("pool", 2), ("flatten",),
        ("dense", 100, "relu"), ("dense", 1, "sigmoid")), "sgd"),
    "lenet5": Network((28, 28, 1), (
        ("conv", 6, 5, "same", "relu"), ("pool", 2), ("conv", 16, 5, "valid", "relu"), ("pool", 2), ("flatten",),
        ("dense", 120, "relu"), ("dense", 84, "relu"), ("dense", 10, None))),
    "rgb96": Network((96, 96, 3), (
        ("conv", 24, 3, "same", "relu"), ("pool", 2), ("conv", 40, 3, "same", "relu"), ("pool", 2),
        ("conv", 100, 3, "same", "relu"), ("pool", 2), ("flatten",), ("dense", 64, "relu"), ("dense", 10, None))),
}


def data(network, samples, seed=0):
    """Inputs and labels that every framework is given."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((samples, *network.input_shape), dtype=np.float32)
    y = rng.integers(0, max(2, network.classes), samples)
    return x, y


def initial_weights(network, seed=1):
    """He-normal kernels and small biases in Keras' order and layout, for equal starts everywhere."""
    rng = np.random.default_rng(seed)
    shape, weights = network.input_shape, []
    for kind, *rest in network.steps:
        if kind == "conv":
            filters, size, padding, _ = rest
            kernel = (size, size, shape[2], filters)
            weights += [rng.standard_normal(kernel) * np.sqrt(2 / np.prod(kernel[:3])), rng.standard_normal(filters) * 0.01]
            side = shape[0] if padding == "same" else shape[0] - size + 1
            shape = (side, side, filters)
        elif kind == "pool":
            shape = (shape[0] // rest[0], shape[1] // rest[0], shape[2])
        elif kind == "norm":
            ones, zeros = np.ones(shape[-1]), np.zeros(shape[-1])
            weights += [ones, zeros, zeros, ones]
        elif kind == "flatten":
            shape = (int(np.prod(shape)),)
        elif kind == "dense":
            weights += [rng.standard_normal((shape[0], rest[0])) * np.sqrt(2 / shape[0]), np.zeros(rest[0])]
            shape = (rest[0],)
    return [w.astype(np.float32) for w in weights]


def build_keras(keras, network, dropout=True):
    """The compiled model in anything that speaks Keras (Keras itself, or striate)."""
    layers = keras.layers
    model = keras.Sequential([keras.Input(network.input_shape)])
    for kind, *rest in network.steps:
        if kind == "conv":
            model.add(layers.Conv2D(rest[0], rest[1], padding=rest[2], activation=rest[3]))
        elif kind == "dropout":
            model.add(layers.Dropout(rest[0] if dropout else 0.0))
        elif kind == "dense":
            model.add(layers.Dense(rest[0], activation=rest[1]))
        else:
            kinds = {"pool": layers.MaxPooling2D, "norm": layers.BatchNormalization, "flatten": layers.Flatten}
            model.add(kinds[kind](*rest))
    model.set_weights(initial_weights(network))
    optimizer = keras.optimizers.Adam(1e-4) if network.optimizer == "adam" else keras.optimizers.SGD(1e-3, momentum=0.9)
    loss = "binary_crossentropy" if network.classes == 1 else keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=optimizer, loss=loss)
    return model


def build_torch(torch, network, dropout=True):
    """The same network in PyTorch, channels-last, with a step function: (model, step(x, y) -> loss)."""
    nn = torch.nn
    steps, shape = [], network.input_shape
    for kind, *rest in network.steps:
        if kind == "conv":
            filters, size, padding, activation = rest
            steps.append(nn.Conv2d(shape[2], filters, size, padding=padding))
            steps += [nn.ReLU()] if activation == "relu" else []
            side = shape[0] if padding == "same" else shape[0] - size + 1
            shape = (side, side, filters)
        elif kind == "pool":
            steps.append(nn.MaxPool2d(rest[0]))
            shape = (shape[0] // rest[0], shape[1] // rest[0], shape[2])
        elif kind == "norm":
            norm = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
            steps.append(norm(shape[-1], eps=1e-3, momentum=0.01))
        elif kind == "flatten":
            steps += [_ChannelsLast(torch), nn.Flatten()]
            shape = (int(np.prod(shape)),)
        elif kind == "dropout":
            steps.append(nn.Dropout(rest[0] if dropout else 0.0))
        elif kind == "dense":
            steps.append(nn.Linear(shape[0], rest[0]))
            steps += {"relu": [nn.ReLU()], "sigmoid": [nn.Sigmoid()], None: []}[rest[1]]
            shape = (rest[0],)
    model = nn.Sequential(*steps).to(memory_format=torch.channels_last)
    _load_torch(torch, model, initial_weights(network))
    if network.optimizer == "adam":
        optimizer = torch.optim.Adam(model.parameters(), 1e-4, eps=1e-7, fused=True)
    else:
        optimizer = torch.optim.SGD(model.parameters(), 1e-3, momentum=0.9, fused=True)
    loss = nn.BCELoss() if network.classes == 1 else nn.CrossEntropyLoss()

    def step(x, y):
        optimizer.zero_grad(set_to_none=True)
        y_hat = model(x)
        value = loss(y_hat[:, 0], y.float()) if network.classes == 1 else loss(y_hat, y)
        value.backward()
        optimizer.step()
        return value
    return model, step


def _ChannelsLast(torch):
    class ChannelsLast(torch.nn.Module):
        def forward(self, x):
            return x.permute(0, 2, 3, 1)
    return ChannelsLast()


def _load_torch(torch, model, weights):
    queue = list(weights)
    with torch.no_grad():
        for module in model:
            if isinstance(module, torch.nn.Conv2d):
                module.weight.copy_(torch.tensor(queue.pop(0).transpose(3, 2, 0, 1)))
                module.bias.copy_(torch.tensor(queue.pop(0)))
            elif isinstance(module, torch.nn.Linear):
                module.weight.copy_(torch.tensor(queue.pop(0).T))
                module.bias.copy_(torch.tensor(queue.pop(0)))
            elif isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
                for target in (module.weight, module.bias, module.running_mean, module.running_var):
                    target.copy_(torch.tensor(queue.pop(0)))
