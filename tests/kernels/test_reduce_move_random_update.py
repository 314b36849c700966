"""Reductions, softmax, moving, random numbers and updates: kernels against the ops' definitions."""

import numpy as np
import pytest

from striate.plan.lower.reduce import passes
from tests.kernels.harness import reference, run_node, with_lanes

GENERATOR = np.random.default_rng(23)
STATE = np.array([7, 1, 99, 0], np.uint32)


def normal(*shape):
    return GENERATOR.standard_normal(shape).astype(np.float32)


def whole(*shape, dtype=np.float32, low=-4, high=5):
    return GENERATOR.integers(low, high, shape).astype(dtype)


def check(op, inputs, bound=0.0, threads=1, cpu=None, **attributes):
    """Results equal the reference's, or lie within bound * max|y|."""
    actual = run_node(op, inputs, threads=threads, cpu=cpu, **attributes)
    for y, expected in zip(actual, reference(op, inputs, **attributes), strict=True):
        assert y.dtype == expected.dtype and y.shape == expected.shape
        if bound == 0.0:
            assert np.array_equal(y, expected, equal_nan=True), (op, attributes)
        else:
            scale = np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
            assert np.allclose(y, expected, rtol=0, atol=bound * scale, equal_nan=True), (op, attributes)


REDUCED = [((7, 300), (1,)), ((7, 300), (0,)), ((100_000,), (0,)), ((3000, 33), (0,)), ((300, 133), (0,)), ((4, 5, 6), (0, 2)),
           ((4, 5, 6), (1,)), ((2, 3, 4, 5, 6), (1, 3)), ((5, 1), (1,)), ((), ()), ((1, 1), (0, 1)), ((70, 9, 2), (0, 1))]


@pytest.mark.parametrize("shape, axis", REDUCED)
@pytest.mark.parametrize("op", ["sum", "max", "min", "mean"])
def test_reductions(op, shape, axis):
    check(op, [whole(*shape)], bound=1e-7 if op == "mean" else 0.0, axis=axis, keepdims=False)
    check(op, [normal(*shape)], bound=1e-6, axis=axis, keepdims=True)


def test_products_and_whole_numbers():
    check("prod", [whole(9, 40, low=1, high=3)], axis=(1,), keepdims=False)
    for dtype in (np.int32, np.uint8, bool):
        for op in ("sum", "max", "any", "all"):
            if dtype is bool or op in ("sum", "max") and dtype is np.int32:
                check(op, [whole(6, 7, dtype=dtype, low=0)], axis=(0,), keepdims=False)
    check("mean", [whole(50, 3, dtype=bool, low=0, high=2)], axis=(0, 1), keepdims=False)


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


@pytest.mark.parametrize("shape, axis", [((33, 10), 1), ((5, 200), 1), ((3, 5, 7), 1), ((3, 5, 7), 0), ((4, 16), 1), ((6, 1), 1)])
def test_softmax(shape, axis):
    for op in ("softmax", "log_softmax"):
        check(op, [normal(*shape) * 8], bound=1e-6, axis=axis)
    check("softmax_grad", [np.abs(normal(*shape)), normal(*shape)], bound=1e-6, axis=axis)


