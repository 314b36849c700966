"""The order of the samples in an epoch, from (seed, epoch) alone."""

from __future__ import annotations

import numpy as np

from striate.ops.random import random_words
from striate.seeds import state_words

_STREAM = 0x5368_7566
"""The number of this stream: no layer's stream is so large."""


def permutation(count: int, seed: int, epoch: int) -> np.ndarray:
    """The numbers 0 ... count - 1 in an order that seed and epoch decide: int32 (count,).

    Example:
        >>> permutation(5, seed=1, epoch=0).tolist() == permutation(5, seed=1, epoch=0).tolist()
        True
    """
    words = random_words(state_words(seed, epoch), _STREAM, count)
    return np.argsort(words, kind="stable").astype(np.int32)
