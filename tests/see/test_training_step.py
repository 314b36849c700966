"""The film of a training step shows the numbers that the model computes and the gradients that move its weights."""

import numpy as np
import pytest
from PIL import Image
from see_networks import sample

import striate as keras
from striate import errors, layers, see

TARGETS = {"plain": 3, "residual": 1, "line": [1.0], "painter": np.zeros((6, 6, 2), np.float32)}
LOSSES = {"plain": "sparse_categorical_crossentropy", "line": "binary_crossentropy", "painter": "mean_squared_error",
          "residual": keras.losses.SparseCategoricalCrossentropy(from_logits=True)}


@pytest.mark.parametrize("name", list(TARGETS))
def test_every_stage_is_the_networks(made, name, tmp_path):
    model = made[name]
    x, target = sample(model), TARGETS[name]
    if name == "painter":
        target = np.zeros(model.output_shape[1:], np.float32)
    film = see.passes(model, x, target, loss=LOSSES[name])
    assert [stage.layer for stage in film.stages] == [
        layer.name for layer in model.layers if type(layer).__name__ != "InputLayer"]
    assert film.stages[-1].output == pytest.approx(np.asarray(model(x))[0], abs=1e-6)
    ways = [film.moment(index)[0] for index in range(film.count)]
    count = len(film.stages)
    assert ways == ["forward"] * count + ["loss"] + ["backward"] * (count + 1) + ["weights"]
    for index in (0, count, count + 2, film.count - 1):
        assert "<svg" in film.frame(index).svg()
    # The loss falls along its gradient by the input as the gradient says.
    step = 1e-3 / max(float((film.slope.astype(np.float64) ** 2).sum()) ** 0.5, 1e-6)
    moved = see.passes(model, x - step * film.slope[np.newaxis], target, loss=LOSSES[name])
    fall = step * float((film.slope.astype(np.float64) ** 2).sum())
    assert film.loss - moved.loss == pytest.approx(fall, rel=0.05, abs=2e-6)


def test_gradients_are_those_that_train():
    model = keras.Sequential([keras.Input((6, 6, 1)), layers.Conv2D(3, 3, activation="relu"),
                              layers.MaxPooling2D(2), layers.Flatten(), layers.Dense(4, activation="softmax")])
    model.compile(keras.optimizers.SGD(1.0), "sparse_categorical_crossentropy")
    x, y = np.random.default_rng(0).random((1, 6, 6, 1)).astype(np.float32), np.array([2])
    film = see.passes(model, x, y)
    before = [variable.array.copy() for variable in model.trainable_variables]
    loss = model.train_on_batch(x, y)
    shown = [array for stage in film.stages for array in stage.weights.values()]
    for was, now, slope in zip(before, model.trainable_variables, shown, strict=True):
        assert was - now.array == pytest.approx(slope, abs=1e-6)
    assert film.loss == pytest.approx(float(np.atleast_1d(loss)[0]), abs=1e-6)


def test_single_ops_stand_among_the_layers():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, 2 * layers.Dense(3, name="scores")(inputs))
    assert [stage.layer for stage in see.passes(model, np.ones(4), np.zeros(3), "mse").stages][0] == "scores"


def test_saving_and_errors(made, tmp_path):
    film = see.passes(made["plain"], sample(made["plain"]), 1, loss="sparse_categorical_crossentropy")
    assert Image.open(film.save(tmp_path / "step.gif")).n_frames == film.count
    assert "largest gradient" in str(film) and '"input_gradient"' in film.json()
    with pytest.raises(errors.ArgumentError, match="needs a loss"):
        see.passes(made["plain"], sample(made["plain"]), 1)
