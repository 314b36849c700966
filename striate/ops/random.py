"""Random numbers that depend on (seed, step, stream, element) alone: Threefry2x32-20, a counter turned into noise.

    (word 0, word 1) of element pair i = threefry(key = key of (seed, step, stream), counter = (i low, i high))

The state is four uint32 words: seed low and high, step low and high. An op adds its `stream`, a number of its own, and
derives the key of this run by enciphering; then element i of its result needs nothing but the key and i. So a mask is
the same whatever computes it, in whatever order, and the backward pass computes it again instead of keeping it.

Threefry: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011).
"""

from __future__ import annotations

from math import prod

import numpy as np

from striate import ops
from striate.errors import ArgumentError, received
from striate.ops.broadcast import broadcast_shapes, shape_of
from striate.ops.dispatch import apply
from striate.ops.spec import OpSpec, TensorType, register

_ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
_PARITY = np.uint32(0x1BD11BDA)
_U32 = np.uint32


def threefry(key0, key1, counter0, counter1) -> tuple[np.ndarray, np.ndarray]:
    """Threefry2x32 with 20 rounds: two uint32 words for each counter, under a key of two words.

    Example:
        >>> [hex(int(word)) for word in threefry(0, 0, 0, 0)]
        ['0x6b200159', '0x99ba4efe']
    """
    x0, x1 = np.asarray(counter0, _U32), np.asarray(counter1, _U32)
    key0, key1 = np.asarray(key0, _U32), np.asarray(key1, _U32)
    keys = key0, key1, key0 ^ key1 ^ _PARITY
    with np.errstate(over="ignore"):
        x0, x1 = x0 + keys[0], x1 + keys[1]
        for round_number in range(20):
            turn = _ROTATIONS[round_number % 8]
            x0 = x0 + x1
            x1 = (x1 << _U32(turn)) | (x1 >> _U32(32 - turn))
            x1 = x1 ^ x0
            if round_number % 4 == 3:
                group = round_number // 4 + 1
                x0 = x0 + keys[group % 3]
                x1 = x1 + keys[(group + 1) % 3] + _U32(group)
    return x0, x1


def stream_key(state: np.ndarray, stream: int) -> tuple[np.ndarray, np.ndarray]:
    """The key of one op in one step: the step, enciphered under the seed, then the stream under that."""
    state = np.asarray(state, _U32)
    key = threefry(state[0], state[1], state[2], state[3])
    return threefry(key[0], key[1], stream & 0xFFFFFFFF, stream >> 32 & 0xFFFFFFFF)


