"""`tf.math`: the functions of `tf` itself."""

import numpy as np

from striate import ops
from striate.runner.tf import functions
from striate.runner.tf.functions import *  # noqa: F403
from striate.runner.tf.functions import cast, named, returning_tensors
from striate.runner.tf.nn import l2_normalize, top_k

erf, floormod, is_finite, is_inf, is_nan = (
    named(function) for function in (ops.erf, ops.mod, ops.isfinite, ops.isinf, ops.isnan))


@returning_tensors
def real(input, name=None):  # noqa: A002
    """The real parts of complex numbers; other numbers as they are."""
    return np.real(input) if isinstance(input, np.ndarray) else input


@returning_tensors
def bincount(arr, weights=None, minlength=None, name=None):
    """How often each whole number from 0 on occurs."""
    return ops.bincount(arr, weights=weights, minlength=minlength or 0)


@returning_tensors
def confusion_matrix(labels, predictions, num_classes=None, weights=None, dtype="int32", name=None):
    """How often each class (row) was taken for each class (column)."""
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    count = int(max(labels.max(), predictions.max())) + 1 if num_classes is None else int(num_classes)
    found = np.zeros((count, count), dtype)
    np.add.at(found, (labels, predictions), 1 if weights is None else np.asarray(weights))
    return found


@returning_tensors
def count_nonzero(input, axis=None, keepdims=False, dtype="int64", name=None):  # noqa: A002
    """How many numbers are not 0."""
    return cast(ops.sum(ops.cast(ops.not_equal(input, 0), "int32"), axis=axis, keepdims=keepdims), dtype)


@returning_tensors
def reduce_euclidean_norm(input_tensor, axis=None, keepdims=False, name=None):
    """The root of the sum of squares."""
    return ops.sqrt(ops.sum(ops.square(input_tensor), axis=axis, keepdims=keepdims))


@returning_tensors
def divide_no_nan(x, y, name=None):
    """x / y, and 0 where y is 0."""
    return ops.divide_no_nan(x, y)


@returning_tensors
def reduce_variance(input_tensor, axis=None, keepdims=False, name=None):
    """The mean of the squared differences from the mean."""
    return ops.var(input_tensor, axis=axis, keepdims=keepdims)


__all__ = [*functions.__all__, "bincount", "confusion_matrix", "count_nonzero", "divide_no_nan", "erf", "floormod",
           "is_finite", "is_inf", "is_nan", "l2_normalize", "real", "reduce_euclidean_norm", "reduce_variance", "top_k"]
