"""Types of results where integers, truth values, lists and plain numbers go in."""

import numpy as np
import pytest

from striate import backend, losses, ops
from striate.engine import Function
from striate.errors import ArgumentError
from striate.graph.trace import infer
from striate.ops.spec import TensorType

INTEGERS = np.int32([[1, -2, 3, 4]])


@pytest.mark.parametrize("name", ["gelu", "celu", "softsign", "squareplus", "glu", "sparsemax", "cbrt", "normalize",
                                  "trapezoid"])
def test_functions_of_real_numbers_give_float32(name):
    function = getattr(ops, name)
    expected = function(INTEGERS.astype("float32"))
    for inputs in (INTEGERS, INTEGERS.tolist()):
        found = function(inputs)
        assert found.dtype == "float32"
        np.testing.assert_array_equal(found, expected)
    assert function(INTEGERS.astype("float16")).dtype == "float16"


def test_a_side_of_a_triangle_from_mixed_numbers():
    assert ops.hypot(np.float32([3.0]), 4).dtype == "float32" and ops.hypot(np.float32([3.0]), 4)[0] == 5.0


def test_triangle_of_truth_values():
    assert np.asarray(ops.triu(np.ones((2, 2), bool))).tolist() == [[True, True], [False, True]]
    assert ops.triu(np.ones((2, 2), bool)).dtype == "bool"


def test_rounded_integers_are_tensors():
    assert ops.round([1, 2]).dtype == "int32"


def test_a_number_times_a_vector_is_an_inner_product():
    assert np.asarray(ops.inner(np.int32([1, 2]), 3)).tolist() == [3, 6]


@pytest.mark.parametrize("mixed, expected", [
    (("int8", int), "int8"), (("float16", float), "float16"), (("int32", float), "float32"), (("bool", int), "int32"),
    ((int,), "int32"), ((int, float), "float32"), (("bfloat16", "int32"), "bfloat16"),
    (("bfloat16", "float16"), "float32"), (("int64", "float32"), "float32"), ((), "float32"),
])
def test_type_of_mixed_numbers(mixed, expected):
    assert backend.result_type(*mixed) == expected


def test_a_loss_of_several_tensors_at_once():
    class Difference(losses.Loss):
        def call(self, y_true, y_pred):
            return ops.abs(y_true["a"] - y_pred["a"]) + y_pred["b"]
    assert Difference()({"a": [1.0, 2.0]}, {"a": [3.0, 2.0], "b": np.float32([1, 1])}) == 2.0


@pytest.mark.parametrize("dtype", ["int32", "uint8", "bool", "float64"])
@pytest.mark.parametrize("convolve", [ops.conv, ops.depthwise_conv, ops.conv_transpose])
def test_convolutions_of_other_types_in_a_compiled_program(convolve, dtype):
    """Kernels read float32 alone: whole numbers become that, and float64 runs by the reference."""
    generator = np.random.default_rng(3)
    x = generator.integers(0, 5, (2, 8, 8, 16)).astype(dtype)
    shape = (3, 3, 16, 1) if convolve is ops.depthwise_conv else (3, 3, 16, 16)
    w = generator.integers(-3, 4, shape).astype(np.float32)
    compiled = np.asarray(Function(lambda x, w: convolve(x, w))(x, w))
    exact = np.asarray(convolve(x.astype(np.float32), w))
    assert compiled.dtype == (np.float64 if dtype == "float64" else np.float32)
    np.testing.assert_allclose(compiled, exact, atol=1e-3)


@pytest.mark.parametrize("choose", [
    lambda x: ops.where(x > 0, 1, -1), lambda x: ops.where(x > 0, 2, 3.5), lambda x: ops.where(x > 0, 1.0, 2),
    lambda x: ops.divide_no_nan(x, 2), lambda x: ops.where(np.array(False), 1.0, 2) * x,
    lambda x: ops.multiply(ops.maximum(2, 3), x), lambda x: ops.logical_and(x > 0, True), lambda x: ops.add(x > 0, 1)])
def test_python_numbers_beside_truth_values_in_a_compiled_program(choose):
    """A whole number never becomes a truth value: both ways of running give the same numbers and types."""
    x = np.array([-2.0, 0.0, 3.0], np.float32)
    compiled, eager = np.asarray(Function(choose)(x)), np.asarray(choose(x))
    assert compiled.dtype == eager.dtype
    np.testing.assert_array_equal(compiled, eager)


def test_bincount_of_unknown_numbers_asks_for_a_length():
    x = np.array([0, 2, 2], np.int32)
    assert np.asarray(Function(lambda x: ops.bincount(x, minlength=4))(x)).tolist() == [1, 0, 2, 0]
    with pytest.raises(ArgumentError, match="minlength"):
        Function(lambda x: ops.bincount(x))(x)


@pytest.mark.parametrize("dtype", ["float64", "int64", "float32", "uint8"])
@pytest.mark.parametrize("length", [3, None])
def test_tensors_like_another_keep_its_type_in_programs(dtype, length):
    for function in (ops.zeros_like, ops.ones_like, lambda x: ops.full_like(x, 7)):
        assert infer(function, [TensorType((length, 2), dtype)]).dtype == dtype


def test_large_whole_numbers_stay_whole_in_programs():
    large = 2 ** 40 + 1
    assert np.asarray(Function(lambda x: ops.full_like(ops.cast(x, "int64"), large))(np.float32([1]))) == [large]
