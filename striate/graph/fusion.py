"""What runs behind a convolution, matrix product or batch normalisation becomes part of it.

That is bias, relu, max pooling and, in predictions, factors of the channels.

In a prediction batch normalisation is a factor f and a shift s for each channel. Before the activation they go into
weights and bias: (x * w + b) f + s = x * (w f) + (b f + s). Behind a relu the same holds for its argument z, and the
relu becomes a clamp of the sums between limits, one pair for each channel:

    relu(z) f + s = max(z f + s, s) for f >= 0, min(z f + s, s) for f <= 0

A clamp rises with its argument, so that a maximum over a window may still be taken before it.

Whether somebody looks at a result must not change a bit, neither of it nor of what follows. Factors are therefore taken
up all the same, and what is looked at in between is computed beside it, from the same beginning.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from striate.graph.ir import Graph, Node, Value
from striate.graph.rewriter import Rewriter
from striate.ops.linear import SHUT
from striate.ops.spec import TensorType

_Terms = list[tuple[str, Value]]


@dataclass
class _Tail:
    """What was found behind a node: `before` and `after` the activation, each ("add" or "multiply", one a channel).

    inner: the nodes that the fused one stands for, but the last one.
    """

    last: Node
    inner: list[Node] = field(default_factory=list)
    activation: str | None = None
    pool: tuple | None = None
    before: _Terms = field(default_factory=list)
    after: _Terms = field(default_factory=list)

    @property
    def rounds_otherwise(self) -> bool:
        """Whether the sums are others than those of the node with one bias, a relu and a pooling behind it."""
        own = len(self.inner[0].inputs) > 2 if self.inner else False
        multiplied = any(op == "multiply" for op, _ in self.before)
        return multiplied or bool(self.after) or len(self.before) + own > 1


def _channel_operand(node: Node, value: Value) -> Value | None:
    """The other operand of an addition to `value`, or a product with it, if it is one number a channel."""
    if node.op not in ("add", "multiply") or node.outputs[0].type != value.type:
        return None
    others = [v for v in node.inputs if v is not value]
    return others[0] if len(others) == 1 and others[0].shape == value.shape[-1:] else None


def _pool_of(node: Node) -> tuple | None:
    """(ph, pw, sh, sw) of a max pooling whose windows do not overlap and that needs no padding."""
    if node.op != "max_pool2d":
        return None
    (ph, pw), (sh, sw) = node.attributes["pool_size"], node.attributes["strides"]
    unpadded = node.attributes["padding"] == ((0, 0), (0, 0))
    return (ph, pw, sh, sw) if unpadded and sh >= ph and sw >= pw and ph * pw <= SHUT else None


def _tail(rewriter: Rewriter, node: Node, steady: set[Value], though_kept: bool = False,
          until: Node | None = None) -> _Tail:
    """Follows what can be fused behind a convolution or matrix product, up to the node `until` at most.

    though_kept: also behind what is kept.
    """
    found, value = _Tail(node), node.outputs[0]
    scalable = node.inputs[1] in steady
    while found.last is not until and (reader := rewriter.only_reader(value, though_kept)) is not None:
        operand = _channel_operand(reader, value)
        # Behind groups a pooling stays apart: gradients from winners alone would gain nothing in so few channels.
        pool = _pool_of(reader) if node.op == "conv2d" and node.attributes["groups"] == 1 else None
        bias = reader.op == "add" and not (found.before or found.activation) and len(node.inputs) == 2
        if operand is not None and found.pool is None and (bias or scalable and operand in steady):
            if found.activation and node.op != "conv2d":
                break
            (found.after if found.activation else found.before).append((reader.op, operand))
        elif reader.op == "relu" and found.activation is None:
            found.activation = "relu"
        elif pool is not None and found.pool is None and not rewriter.consumers.get(reader.outputs[1]):
            found.pool = pool
        else:
            break
        found.inner.append(found.last)
        found.last, value = reader, reader.outputs[0]
    return found


class _Affine:
    """Weights and bias (or None) that take up factors and shifts of their channels."""

    def __init__(self, rewriter: Rewriter, w: Value, b: Value | None, scope: str):
        self.rewriter, self.w, self.b, self.scope = rewriter, w, b, scope

    def _emit(self, op: str, *inputs: Value) -> Value:
        return self.rewriter.emit(op, inputs, {}, self.scope)[0]

    def take(self, terms: _Terms) -> None:
        for op, vector in terms:
            if op == "multiply":
                self.w = self._emit(op, self.w, vector)
            if self.b is not None:
                self.b = self._emit(op, self.b, vector)
            elif op == "add":
                self.b = vector

    def clamp(self, terms: _Terms) -> list[Value]:
        """Takes up what follows a relu; gives the limits that stand for the relu: lower and upper ones."""
        zeros = np.zeros(self.w.shape[-1:], np.float32)
        factor, shift = _constant(zeros + 1), _constant(zeros)
        for op, vector in terms:
            factor = self._emit(op, factor, vector) if op == "multiply" else factor
            shift = self._emit(op, shift, vector)
        if self.b is None:
            self.b = _constant(zeros)
        self.take([("multiply", factor), ("add", shift)])
        return [self._emit("where", self._emit(comparison, factor, _constant(zeros)), shift, _constant(zeros + limit))
                for comparison, limit in (("greater_equal", -np.inf), ("less_equal", np.inf))]


def _constant(array: np.ndarray) -> Value:
    return Value(TensorType(array.shape), role="constant", source=array)


def _is_dense(node: Node) -> bool:
    plain = not node.attributes.get("transpose_a") and not node.attributes.get("transpose_b")
    floats = all(value.dtype == "float32" for value in node.inputs)
    return plain and floats and all(value.ndim == 2 for value in node.inputs)


def _fused(rewriter: Rewriter, head: Node, tail: _Tail, trained: bool) -> Value:
    """Emits the op that stands for `head` and all that follows it as far as its tail.

    Who won the windows of a pooling is asked by gradients alone.
    """
    w, b = head.inputs[1], head.inputs[2] if len(head.inputs) > 2 else None
    affine = _Affine(rewriter, w, b, head.scope)
    affine.take(tail.before)
    limits = affine.clamp(tail.after) if tail.after else []
    inputs = [head.inputs[0], affine.w, *([affine.b] if affine.b is not None else []), *limits]
    if head.op != "conv2d":
        return rewriter.emit("dense", inputs, {"activation": tail.activation}, head.scope)[0]
    attributes = head.attributes | {"activation": "clamp" if limits else tail.activation, "pool": tail.pool}
    if tail.pool is not None and not trained:
        attributes["winners"] = False
    return rewriter.emit("conv2d", inputs, attributes, head.scope)[0]


def fuse_forward(graph: Graph) -> Graph:
    """Convolution (or matrix product) + bias + relu + max pooling become one op.

    Where nothing is differentiated, products and sums with steady numbers of the channels do so too.
    """
    rewriter = Rewriter(graph)
    trained = any(node.op == "gradient" for node in graph.nodes)
    steady = set() if trained else graph.steady()
    ends: dict[Node, tuple[Node, _Tail]] = {}
    inside: set[Node] = set()
    for node in graph.nodes:
        if node.op == "matmul" and not _is_dense(node) or node.op not in ("conv2d", "dense", "matmul"):
            continue
        if node.attributes.get("activation") or node.attributes.get("pool"):
            continue
        tail = _tail(rewriter, node, steady, though_kept=True)
        if not tail.rounds_otherwise:
            tail = _tail(rewriter, node, steady)
        if tail.last is not node or node.op == "matmul":
            ends[tail.last] = node, tail
            seen = [inner for inner in tail.inner if any(value in rewriter.kept for value in inner.outputs)]
            ends |= {inner: (node, _tail(rewriter, node, steady, True, inner)) for inner in seen if inner is not node}
            inside.update(inner for inner in tail.inner if inner not in seen)
    for node in graph.nodes:
        if node in ends:
            rewriter.replace(node.outputs[0], _fused(rewriter, *ends[node], trained))
        elif node not in inside:
            rewriter.keep(node)
    return rewriter.done()


_LARGEST_WINDOW = 9
"""Places of a window that batch normalisation pools on its way."""


def _limit_of_relu(node: Node) -> float | None:
    """The largest result of a relu (infinity) or of a relu6 and its kin; None for another op."""
    if node.op == "relu":
        return np.inf
    clips = node.op == "clip" and node.attributes["x_min"] == 0 and node.attributes.get("flat_ends")
    return float(node.attributes["x_max"]) if clips else None


def fuse_norms(graph: Graph) -> Graph:
    """Batch normalisation + relu (or one with a limit) + max pooling without gaps become one op."""
    rewriter = Rewriter(graph)
    done: set[Node] = set()
    for node in graph.nodes:
        if node in done:
            continue
        if node.op != "batch_norm":
            rewriter.keep(node)
            continue
        changes: dict[str, Any] = {}
        last, reader = node.outputs[0], rewriter.only_reader(node.outputs[0])
        if reader is not None and (limit := _limit_of_relu(reader)) is not None:
            changes = {"activation": "relu"} | ({"top": limit} if limit < np.inf else {})
            done.add(reader)
            last, reader = reader.outputs[0], rewriter.only_reader(reader.outputs[0])
        if reader is not None and last.ndim == 4 and not rewriter.consumers.get(reader.outputs[-1]):
            pool = _pool_of(reader)
            if pool is not None and pool[:2] == pool[2:] and pool[0] * pool[1] <= _LARGEST_WINDOW:
                changes["pool"] = pool[:2]
                done.add(reader)
                last = reader.outputs[0]
        outputs = rewriter.emit("batch_norm", node.inputs, node.attributes | changes, node.scope)
        for old, new in zip((last, *node.outputs[1:]), outputs[:3], strict=True):
            rewriter.replace(old, new)
    return rewriter.done()
