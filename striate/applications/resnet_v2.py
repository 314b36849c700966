"""Residual networks that normalise first: He et al., Identity Mappings in Deep Residual Networks (2016)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from striate import layers
from striate.applications.imagenet_utils import decode_predictions, preparing
from striate.applications.network import Asked, network, normalized
from striate.applications.resnet import EPSILON, FILTERS, begun, kept, pooled

preprocess_input = preparing("tf")
__all__ = ["ResNet101V2", "ResNet152V2", "ResNet50V2", "decode_predictions", "preprocess_input"]


def ResNet50V2(include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None,
               classes=1000, classifier_activation="softmax", name="resnet50v2"):
    """16 blocks of three convolutions.

    Example:
        >>> ResNet50V2(weights=None, include_top=False, input_shape=(32, 32, 3)).count_params()
        23564800
    """
    return _resnet(Asked(**locals()), (3, 4, 6, 3), "resnet50v2")


def ResNet101V2(include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None,
                classes=1000, classifier_activation="softmax", name="resnet101v2"):
    """33 blocks of three convolutions."""
    return _resnet(Asked(**locals()), (3, 4, 23, 3), "resnet101v2")


def ResNet152V2(include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None,
                classes=1000, classifier_activation="softmax", name="resnet152v2"):
    """50 blocks of three convolutions."""
    return _resnet(Asked(**locals()), (3, 8, 36, 3), "resnet152v2")


def _resnet(asked: Asked, blocks: Sequence[int], file: str):
    def body(x: Any) -> Any:
        x = pooled(begun(x))
        for stage, (filters, count) in enumerate(zip(FILTERS, blocks, strict=True), start=2):
            for index in range(1, count + 1):
                step = 2 if stage < 5 and index == count else 1
                x = _block(x, filters, step, index == 1, f"conv{stage}_block{index}")
        return layers.Activation("relu", name="post_relu")(normalized(x, "post_bn", epsilon=EPSILON))
    return network(asked, body, kept(file))


def _block(x: Any, filters: int, step: int, widens: bool, name: str) -> Any:
    """Normalisation, then convolutions of 1x1, 3x3 and 1x1 beside a way around them."""
    before = normalized(x, f"{name}_preact_bn", epsilon=EPSILON)
    before = layers.Activation("relu", name=f"{name}_preact_relu")(before)
    if widens:
        shortcut = layers.Conv2D(4 * filters, 1, strides=step, name=f"{name}_0_conv")(before)
    else:
        shortcut = layers.MaxPooling2D(1, strides=step)(x) if step > 1 else x
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_1_conv")(before)
    x = layers.Activation("relu", name=f"{name}_1_relu")(normalized(x, f"{name}_1_bn", epsilon=EPSILON))
    x = layers.ZeroPadding2D(1, name=f"{name}_2_pad")(x)
    x = layers.Conv2D(filters, 3, strides=step, use_bias=False, name=f"{name}_2_conv")(x)
    x = layers.Activation("relu", name=f"{name}_2_relu")(normalized(x, f"{name}_2_bn", epsilon=EPSILON))
    x = layers.Conv2D(4 * filters, 1, name=f"{name}_3_conv")(x)
    return layers.Add(name=f"{name}_out")([shortcut, x])
