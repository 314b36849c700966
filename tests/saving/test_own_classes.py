"""Models whose layers, losses or whole selves are classes of the user's: saved, read back, and refused in words."""

import copy
import json

import numpy as np
import pytest

import striate as keras
from striate.errors import ArgumentError, DescriptionError, ModelDescriptionError, ModelFileError

X = np.random.RandomState(0).randn(6, 4).astype("float32")


class Net(keras.Model):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.first, self.last = keras.layers.Dense(units), keras.layers.Dense(2)
        self.normal = keras.layers.BatchNormalization()

    def call(self, x, training=None):
        return self.last(self.normal(self.first(x), training=training))


class Named(keras.Model):
    """Two inputs in a dict."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.left, self.right = keras.layers.Dense(2), keras.layers.Dense(2)

    def call(self, x):
        return self.left(x["a"]) + self.right(x["b"])


class Listed(Named):
    def call(self, x):
        return self.left(x[0]) + self.right(x[1])


class Both(Named):
    """Two inputs as two arguments."""

    def call(self, one, other, training=None):
        return self.left(one) + self.right(other)


OBJECTS = {kind.__name__: kind for kind in (Net, Named, Listed, Both)}
KINDS = {Net: X, Named: {"a": X, "b": X[:, :3]}, Listed: [X, X[:, :3]]}


def assert_same(one, other):
    for mine, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("ending", ["keras", "h5"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", ["call", "predict", "fit"])
def test_a_model_class_comes_back_from_its_file(tmp_path, kind, way, ending):
    model, x = kind(), KINDS[kind]
    if way == "call":
        model(x)
    elif way == "predict":
        model.predict(x, verbose=0)
    else:
        model.compile("adam", "mse")
        model.fit(x, np.ones((6, 2), "float32"), verbose=0)
    path = tmp_path / f"m.{ending}"
    model.save(path)
    again = keras.saving.load_model(path, custom_objects=OBJECTS)
    assert type(again) is kind and again.built
    assert_same(model, again)
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    if way == "fit":
        assert int(again.optimizer.iterations) == 1
        again.fit(x, np.ones((6, 2), "float32"), verbose=0)


def test_the_file_says_for_which_shapes():
    model = Net()
    assert model.get_build_config() is None
    model(X)
    assert model.get_build_config() == {"input_shape": (None, 4)}
    assert json.loads(model.to_json())["build_config"] == {"input_shape": [None, 4]}


def test_a_model_class_of_several_arguments(tmp_path):
    model = Both()
    expected = np.asarray(model(X, X[:, :3]))
    assert model.get_build_config() == {"shapes_dict": {"one_shape": (None, 4), "other_shape": (None, 3)}}
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras", custom_objects=OBJECTS)
    np.testing.assert_array_equal(again(X, other=X[:, :3]), expected)
    np.testing.assert_array_equal(Both()(X, other=X[:, :3]).shape, expected.shape)


@pytest.mark.parametrize("kind, shape", [(Net, (None, 4)), (Named, {"a": (None, 4), "b": (None, 3)}),
                                         (Listed, [(None, 4), (None, 3)])])
def test_a_model_class_is_built_by_a_nest_of_shapes(kind, shape):
    model = kind()
    model.build(shape)
    assert model.built and model.get_build_config() == {"input_shape": shape}
    assert model.predict(KINDS[kind], verbose=0).shape == (6, 2)


def test_copies_of_a_model_class():
    model = Net(5)
    model.compile("sgd", "mse")
    model.fit(X, np.ones((6, 2), "float32"), verbose=0)
    with keras.saving.custom_object_scope(OBJECTS):
        assert_same(copy.deepcopy(model), model)
    clone = keras.models.clone_model(model)
    assert type(clone) is Net and clone.units == 5 and clone.compiled
    assert [w.shape for w in clone.weights] == [w.shape for w in model.weights]
    assert not np.array_equal(clone.get_weights()[0], model.get_weights()[0])
    for more in ({"clone_function": lambda layer: layer}, {"input_tensors": keras.Input((4,))}):
        with pytest.raises(ArgumentError, match="Sequential and functional models"):
            keras.models.clone_model(model, **more)


# ---- what files name ------------------------------------------------------------------------------------------------

class Dense(keras.layers.Layer):
    """Of the user's, and called as one of Keras' is."""

    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return self.factor * inputs


class Narrow(keras.layers.Layer):
    """Its constructor takes no name."""

    def __init__(self):
        super().__init__()

    def call(self, inputs):
        return inputs


def far(y, predicted):
    return keras.ops.mean(keras.ops.abs(y - predicted), axis=-1)


class Far(keras.losses.Loss):
    def call(self, y, predicted):
        return far(y, predicted)


class Steps(keras.optimizers.SGD):
    pass


class Distance(keras.metrics.Mean):
    def update_state(self, y, predicted, sample_weight=None):
        return super().update_state(keras.ops.abs(y - predicted))


def saved(path, layer, **compiled):
    model = keras.Sequential([keras.Input((4,)), layer])
    if compiled:
        model.compile(**compiled)
        model.fit(X, X, verbose=0)
    model.save(path)
    return model


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_an_unknown_class_is_an_error_of_both_kinds(tmp_path, ending):
    """Keras raises TypeError for `.keras` and ValueError for `.h5`."""
    saved(tmp_path / f"m.{ending}", Narrow())
    for more in ({}, {"custom_objects": {"Other": Narrow}}, {"compile": False}):
        for kind in (TypeError, ValueError, ModelFileError, ModelDescriptionError):
            with pytest.raises(kind, match="custom_objects={'Narrow': ...}"):
                keras.saving.load_model(tmp_path / f"m.{ending}", **more)
    with pytest.raises(ModelDescriptionError, match="unexpected keyword argument 'name'"):
        keras.saving.load_model(tmp_path / f"m.{ending}", custom_objects={"Narrow": Narrow})


@pytest.mark.parametrize("describe", [
    lambda: keras.saving.deserialize_keras_object({"class_name": "Nope", "config": {}}),
    lambda: keras.layers.deserialize({"class_name": "Nope", "config": {}}),
    lambda: keras.layers.deserialize({"class_name": "ReLU", "config": {"unknown": 3}}),
    lambda: keras.initializers.deserialize({"class_name": "Constant", "config": {"unknown": 3}}),
    lambda: keras.layers.Dense.from_config({"units": 3, "unknown": 3}),
    lambda: Dense.from_config({"unknown": 3}),
    lambda: keras.models.model_from_json(keras.Sequential([keras.Input((4,)), Narrow()]).to_json()),
    lambda: keras.saving.deserialize_keras_object({"class_name": "Bare", "config": {}}, {"Bare": object}),
    lambda: keras.activations.get(3), lambda: keras.optimizers.get(3), lambda: keras.losses.get(3)])
def test_descriptions_of_nothing(describe):
    with pytest.raises(DescriptionError) as caught:
        describe()
    assert isinstance(caught.value, TypeError) and isinstance(caught.value, ValueError)
    assert not isinstance(caught.value, ModelFileError)


@pytest.mark.parametrize("ending", ["keras", "h5"])
@pytest.mark.parametrize("compiled", [{"loss": far}, {"loss": Far()}, {"metrics": [far]}, {"metrics": [Distance()]},
                                      {"optimizer": Steps(0.1)}])
def test_custom_objects_hold_for_what_a_model_is_compiled_with(tmp_path, compiled, ending):
    path = tmp_path / f"m.{ending}"
    model = saved(path, keras.layers.Dense(4), **{"optimizer": "sgd", "loss": "mse", **compiled})
    with pytest.raises(TypeError, match="custom_objects"):
        keras.saving.load_model(path)
    assert not keras.saving.load_model(path, compile=False).compiled
    objects = {item.__name__: item for item in (far, Far, Steps, Distance)}
    again = keras.saving.load_model(path, custom_objects=objects)
    assert type(again.optimizer) is type(model.optimizer)
    assert again.evaluate(X, X, verbose=0) == model.evaluate(X, X, verbose=0)


def test_a_class_called_as_one_of_keras_is(tmp_path):
    own = saved(tmp_path / "own.keras", Dense(3.0))
    with pytest.raises(TypeError, match="custom_objects={'Dense': ...}"):
        keras.saving.load_model(tmp_path / "own.keras")
    again = keras.saving.load_model(tmp_path / "own.keras", custom_objects={"Dense": Dense})
    np.testing.assert_array_equal(again(X), own(X))
    theirs = saved(tmp_path / "theirs.keras", keras.layers.Dense(4))
    again = keras.saving.load_model(tmp_path / "theirs.keras", custom_objects={"Dense": Dense})
    assert type(again.layers[0]) is keras.layers.Dense
    assert_same(again, theirs)
