"""Numbers at the edge: losses of huge predictions, subnormal numbers, NaN in pooling windows, strict mode."""

import threading

import numpy as np
import pytest

from striate import Input, Sequential, config, engine, layers, losses, ops, optimizers, seeds
from striate.errors import NonFiniteError
from striate.runtime import pool
from tests.kernels.harness import run_node
from tests.kernels.test_winograd import attributes_of, run

BIG = np.array([[1e4, -1e4, 0], [-3e38, 3e38, 0], [88.8, -88.8, 104], [-1e-40, 1e-40, 0]], np.float32)
LABELS = np.array([1, 0, 2, 1])
ONE_HOT = np.eye(3, dtype=np.float32)[LABELS]
CERTAIN = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1], [0.5, 0.5, 0]], np.float32)
LOSSES = {
    "sparse_categorical logits": (losses.SparseCategoricalCrossentropy(from_logits=True), LABELS, BIG[[0, 2, 3]]),
    "categorical logits": (losses.CategoricalCrossentropy(from_logits=True), ONE_HOT, BIG[[0, 2, 3]]),
    "binary logits": (losses.BinaryCrossentropy(from_logits=True), ONE_HOT, BIG[[0, 2, 3]]),
    "focal logits": (losses.BinaryFocalCrossentropy(from_logits=True), ONE_HOT, BIG[[0, 2, 3]]),
    "sparse_categorical": (losses.SparseCategoricalCrossentropy(), LABELS, CERTAIN),
    "categorical": (losses.CategoricalCrossentropy(), ONE_HOT, CERTAIN),
    "binary": (losses.BinaryCrossentropy(), ONE_HOT, CERTAIN),
    "divergence": (losses.KLDivergence(), ONE_HOT, CERTAIN),
    "poisson": (losses.Poisson(), ONE_HOT, CERTAIN),
    "huber": (losses.Huber(), ONE_HOT, BIG[[0, 2, 3]]),
    "log cosh": (losses.LogCosh(), ONE_HOT, BIG[[0, 2, 3]]),
    "hinge": (losses.CategoricalHinge(), ONE_HOT, BIG[[0, 2, 3]]),
    "cosine": (losses.CosineSimilarity(), ONE_HOT, BIG[[0, 2, 3]]),
    "cosine of nothing": (losses.CosineSimilarity(), ONE_HOT, np.zeros((4, 3), np.float32)),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_neither_overflow_nor_lose_their_gradient(name):
    """Compiled: the loss of huge or certain predictions is finite, and so is each entry of its gradient."""
    loss, targets, predictions = LOSSES[name]
    targets = targets[:len(predictions)]

    def both(y, x):
        value = loss(y, x)
        return value, engine.gradients(value, [x])[0]
    value, gradient = engine.Function(both, "loss")(targets, predictions)
    assert np.isfinite(value), value
    assert np.isfinite(gradient).all(), gradient


@pytest.mark.parametrize("activation", ["softmax", "sigmoid", "softplus", "tanh", "elu", "gelu", "silu", "log_softmax"])
def test_activations_of_huge_numbers(activation):
    large = 1e12 if activation == "gelu" else 3e38  # whose definition takes the third power
    x = np.array([[large, -large, 0.0], [1e4, -1e4, 89.0]], np.float32)
    function = getattr(ops, activation)
    value, gradient = engine.Function(lambda x: (function(x), engine.gradients(ops.sum(function(x)), [x])[0]), "f")(x)
    assert np.isfinite(value).all() or activation == "log_softmax", value
    assert not np.isnan(value).any() and not np.isnan(gradient).any(), gradient


# ---- subnormal numbers ---------------------------------------------------------------------------------------------

def test_subnormal_numbers_are_flushed_in_our_programs_and_nowhere_else():
    """Not in the caller's thread, not in other Python threads, not in a new thread, not after an exception."""
    half = engine.Function(lambda x: x * 0.5, "half")
    tiny, found = np.full(1 << 16, 1.2e-38, np.float32), []

    def keeps():
        found.append(bool((np.float32(1.2e-38) * np.float32(0.5)) > 0 and (tiny[:9] * np.float32(0.25) > 0).all()))
    before = pool.pool().threads
    pool.set_threads(3)
    try:
        assert not half(tiny).any(), "inside they are zero"
        keeps()
        other = threading.Thread(target=lambda: (keeps(), half(tiny), keeps()))
        other.start()
        other.join()
        config.set_value("strict", "on")
        with pytest.raises(NonFiniteError):
            engine.Function(lambda x: ops.log(x), "log")(np.full(4, -1.0, np.float32))
        keeps()
    finally:
        config.set_value("strict", None)
        pool.set_threads(before)
    assert found == [True] * 4


# ---- NaN -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_the_first_nan_of_a_window_wins_in_every_kernel(lanes):
    """Convolutions with pooling, by Winograd and plainly, and pooling alone: one rule."""
    x, w = np.full((8, 14, 14, 16), np.nan, np.float32), np.ones((3, 3, 16, 16), np.float32)
    attributes = attributes_of(pool=(2, 2, 2, 2))
    for y, winner in (run("conv2d", [x, w], lanes, **attributes), run_node("conv2d", [x, w], **attributes)):
        assert np.isnan(y).all() and not winner.any()
    window = np.arange(32, dtype=np.float32).reshape(1, 4, 4, 2)
    window[0, 0, 1, 0] = window[0, 1, 1, 0] = np.nan
    y, winner = run_node("max_pool2d", [window], pool_size=(2, 2), strides=(2, 2), padding=((0, 0), (0, 0)))
    assert np.isnan(y[0, 0, 0, 0]) and winner[0, 0, 0, 0] == 1 and winner[0, 0, 0, 1] == 3


class Bad(layers.Layer):
    """Numbers that stay finite forward, and a gradient that does not: the root of zero."""

    def call(self, x):
        return x + ops.sqrt(x * 0.0)


def test_strict_mode_sees_gradients_and_updates():
    def model(optimizer, *extra):
        seeds.set_random_seed(1)
        made = Sequential([Input((3,)), layers.Dense(4, name="front"), *extra, layers.Dense(1)])
        made.compile(optimizer, "mse")
        return made
    x, y = np.random.default_rng(0).random((8, 3), np.float32), np.ones((8, 1), np.float32)
    config.set_value("strict", "on")
    try:
        with pytest.raises(NonFiniteError, match="bad"):
            model("sgd", Bad(name="bad")).fit(x, y, verbose=0)
        with pytest.raises(NonFiniteError, match="update"):
            model(optimizers.SGD(3e38)).fit(x * 1e3, y, verbose=0)
        model("adam").fit(x, y, verbose=0)
    finally:
        config.set_value("strict", None)
