"""Weights are packed once where they follow from parameters alone, and at every run where a program is given them."""

import numpy as np

from striate import ops
from striate.engine import Function, gradients
from striate.variables import Variable

RNG = np.random.default_rng(3)
IMAGES = RNG.standard_normal((2, 6, 6, 4)).astype(np.float32)


def prepared(function, *arguments):
    steps = function.executable(*arguments).plan.steps
    return [launch.prepares for step in steps for launch in step.launches if launch.kernel.endswith("pack")]


def test_weights_that_follow_from_parameters_are_computed_and_packed_once_until_a_parameter_changes():
    w = Variable(RNG.standard_normal((4, 3, 3, 5)).astype(np.float32), name="kernel")

    def turned(x):
        return ops.conv(x, ops.transpose(w, (1, 2, 0, 3)))
    function = Function(turned)
    assert all(launch.prepares == (step.node.op == "transpose" or launch.kernel.endswith("pack"))
               for step in function.executable(IMAGES).plan.steps for launch in step.launches)
    np.testing.assert_allclose(function(IMAGES), turned(IMAGES), atol=1e-5)
    w.assign(2.0 * w.numpy())
    np.testing.assert_allclose(function(IMAGES), turned(IMAGES), atol=1e-5)


def test_weights_that_are_arguments_may_change_from_call_to_call():
    function = Function(ops.conv)
    assert not any(prepared(function, IMAGES, np.zeros((3, 3, 4, 5), np.float32)))
    for _ in range(2):
        w = RNG.standard_normal((3, 3, 4, 5)).astype(np.float32)
        np.testing.assert_allclose(function(IMAGES, w), ops.conv(IMAGES, w), atol=1e-5)


def test_parameters_are_packed_once_also_behind_a_reshape():
    w = Variable(RNG.standard_normal((9, 4, 5)).astype(np.float32), name="kernel")
    function = Function(lambda x: ops.conv(x, ops.reshape(w, (3, 3, 4, 5))))
    assert all(prepared(function, IMAGES)) and prepared(function, IMAGES)


def normalised(x, scale, shift):
    """A convolution's result with batch normalisation in inference behind it."""
    return ops.batch_normalization(x, np.zeros(5, np.float32), np.ones(5, np.float32), -1, shift, scale)


def test_what_follows_from_parameters_is_computed_once_and_anew_after_a_change():
    w = Variable(RNG.standard_normal((3, 3, 4, 5)).astype(np.float32), name="kernel")
    scale, shift = (Variable(RNG.uniform(1, 2, 5).astype(np.float32), name=name) for name in ("scale", "shift"))
    function = Function(lambda x: normalised(ops.conv(x, w), scale, shift))
    reference = Function(lambda x: normalised(ops.conv(x, w), scale, shift), mode="reference")
    steps = function.executable(IMAGES).plan.steps
    at_every_run = [step.node.outputs[0].shape for step in steps if not all(a.prepares for a in step.launches)]
    assert set(at_every_run) == {(2, 4, 4, 5)}  # no vector of the channels is computed again
    before = function(IMAGES)
    scale.assign(3.0 * scale.numpy())
    assert not np.allclose(function(IMAGES), before)
    np.testing.assert_allclose(function(IMAGES), reference(IMAGES), rtol=1e-5, atol=1e-5)


def test_a_result_that_is_looked_at_has_the_bits_that_it_had_unseen():
    w = Variable(RNG.standard_normal((3, 3, 4, 5)).astype(np.float32), name="kernel")
    scale, shift = (Variable(RNG.uniform(1, 2, 5).astype(np.float32), name=name) for name in ("scale", "shift"))

    def inside(x):
        convolved = ops.conv(x, w)
        return ops.relu(normalised(convolved, scale, shift)), convolved
    unseen = Function(lambda x: inside(x)[0])(IMAGES)
    assert np.array_equal(Function(inside)(IMAGES)[0], unseen)

    def every_step(x):
        convolved = ops.conv(x, w)
        scaled = normalised(convolved, scale, shift)
        return convolved, scaled, ops.relu(scaled)
    for k, one in enumerate(Function(every_step)(IMAGES)):
        assert np.array_equal(Function(lambda x, k=k: every_step(x)[k])(IMAGES), one)

    def shifted(x):
        convolved = ops.conv(x, w) + scale
        active = ops.relu(convolved + shift)
        return convolved, active, active + scale
    for k, one in enumerate(Function(shifted)(IMAGES)):
        assert np.array_equal(Function(lambda x, k=k: shifted(x)[k])(IMAGES), one)

    def behind_relu(x):
        active = ops.relu(ops.conv(x, w))
        return ops.max_pool(normalised(active, scale, shift), 2), active
    unseen = Function(lambda x: behind_relu(x)[0])(IMAGES)
    result, active = Function(behind_relu)(IMAGES)
    assert np.array_equal(Function(lambda x: behind_relu(x)[1])(IMAGES), active)
    assert np.array_equal(result, unseen)
    np.testing.assert_allclose(active, behind_relu(IMAGES)[1], atol=1e-5)


def test_a_program_that_gives_gradients_keeps_no_packed_weights():
    """Its weights are others in the next run: they are packed where they are read, in memory that is used again."""
    w = Variable(RNG.standard_normal((3, 3, 4, 32)).astype(np.float32), name="kernel")

    def forward(x):
        return ops.sum(ops.square(ops.conv(x, w)))

    def step(x):
        return ops.flat_gradients(gradients(forward(x), [w]), (0,), w.size)
    kept, trained = Function(forward).executable(IMAGES).plan, Function(step).executable(IMAGES).plan
    assert any(launch.prepares for each in trained.steps for launch in each.launches)
    assert kept.persistent and not kept.graph.trains
    assert list(trained.persistent.values()) == [w.array.nbytes] and trained.graph.trains
