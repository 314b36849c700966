"""Pooling: values by definition, gradients by finite differences, Keras' words."""

import numpy as np
import pytest

from striate import ops
from striate.errors import ArgumentError, ShapeError
from striate.ops.dispatch import apply
from striate.ops.spec import OPS, TensorType
from tests.ops.gradients import check_gradient

GEOMETRIES = [
    dict(pool_size=(2, 2), strides=(2, 2), padding=((0, 0), (0, 0))),
    dict(pool_size=(3, 2), strides=(1, 2), padding=((1, 2), (0, 1))),
    dict(pool_size=(2, 3), strides=(3, 4), padding=((0, 1), (2, 0))),
]


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def by_definition(x, pool_size, strides, padding):
    """Maximum, winner and mean with one loop for each index."""
    n, h, w, c = x.shape
    (top, bottom), (left, right) = padding
    oh = (h + top + bottom - pool_size[0]) // strides[0] + 1
    ow = (w + left + right - pool_size[1]) // strides[1] + 1
    largest, mean = np.zeros((2, n, oh, ow, c))
    winner = np.zeros((n, oh, ow, c), int)
    for image, i, j, k in np.ndindex(n, oh, ow, c):
        places = [(a * pool_size[1] + b, x[image, y, z, k])
                  for a in range(pool_size[0]) for b in range(pool_size[1])
                  if 0 <= (y := i * strides[0] + a - top) < h and 0 <= (z := j * strides[1] + b - left) < w]
        best = max(value for _, value in places)
        largest[image, i, j, k] = best
        winner[image, i, j, k] = next(number for number, value in places if value == best)
        mean[image, i, j, k] = np.mean([value for _, value in places])
    return largest, winner, mean


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_pooling_by_definition(geometry):
    x = np.random.default_rng(1).integers(-2, 3, (2, 5, 6, 3)).astype(float)
    largest, winner, mean = by_definition(x, **geometry)
    actual = apply("max_pool2d", [x], **geometry)
    assert np.array_equal(actual[0], largest) and np.array_equal(actual[1], winner) and actual[1].dtype == np.int32
    assert np.allclose(apply("avg_pool2d", [x], **geometry), mean, atol=1e-12)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_pooling_gradients(geometry):
    x = draw(2, 5, 6, 2)
    check_gradient("max_pool2d", [x], **geometry)
    check_gradient("avg_pool2d", [x], **geometry)
    check_gradient("avg_pool2d_grad", [apply("avg_pool2d", [x], **geometry)], input_shape=(5, 6), **geometry)


def test_padding_never_wins_even_against_minus_infinity():
    y, winner = apply("max_pool2d", [np.full((1, 2, 2, 1), -np.inf)], pool_size=(2, 2), strides=(1, 1),
                      padding=((1, 0), (1, 0)))
    assert np.isneginf(y).all() and winner.ravel().tolist() == [3, 2, 1, 0]


def test_first_nan_wins():
    x = np.array([1, np.nan, 5, np.nan]).reshape(1, 2, 2, 1)
    y, winner = apply("max_pool2d", [x], pool_size=(2, 2), strides=(2, 2), padding=((0, 0), (0, 0)))
    assert np.isnan(y).all() and winner.item() == 1


def test_keras_words_layouts_and_lengths():
    x = draw(2, 7, 5, 3)
    assert ops.max_pool(x, 2).shape == (2, 3, 2, 3)
    assert ops.max_pool(x, (3, 2), strides=2, padding="same").shape == (2, 4, 3, 3)
    first = ops.average_pool(np.moveaxis(x, 3, 1), 2, data_format="channels_first")
    assert np.array_equal(np.moveaxis(first, 1, 3), ops.average_pool(x, 2))
    line = draw(2, 7, 3)
    assert np.array_equal(ops.max_pool(line, 2, padding="same"),
                          ops.max_pool(line[:, None], (1, 2), padding="same")[:, 0])
    assert ops.max_pool(np.moveaxis(line, 2, 1), 3, data_format="channels_first").shape == (2, 3, 2)


def test_l2_pool_is_the_length_of_each_window():
    x = draw(1, 4, 4, 2)
    expected = np.sqrt(np.square(x).reshape(1, 2, 2, 2, 2, 2).sum(axis=(2, 4)))
    assert np.allclose(ops.l2_pool(x, 2), expected)


def test_shapes_and_messages():
    attributes = dict(pool_size=(2, 2), strides=(2, 2), padding=((0, 0), (0, 0)))
    assert OPS["max_pool2d"].shape([TensorType((None, 9, None, 4))], **attributes)[0].shape == (None, 4, None, 4)
    with pytest.raises(ShapeError, match="does not fit"):
        ops.max_pool(draw(1, 2, 2, 1), 3)
    with pytest.raises(ArgumentError, match="padding='full'"):
        ops.max_pool(draw(1, 4, 4, 1), 2, padding="full")
    with pytest.raises(ArgumentError, match="window of padding alone"):
        apply("max_pool2d", [draw(1, 4, 4, 1)], **(attributes | dict(padding=((2, 0), (0, 0)))))
