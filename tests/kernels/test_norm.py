"""Batch normalisation kernels against their references."""

import numpy as np
import pytest

from tests.kernels.harness import reference, run_node, with_lanes

SHAPES = [(2, 3), (33, 1), (64, 16), (5, 7, 6, 32), (3, 20, 20, 21), (1, 50, 50, 64)]


def close(actual, expected, bound):
    return np.abs(actual - expected).max() <= bound * max(np.abs(expected).max(), 1e-30)


@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_batch_norm_and_gradient(lanes):
    generator = np.random.default_rng(1)
    for shape in SHAPES:
        x = (generator.standard_normal(shape) * 3 + 2).astype(np.float32)
        gamma, beta = generator.standard_normal((2, shape[-1]), np.float32)
        plain = run_node("batch_norm", [x, gamma, beta], cpu=with_lanes(lanes), epsilon=1e-3)
        relu = run_node("batch_norm", [x, gamma, beta], cpu=with_lanes(lanes), epsilon=1e-3, activation="relu")
        assert np.array_equal(relu[0], np.maximum(plain[0], 0)) and np.array_equal(relu[1], plain[1])
        limited = run_node("batch_norm", [x, gamma, beta], cpu=with_lanes(lanes), epsilon=1e-3, activation="relu",
                           top=0.75)
        assert np.array_equal(limited[0], np.clip(plain[0], 0, 0.75))
        actual = plain
        for y, expected in zip(actual, reference("batch_norm", [x, gamma, beta], epsilon=1e-3), strict=True):
            assert close(y, expected, 2e-6), shape
        inputs = [generator.standard_normal(shape, np.float32), x, gamma, *actual[1:]]
        for masked in (False, True):
            attributes = dict(epsilon=1e-3, masked=masked)
            actual_gradients = run_node("batch_norm_grad", inputs, cpu=with_lanes(lanes), **attributes)
            for y, expected in zip(actual_gradients, reference("batch_norm_grad", inputs, **attributes), strict=True):
                assert close(y, expected, 5e-6), shape


def test_batch_norm_of_whole_numbers_has_exact_mean():
    """Sums of small whole numbers are exact, and the number of rows is a power of two."""
    x = np.random.default_rng(2).integers(-3, 4, (4, 16, 16, 24)).astype(np.float32)
    _, mean, variance = run_node("batch_norm", [x, np.ones(24, np.float32), np.zeros(24, np.float32)], epsilon=1e-3)
    assert np.array_equal(mean, x.mean((0, 1, 2), dtype=np.float64).astype(np.float32))
    assert np.allclose(variance, x.var((0, 1, 2), dtype=np.float64), rtol=1e-6)


def test_batch_norm_does_not_cancel_far_from_zero():
    """A mean 10,000 times the deviation, and a first row that is not typical of the others."""
    x = np.random.default_rng(3).standard_normal((4096, 8)).astype(np.float32) + np.float32(1e4)
    x[0] = 0
    inputs = [x, np.ones(8, np.float32), np.zeros(8, np.float32)]
    actual, expected = run_node("batch_norm", inputs, epsilon=1e-3), reference("batch_norm", inputs, epsilon=1e-3)
    assert close(actual[1], expected[1], 1e-6) and close(actual[2], expected[2], 1e-5)
    constant = [np.full((500, 8), 1234.5, np.float32), *inputs[1:]]
    assert np.array_equal(run_node("batch_norm", constant, epsilon=1e-3)[2], np.zeros(8, np.float32))


def test_batch_norm_keeps_nan_in_its_channel():
    x = np.random.default_rng(4).standard_normal((100, 9)).astype(np.float32)
    x[50, 4] = np.nan
    y, mean, variance = run_node("batch_norm", [x, np.ones(9, np.float32), np.zeros(9, np.float32)], epsilon=1e-3)
    bad = np.isnan(mean)
    assert bad.tolist() == [i == 4 for i in range(9)]
    assert np.isnan(variance[4]) and np.isnan(y[:, 4]).all() and np.isfinite(np.delete(y, 4, axis=1)).all()


def test_batch_norm_same_bits_for_any_threads():
    generator = np.random.default_rng(5)
    x, g = generator.standard_normal((2, 6, 14, 14, 19), np.float32)
    gamma, beta = generator.standard_normal((2, 19), np.float32)
    forward = [run_node("batch_norm", [x, gamma, beta], threads=n, epsilon=1e-3) for n in (1, 2, 3)]
    inputs = [g, x, gamma, *forward[0][1:]]
    backward = [run_node("batch_norm_grad", inputs, threads=n, epsilon=1e-3, masked=True) for n in (1, 2, 3)]
    for one, *others in (forward, backward):
        for other in others:
            for y, z in zip(one, other, strict=True):
                assert np.array_equal(y.view(np.uint32), z.view(np.uint32))


POOLED = [((3, 8, 6, 32), (2, 2)), ((2, 7, 9, 21), (2, 3)), ((1, 13, 11, 5), (3, 3)), ((2, 6, 5, 40), (1, 2))]


@pytest.mark.parametrize(("shape", "pool", "lanes"),
                         [(*POOLED[0], 4), *((*row, 8) for row in POOLED), (*POOLED[1], 16)])
def test_pooled_batch_norm_and_gradient(shape, pool, lanes):
    generator = np.random.default_rng(5)
    x = (generator.standard_normal(shape) * 3 + 2).astype(np.float32)
    gamma, beta = generator.standard_normal((2, shape[-1]), np.float32)
    cpu = with_lanes(lanes)
    plain = run_node("batch_norm", [x, gamma, beta], cpu=cpu, epsilon=1e-3)
    expected = run_node("max_pool2d", [plain[0]], pool_size=pool, strides=pool, padding=((0, 0), (0, 0)))
    y, mean, variance, winner = run_node("batch_norm", [x, gamma, beta], cpu=cpu, epsilon=1e-3, pool=pool)
    assert np.array_equal(y, expected[0]) and np.array_equal(winner, expected[1]) and winner.dtype == np.uint8
    assert np.array_equal(mean, plain[1]) and np.array_equal(variance, plain[2])
    relu = run_node("batch_norm", [x, gamma, beta], cpu=cpu, epsilon=1e-3, pool=pool, activation="relu")
    assert np.array_equal(relu[0], np.maximum(y, 0)) and np.array_equal(relu[3], winner)
    limited = run_node("batch_norm", [x, gamma, beta], cpu=cpu, epsilon=1e-3, pool=pool, activation="relu", top=0.5)
    assert np.array_equal(limited[0], np.clip(y, 0, 0.5)) and np.array_equal(limited[3], winner)
    inputs = [generator.standard_normal(y.shape, np.float32), x, gamma, mean, variance, winner]
    for masked in (False, True):
        attributes = dict(epsilon=1e-3, masked=masked, pool=pool)
        found = run_node("batch_norm_grad", inputs, cpu=cpu, **attributes)
        for one, wanted in zip(found, reference("batch_norm_grad", inputs, **attributes), strict=True):
            assert close(one, wanted, 5e-6)
        for threads in (2, 3):
            again = run_node("batch_norm_grad", inputs, cpu=cpu, threads=threads, **attributes)
            assert all(np.array_equal(one, other) for one, other in zip(found, again, strict=True))
