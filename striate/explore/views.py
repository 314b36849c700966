"""What the page shows, as plain values: the network, its maps, one layer, one number. Every number is the engine's."""

from __future__ import annotations

from math import isfinite, prod
from typing import Any

import numpy as np

from striate.errors import ArgumentError, received
from striate.explore.session import LIVE, Session, sliding
from striate.explore.wire import packed, planes
from striate.layers.conv import BaseConvTranspose, BaseDepthwiseConv
from striate.layers.wrapper import TimeDistributed
from striate.see import fields, palette, probe
from striate.see.architecture_figure import architecture
from striate.see.explanation import Number, explained
from striate.see.geometry import channels_last, inside, window_of
from striate.see.number_rules import NoSumError
from striate.see.sizes import arithmetic

MAPS_IN_OVERVIEW, UNITS_IN_OVERVIEW, MAPS_IN_LAYER = 32, 512, 512
CHANNELS_IN_SUM, TERMS_IN_SUM = 6, 5000
SUREST, THUMBNAIL = 5, 32


def state(session: Session) -> dict[str, Any]:
    """What does not change: the network, the inputs, whether it can be trained."""
    subject = session.subject
    first = session.graph.inputs[0].shape[1:]
    shape = _last(session.graph.maker(session.graph.inputs[0]), first)
    kind = "image" if len(first) == 3 and first[-1] in (1, 3) else "line" if len(first) == 2 else "other"
    data = subject.data
    return {"name": session.model.name, "nodes": nodes(session), "answer": session.answer,
            "input": {"shape": shape, "kind": "other" if len(session.graph.inputs) > 1 else kind},
            "classes": list(subject.classes), "samples": samples(session),
            "training": None if data is None else {"said": data.said, "batch": data.batch_size},
            "whyNot": subject.why_not, "edited": sorted(session.edits)}


def samples(session: Session) -> list[dict[str, Any]]:
    """The inputs that can be chosen."""
    return [{"id": name, "name": sample.name, "label": sample.label, "thumb": _thumbnail(sample.values)}
            for name, sample in list(session.samples.items())]


