"""Executables: a plan bound to memory and machine code, and the same graph run op by op in NumPy.

`Executable.run(inputs)` patches the addresses of the inputs into the argument blocks, plays the compiled program on
the pool and copies the outputs out. Nothing is allocated but the outputs. `ReferenceExecutable` has the same interface
and is the definition of what must come out.
"""

from __future__ import annotations

import struct
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from striate import config, variables
from striate.errors import ArgumentError, NonFiniteError, received
from striate.graph.ir import Graph, Node, Value
from striate.kernels import jit, program
from striate.kernels.ahead import compile_ahead
from striate.locks import Lock
from striate.memory import address_of, aligned_zeros
from striate.ops.spec import OPS
from striate.plan.ir import Constant, Home, Launch, Plan, Step, Temporary
from striate.runtime import pool as threads
from striate.runtime.events import LaunchTime
from striate.seeds import state_words

RandomKey = tuple[int, int] | Callable[[], tuple[int, int]]
"""(seed, step) that random numbers depend on, or what gives them: it is called only where something is random."""
_Bound = tuple[Launch, np.ndarray]
"""A launch and its block of arguments."""


def _bits(number: float) -> int:
    return struct.unpack("q", struct.pack("d", number))[0]


def _random_state(random: RandomKey) -> np.ndarray:
    """What random ops count from."""
    return state_words(*(random() if callable(random) else random))


