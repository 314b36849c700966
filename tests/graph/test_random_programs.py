"""Random programs: rewrites keep their meaning, kernels do what references do, and nothing is overwritten too early.

A failure names its seed; `python -m tests.graph.random_programs SEED` prints the program.
"""

import numpy as np
import pytest

from striate import engine
from striate.graph.gradient import differentiate
from striate.graph.passes import AFTER_DIFFERENTIATION, BEFORE_DIFFERENTIATION
from striate.graph.verify import verify
from striate.kernels import cpu
from striate.ops.spec import OPS
from striate.plan.schedule import schedule
from striate.runtime import pool
from striate.runtime.executable import Executable, ReferenceExecutable
from tests.graph.random_programs import Program

KEY = 12345, 7
"""What random numbers depend on."""


@pytest.fixture(autouse=True)
def restore_threads():
    yield
    pool.set_threads(pool.default_threads())


def results_in_float64(graph, program):
    """Outputs and assigned values of a graph, nothing rounded; the variables stay as they are."""
    found = ReferenceExecutable(graph, "float64").values(program.arrays, KEY)
    wanted = [*graph.outputs, *(value for _, value in graph.assigned)]
    return [np.asarray(found[value] if value in found else value.source, np.float64) for value in wanted]


def far(actual, expected, scale=0.0):
    """How far the arrays lie apart, as a share of the largest number; infinite where one is not finite or of another
    shape."""
    if actual.shape != expected.shape or not np.isfinite(actual).all() or not np.isfinite(expected).all():
        return 0.0 if np.array_equal(actual, expected, equal_nan=True) else np.inf
    return np.abs(actual - expected).max(initial=0) / max(np.abs(expected).max(initial=0), scale, 1e-6)


def rewritten(graph):
    """(name of the rewrite, graph after it), one by one."""
    for rewrite in BEFORE_DIFFERENTIATION:
        graph = rewrite(graph)
        yield rewrite.__name__, differentiate(graph)
    graph = differentiate(graph)
    for rewrite in AFTER_DIFFERENTIATION:
        graph = rewrite(graph)
        yield rewrite.__name__, graph


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_every_rewrite_keeps_the_meaning_of_random_programs(seed, by_level):
    for number in range(seed, seed + by_level(25, 100, 4000)):
        program = Program(number)
        graph = program.graph()
        expected = results_in_float64(differentiate(verify(graph)), program)
        for name, changed in [*rewritten(graph)][-1 if number % 10 else 0:]:
            verify(changed)
            distances = [far(*pair) for pair in zip(results_in_float64(changed, program), expected, strict=True)]
            assert max(distances) < 1e-5, f"program {number} after {name}: {distances}"


class Watched:
    """A compiled program whose steps are looked at: what each reads must still be what was made, and what it makes must
    be what the reference makes of this."""

    def __init__(self, program):
        self.program, self.graph = program, engine.optimise(program.graph())
        self.plan = schedule(self.graph, cpu.host())
        self.executable = Executable(self.plan)
        self.known, self.taken = {}, []
        self.start = [(variable, variable.numpy()) for variable in program.variables]

    def run(self):
        """Outputs and new values of variables, which get back their old ones."""
        outputs = self.executable.run(self.program.arrays, KEY)
        return [*outputs, *self.restored()]

    def restored(self):
        news = [variable.numpy() for variable, _ in self.graph.assigned]
        for variable, array in self.start:
            variable.assign(array)
        return news

    def run_watched(self):
        self.known = {value: value.source.numpy() for value in self.graph.parameters}
        pauses = {index: lambda index=index: self._after(index) for index in range(len(self.plan.steps))}
        outputs = self.executable.run(self.program.arrays, KEY, pauses)
        news = self.restored()
        for value, array in [*zip(self.graph.outputs, outputs, strict=True),
                             *zip([value for _, value in self.graph.assigned], news, strict=True)]:
            self._unchanged(value, array, "the end")
        return [*outputs, *news]

    def _after(self, index):
        """Between two steps: what the one made, what the other is to read."""
        steps = self.plan.steps
        node = steps[index].node
        made = {value: self.executable.view(value).copy() for value in node.outputs if value in self.plan.homes}
        if steps[index].compiled and index:
            self._compare(node, self.taken, made)
        self.known |= made
        if index + 1 < len(steps):
            self.taken = [self.executable.view(value).copy() for value in steps[index + 1].node.inputs]
            for value, array in zip(steps[index + 1].node.inputs, self.taken, strict=True):
                self._unchanged(value, array, steps[index + 1].node.op)

    def _unchanged(self, value, array, reader):
        before = self.known.get(value, array)
        assert array.tobytes() == before.tobytes(), f"{self.program}: {value} is overwritten before {reader} reads it"

    def _compare(self, node, inputs, made):
        with np.errstate(all="ignore"):
            wide = [x.astype(np.float64) if x.dtype == np.float32 else x for x in inputs]
            exact = OPS[node.op].reference(*wide, **node.attributes)
            sizes = OPS[node.op].reference(*[np.abs(x) if x.dtype.kind == "f" else x for x in wide], **node.attributes)
        for value, expected, size in zip(node.outputs, exact, sizes, strict=True):
            if value in made and value.dtype == "float32":
                scale = max((np.abs(x).max(initial=0) for x in (size, *inputs)), default=0)
                distance = far(made[value], np.asarray(expected), scale)
                assert distance < 1e-4, f"{self.program}: {node} is off by {distance}: {node.attributes}"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_steps_of_compiled_random_programs(seed, by_level):
    """Kernels, and the places that results have in memory: nothing is lost, on one thread or three."""
    for number in range(seed, seed + by_level(5, 20, 600)):
        watched = Watched(Program(number))
        expected = watched.run_watched()
        for threads in (1, 3):
            pool.set_threads(threads)
            for actual, array in zip(watched.run(), expected, strict=True):
                assert actual.tobytes() == array.tobytes(), f"program {number} has other bits on {threads} threads"
