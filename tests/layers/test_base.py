"""What every layer inherits: building, names, tracking of weights, training, configurations, symbolic calls."""

import subprocess
import sys
import warnings

import numpy as np
import pytest

from striate import config, dtype_policies, naming, ops, seeds
from striate.engine import Function
from striate.errors import ArgumentError, ShapeError, TypeMismatchError
from striate.layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Input,
    KerasTensor,
    Layer,
    MaxPooling2D,
    TimeDistributed,
)
from striate.variables import Variable


@pytest.fixture(autouse=True)
def fresh_names():
    seeds.set_random_seed(7)
    naming.clear_session()


class Scale(Layer):
    def __init__(self, start=1.0, **kwargs):
        super().__init__(**kwargs)
        self.start = start

    def build(self, input_shape):
        self.factor = self.add_weight((input_shape[-1],), "ones", name="factor")

    def call(self, inputs):
        return inputs * self.factor * self.start


class Block(Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.parts = [Dense(4), Dropout(0.5)]
        self.named = {"last": Dense(2, use_bias=False)}

    def call(self, inputs):
        for part in self.parts:
            inputs = part(inputs)
        return self.named["last"](inputs)


def test_names_are_numbered_by_class():
    assert [Conv2D(1, 1).name, Conv2D(1, 1).name, BatchNormalization().name] == [
        "conv2d", "conv2d_1", "batch_normalization"]
    naming.clear_session()
    assert Conv2D(1, 1).name == "conv2d"


def test_name_with_slash_is_refused():
    with pytest.raises(ArgumentError, match="cannot contain character `/`"):
        Dense(1, name="a/b")


def test_layer_is_built_at_first_call_with_paths_of_its_scopes():
    block = Block()
    assert not block.built and block.weights == []
    block(np.ones((3, 5)))
    assert [v.path for v in block.weights] == ["block/dense/kernel", "block/dense/bias", "block/dense_1/kernel"]
    assert block.count_params() == 5 * 4 + 4 + 4 * 2


def test_build_outside_a_call_marks_the_layer_as_built():
    layer = Scale()
    layer.build((None, 3))
    assert layer.built and layer.factor.path == "scale/factor"
    assert layer.get_build_config() == {"input_shape": (None, 3)}
    twin = Scale()
    twin.build_from_config({"input_shape": [None, 3]})
    assert twin.factor.shape == (3,)


def test_weights_come_trained_ones_first():
    layer = BatchNormalization()
    layer.build((None, 3))
    assert [v.name for v in layer.weights] == ["gamma", "beta", "moving_mean", "moving_variance"]
    assert [v.name for v in layer.non_trainable_weights] == ["moving_mean", "moving_variance"]


def test_trainable_reaches_layers_inside_and_keeps_statistics_untrained():
    block = Block()
    block.parts.append(BatchNormalization())
    block(np.ones((3, 5)))
    block.trainable = False
    assert block.trainable_weights == [] and not block.parts[0].trainable
    block.trainable = True
    assert {v.name for v in block.non_trainable_weights} == {"moving_mean", "moving_variance"}


def test_weights_made_under_trainable_false_follow_the_switch():
    layer = Dense(2, trainable=False)
    layer.build((None, 3))
    assert layer.trainable_weights == [] and not layer.kernel.trainable
    layer.trainable = True
    assert len(layer.trainable_weights) == 2


def test_variables_and_layers_added_to_lists_later_are_found():
    layer = Layer()
    layer.tables = [Variable(np.zeros(2))]
    layer.tables.append(Variable(np.zeros(3), trainable=False))
    layer.more = {"x": (Dense(1),)}
    layer.more["x"][0].build((None, 2))
    assert [v.shape for v in layer.weights] == [(2,), (3,), (2, 1), (1,)]


def test_set_weights_checks_number_and_shapes():
    layer = Dense(2)
    layer.build((None, 3))
    with pytest.raises(ArgumentError, match="length 1, but the layer was expecting 2"):
        layer.set_weights([np.zeros((3, 2))])
    with pytest.raises(ShapeError, match="not compatible"):
        layer.set_weights([np.zeros((2, 3)), np.zeros(2)])
    layer.set_weights([np.ones((3, 2)), np.zeros(2)])
    assert layer.get_weights()[0].sum() == 6


def test_own_variables_travel_through_a_mapping():
    one, other = Dense(2), Dense(2)
    one.build((None, 3))
    other.build((None, 3))
    store = {}
    one.save_own_variables(store)
    other.load_own_variables(store)
    assert all((a == b).all() for a, b in zip(one.get_weights(), other.get_weights(), strict=True))
    with pytest.raises(ArgumentError, match="expected 2 variables"):
        other.load_own_variables({"0": store["0"]})


def test_training_is_handed_to_layers_inside():
    seen = []

    class Probe(Layer):
        def call(self, inputs, training=None):
            seen.append(training)
            return inputs

    class Outer(Layer):
        def __init__(self):
            super().__init__()
            self.probe = Probe()

        def call(self, inputs):
            return self.probe(inputs)

    outer = Outer()
    outer(np.ones(2), training=True)
    outer(np.ones(2))
    outer.probe(np.ones(2), training=False)
    assert seen == [True, None, False]


def test_configuration_follows_from_the_constructor():
    layer = Scale(start=2.5, name="s")
    config = layer.get_config()
    assert config["start"] == 2.5 and config["name"] == "s" and config["dtype"]["config"] == {"name": "float32"}
    assert Scale.from_config(config).get_config() == config


def test_configuration_of_a_user_class_builds_on_its_parent():
    class Wide(Dense):
        def __init__(self, extra, **kwargs):
            super().__init__(**kwargs)
            self.extra = extra

        def get_config(self):
            return {**super().get_config(), "extra": self.extra}

    layer = Wide(3, units=4, activation="relu")
    assert layer.get_config()["units"] == 4 and layer.get_config()["extra"] == 3
    assert Wide.from_config(layer.get_config()).units == 4


def test_unknown_arguments_are_refused():
    with pytest.raises(ArgumentError, match="Unrecognized keyword arguments passed to Dense: {'unit': 3}"):
        Dense(2, unit=3)


@pytest.mark.parametrize(("arguments", "expected"), [
    ({"input_shape": [28, 28, 1]}, (None, 28, 28, 1)), ({"input_dim": 3}, (None, 3)),
    ({"batch_input_shape": (8, 3)}, (8, 3)), ({"input_shape": (3,), "batch_size": 2}, (2, 3)),
    ({"input_shape": 3}, (None, 3)),
])
def test_shapes_of_older_keras_are_taken_with_a_warning(arguments, expected):
    with pytest.warns(UserWarning, match="Do not pass an `input_shape`"):
        assert Layer(**arguments)._batch_input_shape == expected


def test_other_float_types_keep_their_name_and_are_warned_of_once():
    dtype_policies._warn_once.cache_clear()
    with pytest.warns(UserWarning, match="computes in float32"):
        layer = Dense(2, dtype="mixed_float16")
    assert layer.compute_dtype == Dense(2).compute_dtype == "float32"
    assert layer.get_config()["dtype"]["config"] == {"name": "mixed_float16"}
    with pytest.raises(ArgumentError, match="dtype policy"):
        Dense(2, dtype="float31")


def test_the_policy_of_the_configuration_is_an_object_also_when_it_is_set_by_name():
    assert config.dtype_policy().name == "float32"
    try:
        config.set_dtype_policy("mixed_float16")
        assert config.dtype_policy().name == "mixed_float16" == Dense(2).dtype_policy.name
        with pytest.raises(ArgumentError):
            config.set_dtype_policy("nope")
    finally:
        config.set_dtype_policy("float32")
    code = "import sys, striate as k; assert k.config.dtype_policy() == k.DTypePolicy('float32'); " \
           "assert 'striate.layers' not in sys.modules; k.config.set_dtype_policy('mixed_float16'); " \
           "l = k.layers.Dense(2); " \
           "assert k.config.dtype_policy().name == l.dtype_policy.name == 'mixed_float16'"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


def test_the_default_policy_and_format_hold_for_new_layers():
    try:
        dtype_policies.set_dtype_policy("uint8")
        config.set_image_data_format("channels_first")
        assert (Dense(2).compute_dtype, Conv2D(1, 2).data_format) == ("uint8", "channels_first")
    finally:
        dtype_policies.set_dtype_policy("float32")
        config.set_image_data_format("channels_last")


def test_losses_of_regularizers_and_calls():
    layer = Dense(1, kernel_regularizer="l2", activity_regularizer="l1", kernel_initializer="ones", use_bias=False)
    layer(np.full((4, 2), 3.0))
    assert [round(float(loss), 4) for loss in layer.losses] == [0.06, 0.02]
    layer(np.full((4, 2), 3.0))
    assert len(layer.losses) == 2
    layer.trainable = False
    assert len(layer.losses) == 1


def test_symbolic_calls_are_recorded():
    x = Input(shape=(8, 8, 1), name="image")
    conv = Conv2D(4, 3, activation="relu")
    y = conv(x)
    z = Flatten()(MaxPooling2D()(y))
    assert (y.shape, z.shape) == ((None, 6, 6, 4), (None, 36))
    operation, node, tensor = y.history
    assert (operation, node, tensor) == (conv, 0, 0)
    assert conv.input is x and conv.output is y
    assert [n.operation.name for n in y.history[0]._inbound_nodes[0].parent_nodes] == ["image"]


def test_shared_layer_has_one_node_a_call():
    dense, a, b = Dense(3), Input((4,)), Input((4,))
    outputs = dense(a), dense(b)
    assert [output.history[1] for output in outputs] == [0, 1]
    assert len(dense.weights) == 2


def test_ops_on_symbolic_tensors_are_recorded():
    x = Input((4,))
    y = ops.relu(x * 2.0 + x)
    names = []
    tensor = y
    while tensor.history[0].name != x.name:
        names.append(tensor.history[0].op)
        tensor = tensor.history[0]._inbound_nodes[0].input_tensors[0]
    assert names == ["relu", "add", "multiply"]
    assert y.shape == (None, 4)


def test_symbolic_tensors_have_no_numbers():
    with pytest.raises(TypeMismatchError, match="has no numbers"):
        np.asarray(Input((4,)))
    with pytest.raises(TypeMismatchError, match="has no numbers"):
        bool(Input((4,)))


def test_explicit_training_is_kept_in_the_node_but_a_default_is_not():
    x = Input((4,))
    dropout = Dropout(0.5)
    dropout(x)
    dropout(x, training=True)
    assert [node.kwargs for node in dropout._inbound_nodes] == [{}, {"training": True}]


def test_shape_rule_of_the_user_is_used():
    class Odd(Layer):
        def call(self, inputs):
            raise RuntimeError("not traced")

        def compute_output_shape(self, input_shape):
            return (*input_shape, 5)

    assert Odd()(Input((3,))).shape == (None, 3, 5)


def test_compute_output_shape_leaves_the_losses():
    layer = Dense(2, activity_regularizer="l2")
    layer(np.ones((1, 3), np.float32))
    before = [float(loss) for loss in layer.losses]
    assert layer.compute_output_shape((None, 3)) == (None, 2)
    assert [float(loss) for loss in layer.losses] == before and len(before) == 1


def test_compute_output_shape_leaves_the_layer_unbuilt():
    layer = Conv2D(4, 3, padding="SAME")
    assert layer.compute_output_shape((None, 7, 7, 2)) == (None, 7, 7, 4)
    assert not layer.built and layer.weights == []


def test_traced_calls_equal_eager_ones():
    layer, x = Conv2D(3, 3, activation="relu", padding="same"), np.random.RandomState(0).rand(2, 6, 5, 2)
    expected = np.asarray(layer(x))
    actual = Function(lambda value: layer(value), "layer")(x.astype("float32"))
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


def test_batch_normalisation_moves_its_averages_in_a_program():
    layer, x = BatchNormalization(momentum=0.5), np.random.RandomState(0).rand(6, 3).astype("float32")
    layer.build((None, 3))
    Function(lambda value: layer(value, training=True), "layer")(x)
    np.testing.assert_allclose(layer.moving_mean.numpy(), 0.5 * x.mean(0), rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance.numpy(), 0.5 + 0.5 * x.var(0), rtol=1e-5)


def test_frozen_batch_normalisation_uses_its_averages():
    layer, x = BatchNormalization(), np.random.RandomState(0).rand(6, 3).astype("float32")
    layer.build((None, 3))
    layer.trainable = False
    np.testing.assert_allclose(np.asarray(layer(x, training=True)), np.asarray(layer(x)))
    assert (layer.moving_mean.numpy() == 0).all()


def test_dropout_depends_on_seed_and_step_alone():
    layer, x = Dropout(0.4), np.ones((50, 40), "float32")
    program = Function(lambda value: layer(value, training=True), "dropout")
    first, again, later = (program(x, random=(3, step)) for step in (0, 0, 1))
    assert (first == again).all() and (first != later).any()
    assert abs((first == 0).mean() - 0.4) < 0.05
    np.testing.assert_allclose(first[first > 0], 1 / 0.6, rtol=1e-3)


def test_one_dropout_layer_called_twice_draws_two_masks():
    layer, x = Dropout(0.5), np.ones((20, 20), "float32")
    one, other = Function(lambda v: (layer(v, training=True), layer(v, training=True)), "twice")(x, random=(1, 1))
    assert (one != other).any()


def test_same_seed_gives_the_same_weights():
    drawn = []
    for _ in range(2):
        seeds.set_random_seed(3)
        layer = Dense(5)
        layer.build((None, 4))
        Dense(2).build((None, 2))
        drawn.append(layer.get_weights()[0])
    assert (drawn[0] == drawn[1]).all()
    assert (Dense(5).kernel_initializer((4, 5)) != drawn[0]).any()


MESSAGES = [
    (lambda: Conv2D(4, 3)(Input((28, 28))), ShapeError, "expected min_ndim=4, found ndim=3.*numpy.newaxis"),
    (lambda: Conv2D(4, 3)(Input((60000, 28, 28, 1))), ShapeError, r"use shape=\(28, 28, 1\)"),
    (lambda: Conv2D(0, 3), ArgumentError, "Expected a positive integer. Received: filters=0"),
    (lambda: Conv2D(4, 3, strides=(2, 0)), ArgumentError, r"`strides` argument must be positive.*strides=\(2, 0\)"),
    (lambda: Conv2D(4, 3, padding="full"), ArgumentError, "`padding` argument must be one of"),
    (lambda: Conv2D(4, (3, 3, 3)), ArgumentError, "`kernel_size` argument must be an integer or a tuple of 2"),
    (lambda: Conv2D(5, 3, groups=2), ArgumentError, "evenly divisible"),
    (lambda: Conv2D(4, 3, strides=2, dilation_rate=2), ArgumentError, "not supported in conjunction"),
    (lambda: Dense(-1), ArgumentError, "Received: units=-1"),
    (lambda: Dense(2)(Input((None,))), ShapeError, "last axis of the input"),
    (lambda: Dropout(1.5), ArgumentError, "between 0 and 1. Received: rate=1.5"),
    (lambda: Activation("relux"), ArgumentError, "no activation function of this name. Received: identifier='relux'"),
    (lambda: Add()(Input((3,))), ArgumentError, "called on a list"),
    (lambda: Input(), ArgumentError, "You must pass a `shape` argument"),
    (lambda: Input(28), ArgumentError, "must be a tuple of lengths"),
    (lambda: Layer()(np.ones(2)), NotImplementedError, "does not have a `call"),
]


@pytest.mark.parametrize(("mistake", "kind", "message"), MESSAGES, ids=[m[2][:30] for m in MESSAGES])
def test_mistakes_are_explained(mistake, kind, message):
    with pytest.raises(kind, match=message):
        mistake()


def test_spellings_of_the_lectures_are_taken():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Dense(units=100, activation="ReLU")
        Conv2D(filters=16, kernel_size=3, strides=(1, 1), padding="SAME", activation="relu")
    assert isinstance(Input(shape=[64, 64, 1]), KerasTensor)


def test_time_distributed_is_the_layer_at_every_step():
    inner = Dense(2)
    layer, x = TimeDistributed(inner), np.random.RandomState(0).rand(4, 5, 3).astype("float32")
    y = np.asarray(layer(x))
    assert y.shape == (4, 5, 2)
    np.testing.assert_allclose(y[:, 3], np.asarray(inner(x[:, 3])), rtol=1e-5)
    again = TimeDistributed.from_config(layer.get_config())
    assert again.layer.units == 2 and again(Input((5, 3))).shape == (None, 5, 2)
