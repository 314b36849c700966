"""How training scales over ranks: measures steps and exchanges on 1 to 4 ranks, and over links of given speed.

    python -m benchmarks.scaling                           on this machine (7 minutes, in which it should be quiet)
    sudo -E python -m benchmarks.scaling --links 50,200,800 between network namespaces, at so many Mbit/s (4 minutes)
    python -m benchmarks.scaling_model                     fits the model, checks it, draws docs/scaling.md's figures

Both measurements go into one file. `--parts finality,noise` renews these alone, `--parts steps --networks uva` the
steps of one network.

Each rank has one thread. A rank's part of the batch stays the same (weak scaling): 32 images. `seconds` are the fastest
step (or exchange) of many, `median` the median one; on a machine that does other things only the fastest says anything.
Steps without MPI, of one rank, of two, and of two that train apart are measured in turn, three times, because a
machine's speed changes from minute to minute.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).parent / "results" / "scaling.json"
NETWORKS, LINKED = ("lenet5", "small", "uva", "nova"), ("small", "uva")
SHORT, SHORT_REPEATS = 16384, 200
"""Vectors up to this length are exchanged so many times: a busy machine delays most of them by more than they take."""
LENGTHS = (1024, 16384, 262144, 1048576, 2097152)
OVERLAP_SECONDS = 0.5
JOB_SECONDS = 900
"""No job takes nearly as long; ranks that are not started or are lost end theirs much earlier."""
PARTS = ("exchanges", "steps", "finality", "noise")
BATCH, RANKS = 32, (1, 2, 3, 4)
ROUNDS = 3
ADDRESSES = ("10.77.0.1", "10.77.0.2")
_LAUNCHER = """#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift; done
host="$1"; shift
exec ip netns exec "$host" unshare -u sh -c "hostname $host; $*"
"""


# ---- on each rank ----------------------------------------------------------------------------------------------------

def exchange(order) -> list[dict]:
    """Seconds that `sum_shards` takes beside the computing, one shard a rank, for each length of the vector; through
    memory that ranks of one machine share, or by messages."""
    from striate.ranks import ranks

    found, rows = ranks(), []
    if not order["window"]:
        from mpi4py import MPI

        from striate.parallel.mpi_ranks import MPIRanks
        found = MPIRanks(MPI.COMM_WORLD, MPI.Request.Testall)
    for length in order["lengths"]:
        vector, result = np.ones(length, np.float32), {"loss": np.float32(1), "values": [np.ones(BATCH, np.float32)]}
        times = []
        for _ in range(order["repeats"] if length > SHORT else SHORT_REPEATS):
            found.from_first(lambda: None)
            started = time.perf_counter()
            found.sum_shards([(0, length)], [BATCH] * found.size, lambda shard, ready, v=vector, r=result: (v, r))
            times.append(time.perf_counter() - started)
        rows.append({"ranks": found.size, "length": length, "seconds": min(times), "median": statistics.median(times)})
    return rows


def overlap(order) -> dict:
    """Seconds of an exchange behind computing; the rank sleeps in its place, so that a busy machine counts for little.
    `early`: each bucket is sent when it is final; `late`: all are sent in the end."""
    from striate.ranks import ranks

    seconds, found, times = order["seconds"], ranks(), {}
    ends = np.cumsum([size // 4 for _, size in order["buckets"]])
    buckets = [(int(end) - size // 4, int(end)) for end, (_, size) in zip(ends, order["buckets"], strict=True)]
    vector = np.ones(int(ends[-1]), np.float32)

    def compute(shard, ready, early):
        begun = time.perf_counter()
        for bucket, (when, _) in enumerate(order["buckets"]):
            time.sleep(max(0.0, begun + when * seconds - time.perf_counter()))
            if early:
                ready(bucket, vector[slice(*buckets[bucket])])
        return vector, {}
    for name in ("early", "late"):
        times[name] = []
        for _ in range(order["repeats"]):
            found.from_first(lambda: None)
            started = time.perf_counter()
            found.sum_shards(buckets, [BATCH] * found.size, partial(compute, early=name == "early"))
            times[name].append(time.perf_counter() - started)
    return {"seconds": seconds, **{name: min(some) for name, some in times.items()}}


def steps(order) -> dict:
    """Seconds of a training step with 32 images a rank, which are new in each: images seen again would be learnt by
    heart, sooner where there are fewer of them, and gradients that are zero take less time. `apart`: each rank trains
    by itself, which shows what the machine's memory leaves of two."""
    import striate as keras
    from striate import callbacks, zoo
    from striate.ranks import ranks, work_with

    if order.get("apart"):
        ranks().from_first(lambda: None)
        work_with(None)
    keras.utils.set_random_seed(0)
    model, recipe = zoo.build(order["network"]), zoo.recipe(order["network"])
    count = BATCH * ranks().size
    draw, rows = np.random.default_rng(0), count * order["steps"]
    x, y = draw.random((rows, *model.input_shape[1:]), np.float32), draw.integers(0, model.output_shape[-1], rows)
    model.compile(recipe.make_optimizer(), "sparse_categorical_crossentropy")
    clock = _Clock(callbacks)
    model.fit(x, y, batch_size=count, epochs=1, verbose=0, shuffle=False, callbacks=[clock.callback])
    walls, works = np.diff(clock.walls)[2:], np.diff(clock.works)[2:]
    return {"network": order["network"], "ranks": ranks().size, "parameters": model.count_params(),
            "seconds": float(walls.min()), "median": float(np.median(walls)), "processor_seconds": float(works.min())}


