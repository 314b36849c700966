"""`tf.nn`: activations, and convolution and pooling as functions."""

from __future__ import annotations

from typing import Any

from striate import ops
from striate.runner.tf.functions import returning_tensors
from striate.utils.tensor import as_tensor

_SAME = ("elu", "gelu", "leaky_relu", "log_softmax", "relu", "relu6", "selu", "sigmoid", "silu", "softmax", "softplus",
         "softsign", "swish", "tanh")

globals().update({name: returning_tensors(getattr(ops, name)) for name in _SAME})


def _window(lengths: Any) -> Any:
    """TensorFlow's lists of four lengths (batch, height, width, channels) as the two in the middle."""
    if isinstance(lengths, (list, tuple)) and len(lengths) == 4:
        return tuple(lengths[1:3])
    return lengths


@returning_tensors
def conv2d(input, filters, strides=1, padding="SAME", data_format="NHWC", dilations=1, name=None):  # noqa: A002
    """Convolution (cross-correlation) of images (batch, h, w, channels) with filters (kh, kw, channels, count)."""
    return ops.conv(input, filters, strides=_window(strides), padding=padding.lower(), data_format="channels_last",
                    dilation_rate=_window(dilations))


@returning_tensors
def max_pool2d(input, ksize, strides, padding="VALID", data_format="NHWC", name=None):  # noqa: A002
    """The largest number of each window."""
    return ops.max_pool(input, _window(ksize), strides=_window(strides), padding=padding.lower())


@returning_tensors
def avg_pool2d(input, ksize, strides, padding="VALID", data_format="NHWC", name=None):  # noqa: A002
    """The mean of each window."""
    return ops.average_pool(input, _window(ksize), strides=_window(strides), padding=padding.lower())


max_pool, avg_pool = max_pool2d, avg_pool2d


@returning_tensors
def bias_add(value, bias, data_format=None, name=None):
    """value + bias."""
    return ops.add(value, bias)


@returning_tensors
def softmax_cross_entropy_with_logits(labels, logits, axis=-1, name=None):
    """Cross-entropy of each sample, from scores before the softmax and rows of probabilities."""
    return ops.categorical_crossentropy(labels, logits, from_logits=True, axis=axis)


@returning_tensors
def sparse_softmax_cross_entropy_with_logits(labels, logits, name=None):
    """Cross-entropy of each sample, from scores before the softmax and class numbers."""
    return ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)


@returning_tensors
def l2_normalize(x, axis=None, epsilon=1e-12, name=None):
    """x divided by its length along an axis."""
    return ops.multiply(x, ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=axis, keepdims=True), epsilon)))


@returning_tensors
def sigmoid_cross_entropy_with_logits(labels=None, logits=None, name=None):
    """Cross-entropy of each number, from scores before the sigmoid."""
    return ops.subtract(ops.softplus(logits), ops.multiply(labels, logits))


@returning_tensors
def l2_loss(t, name=None):
    """Half the sum of the squares."""
    return ops.multiply(ops.sum(ops.square(t)), 0.5)


@returning_tensors
def depth_to_space(input, block_size, data_format="NHWC", name=None):  # noqa: A002
    """Channels laid out as squares of block_size x block_size pixels (sub-pixel convolution)."""
    return ops.depth_to_space(input, block_size)


@returning_tensors
def space_to_depth(input, block_size, data_format="NHWC", name=None):  # noqa: A002
    """Squares of block_size x block_size pixels laid into channels."""
    return ops.space_to_depth(input, block_size)


def dropout(x, rate, seed=None, name=None):
    """A share `rate` of the numbers set to 0, the others scaled so that the mean stays."""
    from striate import random

    return as_tensor(random.dropout(x, rate, seed=seed))


__all__ = [*_SAME, "avg_pool", "avg_pool2d", "bias_add", "conv2d", "depth_to_space", "dropout", "l2_loss",
           "l2_normalize", "max_pool", "max_pool2d", "sigmoid_cross_entropy_with_logits",
           "softmax_cross_entropy_with_logits", "space_to_depth", "sparse_softmax_cross_entropy_with_logits"]
