"""Known networks: their layers are Keras', as `described.py` recorded them."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import striate
from striate import applications, layers
from striate.applications import imagenet_utils
from striate.errors import ArgumentError, MissingFileError, ShapeError

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import described  # noqa: E402

RECORDED = json.loads((HERE / "recorded.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("name", described.NAMES)
def test_layers_are_those_of_keras(name):
    kinds = described.KINDS if not name.startswith("VGG") else ["without"]
    for kind in kinds:
        assert described.described(described.network(striate, name, kind)) == RECORDED[name][kind], kind


def test_a_network_is_trained_saved_and_begun_from_a_file(tmp_path):
    model = applications.MobileNetV2(weights=None, input_shape=(32, 32, 3), alpha=0.35, classes=3)
    model.compile("sgd", "sparse_categorical_crossentropy")
    x = applications.mobilenet_v2.preprocess_input(np.full((4, 32, 32, 3), 200.0, np.float32))
    model.fit(x, np.array([0, 1, 2, 0]), verbose=0)
    model.save_weights(tmp_path / "w.weights.h5")
    again = applications.MobileNetV2(weights=tmp_path / "w.weights.h5", input_shape=(32, 32, 3), alpha=0.35, classes=3)
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_a_head_of_ones_own():
    inputs = striate.Input((48, 48, 3))
    body = applications.MobileNetV3Small(weights=None, include_top=False, input_tensor=layers.RandomFlip()(inputs))
    assert body.inputs[0] is inputs and body.output.shape[-1] == 576
    body = applications.EfficientNetB0(weights=None, include_top=False, pooling="max")
    assert body.input_shape == (None, None, None, 3) and body.output_shape == (None, 1280)


def test_channels_first():
    striate.config.set_image_data_format("channels_first")
    try:
        model = applications.ResNet50V2(weights=None, include_top=False, input_shape=(3, 32, 32))
        assert model.output_shape == (None, 2048, 1, 1)
        assert applications.MobileNetV2(weights=None, include_top=False).input_shape == (None, 3, None, None)
    finally:
        striate.config.set_image_data_format("channels_last")


@pytest.mark.parametrize("options, message", [
    ({"classes": 10}, "1000 classes"), ({"input_shape": (96, 96, 3)}, "224x224"),
    ({"weights": None, "input_shape": (31, 96, 3)}, "at least 32x32"),
    ({"weights": None, "pooling": "mean"}, "pooling"),
    ({"include_top": False, "input_shape": (96, 96, 1)}, "3 channels"),
    ({"weights": None, "input_shape": (96, 3)}, "three"),
    ({"weights": None, "input_shape": (None, None, 3)}, "static"), ({"classifier_activation": "relu"}, "softmax"),
    ({"weights": None, "input_tensor": np.zeros((1, 96, 96, 3))}, "symbolic"),
])
def test_what_cannot_work_is_refused(options, message):
    with pytest.raises(ArgumentError, match=message):
        applications.ResNet50(**options)


def test_weights_that_are_not_there_are_refused():
    with pytest.raises(MissingFileError, match="'imagenet'"):
        applications.VGG16(weights="imagnet")
    with pytest.raises(ArgumentError, match="alpha"):
        applications.MobileNetV2(alpha=0.9)
    with pytest.raises(ArgumentError, match="depth_multiplier"):
        applications.MobileNet(depth_multiplier=2)
    with pytest.raises(ArgumentError, match="no weights of ImageNet for these arguments"):
        applications.MobileNetV3Small(alpha=0.5)
    with pytest.raises(ImportError, match="not made yet"):
        from striate.applications import NASNetMobile  # noqa: F401


def test_weights_of_imagenet_are_fetched_where_keras_has_them(monkeypatch, tmp_path):
    asked = []
    path = tmp_path / "w.weights.h5"
    applications.VGG16(weights=None, include_top=False).save_weights(path)
    monkeypatch.setattr(striate.utils, "get_file", lambda name, origin, cache_subdir: asked.append(origin) or str(path))
    applications.VGG16(include_top=False)
    home = "https://storage.googleapis.com/tensorflow/keras-applications"
    assert asked == [f"{home}/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"]


@pytest.mark.parametrize("mode, expected", [
    ("tf", [-0.9216, -0.8431, 0.5686]), ("caffe", [96.061, -96.779, -113.68]), ("torch", [-1.9467, -1.6856, 1.6814])])
def test_pictures_are_prepared_as_keras_does(mode, expected):
    pixels = np.array([[[10, 20, 200]]], np.uint8)
    prepared = imagenet_utils.preprocess_input(pixels, mode=mode)
    np.testing.assert_allclose(prepared[0, 0], expected, atol=1e-4)
    assert prepared.dtype == "float32" and pixels[0, 0].tolist() == [10, 20, 200]
    planes = imagenet_utils.preprocess_input(pixels.transpose(2, 0, 1), "channels_first", mode)
    np.testing.assert_allclose(planes[:, 0, 0], expected, atol=1e-4)
    inputs = striate.Input((1, 1, 3))
    model = striate.Model(inputs, imagenet_utils.preprocess_input(inputs, mode=mode))
    np.testing.assert_allclose(model.predict(pixels[None].astype("float32"), verbose=0)[0, 0, 0], expected, atol=1e-4)
    with pytest.raises(ArgumentError, match="mode"):
        imagenet_utils.preprocess_input(pixels, mode="theano")


def test_predictions_are_named(monkeypatch):
    monkeypatch.setattr(imagenet_utils, "_names", lambda: {str(index): (f"n{index}", f"class {index}")
                                                           for index in range(1000)})
    scores = np.zeros((1, 1000), np.float32)
    scores[0, [3, 7]] = 0.25, 0.75
    assert applications.vgg16.decode_predictions(scores, top=2) == [[("n7", "class 7", 0.75), ("n3", "class 3", 0.25)]]
    with pytest.raises(ShapeError, match="1000"):
        imagenet_utils.decode_predictions(scores[:, :10])
