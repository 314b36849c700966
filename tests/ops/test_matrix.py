"""Matrix products: values by NumPy, gradients by finite differences, messages."""

import numpy as np
import pytest

from striate import ops
from striate.errors import ArgumentError, ShapeError
from striate.ops.spec import OPS, TensorType
from tests.ops.gradients import check_gradient


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_dense_hand_numbers():
    x = np.array([[1, 2], [-3, 1]], np.float32)
    y = ops.dense(x, np.array([[1, 0], [2, -1]], np.float32), np.array([1, 0.5], np.float32), activation="relu")
    assert y.tolist() == [[6, 0], [0, 0]]


def test_dense_over_last_axis_of_any_rank():
    x, w = draw(2, 3, 4), draw(4, 5)
    assert np.allclose(ops.dense(x, w), x @ w, atol=1e-5)
    assert np.allclose(ops.dense(x[0, 0], w), x[0, 0] @ w, atol=1e-5)


@pytest.mark.parametrize("activation", [None, "relu"])
def test_dense_gradients(activation):
    check_gradient("dense", [draw(3, 4), draw(4, 5), draw(5)], activation=activation)
    check_gradient("dense", [draw(3, 4), draw(4, 2)], activation=activation)


def test_gradients_of_dense_gradients():
    check_gradient("dense_weights_grad", [draw(3, 4), draw(3, 2, seed=1)], bias=True)
    check_gradient("dense_weights_grad", [draw(3, 4), draw(3, 2, seed=1)], bias=False)
    check_gradient("dense_input_grad", [draw(4, 2), draw(3, 2, seed=1)], masked=False)
    check_gradient("dense_input_grad", [draw(4, 2), draw(3, 2, seed=1), draw(3, 4)], skip=(2,), masked=True)


@pytest.mark.parametrize("a, b, transposed", [
    ((3, 4), (4, 2), (False, False)), ((4, 3), (2, 4), (True, True)), ((2, 1, 3, 4), (5, 4, 2), (False, False)),
    ((4,), (4,), (False, False)), ((4,), (3, 4, 2), (False, False)), ((2, 3, 4), (4,), (False, False)),
    ((3, 4), (2, 4), (False, True)), ((2, 4, 3), (4, 2), (True, False)),
])
def test_matmul_gradients(a, b, transposed):
    check_gradient("matmul", [draw(*a), draw(*b, seed=1)], transpose_a=transposed[0], transpose_b=transposed[1])


def test_matmul_shapes_with_unknown_batch():
    shape = OPS["matmul"].shape
    assert shape([TensorType((None, 3, 4)), TensorType((4, 2))])[0].shape == (None, 3, 2)
    assert shape([TensorType((None, 4)), TensorType((4,))])[0].shape == (None,)
    assert OPS["dense"].shape([TensorType((None, 4)), TensorType((4, 2))], activation=None)[0].shape == (None, 2)


@pytest.mark.parametrize("a, b", [((3,), (3,)), ((2, 3), (3,)), ((2, 3), (4, 3, 5)), ((3,), (4, 3, 5)), ((), (2, 3))])
def test_dot(a, b):
    x, y = draw(*a), draw(*b, seed=1)
    assert np.allclose(ops.dot(x, y), np.dot(x, y), atol=1e-5)


@pytest.mark.parametrize("axes", [1, 0, ([1, 2], [0, 1]), ([2], [1]), (-1, 1), ([2, 1], [1, 0])])
def test_tensordot(axes):
    x, y = draw(2, 3, 4), draw(4, 4, 5, seed=1)[:3 if isinstance(axes, tuple) and axes != ([2], [1]) else None]
    if axes == 1 or axes == ([2], [1]) or axes == (-1, 1):
        y = draw(4, 4, 5, seed=1)
    assert np.allclose(ops.tensordot(x, y, axes), np.tensordot(x, y, axes), atol=1e-5)


@pytest.mark.parametrize("formula, shapes", [
    ("ij,jk->ik", [(2, 3), (3, 4)]), ("ij,jk", [(2, 3), (3, 4)]), ("bij,bkj->bik", [(2, 3, 4), (2, 5, 4)]),
    ("ii->i", [(3, 3)]), ("ii", [(3, 3)]), ("iji->j", [(3, 2, 3)]), ("ij->ji", [(2, 3)]), ("ij->", [(2, 3)]),
    ("...ij,...jk->...ik", [(5, 2, 3), (3, 4)]), ("...ij,...jk->...ik", [(1, 2, 3), (5, 3, 4)]),
    ("i,j->ij", [(2,), (3,)]), ("i,i->", [(3,), (3,)]), ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 5)]),
    ("nhwc,co->nhwo", [(2, 3, 3, 4), (4, 5)]), ("abc,ad,be->cde", [(2, 3, 4), (2, 5), (3, 6)]),
    ("bhqd,bhkd->bhqk", [(2, 3, 4, 5), (2, 3, 6, 5)]), ("ij,ik->i", [(2, 3), (2, 4)]),
])
def test_einsum(formula, shapes):
    operands = [draw(*shape, seed=seed) for seed, shape in enumerate(shapes)]
    assert np.allclose(ops.einsum(formula, *operands), np.einsum(formula, *operands), atol=1e-4)


def test_messages_name_what_came():
    with pytest.raises(ShapeError, match=r"x=\(2, 3\)"):
        ops.dense(draw(2, 3), draw(4, 5))
    with pytest.raises(ArgumentError, match="activation='tanh'"):
        ops.dense(draw(2, 3), draw(3, 5), activation="tanh")
    with pytest.raises(ShapeError, match=r"b=\(4, 5\)"):
        ops.matmul(draw(2, 3), draw(4, 5))
    with pytest.raises(ShapeError, match="different lengths"):
        ops.einsum("ij,jk->ik", draw(2, 3), draw(4, 5))
    with pytest.raises(ArgumentError, match="each label|each of its labels"):
        ops.einsum("ij->iz", draw(2, 3))
    with pytest.raises(ArgumentError, match="does not name each axis"):
        ops.einsum("i->i", draw(2, 3))
