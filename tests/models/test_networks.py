"""Sequential, functional and subclassed models: structure, names, configurations, copies."""

import json

import numpy as np
import pytest

from striate import Input, Model, Sequential, layers, ops, optimizers
from striate.errors import ArgumentError, TypeMismatchError
from striate.models import Functional, clone_model, model_from_json
from striate.models.structure import flatten, pack

pytestmark = pytest.mark.filterwarnings("ignore:Do not pass an `input_shape`")


def two_branches():
    inputs = Input((8, 8, 3))
    left = layers.Conv2D(4, 3, padding="same", name="left")(inputs)
    right = layers.Conv2D(4, 1, name="right")(inputs)
    pooled = layers.GlobalAveragePooling2D()(layers.Add()([left, right]))
    return Model(inputs, [layers.Dense(2, name="first")(pooled), layers.Dense(1, name="second")(pooled)])


def siamese():
    one, other, shared = Input((4,), name="one"), Input((4,), name="other"), layers.Dense(3, name="shared")
    return Model([one, other], layers.Subtract()([shared(one), shared(other)]))


def nested():
    inner = Sequential([Input((6,)), layers.Dense(4), layers.Dense(3)], name="inner")
    inputs = Input((6,), name="data")
    return Model(inputs, layers.Dense(2)(inner(inputs)), name="outer")


def named():
    one, other = Input((5,), name="a"), Input((5,), name="b")
    results = {"sum": layers.Add()([one, other]), "product": layers.Multiply()([one, other])}
    return Model({"a": one, "b": other}, results)


def with_ops():
    inputs = Input((4,))
    return Model(inputs, ops.relu(layers.Dense(3)(inputs)) + 1.0)


def random_inputs(model, rows=3):
    generator = np.random.default_rng(0)
    arrays = [generator.random((rows, *tensor.shape[1:]), np.float32) for tensor in model.inputs]
    return pack(model.input, arrays) if isinstance(model.input, (list, dict)) else arrays[0]


# ---- Sequential ------------------------------------------------------------------------------------------------------

def deck_y():
    return Sequential([layers.Conv2D(32, (5, 5), activation="relu", input_shape=(128, 128, 1)),
                       layers.MaxPooling2D((4, 4)), layers.Flatten(), layers.Dense(2)])


def test_sequential_is_built_from_input_shape():
    model = deck_y()
    assert [layer.count_params() for layer in model.layers] == [832, 0, 0, 61506]
    assert model.count_params() == 62338
    assert model.input_shape == (None, 128, 128, 1) and model.output_shape == (None, 2)
    assert [layer.name.rsplit("_")[0] for layer in model.layers] == ["conv2d", "max", "flatten", "dense"]


def test_sequential_may_be_built_later():
    model = Sequential([layers.Dense(3), layers.Dense(2)])
    assert not model.built and model.weights == []
    with pytest.raises(AttributeError, match="input shape is not known yet"):
        _ = model.output_shape
    model.build((None, 4))
    assert model.count_params() == 23 and model.output_shape == (None, 2)
    with pytest.raises(ArgumentError, match="already been configured to use input shape"):
        model.build((None, 5))


def test_sequential_is_built_by_data():
    model = Sequential([layers.Dense(3), layers.Dense(2)])
    assert model(np.ones((5, 4))).shape == (5, 2)
    assert model.input_shape == (None, 4)


def test_add_and_pop():
    model = Sequential()
    model.add(Input((4,)))
    model.add(layers.Dense(3))
    model.add(layers.Dense(2))
    assert model.output_shape == (None, 2)
    removed = model.pop()
    assert removed.units == 2 and model.output_shape == (None, 3)
    model.add(layers.Dense(7))
    assert model(np.ones((1, 4), np.float32)).shape == (1, 7)
    assert [w.shape for w in model.weights] == [(4, 3), (3,), (3, 7), (7,)]


def test_sequential_refuses_what_is_no_layer():
    model = Sequential([layers.Dense(2, name="same")])
    with pytest.raises(ArgumentError, match="write Flatten\\(\\), with brackets"):
        model.add(layers.Flatten)
    with pytest.raises(ArgumentError, match="unique names. Name 'same'"):
        model.add(layers.Dense(2, name="same"))
    with pytest.raises(ArgumentError, match="Make the Input the first layer"):
        model.add(Input((3,)))
    with pytest.raises(ArgumentError, match="because it has no layers"):
        Sequential().build((None, 3))
    with pytest.raises(ArgumentError, match="no layers in the model to remove"):
        Sequential().pop()


