"""DenseNet: Huang et al., Densely Connected Convolutional Networks (2017)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from striate import layers
from striate.applications.imagenet_utils import decode_predictions, preparing
from striate.applications.network import Asked, channel_axis, network, normalized, stored

preprocess_input = preparing("torch")
__all__ = ["DenseNet121", "DenseNet169", "DenseNet201", "decode_predictions", "preprocess_input"]
_GROWTH = 32


def DenseNet121(include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None,
                classes=1000, classifier_activation="softmax", name="densenet121"):
    """58 blocks, each joined to what was before.

    Example:
        >>> DenseNet121(weights=None, include_top=False, input_shape=(32, 32, 3)).count_params()
        7037504
    """
    return _densenet(Asked(**locals()), (6, 12, 24, 16), "densenet121")


def DenseNet169(include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None,
                classes=1000, classifier_activation="softmax", name="densenet169"):
    """82 blocks, each joined to what was before."""
    return _densenet(Asked(**locals()), (6, 12, 32, 32), "densenet169")


def DenseNet201(include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None,
                classes=1000, classifier_activation="softmax", name="densenet201"):
    """98 blocks, each joined to what was before."""
    return _densenet(Asked(**locals()), (6, 12, 48, 32), "densenet201")


def _densenet(asked: Asked, blocks: Sequence[int], file: str):
    def body(x: Any) -> Any:
        x = layers.Conv2D(64, 7, strides=2, use_bias=False, name="conv1_conv")(layers.ZeroPadding2D(3)(x))
        x = layers.ZeroPadding2D(1)(_bent(x, "conv1_bn", "conv1_relu"))
        x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
        for stage, count in enumerate(blocks, start=2):
            for index in range(1, count + 1):
                x = _joined(x, f"conv{stage}_block{index}")
            if stage < 5:
                name = f"pool{stage}"
                x = _bent(x, f"{name}_bn", f"{name}_relu")
                x = layers.Conv2D(x.shape[channel_axis()] // 2, 1, use_bias=False, name=f"{name}_conv")(x)
                x = layers.AveragePooling2D(2, strides=2, name=f"{name}_pool")(x)
        return _bent(x, "bn", "relu")
    kept = stored("tensorflow/keras-applications/densenet", f"{file}_weights_tf_dim_ordering_tf_kernels")
    return network(asked, body, kept)


def _bent(x: Any, normalization: str, activation: str) -> Any:
    return layers.Activation("relu", name=activation)(normalized(x, normalization, epsilon=1.001e-5))


def _joined(x: Any, name: str) -> Any:
    """Convolutions of 1x1 and 3x3, whose maps are joined to their input's."""
    new = layers.Conv2D(4 * _GROWTH, 1, use_bias=False, name=f"{name}_1_conv")(
        _bent(x, f"{name}_0_bn", f"{name}_0_relu"))
    new = layers.Conv2D(_GROWTH, 3, padding="same", use_bias=False, name=f"{name}_2_conv")(
        _bent(new, f"{name}_1_bn", f"{name}_1_relu"))
    return layers.Concatenate(axis=channel_axis(), name=f"{name}_concat")([x, new])
