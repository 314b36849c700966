"""Placement never lets two buffers share memory while both live."""

import numpy as np
import pytest

from striate.plan.memory import Lifetime, place


@pytest.mark.parametrize("seed", range(20))
def test_buffers_that_live_together_never_overlap(seed):
    rng = np.random.default_rng(seed)
    lives = {}
    for key in range(40):
        first = int(rng.integers(0, 30))
        lives[key] = Lifetime(int(rng.integers(1, 5000)), first, first + int(rng.integers(0, 10)))
    offsets, size = place(lives)
    for a in lives:
        assert offsets[a] % 64 == 0 and offsets[a] + lives[a].bytes <= size
        for b in lives:
            together = lives[a].first <= lives[b].last and lives[b].first <= lives[a].last
            if a < b and together:
                assert offsets[a] + lives[a].bytes <= offsets[b] or offsets[b] + lives[b].bytes <= offsets[a]


def test_memory_is_shared_by_buffers_that_never_meet():
    _, size = place({key: Lifetime(1000, key, key) for key in range(10)})
    assert size == 1024
