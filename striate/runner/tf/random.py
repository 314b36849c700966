"""`tf.random`: random numbers of striate's counter-based stream."""

from __future__ import annotations

import random as _python_random

import numpy as np

from striate import random as _random
from striate import seeds
from striate.runner.tf.functions import returning_tensors


def set_seed(seed: int) -> None:
    """Seeds striate's random numbers; Python's and NumPy's go on as they were, as with TensorFlow."""
    python_state, numpy_state = _python_random.getstate(), np.random.get_state()
    seeds.set_random_seed(int(seed))
    _python_random.setstate(python_state)
    np.random.set_state(numpy_state)


@returning_tensors
def normal(shape, mean=0.0, stddev=1.0, dtype="float32", seed=None, name=None):
    """Numbers of the normal distribution."""
    return _random.normal(tuple(shape), mean, stddev, np.dtype(dtype).name, seed)


@returning_tensors
def truncated_normal(shape, mean=0.0, stddev=1.0, dtype="float32", seed=None, name=None):
    """The same, without numbers farther than two standard deviations from the mean."""
    return _random.truncated_normal(tuple(shape), mean, stddev, np.dtype(dtype).name, seed)


@returning_tensors
def uniform(shape, minval=0, maxval=None, dtype="float32", seed=None, name=None):
    """Numbers evenly spread over [minval, maxval); whole ones if `dtype` is a type of integers."""
    kind = np.dtype(dtype)
    if kind.kind in "iu":
        return _random.randint(tuple(shape), minval, maxval, kind.name, seed)
    return _random.uniform(tuple(shape), float(minval), 1.0 if maxval is None else float(maxval), kind.name, seed)


@returning_tensors
def shuffle(value, seed=None, name=None):
    """The entries of the first axis in a random order."""
    return _random.shuffle(np.asarray(value), axis=0, seed=seed)


__all__ = ["normal", "set_seed", "shuffle", "truncated_normal", "uniform"]
