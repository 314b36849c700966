"""An ONNX graph under construction, and the one thing that makes it differ from striate's: where the channels are.

Images are NHWC here and NCHW in ONNX. A `Symbol` therefore may be known under two names, one for each order of its
axes, and a `Transpose` is written only where an order is asked for that does not exist yet. A chain of convolutions,
poolings and activations so costs one `Transpose` at its beginning and one at its end.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from striate.errors import ArgumentError, received

NATURAL, FIRST = "natural", "first"
"""The axes as striate has them; the channels (the last axis) right behind the batch."""


class Symbol:
    """A tensor of the graph: shape and dtype as striate has them (None: not known), and its names by order of axes.

    constant: its numbers, where they do not depend on the model's inputs.
    """

    def __init__(self, shape: Sequence[int | None], dtype: str, names: dict[str, str] | None = None,
                 constant: np.ndarray | None = None, label: str = "constant"):
        self.shape, self.dtype = tuple(shape), str(dtype)
        self.names, self.constant, self.label = dict(names or {}), constant, label

    @property
    def ndim(self) -> int:
        return len(self.shape)


def first_order(rank: int) -> tuple[int, ...]:
    """The axes of (batch, ..., channels) in the order (batch, channels, ...).

    Example:
        >>> first_order(4)
        (0, 3, 1, 2)
    """
    return (0, rank - 1, *range(1, rank - 1))


def last_order(rank: int) -> tuple[int, ...]:
    """The way back: (batch, channels, ...) to (batch, ..., channels).

    Example:
        >>> last_order(4)
        (0, 2, 3, 1)
    """
    return (0, *range(2, rank), 1)


class GraphWriter:
    """Nodes and numbers of an ONNX graph; names are made unique, equal constants of one label are written once.

    Args:
        op_by_op: (function, symbol) -> symbol: writes what a function of `striate.ops` does, for rules of layers.
    """

    def __init__(self, op_by_op: Callable[[Callable, Symbol], Symbol]) -> None:
        self.op_by_op = op_by_op
        self.nodes: list[Any] = []
        self.initializers: dict[str, np.ndarray] = {}
        self.scope = ""
        self._used: Counter[str] = Counter()
        self._known: dict[tuple, str] = {}

    # ---- names and numbers ------------------------------------------------------------------------------------

    def unique(self, wish: str) -> str:
        """A name like `wish` that nothing has yet."""
        wish = re.sub(r"[^\w./-]", "_", wish) or "tensor"
        self._used[wish] += 1
        if self._used[wish] == 1:
            return wish
        return self.unique(f"{wish}_{self._used[wish] - 1}")

    def array(self, array: np.ndarray, label: str = "constant") -> str:
        """The name of an initializer that holds these numbers."""
        array = np.ascontiguousarray(array).reshape(np.shape(array))
        key = (label, array.dtype.str, array.shape, array.tobytes())
        if key not in self._known:
            self._known[key] = self.unique(label)
            self.initializers[self._known[key]] = array
        return self._known[key]

    def integers(self, values: Sequence[int]) -> str:
        """The name of a list of int64: axes, shapes, sizes."""
        return self.array(np.array(list(values), np.int64), "integers")

    def number(self, value: float, dtype: str) -> str:
        """The name of a single number."""
        return self.array(np.array(value, dtype), "number")

    def node(self, op: str, inputs: Sequence[str], outputs: int = 1, **attributes: Any) -> Any:
        """Writes a node; gives the name of its output, or a list of names. An input "" is left out."""
        from onnx import helper

        label = self.unique(f"{self.scope}/{op}".strip("/"))
        names = [label if index == 0 else self.unique(f"{label}.{index}") for index in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), names, name=label, **attributes))
        return names[0] if outputs == 1 else names

    # ---- orders of axes ---------------------------------------------------------------------------------------

    def natural(self, symbol: Symbol) -> str:
        """The name of a tensor with its axes as striate has them."""
        return self._in_order(symbol, NATURAL)

    def first(self, symbol: Symbol) -> str:
        """The name of a tensor with its channels right behind the batch."""
        return self._in_order(symbol, FIRST)

    def in_order(self, symbol: Symbol, order: str) -> str:
        """The name of a tensor in `NATURAL` or `FIRST` order."""
        return self._in_order(symbol, order)

    def _in_order(self, symbol: Symbol, order: str) -> str:
        if order not in symbol.names:
            axes = first_order(symbol.ndim) if order == FIRST else last_order(symbol.ndim)
            if symbol.constant is not None:
                array = symbol.constant if order == NATURAL else symbol.constant.transpose(axes)
                symbol.names[order] = self.array(array, symbol.label)
            else:
                (given,) = symbol.names.values()
                symbol.names[order] = self.node("Transpose", [given], perm=axes)
        return symbol.names[order]

    def channels_last(self, symbol: Symbol) -> Symbol:
        """A tensor (batch, channels, ...) as one (batch, ..., channels); nothing is written."""
        shape = tuple(symbol.shape[axis] for axis in last_order(symbol.ndim))
        return Symbol(shape, symbol.dtype, {FIRST: self.natural(symbol)})

    def channels_first(self, symbol: Symbol) -> Symbol:
        """The way back."""
        shape = tuple(symbol.shape[axis] for axis in first_order(symbol.ndim))
        return Symbol(shape, symbol.dtype, {NATURAL: self.first(symbol)})

    def symbol(self, type: Any, op: str, inputs: Sequence[str], order: str = NATURAL, **attributes: Any) -> Symbol:
        """A node with one output; `type` gives its shape and dtype as striate has them."""
        return Symbol(type.shape, type.dtype, {order: self.node(op, inputs, **attributes)})


def reshaped_to(shape: Sequence[int | None]) -> list[int]:
    """A shape for ONNX' Reshape: one length may be unknown.

    Raises:
        ArgumentError: several lengths are unknown.
    """
    if sum(length is None for length in shape) > 1:
        raise ArgumentError("A model for ONNX may have one length that is not known, the batch. "
                            + received(shape=tuple(shape)))
    return [-1 if length is None else int(length) for length in shape]
