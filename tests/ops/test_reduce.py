"""Reductions: NumPy's results, gradients against finite differences, errors that say what came."""

import numpy as np
import pytest

from striate import ops
from striate.errors import ArgumentError
from striate.ops.spec import OPS, TensorType
from tests.ops.gradients import check_gradient

X = np.random.default_rng(5).normal(size=(3, 4, 5))
AXES = [(0,), (2,), (0, 2), (0, 1, 2)]


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("op", ["sum", "mean", "max", "min", "prod"])
def test_value_and_gradient(op, axis, keepdims):
    check_gradient(op, [X], axis=axis, keepdims=keepdims)
    actual = getattr(ops, op)(X.astype(np.float32), axis=axis, keepdims=keepdims)
    assert np.allclose(actual, getattr(np, op)(X, axis=axis, keepdims=keepdims), rtol=1e-5)


def test_gradient_of_a_product_with_zeros():
    x = np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 3.0], [2.0, 4.0, 5.0]])
    check_gradient("prod", [x], axis=(1,), keepdims=False)


def test_cumsum_runs_both_ways():
    check_gradient("cumsum", [X], axis=1, reverse=False)
    check_gradient("cumsum", [X], axis=1, reverse=True)
    assert ops.cumsum([[1.0, 2.0], [3.0, 4.0]]).tolist() == [1, 3, 6, 10]


def test_derived_reductions():
    x = X.astype(np.float32)
    assert np.allclose(ops.var(x, axis=(0, 1)), X.var(axis=(0, 1)), rtol=1e-5)
    assert np.allclose(ops.std(x), X.std(), rtol=1e-5)
    assert np.allclose(ops.logsumexp(x + 500, axis=1), np.log(np.exp(X).sum(axis=1)) + 500, rtol=1e-6)
    assert ops.count_nonzero([[0, 2], [3, 0]], axis=0).tolist() == [1, 1]
    assert ops.norm([3.0, 4.0]) == 5.0
    assert np.isneginf(ops.logsumexp([-np.inf, -np.inf]))


def test_positions_of_extremes():
    assert ops.argmax([[1.0, 5.0], [7.0, 2.0]]) == 2
    assert ops.argmax([[1.0, 5.0], [7.0, 2.0]], axis=1, keepdims=True).tolist() == [[1], [0]]
    assert ops.argmin([4.0, 1.0, 1.0]) == 1
    assert ops.argmax([1.0]).dtype == np.int32


def test_result_types():
    assert ops.sum(np.ones(3, bool)).dtype == np.int32
    assert ops.mean(np.ones(3, np.int32)).dtype == np.float32
    assert ops.any(np.zeros(3)).dtype == bool
    assert OPS["sum"].shape([TensorType((None, 4))], axis=(1,), keepdims=False)[0].shape == (None,)


def test_wrong_axes_are_named():
    with pytest.raises(ArgumentError, match="axis=2"):
        ops.sum(np.ones((2, 2)), axis=2)
    with pytest.raises(ArgumentError, match="once"):
        ops.sum(np.ones((2, 2)), axis=(0, -2))


NONE = np.zeros((0, 3), np.float32)
SQUARE = np.zeros((3, 3), np.float32)


@pytest.mark.parametrize("function, arguments", [
    (ops.max, (NONE,)), (ops.min, (NONE, 0)), (ops.argmax, (NONE,)), (ops.argmin, (NONE, 0)), (ops.ptp, (NONE,)),
    (ops.logsumexp, (NONE,)), (ops.nanmax, (NONE,)), (ops.quantile, (NONE, 0.5)), (ops.median, (NONE,)),
    (ops.histogram, (NONE[:, 0],)), (ops.segment_sum, (NONE, np.zeros(0, np.int32))), (ops.tril, (1.0,)),
    (ops.triu, (1.0,)), (ops.pad, (np.float32(1), ((1, 1),))), (ops.nonzero, (np.float32(1),)),
    (ops.slice_update, (SQUARE, (2, 2), SQUARE[:2, :2])), (ops.slice_update, (SQUARE, (0,), SQUARE[:2, :2])),
    (ops.image.affine_transform, (SQUARE, np.zeros(8, np.float32))),
    (ops.image.affine_transform, (SQUARE[..., None], np.zeros((2, 3), np.float32))),
    (ops.ctc_decode, (SQUARE, np.array([3, 3, 3]))), (ops.ctc_decode, (SQUARE[None], np.array([3, 3]))),
], ids=lambda item: getattr(item, "__name__", ""))
def test_what_has_no_result_is_refused_in_words(function, arguments):
    with pytest.raises(ArgumentError, match="Received: "):
        function(*arguments)


def test_what_is_left_may_be_empty():
    assert ops.max(NONE, axis=1).shape == (0,) and ops.argmax(NONE, axis=1).shape == (0,)
    assert ops.bincount(np.zeros(0, np.int32), minlength=2).tolist() == [0, 0]