class _Program:
    """Consecutive launches as one table for the pool."""

    def __init__(self, launches: Sequence[_Bound]):
        self.launches = launches
        self.blocks = [block for _, block in launches]
        self.scratch_bytes = max((-(-launch.scratch // 64) * 64 for launch, _ in launches), default=0)
        rows = [[jit.compiled(launch.kernel, **launch.variant).address, block.ctypes.data, launch.tasks,
                 max(1, launch.piece)] for launch, block in launches]
        self.table = np.array(rows, np.int64).reshape(len(rows), program.ROW)
        self._threads = 0

    def run(self) -> None:
        pool = threads.pool()
        if self._threads != pool.threads:
            self._threads = pool.threads
            self.scratch = aligned_zeros(max(64, self.scratch_bytes * pool.threads), np.uint8)
        pool.run(self.table, self.scratch, self.scratch_bytes)

    def alone(self, index: int) -> _Program:
        """One launch as a program of its own, for timing."""
        return _Program([self.launches[index]])


def _memory_of(plan: Plan) -> tuple[np.ndarray, dict]:
    """The arena and the persistent buffers.

    Raises:
        ArgumentError: more than the setting `memory_limit` allows, or than there is.
    """
    needed, limit = plan.arena_bytes + sum(plan.persistent.values()), config.value("memory_limit")
    problem = (f"{plan.graph.name} needs {needed:,} bytes for the results of its layers, more than {{}}. Use a smaller "
               "batch size or a smaller network (model.memory_estimate tells what a training takes). ")
    if limit is not None and needed > limit:
        raise ArgumentError(problem.format("the setting `memory_limit`") + received(memory_limit=limit))
    try:
        return (aligned_zeros(max(64, plan.arena_bytes), np.uint8),
                {key: aligned_zeros(max(64, size), np.uint8) for key, size in plan.persistent.items()})
    except MemoryError:
        raise ArgumentError(problem.format("this process can have") + received(bytes=needed)) from None


class Executable:
    """A plan with its memory. Safe to call from several Python threads; they take turns."""

    def __init__(self, plan: Plan):
        self.plan, self.graph = plan, plan.graph
        self._arena, self._persistent = _memory_of(plan)
        self._constants: dict[int, np.ndarray] = {}
        self._inputs: dict[Value, np.ndarray] = {}
        self._patches: dict[Value, list[tuple[np.ndarray, int, int]]] = {}
        self._variable_slots: list[tuple[np.ndarray, int, Home]] = []
        self._cuts: dict[tuple[int, ...], list[list[_Program | Step]]] = {}
        self._lock = Lock()
        self._moves = variables.moves()
        self._prepared: tuple | None = None
        self._sources = [value.source for value in self.graph.parameters]
        self._bind()
        # Memory of the plan's own never moves: its views are made once.
        self._outputs = [self.view(value) if self.plan.homes[value].kind in ("arena", "persistent") else None
                         for value in self.graph.outputs]

    # ---- binding ----------------------------------------------------------------------------------------------

    def _bind(self) -> None:
        compile_ahead((launch.kernel, launch.variant) for step in self.plan.steps for launch in step.launches)
        prepares: list[_Bound] = []
        self._parts: list[tuple[int, _Bound | Step]] = []
        keeps = not self.graph.trains
        for index, step in enumerate(self.plan.steps):
            for launch in step.launches:
                pair = launch, self._block(launch)
                if launch.prepares and keeps:
                    prepares.append(pair)
                else:
                    self._parts.append((index, pair))
            if not step.compiled:
                self._parts.append((index, step))
        self._prepare = _Program(prepares) if prepares else None
        self._segments = self._cut(())[0]

    def _cut(self, ends: tuple[int, ...]) -> list[list[_Program | Step]]:
        """What runs until the end of each of these steps of the plan, and from there to the end of all; kept."""
        if ends not in self._cuts:
            pieces: list[list[list[_Bound] | Step]] = [[] for _ in range(len(ends) + 1)]
            for index, part in self._parts:
                piece = pieces[bisect_left(ends, index)]
                if isinstance(part, Step):
                    piece.append(part)
                elif piece and isinstance(piece[-1], list):
                    piece[-1].append(part)
                else:
                    piece.append([part])
            self._cuts[ends] = [[part if isinstance(part, Step) else _Program(part) for part in piece]
                                for piece in pieces]
        return self._cuts[ends]

    def _block(self, launch: Launch) -> np.ndarray:
        block = np.zeros(max(1, len(launch.arguments)), np.int64)
        for slot, item in enumerate(launch.arguments):
            if isinstance(item, (Value, Temporary)):
                home = self.plan.homes[item]
                if home.kind == "input":
                    self._patches.setdefault(home.owner, []).append((block, slot, home.offset))
                    continue
                if home.kind == "variable":
                    self._variable_slots.append((block, slot, home))
                block[slot] = self._address(home)
            elif isinstance(item, Constant):
                block[slot] = self._constant(item.array).ctypes.data
            else:
                block[slot] = _bits(item) if isinstance(item, float) else int(item)
        return block

    def _constant(self, array) -> np.ndarray:
        if id(array) not in self._constants:
            kept = aligned_zeros(max(1, np.size(array)), np.asarray(array).dtype)
            kept[:np.size(array)] = np.ravel(array)
            self._constants[id(array)] = kept
        return self._constants[id(array)]

    def _address(self, home: Home) -> int:
        if home.kind == "arena":
            return self._arena.ctypes.data + home.offset
        if home.kind == "persistent":
            return self._persistent[home.owner].ctypes.data + home.offset
        if home.kind == "variable":
            return home.owner.array.ctypes.data + home.offset
        return self._constant(home.owner).ctypes.data + home.offset

    def view(self, value: Value) -> np.ndarray:
        """The memory of a value as an array, after (or during) a run."""
        home, dtype = self.plan.homes[value], np.dtype(value.dtype)
        if home.kind == "arena":
            owner = self._arena
        elif home.kind == "persistent":
            owner = self._persistent[home.owner]
        elif home.kind == "variable":
            owner = home.owner.array.reshape(-1)
        elif home.kind == "input":
            owner = self._inputs[home.owner].reshape(-1)
        else:
            owner = self._constant(home.owner)
        raw = owner.view(np.uint8)[home.offset:home.offset + value.type.bytes]
        return raw.view(dtype).reshape(value.shape)

    # ---- running ----------------------------------------------------------------------------------------------

    def run(self, inputs: Sequence[np.ndarray], random: RandomKey = (0, 0),
            pauses: Mapping[int, Callable[[], None]] | None = None, lends: int = 0) -> list[np.ndarray]:
        """One run. `inputs` in the graph's order (the random state is not among them); gives copies of the outputs.

        pauses: number of a step of the plan -> what is called between this step and the next one, on the calling
            thread; it may look at what is there by `view`. In strict mode there are none.
        lends: the first so many outputs are not copied: they are views, and the next run writes to them.
        """
        with self._lock:
            self._set_inputs(inputs, random)
            self._refresh()
            if config.value("strict"):
                self._run_strictly()
            elif pauses:
                self._run_with(pauses)
            else:
                self._run_all(self._segments)
            return self._finish(lends)

    def _run_with(self, pauses: Mapping[int, Callable[[], None]]) -> None:
        ends = tuple(sorted(pauses))
        *pieces, rest = self._cut(ends)
        for piece, end in zip(pieces, ends, strict=True):
            self._run_all(piece)
            pauses[end]()
        self._run_all(rest)

    def _run_all(self, segments: Sequence[_Program | Step]) -> None:
        for segment in segments:
            if isinstance(segment, _Program):
                segment.run()
            else:
                self._run_reference(segment)

    def _run_strictly(self) -> None:
        """One launch at a time; what each step of the plan gave is looked through for NaN and infinity."""
        owners = {id(launch): step for step in self.plan.steps for launch in step.launches}
        for segment in self._segments:
            if isinstance(segment, Step):
                self._run_reference(segment)
                self._check_finite(segment)
                continue
            for index, (launch, _) in enumerate(segment.launches):
                segment.alone(index).run()
                step = owners[id(launch)]
                if launch is step.launches[-1]:
                    self._check_finite(step)

    def _check_finite(self, step: Step) -> None:
        for value in step.node.outputs:
            if value not in self.plan.homes or np.dtype(value.dtype).kind != "f":
                continue
            array = self.view(value)
            if not np.isfinite(array).all():
                bad = tuple(int(place) for place in np.argwhere(~np.isfinite(array))[0])
                raise NonFiniteError(f"{self.graph.name}: {step.node.op} in layer '{step.node.scope}' gave a number "
                                     "that is not finite (strict mode; weights may be changed in part). "
                                     + received(shape=value.shape, place=bad, value=float(array[bad])))

    def _set_inputs(self, inputs, random) -> None:
        given = iter(inputs)
        for value in self.graph.inputs:
            array = _random_state(random) if value.role == "random" else next(given)
            dtype = np.dtype(value.dtype)
            if array.dtype != dtype or not array.flags.c_contiguous:
                array = np.ascontiguousarray(array, dtype)
            self._inputs[value] = array
            address = address_of(array)
            for block, slot, offset in self._patches.get(value, ()):
                block[slot] = address + offset

    def _refresh(self) -> None:
        """New addresses if variables moved; packed weights anew if variables changed."""
        if self._moves != variables.moves():
            self._moves = variables.moves()
            for block, slot, home in self._variable_slots:
                block[slot] = self._address(home)
        if self._prepare is not None:
            versions = tuple((v.version, v.group.flat.version if v.group else 0) for v in self._sources)
            if versions != self._prepared:
                self._prepared = None  # a fork may come in the middle
                self._prepare.run()
                self._prepared = versions

    def _run_reference(self, step: Step) -> None:
        node = step.node
        if node.op == "flat_gradients":
            flat = self.view(node.outputs[0])
            for value, offset in zip(node.inputs, node.attributes["offsets"], strict=True):
                part = flat[offset:offset + value.type.size]
                source = self.view(value).reshape(-1)
                if address_of(part) != address_of(source):
                    part[...] = source
            return
        with np.errstate(all="ignore"):
            results = OPS[node.op].reference(*[self.view(value) for value in node.inputs], **node.attributes)
        for value, result in zip(node.outputs, results, strict=True):
            self.view(value)[...] = result

    def _finish(self, lends: int = 0) -> list[np.ndarray]:
        views = [self.view(value) if view is None else view
                 for value, view in zip(self.graph.outputs, self._outputs, strict=True)]
        outputs = views[:lends] + [view.copy() for view in views[lends:]]
        held = [(variable, self.view(value).copy()) for variable, value in self.plan.copies]
        for variable, array in held:
            variable.array[...] = array
        for variable, _ in self.graph.assigned:
            variable.version += 1
        return outputs

    def profile(self, inputs: Sequence[np.ndarray], repeats: int = 5, random=(0, 0)) -> list[LaunchTime]:
        """Times of every launch, each the smallest of `repeats`; variables change as in as many runs.

        With one thread these are seconds of this thread's processor time, which other programs hardly disturb.
        """
        clock = time.thread_time if threads.pool().threads == 1 else time.perf_counter
        best: dict[tuple, float] = {}
        owners = {id(launch): step for step in self.plan.steps for launch in step.launches}
        with self._lock:
            self._set_inputs(inputs, random)
            self._refresh()
            singles: list[list[_Program | Step]] = [
                [s.alone(i) for i in range(len(s.launches))] if isinstance(s, _Program) else [s]
                for s in self._segments]
            for _ in range(repeats):
                for part, segment in enumerate(singles):
                    for index, single in enumerate(segment):
                        started = clock()
                        single.run() if isinstance(single, _Program) else self._run_reference(single)
                        spent = clock() - started
                        key = part, index
                        best[key] = min(best.get(key, spent), spent)
                self._finish()
        times = []
        for (part, index), spent in best.items():
            single = singles[part][index]
            if isinstance(single, Step):
                times.append(LaunchTime(single, None, spent))
            else:
                launch, _ = single.launches[0]
                times.append(LaunchTime(owners[id(launch)], launch, spent))
        return times


class ReferenceExecutable:
    """The graph run op by op by the NumPy references: slow, plain, and the definition.

    `dtype="float64"` runs every op in float64 and rounds nothing, for checks against finite differences.
    """

    def __init__(self, graph: Graph, dtype: str = "float32"):
        self.graph, self.dtype = graph, dtype

    def _enter(self, array) -> np.ndarray:
        array = np.asarray(array)
        return array.astype(np.float64) if self.dtype == "float64" and array.dtype == np.float32 else array

    def values(self, inputs: Sequence[np.ndarray], random: RandomKey = (0, 0)) -> dict[Value, np.ndarray]:
        """Every value of the graph."""
        found: dict[Value, np.ndarray] = {}
        for _ in self.steps(inputs, random, found):
            pass
        return found

    def steps(self, inputs: Sequence[np.ndarray], random: RandomKey = (0, 0),
              found: dict[Value, np.ndarray] | None = None) -> Iterator[tuple[Node, list[np.ndarray]]]:
        """Node by node in order: (node, what it gave). All values are gathered in `found`."""
        found = {} if found is None else found
        given = iter(inputs)
        found.update({value: _random_state(random) if value.role == "random" else self._enter(next(given))
                      for value in self.graph.inputs})
        found.update({value: self._enter(value.source.array) for value in self.graph.parameters})
        for node in self.graph.nodes:
            arrays = []
            for value in node.inputs:
                if value not in found:
                    found[value] = self._enter(value.source)
                arrays.append(found[value])
            with np.errstate(all="ignore"):
                results = OPS[node.op].reference(*arrays, **node.attributes)
            for value, result in zip(node.outputs, results, strict=True):
                keep = self.dtype == "float64" and np.asarray(result).dtype.kind == "f"
                found[value] = np.asarray(result) if keep else np.asarray(result, dtype=value.dtype)
            yield node, [found[value] for value in node.outputs]

    def run(self, inputs: Sequence[np.ndarray], random: RandomKey = (0, 0)) -> list[np.ndarray]:
        """As `Executable.run`."""
        found = self.values(inputs, random)

        def get(value):
            return found[value] if value in found else self._enter(value.source)
        outputs = [get(value).copy() for value in self.graph.outputs]
        news = [(variable, get(value).copy()) for variable, value in self.graph.assigned]
        for variable, array in news:
            variable.array[...] = array
            variable.version += 1
        return outputs
