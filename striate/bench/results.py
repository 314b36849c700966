"""What the raw numbers of a comparison say: times of each framework, who agrees with whom, who is faster.

A comparison is the JSON object that `benchmarks/compare.py` writes. A cell's time is the median over its rounds of
each round's median; rounds in which other programs were busy count only if there is no quiet one, and then the cell is
marked as disturbed. A time counts only if the framework computed the same as the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import exp, inf, isfinite, log
from statistics import fmean, median
from typing import Any

OWN = "striate"
QUIET = 0.15
"""Processors that others may keep busy, on average over a cell, before it counts as disturbed."""
TOLERANCE = 1e-3
"""Largest difference of the first losses, relative to them."""


@dataclass(frozen=True)
class Time:
    """Microseconds a sample: median over rounds, the rounds' lowest and highest median, the fastest step of all."""

    median: float
    low: float
    high: float
    smallest: float
    rounds: int
    disturbed: bool


@dataclass(frozen=True)
class Row:
    """One line of a table: a network in batches of one size on so many threads.

    times: framework -> its time, where it counts. notes: framework -> why there is none.
    """

    network: str
    batch: int
    threads: int
    times: Mapping[str, Time]
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def best_peer(self) -> str | None:
        """The fastest of the other frameworks."""
        peers = {name: time.median for name, time in self.times.items() if name != OWN}
        return min(peers, key=peers.__getitem__) if peers else None

    @property
    def ratio(self) -> float | None:
        """How many times faster striate is than the best peer; below 1 it is slower."""
        if OWN not in self.times or self.best_peer is None:
            return None
        return self.times[self.best_peer].median / self.times[OWN].median


def rows(result: Mapping[str, Any], direction: str) -> list[Row]:
    """The lines of the table for "train" or "predict"."""
    groups: dict[tuple, list[Mapping]] = {}
    for cell in result["cells"]:
        groups.setdefault((cell["network"], cell["batch"], cell["threads"]), []).append(cell)
    found = []
    for (network, batch, threads), cells in groups.items():
        notes = disagreements(cells, direction)
        notes |= {cell["framework"]: cell["error"] for cell in cells if "error" in cell}
        times = {cell["framework"]: time for cell in cells
                 if cell["framework"] not in notes and (time := time_of(cell["runs"], f"{direction}_us"))}
        if times or notes:
            found.append(Row(network, batch, threads, times, notes))
    return [row for row in found if row.times]


def time_of(runs: Sequence[Mapping], key: str) -> Time | None:
    """The time of a cell from its runs; None if it has none of this direction."""
    runs = [run for run in runs if key in run]
    quiet = [run for run in runs if (run.get("foreign") or 0.0) <= QUIET]
    chosen = quiet or runs
    if not chosen:
        return None
    medians = [run[key]["median"] for run in chosen]
    return Time(median(medians), min(medians), max(medians), min(run[key]["min"] for run in chosen), len(chosen),
                not quiet)


def disagreements(cells: Sequence[Mapping], direction: str) -> dict[str, str]:
    """Framework -> how it differs from the middle of all of them, where it does."""
    key = "losses" if direction == "train" else "outputs"
    curves = {cell["framework"]: next((run[key] for run in cell.get("runs", ()) if key in run), None)
              for cell in cells}
    known = [curve for curve in curves.values() if curve]
    if not known:
        return {}
    middle = [median(value for value in values if isfinite(value)) if any(map(isfinite, values)) else inf
              for values in zip(*known, strict=True)]
    typical = fmean(abs(value) for value in middle)
    found = {}
    for name, curve in curves.items():
        # Beside losses of ordinary size, one near zero would make any rounding look like a difference.
        differences = [abs(value - expected) / max(abs(expected), typical)
                       for value, expected in zip(curve or (), middle, strict=bool(curve))]
        # Not `any(difference > TOLERANCE)`: NaN is a difference.
        if not all(difference <= TOLERANCE for difference in differences):
            found[name] = f"{key} differ by {max(differences):.1e} of their size, so its time does not count"
    return found


def best_of_batches(table: Sequence[Row]) -> list[Row]:
    """One row a network: each framework with the batch size that suits it best."""
    networks: dict[tuple, dict[str, Time]] = {}
    for row in table:
        best = networks.setdefault((row.network, row.threads), {})
        for name, time in row.times.items():
            if name not in best or time.median < best[name].median:
                best[name] = time
    return [Row(network, 0, threads, times) for (network, threads), times in networks.items()]


def by_fastest_step(table: Sequence[Row]) -> list[Row]:
    """The same rows with each framework's fastest step of all rounds as its time: what company disturbs least."""
    return [replace(row, times={name: Time(time.smallest, time.smallest, time.smallest, time.smallest, 1, False)
                                for name, time in row.times.items()}) for row in table]


def ratios(table: Sequence[Row]) -> list[tuple[float, Row]]:
    """The rows that have a ratio with it, the lowest first."""
    found = [(ratio, row) for row in table if (ratio := row.ratio) is not None]
    return sorted(found, key=lambda pair: pair[0])


def geometric_mean(values: Sequence[float]) -> float:
    """The mean that ratios have.

    Example:
        >>> round(geometric_mean([2.0, 8.0]), 6)
        4.0
    """
    return exp(fmean(log(value) for value in values))