def test_failed_build_leaves_the_model_as_it_was():
    model = Sequential([layers.Flatten(), layers.Conv2D(2, 3)])
    with pytest.raises(ValueError):
        model.build((None, 4, 4, 1))
    assert not model.built and len(model.layers) == 2


# ---- functional ------------------------------------------------------------------------------------------------------

def test_model_of_tensors_is_functional():
    model = two_branches()
    assert isinstance(model, Functional) and len(model.inputs) == 1 and len(model.outputs) == 2
    assert model.output_names == ["first", "second"]
    assert model.output_shape == [(None, 2), (None, 1)]
    assert [layer.name for layer in model.layers][1:3] == ["left", "right"]


def test_outputs_follow_from_the_layers():
    model = two_branches()
    x = random_inputs(model)
    first, second = model(x)
    hidden = model.get_layer("left")(x) + model.get_layer("right")(x)
    pooled = hidden.mean(axis=(1, 2))
    np.testing.assert_allclose(first, model.get_layer("first")(pooled), rtol=1e-5, atol=1e-6)
    assert second.shape == (3, 1)


def test_shared_layer_counts_once():
    model = siamese()
    assert model.count_params() == 15
    a, b = random_inputs(model)
    kernel = model.get_layer("shared").kernel.array
    np.testing.assert_allclose(model([a, b]), (a - b) @ kernel, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model({"other": b, "one": a}), model([a, b]))


@pytest.mark.slow
def test_model_to_an_intermediate_output():
    model = deck_y()
    features = Model(inputs=model.inputs, outputs=model.layers[0].output)
    assert features(np.zeros((2, 128, 128, 1), np.float32)).shape == (2, 124, 124, 32)
    assert features.layers[-1] is model.layers[0]


def test_model_from_an_intermediate_input():
    model = nested()
    head = Model(model.layers[-1].input, model.output)
    assert head.input_shape == (None, 3) and [layer.name for layer in head.layers][1:] == [model.layers[-1].name]
    again = model_from_json(head.to_json())
    assert again.output_shape == (None, 2)


def test_last_axis_of_one_is_added_or_removed():
    model = Sequential([Input((4, 4, 1)), layers.Flatten()])
    x = np.arange(32, dtype=np.float32).reshape(2, 4, 4)
    np.testing.assert_array_equal(model(x), x.reshape(2, 16))


def test_disconnected_and_wrong_tensors():
    one, other = Input((3,), name="one"), Input((3,), name="other")
    with pytest.raises(ArgumentError, match="need the input 'other', which is not among"):
        Model(one, layers.Add()([one, other]))
    with pytest.raises(TypeMismatchError, match="All `inputs` of a model must be KerasTensors"):
        Model(np.ones(3), one)
    with pytest.raises(ArgumentError, match='name "twin" is used 2 times'):
        Model(one, layers.Dense(2, name="twin")(layers.Dense(2, name="twin")(one)))
    with pytest.raises(ArgumentError, match="no value for the input 'other'"):
        siamese()({"one": np.ones((1, 4), np.float32)})


def test_get_layer():
    model = two_branches()
    assert model.get_layer(index=0).name == model.input_names[0]
    with pytest.raises(ArgumentError, match="No such layer: banana. Existing layers are: "):
        model.get_layer("banana")
    with pytest.raises(ArgumentError, match="either a layer name or a layer index"):
        model.get_layer()
    with pytest.raises(ArgumentError, match="layers, counted from 0"):
        model.get_layer(index=99)


def test_graph_order_does_not_depend_on_recursion_depth():
    tensor = inputs = Input((2,))
    for _ in range(1500):
        tensor = layers.Activation("relu")(tensor)
    assert len(Model(inputs, tensor).layers) == 1501


# ---- subclassed ------------------------------------------------------------------------------------------------------

