"""What each kind of layer sums (or compares, or copies) for one element of its output, in float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod, sqrt
from typing import Any

import numpy as np

from striate import activations
from striate.errors import ArgumentError, received
from striate.layers import activation, attention, core, merging, normalization, pool, regularization, reshaping, wrapper
from striate.layers.heads import ManyHeads
from striate.see import attention_steps as steps
from striate.see.geometry import activation_name, inside, is_convolution, is_separable, kernel_of, kind_of, slid_over

_MIXING = ("softmax", "log_softmax", "sparsemax", "glu")
"""Activations for which all channels of a place count."""


class NoSumError(ArgumentError):
    """A layer whose numbers are no plain sums, maxima or copies."""


@dataclass(frozen=True)
class Term:
    """One product. place: indices of the input element, channel last (None in the padding); tap: of the weight."""

    place: tuple[int, ...] | None
    tap: tuple[int, ...]
    value: float
    weight: float

    @property
    def product(self) -> float:
        return self.value * self.weight


@dataclass(frozen=True)
class Sum:
    """How one output element comes about.

    kind: "sum" of products plus bias, "max" of the values, or "l2", the root of the sum of their squares. name: of the
    activation; activate: from the sum to the activation's value. note: what the weights are where they are not learnt.
    """

    kind: str
    terms: tuple[Term, ...]
    bias: float = 0.0
    name: str = "linear"
    activate: Callable[[float], float] | None = None
    note: str = ""

    @property
    def total(self) -> float:
        """Before the activation."""
        if self.kind == "max":
            return max(term.value for term in self.terms)
        total = sum(term.product for term in self.terms)
        return sqrt(total) if self.kind == "l2" else float(total) + self.bias

    @property
    def value(self) -> float:
        """After the activation."""
        return self.total if self.activate is None else self.activate(self.total)


def sum_of(layer, inputs: list[np.ndarray], place: tuple[int, ...]) -> Sum:
    """The sum behind an element of a layer's output.

    Args:
        layer: the layer.
        inputs: its inputs without the batch, channels last.
        place: of the element, without the batch, channel last.

    Raises:
        NoSumError: the layer is of a kind whose numbers are no plain sums, maxima or copies.
    """
    for kinds, rule in _RULES:
        found = rule(layer, inputs, place) if isinstance(layer, kinds) else None
        if found is not None:
            return found
    why = " with a mask that differs from sample to sample" if isinstance(layer, (attention.Attention, ManyHeads)) \
        else ""
    raise NoSumError(f"A number of a {kind_of(layer)}{why} is no plain sum, maximum or copy, so it cannot be shown "
                     "as one. Look at the layer before or behind it. " + received(layer=layer.name))


def _activated(function, row: Callable[[], np.ndarray] | None, channel: int) -> Callable[[float], float]:
    """`function` of one number; with `row` of all channels of the place, of which `channel` is taken."""
    if row is None:
        return lambda total: float(np.asarray(function(np.array([[total]])))[0, 0])
    return lambda total: float(np.asarray(function(row()[np.newaxis]))[0, channel])


# ---- layers with weights ---------------------------------------------------------------------------------------------

def _convolution(layer, inputs, place):
    if not (is_convolution(layer) or is_separable(layer)):
        return None
    x, channel = inputs[0], place[-1]
    window = slid_over(layer, x.shape)
    kernel, taps = kernel_of(layer), window.taps(place[:-1])
    filters = layer.filters if hasattr(layer, "filters") else prod(kernel.shape[-2:])
    bias = np.zeros(filters) if layer.bias is None else np.asarray(layer.bias, np.float64)

    def terms(out):
        return tuple(
            Term(None if at is None else (*at, source), (*tap, source), 0.0 if at is None else float(x[(*at, source)]),
                 float(weight))
            for tap, at in taps for source, weight in _weights_at(layer, window.kind, kernel, tap, out))

    def row():
        return np.array([sum(term.product for term in terms(out)) + bias[out] for out in range(filters)])
    name = activation_name(layer)
    return Sum("sum", terms(channel), float(bias[channel]), name,
               _activated(layer.activation, row if name in _MIXING else None, channel))


def _weights_at(layer, kind: str, kernel, tap, out: int):
    """(input channel, weight) pairs that an output channel sums over at one tap."""
    if kind == "depthwise":
        source, copy = divmod(out, kernel.shape[-1])
        return [(source, kernel[(*tap, source, copy)])]
    if kind == "transposed":
        return list(enumerate(kernel[(*tap, out)]))
    each = kernel.shape[-2]
    first = out // (layer.filters // getattr(layer, "groups", 1)) * each
    return [(first + c, kernel[(*tap, c, out)]) for c in range(each)]


def _dense(layer, inputs, place):
    row, kernel, unit = inputs[0][place[:-1]].astype(np.float64), kernel_of(layer), place[-1]
    bias = np.zeros(layer.units) if layer.bias is None else np.asarray(layer.bias, np.float64)
    terms = tuple(Term((*place[:-1], i), (i, unit), float(value), float(kernel[i, unit]))
                  for i, value in enumerate(row))
    name = activation_name(layer)
    whole = (lambda: row @ kernel + bias) if name in _MIXING else None
    return Sum("sum", terms, float(bias[unit]), name, _activated(layer.activation, whole, unit))


def _einsum_dense(layer, inputs, place):
    """A dense layer whose equation says over which letters it sums."""
    left, right = layer.equation.replace(" ", "").split("->")
    source, weights = left.split(",")
    x, free = inputs[0], "0123456789"[:inputs[0].ndim + 4 - len(source)]  # What "..." stands for, the batch among it.
    source, right = (text.replace("...", free) for text in (source, right))
    kernel = np.asarray(layer.kernel, np.float64)
    at = dict(zip(right[1:], place, strict=True))
    lengths = dict(zip(source[1:] + weights, (*x.shape, *kernel.shape), strict=True))
    summed = [letter for letter in lengths if letter not in at]

    def sums(at):
        for spots in np.ndindex(*(lengths[letter] for letter in summed)):
            every = at | dict(zip(summed, spots, strict=True))
            yield tuple(every[letter] for letter in source[1:]), tuple(every[letter] for letter in weights)

    def bias(place):
        return 0.0 if layer.bias is None else float(np.broadcast_to(layer.bias, layer_shape)[place])
    layer_shape = tuple(lengths[letter] for letter in right[1:])
    terms = tuple(Term(of, tap, float(x[of]), float(kernel[tap])) for of, tap in sums(at))
    name = activation_name(layer)

    def row():
        ways = [at | {right[-1]: other} for other in range(layer_shape[-1])]
        return np.array([sum(float(x[of]) * kernel[tap] for of, tap in sums(way)) for way in ways]) + [
            bias((*place[:-1], other)) for other in range(layer_shape[-1])]
    mixed = row if name in _MIXING else None
    return Sum("sum", terms, bias(place), name, _activated(layer.activation, mixed, place[-1]))


def _attention_scores(step, inputs, place):
    products, note = steps.score_terms(step, *(np.asarray(array, np.float64) for array in inputs), place)
    at = (place[1], place[0]) if step.has_heads else (place[0],)
    return Sum("sum", tuple(Term((*at, i), (i,), float(value), float(weight))
                            for i, (value, weight) in enumerate(products)), note=note)


def _attention_weights(step, inputs, place):
    scores = inputs[0].astype(np.float64)
    row, readable = scores[place[:-1]], step.readable(*scores.shape[-2:])
    row = row if readable is None else np.where(readable[place[-2]], row, -np.inf)
    return Sum("sum", (Term(place, (), float(scores[place]), 1.0),), 0.0, "softmax", _activated(
        activations.softmax, lambda: row, place[-1]), f"The softmax is taken over the {np.isfinite(row).sum():,} "
               f"places that place {place[-2]} may read.")


def _attention_mean(step, inputs, place):
    values, shares = inputs
    if step.has_heads:
        at, head, number = place
        head_read = head // (len(shares) // values.shape[1])
        weights, spots = shares[head, at], [(s, head_read, number) for s in range(len(values))]
    else:
        weights, spots = shares[place[0]], [(s, place[1]) for s in range(len(values))]
    return Sum("sum", tuple(Term(spot, (s,), float(values[spot]), float(weight))
                            for s, (spot, weight) in enumerate(zip(spots, weights, strict=True))),
               note=f"The weights say how much place {place[0]} reads of each place; they add up to 1.")


def _wrapped(layer, inputs, place):
    """SpectralNormalization: the layer inside, with its kernel divided."""
    found = sum_of(inside(layer), inputs, place)
    note = f"The weights are those of the kernel divided by its largest singular value. {found.note}"
    return replace(found, note=note.strip())


def _batch_norm(layer, inputs, place):
    channel = place[layer.axis - 1 if layer.axis > 0 else layer.axis]
    gamma = float(np.asarray(layer.gamma)[channel]) if layer.scale else 1.0
    beta = float(np.asarray(layer.beta)[channel]) if layer.center else 0.0
    scale = gamma / sqrt(float(np.asarray(layer.moving_variance)[channel]) + layer.epsilon)
    offset = beta - float(np.asarray(layer.moving_mean)[channel]) * scale
    return Sum("sum", (Term(place, (channel,), float(inputs[0][place]), scale),), offset)


def _embedding(layer, inputs, place):
    """A row of the table: of all rows that of the word counts once, and the others not at all."""
    row = int(inputs[0][place[:-1]])
    weight = float(np.asarray(layer.embeddings)[row, place[-1]])
    return Sum("sum", (Term(place[:-1], (row, place[-1]), 1.0, weight),),
               note=f"Row {row} of the table counts once, because the input says {row}.")


def _group_norm(layer, inputs, place):
    """A sample's group of channels brought to mean 0 and variance 1."""
    axis, x = layer.axis - 1 if layer.axis > 0 else layer.axis % inputs[0].ndim, inputs[0]
    size, channel = x.shape[axis] // layer.groups, place[axis]
    group = [slice(None)] * x.ndim
    group[axis] = slice(channel // size * size, (channel // size + 1) * size)
    return _own_mean_taken(layer, x, place, tuple(group), (channel,))


def _layer_norm(layer, inputs, place):
    """A sample's numbers along some axes brought to mean 0 and variance 1."""
    axes = [axis - 1 for axis in layer._axes]
    group = tuple(slice(None) if axis in axes else slice(at, at + 1) for axis, at in enumerate(place))
    return _own_mean_taken(layer, inputs[0], place, group, tuple(place[axis] for axis in axes))


def _own_mean_taken(layer, x, place, group, weight: tuple[int, ...]):
    """All numbers of a group weigh less than nothing, by which the mean is taken off; the place's own weighs more."""
    numbers = x[group].astype(np.float64)
    factor = (1.0 if layer.gamma is None else float(np.asarray(layer.gamma)[weight])) / sqrt(
        numbers.var() + layer.epsilon)
    corner = [one.start or 0 for one in group]
    places = [tuple(first + i for first, i in zip(corner, at, strict=True)) for at in np.ndindex(numbers.shape)]
    terms = tuple(Term(at, (), float(value), factor * ((at == place) - 1 / numbers.size))
                  for at, value in zip(places, numbers.ravel(), strict=True))
    return Sum("sum", terms, 0.0 if layer.beta is None else float(np.asarray(layer.beta)[weight]), note=(
        f"{factor:.4g} is gamma by the deviation of these {numbers.size:,} numbers: so much weighs the number itself, "
        "and as much less their mean."))


def _rms_norm(layer, inputs, place):
    axes = [axis - 1 if axis > 0 else axis % inputs[0].ndim for axis in layer.axis]
    group = tuple(slice(None) if axis in axes else slice(at, at + 1) for axis, at in enumerate(place))
    mean = float((inputs[0][group].astype(np.float64) ** 2).mean())
    factor = float(np.asarray(layer.scale)[tuple(place[axis] for axis in axes)]) / sqrt(mean + layer.epsilon)
    return Sum("sum", (Term(place, (), float(inputs[0][place]), factor),),
               note=f"The weight is the layer's factor by the root of the mean of squares, {sqrt(mean):.4g}.")


# ---- layers without weights ------------------------------------------------------------------------------------------

def _pooling(layer, inputs, place):
    x = inputs[0]
    window = slid_over(layer, x.shape)
    places = [(tap, (*at, place[-1])) for tap, at in window.taps(place[:-1]) if at is not None]
    return _pooled(window.kind, x, places)


def _global_pooling(layer, inputs, place):
    places = [(at, (*at, place[-1])) for at in np.ndindex(*inputs[0].shape[:-1])]
    return _pooled("max" if layer.function == "max" else "average", inputs[0], places)


def _pooled(kind: str, x: np.ndarray, places) -> Sum:
    share = 1 / len(places) if kind == "average" else 1.0
    values = [float(x[at]) for _, at in places]
    terms = tuple(Term(at, tap, value, value if kind == "l2" else share)
                  for (tap, at), value in zip(places, values, strict=True))
    return Sum("sum" if kind == "average" else kind, terms)


def _merge(layer, inputs, place):
    kind, count = type(layer), len(inputs)
    if kind is merging.Concatenate:
        axis = layer.axis - 1 if layer.axis > 0 else len(place) + layer.axis
        which, at = 0, list(place)
        while at[axis] >= inputs[which].shape[axis]:
            at[axis] -= inputs[which].shape[axis]
            which += 1
        return Sum("sum", (Term(tuple(at), (which,), float(inputs[which][tuple(at)]), 1.0),))
    if kind is merging.Dot:
        return _dot(layer, inputs, place)
    if kind is merging.Multiply and count == 2:
        first, second = (float(array[place]) for array in np.broadcast_arrays(*inputs))
        return Sum("sum", (Term(place, (1,), first, second),))
    weights = {merging.Add: (1.0,) * count, merging.Average: (1 / count,) * count, merging.Subtract: (1.0, -1.0),
               merging.Maximum: (1.0,) * count}.get(kind)
    if weights is None:
        return None
    terms = tuple(Term(place, (which,), float(array[place]), weight)
                  for which, (array, weight) in enumerate(zip(np.broadcast_arrays(*inputs), weights, strict=True)))
    return Sum("max" if kind is merging.Maximum else "sum", terms)


def _dot(layer, inputs, place):
    """Products of two vectors: those of the first input, weighed by those of the second."""
    one, other = (np.asarray(array, np.float64) for array in inputs)
    axes = [axis - 1 for axis in layer._axes([one.ndim + 1, other.ndim + 1])]
    free = one.ndim - 1  # So many entries of the place are of the first input; of vectors the place says nothing.
    at, behind = ([], []) if one.ndim == other.ndim == 1 else (list(place[:free]), list(place[free:]))
    count = one.shape[axes[0]]
    places = [(*at[:axes[0]], k, *at[axes[0]:]) for k in range(count)]
    weights = np.array([other[(*behind[:axes[1]], k, *behind[axes[1]:])] for k in range(count)])
    if layer.normalize:
        values = np.array([one[at] for at in places])
        weights = weights / sqrt(max((values ** 2).sum(), 1e-12) * max((weights ** 2).sum(), 1e-12))
    terms = tuple(Term(at, (k,), float(one[at]), float(weights[k])) for k, at in enumerate(places))
    note = "The weights are the numbers of the second input" + (
        ", divided by the lengths of both vectors." if layer.normalize else ".")
    return Sum("sum", terms, note=note)


def _activation(layer, inputs, place):
    row = inputs[0][place[:-1]].astype(np.float64)
    is_general = isinstance(layer, activation.Activation)
    name = activation_name(layer) if is_general else type(layer).__name__.lower()
    term = Term(place, (), float(row[place[-1]]), 1.0)
    function = layer.activation if is_general else layer.call
    return Sum("sum", (term,), 0.0, name, _activated(function, (lambda: row) if name in _MIXING else None, place[-1]))


def _bent(layer, inputs, place):
    """PReLU: below zero times a slope."""
    value = float(inputs[0][place])
    slope = float(np.broadcast_to(np.asarray(layer.alpha, np.float64), inputs[0].shape)[place])
    return Sum("sum", (Term(place, (), value, 1.0 if value > 0 else slope),))


def _unit_norm(layer, inputs, place):
    given = layer.axis if isinstance(layer.axis, list) else [layer.axis]
    axes = [axis - 1 if axis > 0 else axis % inputs[0].ndim for axis in given]
    group = tuple(slice(None) if axis in axes else slice(at, at + 1) for axis, at in enumerate(place))
    length = sqrt(max(float((inputs[0][group].astype(np.float64) ** 2).sum()), 1e-12))
    return Sum("sum", (Term(place, (), float(inputs[0][place]), 1 / length),),
               note=f"The weight is one by the length of the vector, {length:.4g}.")


def _rescaling(layer, inputs, place):
    scale, offset = (float(np.broadcast_to(np.asarray(v, np.float64), inputs[0].shape)[place])
                     for v in (layer.scale, layer.offset))
    return Sum("sum", (Term(place, (), float(inputs[0][place]), scale),), offset)


def _flat(layer, inputs, place):
    """Flatten and Reshape: the same numbers in the same order."""
    x = inputs[0]
    shape = tuple(layer.compute_output_shape((1, *x.shape)))[1:]
    at = tuple(int(i) for i in np.unravel_index(int(np.ravel_multi_index(place, shape)), x.shape))
    return Sum("sum", (Term(at, (), float(x[at]), 1.0),))


def _moved(layer, inputs, place):
    """Padding, cropping, enlarging and Permute: copies of numbers elsewhere, or the zeros around them."""
    x, at = inputs[0], place
    if isinstance(layer, reshaping.Permute):
        moved = sorted(zip(layer.dims, place, strict=True))
        at = tuple(i for _, i in moved)
    elif isinstance(layer, (reshaping.UpSampling1D, reshaping.UpSampling2D, reshaping.UpSampling3D)):
        if getattr(layer, "interpolation", "nearest") != "nearest":
            return None
        size = layer.size if isinstance(layer.size, tuple) else (layer.size,)
        at = (*(i // factor for i, factor in zip(place, size, strict=False)), place[-1])
    else:
        pads = isinstance(layer, reshaping.BaseZeroPadding)
        pairs = layer.padding if pads else layer.cropping
        shifts = [(-1 if pads else 1) * before for before, _ in ([pairs] if layer.rank == 1 else pairs)]
        at = (*(i + by for i, by in zip(place, shifts, strict=False)), place[-1])
    inside = all(0 <= i < n for i, n in zip(at, x.shape, strict=True))
    return Sum("sum", (Term(at if inside else None, (), float(x[at]) if inside else 0.0, 1.0),))


def _standardised(layer, inputs, place):
    """Normalization: less the mean, divided by the deviation."""
    x = inputs[0]
    mean, variance = (float(np.broadcast_to(np.asarray(v, np.float64), (1, *x.shape))[(0, *place)])
                      for v in (layer.mean, layer.variance))
    deviation = max(sqrt(variance), 1e-7)
    factor, offset = (deviation, mean) if layer.invert else (1 / deviation, -mean / deviation)
    return Sum("sum", (Term(place, (), float(x[place]), factor),), offset)


def _same(layer, inputs, place):
    """Layers that do nothing when predicting."""
    if isinstance(layer, attention.Attention):
        return None
    return Sum("sum", (Term(place, (), float(inputs[0][place]), 1.0),))


_RULES: tuple[tuple[Any, Callable], ...] = (
    (core.Dense, _dense), (pool.BasePooling, _pooling), (pool.BaseGlobalPooling, _global_pooling),
    (normalization.BatchNormalization, _batch_norm), (normalization.LayerNormalization, _layer_norm),
    (normalization.GroupNormalization, _group_norm), (normalization.RMSNormalization, _rms_norm),
    (normalization.UnitNormalization, _unit_norm), (core.EinsumDense, _einsum_dense),
    (steps.AttentionScores, _attention_scores), (steps.AttentionWeights, _attention_weights),
    (steps.AttentionMean, _attention_mean), (core.Embedding, _embedding),
    (merging.Merge, _merge), (core.Rescaling, _rescaling),
    ((activation.Activation, activation.ReLU, activation.LeakyReLU, activation.ELU, activation.Softmax), _activation),
    ((reshaping.Flatten, reshaping.Reshape), _flat), (activation.PReLU, _bent),
    (normalization.Normalization, _standardised),
    ((reshaping.BaseZeroPadding, reshaping.BaseCropping, reshaping.UpSampling1D, reshaping.UpSampling2D,
      reshaping.UpSampling3D, reshaping.Permute), _moved), ((regularization.RandomLayer, core.Identity), _same),
    (wrapper.SpectralNormalization, _wrapped), (object, _convolution))
