"""Cross-entropies between labels and predictions, one number a sample, as Keras defines them.

Predictions are probabilities, or with `from_logits=True` the numbers before the softmax or sigmoid. Probabilities are
divided by their sum and kept in [1e-7, 1 - 1e-7], so that a logarithm is never of zero.
"""

from __future__ import annotations

from striate import ops
from striate.errors import ShapeError, received
from striate.ops.broadcast import shape_of

EPSILON = 1e-7


def _agree(target: tuple, output: tuple) -> bool:
    return len(target) == len(output) and all(a is None or b is None or a == b
                                              for a, b in zip(target, output, strict=True))


def _log_probability(output, from_logits: bool, axis: int):
    if from_logits:
        return ops.log_softmax(output, axis=axis)
    share = ops.divide(output, ops.sum(output, axis=axis, keepdims=True))
    return ops.log(ops.clip(share, EPSILON, 1.0 - EPSILON))


def _same_shape(target, output):
    if not _agree(shape_of(target), shape_of(output)) or not shape_of(output):
        raise ShapeError("Arguments `target` and `output` must have the same shape, of one axis at least. "
                         + received(target=shape_of(target), output=shape_of(output)))


def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """-sum(target * log(output)) along `axis`; target and output (..., classes), the result (...).

    `from_logits`: whether output holds scores before the softmax; else probabilities, which are divided by their sum.

    Raises:
        ShapeError: when the shapes differ.

    Example:
        >>> categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])
        array([0.6931472], dtype=float32)
    """
    _same_shape(target, output)
    return -ops.sum(ops.multiply(target, _log_probability(output, from_logits, axis)), axis=axis)


def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """-log(output[target]) along `axis`; target (...) of class numbers, output (..., classes), the result (...).

    `from_logits`: whether output holds scores before the softmax; else probabilities, which are divided by their sum.

    Raises:
        ShapeError: when target's shape is not output's without the class axis (a last axis of length 1 is dropped).
    """
    target = ops.cast(target, "int32")
    labels, scores = shape_of(target), shape_of(output)
    if len(labels) == len(scores) and labels[-1] == 1:
        target = ops.squeeze(target, -1)
        labels = labels[:-1]
    place = axis % len(scores)
    if not _agree(labels, scores[:place] + scores[place + 1:]):
        raise ShapeError("`target` must have the shape of `output` without its class axis. "
                         + received(target=labels, output=scores, axis=axis))
    hot = ops.one_hot(target, scores[place], axis=place)
    return -ops.sum(ops.multiply(hot, _log_probability(output, from_logits, axis)), axis=axis)


def binary_crossentropy(target, output, from_logits=False):
    """-(target * log(output) + (1 - target) * log(1 - output)), element by element; both of one shape.

    `from_logits`: whether output holds scores before the sigmoid; else probabilities.

    Raises:
        ShapeError: when the shapes differ.
    """
    _same_shape(target, output)
    target = ops.cast(target, "float32") if str(getattr(target, "dtype", "")) in ("bool", "uint8") else target
    if from_logits:
        return -ops.multiply(target, ops.log_sigmoid(output)) - ops.multiply(
            ops.subtract(1.0, target), ops.log_sigmoid(ops.negative(output)))
    kept = ops.clip(output, EPSILON, 1.0 - EPSILON)
    return -(ops.multiply(target, ops.log(kept)) + ops.multiply(ops.subtract(1.0, target), ops.log(1.0 - kept)))
