"""Ops that move numbers: NumPy's results, gradients, unknown lengths, errors."""

import numpy as np
import pytest

from striate import ops
from striate.errors import ArgumentError, ShapeError
from striate.graph.trace import infer
from striate.ops.spec import TensorType
from tests.ops.gradients import check_gradient

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


@pytest.mark.parametrize("key", [
    0, -1, slice(1, None), (slice(None), 1), (Ellipsis, -1), (Ellipsis, None), (1, None, slice(None, None, -2)),
    (slice(0, 0), slice(None)), (0, 1, 2), (slice(-2, None), Ellipsis, slice(3, 0, -1)), None])
def test_get_item_is_numpys(key):
    assert np.array_equal(ops.get_item(X, key), X[key])


def test_get_item_with_a_tensor_picks_rows():
    assert np.array_equal(ops.get_item(X, np.array([1, 0, 1])), X[[1, 0, 1]])


def test_get_item_errors():
    with pytest.raises(ArgumentError, match="index=2"):
        ops.get_item(X, 2)
    with pytest.raises(ArgumentError, match="at most 3"):
        ops.get_item(X, (0, 0, 0, 0))
    with pytest.raises(ArgumentError, match="must be an integer"):
        ops.get_item(X, "first")


def test_gradients():
    x = np.random.default_rng(2).normal(size=(3, 4, 2))
    check_gradient("slice", [x], starts=(2, 0, 1), stops=(-1, 4, 2), steps=(-1, 2, 1))
    check_gradient("put_slice", [x], shape=(6, 4, 3), starts=(1, 0, 0), stops=(6, 4, 2), steps=(2, 1, 1))
    check_gradient("transpose", [x], axes=(2, 0, 1))
    check_gradient("broadcast_to", [x[:, :1]], shape=(2, 3, 4, 2))
    check_gradient("concatenate", [x, x[:, :1], x[:, 1:]], axis=1)
    check_gradient("pad", [x], pad_width=((1, 0), (0, 2), (1, 1)), mode="constant", constant_value=0)
    check_gradient("flip", [x], axis=(0, 2))
    check_gradient("take", [x, np.array([[0, 3], [3, -1]])], skip=(1,), axis=1)
    check_gradient("take_along_axis", [x, np.array([[[0, 1]], [[3, 3]], [[2, 0]]])], skip=(1,), axis=1)


@pytest.mark.parametrize("actual, expected", [
    (ops.transpose(X), X.T), (ops.moveaxis(X, 0, -1), np.moveaxis(X, 0, -1)),
    (ops.moveaxis(X, (0, 1), (2, 0)), np.moveaxis(X, (0, 1), (2, 0))), (ops.swapaxes(X, 0, 2), np.swapaxes(X, 0, 2)),
    (ops.stack([X, X], axis=1), np.stack([X, X], axis=1)), (ops.roll(X, 5, axis=2), np.roll(X, 5, axis=2)),
    (ops.roll(X[:0], 2), X[:0]), (ops.roll(X, -7), np.roll(X, -7)), (ops.tile(X, (2, 1)), np.tile(X, (2, 1))),
    (ops.tile(X[0, 0], 3), np.tile(X[0, 0], 3)),
    (ops.repeat(X, 2, axis=1), np.repeat(X, 2, axis=1)), (ops.repeat(X, 3), np.repeat(X, 3)),
    (ops.flip(X), np.flip(X)), (ops.pad(X, 1), np.pad(X, 1)), (ops.pad(X[0], ((1, 0), (0, 2)), "reflect"),
                                                             np.pad(X[0], ((1, 0), (0, 2)), "reflect")),
    (ops.expand_dims(X, (0, -1)), X[None, ..., None]), (ops.squeeze(X[:1]), X[0]),
    (ops.sort([[3.0, 1.0, 2.0]]), [[1, 2, 3]]), (ops.argsort([3.0, 1.0, 1.0]), [1, 2, 0]),
    (ops.tril(X[0]), np.tril(X[0])), (ops.triu(X[0], 1), np.triu(X[0], 1)),
    (ops.one_hot([1, 5], 3), [[0, 1, 0], [0, 0, 0]]), (ops.slice(X, (0, 1, 1), (2, 1, 2)), X[:, 1:2, 1:3]),
    (ops.in_top_k([1, 0], [[0.1, 0.9], [0.2, 0.8]], 1), [True, False]), (ops.arange(2, 8, 3), [2, 5]),
])
def test_numpys_result(actual, expected):
    assert np.array_equal(actual, expected)


