"""MobileNetV3: Howard et al., Searching for MobileNetV3 (2019)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from striate import layers
from striate.applications.imagenet_utils import as_it_is as preprocess_input
from striate.applications.imagenet_utils import decode_predictions
from striate.applications.network import (
    Asked,
    Stored,
    channel_axis,
    divisible,
    margins,
    network,
    normalized,
)

__all__ = ["MobileNetV3Large", "MobileNetV3Small", "decode_predictions", "preprocess_input"]
_SMALL = ((1, 16, 3, 2, True, "relu"), (72 / 16, 24, 3, 2, False, "relu"), (88 / 24, 24, 3, 1, False, "relu"),
          (4, 40, 5, 2, True, "hard_swish"), (6, 40, 5, 1, True, "hard_swish"), (6, 40, 5, 1, True, "hard_swish"),
          (3, 48, 5, 1, True, "hard_swish"), (3, 48, 5, 1, True, "hard_swish"), (6, 96, 5, 2, True, "hard_swish"),
          (6, 96, 5, 1, True, "hard_swish"), (6, 96, 5, 1, True, "hard_swish"))
_LARGE = ((1, 16, 3, 1, False, "relu"), (4, 24, 3, 2, False, "relu"), (3, 24, 3, 1, False, "relu"),
          (3, 40, 5, 2, True, "relu"), (3, 40, 5, 1, True, "relu"), (3, 40, 5, 1, True, "relu"),
          (6, 80, 3, 2, False, "hard_swish"), (2.5, 80, 3, 1, False, "hard_swish"),
          (2.3, 80, 3, 1, False, "hard_swish"), (2.3, 80, 3, 1, False, "hard_swish"),
          (6, 112, 3, 1, True, "hard_swish"), (6, 112, 3, 1, True, "hard_swish"), (6, 160, 5, 2, True, "hard_swish"),
          (6, 160, 5, 1, True, "hard_swish"), (6, 160, 5, 1, True, "hard_swish"))
"""Widening, filters, kernel, step, whether channels are weighed, activation."""


def MobileNetV3Small(input_shape=None, alpha=1.0, minimalistic=False, include_top=True,  # noqa: PLR0913
                     weights="imagenet", input_tensor=None, classes=1000, pooling=None, dropout_rate=0.2,
                     classifier_activation="softmax", include_preprocessing=True, name="MobileNetV3Small"):
    """11 blocks; `minimalistic` uses 3x3 kernels and ReLU alone and weighs no channels.

    Example:
        >>> MobileNetV3Small(weights=None, include_top=False, input_shape=(32, 32, 3)).count_params()
        939120
    """
    asked = Asked(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
    return _mobilenet(asked, _SMALL, ("small", alpha, minimalistic), 1024, dropout_rate, include_preprocessing)


def MobileNetV3Large(input_shape=None, alpha=1.0, minimalistic=False, include_top=True,  # noqa: PLR0913
                     weights="imagenet", input_tensor=None, classes=1000, pooling=None, dropout_rate=0.2,
                     classifier_activation="softmax", include_preprocessing=True, name="MobileNetV3Large"):
    """15 blocks; `minimalistic` uses 3x3 kernels and ReLU alone and weighs no channels."""
    asked = Asked(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
    return _mobilenet(asked, _LARGE, ("large", alpha, minimalistic), 1280, dropout_rate, include_preprocessing)


def _mobilenet(asked: Asked, blocks: Sequence[tuple], kind: tuple, units: int,  # noqa: PLR0913
               dropout: float, scaled: bool):
    size, alpha, minimalistic = kind
    bend = "relu" if minimalistic else "hard_swish"

    def body(x: Any) -> Any:
        if scaled:
            x = layers.Rescaling(1 / 127.5, offset=-1.0)(x)
        x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False, name="conv")(x)
        x = _bent(_normalized(x, "conv_bn"), bend)
        for index, (widening, filters, kernel, step, weighed, activation) in enumerate(blocks):
            if minimalistic:
                kernel, weighed, activation = 3, False, "relu"
            x = _block(x, index, widening, divisible(filters * alpha), kernel, step, weighed, activation)
        x = layers.Conv2D(divisible(6 * x.shape[channel_axis()]), 1, padding="same", use_bias=False, name="conv_1")(x)
        return _bent(_normalized(x, "conv_1_bn"), bend)

    def head(x: Any, asked: Asked) -> Any:
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = layers.Conv2D(divisible(units * alpha) if alpha > 1 else units, 1, padding="same", name="conv_2")(x)
        x = _bent(x, bend)
        if dropout > 0:
            x = layers.Dropout(dropout)(x)
        x = layers.Conv2D(asked.classes, 1, padding="same", name="logits")(x)
        return layers.Activation(asked.classifier_activation, name="predictions")(layers.Flatten()(x))

    file = f"weights_mobilenet_v3_{size}{'_minimalistic' if minimalistic else ''}_224_{float(alpha)}_float"
    known = alpha == 1.0 or (alpha == 0.75 and not minimalistic)
    kept = Stored("tensorflow/keras-applications/mobilenet_v3", f"{file}.h5", f"{file}_no_top_v2.h5")
    return network(asked, body, kept if known else None, head=head)


def _normalized(x: Any, name: str) -> Any:
    return normalized(x, name, momentum=0.999)


def _bent(x: Any, activation: str) -> Any:
    return layers.ReLU()(x) if activation == "relu" else layers.Activation(activation)(x)


def _weighed(x: Any, filters: int, name: str) -> Any:
    """Each channel times a number between 0 and 1 that all channels decide."""
    name += "squeeze_excite_"
    weight = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}avg_pool")(x)
    weight = layers.Conv2D(divisible(filters * 0.25), 1, padding="same", name=f"{name}conv")(weight)
    weight = layers.ReLU(name=f"{name}relu")(weight)
    weight = layers.Conv2D(filters, 1, padding="same", name=f"{name}conv_1")(weight)
    weight = layers.ReLU(6.0)(weight + 3.0) * (1.0 / 6.0)
    return layers.Multiply(name=f"{name}mul")([x, weight])


def _block(x: Any, index: int, widening: float, filters: int, kernel: int,  # noqa: PLR0913
           step: int, weighed: bool, activation: str) -> Any:
    before, name, channels = x, f"expanded_conv_{index}_" if index else "expanded_conv_", x.shape[channel_axis()]
    wide = divisible(channels * widening)
    if index:
        x = layers.Conv2D(wide, 1, padding="same", use_bias=False, name=f"{name}expand")(x)
        x = _bent(_normalized(x, f"{name}expand_bn"), activation)
    if step == 2:
        x = layers.ZeroPadding2D(margins(x, kernel), name=f"{name}depthwise_pad")(x)
    x = layers.DepthwiseConv2D(kernel, strides=step, padding="same" if step == 1 else "valid", use_bias=False,
                               name=f"{name}depthwise")(x)
    x = _bent(_normalized(x, f"{name}depthwise_bn"), activation)
    if weighed:
        x = _weighed(x, wide, name)
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=f"{name}project")(x)
    x = _normalized(x, f"{name}project_bn")
    return layers.Add(name=f"{name}add")([before, x]) if step == 1 and channels == filters else x
