"""Pooling kernels against their references."""

import numpy as np
import pytest

from tests.kernels.harness import reference, run_node, with_lanes

CASES = [  # shape, pool_size, strides, padding
    ((2, 8, 6, 32), (2, 2), (2, 2), ((0, 0), (0, 0))),
    ((3, 7, 9, 5), (3, 3), (2, 2), ((1, 1), (1, 1))),
    ((1, 5, 5, 17), (2, 3), (1, 1), ((0, 1), (1, 1))),
    ((2, 1, 11, 1), (1, 3), (1, 4), ((0, 0), (0, 2))),
    ((2, 9, 9, 20), (5, 4), (4, 5), ((2, 2), (0, 3))),
    ((1, 12, 13, 3), (7, 7), (7, 7), ((0, 0), (0, 0))),
]


def draw(shape, seed=3):
    return np.random.default_rng(seed).integers(-3, 4, shape).astype(np.float32)


@pytest.mark.parametrize("lanes", [4, 8, 16])
@pytest.mark.parametrize("op", ["max_pool2d", "avg_pool2d"])
def test_pool_forward_and_gradient(op, lanes):
    for shape, pool_size, strides, padding in CASES:
        attributes = dict(pool_size=pool_size, strides=strides, padding=padding)
        x = draw(shape)
        outputs = run_node(op, [x], cpu=with_lanes(lanes), **attributes)
        for y, expected in zip(outputs, reference(op, [x], **attributes), strict=True):
            assert np.array_equal(y, expected), shape
        inputs = [draw(outputs[0].shape, seed=4), *outputs[1:]]
        attributes["input_shape"] = shape[1:3]
        actual, = run_node(f"{op}_grad", inputs, cpu=with_lanes(lanes), **attributes)
        expected, = reference(f"{op}_grad", inputs, **attributes)
        assert np.abs(actual - expected).max() <= (0 if op == "max_pool2d" else 1e-6 * np.abs(expected).max()), shape


def test_max_pool_nan_infinity_and_padding():
    x = np.full((1, 4, 4, 8), -np.inf, np.float32)
    x[0, 1, 1], x[0, 3, 2], x[0, 2, 3] = np.nan, np.nan, np.nan
    attributes = dict(pool_size=(3, 3), strides=(2, 2), padding=((1, 1), (1, 1)))
    actual, expected = run_node("max_pool2d", [x], **attributes), reference("max_pool2d", [x], **attributes)
    assert np.array_equal(actual[0], expected[0], equal_nan=True)
    assert np.array_equal(actual[1], expected[1])


@pytest.mark.parametrize("op", ["max_pool2d", "avg_pool2d"])
def test_pool_gradient_same_bits_for_any_threads(op):
    generator = np.random.default_rng(9)
    attributes = dict(pool_size=(3, 3), strides=(2, 2), padding=((0, 1), (0, 1)))
    x = generator.standard_normal((5, 14, 14, 13), np.float32)
    outputs = run_node(op, [x], **attributes)
    inputs = [generator.standard_normal(outputs[0].shape, np.float32), *outputs[1:]]
    one, *others = [run_node(f"{op}_grad", inputs, threads=threads, input_shape=(14, 14), **attributes)[0]
                    for threads in (1, 2, 3)]
    for other in others:
        assert np.array_equal(one.view(np.uint32), other.view(np.uint32))
