"""Attention of several heads, each over projections of its own."""

from __future__ import annotations

from math import sqrt
from string import ascii_lowercase
from typing import Any

import numpy as np

from striate import constraints, initializers, ops, regularizers
from striate.errors import ArgumentError, ShapeError, received
from striate.layers.activation import Softmax
from striate.layers.arguments import positive
from striate.layers.attention import causal
from striate.layers.base import Layer
from striate.layers.core import EinsumDense
from striate.layers.regularization import Dropout
from striate.serialization import export, serialize_argument


def _equations(rank: int, axes: tuple[int, ...]) -> tuple[str, str]:
    """Equations of scores (source, target) and of the weighted mean, for projections (batch, ..., heads, depth).

    Example:
        >>> _equations(4, (1,))
        ('aBcd,abcd->acbB', 'acbB,aBcd->abcd')
    """
    target = ascii_lowercase[:rank]
    source = "".join(letter.upper() if axis in axes else letter for axis, letter in enumerate(target))
    scores = "".join([*(target[axis] for axis in range(rank - 1) if axis not in axes),
                      *(target[axis] for axis in axes), *(source[axis] for axis in axes)])
    return f"{source},{target}->{scores}", f"{scores},{source}->{target}"


class ManyHeads(Layer):
    """What layers with projections and heads share. `_heads` and `_depths` are those of query, key and value."""

    use_bias: bool
    use_gate: bool
    _attention_axes: tuple[int, ...] | None = None
    _inside_regularizer: Any = None

    def _begin(self, dropout, seed, sliding_window, flash_attention) -> None:
        if sliding_window is not None:
            positive(sliding_window, "sliding_window")
        if flash_attention and dropout:
            raise ArgumentError("`flash_attention` goes without dropout. " + received(dropout=dropout))
        self.supports_masking = True
        self.dropout, self.seed, self.sliding_window = dropout, seed, sliding_window

    def _begin_weights(self, kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
                       kernel_constraint, bias_constraint) -> None:
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def _projection(self, name: str, shape: tuple, heads: int, depth: int, activation=None) -> EinsumDense:
        """A built dense layer from (batch, ..., features) to (batch, ..., heads, depth)."""
        letters = ascii_lowercase[:len(shape)]
        return self._dense(name, shape, f"{letters},{letters[-1]}YZ->{letters[:-1]}YZ",
                           (*[None] * (len(shape) - 2), heads, depth), "YZ", activation)

    def _dense(self, name, shape, equation, output_shape, bias_axes, activation=None) -> EinsumDense:
        layer = EinsumDense(equation, output_shape, activation, bias_axes if self.use_bias else None, name=name,
                            kernel_initializer=_another(self.kernel_initializer),
                            bias_initializer=_another(self.bias_initializer),
                            kernel_regularizer=self.kernel_regularizer, bias_regularizer=self.bias_regularizer,
                            kernel_constraint=self.kernel_constraint, bias_constraint=self.bias_constraint,
                            activity_regularizer=self._inside_regularizer, dtype=self.dtype_policy)
        layer.supports_masking = True  # masks count where the scores are
        layer.build(shape)
        return layer

    def _build_heads(self, shapes: tuple, heads: tuple, depths: tuple, output_shape: tuple) -> None:
        query_shape, value_shape, key_shape = shapes
        if tuple(value_shape[1:-1]) != tuple(key_shape[1:-1]):
            raise ShapeError("All axes of value and key, except the last one, must be equal. "
                             + received(value_shape=value_shape, key_shape=key_shape))
        rank = len(query_shape)
        self._query_dense = self._projection("query", query_shape, heads[0], depths[0])
        self._key_dense = self._projection("key", key_shape, heads[1], depths[0])
        if self.use_gate:
            self._gate_dense = self._projection("gate", query_shape, heads[0], depths[1], "sigmoid")
        self._value_dense = self._projection("value", value_shape, heads[1], depths[1])
        self._attention_axes = tuple(range(1, rank - 1)) if self._attention_axes is None else tuple(
            axis % rank for axis in self._attention_axes)
        self._scoring, self._combining = _equations(rank + 1, self._attention_axes)
        count = len(self._attention_axes)
        self._softmax = Softmax(axis=tuple(range(-count, 0)), dtype=self.dtype_policy)
        self._dropout_layer = Dropout(self.dropout, seed=self.seed, dtype=self.dtype_policy)
        letters, out = ascii_lowercase[:rank - 1], "UVWX"[:len(output_shape)]
        self._output_dense = self._dense("attention_output", (*query_shape[:-1], heads[0], depths[1]),
                                         f"{letters}YZ,YZ{out}->{letters}{out}",
                                         (*[None] * (rank - 2), *output_shape), out)

    def _allowed(self, query, value, masks: tuple, attention_mask, is_causal: bool):
        """Which places may be read, broadcasting to (n, t, s); None for all."""
        query_mask, value_mask, key_mask = (None if mask is None else ops.cast(mask, "bool") for mask in masks)
        length, keys = query.shape[1], value.shape[1]
        parts = [] if query_mask is None else [ops.expand_dims(query_mask, -1)]
        parts += [ops.expand_dims(mask, -2) for mask in (value_mask, key_mask) if mask is not None]
        reach = self.within_reach(length, keys, is_causal)
        parts += [] if reach is None else [reach]
        parts += [] if attention_mask is None else [ops.cast(attention_mask, "bool")]
        allowed = None
        for part in parts:
            allowed = part if allowed is None else ops.logical_and(allowed, part)
        return allowed

    def within_reach(self, length: int, keys: int, is_causal: bool) -> np.ndarray | None:
        """(1, length, keys), whether each place is near enough to each other to read it; None for all."""
        reach = causal(length, keys) if is_causal else None
        if self.sliding_window is None:
            return reach
        near = (np.abs(np.arange(length)[:, None] - np.arange(keys)) < self.sliding_window)[None]
        return near if reach is None else reach & near

    def scores(self, query, key):
        """How well the projected queries fit the projected keys."""
        return ops.einsum(self._scoring, self._repeated(key), query * (1.0 / sqrt(query.shape[-1])))

    def shares(self, scores, allowed):
        """The softmax of scores over the places that may be read."""
        if allowed is not None:
            behind = -2 * len(self._attention_axes or ()) - 1
            while len(allowed.shape) < len(scores.shape):
                allowed = ops.expand_dims(allowed, behind)
        return self._softmax(scores, mask=allowed)

    def mean(self, shares, value, training=None):
        """The means of the projected values, weighted by the shares."""
        return ops.einsum(self._combining, self._dropout_layer(shares, training=training), self._repeated(value))

    def call(self, query, value, key=None, query_mask=None, value_mask=None, key_mask=None,  # noqa: PLR0913 (Keras')
             attention_mask=None, return_attention_scores=False, training=None, use_causal_mask=False):
        """query (n, t, ..., features), value and key (n, s, ..., features), to the query's shape.

        Args:
            key: the value when left out.
            query_mask, value_mask, key_mask: (n, t) and (n, s), where there is something to read.
            attention_mask: (n, t, s), what may be read.
            return_attention_scores: give the weights too, (n, heads, t, s).
            use_causal_mask: each place reads itself and those before.
        """
        masks = (_mask_of(query, query_mask), _mask_of(value, value_mask),
                 None if key is None else _mask_of(key, key_mask))
        allowed = self._allowed(query, value, masks, attention_mask, use_causal_mask)
        key = self._key_dense(value if key is None else key)
        gate = self._gate_dense(query) if self.use_gate else None
        weights = self.shares(self.scores(self._query_dense(query), key), allowed)
        outputs = self.mean(weights, self._value_dense(value), training)
        outputs = self._output_dense(outputs if gate is None else outputs * gate)
        return (outputs, weights) if return_attention_scores else outputs

    def _repeated(self, projection):
        """Keys or values with a head for each of the query's."""
        return projection

    def get_config(self):
        config = super().get_config()
        del config["flash_attention"]
        return config


