"""`doctor`: a linter for networks and data. It warns, never blocks; each finding has a code, a reason and a mend."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from striate import losses
from striate.errors import ArgumentError, received
from striate.layers.activation import Activation, ReLU, Softmax
from striate.layers.core import Dense, Rescaling
from striate.layers.normalization import BatchNormalization, Normalization
from striate.see import arguments, grid, probe
from striate.see.canvas import Canvas, wrapped
from striate.see.geometry import activation_name, is_convolution
from striate.see.palette import INK, MUTED, ORANGE, SHADE, text_width
from striate.see.result import Result

WIDTH = 1060.0
SAMPLES = 256
"""So many samples at most are run through the model."""
USUAL_SPLIT = 0.2


@dataclass(frozen=True)
class Finding:
    """One finding. code: such as "M101"; reason: what is wrong; mend: what to do; page: in the documentation."""

    code: str
    reason: str
    mend: str

    @property
    def page(self) -> str:
        return f"docs/see/doctor.md#{self.code.lower()}"


@dataclass(frozen=True)
class Diagnosis(Result):
    """What the doctor found, and which checks could be made."""

    model: str
    findings: tuple[Finding, ...]
    looked_at: tuple[str, ...]

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(finding.code for finding in self.findings)

    def data(self) -> dict[str, Any]:
        """The findings."""
        return {"model": self.model, "looked_at": self.looked_at,
                "findings": [{**vars(finding), "page": finding.page} for finding in self.findings]}

    def __str__(self) -> str:
        head = f"The doctor looked at {', '.join(self.looked_at)} of {self.model}: "
        if not self.findings:
            return head + "nothing found."
        lines = [f"{f.code}  {f.reason}\n      Mend: {f.mend}\n      More: {f.page}" for f in self.findings]
        return head + f"{len(self.findings)} finding(s)\n\n" + "\n\n".join(lines)

    def figure(self) -> Canvas:
        """The findings as a list."""
        title, note = f"The doctor on {self.model}", f"Looked at: {', '.join(self.looked_at)}"
        rows = [(f.code, wrapped(f.reason, WIDTH - 180, 15), wrapped("Mend: " + f.mend, WIDTH - 180, 14))
                for f in self.findings] or [("", ["Nothing found."], [])]
        heights = [22 * (len(reason) + len(mend)) + 26 for _, reason, mend in rows]
        top = grid.header_height(WIDTH, title, note)
        canvas = Canvas(WIDTH, top + sum(heights) + 16, title)
        grid.header(canvas, title, note)
        y = top
        for (code, reason, mend), height in zip(rows, heights, strict=True):
            canvas.rectangle(16, y, WIDTH - 32, height - 10, fill=SHADE, radius=6)
            canvas.text(32, y + 27, code, 17, ORANGE, bold=True)
            for index, line in enumerate([*reason, *mend]):
                canvas.text(40 + text_width("M100", 17), y + 27 + 22 * index, line, 15 if index < len(reason) else 14,
                            INK if index < len(reason) else MUTED)
            y += height
        return canvas


def doctor(model, x=None, y=None, validation_split: float = 0.0, validation_data=None) -> Diagnosis:
    """Looks for the usual mistakes in a model, its loss and its data, before any time is spent on training.

    Args:
        model: a model with a graph; its loss is looked at if it is compiled.
        x, y: the training data, as `fit` would get them.
        validation_split: as `fit` would get it.
        validation_data: (x, y), as `fit` would get it.

    Returns:
        A `Diagnosis`: `codes`, `findings`, and a text.

    Example:
        print(see.doctor(model, x, y, validation_split=0.2))
    """
    probe.network(model)
    if not 0 <= arguments.finite(validation_split, "validation_split") < 1:
        raise ArgumentError("`validation_split` is a share from 0 to less than 1. "
                            + received(validation_split=validation_split))
    findings = [*_layers(model)]
    looked = ["layers"]
    if model.loss is not None:
        looked.append("loss")
        findings += _loss(model)
    if x is not None:
        looked.append("inputs")
        x = _samples(x, "x")
        findings += _inputs(model, x)
    if y is not None:
        looked.append("labels")
        y = _samples(y, "y")
        findings += _labels(model, y)
        if validation_data is None:  # With it `fit` splits nothing off, and sorted samples do no harm.
            findings += _split(y, validation_split)
    if x is not None and validation_data is not None:
        looked.append("validation data")
        if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
            raise ArgumentError("`validation_data` must be (x, y). " + received(validation_data=validation_data))
        findings += _validation(x, y, *(_samples(part, "validation_data") for part in validation_data[:2]))
    elif x is not None and validation_split:
        first = int(len(x) * (1 - validation_split))
        findings += _duplicates(x[:first], x[first:])
    return Diagnosis(model.name, tuple(findings), tuple(looked))


def _samples(values, name: str) -> np.ndarray:
    """A batch of numbers.

    Raises:
        ArgumentError: a single number, or no numbers.
    """
    array = arguments.numbers(values, name)
    if not array.ndim:
        raise ArgumentError(f"`{name}` must hold an entry for each sample. " + received(**{name: values}))
    return array


# ---- the network -----------------------------------------------------------------------------------------------------

def _has_weights_and_no_activation(layer) -> bool:
    return (is_convolution(layer) or isinstance(layer, Dense)) and activation_name(layer) == "linear"


def _layers(model) -> Iterator[Finding]:
    graph, names = probe.network(model), probe.network(model).names
    layers = [node.operation for node in graph.nodes if not node.is_input]
    for node in graph.nodes:
        for tensor in node.input_tensors:
            before = graph.maker(tensor).operation
            if _has_weights_and_no_activation(before) and (is_convolution(node.operation)
                                                           or isinstance(node.operation, Dense)):
                first, second = names[before], names[node.operation]
                yield Finding("M107", f"'{first}' has no activation and is followed by '{second}': "
                              "two linear layers in a row can do no more than one.",
                              f"give '{first}' activation=\"relu\".")
    for layer in dict.fromkeys(layers):
        if not all(np.isfinite(variable.numpy()).all() for variable in getattr(layer, "weights", ())):
            yield Finding("M110", f"Some weights of '{names[layer]}' are NaN or infinite, and so is what it gives.",
                          "train anew with a smaller learning rate, or with clipnorm=1 in the optimizer.")
    last = layers[-1]
    if _gives(last) == "softmax" and graph.nodes[-1].output_tensors[0].shape[-1] == 1:
        yield Finding("M101", f"'{names[last]}' is a softmax over one unit, which is always 1.",
                      'use Dense(1, activation="sigmoid"), or one unit for each class.')
    total = int(model.count_params())
    biggest = max(layers, key=lambda layer: layer.count_params() if hasattr(layer, "count_params") else 0)
    if isinstance(biggest, Dense) and len(layers) > 2 and total and biggest.count_params() > 0.9 * total:
        share = biggest.count_params() / total
        yield Finding("M109", f"{share:.1%} of all parameters ({biggest.count_params():,} of {total:,}) are in the "
                      f"dense layer '{names[biggest]}'.",
                      "pool once more before Flatten, or use GlobalAveragePooling2D in its place.")


def _gives(layer) -> str:
    """The activation that a layer ends with."""
    return "softmax" if isinstance(layer, Softmax) else activation_name(layer)


# ---- the loss --------------------------------------------------------------------------------------------------------

def _named_loss(model):
    """(kind, from_logits) of a model's loss; kind is binary, categorical, sparse, or another name."""
    loss = model.loss
    if isinstance(loss, (list, tuple, dict)) or loss is None:
        return None, False
    found = losses.get(loss)
    name = (getattr(found, "name", None) or getattr(found, "__name__", type(found).__name__)).lower()
    kinds = (("sparse_categorical", "sparse"), ("binary", "binary"), ("categorical", "categorical"))
    kind = next((kind for word, kind in kinds if word in name and "crossentropy" in name), name)
    config = found.get_config() if hasattr(found, "get_config") else {}
    return kind, bool(config.get("from_logits", False))


