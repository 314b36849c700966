"""F scores, overlap of classes (IoU) and the share of explained variance (R2)."""

from __future__ import annotations

import warnings

import numpy as np

from striate.errors import ArgumentError, ShapeError, received
from striate.losses.base import same_rank
from striate.metrics.base import Metric, as_number
from striate.ops.allowance import spend_numbers
from striate.serialization import export

_EPSILON = 1e-7


@export("keras.metrics.FBetaScore")
class FBetaScore(Metric):
    """A mean of precision and recall, in which recall counts beta times as much.

    Shapes: y_true and y_pred (batch, classes); the result is (classes,) without `average`. From 0 to 1.

    Args:
        average: None for one score a class, "micro" (over all), "macro" (mean), "weighted" (by number of labels).
        beta: see above.
        threshold: above which a prediction is positive; None: the largest of each sample is.

    Raises:
        ArgumentError: another `average`, a `beta` that is not positive, or a threshold outside (0, 1].
        ShapeError: labels or predictions have not two axes.
    """

    def __init__(self, average=None, beta=1.0, threshold=None, name="fbeta_score", dtype=None):
        super().__init__(name=name, dtype=dtype)
        if average not in (None, "micro", "macro", "weighted"):
            raise ArgumentError("Invalid `average` argument value. Expected one of: {None, 'micro', 'macro', "
                                "'weighted'}. " + received(average=average))
        if beta <= 0:
            raise ArgumentError("Invalid `beta` argument value. It should be > 0. " + received(beta=beta))
        if threshold is not None and not 0 < threshold <= 1:
            raise ArgumentError("Invalid `threshold` argument value. It should verify 0 < threshold <= 1. "
                                + received(threshold=threshold))
        self.average, self.beta, self.threshold = average, beta, threshold

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        """Gathers a batch of labels 0 or 1 and predictions, both (batch, classes)."""
        labels, scores = np.asarray(y_true, np.float64), np.asarray(y_pred, np.float32)
        if labels.ndim != 2 or scores.ndim != 2:
            raise ShapeError(f"{type(self).__name__} expects 2D inputs with shape (batch_size, output_dim). "
                             + received(y_true=labels.shape, y_pred=scores.shape))
        if self.threshold is None:
            found = (scores >= scores.max(axis=-1, keepdims=True)) & (np.abs(scores) > 1e-9)
        else:
            found = scores > self.threshold
        weights = 1.0 if sample_weight is None else np.asarray(sample_weight, np.float64).reshape(-1, 1)
        axis = None if self.average == "micro" else 0
        for name, counted in (("true_positives", found * labels), ("false_positives", found * (1 - labels)),
                              ("false_negatives", ~found * labels), ("intermediate_weights", labels)):
            total = (counted * weights).sum(axis=axis)
            if name not in self._sums:
                self.add_sum(name, np.shape(total))
            self._sums[name] += total

    def result(self):
        """The score so far."""
        if not self._sums:
            return as_number(0.0)
        tp, fp, fn, labels = (self._sums[name] for name in ("true_positives", "false_positives", "false_negatives",
                                                            "intermediate_weights"))
        precision, recall = tp / (tp + fp + _EPSILON), tp / (tp + fn + _EPSILON)
        square = self.beta ** 2
        scores = (1 + square) * precision * recall / (square * precision + recall + _EPSILON)
        if self.average == "weighted":
            return as_number((scores * labels / (labels.sum() + _EPSILON)).sum())
        return as_number(scores if self.average is None else np.mean(scores))


@export("keras.metrics.F1Score")
class F1Score(FBetaScore):
    """The harmonic mean of precision and recall. Args as those of `FBetaScore`.

    Shapes: y_true and y_pred (batch, classes); the result is (classes,) without `average`. `average`, `threshold` and
    errors as there.
    """

    def __init__(self, average=None, threshold=None, name="f1_score", dtype=None):
        super().__init__(average=average, beta=1.0, threshold=threshold, name=name, dtype=dtype)


