"""Residual networks: He et al., Deep Residual Learning for Image Recognition (2016)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from striate import layers
from striate.applications.imagenet_utils import decode_predictions, preparing
from striate.applications.network import Asked, network, normalized, stored

preprocess_input = preparing("caffe")
__all__ = ["ResNet101", "ResNet152", "ResNet50", "decode_predictions", "preprocess_input"]
EPSILON = 1.001e-5
FILTERS = (64, 128, 256, 512)


def ResNet50(include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None,
             classes=1000, classifier_activation="softmax", name="resnet50"):
    """16 blocks of three convolutions.

    Example:
        >>> ResNet50(weights=None, include_top=False, input_shape=(32, 32, 3)).count_params()
        23587712
    """
    return _resnet(Asked(**locals()), (3, 4, 6, 3), "resnet50")


def ResNet101(include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None,
              classes=1000, classifier_activation="softmax", name="resnet101"):
    """33 blocks of three convolutions."""
    return _resnet(Asked(**locals()), (3, 4, 23, 3), "resnet101")


def ResNet152(include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None,
              classes=1000, classifier_activation="softmax", name="resnet152"):
    """50 blocks of three convolutions."""
    return _resnet(Asked(**locals()), (3, 8, 36, 3), "resnet152")


def _resnet(asked: Asked, blocks: Sequence[int], file: str):
    def body(x: Any) -> Any:
        x = begun(x)
        x = layers.Activation("relu", name="conv1_relu")(normalized(x, "conv1_bn", epsilon=EPSILON))
        x = pooled(x)
        for stage, (filters, count) in enumerate(zip(FILTERS, blocks, strict=True), start=2):
            for index in range(1, count + 1):
                step = 2 if stage > 2 and index == 1 else 1
                x = _block(x, filters, step, index == 1, f"conv{stage}_block{index}")
        return x
    return network(asked, body, kept(file))


def kept(file: str):
    """Where the weights of a residual network lie."""
    return stored("tensorflow/keras-applications/resnet", f"{file}_weights_tf_dim_ordering_tf_kernels")


def begun(x: Any) -> Any:
    """The first convolution, of 7x7."""
    x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
    return layers.Conv2D(64, 7, strides=2, name="conv1_conv")(x)


def pooled(x: Any) -> Any:
    """The first pooling."""
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    return layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)


def _block(x: Any, filters: int, step: int, widens: bool, name: str) -> Any:
    """Convolutions of 1x1, 3x3 and 1x1 beside a way around them; `normalized` behind each."""
    shortcut = x
    if widens:
        shortcut = layers.Conv2D(4 * filters, 1, strides=step, name=f"{name}_0_conv")(x)
        shortcut = normalized(shortcut, f"{name}_0_bn", epsilon=EPSILON)
    for index, (count, size, strides) in enumerate(((filters, 1, step), (filters, 3, 1), (4 * filters, 1, 1)), start=1):
        x = layers.Conv2D(count, size, strides=strides, padding="same" if size == 3 else "valid",
                          name=f"{name}_{index}_conv")(x)
        x = normalized(x, f"{name}_{index}_bn", epsilon=EPSILON)
        if index < 3:
            x = layers.Activation("relu", name=f"{name}_{index}_relu")(x)
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.Activation("relu", name=f"{name}_out")(x)
