"""MobileNet: Howard et al., Efficient Convolutional Neural Networks for Mobile Vision Applications (2017)."""

from __future__ import annotations

from typing import Any

from striate import layers
from striate.applications.imagenet_utils import decode_predictions, preparing
from striate.applications.network import Asked, network, normalized, side_lengths, stored
from striate.errors import ArgumentError, received

preprocess_input = preparing("tf")
__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]
_SIDES = (128, 160, 192, 224)
_WIDTHS = {0.25: "2_5", 0.5: "5_0", 0.75: "7_5", 1.0: "1_0"}
_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))


def MobileNet(input_shape=None, alpha=1.0, depth_multiplier=1, dropout=0.001, include_top=True,  # noqa: PLR0913
              weights="imagenet", input_tensor=None, pooling=None, classes=1000, classifier_activation="softmax",
              name=None):
    """13 depthwise convolutions of 3x3, each with one of 1x1 behind it; `alpha` times as many filters.

    Raises:
        ArgumentError: there are no weights of ImageNet for these arguments, or another argument cannot work.

    Example:
        >>> MobileNet(weights=None, include_top=False, input_shape=(32, 32, 3), alpha=0.25).count_params()
        218544
    """
    size, rows = usual_size(input_shape, input_tensor, include_top, _SIDES)
    if weights == "imagenet" and (depth_multiplier != 1 or alpha not in _WIDTHS):
        raise ArgumentError("There are weights of ImageNet for depth_multiplier=1 and alpha=0.25, 0.5, 0.75 or 1. "
                            + received(depth_multiplier=depth_multiplier, alpha=alpha))

    def body(x: Any) -> Any:
        x = layers.Conv2D(int(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="conv1")(x)
        x = layers.ReLU(6.0, name="conv1_relu")(normalized(x, "conv1_bn"))
        for index, (filters, step) in enumerate(_BLOCKS, start=1):
            if step == 2:
                x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{index}")(x)
            x = layers.DepthwiseConv2D(3, strides=step, padding="same" if step == 1 else "valid", use_bias=False,
                                       depth_multiplier=depth_multiplier, name=f"conv_dw_{index}")(x)
            x = layers.ReLU(6.0, name=f"conv_dw_{index}_relu")(normalized(x, f"conv_dw_{index}_bn"))
            x = layers.Conv2D(int(filters * alpha), 1, padding="same", use_bias=False, name=f"conv_pw_{index}")(x)
            x = layers.ReLU(6.0, name=f"conv_pw_{index}_relu")(normalized(x, f"conv_pw_{index}_bn"))
        return x

    def head(x: Any, asked: Asked) -> Any:
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = layers.Dropout(dropout, name="dropout")(x)
        x = layers.Conv2D(asked.classes, 1, padding="same", name="conv_preds")(x)
        x = layers.Reshape((asked.classes,), name="reshape_2")(x)
        return layers.Activation(asked.classifier_activation, name="predictions")(x)

    asked = Asked(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation,
                  name or f"mobilenet_{alpha:0.2f}_{rows}")
    side = rows if rows in _SIDES else 224
    kept = stored("tensorflow/keras-applications/mobilenet", f"mobilenet_{_WIDTHS.get(alpha)}_{side}_tf", "_no_top")
    return network(asked, body, kept, size=size, head=head, pools=(None, None))


def usual_size(input_shape: Any, input_tensor: Any, include_top: bool, known: tuple[int, ...]) -> tuple[int, Any]:
    """The usual sides of pictures, those asked for if there are weights for them; and the number of rows."""
    if input_shape is None and input_tensor is not None:
        input_shape = input_tensor.shape[1:]
    sides = (None, None) if input_shape is None else side_lengths(input_shape)
    size = sides[0] if sides[0] == sides[1] and sides[0] in known else 224
    return size, sides[0] if input_shape is not None else size if include_top else None
