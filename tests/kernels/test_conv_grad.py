"""The kernels of a convolution's gradients against the ops' definitions."""

import numpy as np
import pytest

from striate.ops.linear import SHUT, output_size, pooled_size
from tests.kernels.harness import lowered, make_node, reference, run_node, with_lanes

PLAIN = dict(strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1, activation=None, pool=None)
SAME3 = dict(padding=((1, 1), (1, 1)))
RELU = dict(activation="relu")
CASES = {
    "3x3": ((2, 9, 11, 8), (3, 3, 8, 32), {}),
    "3x3 same": ((2, 7, 7, 32), (3, 3, 32, 40), SAME3),
    "many images": ((33, 7, 7, 16), (3, 3, 16, 24), SAME3),
    "one pixel": ((1, 3, 3, 5), (3, 3, 5, 3), {}),
    "two parts of channels": ((1, 6, 6, 24), (3, 3, 24, 100), SAME3),
    "rows of a large map": ((1, 70, 40, 3), (3, 3, 3, 20), SAME3),
    "1x1": ((3, 5, 7, 24), (1, 1, 24, 100), {}),
    "1x1, parts of the batch": ((32, 5, 7, 44), (1, 1, 44, 25), {}),
    "1x1, no parts": ((17, 5, 3, 48), (1, 1, 48, 9), {}),
    "1x1, one image": ((1, 9, 7, 40), (1, 1, 40, 65), {}),
    "1x1, few channels": ((4, 5, 7, 7), (1, 1, 7, 12), {}),
    "1x1, strides": ((2, 9, 8, 24), (1, 1, 24, 16), dict(strides=(2, 3))),
    "strides": ((2, 13, 12, 6), (3, 3, 6, 24), dict(strides=(2, 3), padding=((0, 1), (1, 1)))),
    "strides over the kernel": ((2, 11, 12, 5), (2, 1, 5, 9), dict(strides=(3, 2))),
    "dilation": ((2, 12, 13, 5), (3, 3, 5, 17), dict(dilation=(2, 3), padding=((2, 2), (3, 3)))),
    "strides, dilation": ((2, 14, 13, 4), (3, 3, 4, 8),
                          dict(strides=(2, 2), dilation=(2, 3), padding=((2, 1), (3, 3)))),
    "groups": ((2, 8, 8, 12), (3, 3, 4, 30), dict(groups=3, **SAME3)),
    "depthwise": ((2, 9, 8, 20), (3, 3, 1, 20), dict(groups=20, **SAME3)),
    "depthwise, strides": ((3, 9, 9, 37), (5, 5, 1, 37), dict(groups=37, strides=(2, 2), padding=((2, 2), (2, 2)))),
    "depthwise, strides and rest": ((2, 12, 9, 24), (3, 2, 1, 24),
                                    dict(groups=24, strides=(3, 2), padding=((1, 0), (0, 1)))),
    "depthwise, strides over the kernel": ((2, 8, 7, 9), (1, 2, 1, 9), dict(groups=9, strides=(2, 3))),
    "one channel, strides": ((2, 9, 8, 1), (3, 3, 1, 1), dict(strides=(2, 2), padding=((1, 1), (1, 0)))),
    "depthwise, multiplier": ((2, 6, 7, 5), (3, 3, 1, 15), dict(groups=5, **SAME3)),
    "pool": ((2, 10, 12, 7), (3, 3, 7, 24), dict(pool=(2, 2, 2, 2), **SAME3)),
    "pool, relu": ((8, 14, 14, 24), (3, 3, 24, 40), dict(pool=(2, 2, 2, 2), **SAME3, **RELU)),
    "pool, rest": ((8, 11, 13, 16), (3, 3, 16, 20), dict(pool=(3, 2, 3, 2), **RELU)),
    "pool, gaps": ((1, 12, 11, 9), (2, 2, 9, 16), dict(pool=(2, 1, 3, 2))),
    "pool, overlap": ((8, 9, 9, 4), (3, 3, 4, 16), dict(pool=(3, 3, 2, 2), **RELU)),
    "pool, strides": ((8, 21, 23, 3), (5, 3, 3, 12), dict(pool=(2, 2, 2, 2), strides=(2, 3), padding=((2, 0), (1, 4)))),
    "pool, dilation": ((8, 15, 14, 2), (3, 3, 2, 11), dict(pool=(2, 3, 2, 3), dilation=(2, 2), **RELU)),
    "pool, few images": ((2, 15, 14, 5), (3, 4, 5, 19), dict(pool=(2, 3, 2, 3), dilation=(1, 2), **RELU)),
    "pool, tall kernel": ((9, 21, 5, 3), (17, 2, 3, 10), dict(pool=(2, 2, 2, 2), padding=((4, 3), (1, 0)))),
    "pool, one row": ((8, 1, 40, 12), (1, 5, 12, 24), dict(pool=(1, 2, 1, 2), padding=((0, 0), (2, 2)), **RELU)),
    "pool, groups": ((2, 9, 8, 18), (3, 3, 6, 33), dict(pool=(2, 2, 2, 2), groups=3, **SAME3, **RELU)),
    "pool, depthwise": ((2, 9, 8, 20), (3, 3, 1, 20), dict(pool=(2, 2, 2, 2), groups=20, **SAME3)),
    "yale": ((2, 40, 36, 1), (5, 5, 1, 32), dict(pool=(4, 4, 4, 4), **RELU)),
    "uva": ((2, 28, 28, 1), (7, 7, 1, 64), dict(pool=(2, 2, 2, 2), padding=((3, 3), (3, 3)), **RELU)),
    "tue": ((9, 32, 32, 1), (3, 3, 1, 16), dict(pool=(2, 2, 2, 2), **SAME3, **RELU)),
    "nova": ((2, 28, 28, 1), (3, 3, 1, 32), SAME3),
    "pool, two tables of 8": ((9, 20, 13, 1), (3, 3, 1, 19), dict(pool=(3, 2, 3, 2), **SAME3, **RELU)),
    "wide, pool": ((8, 12, 30, 16), (2, 11, 16, 24), dict(pool=(2, 2, 2, 2), **RELU)),
    "colours": ((2, 17, 15, 3), (3, 3, 3, 24), dict(pool=(2, 2, 2, 2), **SAME3, **RELU)),
}
POOLED = [name for name, case in CASES.items() if "pool" in case[2]]


