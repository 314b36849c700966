"""Normalisation: values by formula, gradients by finite differences, Keras' words."""

import numpy as np
import pytest

from striate import ops
from striate.errors import ShapeError
from striate.ops.dispatch import apply
from striate.ops.spec import OPS, TensorType
from tests.ops.gradients import check_gradient


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def test_batch_norm_hand_numbers():
    y, mean, variance = ops.batch_norm(np.array([[1.0, 2], [3, 2]]), np.array([2.0, 1]), np.array([0, 5.0]), 0.0 + 1e-9)
    assert np.allclose(y, [[-2, 5], [2, 5]]) and mean.tolist() == [2, 2] and variance.tolist() == [1, 0]


@pytest.mark.parametrize("shape", [(5, 3), (2, 2, 3, 4)])
def test_batch_norm_gradients_of_all_outputs(shape):
    check_gradient("batch_norm", [draw(*shape), draw(shape[-1], seed=1), draw(shape[-1], seed=2)], epsilon=1e-3)


def test_batch_norm_grad_masked_keeps_where_x_is_positive():
    x, g = draw(6, 3), draw(6, 3, seed=1)
    inputs = [g, x, draw(3, seed=2), x.mean(axis=0), x.var(axis=0)]
    plain, *sums = apply("batch_norm_grad", inputs, epsilon=1e-3, masked=False)
    masked, *same = apply("batch_norm_grad", inputs, epsilon=1e-3, masked=True)
    assert np.array_equal(masked, np.where(x > 0, plain, 0))
    assert all(np.array_equal(a, b) for a, b in zip(sums, same, strict=True))


@pytest.mark.parametrize("axis", [-1, 1, 0])
def test_batch_normalization_along_any_axis(axis):
    x = draw(4, 4, 4).astype(np.float32)
    mean, offset, scale = draw(3, 4, seed=1).astype(np.float32)
    variance = np.square(draw(4, seed=2)).astype(np.float32) + 0.5
    shape = [1, 1, 1]
    shape[axis] = 4
    expected = ((x - mean.reshape(shape)) / np.sqrt(variance.reshape(shape) + 1e-3) * scale.reshape(shape)
                + offset.reshape(shape))
    assert np.allclose(ops.batch_normalization(x, mean, variance, axis, offset, scale), expected, atol=1e-5)


def test_moments_layer_and_rms_normalization():
    x = draw(3, 4, 5).astype(np.float32)
    mean, variance = ops.moments(x, axes=[0, 2])
    assert np.allclose(mean, x.mean((0, 2)), atol=1e-6) and np.allclose(variance, x.var((0, 2)), atol=1e-6)
    assert ops.moments(x, axes=1, keepdims=True)[0].shape == (3, 1, 5)
    y = ops.layer_normalization(x, axis=(1, 2))
    assert np.allclose(np.mean(y, (1, 2)), 0, atol=1e-6) and np.allclose(np.var(y, (1, 2)), 1, atol=1e-4)
    assert np.allclose(np.mean(np.square(ops.rms_normalization(x)), -1), 1, atol=1e-4)


def test_shapes_and_messages():
    vector = TensorType((4,))
    outputs = OPS["batch_norm"].shape([TensorType((None, 3, 4)), vector, vector], epsilon=1e-3)
    assert [output.shape for output in outputs] == [(None, 3, 4), (4,), (4,)]
    with pytest.raises(ShapeError, match=r"gamma=\(3,\)"):
        ops.batch_norm(draw(2, 4), draw(3), draw(4), 1e-3)
    with pytest.raises(ShapeError, match=r"variance=\(2,\)"):
        ops.batch_normalization(draw(2, 4), draw(4), draw(2), -1)
