"""Metrics from counts of true and false, positive and negative predictions at one threshold or many."""

from __future__ import annotations

import numpy as np

from striate.errors import ArgumentError, ShapeError, received
from striate.losses.base import same_rank
from striate.metrics.base import Metric, as_number, ratio
from striate.ops.allowance import spend_numbers
from striate.serialization import export
from striate.variables import Variable

_NEVER = -1e10
_COUNTS = ("true_positives", "false_positives", "true_negatives", "false_negatives")


def _parsed_thresholds(thresholds, default: float) -> list[float]:
    given = [default] if thresholds is None else list(np.atleast_1d(np.asarray(thresholds, np.float64)).tolist())
    if thresholds is not None and any(not 0 <= value <= 1 for value in given):
        raise ArgumentError("Threshold values must be in [0, 1]. " + received(thresholds=thresholds))
    return given


def _even_thresholds(count: int) -> list[float]:
    """`count` thresholds at equal distances from 0 to 1."""
    if count <= 0:
        raise ArgumentError("Argument `num_thresholds` must be an integer > 0. " + received(num_thresholds=count))
    spend_numbers(count)
    return [0.5] if count == 1 else [0.0, *((i + 1) / (count - 1) for i in range(count - 2)), 1.0]


class _Counting(Metric):
    """Gathers how many labels are (not) positive with a prediction above each threshold (or not)."""

    told: tuple[str, ...] = _COUNTS
    """The counts that Keras' metric of this name has as variables; all four are kept."""

    @property
    def variables(self) -> list[Variable]:
        """The counts that the metric is made of."""
        return [getattr(self, name) for name in self.told]

    def _set_up(self, thresholds: list[float], top_k=None, class_id=None) -> None:
        self._levels = np.asarray(thresholds, np.float32)
        even = np.linspace(0.0, 1.0, len(thresholds))
        self._clips = len(thresholds) > 2 and np.allclose(thresholds, even, atol=1e-6)
        self.top_k, self.class_id = top_k, class_id
        for name in _COUNTS:
            self.add_sum(name, (len(thresholds),))

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        """Gathers a batch: labels 0 or 1 and predictions of one shape."""
        labels, scores = np.asarray(y_true, np.float32), np.asarray(y_pred, np.float32)
        scores, labels = same_rank(scores, labels)
        if self.top_k is not None:
            scores = _only_top(scores, self.top_k)
        if self.class_id is not None:
            if scores.ndim == 1:
                raise ShapeError("When class_id is provided, y_pred must be a 2D array with shape (num_samples, "
                                 "num_classes). " + received(shape=scores.shape))
            labels, scores = labels[..., self.class_id, None], scores[..., self.class_id, None]
        weights = None
        if sample_weight is not None:
            weights = np.asarray(sample_weight, np.float64)
            weights = np.broadcast_to(weights.reshape(weights.shape + (1,) * (scores.ndim - weights.ndim)),
                                      scores.shape)
        self._count(labels, np.clip(scores, 0.0, 1.0) if self._clips else scores, weights)

    def _count(self, labels, scores, weights) -> None:
        for name, count in zip(_COUNTS, _counts(labels, scores, weights, self._levels), strict=True):
            self._sums[name] += count

    def _rates(self) -> tuple:
        """(precision, recall, specificity) at each threshold."""
        tp, fp, tn, fn = (self._sums[name] for name in _COUNTS)
        return ratio(tp, tp + fp), ratio(tp, tp + fn), ratio(tn, tn + fp)

    def _one_or_all(self, values):
        return as_number(values[0] if len(self._levels) == 1 else values)


def _counts(labels, scores, weights, levels) -> tuple[np.ndarray, ...]:
    """(true positives, false positives, true negatives, false negatives) at each level."""
    order = np.argsort(levels, kind="stable")
    passed = np.searchsorted(levels[order], scores.reshape(-1), side="left")
    positive = labels.reshape(-1) > 0
    mass = np.ones(passed.size) if weights is None else weights.reshape(-1).astype(np.float64)
    above = []
    for share in (mass * positive, mass * ~positive):
        histogram = np.bincount(passed, weights=share, minlength=len(levels) + 1)
        sorted_counts = histogram[::-1].cumsum()[::-1][1:]
        counts = np.empty(len(levels))
        counts[order] = sorted_counts
        above.append((counts, histogram.sum()))
    (tp, positives), (fp, negatives) = above
    return tp, fp, negatives - fp, positives - tp


