"""Frozen models: fewer layers, the same predictions."""

import numpy as np
import pytest

import striate as keras
from striate.errors import ArgumentError
from striate.layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    MaxPooling2D,
)


def filled(model, seed=3):
    """The model with weights that make every normalisation matter."""
    numbers = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, BatchNormalization):
            layer.set_weights([numbers.uniform(0.3, 1.5, w.shape).astype("float32") for w in layer.get_weights()])
    return model


def chain():
    return keras.Sequential([
        keras.Input((9, 9, 3)), Conv2DTranspose(4, 3), BatchNormalization(), DepthwiseConv2D(3, depth_multiplier=2),
        BatchNormalization(scale=False), Conv2D(6, 3, groups=2, use_bias=False), BatchNormalization(center=False),
        Activation("relu"), MaxPooling2D(), Dropout(0.2), Flatten(), Dense(5, use_bias=False), BatchNormalization(),
        Activation("softmax")])


def branched():
    x = keras.Input((8, 8, 2))
    a = BatchNormalization(name="folded")(Conv2D(4, 3, padding="same", use_bias=False)(x))
    b = Conv2D(4, 1)(x)
    c = BatchNormalization(name="kept")(b)
    return keras.Model(x, Add()([Activation("relu")(a), b, Dropout(0.5)(c)]))


def test_a_frozen_chain_predicts_the_same_with_fewer_layers():
    model, x = filled(chain()), np.random.default_rng(0).normal(size=(4, 9, 9, 3)).astype("float32")
    frozen = model.freeze()
    assert not any(isinstance(layer, (BatchNormalization, Dropout)) for layer in frozen.layers)
    assert len(model.layers) == len(frozen.layers) + 5
    np.testing.assert_allclose(frozen.predict(x, verbose=0), model.predict(x, verbose=0), rtol=2e-5, atol=1e-6)
    assert frozen.trainable_weights == []


def test_what_others_read_is_not_folded():
    model, x = filled(branched()), np.random.default_rng(1).normal(size=(4, 8, 8, 2)).astype("float32")
    frozen = model.freeze()
    assert [layer.name for layer in frozen.layers if isinstance(layer, BatchNormalization)] == ["kept"]
    np.testing.assert_allclose(frozen.predict(x, verbose=0), model.predict(x, verbose=0), rtol=2e-5, atol=1e-6)


def test_a_frozen_model_is_saved_and_loaded(tmp_path):
    model, x = filled(chain()), np.random.default_rng(2).normal(size=(2, 9, 9, 3)).astype("float32")
    model.freeze().save(tmp_path / "frozen.keras")
    loaded = keras.models.load_model(tmp_path / "frozen.keras")
    np.testing.assert_allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=2e-5, atol=1e-6)


def test_the_model_itself_stays_as_it_was():
    model = filled(chain())
    before = [w.copy() for w in model.get_weights()]
    model.freeze()
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert model.trainable_weights


def test_a_class_with_a_call_of_its_own_cannot_be_frozen():
    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ArgumentError, match="can be frozen"):
        Own().freeze()
