"""`striate bench`: how fast striate is on this computer."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from functools import cache
from pathlib import Path

import click

from striate.cli import Command, Group
from striate.errors import ArgumentError, received

COMMON = {"cls": Command}
FILE_WIDTH = 160
as_json_option = click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON.")
EXAMPLES = """
striate bench peak
striate bench models uva tue --batches 32 --layers
striate bench cold
"""


@click.group(name="bench", cls=Group, examples=EXAMPLES)
def command() -> None:
    """Measure speed, memory and size of striate on this computer.

    Comparisons with other frameworks are made by `make bench` in a checkout of the project; `striate bench report`
    reads their results.
    """


@cache
def _console():
    from rich.console import Console

    console = Console()
    # Into a file or a pipe, tables go in full width.
    return console if console.is_terminal else Console(width=FILE_WIDTH)


def _show(title: str, head: tuple[str, ...], rows: list[tuple]) -> None:
    """A table with the first column left and the others right."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for index, name in enumerate(head):
        table.add_column(name, justify="right" if index else "left", no_wrap=True)
    for row in rows:
        table.add_row(*[Text(f"{item:.1f}" if isinstance(item, float) else str(item)) for item in row])
    _console().print(table)


def _numbers(text: str, name: str) -> list[int]:
    """Whole numbers from "1,8,32"."""
    try:
        found = [int(item) for item in text.split(",")]
    except ValueError:
        found = [0]
    if min(found) < 1:
        raise ArgumentError(f"--{name} takes whole numbers from 1 on, separated by commas. {received(**{name: text})}")
    return found


def _peak():
    from striate.bench.machine import measure_peak

    return measure_peak()


@command.command(**COMMON, examples="striate bench peak", short_help="What processor and memory can do at most.")
@as_json_option
def peak(as_json) -> None:
    """The most that this processor and its memory can do: multiply-adds in registers, and a copy."""
    from striate.bench.machine import load_average

    found = asdict(_peak()) | {"load_average": load_average()}
    if as_json:
        click.echo(json.dumps(found))
        return
    _show("", ("threads", "GFLOP/s", "copy GB/s", "load"), [
        (found["threads"], found["gflops"], found["copy_gbytes"], found["load_average"])])


@command.command(**COMMON, examples="striate bench ops --batch 32\nstriate bench ops --only uva",
                 short_help="Single convolutions and dense layers.")
@click.option("--batch", type=click.IntRange(1), default=32, show_default=True, help="Samples at once.")
@click.option("--only", default="", help="Cases whose name contains this.")
@click.option("--repeats", type=click.IntRange(1), default=5, show_default=True, help="The best of so many runs.")
@click.option("--threads", type=click.IntRange(1), help="Threads; all unless given.")
@as_json_option
def ops(batch, only, repeats, threads, as_json) -> None:
    """GFLOP/s and percent of peak of single convolutions and dense layers, forward and backward."""
    from striate.bench.ops import measure

    _set_threads(threads)
    best, found = _peak(), []
    for row in measure(batch, repeats, only):
        found.append(asdict(row) | {"gflops": row.gflops, "percent": 100 * row.gflops / best.gflops})
    if as_json:
        click.echo(json.dumps({"peak": asdict(best), "batch": batch, "ops": found}))
        return
    _show(f"Batch {batch}; peak {best.gflops:.0f} GFLOP/s on {best.threads} threads, measured before.",
          ("op", "direction", "us", "GFLOP/s", "% of peak", "kernels"),
          [(row["name"], row["direction"], 1e6 * row["seconds"], row["gflops"], row["percent"],
            ", ".join(row["kernels"])) for row in found])


@command.command(**COMMON, examples="striate bench models uva nova --batches 32,128\nstriate bench models uva --layers",
                 short_help="Training steps and predictions of networks.")
