"""Random numbers: Threefry's published answers, masks that depend on their key alone, moments, dropout's gradient."""

import numpy as np
import pytest

from striate import ops
from striate.errors import ArgumentError
from striate.ops.random import keep_scale, random_words, stream_key, threefry
from tests.ops.gradients import check_gradient

STATE = np.array([1, 2, 3, 4], np.uint32)
ONES = 0xFFFFFFFF


@pytest.mark.parametrize("key, counter, expected", [
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((ONES, ONES), (ONES, ONES), (0x1CB996FC, 0xBB002BE7)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
])
def test_threefry_gives_the_published_answers(key, counter, expected):
    assert tuple(int(word) for word in threefry(*key, *counter)) == expected


def test_keys_differ_by_every_part_of_the_state():
    keys = {stream_key(STATE, 0), stream_key(STATE, 1), stream_key(STATE, 1 << 32)}
    for place in range(4):
        other = STATE.copy()
        other[place] += 1
        keys.add(stream_key(other, 0))
    assert len(keys) == 7


def test_a_longer_draw_begins_with_the_shorter_one():
    assert np.array_equal(random_words(STATE, 5, 7), random_words(STATE, 5, 100)[:7])


def test_dropout_keeps_the_share_and_the_mean():
    y = ops.dropout(np.ones(200_000, np.float32), STATE, rate=0.3, stream=2)
    assert abs((y != 0).mean() - 0.7) < 0.004
    assert abs(y.mean() - 1.0) < 0.006
    assert set(np.unique(y)) == {np.float32(0), np.float32(keep_scale(0.3))}


def test_dropout_gradient_has_the_same_mask():
    check_gradient("dropout", [np.random.default_rng(0).normal(size=(5, 7)), STATE], skip=(1,), rate=0.5, stream=3)


def test_noise_shape_drops_whole_maps():
    y = ops.dropout(np.ones((4, 5, 5, 8), np.float32), STATE, rate=0.5, stream=1, noise_shape=(None, 1, 1, None))
    assert (y == y[:, :1, :1]).all() and 0 < (y[:, 0, 0] == 0).mean() < 1


def test_wrong_rates_are_named():
    with pytest.raises(ArgumentError, match="rate=1.0"):
        ops.dropout(np.ones(3, np.float32), STATE, rate=1.0, stream=0)


def test_distributions():
    u = ops.random_uniform(STATE, (50_000,), -1.0, 3.0, stream=9)
    assert u.min() >= -1 and u.max() < 3 and abs(u.mean() - 1) < 0.03
    n = ops.random_normal(STATE, (50_000,), mean=2.0, stddev=0.5, stream=9)
    assert abs(n.mean() - 2) < 0.01 and abs(n.std() - 0.5) < 0.01
    b = ops.random_bernoulli(STATE, (50_000,), 0.2, stream=9)
    assert abs(b.mean() - 0.2) < 0.01
