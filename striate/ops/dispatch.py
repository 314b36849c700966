"""How a call of an op finds what is to happen: record a node, describe a layer graph, or compute at once.

`apply(op, inputs, attributes)` looks at its inputs:
* a tensor that is being traced (or an active trace on this thread) records a node in the graph;
* a symbolic tensor of a functional model (it has `__striate_symbolic__`) records the call in the model; where Keras
  knows the public function, `describes_calls` has recorded the call of that as a whole before;
* arrays and numbers are computed at once by the op's reference, after the shape rule has checked them.

No room above this one is imported: tracers and symbolic tensors announce themselves by the two hooks here.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

import numpy as np

from striate.ops.allowance import check_sizes, is_limited, spend_numbers, spend_operation
from striate.ops.spec import OPS, TensorType


class _State(threading.local):
    def __init__(self) -> None:
        self.tracers: list = []


_state = _State()


def active_tracer():
    """The tracer that records ops on this thread, or None."""
    return _state.tracers[-1] if _state.tracers else None


class recording:
    """Context manager: ops on this thread are recorded by `tracer`."""

    def __init__(self, tracer):
        self.tracer = tracer

    def __enter__(self):
        _state.tracers.append(self.tracer)
        return self.tracer

    def __exit__(self, *failure):
        _state.tracers.pop()


def to_array(value: Any) -> np.ndarray:
    """An input of an eager op as an array: variables give their value, Python numbers float32 or int32."""
    value = getattr(value, "__striate_value__", value)
    array = np.asarray(value)
    if isinstance(value, (float, list, tuple)) and array.dtype == np.float64:
        return array.astype(np.float32)
    if isinstance(value, (bool, np.bool_)):
        return array
    if isinstance(value, (int, list, tuple)) and array.dtype == np.int64:
        return array.astype(np.int32)
    return array


def apply(op: str, inputs: list, **attributes):
    """Applies an op of the table; gives its output, or the tuple of its outputs when it has several."""
    for value in inputs:
        if hasattr(value, "__striate_symbolic__"):
            return value.__striate_symbolic__(op, inputs, attributes)
    spend_operation()
    tracer = active_tracer()
    if tracer is not None:
        outputs = tracer.record(op, inputs, attributes)
        check_sizes(output.type.shape for output in outputs)
    else:
        arrays = [to_array(value) for value in inputs]
        types = OPS[op].shape([TensorType(array.shape, str(array.dtype)) for array in arrays], **attributes)
        if is_limited():
            for type in types:
                spend_numbers(*(length or 0 for length in type.shape))
        outputs = OPS[op].reference(*arrays, **attributes)
    return outputs[0] if len(outputs) == 1 else tuple(outputs)


def describes_calls(function):
    """A public function that, called on symbolic tensors, asks them to record the whole call as one operation."""
    @functools.wraps(function)
    def public(*args, **kwargs):
        for value in (*args, *kwargs.values()):
            parts = value if isinstance(value, (list, tuple)) else (value,)
            for part in parts:
                if hasattr(part, "__striate_symbolic__"):
                    recorded = part.__striate_call__(function, args, kwargs)
                    if recorded is not NotImplemented:
                        return recorded
        return function(*args, **kwargs)
    return public


class TensorMethods:
    """Python's operators for everything that stands for a tensor; each is one op of `striate.ops`."""

    __array_priority__ = 1000

    def _binary(self, name, other, swap=False):
        from striate import ops

        return getattr(ops, name)(other, self) if swap else getattr(ops, name)(self, other)

    def __add__(self, other):
        return self._binary("add", other)

    def __radd__(self, other):
        return self._binary("add", other, True)

    def __sub__(self, other):
        return self._binary("subtract", other)

    def __rsub__(self, other):
        return self._binary("subtract", other, True)

    def __mul__(self, other):
        return self._binary("multiply", other)

    def __rmul__(self, other):
        return self._binary("multiply", other, True)

    def __truediv__(self, other):
        return self._binary("divide", other)

    def __rtruediv__(self, other):
        return self._binary("divide", other, True)

    def __floordiv__(self, other):
        return self._binary("floor_divide", other)

    def __rfloordiv__(self, other):
        return self._binary("floor_divide", other, True)

    def __mod__(self, other):
        return self._binary("mod", other)

    def __pow__(self, other):
        return self._binary("power", other)

    def __rpow__(self, other):
        return self._binary("power", other, True)

    def __matmul__(self, other):
        return self._binary("matmul", other)

    def __rmatmul__(self, other):
        return self._binary("matmul", other, True)

    def __gt__(self, other):
        return self._binary("greater", other)

    def __ge__(self, other):
        return self._binary("greater_equal", other)

    def __lt__(self, other):
        return self._binary("less", other)

    def __le__(self, other):
        return self._binary("less_equal", other)

    def __neg__(self):
        from striate import ops

        return ops.negative(self)

    def __abs__(self):
        from striate import ops

        return ops.absolute(self)

    def __getitem__(self, key):
        from striate import ops

        return ops.get_item(self, key)
