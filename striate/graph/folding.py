"""Folding a scale and a shift for each channel into the weights before them.

Batch normalisation in a prediction is y * scale + shift with vectors that depend on parameters alone. Behind a
convolution or matrix product it needs no pass over memory:

    (x * w + b) scale + shift = x * (w scale) + (b scale + shift)

The new weights are steady values: a prediction computes them once and again only when a parameter changed.
"""

from __future__ import annotations

from striate.graph.ir import Graph, Node, Value
from striate.graph.rewriter import Rewriter

_WEIGHTED = ("conv2d", "matmul")


def fold_scales(graph: Graph) -> Graph:
    """Scales and shifts of channels move into weights and bias, in graphs that no gradient is taken of."""
    if any(node.op == "gradient" for node in graph.nodes):
        return graph
    rewriter, steady = Rewriter(graph), graph.steady()
    ends = {}
    for node in graph.nodes:
        if node.op in _WEIGHTED and len(node.inputs) == 2 and node.inputs[1] in steady and not _has_epilogue(node):
            found = _tail(rewriter, node, steady)
            if found is not None:
                ends[found[-1]] = node, found
    inside = {node for head, nodes in ends.values() for node in (head, *nodes[:-1])}
    for node in graph.nodes:
        if node in ends:
            rewriter.replace(node.outputs[0], _folded(rewriter, *ends[node]))
        elif node not in inside:
            rewriter.keep(node)
    return rewriter.done()


def _has_epilogue(node: Node) -> bool:
    a = node.attributes
    if node.op == "matmul":
        return a.get("transpose_a") or a.get("transpose_b") or any(value.ndim != 2 for value in node.inputs)
    return bool(a.get("activation") or a.get("pool"))


def _tail(rewriter: Rewriter, head: Node, steady: set[Value]) -> list[Node] | None:
    """The additions and multiplications of steady channel vectors behind a node, if there is a multiplication."""
    nodes, value = [], head.outputs[0]
    while True:
        reader = rewriter.only_reader(value)
        if reader is None or reader.op not in ("add", "multiply") or _vector(reader, value, steady) is None:
            break
        nodes.append(reader)
        value = reader.outputs[0]
    return nodes if any(node.op == "multiply" for node in nodes) else None


def _vector(node: Node, value: Value, steady: set[Value]) -> Value | None:
    """The other operand: one steady float32 for each channel of `value`."""
    others = [other for other in node.inputs if other is not value]
    if len(others) != 1 or others[0] not in steady or node.outputs[0].type != value.type:
        return None
    return others[0] if others[0].shape == value.shape[-1:] and others[0].dtype == "float32" else None


def _folded(rewriter: Rewriter, head: Node, tail: list[Node]) -> Value:
    weights, bias, value = head.inputs[1], None, head.outputs[0]
    for node in tail:
        other = next(item for item in node.inputs if item is not value)
        if node.op == "multiply":
            weights = rewriter.emit("multiply", [weights, other], {}, head.scope)[0]
            bias = None if bias is None else rewriter.emit("multiply", [bias, other], {}, head.scope)[0]
        else:
            bias = other if bias is None else rewriter.emit("add", [bias, other], {}, head.scope)[0]
        value = node.outputs[0]
    result = rewriter.emit(head.op, [head.inputs[0], weights], head.attributes, head.scope)[0]
    return result if bias is None else rewriter.emit("add", [result, bias], {}, head.scope)[0]