def _loss(model) -> Iterator[Finding]:
    kind, from_logits = _named_loss(model)
    last, name = probe.last_layer(model), probe.name_of(model, probe.last_layer(model))
    units, gives = probe.network(model).outputs[0].shape[-1], _gives(last)
    if kind not in ("binary", "categorical", "sparse"):
        return
    if kind in ("categorical", "sparse") and units == 1:
        yield Finding("M102", f"The loss is {kind} cross-entropy and the model has a single output: the loss hardly "
                      "depends on the weights, so nothing is learnt.",
                      'use loss="binary_crossentropy" with a sigmoid, or one unit for each class.')
    if gives in ("softmax", "sigmoid") and from_logits:
        yield Finding("M104", f"'{name}' ends with a {gives}, and the loss has from_logits=True, so it is applied "
                      "twice.", f"leave from_logits=True out, or the {gives}.")
    if gives == "linear" and not from_logits and not isinstance(last, (Activation, Softmax)):
        yield Finding("M103", f"'{name}' gives scores (no activation), and the loss takes them for probabilities.",
                      "give the loss from_logits=True, or the last layer a softmax (sigmoid for one unit).")


# ---- the data --------------------------------------------------------------------------------------------------------

def _inputs(model, x: np.ndarray) -> Iterator[Finding]:
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        rows = np.flatnonzero(~np.isfinite(x.reshape(len(x), -1)).all(axis=1))
        yield Finding("D201", f"{len(rows):,} samples hold NaN or infinity, the first is sample {rows[0]}.",
                      "remove or fill them: x = x[np.isfinite(x).reshape(len(x), -1).all(axis=1)].")
        return
    first = next(iter(probe.network(model).layers), None)
    scales = isinstance(first, (Rescaling, Normalization, BatchNormalization)) or type(first).__name__ == "Embedding"
    largest = float(np.abs(x[:SAMPLES]).max(initial=0))
    if largest > 20 and not scales:
        yield Finding("D202", f"Inputs reach {largest:g} and no layer scales them; training learns best with numbers "
                      "around 1.", "divide images by 255, or make Rescaling(1 / 255) the first layer.")
    yield from _dead(model, x)


