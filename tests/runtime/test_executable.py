"""Programs on the pool: same bits for any number of threads, safe from several Python threads and after fork."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from striate import engine, ops
from striate.runtime import pool
from striate.variables import FlatGroup, Variable

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def restore_threads():
    yield
    pool.set_threads(pool.default_threads())


def make_step():
    rng = np.random.default_rng(7)
    w = Variable(rng.standard_normal((3, 3, 2, 8)) * 0.3, name="kernel")
    b = Variable(np.zeros(8), name="bias")
    d = Variable(rng.standard_normal((8 * 16, 3)) * 0.1, name="dense")
    group = FlatGroup([w, b, d])

    def step(x, y):
        h = ops.max_pool(ops.relu(ops.conv(x, w, padding="same") + b), 2)
        out = ops.matmul(ops.reshape(h, (-1, 8 * 16)), d)
        loss = ops.mean(ops.square(out - y))
        gradients = ops.flat_gradients(engine.gradients(loss, [w, b, d]), group.offsets, group.size)
        group.flat.assign(group.flat.value - 0.05 * gradients)
        return loss
    return engine.Function(step, "step"), group


def train(threads, steps=5):
    pool.set_threads(threads)
    function, group = make_step()
    x = np.random.default_rng(1).standard_normal((9, 8, 8, 2), dtype=np.float32)
    y = np.random.default_rng(2).standard_normal((9, 3), dtype=np.float32)
    losses = [float(function(x, y)) for _ in range(steps)]
    return losses, group.flat.numpy()


def test_training_gives_the_same_bits_on_any_number_of_threads():
    losses, weights = train(1)
    assert losses[-1] < losses[0]
    for threads in (2, 3, 4, 8):
        again, others = train(threads)
        assert again == losses and np.array_equal(others.view(np.uint32), weights.view(np.uint32))


def test_the_reference_executable_trains_alike():
    losses, _ = train(1)
    function, _ = make_step()
    function.mode = "reference"
    x = np.random.default_rng(1).standard_normal((9, 8, 8, 2), dtype=np.float32)
    y = np.random.default_rng(2).standard_normal((9, 3), dtype=np.float32)
    np.testing.assert_allclose([float(function(x, y)) for _ in range(5)], losses, rtol=1e-4)


def test_gradients_of_a_whole_step_pass_finite_differences():
    x = RNG.standard_normal((2, 6, 6, 2))
    w, d = RNG.standard_normal((3, 3, 2, 4)) * 0.5, RNG.standard_normal((36, 3)) * 0.5

    def loss_of(x, w, d):
        h = ops.max_pool(ops.relu(ops.conv(x, w, padding="same")), 2)
        return ops.sum(ops.tanh(ops.matmul(ops.reshape(h, (-1, 36)), d)))

    def with_gradients(x, w, d):
        loss = loss_of(x, w, d)
        return loss, engine.gradients(loss, [x, w, d])
    types = [a.astype(np.float32) for a in (x, w, d)]
    executable = engine.Function(with_gradients, mode="float64").executable(*types)
    loss, *gradients = executable.run([x, w, d])
    for array, gradient in zip((x, w, d), gradients, strict=True):
        direction = RNG.standard_normal(array.shape)
        saved, h = array.copy(), 1e-5
        array[...] = saved + h * direction
        above = executable.run([x, w, d])[0]
        array[...] = saved - h * direction
        below = executable.run([x, w, d])[0]
        array[...] = saved
        numeric, analytic = (above - below) / (2 * h), (gradient * direction).sum()
        assert abs(numeric - analytic) <= 1e-6 * max(1.0, abs(analytic))


def test_python_threads_take_turns():
    function = engine.Function(lambda x: ops.sum(ops.exp(x)), "sum")
    arrays = [np.full((50, 50), value, np.float32) for value in range(4)]
    expected = [float(function(array)) for array in arrays]
    failures = []

    def work(index):
        for _ in range(50):
            if float(function(arrays[index])) != expected[index]:
                failures.append(index)
    workers = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not failures


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_computes_the_same():
    pool.set_threads(2)
    function = engine.Function(lambda x: ops.sum(ops.exp(x)), "sum")
    x = np.ones((64, 64), np.float32)
    expected = float(function(x))
    child = os.fork()
    if child == 0:
        os._exit(0 if float(function(x)) == expected else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_inputs_are_read_in_place_and_outputs_are_copies():
    function = engine.Function(lambda x: x + 1.0, "increment")
    x = np.zeros(4, np.float32)
    first = function(x)
    x[...] = 5.0
    second = function(x)
    assert first.tolist() == [1.0] * 4 and second.tolist() == [6.0] * 4


def test_subnormals_are_flushed_inside_and_kept_outside():
    function = engine.Function(lambda x: x * 0.5, "half")
    tiny = np.full(4, 1e-38, np.float32)
    function(tiny)
    assert (np.float32(1e-38) * np.float32(0.5)) > 0


CROWD = """
import random, sys, time
import numpy as np
from striate import engine, ops
from striate.runtime import pool

random.seed(int(sys.argv[1]))
functions = [engine.Function(lambda x, k=k: ops.exp(x * float(k)) + ops.sum(x, axis=1, keepdims=True), f"f{k}")
             for k in range(3)]
arrays = [np.random.default_rng(k).standard_normal((5 + 40 * k, 33), dtype=np.float32) for k in range(3)]
expected = [function(array).tobytes() for function, array in zip(functions, arrays)]
end = time.monotonic() + 6
turn = 0
while time.monotonic() < end:
    pool.set_threads(random.choice([1, 2, 3, 5, 7]))
    for _ in range(random.choice([1, 10, 300])):
        turn += 1
        if functions[turn % 3](arrays[turn % 3]).tobytes() != expected[turn % 3]:
            sys.exit("wrong bits")
        if random.random() < 0.01:
            time.sleep(random.random() * 0.003)
"""


@pytest.mark.slow
def test_crowded_processors_neither_hang_nor_change_bits():
    """Three processes with up to seven threads each: threads lose their core in the middle of everything."""
    crowd = [subprocess.Popen([sys.executable, "-c", CROWD, str(seed)], stderr=subprocess.PIPE) for seed in range(3)]
    try:
        for process in crowd:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors.decode()
    finally:
        for process in crowd:
            process.kill()


def test_late_threads_do_no_harm():
    """More threads than cores and programs of a few microseconds: workers often wake when their program is over."""
    pool.set_threads(7)
    functions = [engine.Function(lambda x, k=k: ops.exp(x * float(k)) + ops.sum(x, axis=1, keepdims=True), f"f{k}")
                 for k in range(3)]
    arrays = [np.random.default_rng(k).standard_normal((5 + 40 * k, 33), dtype=np.float32) for k in range(3)]
    expected = [function(array).tobytes() for function, array in zip(functions, arrays, strict=True)]
    for turn in range(3000):
        k = turn % 3
        assert functions[k](arrays[k]).tobytes() == expected[k]
