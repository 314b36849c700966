"""Convolution's references by definition, its gradients by finite differences, and Keras' functions by shape."""

import numpy as np
import pytest

from striate.errors import ArgumentError, ShapeError
from striate.ops import linear
from striate.ops.spec import OPS, TensorType

PLAIN = dict(strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1, activation=None, pool=None)
GEOMETRIES = [
    dict(),
    dict(strides=(2, 1), padding=((1, 0), (2, 1))),
    dict(dilation=(1, 2), padding=((0, 3), (1, 1))),
    dict(groups=2, strides=(2, 2), padding=((1, 1), (1, 1))),
    dict(pool=(2, 2, 2, 2), padding=((1, 1), (1, 1))),
    dict(pool=(2, 3, 2, 3), activation="relu"),
    dict(pool=(3, 2, 1, 1), activation="relu", groups=2),
]


def by_definition(x, w, b, strides, padding, dilation, groups, activation, pool):
    """Convolution with one loop for each index; the pooled winner is the first maximum in row-major order."""
    x = np.pad(x, ((0, 0), *padding, (0, 0)))
    kh, kw, icg, oc = w.shape
    oh = (x.shape[1] - (kh - 1) * dilation[0] - 1) // strides[0] + 1
    ow = (x.shape[2] - (kw - 1) * dilation[1] - 1) // strides[1] + 1
    y = np.zeros((len(x), oh, ow, oc))
    for n, i, j, o in np.ndindex(*y.shape):
        group = o // (oc // groups)
        for a, c, k in np.ndindex(kh, kw, icg):
            y[n, i, j, o] += w[a, c, k, o] * x[n, i * strides[0] + a * dilation[0], j * strides[1] + c * dilation[1],
                                               group * icg + k]
    y += b
    winner = None
    if pool is not None:
        ph, pw, sh, sw = pool
        best = np.zeros((len(x), (oh - ph) // sh + 1, (ow - pw) // sw + 1, oc))
        winner = np.zeros(best.shape, np.uint8)
        for n, i, j, o in np.ndindex(*best.shape):
            window = y[n, i * sh:i * sh + ph, j * sw:j * sw + pw, o].ravel()
            best[n, i, j, o], winner[n, i, j, o] = window.max(), list(window).index(window.max())
        y = best
    if activation == "relu":
        y = np.maximum(y, 0)
        if winner is not None:
            winner[y == 0] = linear.SHUT
    return [y] if winner is None else [y, winner]


def example(attributes, seed=0):
    rng = np.random.default_rng(seed)
    groups = attributes["groups"]
    return (rng.integers(-4, 5, (2, 7, 8, 4)).astype(np.float64), rng.integers(-4, 5, (3, 2, 4 // groups, 6)) * 1.0,
            rng.integers(-4, 5, 6) * 1.0)


@pytest.mark.parametrize("changes", GEOMETRIES)
def test_convolution_by_definition(changes):
    attributes = PLAIN | changes
    arrays = example(attributes)
    expected = by_definition(*arrays, **attributes)
    actual = OPS["conv2d"].reference(*arrays, **attributes)
    types = OPS["conv2d"].shape([TensorType(a.shape) for a in arrays], **attributes)
    assert len(actual) == len(expected) == len(types)
    for one, other, type in zip(actual, expected, types, strict=True):
        assert np.array_equal(one, other) and one.shape == type.shape
    assert [a.dtype for a in OPS["conv2d"].reference(*[a.astype(np.float32) for a in arrays], **attributes)] == [
        type.dtype for type in types]


def gradients(arrays, attributes, g):
    """(dx, dw, db) of sum(g * conv2d(arrays)) through the two gradient ops."""
    x, w, _ = arrays
    y, *winner = OPS["conv2d"].reference(*arrays, **attributes)
    if not winner and attributes["activation"] == "relu":
        g = g * (y > 0)
    dw, db = OPS["conv2d_weights_grad"].reference(x, g, *winner, kernel_shape=w.shape, bias=True, **attributes)
    dx, = OPS["conv2d_input_grad"].reference(w, g, *winner, input_shape=x.shape[1:3], masked=False, **attributes)
    return dx, dw, db


@pytest.mark.parametrize("changes", GEOMETRIES)
def test_gradients_are_finite_differences(changes):
    attributes = PLAIN | changes
    rng = np.random.default_rng(1)
    arrays = [rng.standard_normal(a.shape) for a in example(attributes)]
    g = rng.standard_normal(OPS["conv2d"].reference(*arrays, **attributes)[0].shape)
    for which, gradient in enumerate(gradients(arrays, attributes, g)):
        for place in rng.integers(0, gradient.size, 12):
            sums = []
            for step in (1e-5, -1e-5):
                moved = [a.copy() for a in arrays]
                moved[which].flat[place] += step
                sums.append((g * OPS["conv2d"].reference(*moved, **attributes)[0]).sum())
            assert gradient.flat[place] == pytest.approx((sums[0] - sums[1]) / 2e-5, rel=1e-6, abs=1e-6)


def test_masked_input_gradient():
    rng = np.random.default_rng(2)
    w, g, mask = rng.standard_normal((3, 3, 2, 4)), rng.standard_normal((1, 4, 5, 4)), rng.standard_normal((1, 6, 7, 2))
    arguments = PLAIN | dict(input_shape=(6, 7))
    plain, = OPS["conv2d_input_grad"].reference(w, g, masked=False, **arguments)
    masked, = OPS["conv2d_input_grad"].reference(w, g, mask, masked=True, **arguments)
    assert np.array_equal(masked, plain * (mask > 0)) and np.any(masked != plain)


def test_unknown_batch_passes_through():
    x, w, b = TensorType((None, 8, 8, 3)), TensorType((3, 3, 3, 5)), TensorType((5,))
    assert OPS["conv2d"].shape([x, w, b], **PLAIN)[0].shape == (None, 6, 6, 5)
    y, winner = OPS["conv2d"].shape([x, w], **PLAIN | dict(pool=(2, 2, 2, 2)))
    assert (y.shape, winner.shape, winner.dtype) == ((None, 3, 3, 5), (None, 3, 3, 5), "uint8")


@pytest.mark.parametrize("x, w, b, changes, message", [
    ((1, 8, 8), (3, 3, 1, 5), (5,), {}, "Received: input=\\(1, 8, 8\\)"),
    ((1, 8, 8, 4), (3, 3, 3, 5), (5,), {}, "groups=1"),
    ((1, 8, 8, 4), (3, 3, 2, 5), (5,), dict(groups=2), "multiple of its groups. Received: filters=5"),
    ((1, 2, 8, 4), (3, 3, 4, 5), (5,), {}, "smaller than its kernel"),
    ((1, 4, 4, 4), (3, 3, 4, 5), (5,), dict(pool=(3, 3, 3, 3)), "fused pooling"),
    ((1, 8, 8, 4), (3, 3, 4, 5), (4,), {}, "Received: bias=\\(4,\\)"),
])
def test_shapes_that_do_not_fit(x, w, b, changes, message):
    with pytest.raises(ShapeError, match=message):
        OPS["conv2d"].shape([TensorType(x), TensorType(w), TensorType(b)], **PLAIN | changes)


def test_unknown_activation():
    with pytest.raises(ArgumentError, match="activation='tanh'"):
        OPS["conv2d"].shape([TensorType((1, 8, 8, 1)), TensorType((3, 3, 1, 5))], **PLAIN | dict(activation="tanh"))


def test_flops_count_the_unpooled_map():
    x, w = TensorType((4, 128, 128, 1)), TensorType((5, 5, 1, 32))
    attributes = PLAIN | dict(pool=(4, 4, 4, 4))
    outputs = OPS["conv2d"].shape([x, w], **attributes)
    assert OPS["conv2d"].flops([x, w], outputs, attributes) == 4 * 124 * 124 * 32 * 25 * 2


# ---- Keras' functions -----------------------------------------------------------------------------------------

def test_conv_pads_and_strides_like_keras():
    """2x2 windows over 3x3 numbers; "same" adds its odd row and column at the end."""
    x = np.arange(9, dtype=np.float32).reshape(1, 3, 3, 1)
    ones = np.ones((2, 2, 1, 1), np.float32)
    assert linear.conv(x, ones)[0, :, :, 0].tolist() == [[8, 12], [20, 24]]
    assert linear.conv(x, ones, strides=2, padding="same")[0, :, :, 0].tolist() == [[8, 7], [13, 8]]


def test_depthwise_is_one_convolution_a_channel():
    rng = np.random.default_rng(3)
    x, w = rng.standard_normal((2, 6, 6, 3)), rng.standard_normal((3, 3, 3, 2))
    y = linear.conv2d(x, w.reshape(3, 3, 1, 6), groups=3)
    for channel in range(3):
        alone = linear.conv2d(x[..., channel:channel + 1], w[:, :, channel:channel + 1])
        np.testing.assert_allclose(y[..., 2 * channel:2 * channel + 2], alone, rtol=1e-12)


def test_wrong_words():
    x, w = np.ones((1, 5, 5, 2), np.float32), np.ones((3, 3, 2, 4), np.float32)
    with pytest.raises(ArgumentError, match="data_format='nhwc'"):
        linear.conv(x, w, data_format="nhwc")
    with pytest.raises(ArgumentError, match="`strides`"):
        linear.conv(x, w, strides=0)
    with pytest.raises(ArgumentError, match="one axis"):
        linear.conv(x, w, padding="causal")
    with pytest.raises(ShapeError, match="multiple"):
        linear.conv(x, np.ones((3, 3, 3, 4), np.float32))
    with pytest.raises(ShapeError, match="transposed"):
        linear.conv_transpose(x, np.ones((3, 3, 4, 3), np.float32))
