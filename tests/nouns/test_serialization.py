"""Configurations and the closed table of what files may name."""

import json

import numpy as np
import pytest

from striate import (
    activations,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
    serialization,
)
from striate.errors import ArgumentError, TypeMismatchError
from striate.serialization import (
    CustomObjectScope,
    deserialize_keras_object,
    get_custom_objects,
    register_keras_serializable,
    serialize_keras_object,
)


def test_layers_travel_as_json():
    layer = layers.Conv2D(4, (3, 3), activation="relu", kernel_regularizer="l2", name="c")
    layer.build((None, 8, 8, 3))
    description = json.loads(json.dumps(serialize_keras_object(layer)))
    assert description["module"] == "keras.layers" and description["class_name"] == "Conv2D"
    assert description["build_config"] == {"input_shape": [None, 8, 8, 3]}
    again = deserialize_keras_object(description)
    assert again.get_config() == layer.get_config()
    assert again.kernel.shape == layer.kernel.shape


@pytest.mark.parametrize("description", [
    {"module": "os", "class_name": "system", "config": {}, "registered_name": None},
    {"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "eval"},
    {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "/etc"}},
    {"module": "subprocess", "class_name": "function", "config": "run", "registered_name": "run"},
    {"class_name": "__lambda__", "config": {"value": "aGk="}},
    {"module": "keras.src.utils.file_utils", "class_name": "function", "config": "copy"},
])
def test_names_outside_the_table_are_refused(description):
    with pytest.raises(ArgumentError, match="neither a part of striate nor among"):
        deserialize_keras_object(description)


def test_lambdas_are_refused():
    with pytest.raises(TypeMismatchError, match="lambda cannot be written"):
        serialize_keras_object(layers.Lambda(lambda x: x))


class Own(layers.Layer):
    def __init__(self, size=1, **kwargs):
        super().__init__(**kwargs)
        self.size = size


def test_own_classes_need_to_be_handed_over():
    description = serialize_keras_object(Own(3))
    with pytest.raises(ArgumentError, match="custom_objects={'Own': ...}"):
        deserialize_keras_object(description)
    assert deserialize_keras_object(description, custom_objects={"Own": Own}).size == 3
    with CustomObjectScope({"Own": Own}):
        assert deserialize_keras_object(description).size == 3


def test_registered_functions_are_found_by_their_package():
    @register_keras_serializable(package="tests")
    def halve(x):
        return x * 0.5

    try:
        layer = layers.Activation(halve)
        description = json.loads(json.dumps(serialize_keras_object(layer)))
        assert description["config"]["activation"] == {"module": "builtins", "class_name": "function",
                                                       "config": "tests>halve", "registered_name": "function"}
        again = deserialize_keras_object(description)
        assert float(np.asarray(again(np.ones(1)))[0]) == 0.5
    finally:
        del get_custom_objects()["tests>halve"]


def test_arrays_slices_and_nests_travel():
    assert deserialize_keras_object(serialize_keras_object(b"bytes")) == b"bytes"
    nest = {"a": [np.arange(3), slice(0, 2), ...], "b": (1, None, np.float32(2.5))}
    again = deserialize_keras_object(json.loads(json.dumps(serialize_keras_object(nest))))
    assert (again["a"][0] == np.arange(3)).all() and again["a"][1:] == [slice(0, 2), ...]
    assert again["b"] == [1, None, 2.5]


def test_every_exported_class_has_a_public_name_and_a_docstring():
    for name, item in serialization.exported("keras.layers").items():
        assert item.__doc__, name
        assert serialization.public_name(item)


@pytest.mark.parametrize(("identifier", "expected"), [
    ("relu", activations.relu), ("ReLU", activations.relu), ("Swish", activations.silu), (None, activations.linear),
    ("log_softmax", activations.log_softmax), ("HardSigmoid", activations.hard_sigmoid),
])
def test_activations_are_found_by_any_spelling(identifier, expected):
    assert activations.get(identifier) is expected


@pytest.mark.parametrize("identifier", ["mse", "MSE", "mean_squared_error", "MeanSquaredError",
                                        losses.mean_squared_error, losses.MeanSquaredError,
                                        {"class_name": "MeanSquaredError", "config": {}}])
def test_losses_are_found_by_any_spelling(identifier):
    found = losses.get(identifier)
    assert float(np.mean(found(np.array([[1.0]]), np.array([[3.0]])))) == 4.0


def test_older_files_name_initializers_without_a_module():
    layer = layers.Dense.from_config({"name": "d", "trainable": True, "dtype": "float32", "units": 2,
                                      "activation": "relu", "kernel_initializer": {
                                          "class_name": "VarianceScaling",
                                          "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform",
                                                     "seed": None}},
                                      "kernel_regularizer": {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.5}}})
    assert layer.kernel_regularizer.l2 == 0.5 and layer.kernel_initializer.mode == "fan_avg"


@pytest.mark.parametrize(("module", "name", "kind"), [
    (initializers, "zeros", "Zeros"), (regularizers, "l2", "L2"), (constraints, "non_neg", "NonNeg"),
    (metrics, "mse", "MeanSquaredError"), (optimizers, "sgd", "SGD")])
def test_a_name_is_a_description(module, name, kind):
    assert type(module.deserialize(name)).__name__ == kind
