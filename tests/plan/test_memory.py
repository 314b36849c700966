"""Placement never lets two buffers share memory while both live."""

import numpy as np
import pytest

from striate import engine, ops
from striate.ops.dispatch import apply
from striate.plan.memory import Lifetime, place
from striate.variables import Variable


@pytest.mark.parametrize("seed", range(20))
def test_buffers_that_live_together_never_overlap(seed):
    rng = np.random.default_rng(seed)
    lives = {}
    for key in range(40):
        first = int(rng.integers(0, 30))
        lives[key] = Lifetime(int(rng.integers(1, 5000)), first, first + int(rng.integers(0, 10)))
    offsets, size = place(lives)
    for a in lives:
        assert offsets[a] % 64 == 0 and offsets[a] + lives[a].bytes <= size
        for b in lives:
            together = lives[a].first <= lives[b].last and lives[b].first <= lives[a].last
            if a < b and together:
                assert offsets[a] + lives[a].bytes <= offsets[b] or offsets[b] + lives[b].bytes <= offsets[a]


def test_memory_is_shared_by_buffers_that_never_meet():
    _, size = place({key: Lifetime(1000, key, key) for key in range(10)})
    assert size == 1024


def homes_and_results(function, *arrays):
    """Where the arguments and results of elementwise steps lie, and that the numbers are those of the reference."""
    made = engine.Function(function)
    plan = made.executable(*arrays).plan
    steps = [step.node for step in plan.steps if step.node.op == "chain" or step.node.spec.elementwise]
    found = [([plan.homes[v] for v in node.inputs], [plan.homes[v] for v in node.outputs]) for node in steps]
    expected = engine.Function(function, mode="reference")(*arrays)
    for actual, wanted in zip(made(*arrays), expected, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-5, atol=1e-6)
    return found


X = np.random.default_rng(0).standard_normal((64, 50), np.float32)


def test_an_elementwise_result_takes_the_place_of_what_nobody_reads_afterwards():
    found = homes_and_results(lambda x: [ops.sum(ops.exp(ops.sort(x, axis=1)), axis=1)], X)
    assert found and all(outputs[0] in inputs for inputs, outputs in found)


def test_an_elementwise_result_leaves_what_is_read_afterwards():
    def function(x):
        y = ops.sort(x, axis=1)
        z = ops.exp(y)
        return [ops.sum(z, axis=1), ops.sum(y, axis=0)]
    found = homes_and_results(function, X)
    assert found and not any(output in inputs for inputs, outputs in found for output in outputs)


def test_two_results_never_take_one_place():
    def function(x):
        y = ops.sort(x, axis=1)
        return [ops.sum(ops.exp(y), axis=1), ops.sum(ops.sin(y), axis=0), ops.max(ops.exp(y) + ops.sin(y), axis=1)]
    for _, outputs in homes_and_results(function, X):
        assert len({(home.kind, home.offset) for home in outputs}) == len(outputs)


def test_a_broadcast_argument_keeps_its_place():
    def function(x):
        y = ops.sort(x, axis=1)
        row = ops.sum(y, axis=0)
        return [ops.sum(y * row, axis=1), ops.sum(ops.exp(row) * y, axis=0)]
    homes_and_results(function, X)


def test_sums_of_a_normalisation_never_take_the_place_of_statistics_that_are_still_read():
    """All five inputs of the gradient end there; only dx may lie where one of them did."""
    def function(x):
        y = ops.sort(x, axis=1)
        gamma, mean = ops.mean(ops.cos(y), axis=0), ops.mean(y, axis=0)
        variance = ops.mean(ops.square(y - mean), axis=0)
        dx, dgamma, dbeta = apply("batch_norm_grad", [ops.sin(y), y, gamma, mean, variance], epsilon=1e-3, masked=False)
        return [ops.mean(ops.tanh(dx), axis=1), ops.tanh(dgamma / 100), ops.tanh(dbeta / 100)]
    plan = engine.Function(function).executable(X).plan
    node, = (step.node for step in plan.steps if step.node.op == "batch_norm_grad")
    inputs = [plan.homes[value] for value in node.inputs]
    assert plan.homes[node.outputs[0]] in inputs[:2]
    assert not any(plan.homes[value] in inputs for value in node.outputs[1:])
    homes_and_results(function, X)


def test_weights_of_a_normalisation_take_their_gradient_when_they_have_been_read():
    """`gamma.assign(its gradient)`: the launch that adds it up reads gamma in every other task."""
    def function(x):
        dx, dgamma, _ = apply("batch_norm_grad", [ops.sin(x), x, gamma.value, x[0], ops.square(x[1])], epsilon=1e-3,
                              masked=False)
        gamma.assign(dgamma)
        return ops.tanh(dx)
    results = []
    for mode in ("reference", "compiled"):
        gamma = Variable(X[2])
        results.append((engine.Function(function, mode=mode)(X), gamma.numpy()))
    for actual, expected in zip(results[1], results[0], strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


def swapped(x, a, b):
    """Each weight gets what the other one was."""
    old = a.value
    a.assign(ops.flip(b.value, 0))
    b.assign(ops.flip(old, 0))


def old_one_returned(x, a, b):
    old = a.value
    a.assign(ops.cumsum(x, axis=0))
    return old


def old_one_read_later(x, a, b):
    old = a.value
    a.assign(ops.exp(x))
    return ops.flip(old, 0) + ops.sort(a.value, axis=1)


def twice_the_same(x, a, b):
    value = ops.exp(x)
    a.assign(value)
    b.assign(value)


def also_returned(x, a, b):
    value = ops.flip(x, 0)
    a.assign(value)
    b.assign(ops.exp(value))
    return value


def read_by_the_last_step(x, a, b):
    y = ops.sort(x, axis=1)
    return [y, ops.exp(y)]


def gradients_returned_and_gathered(x, a, b):
    of_a, of_b = engine.gradients(ops.sum(ops.exp(a.value * x) + b.value), [a, b])
    flat = ops.flat_gradients([of_a, of_b], [0, a.size], 2 * a.size)
    a.assign(of_a)
    return [flat, of_a, of_b]


@pytest.mark.parametrize("function", [swapped, old_one_returned, old_one_read_later, twice_the_same, also_returned,
                                      read_by_the_last_step, gradients_returned_and_gathered])
def test_new_values_of_weights_take_nobodys_place(function):
    """Old values are there until they have been read, results until they have been copied."""
    found = []
    for mode in ("reference", "compiled"):
        a, b = Variable(X / 4), Variable(ops.sin(X))
        made = engine.Function(lambda x, a=a, b=b: function(x, a, b), mode=mode)
        results = made(X)
        results = results if isinstance(results, list) else [] if results is None else [results]
        found.append([*results, a.numpy(), b.numpy()])
    for actual, expected in zip(*found, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)
