"""EfficientNet: Tan and Le, Rethinking Model Scaling for Convolutional Neural Networks (2019)."""

from __future__ import annotations

import math
from typing import Any

from striate import layers
from striate.applications.imagenet_utils import as_it_is as preprocess_input
from striate.applications.imagenet_utils import decode_predictions
from striate.applications.network import (
    Asked,
    channel_axis,
    divisible,
    margins,
    network,
    normalized,
    stored,
)

__all__ = [*(f"EfficientNetB{number}" for number in range(8)), "decode_predictions", "preprocess_input"]
_STAGES = ((3, 1, 16, 1, 1), (3, 2, 24, 6, 2), (5, 2, 40, 6, 2), (3, 3, 80, 6, 2), (5, 3, 112, 6, 1), (5, 4, 192, 6, 2),
           (3, 1, 320, 6, 1))
"""Kernel, blocks, filters, widening, step of the first block."""
_SIZES = ((1.0, 1.0, 224, 0.2), (1.0, 1.1, 240, 0.2), (1.1, 1.2, 260, 0.3), (1.2, 1.4, 300, 0.3), (1.4, 1.8, 380, 0.4),
          (1.6, 2.2, 456, 0.4), (1.8, 2.6, 528, 0.5), (2.0, 3.1, 600, 0.5))
"""Of B0 to B7: width, depth, sides of pictures, share that is dropped before the last layer."""
_KERNELS = {"class_name": "VarianceScaling",
            "config": {"scale": 2.0, "mode": "fan_out", "distribution": "truncated_normal"}}
_UNITS = {"class_name": "VarianceScaling", "config": {"scale": 1 / 3, "mode": "fan_out", "distribution": "uniform"}}
_DROPPED = 0.2
"""The share of the last block that is left out in training; earlier blocks less."""


def _made(number: int):
    width, depth, size, dropout = _SIZES[number]

    def efficientnet(include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None,
                     classes=1000, classifier_activation="softmax", name=f"efficientnetb{number}"):
        asked = Asked(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)

        def head(x: Any, asked: Asked) -> Any:
            x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
            x = layers.Dropout(dropout, name="top_dropout")(x)
            return layers.Dense(asked.classes, activation=asked.classifier_activation, kernel_initializer=_UNITS,
                                name="predictions")(x)
        return network(asked, lambda x: _body(x, width, depth, asked.weights == "imagenet"),
                       stored("keras-applications", f"efficientnetb{number}"), size=size, head=head)

    efficientnet.__name__ = efficientnet.__qualname__ = f"EfficientNetB{number}"
    efficientnet.__doc__ = f"EfficientNet-B{number}: usually for pictures of {size}x{size}, of 0 to 255."
    return efficientnet


(EfficientNetB0, EfficientNetB1, EfficientNetB2, EfficientNetB3, EfficientNetB4, EfficientNetB5, EfficientNetB6,
 EfficientNetB7) = (_made(number) for number in range(8))


def _body(x: Any, width: float, depth: float, scaled: bool) -> Any:
    x = layers.Rescaling(1 / 255)(x)
    x = layers.Normalization(axis=channel_axis())(x)
    if scaled:  # what the stored weights learnt with
        x = layers.Rescaling([1 / math.sqrt(deviation) for deviation in (0.229, 0.224, 0.225)])(x)
    x = layers.ZeroPadding2D(margins(x, 3), name="stem_conv_pad")(x)
    x = layers.Conv2D(divisible(32 * width), 3, strides=2, use_bias=False, kernel_initializer=_KERNELS,
                      name="stem_conv")(x)
    x = _bent(x, "stem_bn", "stem_activation")
    counts = [math.ceil(depth * stage[1]) for stage in _STAGES]
    done = 0
    for stage, ((kernel, _, filters, widening, step), count) in enumerate(zip(_STAGES, counts, strict=True), start=1):
        for index in range(count):
            x = _block(x, f"block{stage}{chr(97 + index)}_", divisible(filters * width), kernel,
                       step if index == 0 else 1, widening, _DROPPED * done / sum(counts))
            done += 1
    x = layers.Conv2D(divisible(1280 * width), 1, padding="same", use_bias=False, kernel_initializer=_KERNELS,
                      name="top_conv")(x)
    return _bent(x, "top_bn", "top_activation")


def _bent(x: Any, normalization: str, activation: str) -> Any:
    return layers.Activation("swish", name=activation)(normalized(x, normalization))


def _block(x: Any, name: str, filters: int, kernel: int, step: int, widening: int,  # noqa: PLR0913
           dropped: float) -> Any:
    """Widens, convolves channel by channel, weighs the channels, and narrows."""
    before, channels = x, x.shape[channel_axis()]
    wide = channels * widening
    if widening != 1:
        x = layers.Conv2D(wide, 1, padding="same", use_bias=False, kernel_initializer=_KERNELS,
                          name=f"{name}expand_conv")(x)
        x = _bent(x, f"{name}expand_bn", f"{name}expand_activation")
    if step == 2:
        x = layers.ZeroPadding2D(margins(x, kernel), name=f"{name}dwconv_pad")(x)
    x = layers.DepthwiseConv2D(kernel, strides=step, padding="valid" if step == 2 else "same", use_bias=False,
                               depthwise_initializer=_KERNELS, name=f"{name}dwconv")(x)
    x = _bent(x, f"{name}bn", f"{name}activation")
    weight = layers.GlobalAveragePooling2D(name=f"{name}se_squeeze")(x)
    weight = layers.Reshape((wide, 1, 1) if channel_axis() == 1 else (1, 1, wide), name=f"{name}se_reshape")(weight)
    for part, count, activation in (("reduce", max(1, channels // 4), "swish"), ("expand", wide, "sigmoid")):
        weight = layers.Conv2D(count, 1, padding="same", activation=activation, kernel_initializer=_KERNELS,
                               name=f"{name}se_{part}")(weight)
    x = layers.multiply([x, weight], name=f"{name}se_excite")
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, kernel_initializer=_KERNELS,
                      name=f"{name}project_conv")(x)
    x = normalized(x, f"{name}project_bn")
    if step == 1 and channels == filters:
        if dropped > 0:
            x = layers.Dropout(dropped, noise_shape=(None, 1, 1, 1), name=f"{name}drop")(x)
        x = layers.add([x, before], name=f"{name}add")
    return x
