"""Times of repeated calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

FEWEST_CALLS = 5


@dataclass(frozen=True)
class Timing:
    """Seconds of repeated calls: the middle one, the smallest, the quartiles and how many there were."""

    median: float
    smallest: float
    quartiles: tuple[float, float]
    calls: int

    def microseconds(self, per: int = 1) -> dict:
        """The same in microseconds, divided by `per` (samples), for JSON.

        Example:
            >>> Timing(0.002, 0.001, (0.001, 0.003), 5).microseconds(per=2)["median"]
            1000.0
        """
        scale = 1e6 / per
        found = asdict(self) | {name: getattr(self, name) * scale for name in ("median", "smallest")}
        return found | {"quartiles": [value * scale for value in self.quartiles]}


def repeat(call: Callable[[], object], seconds: float, warm: int = 1) -> Timing:
    """Calls for about `seconds` and at least `FEWEST_CALLS` times; the first `warm` calls do not count.

    Example:
        >>> repeat(lambda: None, 0.0).calls
        5
    """
    for _ in range(warm):
        call()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < FEWEST_CALLS or time.perf_counter() < end:
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    low, median, high = np.percentile(times, (25, 50, 75))
    return Timing(float(median), min(times), (float(low), float(high)), len(times))
