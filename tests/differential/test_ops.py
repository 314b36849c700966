"""Every function of `keras.ops`: results and gradients are those of Keras, and what is missing is on the list."""

import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import op_cases  # noqa: E402
import op_runs  # noqa: E402

from striate import engine, ops  # noqa: E402
from striate.graph.eager import run_eagerly  # noqa: E402

WORDS = np.zeros(4, np.uint32)
ROWS = [(name, place) for name, cases in op_cases.CASES.items() for place in range(len(cases))]
LOOSE = {"istft/2": 1e-3, "lstsq/0": 1e-4, "lstsq/1": 1e-4, "svd/0": 2e-4, "svd/1": 2e-4}
"""Where float32 itself loses digits: small divisors."""


@pytest.fixture(scope="module")
def numbers():
    return dict(np.load(HERE / "recorded_ops.npz"))


def close(found, expected, key):
    """Equal shapes, kinds, places of NaN, and numbers to float32's precision."""
    found = np.asarray(found)
    assert found.shape == expected.shape, key
    assert (found.dtype.kind in "iub") == (expected.dtype.kind in "iub"), key
    finite = expected[np.isfinite(expected)]
    scale = 1.0 + (np.abs(finite.astype(np.float64)).max() if finite.size else 0.0)
    bound = LOOSE.get(key.rsplit("/", 1)[0], 2e-5)
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound * scale, err_msg=key)


def gradients(function, inputs):
    """By each real input, of the sum of all real results times fixed factors; op by op, by the references."""
    def total(*values):
        results = [y for y in op_runs.flat(function(ops, *values)) if "float" in str(y.dtype)]
        parts = [ops.sum(y * op_runs.factors(y, place)) for place, y in enumerate(results)]
        return engine.gradients(sum(parts[1:], parts[0]), [v for v in values if v.dtype == "float32"])
    return run_eagerly(total, inputs, WORDS, "gradients")


@pytest.mark.parametrize("name, place", ROWS, ids=[f"{name}-{place}" for name, place in ROWS])
def test_function_is_that_of_keras(name, place, numbers):
    function, kinds = op_cases.CASES[name][place]
    inputs = op_runs.inputs_of(name, place, kinds)
    key = f"{name}/{place}"
    results = op_runs.flat(function(ops, *inputs))
    assert len(results) == sum(entry.startswith(f"{key}/y") for entry in numbers)
    for index, y in enumerate(results):
        close(y, numbers[f"{key}/y{index}"], f"{key}/y{index}")
    expected = [numbers[entry] for entry in sorted(numbers) if entry.startswith(f"{key}/g")]
    if expected:
        for index, (g, other) in enumerate(zip(gradients(function, inputs), expected, strict=True)):
            close(g, other, f"{key}/g{index}")


@pytest.mark.parametrize("name", ["erfinv", "i0", "fmod", "nansum", "quantile", "solve", "rfft", "scatter_update",
                                  "histogram", "unfold", "image.map_coordinates", "bitwise_xor", "ctc_decode"])
def test_a_compiled_program_computes_the_same(name):
    function, kinds = op_cases.CASES[name][0]
    inputs = op_runs.inputs_of(name, 0, kinds)
    expected = op_runs.flat(function(ops, *inputs))
    program = engine.Function(lambda *values: op_runs.flat(function(ops, *values)), name)
    for y, other in zip(program(*inputs), expected, strict=True):
        np.testing.assert_allclose(y, np.asarray(other), rtol=1e-5, atol=1e-6)
