"""`striate folds`: a cross-validation, and the ensemble of its models; folds are shared out among ranks."""

from __future__ import annotations

import json
from pathlib import Path

import click

from striate.cli import Command, plain

EXAMPLES = """
striate folds fashion-mnist --subset --folds 5 --epochs 3
striate launch -n 5 -- folds fashion-mnist --folds 5 --model lenet5
striate folds photographs/ --folds 10 --out runs/folds --json
"""


@click.command(cls=Command, examples=EXAMPLES, short_help="Cross-validate a network; make an ensemble.")
@click.argument("data")
@click.option("--folds", type=click.IntRange(2), default=5, show_default=True, help="Parts, and so trainings.")
@click.option("--model", metavar="NAME", help="A network of the zoo, FILE.keras, or module:function; what suits the "
              "data unless given.")
@click.option("--epochs", type=click.IntRange(1), help="Instead of the recipe's.")
@click.option("--batch-size", type=click.IntRange(1), help="Instead of the recipe's.")
@click.option("--optimizer", metavar="NAME", help="Instead of the recipe's.")
@click.option("--learning-rate", type=float, help="Instead of the recipe's.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the parts and the weights.")
@click.option("--subset", is_flag=True, help="Use the 10 % of Fashion-MNIST that comes with striate.")
@click.option("--limit", type=click.IntRange(1), help="Use at most so many images.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False),
              help="Folder of the models; the same command goes on where it was broken off.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(data, folds, out, as_json, **options) -> None:
    """Cross-validate a network on DATA, and test the ensemble of its models.

    The training and validation images are cut into parts with as many of each class. Each model is trained on all parts
    but one and judged on that one. The mean of the models' probabilities, an ensemble, is judged on the test images.
    `striate launch -n 5 -- folds ...` trains five at a time, to the same bits.
    """
    from striate import config
    from striate.cli import join_ranks
    from striate.cli.folding import Folds
    from striate.cli.run_folder import RunFolder, filling
    from striate.ranks import ranks
    from striate.systems import data as datasets

    speaks = join_ranks()
    loaded = datasets.load(data, options["subset"], options["limit"], options["seed"])
    folder = out or Path(ranks().from_first(
        lambda: str(RunFolder.create(config.value("runs"), f"folds-{loaded.name}").path)))
    recipe = {name: options[name] for name in ("epochs", "batch_size", "optimizer", "learning_rate")}
    with filling(folder):
        found = Folds(folder, loaded, options["model"] or loaded.model, folds, options["seed"], recipe).run(
            (lambda text: click.echo(text, err=True)) if speaks else (lambda text: None))
    if as_json:
        click.echo(json.dumps({**found.data(), "folder": str(folder)}, indent=2, ensure_ascii=False))
        return
    click.echo(plain(str(found)))
    click.echo(f"Models and table: {folder}")
