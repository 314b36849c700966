"""The networks in Keras' words, and the judgement of their measurements."""

import numpy as np
import pytest

import striate
from benchmarks.keras_networks import NETWORKS, sample, set_weights
from benchmarks.other_networks import agree, page, rows


@pytest.mark.parametrize("name", NETWORKS)
def test_samples_fit_the_network(name):
    model = NETWORKS[name](striate)
    x, y, loss = sample(model, 3)
    assert x.shape == (3, *model.input_shape[1:])
    if loss == "sparse_categorical_crossentropy":
        assert y.shape == (3,) and y.max() < model.output_shape[-1]
    else:
        assert y.shape == (3, *model.output_shape[1:]) and 0 <= y.min() and y.max() <= 1
    set_weights(model)
    before = [np.asarray(value) for value in model.get_weights()]
    set_weights(model)
    for one, two in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def run(train, predict, output=0.5, loss=1.0):
    return {"train_us": train, "predict_us": predict, "outputs": [[output, -1.0]], "loss": loss}


def test_only_frameworks_that_agree_are_compared():
    assert agree(run(1, 1), run(9, 9, output=0.5001))
    assert not agree(run(1, 1), run(9, 9, output=0.51)) and not agree(run(1, 1), run(9, 9, loss=1.01))
    results = {("striate", "text"): [run(10, 2), run(30, 2)], ("tensorflow", "text"): [run(60, 5)],
               ("jax", "text"): [run(20, 1, loss=2.0)], ("striate", "elu"): [run(5, 5)],
               ("tensorflow", "elu"): [{"error": "no such layer"}]}
    found = {row["network"]: row for row in rows(results)}
    assert found["text"]["train_us"] == {"striate": 20, "tensorflow": 60} and found["text"]["train_ratio"] == 3
    assert found["text"]["predict_ratio"] == 2.5 and found["elu"]["train_ratio"] is None
    shown = page({"when": "", "machine": "", "keras": "", "rounds": 1, "frameworks": ["striate", "tensorflow", "jax"],
                  "rows": list(found.values()), "errors": {"tensorflow elu": "no such layer"}})
    assert "| 20 | 60 | - | **3.00 times faster** |" in shown and "tensorflow elu: no such layer" in shown
