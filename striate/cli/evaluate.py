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
    given. The run's own data are split as they were for its training; other folders and files are prepared as the run
    prepared its pictures, and, unless they have parts of their own, all of them are for the test.
    """
    from rich.console import Console

    from striate import saving
    from striate.cli import for_model
    from striate.cli.forecast import compiling
    from striate.cli.run_folder import find_model
    from striate.cli.scores import score

    join_ranks()
    saved = find_model(model)
    network = saving.load_model(saved.file)
    loaded = for_model.load(saved, network, data, subset, limit)
    with compiling(Console(stderr=True)):
        scores = score(network, *loaded.test, classes=len(loaded.classes), batch_size=batch_size)
    result = {"model": str(saved.file), "data": loaded.name, "warning": loaded.warning,
              "images": len(loaded.test[0]), "accuracy": scores.accuracy, "loss": scores.loss,
              "recall": {name: float(row[index] / row.sum()) if row.sum() else None
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
        table.add_row(plain(name), "no images" if share is None else f"{share:.1%}")
    console.print(table)
