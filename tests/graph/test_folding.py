"""Scales of channels move into weights where nothing is differentiated, and are computed once."""

import numpy as np
import pytest

from striate import engine, ops
from striate.graph.trace import trace
from striate.ops.spec import TensorType
from striate.variables import Variable

RNG = np.random.default_rng(5)
IMAGES = RNG.normal(size=(2, 9, 9, 4)).astype("float32")


class Block:
    """A convolution (or matrix product) and batch normalisation in inference."""

    def __init__(self, kernel=(3, 3, 4, 6), bias=True, groups=1):
        def vector(low, high):
            return Variable(RNG.uniform(low, high, kernel[-1]).astype("float32"))
        self.groups = groups
        self.kernel = Variable(RNG.normal(size=kernel).astype("float32"))
        self.bias = vector(-1, 1) if bias else None
        self.mean, self.variance, self.gamma, self.beta = vector(-1, 1), vector(0.5, 2), vector(0.5, 2), vector(-1, 1)

    def _convolution(self, x):
        if self.groups == 1:
            return ops.conv(x, self.kernel)
        return ops.depthwise_conv(x, ops.reshape(self.kernel, (3, 3, self.groups, -1)))

    def __call__(self, x):
        x = x @ self.kernel if len(self.kernel.shape) == 2 else self._convolution(x)
        if self.bias is not None:
            x = x + self.bias
        return ops.batch_normalization(x, self.mean, self.variance, axis=-1, offset=self.beta, scale=self.gamma)


@pytest.mark.parametrize("block, x", [
    (Block(), IMAGES), (Block(bias=False), IMAGES), (Block(kernel=(3, 3, 1, 8), groups=4), IMAGES),
    (Block(kernel=(4, 6)), IMAGES[:, 0, 0])], ids=["bias", "plain", "depthwise", "dense"])
def test_normalisation_leaves_nothing_behind_but_the_convolution(block, x):
    function = engine.Function(lambda x: ops.relu(block(x)))
    expected = engine.Function(lambda x: ops.relu(block(x)), mode="reference")(x)
    np.testing.assert_allclose(function(x), expected, rtol=2e-5, atol=2e-5)
    left = [step.node.op for step in function.executable(x).plan.steps
            if not all(launch.prepares for launch in step.launches)]
    assert len(left) == 1 and left[0] in ("conv2d", "dense")


def test_the_folded_weights_follow_the_variables():
    block = Block()
    function, reference = engine.Function(block), engine.Function(block, mode="reference")
    before = function(IMAGES)
    block.gamma.assign(block.gamma.numpy() * 3.0)
    after = function(IMAGES)
    assert not np.allclose(before, after)
    np.testing.assert_allclose(after, reference(IMAGES), rtol=2e-5, atol=2e-5)


def test_what_else_is_read_stays():
    block = Block()

    def both(x):
        raw = ops.conv(x, block.kernel)
        return raw, raw * block.gamma
    graph, _ = trace(both, [TensorType(IMAGES.shape)])
    assert [node.op for node in engine.optimise(graph).nodes] == ["conv2d", "multiply"]


def test_scales_that_depend_on_the_input_stay():
    kernel = Variable(RNG.normal(size=(3, 3, 4, 6)).astype("float32"))
    graph, _ = trace(lambda x, s: ops.conv(x, kernel) * s, [TensorType(IMAGES.shape), TensorType((6,))])
    assert [node.op for node in engine.optimise(graph).nodes] == ["conv2d", "multiply"]


def test_gradients_see_the_unfolded_weights():
    block = Block()

    def loss(x):
        value = ops.sum(block(x) ** 2)
        return engine.gradients(value, [block.kernel, block.gamma])
    actual, wanted = engine.Function(loss)(IMAGES), engine.Function(loss, mode="reference")(IMAGES)
    for a, b in zip(actual, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3 * np.abs(b).max())