@export("keras.metrics.IoU")
class IoU(Metric):
    """Intersection over union of labels and predictions, the mean over some classes.

    Shapes: y_true and y_pred of one shape, class numbers; or (..., classes) where not sparse. From 0 to 1.

    Args:
        num_classes: how many classes there are.
        target_class_ids: the classes that count.
        ignore_class: a label whose places do not count.
        sparse_y_true, sparse_y_pred: whether these are class numbers; scores of classes along `axis` otherwise.
        axis: see above.

    Raises:
        ArgumentError: a class that `num_classes` does not have.
    """

    def __init__(self, num_classes, target_class_ids, name=None, dtype=None, ignore_class=None, sparse_y_true=True,
                 sparse_y_pred=True, axis=-1):
        super().__init__(name=name, dtype=dtype)
        if max(target_class_ids) >= num_classes:
            raise ArgumentError(f"Target class id {max(target_class_ids)} is out of range, which is "
                                f"[0, {num_classes}).")
        self.dtype = "int32"
        self.num_classes, self.target_class_ids, self.ignore_class = num_classes, list(target_class_ids), ignore_class
        self.sparse_y_true, self.sparse_y_pred, self.axis = sparse_y_true, sparse_y_pred, axis
        self.add_sum("confusion", (num_classes, num_classes))

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        """Gathers a batch of any shape; places outside the classes do not count."""
        labels, found = np.asarray(y_true), np.asarray(y_pred)
        labels = (labels if self.sparse_y_true else labels.argmax(self.axis)).reshape(-1).astype(np.int64)
        found = (found if self.sparse_y_pred else found.argmax(self.axis)).reshape(-1).astype(np.int64)
        weights = np.ones(labels.size) if sample_weight is None else np.broadcast_to(
            np.asarray(sample_weight, np.float64).reshape(-1), labels.shape)
        counts = (labels >= 0) & (labels < self.num_classes) & (found >= 0) & (found < self.num_classes)
        if self.ignore_class is not None:
            counts &= labels != self.ignore_class
        cells = labels[counts] * self.num_classes + found[counts]
        table = np.bincount(cells, weights=weights[counts], minlength=self.num_classes ** 2)
        self._sums["confusion"] += table.reshape(self.num_classes, self.num_classes)

    def result(self):
        """The mean over the target classes that occurred."""
        table = self._sums["confusion"]
        overlap = np.diag(table)[self.target_class_ids]
        union = (table.sum(0) + table.sum(1) - np.diag(table))[self.target_class_ids]
        occurred = union > 1e-9
        shares = np.where(occurred, overlap / (union + _EPSILON), 0.0)
        return as_number(shares.sum() / (occurred.sum() + _EPSILON))


@export("keras.metrics.BinaryIoU")
class BinaryIoU(IoU):
    """`IoU` of two classes, from predictions between 0 and 1 and a threshold.

    Shapes: y_true and y_pred of one shape. `target_class_ids`: the classes that count, of 0 and 1.
    """

    def __init__(self, target_class_ids=(0, 1), threshold=0.5, name=None, dtype=None):
        super().__init__(2, target_class_ids, name=name, dtype=dtype)
        self.threshold = threshold

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        """Gathers a batch of labels 0 or 1 and predictions."""
        super().update_state(y_true, np.asarray(y_pred, np.float32) >= self.threshold, sample_weight)


@export("keras.metrics.MeanIoU")
class MeanIoU(IoU):
    """`IoU`, the mean over all classes.

    Args and shapes as those of `IoU`: `num_classes`, `ignore_class`, `sparse_y_true`, `sparse_y_pred`, `axis`.
    """

    def __init__(self, num_classes, name=None, dtype=None, ignore_class=None, sparse_y_true=True, sparse_y_pred=True,
                 axis=-1):
        spend_numbers(num_classes, num_classes)
        super().__init__(num_classes, list(range(num_classes)), name, dtype, ignore_class, sparse_y_true,
                         sparse_y_pred, axis)


