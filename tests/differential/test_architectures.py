"""Random architectures under striate and under Keras: outputs, losses of three steps, configurations, files."""

import json
import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import architectures  # noqa: E402
import compare  # noqa: E402
import runs  # noqa: E402

import striate  # noqa: E402

RECORDED = json.loads((HERE / "recorded.json").read_text())
LIVE = int(os.environ.get("STRIATE_DIFFERENTIAL", "10"))


@pytest.fixture(scope="module")
def numbers():
    return np.load(HERE / "recorded.npz")


@pytest.mark.parametrize("description", [pytest.param(row, marks=[] if index < 6 else pytest.mark.slow, id=str(
    row["seed"])) for index, row in enumerate(RECORDED)])
def test_recorded_architectures_give_the_numbers_of_keras(description, numbers):
    found, model = runs.measure(striate, description)
    expected = {name.partition("/")[2]: numbers[name] for name in numbers.files
                if name.startswith(f"{description['seed']}/")}
    assert compare.differences({name: found[name] for name in expected}, expected) == []
    config = json.loads(model.to_json())
    assert compare.first_difference(compare.plain(config), compare.plain(description["config"])) is None


def test_an_architecture_comes_back_from_its_file(tmp_path):
    description = next(row for row in RECORDED if row["functional"])
    found, _ = runs.measure(striate, description, tmp_path / "model.keras")
    again = striate.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict_on_batch(runs.data(description)[0]), found["after"])


def test_differences_are_seen():
    description = RECORDED[0]
    found, _ = runs.measure(striate, description)
    wrong = {**found, "after": found["after"] * 1.01}
    assert [text.partition(":")[0] for text in compare.differences(wrong, found)] == ["after"]
    assert compare.first_difference({"a": [1, 2]}, {"a": [1, 3]}) == "/a/1: 2 instead of 3"


@pytest.mark.slow
def test_new_architectures_agree_with_keras():
    if "STRIATE_KERAS_PYTHON" not in os.environ:
        warnings.warn("NOT COMPARED WITH KERAS: set STRIATE_KERAS_PYTHON to a Python that has Keras 3.", stacklevel=1)
        pytest.skip("STRIATE_KERAS_PYTHON is not set")
    assert compare.main(range(1000, 1000 + LIVE)) == 0


def test_the_generator_repeats_itself():
    assert architectures.architecture(5) == architectures.architecture(5) != architectures.architecture(6)
