"""Xception: Chollet, Deep Learning with Depthwise Separable Convolutions (2017)."""

from __future__ import annotations

from typing import Any

from striate import layers
from striate.applications.imagenet_utils import decode_predictions, preparing
from striate.applications.network import Asked, network, normalized, stored

preprocess_input = preparing("tf")
__all__ = ["Xception", "decode_predictions", "preprocess_input"]


def Xception(include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None,
             classes=1000, classifier_activation="softmax", name="xception"):
    """Two convolutions and 34 separable ones.

    Example:
        >>> Xception(weights=None, include_top=False, input_shape=(71, 71, 3)).count_params()
        20861480
    """
    asked = Asked(**locals())
    kept = stored("tensorflow/keras-applications/xception", "xception_weights_tf_dim_ordering_tf_kernels")
    return network(asked, _body, kept, size=299, smallest=71, pools=(None, None))


def _body(x: Any) -> Any:
    x = layers.Conv2D(32, 3, strides=2, use_bias=False, name="block1_conv1")(x)
    x = _bent(normalized(x, "block1_conv1_bn"), "block1_conv1_act")
    x = layers.Conv2D(64, 3, use_bias=False, name="block1_conv2")(x)
    x = _bent(normalized(x, "block1_conv2_bn"), "block1_conv2_act")
    for block, filters in ((2, 128), (3, 256), (4, 728)):
        x = _narrower(x, f"block{block}", filters, filters)
    for block in range(5, 13):
        before = x
        for index in (1, 2, 3):
            x = _bent(x, f"block{block}_sepconv{index}_act")
            x = _separable(x, 728, f"block{block}_sepconv{index}")
        x = layers.add([x, before])
    x = _narrower(x, "block13", 728, 1024)
    for index, filters in ((1, 1536), (2, 2048)):
        x = _bent(_separable(x, filters, f"block14_sepconv{index}"), f"block14_sepconv{index}_act")
    return x


def _narrower(x: Any, name: str, first: int, second: int) -> Any:
    """Two separable convolutions and a pooling, beside a convolution in steps of 2."""
    around = layers.Conv2D(second, 1, strides=2, padding="same", use_bias=False)(x)
    around = normalized(around, None)
    if name != "block2":
        x = _bent(x, f"{name}_sepconv1_act")
    x = _bent(_separable(x, first, f"{name}_sepconv1"), f"{name}_sepconv2_act")
    x = _separable(x, second, f"{name}_sepconv2")
    x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"{name}_pool")(x)
    return layers.add([x, around])


def _separable(x: Any, filters: int, name: str) -> Any:
    x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    return normalized(x, f"{name}_bn")


def _bent(x: Any, name: str) -> Any:
    return layers.Activation("relu", name=name)(x)