def _only_top(scores: np.ndarray, k: int) -> np.ndarray:
    """Scores with all but the k largest of each sample pushed below every threshold."""
    best = np.argsort(-scores, axis=-1, kind="stable")[..., :k]
    kept = np.full_like(scores, _NEVER)
    np.put_along_axis(kept, best, np.take_along_axis(scores, best, -1), -1)
    return kept


def _count_class(class_name: str, what: str, doc: str) -> type:
    """A metric that is one of the four counts."""
    def construct(self, thresholds=None, name=None, dtype=None):
        Metric.__init__(self, name=name, dtype=dtype)
        self.thresholds = thresholds
        self._set_up(_parsed_thresholds(thresholds, 0.5))

    def result(self):
        return self._one_or_all(self._sums[what])
    text = (f"{doc}\n\n    Shapes: y_true and y_pred of one shape, labels 0 and 1 and probabilities.\n"
            "    `thresholds`: what a positive prediction lies above: one, a list (a count each), or None for 0.5.\n"
            "    Raises `ArgumentError` for a threshold outside [0, 1].\n    ")
    kind = type(class_name, (_Counting,),
                {"__init__": construct, "result": result, "told": (what,), "__doc__": text, "__module__": __name__})
    return export(f"keras.metrics.{class_name}")(kind)


TruePositives = _count_class("TruePositives", "true_positives", "How many positive labels were predicted so.")
FalsePositives = _count_class("FalsePositives", "false_positives", "How many negative labels were called positive.")
TrueNegatives = _count_class("TrueNegatives", "true_negatives", "How many negative labels were predicted so.")
FalseNegatives = _count_class("FalseNegatives", "false_negatives", "How many positive labels were missed.")


