"""Random networks of the shapes that people build, and some that they do not."""

from __future__ import annotations

import random
from itertools import count

from benchmarks.networks import (
    Network,
    average,
    conv,
    dense,
    depthwise,
    dropout,
    flatten,
    flops,
    merge,
    norm,
    pool,
    relu,
    resolve,
    window,
)

FILTERS = (6, 8, 16, 20, 24, 32, 40, 48, 64, 80, 96, 100, 128, 192)
SIDES = (16, 24, 28, 32, 33, 45, 48, 64, 96, 100)
LENGTHS = (64, 128, 187, 256, 500, 1024)
BATCHES = (1, 8, 32, 128)
MOST_FLOPS, FEWEST_FLOPS = 4e9, 2e7
"""Of the forward pass of a whole batch: neither minutes a step nor only overhead."""
MOST_WEIGHTS = 4_000_000


def networks(seed: int):
    """Endless random (network, batch size), the same for the same seed.

    Example:
        >>> next(networks(0)) == next(networks(0))
        True
    """
    for number in count():
        chosen = random.Random(f"{seed}-{number}")
        network, batch = _network(chosen), chosen.choice(BATCHES)
        layers = _resolved(network)
        if layers and FEWEST_FLOPS <= flops(layers) * batch <= MOST_FLOPS and _weights(layers) <= MOST_WEIGHTS:
            yield network, batch


def _resolved(network: Network):
    try:
        return resolve(network)
    except ValueError:
        return None


def _weights(layers) -> int:
    return sum(layer.input_shape[0] * layer.options["units"] for layer in layers if layer.kind == "dense")


def _network(chosen: random.Random) -> Network:
    if chosen.random() < 0.15:
        shape = (chosen.choice(LENGTHS), chosen.choice((1, 2, 3, 6, 12)))
    else:
        shape = (chosen.choice(SIDES),) * 2 + (chosen.choice((1, 1, 3, 3, 3, 4)),)
    steps = _stem(chosen, shape[0])
    with_norm, kind = chosen.random() < 0.5, chosen.choice(("plain", "plain", "residual", "separable", "squeeze"))
    filters = chosen.choice(FILTERS[:9])
    for _ in range(chosen.randint(1, 3)):
        steps += _stage(chosen, kind, filters, with_norm)
        if chosen.random() < 0.8:
            steps.append(chosen.choice((pool(2), pool(2), pool(2), pool(3, 2), pool(3), pool(4))))
        filters = chosen.choice([each for each in FILTERS if filters <= each <= 2 * filters])
    steps.append(average() if chosen.random() < 0.4 else flatten())
    if chosen.random() < 0.6:
        steps.append(dense(chosen.choice((32, 50, 64, 100, 128, 256)), "relu"))
        if chosen.random() < 0.4:
            steps.append(dropout(0.5))
    steps.append(dense(chosen.choice((2, 3, 7, 10, 10, 10, 100))))
    return Network(shape, tuple(steps), chosen.choice(("adam", "sgd")))


def _stem(chosen: random.Random, side: int) -> list:
    """The first convolution; it strides only where Keras pads both sides alike."""
    size, strides, padding = chosen.choice((3, 3, 3, 5, 7)), 1, chosen.choice(("same", "same", "valid"))
    if chosen.random() < 0.3:
        size, strides = chosen.choice(((3, 2), (4, 2), (5, 2), (7, 2), (4, 4), (8, 4)))
        _, before, after = window(side, size, strides, "same")
        padding = "same" if before == after else "valid"
    return [conv(chosen.choice(FILTERS[:9]), size, strides, padding, "relu")]


def _stage(chosen: random.Random, kind: str, filters: int, with_norm: bool) -> list:
    if kind == "residual":
        inner = [conv(filters, 3, bias=False), norm(), relu(), conv(filters, 3, bias=False), norm()]
        return [conv(filters, 1, bias=False), merge("add", inner, []), relu()]
    if kind == "separable":
        return [depthwise(chosen.choice((3, 3, 5))), norm(), relu(), conv(filters, 1, bias=False), norm(), relu()]
    if kind == "squeeze":
        return [conv(max(6, filters // 2), 1, activation="relu"),
                merge("concatenate", [conv(filters, 1, activation="relu")], [conv(filters, 3, activation="relu")])]
    steps = []
    for _ in range(chosen.randint(1, 2)):
        size, padding = chosen.choice((1, 3, 3, 3, 5)), chosen.choice(("same", "same", "valid"))
        steps.append(conv(filters, size, 1, padding, None if with_norm else "relu", bias=not with_norm))
        steps += [norm(), relu()] if with_norm else []
    return steps
