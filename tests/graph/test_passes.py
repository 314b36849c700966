"""Rewrites keep the meaning and leave the number of nodes that is expected."""

import numpy as np
import pytest

from striate import engine, ops
from striate.graph.trace import trace
from striate.ops.spec import TensorType
from striate.variables import Variable

RNG = np.random.default_rng(0)


def optimised(function, *shapes):
    graph, _ = trace(function, [TensorType(shape) for shape in shapes])
    return [node.op for node in engine.optimise(graph).nodes]


def agree(function, *arrays):
    """Compiled and reference results are the same up to rounding."""
    compiled = engine.Function(function)(*arrays)
    expected = engine.Function(function, mode="reference")(*arrays)
    for actual, wanted in zip(np.atleast_1d(compiled), np.atleast_1d(expected), strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-4, atol=1e-5)


def conv_block(x, w, b):
    y = ops.relu(ops.conv(x, w, padding="same") + b)
    return ops.max_pool(y, 2)


def test_convolution_bias_relu_and_pooling_become_one_node():
    assert optimised(conv_block, (2, 8, 8, 3), (3, 3, 3, 5), (5,)) == ["conv2d"]


def test_an_intermediate_result_that_is_needed_is_not_fused_away():
    def function(x, w, b):
        raw = ops.conv(x, w) + b
        return ops.relu(raw), raw
    names = optimised(function, (2, 8, 8, 3), (3, 3, 3, 5), (5,))
    assert names == ["conv2d", "relu"]


def normalised_block(w, factor, shift, before, pooled):
    """x -> a convolution with factors and shifts of its channels before or behind the relu, as in a prediction."""
    def function(x):
        y = ops.conv(x, w, padding="same")
        y = ops.relu(y * factor + shift) if before else ops.relu(y) * factor + shift
        return ops.max_pool(y, 2) if pooled else y
    return function


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("pooled", [True, False])
def test_factors_of_the_channels_become_part_of_a_convolution_that_is_not_trained(before, pooled):
    w, factor, shift = (Variable(RNG.standard_normal(shape, np.float32)) for shape in ((3, 3, 3, 6), (6,), (6,)))
    factor.assign([-2.0, -0.5, 0.0, 0.5, 1.0, 3.0])
    function = normalised_block(w, factor, shift, before, pooled)
    graph = engine.optimise(trace(function, [TensorType((2, 8, 8, 3))])[0])
    varying = [node.op for node in graph.nodes if node.outputs[0] not in graph.steady()]
    assert varying == ["conv2d"]
    agree(function, RNG.standard_normal((2, 8, 8, 3), np.float32))


def test_trained_factors_of_the_channels_stay_apart():
    w, factor, shift = (Variable(RNG.standard_normal(shape, np.float32)) for shape in ((3, 3, 3, 6), (6,), (6,)))
    function = normalised_block(w, factor, shift, False, False)
    arrays = RNG.standard_normal((2, 8, 8, 3), np.float32)

    def slope(x):
        return engine.gradients(ops.sum(ops.square(function(x))), [factor])[0]
    graph = engine.optimise(trace(slope, [TensorType(arrays.shape)])[0])
    assert {node.attributes["activation"] for node in graph.nodes if node.op == "conv2d"} == {"relu"}
    agree(slope, arrays)


def test_factors_that_depend_on_the_input_stay_apart():
    w = Variable(RNG.standard_normal((3, 3, 3, 6), np.float32))

    def function(x):
        return ops.relu(ops.conv(x, w, padding="same")) * ops.sum(x, axis=(0, 1, 2))[0]
    graph = engine.optimise(trace(function, [TensorType((2, 8, 8, 3))])[0])
    assert {node.attributes["activation"] for node in graph.nodes if node.op == "conv2d"} == {"relu"}


def test_matrix_product_bias_and_relu_become_a_dense_node():
    assert optimised(lambda x, w, b: ops.relu(x @ w + b), (4, 3), (3, 5), (5,)) == ["dense"]


def normalised(x, gamma, beta):
    """relu of a batch normalisation whose mean is used before the relu is."""
    y, mean, variance = ops.batch_norm(x, gamma, beta, 1e-3)
    return ops.relu(y) * ops.sum(mean) + ops.sum(variance)


def test_batch_normalisation_and_relu_become_one_node():
    names = optimised(normalised, (4, 6, 3), (3,), (3,))
    assert names.count("batch_norm") == 1 and "relu" not in names
    agree(normalised, *(RNG.standard_normal(shape, np.float32) for shape in ((4, 6, 3), (3,), (3,))))


