"""Runs calls of `op_cases.py`: draws the inputs, calls, and gives the results as a flat list of arrays."""

import zlib

import numpy as np


def drawn(kind, random):
    """One input."""
    name, *shape = kind
    if name == "whole":
        return random.randint(0, shape[0], shape[1:]).astype("int32")
    if name == "definite":
        x = random.randn(*shape, shape[-1]).astype("float32") * 0.3
        return x @ np.swapaxes(x, -1, -2) + np.eye(shape[-1], dtype="float32")
    if name == "holes":
        x = random.randn(*shape).astype("float32")
        x[random.rand(*shape) < 0.25] = np.nan
        return x
    if name == "share":
        return (random.rand(*shape) * 1.8 - 0.9).astype("float32")
    return (random.rand(*shape) + 0.1 if name == "positive" else random.randn(*shape)).astype("float32")


def inputs_of(name, place, kinds):
    """The inputs of a case, and factors that make one number of any result."""
    random = np.random.RandomState(zlib.crc32(f"{name}/{place}".encode()))
    return [drawn(kind, random) for kind in kinds]


def flat(results):
    """The tensors of nested tuples and lists."""
    if isinstance(results, (list, tuple)):
        return [leaf for item in results for leaf in flat(item)]
    return [results]


def factors(y, place):
    """Numbers by which a result is multiplied before it is summed up, to see the gradient of each element."""
    return np.cos(np.arange(int(np.prod(y.shape))) * 0.7 + place).astype("float32").reshape(y.shape)
