"""Tracing: Python code runs once on symbolic values, and what it does to them is the graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from striate.errors import GraphError
from striate.graph.ir import Graph, Node, Value
from striate.ops.dispatch import recording, to_array
from striate.ops.spec import OPS, TensorType
from striate.variables import Variable

_FLOATS = ("float16", "float32", "float64")


class Tracer:
    """Records ops as nodes. `record`, `read`, `assign` and `random_state` are what `ops` and `Variable` call."""

    def __init__(self, name: str = "program"):
        self.name = name
        self.inputs: list[Value] = []
        self.nodes: list[Node] = []
        self.parameters: dict[Variable, Value] = {}
        self.assigned: dict[Variable, Value] = {}
        self._constants: dict[tuple, Value] = {}
        self._random: Value | None = None
        self._scopes: list[str] = []
        self.later: list[tuple[Callable, tuple, dict]] = []
        """Calls to be made after each run of the program, with the values of their arguments: metrics."""
        self.scalars: dict[Any, Any] = {}
        """For each optimizer that the program may use, the value that holds its numbers for the coming step."""

    def input(self, type: TensorType, name: str = "", role: str = "input") -> Value:
        """A value that the caller of the program fills."""
        value = Value(type, role=role, name=name)
        self.inputs.append(value)
        return value

    def stand_in(self, type: TensorType) -> Value:
        """A value that other ones take the place of before the program runs."""
        return Value(type, role="stand-in")

    def read(self, variable: Variable) -> Value:
        """The value of a variable at this point of the program."""
        if variable in self.assigned:
            return self.assigned[variable]
        group = variable.group
        if group is not None and group.flat in self.assigned and variable is not group.flat:
            return self._range_of(group, variable)
        if variable not in self.parameters:
            self.parameters[variable] = Value(TensorType(variable.shape, variable.dtype), role="parameter",
                                              source=variable, name=variable.path)
        return self.parameters[variable]

    def _range_of(self, group, variable: Variable) -> Value:
        from striate import ops

        offset = group.offsets[group.variables.index(variable)]
        return ops.reshape(self.assigned[group.flat][offset:offset + variable.size], variable.shape)

    def assign(self, variable: Variable, value: Any) -> Value:
        """The variable takes `value` at the end of each run; later reads in the program see it."""
        value = self.value(value, variable.dtype)
        if value.dtype != variable.dtype:
            from striate import ops

            value = ops.cast(value, variable.dtype)
        self.read(variable)
        self.assigned[variable] = value
        return value

    def random_state(self) -> Value:
        """The four uint32 words (seed low and high, step low and high) that random ops count from."""
        if self._random is None:
            self._random = self.input(TensorType((4,), "uint32"), "random_state", role="random")
        return self._random

    def value(self, item: Any, dtype: str | None = None) -> Value:
        """Anything an op accepts as a value of the graph: arrays become constants."""
        if isinstance(item, Value):
            return item
        if isinstance(item, Variable):
            return self.read(item)
        array = to_array(item)
        if dtype is not None:
            array = array.astype(dtype)
        elif array.dtype == np.float64:
            array = array.astype(np.float32)
        elif array.dtype == np.int64:
            array = array.astype(np.int32)
        key = (array.dtype.str, array.shape, array.tobytes()) if array.size <= 64 else (id(item),)
        if key not in self._constants:
            source = np.ascontiguousarray(array).reshape(array.shape)
            self._constants[key] = Value(TensorType(array.shape, str(array.dtype)), role="constant", source=source)
            if array.size > 64:
                self._constants[key].name = "constant"
                self._constants[(id(item), "alive")] = item
        return self._constants[key]

    def record(self, op: str, inputs: Sequence[Any], attributes: dict) -> tuple[Value, ...]:
        """Appends a node; Python numbers take the kind of the tensors beside them."""
        kinds = [value.dtype for value in inputs if isinstance(value, (Value, Variable, np.ndarray))]
        values = [self.value(item, self._number_dtype(item, kinds)) for item in inputs]
        types = OPS[op].shape([value.type for value in values], **attributes)
        node = Node(op, values, attributes, types, "/".join(self._scopes))
        self.nodes.append(node)
        return node.outputs

    @staticmethod
    def _number_dtype(item: Any, kinds: Sequence[Any]) -> str | None:
        if isinstance(item, (bool, np.bool_)) or not isinstance(item, (int, float, np.integer, np.floating)):
            return None
        floats = [str(kind) for kind in kinds if str(kind) in _FLOATS]
        if floats:
            return "float32" if "float64" in floats else floats[0]
        if isinstance(item, (float, np.floating)):
            return "float32"
        return next((str(kind) for kind in kinds if str(kind) != "bool"), "int32")

    @contextmanager
    def scope(self, name: str):
        """Nodes recorded inside carry this name: the path of the layer that is called."""
        self._scopes.append(name)
        try:
            yield self
        finally:
            self._scopes.pop()

    def graph(self, outputs: Sequence[Value]) -> Graph:
        """What was recorded so far, with these outputs."""
        return Graph(self.name, self.inputs, self.parameters.values(), self.nodes, outputs, self.assigned.items())


def trace(function: Callable, types: Sequence[TensorType], name: str = "program") -> tuple[Graph, Any]:
    """Runs `function` on one symbolic value for each type; gives the graph and what the function returned.

    Example:
        >>> from striate import ops
        >>> graph, _ = trace(lambda x: ops.exp(x) + 1.0, [TensorType((2, 3))])
        >>> [node.op for node in graph.nodes]
        ['exp', 'add']
    """
    tracer = Tracer(name)
    values = [tracer.input(type, f"input{index}") for index, type in enumerate(types)]
    with recording(tracer):
        result = function(*values)
        outputs: list[Value] = []
        collect(result, lambda leaf: outputs.append(tracer.value(leaf)))
        return tracer.graph(outputs), result


def collect(structure: Any, visit: Callable) -> Any:
    """Applies `visit` to every leaf of nested lists, tuples and dicts, in order, and rebuilds the nest."""
    if isinstance(structure, dict):
        return {key: collect(value, visit) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        items = [collect(item, visit) for item in structure]
        if isinstance(structure, tuple):
            return type(structure)(*items) if hasattr(structure, "_fields") else tuple(items)
        return items
    return None if structure is None else visit(structure)


PROBES = ({"batch": 6, "other": 192}, {"batch": 10, "other": 256})
"""Lengths tried in the place of unknown ones; multiples of the strides and blocks that networks have."""


def infer(function: Callable, types: Sequence[TensorType]) -> Any:
    """The types of what `function` returns for inputs of these types; lengths may be None. Nothing is kept.

    A function that cannot be traced with unknown lengths (it reshapes, or pads by what is missing) is traced with two
    sets of lengths in their place: what differs between the results is unknown in them too.
    """
    try:
        return _types_of_results(function, types)
    except (ValueError, TypeError):
        if all(None not in type.shape for type in types):
            raise
        try:
            tries = [_types_of_results(function, [_known(type, **lengths) for type in types]) for lengths in PROBES]
        except (ValueError, TypeError):
            tries = []
        if not tries:
            raise
    found: list[TensorType] = []
    collect(tries[1], found.append)
    others = iter(found)
    return collect(tries[0], lambda type: _common(type, next(others)))


def _known(type: TensorType, batch: int, other: int) -> TensorType:
    """The type with lengths in the place of unknown ones."""
    shape = tuple((other if axis else batch) if length is None else length for axis, length in enumerate(type.shape))
    return TensorType(shape, type.dtype)


def _common(one: TensorType, other: TensorType) -> TensorType:
    """The type whose lengths are known where both agree."""
    shape = tuple(n if n == m else None for n, m in zip(one.shape, other.shape, strict=True))
    return TensorType(shape, one.dtype)


def _types_of_results(function: Callable, types: Sequence[TensorType]) -> Any:
    _, result = trace(function, types, "inference")

    def type_of(leaf):
        if isinstance(leaf, Value):
            return leaf.type
        if isinstance(leaf, Variable):
            return TensorType(leaf.shape, leaf.dtype)
        array = to_array(leaf)
        return TensorType(array.shape, str(array.dtype))
    return collect(result, type_of)


def current_tracer(purpose: str):
    """The tracer of this thread; an error that names the purpose when nothing is being traced."""
    from striate.ops.dispatch import active_tracer

    tracer = active_tracer()
    if tracer is None:
        raise GraphError(f"{purpose} works only inside a function that striate.engine.Function traces.")
    return tracer
