"""`striate compare`: the lectures' comparisons, each one table: networks, activations, learning rates, optimizers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from striate.cli import Command, plain

EXAMPLES = """
striate compare auto-mpg
striate compare auto-mpg --splits 5 --out runs/mpg
striate compare cars.csv --target price
striate compare brain --seeds 3
striate compare brain --data brain-food
striate compare brain --data gan --out runs/gan
striate compare brain --data my_sessions/
striate compare nova --subset --epochs 5
striate compare fashion-mnist --variant uva --variant nova --seeds 3
striate compare dna
"""


_PICTURES = ("seeds", "epochs", "subset", "limit", "variants")
_TAKES = {"auto-mpg": ("splits",), "brain": ("seeds", "epochs", "data", "rounds", "limit", "variants"),
          "nova": _PICTURES, "fashion-mnist": _PICTURES, "dna": ("seeds", "epochs", "limit")}
"""The options that each comparison takes, as the command's parameters; a table takes those in `_OF_TABLES`."""
_OF_TABLES = ("splits", "target")


@click.command(cls=Command, examples=EXAMPLES, short_help="Compare networks and settings in one table.")
@click.argument("what", metavar="WHAT")
@click.option("--splits", type=click.IntRange(1), help="auto-mpg, tables: how many splits; 20 unless given.")
@click.option("--seeds", type=click.IntRange(1), help="Pictures, dna: trainings of each row, with other seeds; "
              "3 unless given, nova: 1.")
@click.option("--epochs", type=click.IntRange(1), help="Pictures, dna: instead of the recipe's.")
@click.option("--data", default="simulated-ca", show_default=True, metavar="NAME",
              help="brain: simulated-ca, gan (the same real frames, fakes of a generator that is trained first), "
                   "brain-food (the course's own files, which are streamed), or a folder with folders of real and of "
                   "fake pictures, best inside train, val and test.")
@click.option("--rounds", type=click.IntRange(1), help="brain --data gan: epochs of the generator; 16 unless given.")
@click.option("--subset", is_flag=True, help="nova, fashion-mnist: the 10 % that comes with striate.")
@click.option("--limit", type=click.IntRange(4), help="brain: frames of each session (an even number); nova, "
              "fashion-mnist, dna: what to train on.")
@click.option("--target", metavar="COLUMN", help="Tables: the column to predict.")
@click.option("--variant", "variants", multiple=True, help="Pictures: only this row or network; may be repeated.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False),
              help="Folder of the table; with one that was broken off the comparison goes on.")
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
@click.pass_context
def command(context, what, as_json, out, **options) -> None:
    """Make the comparison WHAT and print its table.

    auto-mpg: deck N's regression, a linear model beside networks with several activations and learning rates, error in
    miles per gallon. FILE.csv: the same for a table of your own. brain: deck Y's baseline and two better networks on
    sessions that were held out (--data gan: the fakes are made by a DCGAN that is trained first). nova: deck N's
    network on Fashion-MNIST and its variants. fashion-mnist: networks of the zoo by their recipes, with several seeds.
    dna: the 1-D network of the zoo on drawn sequences, beside searches that know the word.
    """
    from striate import config
    from striate.cli.run_folder import RunFolder, filling

    _check_options(what, options, [name for name in options
                                   if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE])
    folder = out or RunFolder.create(config.value("runs"), f"compare-{Path(what).stem}").path
    with filling(folder):
        found = compared(what, folder, options)
    if as_json:
        click.echo(json.dumps({**found.data(), "file": str(found.place)}, indent=2, ensure_ascii=False))
    else:
        click.echo(plain(str(found)))
        click.echo(f"Table: {found.place}")


def _check_options(what: str, options: Mapping[str, Any], given: list[str]) -> None:
    """An option that would change nothing is a misunderstanding."""
    taken = _TAKES.get(what, _OF_TABLES)
    needless = [name for name in given if name not in taken or (name == "rounds" and options["data"] != "gan")]
    if needless:
        words, every = (", ".join("--variant" if name == "variants" else f"--{name}" for name in names)
                        for names in (needless, taken))
        raise click.UsageError(f"The comparison {what} takes no {words}; it takes {every}"
                               + (" (--rounds with --data gan)." if what == "brain" else "."))


def compared(what: str, folder: Path, options: Mapping[str, Any]):
    """The comparison that the words mean; `options` are those of the command, where they were given.

    Raises:
        ArgumentError: there is no such comparison.
    """
    from striate.datasets import tables
    from striate.errors import ArgumentError, received
    from striate.systems import auto_mpg, dna, fashion, nova

    def say(text: str) -> None:
        click.echo(text, err=True)

    splits = options.get("splits") or auto_mpg.SPLITS
    epochs, limit, variants = options.get("epochs"), options.get("limit"), tuple(options.get("variants", ()))
    if what == "auto-mpg":
        return auto_mpg.compare(splits, folder=folder, say=say)
    if what == "brain":
        return _brain(folder, say, limit, epochs, variants, options)
    if what == "nova":
        _known(variants, tuple(nova.VARIANTS))
        return nova.compare(bool(options.get("subset")), epochs, variants or tuple(nova.VARIANTS),
                            range(options.get("seeds") or 1), limit, folder, say)
    if what == "fashion-mnist":
        _known(variants, fashion.NETWORKS)
        return fashion.compare(variants or fashion.NETWORKS, range(options.get("seeds") or 3), epochs,
                               bool(options.get("subset")), limit, folder, say)
    if what == "dna":
        return dna.compare(range(options.get("seeds") or 3), epochs, limit, folder, say)
    if what.endswith((".csv", ".tsv")):
        table = tables.load_csv(what, options.get("target"))
        if isinstance(table, tables.Table):
            return auto_mpg.compare(splits, table=table, folder=folder, say=say)
    raise ArgumentError("What can be compared is auto-mpg, brain, nova, fashion-mnist, dna, or a .csv table of "
                        "numbers. " + received(what=what))


def _brain(folder: Path, say, limit: int | None, epochs: int | None, variants: tuple[str, ...],
           options: Mapping[str, Any]):
    from functools import partial

    from striate.errors import ArgumentError, received
    from striate.systems import brain, brain_gan

    _known(variants, brain.NETWORKS)
    name, seeds = options.get("data", "simulated-ca"), range(options.get("seeds") or 3)
    frames = {} if limit is None else {"frames": limit}
    if name == "gan":
        return brain_gan.compare(variants or brain.NETWORKS, seeds, epochs, rounds=options.get("rounds")
                                 or brain_gan.ROUNDS, folder=folder, say=say, **frames)
    known = {"simulated-ca": brain.simulated, "brain-food": brain.course}
    if name not in known and not Path(name).is_dir():
        raise ArgumentError("--data takes simulated-ca, gan, brain-food or a folder. " + received(data=name))
    source = known.get(name) or partial(brain.of_folder, Path(name))
    return brain.compare(variants or brain.NETWORKS, seeds, epochs, partial(source, **frames), folder, say)


def _known(variants: tuple[str, ...], names: tuple[str, ...]) -> None:
    unknown = [name for name in variants if name not in names]
    if unknown:
        raise click.UsageError(f"There is no variant {', '.join(unknown)}; there are: {', '.join(names)}.")
