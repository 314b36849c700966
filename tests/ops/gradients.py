"""Checks gradient rules against finite differences: rules are formulas of ops, so they also run on float64 arrays."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from striate.ops.spec import OPS


def check_gradient(op: str, inputs: list, skip: tuple[int, ...] = (), **attributes) -> None:
    """Compares the rule of `op` with central differences of a weighted sum of all floating outputs.

    `skip`: inputs that are not differentiated. Raises AssertionError where they differ by more than 1e-6 of the
    largest element.
    """
    inputs = [np.asarray(x, np.float64) if np.asarray(x).dtype.kind == "f" else np.asarray(x) for x in inputs]
    spec = OPS[op]
    outputs = spec.reference(*inputs, **attributes)
    generator = np.random.default_rng(0)
    weights = [generator.standard_normal(y.shape) if y.dtype.kind == "f" else None for y in outputs]

    def loss(arrays):
        results = spec.reference(*arrays, **attributes)
        return sum(float((y * w).sum()) for y, w in zip(results, weights, strict=True) if w is not None)
    node = SimpleNamespace(inputs=inputs, outputs=outputs, attributes=attributes)
    gradients = spec.gradient(node, *weights)
    assert len(gradients) == len(inputs)
    for index, (x, gradient) in enumerate(zip(inputs, gradients, strict=True)):
        if index in skip:
            continue
        expected = np.zeros_like(x)
        for place in np.ndindex(*x.shape):
            moved = [array.copy() for array in inputs]
            moved[index][place] += 1e-5
            above = loss(moved)
            moved[index][place] -= 2e-5
            expected[place] = (above - loss(moved)) / 2e-5
        assert np.shape(gradient) == x.shape, (op, index)
        assert np.abs(gradient - expected).max() <= 1e-6 * max(1.0, np.abs(expected).max()), (op, index)
