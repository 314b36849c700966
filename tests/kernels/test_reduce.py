"""Reductions and softmax: kernels against the ops' definitions, and the same bits on any number of threads."""

import numpy as np
import pytest

from striate.plan.lower.reduce import passes
from tests.kernels.harness import check, run_node

GENERATOR = np.random.default_rng(23)
REDUCED = [((7, 300), (1,)), ((7, 300), (0,)), ((100_000,), (0,)), ((3000, 33), (0,)), ((300, 133), (0,)),
           ((4, 5, 6), (0, 2)), ((4, 5, 6), (1,)), ((2, 3, 4, 5, 6), (1, 3)), ((5, 1), (1,)),
           ((), ()), ((1, 1), (0, 1)), ((70, 9, 2), (0, 1))]


def normal(*shape):
    return GENERATOR.standard_normal(shape).astype(np.float32)


def whole(*shape, dtype=np.float32, low=-4, high=5):
    return GENERATOR.integers(low, high, shape).astype(dtype)


@pytest.mark.parametrize("shape, axis", REDUCED)
@pytest.mark.parametrize("op", ["sum", "max", "min", "mean"])
def test_reductions(op, shape, axis):
    check(op, [whole(*shape)], bound=1e-7 if op == "mean" else 0.0, axis=axis, keepdims=False)
    check(op, [np.abs(normal(*shape))], bound=1e-6, axis=axis, keepdims=True)


def test_products_and_whole_numbers():
    check("prod", [whole(9, 40, low=1, high=3)], axis=(1,), keepdims=False)
    for dtype in (np.int32, np.uint8, bool):
        for op in ("sum", "max"):
            if dtype is not np.uint8:
                check(op, [whole(6, 7, dtype=dtype, low=0)], axis=(0,), keepdims=False)
    check("mean", [whole(50, 3, dtype=bool, low=0, high=2)], axis=(0, 1), keepdims=False)


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, bool])
@pytest.mark.parametrize("op", ["any", "all"])
def test_truth_of_whole_numbers(op, dtype):
    """Numbers other than 0 and 1: negative ones, multiples of 256; the result is one bit, not the number."""
    rows = [[0, 0, 0], [0, -1, 0], [-1, 3, 0], [2, 256, 4], [256, 0, 512], [7, 7, 7], [-(2**31), -5, 2], [255, 128, 1]]
    x = np.array(rows, np.int64).astype(dtype)
    for inputs, axis in ((x, 1), (x.T.copy(), 0), (x[:, :1], 1), (x[:1], 0)):
        found, = run_node(op, [inputs], axis=(axis,), keepdims=False)
        expected = getattr(np, op)(inputs, axis=axis)
        assert found.dtype == bool and found.view(np.uint8).tolist() == expected.view(np.uint8).tolist()


def test_nan_and_infinity_stay():
    x = normal(5, 40)
    x[1, 3], x[2, 39], x[3, 0] = np.nan, np.inf, -np.inf
    for op in ("sum", "max", "min", "mean"):
        check(op, [x], bound=1e-6, axis=(1,), keepdims=False)
        check(op, [x], bound=1e-6, axis=(0,), keepdims=False)
    check("argmax", [x], axis=1, keepdims=False)
    check("argmin", [x], axis=0, keepdims=True)
    check("argmax", [whole(30, 20)], axis=1, keepdims=False)
    x[4] = -np.inf
    check("softmax", [x], bound=1e-6, axis=1)


def test_passes():
    assert passes((8, 7, 7, 32), (0, 1, 2)) == [(1, 392, 32)]
    assert passes((4, 5, 6), (0, 2)) == [(20, 6, 1), (1, 4, 5)]
    assert passes((4, 1, 6), (0, 2)) == [(1, 24, 1)]


@pytest.mark.parametrize("shape, axis", [
    ((33, 10), 1), ((5, 200), 1), ((3, 5, 7), 1), ((3, 5, 7), 0), ((4, 16), 1), ((6, 1), 1)])
def test_softmax(shape, axis):
    for op in ("softmax", "log_softmax"):
        check(op, [normal(*shape) * 8], bound=1e-6, axis=axis)
    check("softmax_grad", [np.abs(normal(*shape)), normal(*shape)], bound=1e-6, axis=axis)


@pytest.mark.parametrize("op, inputs, attributes", [
    ("sum", [normal(50_000)], dict(axis=(0,), keepdims=False)),
    ("sum", [normal(4000, 37)], dict(axis=(0,), keepdims=False)),
    ("mean", [normal(9, 30, 41)], dict(axis=(0, 2), keepdims=False)), ("softmax", [normal(500, 10)], dict(axis=1)),
])
def test_bits_do_not_depend_on_threads(op, inputs, attributes):
    first = run_node(op, inputs, **attributes)[0].tobytes()
    assert all(run_node(op, inputs, threads=threads, **attributes)[0].tobytes() == first for threads in (2, 3))