def test_split_and_top_k():
    assert [part.shape for part in ops.split(X, 2, axis=2)] == [(2, 3, 2)] * 2
    assert [part.shape for part in ops.split(X, [1], axis=1)] == [(2, 1, 4), (2, 2, 4)]
    values, places = ops.top_k([[1.0, 9.0, 5.0]], 2)
    assert values.tolist() == [[9.0, 5.0]] and places.tolist() == [[1, 2]]


def test_take_converts_on_the_way():
    pixels = np.arange(12, dtype=np.uint8).reshape(4, 3)
    batch = ops.take(pixels, np.array([3, 0]), axis=0, dtype="float32")
    assert batch.dtype == np.float32 and batch.tolist() == [[9, 10, 11], [0, 1, 2]]


@pytest.mark.parametrize("indices", [[3], [-4], np.array([[0, 7]])])
def test_indices_outside_the_axis_are_refused(indices):
    with pytest.raises(ArgumentError, match="between -3 and 2 along an axis of 3. Received: axis=0, smallest="):
        ops.take(np.arange(3), indices)
    assert ops.take(np.arange(3), -3) == 0


def test_resized_whole_numbers_stay_whole_numbers():
    """As in Keras: rounded, and no smaller or larger than the type can hold."""
    edge = np.repeat(np.uint8([0, 255]), 4)[None, :, None]
    resized = ops.image.resize(edge, (1, 16), "bicubic")
    assert resized.dtype == np.uint8 and resized[0, 4:12, 0].tolist() == [0, 0, 0, 52, 203, 255, 255, 255]


def test_unknown_lengths_pass_through():
    unknown = TensorType((None, 4, 2))
    assert infer(lambda x: ops.reshape(x, (-1, 8)), [unknown]).shape == (None, 8)
    assert infer(lambda x: ops.reshape(x, (-1, 4)), [unknown]).shape == (None, 4)
    assert infer(lambda x: x[:, 1:, None], [unknown]).shape == (None, 3, 1, 2)
    assert infer(lambda x: ops.concatenate([x, x], axis=2), [unknown]).shape == (None, 4, 4)
    assert infer(lambda x: ops.pad(x, ((0, 0), (1, 1), (0, 0))), [unknown]).shape == (None, 6, 2)
    assert infer(lambda x: ops.repeat(x, 2, axis=1), [unknown]).shape == (None, 8, 2)
    assert infer(lambda x: ops.ones_like(x), [unknown]).shape == (None, 4, 2)


def test_errors_name_what_came():
    with pytest.raises(ShapeError, match=r"newshape=\(5, -1\)"):
        ops.reshape(X, (5, -1))
    with pytest.raises(ShapeError, match="length 1"):
        ops.squeeze(X, 0)
    with pytest.raises(ShapeError, match="agree"):
        ops.concatenate([X, X[:, :2]], axis=2)
    with pytest.raises(ShapeError, match="equal parts"):
        ops.split(X, 2, axis=1)
    with pytest.raises(ArgumentError, match="pad_width"):
        ops.pad(X, ((1, 1), (1, 1)))
    with pytest.raises(ArgumentError, match=r"step=0"):
        ops.arange(0, 5, 0)


@pytest.mark.parametrize("function", [
    ops.diag, ops.vander, ops.rfft, ops.image.rgb_to_grayscale, lambda x: ops.top_k(x, 1),
    lambda x: ops.segment_sum(x, [0]), lambda x: ops.extract_sequences(x, 2, 1)])
def test_a_number_where_a_line_is_needed_is_refused_in_words(function):
    with pytest.raises(ShapeError, match=r"has an axis -?[01] is needed.*shape=\(\)"):
        function(np.float32(3.0))


@pytest.mark.parametrize("k", [-2, -1, 0, 1, 3])
def test_diag_is_numpys(k):
    assert np.array_equal(ops.diag(X[0, 0], k), np.diag(X[0, 0], k))
    assert np.array_equal(ops.diag(X[0], k), np.diag(X[0], k))
