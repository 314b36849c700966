"""Elementwise ops: Keras' types, broadcasting, gradients against finite differences."""

import numpy as np
import pytest

from striate import ops
from striate.errors import ShapeError
from striate.ops.spec import OPS, TensorType
from tests.ops.gradients import check_gradient

GENERATOR = np.random.default_rng(11)
DOMAINS = {
    "arcsin": (-0.9, 0.9), "arccos": (-0.9, 0.9), "arctanh": (-0.9, 0.9), "arccosh": (1.1, 4.0), "log": (0.2, 4.0),
    "log1p": (-0.5, 3.0), "log2": (0.2, 4.0), "log10": (0.2, 4.0), "sqrt": (0.2, 4.0), "rsqrt": (0.2, 4.0),
    "reciprocal": (0.3, 3.0), "relu": (0.1, 2.0), "absolute": (0.1, 2.0), "tan": (-1.2, 1.2),
}
UNARY = ("negative absolute square sqrt rsqrt reciprocal exp exp2 expm1 log log1p log2 log10 sin cos tan sinh cosh "
         "tanh arcsin arccos arctan arcsinh arccosh arctanh erf sigmoid relu softplus").split()
BINARY = "add subtract multiply divide power maximum minimum arctan2 mod".split()


def draw(low, high, *shape):
    return GENERATOR.uniform(low, high, shape)


@pytest.mark.parametrize("op", UNARY)
def test_gradient_of_one_operand(op):
    check_gradient(op, [draw(*DOMAINS.get(op, (-2.0, 2.0)), 3, 4)])


@pytest.mark.parametrize("op", BINARY)
def test_gradient_of_two_operands_that_broadcast(op):
    check_gradient(op, [draw(0.3, 2.0, 3, 1, 4), draw(0.3, 2.0, 5, 1)])


def test_gradient_with_attributes_and_three_operands():
    check_gradient("clip", [draw(-2, 2, 5, 6)], x_min=-1.0, x_max=1.5)
    check_gradient("where", [draw(-1, 1, 3, 4) > 0, draw(-1, 1, 4), draw(-1, 1, 3, 1)], skip=(0,))
    check_gradient("relu_grad", [draw(-1, 1, 3, 4), draw(-1, 1, 3, 4)], skip=(1,))


@pytest.mark.parametrize("left, right, op, expected", [
    ("int32", "float32", "add", "float32"), ("uint8", "uint8", "add", "uint8"), ("int32", "int32", "divide", "float32"),
    ("uint8", "int32", "multiply", "int32"), ("float32", "float32", "greater", "bool"),
    ("bool", "bool", "equal", "bool"),
    ("int32", "int32", "floor_divide", "int32"), ("bool", "float32", "multiply", "float32"),
])
def test_result_types(left, right, op, expected):
    result = getattr(ops, op)(np.ones(3, left), np.ones(3, right))
    assert str(result.dtype) == expected
    assert OPS[op].shape([TensorType((3,), left), TensorType((3,), right)])[0].dtype == expected


def test_python_numbers_take_the_type_of_the_tensor():
    pixels = np.array([200], np.uint8)
    assert ops.add(pixels, 1).dtype == np.uint8
    assert ops.divide(pixels, 255.0).dtype == np.float32
    assert ops.multiply(np.ones(2, np.float32), 2).dtype == np.float32
    assert ops.power(2.0, np.ones(2, np.float32)).dtype == np.float32


def test_shapes_that_do_not_broadcast_are_named():
    with pytest.raises(ShapeError, match=r"shapes=\(\(2, 3\), \(4,\)\)"):
        ops.add(np.ones((2, 3)), np.ones(4))


def test_unknown_lengths_pass_through():
    add = OPS["add"].shape([TensorType((None, 1)), TensorType((3,))])[0]
    assert add.shape == (None, 3)


def test_ties_share_the_gradient():
    x = np.array([1.0, 2.0])
    node = type("Node", (), dict(inputs=[x, x], outputs=[x], attributes={}))
    assert [g.tolist() for g in OPS["maximum"].gradient(node, np.ones(2))] == [[0.5, 0.5], [0.5, 0.5]]


def test_known_values():
    assert ops.erf(np.float32([0.5]))[0] == np.float32(0.5204999)
    assert ops.rint([0.5, 1.5, -2.5]).tolist() == [0.0, 2.0, -2.0]
    assert ops.round(np.float32([1.256]), 2)[0] == np.float32(1.26)
    assert np.isnan(ops.maximum([1.0, np.nan], [np.nan, 1.0])).all()
    assert ops.sigmoid(np.float32([-200.0, 200.0])).tolist() == [0.0, 1.0]
    assert ops.logaddexp([1000.0], [1000.0])[0] == np.float32(1000 + np.log(2))
    assert ops.clip([-2.0, 0.5, 9.0], 0.0, 1.0).tolist() == [0.0, 0.5, 1.0]
