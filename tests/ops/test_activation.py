"""Activation functions against formulas in float64, softmax' gradient, and Keras where it is installed."""

import math

import numpy as np
import pytest

from striate import activations, ops
from striate.engine import Function, gradients
from tests.ops.gradients import check_gradient

X = np.linspace(-6, 6, 49).astype(np.float32)
X64 = X.astype(np.float64)
SIGMOID = 1 / (1 + np.exp(-X64))
NORMAL = np.array([0.5 * (1 + math.erf(v / math.sqrt(2))) for v in X64])
FORMULAS = {
    "relu6": np.clip(X64, 0, 6), "leaky_relu": np.where(X64 > 0, X64, 0.2 * X64),
    "elu": np.where(X64 > 0, X64, np.expm1(X64)), "silu": X64 * SIGMOID, "softsign": X64 / (1 + abs(X64)),
    "selu": 1.0507009873554805 * np.where(X64 > 0, X64, 1.6732632423543772 * np.expm1(X64)),
    "celu": np.maximum(X64, 0) + np.minimum(0, np.expm1(X64)), "hard_sigmoid": np.clip(X64 / 6 + 0.5, 0, 1),
    "hard_silu": X64 * np.clip(X64 / 6 + 0.5, 0, 1), "log_sigmoid": np.log(SIGMOID),
    "mish": X64 * np.tanh(np.log1p(np.exp(X64))), "tanh_shrink": X64 - np.tanh(X64), "hard_tanh": np.clip(X64, -1, 1),
    "soft_shrink": np.sign(X64) * np.maximum(abs(X64) - 0.5, 0), "hard_shrink": np.where(abs(X64) > 0.5, X64, 0),
    "squareplus": (X64 + np.sqrt(X64 ** 2 + 4)) / 2, "sparse_sigmoid": np.clip((X64 + 1) / 2, 0, 1),
    "sparse_plus": np.where(X64 <= -1, 0, np.where(X64 < 1, (X64 + 1) ** 2 / 4, X64)),
    "gelu": 0.5 * X64 * (1 + np.tanh(math.sqrt(2 / math.pi) * (X64 + 0.044715 * X64 ** 3))),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_formula(name):
    actual = getattr(ops, name)(X)
    assert actual.dtype == np.float32
    assert np.abs(actual - FORMULAS[name]).max() < 2e-6


def test_exact_gelu_and_glu_and_threshold():
    assert np.abs(ops.gelu(X, approximate=False) - X64 * NORMAL).max() < 2e-6
    pair = np.stack([X, X[::-1]], axis=-1)
    assert np.allclose(ops.glu(pair)[:, 0], X64 * SIGMOID[::-1], atol=1e-6)
    assert ops.threshold([0.2, 0.9], 0.5, -1.0).tolist() == [-1.0, np.float32(0.9)]


@pytest.mark.parametrize("name", ["silu", "gelu", "elu", "mish", "softplus", "log_sigmoid", "squareplus"])
def test_gradient_of_a_formula(name):
    function = getattr(ops, name)
    x = np.float32([-2.3, -0.4, 0.7, 1.9])
    slope, = Function(lambda v: gradients(ops.sum(function(v)), [v]), name)(x)
    wide = x.astype(np.float64)
    expected = (np.float64(function(wide + 1e-5)) - function(wide - 1e-5)) / 2e-5
    assert np.allclose(slope, expected, atol=1e-5)


def test_softmax_gradients():
    x = np.random.default_rng(0).normal(size=(3, 5))
    check_gradient("softmax", [x], axis=1)
    check_gradient("softmax_grad", [x, x[::-1].copy()], axis=0)
    check_gradient("log_softmax", [x], axis=1)


def test_softmax_over_several_axes_and_extremes():
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    assert np.allclose(ops.softmax(x, axis=(0, 2)).sum(axis=(0, 2)), 1.0, atol=1e-6)
    assert ops.softmax([1e30, 0.0]).tolist() == [1.0, 0.0]
    assert ops.log_softmax([1e4, 0.0]).tolist() == [0.0, -1e4]


def test_sparsemax_is_the_nearest_point_of_the_simplex():
    y = ops.sparsemax(np.float32([[0.5, 2.0, 1.9], [0.0, 0.0, 0.0]]))
    assert np.allclose(y, [[0.0, 0.55, 0.45], [1 / 3, 1 / 3, 1 / 3]], atol=1e-6)
    assert np.allclose(ops.sparsemax([1.0, -np.inf, 0.5]), [0.75, 0.0, 0.25], atol=1e-6)


BENDS = {
    "relu": (activations.relu, {0: 0}), "relu to 6": (lambda x: activations.relu(x, max_value=6), {0: 0, 6: 0}),
    "relu to 3": (lambda x: activations.relu(x, max_value=3), {0: 0, 3: 1}),
    "relu from 1": (lambda x: activations.relu(x, threshold=1), {0: 0, 1: 0, 3: 1}),
    "relu, 0.1 below": (lambda x: activations.relu(x, negative_slope=0.1), {-1: 0.1, 0: 0.1, 1: 1}),
    "relu, 0.1 below 0.5, to 3": (lambda x: activations.relu(x, 0.1, 3, 0.5), {0: 0.1, 0.5: 0, 1: 1, 3: 1, 6: 0}),
    "relu6": (activations.relu6, {0: 0, 6: 0}), "leaky_relu": (activations.leaky_relu, {0: 0.2}),
    "elu": (activations.elu, {0: 1}), "selu": (activations.selu, {0: 1.0507010}), "celu": (activations.celu, {0: 1}),
    "hard_sigmoid": (activations.hard_sigmoid, {-3: 0, 3: 0}), "hard_silu": (activations.hard_silu, {-3: 0, 3: 1}),
    "hard_tanh": (activations.hard_tanh, {-1: 1, 1: 1}), "soft_shrink": (activations.soft_shrink, {-0.5: 0, 0.5: 0}),
    "hard_shrink": (activations.hard_shrink, {-0.5: 0, 0.5: 0}),
    "sparse_sigmoid": (activations.sparse_sigmoid, {-1: 0, 1: 0}), "softsign": (activations.softsign, {0: 1}),
    "clip": (lambda x: ops.clip(x, -1.0, 1.0), {-1: 1, 1: 1}), "abs": (ops.abs, {0: 0}),
}
"""Slopes where functions bend, as Keras 3.15.1 gives them on TensorFlow (and, but for `hard_tanh`, on PyTorch). Pixels
that are exactly 0 under weights without a bias meet them in every picture."""


@pytest.mark.parametrize("name", BENDS)
def test_slope_where_the_function_bends(name):
    function, slopes = BENDS[name]
    x = np.array(list(slopes), np.float32)
    found = Function(lambda x: gradients(ops.sum(function(x)), [x])[0])(x)
    np.testing.assert_allclose(found, list(slopes.values()), rtol=1e-6)


@pytest.mark.parametrize("name", [name for name in BENDS if name not in ("relu from 1", "relu, 0.1 below 0.5, to 3",
                                                                          "hard_shrink")])
def test_functions_that_bend_pass_nan_on(name):
    """All but those that ask first whether x is large, in Keras too."""
    assert np.isnan(np.asarray(Function(BENDS[name][0])(np.array([np.nan], np.float32)))).all()


@pytest.mark.parametrize("name, bound, slopes", [
    ("maximum", lambda x: ops.maximum(x, 0.0), [0, 1]), ("minimum", lambda x: -ops.minimum(-x, 0.0), [0, 1]),
    ("clip", lambda x: ops.clip(x, 0.0, 4.0), [0, 1]), ("relu", ops.relu, [0, 1]), ("relu6", ops.relu6, [0, 1]),
    ("hard_tanh", lambda x: ops.hard_tanh(x) + 1.0, [0, 0])])
def test_what_was_cut_off_gets_no_gradient_where_the_root_is_infinitely_steep(name, bound, slopes):
    """sqrt(maximum(squares, 0)), as distances are computed: infinity times 0 is no slope."""
    x = np.array([-4.0, 4.0], np.float32)
    found = Function(lambda x: gradients(ops.sum(ops.sqrt(bound(x))), [x])[0])(x)
    np.testing.assert_allclose(found, np.array(slopes) / 4, rtol=1e-6)
