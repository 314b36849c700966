"""Whole numbers that name categories, and numbers cut into bins, as rows of ones and zeros."""

from __future__ import annotations

import numpy as np

from striate import ops
from striate.errors import ArgumentError, received
from striate.layers.arguments import positive
from striate.layers.base import Layer
from striate.serialization import export

_MODES = ("one_hot", "multi_hot", "count")


def encoded(indices, count: int, mode: str, weights=None):
    """Indices as rows of length `count`: one row an index, or one a sample that marks or counts its indices."""
    if len(indices.shape) == 0:
        indices = ops.reshape(indices, (1,))
    if mode == "one_hot":
        if len(indices.shape) > 1 and indices.shape[-1] == 1:
            indices = ops.squeeze(indices, -1)
        return ops.one_hot(indices, count)
    rows = ops.one_hot(indices, count)
    axis = 1 if len(indices.shape) > 1 else 0
    if mode == "multi_hot":
        return ops.max(rows, axis=axis)
    if weights is not None:
        rows = rows * ops.expand_dims(weights, -1)
    return ops.sum(rows, axis=axis)


@export("keras.layers.CategoryEncoding")
class CategoryEncoding(Layer):
    """Whole numbers as rows of ones and zeros.

    Shapes: (batch, numbers) gives (batch, num_tokens); for "one_hot" (batch,) or (batch, 1) does. `sparse` must be
    false.

    Args:
        num_tokens: how many categories there are: the largest number plus one.
        output_mode: "one_hot" (a row a number), "multi_hot" (a row a sample, with ones) or "count" (with counts).

    Example:
        >>> CategoryEncoding(3, output_mode="multi_hot")(np.array([[0, 1], [2, 2]])).tolist()
        [[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """

    def __init__(self, num_tokens=None, output_mode="multi_hot", sparse=False, **kwargs):
        super().__init__(**kwargs)
        if output_mode == "binary":
            output_mode = "multi_hot"
        if output_mode not in _MODES:
            raise ArgumentError(f"`output_mode` must be one of {_MODES}. " + received(output_mode=output_mode))
        if sparse:
            raise ArgumentError("Sparse tensors do not exist here. " + received(sparse=sparse))
        self.num_tokens, self.output_mode = positive(num_tokens, "num_tokens"), output_mode

    def get_config(self):
        config = super().get_config()
        del config["sparse"]
        return config

    def _argument(self, name):
        return False if name == "sparse" else super()._argument(name)

    def call(self, inputs, count_weights=None):
        """Integers (..., m) to rows of length `num_tokens`; count_weights as inputs, for "count" only."""
        if count_weights is not None and self.output_mode != "count":
            raise ArgumentError("`count_weights` is not used when `output_mode` is not 'count'. "
                                + received(output_mode=self.output_mode))
        if isinstance(inputs, np.ndarray) and inputs.size and not 0 <= inputs.min() <= inputs.max() < self.num_tokens:
            raise ArgumentError("Input values must be in the range 0 <= values < num_tokens. "
                                + received(smallest=inputs.min(), largest=inputs.max(), num_tokens=self.num_tokens))
        return encoded(ops.cast(inputs, "int32"), self.num_tokens, self.output_mode, count_weights)


@export("keras.layers.Discretization")
class Discretization(Layer):
    """Numbers as the bins that they fall into.

    Shapes: any; gives int32 of the same shape for "int", else a last axis of as many as there are bins. `sparse` must
    be false.

    Args:
        bin_boundaries: the numbers that separate the bins, in order; a number on a boundary is in the bin above.
        num_bins: how many bins `adapt` finds, of about as many numbers each.
        epsilon: how exact `adapt` is.
        output_mode: "int", "one_hot", "multi_hot" or "count".

    Example:
        >>> Discretization(bin_boundaries=[0.0, 1.0, 2.0])(np.array([[-1.5, 1.0, 3.4, 0.5]])).tolist()
        [[0, 2, 3, 1]]
    """

    def __init__(self, bin_boundaries=None, num_bins=None, epsilon=0.01, output_mode="int", sparse=False, dtype=None,
                 name=None):
        super().__init__(name=name, dtype=dtype)
        if output_mode not in ("int", *_MODES):
            raise ArgumentError(f"`output_mode` must be one of {('int', *_MODES)}. "
                                + received(output_mode=output_mode))
        if sparse:
            raise ArgumentError("Sparse tensors do not exist here. " + received(sparse=sparse))
        if (num_bins is None) == (bin_boundaries is None):
            raise ArgumentError("Give either `num_bins` or `bin_boundaries`. "
                                + received(num_bins=num_bins, bin_boundaries=bin_boundaries))
        self.bin_boundaries = None if bin_boundaries is None else [float(edge) for edge in bin_boundaries]
        self.num_bins, self.epsilon, self.output_mode, self.sparse = num_bins, epsilon, output_mode, sparse

    def get_config(self):
        config = super().get_config()
        del config["trainable"]
        return {**config, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config):
        config, edges = dict(config), None
        if config.get("num_bins") is not None:
            edges = config.pop("bin_boundaries", None)
        layer = cls(**config)
        layer.bin_boundaries = edges or layer.bin_boundaries
        return layer

    def adapt(self, data, batch_size=None, steps=None) -> None:
        """Finds `num_bins - 1` boundaries between which about as many numbers of `data` lie.

        Raises:
            ArgumentError: the layer was made with boundaries.
        """
        if self.num_bins is None:
            raise ArgumentError("Cannot adapt a Discretization layer that has been initialized with `bin_boundaries`, "
                                "use `num_bins` instead.")
        values = np.sort(np.asarray(data, np.float32).reshape(-1))
        step = max(values.size * self.epsilon, 1.0)
        picked = values[int(step) - 1::int(step)]
        weights = np.full(picked.size, step)
        shares = np.cumsum(weights) / weights.sum()
        if picked.size < self.num_bins:
            self.bin_boundaries = [float(edge) for edge in picked[:-1]]
            return
        wanted = 1.0 / self.num_bins + np.arange(0.0, 1.0, 1.0 / self.num_bins)
        self.bin_boundaries = [float(np.float32(edge)) for edge in np.interp(wanted, shares, picked)[:-1]]

    def call(self, inputs):
        """Numbers of any shape to int32 of the same shape, or to rows as in `CategoryEncoding`."""
        if self.bin_boundaries is None:
            raise ArgumentError("You need to either pass the `bin_boundaries` argument at construction time or call "
                                "`adapt(dataset)` before you can start using the `Discretization` layer.")
        edges = np.asarray(self.bin_boundaries, np.float32)
        above = ops.greater_equal(ops.expand_dims(ops.cast(inputs, "float32"), -1), edges)
        indices = ops.sum(ops.cast(above, "int32"), axis=-1)
        if self.output_mode == "int":
            return indices
        return encoded(indices, edges.size + 1, self.output_mode)