@pytest.mark.parametrize("activation", [ops.relu, ops.relu6])
def test_the_gradient_of_batch_normalisation_and_relu(activation):
    x, beta, seen = (Variable(RNG.standard_normal(shape, np.float32)) for shape in ((16, 3), (3,), (16, 3)))
    gamma = Variable([-8.0, 4.0, 16.0])
    assert ops.batch_norm(x, gamma, beta, 1e-3)[0].max() > 7

    def function():
        y = activation(ops.batch_norm(x, gamma, beta, 1e-3)[0])
        of_x, of_gamma, of_beta = engine.gradients(ops.sum(y * y * seen), [x, gamma, beta])
        return of_x + of_gamma + of_beta
    node, = (node for node in engine.optimise(trace(function, [])[0]).nodes if node.op == "batch_norm")
    assert node.attributes["activation"] == "relu"
    agree(function)


@pytest.mark.parametrize("active", [ops.relu, ops.relu6, None])
@pytest.mark.parametrize("shape", [(3, 8, 6, 5), (2, 7, 9, 5)])
def test_batch_normalisation_relu_and_pooling_become_one_node_forward_and_backward(shape, active):
    x, gamma, beta = (Variable(RNG.standard_normal(size, np.float32)) for size in (shape, (5,), (5,)))

    def pooled():
        y = ops.batch_norm(ops.relu(x), gamma, beta, 1e-3)[0]
        return ops.max_pool(active(y) if active else y, 2)

    def function():
        y = pooled()
        of_x, of_gamma, of_beta = engine.gradients(ops.sum(ops.exp(y) * y), [x, gamma, beta])
        return of_x + of_gamma + of_beta
    names = optimised(function)
    assert names.count("batch_norm") == names.count("batch_norm_grad") == 1
    assert not {"max_pool2d", "max_pool2d_grad", "relu_grad"} & set(names)
    agree(pooled)
    agree(function)


def test_windows_that_overlap_are_not_pooled_by_batch_normalisation():
    def function(x, gamma, beta):
        return ops.max_pool(ops.batch_norm(x, gamma, beta, 1e-3)[0], 3, strides=2)
    shapes = (2, 9, 9, 4), (4,), (4,)
    assert optimised(function, *shapes) == ["batch_norm", "max_pool2d"]
    agree(function, *(RNG.standard_normal(shape, np.float32) for shape in shapes))


def test_elementwise_ops_become_one_chain():
    assert optimised(lambda x, y: ops.exp(x) * y + ops.tanh(x) - 3.0, (4, 5), (4, 5)) == ["chain"]


def test_dead_code_and_constants_disappear():
    def function(x):
        ops.exp(x)
        return x * ops.exp(np.float32(0.0))
    assert optimised(function, (3,)) == []


def test_the_mask_of_relu_moves_into_the_gradient_of_the_next_layer():
    def function(x, w1, w2):
        loss = ops.sum(ops.square(ops.conv(ops.relu(ops.conv(x, w1)), w2)))
        return engine.gradients(loss, [w1])[0]
    names = optimised(function, (2, 8, 8, 3), (3, 3, 3, 4), (3, 3, 4, 5))
    assert "relu_grad" not in names and names.count("conv2d_input_grad") == 1


@pytest.mark.parametrize("order", ["relu first", "pool first"])
def test_fused_forward_and_backward_agree_with_the_reference(order):
    def function(x, w, b):
        y = ops.conv(x, w, padding="same") + b
        y = ops.max_pool(ops.relu(y), 2) if order == "relu first" else ops.relu(ops.max_pool(y, 2))
        return engine.gradients(ops.sum(y * y), [x, w, b])
    arrays = [RNG.standard_normal(shape, dtype=np.float32) for shape in ((2, 6, 6, 3), (3, 3, 3, 4), (4,))]
    compiled, expected = engine.Function(function)(*arrays), engine.Function(function, mode="reference")(*arrays)
    for actual, wanted in zip(compiled, expected, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-4, atol=1e-4)


def test_a_diamond_is_not_joined_across_a_reader_outside():
    def function(x):
        a = ops.exp(x)
        total = ops.sum(a)
        return a * 2.0 + total
    arrays = RNG.standard_normal((3, 4), dtype=np.float32)
    agree(function, arrays)


def test_in_place_updates_read_the_old_value_first():
    v = Variable(np.arange(4, dtype=np.float32), name="v")

    def step(x):
        old = ops.sum(v.value * x)
        v.assign(v.value - x)
        return old
    run = engine.Function(step)
    ones = np.ones(4, np.float32)
    assert [float(run(ones)), float(run(ones))] == [6.0, 2.0]
    assert v.numpy().tolist() == [-2.0, -1.0, 0.0, 1.0]


def test_two_variables_that_exchange_their_values():
    a, b = Variable(np.zeros(2), name="a"), Variable(np.ones(2), name="b")

    def swap():
        first, second = a.value, b.value
        a.assign(second)
        b.assign(first)
    engine.Function(swap)()
    assert a.numpy().tolist() == [1.0, 1.0] and b.numpy().tolist() == [0.0, 0.0]


def test_bias_and_relu_of_a_1d_convolution_are_fused():
    def function(x, w, b):
        return ops.relu(ops.conv(x, w) + b)
    assert optimised(function, (2, 16, 3), (5, 3, 4), (4,)) == ["reshape", "reshape", "conv2d", "reshape"]