@click.argument("networks", nargs=-1)
@click.option("--batches", default="1,8,32,128,512", show_default=True, help="Batch sizes.")
@click.option("--threads", default=None, help="Numbers of threads; all unless given.")
@click.option("--seconds", type=float, default=1.0, show_default=True, help="For each time.")
@click.option("--layers", is_flag=True, help="Show the time of every launch of a training step instead.")
@as_json_option
def models(networks, batches, threads, seconds, layers, as_json) -> None:
    """Microseconds a sample of a training step and of a prediction, for NETWORKS of the zoo (all unless given)."""
    from striate import zoo
    from striate.bench import models as measured
    from striate.runtime.pool import default_threads

    networks, sizes = networks or zoo.names(), _numbers(batches, "batches")
    if layers:
        _layers(networks, sizes, threads, as_json)
        return
    counts = _numbers(threads, "threads") if threads else [default_threads()]
    found = list(measured.measure(networks, sizes, counts, seconds))
    if as_json:
        click.echo(json.dumps([{"network": row.network, "batch": row.batch, "threads": row.threads,
                                "train_us": row.train.microseconds(row.batch),
                                "predict_us": row.predict.microseconds(row.batch)} for row in found]))
        return
    _show("Microseconds a sample: median (smallest)", ("network", "batch", "threads", "training step", "prediction"),
          [(row.network, row.batch, row.threads, _both(row.train, row.batch), _both(row.predict, row.batch))
           for row in found])


def _both(timing, batch: int) -> str:
    found = timing.microseconds(batch)
    return f"{found['median']:.1f} ({found['smallest']:.1f})"


def _layers(networks, batches, threads, as_json) -> None:
    from striate.bench.models import Subject

    _set_threads(int(threads) if threads else None)
    best, found = _peak(), []
    for network in networks:
        for batch in batches:
            times = Subject(network, batch).profile()
            total = sum(time.seconds for time in times)
            rows = [{"op": time.step.node.op, "layer": time.step.node.scope,
                     "us_per_sample": 1e6 * time.seconds / batch, "share": time.seconds / total, "gflops": time.gflops,
                     "kernel": time.launch.kernel if time.launch else "reference"} for time in times]
            found.append({"network": network, "batch": batch, "launches": rows})
            if not as_json:
                title = f"{network}, batch {batch}: {1e6 * total / batch:.1f} us a sample"
                _show(f"{title}; peak {best.gflops:.0f} GFLOP/s",
                      ("kernel", "op", "layer", "us a sample", "%", "GFLOP/s", "% of peak"),
                      [(row["kernel"], row["op"], row["layer"], row["us_per_sample"], 100 * row["share"],
                        row["gflops"], 100 * row["gflops"] / best.gflops) for row in rows])
    if as_json:
        click.echo(json.dumps({"peak": asdict(best), "networks": found}))


def _set_threads(threads: int | None) -> None:
    from striate.runtime.pool import set_threads

    if threads:
        set_threads(threads)


def _check_names(networks) -> None:
    """A name that is none is told before anything is measured."""
    from striate import zoo

    for network in networks:
        zoo.recipe(network)


@command.command(**COMMON, examples="striate bench cold uva --empty-cache",
                 short_help="Importing striate, and the first step.")
@click.argument("networks", nargs=-1)
@click.option("--batch", type=click.IntRange(1), default=32, show_default=True, help="Samples a step.")
@click.option("--empty-cache", is_flag=True, help="Also measure the very first use, when kernels are compiled.")
@as_json_option
def cold(networks, batch, empty_cache, as_json) -> None:
    """Seconds of importing striate and of the first training step in a new process."""
    from striate import zoo
    from striate.bench.process import start

    _check_names(networks)
    found = []
    for network in networks or zoo.names():
        # The run with an empty cache uses a folder of its own, so the others need one that fills theirs.
        start(network, batch)
        for is_empty in (False, True) if empty_cache else (False,):
            found.append({"network": network, "empty_cache": is_empty, **asdict(start(network, batch, 0, is_empty))})
    if as_json:
        click.echo(json.dumps(found))
        return
    _show("Seconds in a new process", ("network", "kernel cache", "import", "first step done", "whole process"),
          [(row["network"], "empty" if row["empty_cache"] else "filled", f"{row['import_seconds']:.2f}",
            f"{row['first_step_seconds']:.2f}", f"{row['process_seconds']:.2f}") for row in found])