def _dead(model, x: np.ndarray) -> Iterator[Finding]:
    if len(probe.network(model).inputs) > 1:
        return
    chosen = x[np.linspace(0, len(x) - 1, min(len(x), SAMPLES)).astype(int)]
    for tap in probe.taps(model, chosen):
        if not isinstance(tap.layer, ReLU) and activation_name(tap.layer) != "relu":
            continue
        output = probe.arrays(tap.output)[0]
        axis = 1 if tap.channels_first else output.ndim - 1
        dead = ~(output > 0).any(axis=tuple(i for i in range(output.ndim) if i != axis))
        if dead.mean() > 0.5 or (dead.sum() > 1 and dead.mean() > 0.25):
            yield Finding("M108", f"{int(dead.sum())} of {dead.size} channels of '{tap.name}' give 0 for all "
                          f"{len(chosen)} samples: their ReLUs are dead and learn nothing.",
                          "use a smaller learning rate, another initializer, or a LeakyReLU.")


def _classes(y: np.ndarray) -> np.ndarray | None:
    """Labels as class numbers; None if they are not of that kind."""
    if y.ndim == 2 and y.shape[1] > 1:
        return y.argmax(axis=1) if np.isin(y, (0, 1)).all() else None
    flat = y.reshape(-1)
    whole = flat.size and np.isfinite(flat.astype(np.float64)).all() and (flat == np.round(flat)).all()
    return flat.astype(np.int64) if whole and len(np.unique(flat)) <= 1000 else None