def test_dense_with_a_bias_of_its_own_takes_the_relu():
    assert optimised(lambda x, w, b: ops.relu(ops.dense(x, w, b)), (4, 3), (3, 5), (5,)) == ["dense"]


def test_elementwise_ops_read_what_is_broadcast_without_spreading_it():
    names = optimised(lambda x, y: ops.broadcast_to(x, (4, 5)) + ops.exp(y), (4, 1), (4, 5))
    assert names == ["chain"]


def several_filters_a_channel(x, w, b):
    return ops.relu(ops.depthwise_conv(x, w, padding="same") + b)


def test_several_filters_a_channel_are_spread_only_where_they_are_trained():
    """The same bits either way; trained, there is no convolution in groups of several filters."""
    shapes = (2, 7, 6, 5), (3, 3, 5, 3), (15,)
    arrays = [RNG.standard_normal(shape, np.float32) for shape in shapes]
    assert optimised(several_filters_a_channel, *shapes).count("conv2d") == 1
    w = Variable(arrays[1])

    def trained(x, b):
        y = several_filters_a_channel(x, w, b)
        return y, engine.gradients(ops.sum(y * y), [w])[0]
    y, of_w = engine.Function(trained)(arrays[0], arrays[2])
    assert np.array_equal(y, engine.Function(several_filters_a_channel)(*arrays))
    graph, _ = trace(trained, [TensorType(shapes[0]), TensorType(shapes[2])])
    assert {node.attributes.get("groups", 15) for node in engine.optimise(graph).nodes} == {15}
    expected = engine.Function(trained, mode="reference")(arrays[0], arrays[2])[1]
    np.testing.assert_allclose(of_w, expected, rtol=1e-4, atol=1e-4)


def test_the_gradient_of_what_a_relu_gives_is_not_masked_where_it_is_a_result():
    """As Grad-CAM asks for it; the gradient of what lies before the relu is masked all the same."""
    x, w, v = (RNG.standard_normal(shape, np.float32) / 5 for shape in ((2, 6, 6, 3), (3, 3, 3, 8), (3, 3, 8, 4)))

    def function(x, w, v):
        maps = ops.relu(ops.conv(x, w, padding="same"))
        loss = ops.sum(ops.square(ops.conv(maps, v, padding="same")))
        return engine.gradients(loss, [maps, w])
    of_maps, of_w = engine.Function(function)(x, w, v)
    for actual, expected in zip((of_maps, of_w), engine.Function(function, mode="reference")(x, w, v), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


def test_a_reshape_stays_before_a_vector_of_other_channels():
    def function(x, vector):
        return ops.relu(ops.reshape(x, (6, 4)) + vector)
    agree(function, RNG.standard_normal((2, 3, 4), np.float32), RNG.standard_normal(4, np.float32))
    agree(function, RNG.standard_normal((6, 2, 2), np.float32), RNG.standard_normal(4, np.float32))


@pytest.mark.parametrize("twin", [
    lambda x: (ops.tanh(x), ops.tanh(x)), lambda x: (x * 1.0, x), lambda x: (ops.reshape(x, (12,)), x),
    lambda x: (ops.reshape(x, (4, 3)), ops.reshape(x, (4, 3)))],
    ids=["equal", "a factor of 1", "reshaped again", "reshaped alike"])
def test_the_gradient_of_a_value_is_that_of_its_own_way_to_the_loss(twin):
    """Not that of another value which is equal to it."""
    def function(x):
        y, other = twin(x)
        loss = ops.sum(2.0 * ops.reshape(y, (3, 4)) + 3.0 * ops.reshape(other, (3, 4)))
        return engine.gradients(loss, [y, x])[0]
    found = engine.Function(function)(RNG.standard_normal((3, 4), np.float32))
    assert found.ravel().tolist() == [2.0] * 12


@pytest.mark.parametrize("pool, strides", [((3, 2), (2, 2)), ((2, 3), (2, 2)), ((2, 2), (3, 3)), ((2, 2), (2, 3))])
def test_windows_that_overlap_or_leave_gaps(pool, strides):
    """Batch normalisation takes up none of them, a convolution those with gaps."""
    x, gamma, beta, w = (RNG.standard_normal(shape, np.float32) for shape in ((2, 9, 11, 5), (5,), (5,), (3, 3, 5, 4)))

    def after(head):
        def function(*arrays):
            y = ops.max_pool(ops.relu(head(*arrays)), pool, strides)
            return engine.gradients(ops.sum(ops.square(y)), [arrays[1]])[0]
        return function
    normalised, convolved = after(lambda *arrays: ops.batch_norm(*arrays, 1e-3)[0]), after(ops.conv)
    for function, arrays, whole in ((normalised, (x, gamma, beta), False),
                                    (convolved, (x, w), all(map(np.greater_equal, strides, pool)))):
        assert ("max_pool2d" not in optimised(function, *(array.shape for array in arrays))) == whole
        agree(function, *arrays)
