"""MobileNetV2: Sandler et al., Inverted Residuals and Linear Bottlenecks (2018)."""

from __future__ import annotations

from typing import Any

from striate import layers
from striate.applications.imagenet_utils import decode_predictions, preparing
from striate.applications.mobilenet import usual_size
from striate.applications.network import Asked, channel_axis, divisible, margins, network, normalized, stored
from striate.errors import ArgumentError, received

preprocess_input = preparing("tf")
__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]
_SIDES = (96, 128, 160, 192, 224)
_WIDTHS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
_STAGES = ((16, 1, 1), (24, 2, 2), (32, 2, 3), (64, 2, 4), (96, 1, 3), (160, 2, 3), (320, 1, 1))
"""Filters, step of the first block, blocks."""


def MobileNetV2(input_shape=None, alpha=1.0, include_top=True, weights="imagenet",  # noqa: PLR0913
                input_tensor=None, pooling=None, classes=1000, classifier_activation="softmax", name=None):
    """17 blocks that widen, convolve channel by channel, and narrow; `alpha` times as many filters.

    Raises:
        ArgumentError: there are no weights of ImageNet for these arguments, or another argument cannot work.

    Example:
        >>> MobileNetV2(weights=None, include_top=False, input_shape=(32, 32, 3), alpha=0.35).count_params()
        410208
    """
    size, rows = usual_size(input_shape, input_tensor, include_top, _SIDES)
    if weights == "imagenet" and alpha not in _WIDTHS:
        raise ArgumentError("There are weights of ImageNet for alpha=0.35, 0.5, 0.75, 1.0, 1.3 and 1.4. "
                            + received(alpha=alpha))

    def body(x: Any) -> Any:
        x = layers.Conv2D(divisible(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="Conv1")(x)
        x = layers.ReLU(6.0, name="Conv1_relu")(_normalized(x, "bn_Conv1"))
        index = 0
        for filters, step, count in _STAGES:
            for block in range(count):
                x = _block(x, divisible(int(filters * alpha)), step if block == 0 else 1, index)
                index += 1
        x = layers.Conv2D(divisible(1280 * alpha) if alpha > 1 else 1280, 1, use_bias=False, name="Conv_1")(x)
        return layers.ReLU(6.0, name="out_relu")(_normalized(x, "Conv_1_bn"))

    def head(x: Any, asked: Asked) -> Any:
        x = layers.GlobalAveragePooling2D()(x)
        return layers.Dense(asked.classes, activation=asked.classifier_activation, name="predictions")(x)

    asked = Asked(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation,
                  name or f"mobilenetv2_{alpha:0.2f}_{rows}")
    side = rows if rows in _SIDES else 224
    kept = stored("tensorflow/keras-applications/mobilenet_v2",
                  f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{float(alpha)}_{side}", "_no_top")
    return network(asked, body, kept, size=size, head=head, pools=(None, None))


def _normalized(x: Any, name: str) -> Any:
    return normalized(x, name, momentum=0.999)


def _block(x: Any, filters: int, step: int, index: int) -> Any:
    before, name = x, f"block_{index}_" if index else "expanded_conv_"
    channels = x.shape[channel_axis()]
    if index:
        x = layers.Conv2D(6 * channels, 1, padding="same", use_bias=False, name=f"{name}expand")(x)
        x = layers.ReLU(6.0, name=f"{name}expand_relu")(_normalized(x, f"{name}expand_BN"))
    if step == 2:
        x = layers.ZeroPadding2D(margins(x, 3), name=f"{name}pad")(x)
    x = layers.DepthwiseConv2D(3, strides=step, use_bias=False, padding="same" if step == 1 else "valid",
                               name=f"{name}depthwise")(x)
    x = layers.ReLU(6.0, name=f"{name}depthwise_relu")(_normalized(x, f"{name}depthwise_BN"))
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=f"{name}project")(x)
    x = _normalized(x, f"{name}project_BN")
    return layers.Add(name=f"{name}add")([before, x]) if step == 1 and channels == filters else x
