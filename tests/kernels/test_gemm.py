"""Matrix product kernels against their references, on every vector width and number of threads."""

import numpy as np
import pytest

from striate.plan.lower.gemm import _tile
from tests.kernels.harness import lowered, make_node, reference, run_node, with_lanes

SHAPES = [(1, 1, 1), (1, 7, 3), (2, 33, 1), (4, 64, 1500), (5, 17, 5), (7, 257, 17), (33, 513, 2), (97, 300, 130),
          (100, 3, 33)]
"""(m, k, n)"""
KINDS = ["dense", "dense_relu", "dense_plain", "weights_grad", "weights_grad_bias", "input_grad", "input_grad_masked"]


def integers(generator, *shape):
    return generator.integers(-4, 5, shape).astype(np.float32)


def node_of(kind, shape, draw):
    """The op, its inputs and attributes for one kind of product."""
    m, k, n = shape
    x, w, g = draw(m, k), draw(k, n), draw(m, n)
    return {
        "dense": ("dense", [x, w, draw(n)], dict(activation=None)),
        "dense_relu": ("dense", [x, w, draw(n)], dict(activation="relu")),
        "dense_plain": ("dense", [x, w], dict(activation=None)),
        "weights_grad": ("dense_weights_grad", [x, g], dict(bias=False)),
        "weights_grad_bias": ("dense_weights_grad", [x, g], dict(bias=True)),
        "input_grad": ("dense_input_grad", [w, g], dict(masked=False)),
        "input_grad_masked": ("dense_input_grad", [w, g, draw(m, k)], dict(masked=True)),
    }[kind]


@pytest.mark.parametrize("lanes", [4, 8, 16])
@pytest.mark.parametrize("kind", KINDS)
def test_products_integers_exact(kind, lanes):
    generator = np.random.default_rng(5)
    for shape in SHAPES:
        op, inputs, attributes = node_of(kind, shape, lambda *s: integers(generator, *s))
        actual = run_node(op, inputs, cpu=with_lanes(lanes), **attributes)
        for y, expected in zip(actual, reference(op, inputs, **attributes), strict=True):
            assert np.array_equal(y, expected), shape


@pytest.mark.parametrize("lanes", [4, 8, 16])
@pytest.mark.parametrize("kind", ["dense_relu", "weights_grad", "input_grad_masked"])
@pytest.mark.parametrize("rows, vectors", [(4, 5), (3, 7)])
def test_tiles_as_wide_as_the_result(rows, vectors, kind, lanes):
    """Results of 5 and 7 vectors have tiles of their own where there are registers for them."""
    generator, cpu, width = np.random.default_rng(9), with_lanes(lanes), vectors * lanes - 2
    assert cpu.registers < 32 or _tile(50, width, cpu) == (rows, vectors)
    shape = (50, width, 45) if kind == "input_grad_masked" else (50, 45, width)
    op, inputs, attributes = node_of(kind, shape, lambda *s: integers(generator, *s))
    for y, expected in zip(run_node(op, inputs, cpu=cpu, **attributes), reference(op, inputs, **attributes),
                           strict=True):
        assert np.array_equal(y, expected)


@pytest.mark.parametrize("lanes", [4, 8, 16])
@pytest.mark.parametrize("m, k, n", [(513, 16, 17), (2053, 5, 100), (1500, 40, 33), (4097, 24, 24), (1030, 64, 16),
                                     (1100, 128, 32), (1024, 7, 5)])
def test_long_sums_in_parts(m, k, n, lanes):
    """Sums of many samples for few weights: tiles in place, and what they leave over at both edges."""
    generator, cpu = np.random.default_rng(10), with_lanes(lanes)
    inputs = [integers(generator, m, k), integers(generator, m, n)]
    launches = lowered(make_node("dense_weights_grad", inputs, bias=False), cpu)
    assert [launch.kernel for launch in launches] == ["gemm_long", "gemm_finish"]
    actual, = run_node("dense_weights_grad", inputs, cpu=cpu, bias=False)
    assert np.array_equal(actual, reference("dense_weights_grad", inputs, bias=False)[0])


@pytest.mark.parametrize("lanes", [4, 8, 16])
@pytest.mark.parametrize("kind, m, length, n", [
    *[(kind, *shape) for kind in ("dense_relu", "dense_plain", "input_grad_masked")
      for shape in ((48, 4099, 40), (33, 7777, 20), (64, 3000, 36))], ("weights_grad", 128, 511, 100)])
