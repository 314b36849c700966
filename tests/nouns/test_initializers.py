"""Distributions of initial weights."""

import numpy as np
import pytest

from striate import initializers, seeds
from striate.errors import ArgumentError, ShapeError

SHAPE = (3, 3, 32, 64)


@pytest.fixture(autouse=True)
def seeded():
    seeds.set_random_seed(11)


@pytest.mark.parametrize(("name", "deviation", "bound"), [
    ("glorot_uniform", np.sqrt(2 / (288 + 576)), np.sqrt(6 / (288 + 576))),
    ("he_uniform", np.sqrt(2 / 288), np.sqrt(6 / 288)),
    ("lecun_uniform", np.sqrt(1 / 288), np.sqrt(3 / 288)),
    ("glorot_normal", np.sqrt(2 / (288 + 576)), 2 * np.sqrt(2 / (288 + 576)) / 0.87962566),
    ("he_normal", np.sqrt(2 / 288), 2 * np.sqrt(2 / 288) / 0.87962566),
    ("lecun_normal", np.sqrt(1 / 288), 2 * np.sqrt(1 / 288) / 0.87962566),
    ("random_normal", 0.05, 0.4), ("truncated_normal", 0.05 * 0.87962566, 0.1),
    ("random_uniform", 0.1 / np.sqrt(12), 0.05),
])
def test_spread(name, deviation, bound):
    drawn = initializers.get(name)(SHAPE)
    assert drawn.dtype == np.float32 and drawn.shape == SHAPE
    assert abs(drawn.mean()) < 5 * deviation / np.sqrt(drawn.size)
    assert abs(drawn.std() / deviation - 1) < 0.02
    assert 0.8 * bound < np.abs(drawn).max() <= bound * (1 + 1e-6) or name == "random_normal"


def test_orthogonal_columns():
    drawn = initializers.Orthogonal(gain=2.0)((3, 3, 8, 16))
    matrix = drawn.reshape(72, 16)
    np.testing.assert_allclose(matrix.T @ matrix, 4 * np.eye(16), atol=1e-5)


def test_seeds():
    fixed, other = initializers.GlorotUniform(seed=1), initializers.GlorotUniform(seed=2)
    assert (fixed((4, 4)) == fixed((4, 4))).all() and (fixed((4, 4)) != other((4, 4))).any()
    seeds.set_random_seed(99)
    assert (initializers.GlorotUniform(seed=1)((4, 4)) == fixed((4, 4))).all()
    drawn = initializers.HeNormal()((4, 4))
    seeds.set_random_seed(99)
    assert (initializers.HeNormal()((4, 4)) == drawn).all()
    assert (initializers.HeNormal()((4, 4)) != drawn).any()


def test_constants():
    assert (initializers.get("zeros")((2,)) == 0).all() and (initializers.Ones()((2,), dtype="int32") == 1).all()
    assert initializers.get(np.array([1.0, 2.0]))((2,)).tolist() == [1.0, 2.0]
    assert (initializers.Identity(gain=3.0)((2, 2)) == 3 * np.eye(2)).all()


@pytest.mark.parametrize(("make", "kind", "message"), [
    (lambda: initializers.VarianceScaling(scale=0.0), ArgumentError, "positive float. Received: scale=0.0"),
    (lambda: initializers.VarianceScaling(mode="fan"), ArgumentError, "Invalid `mode`"),
    (lambda: initializers.Orthogonal()((3,)), ShapeError, "at least two-dimensional"),
    (lambda: initializers.get("glorot"), ArgumentError, "no initializer of this name"),
])
def test_mistakes_are_explained(make, kind, message):
    with pytest.raises(kind, match=message):
        make()
