"""Descriptions of Keras 1 and 2 become those of Keras 3."""

import io
import json

import h5py
import numpy as np

import striate as keras
from striate.saving.legacy_config import modern, modern_training

OLD_FUNCTIONAL = {"class_name": "Model", "config": {
    "name": "model", "input_layers": [["input_1", 0, 0]], "output_layers": [["dense", 0, 0]], "layers": [
        {"class_name": "InputLayer", "name": "input_1", "inbound_nodes": [],
         "config": {"batch_input_shape": [None, 3], "dtype": "float32", "sparse": False, "ragged": False,
                    "name": "input_1"}},
        {"class_name": "Concatenate", "name": "both", "config": {"name": "both", "trainable": True, "dtype": "float32",
                                                                "axis": -1},
         "inbound_nodes": [[["input_1", 0, 0, {}], ["input_1", 0, 0, {}]]]},
        {"class_name": "Dense", "name": "dense", "inbound_nodes": [[["both", 0, 0, {}]]],
         "config": {"name": "dense", "trainable": True, "dtype": "float32", "units": 2, "activation": "linear",
                    "use_bias": True, "kernel_initializer": {"class_name": "GlorotUniform", "config": {"seed": None}},
                    "bias_initializer": {"class_name": "Zeros", "config": {}}, "kernel_regularizer": None,
                    "bias_regularizer": None, "activity_regularizer": None, "kernel_constraint": None,
                    "bias_constraint": None}}]}}
OLD_TRAINING = {"loss": "mse", "metrics": [["mae"]], "weighted_metrics": None, "loss_weights": None,
                "optimizer_config": {"class_name": "SGD", "config": {"name": "SGD", "lr": 0.5, "momentum": 0.0,
                                                                     "decay": 0.1, "nesterov": False}}}


def test_file_of_keras_2(tmp_path):
    kernel = np.arange(12, dtype=np.float32).reshape(6, 2)
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = b"2.4.0", b"tensorflow"
        file.attrs["model_config"] = json.dumps(OLD_FUNCTIONAL).encode()
        file.attrs["training_config"] = json.dumps(OLD_TRAINING).encode()
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = np.array([b"input_1", b"both", b"dense"])
        for name in ("input_1", "both"):
            group.create_group(name).attrs["weight_names"] = np.zeros(0)
        dense = group.create_group("dense")
        dense.attrs["weight_names"] = np.array([b"dense/kernel:0", b"dense/bias:0"])
        dense["dense/kernel:0"], dense["dense/bias:0"] = kernel, np.array([1, 2], np.float32)
    model = keras.saving.load_model(tmp_path / "old.h5")
    x = np.array([[1, 2, 3]], np.float32)
    assert (model.predict(x, verbose=0) == np.concatenate([x, x], axis=1) @ kernel + [1, 2]).all()
    assert float(model.optimizer.learning_rate) == 0.5
    assert model.get_compile_config()["metrics"] == ["mae"]


def test_spellings():
    old = {"class_name": "Sequential", "config": [
        {"class_name": "BatchNormalizationV1", "config": {"axis": [3], "fused": True, "dtype": {
            "class_name": "Policy", "config": {"name": "float32"}}}}]}
    assert modern(old)["config"]["layers"][0] == {"class_name": "BatchNormalization",
                                                  "config": {"axis": 3, "dtype": "float32"}}
    training = modern_training({"loss": {"class_name": "MeanSquaredError", "config": {}}, "metrics": [
        {"class_name": "MeanMetricWrapper", "config": {"name": "acc", "dtype": "float32", "fn": "accuracy"}}]})
    assert training["loss"]["module"] == "keras.losses" and training["metrics"] == ["accuracy"]


def test_long_lists_of_names_are_cut(tmp_path):
    from striate.saving.legacy_h5 import _put_texts
    from striate.untrusted import H5Reader

    memory, names = io.BytesIO(), [f"layer_{index:05}" * 3 for index in range(4000)]
    with h5py.File(memory, "w") as file:
        _put_texts(file, "layer_names", names)
        assert "layer_names" not in file.attrs and "layer_names0" in file.attrs
    with H5Reader(memory.getvalue(), "x") as reader:
        assert reader.texts("", "layer_names") == names
