"""VGG19: `vgg16` with three more convolutions."""

from __future__ import annotations

from striate.applications.network import Asked
from striate.applications.vgg16 import decode_predictions, preprocess_input, vgg

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]


def VGG19(include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None,
          classes=1000, classifier_activation="softmax", name="vgg19"):
    """16 convolutions of 3x3 and three dense layers.

    Example:
        >>> VGG19(weights=None, include_top=False, input_shape=(32, 32, 3)).count_params()
        20024384
    """
    return vgg(Asked(**locals()), (2, 2, 4, 4, 4), "vgg19")
