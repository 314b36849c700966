"""Attention: means of values, weighted by how well keys fit queries."""

from __future__ import annotations

import numpy as np

from striate import ops
from striate.errors import ArgumentError, received
from striate.layers.regularization import RandomLayer
from striate.serialization import export

_FAR = 1.0e9
"""What is taken from the score of a place that a mask excludes, as in Keras."""


def causal(length: int, keys: int) -> np.ndarray:
    """(1, length, keys): whether each place may read each other, itself and those before."""
    return np.tri(length, keys, dtype=bool)[None]


@export("keras.layers.Attention")
class Attention(RandomLayer):
    """Dot-product attention, of Luong.

    Shapes: [query (batch, t, d), value (batch, s, v), key (batch, s, d)], the key is the value unless given; gives
    (batch, t, v). Source: Luong and others (2015), arXiv:1508.04025.

    Args:
        use_scale: whether scores are multiplied by a trained number.
        score_mode: "dot" (query . key) or "concat" (the sum of tanh(query + key)).
        dropout: share of the weights that training drops.
        seed: fixes the layer's stream of random numbers.

    Raises:
        ArgumentError: another `score_mode`.

    Example:
        >>> from striate import Input
        >>> Attention()([Input((5, 8)), Input((7, 8))]).shape
        (None, 5, 8)
    """

    needs_no_build = False

    def __init__(self, use_scale=False, score_mode="dot", dropout=0.0, seed=None, **kwargs):
        super().__init__(**kwargs)
        if score_mode not in ("dot", "concat"):
            raise ArgumentError("`score_mode` must be 'dot' or 'concat'. " + received(score_mode=score_mode))
        self.use_scale, self.score_mode, self.dropout = use_scale, score_mode, dropout
        self._set_seed(seed)

    def build(self, input_shape):
        """Makes the trained numbers that the arguments ask for."""
        self._check(input_shape)
        self.scale = self.add_weight((), "ones", name="scale") if self.use_scale else None
        self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight") \
            if self.score_mode == "concat" else None

    def _check(self, inputs) -> None:
        if not isinstance(inputs, (list, tuple)) or len(inputs) not in (2, 3):
            raise ArgumentError(f"{type(self).__name__} is called on a list, [query, value] or [query, value, key]. "
                                + received(inputs=inputs))

    def scores(self, query, key):
        """(..., t, s) of a query (..., t, d) and a key (..., s, d)."""
        if self.score_mode == "dot":
            scores = ops.matmul(query, ops.swapaxes(key, -2, -1))
            return scores if self.scale is None else scores * self.scale
        both = ops.expand_dims(query, -2) + ops.expand_dims(key, -3)
        both = both if self.scale is None else both * self.scale
        return ops.sum(ops.tanh(both), axis=-1) * self.concat_score_weight

    def shares(self, scores, allowed):
        """The softmax of scores over the places that may be read."""
        return ops.softmax(scores if allowed is None else ops.where(allowed, scores, scores - _FAR), axis=-1)

    def mean(self, shares, value, training=False):
        """The means of the values, weighted by the shares."""
        if training and self.dropout > 0:
            state, stream = self._random()
            shares = ops.dropout(shares, state, self.dropout, stream)
        return ops.matmul(shares, value)

    def call(self, inputs, mask=None, training=False, return_attention_scores=False, use_causal_mask=False):
        """[query (n, t, d), value (n, s, v)] or with a key (n, s, d), to (n, t, v); with the weights if asked for."""
        self._check(inputs)
        query, value, key = inputs[0], inputs[1], inputs[-1] if len(inputs) == 3 else inputs[1]
        query_mask, value_mask = (None, None) if mask is None else mask[:2]
        allowed = None if value_mask is None else ops.expand_dims(ops.cast(value_mask, "bool"), -2)
        if use_causal_mask:
            before = causal(query.shape[-2], key.shape[-2])
            allowed = before if allowed is None else ops.logical_and(allowed, before)
        weights = self.shares(self.scores(query, key), allowed)
        outputs = self.mean(weights, value, training)
        if query_mask is not None:
            outputs = ops.where(ops.expand_dims(ops.cast(query_mask, "bool"), -1), outputs, 0.0)
        return (outputs, weights) if return_attention_scores else outputs

    def compute_mask(self, inputs, previous_mask):
        """The query's."""
        return None if previous_mask is None else previous_mask[0]


@export("keras.layers.AdditiveAttention")
class AdditiveAttention(Attention):
    """Additive attention, of Bahdanau: scores are sums of tanh(query + key), times trained factors.

    Shapes: [query (batch, t, d), value (batch, s, v), key (batch, s, d)], the key is the value unless given; gives
    (batch, t, v). Source: Bahdanau and others (2015), arXiv:1409.0473.

    Args:
        use_scale: whether there are trained factors, one for each number of a query.
        dropout: share of the weights that training drops.
        seed: fixes the layer's stream of random numbers.
    """

    def __init__(self, use_scale=True, dropout=0.0, seed=None, **kwargs):
        super().__init__(use_scale, "concat", dropout, seed, **kwargs)

    def build(self, input_shape):
        """Makes the factors."""
        self._check(input_shape)
        self.scale = self.add_weight((input_shape[0][-1],), "glorot_uniform", name="scale") if self.use_scale else None

    def scores(self, query, key):
        """(..., t, s) of a query (..., t, d) and a key (..., s, d)."""
        both = ops.tanh(ops.expand_dims(query, -2) + ops.expand_dims(key, -3))
        return ops.sum(both if self.scale is None else both * self.scale, axis=-1)
