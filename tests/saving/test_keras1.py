"""Files as Keras 1 wrote them, both orders of channels, with TensorFlow's and Theano's kernels."""

import json

import h5py
import numpy as np
import pytest

import striate as keras
from striate.errors import ModelFileError

GENERATOR = np.random.default_rng(0)
KERNEL, BIAS, MATRIX = GENERATOR.normal(size=(3, 3, 2, 4)), GENERATOR.normal(size=4), GENERATOR.normal(size=(36, 5))
SHIFT = np.zeros(5)


def convolution(order, shape):
    return {"class_name": "Convolution2D", "config": {
        "nb_filter": 4, "nb_row": 3, "nb_col": 3, "subsample": [1, 1], "border_mode": "valid", "dim_ordering": order,
        "init": "glorot_uniform", "W_regularizer": None,
        "b_regularizer": None, "activity_regularizer": None, "W_constraint": None, "b_constraint": None, "bias": True,
        "activation": "relu", "trainable": True, "name": "convolution2d_1", "batch_input_shape": [None, *shape],
        "input_dtype": "float32"}}


def layers(order, shape):
    return [convolution(order, shape),
            {"class_name": "MaxPooling2D", "config": {
                "name": "maxpooling2d_1", "trainable": True, "pool_size": [2, 2], "strides": [2, 2],
                "border_mode": "valid", "dim_ordering": order}},
            {"class_name": "Dropout", "config": {"name": "dropout_1", "trainable": True, "p": 0.25}},
            {"class_name": "Flatten", "config": {"name": "flatten_1", "trainable": True}},
            {"class_name": "Dense", "config": {
                "output_dim": 5, "init": "glorot_uniform", "activation": "softmax", "W_regularizer": None,
                "b_regularizer": None, "activity_regularizer": None, "W_constraint": None, "b_constraint": None,
                "bias": True, "input_dim": 36, "name": "dense_1", "trainable": True}}]


def write(path, order, shape, kernel, backend, version="1.2.2"):
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = version.encode()
        file.attrs["backend"] = backend.encode()
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": layers(order, shape)}).encode()
        file.attrs["training_config"] = json.dumps({
            "optimizer_config": {"class_name": "SGD", "config": {"lr": 0.1, "momentum": 0.9, "decay": 0.0,
                                                                  "nesterov": True}},
            "loss": "categorical_crossentropy", "metrics": ["accuracy"], "sample_weight_mode": None}).encode()
        group = file.create_group("model_weights")
        group.attrs["keras_version"], group.attrs["backend"] = version.encode(), backend.encode()
        names = {"convolution2d_1": {"convolution2d_1_W": kernel, "convolution2d_1_b": BIAS}, "maxpooling2d_1": {},
                 "dropout_1": {}, "flatten_1": {}, "dense_1": {"dense_1_W": MATRIX, "dense_1_b": SHIFT}}
        group.attrs["layer_names"] = np.array([name.encode() for name in names])
        for name, weights in names.items():
            inner = group.create_group(name)
            inner.attrs["weight_names"] = np.array([weight.encode() for weight in weights]) if weights else np.zeros(0)
            for weight, values in weights.items():
                inner.create_dataset(weight, data=values.astype(np.float32))


def expected(images):
    """The same network in today's words, by hand."""
    model = keras.Sequential([keras.layers.Input((8, 8, 2)), keras.layers.Conv2D(4, 3, activation="relu"),
                              keras.layers.MaxPooling2D()])
    model.set_weights([KERNEL, BIAS])
    return np.asarray(model(images))


def softmax(scores):
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    return shares / shares.sum(-1, keepdims=True)


@pytest.mark.slow
@pytest.mark.parametrize("order, backend", [("tf", "tensorflow"), ("th", "tensorflow"), ("th", "theano"),
                                            ("tf", "theano")])
def test_models_of_keras_1_predict_the_same(tmp_path, order, backend):
    kernel = KERNEL[::-1, ::-1] if backend == "theano" else KERNEL
    kernel = kernel.transpose(3, 2, 0, 1) if order == "th" else kernel
    write(tmp_path / "old.h5", order, [2, 8, 8] if order == "th" else [8, 8, 2], kernel, backend)
    model = keras.models.load_model(tmp_path / "old.h5")
    images = GENERATOR.random((3, 8, 8, 2), np.float32)
    pooled = expected(images)
    flat = (pooled.transpose(0, 3, 1, 2) if order == "th" else pooled).reshape(3, -1)
    given = images.transpose(0, 3, 1, 2) if order == "th" else images
    assert np.allclose(model.predict(given, verbose=0), softmax(flat @ MATRIX + SHIFT), atol=1e-5)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.1) and model.layers[2].rate == 0.25


def test_weights_that_do_not_fit_are_refused(tmp_path):
    write(tmp_path / "old.h5", "tf", [8, 8, 2], KERNEL[:2], "tensorflow")
    with pytest.raises(ModelFileError):
        keras.models.load_model(tmp_path / "old.h5")


@pytest.mark.parametrize("name, config, kind, wanted", [
    ("Convolution1D", {"nb_filter": 3, "filter_length": 5, "subsample_length": 2, "border_mode": "same"}, "Conv1D",
     {"filters": 3, "kernel_size": 5, "strides": 2, "padding": "same"}),
    ("AtrousConvolution2D", {"nb_filter": 3, "nb_row": 3, "nb_col": 3, "atrous_rate": [2, 2], "dim_ordering": "tf"},
     "Conv2D", {"dilation_rate": [2, 2], "data_format": "channels_last", "kernel_size": [3, 3]}),
    ("MaxPooling1D", {"pool_length": 2, "stride": 2, "border_mode": "valid"}, "MaxPooling1D",
     {"pool_size": 2, "strides": 2}),
    ("BatchNormalization", {"mode": 0, "axis": 3, "gamma_init": "one", "beta_init": "zero", "epsilon": 1e-5},
     "BatchNormalization", {"axis": 3, "gamma_initializer": "one"}),
    ("Merge", {"mode": "concat", "concat_axis": 3, "name": "m"}, "Concatenate", {"axis": 3}),
])
def test_words_of_layers(name, config, kind, wanted):
    from striate.saving.keras1 import is_old, modern_layer

    assert is_old(name, config)
    found, translated = modern_layer(name, config)
    assert found == kind and wanted.items() <= translated.items()
