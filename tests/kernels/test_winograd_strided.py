"""Convolutions of 4 x 4 kernels in steps of 2 over the phases of a map agree with the plain sums."""

import numpy as np
import pytest

from striate.graph.ir import Node, Value
from striate.ops.spec import OPS, TensorType
from striate.plan.lower import PREFERRED
from striate.runtime import pool
from tests.kernels.test_winograd import attributes_of, close, normal, processor, run

SHAPES = {
    "even": (4, 32, 32, 32, 64, ((1, 1), (1, 1))), "small": (8, 16, 16, 64, 128, ((1, 1), (1, 1))),
    "no padding, a row and a column unused": (6, 17, 23, 16, 24, ((0, 0), (0, 0))),
    "other padding on every side": (9, 19, 15, 20, 40, ((1, 2), (0, 1))),
    "few channels, one output in the last tiles": (4, 44, 24, 8, 36, ((1, 1), (1, 1))),
    "padding of three": (5, 21, 30, 9, 17, ((3, 3), (2, 3)))}
"""Images, height, width, channels in and out, padding."""


def strided(padding, **more):
    return attributes_of(padding) | {"strides": (2, 2)} | more


@pytest.fixture(params=SHAPES)
def shape(request):
    return SHAPES[request.param]


@pytest.mark.parametrize("lanes", [4, 8, 16])
@pytest.mark.parametrize("activation", [None, "relu", "clamp"])
def test_forward(shape, lanes, activation):
    n, h, w, ic, oc, padding = shape
    inputs = [normal(1, n, h, w, ic), normal(2, 4, 4, ic, oc) / 10, normal(3, oc)]
    inputs += [normal(4, oc) - 1, normal(5, oc) + 1] if activation == "clamp" else []
    attributes = strided(padding, activation=activation)
    close(run("conv2d", inputs, lanes, **attributes)[0], OPS["conv2d"].reference(*inputs, **attributes)[0])


def gradient_of(shape, seed):
    n, h, w, ic, oc, padding = shape
    outputs = [(length + sum(pair) - 4) // 2 + 1 for length, pair in zip((h, w), padding, strict=True)]
    return normal(seed, n, *outputs, oc)


@pytest.mark.parametrize("lanes", [4, 8, 16])
@pytest.mark.parametrize("masked", [False, True])
def test_input_gradient(shape, lanes, masked):
    n, h, w, ic, oc, padding = shape
    inputs = [normal(6, 4, 4, ic, oc), gradient_of(shape, 7)] + ([normal(8, n, h, w, ic)] if masked else [])
    attributes = strided(padding, input_shape=(h, w), masked=masked)
    close(run("conv2d_input_grad", inputs, lanes, **attributes)[0],
          OPS["conv2d_input_grad"].reference(*inputs, **attributes)[0])


@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_weights_gradient(shape, lanes):
    n, h, w, ic, oc, padding = shape
    inputs = [normal(9, n, h, w, ic), gradient_of(shape, 10)]
    attributes = strided(padding, kernel_shape=(4, 4, ic, oc), bias=True)
    actual = run("conv2d_weights_grad", inputs, lanes, **attributes)
    for one, other in zip(actual, OPS["conv2d_weights_grad"].reference(*inputs, **attributes), strict=True):
        close(one, other)


def test_same_bits_on_any_number_of_threads():
    chosen = SHAPES["other padding on every side"]
    n, h, w, ic, oc, padding = chosen
    x, kernel, g = normal(11, n, h, w, ic), normal(12, 4, 4, ic, oc), gradient_of(chosen, 13)

    def everything():
        return [run("conv2d", [x, kernel, normal(14, oc)], **strided(padding))[0],
                run("conv2d_input_grad", [kernel, g], **strided(padding, input_shape=(h, w), masked=False))[0],
                *run("conv2d_weights_grad", [x, g], **strided(padding, kernel_shape=kernel.shape, bias=True))]
    found = []
    for threads in (1, 2, 3, 5):
        pool.set_threads(threads)
        found.append(everything())
    pool.set_threads(pool.default_threads())
    for other in found[1:]:
        assert all(np.array_equal(one, two) for one, two in zip(found[0], other, strict=True))


@pytest.mark.parametrize(("kernel", "strides", "channels", "taken"), [
    (4, (2, 2), 8, True), (4, (2, 2), 3, False), (4, (2, 1), 8, False), (4, (4, 4), 8, False), (3, (2, 2), 8, False),
    (5, (2, 2), 8, False)])
def test_which_convolutions_are_taken(kernel, strides, channels, taken):
    shapes = (8, 20, 20, channels), (kernel, kernel, channels, 32)
    values = [Value(TensorType(shape), role="input") for shape in shapes]
    attributes = attributes_of() | {"strides": strides}
    node = Node("conv2d", values, attributes, OPS["conv2d"].shape([v.type for v in values], **attributes))
    launches = PREFERRED["conv2d"](node, processor(8)) or []
    assert ("split_phases" in [launch.kernel for launch in launches]) == taken
