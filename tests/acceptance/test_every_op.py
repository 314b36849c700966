"""A walk over all ops: each has a kernel that equals its reference, and a gradient that differences confirm."""

from types import SimpleNamespace

import numpy as np
import pytest

from striate.graph import gradient  # noqa: F401
from striate.ops.spec import OPS
from striate.plan.lower import PREFERRED, RULES
from striate.plan.schedule import _load_rules
from tests.acceptance.samples import PLACED, REFERENCE_ONLY, SAMPLES
from tests.kernels.harness import check, lowered, make_node
from tests.ops.gradients import check_gradient

MARKERS = {"gradient", "custom_gradient", "custom_gradients"}
"""Wishes that `differentiate` fulfils before a graph runs; tests/ops/test_own_gradient.py is about the last two."""
_load_rules()


def test_every_op_has_an_example():
    assert set(SAMPLES) == set(OPS) - MARKERS


def test_every_op_has_a_kernel_or_a_reason():
    assert set(RULES) == set(OPS) - MARKERS - REFERENCE_ONLY - PLACED
    assert set(PREFERRED) <= set(RULES)


@pytest.mark.parametrize("op", sorted(set(SAMPLES) - REFERENCE_ONLY - PLACED))
def test_kernel_equals_reference(op):
    sample = SAMPLES[op]
    inputs = sample.inputs
    if op == "cast":  # to the type that it has, a cast is nothing
        inputs = [inputs[0].astype(np.int32)]
    assert lowered(make_node(op, inputs, **sample.attributes)), f"{op} has a rule, but no kernel for its example"
    check(op, inputs, sample.bound, threads=2, **sample.attributes)


@pytest.mark.parametrize("op", sorted(op for op in SAMPLES if OPS[op].gradient is not None))
def test_gradient_equals_finite_differences(op):
    sample = SAMPLES[op]
    if not sample.apart:
        check_gradient(op, sample.inputs, skip=sample.skip, **sample.attributes)
        return
    inputs = [np.asarray(x, np.float64) if x.dtype.kind == "f" else x for x in sample.inputs]
    outputs = OPS[op].reference(*inputs, **sample.attributes)
    node = SimpleNamespace(inputs=inputs, outputs=outputs, attributes=sample.attributes)
    found = OPS[op].gradient(node, *[np.ones(y.shape) for y in outputs])
    if op == "cast":
        assert np.array_equal(found[0], np.ones(inputs[0].shape))
    else:
        assert all(entry is None or not np.any(entry) for entry in found), sample.apart
