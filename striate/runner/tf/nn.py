"""`tf.nn`: activations, and convolution and pooling as functions."""

from __future__ import annotations

from typing import Any

from striate import ops
from striate.runner.tf.functions import gather, named, returning_tensors
from striate.utils.tensor import as_tensor

_SAME = ("elu", "leaky_relu", "log_softmax", "relu", "relu6", "selu", "sigmoid", "silu", "softmax", "softplus",
         "softsign", "swish", "tanh")

globals().update({name: named(getattr(ops, name)) for name in _SAME})


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


@returning_tensors
def gelu(features, approximate=False, name=None):
    """x times the share of the normal distribution below x; `approximate`: by tanh."""
    return ops.gelu(features, approximate=approximate)


@returning_tensors
def moments(x, axes, shift=None, keepdims=False, name=None):
    """(mean, variance) over some axes."""
    return ops.moments(x, axes=list(axes), keepdims=keepdims)


@returning_tensors
def batch_normalization(x, mean, variance, offset, scale, variance_epsilon, name=None):
    """(x - mean) / sqrt(variance + variance_epsilon) * scale + offset; scale and offset may be None."""
    y = ops.multiply(ops.subtract(x, mean), ops.rsqrt(ops.add(variance, variance_epsilon)))
    y = y if scale is None else ops.multiply(y, scale)
    return y if offset is None else ops.add(y, offset)


def embedding_lookup(params, ids, max_norm=None, name=None):
    """The rows of a table."""
    return gather(params, ids)


@returning_tensors
def top_k(input, k=1, sorted=True, name=None):  # noqa: A002
    """The k largest numbers of the last axis and their places."""
    return ops.top_k(input, k, sorted=sorted)


def dropout(x, rate, seed=None, name=None):
    """A share `rate` of the numbers set to 0, the others scaled so that the mean stays."""
    from striate import random

    return as_tensor(random.dropout(x, rate, seed=seed))


__all__ = [*_SAME, "avg_pool", "avg_pool2d", "batch_normalization", "bias_add", "conv2d", "depth_to_space", "dropout",
           "embedding_lookup", "gelu", "l2_loss", "l2_normalize", "max_pool", "max_pool2d", "moments",
           "sigmoid_cross_entropy_with_logits", "softmax_cross_entropy_with_logits", "space_to_depth",
           "sparse_softmax_cross_entropy_with_logits", "top_k"]