class _Clock:
    """Wall time and processor time of this thread at the end of each step."""

    def __init__(self, callbacks):
        self.walls, self.works = [], []
        self.callback = callbacks.LambdaCallback(on_train_batch_end=self._read)

    def _read(self, batch, logs=None):
        self.walls.append(time.perf_counter())
        self.works.append(time.thread_time())


def finality(order) -> list[dict]:
    """When gradients are final: (share of the step's time, bytes) of what each launch writes, and of each bucket."""
    import striate as keras
    from striate import zoo
    from striate.models.training import buckets
    from striate.models.training.data import Batch, Examples

    keras.utils.set_random_seed(0)
    keras.config.set_value("shards", 2)
    rows = []
    for network in order["networks"]:
        model = zoo.build(network)
        model.compile("sgd", "sparse_categorical_crossentropy")
        x = np.zeros((2 * BATCH, *model.input_shape[1:]), np.float32)
        model.train_on_batch(x, np.zeros(2 * BATCH))
        part = Batch(Examples(x, [np.zeros(2 * BATCH, np.int32)], [None])).between(0, BATCH)
        sharded = model._programs.sharded
        executable = sharded.shard.executable(part.examples.nest, None)
        plan, flat = executable.plan, executable.graph.outputs[0]
        ends = np.cumsum(_seconds_of_steps(executable, [part.examples.x, part.examples.y[0]]))
        points = [[float(ends[index] / ends[-1]), 4 * (end - first)] for index, step in enumerate(plan.steps)
                  for first, end in buckets.written(plan, flat, step)]
        last = {bucket: float(ends[step] / ends[-1])
                for step, those in buckets.final_after(plan, flat, sharded.buckets).items() for bucket in those}
        rows.append({"network": network, "points": sorted(points), "buckets": [
            [last.get(bucket, 1.0), 4 * (end - first)] for bucket, (first, end) in enumerate(sharded.buckets)]})
    return rows


def _seconds_of_steps(executable, leaves) -> list[float]:
    times = executable.profile(leaves, repeats=10)
    return [sum(time.seconds for time in times if time.step is step) for step in executable.plan.steps]


