"""The listings as they stand on the slides, damage and prose included: repaired, then run on a few pictures."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from striate.runner.slides import repair

LISTINGS = Path(__file__).parent / "listings"


def run(name, code_before, **given):
    """Repairs and executes a listing after some lines that the slides take for granted; gives its names."""
    repaired = repair((LISTINGS / f"{name}.txt").read_text())
    assert repaired.problem == ""
    names = dict(given)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(code_before + "\n" + repaired.text, str(LISTINGS / f"{name}.py"), "exec"), names)  # noqa: S102
    return names


def pictures(count, size):
    generator = np.random.default_rng(0)
    return generator.random((count, size, size, 1), np.float32), np.arange(count) % 10


def test_baseline_model_has_the_parameters_on_the_slide(shim, capsys):
    names = run("yale", "from tensorflow.keras import layers, models")
    assert names["model"].count_params() == 62_338
    assert "Total params: 62,338" in capsys.readouterr().out


@pytest.mark.slow
def test_fashion_network_trains_and_predicts(shim):
    images, labels = pictures(24, 28)
    names = run("virginia", "from tensorflow import keras", X_train=images, y_train=labels, X_valid=images[:8],
                y_valid=labels[:8], X_test=images[:12], y_test=labels[:12])
    assert names["model"].count_params() == 1_413_834
    assert len(names["history"].history["val_accuracy"]) == 10 and len(names["score"]) == 2
    assert names["y_pred"].shape == (10, 10)


def test_sequential_tutorial_compiles_with_the_old_arguments(shim):
    images, labels = pictures(16, 28)
    rows = np.eye(10, dtype=np.float32)[labels]

    def create_model():
        from striate import Sequential, layers

        return Sequential([layers.Input((28, 28, 1)), layers.Flatten(), layers.Dense(10, activation="softmax")])
    names = run("nova", "INIT_LR, NUM_EPOCHS, BS = 1e-2, 3, 8", create_model=create_model, trainX=images, trainY=rows,
                testX=images[:8], testY=rows[:8])
    assert len(names["history"].history["val_loss"]) == 3
    assert float(names["opt"].learning_rate) == pytest.approx(1e-2)


@pytest.mark.slow
def test_functional_tutorial_runs_to_its_end(shim):
    images, labels = pictures(16, 64)
    targets = (labels % 2).astype(np.float32)[:, np.newaxis]
    before = "import keras\nimport tensorflow as tf\nflatten = keras.layers.Flatten()"
    names = run("eindhoven", before, x_train=images, y_train=targets, x_test=images,
                y_test=targets, num_iterations=2, some_batch_generator=lambda i: (images[:4], targets[:4]))
    assert names["model"].count_params() == 824_201 and names["classes"].shape == (16, 1)
    # One unit and a categorical loss: the slide's slip trains on a loss that says nothing.
    assert names["loss_and_metrics"] == pytest.approx(1.19e-7 * targets.mean(), rel=0.05)
