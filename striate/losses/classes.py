"""Losses as objects: a function of `functions`, its settings and a reduction."""

from __future__ import annotations

from collections.abc import Callable

from striate import ops
from striate.errors import ArgumentError, received
from striate.losses import functions
from striate.losses.base import LossFunctionWrapper
from striate.serialization import export

_MEAN = "sum_over_batch_size"


def _plain(class_name: str, function: Callable) -> type:
    """The class of a loss without settings."""
    def construct(self, reduction=_MEAN, name=function.__name__, dtype=None):
        LossFunctionWrapper.__init__(self, function, reduction, name, dtype)
    text = (f"The loss `{function.__name__}` as an object, of the same shapes.\n\n"
            "    `reduction`, `name`, `dtype` as in `Loss`.\n    ")
    kind = type(class_name, (LossFunctionWrapper,), {"__init__": construct, "__doc__": text, "__module__": __name__})
    return export(f"keras.losses.{class_name}")(kind)


MeanSquaredError = _plain("MeanSquaredError", functions.mean_squared_error)
MeanAbsoluteError = _plain("MeanAbsoluteError", functions.mean_absolute_error)
MeanAbsolutePercentageError = _plain("MeanAbsolutePercentageError", functions.mean_absolute_percentage_error)
MeanSquaredLogarithmicError = _plain("MeanSquaredLogarithmicError", functions.mean_squared_logarithmic_error)
LogCosh = _plain("LogCosh", functions.log_cosh)
Hinge = _plain("Hinge", functions.hinge)
SquaredHinge = _plain("SquaredHinge", functions.squared_hinge)
CategoricalHinge = _plain("CategoricalHinge", functions.categorical_hinge)
KLDivergence = _plain("KLDivergence", functions.kl_divergence)
Poisson = _plain("Poisson", functions.poisson)
CTC = _plain("CTC", functions.ctc)


@export("keras.losses.Huber")
class Huber(LossFunctionWrapper):
    """Squared error near zero, absolute error beyond `delta`.

    `reduction`, `name`, `dtype` as in `Loss`; shapes as in `huber`.
    """

    def __init__(self, delta=1.0, reduction=_MEAN, name="huber_loss", dtype=None):
        super().__init__(functions.huber, reduction, name, dtype, delta=delta)


@export("keras.losses.CosineSimilarity")
class CosineSimilarity(LossFunctionWrapper):
    """Minus the cosine between labels and predictions.

    `axis` as in `cosine_similarity`; `reduction`, `name`, `dtype` as in `Loss`.
    """

    def __init__(self, axis=-1, reduction=_MEAN, name="cosine_similarity", dtype=None):
        super().__init__(functions.cosine_similarity, reduction, name, dtype, axis=axis)


@export("keras.losses.CategoricalCrossentropy")
class CategoricalCrossentropy(LossFunctionWrapper):
    """Cross-entropy of one-hot labels; see `functions.categorical_crossentropy`.

    `from_logits`, `label_smoothing`, `axis` and shapes as in `categorical_crossentropy`; `reduction`, `name`, `dtype`
    as in `Loss`.
    """

    def __init__(self, from_logits=False, label_smoothing=0.0, axis=-1, reduction=_MEAN,
                 name="categorical_crossentropy", dtype=None):
        super().__init__(functions.categorical_crossentropy, reduction, name, dtype, from_logits=from_logits,
                         label_smoothing=label_smoothing, axis=axis)


@export("keras.losses.SparseCategoricalCrossentropy")
class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """Cross-entropy of class numbers; see `functions.sparse_categorical_crossentropy`.

    `from_logits`, `ignore_class`, `axis`, shapes and errors as in `sparse_categorical_crossentropy`; `reduction`,
    `name`, `dtype` as in `Loss`.

    Example:
        >>> round(float(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])), 4)
        0.6931
    """

    def __init__(self, from_logits=False, ignore_class=None, reduction=_MEAN, axis=-1,
                 name="sparse_categorical_crossentropy", dtype=None):
        super().__init__(functions.sparse_categorical_crossentropy, reduction, name, dtype, from_logits=from_logits,
                         ignore_class=ignore_class, axis=axis)

    def call(self, y_true, y_pred):
        """A value for each label."""
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def counting(self, y_true, y_pred):
        """Where the label is not the ignored class."""
        if self.ignore_class is None:
            return None
        if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
            y_true = ops.squeeze(y_true, -1)
        return ops.not_equal(y_true, self.ignore_class)


