"""Tracing that computes: every op gives its numbers at once, so that `print` and a debugger show them.

`run_eagerly` runs a Python function like a trace does, but each value carries its array, computed by the op's
reference. It is slow, and the numbers may differ from the compiled program's in the last bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from striate.graph.gradient import backward
from striate.graph.ir import Node, Value
from striate.graph.trace import Tracer, collect
from striate.ops.dispatch import recording
from striate.ops.spec import OPS, TensorType
from striate.variables import Variable


class EagerValue(Value):
    """A value whose numbers are known: it prints them, becomes a NumPy array, and can decide an `if`."""

    def __init__(self, array: np.ndarray, type: TensorType, node: Node | None = None, index: int = 0,
                 role: str = "computed", source: Any = None, name: str = ""):
        super().__init__(type, node, index, role, source, name)
        self.array = array

    def numpy(self) -> np.ndarray:
        """A copy of the numbers."""
        return self.array.copy()

    def __array__(self, dtype=None, copy=None):
        return np.array(self.array, dtype=dtype)

    def __bool__(self) -> bool:
        return bool(self.array)

    def __float__(self) -> float:
        return float(self.array)

    def __int__(self) -> int:
        return int(self.array)

    def __index__(self) -> int:
        return self.array.__index__()

    def __format__(self, spec: str) -> str:
        return format(self.array[()], spec) if spec and not self.array.ndim else str(self)

    def __iter__(self):
        return (self[index] for index in range(len(self)))

    def __repr__(self) -> str:
        return f"<Value {self.type}\n{self.array}>"


class EagerTracer(Tracer):
    """Records as `Tracer` does, and computes each node when it is recorded."""

    def __init__(self, name: str, words: np.ndarray):
        super().__init__(name)
        self._words = words

    kind = EagerValue
    """The class of its values."""

    def entered(self, array: np.ndarray) -> EagerValue:
        """An argument of the function as a value; its numbers are a plain array, which no tape records."""
        return self.kind(np.asarray(array), TensorType(array.shape, str(array.dtype)), role="input")

    def stand_in(self, type: TensorType) -> EagerValue:
        """A value that other ones take the place of: ones, until then."""
        return self.entered(np.ones(type.lengths, type.dtype))

    def read(self, variable: Variable) -> Value:
        """The value of a variable at this point."""
        if variable not in self.parameters:
            self.parameters[variable] = self.kind(variable.array.copy(), TensorType(variable.shape, variable.dtype),
                                                  role="parameter", source=variable, name=variable.path)
        return super().read(variable)

    def random_state(self) -> Value:
        """The words that random ops count from."""
        if self._random is None:
            self._random = self.entered(self._words)
        return self._random

    def record(self, op: str, inputs: Sequence[Any], attributes: dict) -> tuple[Value, ...]:
        """Appends a node and computes it; gradients by the rules of the ops recorded so far."""
        outputs = super().record(op, inputs, attributes)
        node = self.nodes[-1]
        if op == "gradient":
            self.nodes.pop()
            return tuple(backward(list(self.nodes), node.inputs[0], node.inputs[1:], self))
        with np.errstate(all="ignore"):
            results = OPS[op].reference(*[array_of(value) for value in node.inputs], **node.attributes)
        node.outputs = tuple(self.kind(np.asarray(result, value.dtype), value.type, node, value.index)
                             for value, result in zip(outputs, results, strict=True))
        return node.outputs


def array_of(value: Value) -> np.ndarray:
    """The numbers of a value: its own, or those of the constant that it is."""
    return value.array if isinstance(value, EagerValue) else np.asarray(value.source)


def run_eagerly(function: Callable, arguments: Sequence[Any], words: np.ndarray, name: str) -> Any:
    """Calls the function with values that carry their numbers, assigns to variables, gives the results as arrays.

    Args:
        function: as for `engine.Function`.
        arguments: nests of arrays; texts, None and booleans are handed on as they are.
        words: uint32 (4,), what random numbers depend on.
        name: for messages.
    """
    tracer = EagerTracer(name, words)

    def enter(leaf):
        return leaf if isinstance(leaf, (bool, str)) else tracer.entered(np.asarray(leaf))
    with recording(tracer):
        structure = function(*collect(list(arguments), enter))
        results = collect(structure, lambda leaf: array_of(tracer.value(leaf)).copy())
    news = [(variable, array_of(value).copy()) for variable, value in tracer.assigned.items()]
    for variable, array in news:
        variable.array[...] = array
        variable.version += 1
    return results
