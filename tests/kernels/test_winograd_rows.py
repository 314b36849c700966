"""Winograd's convolution along the height agrees with the plain sum, for any shape that it accepts."""

import numpy as np
import pytest

from striate.graph.ir import Node, Value
from striate.kernels.cpu import host
from striate.kernels.winograd_rows import A_T, B_T, INPUT_STAGES, OUTPUT_STAGES, TILES, G
from striate.ops.spec import OPS, TensorType
from striate.plan.lower import winograd_rows
from tests.kernels.test_winograd import attributes_of, normal, run

BOUND = 5e-6
"""Largest error as a part of the largest result; measured 2e-7 to 2e-6, the plain sum has 3e-7."""


def close(actual, expected):
    assert np.abs(actual - expected).max() <= BOUND * np.abs(expected).max()


@pytest.mark.parametrize("tile", TILES)
def test_the_matrices_are_exact_on_a_line(tile):
    d, w = normal(0, 8).astype(float), normal(1, 9 - tile).astype(float)
    expected = [d[i:i + 9 - tile] @ w for i in range(tile)]
    np.testing.assert_allclose(A_T[tile] @ ((G[tile] @ w) * (B_T @ d)), expected, rtol=1e-10)


@pytest.mark.parametrize("tile", TILES)
def test_the_stages_are_the_matrices(tile):
    assert np.array_equal(INPUT_STAGES[1] @ INPUT_STAGES[0], B_T)
    assert np.array_equal(OUTPUT_STAGES[tile][1] @ OUTPUT_STAGES[tile][0], A_T[tile])


FORWARD = [
    ((3, 24, 29, 1, 20), (5, 5), (0, 0), (4, 4)), ((3, 27, 28, 1, 6), (5, 5), (2, 2), (2, 2)),
    ((2, 14, 14, 6, 16), (5, 5), (0, 0), None), ((2, 28, 28, 1, 40), (7, 7), (3, 3), (2, 2)),
    ((3, 19, 21, 3, 20), (7, 7), (3, 3), None), ((2, 29, 20, 3, 24), (3, 3), (1, 1), (2, 2)),
    ((2, 18, 17, 9, 10), (3, 3), (1, 1), (3, 3)), ((2, 23, 9, 20, 5), (3, 1), (0, 0), None),
    ((1, 7, 40, 2, 3), (5, 3), (2, 1), (1, 2)), ((17, 12, 12, 2, 8), (3, 5), (1, 2), (2, 2)),
    ((2, 40, 1, 20, 9), (5, 1), (2, 1), None),
]
"""(images, height, width, channels in and out), kernel, padding on both sides, pooling."""
LINES = [
    ((3, 100, 16, 32), 5, 2, None), ((2, 131, 17, 20), 5, 2, 2), ((2, 90, 20, 17), 3, 0, 3),
    ((3, 61, 24, 20), 3, 1, None), ((2, 64, 18, 9), 7, 3, 2), ((1, 13, 20, 20), 5, 0, None),
    ((1, 3000, 64, 8), 3, 1, 2),
]
"""(lines, length, channels in and out), kernel, padding on both sides, pooling."""


def compare(shape, kernel, padding, pool, activation, lanes):
    n, h, w, ic, oc = shape
    pool = None if pool is None else (*pool, *pool)
    attributes = attributes_of(tuple((side, side) for side in padding), activation, pool)
    inputs = [normal(2, n, h, w, ic), normal(3, *kernel, ic, oc) / 5, normal(4, oc)]
    inputs += [normal(5, oc) - 1, normal(6, oc) + 1] if activation == "clamp" else []
    actual = run("conv2d", inputs, lanes, **attributes)
    expected = OPS["conv2d"].reference(*inputs, **attributes)
    assert np.abs(actual[0] - expected[0]).max() <= BOUND * np.abs(inputs[1]).sum((0, 1, 2)).max()
    if pool:
        assert (actual[1] != expected[1]).mean() < 1e-3
        assert np.array_equal(run("conv2d", inputs, lanes, **attributes, winners=False)[0], actual[0])


@pytest.mark.parametrize("lanes", [4, 8, 16])
@pytest.mark.parametrize("activation", [None, "relu", "clamp"])
@pytest.mark.parametrize(("shape", "kernel", "padding", "pool"), FORWARD)
def test_forward(shape, kernel, padding, pool, activation, lanes):
    compare(shape, kernel, padding, pool, activation, lanes)


@pytest.mark.parametrize("lanes", [4, 8, 16])
@pytest.mark.parametrize("activation", ["relu", "clamp"])
@pytest.mark.parametrize(("shape", "kernel", "padding", "pool"), LINES)
def test_lines(shape, kernel, padding, pool, activation, lanes):
    n, length, ic, oc = shape
    compare((n, 1, length, ic, oc), (1, kernel), (0, padding), pool and (1, pool), activation, lanes)


