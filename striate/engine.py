"""The engine on one page: trace, verify, rewrite, differentiate, rewrite, schedule, place, bind, run.

    step = Function(python_function, "training step")
    outputs = step(arrays...)      # the first call with these shapes does everything; later calls only run

Each stage hands over one immutable, printable object: `Graph`, `Plan`, `Executable`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.graph.eager import run_eagerly
from striate.graph.gradient import differentiate, gradients
from striate.graph.ir import Graph, Value
from striate.graph.passes import AFTER_DIFFERENTIATION, BEFORE_DIFFERENTIATION
from striate.graph.trace import Tracer, collect, infer, trace
from striate.graph.verify import verify
from striate.locks import Lock
from striate.ops.dispatch import recording
from striate.ops.spec import TensorType
from striate.seeds import state_words

if TYPE_CHECKING:
    from striate.runtime.executable import RandomKey

__all__ = ["Function", "compile_graph", "gradients", "infer", "optimise", "trace"]


def optimise(graph: Graph) -> Graph:
    """Every rewrite, in order: forward fusions, differentiation, backward fusions."""
    verify(graph)
    for rewrite in BEFORE_DIFFERENTIATION:
        graph = rewrite(graph)
    graph = differentiate(graph)
    for rewrite in AFTER_DIFFERENTIATION:
        graph = rewrite(graph)
    return verify(graph.replaced(stage="optimised"))


def compile_graph(graph: Graph, mode: str = "compiled"):
    """An executable of a traced graph. mode: compiled, reference (NumPy, op by op) or float64 (the same, unrounded)."""
    from striate.runtime.executable import Executable, ReferenceExecutable

    if mode != "compiled":
        return ReferenceExecutable(differentiate(verify(graph)), "float64" if mode == "float64" else "float32")
    from striate.kernels.cpu import host
    from striate.plan.schedule import schedule

    return Executable(schedule(optimise(graph), host()))


def _leaf_type(array: np.ndarray) -> TensorType:
    return TensorType(array.shape, str(array.dtype))


def _is_static(leaf: Any) -> bool:
    return leaf is None or isinstance(leaf, (bool, str))


def _as_array(leaf: Any) -> np.ndarray:
    array = np.asarray(leaf)
    if isinstance(leaf, float):
        return array.astype(np.float32)
    if isinstance(leaf, int):
        return array.astype(np.int32)
    return array


class Function:
    """A Python function over tensors, compiled once for each signature (shapes and dtypes) of its arguments.

    Arguments may be nested lists, tuples and dicts of arrays; None, True, False and strings are part of the signature.
    Float64 and integer arrays keep their type: the function casts what it needs.

    mode: as for `compile_graph`, or "eager": nothing is compiled, and the function sees the numbers at every call.
    lends: the first so many results may be memory of the function's own, which the next call writes to; the others are
        copies.

    Example:
        >>> from striate import ops
        >>> double = Function(lambda x: 2.0 * x, "double")
        >>> double(np.ones(3, np.float32))
        array([2., 2., 2.], dtype=float32)
    """

    def __init__(self, function: Callable, name: str = "function", mode: str = "compiled", lends: int = 0):
        self.function, self.name, self.mode, self.lends = function, name, mode, lends
        self._made: dict = {}
        self._lock = Lock()

    def __call__(self, *arguments, random: RandomKey = (0, 0), pauses: Callable | None = None):
        """pauses: executable -> the pauses of its run, where there is something to do in the midst of it (compiled
        mode only; see `Executable.run`)."""
        if self.mode == "eager":
            now = random() if callable(random) else random
            return run_eagerly(self.function, arguments, state_words(*now), self.name)
        leaves: list[np.ndarray] = []
        key = _signature(arguments, leaves)
        made = self._made.get(key)
        if made is None:
            made = self._make(key, arguments)
        executable, structure = made
        more = {"pauses": pauses(executable)} if pauses else {}
        if self.lends and self.mode == "compiled":
            more["lends"] = self.lends
        outputs = iter(executable.run(leaves, random, **more))
        return collect(structure, lambda leaf: next(outputs))

    def executable(self, *arguments):
        """The executable for arguments like these (arrays, or `TensorType`s in their place), made if needed."""
        arguments = collect(list(arguments), lambda leaf: leaf)
        return self._make(_signature(arguments, []), arguments)[0]

    def _make(self, key, arguments):
        with self._lock:
            if key in self._made:
                return self._made[key]
            graph, structure = self._traced(arguments)
            executable = compile_graph(graph, self.mode)
            self._made[key] = executable, structure
            return self._made[key]

    def graph(self, *arguments) -> Graph:
        """The traced graph for arguments like these, as it is before any rewrite."""
        return self._traced(arguments)[0]

    def plan(self, *arguments):
        """The plan for arguments like these (arrays or `TensorType`s); nothing is compiled, bound or kept."""
        from striate.kernels.cpu import host
        from striate.plan.schedule import schedule

        return schedule(optimise(self.graph(*arguments)), host())

    def _traced(self, arguments) -> tuple[Graph, Any]:
        """Runs the Python function on symbolic values; gives the graph and the nest of the outputs."""
        tracer = Tracer(self.name)

        def enter(leaf):
            if _is_static(leaf):
                return leaf
            type = leaf if isinstance(leaf, TensorType) else _leaf_type(_as_array(leaf))
            return tracer.input(type, f"input{len(tracer.inputs)}")
        values = collect(list(arguments), enter)
        with recording(tracer):
            structure = self.function(*values)
            outputs: list[Value] = []
            collect(structure, lambda leaf: outputs.append(tracer.value(leaf)))
        return tracer.graph(outputs), structure


def _signature(structure: Any, leaves: list[np.ndarray]) -> Any:
    """A hashable description of nested arguments; their arrays are appended to `leaves`."""
    if isinstance(structure, dict):
        return ("dict", *((key, _signature(value, leaves)) for key, value in structure.items()))
    if isinstance(structure, (list, tuple)):
        return ("list", *(_signature(item, leaves) for item in structure))
    if _is_static(structure):
        return "static", structure
    if isinstance(structure, TensorType):
        return structure.shape, np.dtype(structure.dtype)
    array = _as_array(structure)
    leaves.append(array)
    return array.shape, array.dtype




def run_once(function: Callable, arrays: Sequence[np.ndarray], mode: str = "compiled") -> Any:
    """Traces, compiles and runs a function once: for tests and explanations."""
    return Function(function, getattr(function, "__name__", "function"), mode)(*arrays)