def _another(initializer):
    """The same initializer anew, which draws other numbers unless it has a seed."""
    return type(initializer).from_config(initializer.get_config())


def _mask_of(tensor, given):
    """The mask given, or else the one that comes with the tensor."""
    return getattr(tensor, "_keras_mask", None) if given is None else given


@export("keras.layers.MultiHeadAttention")
class MultiHeadAttention(ManyHeads):
    """Attention of several heads, each over projections of its own; their results are projected back.

    Shapes: query (batch, t, d), value (batch, s, v), key (batch, s, k), the value unless given; gives (batch, t, d).
    Source: Vaswani and others (2017), arXiv:1706.03762.

    Args:
        num_heads: how many.
        key_dim, value_dim: numbers of a projected query or key, and of a value (`key_dim` when left out).
        dropout: share of the weights that training drops.
        use_bias: whether projections have one.
        output_shape: the last axes of the result; the query's last one by default.
        attention_axes: over which axes; all between batch and features by default.
        sliding_window: how near places must be to be read.
        flash_attention: accepted for Keras' sake; the results are the same.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer,
            kernel_constraint, bias_constraint: of the projections, as in `Dense`.
        use_gate: whether the heads' results are multiplied by a sigmoid of a projection of the query.
        seed: fixes the stream of random numbers.

    Raises:
        ArgumentError: sizes that are not positive whole numbers.

    Example:
        >>> from striate import Input
        >>> inputs = Input((49, 16))
        >>> MultiHeadAttention(num_heads=4, key_dim=8)(inputs, inputs).shape
        (None, 49, 16)
    """

    def __init__(self, num_heads, key_dim, value_dim=None, dropout=0.0, use_bias=True,  # noqa: PLR0913 (Keras')
                 output_shape=None, attention_axes=None, sliding_window=None, flash_attention=None,
                 kernel_initializer="glorot_uniform", bias_initializer="zeros", kernel_regularizer=None,
                 bias_regularizer=None, activity_regularizer=None, kernel_constraint=None, bias_constraint=None,
                 use_gate=False, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.num_heads, self.key_dim = positive(num_heads, "num_heads"), positive(key_dim, "key_dim")
        self.value_dim = positive(value_dim or key_dim, "value_dim")
        self.use_bias, self.use_gate = use_bias, use_gate
        self._output_shape = (output_shape,) if isinstance(output_shape, int) else output_shape
        self._attention_axes = (attention_axes,) if isinstance(attention_axes, int) else attention_axes
        self._inside_regularizer = regularizers.get(activity_regularizer)
        self._begin(dropout, seed, sliding_window, flash_attention)
        self._begin_weights(kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
                            kernel_constraint, bias_constraint)

    @property
    def attention_axes(self):
        """The axes over which places are read."""
        return self._attention_axes

    def build(self, query_shape, value_shape, key_shape=None):
        """Makes the projections."""
        shapes = query_shape, value_shape, value_shape if key_shape is None else key_shape
        self._build_heads(shapes, (self.num_heads,) * 2, (self.key_dim, self.value_dim),
                          tuple(self._output_shape or query_shape[-1:]))

    def get_config(self):
        return {**super().get_config(), "activity_regularizer": serialize_argument(self._inside_regularizer),
                "output_shape": self._output_shape}


@export("keras.layers.GroupQueryAttention")
class GroupedQueryAttention(ManyHeads):
    """Attention whose queries have more heads than keys and values: neighbouring ones read the same.

    Shapes: query (batch, t, d), value (batch, s, v), key (batch, s, k), the value unless given; gives (batch, t, d).
    Source: Ainslie and others (2023), arXiv:2305.13245.

    Args:
        head_dim: numbers of a projection.
        num_query_heads, num_key_value_heads: how many; the first is a multiple of the second.
        dropout, use_bias, sliding_window, flash_attention, kernel_initializer, bias_initializer, kernel_regularizer,
            bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint, use_gate, seed: as in
            `MultiHeadAttention`.

    Raises:
        ArgumentError: the heads do not fit.

    Example:
        >>> from striate import Input
        >>> layer = GroupedQueryAttention(head_dim=8, num_query_heads=4, num_key_value_heads=2)
        >>> layer(Input((49, 16)), Input((49, 16))).shape
        (None, 49, 16)
    """

    def __init__(self, head_dim, num_query_heads, num_key_value_heads, dropout=0.0, use_bias=True,  # noqa: PLR0913
                 sliding_window=None, flash_attention=None, kernel_initializer="glorot_uniform",
                 bias_initializer="zeros", kernel_regularizer=None, bias_regularizer=None, activity_regularizer=None,
                 kernel_constraint=None, bias_constraint=None, use_gate=False, seed=None, **kwargs):
        super().__init__(**kwargs)
        if num_query_heads % num_key_value_heads:
            raise ArgumentError("`num_query_heads` must be divisible by `num_key_value_heads`. "
                                + received(num_query_heads=num_query_heads, num_key_value_heads=num_key_value_heads))
        self.head_dim = positive(head_dim, "head_dim")
        self.num_query_heads, self.num_key_value_heads = num_query_heads, num_key_value_heads
        self.use_bias, self.use_gate = use_bias, use_gate
        self._inside_regularizer = regularizers.get(activity_regularizer)
        self._begin(dropout, seed, sliding_window, flash_attention)
        self._begin_weights(kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
                            kernel_constraint, bias_constraint)

    def build(self, query_shape, value_shape, key_shape=None):
        """Makes the projections."""
        shapes = query_shape, value_shape, value_shape if key_shape is None else key_shape
        self._build_heads(shapes, (self.num_query_heads, self.num_key_value_heads), (self.head_dim,) * 2,
                          tuple(query_shape[-1:]))

    def _repeated(self, projection):
        return ops.repeat(projection, self.num_query_heads // self.num_key_value_heads, axis=2)

    def get_config(self):
        return {**super().get_config(), "activity_regularizer": serialize_argument(self._inside_regularizer)}
