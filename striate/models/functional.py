"""Functional models: their description as a configuration, and back."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

from striate.errors import ArgumentError, received
from striate.graph.trace import collect
from striate.layers.base import Layer, call_arguments
from striate.layers.symbolic import KerasTensor, Node, Operation, symbolic_leaves
from striate.models.model import Model
from striate.models.node_graph import NodeGraph
from striate.serialization import deserialize_keras_object, export, serialize_keras_object


@export("keras.src.models.functional.Functional", "keras.models.Functional", "keras.Functional")
class Functional(Model):
    """A model between symbolic inputs and outputs; made by `Model(inputs, outputs)`.

    Example:
        >>> from striate import Input, layers
        >>> x = Input(shape=(4,))
        >>> type(Model(x, layers.Dense(2)(x))).__name__
        'Functional'
    """

    def __init__(self, inputs, outputs, name: str | None = None, **kwargs):
        super().__init__(inputs=inputs, outputs=outputs, name=name, **kwargs)

    def get_build_config(self) -> dict[str, Any]:
        """Nothing but the form in which Keras says that the inputs are part of the configuration."""
        return {"input_shape": None}

    def get_config(self) -> dict[str, Any]:
        """Layers with their calls, as Keras 3 writes them."""
        return functional_config(self, self._connected("layers"))


def functional_config(model: Model, graph: NodeGraph) -> dict[str, Any]:
    """The configuration of a model with this graph."""
    own_index = _own_indices(graph)
    layers = []
    for operation in graph.operations:
        calls = [_serialize_call(node, own_index) for node in operation._inbound_nodes
                 if node in graph and not node.is_input]
        layers.append(serialize_keras_object(operation) | {"name": operation.name, "inbound_nodes": calls})

    def place(tensor):
        operation, index, position = tensor.history
        first = 1 if isinstance(operation, Functional) else 0
        return [operation.name, own_index[operation, index] + first, position]
    return {"name": model.name, "trainable": model.trainable, "layers": layers,
            "input_layers": collect(graph.input_structure, place),
            "output_layers": collect(graph.output_structure, place)}


def _own_indices(graph: NodeGraph) -> dict[tuple[Operation, int], int]:
    """For (operation, index of one of its calls): the index among its calls inside the graph."""
    found = {}
    for operation in graph.operations:
        inside = [node for node in operation._inbound_nodes if node in graph]
        found.update({(operation, node.index): count for count, node in enumerate(inside)})
    return found


def _serialize_call(node: Node, own_index: dict) -> dict[str, Any]:
    def describe(leaf):
        if not isinstance(leaf, KerasTensor):
            return leaf
        operation, index, position = leaf.history
        return {"class_name": "__keras_tensor__",
                "config": {"shape": leaf.shape, "dtype": leaf.dtype,
                           "keras_history": [operation.name, own_index[operation, index], position]}}
    return {"args": serialize_keras_object(collect(node.args, describe)),
            "kwargs": serialize_keras_object(_implied(node) | collect(node.kwargs, describe))}


def _implied(node: Node) -> dict[str, Any]:
    """What Keras notes although nobody gave it: the default of `training`, and that there is no mask."""
    if not isinstance(node.operation, Layer):
        return {}
    kind: Any = type(node.operation)
    defaults = call_arguments(kind)
    if isinstance(node.operation, Functional):
        defaults = {"training": None, "mask": None}
    implied = {} if defaults.get("training") is None else {"training": defaults["training"]}
    if "mask" in defaults and len(node.args) == 1 and not ("training" in node.kwargs
                                                           and isinstance(node.operation, Model)):
        implied["mask"] = None
    return implied


def functional_from_config(cls: type[Model], config: dict[str, Any]) -> Model:
    """The model that a functional configuration describes.

    Raises:
        ArgumentError: the calls form a loop or name layers that are not there.
    """
    config = dict(config)
    descriptions = config.pop("layers")
    inputs, outputs = config.pop("input_layers"), config.pop("output_layers")
    layers: dict[str, Operation] = {}
    calls: dict[str, deque] = {}
    for description in descriptions:
        layer = deserialize_keras_object(description)
        name = description.get("name") or layer.name
        layers[name], calls[name] = layer, deque(description.get("inbound_nodes", ()))
    _make_calls(calls, layers)

    def tensor(place):
        name, index, position = place
        layer = layers.get(name)
        if isinstance(layer, Functional):
            index -= 1
        return _tensor(layers, [name, index, position])
    return cls(inputs=_map_places(inputs, tensor), outputs=_map_places(outputs, tensor), **config)


def _make_calls(calls: dict[str, deque], layers: dict[str, Operation]) -> None:
    """Makes the calls of every layer in their order, each as soon as the tensors that it takes are there."""
    waiting: dict[tuple[str, int], list[str]] = {}
    lacking: Counter[str] = Counter()
    ready = deque(calls)
    while ready:
        name = ready.popleft()
        layer, left = layers[name], calls[name]
        while left:
            missing = {(other, index) for other, index in _references(left[0])
                       if index >= len(_layer(layers, other)._inbound_nodes)}
            lacking[name] = len(missing)
            for place in missing:
                waiting.setdefault(place, []).append(name)
            if missing:
                break
            args, kwargs = _deserialize_call(left.popleft(), layers)
            if not symbolic_leaves(args, kwargs):
                raise ArgumentError("The model's configuration calls a layer without a tensor of the model, so that it "
                                    f"would compute something at once. {received(layer=name)}")
            layer(*args, **kwargs)
            for other in waiting.pop((name, len(layer._inbound_nodes) - 1), ()):
                lacking[other] -= 1
                if not lacking[other]:
                    ready.append(other)
    for (lacked, index), names in waiting.items():
        raise ArgumentError("The model's configuration has calls that form a loop or lead nowhere: there is no call "
                            f"{index} of {lacked!r}. {received(layer=names[0])}")


def _references(call: Any) -> Iterator[tuple[str, int]]:
    """(layer, number of its call) for each tensor that a call takes."""
    if isinstance(call, list):
        yield from ((place[0], place[1]) for place in _places_of(call))
        return
    parts = [call["args"], call["kwargs"]]
    while parts:
        part = parts.pop()
        if isinstance(part, dict) and part.get("class_name") == "__keras_tensor__":
            yield tuple(part["config"]["keras_history"][:2])
        elif isinstance(part, dict):
            parts += [] if "class_name" in part else part.values()
        elif isinstance(part, list):
            parts += part


def _map_places(structure: Any, function) -> Any:
    """Applies a function to every [name, node, tensor] in a nest."""
    if isinstance(structure, dict):
        return {key: _map_places(item, function) for key, item in structure.items()}
    if len(structure) == 3 and isinstance(structure[0], str):
        return function(structure)
    return [_map_places(item, function) for item in structure]


def _layer(layers: dict[str, Operation], name: str) -> Operation:
    if name not in layers:
        raise ArgumentError(f"The model's configuration names a layer that it does not contain. {received(layer=name)}")
    return layers[name]


def _tensor(layers: dict[str, Operation], place) -> KerasTensor:
    name, index, position = place
    nodes = _layer(layers, name)._inbound_nodes
    if not 0 <= index < len(nodes) or not 0 <= position < len(nodes[index].output_tensors):
        raise ArgumentError(f"The model's configuration names a tensor that no layer gives. {received(tensor=place)}")
    return nodes[index].output_tensors[position]


def _places_of(call: list) -> list:
    """The tensors that a call in the list form of older versions takes."""
    return [call] if call and isinstance(call[0], str) else call


def _deserialize_call(call: Any, layers: dict[str, Operation]) -> tuple[tuple, dict]:
    """(args, kwargs) of one call, in Keras 3's form or the list form of older versions."""
    if isinstance(call, list):
        places = _places_of(call)
        tensors = [_tensor(layers, place[:3]) for place in places]
        kwargs = places[0][3] if places and len(places[0]) > 3 else {}
        return (tensors[0] if len(tensors) == 1 else tensors,), kwargs
    return _fill(call["args"], layers), _fill(call["kwargs"], layers)


def _fill(item: Any, layers: dict[str, Operation]) -> Any:
    if isinstance(item, dict):
        if item.get("class_name") == "__keras_tensor__":
            return _tensor(layers, item["config"]["keras_history"])
        if "class_name" in item:
            return deserialize_keras_object(item)
        return {key: _fill(part, layers) for key, part in item.items()}
    if isinstance(item, (list, tuple)):
        return type(item)(_fill(part, layers) for part in item)
    return item
