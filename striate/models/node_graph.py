"""The layers between the inputs and the outputs of a functional model, in the order in which they can be called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from striate.errors import ArgumentError, TypeMismatchError, received
from striate.layers.symbolic import KerasTensor, Node, Operation, leaves
from striate.models.structure import flatten, is_nested, pack, single


def node_of(tensor: KerasTensor) -> Node:
    """The call that made a symbolic tensor."""
    operation, index, _ = tensor.made_by
    return operation._inbound_nodes[index]


class NodeGraph:
    """Calls of layers that lead from `inputs` to `outputs` (nests of KerasTensors).

    nodes: the calls, in an order in which they can run. depths: how many calls lie between a node and the outputs.
    operations: the layers (and single ops), each once, in Keras' order: the farthest from the outputs first.

    Raises:
        TypeMismatchError: an input or output is no KerasTensor.
        ArgumentError: an output does not follow from the inputs, or two layers have one name.
    """

    def __init__(self, inputs: Any, outputs: Any):
        self.input_structure, self.output_structure = inputs, outputs
        self.inputs, self.outputs = _tensors(inputs, "inputs"), _tensors(outputs, "outputs")
        self.nodes: list[Node] = []
        self._first_seen: dict[Operation, int] = {}
        self._collect()
        self.depths = self._measure()
        self.operations = self._sort_operations()
        self._check_names()

    def _collect(self) -> None:
        """Depth-first search from the outputs; nodes are finished after those that they need."""
        ends = {id(tensor) for tensor in self.inputs}
        finished: set[int] = set()
        for output in self.outputs:
            stack: list[tuple[KerasTensor, bool]] = [(output, False)]
            while stack:
                tensor, needs_are_done = stack.pop()
                node = node_of(tensor)
                if id(node) in finished or (id(tensor) in ends and not node.is_input):
                    continue
                if needs_are_done:
                    finished.add(id(node))
                    self.nodes.append(node)
                    continue
                if node.is_input and id(tensor) not in ends:
                    raise ArgumentError(f"The outputs need the input {tensor.name!r}, which is not among `inputs`. "
                                        + received(inputs=[item.name for item in self.inputs]))
                self._first_seen.setdefault(node.operation, len(self._first_seen))
                stack.append((tensor, True))
                stack.extend((need, False) for need in reversed(node.input_tensors))
        for tensor in self.inputs:
            node = node_of(tensor)
            if node.is_input and id(node) not in finished:
                finished.add(id(node))
                self._first_seen.setdefault(node.operation, -1)
                self.nodes.insert(0, node)

    def _measure(self) -> dict[Node, int]:
        depths: dict[Node, int] = {}
        of_operation: dict[Operation, int] = {}
        inside = set(self.nodes)
        for node in reversed(self.nodes):
            depth = max(depths.get(node, 0), of_operation.get(node.operation, 0))
            depths[node] = of_operation[node.operation] = depth
            for parent in node.parent_nodes:
                if parent in inside:
                    depths[parent] = max(depth + 1, depths.get(parent, 0))
        self._operation_depths = of_operation
        return depths

    def _sort_operations(self) -> list[Operation]:
        depth = self._operation_depths
        return sorted(depth, key=lambda operation: (-depth[operation], self._first_seen[operation]))

    def _check_names(self) -> None:
        name, count = Counter(operation.name for operation in self.operations).most_common(1)[0]
        if count > 1:
            raise ArgumentError(f'The name "{name}" is used {count} times in the model. All operation names should be '
                                "unique. Give the layers other names.")

    def __contains__(self, node: Node) -> bool:
        return node in self.depths

    @property
    def is_chain(self) -> bool:
        """Whether each layer is called once, on the output of the layer before."""
        return (len(set(self.depths.values())) == len(self.nodes) == len(self.operations)
                and all(len(node.input_tensors) < 2 for node in self.nodes))

    def run(self, inputs: Any, call: Callable[[Operation, tuple, dict], Any] | None = None) -> Any:
        """The outputs for arrays, traced values or other KerasTensors as inputs, in the nest of `outputs`."""
        found = {id(tensor): value for tensor, value in zip(self.inputs, self.align(inputs), strict=True)}
        for node in self.nodes:
            if node.is_input or all(id(tensor) in found for tensor in node.output_tensors):
                continue
            args, kwargs = node.arguments(lambda tensor: found[id(tensor)])
            result = node.operation(*args, **kwargs) if call is None else call(node.operation, args, kwargs)
            found.update((id(tensor), value) for tensor, value in zip(node.output_tensors, leaves(result), strict=True))
        results = [found[id(tensor)] for tensor in self.outputs]
        if not is_nested(self.output_structure):
            return results[0]
        return single(results) if isinstance(self.output_structure, (list, tuple)) and len(results) == 1 else \
            pack(self.output_structure, results)

    def align(self, inputs: Any, fit: bool = True) -> list:
        """The values for `self.inputs`, out of one value, a list, or a dict by input name.

        Args:
            inputs: the nest of values.
            fit: add or remove a last axis of length 1 where an input needs that.

        Raises:
            ArgumentError: not one value for each input.
        """
        names = [tensor.name for tensor in self.inputs]
        if isinstance(inputs, dict):
            keys = sorted(self.input_structure) if isinstance(self.input_structure, dict) else names
            missing = [key for key in keys if key not in inputs]
            if missing:
                raise ArgumentError(f"There is no value for the input {missing[0]!r}. The model's inputs are {keys}. "
                                    + received(keys=list(inputs)))
            values = flatten([inputs[key] for key in keys])
        else:
            values = flatten(inputs)
        if len(values) != len(self.inputs):
            raise ArgumentError(f"The model takes {len(self.inputs)} inputs ({', '.join(names)}). "
                                f"{received(count=len(values))}")
        return [fit_rank(value, tensor) if fit else value for value, tensor in zip(values, self.inputs, strict=True)]


def fit_rank(value: Any, tensor: KerasTensor) -> Any:
    """A value with a last axis of length 1 added or removed, if the input needs it: (n, 28, 28) for (n, 28, 28, 1)."""
    rank, wanted = len(getattr(value, "shape", tensor.shape)), len(tensor.shape)
    if rank == wanted - 1 and tensor.shape[-1] == 1:
        from striate import ops

        return ops.expand_dims(value, -1)
    if rank == wanted + 1 and value.shape[-1] == 1:
        from striate import ops

        return ops.squeeze(value, -1)
    return value


def _tensors(structure: Any, what: str) -> list[KerasTensor]:
    found = flatten(structure)
    for item in found:
        if not isinstance(item, KerasTensor) or item.history is None:
            raise TypeMismatchError(f"All `{what}` of a model must be KerasTensors, made by keras.Input() or by "
                                    f"calling layers on such. {received(**{what: item})}")
    if not found:
        raise ArgumentError(f"A model needs at least one tensor in `{what}`. {received(**{what: structure})}")
    return found


def from_inputs(graph: NodeGraph) -> NodeGraph:
    """A graph of the same layers that begins at `Input`s, for one that begins in the midst of another model."""
    from striate.layers.input import Input

    if all(node_of(tensor).is_input for tensor in graph.inputs):
        return graph
    fresh = [tensor if node_of(tensor).is_input else Input(batch_shape=tensor.shape, dtype=tensor.dtype)
             for tensor in graph.inputs]
    inputs = pack(graph.input_structure, fresh)
    return NodeGraph(inputs, graph.run(inputs))