def arrays(x, kernel, attributes, draw, rng):
    """x, w, the gradients (g, or g and winner) and a mask, drawn by `draw(shape)`."""
    size = output_size(x[1:3], kernel, attributes["strides"], attributes["padding"], attributes["dilation"])
    pool = attributes["pool"]
    if pool is None:
        gradients = [draw((x[0], *size, kernel[3]))]
    else:
        shape = x[0], *pooled_size(size, pool), kernel[3]
        winner = rng.integers(0, pool[0] * pool[1], shape).astype(np.uint8)
        winner[rng.random(shape) < 0.3] = SHUT
        gradients = [draw(shape), winner]
    return draw(x), draw(kernel), gradients, draw(x)


def nodes(x, kernel, changes, draw, rng, masked=True, bias=True):
    """The two gradients as (op, inputs, attributes)."""
    attributes = PLAIN | changes
    x, w, gradients, mask = arrays(x, kernel, attributes, draw, rng)
    return [("conv2d_input_grad", [w, *gradients, *[mask] * masked],
             attributes | dict(input_shape=x.shape[1:3], masked=masked)),
            ("conv2d_weights_grad", [x, *gradients], attributes | dict(kernel_shape=w.shape, bias=bias))]


def whole(seed=0):
    """Small whole numbers: every order of summation is exact."""
    rng = np.random.default_rng(seed)
    return lambda shape: rng.integers(-5, 6, shape).astype(np.float32), rng


def real(seed=0):
    rng = np.random.default_rng(seed)
    return lambda shape: rng.standard_normal(shape).astype(np.float32), rng


def same(actual, expected):
    assert len(actual) == len(expected)
    for one, other in zip(actual, expected, strict=True):
        assert one.dtype == other.dtype and np.array_equal(one, other)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_whole_numbers_are_exact(name, lanes):
    for op, inputs, attributes in nodes(*CASES[name], *whole()):
        same(run_node(op, inputs, cpu=with_lanes(lanes), **attributes), reference(op, inputs, **attributes))


@pytest.mark.parametrize("name", ["3x3 same", "pool, relu", "depthwise", "yale", "strides", "1x1",
                                  "1x1, parts of the batch"])
def test_without_mask_and_bias(name):
    for op, inputs, attributes in nodes(*CASES[name], *whole(), masked=False, bias=False):
        same(run_node(op, inputs, **attributes), reference(op, inputs, **attributes))


@pytest.mark.parametrize("name", CASES)
def test_real_numbers_are_close(name):
    """Float32 sums differ from float64 ones by a few units in the last place of the largest."""
    for op, inputs, attributes in nodes(*CASES[name], *real()):
        for one, other in zip(run_node(op, inputs, **attributes), reference(op, inputs, **attributes), strict=True):
            assert np.abs(one - other).max() <= 3e-6 * np.abs(other).max()


