"""The metrics given to `compile`, one list for each output."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from striate import metrics as metrics_table
from striate.errors import ArgumentError, TypeMismatchError, received
from striate.losses.base import mask_of, share_of
from striate.models.training.compile_loss import label_kind
from striate.models.training.outputs import Outputs
from striate.naming import to_snake_case

_ACCURACIES = {"binary": "BinaryAccuracy", "sparse": "SparseCategoricalAccuracy", "categorical": "CategoricalAccuracy"}


@dataclass(frozen=True)
class OutputMetric:
    """A metric of one output: which output, the `Metric`, its name in the logs, whether sample weights count.

    `per_sample` says how it is computed: by `values(y_true, y_pred)` inside the program, or from whole predictions,
    as when a class of the user's has an `update_state` of its own.
    """

    index: int
    metric: Any
    name: str
    weighted: bool

    @cached_property
    def per_sample(self) -> bool:
        order = type(self.metric).__mro__
        values = next((place for place, kind in enumerate(order) if "values" in vars(kind)), None)
        update = next(place for place, kind in enumerate(order) if "update_state" in vars(kind))
        return values is not None and values <= update


class CompileMetrics:
    """What `compile(metrics=..., weighted_metrics=...)` asked for, made concrete when the outputs are known."""

    def __init__(self, metrics: Any = None, weighted_metrics: Any = None):
        for name, given in (("metrics", metrics), ("weighted_metrics", weighted_metrics)):
            if given is not None and not isinstance(given, (list, tuple, dict)):
                raise ArgumentError(f"Expected `{name}` argument to be a list, tuple, or dict. "
                                    f"{received(**{name: given})}. Write {name}=[...].")
        self.metrics, self.weighted_metrics = metrics, weighted_metrics
        self.entries: list[OutputMetric] = []

    def build(self, outputs: Outputs, targets: list) -> list[OutputMetric]:
        """The metrics for these outputs; "accuracy" is settled by the shapes of targets and outputs."""
        self.entries = []
        used: dict[str, int] = {}
        for given, what in ((self.metrics, "metrics"), (self.weighted_metrics, "weighted_metrics")):
            weighted = what == "weighted_metrics"
            for index, identifiers in enumerate(_by_output(given, outputs, what)):
                for identifier in identifiers:
                    metric = get_metric(identifier, outputs.tensors[index], targets[index])
                    prefix = f"{outputs.names[index]}_" if len(outputs) > 1 else ""
                    name = _free_name(prefix, metric.name, used, weighted)
                    self.entries.append(OutputMetric(index, metric, name, weighted))
        return self.entries

    @property
    def needs_predictions(self) -> bool:
        """Whether a metric is computed from whole predictions outside the program."""
        return any(not entry.per_sample for entry in self.entries)

    def values(self, targets: list, predictions: list) -> list:
        """Per-sample values of the metrics that have such, for one batch (traced or computed at once).

        Where predictions have a mask: [values, mask].
        """
        found: list = []
        for entry in self.entries:
            if entry.per_sample:
                predicted = predictions[entry.index]
                values, mask = entry.metric.values(targets[entry.index], predicted), mask_of(predicted)
                found.append(values if mask is None else [values, mask])
        return found

    def update(self, values: list, targets: list, predictions: list, weights: list) -> None:
        """Adds one batch to the metrics' states; `predictions` may be left empty unless `needs_predictions`."""
        remaining = iter(values)
        for entry in self.entries:
            weight = weights[entry.index] if entry.weighted else None
            if entry.per_sample:
                value = next(remaining)
                value, mask = value if isinstance(value, list) else (value, None)
                entry.metric.update_values(value, weight if mask is None else share_of(mask, weight))
            else:
                entry.metric.update_state(targets[entry.index], predictions[entry.index], weight)

    def reset(self) -> None:
        """Forgets earlier batches."""
        for entry in self.entries:
            entry.metric.reset_state()

    def results(self) -> dict[str, Any]:
        """Name -> value over the batches since `reset`."""
        found = {}
        for entry in self.entries:
            result = entry.metric.result()
            if isinstance(result, dict):
                found.update({name: _number(value) for name, value in result.items()})
            else:
                found[entry.name] = _number(result)
        return found


def _number(value: Any) -> Any:
    return float(value) if getattr(value, "ndim", 0) == 0 else value


def _by_output(given: Any, outputs: Outputs, what: str) -> list[list]:
    """A list of identifiers for each output. A plain list holds for the only output, or for every output."""
    if given is None:
        return [[] for _ in outputs.names]
    if isinstance(given, (list, tuple)):
        nested = any(isinstance(item, (list, tuple)) or item is None for item in given)
        one_each = len(outputs) > 1 and len(given) == len(outputs)
        if len(outputs) == 1:
            given = [[item for entry in given for item in _listed(entry)]]
        elif not nested and not one_each:
            given = [list(given)] * len(outputs)
    return [_listed(entry) for entry in outputs.options(given, what)]


def _listed(entry: Any) -> list:
    if entry is None:
        return []
    return list(entry) if isinstance(entry, (list, tuple)) else [entry]


def _free_name(prefix: str, name: str, used: dict[str, int], weighted: bool) -> str:
    """The name in the logs: a second metric of one name gets "weighted_" or a number."""
    full = prefix + name
    if full in used and weighted:
        full = f"{prefix}weighted_{name}"
    count = used.get(full, 0)
    used[full] = count + 1
    return f"{full}_{count}" if count else full


def get_metric(identifier: Any, prediction: Any, target: Any):
    """The `Metric` for a name, function, class or object; it is called by the name it was asked for."""
    name = None
    if isinstance(identifier, str):
        name = identifier
        if identifier.lower() in ("accuracy", "acc"):
            kind = label_kind(prediction, target)
            identifier = getattr(metrics_table, _ACCURACIES[kind])(name=name)
    found = metrics_table.get(identifier)
    if not isinstance(found, metrics_table.Metric):
        if not callable(found):
            raise TypeMismatchError(f"A metric is a name, a function or a Metric object. {received(metric=identifier)}")
        name = name or to_snake_case(getattr(found, "__name__", type(found).__name__))
        found = metrics_table.MeanMetricWrapper(found, name=name)
    elif name is not None:
        found.name = name
    return found
