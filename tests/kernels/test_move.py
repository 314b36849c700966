"""Ops that move numbers: kernels against the ops' definitions."""

import numpy as np
import pytest

from tests.kernels.harness import check, run_node

GENERATOR = np.random.default_rng(23)


def normal(*shape):
    return GENERATOR.standard_normal(shape).astype(np.float32)


def whole(*shape, dtype=np.float32, low=-4, high=5):
    return GENERATOR.integers(low, high, shape).astype(dtype)


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


@pytest.mark.parametrize("widths", [(16, 32), (48, 16), (24, 40), (16, 33)])
@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.uint8])
def test_large_results_go_past_the_caches_where_rows_are_whole_lines(dtype, widths):
    """From 4 MB on; every other number of rows and channels is copied as small results are."""
    parts = [whole(6, 90, 121, width, dtype=dtype, low=0, high=99) for width in widths]
    check("concatenate", parts, axis=3)
    x = whole(4, 130, 121, sum(widths) + 48, dtype=dtype, low=0, high=99)
    for start in (0, 1, 16):
        check("slice", [x], starts=(0, 3, 0, start), stops=(4, 130, 121, start + sum(widths)), steps=(1, 1, 1, 1))
    check("flip", [parts[0]], axis=(0, 2))
    check("pad", [parts[1]], pad_width=((0, 0), (1, 1), (0, 0), (16, 0)), mode="constant", constant_value=0)


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


def test_bits_do_not_depend_on_threads():
    rows, places = normal(100, 200), whole(100, dtype=np.int32, low=0)
    first = run_node("take_grad", [rows, places], axis=0, length=5)[0].tobytes()
    assert all(run_node("take_grad", [rows, places], threads=n, axis=0, length=5)[0].tobytes() == first for n in (2, 3))