def _labels(model, y: np.ndarray) -> Iterator[Finding]:
    kind, _ = _named_loss(model)
    units = probe.network(model).outputs[0].shape[-1]
    single = y.ndim == 1 or y.shape[-1] == 1
    if kind == "categorical" and single and units != 1:
        yield Finding("D204", "The labels are class numbers, and categorical cross-entropy wants one-hot rows.",
                      'use loss="sparse_categorical_crossentropy", or y = keras.utils.to_categorical(y).')
    if kind == "sparse" and not single:
        yield Finding("D205", "The labels are rows, and sparse categorical cross-entropy wants class numbers.",
                      'use loss="categorical_crossentropy", or y = y.argmax(axis=1).')
    if kind in ("sparse", "binary") and single and y.size:
        top = 1 if kind == "binary" else (units or 1) - 1
        low, high = float(y.min()), float(y.max())
        if low < 0 or high > top:
            yield Finding("D206", f"Labels run from {low:g} to {high:g}, and the model's outputs stand for classes 0 "
                          f"to {top}.", "count classes from 0, and give the last layer one unit for each class.")
    classes = _classes(y)
    if classes is not None and len(classes) and len(np.unique(classes)) > 1:
        counts = np.unique(classes, return_counts=True)[1]
        if counts.min() * 10 < counts.max():
            yield Finding("D208", f"The rarest class has {counts.min():,} samples, the most frequent {counts.max():,}.",
                          "look at each class's recall (see.confusion), or weight classes with class_weight.")


def _split(y: np.ndarray, validation_split: float) -> Iterator[Finding]:
    """`fit` takes the last samples for validation, before it shuffles."""
    classes = _classes(y)
    share = validation_split or USUAL_SPLIT
    if classes is None or not len(classes) or len(np.unique(classes)) > 50:
        return
    first = int(len(classes) * (1 - share))
    before, behind = classes[:first], classes[first:]
    missing = sorted(set(np.unique(classes).tolist()) - set(np.unique(behind).tolist()))
    absent = sorted(set(np.unique(classes).tolist()) - set(np.unique(before).tolist()))
    if not missing and not absent or len(behind) < 2 * len(np.unique(classes)):
        return
    if validation_split:
        start = f"validation_split={share:g} takes the last {len(behind):,} samples, before shuffling. "
    else:
        start = f"The samples are sorted: with validation_split={share:g} the last {len(behind):,} would be taken. "
    if len(np.unique(behind)) == 1:
        what = f"All of them are of class {int(behind[0])}, so validation says nothing about the others."
    elif missing:
        what = f"Class{'es' if len(missing) > 1 else ''} {', '.join(map(str, missing))} would never be validated."
    else:
        what = f"Class{'es' if len(absent) > 1 else ''} {', '.join(map(str, absent))} would never be trained on."
    yield Finding("D207", start + what, "shuffle first: order = np.random.default_rng(0).permutation(len(x)); "
                  "x, y = x[order], y[order].")


def _validation(x: np.ndarray, y, other_x: np.ndarray, other_y: np.ndarray) -> Iterator[Finding]:
    one, two = (None if y is None else _classes(y)), _classes(other_y)
    if one is not None and two is not None and len(one) and len(two):
        missing = sorted(set(np.unique(one).tolist()) - set(np.unique(two).tolist()))
        if missing and len(np.unique(one)) <= 50:
            yield Finding("D207", f"The validation data hold no sample of class {', '.join(map(str, missing))}.",
                          "draw training and validation samples from all data by chance.")
    yield from _duplicates(x, other_x)


def _duplicates(x: np.ndarray, other: np.ndarray) -> Iterator[Finding]:
    """Samples that stand in both parts, byte for byte."""
    if not len(x) or x.shape[1:] != other.shape[1:]:
        return
    known = {np.ascontiguousarray(sample).tobytes() for sample in x}
    count = sum(np.ascontiguousarray(sample).tobytes() in known for sample in other.astype(x.dtype))
    if count:
        yield Finding("D203", f"{count:,} of {len(other):,} validation samples are also training samples, so "
                      "validation is too good.", "remove duplicates before splitting: np.unique(x, axis=0).")
