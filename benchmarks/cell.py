"""One cell of a comparison: one framework, one network, one batch size, in this (fresh) process.

    echo '{"framework": "striate", "network": "uva", "batch": 32}' | python -m benchmarks.cell

Reads a JSON object (see `Cell`) and prints one line of JSON: microseconds a sample of a training step and of a
prediction, seconds to the end of the first step, peak memory, and the losses of the first steps without dropout, by
which the caller checks that all frameworks compute the same thing.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from dataclasses import dataclass

import numpy as np

from benchmarks.frameworks import FRAMEWORKS
from benchmarks.networks import Network, data
from benchmarks.sets import NETWORKS

GATE_STEPS = 5
BATCHES = 4
WARM_STEPS = 3
FEWEST_STEPS = 8


@dataclass(frozen=True)
class Cell:
    """What to measure.

    network: a name of `sets.NETWORKS`, or a network as `Network.described` gives it.
    threads: processors that the process may use; 0 for all. seconds: for each of training and prediction.
    gate: also report the first losses. directions: "train", "predict" or both.
    """

    framework: str
    network: str | dict
    batch: int
    threads: int = 0
    seconds: float = 2.0
    gate: bool = True
    directions: tuple = ("train", "predict")

    def made_network(self) -> Network:
        """The network itself."""
        return NETWORKS[self.network] if isinstance(self.network, str) else Network(**self.network)


def limit_threads(threads: int) -> None:
    """Binds this process to its first `threads` processors, and tells the libraries that look at variables."""
    processors = sorted(os.sched_getaffinity(0))
    if threads:
        processors = processors[:threads]
        os.sched_setaffinity(0, processors)
    for name in ("OMP_NUM_THREADS", "STRIATE_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
        os.environ[name] = str(len(processors))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def measure(cell: Cell) -> dict:
    """The cell's results, ready for JSON."""
    network = cell.made_network()
    x, y = data(network, cell.batch * BATCHES)
    parts = [slice(i * cell.batch, (i + 1) * cell.batch) for i in range(BATCHES)]
    kind = FRAMEWORKS[cell.framework]
    found: dict = {}
    trains = "train" in cell.directions and hasattr(kind, "train")
    if cell.gate and trains:
        gate = kind(network, with_dropout=False)
        batches = [gate.prepare(x[part], y[part]) for part in parts]
        found["losses"] = [gate.train(batches[i % BATCHES]) for i in range(GATE_STEPS)]
        del gate, batches
    started = time.perf_counter()
    framework = kind(network, with_dropout=True)
    batches = [framework.prepare(x[part], y[part]) for part in parts]
    if cell.gate and "predict" in cell.directions:
        found["outputs"] = [float(number) for number in np.ravel(framework.predict(batches[0]))[:20]]
    if trains:
        framework.train(batches[0])
        found["first_step_s"] = time.perf_counter() - started
        found["train_us"] = timed(lambda i: framework.train(batches[i % BATCHES]), cell.batch, cell.seconds)
    if "predict" in cell.directions:
        found["predict_us"] = timed(lambda i: framework.predict(batches[i % BATCHES]), cell.batch, cell.seconds / 2)
    found["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found["version"] = kind.version()
    return found


def timed(call, batch: int, seconds: float) -> dict:
    """Median, smallest and quartiles of the times of calls, in microseconds a sample."""
    for i in range(WARM_STEPS):
        call(i)
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < FEWEST_STEPS:
        started = time.perf_counter()
        call(len(times))
        times.append((time.perf_counter() - started) / batch * 1e6)
    low, median, high = np.percentile(times, (25, 50, 75))
    return {"median": float(median), "min": min(times), "quartiles": [float(low), float(high)], "steps": len(times)}


def main() -> None:
    """Reads a cell from standard input, measures it, prints the results."""
    cell = Cell(**json.load(sys.stdin))
    limit_threads(cell.threads)
    print(json.dumps(measure(cell)))


if __name__ == "__main__":
    main()
