"""`striate tune`: which learning rate, batch size and optimizer suit a network and its data."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from striate.cli import Command, plain

if TYPE_CHECKING:
    from striate.tune.search import Search, Trial

EXAMPLES = """
striate tune fashion-mnist --subset --trials 9 --epochs 9
striate tune fashion-mnist --subset --method random --space learning_rate=1e-4..1e-1:log --space "batch_size=32|128"
striate launch -n 4 -- tune fashion-mnist --trials 16
striate tune photographs/ --method optuna --trials 20 --out runs/tuning
striate tune fashion-mnist --method optuna --trials 40 --storage /shared/study
striate tune fashion-mnist --model my_models:small --space "dropout=0.0..0.6" --space "filters=16|32|64"
"""
DEFAULT_SPACE = {"learning_rate": "1e-4..3e-2:log", "batch_size": "32|64|128", "optimizer": "adam|sgd|rmsprop"}


@click.command(cls=Command, examples=EXAMPLES, short_help="Search for good settings.")
@click.argument("data")
@click.option("--model", metavar="NAME", help="A network of the zoo, FILE.keras, or module:function; what suits the "
              "data unless given.")
@click.option("--space", "space", multiple=True, metavar="NAME=RANGE", help="What may vary: low..high, low..high:log "
              "or one|two; learning_rate, batch_size, optimizer, or an argument of module:function. May be repeated.")
@click.option("--method", type=click.Choice(["halving", "random", "optuna"]), default="halving", show_default=True,
              help="halving: all for one epoch, the best third for three, ...; optuna: its own sampler (extra tune).")
@click.option("--storage", metavar="URL|FILE", help="--method optuna: where the study lies, for several processes or "
              "machines: a file that all see, or sqlite:///study.db, postgresql://...; in the folder unless given.")
@click.option("--study", metavar="NAME", help="--storage: the name of the study; striate unless given.")
@click.option("--lost-after", type=click.FloatRange(1), metavar="SECONDS", help="--method optuna: after so long "
              "without a sign of life another worker's trial is made again; 120 unless given.")
@click.option("--trials", type=click.IntRange(1), default=9, show_default=True, help="Settings to try.")
@click.option("--epochs", type=click.IntRange(1), default=9, show_default=True, help="Epochs of the longest training.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of settings, weights and split.")
@click.option("--subset", is_flag=True, help="Use the 10 % of Fashion-MNIST that comes with striate.")
@click.option("--limit", type=click.IntRange(1), help="Use at most so many images.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False),
              help="Folder of the search; the same search in the same folder goes on where it was broken off.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(data, space, method, out, as_json, **options) -> None:
    """Search for the settings that give the best validation accuracy on DATA.

    Every result is in tune.json at once. `striate launch` has several processes make the trials; with --method optuna
    the same command on several machines, with one --storage, shares them out: a trial whose machine is lost is made
    again by another, and none is made twice. The test images are not looked at: at the end the command is printed that
    trains with the best settings and tests the result.
    """
    from striate import config
    from striate.cli import join_ranks
    from striate.cli.run_folder import RunFolder, filling
    from striate.cli.tuning import Judge
    from striate.ranks import ranks
    from striate.systems import data as datasets
    from striate.tune import Search, Space

    shared = _shared(method, options)
    speaks = join_ranks()
    allowed = Space.parsed(_pairs(space) or DEFAULT_SPACE)
    loaded = datasets.load(data, options["subset"], options["limit"], options["seed"])
    judge = Judge(loaded, options["model"] or loaded.model, options["seed"])
    judge.check(allowed)
    folder = out or Path(ranks().from_first(
        lambda: str(RunFolder.create(config.value("runs"), f"tune-{loaded.name}").path)))
    say = (lambda text: click.echo(text, err=True)) if speaks else None
    with filling(folder):
        search = Search(folder, allowed, judge, options["seed"], say, {"data": loaded.said, "model": judge.model})
        best = _searched(search, method, options["trials"], options["epochs"], shared)
    words = ["striate", "train", data, "--model", judge.model, "--epochs", str(best.epochs), "--seed",
             str(options["seed"]), *(["--subset"] if options["subset"] else [])]
    for name, value in best.settings.items():
        if name in judge.TRAINING:
            words += [f"--{name.replace('_', '-')}", str(value)]
    if as_json:
        click.echo(json.dumps({**search.data(), "folder": str(folder), "command": shlex.join(words)}, indent=2,
                              ensure_ascii=False))
        return
    click.echo(plain(str(search)))
    click.echo(f"Best: validation accuracy {best.score:.2%}. Train with it and test it: {plain(shlex.join(words))}")
    click.echo(f"Table: {folder}")


def _shared(method: str, options: dict[str, Any]) -> dict[str, Any]:
    """What was said of a study that several workers share."""
    given = {name: options[name] for name in ("storage", "study", "lost_after") if options[name] is not None}
    if given and method != "optuna":
        raise click.UsageError(f"Only trials of --method optuna are kept in a storage; with --method {method} leave "
                               f"{', '.join('--' + name.replace('_', '-') for name in given)} out.")
    return given


def _searched(search: Search, method: str, trials: int, epochs: int, shared: dict[str, Any]) -> Trial:
    """The best trial of a search."""
    from striate.tune.with_optuna import optuna_search

    if method == "optuna":
        return optuna_search(search, trials, epochs, **shared)
    return {"random": search.random, "halving": search.halving}[method](trials, epochs)


def _pairs(space: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for text in space:
        name, equal, words = text.partition("=")
        if not equal or not name.isidentifier():
            raise click.BadParameter(f"write it as NAME=RANGE, such as learning_rate=1e-4..1e-1:log, not {text!r}.",
                                     param_hint="--space")
        found[name] = words
    return found
