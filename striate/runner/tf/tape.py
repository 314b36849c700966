"""`tf.GradientTape`: gradients where TensorFlow's code asks for them.

Inside a `train_step`, or whatever else striate is compiling, the program that is being traced has the gradients
anyway. Elsewhere the tape computes each op at once, by the ops' references, and keeps what was computed: right, but
slow, which is enough to look into a model (Grad-CAM, saliency) and for small training loops.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from striate import ops, seeds
from striate.engine import gradients
from striate.errors import GraphError, received
from striate.graph.eager import EagerTracer, EagerValue, array_of
from striate.graph.ir import Value
from striate.graph.trace import collect
from striate.ops.dispatch import active_tracer, recording
from striate.ops.spec import OPS
from striate.utils.tensor import as_tensor
from striate.variables import Variable


def _place(array: np.ndarray) -> tuple:
    """What two views of one array have in common."""
    return array.ctypes.data, array.shape, array.dtype.str


class _TapeValue(EagerValue):
    """A value that shows itself as TensorFlow's tensors do."""

    def __str__(self) -> str:
        return str(as_tensor(self.array))

    def __repr__(self) -> str:
        return repr(as_tensor(self.array))

    def __format__(self, spec: str) -> str:
        return format(as_tensor(self.array), spec)


class _TapeTracer(EagerTracer):
    """Computes what is recorded; arrays that are watched are values of the graph, not constants."""

    kind = _TapeValue

    def __init__(self) -> None:
        super().__init__("GradientTape", seeds.random_state(0)[0])
        self.watched: dict[tuple, tuple[np.ndarray, Value]] = {}

    def watch(self, array: np.ndarray) -> None:
        """Gradients by this array will be asked for."""
        self.watched.setdefault(_place(array), (array, self.entered(array)))

    def value(self, item: Any, dtype: str | None = None) -> Value:
        """Anything an op accepts, as a value."""
        if self.watched and isinstance(item, np.ndarray) and _place(item) in self.watched:
            return self.watched[_place(item)][1]
        return super().value(item, dtype)

    def finish(self) -> None:
        """Variables take the values that were assigned to them, and metrics see the numbers they were given."""
        for variable, value in self.assigned.items():
            variable.assign(array_of(value).copy())
        for function, args, kwargs in self.later:
            numbers = collect([list(args), kwargs], lambda leaf: array_of(leaf) if isinstance(leaf, Value) else leaf)
            function(*numbers[0], **numbers[1])
        self.later.clear()

    def depends(self, target: Value) -> set[Value]:
        """Every value that the target's gradient can reach."""
        found = {target}
        for node in reversed(self.nodes):
            if OPS[node.op].gradient is not None and node.op != "stop_gradient" and not found.isdisjoint(node.outputs):
                found.update(node.inputs)
        return found


class GradientTape:
    """Records what is computed in its `with` block, so that gradients can be asked for.

    Example:
        >>> import striate
        >>> x = striate.Variable(3.0)
        >>> with GradientTape() as tape:
        ...     y = x * x
        >>> float(tape.gradient(y, x))
        6.0
    """

    def __init__(self, persistent=False, watch_accessed_variables=True):
        self.persistent = persistent
        self._own: _TapeTracer | None = None
        self._recording: recording | None = None
        self._variables: tuple[Variable, ...] = ()

    def __enter__(self) -> GradientTape:
        outer = active_tracer()
        if outer is None:
            self._own = _TapeTracer()
            self._recording = recording(self._own)
            self._recording.__enter__()
        elif isinstance(outer, _TapeTracer):
            self._own = outer  # several tapes of one `with` share what they record
        return self

    def __exit__(self, *failure) -> None:
        if self._own is not None:
            self._variables = tuple(variable for variable in self._own.parameters if variable.trainable)
        if self._recording is not None and self._own is not None:
            self._recording.__exit__(*failure)
            self._recording = None
            if failure[0] is None:
                self._own.finish()

    def watch(self, tensor) -> None:
        """Gradients by this tensor (or these tensors) will be asked for; variables need no watching."""
        tracer = self._own if self._own is not None else active_tracer()

        def enter(leaf):
            if isinstance(tracer, _TapeTracer) and isinstance(leaf, np.ndarray):
                tracer.watch(leaf)
        collect(tensor, enter)

    def watched_variables(self) -> tuple[Variable, ...]:
        """The variables that were read in the block (not inside a model's own step)."""
        return self._variables

    def gradient(self, target, sources, output_gradients=None, unconnected_gradients=None):
        """The gradients of the sum of `target` by each source, in the structure of the sources.

        Args:
            target: a tensor, or a list of them.
            sources: variables and tensors, alone or nested.
            output_gradients: factors of the target's entries.
            unconnected_gradients: "zero": zeros, not None, by sources that the target does not depend on.
        """
        tracer = self._own if self._own is not None and self._recording is None else active_tracer()
        if tracer is None:
            raise GraphError("Gradients of a GradientTape need a `with` block before. " + received(target=target))
        with recording(tracer):
            total = _total(target, output_gradients)
            wanted: list = []
            collect(sources, wanted.append)
            values = [tracer.value(source) for source in wanted]
            found = gradients(total, values)
        if isinstance(tracer, _TapeTracer) and unconnected_gradients not in ("zero", "ZERO"):
            reached = tracer.depends(total)
            found = [g if value in reached else None for value, g in zip(values, found, strict=True)]
        recorded = active_tracer() is not None  # then gradients of gradients may be asked for
        found = [g if g is None or recorded and g.role != "constant" else as_tensor(array_of(g)) for g in found]
        results = iter(found)
        return collect(sources, lambda leaf: next(results))


def _total(target: Any, factors: Any) -> Value:
    """The sum of everything that is to be differentiated."""
    targets: list = []
    collect(target, targets.append)
    weights: list = [None] * len(targets)
    if factors is not None:
        weights = []
        collect(factors, weights.append)
    parts = [ops.sum(y if weight is None else ops.multiply(y, weight))
             for y, weight in zip(targets, weights, strict=True)]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return active_tracer().value(total)
