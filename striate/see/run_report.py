"""`report`: everything about a trained model on one page: data, curves, answers, what is inside, costs, findings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from striate.errors import ArgumentError, StriateError, received
from striate.see import geometry, probe
from striate.see.answers import as_probabilities, confusion, worst_mistakes
from striate.see.attribution import grad_cam
from striate.see.diagnosis import doctor
from striate.see.features import embedding
from striate.see.fields import receptive_field
from striate.see.maps import feature_maps, filters
from striate.see.plan_table import plan
from striate.see.regression_figure import regression
from striate.see.report_page import Part, Report
from striate.see.samples_figure import samples
from striate.see.sizes import arithmetic

SAMPLES = 1000
"""So many test samples at most are laid out in a plane."""
Data = tuple[np.ndarray, np.ndarray]


def report(model, history=None, test: Data | None = None, train: Data | None = None, validation: Data | None = None,
           classes: Sequence[str] | None = None, **facts) -> Report:
    """One self-contained page about a trained model: `report(...).save("report.html")`.

    Args:
        model: a trained model with a graph; a classifier, or one that predicts a number.
        history: what `fit` returned, or its `history`.
        test, train, validation: (x, y), as `fit` takes them. What needs data that is left out is left out.
        classes: names.
        facts: title, subtitle, command (the one that repeats the training), settings, environment, warning, unit (of a
            number that is predicted), and scale and offset that take it back to that unit.

    Raises:
        ArgumentError: an unknown fact.

    Example:
        history = model.fit(x, y, validation_data=(x_valid, y_valid))
        see.report(model, history, (x_test, y_test), (x, y)).save("report.html")
    """
    known = {"title", "subtitle", "command", "settings", "environment", "warning", "unit", "scale", "offset"}
    if set(facts) - known:
        raise ArgumentError(f"`report` knows the facts {', '.join(sorted(known))}. "
                            + received(facts=sorted(set(facts) - known)))
    curves: Mapping[str, Sequence[float]] = getattr(history, "history", history) or {}
    numbers: dict[str, Any] = {name: facts.pop(name) for name in ("unit", "scale", "offset") if name in facts}
    headline = {name.replace("val_", "validation "): _short(values[-1]) for name, values in list(curves.items())[:6]}
    headline["parameters"] = f"{model.count_params():,}"
    facts.setdefault("title", model.name)
    facts.setdefault("subtitle", _size_of(train, "train on") + _size_of(test, "test"))
    answers = _answers(model, test, classes, numbers) if test is not None else []
    return Report(headline=headline, history=curves, **facts,
                  parts=[*answers, *inside(model, test, train, validation, classes)])


def inside(model, test: Data | None, train: Data | None, validation: Data | None = None,
           classes: Sequence[str] | None = None) -> list[Part]:
    """The parts of a report that look into the data and the network; a part that cannot be made says why."""
    parts = []
    if train is not None:
        parts.append(_part("The data", lambda: [samples(*train, classes=classes)]))
    if _places(model):
        parts.append(_part("What the first layer looks for", lambda: [filters(model)]))
    if test is not None:
        if _places(model):
            parts.append(_part("What the layers find", lambda: _maps(model, test[0][:1])))
            parts.append(_part("What a neuron sees", lambda: [
                receptive_field(model, _places(model)[-1], test[0][:1])]))
            if len(model.output_shape) == 2:
                parts.append(_part("What the answer rests on", lambda: [grad_cam(model, test[0][:1])]))
        if _is_classifier(model, test[1]):
            parts.append(_part("How the network sees the samples", lambda: [
                embedding(model, test[0][:SAMPLES], test[1][:SAMPLES], classes)]))
    parts.append(_part("The arithmetic", lambda: [arithmetic(model)]))
    parts.append(_part("How it runs: kernels and time per layer", lambda: [plan(model, 32, repeats=3)]))
    x, y = (None, None) if train is None else train
    parts.append(_part("What the doctor says", lambda: [doctor(model, x, y, validation_data=validation)]))
    return parts


def _part(title: str, make: Callable[[], list[Any]]) -> Part:
    try:
        return Part(title, tuple(make()))
    except StriateError as error:
        return Part(title, (), f"Not shown: {error}")


def _answers(model, test: Data, classes, numbers: dict[str, Any]) -> list[Part]:
    if _is_classifier(model, test[1]):
        return [_part("Which class is called which", lambda: [confusion(model, *test, classes=classes)]),
                _part("The worst mistakes", lambda: [worst_mistakes(model, *test, classes=classes)])]
    return [_part("Predicted and true", lambda: [regression(model, *test, **numbers)])]


def _is_classifier(model, y) -> bool:
    """Whether the targets are classes that the outputs stand for."""
    outputs, y = probe.network(model).outputs, np.asarray(y)
    if len(outputs) != 1 or len(outputs[0].shape) != 2:
        return False
    units = outputs[0].shape[-1]
    if y.ndim == 2 and y.shape[1] == units > 1:
        return bool(np.isin(y, (0, 1)).all())
    flat = y.reshape(-1)
    whole = y.ndim <= 2 and flat.size == len(y) and bool((flat == np.round(flat)).all())
    if units == 1:
        said = as_probabilities(model, np.zeros((1, 1)))[0, 1]
        return whole and bool(np.isin(flat, (0, 1)).all()) and np.isfinite(said)
    return whole and units is not None and 0 <= flat.min() and flat.max() < units


def _places(model) -> list[str]:
    """The (calls of) convolutions with places behind them."""
    return [call.name for call in probe.network(model).calls
            if geometry.is_convolution(geometry.inside(call.operation))
            and len(call.output_tensors[0].shape) in (3, 4, 5)]


def _maps(model, x) -> list[Any]:
    found = _places(model)
    return [feature_maps(model, x, layer) for layer in dict.fromkeys((found[0], found[-1]))]


def _short(value: float) -> str:
    return f"{value:.4f}"


def _size_of(data: Data | None, what: str) -> str:
    return "" if data is None else f"{len(data[0]):,} samples to {what}. "
