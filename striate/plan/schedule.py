"""Scheduling: graph to plan. Which kernels run each node, and where every value lives."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

import numpy as np

from striate.graph.ir import Graph, Node, Value
from striate.kernels.cpu import Cpu
from striate.ops.spec import OPS
from striate.plan.ir import Home, Plan, Step, Temporary
from striate.plan.lower import PREFERRED, RULES
from striate.plan.memory import Lifetime, place
from striate.variables import Variable

_FAMILIES = (
    "winograd_rules", "conv", "conv_grad", "gemm", "pool", "norm", "elementwise", "reduce", "move", "random", "update")
_IN_PLACE = frozenset({"adam_update", "sgd_update"})
_FIRST_IN_PLACE = frozenset({"batch_norm_grad"})
"""Ops whose kernels read an element before they write it, as elementwise ones do, so that a result may take an input's
place: any result, or the first alone. Sums of gradients are written while inputs of their size are still read."""


def _load_rules() -> None:
    for family in _FAMILIES:
        import_module(f"striate.plan.lower.{family}")


def _launches(node: Node, cpu: Cpu):
    """The launches of a node by the first rule that fits, or none."""
    for rules in (PREFERRED, RULES):
        found = rules[node.op](node, cpu) if node.op in rules else None
        if found is not None:
            return tuple(found)
    return ()


def _with_preparations(graph: Graph, steps: list[Step]) -> list[Step]:
    """The steps with all launches marked that depend on parameters alone, and no others.

    These are the launches of nodes with steady results, and of other nodes those that their rule marked (the packing
    of weights), if they read steady values.
    """
    steady = graph.steady(without={step.node for step in steps if not step.compiled})
    varying: set[Temporary] = set()

    def marked(step: Step, launch):
        reads = [item for item in launch.arguments if item not in launch.writes]
        known = all(item in steady if isinstance(item, Value) else item not in varying for item in reads
                    if isinstance(item, (Value, Temporary)))
        ahead = step.node.outputs[0] in steady or launch.prepares and known
        if not ahead:
            varying.update(item for item in launch.writes if isinstance(item, Temporary))
        return replace(launch, prepares=ahead)
    return [Step(step.node, tuple(marked(step, launch) for launch in step.launches), step.reason) for step in steps]


def schedule(graph: Graph, cpu: Cpu, reference: bool = False) -> Plan:
    """The plan of a graph on a processor. `reference=True` plans every node by its NumPy reference."""
    _load_rules()
    views = _Views(graph)
    steps = []
    for node in graph.nodes:
        if OPS[node.op].alias or node.op == "flat_gradients":
            continue
        launches = () if reference else _launches(node, cpu)
        reason = "" if launches else f"NumPy reference: no kernel for {node.op} of these types"
        steps.append(Step(node, launches, reason))
    steps += [Step(node, (), "copies gradients that could not be made in place") for node in views.copied]
    steps.sort(key=lambda step: views.order[step.node])
    return _place(graph, _with_preparations(graph, steps), views)


class _Views:
    """Which values are ranges of others: reshapes, and gradients that are made inside the flat gradient buffer."""

    def __init__(self, graph: Graph):
        self.order = {node: index for index, node in enumerate(graph.nodes)}
        self.root: dict[Value, tuple[Value, int]] = {}
        self.copied: list[Node] = []
        self.copied_inputs: dict[Node, list[int]] = {}
        self.flat: set[Value] = set()
        for node in graph.nodes:
            if OPS[node.op].alias:
                self.root[node.outputs[0]] = (node.inputs[0], 0)
        for node in graph.nodes:
            if node.op == "flat_gradients":
                self._gather(node, graph)

    def _gather(self, node: Node, graph: Graph) -> None:
        flat = node.outputs[0]
        self.flat.add(flat)
        left = []
        for index, (value, offset) in enumerate(zip(node.inputs, node.attributes["offsets"], strict=True)):
            base, shift = self.find(value)
            whole = base.type.bytes == value.type.bytes
            made_here = base.node is not None and base not in self.root and base not in self.flat
            if whole and made_here and base not in graph.kept() and shift == 0:
                self.root[base] = (flat, 4 * offset)
            else:
                left.append(index)
        if left:
            self.copied.append(node)
            self.copied_inputs[node] = left

    def find(self, value: Value) -> tuple[Value, int]:
        """The value that owns the memory, and the offset in bytes."""
        offset = 0
        while value in self.root:
            value, shift = self.root[value]
            offset += shift
        return value, offset


def _overlaps(a: Variable, b: Variable) -> bool:
    return a is b or np.may_share_memory(a.array, b.array)


def _place(graph: Graph, steps: list[Step], views: _Views) -> Plan:
    first: dict = {}
    last: dict = {}
    sizes: dict = {}

    def touch(item, step):
        if isinstance(item, Value):
            item, _ = views.find(item)
            if item.node is None:
                last[item] = step
                return
            sizes[item] = item.type.bytes
        elif isinstance(item, Temporary):
            sizes[item] = item.type.bytes
        else:
            return
        first.setdefault(item, step)
        last[item] = step
    for index, step in enumerate(steps):
        for value in (*step.node.inputs, *step.node.outputs):
            touch(value, index)
        for launch in step.launches:
            for item in launch.arguments:
                touch(item, index)
    for value in graph.kept():
        touch(value, len(steps))
    homes, copies = _homes_of_assigned(graph, steps, views, first, last)
    persistent = _persistent(graph, steps, views, sizes, homes)
    lifetimes = {item: Lifetime(sizes[item], first[item], last[item])
                 for item in sizes if item not in homes and item not in persistent}
    heirs = _heirs(steps, views, lifetimes)
    offsets, arena_bytes = place(lifetimes)
    for item, offset in offsets.items():
        homes[item] = Home("arena", offset)
    for item, owner in heirs.items():
        homes[item] = homes[owner]
    for item in persistent:
        homes[item] = Home("persistent", 0, item)
    _homes_of_views(graph, views, homes)
    return Plan(graph, tuple(steps), homes, arena_bytes, persistent, tuple(copies))


def _in_order(step: Step, value: Value) -> bool:
    """Whether each element of an input is read before that of the result `value` is written."""
    op = step.node.op
    first = op in _FIRST_IN_PLACE and value is step.node.outputs[0]
    return step.compiled and (first or op in _IN_PLACE or OPS[op].elementwise)


def _heirs(steps: list[Step], views: _Views, lifetimes: dict) -> dict[Value, Value]:
    """Results that take the place of an input nobody reads afterwards, and whose place that was in the beginning.

    The lifetimes of the first owners, which alone stay in `lifetimes`, are lengthened. It is memory that is saved, and
    time: what is written lies in the cache because it was just read.
    """
    owners: dict[Value, Value] = {}
    for index, step in enumerate(steps):
        free = list(dict.fromkeys(step.node.inputs))
        for value in [value for value in step.node.outputs if _in_order(step, value)]:
            for given in free:
                base, offset = views.find(given)
                owner = owners.get(base, base)
                whole = given.type == value.type and offset == 0 and base.type.bytes == value.type.bytes
                if whole and value in lifetimes and owner in lifetimes and lifetimes[owner].last == index:
                    owners[value] = owner
                    lifetimes[owner] = replace(lifetimes[owner], last=lifetimes.pop(value).last)
                    free = [other for other in free if views.find(other)[0] is not base]
                    break
    return owners


def _homes_of_assigned(graph, steps, views, first, last):
    """Assigned values that can be computed right in their variable's memory; the others are copied at the end."""
    homes, copies = {}, []
    makers = {value: index for index, step in enumerate(steps) for value in step.node.outputs}
    for variable, value in graph.assigned:
        base, _ = views.find(value)
        made = makers.get(base)
        alone = (base is value or base.type.bytes == value.type.bytes) and base not in homes and base not in views.flat
        if made is None or not alone or value in graph.outputs:
            copies.append((variable, value))
            continue
        safe = True
        for parameter in graph.parameters:
            if not _overlaps(parameter.source, variable):
                continue
            read = last.get(parameter, -1)
            if read > made:
                safe = False
            elif read == made:
                same_place = parameter.source is variable and parameter.type == base.type
                safe = safe and same_place and _in_order(steps[made], base)
        if safe:
            homes[base] = Home("variable", 0, variable)
        else:
            copies.append((variable, value))
    return homes, copies


def _persistent(graph, steps, views, sizes, homes):
    """Flat gradients (their gaps stay zero) and, in programs that are no steps of a training, what is prepared: in a
    step, packed weights are made where they are read, in the cache, and their memory is used again."""
    found = {value: sizes[value] for value in views.flat if value in sizes and value not in homes}
    if not graph.trains:
        for step in steps:
            for launch in step.launches:
                if launch.prepares:
                    owners = [item if isinstance(item, Temporary) else views.find(item)[0] for item in launch.writes]
                    found.update({owner: sizes[owner] for owner in owners})
    return found


def _homes_of_views(graph, views, homes):
    def home(value):
        base, offset = views.find(value)
        if base in homes:
            owner = homes[base]
            return Home(owner.kind, owner.offset + offset, owner.owner)
        kind = {"parameter": "variable", "constant": "constant"}.get(base.role, "input")
        owner = base.source if base.role in ("parameter", "constant") else base
        return Home(kind, offset, owner)
    for node in graph.nodes:
        for value in (*node.inputs, *node.outputs):
            if value not in homes:
                homes[value] = home(value)
    for value in graph.kept():
        if value not in homes:
            homes[value] = home(value)
