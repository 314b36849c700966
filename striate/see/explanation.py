"""`number`: where one number of a network comes from: window, weights, every product, bias, activation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

import numpy as np

from striate.errors import ArgumentError, GraphError, received
from striate.layers.wrapper import TimeDistributed
from striate.see import probe
from striate.see.arguments import MOST
from striate.see.canvas import Canvas
from striate.see.geometry import kind_of
from striate.see.number_rules import Sum, Term, sum_of
from striate.see.result import Result, aligned

EPSILON = float(np.finfo(np.float32).eps)
SHOWN = 40
SIGNS = {"max": "the largest of", "l2": "the root of the sum of squares of"}


@dataclass(frozen=True)
class Number(Result):
    """One number explained.

    terms: the products; kind: "sum", "max" or "l2" says what becomes of them. total: that, with the bias; value: the
    same after the activation, in float64; engine: what the engine computed in float32; bound: how far the two may lie
    apart by rounding alone (they do not lie farther: that is checked when the object is made). note: what the weights
    are, where they are not learnt.
    """

    model: str
    layer: str
    layer_type: str
    index: tuple[int, ...]
    kind: str
    terms: tuple[Term, ...]
    bias: float
    total: float
    activation: str
    value: float
    engine: float
    bound: float
    inputs: np.ndarray
    output: np.ndarray
    note: str = ""

    @property
    def partial_sums(self) -> list[float]:
        """The sum after each product."""
        return np.cumsum([term.product for term in self.terms]).tolist()

    @property
    def has_bias(self) -> bool:
        """Whether the layer adds one: pooling and merging layers do not."""
        return self.bias != 0 or "Conv" in self.layer_type or "Dense" in self.layer_type

    @property
    def is_plain(self) -> bool:
        """Whether the numbers are only added: all weights are 1."""
        return self.kind == "sum" and all(term.weight == 1 for term in self.terms)

    def data(self) -> dict[str, Any]:
        """All terms and results."""
        rows = [{"place": term.place, "tap": term.tap, "value": term.value, "weight": term.weight,
                 "product": term.product, "partial_sum": partial}
                for term, partial in zip(self.terms, self.partial_sums, strict=True)]
        return {"model": self.model, "layer": self.layer, "type": self.layer_type, "index": self.index,
                "kind": self.kind, "terms": rows, "bias": self.bias, "total": self.total,
                "activation": self.activation, "value": self.value, "engine": self.engine, "bound": self.bound,
                "note": self.note}

    def __str__(self) -> str:
        place = ", ".join(map(str, self.index))
        lines = [f"{self.layer}[{place}] of {self.model} ({self.layer_type}) = {self.engine:.7g}", ""]
        lines += [_table(self.terms, self.kind), "", *([self.note, ""] if self.note else [])]
        if self.kind == "sum":
            lines.append(f"sum of {len(self.terms):,} products  {self.total - self.bias: .7f}")
            if self.has_bias:
                lines.append(f"+ bias             {self.bias: .7f}")
        else:
            lines.append(f"{SIGNS[self.kind]} {len(self.terms):,} numbers")
        lines.append(f"= before activation {self.total: .7f}")
        lines.append(f"  {self.activation:<17} {self.value: .7f}")
        lines.append(f"  the engine says   {self.engine: .7f}   (float32; rounding allows {self.bound:.1e})")
        return "\n".join(lines)

    def latex(self) -> str:
        """The sum as LaTeX (amsmath), with at most 40 products written out."""
        terms = [f"{term.value:.4g} \\cdot {_bracket(term.weight)}" for term in self.terms[:SHOWN]]
        if self.kind != "sum":
            name = "\\max" if self.kind == "max" else "\\sqrt{\\textstyle\\sum{}} "
            inner = ", ".join(f"{term.value:.4g}" for term in self.terms[:SHOWN])
            return f"\\[ {name}\\{{{inner}\\}} = {self.value:.4g} \\]"
        rows = [" + ".join(terms[first:first + 3]) for first in range(0, len(terms), 3)]
        if len(self.terms) > SHOWN:
            rows.append(f"\\cdots\\quad (\\text{{{len(self.terms) - SHOWN} more}})")
        if self.has_bias:
            rows.append(_bracket(self.bias))
        rows[-1] += f" = {self.total:.4g}"
        body = " \\\\\n  &\\quad + ".join(rows)
        return (f"\\begin{{aligned}}\n  z &= {body} \\\\\n  y &= \\operatorname{{{self.activation}}}(z) = "
                f"{self.value:.4g}\n\\end{{aligned}}")

    def figure(self) -> Canvas:
        """The window, the weights, the products, and what becomes of them."""
        from striate.see.number_figure import draw

        return draw(self)


def _bracket(number: float) -> str:
    return f"({number:.4g})" if number < 0 else f"{number:.4g}"


def _table(terms: tuple[Term, ...], kind: str) -> str:
    partial = np.cumsum([term.product for term in terms])

    def row(index):
        term = terms[index]
        where = "padding" if term.place is None else str(list(term.place))
        if kind != "sum":
            return [where, f"{term.value:.6f}"]
        return [where, f"{term.value:.6f}", str(list(term.tap)), f"{term.weight:.6f}", f"{term.product:.6f}",
                f"{partial[index]:.6f}"]
    head = ["input", "value"] if kind != "sum" else ["input", "value", "weight at", "weight", "product", "sum so far"]
    chosen = range(len(terms)) if len(terms) <= SHOWN else [*range(SHOWN - 5), *range(len(terms) - 5, len(terms))]
    lines = aligned([row(index) for index in chosen], head).splitlines()
    if len(terms) > SHOWN:
        lines.insert(SHOWN - 4, f"... {len(terms) - SHOWN:,} more (in .terms, and in the JSON file) ...")
    return "\n".join(lines)


def number(model, x, layer, index, sample: int = 0) -> Number:
    """Explains one number that a layer gives for an input.

    Args:
        model: a model with a graph (Sequential with an Input, or Model(inputs, outputs)).
        x: one input, or a batch of which `sample` is looked at.
        layer: name, place or the layer itself.
        index: of the number in the layer's output, without the batch: (row, column, channel), (unit,) or an integer.
        sample: which of a batch.

    Returns:
        A `Number`: prints as a table of products, draws the window, saves as JSON or LaTeX.

    Raises:
        ArgumentError: no such layer, an index out of range, or a layer that is no sum, maximum or copy.
        GraphError: the engine's number is not the sum that it should be; a defect of striate.

    Example:
        >>> from striate import zoo
        >>> model = zoo.build("lenet5")
        >>> len(number(model, np.ones((28, 28)), "conv2d", (0, 0, 3)).terms)
        25
    """
    tap = probe.tap(model, x, layer)
    return explained(model.name, tap, index, sample)


def explained(model_name: str, tap: probe.Tap, index, sample: int = 0) -> Number:
    """`number` for a call of a layer whose input and output are at hand already."""
    layer = tap.layer
    inputs = [_sample(array, sample) for array in probe.arrays(tap.inputs)]
    output = _sample(probe.arrays(tap.output)[0], sample)
    place = check_index(index, output.shape, tap.name)
    if isinstance(layer, TimeDistributed):
        found, inputs = _of_step(layer, inputs, place)
    elif getattr(layer, "data_format", None) == "channels_first":  # Explained with the channel last, as computed.
        inputs, output, place = [_turned(array) for array in inputs], _turned(output), _last(place)
        found = sum_of(layer, inputs, place)
    else:
        found = sum_of(layer, inputs, place)
        if tap.fed_first:
            terms = tuple(replace(term, place=term.place and _last(term.place)) for term in found.terms)
            inputs, found = [_turned(array) for array in inputs], replace(found, terms=terms)
        if tap.channels_first:
            output, place = _turned(output), _last(place)
    total, value = found.total, found.value
    engine = float(output[place])
    largest = max(float(np.abs(array).max(initial=0)) for array in inputs)
    weights = sum(abs(term.weight) for term in found.terms) if found.kind == "sum" else 1.0
    bound = EPSILON * (64 + 4 * sqrt(len(found.terms))) * (largest * weights + abs(found.bias) + abs(value))
    if abs(value - engine) > bound:
        raise GraphError(f"The engine's number differs from its explanation by more than rounding can: {engine!r} "
                         f"instead of {value!r}. {received(layer=tap.name, index=place)}")
    return Number(model_name, tap.name, kind_of(layer), place, found.kind, found.terms, found.bias, total,
                  found.name, value, engine, bound, inputs[0], output, found.note)


def _of_step(layer, inputs: list[np.ndarray], place: tuple[int, ...]) -> tuple[Sum, list[np.ndarray]]:
    """The sum behind a number of a TimeDistributed layer, and what it is taken over: the input of the number's step."""
    step, place, inputs, layer = place[0], place[1:], [array[place[0]] for array in inputs], layer.layer
    if isinstance(layer, TimeDistributed):
        found, inputs = _of_step(layer, inputs, place)
    else:
        if getattr(layer, "data_format", None) == "channels_first":
            inputs, place = [_turned(array) for array in inputs], _last(place)
        found = sum_of(layer, inputs, place)
    return replace(found, note=f"All at step {step} of the input. {found.note}".strip()), inputs


