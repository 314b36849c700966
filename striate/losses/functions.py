"""The formulas of losses: labels and predictions to a value for each sample (all axes but the last stay)."""

from __future__ import annotations

import warnings

import numpy as np

from striate import ops
from striate.errors import ArgumentError, DataError, ShapeError, received
from striate.losses.base import same_rank
from striate.serialization import export

EPSILON = 1e-7


def _loss(*aliases: str):
    """Exports a loss function under its name and older ones, as a loss and (if it is one with that sign) a metric."""
    def enter(function):
        names = (function.__name__, *aliases)
        rooms = ("losses",) if function.__name__ == "cosine_similarity" else ("losses", "metrics")
        return export(*[f"keras.{room}.{name}" for room in rooms for name in names])(function)
    return enter


def _floats(y_true, y_pred) -> tuple:
    """Both as float32, of one rank."""
    return same_rank(_float(y_true), _float(y_pred))


def _float(y):
    y = y if hasattr(y, "shape") else ops.convert_to_tensor(y)
    return y if str(y.dtype) == "float32" else ops.cast(y, "float32")


@_loss("mse", "MSE")
def mean_squared_error(y_true, y_pred):
    """mean((y_true - y_pred)^2) along the last axis.

    Shapes: y_true and y_pred (..., n) that broadcast, usually of one shape; gives (...).

    Example:
        >>> mean_squared_error([[0.0, 2.0]], [[1.0, 2.0]]).tolist()
        [0.5]
    """
    y_true, y_pred = _floats(y_true, y_pred)
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


@_loss("mae", "MAE")
def mean_absolute_error(y_true, y_pred):
    """mean(|y_true - y_pred|) along the last axis.

    Shapes: y_true and y_pred (..., n) that broadcast, usually of one shape; gives (...).
    """
    y_true, y_pred = _floats(y_true, y_pred)
    return ops.mean(ops.absolute(y_true - y_pred), axis=-1)


@_loss("mape", "MAPE")
def mean_absolute_percentage_error(y_true, y_pred):
    """100 * mean(|y_true - y_pred| / |y_true|) along the last axis.

    Shapes: y_true and y_pred (..., n) that broadcast, usually of one shape; gives (...).

    In percent.
    """
    y_true, y_pred = _floats(y_true, y_pred)
    return 100.0 * ops.mean(ops.absolute((y_true - y_pred) / ops.maximum(ops.absolute(y_true), EPSILON)), axis=-1)


@_loss("msle", "MSLE")
def mean_squared_logarithmic_error(y_true, y_pred):
    """mean((log(y_true + 1) - log(y_pred + 1))^2) along the last axis.

    Shapes: y_true and y_pred (..., n) that broadcast, usually of one shape; gives (...).

    Numbers below 0 count as 0.
    """
    y_true, y_pred = _floats(y_true, y_pred)
    return ops.mean(ops.square(ops.log(ops.maximum(y_pred, EPSILON) + 1.0)
                               - ops.log(ops.maximum(y_true, EPSILON) + 1.0)), axis=-1)


@_loss()
def huber(y_true, y_pred, delta=1.0):
    """Half the squared error where it is at most `delta`, a straight line beyond.

    Shapes: y_true and y_pred (..., n) that broadcast, usually of one shape; gives (...).

    Source: Huber (1964).
    """
    y_true, y_pred = _floats(y_true, y_pred)
    error = ops.absolute(y_pred - y_true)
    inner, outer = 0.5 * ops.square(error), delta * error - 0.5 * delta * delta
    return ops.mean(ops.where(ops.less_equal(error, float(delta)), inner, outer), axis=-1)


@_loss("logcosh")
def log_cosh(y_true, y_pred):
    """mean(log(cosh(y_pred - y_true))) along the last axis.

    Shapes: y_true and y_pred (..., n) that broadcast, usually of one shape; gives (...).
    """
    y_true, y_pred = _floats(y_true, y_pred)
    error = y_pred - y_true
    return ops.mean(error + ops.softplus(error * -2.0) - float(np.log(2.0)), axis=-1)


@_loss()
def cosine_similarity(y_true, y_pred, axis=-1):
    """Minus the cosine between labels and predictions along `axis`.

    Shapes: y_true and y_pred of one shape; gives theirs without `axis`. From -1 (same direction) to 1.
    """
    y_true, y_pred = _floats(y_true, y_pred)
    return -ops.sum(unit(y_true, axis) * unit(y_pred, axis), axis=axis)


def unit(x, axis):
    """x divided by its length along `axis`."""
    return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=axis, keepdims=True), 1e-12))


