"""The tool that passes rewrite a graph with."""

from __future__ import annotations

from striate.graph.ir import Graph, Node, Value
from striate.ops.spec import OPS


class Rewriter:
    """Builds the next graph: nodes are emitted in order, and values that were replaced are followed."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.nodes: list[Node] = []
        self._now: dict[Value, Value] = {}
        self.consumers = graph.consumers()
        self.kept = graph.kept()

    def now(self, value: Value) -> Value:
        while value in self._now:
            value = self._now[value]
        return value

    def replace(self, old: Value, new: Value) -> None:
        if old is not new:
            self._now[old] = new

    def emit(self, op: str, inputs, attributes: dict, scope: str) -> tuple[Value, ...]:
        inputs = [self.now(value) for value in inputs]
        types = OPS[op].shape([value.type for value in inputs], **attributes)
        node = Node(op, inputs, attributes, types, scope)
        self.nodes.append(node)
        return node.outputs

    def keep(self, node: Node) -> None:
        """Emits a node as it is (or a twin of it that reads replaced values)."""
        if all(value not in self._now for value in node.inputs):
            self.nodes.append(node)
            return
        new = node.reading([self.now(value) for value in node.inputs])
        self.nodes.append(new)
        for old, value in zip(node.outputs, new.outputs, strict=True):
            self.replace(old, value)

    def only_reader(self, value: Value, though_kept: bool = False) -> Node | None:
        """The node that reads a value, if there is exactly one and the value is not needed otherwise.

        though_kept: even if the value is a result of the graph.
        """
        readers = self.consumers.get(value, [])
        return readers[0] if len(readers) == 1 and (though_kept or value not in self.kept) else None

    def done(self) -> Graph:
        return self.graph.replaced(nodes=self.nodes, outputs=[self.now(v) for v in self.graph.outputs],
                                   assigned=[(variable, self.now(v)) for variable, v in self.graph.assigned])
