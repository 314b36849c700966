"""`striate doctor`: what is wrong with a model and its data; without them, what striate found on this computer."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from striate.cli import Command

EXAMPLES = """
striate doctor
striate doctor --json > doctor.json
striate doctor small fashion-mnist --subset
striate doctor yale pictures --validation-split 0.2
striate doctor model.keras data.npz --validation-split 0.2 --out findings.html
"""
UNHEALTHY = 1
"""The exit code when something was found."""


@click.command(cls=Command, examples=EXAMPLES, short_help="Find mistakes in a model and its data, or show the set-up.")
@click.argument("model", metavar="[MODEL]", required=False)
@click.argument("data", metavar="[DATA]", required=False)
@click.option("--validation-split", type=click.FloatRange(0, 1, max_open=True), default=0.0,
              help="The share that `fit` would take for validation: the last samples.")
@click.option("--subset", is_flag=True, help="Use the 10 % of the data that comes with striate.")
@click.option("--limit", type=click.IntRange(1), help="Look at no more than so many samples of a data set.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Also save the findings: the ending says how (html, json, svg, png, pdf, txt).")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(model, data, validation_split, subset, limit, out, as_json) -> None:
    """Look for the usual mistakes in MODEL, its loss and DATA, before time is spent on training.

    MODEL is a network of the zoo, a run's folder, a model file or module:function. DATA is a data set's name, a folder
    with one folder of images for each class, or an .npz file with arrays x and y. The exit code is 1 when something was
    found. Without MODEL: show the processor, threads, kernel cache, data sets, packages and settings that striate
    uses; put that into a report of a problem.
    """
    if model is None:
        _machine(as_json)
        return
    from striate.cli.explaining import tell

    found = _examined(model, data, validation_split, subset, limit)
    tell(found, as_json, out)
    if found.findings:
        click.get_current_context().exit(UNHEALTHY)


def _examined(source: str, data: str | None, validation_split: float, subset: bool, limit: int | None):
    """The doctor's findings on a model and, if there are any, data."""
    import numpy as np

    from striate.cli import for_model
    from striate.cli.explaining import open_model

    if data is None:
        return open_model(source).doctor()
    saved = for_model.saved_model(source)
    if saved is not None and "preparation" in saved.config.get("data", {}):
        model = open_model(source)
        loaded = for_model.load(saved, model, data, subset, limit)
        return _of_parts(_ready(model, loaded.test[1]), loaded, validation_split)
    if data.endswith(".npz") or Path(data).is_dir():
        model = open_model(source)
        x, y = _own_data(model, data)
        if Path(data).is_dir() and not validation_split:
            # A folder lies sorted by class, which nobody chose; `striate train` mixes it, and so does a look at a part.
            order = np.random.default_rng(0).permutation(len(x))
            x, y = x[order], y[order]
        return _ready(model, y).doctor(x[:limit], y[:limit], validation_split)
    from striate.systems import data as datasets

    loaded = datasets.load(data, subset, limit, 0)
    return _of_parts(_ready(open_model(source, loaded.image_shape, len(loaded.classes)), loaded.train[1]), loaded,
                     validation_split)


def _of_parts(model, loaded, validation_split: float):
    """The doctor's findings on data that are split already, or on all, where the model was not trained on them."""
    from striate.cli import networks

    if not len(loaded.train[1]):
        return model.doctor(networks.pixels(model, loaded.test[0][:]), loaded.test[1], validation_split)
    (x, y), other = ((networks.pixels(model, images[:]), labels)
                     for images, labels in (loaded.train, loaded.validation))
    return model.doctor(x, y, validation_split, None if validation_split else other)


def _own_data(model, place: str) -> tuple[Any, Any]:
    """(x, y) of a folder of images, in the order in which they lie there, or of an .npz file."""
    from striate.cli import networks
    from striate.cli.explaining import arrays_of
    from striate.datasets import folder

    if place.endswith(".npz"):
        return arrays_of(place)
    height, width, channels = model.input_shape[1:]
    mode = {1: "grayscale", 4: "rgba"}.get(channels, "rgb")
    read = folder.load(place, None if None in (height, width) else (height, width), mode)
    return networks.pixels(model, read.x), read.y


def _ready(model, labels):
    """The model, compiled for its labels if it is not compiled yet: as `striate train` would do it."""
    if model.compiled:
        return model
    import numpy as np

    from striate.cli import networks

    whole = np.issubdtype(np.asarray(labels).dtype, np.integer)
    return networks.compiled(model, networks.recipe("user")) if whole and np.ndim(labels) == 1 else model


def _machine(as_json: bool) -> None:
    from striate.cli import machine

    cache, settings = machine.kernel_cache(), machine.settings()
    found = {
        "machine": {**machine.environment(), "python executable": sys.executable},
        "kernel cache": cache,
        "data": machine.data_found(),
        "extras": {package: machine.installed(package) or f"not installed (pip install 'striate[{extra}]')"
                   for package, extra in machine.OPTIONAL.items()},
        "settings": settings,
    }
    if as_json:
        click.echo(json.dumps(found, indent=2, default=str))
    else:
        _print(found | {
            "kernel cache": {**cache, "bytes": f"{cache['bytes'] / 2**20:.1f} MiB", "variants": ", ".join(
                f"{name} {count}" for name, count in cache["variants"].items()) or "none yet"},
            "settings": {row["variable"]: f"{'not set' if row['value'] is None else row['value']} ({row['meaning']})"
                         for row in settings.values()},
        })


def _print(found) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    for title, rows in found.items():
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 1))
        table.add_column(style="cyan", no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in rows.items():
            table.add_row(Text(name), Text(str(value)))
        console.print(f"[bold]{title.capitalize()}[/]")
        console.print(table)
        console.print()
