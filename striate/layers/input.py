"""`Input`: where a functional model begins."""

from __future__ import annotations

import numpy as np

from striate.errors import ArgumentError, received
from striate.layers.base import Layer
from striate.layers.symbolic import KerasTensor, Node
from striate.serialization import export


@export("keras.layers.InputLayer")
class InputLayer(Layer):
    """The layer behind an `Input`; it computes nothing.

    Shapes: gives (batch, *shape). `sparse` and `ragged` must be false.

    Args:
        shape: shape of one sample, without the batch.
        batch_size: length of the batch, if fixed.
        dtype: type of the data.
        batch_shape: shape with the batch, instead of `shape`.
        name: a name.
        input_tensor: an existing KerasTensor to use.
        optional: whether None may be given in its place.
    """

    def __init__(self, shape=None, batch_size=None, dtype=None, sparse=None, ragged=None, batch_shape=None, *,
                 input_tensor=None, optional=False, name=None, **kwargs):
        shape = kwargs.pop("input_shape", shape)
        batch_shape = kwargs.pop("batch_input_shape", batch_shape)
        super().__init__(name=name)
        if sparse or ragged:
            raise ArgumentError("striate has dense tensors only. " + received(sparse=sparse, ragged=ragged))
        if kwargs:
            raise ArgumentError(f"Unrecognized keyword arguments passed to {type(self).__name__}: {kwargs}")
        if input_tensor is not None:
            batch_shape, dtype = input_tensor.shape, input_tensor.dtype
        elif batch_shape is not None and shape is not None:
            raise ArgumentError("You cannot pass both `shape` and `batch_shape` at the same time.")
        elif batch_shape is None and shape is None:
            raise ArgumentError("You must pass a `shape` argument.")
        elif batch_shape is None:
            batch_shape = (batch_size, *_lengths(shape))
        self.batch_shape = tuple(_lengths(batch_shape))
        self._dtype = np.dtype(dtype or "float32").name
        self.optional = optional
        self.built = True
        if input_tensor is None:
            input_tensor = KerasTensor(self.batch_shape, self._dtype, name=self.name)
        Node(self, (), {}, input_tensor)

    @property
    def dtype(self) -> str:
        return self._dtype

    def call(self):
        """Nothing is computed."""

    def get_config(self) -> dict:
        return {"batch_shape": self.batch_shape, "dtype": self.dtype, "sparse": False, "ragged": False,
                "name": self.name, "optional": self.optional}


def _lengths(shape) -> tuple:
    """A shape as a tuple; each length a positive integer or None."""
    if isinstance(shape, (int, np.integer)) or not hasattr(shape, "__iter__"):
        raise ArgumentError("`shape` must be a tuple of lengths, such as (28, 28, 1). " + received(shape=shape))
    for length in shape:
        if length is not None and (not isinstance(length, (int, np.integer)) or length < 0):
            raise ArgumentError("Every length in `shape` must be a positive integer or None. " + received(shape=shape))
    return tuple(None if length is None else int(length) for length in shape)


def Input(shape=None, batch_size=None, dtype=None, sparse=None, batch_shape=None, name=None, tensor=None,
          **kwargs) -> KerasTensor:
    """A symbolic tensor to call layers on: the start of a functional model.

    Raises `ArgumentError` when neither a shape nor a tensor is given, or `sparse` is true.

    Args:
        shape: shape of one sample, without the batch; lists are taken as well.
        batch_size: length of the batch, if fixed.
        dtype: type of the data, float32 by default.
        sparse: must be false.
        batch_shape: shape with the batch, instead of `shape`.
        name: a name for the input layer.
        tensor: an existing KerasTensor to use.

    Example:
        >>> Input(shape=[28, 28, 1]).shape
        (None, 28, 28, 1)
    """
    return InputLayer(shape, batch_size, dtype, sparse, batch_shape=batch_shape, name=name, input_tensor=tensor,
                      **kwargs).output


export("keras.Input", "keras.layers.Input")(Input)
