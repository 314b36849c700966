"""Forward convolution's kernels against the op's definition."""

import numpy as np
import pytest

from tests.kernels.harness import reference, run_node, with_lanes

PLAIN = dict(strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1, activation=None, pool=None)
SAME3 = dict(padding=((1, 1), (1, 1)))
CASES = {
    "3x3": ((2, 9, 11, 8), (3, 3, 8, 32), {}),
    "3x3 same": ((2, 7, 7, 32), (3, 3, 32, 40), SAME3),
    "batch 1": ((1, 14, 14, 16), (3, 3, 16, 64), SAME3),
    "1x1": ((3, 5, 7, 24), (1, 1, 24, 100), {}),
    "1x1 strided": ((2, 9, 8, 24), (1, 1, 24, 16), dict(strides=(2, 2))),
    "one pixel": ((1, 3, 3, 5), (3, 3, 5, 3), {}),
    "odd channels": ((2, 8, 6, 3), (5, 3, 3, 13), dict(padding=((2, 2), (1, 1)))),
    "strides": ((2, 13, 12, 6), (3, 3, 6, 24), dict(strides=(2, 3), padding=((0, 1), (1, 1)))),
    "dilation": ((2, 12, 13, 5), (3, 3, 5, 17), dict(dilation=(2, 3), padding=((2, 2), (3, 3)))),
    "dilated columns": ((1, 6, 13, 4), (2, 3, 4, 8), dict(dilation=(1, 2))),
    "groups": ((2, 8, 8, 12), (3, 3, 4, 30), dict(groups=3, **SAME3)),
    "depthwise": ((2, 9, 8, 20), (3, 3, 1, 20), dict(groups=20, **SAME3)),
    "depthwise, strides": ((1, 9, 9, 37), (5, 5, 1, 37), dict(groups=37, strides=(2, 2), padding=((2, 2), (2, 2)))),
    "depthwise, multiplier": ((2, 6, 7, 5), (3, 3, 1, 15), dict(groups=5, **SAME3)),
    "pool": ((2, 10, 12, 7), (3, 3, 7, 24), dict(pool=(2, 2, 2, 2), **SAME3)),
    "pool, rest": ((2, 11, 13, 16), (3, 3, 16, 20), dict(pool=(3, 2, 3, 2))),
    "pool, gaps": ((1, 12, 11, 9), (2, 2, 9, 16), dict(pool=(2, 1, 3, 2))),
    "pool, overlap": ((2, 9, 9, 4), (3, 3, 4, 16), dict(pool=(3, 3, 2, 2))),
    "yale": ((2, 40, 36, 1), (5, 5, 1, 32), dict(pool=(4, 4, 4, 4))),
    "uva": ((2, 28, 28, 1), (7, 7, 1, 64), dict(pool=(2, 2, 2, 2), padding=((3, 3), (3, 3)))),
    "tue": ((2, 32, 32, 1), (3, 3, 1, 16), dict(pool=(2, 2, 2, 2), **SAME3)),
    "nova": ((2, 28, 28, 1), (3, 3, 1, 32), SAME3),
    "colours": ((2, 17, 15, 3), (3, 3, 3, 24), dict(pool=(2, 2, 2, 2), **SAME3)),
    "first layer, odd": ((2, 13, 14, 2), (4, 3, 2, 11), dict(pool=(3, 3, 3, 3), strides=(1, 1))),
    "first layer, strided": ((2, 27, 29, 3), (7, 7, 3, 20), dict(strides=(2, 2), padding=((3, 3), (3, 3)),
                                                               pool=(2, 2, 2, 2))),
}


def whole_numbers(name, bias=True, seed=0):
    """Inputs of small whole numbers: every order of summation is exact."""
    x, w, changes = CASES[name]
    rng = np.random.default_rng(seed)
    shapes = [x, w, w[3:]][:2 + bias]
    return [rng.integers(-6, 7, shape).astype(np.float32) for shape in shapes], PLAIN | changes


def same(actual, expected):
    assert len(actual) == len(expected)
    for one, other in zip(actual, expected, strict=True):
        assert one.dtype == other.dtype and np.array_equal(one, other)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_whole_numbers_are_exact(name, lanes):
    inputs, attributes = whole_numbers(name)
    attributes["activation"] = "relu"
    same(run_node("conv2d", inputs, cpu=with_lanes(lanes), **attributes), reference("conv2d", inputs, **attributes))


@pytest.mark.parametrize("name", ["3x3 same", "pool, rest", "yale", "depthwise, strides", "groups"])
@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_clamped_between_limits_of_the_channels(name, lanes):
    inputs, attributes = whole_numbers(name)
    lower = np.arange(-20, len(inputs[2]) - 20, dtype=np.float32)
    lower[::3], upper = -np.inf, lower + 25
    upper[::2] = np.inf
    inputs += [lower, upper]
    attributes["activation"] = "clamp"
    expected = reference("conv2d", inputs, **attributes)
    assert not np.array_equal(expected[0], reference("conv2d", inputs[:3], **attributes | {"activation": None})[0])
    same(run_node("conv2d", inputs, cpu=with_lanes(lanes), **attributes), expected)


