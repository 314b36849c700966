"""Elementwise numbers that are computed again where they are needed, in place of being stored and read.

    forward   y = (x / 2) (1 + erf(x / sqrt(2)))        would store three parts of it for the way back
    backward  dx = g times a formula of these parts     computes them anew from x, which it reads anyway

A large array that is written and read costs a core as much time as a dozen operations on numbers in registers, and
takes memory from the forward pass to the backward one. The operations are the same, so no bit changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from striate.graph.chains import MOST_INPUTS, MOST_NODES, Group, groups_of
from striate.graph.ir import Graph, Node, Value

_PASS = 12
"""Cycles that a core takes to read or write a vector of a large array while the other cores do so too."""
_SIMPLE = 3
_CYCLES = {"exp": 19, "expm1": 18, "sigmoid": 24, "tanh": 26, "log": 26, "log1p": 29, "erf": 45, "softplus": 66,
           "divide": 8, "sqrt": 8, "rsqrt": 12, "reciprocal": 8} | dict.fromkeys(
    "power exp2 log2 log10 sin cos tan sinh cosh arcsin arccos arctan arctan2 arcsinh arccosh arctanh".split(), 80)
"""Of an instruction on a vector of 16 numbers that lie in the first-level cache (AMD EPYC with AVX-512), roughly for
the last line; `_SIMPLE` of all others, which are arithmetic, comparisons and choices."""
_LEAST = 1 << 16
"""Elements below which an array stays in a cache between being written and being read."""


def recompute(graph: Graph) -> Graph:
    """The graph in which elementwise nodes that are cheaper computed than stored run again before those who need them.

    A pass for the time before `chains.join`, which puts the twins into the chain of their readers.
    """
    groups = groups_of(graph)
    consumers, kept = graph.consumers(), graph.kept()
    before: dict[Node, list[Node]] = {}
    for group in dict.fromkeys(groups.values()):
        for choice in _choices(group, groups, consumers, kept) if prod(group.shape) >= _LEAST else ():
            reader = next(node for node in group.nodes if any(value in choice.values for value in node.inputs))
            before.setdefault(reader, []).extend(choice.makers)
    return _rebuilt(graph, groups, before) if before else graph


@dataclass(frozen=True)
class _Choice:
    """Inputs of a group that another one makes, by which nodes, and the cycles a vector saved by making them anew."""

    values: tuple[Value, ...]
    makers: tuple[Node, ...]
    reads: int
    gain: float

    @classmethod
    def of(cls, values, group: Group, maker: Group, consumers, kept) -> _Choice:
        needed, makers = set(values), []
        for node in reversed(maker.nodes):
            if node.outputs[0] in needed:
                needed.update(node.inputs)
                makers.append(node)
        made = {node.outputs[0] for node in makers}
        inputs = set(group.inputs())
        added = {value for node in makers for value in node.inputs} - made - inputs
        large = sum(value.type.size == prod(group.shape) for value in added)
        members = {*group.nodes, *maker.nodes}
        unwritten = sum(value not in kept and all(reader in members for reader in consumers[value])
                        for value in values)
        cycles = sum(_CYCLES.get(node.op, _SIMPLE) for node in makers)
        reads = len(values) - large
        return cls(tuple(values), tuple(reversed(makers)), len(added) - len(values),
                   _PASS * (reads + unwritten) - cycles if reads >= 0 else 0.0)


def _choices(group: Group, groups: dict[Node, Group], consumers, kept) -> list[_Choice]:
    """What a group should make itself, of each group that feeds it."""
    inputs = group.inputs()
    offered: dict[Group, list[Value]] = {}
    for value in inputs:
        maker = groups.get(value.node) if value.node is not None else None
        if maker is not None and maker is not group and maker.shape == group.shape:
            offered.setdefault(maker, []).append(value)
    found, nodes, reads = [], len(group.nodes), len(inputs)
    for maker, values in offered.items():
        subsets = [values, *([value for value in values if value is not other] for other in values),
                   *([value] for value in values)]
        best = max((_Choice.of(chosen, group, maker, consumers, kept) for chosen in subsets if chosen),
                   key=lambda choice: choice.gain)
        fits = nodes + len(best.makers) <= MOST_NODES and reads + best.reads <= MOST_INPUTS
        if best.gain > 0 and fits:
            found.append(best)
            nodes, reads = nodes + len(best.makers), reads + best.reads
    return found


def _rebuilt(graph: Graph, groups: dict[Node, Group], before: dict[Node, list[Node]]) -> Graph:
    now: dict[Value, Value] = {}
    again: dict[tuple[Group | None, Value], Value] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        group = groups.get(node)
        for maker in before.get(node, []):
            nodes.append(maker.reading([again.get((group, value), now.get(value, value)) for value in maker.inputs]))
            again[group, maker.outputs[0]] = nodes[-1].outputs[0]
        inputs = [again.get((group, value), now.get(value, value)) for value in node.inputs]
        nodes.append(node if inputs == list(node.inputs) else node.reading(inputs))
        now.update(zip(node.outputs, nodes[-1].outputs, strict=True))
    return graph.replaced(nodes=nodes, outputs=[now.get(v, v) for v in graph.outputs],
                          assigned=[(variable, now.get(v, v)) for variable, v in graph.assigned])
