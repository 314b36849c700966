"""Optimizers for the large batches of many machines, against the formulas of their papers in float64."""

import numpy as np
import pytest

from striate import engine, optimizers
from striate.errors import ArgumentError
from striate.variables import Variable

SHAPES = [(3, 4), (4,), (2, 2, 3)]


def gradients_of(step):
    draw = np.random.default_rng(step + 10)
    return [draw.standard_normal(shape).astype(np.float32) for shape in SHAPES]


def trained(optimizer, steps=4, first=None):
    """The weights after some steps of a compiled program."""
    draw = np.random.default_rng(1)
    variables = [Variable(draw.standard_normal(shape) if first is None else np.full(shape, first), name=f"w{index}")
                 for index, shape in enumerate(SHAPES)]
    start = [variable.numpy().astype(np.float64) for variable in variables]
    optimizer.build(variables)
    program = engine.Function(lambda s, *g: (optimizer.update(g, s), s[0])[1], "step")
    for step in range(steps):
        program(optimizer.scalars(), *gradients_of(step))
        optimizer.advance()
    return start, [variable.numpy() for variable in variables]


def lars(weights, rate, momentum, trust, decay, steps):
    """Algorithm 1 of You, Gitman and Ginsburg (2017), with the usual exception for vectors."""
    moves = [np.zeros(shape) for shape in SHAPES]
    for step in range(steps):
        for index, g in enumerate(gradients_of(step)):
            w, g = weights[index], g.astype(np.float64)
            vector = w.ndim == 1
            own = 0.0 if vector else decay
            local = 1.0 if vector else trust * np.linalg.norm(w) / (np.linalg.norm(g) + own * np.linalg.norm(w))
            moves[index] = momentum * moves[index] + rate * local * (g + own * w)
            weights[index] = w - moves[index]
    return weights


def lamb(weights, rate, beta_1, beta_2, epsilon, steps):
    """Algorithm 2 of You and others (2020), without decay."""
    m, v = ([np.zeros(shape) for shape in SHAPES] for _ in range(2))
    for step in range(1, steps + 1):
        for index, g in enumerate(gradients_of(step - 1)):
            g = g.astype(np.float64)
            m[index] = beta_1 * m[index] + (1 - beta_1) * g
            v[index] = beta_2 * v[index] + (1 - beta_2) * g * g
            move = m[index] / (1 - beta_1 ** step) / (np.sqrt(v[index] / (1 - beta_2 ** step)) + epsilon)
            weights[index] = weights[index] - rate * np.linalg.norm(weights[index]) / np.linalg.norm(move) * move
    return weights


@pytest.mark.parametrize("decay", [None, 0.01])
def test_lars_is_the_formula_of_its_paper(decay):
    start, found = trained(optimizers.LARS(0.5, momentum=0.8, trust=0.02, weight_decay=decay))
    for one, other in zip(lars(start, 0.5, 0.8, 0.02, decay or 0.0, 4), found, strict=True):
        np.testing.assert_allclose(other, one, rtol=3e-6, atol=1e-6)


def test_lamb_is_the_formula_of_its_paper():
    start, found = trained(optimizers.Lamb(0.05))
    for one, other in zip(lamb(start, 0.05, 0.9, 0.999, 1e-7, 4), found, strict=True):
        np.testing.assert_allclose(other, one, rtol=3e-5, atol=3e-6)


def test_weights_that_are_zero_move_by_lars_as_well():
    _, found = trained(optimizers.LARS(0.5), steps=1, first=0.0)
    assert all(np.abs(weights).max() > 0.1 for weights in found)


def test_lars_is_written_down_and_found_by_its_name():
    again = optimizers.deserialize(optimizers.serialize(optimizers.LARS(0.3, momentum=0.7, weight_decay=0.1)))
    assert type(again) is optimizers.LARS and again.get_config()["momentum"] == 0.7 and again.weight_decay == 0.1
    assert type(optimizers.get("lars")) is optimizers.LARS
    with pytest.raises(ArgumentError, match="momentum=1"):
        optimizers.LARS(momentum=1)