@export("keras.losses.BinaryCrossentropy")
class BinaryCrossentropy(LossFunctionWrapper):
    """Cross-entropy of labels 0 and 1; see `functions.binary_crossentropy`.

    `from_logits`, `label_smoothing`, `axis` and shapes as in `binary_crossentropy`; `reduction`, `name`, `dtype` as in
    `Loss`.
    """

    def __init__(self, from_logits=False, label_smoothing=0.0, axis=-1, reduction=_MEAN, name="binary_crossentropy",
                 dtype=None):
        super().__init__(functions.binary_crossentropy, reduction, name, dtype, from_logits=from_logits,
                         label_smoothing=label_smoothing, axis=axis)


@export("keras.losses.BinaryFocalCrossentropy")
class BinaryFocalCrossentropy(LossFunctionWrapper):
    """Binary cross-entropy in which easy samples count less.

    `apply_class_balancing`, `alpha`, `gamma`, `from_logits`, `label_smoothing`, `axis` and shapes as in
    `binary_focal_crossentropy`; `reduction`, `name`, `dtype` as in `Loss`.
    """

    def __init__(self, apply_class_balancing=False, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0,
                 axis=-1, reduction=_MEAN, name="binary_focal_crossentropy", dtype=None):
        super().__init__(functions.binary_focal_crossentropy, reduction, name, dtype,
                         apply_class_balancing=apply_class_balancing, alpha=alpha, gamma=gamma,
                         from_logits=from_logits, label_smoothing=label_smoothing, axis=axis)


@export("keras.losses.CategoricalFocalCrossentropy")
class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """Categorical cross-entropy in which easy samples count less.

    `alpha`, `gamma`, `from_logits`, `label_smoothing`, `axis` and shapes as in `categorical_focal_crossentropy`;
    `reduction`, `name`, `dtype` as in `Loss`.
    """

    def __init__(self, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0, axis=-1, reduction=_MEAN,
                 name="categorical_focal_crossentropy", dtype=None):
        super().__init__(functions.categorical_focal_crossentropy, reduction, name, dtype, alpha=alpha, gamma=gamma,
                         from_logits=from_logits, label_smoothing=label_smoothing, axis=axis)


@export("keras.losses.Dice")
class Dice(LossFunctionWrapper):
    """1 - 2 * overlap / sum of both.

    `axis` and shapes as in `dice`; `reduction`, `name`, `dtype` as in `Loss`.
    """

    def __init__(self, reduction=_MEAN, name="dice", axis=None, dtype=None):
        super().__init__(functions.dice, reduction, name, dtype, axis=axis)


@export("keras.losses.Tversky")
class Tversky(LossFunctionWrapper):
    """Dice with different weights for what was missed and what was invented.

    `alpha`, `beta`, `axis` and shapes as in `tversky`; `reduction`, `name`, `dtype` as in `Loss`.
    """

    def __init__(self, alpha=0.5, beta=0.5, reduction=_MEAN, name="tversky", axis=None, dtype=None):
        super().__init__(functions.tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis)


@export("keras.losses.Circle")
class Circle(LossFunctionWrapper):
    """Circle loss of embeddings; see `functions.circle`.

    `gamma`, `margin`, `remove_diagonal` and shapes as in `circle`; `reduction`, `name`, `dtype` as in `Loss`. Samples
    without friends or foes in the batch do not count.
    """

    def __init__(self, gamma=80.0, margin=0.4, remove_diagonal=True, reduction=_MEAN, name="circle", dtype=None):
        super().__init__(functions.circle, reduction, name, dtype, gamma=gamma, margin=margin,
                         remove_diagonal=remove_diagonal)

    def call(self, y_true, y_pred):
        """A value for each sample."""
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def counting(self, y_true, y_pred):
        """Where the value is more than 0: samples that have both friends and foes in the batch."""
        return ops.greater(self.call(y_true, y_pred), 0.0)


@export("keras.losses.CategoricalGeneralizedCrossEntropy")
class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """Between cross-entropy (q near 0) and absolute error (q near 1), for noisy labels.

    Shapes as in `categorical_generalized_cross_entropy`; `reduction`, `name`, `dtype` as in `Loss`.

    Raises:
        ArgumentError: `q` does not lie between 0 and 1.
    """

    def __init__(self, q=0.5, reduction=_MEAN, name="categorical_generalized_cross_entropy", dtype=None):
        if not 0 < q < 1:
            raise ArgumentError("q must be in the interval (0, 1). " + received(q=q))
        super().__init__(functions.categorical_generalized_cross_entropy, reduction, name, dtype, q=q)

    def call(self, y_true, y_pred):
        """A value for each sample."""
        return self.fn(y_true, y_pred, **self._fn_kwargs)
