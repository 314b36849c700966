"""Joining elementwise ops into chains, so that a run of them reads and writes memory once.

A group grows node by node in the graph's order. It runs where its last node stood; so a node may join only if nobody
outside the group reads one of the group's results before that place.
"""

from __future__ import annotations

from striate.graph.ir import Graph, Node, Value
from striate.ops.chain import chainable, instruction
from striate.ops.spec import OPS

MOST_NODES = 24
MOST_INPUTS = 12


class Group:
    """Elementwise nodes of one shape that shall become a chain."""

    def __init__(self, shape: tuple):
        self.shape = shape
        self.nodes: list[Node] = []

    def inputs(self) -> list[Value]:
        """What they read of others."""
        made = {value for node in self.nodes for value in node.outputs}
        found: dict[Value, None] = {}
        for node in self.nodes:
            found.update(dict.fromkeys(value for value in node.inputs if value not in made))
        return list(found)


def join(graph: Graph) -> Graph:
    """The graph with groups of two and more elementwise nodes replaced by `chain` nodes."""
    return _rebuild(graph, groups_of(graph), graph.consumers(), graph.kept())


def groups_of(graph: Graph) -> dict[Node, Group]:
    """The group of every node that can be an instruction of a chain."""
    order = {node: index for index, node in enumerate(graph.nodes)}
    consumers = graph.consumers()
    groups: dict[Node, Group] = {}
    makers = {value: node for node in graph.nodes for value in node.outputs}
    for node in graph.nodes:
        if not chainable(node) or len(node.outputs) != 1:
            continue
        group = Group(node.outputs[0].shape)
        for value in node.inputs:
            other = groups.get(makers[value]) if value in makers else None
            if other is None or other is group or other.shape != group.shape:
                continue
            merged = Group(group.shape)
            merged.nodes = sorted({*group.nodes, *other.nodes}, key=order.__getitem__)
            if _may_join(merged, node, order, consumers):
                group = merged
        group.nodes.append(node)
        for member in group.nodes:
            groups[member] = group
    return groups


def _may_join(group: Group, node: Node, order, consumers) -> bool:
    grown = Group(group.shape)
    grown.nodes = [*group.nodes, node]
    if len(grown.nodes) > MOST_NODES or len(grown.inputs()) > MOST_INPUTS:
        return False
    members = set(group.nodes)
    return all(order[reader] >= order[node] for member in members for value in member.outputs
               for reader in consumers.get(value, []) if reader not in members)


def _rebuild(graph: Graph, groups: dict[Node, Group], consumers, kept) -> Graph:
    now: dict[Value, Value] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        group = groups.get(node)
        if group is None or len(group.nodes) == 1:
            if any(value in now for value in node.inputs):
                new = node.reading([now.get(value, value) for value in node.inputs])
                now.update(zip(node.outputs, new.outputs, strict=True))
                node = new
            nodes.append(node)
        elif node is group.nodes[-1]:
            nodes.append(_chain(group, now, consumers, kept))
    return graph.replaced(nodes=nodes, outputs=[now.get(v, v) for v in graph.outputs],
                          assigned=[(variable, now.get(v, v)) for variable, v in graph.assigned])


def _chain(group: Group, now: dict[Value, Value], consumers, kept) -> Node:
    inputs = group.inputs()
    registers = {value: index for index, value in enumerate(inputs)}
    program, results = [], []
    members = set(group.nodes)
    for node in group.nodes:
        op, options = instruction(node)
        program.append((op, tuple(registers[value] for value in node.inputs), options))
        registers[node.outputs[0]] = len(registers)
        if node.outputs[0] in kept or any(reader not in members for reader in consumers.get(node.outputs[0], [])):
            results.append(node.outputs[0])
    attributes = {"program": tuple(program), "results": tuple(registers[value] for value in results)}
    inputs = [now.get(value, value) for value in inputs]
    types = OPS["chain"].shape([value.type for value in inputs], **attributes)
    chain = Node("chain", inputs, attributes, types, group.nodes[-1].scope)
    now.update(zip(results, chain.outputs, strict=True))
    return chain