def _plus_or_minus_one(y_true):
    """Labels 0 and 1 as -1 and 1; other labels stay."""
    binary = ops.all(ops.logical_or(ops.equal(y_true, 0.0), ops.equal(y_true, 1.0)))
    return ops.where(binary, 2.0 * y_true - 1.0, y_true)


@_loss()
def hinge(y_true, y_pred):
    """mean(max(1 - y_true * y_pred, 0)) along the last axis; labels are -1 or 1 (0 or 1 are taken as such).

    Shapes: y_true and y_pred (..., n) that broadcast, usually of one shape; gives (...).
    """
    y_true, y_pred = _float(y_true), _float(y_pred)
    return ops.mean(ops.maximum(1.0 - _plus_or_minus_one(y_true) * y_pred, 0.0), axis=-1)


@_loss()
def squared_hinge(y_true, y_pred):
    """The mean square of what `hinge` is the mean of.

    Shapes: y_true and y_pred (..., n) that broadcast, usually of one shape; gives (...).

    Labels as those of `hinge`.
    """
    y_true, y_pred = _float(y_true), _float(y_pred)
    return ops.mean(ops.square(ops.relu(1.0 - _plus_or_minus_one(y_true) * y_pred)), axis=-1)


@_loss()
def categorical_hinge(y_true, y_pred):
    """max(best wrong score - right score + 1, 0); labels are one-hot.

    Shapes: y_true and y_pred (..., classes); gives (...).
    """
    y_true, y_pred = _float(y_true), _float(y_pred)
    right, wrong = ops.sum(y_true * y_pred, axis=-1), ops.max((1.0 - y_true) * y_pred, axis=-1)
    return ops.maximum(wrong - right + 1.0, 0.0)


@_loss("kld", "KLD", "kullback_leibler_divergence")
def kl_divergence(y_true, y_pred):
    """sum(y_true * log(y_true / y_pred)) along the last axis.

    Shapes: y_true and y_pred (..., n) that broadcast, usually of one shape; gives (...).
    """
    y_true, y_pred = ops.clip(_float(y_true), EPSILON, 1.0), ops.clip(_float(y_pred), EPSILON, 1.0)
    return ops.sum(y_true * ops.log(y_true / y_pred), axis=-1)


@_loss()
def poisson(y_true, y_pred):
    """mean(y_pred - y_true * log(y_pred)) along the last axis.

    Shapes: y_true and y_pred (..., n) that broadcast, usually of one shape; gives (...).
    """
    y_true, y_pred = _float(y_true), _float(y_pred)
    return ops.mean(y_pred - y_true * ops.log(y_pred + EPSILON), axis=-1)


def _smoothed(y_true, label_smoothing: float, classes: int):
    return y_true if not label_smoothing else y_true * (1.0 - label_smoothing) + label_smoothing / classes


def _warn_of_one_unit(name: str, y_pred) -> None:
    if y_pred.shape[-1] == 1:
        warnings.warn(f"In loss {name}, expected y_pred.shape to be (batch_size, num_classes) with num_classes > 1. "
                      f"Received: y_pred.shape={tuple(y_pred.shape)}. Consider using 'binary_crossentropy' if you only "
                      "have 2 classes.", SyntaxWarning, stacklevel=3)


@_loss()
def categorical_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """-sum(y_true * log(y_pred)) along `axis`; labels are one-hot or shares.

    Shapes: gives (...). Probabilities are divided by their sum and kept away from 0 by 1e-7. Raises `ShapeError` when
    the shapes differ.

    Args:
        y_true, y_pred: (..., classes).
        from_logits: whether predictions are scores before the softmax.
        label_smoothing: share of each label that is spread over all classes.
        axis: the axis of the classes.

    Example:
        >>> round(float(categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])[0]), 4)
        0.6931
    """
    y_true, y_pred = _float(y_true), _float(y_pred)
    _warn_of_one_unit("categorical_crossentropy", y_pred)
    y_true = _smoothed(y_true, label_smoothing, y_true.shape[-1])
    return ops.categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)


