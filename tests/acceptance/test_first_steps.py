"""The first twenty steps of each lecture network are real Keras': recorded losses and weights, and Keras itself."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.acceptance.lessons import LESSONS, train
from tests.acceptance.real_keras import keras_steps, python_with_keras

RECORDED = json.loads(Path(__file__).with_name("keras_steps.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def steps():
    """What striate comes to, by network; each is trained once for all tests of this file."""
    found = {}

    def of(name):
        if name not in found:
            lesson = LESSONS[name]
            found[name] = train(lesson.model(), *lesson.data())
        return found[name]
    return of


BOUNDS = {"yale": 1e-4, "tue": 1e-5, "uva": 1e-2, "nova": 5e-3}
"""How far losses may lie apart, relative to themselves. Deep networks with pooling amplify the last bit: where two
neighbours in a window are nearly equal, rounding decides which one learns. Keras' own backends JAX and PyTorch differ
by 8e-4 on uva and nova after these twenty steps, by 4e-6 on yale and 2e-7 on tue."""


def compare(name: str, ours: dict, theirs: dict) -> None:
    """The first loss agrees to 2e-6, the others to the network's bound, weights to the same share of their sizes."""
    bound = BOUNDS[name]
    assert ours["losses"][0] == pytest.approx(theirs["losses"][0], rel=2e-6)
    np.testing.assert_allclose(ours["losses"], theirs["losses"], rtol=bound)
    assert len(ours["weights"]) == len(theirs["weights"])
    for (total, size), (expected, scale) in zip(ours["weights"], theirs["weights"], strict=True):
        assert max(abs(total - expected), abs(size - scale)) <= 2 * bound * scale + 1e-6


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in ("uva", "nova")))
                                  for name in LESSONS])
def test_steps_agree_with_recorded_keras(name, steps):
    compare(name, steps(name), RECORDED[name])
    assert RECORDED[name]["losses"][-1] < 0.8 * RECORDED[name]["losses"][0], "the recording shows no training"


@pytest.mark.slow
@pytest.mark.parametrize("name", LESSONS)
def test_steps_agree_with_real_keras(name, steps, tmp_path):
    python = python_with_keras()
    if python is None:
        pytest.skip("REAL KERAS IS NOT HERE, so only its recorded steps were compared: set STRIATE_KERAS_PYTHON")
    compare(name, steps(name), keras_steps(LESSONS[name], python, tmp_path))
