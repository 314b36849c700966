"""Convolutions in steps of 2, and of taps that lie apart, over the phases of a map agree with the plain sums."""

import numpy as np
import pytest

from striate import ops
from striate.engine import Function
from striate.graph.ir import Node, Value
from striate.ops.spec import OPS, TensorType
from striate.ops.windows import output_length
from striate.plan.lower import PREFERRED
from striate.runtime import pool
from tests.kernels.test_winograd import attributes_of, close, normal, processor, run

STEPS, APART, FAR_APART = {"strides": (2, 2)}, {"dilation": (2, 2)}, {"dilation": (3, 3)}
CASES = {
    "even": (4, (4, 32, 32, 32, 64), ((1, 1), (1, 1)), STEPS, None, False),
    "no padding, a row and a column unused": (4, (6, 17, 23, 16, 24), ((0, 0), (0, 0)), STEPS, "relu", True),
    "other padding on every side": (4, (9, 19, 15, 20, 40), ((1, 2), (0, 1)), STEPS, "clamp", False),
    "few channels, one output in the last tiles": (4, (4, 44, 24, 8, 36), ((1, 1), (1, 1)), STEPS, None, True),
    "padding of three": (4, (5, 21, 30, 9, 17), ((3, 3), (2, 3)), STEPS, "relu", False),
    "kernel of five": (5, (6, 28, 28, 16, 32), ((1, 2), (1, 2)), STEPS, "clamp", True),
    "kernel of five, odd sides": (5, (7, 27, 19, 24, 17), ((2, 2), (0, 3)), STEPS, None, False),
    "kernel of six": (6, (5, 20, 24, 12, 40), ((2, 2), (2, 2)), STEPS, "relu", True),
    "two apart": (3, (3, 24, 24, 16, 32), ((2, 2), (2, 2)), APART, "relu", False),
    "two apart, odd sides": (3, (4, 17, 23, 20, 18), ((1, 2), (0, 3)), APART, "clamp", True),
    "three apart, no padding": (3, (5, 22, 27, 17, 16), ((0, 0), (0, 0)), FAR_APART, None, True),
    "five taps two apart": (5, (4, 20, 22, 16, 16), ((4, 4), (4, 4)), APART, None, False),
}
"""Kernel, (images, height, width, channels in and out), padding, steps, activation, whether dx is masked."""


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def gradient_of(case, seed):
    """A gradient of the convolution's result."""
    side, (n, h, w, _, oc), padding, steps, _, _ = case
    stride, dilation = steps.get("strides", (1, 1))[0], steps.get("dilation", (1, 1))[0]
    sizes = [output_length(length, side, stride, dilation, pair)
             for length, pair in zip((h, w), padding, strict=True)]
    return normal(seed, n, *sizes, oc)


@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_forward(case, lanes):
    side, (n, h, w, ic, oc), padding, steps, activation, _ = case
    inputs = [normal(1, n, h, w, ic), normal(2, side, side, ic, oc) / 10, normal(3, oc)]
    inputs += [normal(4, oc) - 1, normal(5, oc) + 1] if activation == "clamp" else []
    attributes = attributes_of(padding) | steps | {"activation": activation}
    close(run("conv2d", inputs, lanes, **attributes)[0], OPS["conv2d"].reference(*inputs, **attributes)[0])


@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_input_gradient(case, lanes):
    side, (n, h, w, ic, oc), padding, steps, _, masked = case
    inputs = [normal(6, side, side, ic, oc), gradient_of(case, 7)] + ([normal(8, n, h, w, ic)] if masked else [])
    attributes = attributes_of(padding) | steps | {"input_shape": (h, w), "masked": masked}
    close(run("conv2d_input_grad", inputs, lanes, **attributes)[0],
          OPS["conv2d_input_grad"].reference(*inputs, **attributes)[0])


@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_weights_gradient(case, lanes):
    side, (n, h, w, ic, oc), padding, steps, _, _ = case
    inputs = [normal(9, n, h, w, ic), gradient_of(case, 10)]
    attributes = attributes_of(padding) | steps | {"kernel_shape": (side, side, ic, oc), "bias": True}
    actual = run("conv2d_weights_grad", inputs, lanes, **attributes)
    for one, other in zip(actual, OPS["conv2d_weights_grad"].reference(*inputs, **attributes), strict=True):
        close(one, other)


@pytest.mark.parametrize("name", ["other padding on every side", "kernel of five, odd sides", "two apart, odd sides"])
def test_same_bits_on_any_number_of_threads(name):
    chosen = CASES[name]
    side, (n, h, w, ic, oc), padding, steps, _, _ = chosen
    x, kernel, g = normal(11, n, h, w, ic), normal(12, side, side, ic, oc), gradient_of(chosen, 13)
    plain = attributes_of(padding) | steps

    def everything():
        return [run("conv2d", [x, kernel, normal(14, oc)], **plain)[0],
                run("conv2d_input_grad", [kernel, g], **plain, input_shape=(h, w), masked=False)[0],
                *run("conv2d_weights_grad", [x, g], **plain, kernel_shape=kernel.shape, bias=True)]
    found = []
    for threads in (1, 2, 3, 5):
        pool.set_threads(threads)
        found.append(everything())
    pool.set_threads(pool.default_threads())
    for other in found[1:]:
        assert all(np.array_equal(one, two) for one, two in zip(found[0], other, strict=True))


@pytest.mark.parametrize(("kernel", "changes", "channels", "taken"), [
    (4, {"strides": (2, 2)}, 8, True), (5, {"strides": (2, 2)}, 8, True), (6, {"strides": (2, 2)}, 8, True),
    (4, {"strides": (2, 2)}, 3, False), (4, {"strides": (2, 1)}, 8, False), (4, {"strides": (4, 4)}, 8, False),
    (3, {"strides": (2, 2)}, 8, False), (7, {"strides": (2, 2)}, 8, False), (3, {"dilation": (2, 2)}, 16, True),
    (3, {"dilation": (2, 1)}, 16, False), (3, {"dilation": (2, 2)}, 4, False),
    (5, {"strides": (2, 2), "dilation": (2, 2)}, 16, False)])
def test_which_convolutions_are_taken(kernel, changes, channels, taken):
    shapes = (8, 20, 20, channels), (kernel, kernel, channels, 32)
    values = [Value(TensorType(shape), role="input") for shape in shapes]
    attributes = attributes_of() | changes
    node = Node("conv2d", values, attributes, OPS["conv2d"].shape([v.type for v in values], **attributes))
    launches = PREFERRED["conv2d"](node, processor(8)) or []
    assert ("split_phases" in [launch.kernel for launch in launches]) == taken


@pytest.mark.parametrize("kernel", [4, 5])
def test_weights_that_are_an_input_of_the_program(kernel):
    """What is made of weights ahead of a run is made in every run where they change with it."""
    def convolve(x, w):
        return ops.conv(x, w, strides=2, padding="same")
    compiled, reference = Function(convolve), Function(convolve, mode="reference")
    x = normal(15, 8, 16, 16, 32)
    for seed in (16, 17):
        w = normal(seed, kernel, kernel, 32, 32)
        close(compiled(x, w), reference(x, w))
