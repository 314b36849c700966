"""`trainable` set after `compile()`: what training changes then, and what the user is told."""

import warnings

import numpy as np
import pytest

from striate import Input, Model, Sequential, layers

X = np.random.RandomState(0).randn(8, 3).astype("float32")
Y = np.random.RandomState(1).randn(8, 1).astype("float32")


def compiled(optimizer="sgd", frozen=()):
    model = Sequential([Input((3,)), layers.Dense(4, name="a"), layers.Dense(1, name="b")])
    for name in frozen:
        model.get_layer(name).trainable = False
    model.compile(optimizer, "mse")
    return model


def changed(model, x=X, y=Y):
    """The layers whose kernels one step changes."""
    before = {layer.name: layer.get_weights() for layer in model.layers}
    model.train_on_batch(x, y)
    return "".join(layer.name for layer in model.layers if layer.weights
                   and any((old != new).any() for old, new in zip(before[layer.name], layer.get_weights(),
                                                                  strict=True)))


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lamb"])
def test_before_the_first_step_a_change_counts_as_in_keras(optimizer):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = compiled(optimizer)
        model.evaluate(X, Y, verbose=0)
        model.get_layer("a").trainable = False
        assert changed(model) == "b"
        model = compiled(optimizer, frozen="a")
        model.get_layer("a").trainable = True
        assert changed(model) == "ab"


def test_after_a_step_it_waits_for_compile_and_says_so_once():
    model = compiled("adam")
    assert changed(model) == "ab"
    model.get_layer("a").trainable = False
    with pytest.warns(UserWarning, match=r"training had begun.* goes on changing their weights: a\. Call compile"):
        assert changed(model) == "ab"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, Y, verbose=0)
        model.compile("adam", "mse")
        assert changed(model) == "b"
    model.get_layer("a").trainable = True
    with pytest.warns(UserWarning, match="does not change these weights as they now say: a"):
        assert changed(model) == "b"


def test_a_change_that_is_taken_back_is_not_mentioned():
    model = compiled()
    model.train_on_batch(X, Y)
    model.get_layer("a").trainable = False
    model.get_layer("a").trainable = True
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert changed(model) == "ab"


def test_a_model_frozen_for_the_model_around_it_goes_on_learning():
    judge = compiled()
    judge.trainable = False
    inputs = Input((3,))
    around = Model(inputs, judge(layers.Dense(3, name="maker")(inputs)))
    around.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="recipes for GANs.* goes on changing their weights: a, b"):
        assert changed(judge) == "ab"
    assert changed(around) == "maker"
