"""The legal form of a graph: every value is made before it is read, and every type is what the op's rule says."""

from __future__ import annotations

from striate.errors import GraphError
from striate.graph.ir import Graph
from striate.ops.spec import OPS

SOURCES = ("input", "parameter", "constant", "random")


def verify(graph: Graph) -> Graph:
    """Gives the graph back, or raises `GraphError` that names the node which breaks a rule."""
    made = set(graph.inputs) | set(graph.parameters)
    for node in graph.nodes:
        if node.op not in OPS:
            raise GraphError(f"{node.op!r} is not an op. In {node!r} of graph {graph.name!r} ({graph.stage}).")
        for value in node.inputs:
            if value not in made and value.role not in SOURCES:
                raise GraphError(f"{node!r} reads {value!r} before it is made, in graph {graph.name!r} "
                                 f"({graph.stage}):\n{graph}")
        expected = OPS[node.op].shape([value.type for value in node.inputs], **node.attributes)
        if [value.type for value in node.outputs] != list(expected):
            raise GraphError(f"{node!r} has outputs {[str(v.type) for v in node.outputs]}, its rule says "
                             f"{[str(type) for type in expected]}.")
        made.update(node.outputs)
    for value in graph.kept():
        if value not in made and value.role not in SOURCES:
            raise GraphError(f"Output {value!r} of graph {graph.name!r} is never made.")
    return graph
