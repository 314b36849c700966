"""Layers of attention as the steps that they are made of: projections, scores, weights, means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from striate.layers.attention import AdditiveAttention, Attention, causal
from striate.layers.heads import ManyHeads
from striate.layers.merging import Multiply
from striate.layers.symbolic import Operation, leaves

Add = Callable[..., Any]
"""(operation, its input) -> its output: one more step."""


class Step(Operation):
    """A step that is no layer. layer: whose; heads_first, fed_heads_first: whether output, input begin with heads."""

    heads_first = fed_heads_first = False

    def __init__(self, layer: Any, name: str):
        super().__init__(name)
        self.layer, self.has_heads = layer, isinstance(layer, ManyHeads)

    @property
    def weights(self) -> list:
        """The trained numbers that belong to this step: those of projections belong to these."""
        return []

    @property
    def trainable_variables(self) -> list:
        return self.weights

    def count_params(self) -> int:
        """How many numbers are trained."""
        return sum(int(np.prod(weight.shape)) for weight in self.weights)


class AttentionScores(Step):
    """[queries, keys] -> how well each query fits each key."""

    def __init__(self, layer: Any, name: str):
        super().__init__(layer, name)
        self.heads_first = self.has_heads

    @property
    def weights(self) -> list:
        """The factors of a score, of layers without projections."""
        return [] if self.has_heads else list(self.layer.weights)

    def call(self, inputs):
        """Scores (n, heads, t, s), or (n, t, s) without heads."""
        return self.layer.scores(*inputs)


class AttentionWeights(Step):
    """Scores -> shares, which add up to 1 over all places that may be read."""

    def __init__(self, layer: Any, name: str, is_causal: bool):
        super().__init__(layer, name)
        self.is_causal = is_causal
        self.heads_first = self.fed_heads_first = self.has_heads

    def readable(self, length: int, keys: int) -> np.ndarray | None:
        """(t, s), whether a place may read another; None for all."""
        found = self.layer.within_reach(length, keys, self.is_causal) if self.has_heads else \
            causal(length, keys) if self.is_causal else None
        return None if found is None else found[0]

    def call(self, inputs):
        """The softmax of each row of scores."""
        return self.layer.shares(inputs, self.readable(*inputs.shape[-2:]))


class AttentionMean(Step):
    """[values, weights] -> the mean of the values for each query, each weighted by its share."""

    def call(self, inputs):
        """(n, t, heads, depth), or (n, t, v) without heads."""
        values, weights = inputs
        return self.layer.mean(weights, values)


class Steps:
    """The steps of attention layers: each made once, so that a second call of a layer is one of the same steps."""

    def __init__(self) -> None:
        self._made: dict[tuple, Any] = {}

    def of(self, layer: Any, args: tuple, kwargs: dict) -> Callable[[Add], Any] | None:
        """A function that takes the steps of a call and gives its outputs; None for a layer that stays one.

        That is one of another kind, one over several axes, and one that is handed a mask: which places it reads
        differs from sample to sample.
        """
        rest = {name: value for name, value in kwargs.items() if value is not None and name != "training"}
        is_causal, gives_shares = (bool(rest.pop(name, False))
                                   for name in ("use_causal_mask", "return_attention_scores"))
        if isinstance(layer, ManyHeads):
            return self._of_heads(layer, args, rest, is_causal, gives_shares)
        if isinstance(layer, Attention) and len(args) == 1 and not rest:
            query, value, key = _three(args[0])
            return lambda add: self._attend(layer, add, (query, key, value), is_causal, gives_shares)
        return None

    def _step(self, kind: type, layer: Any, name: str, *more) -> Any:
        return self._made.setdefault((kind, layer, *more), kind(layer, name, *more))

    def _of_heads(self, layer, args, rest, is_causal, gives_shares):
        given = dict(zip(("query", "value", "key"), args, strict=False)) | rest
        if len(args) > 3 or set(given) - {"query", "value", "key"} or layer._attention_axes != (1,) \
                or len(given["query"].shape) != 3:
            return None
        query, value, key = given["query"], given["value"], given.get("key", given["value"])

        def take(add):
            asked, known = add(layer._query_dense, query), add(layer._key_dense, key)
            values = add(layer._value_dense, value)
            gate = add(layer._gate_dense, query) if layer.use_gate else None
            means, shares = self._attend(layer, add, (asked, known, values), is_causal, True)
            if gate is not None:
                times = self._made.setdefault((Multiply, layer), Multiply(name="gated"))
                means = add(times, [means, gate])
            outputs = add(layer._output_dense, means)
            return (outputs, shares) if gives_shares else outputs
        return take

    def _attend(self, layer, add, three, is_causal, gives_shares):
        query, key, value = three
        scores = add(self._step(AttentionScores, layer, "scores"), [query, key])
        shares = add(self._step(AttentionWeights, layer, "weights", is_causal), scores)
        means = add(self._step(AttentionMean, layer, "mean"), [value, shares])
        return (means, shares) if gives_shares else means


def _three(inputs) -> tuple:
    """(query, value, key) of a list of them, whose key may be left out."""
    query, value, *key = leaves(inputs)
    return query, value, key[0] if key else value


def score_terms(step: AttentionScores, query: np.ndarray, key: np.ndarray, place: tuple[int, ...]):
    """((value, weight) of each product of a score, what its values and weights are)."""
    layer = step.layer
    if step.has_heads:
        head, at, read = place
        queries, keys = query[at, head], key[read, head // (query.shape[1] // key.shape[1])]
        return list(zip(queries, keys / np.sqrt(len(queries)), strict=True)), (
            f"The query of place {at} times the key of place {read}, divided by the root of their "
            f"{len(queries):,} numbers.")
    at, read = place
    factor = 1.0 if layer.scale is None else np.asarray(layer.scale, np.float64)
    if isinstance(layer, AdditiveAttention):
        values, weights = np.tanh(query[at] + key[read]), np.broadcast_to(factor, query[at].shape)
    elif layer.score_mode == "concat":
        values = np.tanh((query[at] + key[read]) * factor)
        weights = np.full(len(values), np.asarray(layer.concat_score_weight, np.float64))
    else:
        return list(zip(query[at], key[read] * factor, strict=True)), (
            f"The query of place {at} times the key of place {read}.")
    return list(zip(values, weights, strict=True)), f"The numbers are tanh(query + key) of the places {at} and {read}."
