"""The test to run first: does anything work at all? A few seconds."""

import numpy as np
import pytest


@pytest.fixture
def stripes():
    """Upright and lying stripes, 8x8 pixels: what the first visual area would tell apart."""
    generator = np.random.default_rng(0)
    images = generator.normal(0, 0.3, (64, 8, 8, 1)).astype(np.float32)
    labels = np.arange(64) % 2
    for image, label in zip(images, labels, strict=True):
        image[(slice(None), slice(None, None, 2)) if label else (slice(None, None, 2), slice(None))] += 1
    return images, labels


def test_a_network_learns_stripes(stripes):
    import striate as keras

    keras.utils.set_random_seed(1)
    images, labels = stripes
    model = keras.Sequential([
        keras.Input((8, 8, 1)),
        keras.layers.Conv2D(4, 3, activation="relu"),
        keras.layers.MaxPooling2D(2),
        keras.layers.Flatten(),
        keras.layers.Dense(2, activation="softmax"),
    ])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.optimizer.learning_rate = 0.02
    history = model.fit(images, labels, epochs=15, batch_size=16, verbose=0)
    loss, accuracy = model.evaluate(images, labels, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0] / 2
    assert accuracy == 1.0
    assert model.predict(images[:3], verbose=0).argmax(axis=1).tolist() == labels[:3].tolist()


def test_a_model_survives_its_file(stripes, tmp_path):
    import striate as keras

    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3), keras.layers.Flatten(),
                              keras.layers.Dense(2)])
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert np.array_equal(model.predict(stripes[0], verbose=0), again.predict(stripes[0], verbose=0))