@pytest.mark.parametrize("lanes", [4, 8, 16])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("shape", "kernel", "padding"), [
    ((3, 1, 100, 30, 32), (1, 5), ((0, 0), (2, 2))), ((2, 20, 24, 12, 40), (5, 5), ((2, 2), (2, 2))),
    ((2, 20, 24, 12, 40), (3, 3), ((0, 0), (0, 0))), ((2, 20, 24, 13, 4), (7, 3), ((3, 2), (0, 2)))])
def test_input_gradient(shape, kernel, padding, masked, lanes):
    n, h, w, ic, oc = shape
    size = [side + sum(pair) - taps + 1 for side, pair, taps in zip((h, w), padding, kernel, strict=True)]
    weights, g, mask = normal(2, *kernel, ic, oc) / 5, normal(5, n, *size, oc), normal(7, n, h, w, ic)
    inputs = [weights, g] + ([mask] if masked else [])
    attributes = attributes_of(padding) | {"input_shape": (h, w), "masked": masked}
    close(run("conv2d_input_grad", inputs, lanes, **attributes)[0],
          OPS["conv2d_input_grad"].reference(*inputs, **attributes)[0])


@pytest.mark.parametrize("lanes", [4, 8, 16])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("shape", "kernel", "padding"), [
    ((3, 1, 100, 30, 32), (1, 5), (0, 2)), ((17, 1, 61, 20, 21), (1, 3), (0, 0)), ((2, 1, 30, 49, 70), (1, 7), (0, 3)),
    ((9, 20, 24, 12, 40), (5, 5), (2, 2)), ((2, 18, 24, 12, 40), (3, 3), (1, 1)), ((5, 23, 24, 17, 4), (7, 3), (3, 1)),
    ((40, 6, 7, 9, 17), (3, 3), (1, 1)), ((1, 4, 60, 64, 33), (5, 1), (2, 0)),
    ((2, 40, 1, 20, 9), (5, 1), (2, 1))])
def test_weights_gradient(shape, kernel, padding, bias, lanes):
    n, h, w, ic, oc = shape
    size = [side + 2 * border - taps + 1 for side, border, taps in zip((h, w), padding, kernel, strict=True)]
    inputs = [normal(11, n, h, w, ic), normal(12, n, *size, oc)]
    attributes = attributes_of(tuple((side, side) for side in padding))
    attributes |= {"kernel_shape": (*kernel, ic, oc), "bias": bias}
    actual = run("conv2d_weights_grad", inputs, lanes, **attributes)
    expected = OPS["conv2d_weights_grad"].reference(*inputs, **attributes)
    assert len(actual) == len(expected) == 1 + bias
    for one, other in zip(actual, expected, strict=True):
        close(one, other)


def test_a_nan_reaches_only_the_outputs_of_its_tile():
    x, kernel, bias = normal(2, 2, 24, 24, 1), normal(3, 5, 5, 1, 8), normal(4, 8)
    clean = run("conv2d", [x, kernel, bias], **attributes_of(((2, 2), (2, 2)), "relu", (2, 2, 2, 2)))[0]
    x[1, 10, 11, 0] = np.nan
    spoilt = run("conv2d", [x, kernel, bias], **attributes_of(((2, 2), (2, 2)), "relu", (2, 2, 2, 2)))[0]
    assert np.isnan(spoilt[1, 5, 5]).all()
    assert np.array_equal(spoilt[0], clean[0])
    near = np.zeros(spoilt.shape[1:3], bool)
    near[4:8, 4:7] = True     # tiles of output rows 8 to 15 read row 10; columns 9 to 13 read column 11
    assert np.array_equal(spoilt[1][~near], clean[1][~near])


@pytest.mark.parametrize(("change", "why"), [
    ({"strides": (2, 2)}, "strides"), ({"dilation": (2, 2)}, "dilation"), ({"groups": 2}, "groups"),
    ({"pool": (3, 3, 2, 2)}, "windows that overlap"), ({"pool": (3, 3, 3, 3)}, "windows across two tiles")])
def test_what_it_leaves_to_the_plain_sum(change, why):
    attributes = attributes_of(((2, 2), (2, 2))) | change
    groups = attributes["groups"]
    values = [Value(TensorType(shape, "float32"), role="input") for shape in ((2, 24, 24, 4), (5, 5, 4 // groups, 8))]
    node = Node("conv2d", values, attributes, OPS["conv2d"].shape([v.type for v in values], **attributes))
    assert winograd_rows.forward(node, host()) is None, why


def test_a_line_that_is_padded_above_and_below_is_no_line():
    attributes = attributes_of(((1, 1), (2, 2)))
    values = [Value(TensorType(shape, "float32"), role="input") for shape in ((2, 1, 40, 20), (1, 5, 20, 9))]
    node = Node("conv2d", values, attributes, OPS["conv2d"].shape([v.type for v in values], **attributes))
    assert winograd_rows.forward(node, host()) is None
