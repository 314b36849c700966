"""`striate evaluate`: how good a trained model is on test images."""

from __future__ import annotations

import json

import click

from striate.cli import Command, join_ranks, plain

EXAMPLES = """
striate evaluate runs/fashion-mnist-0001
striate evaluate model.keras fashion-mnist --json
"""


@click.command(cls=Command, examples=EXAMPLES, short_help="Measure a model on test images.")
@click.argument("model", metavar="RUN_OR_MODEL")
@click.argument("data", required=False)
@click.option("--subset", is_flag=True, help="Use the 10 % of the data that comes with striate.")
@click.option("--limit", type=click.IntRange(1), help="Use at most so many images.")
@click.option("--batch-size", type=click.IntRange(1), default=256, show_default=True, help="Images a step.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(model, data, subset, limit, batch_size, as_json) -> None:
    """Measure RUN_OR_MODEL on the test images of DATA.

    RUN_OR_MODEL is a run's folder (its best model is taken) or a model file. DATA is the data set of the run unless
    given.
    """
    from rich.console import Console

    from striate import saving
    from striate.cli.forecast import compiling
    from striate.cli.run_folder import find_model
    from striate.cli.scores import score
    from striate.systems import data as datasets

    join_ranks()
    saved = find_model(model)
    of_run = saved.config.get("data", {})
    if data is None and "name" not in of_run:
        raise click.UsageError("This model does not say which data it belongs to: give DATA, for example "
                               "fashion-mnist.")
    same = data is None
    size = of_run.get("preparation", {}).get("image_size") if same else None
    loaded = datasets.load(of_run.get("place", of_run["name"]) if same else data,
                           subset or (same and bool(of_run.get("subset"))), limit,
                           saved.config.get("seed", 0) if same else 0, tuple(size) if size else None)
    with compiling(Console(stderr=True)):
        scores = score(saving.load_model(saved.file), *loaded.test, classes=len(loaded.classes), batch_size=batch_size)
    result = {"model": str(saved.file), "data": loaded.name, "warning": loaded.warning,
              "images": len(loaded.test[0]), "accuracy": scores.accuracy, "loss": scores.loss,
              "recall": {name: float(row[index] / max(1, row.sum()))
                         for index, (name, row) in enumerate(zip(loaded.classes, scores.counts, strict=True))}}
    if as_json:
        click.echo(json.dumps(result, indent=2, ensure_ascii=False))
    else:
        _print(result)


def _print(result) -> None:
    from rich.console import Console
    from rich.table import Table

    from striate.cli.terminal import say

    console = Console()
    if result["warning"]:
        say(console, "Note", result["warning"], "bold yellow")
    say(console, "Model", plain(result["model"]))
    say(console, "Data", f"{result['images']:,} test images of {result['data']}")
    say(console, "Test", f"accuracy {result['accuracy']:.2%}, loss {result['loss']:.4f}", "bold green")
    table = Table("class", "found", box=None)
    for name, share in result["recall"].items():
        table.add_row(plain(name), f"{share:.1%}")
    console.print(table)
