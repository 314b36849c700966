"""Tracing records what Python code does to symbolic values."""

import numpy as np
import pytest

from striate import engine, ops
from striate.errors import ArgumentError, GraphError, ShapeError
from striate.graph.ir import Node, Value
from striate.graph.trace import collect, infer, trace
from striate.graph.verify import verify
from striate.ops.spec import TensorType
from striate.variables import FlatGroup, Variable


def test_ops_become_nodes_in_order():
    graph, _ = trace(lambda x: ops.exp(x) * 2.0 + 1.0, [TensorType((2, 3))])
    assert [node.op for node in graph.nodes] == ["exp", "multiply", "add"]
    assert graph.outputs[0].type == TensorType((2, 3))


def test_a_variable_is_read_once_and_assigned_at_the_end():
    counter = Variable(np.zeros(2), name="counter")

    def step(x):
        counter.assign(counter.value + x)
        return counter.value * 2.0
    graph, _ = trace(step, [TensorType((2,))])
    assert [value.source for value in graph.parameters] == [counter]
    assert [variable for variable, _ in graph.assigned] == [counter]
    assert counter.numpy().tolist() == [0.0, 0.0]


def test_infer_passes_unknown_lengths_through():
    assert infer(lambda x: ops.reshape(ops.relu(x), (-1, 6)), [TensorType((None, 2, 3))]).shape[1] == 6


def test_a_symbolic_value_has_no_truth_value():
    with pytest.raises(TypeError, match="ops.where"):
        trace(lambda x: x if x > 0 else -x, [TensorType(())])


def test_numpy_functions_are_refused_with_advice():
    with pytest.raises(TypeError, match=r"striate\.ops"):
        trace(lambda x: np.asarray(x), [TensorType((2,))])


def test_verify_names_a_value_that_is_read_before_it_is_made():
    graph, _ = trace(lambda x: ops.exp(ops.log(x)), [TensorType((2,))])
    with pytest.raises(GraphError, match="before it is made"):
        verify(graph.replaced(nodes=graph.nodes[::-1]))


def test_verify_names_a_type_that_breaks_the_rule():
    graph, _ = trace(lambda x: ops.exp(x), [TensorType((2,))])
    wrong = Node("exp", graph.nodes[0].inputs, {}, [TensorType((3,))])
    with pytest.raises(GraphError, match="its rule says"):
        verify(graph.replaced(nodes=[wrong], outputs=wrong.outputs))


def test_gradients_need_one_number():
    with pytest.raises(ArgumentError, match="one number"):
        trace(lambda x: engine.gradients(x, [x]), [TensorType((2,))])


def test_gradients_outside_of_a_trace_say_where_they_work():
    with pytest.raises(GraphError, match="engine.Function"):
        engine.gradients(Value(TensorType(())), [])


def test_assigning_another_shape_is_refused():
    with pytest.raises(ShapeError, match=r"must have shape \(2,\)"):
        Variable(np.zeros(2), name="v").assign(np.zeros(3))


def test_weights_read_after_a_flat_update_are_the_new_ones():
    weights = [Variable(np.ones(3), name="a"), Variable(np.ones((2, 2)), name="b")]
    group = FlatGroup(weights)

    def step(x):
        group.flat.assign(group.flat.value * x)
        return weights[1].value
    assert (engine.Function(step, mode="reference")(np.float32(3.0)) == 3.0).all()


def test_collect_keeps_the_nest():
    assert collect({"a": [1, (2, None)]}, lambda leaf: leaf * 2) == {"a": [2, (4, None)]}


def test_printing_a_graph_shows_every_node():
    graph, _ = trace(lambda x: ops.exp(x), [TensorType((2,))], "printed")
    assert "exp(%input0)" in str(graph) and "printed" in str(graph)