@_loss()
def categorical_focal_crossentropy(y_true, y_pred, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0,
                                   axis=-1):
    """Categorical cross-entropy times alpha * (1 - probability)^gamma: easy samples count less.

    Shapes: y_true and y_pred (..., classes); gives (...). Source: Lin and others (2017), arXiv:1708.02002.

    Args:
        y_true, y_pred: one-hot labels and probabilities (or scores, with `from_logits`).
        alpha: a factor, or one for each class.
        gamma: how much less easy samples count.
        from_logits, label_smoothing, axis: as in `categorical_crossentropy`.
    """
    y_true, y_pred = _float(y_true), _float(y_pred)
    _warn_of_one_unit("categorical_focal_crossentropy", y_pred)
    y_true = _smoothed(y_true, label_smoothing, y_true.shape[-1])
    share = ops.softmax(y_pred, axis=axis) if from_logits else y_pred
    share = ops.clip(share / ops.sum(share, axis=axis, keepdims=True), EPSILON, 1.0 - EPSILON)
    return ops.sum(ops.power(1.0 - share, float(gamma)) * alpha * (-y_true * ops.log(share)), axis=axis)


@_loss()
def sparse_categorical_crossentropy(y_true, y_pred, from_logits=False, ignore_class=None, axis=-1):
    """-log(y_pred[y_true]) along `axis`; labels are class numbers.

    Shapes: gives (...).

    Args:
        y_true: (...) or (..., 1) of integers from 0 to classes - 1.
        y_pred: (..., classes).
        from_logits: whether predictions are scores before the softmax.
        ignore_class: a label whose samples do not count.
        axis: the axis of the classes.

    Raises:
        DataError: a label that can be seen (an array) is not a class number.
    """
    y_pred = _float(y_pred)
    y_true = y_true if hasattr(y_true, "shape") else ops.convert_to_tensor(y_true)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[axis] == 1:
        y_true = ops.squeeze(y_true, axis=axis)
    _check_classes(y_true, y_pred.shape[axis], ignore_class)
    if ignore_class is None:
        return ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)
    counts = ops.not_equal(y_true, ignore_class)
    y_true = ops.where(counts, y_true, 0)
    y_pred = ops.where(ops.expand_dims(counts, axis), y_pred, 1.0)
    values = ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)
    return ops.where(counts, values, 0.0)


def _check_classes(y_true, classes, ignore_class) -> None:
    """Refuses labels outside 0 .. classes - 1 where they can be seen; while a program is traced they cannot."""
    if not isinstance(y_true, np.ndarray) or y_true.size == 0:
        return
    wrong = (y_true < 0) | (y_true >= classes) | (y_true != np.floor(y_true))
    if ignore_class is not None:
        wrong &= y_true != ignore_class
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise DataError(f"Labels must be whole numbers from 0 to {classes - 1}, the number of classes less one. "
                        + received(label=y_true[place].item(), index=place)
                        + ". Give the last layer more units, or number the classes from 0.")


