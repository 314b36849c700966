"""Cross-entropies as Keras defines them, and the optimisers' formulas, by hand numbers."""

import numpy as np
import pytest

from striate import ops
from striate.errors import ShapeError

LOGITS = np.random.default_rng(3).normal(size=(4, 5)).astype(np.float32)
LABELS = np.array([0, 4, 2, 2], np.int32)
LOG_PROBABILITY = LOGITS - np.log(np.exp(LOGITS.astype(np.float64)).sum(axis=1, keepdims=True))


def test_sparse_and_dense_labels_agree():
    expected = -LOG_PROBABILITY[np.arange(4), LABELS]
    dense = ops.one_hot(LABELS, 5)
    assert np.allclose(ops.sparse_categorical_crossentropy(LABELS, LOGITS, from_logits=True), expected, atol=1e-6)
    assert np.allclose(ops.sparse_categorical_crossentropy(LABELS[:, None], ops.softmax(LOGITS)), expected, atol=1e-6)
    assert np.allclose(ops.categorical_crossentropy(dense, LOGITS, from_logits=True), expected, atol=1e-6)
    assert np.allclose(ops.categorical_crossentropy(dense, 3 * ops.softmax(LOGITS)), expected, atol=1e-6)


def test_probabilities_are_kept_from_zero_and_one():
    sure = ops.categorical_crossentropy([[1.0, 0.0]], [[0.0, 1.0]])
    assert sure[0] == pytest.approx(-np.log(1e-7), rel=1e-6)
    assert ops.binary_crossentropy([0.0], [1.0])[0] == pytest.approx(15.942385, rel=1e-6)
    assert ops.binary_crossentropy([1.0], [1.0])[0] == pytest.approx(1.1920929e-07)


def test_other_class_axis():
    moved = np.ascontiguousarray(LOGITS.T)
    assert np.allclose(ops.sparse_categorical_crossentropy(LABELS, moved, from_logits=True, axis=0),
                       -LOG_PROBABILITY[np.arange(4), LABELS], atol=1e-6)


def test_binary_logits_do_not_overflow():
    assert ops.binary_crossentropy([1.0, 0.0], [-1000.0, -1000.0], from_logits=True).tolist() == [1000.0, 0.0]


def test_shapes_that_differ_are_named():
    with pytest.raises(ShapeError, match=r"target=\(4,\)"):
        ops.categorical_crossentropy(LABELS, LOGITS)
    with pytest.raises(ShapeError, match=r"target=\(3,\)"):
        ops.sparse_categorical_crossentropy(LABELS[:3], LOGITS)


def test_adam_step_by_hand():
    scalars = np.float32([0.1, 0.1, 0.001, 1e-7, 0.0, 1.0])
    w, m, v = ops.adam_update(*np.float32([[1.0], [0.5], [0.25]]), scalars, np.float32([2.0]))
    assert m[0] == pytest.approx(0.65) and v[0] == pytest.approx(0.25375)
    assert w[0] == pytest.approx(1.0 - 0.1 * 0.65 / np.sqrt(0.25375), rel=1e-6)


def test_descent_steps_by_hand():
    scalars = np.float32([0.1, 0.9, 0.01, 0.5])
    w, velocity, g = np.float32([1.0]), np.float32([0.2]), np.float32([4.0])
    plain = ops.sgd_update(w, None, scalars, g)
    assert plain[0] == pytest.approx(0.99 - 0.2)
    heavy, speed = ops.sgd_update(w, velocity, scalars, g)
    assert speed[0] == pytest.approx(0.18 - 0.2) and heavy[0] == pytest.approx(0.99 - 0.02)
    ahead, speed = ops.sgd_update(w, velocity, scalars, g, nesterov=True)
    assert ahead[0] == pytest.approx(0.99 + 0.9 * -0.02 - 0.2)


def test_flat_gradients_leave_zeros_between():
    flat = ops.flat_gradients([np.float32([[1, 2]]), np.float32([3])], offsets=(0, 4), size=6)
    assert flat.tolist() == [1, 2, 0, 0, 3, 0]
    with pytest.raises(ShapeError, match="alpha"):
        ops.adam_update(*np.ones((3, 4), np.float32), np.ones(4, np.float32), np.ones(4, np.float32))
