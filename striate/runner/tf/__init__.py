"""The module that `import tensorflow as tf` gives: the few dozen names that courses use, computed by NumPy and striate.

Tensors are NumPy arrays with a `.numpy()`. The same functions also work inside layers and losses that striate compiles.
Any other name raises an AttributeError that says so, with the user's line.
"""

from __future__ import annotations

import contextlib as _contextlib
import functools as _functools
import logging
import types
from typing import Any

import numpy as np

from striate import Variable, adaptations
from striate import tree as nest
from striate.backend import name_scope
from striate.initializers import Constant as constant_initializer
from striate.initializers import Ones as ones_initializer
from striate.initializers import RandomNormal as random_normal_initializer
from striate.initializers import RandomUniform as random_uniform_initializer
from striate.initializers import Zeros as zeros_initializer
from striate.runner import keras
from striate.runner.tf import (config, data, distribute, functions, image, io, linalg, math, nn, random, signal,
                               strings, summary, test)
from striate.runner.tf.functions import *  # noqa: F403 - tf.reduce_mean and its like
from striate.runner.tf.tape import GradientTape
from striate.utils.pipeline import TensorSpec
from striate.utils.tensor import Tensor

__version__ = "2.16.0+striate"
__striate__ = True
version = types.SimpleNamespace(VERSION=__version__)

bool = np.dtype("bool")  # noqa: A001
float16, float32, float64 = (np.dtype(name) for name in ("float16", "float32", "float64"))
int8, int16, int32, int64, uint8 = (np.dtype(name) for name in ("int8", "int16", "int32", "int64", "uint8"))

string = np.dtype(str)

__all__ = [
    "GradientTape", "Tensor", "TensorSpec", "Variable", "bool", "config", "constant_initializer", "data", "device",
    "distribute", "executing_eagerly", "float16", "float32", "float64", "function", "get_logger", "image", "int16",
    "int32", "int64", "int8", "io", "keras", "linalg", "math", "name_scope", "nest", "nn", "ones_initializer",
    "random", "random_normal_initializer", "random_uniform_initializer", "signal", "string", "strings", "summary",
    "test", "uint8", "version", "zeros_initializer", *functions.__all__,
]
_ROOMS_OF_KERAS = ("initializers", "losses", "metrics", "optimizers")


def function(func=None, **options):
    """The function itself, or a decorator that changes nothing: striate compiles models anyway."""
    return func if func is not None else lambda decorated: decorated


def executing_eagerly() -> bool:  # type: ignore[valid-type]
    """True: outside of models everything is computed at once."""
    return True


def device(device_name):
    """A context that changes nothing: there is one kind of processor."""
    return _contextlib.nullcontext(device_name)


def get_logger() -> logging.Logger:
    """The logger "tensorflow", for scripts that make it quieter."""
    return logging.getLogger("tensorflow")


def _refused(name: str) -> AttributeError:
    file, line = adaptations.users_line()
    return AttributeError(f"tf.{name} is not part of striate's small `tensorflow` ({file}, line {line}). "
                          "Models, layers and training are in tf.keras; for the rest use numpy or striate.ops.")


def __getattr__(name: str) -> Any:
    if name in _ROOMS_OF_KERAS:
        return getattr(keras, name)
    raise _refused(name)


def _refuse_in(room: str, name: str) -> Any:
    raise _refused(f"{room}.{name}")


for _module in (config, data, distribute, image, io, linalg, math, nn, random, signal, strings, summary, test):
    vars(_module)["__getattr__"] = _functools.partial(_refuse_in, _module.__name__.rpartition(".")[2])


def __dir__() -> list[str]:
    return sorted({*__all__, *_ROOMS_OF_KERAS})
