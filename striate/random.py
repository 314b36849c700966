"""Random numbers with Keras' names (`keras.random`), all from the counter-based stream of `ops.random`.

A whole number as `seed` always gives the same numbers. A `SeedGenerator` gives new ones at each call; so does
`seed=None`, from the global seed, which `keras.utils.set_random_seed` sets. In a model's `call` the numbers also
change with every training step, and depend on nothing but the seed of the training, the step, the generator and the
element.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from striate import naming, ops, seeds
from striate.errors import ArgumentError, TypeMismatchError, received
from striate.ops.dispatch import active_tracer
from striate.serialization import export

_REDRAWS = 8
"""How often a traced program may draw truncated normal numbers again; 1e-10 of them stay outside and are clipped."""


@export("keras.random.SeedGenerator")
class SeedGenerator:
    """Gives a new state at each use: pass it as `seed` to get new numbers at each call.

    Args:
        seed: where it starts; None depends on the global seed and on how many generators there were before.
        name: for messages.

    Raises:
        TypeMismatchError: `seed` is no whole number.

    Example:
        >>> generator = SeedGenerator(7)
        >>> bool((uniform((3,), seed=generator) == uniform((3,), seed=generator)).any())
        False
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **ignored):
        self.name = name or naming.auto_name("seed_generator")
        self._given = seed
        self._stream = seeds.new_stream(None if seed is None else _checked(seed))
        self.seed = seeds.global_seed() if seed is None else int(seed)
        self._uses = 0

    @property
    def state(self) -> np.ndarray:
        """uint32 (2,): the seed, and how often numbers were drawn."""
        return np.array([self.seed & 0xFFFFFFFF, self._uses], np.uint32)

    def next(self, ordered: bool = True) -> np.ndarray:
        """The state of this use, uint32 of shape (4,): seed low and high, number of uses so far low and high."""
        state = seeds.state_words(self.seed, self._uses)
        self._uses += 1
        return state

    def source(self) -> tuple[Any, int]:
        """State and stream for a random op: of this use, or, in a program that is traced, of the step that runs it."""
        if active_tracer() is None:
            return self.next(), self._stream
        return seeds.random_state(self._stream)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"seed": self._given, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        """The generator that `get_config()` described."""
        return cls(**config)


_GLOBAL_STREAM = 1 << 47


def _checked(seed: Any) -> int:
    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool):
        raise TypeMismatchError("`seed` must be a whole number, a SeedGenerator or None. " + received(seed=seed))
    return int(seed)


def _source(seed: Any) -> tuple[Any, int]:
    """The state and the stream that a `seed` argument stands for."""
    if seed is None:
        return seeds.random_state(_GLOBAL_STREAM)
    if isinstance(seed, SeedGenerator):
        return seed.source()
    return seeds.state_words(_checked(seed)), 0


def uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    """Numbers evenly spread over [minval, maxval).

    Shapes: gives `shape`, float32 unless `dtype` says otherwise. `seed`: an integer (the same numbers at each call) or
    a `SeedGenerator`; None draws new ones.

    Example:
        >>> uniform((2, 3), seed=1).shape
        (2, 3)
    """
    state, stream = _source(seed)
    return _cast(ops.random_uniform(state, shape, minval, maxval, stream=stream), dtype)


def normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Numbers of the normal distribution.

    Shapes: gives `shape`, float32 unless `dtype` says otherwise. `seed`: an integer (the same numbers at each call) or
    a `SeedGenerator`; None draws new ones.

    `mean`, `stddev`: numbers.
    """
    state, stream = _source(seed)
    return _cast(ops.random_normal(state, shape, mean, stddev, stream=stream), dtype)


def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Numbers of the normal distribution; those more than two standard deviations off are drawn again.

    Shapes: gives `shape`, float32 unless `dtype` says otherwise. `seed`: an integer (the same numbers at each call) or
    a `SeedGenerator`; None draws new ones.

    `mean`, `stddev`: numbers.
    """
    state, stream = _source(seed)
    draw = ops.random_normal(state, shape, stream=stream)
    if isinstance(draw, np.ndarray):
        draw = np.array(draw)
        again = np.flatnonzero(np.abs(draw) > 2)
        while again.size:
            stream += 1
            draw.flat[again] = ops.random_normal(state, again.shape, stream=stream)
            again = again[np.abs(draw.flat[again]) > 2]
    else:
        for redraw in range(1, _REDRAWS):
            draw = ops.where(ops.abs(draw) > 2.0, ops.random_normal(state, shape, stream=stream + redraw), draw)
        draw = ops.clip(draw, -2.0, 2.0)
    return _cast(draw * stddev + mean, dtype)


def randint(shape, minval, maxval, dtype="int32", seed=None):
    """Whole numbers evenly spread over minval ... maxval - 1.

    Shapes: gives `shape`. `seed` as in `uniform`.

    Raises:
        ArgumentError: the range is empty or holds more than 2**24 numbers, the resolution of the draw.
    """
    if not 0 < maxval - minval <= 1 << 24:
        raise ArgumentError("`maxval` must exceed `minval` by at least 1 and at most 2**24. "
                            + received(minval=minval, maxval=maxval))
    state, stream = _source(seed)
    span = float(maxval - minval)
    draw = ops.minimum(ops.floor(ops.random_uniform(state, shape, 0.0, span, stream=stream)), span - 1.0)
    return ops.add(ops.cast(draw, dtype), minval)


def _apart(stream: int, index: int) -> int:
    """One of many streams that belong to one, and to nothing else."""
    return stream + (index << 52)


