"""`striate convert`: round trips through every format, and its errors."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import striate as keras
from striate.cli import main

pytest.importorskip("onnx")


@pytest.fixture
def model(tmp_path):
    network = keras.Sequential([keras.layers.Input((6, 6, 1)), keras.layers.Conv2D(2, 3, activation="relu"),
                                keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")])
    network.compile("adam", "sparse_categorical_crossentropy")
    network.save(tmp_path / "a.keras")
    return network


def run(*words):
    return CliRunner().invoke(main, ["convert", *map(str, words)])


def test_round_through_every_format(model, tmp_path):
    chain = ["a.keras", "b.onnx", "c.keras", "d.h5", "e.safetensors", "f.keras"]
    for source, target in zip(chain, chain[1:], strict=False):
        result = run(tmp_path / source, tmp_path / target)
        assert result.exit_code == 0, result.output
    batch = np.random.default_rng(0).random((2, 6, 6, 1), np.float32)
    again = keras.models.load_model(tmp_path / "f.keras")
    assert (again.predict(batch, verbose=0) == model.predict(batch, verbose=0)).all()
    assert (tmp_path / "e.json").exists()


def test_json_and_force(model, tmp_path):
    assert json.loads(run(tmp_path / "a.keras", tmp_path / "b.onnx", "--json").output)["parameters"] == 119
    refused = run(tmp_path / "a.keras", tmp_path / "b.onnx")
    assert refused.exit_code == 2 and "--force" in refused.output
    assert run(tmp_path / "a.keras", tmp_path / "b.onnx", "--force").exit_code == 0


def test_errors_have_their_exit_codes(model, tmp_path):
    assert run(tmp_path / "a.keras", tmp_path / "b.txt").exit_code == 2
    assert run(tmp_path / "missing.keras", tmp_path / "b.onnx").exit_code == 4
    (tmp_path / "bad.onnx").write_bytes(b"\xff\xff\xff")
    assert run(tmp_path / "bad.onnx", tmp_path / "b.keras").exit_code == 4
