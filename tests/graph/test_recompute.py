"""Numbers that are cheaper computed again than stored: fewer arrays between the two directions, and the same bits."""

import numpy as np
import pytest

from striate import engine, ops
from striate.graph import passes
from striate.graph.trace import trace
from striate.ops.spec import TensorType

RNG = np.random.default_rng(0)
LARGE, SMALL = (512, 256), (16, 256)


def erf_gelu(x):
    return ops.gelu(x, approximate=False)


def gradient_of(activation):
    """Results and gradients of two dense layers with an activation between them."""
    def function(x, w, v):
        y = ops.matmul(activation(ops.matmul(x, w)), v)
        return y, *engine.gradients(ops.sum(y * y), [w, v])
    return function


def chains(function, *shapes):
    """The chains of the optimised graph whose results are as large as the first input."""
    graph, _ = trace(function, [TensorType(shape) for shape in shapes])
    return [node for node in engine.optimise(graph).nodes
            if node.op == "chain" and node.outputs[0].shape == shapes[0]]


def stored(function, *shapes):
    """How many arrays these chains write."""
    return sum(len(node.outputs) for node in chains(function, *shapes))


@pytest.fixture
def all_stored(monkeypatch):
    """A way to compile without the pass."""
    def compile_without(function, *arrays):
        with monkeypatch.context() as patch:
            patch.setattr(passes, "AFTER_DIFFERENTIATION", [
                each for each in passes.AFTER_DIFFERENTIATION if each is not passes.compute_again])
            patch.setattr(engine, "AFTER_DIFFERENTIATION", passes.AFTER_DIFFERENTIATION)
            return engine.Function(function)(*arrays), stored(function, *[x.shape for x in arrays])
    return compile_without


@pytest.mark.parametrize("activation, fewer", [(erf_gelu, 2), (ops.gelu, 4), (ops.silu, 0), (ops.softplus, 0),
                                               (ops.tanh, 0), (ops.selu, 2), (ops.mish, 0)])
def test_same_bits_with_fewer_stored(activation, fewer, all_stored):
    function = gradient_of(activation)
    arrays = [RNG.standard_normal(shape, np.float32) for shape in (LARGE, (256, 256), (256, 8))]
    expected, before = all_stored(function, *arrays)
    for actual, wanted in zip(engine.Function(function)(*arrays), expected, strict=True):
        assert np.array_equal(np.asarray(actual).view(np.uint32), np.asarray(wanted).view(np.uint32))
    assert stored(function, *[x.shape for x in arrays]) == before - fewer


def test_gelu_keeps_its_error_function_and_computes_its_factors_again():
    """Of x / 2, x / sqrt(2) and 1 + erf only the last is dear enough to be stored."""
    forward, backward = chains(gradient_of(erf_gelu), LARGE, (256, 256), (256, 8))
    assert len(forward.outputs) == 2
    assert len([value for value in backward.inputs if value.shape == LARGE]) == 3     # x, 1 + erf, the gradient


def test_small_arrays_stay_in_the_cache_and_are_stored():
    forward, _ = chains(gradient_of(erf_gelu), SMALL, (256, 256), (256, 8))
    assert len(forward.outputs) == 4


def test_what_is_a_result_is_stored_all_the_same():
    """exp is cheaper computed again than written and read, but not than read alone."""
    def gradient(x, w, asked):
        y = ops.exp(x)
        z = ops.matmul(x * y, w)
        return [engine.gradients(ops.sum(z * z), [x])[0], *([y] if asked else [])]
    arrays = [RNG.standard_normal(shape, np.float32) for shape in (LARGE, (256, 8))]
    found = []
    for asked in (False, True):
        def function(x, w, asked=asked):
            return gradient(x, w, asked)
        programs = [node.attributes["program"] for node in chains(function, LARGE, (256, 8))]
        found.append(sum(op == "exp" for program in programs for op, _, _ in program))
        results = engine.Function(function)(*arrays)
    assert found == [2, 1]
    np.testing.assert_allclose(results[1], np.exp(arrays[0]), rtol=1e-6)