def noise(order) -> dict:
    """The gradient noise scale of `small` on Fashion-MNIST after so many epochs: the batch from which on more samples a
    step make the gradient hardly better (McCandlish and others, 2018: An empirical model of large-batch training).
    """
    import striate as keras
    from striate import zoo
    from striate.datasets import fashion_mnist
    from striate.models.training.data import Batch
    from striate.models.training.sharding import cut

    keras.utils.set_random_seed(0)
    keras.config.set_value("shards", order["shards"])
    (x, y), _ = fashion_mnist.load_data(subset=True) if order["subset"] else fashion_mnist.load_data()
    x = x[..., None].astype(np.float32) / 255
    model = zoo.build("small")
    model.compile("adam", "sparse_categorical_crossentropy")
    scales = []
    for epoch in range(order["epochs"]):
        if epoch:
            model.fit(x, y, batch_size=64, epochs=1, verbose=0)
        else:
            model.train_on_batch(x[:64], y[:64])
        program = model._programs.sharded
        parts = cut(Batch(model._prepare(x[:order["rows"]], y[:order["rows"]])), order["shards"])
        vectors = np.stack([program.shard(part.examples.nest, None)[0].copy() for part in parts]).astype(np.float64)
        small, big = (vectors ** 2).sum(axis=1).mean(), (vectors.mean(axis=0) ** 2).sum()
        b, whole = parts[0].size, order["rows"]
        signal, spread = (whole * big - b * small) / (whole - b), (small - big) / (1 / b - 1 / whole)
        scales.append({"epochs": epoch, "scale": float(spread / signal)})
    return {"network": "small", "data": "fashion-mnist", "subset": order["subset"], "scales": scales}


# ---- starting ranks --------------------------------------------------------------------------------------------------