def _last(place: tuple[int, ...]) -> tuple[int, ...]:
    """An index with the channel last, for one with the channel first."""
    return (*place[1:], place[0])


def _turned(array: np.ndarray) -> np.ndarray:
    return np.moveaxis(array, 0, -1)


def _sample(array: np.ndarray, sample: int) -> np.ndarray:
    return array[check_sample(sample, len(array))]


def check_sample(sample, count: int) -> int:
    """Which of `count` samples is meant; negative ones count from the end.

    Raises:
        ArgumentError: there is no such sample.
    """
    if not isinstance(sample, (int, np.integer)) or not -count <= sample < count:
        raise ArgumentError(f"The batch has {count} samples, counted from 0. {received(sample=sample)}")
    return int(sample)


def check_index(index, shape: tuple[int, ...], name: str) -> tuple[int, ...]:
    """An index as a tuple of places that `shape` has; negative ones count from the end.

    Raises:
        ArgumentError: too few or too many entries, or one out of range.
    """
    entries = index.ravel().tolist() if isinstance(index, np.ndarray) else index if isinstance(index, (tuple, list)) \
        else [index]
    place = tuple(int(i) if isinstance(i, (int, np.integer)) else -MOST for i in entries)
    if len(place) != len(shape) or any(not -n <= i < n for i, n in zip(place, shape, strict=True)):
        words = {1: "(unit,)", 2: "(place, channel)", 4: "(depth, row, column, channel)"}.get(
            len(shape), "(row, column, channel)")
        raise ArgumentError(f"The output of '{name}' has the shape {tuple(shape)} (without the batch), so its `index` "
                            f"is {words} with each entry smaller than that. {received(index=index)}")
    return tuple(i % n for i, n in zip(place, shape, strict=True))