@export("keras.metrics.OneHotIoU")
class OneHotIoU(IoU):
    """`IoU` of one-hot labels.

    Shapes: y_true (..., classes). Args as those of `IoU`: `num_classes`, `target_class_ids`, `ignore_class`,
    `sparse_y_pred`, `axis`.
    """

    def __init__(self, num_classes, target_class_ids, name=None, dtype=None, ignore_class=None, sparse_y_pred=False,
                 axis=-1):
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)


@export("keras.metrics.OneHotMeanIoU")
class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` of one-hot labels.

    Shapes: y_true (..., classes). Args as those of `IoU`: `num_classes`, `ignore_class`, `sparse_y_pred`, `axis`.
    """

    def __init__(self, num_classes, name=None, dtype=None, ignore_class=None, sparse_y_pred=False, axis=-1):
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)


@export("keras.metrics.R2Score")
class R2Score(Metric):
    """1 - squared error / variance of the labels: the share of variance that is explained.

    Shapes: y_true and y_pred (batch, outputs); the result is (outputs,) for None. At most 1.

    Args:
        class_aggregation: "uniform_average" (mean over outputs), "variance_weighted_average", or None for all.
        num_regressors: for the adjusted score: how many inputs the model has.

    Raises:
        ArgumentError: another `class_aggregation`, or a negative `num_regressors`.
        ShapeError: labels or predictions have more than two axes.
    """

    def __init__(self, class_aggregation="uniform_average", num_regressors=0, name="r2_score", dtype=None):
        super().__init__(name=name, dtype=dtype)
        if class_aggregation not in (None, "uniform_average", "variance_weighted_average"):
            raise ArgumentError("Invalid value for argument `class_aggregation`. "
                                + received(class_aggregation=class_aggregation))
        if num_regressors < 0:
            raise ArgumentError("Invalid value for argument `num_regressors`. Expected a value >= 0. "
                                + received(num_regressors=num_regressors))
        self.class_aggregation, self.num_regressors = class_aggregation, num_regressors
        self.add_sum("samples")

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        """Gathers a batch, both (batch, outputs)."""
        labels, found = same_rank(np.asarray(y_true, np.float64), np.asarray(y_pred, np.float64))
        if labels.ndim == 1:
            labels, found = labels[:, None], found[:, None]
        if labels.ndim != 2:
            raise ShapeError("R2Score expects 2D inputs with shape (batch_size, output_dim). "
                             + received(y_true=labels.shape, y_pred=found.shape))
        weights = np.ones((1, 1)) if sample_weight is None else np.asarray(sample_weight, np.float64)
        weights = np.broadcast_to(weights[:, None] if weights.ndim == 1 else weights, labels.shape)
        for name, values in (("sum", labels), ("squares", labels ** 2), ("errors", (labels - found) ** 2),
                             ("count", np.ones_like(labels))):
            if name not in self._sums:
                self.add_sum(name, labels.shape[1:])
            self._sums[name] += (values * weights).sum(axis=0)
        self._sums["samples"] += labels.size

    def result(self):
        """The score so far."""
        if "sum" not in self._sums:
            return as_number(0.0)
        total, squares, errors, count = (self._sums[name] for name in ("sum", "squares", "errors", "count"))
        with np.errstate(divide="ignore", invalid="ignore"):
            variance = squares - total * (total / count)
            scores = 1 - errors / variance
        scores = np.where(np.isinf(scores), 0.0, scores)
        if self.class_aggregation == "uniform_average":
            scores = scores.mean()
        elif self.class_aggregation == "variance_weighted_average":
            scores = (variance * scores).sum() / variance.sum()
        free = float(self._sums["samples"]) - self.num_regressors - 1
        if self.num_regressors and free <= 0:
            warnings.warn("There are too few samples for the adjusted R2 score. Falling back to the standard score.",
                          stacklevel=2)
        elif self.num_regressors:
            scores = 1 - (1 - scores) * (float(self._sums["samples"]) - 1) / free
        return as_number(scores)
