"""`ops.custom_gradient`: the values of the function, the gradient of the user's own function."""

import numpy as np
import pytest

import striate
from striate import engine, ops
from striate.errors import ArgumentError, TypeMismatchError
from striate.graph.eager import run_eagerly

X = np.linspace(-2, 3, 12, dtype=np.float32).reshape(3, 4)


@ops.custom_gradient
def log_of_sum(x):
    e = ops.exp(x)

    def gradient(*args, upstream=None):
        return ops.multiply(upstream, 1.0 - 1.0 / ops.add(1, e))
    return ops.log(1 + e), gradient


@ops.custom_gradient
def two(x, y):
    def gradient(of_sum, of_product):
        return ops.clip(of_sum, -1.0, 1.0), 5.0 * of_product
    return (x + y, x * y), gradient


@ops.custom_gradient
def reversed_gradient(x):
    return x, lambda upstream: ops.negative(upstream)


def step(function, count):
    def program(*values):
        loss = function(*values)
        return loss, engine.gradients(loss, list(values[:count]))
    return program


def by_each_way(program, *arrays):
    yield engine.Function(program)(*arrays)
    yield engine.Function(program, mode="reference")(*arrays)
    yield run_eagerly(program, arrays, np.zeros(4, np.uint32), "program")


def test_gradient_reads_what_the_function_computed():
    program = step(lambda x: ops.sum(ops.square(log_of_sum(ops.relu(x * 2.0)))), 1)
    y = np.log1p(np.exp(np.maximum(2 * X, 0)))
    expected = 2 * y / (1 + np.exp(-2 * X)) * 2 * (X > 0)
    for loss, (g,) in by_each_way(program, X):
        np.testing.assert_allclose(loss, np.square(y).sum(), rtol=1e-5)
        np.testing.assert_allclose(g, expected, rtol=1e-5, atol=1e-6)


def test_several_results_and_arguments():
    def loss(x, y):
        first, second = two(x, y)
        return ops.sum(first * 3.0) + ops.sum(second * second)
    for value, (of_x, of_y) in by_each_way(step(loss, 2), X, X + 1):
        np.testing.assert_allclose(value, (3 * (2 * X + 1) + np.square(X * (X + 1))).sum(), rtol=1e-5)
        np.testing.assert_allclose(of_x, np.ones_like(X))
        np.testing.assert_allclose(of_y, 10.0 * X * (X + 1), rtol=1e-5)


def test_a_layer_that_reverses_gradients_trains():
    class Reversal(striate.layers.Layer):
        def call(self, inputs):
            return reversed_gradient(inputs)

    def trained(layer):
        inputs = striate.Input((4,))
        hidden = striate.layers.Dense(3, "tanh", kernel_initializer="ones")(inputs)
        outputs = striate.layers.Dense(1, kernel_initializer="ones")(layer(hidden))
        model = striate.Model(inputs, outputs)
        model.compile(striate.optimizers.SGD(0.01), "mse")
        before = model.get_weights()
        model.train_on_batch(X, np.ones((3, 1), np.float32))
        return [after - old for after, old in zip(model.get_weights(), before, strict=True)]
    plain, reversal = trained(striate.layers.Identity()), trained(Reversal())
    np.testing.assert_allclose(reversal[0], -plain[0], rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(reversal[2], plain[2], rtol=1e-5)


def test_on_arrays_it_is_the_function():
    np.testing.assert_allclose(log_of_sum(X), np.log1p(np.exp(X)), rtol=1e-5)


def test_mistakes_are_named():
    with pytest.raises(ArgumentError, match="one gradient for each argument"):
        engine.Function(lambda x: ops.custom_gradient(lambda a: (a, lambda g: (g, g)))(x))(X)
    with pytest.raises(ArgumentError, match="the shape of its argument"):
        engine.Function(lambda x: ops.custom_gradient(lambda a: (a, lambda g: ops.sum(g)))(x))(X)
    with pytest.raises(TypeMismatchError, match="results and a function"):
        ops.custom_gradient(lambda a: a)(X)
