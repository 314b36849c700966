"""Differentiation: `gradients` marks the wish while tracing; `differentiate` fulfils it by the ops' own rules.

The wish is a node (`gradient`: loss, sources -> one gradient a source), so that the forward part can be fused first
and the backward part then follows from the fused ops.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from striate.errors import ArgumentError, GraphError, received
from striate.graph.ir import Graph, Node, Value
from striate.graph.trace import Tracer, current_tracer
from striate.ops.dispatch import recording
from striate.ops.spec import OPS, OpSpec, register


def _no_reference(*arrays, **attributes):
    raise GraphError("A gradient node must be replaced by `differentiate` before a graph runs.")


register(OpSpec("gradient", shape=lambda inputs: list(inputs[1:]), reference=_no_reference))


def gradients(loss: Value, sources: Sequence[Any]) -> list[Value]:
    """The gradient of the scalar `loss` with respect to each source (variables or traced values)."""
    tracer = current_tracer("gradients()")
    if loss.shape != ():
        raise ArgumentError("The loss to differentiate must be one number. " + received(shape=loss.shape))
    return list(tracer.record("gradient", [loss, *sources], {}))


def differentiate(graph: Graph) -> Graph:
    """Replaces every gradient node by the backward computation it stands for."""
    while True:
        position = next((i for i, node in enumerate(graph.nodes) if node.op == "gradient"), None)
        if position is None:
            return graph.replaced(stage="differentiated")
        node = graph.nodes[position]
        before = graph.nodes[:position]
        tracer = Tracer(graph.name)
        with recording(tracer):
            found = backward(before, node.inputs[0], node.inputs[1:], tracer)
        _warn_of_unreached(node.inputs[1:], found)
        changed = dict(zip(node.outputs, found, strict=True))
        graph = graph.replaced(nodes=before + tuple(tracer.nodes) + graph.nodes[position + 1:])
        graph = substitute(graph, changed)


def _warn_of_unreached(sources: Sequence[Value], found: Sequence[Value]) -> None:
    """Says which weights the loss does not depend on: the gradient of these alone is a constant."""
    names = [source.source.path for source, g in zip(sources, found, strict=True)
             if source.role == "parameter" and source.source.trainable and g.role == "constant" and not g.source.any()]
    if names:
        warnings.warn(f"Gradients do not exist for variables {names} when minimizing the loss. If using "
                      "`model.compile()`, did you forget to provide a `loss` argument?", stacklevel=2)


def backward(nodes: Sequence[Node], loss: Value, sources: Sequence[Value], tracer: Tracer) -> list[Value]:
    """The gradients of `loss`, computed from these nodes, with respect to the sources, recorded by `tracer`."""
    depends: set[Value] = set(sources)
    for node in nodes:
        if OPS[node.op].gradient is not None and any(value in depends for value in node.inputs):
            depends.update(node.outputs)
    sums: dict[Value, Value] = {loss: tracer.value(np.float32(1.0))}
    for node in reversed(nodes):
        flowing = [sums.get(value) for value in node.outputs]
        if all(g is None for g in flowing) or not any(value in depends for value in node.inputs):
            continue
        rule = OPS[node.op].gradient
        if rule is None:
            continue
        with tracer.scope(f"{node.scope}/gradient" if node.scope else "gradient"):
            for value, g in zip(node.inputs, rule(node, *flowing), strict=True):
                if g is not None and value in depends:
                    sums[value] = sums[value] + g if value in sums else tracer.value(g)
    return [sums[source] if source in sums else tracer.value(np.zeros(source.shape, np.float32))
            for source in sources]


def substitute(graph: Graph, changed: dict[Value, Value]) -> Graph:
    """The graph with values replaced; nodes that read a replaced value are made anew."""
    changed = dict(changed)

    def now(value):
        while value in changed:
            value = changed[value]
        return value
    nodes = []
    for node in graph.nodes:
        if any(value in changed for value in node.inputs):
            new = node.reading([now(value) for value in node.inputs])
            changed.update(zip(node.outputs, new.outputs, strict=True))
            node = new
        nodes.append(node)
    return graph.replaced(nodes=nodes, outputs=[now(v) for v in graph.outputs],
                          assigned=[(variable, now(v)) for variable, v in graph.assigned])
