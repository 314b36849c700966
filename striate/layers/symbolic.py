"""The tensors of a functional model: shape and type without numbers, and a record of what made them.

Calling a layer (or an op of `striate.ops`) on a `KerasTensor` adds a `Node` to the layer; the chain of nodes from
outputs back to inputs is the model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Self

from striate import naming, ops
from striate.errors import ArgumentError, TypeMismatchError, received
from striate.graph.trace import collect, infer
from striate.ops.dispatch import TensorMethods, apply
from striate.ops.spec import TensorType
from striate.serialization import export


class KerasHistory(NamedTuple):
    """Who made a tensor, at which of its calls, as which output; the words that Keras has for it."""

    operation: Operation
    node_index: int
    tensor_index: int

    @property
    def layer(self) -> Operation:
        """The operation, as older Keras called it."""
        return self.operation


@export("keras.KerasTensor")
class KerasTensor(TensorMethods):
    """A tensor of which only shape and dtype are known.

    `history` is (operation, node_index, tensor_index): who made it, at which of its calls, as which output.

    Args: shape, with None for free lengths, such as (None, 28, 28, 1); dtype, a name; name.

    Example:
        >>> KerasTensor((None, 3)).shape
        (None, 3)
    """

    def __init__(self, shape, dtype: str = "float32", name: str | None = None):
        self.shape = tuple(None if length is None else int(length) for length in shape)
        self.dtype = str(dtype)
        self.name = naming.given(name, "keras_tensor")
        self.history: tuple[Operation, int, int] | None = None

    @property
    def _keras_history(self) -> KerasHistory | None:
        return None if self.history is None else KerasHistory(*self.history)

    @property
    def made_by(self) -> tuple[Operation, int, int]:
        """The history of a tensor that a layer or an op made. Raises `ArgumentError` for one made by hand."""
        if self.history is None:
            raise ArgumentError("This KerasTensor was not made by a layer or by keras.Input, so a model cannot use it. "
                                + received(tensor=self))
        return self.history

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def type(self) -> TensorType:
        return TensorType(self.shape, self.dtype)

    def reshape(self, newshape) -> KerasTensor:
        """`ops.reshape` of this tensor."""
        return ops.reshape(self, newshape)

    def squeeze(self, axis=None) -> KerasTensor:
        """`ops.squeeze` of this tensor."""
        return ops.squeeze(self, axis)

    def __striate_symbolic__(self, op: str, inputs: list, attributes: dict):
        return OpLayer(op, **attributes)(*inputs)

    def __striate_call__(self, function: Callable, args: tuple, kwargs: dict):
        from striate.layers.operations import describe_call

        return describe_call(function, args, kwargs)

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other) -> bool:
        return self is other

    def _no_numbers(self, *args, **kwargs):
        raise TypeMismatchError(
            "A KerasTensor has no numbers: it is a place holder inside a functional model. Use layers and functions of "
            "keras.ops on it, or write a layer whose `call` does the computation. " + received(tensor=self))

    __array__ = __bool__ = __iter__ = __float__ = __int__ = _no_numbers

    def __repr__(self) -> str:
        return (f"<KerasTensor shape={self.shape}, dtype={self.dtype}, sparse=False, ragged=False, "
                f"name={self.name}>")


def leaves(structure: Any) -> list:
    """The leaves of nested lists, tuples and dicts, in order; None is no leaf."""
    found: list = []
    collect(structure, found.append)
    return found


def symbolic_leaves(*structures: Any) -> list[KerasTensor]:
    """The KerasTensors inside nested arguments."""
    return [leaf for leaf in leaves(structures) if isinstance(leaf, KerasTensor)]


def infer_outputs(function: Callable, args: tuple, kwargs: dict) -> Any:
    """What `function(*args, **kwargs)` returns when its KerasTensors are traced: KerasTensors in the same nest."""
    tensors = symbolic_leaves(args, kwargs)

    def run(*values):
        lookup = dict(zip(tensors, values, strict=True))

        def fill(leaf):
            return lookup.get(leaf, leaf) if isinstance(leaf, KerasTensor) else leaf
        return function(*collect(args, fill), **collect(kwargs, fill))
    types = infer(run, [tensor.type for tensor in tensors])
    return collect(types, lambda type: KerasTensor(type.shape, type.dtype))


class Node:
    """One call of an operation in a functional model.

    args, kwargs: what it was called with, KerasTensors among them. outputs: the nest of KerasTensors it gave.
    """

    def __init__(self, operation: Operation, args: tuple, kwargs: dict, outputs: Any):
        self.operation, self.args, self.kwargs, self.outputs = operation, args, kwargs, outputs
        self.input_tensors = symbolic_leaves(args, kwargs)
        self.output_tensors = leaves(outputs)
        self.index = len(operation._inbound_nodes)
        operation._inbound_nodes.append(self)
        for position, tensor in enumerate(self.output_tensors):
            tensor.history = (operation, self.index, position)
        for tensor in self.input_tensors:
            if tensor.history is not None:
                tensor.history[0]._outbound_nodes.append(self)

    @property
    def is_input(self) -> bool:
        return not self.input_tensors

    @property
    def parent_nodes(self) -> list[Node]:
        """The nodes that made the inputs, each once."""
        found: dict[int, Node] = {}
        for tensor in self.input_tensors:
            operation, index, _ = tensor.made_by
            node = operation._inbound_nodes[index]
            found.setdefault(id(node), node)
        return list(found.values())

    def arguments(self, lookup: Callable[[KerasTensor], Any]) -> tuple[tuple, dict]:
        """(args, kwargs) with every KerasTensor replaced by `lookup(tensor)`."""
        def fill(leaf):
            return lookup(leaf) if isinstance(leaf, KerasTensor) else leaf
        return collect(self.args, fill), collect(self.kwargs, fill)

    def __repr__(self) -> str:
        return f"<Node {self.operation.name}:{self.index}>"


class Operation:
    """What can stand in a functional model: a layer, or one op of `striate.ops`."""

    def __init__(self, name: str | None = None):
        if name is None:
            name = naming.auto_name(type(self).__name__)
        if not isinstance(name, str) or "/" in name:
            raise ArgumentError("Argument `name` must be a string and cannot contain character `/`. "
                                + received(name=name))
        self.name = naming.given(name, "") if name else name
        self._inbound_nodes: list[Node] = []
        self._outbound_nodes: list[Node] = []

    def call(self, *args, **kwargs) -> Any:
        """The outputs for arrays or traced values."""
        raise NotImplementedError(f"Operation {type(self).__name__} does not have a `call()` method implemented.")

    def __call__(self, *args, **kwargs) -> Any:
        if not symbolic_leaves(args, kwargs):
            return self.call(*args, **kwargs)
        outputs = infer_outputs(self.call, args, kwargs)
        Node(self, args, kwargs, outputs)
        return outputs

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The operation that `get_config()` described."""
        return cls(**config)

    @property
    def input(self):
        """The input tensor (or list of them) of the first call in a functional model."""
        return self._first_node("input").input_tensors[0] if len(self._first_node("input").input_tensors) == 1 \
            else self._first_node("input").input_tensors

    @property
    def output(self):
        """The output tensor (or list of them) of the first call in a functional model."""
        tensors = self._first_node("output").output_tensors
        return tensors[0] if len(tensors) == 1 else tensors

    def _first_node(self, what: str) -> Node:
        if not self._inbound_nodes:
            raise AttributeError(f"The layer {self.name} has never been called and thus has no defined {what}. "
                                 "Call it on a keras.Input, or build the model first.")
        return self._inbound_nodes[0]


@export("striate.OpLayer")
class OpLayer(Operation):
    """One op applied inside a functional model, where Keras knows no such function (see `operations`).

    Example:
        >>> OpLayer("reshape", shape=(-1,)).op
        'reshape'
    """

    def __init__(self, op: str, name: str | None = None, **attributes):
        super().__init__(name or naming.auto_name(op))
        self.op, self.attributes = op, attributes

    def call(self, *inputs):
        """Applies the op to arrays or traced values."""
        return apply(self.op, list(inputs), **self.attributes)

    def get_config(self) -> dict[str, Any]:
        return {"op": self.op, "name": self.name, **self.attributes}
