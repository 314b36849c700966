"""InceptionV3: Szegedy et al., Rethinking the Inception Architecture for Computer Vision (2016)."""

from __future__ import annotations

from typing import Any

from striate import layers
from striate.applications.imagenet_utils import decode_predictions, preparing
from striate.applications.network import Asked, channel_axis, network, normalized, stored

preprocess_input = preparing("tf")
__all__ = ["InceptionV3", "decode_predictions", "preprocess_input"]


def InceptionV3(include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None,
                classes=1000, classifier_activation="softmax", name="inception_v3"):
    """Eleven blocks of several ways beside each other.

    Example:
        >>> InceptionV3(weights=None, include_top=False, input_shape=(75, 75, 3)).count_params()
        21802784
    """
    asked = Asked(**locals())
    kept = stored("tensorflow/keras-applications/inception_v3", "inception_v3_weights_tf_dim_ordering_tf_kernels")
    return network(asked, _body, kept, size=299, smallest=75, pools=(None, None))


def _body(x: Any) -> Any:
    x = _way(x, (32, 3, 3, 2), (32, 3, 3, "valid"), (64, 3, 3))
    x = layers.MaxPooling2D(3, strides=2)(x)
    x = _way(x, (80, 1, 1, "valid"), (192, 3, 3, "valid"))
    x = layers.MaxPooling2D(3, strides=2)(x)
    for index, pooled in enumerate((32, 64, 64)):
        ways = [_way(x, (64, 1, 1)), _way(x, (48, 1, 1), (64, 5, 5)), _way(x, (64, 1, 1), (96, 3, 3), (96, 3, 3))]
        x = _joined([*ways, _mean(x, pooled)], f"mixed{index}")
    ways = [_way(x, (384, 3, 3, 2)), _way(x, (64, 1, 1), (96, 3, 3), (96, 3, 3, 2))]
    x = _joined([*ways, layers.MaxPooling2D(3, strides=2)(x)], "mixed3")
    for index, inner in enumerate((128, 160, 160, 192), start=4):
        ways = [_way(x, (192, 1, 1)), _way(x, (inner, 1, 1), (inner, 1, 7), (192, 7, 1)),
                _way(x, (inner, 1, 1), (inner, 7, 1), (inner, 1, 7), (inner, 7, 1), (192, 1, 7))]
        x = _joined([*ways, _mean(x, 192)], f"mixed{index}")
    ways = [_way(x, (192, 1, 1), (320, 3, 3, 2)), _way(x, (192, 1, 1), (192, 1, 7), (192, 7, 1), (192, 3, 3, 2))]
    x = _joined([*ways, layers.MaxPooling2D(3, strides=2)(x)], "mixed8")
    for index in range(2):
        first = _way(x, (320, 1, 1))
        second = _way(x, (384, 1, 1))
        second = _joined([_way(second, (384, 1, 3)), _way(second, (384, 3, 1))], f"mixed9_{index}")
        third = _way(x, (448, 1, 1), (384, 3, 3))
        third = _joined([_way(third, (384, 1, 3)), _way(third, (384, 3, 1))], None)
        x = _joined([first, second, third, _mean(x, 192)], f"mixed{9 + index}")
    return x


def _way(x: Any, *convolutions: tuple) -> Any:
    """Convolutions of (filters, rows, columns), normalised; a 2 means in steps of 2 without padding."""
    for filters, rows, columns, *rest in convolutions:
        x = layers.Conv2D(filters, (rows, columns), strides=2 if rest == [2] else 1,
                          padding="valid" if rest else "same", use_bias=False)(x)
        x = layers.Activation("relu")(normalized(x, None, scale=False))
    return x


def _mean(x: Any, filters: int) -> Any:
    return _way(layers.AveragePooling2D(3, strides=1, padding="same")(x), (filters, 1, 1))


def _joined(ways: list, name: str | None) -> Any:
    return layers.concatenate(ways, axis=channel_axis(), name=name)
