"""The graph: what is computed. Values, nodes that make them, and the variables read and assigned."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from striate.ops.dispatch import TensorMethods
from striate.ops.spec import OPS, TensorType

_serial = itertools.count()


class Value(TensorMethods):
    """A tensor in a graph: the `index`-th output of `node`, or a source (`role` input, parameter, constant, random).

    Values know Python's operators, so gradient rules and layers read like formulas.
    """

    def __init__(self, type: TensorType, node: Node | None = None, index: int = 0, role: str = "computed",
                 source: Any = None, name: str = ""):
        self.type, self.node, self.index = type, node, index
        self.role, self.source = role, source
        self.serial = next(_serial)
        self.name = name

    @property
    def shape(self) -> tuple:
        return self.type.shape

    @property
    def dtype(self) -> str:
        return self.type.dtype

    @property
    def ndim(self) -> int:
        return len(self.type.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other) -> bool:
        return self is other

    def __bool__(self) -> bool:
        raise TypeError("A symbolic tensor has no truth value while a model is traced: its numbers are not known yet. "
                        "Use striate.ops.where or striate.ops.cond instead of `if`.")

    def __array__(self, *args, **kwargs):
        raise TypeError("A symbolic tensor cannot become a NumPy array while a model is traced. "
                        "Use functions of striate.ops instead of numpy's.")

    def __repr__(self) -> str:
        return f"<Value %{self.name or self.serial} {self.type}>"


class Node:
    """One application of an op. `scope` is the path of the layer that was being called, for plans and pictures."""

    def __init__(self, op: str, inputs: Sequence[Value], attributes: Mapping[str, Any],
                 types: Sequence[TensorType], scope: str = ""):
        self.op, self.inputs, self.attributes, self.scope = op, tuple(inputs), dict(attributes), scope
        self.outputs = tuple(Value(type, self, index) for index, type in enumerate(types))
        self.serial = next(_serial)

    @property
    def spec(self):
        return OPS[self.op]

    def reading(self, inputs: Sequence[Value]) -> Node:
        """A twin of this node that reads other values of the same types."""
        return Node(self.op, inputs, self.attributes, [value.type for value in self.outputs], self.scope)

    def __repr__(self) -> str:
        return f"<Node {self.op} {self.scope}>"


class Graph:
    """Nodes in an order in which they can run.

    inputs: values filled by the caller. parameters: values read from variables. assigned: pairs of variable and the
    value it takes at the end. outputs: values handed back.
    """

    def __init__(self, name: str, inputs, parameters, nodes, outputs, assigned, stage: str = "traced"):
        self.name, self.stage = name, stage
        self.inputs: tuple[Value, ...] = tuple(inputs)
        self.parameters: tuple[Value, ...] = tuple(parameters)
        self.nodes: tuple[Node, ...] = tuple(nodes)
        self.outputs: tuple[Value, ...] = tuple(outputs)
        self.assigned: tuple[tuple[Any, Value], ...] = tuple(assigned)

    def replaced(self, **changes) -> Graph:
        """This graph with some fields changed."""
        fields = dict(name=self.name, inputs=self.inputs, parameters=self.parameters, nodes=self.nodes,
                      outputs=self.outputs, assigned=self.assigned, stage=self.stage)
        return Graph(**(fields | changes))

    def consumers(self) -> dict[Value, list[Node]]:
        """Which nodes read each value."""
        found: dict[Value, list[Node]] = {}
        for node in self.nodes:
            for value in node.inputs:
                found.setdefault(value, []).append(node)
        return found

    def kept(self) -> set[Value]:
        """Values that must exist at the end: outputs and assigned values."""
        return set(self.outputs) | {value for _, value in self.assigned}

    @property
    def trains(self) -> bool:
        """Whether the weights are likely others in the next run: it changes variables, or gives the gradients by which
        another program will."""
        return bool(self.assigned) or any(node.op == "flat_gradients" for node in self.nodes)

    def steady(self, without: Collection[Node] = ()) -> set[Value]:
        """Values that depend on parameters and constants alone: the same in every run until a parameter changes.

        Those that follow from the nodes `without` are left out.
        """
        found = {value for node in self.nodes for value in node.inputs if value.role in ("parameter", "constant")}
        for node in self.nodes:
            if node.inputs and node not in without and all(value in found for value in node.inputs):
                found.update(node.outputs)
        return found

    def __str__(self) -> str:
        names: dict[Value, str] = {}

        def show(value):
            if value not in names:
                names[value] = f"%{value.name}" if value.name else f"%{len(names)}"
            return names[value]
        lines = [f"graph {self.name} ({self.stage})"]
        lines += [f"  input {show(v)}: {v.type}" for v in self.inputs]
        lines += [f"  parameter {show(v)}: {v.type} = {v.source.path}" for v in self.parameters]
        for node in self.nodes:
            attributes = ", ".join(f"{k}={v}" for k, v in node.attributes.items() if v is not None)
            left = ", ".join(f"{show(v)}: {v.type}" for v in node.outputs)
            lines.append(f"  {left} = {node.op}({', '.join(show(v) for v in node.inputs)}"
                         f"{'; ' if attributes else ''}{attributes})" + (f"    # {node.scope}" if node.scope else ""))
        lines += [f"  assign {variable.path} = {show(value)}" for variable, value in self.assigned]
        lines.append("  return " + ", ".join(show(v) for v in self.outputs))
        return "\n".join(lines)