@command.command(**COMMON, examples="striate bench memory nova --batch 128", short_help="Peak memory of a training.")
@click.argument("networks", nargs=-1)
@click.option("--batch", type=click.IntRange(1), default=128, show_default=True, help="Samples a step.")
@click.option("--steps", type=click.IntRange(0), default=10, show_default=True, help="Steps after the first.")
@as_json_option
def memory(networks, batch, steps, as_json) -> None:
    """Peak memory of a new process that trains, and what its program takes of it."""
    from striate import zoo
    from striate.bench.process import start

    _check_names(networks)
    found = [{"network": network, "batch": batch, "peak_bytes": start(network, batch, steps).peak_bytes}
             for network in networks or zoo.names()]
    if as_json:
        click.echo(json.dumps(found))
        return
    _show("Peak memory of the process", ("network", "batch", "MiB"),
          [(row["network"], row["batch"], row["peak_bytes"] / 2**20) for row in found])


@command.command(**COMMON, examples="striate bench install", short_help="Disk space of striate and its packages.")
@as_json_option
def install(as_json) -> None:
    """Disk space of striate and of everything that it needs."""
    from striate.bench.install import sizes

    found = sizes()
    if as_json:
        click.echo(json.dumps(found))
        return
    rows = [(name, size / 2**20) for name, size in found.items()]
    _show("Installed size", ("package", "MiB"), [*rows, ("together", sum(size for _, size in rows))])


@command.command(**COMMON, examples="striate bench accuracy small --target 0.9 --seeds 5",
                 short_help="Seconds until a test accuracy is reached.")
@click.argument("network")
@click.option("--data", "data_name", default="fashion-mnist", show_default=True, help="Data set.")
@click.option("--subset", is_flag=True, help="The 10 % that come with striate.")
@click.option("--epochs", type=click.IntRange(1), help="Instead of the recipe's.")
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="Runs with seeds 0, 1, ...")
@click.option("--target", type=click.FloatRange(0, 1), default=0.9, show_default=True,
              help="Test accuracy to wait for.")
@as_json_option
def accuracy(network, data_name, subset, epochs, seeds, target, as_json) -> None:
    """Seconds until NETWORK, trained by its recipe, reaches a test accuracy; loading the data counts."""
    from statistics import fmean

    from striate import zoo
    from striate.bench import accuracy as measured
    from striate.cli import networks
    from striate.cli.machine import environment
    from striate.systems import data

    found, runs, day = [], [], time.strftime("%Y-%m-%d %H:%M:%S")
    for seed in range(seeds):
        started = time.perf_counter()
        loaded = data.load(data_name, subset, None, seed)
        model = zoo.build(network)
        train, test = ((networks.pixels(model, images), labels) for images, labels in (loaded.train, loaded.test))
        run = measured.run(network, train, test, seed, epochs, started)
        runs.append(run)
        found.append({"seed": seed, "seconds_to_target": measured.seconds_to(run, target),
                      "epochs": [asdict(epoch) for epoch in run]})
        if not as_json:
            _show(f"{network}, seed {seed}", ("epoch", "seconds", "training accuracy", "test accuracy"),
                  [(epoch.epoch, epoch.seconds, f"{epoch.training_accuracy:.4f}", f"{epoch.test_accuracy:.4f}")
                   for epoch in run])
    if as_json:
        click.echo(json.dumps({"network": network, "started": day, "machine": environment(), "data": data_name,
                               "subset": subset, "target": target, "runs": found}))
        return
    reached = [seconds for run in runs if (seconds := measured.seconds_to(run, target)) is not None]
    last = fmean(run[-1].test_accuracy for run in runs)
    mean = f"after {fmean(reached):.1f} s on average" if reached else ""
    click.echo(f"Test accuracy {target}: reached in {len(reached)} of {seeds} runs {mean}".rstrip()
               + f"; at the end {last:.4f} on average.")


@command.command(**COMMON, examples="striate bench report benchmarks/results/lectures.json",
                 short_help="The page of stored numbers again.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def report(file) -> None:
    """Make the page of a stored measurement again: of a comparison with other frameworks, or of time to accuracy."""
    from striate.bench import accuracy as measured
    from striate.bench.report import pages
    from striate.files import write_text
    from striate.untrusted import read_own_json
    from striate.untrusted.limits import damaged

    result = read_own_json(file)
    with damaged(str(file)):
        found = {f"{file.stem}.md": measured.markdown(result)} if "target" in result else pages(result, file.stem)
    for name, text in found.items():
        write_text(file.parent / name, text)
        click.echo(file.parent / name)
