"""Smaller things that programs written for Keras rely on: methods to override, configurations, errors."""

import json

import numpy as np
import pytest

import striate as keras
from striate import layers, losses, ops
from striate.errors import ArgumentError, TypeMismatchError
from striate.layers import InputSpec, KerasTensor, Lambda, LayerNormalization, RMSNormalization
from striate.serialization import deserialize_keras_object, serialize_keras_object


class Standardised(layers.Conv2D):
    def convolution_op(self, inputs, kernel):
        return super().convolution_op(inputs, kernel - ops.mean(kernel, axis=(0, 1, 2), keepdims=True))


def test_a_convolution_can_change_its_kernel():
    layer = Standardised(2, 3, bias_initializer="ones")
    np.testing.assert_allclose(layer(np.ones((1, 3, 3, 1), "float32")), np.ones((1, 1, 1, 2)), atol=1e-6)


@pytest.mark.parametrize("kind", [LayerNormalization, RMSNormalization])
def test_the_axis_of_a_normalisation_is_a_list_once_it_is_built(kind):
    layer = kind()
    assert layer.get_config()["axis"] == -1
    layer.build((None, 4))
    assert layer.get_config()["axis"] == [-1]


def test_axes_of_a_normalisation_are_put_in_order():
    layer = LayerNormalization(axis=(2, 1))
    layer.build((None, 4, 5))
    assert layer.get_config()["axis"] == [1, 2] and layer.gamma.shape == (4, 5)
    with pytest.raises(TypeMismatchError, match="must be an integer or several"):
        LayerNormalization(axis="last")


@pytest.mark.parametrize("axis", [2, -3, (1, 4)])
def test_a_normalisation_over_an_axis_that_is_not_there(axis):
    with pytest.raises(ArgumentError, match="name axes of the input, which has 2"):
        layers.Normalization(axis=axis)(np.ones((3, 4), "float32"))


def test_moments_of_a_batch_normalisation_are_none_before_it_is_built():
    assert layers.BatchNormalization().moving_mean is None and layers.BatchNormalization().moving_variance is None


def test_a_lambda_of_a_known_function_comes_back():
    layer = Lambda(losses.mean_squared_error, arguments={"y_pred": 2.0})
    config = layer.get_config()
    assert config["function"] == {"module": "builtins", "class_name": "function", "config": "mean_squared_error",
                                  "registered_name": "function"}
    assert not {"mask", "output_shape"} & set(config) and not layer.supports_masking
    again = deserialize_keras_object(serialize_keras_object(layer))
    assert again.function is losses.mean_squared_error and again.get_config() == config


@pytest.mark.parametrize("axes, error", [((1,), ArgumentError), ((1, 2, 3), ArgumentError), ((1, 0.5), ArgumentError),
                                         ("last", TypeMismatchError)])
def test_axes_of_a_dot_product(axes, error):
    with pytest.raises(error, match="`axes` of Dot must be an integer"):
        layers.Dot(axes=axes)


def test_an_input_spec_describes_itself():
    spec = InputSpec(shape=(None, 3), axes={-1: 3})
    assert spec.get_config() == {"dtype": None, "shape": (None, 3), "ndim": 2, "max_ndim": None, "min_ndim": None,
                                 "axes": {-1: 3}, "optional": False}
    assert repr(InputSpec.from_config(spec.get_config())) == repr(spec)


def test_tensors_of_a_model_are_reshaped_and_squeezed():
    assert KerasTensor((2, 6)).reshape((2, 3, 2)).shape == (2, 3, 2)
    assert KerasTensor((None, 1, 3)).squeeze(1).shape == (None, 3)


@pytest.mark.parametrize("inputs", [[[1.0, 2.0]], 3, "text"])
def test_numbers_that_are_no_array_are_refused(inputs):
    with pytest.raises(ArgumentError, match="Only input tensors may be passed as positional arguments"):
        layers.Dense(2)(inputs)


def test_a_weight_is_described_in_the_order_of_older_keras():
    class Scale(layers.Layer):
        def build(self, input_shape):
            self.factor = self.add_weight("factor", shape=[int(input_shape[-1])], initializer="ones")
            self.shift = self.add_weight((2,), "zeros", "float32", name="shift")
    layer = Scale()
    layer.build((None, 3))
    assert [(w.name, w.shape, w.numpy().max()) for w in layer.weights] == [("factor", (3,), 1.0), ("shift", (2,), 0.0)]


@pytest.mark.parametrize("layer", [layers.Dropout, layers.SpatialDropout2D, layers.GaussianDropout])
def test_a_rate_may_be_a_number_of_numpys(layer):
    assert json.dumps(layer(np.float32(0.25)).get_config()["rate"]) == "0.25"
    with pytest.raises(ValueError, match="between 0 and 1"):
        layer(np.float32(1.25))


def test_normalization_computes_with_the_statistics_that_its_weights_hold(tmp_path):
    x = np.random.default_rng(0).normal(5, 2, (64, 3)).astype("float32")
    layer = layers.Normalization()
    layer.adapt(x)
    model = keras.Sequential([keras.Input((3,)), layer])
    wanted = (x - x.mean(0)) / x.std(0)
    np.testing.assert_allclose(model.predict(x, verbose=0), wanted, atol=1e-5)
    copy = keras.models.clone_model(model)
    copy.predict(x, verbose=0)
    copy.set_weights(model.get_weights())
    np.testing.assert_array_equal(copy.predict(x, verbose=0), model.predict(x, verbose=0))
    np.testing.assert_array_equal(model.freeze().predict(x, verbose=0), model.predict(x, verbose=0))
    np.testing.assert_allclose(layer.mean, x.mean(0, keepdims=True), rtol=1e-5)
    back = keras.Sequential([keras.Input((3,)), layers.Normalization(mean=5.0, variance=4.0, invert=True)])
    back.save(tmp_path / "back.keras")
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "back.keras").predict(x, verbose=0),
                                  back.predict(x, verbose=0))