def _thumbnail(values) -> dict[str, Any] | None:
    """An image of at most 32 pixels a side; None for what is none."""
    array = np.asarray(values) if not isinstance(values, list) else np.zeros(0)
    if array.ndim != 3 or array.shape[-1] not in (1, 3):
        return None
    step = max(1, -(-max(array.shape[:2]) // THUMBNAIL))
    return packed(palette.photograph(array[::step, ::step]), "u1")


def nodes(session: Session) -> list[dict[str, Any]]:
    """Each call of a layer: name, shapes, formulas, and what feeds it (places in this list; -1 is the input)."""
    blocks = architecture(session.model).blocks
    costs = {row.name: row for row in arithmetic(session.model).layers}
    inputs = {block.name for block, node in zip(blocks, session.graph.nodes, strict=True) if node.is_input}
    called = [block for block in blocks if block.name not in inputs]
    places = {block.name: i for i, block in enumerate(called)} | dict.fromkeys(inputs, -1)
    seen = {node: None if isinstance(axes, str) else [list(axis) for axis in axes]
            for node, axes in fields.fields_of(session.model).items()}
    found = []
    for block, node in zip(called, session.nodes, strict=True):
        layer, name = node.operation, session.graph.names[node.operation]
        cost = costs.get(name)
        family, colour = block.family
        found.append({
            "name": block.name, "layer": name, "kind": block.kind, "family": family, "colour": colour,
            "shape": _last(node, block.shape), "parameters": block.parameters,
            "sources": [places[s] for s in block.sources],
            "sizes": list(cost.size_formulas) if cost else [], "count": cost.parameter_formula if cost else "",
            "flops": cost.flops if cost else 0, "kernel": _kernel(layer), "field": seen[node],
            "window": _window(layer, node.input_tensors[0].shape)})
    return found


def _kernel(layer) -> list[int] | None:
    """The shape of a kernel that can be changed by hand."""
    slid = sliding(layer)
    return None if slid is None else list(slid.kernel.shape)


def _last(call, shape) -> list:
    """A shape of a call's output without the batch, the channels last, as maps and indices have them."""
    return [*shape[1:], shape[0]] if call.channels_first else list(shape)


def _window(layer, shape) -> dict[str, Any] | None:
    while isinstance(layer, TimeDistributed):
        layer, shape = layer.layer, (shape[0], *shape[2:])
    window = window_of(inside(layer), shape) if None not in shape[1:] else None
    return None if window is None else {
        "kind": window.kind, "size": list(window.size), "strides": list(window.strides),
        "dilation": list(window.dilation), "padding": [list(pair) for pair in window.padding]}


def node_at(session: Session, place: str) -> int:
    """A node by its place in the list, as the page names it.

    Raises:
        ArgumentError: there is no such node.
    """
    if not place.isdecimal() or len(place) > 6 or int(place) >= len(session.nodes):
        raise ArgumentError(f"The network has {len(session.nodes)} layers, counted from 0. {received(layer=place)}")
    return int(place)


def _output(tap: probe.Tap) -> np.ndarray:
    """A layer's output for the one input, channels last, without the batch."""
    return channels_last(tap, np.asarray(probe.arrays(tap.output)[0]))[0]


def _span(array: np.ndarray) -> tuple[float, float]:
    """(smallest, largest), of finite numbers."""
    array = array[np.isfinite(array)]
    return (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)


def _broken(array: np.ndarray) -> int:
    """How many numbers are NaN or infinite."""
    return int(array.size - np.isfinite(array).sum())


def verdict(session: Session, image: str, at: str = LIVE) -> dict[str, Any]:
    """The input, what the network says of it, and after how many steps of the training it says so."""
    with session.looking():
        taps, steps = session.taps(image, at), session.shown_steps
    return {"said": provenance(session, at), "input": picture(session, image), "answer": answer(session, taps),
            "edited": sorted(session.edits), "steps": steps}


def overview(session: Session, image: str, at: str = LIVE) -> dict[str, Any]:
    """The verdict, with a few maps of every layer (bytes, for the eye)."""
    with session.looking():
        taps, found = session.taps(image, at), verdict(session, image, at)
    layers = []
    for tap in taps:
        kind, maps, depth = planes(_output(tap))
        low, high = _span(maps)
        shown = maps[:UNITS_IN_OVERVIEW if kind == "vector" else MAPS_IN_OVERVIEW]
        # Bytes run from the smallest to the largest number where none is below zero, else evenly about zero.
        base, scale = (0.0, high) if low >= 0 else (-max(-low, high), 2 * max(-low, high))
        shown = np.nan_to_num(shown, nan=0.0, posinf=high, neginf=low)
        levels = np.round((shown - base) / (scale or 1.0) * 255)
        layers.append({"kind": kind, "low": low, "high": high, "broken": _broken(maps), "count": len(maps),
                       "maps": packed(levels, "u1"), "largest": _largest(kind, maps[:MAPS_IN_LAYER], depth)})
    return {**found, "layers": layers}


def _largest(kind: str, maps: np.ndarray, depth: int) -> list[int]:
    """The index, in the layer's output, of the largest number of maps (channels first); empty where there is none."""
    if not maps.size:
        return []
    numbers = np.where(np.isnan(maps), -np.inf, maps)
    channel, row, column = (int(i) for i in np.unravel_index(numbers.argmax(), maps.shape))
    return {"vector": [channel], "lines": [column, channel], "maps": [row, column, channel],
            "volume": [depth, row, column, channel]}.get(kind, [])


def provenance(session: Session, at: str) -> str:
    """Where the weights come from that are shown, and what may be expected of them."""
    learner, data = session.learner, session.subject.data
    if learner is None or data is None or not learner.steps or at == "0":
        return session.subject.said
    which = f"after {learner.steps:,} step{'s' * (learner.steps != 1)}" if at == LIVE else f"after epoch {at}"
    return f"Trained on this page, {which}, on {data.said}: do not expect what longer training on more data gives."


def picture(session: Session, image: str) -> dict[str, Any]:
    """The input as the page draws it: colours for images and the middle slice of volumes, numbers for lines."""
    values = session.sample(image).values
    array = probe.pictures(session.model, probe.arrays(probe.batch(session.model, values))[0])[0]
    if array.ndim == 4:
        array = array[len(array) // 2]
    if array.ndim == 3:
        return {"kind": "image", **packed(palette.photograph(array), "u1")}
    kind, maps, _ = planes(array)
    return {"kind": kind, **packed(maps)}


def answer(session: Session, taps) -> list[dict[str, Any]]:
    """The largest outputs: names, shares where they are classes, and the numbers themselves."""
    if len(session.graph.outputs) > 1:
        return _several(session, taps)
    output = np.asarray(probe.arrays(taps[session.answer].output)[0], np.float64)
    if output.ndim != 2:
        return []
    classes = session.subject.classes
    shares = session.subject.shares(output)[0] if classes else output[0]
    best = np.argsort(-np.nan_to_num(shares), kind="stable")[:SUREST]
    return [{"index": int(i), "name": classes[i] if i < len(classes) else f"output {i}",
             "share": float(shares[i]) if isfinite(shares[i]) else None} for i in best]


def _several(session: Session, taps) -> list[dict[str, Any]]:
    """Of a network with several outputs the largest numbers of each that is a vector, named by its layer."""
    found = []
    for tensor in session.graph.outputs:
        place = next(i for i, node in enumerate(session.nodes) if any(tensor is made for made in node.output_tensors))
        numbers = np.asarray(probe.arrays(taps[place].output)[0], np.float64)
        if numbers.ndim != 2:
            continue
        name, row = session.graph.names[session.nodes[place].operation], numbers[0]
        best = np.argsort(-np.nan_to_num(row), kind="stable")[:SUREST]
        found += [{"index": int(i), "name": f"{name} {i}" if len(row) > 1 else name,
                   "share": float(row[i]) if isfinite(row[i]) else None} for i in best]
    return found


def layer(session: Session, place: str, image: str, at: str = LIVE, what: str = "maps") -> dict[str, Any]:
    """All numbers of a layer: maps, gradients of them, filters or gradients of these.

    Raises:
        ArgumentError: no such layer, or it has nothing of this kind.
    """
    node = node_at(session, place)
    name = session.graph.names[session.nodes[node].operation]
    if what == "maps":
        said, array = "", _output(session.taps(image, at)[node])
    elif what == "gradients":
        said, outputs, _ = session.slopes(image, at)
        array = channels_last(session.nodes[node], np.asarray(outputs[node]))[0]
    elif what in ("filters", "filter-gradients"):
        if _kernel(session.nodes[node].operation) is None:
            raise ArgumentError("This layer has no filters that slide. " + received(layer=name))
        if what == "filters":
            said, kernel = "", session.weights(name, at)
        else:
            said, _, kernels = session.slopes(image, at)
            kernel = kernels[name]
        return {"kind": "filters", "said": said, **_filters(sliding(session.nodes[node].operation), kernel)}
    else:
        raise ArgumentError("`what` must be maps, gradients, filters or filter-gradients. " + received(what=what))
    kind, maps, depth = planes(array)
    low, high = _span(maps)
    return {"kind": kind, "said": said, "low": low, "high": high, "broken": _broken(maps), "count": len(maps),
            "slice": depth, "maps": packed(maps[:MAPS_IN_LAYER])}


def by_filter(layer, kernel: np.ndarray) -> np.ndarray:
    """A kernel as (filters, channels that each sums over, height, width); lines have height 1."""
    if isinstance(layer, BaseDepthwiseConv):
        kernel = kernel.reshape(*kernel.shape[:-2], 1, -1)
    elif isinstance(layer, BaseConvTranspose):
        kernel = np.swapaxes(kernel, -1, -2)
    if kernel.ndim == 5:
        kernel = kernel[len(kernel) // 2]
    if kernel.ndim == 3:
        kernel = kernel[np.newaxis]
    return np.transpose(kernel, (3, 2, 0, 1))


def _filters(layer, kernel) -> dict[str, Any]:
    """For the eye: each filter's first channel, or the mean over many."""
    filters = by_filter(layer, np.asarray(kernel))[:MAPS_IN_LAYER]
    shown = filters[:, 0] if filters.shape[1] == 1 else filters.mean(axis=1)
    low, high = _span(shown)
    return {"low": low, "high": high, "count": len(shown), "slice": 0, "channels": filters.shape[1],
            "maps": packed(shown)}


def number(session: Session, place: str, index: tuple[int, ...], image: str, at: str = LIVE) -> dict[str, Any]:
    """One number with the whole sum behind it.

    Args:
        session: the exploration.
        place: of the node.
        index: of the number in the layer's output, channel last.
        image, at: input and weights.

    Raises:
        ArgumentError: an index out of range, or a layer whose numbers are no plain sums.
    """
    node = node_at(session, place)
    with session.looking():
        tap = session.taps(image, at)[node]
        if tap.channels_first:
            index = (index[-1], *index[:-1])
        try:
            found = explained(session.model.name, tap, index)
        except NoSumError as error:  # Nothing is wrong: the layer is of another kind.
            return {"error": str(error)}
    return {"name": found.layer, "type": found.layer_type, "index": list(found.index), "kind": found.kind,
            "bias": found.bias, "total": found.total, "activation": found.activation, "value": found.value,
            "engine": found.engine, "bound": found.bound, "count": len(found.terms), "note": found.note,
            **_terms(found), **_inputs(found)}


def _terms(found: Number) -> dict[str, Any]:
    """The products in their order; of very long sums the first. Places in the padding are -1."""
    terms = found.terms[:TERMS_IN_SUM]
    columns = {"values": [t.value for t in terms], "weights": [t.weight for t in terms],
               "products": [t.product for t in terms], "sums": found.partial_sums[:TERMS_IN_SUM]}
    depth = max((len(t.place) for t in terms if t.place is not None), default=0)
    outside = (-1,) * depth
    return {"places": packed([outside if t.place is None else t.place for t in terms], "i4"),
            "taps": packed([t.tap for t in terms], "i4"),
            **{name: packed(column, "f8") for name, column in columns.items()}}


def _inputs(found: Number) -> dict[str, Any]:
    """What each input channel adds, and the planes of those that add most."""
    axes = found.inputs.ndim - 1
    sums: dict[int, float] = {}
    for term in found.terms:
        channel = term.place[-1] if term.place is not None else term.tap[axes] if len(term.tap) > axes else \
            found.index[-1]
        sums[channel] = sums.get(channel, 0.0) + term.product
    order = sorted(sums, key=lambda channel: -abs(sums[channel]))
    kind, maps, depth = planes(found.inputs)
    shown = [] if kind in ("vector", "other") else order[:CHANNELS_IN_SUM]
    return {"input": {"kind": kind, "slice": depth, "channels": len(maps)},
            "channels": [[channel, sums[channel]] for channel in order[:MAPS_IN_LAYER]],
            "planes": [{"channel": channel, **packed(maps[channel])} for channel in shown]}


def kernel_place(layer, channel: int, filter: int) -> tuple:
    """Where in a layer's kernel the weights lie by which an output channel weighs an input channel.

    Raises:
        ArgumentError: the filter does not look at this channel.
    """
    *_, inner, outer = layer.kernel.shape
    if isinstance(layer, BaseDepthwiseConv):
        source, copy = divmod(filter, outer)
        count, place = inner * outer, (..., source, copy) if channel == source else None
    elif isinstance(layer, BaseConvTranspose):
        count, place = inner, (..., filter, channel) if channel < outer else None
    else:
        first = filter // (layer.filters // layer.groups) * inner
        count, place = outer, (..., channel - first, filter) if 0 <= channel - first < inner else None
    if not 0 <= filter < count or channel < 0 or place is None:
        raise ArgumentError("The layer has no such filter, or the filter does not look at this channel. "
                            + received(filter=filter, channel=channel))
    return place


def edit(session: Session, place: str, channel: int, filter: int, values: np.ndarray) -> None:
    """Lays the weights anew by which a filter weighs an input channel; `values` has as many as the window.

    Raises:
        ArgumentError: no such filter, or another count of weights.
    """
    layer = session.nodes[node_at(session, place)].operation
    slid = sliding(layer)
    if slid is None:
        raise ArgumentError("Only kernels of convolutions can be changed by hand. " + received(layer=layer.name))
    where = kernel_place(slid, channel, filter)
    window = slid.kernel.shape[:-2]
    if values.size != prod(window):
        raise ArgumentError(f"The window has {prod(window)} weights. " + received(weights=values.size))
    session.edit(session.graph.names[layer], where, values.reshape(window))