class Small(Model):
    def __init__(self, units=2, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.first, self.second = layers.Dense(4, activation="relu"), layers.Dense(units)

    def call(self, inputs, training=False):
        return self.second(self.first(inputs))


def test_subclassed_model():
    model = Small(3)
    assert [layer.name.split("_")[0] for layer in model.layers] == ["dense", "dense"] and not model.built
    assert model(np.ones((5, 6))).shape == (5, 3)
    assert model.count_params() == 28 + 15
    assert model.output_names is None
    copy = Small.from_config(model.get_config())
    assert copy.units == 3


def test_subclassed_model_is_built_by_shape():
    model = Small()
    model.build((None, 6))
    assert model.count_params() == 28 + 10


def test_subclass_with_symbolic_inputs():
    class Classifier(Model):
        def __init__(self, units):
            inputs = Input((4,))
            super().__init__(inputs=inputs, outputs=layers.Dense(units)(inputs))
            self.units = units

    model = Classifier(3)
    assert model.output_shape == (None, 3) and model(np.ones((2, 4), np.float32)).shape == (2, 3)


def test_model_without_call():
    with pytest.raises(NotImplementedError, match="does not have a `call\\(\\)` method"):
        Model()(np.ones((1, 2), np.float32))
    with pytest.raises(ArgumentError, match="Model takes \\(inputs, outputs\\)"):
        Model(Input((2,)))


# ---- configurations and copies ---------------------------------------------------------------------------------------

MODELS = [two_branches, siamese, nested, named, with_ops,
          lambda: Sequential([Input((4,)), layers.Dense(3, activation="relu"), layers.Dropout(0.5)])]


@pytest.mark.parametrize("make", MODELS)
def test_json_round_trip(make):
    model = make()
    again = model_from_json(model.to_json())
    assert json.loads(again.to_json()) == json.loads(model.to_json())
    again.set_weights(model.get_weights())
    x = random_inputs(model)
    for one, other in zip(flatten(model(x)), flatten(again(x)), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("make", MODELS)
def test_clone_has_new_weights_of_the_same_shapes(make):
    model = make()
    copy = clone_model(model)
    assert [w.shape for w in copy.weights] == [w.shape for w in model.weights]
    assert not {id(w) for w in copy.weights} & {id(w) for w in model.weights}
    assert [layer.name for layer in copy.layers] == [layer.name for layer in model.layers]


def test_configuration_is_keras_own():
    config = json.loads(siamese().to_json())
    assert (config["module"], config["class_name"]) == ("keras.src.models.functional", "Functional")
    shared = next(layer for layer in config["config"]["layers"] if layer["name"] == "shared")
    assert [call["args"][0]["config"]["keras_history"] for call in shared["inbound_nodes"]] == [
        ["one", 0, 0], ["other", 0, 0]]
    assert config["config"]["input_layers"] == [["one", 0, 0], ["other", 0, 0]]
    subtract = config["config"]["layers"][-1]
    assert [t["config"]["keras_history"] for t in subtract["inbound_nodes"][0]["args"][0]] == [
        ["shared", 0, 0], ["shared", 1, 0]]


def test_older_list_form_of_calls_is_read():
    config = json.loads(siamese().to_json())["config"]
    for layer in config["layers"]:
        tensors = [call["args"][0] for call in layer["inbound_nodes"]]
        layer["inbound_nodes"] = [
            [[*item["config"]["keras_history"], {}] for item in (call if isinstance(call, list) else [call])]
            for call in tensors]
    model = Model.from_config(config)
    assert model.count_params() == 15 and len(model.inputs) == 2


def test_configuration_with_a_loop_is_refused():
    config = json.loads(with_ops().to_json())["config"]
    place = config["layers"][1]["inbound_nodes"][0]["args"][0]["config"]
    place["keras_history"] = [config["layers"][-1]["name"], 0, 0]
    with pytest.raises(ArgumentError, match="form a loop or lead nowhere"):
        Model.from_config(config)


def test_a_clone_is_compiled_as_the_model_is():
    model = siamese()
    assert not clone_model(model).compiled
    sequential = Sequential([Input((4,)), layers.Dense(1)])
    for model in (sequential, Model(sequential.inputs, sequential.outputs)):
        model.compile(optimizers.Adam(0.5), "mae", metrics=["mse"])
        copy = clone_model(model)
        assert copy.optimizer is not model.optimizer and float(copy.optimizer.learning_rate) == 0.5
        assert sorted(copy.evaluate(np.ones((2, 4)), np.ones(2), return_dict=True, verbose=0)) == ["loss", "mse"]
    model.compile("sgd", lambda y, p: ops.mean(ops.abs(y - p)))
    with pytest.warns(UserWarning, match="is not compiled"):
        assert not clone_model(model).compiled


def test_clone_of_a_subclassed_model_is_made_from_its_configuration():
    assert clone_model(Small(5)).units == 5
