"""`activation` set after a layer was made, as recipes for Grad-CAM do."""

import numpy as np
import pytest

import striate
from striate import layers


@pytest.mark.parametrize("layer", [layers.Dense(3, "softmax"), layers.Conv1D(3, 1, activation="relu"),
                                   layers.EinsumDense("abc,cd->abd", (None, 3), activation="tanh")],
                         ids=lambda layer: type(layer).__name__)
def test_none_is_linear(layer):
    x = np.random.RandomState(0).randn(2, 4, 5).astype("float32")
    layer(x)
    layer.activation = None
    plain = np.asarray(layer(x))
    assert (plain < 0).any() and layer.get_config()["activation"] == "linear"
    layer.activation = "relu"
    np.testing.assert_allclose(layer(x), np.maximum(plain, 0))


def test_scores_of_a_classifier():
    model = striate.Sequential([striate.Input((4,)), layers.Dense(3, activation="softmax")])
    model.layers[-1].activation = None
    x = np.eye(4, dtype="float32")
    np.testing.assert_allclose(model(x), model.get_weights()[0], rtol=1e-6)