@export("keras.metrics.Precision")
class Precision(_Counting):
    """Share of positive predictions that are right.

    Shapes: y_true and y_pred of one shape, labels 0 and 1 and probabilities; one result for each threshold of a list.
    From 0 to 1.

    Args:
        thresholds: above which a prediction is positive: one, a list, or None for 0.5.
        top_k: only the k largest predictions of a sample may be positive.
        class_id: only this class counts.

    Raises:
        ArgumentError: a threshold outside [0, 1].

    Example:
        >>> precision = Precision()
        >>> precision.update_state([0, 1, 1], [0.9, 0.8, 0.1])
        >>> float(precision.result())
        0.5
    """

    told = _COUNTS[:2]

    def __init__(self, thresholds=None, top_k=None, class_id=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.thresholds = thresholds
        self._set_up(_parsed_thresholds(thresholds, 0.5 if top_k is None else _NEVER), top_k, class_id)

    def result(self):
        """The precision so far, at each threshold if there are several."""
        return self._one_or_all(self._rates()[0])


@export("keras.metrics.Recall")
class Recall(_Counting):
    """Share of positive labels that were found. Args as those of `Precision`.

    Shapes as there.

    Raises:
        ArgumentError: a threshold outside [0, 1].
    """

    told = ("true_positives", "false_negatives")

    def __init__(self, thresholds=None, top_k=None, class_id=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.thresholds = thresholds
        self._set_up(_parsed_thresholds(thresholds, 0.5 if top_k is None else _NEVER), top_k, class_id)

    def result(self):
        """The recall so far, at each threshold if there are several."""
        return self._one_or_all(self._rates()[1])


class _BestAt(_Counting):
    """The best of one rate over the thresholds at which another is at least a bound; `bound` names the argument."""

    bound = ""

    def _set_bound(self, value, num_thresholds, class_id) -> None:
        if not 0 <= value <= 1:
            raise ArgumentError(f"Argument `{self.bound}` must be in the range [0, 1]. "
                                + received(**{self.bound: value}))
        self._least, self.num_thresholds = value, num_thresholds
        self.thresholds = _even_thresholds(num_thresholds)
        self._set_up(self.thresholds, class_id=class_id)

    def _best(self, told, bounded):
        return as_number(np.max(np.where(bounded >= self._least, told, 0.0), initial=0.0))


@export("keras.metrics.SensitivityAtSpecificity")
class SensitivityAtSpecificity(_BestAt):
    """The best recall at a specificity of at least the given one.

    Shapes: y_true and y_pred of one shape, labels 0 and 1 and probabilities.

    `num_thresholds`, evenly spread, are tried; `class_id`: only this class counts. Raises `ArgumentError` for a
    specificity outside [0, 1].
    """

    bound = "specificity"

    def __init__(self, specificity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.specificity = specificity
        self._set_bound(specificity, num_thresholds, class_id)

    def result(self):
        """The best so far."""
        _, recall, specificity = self._rates()
        return self._best(recall, specificity)


@export("keras.metrics.SpecificityAtSensitivity")
class SpecificityAtSensitivity(_BestAt):
    """The best specificity at a recall of at least the given one.

    Shapes: y_true and y_pred of one shape, labels 0 and 1 and probabilities.

    `sensitivity` is another word for recall. `num_thresholds`, evenly spread, are tried; `class_id`: only this class
    counts. Raises `ArgumentError` for a sensitivity outside [0, 1].
    """

    bound = "sensitivity"

    def __init__(self, sensitivity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.sensitivity = sensitivity
        self._set_bound(sensitivity, num_thresholds, class_id)

    def result(self):
        """The best so far."""
        _, recall, specificity = self._rates()
        return self._best(specificity, recall)


@export("keras.metrics.PrecisionAtRecall")
class PrecisionAtRecall(_BestAt):
    """The best precision at a recall of at least the given one.

    Shapes: y_true and y_pred of one shape, labels 0 and 1 and probabilities.

    `num_thresholds`, evenly spread, are tried; `class_id`: only this class counts. Raises `ArgumentError` for a recall
    outside [0, 1].
    """

    bound = "recall"

    def __init__(self, recall, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.recall = recall
        self._set_bound(recall, num_thresholds, class_id)

    def result(self):
        """The best so far."""
        precision, recall, _ = self._rates()
        return self._best(precision, recall)


@export("keras.metrics.RecallAtPrecision")
class RecallAtPrecision(_BestAt):
    """The best recall at a precision of at least the given one.

    Shapes: y_true and y_pred of one shape, labels 0 and 1 and probabilities.

    `num_thresholds`, evenly spread, are tried; `class_id`: only this class counts. Raises `ArgumentError` for a
    precision outside [0, 1].
    """

    bound = "precision"

    def __init__(self, precision, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.precision = precision
        self._set_bound(precision, num_thresholds, class_id)

    def result(self):
        """The best so far."""
        precision, recall, _ = self._rates()
        return self._best(recall, precision)


@export("keras.metrics.AUC")
class AUC(_Counting):
    """The area under a curve of rates over all thresholds.

    Shapes: y_true and y_pred of one shape, labels 0 and 1 and probabilities; with `multi_label` (batch, labels). From 0
    to 1. Source: Davis and Goadrich (2006).

    Args:
        num_thresholds: how many thresholds, evenly spread.
        curve: "ROC" (recall over false-positive rate), "PR" (precision over recall) or "PRGAIN".
        summation_method: "interpolation" (trapezoids; Davis and Goadrich's way for PR), "minoring" or "majoring".
        thresholds: instead of evenly spread ones.
        multi_label: whether each label has a curve of its own and the mean of the areas is told.
        num_labels: how many labels; known from the first batch otherwise.
        label_weights: how much each label counts.
        from_logits: whether predictions are scores before the sigmoid.

    Raises:
        ArgumentError: fewer than two thresholds, or another curve or method.

    Example:
        >>> auc = AUC(num_thresholds=3)
        >>> auc.update_state([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9])
        >>> float(auc.result())
        0.75
    """

    def __init__(self, num_thresholds=200, curve="ROC", summation_method="interpolation", name=None, dtype=None,
                 thresholds=None, multi_label=False, num_labels=None, label_weights=None, from_logits=False):
        super().__init__(name=name, dtype=dtype)
        if thresholds is None and num_thresholds <= 1:
            raise ArgumentError("Argument `num_thresholds` must be an integer > 1. "
                                + received(num_thresholds=num_thresholds))
        inner = sorted(thresholds) if thresholds is not None else _even_thresholds(num_thresholds)[1:-1]
        self.num_thresholds = len(inner) + 2
        self._given = None if thresholds is None else list(inner)
        self.curve, self.summation_method = curve.upper(), summation_method.lower().capitalize()
        if self.curve not in ("ROC", "PR", "PRGAIN"):
            raise ArgumentError("`curve` must be 'ROC', 'PR' or 'PRGAIN'. " + received(curve=curve))
        if self.summation_method not in ("Interpolation", "Minoring", "Majoring"):
            raise ArgumentError("`summation_method` must be 'interpolation', 'minoring' or 'majoring'. "
                                + received(summation_method=summation_method))
        self.multi_label, self.num_labels, self.from_logits = multi_label, num_labels, from_logits
        self.label_weights = None if label_weights is None else list(label_weights)
        self.thresholds = [-1e-7, *inner, 1.0 + 1e-7]
        self._set_up(self.thresholds)
        if multi_label and num_labels:
            self._widen(num_labels)

    def _widen(self, labels: int) -> None:
        for name in _COUNTS:
            self.add_sum(name, (len(self._levels), labels))

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        """Gathers a batch: labels 0 or 1 and predictions of one shape."""
        scores = np.asarray(y_pred, np.float32)
        if self.from_logits:
            scores = (1.0 / (1.0 + np.exp(-scores.astype(np.float64)))).astype(np.float32)
        super().update_state(y_true, scores, sample_weight)

    def _count(self, labels, scores, weights) -> None:
        if not self.multi_label:
            if self.label_weights is not None:
                shares = np.broadcast_to(np.asarray(self.label_weights, np.float64), scores.shape)
                weights = shares if weights is None else weights * shares
            super()._count(labels, scores, weights)
            return
        if self._sums["true_positives"].ndim == 1:
            self._widen(scores.shape[-1])
        for label in range(scores.shape[-1]):
            counts = _counts(labels[:, label], scores[:, label], None if weights is None else weights[:, label],
                             self._levels)
            for name, count in zip(_COUNTS, counts, strict=True):
                self._sums[name][:, label] += count

    def result(self):
        """The area so far."""
        if self.curve == "PR" and self.summation_method == "Interpolation":
            areas = self._interpolated_area()
        else:
            x, y = self._curve()
            low, high = y[:-1], y[1:]
            heights = {"Interpolation": (low + high) / 2, "Minoring": np.minimum(low, high),
                       "Majoring": np.maximum(low, high)}[self.summation_method]
            areas = ((x[:-1] - x[1:]) * heights).sum(axis=0)
        if not self.multi_label:
            return as_number(areas)
        return as_number(np.average(areas, weights=self.label_weights))

    def _curve(self) -> tuple:
        """x and y of the curve at each threshold."""
        precision, recall, specificity = self._rates()
        if self.curve == "PR":
            return recall, precision
        tp, fp, tn, fn = (self._sums[name] for name in _COUNTS)
        if self.curve == "ROC":
            return ratio(fp, fp + tn), recall
        scale = ratio(tp + fn, tn + fp)
        x = np.where(tp == 0, 0.0, 1.0 - scale * ratio(fn, tp))
        return np.maximum(x, 0.0), np.where(tp == 0, 1.0, 1.0 - scale * ratio(fp, tp))

    def _interpolated_area(self):
        """Davis and Goadrich: between two thresholds true positives grow in proportion to all positives."""
        tp, fp, _, fn = (self._sums[name] for name in _COUNTS)
        predicted = tp + fp
        gained = tp[:-1] - tp[1:]
        slope = ratio(gained, np.maximum(predicted[:-1] - predicted[1:], 0))
        start = tp[1:] - slope * predicted[1:]
        growth = np.where((predicted[:-1] > 0) & (predicted[1:] > 0), ratio(predicted[:-1], predicted[1:]), 1.0)
        return ratio(slope * (gained + start * np.log(growth)), np.maximum(tp[1:] + fn[1:], 0)).sum(axis=0)

    def get_config(self):
        config = {"name": self.name, "dtype": self.dtype, "num_thresholds": self.num_thresholds, "curve": self.curve,
                  "summation_method": self.summation_method.lower(), "multi_label": self.multi_label,
                  "num_labels": self.num_labels, "label_weights": self.label_weights, "from_logits": self.from_logits}
        return config if self._given is None else {**config, "thresholds": self._given}