def test_few_results_of_long_sums_in_parts(m, length, n, kind, lanes):
    """A dense layer of few units and a small batch: no thread waits, for parts of the sum are tasks."""
    generator, cpu = np.random.default_rng(11), with_lanes(lanes)
    shape = {"input_grad_masked": (m, n, length), "weights_grad": (length, m, n)}.get(kind, (m, length, n))
    op, inputs, attributes = node_of(kind, shape, lambda *s: integers(generator, *s))
    launches = lowered(make_node(op, inputs, **attributes), cpu)
    assert [launch.kernel for launch in launches] == ["gemm", "gemm_finish"] and launches[0].tasks > 1
    for y, expected in zip(run_node(op, inputs, cpu=cpu, **attributes), reference(op, inputs, **attributes),
                           strict=True):
        assert np.array_equal(y, expected)


def test_long_sums_round_like_short_ones():
    """Blocks are summed by themselves: the error of 40,000 steps stays near that of 256. The numbers are alike, so that
    all roundings go one way: in one sum they would come to 2e-5."""
    x, g = np.full((40_000, 16), 0.7, np.float32), np.full((40_000, 32), 1.1, np.float32)
    actual, = run_node("dense_weights_grad", [x, g], bias=False)
    exact = x.astype(np.float64).T @ g
    assert np.abs(actual / exact - 1).max() < 3e-6


@pytest.mark.parametrize("kind", KINDS)
def test_products_random_within_rounding(kind):
    """The error of a sum of k products stays below 1e-6 of the largest element times the root of k / 64."""
    generator = np.random.default_rng(6)
    for _ in range(6):
        m, k, n = (int(v) for v in generator.integers(1, (140, 900, 140)))
        op, inputs, attributes = node_of(kind, (m, k, n), lambda *s: generator.standard_normal(s, np.float32))
        actual = run_node(op, inputs, **attributes)
        for y, expected in zip(actual, reference(op, inputs, **attributes), strict=True):
            bound = 1e-6 * max(1, max(m, k, n) / 64) ** 0.5 * np.abs(expected).max()
            assert np.abs(y - expected).max() <= bound, (m, k, n)


@pytest.mark.parametrize("kind", ["dense_relu", "weights_grad_bias", "input_grad_masked"])
def test_products_same_bits_for_any_threads(kind):
    generator = np.random.default_rng(7)
    for shape in [(128, 700, 65), (1, 5000, 40), (128, 5000, 2), (3, 40, 3000), (3001, 40, 20)]:
        op, inputs, attributes = node_of(kind, shape, lambda *s: generator.standard_normal(s, np.float32))
        one, *others = [run_node(op, inputs, threads=threads, **attributes) for threads in (1, 2, 3)]
        for other in others:
            for y, z in zip(one, other, strict=True):
                assert np.array_equal(y.view(np.uint32), z.view(np.uint32)), shape


@pytest.mark.parametrize("lanes", [4, 8, 16])
@pytest.mark.parametrize("a, b, transposed", [
    ((3, 5, 7), (7, 9), (False, False)), ((3, 5, 7), (3, 7, 9), (False, False)), ((7,), (7,), (False, False)),
    ((2, 1, 5, 7), (3, 9, 7), (False, True)), ((4, 7, 5), (4, 7, 33), (True, False)),
    ((4, 7, 5), (1, 9, 7), (True, True)), ((7,), (4, 7, 9), (False, False)), ((40, 30), (30,), (False, False)),
    ((30, 2), (30, 50), (True, False)), ((30, 50), (2, 30), (True, True)), ((2, 30), (50, 30), (False, True)),
    ((30, 2), (50, 30), (True, True)), ((50, 30), (30, 3), (False, False)),
])
def test_matmul_broadcasts_and_transposes(a, b, transposed, lanes):
    generator = np.random.default_rng(8)
    inputs = [integers(generator, *a), integers(generator, *b)]
    attributes = dict(transpose_a=transposed[0], transpose_b=transposed[1])
    expected, = reference("matmul", inputs, **attributes)
    actual, = run_node("matmul", inputs, cpu=with_lanes(lanes), **attributes)
    assert np.array_equal(actual, expected)


def test_dense_keeps_nan_and_infinity():
    x = np.ones((6, 9), np.float32)
    x[0, 3], x[1, 4], x[2, 5] = np.nan, np.inf, -np.inf
    actual, = run_node("dense", [x, np.ones((9, 20), np.float32)], activation="relu")
    assert np.isnan(actual[0]).all() and np.isposinf(actual[1]).all() and (actual[2] == 0).all()