@pytest.mark.parametrize("name", ["3x3 same", "many images", "pool, relu", "uva", "depthwise", "groups", "strides",
                                  "1x1, parts of the batch"])
def test_threads_do_not_change_a_bit(name):
    for op, inputs, attributes in nodes(*CASES[name], *real()):
        once = run_node(op, inputs, **attributes)
        for threads in (2, 3):
            same(run_node(op, inputs, threads=threads, **attributes), once)


@pytest.mark.parametrize("name", POOLED)
def test_a_pooled_gradient_equals_that_of_the_whole_map(name):
    """g scattered to the winners by hand, then the gradient without pooling."""
    x, kernel, changes = CASES[name]
    for op, inputs, attributes in nodes(x, kernel, changes, *whole()):
        ph, pw, sh, sw = attributes["pool"]
        first, (g, winner), last = inputs[0], inputs[1:3], inputs[3:]
        size = output_size(x[1:3], kernel, attributes["strides"], attributes["padding"], attributes["dilation"])
        raw = np.zeros((x[0], *size, kernel[3]), np.float32)
        for n, i, j, o in np.ndindex(g.shape):
            if winner[n, i, j, o] != SHUT:
                raw[n, i * sh + winner[n, i, j, o] // pw, j * sw + winner[n, i, j, o] % pw, o] += g[n, i, j, o]
        unpooled = attributes | dict(pool=None, activation=None)
        same(run_node(op, inputs, **attributes), run_node(op, [first, raw, *last], **unpooled))


@pytest.mark.parametrize("name", ["3x3 same", "pool, relu", "yale", "depthwise", "strides", "1x1, parts of the batch"])
def test_a_nan_in_the_gradient_is_not_lost(name):
    for op, inputs, attributes in nodes(*CASES[name], *whole()):
        inputs[1][0, 0, 0, 0] = np.nan
        if attributes["pool"] is not None:
            inputs[2][0, 0, 0, 0] = 1
        if op == "conv2d_input_grad":
            inputs[-1][:] = 1.0
        assert any(np.isnan(result).any() for result in run_node(op, inputs, **attributes))


def test_only_packing_depends_on_weights_alone():
    op, inputs, attributes = nodes(*CASES["3x3 same"], *whole())[0]
    pack, run = lowered(make_node(op, inputs, **attributes))
    assert pack.prepares and not run.prepares and run.flops == 2 * 2 * 7 * 7 * 9 * 32 * 40


def test_winners_alone_are_counted_as_work():
    op, inputs, attributes = nodes(*CASES["uva"], *whole())[1]
    run = lowered(make_node(op, inputs, **attributes))[0]
    assert run.flops == 2 * 2 * 14 * 14 * 49 * 64 and "winner" in run.reason
    op, inputs, attributes = nodes(*CASES["pool, relu"], *whole())[0]
    run = lowered(make_node(op, inputs, **attributes))[1]
    assert run.flops == 2 * 8 * 7 * 7 * 9 * 24 * 40 and "winner" in run.reason


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_random_shapes(seed):
    rng = np.random.default_rng(seed)
    groups = int(rng.choice([1, 1, 1, 2, 3]))
    kernel = tuple(int(n) for n in rng.integers(1, 6, 2))
    dilation, strides = (tuple(int(n) for n in rng.integers(1, 4, 2)) for _ in range(2))
    padding = tuple((int(a), int(b)) for a, b in rng.integers(0, 4, (2, 2)))
    size = [(k - 1) * d + 1 + int(rng.integers(3 * s, 20)) for k, d, s in zip(kernel, dilation, strides, strict=True)]
    channels, filters = int(rng.integers(1, 40)), int(rng.integers(1, 60))
    pool = None if rng.random() < 0.4 else tuple(int(n) for n in rng.integers(1, 4, 4))
    changes = dict(strides=strides, padding=padding, dilation=dilation, groups=groups, pool=pool,
                   activation="relu" if pool and rng.random() < 0.5 else None)
    x = int(rng.choice([1, 2, 3, 9, 17])), *size, channels * groups
    lanes = int(rng.choice([4, 8, 16]))
    for op, inputs, attributes in nodes(x, (*kernel, channels, filters * groups), changes, *whole(seed)):
        same(run_node(op, inputs, cpu=with_lanes(lanes), **attributes), reference(op, inputs, **attributes))
