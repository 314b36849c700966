"""`tf.math`: the functions of `tf` itself."""

from striate import ops
from striate.runner.tf import functions
from striate.runner.tf.functions import *  # noqa: F403
from striate.runner.tf.functions import returning_tensors
from striate.runner.tf.nn import l2_normalize


@returning_tensors
def divide_no_nan(x, y, name=None):
    """x / y, and 0 where y is 0."""
    return ops.divide_no_nan(x, y)


@returning_tensors
def reduce_variance(input_tensor, axis=None, keepdims=False, name=None):
    """The mean of the squared differences from the mean."""
    return ops.var(input_tensor, axis=axis, keepdims=keepdims)


@returning_tensors
def top_k(input, k=1, sorted=True, name=None):  # noqa: A002
    """The k largest numbers of the last axis and their places."""
    return ops.top_k(input, k, sorted=sorted)


__all__ = [*functions.__all__, "divide_no_nan", "l2_normalize", "reduce_variance", "top_k"]
