"""Types of results for integers, bytes and truth values, as Keras 3.15 over PyTorch gives them."""

import numpy as np
import pytest

from striate import ops, random

WHOLE = np.arange(4, dtype="int32")
INPUTS = (WHOLE, WHOLE > 1, WHOLE.astype("uint8"))


@pytest.mark.parametrize("function, expected", [
    (lambda x: ops.logaddexp(x, x), "float32 float32 float32"), (ops.median, "float32 float32 float32"),
    (ops.softmax, "float32 float32 float32"), (ops.square, "int32 int32 uint8"),
    (lambda x: ops.clip(x, 0, 2), "int32 int32 uint8"), (ops.cumprod, "int32 int32 uint8"),
    (ops.cumsum, "int32 int32 uint8"),
], ids="logaddexp median softmax square clip cumprod cumsum".split())
def test_types(function, expected):
    assert [str(function(x).dtype) for x in INPUTS] == expected.split()


def test_softmax_of_integers_is_no_row_of_zeros():
    np.testing.assert_allclose(ops.softmax(np.array([1, 1])), [0.5, 0.5])


def test_a_seed_generator_has_a_state():
    generator = random.SeedGenerator(5)
    random.normal((2,), seed=generator)
    assert generator.state.dtype == "uint32" and generator.state.tolist() == [5, 1]


def test_whole_numbers_reach_limits_between_two_of_them():
    limited = ops.clip(np.array([-5, 0, 5]), -1.5, 2.5)
    assert str(limited.dtype) == "float32" and list(limited) == [-1.5, 0.0, 2.5]
    assert list(ops.clip(np.array([-5, 0, 5]), -1, 2)) == [-1, 0, 2]


def test_whole_numbers_are_rounded_before_the_point():
    rounded = ops.round(np.array([14, 15, 25, -15, 1234567894]), -1)
    assert rounded.dtype.kind == "i" and list(rounded) == [10, 20, 20, -20, 1234567890]
    assert list(ops.round(np.array([14, 15]), 1)) == [14, 15]
