"""`Loss`: a number for each sample from labels and predictions, and how these become one number."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from striate import naming, ops
from striate.errors import ArgumentError, ShapeError, received
from striate.serialization import Configurable, export, serialize_argument, serialize_keras_object

_REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


def same_rank(one, other) -> tuple:
    """Two tensors of one rank: a last axis of length 1 is dropped from the longer, or added to a vector."""
    ranks = len(one.shape), len(other.shape)
    if ranks[0] == ranks[1] + 1 and one.shape[-1] == 1:
        return (one, ops.expand_dims(other, -1)) if ranks[1] == 1 else (ops.squeeze(one, -1), other)
    if ranks[1] == ranks[0] + 1 and other.shape[-1] == 1:
        return (ops.expand_dims(one, -1), other) if ranks[0] == 1 else (one, ops.squeeze(other, -1))
    return one, other


def reduce_weighted(values, sample_weight=None, reduction: str | None = "sum_over_batch_size", mask=None):
    """Values of single samples as one number.

    Args:
        values: of any shape.
        sample_weight: factors that broadcast to the values (fewer axes are taken from the left).
        reduction: "sum_over_batch_size" or "mean" (sum / number of values), "sum", "mean_with_sample_weight"
            (sum / sum of weights), or "none" for all values.
        mask: where values count; the mean is then over those.
    """
    weights = None if sample_weight is None else ops.cast(sample_weight, "float32")
    if mask is not None:
        scale = 1.0
        if reduction in ("sum_over_batch_size", "mean"):
            scale = float(prod(mask.shape)) / ops.maximum(ops.sum(ops.cast(mask, "float32")), 1e-7)
        weights = share_of(mask, weights, scale)
    if weights is not None:
        values, weights = same_rank(values, weights)
        weights = _stretched(weights, len(values.shape))
        _check_fit(values, weights)
        values = values * weights
    if reduction in (None, "none") or len(values.shape) == 0:
        return values
    if reduction == "sum":
        return ops.sum(values)
    if reduction == "mean_with_sample_weight" and weights is not None:
        total = ops.sum(weights)
        return ops.sum(values) / ops.where(ops.equal(total, 0.0), 1.0, total)
    return ops.mean(values)


def mask_of(predictions):
    """Where predictions count, as the layers that made them say; None where they say nothing."""
    return getattr(predictions, "_keras_mask", None)


def share_of(mask, weights=None, scale: Any = 1.0):
    """How much each place counts: `scale`, times its weight, where the mask is True, and nothing elsewhere."""
    share = ops.cast(mask, "float32") * scale
    if weights is None:
        return share
    one, other = same_rank(share, weights)
    rank = max(len(one.shape), len(other.shape))
    return ops.multiply(_stretched(one, rank), _stretched(other, rank))


def _check_fit(values, weights) -> None:
    """Raises `ShapeError` for weights that do not belong to the values."""
    lengths = zip(values.shape, weights.shape, strict=False)
    if values.shape and (len(weights.shape) > len(values.shape) or any(n != m and 1 not in (n, m) for n, m in lengths)):
        raise ShapeError("`sample_weight` must have a number for each sample, or for each value of the loss. "
                         + received(values=values.shape, sample_weight=weights.shape))


def _stretched(weights, rank: int):
    """Weights with axes of length 1 at the end until they have `rank` axes."""
    while len(weights.shape) < rank:
        weights = ops.expand_dims(weights, -1)
    return weights


def _tensors(y: Any) -> Any:
    """Labels or predictions as a tensor, or as a dict of tensors for a loss of a user's that takes several at once."""
    if isinstance(y, dict):
        return {name: _tensors(part) for name, part in y.items()}
    return y if hasattr(y, "shape") else ops.convert_to_tensor(y)


@export("keras.losses.Loss", "keras.Loss")
class Loss(Configurable):
    """Base: `call(y_true, y_pred)` gives a value for each sample; calling the object reduces them.

    Shapes: y_true and y_pred as the loss has them, sample_weight a number or a shape that broadcasts with the values;
    gives one number, or the values with reduction None.

    Args:
        name: a name; the class' by default.
        reduction: "sum_over_batch_size" or "mean" (sum / number of values), "sum", "mean_with_sample_weight" (sum / sum
            of weights), or "none" or None for all values.
        dtype: accepted for Keras' sake; losses are float32.

    Raises:
        ArgumentError: `reduction` is not known.
    """

    def __init__(self, name=None, reduction="sum_over_batch_size", dtype=None):
        if reduction not in _REDUCTIONS:
            raise ArgumentError(f"Invalid value for argument `reduction`. Expected one of {_REDUCTIONS}. "
                                + received(reduction=reduction))
        self.name = naming.given(name, type(self).__name__)
        self.reduction, self.dtype = reduction, "float32"

    def call(self, y_true, y_pred):
        """A value for each sample."""
        raise NotImplementedError(f"Loss {type(self).__name__} must override `call(self, y_true, y_pred)`.")

    def counting(self, y_true, y_pred):
        """Where the values of `call` count; None when all do."""
        return None

    def __call__(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = _tensors(y_true), _tensors(y_pred)
        values = self.call(y_true, y_pred)
        masks = [mask for mask in (mask_of(y_pred), self.counting(y_true, y_pred))
                 if mask is not None]
        mask = None if not masks else masks[0] if len(masks) == 1 else ops.logical_and(*masks)
        return reduce_weighted(values, sample_weight, self.reduction, mask)

    def get_config(self) -> dict[str, Any]:
        """Name and reduction; in subclasses of striate's own all constructor arguments but the type."""
        return {"name": self.name, "reduction": self.reduction}


@export("keras.losses.LossFunctionWrapper")
class LossFunctionWrapper(Loss):
    """A loss whose values come from a function `fn(y_true, y_pred, **kwargs)`.

    `fn`: written with `striate.ops`; gives a value for each sample. `reduction`, `name`, `dtype` as in `Loss`.
    """

    def __init__(self, fn: Callable, reduction="sum_over_batch_size", name=None, dtype=None, **kwargs):
        super().__init__(name=name or getattr(fn, "__name__", None), reduction=reduction, dtype=dtype)
        self.fn, self._fn_kwargs = fn, kwargs
        vars(self).update(kwargs)

    def call(self, y_true, y_pred):
        """fn of labels and predictions that were brought to one rank."""
        y_true, y_pred = same_rank(y_true, y_pred)
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if type(self) is LossFunctionWrapper:
            config["fn"] = serialize_keras_object(self.fn)
        config.update({name: serialize_argument(value) for name, value in self._fn_kwargs.items()})
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]):
        from striate.serialization import deserialize_keras_object

        if isinstance(config.get("fn"), dict):
            config = {**config, "fn": deserialize_keras_object(config["fn"])}
        return cls(**config)
