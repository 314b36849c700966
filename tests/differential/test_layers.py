"""Every argument of every layer: outputs, gradients, shapes, weights and configurations are those of Keras."""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import compare  # noqa: E402
import layer_cases  # noqa: E402
import layer_runs  # noqa: E402

import striate  # noqa: E402

TOLD = json.loads((HERE / "recorded_layers.json").read_text())


@pytest.fixture(scope="module")
def numbers():
    return np.load(HERE / "recorded_layers.npz")


@pytest.mark.parametrize("row", layer_cases.ROWS, ids=[f"{row[0]}_{row[1]}" for row in layer_cases.ROWS])
def test_layer_is_that_of_keras(row, numbers):
    key = f"{row[0]}_{row[1]}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, told = layer_runs.measure(striate, row)
    expected = {name.partition("/")[2]: numbers[name] for name in numbers.files if name.startswith(key + "/")}
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].shape == value.shape, name
        scale = 1.0 + (np.abs(value).max() if value.size else 0.0)
        np.testing.assert_allclose(found[name], value, rtol=0, atol=2e-5 * scale, err_msg=name)
    assert compare.first_difference(*map(compare.plain, (told, TOLD[key]))) is None
    again = getattr(striate.layers, row[1]).from_config(TOLD[key]["config"])
    assert compare.first_difference(*map(compare.plain, (json.loads(json.dumps(again.get_config())),
                                                         TOLD[key]["config"]))) is None
