"""The numbers of a training by name, in the orders that Keras has: one for `get_metrics_result`, one for lists, and the
alphabetical one for callbacks."""

from __future__ import annotations

from typing import Any

from striate.models.structure import single


def results(model) -> dict[str, Any]:
    """Loss and metrics so far: the loss, the metrics of `compile`, the losses of several outputs, all others."""
    logs = model._step_logs
    if logs is None:
        losses = model._mean_losses.results()
        return {"loss": losses["loss"]} | model._metrics.results() | losses
    compiled = [] if model._has_own_metrics else [entry.name for entry in model._metrics.entries]
    return _first(logs, [*_leading(model), *compiled, *_others(model)])


def alphabetical(logs: dict[str, Any]) -> dict[str, Any]:
    """What callbacks get, and `return_dict=True` gives; a dict among the values gives its own entries.

    Example:
        >>> alphabetical({"loss": 1.0, "heads": {"b": 3.0, "a": 2.0}})
        {'a': 2.0, 'b': 3.0, 'loss': 1.0}
    """
    found: dict[str, Any] = {}
    for name, value in sorted(logs.items()):
        found |= alphabetical(value) if isinstance(value, dict) else {name: value}
    return found


def listed_names(model) -> list[str]:
    """The names of what `evaluate` gives as a list."""
    entries = [] if model._has_own_metrics else model._metrics.entries
    plain = [entry.name for entry in entries if entry.name == entry.metric.name]
    prefixed = sorted(entry.name for entry in entries if entry.name != entry.metric.name)
    return [*_leading(model), *plain, *_others(model), *prefixed]


def as_result(model, found: dict[str, Any], return_dict: bool) -> Any:
    """Loss and metrics as a dict, a list, or the only number."""
    found = alphabetical(found)
    return found if return_dict else single(list(_first(found, listed_names(model)).values()))


def _leading(model) -> list[str]:
    return [] if model._has_own_metrics else ["loss"]


def _others(model) -> list[str]:
    if model._has_own_metrics:
        return [metric.name for metric in model.metrics]
    return [*model._loss.names, *(metric.name for metric in model._held_metrics())]


def _first(logs: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """The logs, those of the names first."""
    return {name: logs[name] for name in dict.fromkeys([*names, *logs]) if name in logs}