def started(ranks: int | None, kind: str, prefix=(), options=(), **order):
    """What rank 0 of a job of so many ranks measured; None: one process without MPI."""
    from striate.parallel.launch import find_mpiexec

    start = [] if ranks is None else [*find_mpiexec(), *options, "-n", str(ranks)]
    words = [*prefix, *start, sys.executable, "-m", "benchmarks.scaling", "--rank", json.dumps({"kind": kind, **order})]
    environment = {**os.environ, "STRIATE_NUM_THREADS": "1", "STRIATE_RANK_TIMEOUT": "60"}
    try:
        done = subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=JOB_SECONDS, check=False)
    except subprocess.TimeoutExpired as late:
        raise SystemExit(f"The job of {ranks} ranks did not end within {JOB_SECONDS} s:\n{late.stderr}") from None
    if done.returncode:
        raise SystemExit(f"The job of {ranks} ranks failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout)


@contextmanager
def linked():
    """Two network namespaces with a link between them; gives (what stands before a command in the first one, options of
    mpiexec, a function that sets the link's speed in Mbit/s)."""
    from tests.parallel.hosts import two_spaces

    with tempfile.TemporaryDirectory() as folder, two_spaces(ADDRESSES) as spaces:
        launcher = Path(folder) / "launcher"
        launcher.write_text(_LAUNCHER)
        launcher.chmod(0o755)

        def speed(megabits: int) -> None:
            for space in spaces:
                subprocess.run(["tc", "-n", space, "qdisc", "replace", "dev", "cable", "root", "tbf", "rate",
                                f"{megabits}mbit", "burst", "64kb", "latency", "100ms"], check=True)
        options = ("-iface", "cable", "-launcher", "ssh", "-launcher-exec", str(launcher), "-hosts", ",".join(spaces))
        yield ("ip", "netns", "exec", spaces[0]), options, speed


def measure_here(networks: Sequence[str], count: int, parts: list[str]) -> dict:
    """What needs no link, as it is stored."""
    found: dict = {}
    if "exchanges" in parts:
        for name in ("exchanges", "windows"):
            found[name] = [row for ranks in RANKS[1:] for row in started(
                ranks, "exchange", lengths=LENGTHS, repeats=30, window=name == "windows")]
    if "steps" in parts:
        with _company() as company:
            steps = [row for network in networks for row in _steps_of(network, count)]
        found |= {"machine": _machine() | company, "batch": BATCH, "steps": steps}
    if "finality" in parts:
        found["finality"] = started(None, "finality", networks=networks)
    if "noise" in parts:
        found["noise"] = started(None, "noise", subset=True, shards=64, rows=4096, epochs=4)
    return found


def _steps_of(network: str, count: int) -> list[dict]:
    """Rows of one network: the fastest of all rounds, and the median of their medians."""
    alternated = [(None, False), (1, False), (2, False), (2, True)]
    runs = ROUNDS * alternated + [(ranks, False) for ranks in RANKS[2:]]
    taken: dict[tuple, list[dict]] = {}
    for ranks, apart in runs:
        taken.setdefault((ranks, apart), []).append(
            started(ranks, "steps", network=network, steps=count, apart=apart))
    rows = []
    for (ranks, apart), found in taken.items():
        rows.append(found[0] | {"ranks": ranks or 1, "mpi": ranks is not None, "apart": apart,
                                "seconds": min(row["seconds"] for row in found),
                                "processor_seconds": min(row["processor_seconds"] for row in found),
                                "median": statistics.median(row["median"] for row in found)})
        print(rows[-1], flush=True)
    return rows


def _machine() -> dict:
    """Where it is measured."""
    from striate.kernels import cpu

    return {"processor": cpu.host().name, "cores": os.cpu_count()}


@contextmanager
def _company():
    """A dict that says in the end how many processors other programs kept busy meanwhile, as "foreign"."""
    from striate.bench import machine

    company, before, started = {}, machine.load(), time.perf_counter()
    yield company
    company["foreign"] = machine.load().foreign_since(before, time.perf_counter() - started)


def measure_links(links: list[int], networks: Sequence[str], count: int, finalities: list[dict]) -> dict:
    """The same between two machines, which are namespaces here: over TCP, without a limit and at several speeds."""
    rows: list[dict] = []
    os.environ |= {"MPIR_CVAR_CH4_NETMOD": "ofi", "FI_PROVIDER": "tcp"}
    with _company() as company, linked() as (prefix, options, speed):
        unlimited = started(2, "exchange", prefix, options, lengths=LENGTHS, repeats=30, window=False)
        for megabits in links:
            speed(megabits)
            rows.append({
                "megabits": megabits,
                "exchanges": started(2, "exchange", prefix, options, lengths=LENGTHS, repeats=10, window=False),
                "overlaps": [{"network": row["network"], **started(
                    2, "overlap", prefix, options, buckets=row["buckets"], seconds=OVERLAP_SECONDS, repeats=4)}
                    for row in finalities if row["network"] in networks],
                "steps": [_step_and_pace(prefix, options, network, max(8, count // 6)) for network in networks]})
            print(json.dumps(rows[-1]), flush=True)
    return {"links_foreign": company["foreign"], "open_link": unlimited, "links": rows}


def _step_and_pace(prefix: tuple, options: tuple, network: str, count: int) -> dict:
    """A step of two ranks over the link, and what one rank takes at this hour."""
    alone = started(1, "steps", prefix, options, network=network, steps=count)
    return started(2, "steps", prefix, options, network=network, steps=count) | {"alone": alone["seconds"]}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--links", default="", help="speeds of links between namespaces in Mbit/s (needs root)")
    parser.add_argument("--parts", default=",".join(PARTS), help="what to measure on this machine")
    parser.add_argument("--networks", help=f"{','.join(NETWORKS)}, or {','.join(LINKED)} over links, unless given")
    parser.add_argument("--steps", type=int, default=60, help="steps of each measurement")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--rank", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.rank:
        from striate import parallel

        order = json.loads(given.rank)
        if parallel.started_by_mpi():
            parallel.start()
        kinds = {"exchange": exchange, "overlap": overlap, "steps": steps, "finality": finality, "noise": noise}
        print(json.dumps(kinds[order["kind"]](order)), flush=True)
        return
    links = [int(link) for link in given.links.split(",") if link]
    networks = given.networks.split(",") if given.networks else LINKED if links else NETWORKS
    found = json.loads(given.out.read_text()) if given.out.exists() else {}
    if links:
        found |= measure_links(links, networks, given.steps, found["finality"])
    else:
        kept = [row for row in found.get("steps", []) if row["network"] not in networks]
        found |= measure_here(networks, given.steps, given.parts.split(","))
        if "steps" in given.parts.split(","):
            order = [*NETWORKS, *networks]
            found["steps"] = sorted([*found["steps"], *kept], key=lambda row: order.index(row["network"]))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
