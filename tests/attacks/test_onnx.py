"""ONNX files built to eat memory or time, loaded by `load_model` in the guarded child."""

import numpy as np
import pytest

from tests.attacks.harness import load_in_child

onnx = pytest.importorskip("onnx", reason="onnx is not installed (extra `onnx`)")
helper, numpy_helper = onnx.helper, onnx.numpy_helper


def file(nodes, constants=None, shape=(1, 3, 8, 8), output="y"):
    """The bytes of a model with these nodes between x and `output`."""
    initializers = [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", 1, shape)],
                              [helper.make_tensor_value_info(output, 1, None)], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()


def node(op, inputs, output, **attributes):
    return helper.make_node(op, inputs, [output], **attributes)


def constants_without_end():
    """Each node makes no more than is allowed; all of them together would take sixty gigabytes."""
    nodes = [node("ConstantOfShape", ["s"], f"c{index}") for index in range(1000)]
    return file([*nodes, node("Add", ["x", "c0"], "y")], {"s": np.int64([1 << 24])})


def joined():
    """A constant that is joined to itself again and again."""
    nodes = [node("Concat", [f"c{index}"] * 8, f"c{index + 1}", axis=0) for index in range(40)]
    return file([*nodes, node("Add", ["x", "c40"], "y")], {"c0": np.ones(1000, np.float32)})


def gathered():
    return file([node("Gather", ["t", "i"], "c"), node("Add", ["x", "c"], "y")],
                {"t": np.ones((2, 100_000), np.float32), "i": np.zeros(100_000, np.int64)})


def multiplied():
    """An outer product that is as large as a disk."""
    return file([node("Mul", ["a", "b"], "c"), node("Add", ["x", "c"], "y")],
                {"a": np.ones((100_000, 1), np.float32), "b": np.ones((1, 100_000), np.float32)})


def subgraphs(depth):
    """A node in a graph in a node, and so on."""
    inner = helper.make_graph([], "leaf", [], [])
    for _ in range(depth):
        inner = helper.make_graph([helper.make_node("If", ["x"], ["y"], then_branch=inner)], "g", [], [])
    return file([helper.make_node("If", ["x"], ["y"], then_branch=inner)])


def lengths(shape, **changes):
    content = onnx.load_from_string(file([node("Relu", ["x"], "y")], shape=shape))
    for name, value in changes.items():
        setattr(content, name, value)
    return content.SerializeToString()


ATTACKS = {
    "constants without end": constants_without_end, "joined": joined, "gathered": gathered, "multiplied": multiplied,
    "graphs in graphs": lambda: subgraphs(30), "an input of 2**62": lambda: lengths((1, 1 << 62)),
    "forty axes": lambda: lengths((1,) * 40), "range without end": lambda: file(
        [node("Range", ["a", "b", "c"], "r"), node("Add", ["x", "r"], "y")],
        {"a": np.float32(0), "b": np.float32(np.inf), "c": np.float32(1)}),
    "range by NaN": lambda: file([node("Range", ["a", "b", "c"], "r"), node("Add", ["x", "r"], "y")],
                                 {"a": np.float32(0), "b": np.float32(9), "c": np.float32(np.nan)}),
    "shape below zero": lambda: file([node("ConstantOfShape", ["s"], "c"), node("Add", ["x", "c"], "y")],
                                     {"s": np.int64([-4, -4])}),
    "padding without end": lambda: file([node("Pad", ["x", "p"], "y")], {"p": np.int64([0, 0, 1 << 40, 0] * 2)}),
    "axes that are not there": lambda: file([node("Transpose", ["x"], "y", perm=[0, 9, 9, 9])]),
    "a step of zero": lambda: file([node("Conv", ["x", "w"], "y", strides=[0, 0])], {"w": np.ones((1, 3, 2, 2), "f4")}),
    "groups below zero": lambda: file([node("Conv", ["x", "w"], "y", group=-3)], {"w": np.ones((3, 1, 2, 2), "f4")}),
    "a circle": lambda: file([node("Add", ["x", "b"], "a"), node("Add", ["x", "a"], "b"), node("Relu", ["b"], "y")]),
    "texts for numbers": lambda: file([node("Add", ["x", "t"], "y")], {"t": np.array(["a", "b"], dtype=object)}),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_attack(tmp_path, name):
    (tmp_path / "m.onnx").write_bytes(ATTACKS[name]())
    report = load_in_child(tmp_path / "m.onnx", kind="model")
    assert report["outcome"] == "refused" and len(report["message"]) > 20, report


def test_a_sound_file_is_read(tmp_path):
    (tmp_path / "m.onnx").write_bytes(file([node("Relu", ["x"], "y")]))
    assert load_in_child(tmp_path / "m.onnx", kind="model")["outcome"] == "loaded"
