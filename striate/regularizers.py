"""Penalties on weights or activations that are added to the loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from striate.errors import ArgumentError, received
from striate.serialization import Configurable, deserialize_keras_object, export, resolve
from striate.serialization import serialize_keras_object as serialize


def _checked(name: str, value) -> float:
    if not isinstance(value, (int, float)) or not 0.0 <= value < float("inf"):
        raise ArgumentError(f"The value of `{name}` should be a finite number of at least zero. "
                            + received(**{name: value}))
    return float(value)


@export("keras.regularizers.Regularizer")
class Regularizer(Configurable):
    """Base: `regularizer(x)` gives one number.

    Shapes: x any; gives one number, which is added to the loss.
    """

    def __call__(self, x):
        return 0.0


@export("keras.regularizers.L1L2", "keras.regularizers.l1_l2")
class L1L2(Regularizer):
    """l1 * sum(|x|) + l2 * sum(x * x).

    Shapes: x any; gives one number.
    """

    def __init__(self, l1=0.0, l2=0.0):
        self.l1, self.l2 = _checked("l1", 0.0 if l1 is None else l1), _checked("l2", 0.0 if l2 is None else l2)

    def __call__(self, x):
        from striate import ops

        penalty = 0.0
        if self.l1:
            penalty = penalty + self.l1 * ops.sum(ops.absolute(x))
        if self.l2:
            penalty = penalty + self.l2 * ops.sum(ops.square(x))
        return penalty


@export("keras.regularizers.L1", "keras.regularizers.l1")
class L1(Regularizer):
    """l1 * sum(|x|).

    Shapes: x any; gives one number.

    Example:
        >>> L1(0.5).get_config()
        {'l1': 0.5}
    """

    def __init__(self, l1=0.01):
        self.l1 = _checked("l1", 0.01 if l1 is None else l1)

    def __call__(self, x):
        from striate import ops

        return self.l1 * ops.sum(ops.absolute(x))

    def get_config(self):
        """The strength as Keras writes it: rounded to float32."""
        return {"l1": float(np.float32(self.l1))}


@export("keras.regularizers.L2", "keras.regularizers.l2")
class L2(Regularizer):
    """l2 * sum(x * x).

    Shapes: x any; gives one number.
    """

    def __init__(self, l2=0.01):
        self.l2 = _checked("l2", 0.01 if l2 is None else l2)

    def __call__(self, x):
        from striate import ops

        return self.l2 * ops.sum(ops.square(x))


@export("keras.regularizers.OrthogonalRegularizer", "keras.regularizers.orthogonal_regularizer")
class OrthogonalRegularizer(Regularizer):
    """Pushes the rows (or columns) of a matrix to be orthogonal: factor * mean |cosine| of all pairs.

    Shapes: x (n, m); gives one number. Source: Brock and others (2017), arXiv:1609.07093.

    Args:
        factor: how strongly.
        mode: "rows" or "columns".
    """

    def __init__(self, factor=0.01, mode="rows"):
        self.factor, self.mode = _checked("factor", factor), mode
        if mode not in ("rows", "columns"):
            raise ArgumentError("Invalid value for argument `mode`. Expected one of 'rows', 'columns'. "
                                + received(mode=mode))

    def __call__(self, x):
        from striate import ops

        if len(x.shape) != 2:
            raise ArgumentError("Inputs to OrthogonalRegularizer must have rank 2. " + received(shape=x.shape))
        axis = 1 if self.mode == "rows" else 0
        x = x / ops.maximum(ops.sqrt(ops.sum(ops.square(x), axis=axis, keepdims=True)), 1e-12)
        product = ops.matmul(x, ops.transpose(x)) if self.mode == "rows" else ops.matmul(ops.transpose(x), x)
        size = x.shape[1 - axis]
        from striate.ops import eye

        off_diagonal = product * (1.0 - eye(size))
        return self.factor * 0.5 * ops.sum(ops.absolute(off_diagonal)) / (size * (size - 1.0) / 2.0)


def deserialize(config: dict | str, custom_objects: dict | None = None):
    """The regularizer of a configuration, or of a name.

    `config`: a name or what `serialize` gave; `custom_objects`: {name: class} of your own. Raises `ArgumentError` for
    an unknown name.
    """
    if isinstance(config, str):
        return get(config)
    return deserialize_keras_object(config, custom_objects, module="keras.regularizers")


def get(identifier: Any):
    """The regularizer for None, a name ("l2"), a class, a configuration, a function or a regularizer.

    `identifier`: one of these. Raises `ArgumentError` for an unknown name.
    """
    return None if identifier is None else resolve(identifier, "keras.regularizers", "regularizer")


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer

__all__ = ["L1", "L1L2", "L2", "OrthogonalRegularizer", "Regularizer", "deserialize", "get", "l1", "l1_l2", "l2",
           "orthogonal_regularizer", "serialize"]
