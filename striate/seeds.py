"""The global seed, and how layers and initializers get random numbers that depend on it in a repeatable way.

Everything random is keyed by (seed, step, stream). The seed is global; a stream is given to each layer or initializer
when it is made, in the order of making; the step belongs to training.
"""

from __future__ import annotations

import random as _python_random
import secrets
from collections import Counter
from weakref import WeakKeyDictionary

import numpy as np

from striate.errors import TypeMismatchError, received
from striate.naming import at_clear_session
from striate.ops.dispatch import active_tracer

_SEEDED_BY_USER = 1 << 48
_MASK = 0xFFFFFFFF


class _Seeds:
    """The global seed and the counters that start again with it."""

    def __init__(self) -> None:
        self.seed = secrets.randbits(32)
        self.restart()

    def restart(self) -> None:
        self.streams = 0
        self.eager_steps = 0
        self.uses: WeakKeyDictionary = WeakKeyDictionary()


_seeds = _Seeds()
at_clear_session(_seeds.restart)


def set_random_seed(seed: int) -> None:
    """Seeds Python's, NumPy's and striate's random numbers (`keras.utils.set_random_seed`).

    Without it the seed differs from process to process; `global_seed()` tells it.

    Example:
        >>> set_random_seed(812)
        >>> global_seed()
        812
    """
    if not isinstance(seed, (int, np.integer)):
        raise TypeMismatchError("Expected `seed` argument to be an integer. " + received(seed=seed))
    _python_random.seed(int(seed))
    np.random.seed(int(seed) & _MASK)
    _seeds.seed = int(seed)
    _seeds.restart()


def global_seed() -> int:
    """The seed of this process."""
    return _seeds.seed


def go_on_with(seed: int) -> None:
    """Takes up the seed of an earlier process; layers and initializers keep the streams they have."""
    _seeds.seed = int(seed)


def new_stream(seed=None) -> int:
    """A number for a layer or initializer to draw from: the next one, or one that a seed of the user's fixes."""
    if seed is not None:
        return _SEEDED_BY_USER | (int(seed) & _MASK)
    _seeds.streams += 1
    return _seeds.streams


def state_words(seed: int, step: int = 0) -> np.ndarray:
    """uint32 (4,): seed low and high, step low and high, as random ops take them."""
    return np.array([seed & _MASK, seed >> 32 & _MASK, step & _MASK, step >> 32 & _MASK], np.uint32)


def random_state(stream: int):
    """(state, stream) for a random op of a layer.

    In a traced program the state is filled by whoever runs it, with seed and step; outside, each call is a step of
    its own. A layer that is called twice in one program draws from another stream the second time.
    """
    tracer = active_tracer()
    if tracer is None:
        _seeds.eager_steps += 1
        return state_words(_seeds.seed, _seeds.eager_steps), stream
    uses = _seeds.uses.setdefault(tracer, Counter())
    uses[stream] += 1
    return tracer.random_state(), stream + ((uses[stream] - 1) << 32)