@pytest.mark.parametrize("name", ["pool", "pool, rest", "yale", "pool, overlap"])
def test_maxima_without_their_places(name):
    inputs, attributes = whole_numbers(name)
    only, = run_node("conv2d", inputs, winners=False, **attributes)
    same([only], run_node("conv2d", inputs, **attributes)[:1])


@pytest.mark.parametrize("name", ["3x3 same", "pool", "yale", "depthwise", "nova"])
def test_without_bias_and_activation(name):
    inputs, attributes = whole_numbers(name, bias=False)
    same(run_node("conv2d", inputs, **attributes), reference("conv2d", inputs, **attributes))


@pytest.mark.parametrize("name", ["3x3 same", "pool", "tue", "depthwise", "groups", "1x1"])
def test_threads_do_not_change_a_bit(name):
    x, w, changes = CASES[name]
    rng = np.random.default_rng(1)
    inputs = [rng.standard_normal(shape).astype(np.float32) for shape in (x, w, w[3:])]
    attributes = PLAIN | changes
    once = run_node("conv2d", inputs, threads=1, **attributes)
    for threads in (2, 3):
        same(run_node("conv2d", inputs, threads=threads, **attributes), once)


@pytest.mark.parametrize("name", CASES)
def test_real_numbers_are_close(name):
    """Float32 sums differ from float64 ones by a few units in the last place of the largest output."""
    x, w, changes = CASES[name]
    rng = np.random.default_rng(2)
    inputs = [rng.standard_normal(shape).astype(np.float32) for shape in (x, w, w[3:])]
    attributes = PLAIN | changes
    actual, expected = (f("conv2d", inputs, **attributes)[0] for f in (run_node, reference))
    assert np.abs(actual - expected).max() <= 2e-6 * np.abs(expected).max()


@pytest.mark.parametrize("name", ["pool", "yale", "tue", "uva"])
def test_fused_pooling_gives_the_bits_of_unfused(name):
    x, w, changes = CASES[name]
    rng = np.random.default_rng(3)
    inputs = [rng.standard_normal(shape).astype(np.float32) for shape in (x, w, w[3:])]
    attributes = PLAIN | changes
    raw, = run_node("conv2d", inputs, **attributes | dict(pool=None))
    ph, pw, sh, sw = attributes["pool"]
    view = np.lib.stride_tricks.sliding_window_view(raw, (ph, pw), axis=(1, 2))[:, ::sh, ::sw]
    flat = view.reshape(*view.shape[:4], ph * pw)
    same(run_node("conv2d", inputs, **attributes), [flat.max(-1), flat.argmax(-1).astype(np.uint8)])


@pytest.mark.parametrize("name", ["3x3 same", "pool", "yale", "tue", "depthwise"])
def test_a_nan_is_not_lost(name):
    inputs, attributes = whole_numbers(name)
    attributes["activation"] = "relu"
    inputs[0][0, 4, 4, 0] = np.nan
    inputs[0][-1, 5, 3, -1] = np.inf
    actual, expected = (f("conv2d", inputs, **attributes)[0] for f in (run_node, reference))
    assert np.isnan(expected).any() and np.array_equal(actual, expected, equal_nan=True)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_random_shapes(seed):
    rng = np.random.default_rng(seed)
    groups = int(rng.choice([1, 1, 1, 2, 3]))
    kernel = tuple(int(n) for n in rng.integers(1, 6, 2))
    dilation, strides = (tuple(int(n) for n in rng.integers(1, 4, 2)) for _ in range(2))
    padding = tuple((int(a), int(b)) for a, b in rng.integers(0, 4, (2, 2)))
    size = [int(rng.integers((k - 1) * d + 1 + 3 * s, 30)) if (k - 1) * d + 1 + 3 * s < 30 else 40
            for k, d, s in zip(kernel, dilation, strides, strict=True)]
    channels, filters = int(rng.integers(1, 40)), int(rng.integers(1, 60))
    pool = None if rng.random() < 0.4 else tuple(int(n) for n in rng.integers(1, 3, 4))
    attributes = dict(strides=strides, padding=padding, dilation=dilation, groups=groups, pool=pool,
                      activation="relu" if rng.random() < 0.5 else None)
    x, w = (int(rng.integers(1, 4)), *size, channels * groups), (*kernel, channels, filters * groups)
    inputs = [rng.integers(-4, 5, shape).astype(np.float32) for shape in (x, w, w[3:])]
    lanes = int(rng.choice([4, 8, 16]))
    same(run_node("conv2d", inputs, cpu=with_lanes(lanes), **attributes), reference("conv2d", inputs, **attributes))