def gamma_from(state, stream: int, shape, alpha):
    """Numbers of the gamma distribution of a state and a stream (see `gamma`).

    Marsaglia and Tsang, "A simple method for generating gamma variables" (2000): a cubed normal number is kept with a
    probability above 0.95, else drawn again; below alpha = 1 the number for alpha + 1 is shrunk.

    Shapes: state uint32 (4,); gives `shape`.
    """
    lifted = ops.where(ops.less(alpha, 1.0), ops.add(alpha, 1.0), alpha)
    d = lifted - 1.0 / 3.0
    c = 1.0 / ops.sqrt(d * 9.0)
    found, done = 0.0, None
    for redraw in range(_REDRAWS):
        normal_draw = ops.random_normal(state, shape, stream=_apart(stream, 2 * redraw))
        draw = ops.random_uniform(state, shape, 2.0 ** -25, 1.0, stream=_apart(stream, 2 * redraw + 1))
        v = ops.power(ops.maximum(normal_draw * c + 1.0, 1e-6), 3.0)
        kept = ops.less(ops.log(draw), ops.square(normal_draw) * 0.5 + d * (1.0 - v + ops.log(v)))
        found = d * v if done is None else ops.where(done, found, d * v)
        done = kept if done is None else ops.logical_or(done, kept)
    shrink = ops.random_uniform(state, shape, 2.0 ** -25, 1.0, stream=_apart(stream, 2 * _REDRAWS))
    return ops.where(ops.less(alpha, 1.0), found * ops.power(shrink, 1.0 / ops.maximum(alpha, 1e-6)), found)


def gamma(shape, alpha, dtype=None, seed=None):
    """Numbers of the gamma distribution with shape parameter `alpha` and scale 1.

    Shapes: gives `shape`, float32 unless `dtype` says otherwise. `seed`: an integer (the same numbers at each call) or
    a `SeedGenerator`; None draws new ones.

    Example:
        >>> bool((gamma((2, 3), 2.0, seed=1) > 0).all())
        True
    """
    return _cast(gamma_from(*_source(seed), shape, _parameter(alpha)), dtype)


def _parameter(value: Any) -> Any:
    """A parameter of a distribution: numbers as float32, tensors as they are."""
    return np.float32(value) if isinstance(value, (int, float)) else value


def beta_from(state, stream: int, shape, alpha, beta):
    """Numbers of the beta distribution of a state and a stream (see `beta`).

    Shapes: state uint32 (4,); gives `shape`.
    """
    alpha, beta = (_parameter(part) for part in (alpha, beta))
    first = gamma_from(state, stream, shape, alpha)
    second = gamma_from(state, _apart(stream, 2 * _REDRAWS + 1), shape, beta)
    return first / ops.maximum(first + second, 1e-37)


def beta(shape, alpha, beta, dtype=None, seed=None):
    """Numbers between 0 and 1 of the beta distribution.

    Shapes: gives `shape`, float32 unless `dtype` says otherwise. `seed`: an integer (the same numbers at each call) or
    a `SeedGenerator`; None draws new ones.

    `alpha`, `beta`: numbers, or tensors that broadcast with `shape`; both positive.
    """
    return _cast(beta_from(*_source(seed), shape, alpha, beta), dtype)


def binomial(shape, counts, probabilities, dtype=None, seed=None):
    """How many of `counts` tries succeed that each do with the probability `probabilities`; counts are known.

    Shapes: gives `shape`, float32 unless `dtype` says otherwise. `seed`: an integer (the same numbers at each call) or
    a `SeedGenerator`; None draws new ones.

    `counts`, `probabilities`: numbers, or tensors that broadcast with `shape`.
    """
    most = int(np.max(counts))
    tries = uniform((*shape, most), seed=seed)
    open_tries = np.arange(most) < np.expand_dims(np.asarray(counts), -1)
    chances = probabilities if np.isscalar(probabilities) else ops.expand_dims(probabilities, -1)
    successes = ops.logical_and(ops.less(tries, chances), open_tries)
    return _cast(ops.sum(ops.cast(successes, "float32"), axis=-1), dtype)


def categorical(logits, num_samples, dtype="int32", seed=None):
    """Classes drawn with the probabilities softmax(logits): logits (batch, classes) -> (batch, num_samples).

    `seed` as in `uniform`.
    """
    batch, classes = logits.shape
    # The largest of logits with Gumbel noise is distributed as their softmax.
    noise = uniform((batch, num_samples, classes), 2.0 ** -25, 1.0, seed=seed)
    gumbel = ops.negative(ops.log(ops.negative(ops.log(noise))))
    return ops.cast(ops.argmax(ops.add(ops.expand_dims(logits, 1), gumbel), axis=-1), dtype)


def shuffle(x, axis=0, seed=None):
    """x with the order along an axis changed at random.

    Shapes: x any; gives the same. `seed` as in `uniform`.
    """
    order = ops.argsort(uniform((x.shape[axis],), seed=seed))
    return ops.take(x, order, axis=axis)


def dropout(inputs, rate, noise_shape=None, seed=None):
    """Sets a share `rate` of the elements to 0 and scales the others so that the mean stays.

    Shapes: inputs any; gives the same. `noise_shape`: shape of the mask, 1 for axes along which whole slices are
    dropped. `seed` as in `uniform`.
    """
    state, stream = _source(seed)
    return ops.dropout(inputs, state, rate, stream, noise_shape)


def _cast(draw, dtype):
    return draw if dtype in (None, "float32") else ops.cast(draw, dtype)
