"""Random numbers and updates: kernels against the ops' definitions."""

import numpy as np
import pytest

from tests.kernels.harness import check, run_node, with_lanes

GENERATOR = np.random.default_rng(23)
STATE = np.array([7, 1, 99, 0], np.uint32)


def normal(*shape):
    return GENERATOR.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("count", [1, 3, 31, 32, 33, 1023, 1024, 1025, 5000])
def test_random_numbers_are_the_definitions_exactly(count):
    check("dropout", [normal(count), STATE], rate=0.3, stream=12345678901)
    check("dropout_grad", [normal(count), STATE], rate=0.5, stream=0)
    check("dropout", [normal(count), STATE], rate=0.0, stream=0)
    check("random_uniform", [STATE], shape=(count,), minval=0.0, maxval=1.0, stream=4)


@pytest.mark.parametrize("count", [1, 15, 16, 17, 1024, 1025, 300_000])
def test_normal_numbers_are_the_definition_s(count):
    """Float32 logarithm, root and cosine: a few units in the last place of the largest numbers."""
    check("random_normal", [STATE], bound=1e-6, shape=(count,), mean=0.5, stddev=2.0, stream=6)


def test_masks_do_not_depend_on_threads():
    x, attributes = normal(9000), dict(rate=0.4, stream=5)
    first = run_node("dropout", [x, STATE], **attributes)[0].tobytes()
    assert all(run_node("dropout", [x, STATE], threads=n, **attributes)[0].tobytes() == first for n in (2, 3))
    attributes = dict(shape=(9001,), mean=0.0, stddev=1.0, stream=5)
    first = run_node("random_normal", [STATE], **attributes)[0].tobytes()
    assert all(run_node("random_normal", [STATE], threads=n, **attributes)[0].tobytes() == first for n in (2, 3))


@pytest.mark.parametrize("lanes", [4, 8, 16])
@pytest.mark.parametrize("count", [1, 16, 4096, 9001])
def test_updates(count, lanes):
    cpu = with_lanes(lanes)
    w, m, v, g = normal(count), normal(count), np.abs(normal(count)), normal(count)
    check("adam_update", [w, m, v, np.float32([0.01, 0.1, 0.001, 1e-7, 0.02, 0.5]), g], bound=1e-6, cpu=cpu)
    scalars = np.float32([0.01, 0.9, 0.02, 0.5])
    for nesterov in (False, True):
        check("sgd_update", [w, m, scalars, g], bound=1e-6, cpu=cpu, nesterov=nesterov)
    check("sgd_update", [w, scalars, g], bound=1e-6, cpu=cpu)
