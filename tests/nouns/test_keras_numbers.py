"""Layers, losses, metrics, optimisers and schedules against numbers and configurations of Keras (`record.py`)."""

import json
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from striate import activations, layers, losses, metrics, optimizers
from striate.serialization import public_name
from striate.variables import Variable

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import results  # noqa: E402

STRIATE = SimpleNamespace(activations=activations, layers=layers, losses=losses, metrics=metrics,
                          optimizers=optimizers, Variable=Variable, tensor=np.asarray)
ROWS = list(results.rows())

NEWER = {"quantization_config", "renorm", "renorm_clipping", "renorm_momentum", "rms_scaling", "input_axes",
         "output_axes"}
"""Settings of Keras 3.15 that striate leaves out at their defaults, so that older Keras reads its files."""
OURS = {"delta", "axis", "activity_regularizer"}
"""Settings that some of Keras' own configurations forget."""


@pytest.fixture(scope="module")
def numbers():
    return np.load(HERE / "keras_numbers.npz")


@pytest.fixture(scope="module")
def configs():
    return json.loads((HERE / "keras_configs.json").read_text())


def run(function, row):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(STRIATE, *row)


@pytest.mark.parametrize(("key", "function", "row"), ROWS, ids=[row[0] for row in ROWS])
def test_numbers_equal_those_of_keras(key, function, row, numbers):
    found, _ = run(function, row)
    expected = {name.partition("/")[2]: numbers[name] for name in numbers.files if name.startswith(key + "/")}
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].shape == value.shape, name
        scale = 1.0 + (np.nanmax(np.abs(value)) if value.size else 0.0)
        np.testing.assert_allclose(found[name], value, rtol=2e-5, atol=2e-5 * scale, err_msg=name)


def without(config, names):
    if isinstance(config, dict):
        return {key: without(value, names) for key, value in config.items() if key not in names}
    return [without(item, names) for item in config] if isinstance(config, (list, tuple)) else config


@pytest.mark.parametrize(("key", "function", "row"), ROWS, ids=[row[0] for row in ROWS])
def test_configurations_equal_those_of_keras(key, function, row, configs):
    _, config = run(function, row)
    found = json.loads(json.dumps(config))
    expected = without(configs[key], NEWER)
    if row[0] == "RandomGrayscale":
        del found["seed"]  # Keras forgets it
    assert without(found, OURS) == without(expected, OURS)


ROOMS = {"layer": layers, "loss": losses, "metric": metrics, "optimizer": optimizers, "schedule": optimizers.schedules}
CONFIGURED = [row for row in ROWS if row[1] is not results.of_activation]


@pytest.mark.parametrize(("key", "function", "row"), CONFIGURED, ids=[row[0] for row in CONFIGURED])
def test_configurations_of_keras_make_equal_objects(key, function, row, configs):
    kind = getattr(ROOMS[key.partition("_")[0].rstrip("0123456789")], row[0])
    made = kind.from_config(configs[key])
    again = kind.from_config(json.loads(json.dumps(made.get_config())))
    assert public_name(kind).endswith("." + row[0])
    assert json.dumps(again.get_config()) == json.dumps(made.get_config())
