"""VGG: Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition (2015)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from striate import layers
from striate.applications.imagenet_utils import decode_predictions, preparing
from striate.applications.network import Asked, network, stored

preprocess_input = preparing("caffe")
__all__ = ["VGG16", "decode_predictions", "preprocess_input"]


def VGG16(include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None,
          classes=1000, classifier_activation="softmax", name="vgg16"):
    """13 convolutions of 3x3 and three dense layers.

    Example:
        >>> VGG16(weights=None, include_top=False, input_shape=(32, 32, 3)).count_params()
        14714688
    """
    return vgg(Asked(**locals()), (2, 2, 3, 3, 3), "vgg16")


def vgg(asked: Asked, convolutions: Sequence[int], file: str):
    """Blocks of so many convolutions of 3x3, a pooling after each block."""
    def body(x: Any) -> Any:
        for block, count in enumerate(convolutions, start=1):
            for index in range(1, count + 1):
                x = layers.Conv2D(min(64 << (block - 1), 512), 3, activation="relu", padding="same",
                                  name=f"block{block}_conv{index}")(x)
            x = layers.MaxPooling2D(2, strides=2, name=f"block{block}_pool")(x)
        return x
    weights = stored(f"tensorflow/keras-applications/{file}", f"{file}_weights_tf_dim_ordering_tf_kernels")
    return network(asked, body, weights, head=_head, pools=(None, None))


def _head(x: Any, asked: Asked) -> Any:
    x = layers.Flatten(name="flatten")(x)
    for name in ("fc1", "fc2"):
        x = layers.Dense(4096, activation="relu", name=name)(x)
    return layers.Dense(asked.classes, activation=asked.classifier_activation, name="predictions")(x)