def random_words(state: np.ndarray, stream: int, count: int) -> np.ndarray:
    """The first `count` words of a stream: pair i holds words 2i and 2i + 1."""
    pairs = np.arange((count + 1) // 2, dtype=np.uint64)
    low, high = (pairs & np.uint64(0xFFFFFFFF)).astype(_U32), (pairs >> np.uint64(32)).astype(_U32)
    words = np.stack(threefry(*stream_key(state, stream), low, high), axis=1)
    return words.reshape(-1)[:count]


# ---- dropout ---------------------------------------------------------------------------------------------------------

def keep_threshold(rate: float) -> int:
    """A 16-bit number is kept when it is not below this: the rate in units of 1/65536."""
    return min(round(rate * 65536), 65535)


def keep_scale(rate: float) -> float:
    """What kept elements are multiplied by, so that the mean stays: one over the share that is really kept."""
    return 65536.0 / (65536 - keep_threshold(rate))


def _mask(state, shape, rate, stream):
    """True where an element is kept: half-word j of the stream (low half first) decides on element j."""
    count = prod(shape)
    words = random_words(state, stream, (count + 1) // 2)
    halves = np.stack([words & _U32(0xFFFF), words >> _U32(16)], axis=1).reshape(-1)[:count]
    return (halves >= keep_threshold(rate)).reshape(shape)


def _dropout_reference(x, state, rate, stream):
    mask = _mask(state, x.shape, rate, stream)
    scale = x.dtype.type(keep_scale(rate))
    return [np.where(mask, x * scale, x.dtype.type(0))]


def _dropout_shape(inputs, rate, stream):
    if not 0.0 <= rate < 1.0:
        raise ArgumentError("`rate` of dropout must be at least 0 and below 1. " + received(rate=rate))
    return [inputs[0]]


def _dropout_gradient(node, g):
    return [apply("dropout_grad", [g, node.inputs[1]], **node.attributes), None]


def _dropout_flops(inputs, outputs, attributes) -> int:
    return 2 * outputs[0].size


register(OpSpec("dropout", _dropout_shape, _dropout_reference, _dropout_gradient, _dropout_flops))
register(OpSpec("dropout_grad", _dropout_shape, _dropout_reference, _dropout_gradient, _dropout_flops))


def dropout(x, state, rate, stream, noise_shape=None):
    """x with a share `rate` of its elements set to 0 and the others scaled so that the mean stays.

    x: any shape; state: uint32 (4,), seed and step; stream: a number that no other op of the program has.
    noise_shape: the shape of the mask, which broadcasts along its axes of length 1. The rate is rounded to 1/65536.

    Raises:
        ArgumentError: when the rate is not in [0, 1) or the noise shape does not broadcast.
    """
    attributes = {"rate": float(rate), "stream": int(stream)}
    shape = shape_of(x)
    if noise_shape is not None and None not in shape:
        mask_shape = tuple(n if m is None else m for m, n in zip(noise_shape, shape, strict=True))
        if broadcast_shapes(shape, mask_shape) != shape:
            raise ArgumentError("`noise_shape` must broadcast to the shape of x. "
                                + received(x=shape, noise_shape=noise_shape))
        if mask_shape != shape:
            return ops.multiply(x, apply("dropout", [np.ones(mask_shape, np.float32), state], **attributes))
    return apply("dropout", [x, state], **attributes)


# ---- distributions ---------------------------------------------------------------------------------------------------

def _uniform_reference(state, shape, minval, maxval, stream):
    unit = (random_words(state, stream, prod(shape)) >> _U32(8)).astype(np.float32) * np.float32(2.0 ** -24)
    return [(unit * np.float32(maxval - minval) + np.float32(minval)).reshape(shape)]


def _normal_reference(state, shape, mean, stddev, stream):
    words = random_words(state, stream, 2 * prod(shape)).reshape(-1, 2).astype(np.float64)
    radius = np.sqrt(-2.0 * np.log((words[:, 0] + 1.0) * 2.0 ** -32))
    unit = radius * np.cos(words[:, 1] * (2.0 ** -32 * 2.0 * np.pi))
    return [(unit * stddev + mean).astype(np.float32).reshape(shape)]


register(OpSpec("random_uniform", lambda inputs, shape, **rest: [TensorType(shape)], _uniform_reference,
                lambda node, g: [None]))
register(OpSpec("random_normal", lambda inputs, shape, **rest: [TensorType(shape)], _normal_reference,
                lambda node, g: [None]))


def random_uniform(state, shape, minval=0.0, maxval=1.0, stream=0):
    """float32 numbers of `shape`, evenly spread over [minval, maxval), 24 random bits each.

    `state`: uint32 (4,), seed and step; `stream`: a number that no other op of the program has.
    """
    return apply("random_uniform", [state], shape=tuple(shape), minval=float(minval), maxval=float(maxval),
                 stream=int(stream))


def random_normal(state, shape, mean=0.0, stddev=1.0, stream=0):
    """float32 numbers of `shape` from the normal distribution (Box and Muller's cosine).

    `state`: uint32 (4,), seed and step; `stream`: a number that no other op of the program has.

    `mean`, `stddev`: numbers.
    """
    return apply("random_normal", [state], shape=tuple(shape), mean=float(mean), stddev=float(stddev),
                 stream=int(stream))


def random_bernoulli(state, shape, probability, stream=0):
    """1.0 with the given probability, else 0.0; float32 of `shape`.

    `state`: uint32 (4,), seed and step; `stream`: a number that no other op of the program has.
    """
    return ops.cast(ops.less(random_uniform(state, shape, stream=stream), float(probability)), "float32")