@_loss("bce", "BCE")
def binary_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """-mean(y_true * log(y_pred) + (1 - y_true) * log(1 - y_pred)) along `axis`.

    Shapes: gives theirs without `axis`. Raises `ShapeError` when the shapes differ.

    Args:
        y_true, y_pred: of one shape.
        from_logits: whether predictions are scores before the sigmoid.
        label_smoothing: how far labels are moved towards one half.
        axis: the axis of the mean.
    """
    y_true, y_pred = _float(y_true), _float(y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    return ops.mean(ops.binary_crossentropy(y_true, y_pred, from_logits=from_logits), axis=axis)


@_loss()
def binary_focal_crossentropy(y_true, y_pred, apply_class_balancing=False, alpha=0.25, gamma=2.0, from_logits=False,
                              label_smoothing=0.0, axis=-1):
    """Binary cross-entropy times (1 - probability of the label)^gamma: easy samples count less.

    Shapes: y_true and y_pred of one shape; gives theirs without `axis`. Source: Lin and others (2017),
    arXiv:1708.02002.

    Args:
        y_true, y_pred: labels 0 and 1, and probabilities (or scores, with `from_logits`).
        apply_class_balancing: whether ones count `alpha` and zeros 1 - alpha.
        alpha: see above.
        gamma: how much less easy samples count; 0 for cross-entropy.
        from_logits, label_smoothing, axis: as in `binary_crossentropy`.
    """
    y_true, y_pred = _float(y_true), _float(y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    y_pred = ops.sigmoid(y_pred) if from_logits else y_pred
    right = y_true * y_pred + (1.0 - y_true) * (1.0 - y_pred)
    values = ops.power(1.0 - right, float(gamma)) * ops.binary_crossentropy(y_true, y_pred)
    if apply_class_balancing:
        values = (y_true * alpha + (1.0 - y_true) * (1.0 - alpha)) * values
    return ops.mean(values, axis=axis)


@_loss()
def dice(y_true, y_pred, axis=None):
    """1 - 2 * overlap / (sum of both): for masks of images.

    Shapes: y_true and y_pred of one shape, numbers from 0 to 1; gives theirs without the axes of the sums, `axis`
    (None: all). Source: Milletari and others (2016), arXiv:1606.04797.
    """
    y_true, y_pred = _float(y_true), _float(y_pred)
    overlap = ops.sum(y_true * y_pred, axis=axis)
    return 1.0 - 2.0 * overlap / (ops.sum(y_true, axis=axis) + ops.sum(y_pred, axis=axis) + EPSILON)


@_loss()
def tversky(y_true, y_pred, alpha=0.5, beta=0.5, axis=None):
    """1 - overlap / (overlap + alpha * missed + beta * invented), with Keras' order of the two.

    Shapes: y_true and y_pred of one shape, numbers from 0 to 1; gives theirs without the axes of the sums, `axis`
    (None: all). Source: Salehi and others (2017), arXiv:1706.05721.
    """
    y_true, y_pred = _float(y_true), _float(y_pred)
    overlap = ops.sum(y_true * y_pred, axis=axis)
    missed, invented = ops.sum((1.0 - y_pred) * y_true, axis=axis), ops.sum(y_pred * (1.0 - y_true), axis=axis)
    return 1.0 - overlap / (overlap + missed * alpha + invented * beta + EPSILON)


@export("keras.losses.ctc")
def ctc(y_true, y_pred):
    """-log of the probability of a sequence of labels whose places are not known (connectionist temporal
    classification).

    Shapes: gives (batch,). Source: Graves and others (2006).

    Args:
        y_true: (batch, labels) of class numbers, 0 where a row has no more.
        y_pred: (batch, steps, classes), before the softmax; class 0 says nothing.
    """
    if len(y_true.shape) != 2 or len(y_pred.shape) != 3:
        raise ShapeError("ctc needs labels (batch, labels) and predictions (batch, steps, classes). "
                         + received(y_true=y_true.shape, y_pred=y_pred.shape))
    count, steps = y_pred.shape[:2]
    labels = ops.count_nonzero(ops.cast(y_true, "int32"), axis=-1)
    return ops.ctc_loss(y_true, y_pred, labels, np.full(count, steps, np.int32))


@_loss()
def circle(y_true, y_pred, ref_labels=None, ref_embeddings=None, remove_diagonal=True, gamma=80, margin=0.4):
    """Circle loss of embeddings of length one: near to their own class, far from the others.

    Shapes: gives (batch,). Source: Sun and others (2020), arXiv:2002.10857.

    Args:
        y_true: (batch,) of class numbers.
        y_pred: (batch, features).
        ref_labels, ref_embeddings: what to compare with; the batch itself by default.
        remove_diagonal: whether a sample is not compared with itself.
        gamma, margin: sharpness and distance.
    """
    y_pred, labels = _float(y_pred), ops.cast(y_true, "int32")
    others = y_pred if ref_embeddings is None else ref_embeddings
    other_labels = labels if ref_labels is None else ops.cast(ref_labels, "int32")
    distance = ops.maximum(1.0 - ops.matmul(y_pred, ops.transpose(others)), 0.0)
    same = ops.equal(ops.reshape(labels, (-1, 1)), ops.reshape(other_labels, (1, -1)))
    positive = ops.logical_and(same, ops.less(ops.eye(*distance.shape), 0.5)) if remove_diagonal else same
    positive, negative = ops.cast(positive, "float32"), ops.cast(ops.logical_not(same), "float32")
    near = -float(gamma) * ops.relu((margin + distance) * positive) * (margin - distance)
    far = float(gamma) * ops.relu((1.0 + margin - distance) * negative) * (1.0 - margin - distance)
    near = ops.logsumexp(ops.where(ops.greater(positive, 0.0), near, -1e30), axis=1)
    far = ops.logsumexp(ops.where(ops.greater(negative, 0.0), far, -1e30), axis=1)
    return ops.softplus(ops.maximum(near + far, -1e30))


@_loss()
def categorical_generalized_cross_entropy(y_true, y_pred, q):
    """(1 - probability of the label ^ q) / q; labels are class numbers.

    Shapes: y_true (batch,), y_pred (batch, classes) of probabilities; gives (batch,). `q` lies between 0
    and 1. Source: Zhang and Sabuncu (2018), arXiv:1805.07836.
    """
    if not 0 < q < 1:
        raise ArgumentError("q must be in the interval (0, 1). " + received(q=q))
    y_pred = _float(y_pred)
    share = ops.sum(y_pred * ops.one_hot(ops.cast(y_true, "int32"), y_pred.shape[-1]), axis=-1)
    return (1.0 - ops.power(share, float(q))) / q