@pytest.mark.parametrize("op, inputs, attributes", [
    ("sum", [normal(50_000)], dict(axis=(0,), keepdims=False)), ("sum", [normal(40_00, 37)], dict(axis=(0,), keepdims=False)),
    ("mean", [normal(9, 30, 41)], dict(axis=(0, 2), keepdims=False)), ("softmax", [normal(500, 10)], dict(axis=1)),
    ("dropout", [normal(9000), STATE], dict(rate=0.4, stream=5)),
    ("take_grad", [normal(100, 200), whole(100, dtype=np.int32, low=0)], dict(axis=0, length=5)),
])
def test_bits_do_not_depend_on_threads(op, inputs, attributes):
    first = run_node(op, inputs, **attributes)[0].tobytes()
    assert all(run_node(op, inputs, threads=threads, **attributes)[0].tobytes() == first for threads in (2, 3))


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.int64])
def test_moves(dtype):
    x = whole(3, 4, 5, dtype=dtype, low=0, high=99)
    check("transpose", [x], axes=(2, 0, 1))
    check("transpose", [whole(70, 130, dtype=dtype, low=0)], axes=(1, 0))
    check("transpose", [whole(3, 20, 30, 7, dtype=dtype, low=0)], axes=(0, 3, 1, 2))
    check("broadcast_to", [x[:, :1]], shape=(2, 3, 6, 5))
    check("flip", [x], axis=(0, 2))
    check("slice", [x], starts=(2, 0, 4), stops=(-1, 4, 0), steps=(-1, 2, -3))
    check("put_slice", [x], shape=(7, 4, 9), starts=(0, 0, 1), stops=(6, 4, 6), steps=(2, 1, 1))
    check("pad", [x], pad_width=((1, 0), (0, 2), (3, 1)), mode="constant", constant_value=7)
    check("concatenate", [x, x[:, :1], x[:, :0], x], axis=1)
    check("slice", [whole(20_000, dtype=dtype, low=0)], starts=(3,), stops=(19_001,), steps=(1,))


def test_rank_six_and_scalars_move():
    check("transpose", [normal(2, 3, 2, 3, 2, 3)], axes=(5, 3, 1, 0, 2, 4))
    check("broadcast_to", [normal()], shape=(3, 4))
    check("pad", [normal(2, 3)], pad_width=((0, 1), (1, 0)), mode="constant", constant_value=-0.5)


@pytest.mark.parametrize("wide", [np.int32, np.int64])
@pytest.mark.parametrize("source, target", [
    ("uint8", "float32"), ("float64", "float32"), ("float32", None), ("int64", "float32"), ("int64", "int32"),
    ("int32", "float32"), ("uint8", "int32"), ("uint8", None), ("int64", None), ("bool", None)])
def test_rows_by_index(source, target, wide):
    x = (GENERATOR.random((10, 3, 7)) * 200).astype(source)
    attributes = {} if target is None else {"dtype": target}
    check("take", [x, whole(6, dtype=wide, low=-10, high=10)], axis=0, **attributes)
    check("take", [x, whole(2, 2, dtype=wide, low=0, high=3)], axis=1, **attributes)


def test_rows_added_at_their_indices_and_one_hot():
    check("take_grad", [whole(30, 70), whole(30, dtype=np.int32, low=0)], axis=0, length=6)
    check("take_grad", [whole(3, 2, 3, 4), whole(2, 3, dtype=np.int64, low=-5)], axis=1, length=5)
    for dtype in ("float32", "int32", "bool"):
        check("one_hot", [whole(4, 3, dtype=np.int32, low=-1, high=6)], num_classes=5, axis=1, dtype=dtype)


@pytest.mark.parametrize("count", [1, 3, 31, 32, 33, 1023, 1024, 1025, 5000])
def test_random_numbers_are_the_definitions_exactly(count):
    check("dropout", [normal(count), STATE], rate=0.3, stream=12345678901)
    check("dropout_grad", [normal(count), STATE], rate=0.5, stream=0)
    check("dropout", [normal(count), STATE], rate=0.0, stream=0)
    check("random_uniform", [STATE], shape=(count,), minval=0.0, maxval=1.0, stream=4)


@pytest.mark.parametrize("lanes", [4, 8, 16])
@pytest.mark.parametrize("count", [1, 16, 4096, 9001])
def test_updates(count, lanes):
    cpu = with_lanes(lanes)
    w, m, v, g = normal(count), normal(count), np.abs(normal(count)), normal(count)
    check("adam_update", [w, m, v, np.float32([0.01, 0.1, 0.001, 1e-7, 0.02, 0.5]), g], bound=1e-6, cpu=cpu)
    scalars = np.float32([0.01, 0.9, 0.02, 0.5])
    for nesterov in (False, True):
        check("sgd_update", [w, m, scalars, g], bound=1e-6, cpu=cpu, nesterov=nesterov)
    check("sgd_update", [w, scalars, g], bound=1e-6, cpu=cpu)
