"""A model's graph of layer calls with the models and attention inside of it opened: each of their layers can be looked
at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from striate.layers.core import Masking
from striate.layers.reshaping import Permute, Reshape
from striate.layers.symbolic import KerasTensor, Node, Operation, infer_outputs, leaves, symbolic_leaves
from striate.models import Model
from striate.models.node_graph import NodeGraph
from striate.models.structure import flatten, pack
from striate.see.attention_steps import Step, Steps


class Call(Node):
    """One call of a layer, as `Node`, but unknown to the layer: looking at a model leaves no trace in it.

    name: of the layer; of its second call with " (2)" behind it, and so on. channels_first, fed_first: whether its
    output, its inputs have their channels before their places.
    """

    def __init__(self, operation: Operation, name: str, args: tuple, kwargs: dict, outputs: Any):
        self.operation, self.name, self.args, self.kwargs, self.outputs = operation, name, args, kwargs, outputs
        self.input_tensors, self.output_tensors = symbolic_leaves(args, kwargs), leaves(outputs)
        self.channels_first = self.fed_first = False

    @property
    def has_places(self) -> bool:
        """Whether the output has places and channels."""
        return len(self.output_tensors[0].shape) > 2

    @property
    def keeps_order(self) -> bool:
        """Whether the layer leaves the axes where they are, and does not say itself where it takes the channels."""
        return not hasattr(self.operation, "data_format") and not isinstance(self.operation, (Permute, Reshape))


class OpenedGraph(NodeGraph):
    """Calls of layers that lead from a model's inputs to its outputs, those inside of inner models in their place.

    Attention is opened too: its projections, scores, weights and means are calls of their own (`attention_steps`).

    names: layer -> its name; a layer of an inner model has the model's name before its own, "base/conv2d". layers: each
    once, in Keras' order. model_names: inner model (or attention) -> its name. ends: this name -> the call of its
    (first) output.
    """

    def __init__(self, model: Any):
        graph = model._graph
        self.model_graphs: dict[Any, NodeGraph] = {}
        self.nodes: list[Any] = []
        self.names: dict[Any, str] = {}
        self.model_names: dict[Any, str] = {}
        self.ends: dict[str, Any] = {}
        self._makers: dict[int, Call] = {}
        self._inside: dict[Any, list] = {}
        self._steps = None if _may_mask(graph) else Steps()
        for node in graph.nodes:
            if node.is_input:
                self._add(node.operation, node.operation.name, (), {}, node.outputs)
        self.inputs, self.input_structure = graph.inputs, graph.input_structure
        self.output_structure = self._open(graph, graph.inputs, "")
        self.outputs = flatten(self.output_structure)
        self.layers = list(dict.fromkeys(self._spread(model)))
        self._find_channels()

    def _add(self, operation: Any, name: str, args: tuple, kwargs: dict, outputs: Any) -> None:
        name, before = self.names.setdefault(operation, name), sum(c.operation is operation for c in self.nodes)
        call = Call(operation, f"{name} ({before + 1})" if before else name, args, kwargs, outputs)
        self.nodes.append(call)
        self._makers.update((id(tensor), call) for tensor in call.output_tensors)

    def _open(self, graph: NodeGraph, inputs: list, inside: str) -> Any:
        """Adds the calls of a graph for these inputs; gives its outputs."""
        found: dict[int, Any] = {id(tensor): value for tensor, value in zip(graph.inputs, inputs, strict=True)}
        for node in graph.nodes:
            if all(id(tensor) in found for tensor in node.output_tensors):
                continue
            args, kwargs = node.arguments(lambda tensor: found[id(tensor)])
            layer: Any = node.operation
            name, inner = inside + layer.name, _inner(layer, args, kwargs)
            steps = None if self._steps is None else self._steps.of(layer, args, kwargs)
            if inner is not None:
                self.model_graphs[layer] = layer._graph
                outputs = self._open(layer._graph, inner, name + "/")
            elif steps is not None:
                outputs = self._take(steps, layer, name + "/")
            if inner is not None or steps is not None:
                self.model_names.setdefault(layer, name)
                self.ends.setdefault(name, self.maker(leaves(outputs)[0]))
            else:  # An inner model can be called twice, so its tensors are made anew.
                outputs = infer_outputs(layer, args, kwargs) if inside else node.outputs
                self._add(layer, name, args, kwargs, outputs)
            found.update((id(tensor), value)
                         for tensor, value in zip(node.output_tensors, leaves(outputs), strict=True))
        return pack(graph.output_structure, [found[id(tensor)] for tensor in graph.outputs])

    def _take(self, steps: Any, layer: Any, inside: str) -> Any:
        """Adds the steps of a call of attention; gives its outputs."""
        def add(step, inputs):
            outputs = infer_outputs(step, (inputs,), {})
            self._add(step, inside + step.name, (inputs,), {}, outputs)
            self._inside.setdefault(layer, []).append(step)
            return outputs
        return steps(add)

    def _find_channels(self) -> None:
        """Layers that say where they take the channels tell it to those behind and before them that do not."""
        for call in self.calls:
            sources = [self.maker(tensor) for tensor in call.input_tensors]
            first = getattr(call.operation, "data_format", None) == "channels_first"
            call.fed_first = first or any(source.channels_first for source in sources)
            call.channels_first = call.has_places and (call.fed_first if call.keeps_order else first)
        for call in reversed(self.calls):
            first = call.fed_first or call.keeps_order and call.channels_first
            for source in (self.maker(tensor) for tensor in call.input_tensors):
                if first and source.has_places and source.keeps_order:
                    source.channels_first = True
            call.fed_first = first
        for call in self.calls:
            if isinstance(call.operation, Step):  # Each head is a map.
                call.channels_first, call.fed_first = call.operation.heads_first, call.operation.fed_heads_first

    def _spread(self, model: Any) -> Iterator[Any]:
        for layer in model.layers:
            if layer in self.model_graphs:
                yield from self._spread(layer)
            elif layer in self._inside:
                yield from self._inside[layer]
            elif layer in self.names and type(layer).__name__ != "InputLayer":
                yield layer

    @property
    def is_current(self) -> bool:
        """Whether the inner models are still what they were."""
        return all(model._graph is graph for model, graph in self.model_graphs.items())

    @property
    def is_chain(self) -> bool:
        """Whether each layer is called once, on the output of the layer before."""
        return len(self.nodes) == len(self.names) and all(
            len(node.input_tensors) == 1 and self.maker(node.input_tensors[0]) is before
            for before, node in zip(self.nodes, self.nodes[1:], strict=False))

    def maker(self, tensor: KerasTensor) -> Call:
        """The call that gave a tensor of this graph."""
        return self._makers[id(tensor)]

    @property
    def calls(self) -> list[Call]:
        """Those of layers: the nodes without the inputs."""
        return [node for node in self.nodes if not node.is_input]


def _may_mask(graph: NodeGraph) -> bool:
    """Whether some layer of a model may mark places that others then leave out; unknown ones may."""
    operations = [node.operation for node in graph.nodes]
    return any(_may_mask(one._graph) if isinstance(one, Model) and one._graph is not None else
               getattr(one, "mask_zero", False) or isinstance(one, Masking) or type(one).__module__[:8] != "striate."
               for one in operations)


def _inner(operation: Any, args: tuple, kwargs: dict) -> list | None:
    """What the inputs of an inner model stand for; None for what is none, or must change them first."""
    if not isinstance(operation, Model) or operation._graph is None:
        return None
    given = operation._graph.align(args[0] if args else kwargs["inputs"], fit=False)
    fits = all(isinstance(value, KerasTensor) and len(value.shape) == len(tensor.shape)
               for value, tensor in zip(given, operation._graph.inputs, strict=True))
    return given if fits else None
