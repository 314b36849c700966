"""Image layers against recorded results of Keras: exactly where nothing is random, else mean and deviation."""

import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import augmentation_cases  # noqa: E402

import striate  # noqa: E402
from striate import seeds  # noqa: E402


@pytest.fixture(scope="module")
def recorded():
    return np.load(HERE / "recorded_augmentations.npz")


def named(rows):
    return [pytest.param(index, row, id=f"{index}_{row[0]}") for index, row in enumerate(rows)]


@pytest.mark.parametrize("index, row", named(augmentation_cases.POINTS))
def test_layer_with_a_range_of_one_point(index, row, recorded):
    expected = recorded[f"point{index}"]
    found = augmentation_cases.run_point(striate, row)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * (1 + np.abs(expected).max()))


@pytest.mark.parametrize("index, row", named(augmentation_cases.SPREADS))
def test_layer_at_random(index, row, recorded):
    seeds.set_random_seed(5)
    (mean, deviation), (found_mean, found_deviation) = recorded[f"spread{index}"], augmentation_cases.run_spread(
        striate, row)
    error = deviation.max() / np.sqrt(augmentation_cases.COPIES)
    np.testing.assert_allclose(found_mean, mean, rtol=0, atol=6.5 * error + 0.01)
    np.testing.assert_allclose(found_deviation, deviation, rtol=0, atol=6.5 * error + 0.01)
