"""Random architectures under striate and under Keras: outputs, losses of three steps, configurations, files."""

import itertools
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


@pytest.fixture(scope="module")
def numbers():
    return np.load(HERE / "recorded.npz")


@pytest.mark.parametrize("description", [pytest.param(row, marks=[] if index < 2 else pytest.mark.slow, id=str(
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


def test_infinities_agree_with_themselves_and_nothing_else():
    here = np.array([1.0, np.inf, -np.inf])
    assert compare.difference(here, here.copy()) is None
    for other in ([1.0, np.inf, np.inf], [1.0, np.inf, 3e38], [1.0, np.inf, np.nan], [1.1, np.inf, -np.inf]):
        assert compare.difference(here, np.array(other)) and compare.difference(np.array(other), here)
    assert compare.difference(np.array([np.nan]), np.array([np.nan]))


@pytest.mark.parametrize("truth, counts", [(1.0001, False), (1.01, True), (0.8, True), (np.nan, True), (None, True)])
def test_a_difference_counts_unless_float64_agrees_with_striate(truth, counts):
    exact = {} if truth is None else {"weight0": np.array([truth])}
    wrong, excused = compare.judged({"weight0": np.ones(1)}, {"weight0": np.full(1, 0.9)}, exact)
    assert (bool(wrong), bool(excused)) == (counts, not counts)


def test_what_float32_cannot_hold_is_infinite():
    found, keras = {"after": np.array([np.inf])}, {"after": np.array([np.nan])}
    assert compare.judged(found, keras, {"after": np.array([7e43])})[0] == []
    assert compare.judged(found, keras, {"after": np.array([7e33])})[0] != []


def test_weights_before_a_normalisation_of_one_channel_stay():
    """Its output does not depend on them: what comes back is exactly 0, however large the gradient behind it is."""
    model = striate.Sequential([striate.Input((5, 5, 2)), striate.layers.Conv2D(1, 3),
                                striate.layers.LayerNormalization(), striate.layers.Flatten(), striate.layers.Dense(1)])
    model.compile(striate.optimizers.SGD(1.0), "mse")
    before = model.get_weights()
    model.set_weights([*before[:4], 1e12 * np.ones((9, 1), "float32"), np.zeros(1, "float32")])
    model.train_on_batch(np.random.RandomState(0).randn(4, 5, 5, 2).astype("float32"), np.full((4, 1), 1e12))
    after = model.get_weights()
    for index in range(3):  # kernel, bias and gamma
        np.testing.assert_array_equal(after[index], before[index])
    assert np.abs(after[3]).min() > 1e20


def drawn(apart, seed):
    """The first architecture of a `--seed`, which may be a date: NumPy's old generator takes 32 bits."""
    return apart * (1 + seed) % 2**31


@pytest.mark.slow
def test_new_architectures_agree_with_keras(seed, by_level, record_property):
    """Others for every `--seed`; some hundreds each night."""
    if "STRIATE_KERAS_PYTHON" not in os.environ:
        warnings.warn("NOT COMPARED WITH KERAS: set STRIATE_KERAS_PYTHON to a Python that has Keras 3.", stacklevel=1)
        pytest.skip("STRIATE_KERAS_PYTHON is not set")
    first, count = drawn(1000, seed), by_level(3, 10, 400)
    assert compare.main(range(first, first + count)) == 0
    record_property("architectures", count)


@pytest.mark.slow
@pytest.mark.timeout(6 * 3600)
def test_new_architectures_agree_with_onnx_runtime(seed, by_level, record_property):
    """Networks of every `--seed`, exported to ONNX: another program computes the same, and striate reads them back."""
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (extra `dev`)")
    from striate.saving.onnx import onnx_bytes, onnx_model

    draws, count, compared = itertools.count(drawn(10_000_000, seed)), by_level(3, 8, 400), 0
    without_words = 0
    while compared < count:
        description = architectures.architecture(next(draws))
        striate.utils.clear_session()
        model = runs.build(striate, description)
        runs.set_weights(model, description["seed"])
        x = runs.data(description)[0]
        expected = model.predict_on_batch(x)
        try:
            content = onnx_bytes(model)
        except striate.errors.ArgumentError as error:
            without_words += 1
            assert "ONNX" in str(error) and without_words <= 3 + compared, error
            continue
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        found = {"onnxruntime": session.run(None, {session.get_inputs()[0].name: x})[0]}
        grouped = any(step["arguments"].get("groups", 1) > 1 for step in description["steps"])
        if len(description["shape"]) < 4 or not grouped:  # volumes in groups are only written
            found["read back"] = onnx_model(content, "the same again").predict_on_batch(x)
        wrong = compare.differences(found, dict.fromkeys(found, expected))
        assert not wrong, f"seed {description['seed']}: {wrong}"
        compared += 1
    record_property("architectures", compared)


def test_dates_are_seeds_too():
    """`make nightly` begins with the day's."""
    for apart, seed in ((1000, 20991231), (10_000_000, 20991231)):
        np.random.RandomState(drawn(apart, seed))
        assert drawn(apart, seed) != drawn(apart, seed - 1)


def test_the_generator_repeats_itself():
    assert architectures.architecture(5) == architectures.architecture(5) != architectures.architecture(6)
