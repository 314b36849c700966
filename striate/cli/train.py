"""`striate train`: from a data set's name to a trained model and its report."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
from click.core import ParameterSource

from striate.cli import INTERRUPTED, Command

EXAMPLES = """
striate train fashion-mnist
striate train fashion-mnist --model lenet5 --epochs 10 --batch-size 128
striate train fashion-mnist --model my_models:small --optimizer sgd --learning-rate 0.05
striate train fashion-mnist --subset --json
striate train photographs/
striate train cells.npz --epochs 20 --patience 5
striate train auto-mpg
striate train --resume runs/fashion-mnist-0001
mpiexec -n 4 striate train fashion-mnist --model uva --batch-size 128 --shards 4
"""
COMPARISONS = ("auto-mpg", "brain")
"""Systems of which several networks are trained and put into one table."""


class ImageSize(click.ParamType):
    """A size such as 64x48: height and width."""

    name = "size"

    def convert(self, value, parameter, context):
        """(height, width) of the text."""
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"(\d{1,4})(?:x(\d{1,4}))?", value)
        if not found or int(found[1]) < 4 or int(found[2] or found[1]) < 4:
            self.fail("a size is written 64x64 (height x width), each at least 4.", parameter, context)
        return int(found[1]), int(found[2] or found[1])


@click.command(cls=Command, examples=EXAMPLES, short_help="Train a network; write model and report.")
@click.argument("data", metavar="DATA", required=False)
@click.option("--model", metavar="NAME", help="A network of the zoo (small, uva, nova, ...), FILE.keras, or "
              "module:function; what suits the data unless given.")
@click.option("--epochs", type=click.IntRange(1), help="Passes over the training images.")
@click.option("--batch-size", type=click.IntRange(1), help="Images a step.")
@click.option("--optimizer", metavar="NAME", help="adam, sgd, rmsprop, ...")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), help="Step size of the optimizer.")
@click.option("--patience", type=click.IntRange(1), help="Stop when the validation loss has not improved for so many "
              "epochs.")
@click.option("--image-size", type=ImageSize(), metavar="HxW", help="Size that the pictures of a folder are brought "
              "to, such as 64x64.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True,
              help="The same seed gives the same weights, bit for bit, on any number of threads.")
@click.option("--threads", type=click.IntRange(1), help="Threads that compute; all cores unless given.")
@click.option("--shards", type=click.IntRange(1), metavar="N",
              help="Cut each batch into N shards, which the ranks of mpiexec, srun or `striate launch` share; one for "
                   "each rank unless given. The weights depend on it, but not on the number of ranks.")
@click.option("--limit", type=click.IntRange(1), help="Use at most so many images, for a quick try.")
@click.option("--subset", is_flag=True, help="Use the 10 % of the data that comes with striate.")
@click.option("--timeline", is_flag=True,
              help="Also keep the state after every epoch, for striate explain training RUN.")
@click.option("--out", type=click.Path(path_type=Path),
              help="Folder of the run; runs/NAME-0001 and so on unless given.")
@click.option("--resume", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="RUN",
              help="Go on with a run that was stopped or killed, to the bits of an unbroken one.")
@click.option("--json", "json", is_flag=True, help="Print the result as JSON; everything else goes to standard error.")
def command(**options) -> None:
    """Train a network on DATA and write a folder with the model and a report.

    DATA is the name of a data set (striate data list), a folder with one folder of pictures for each class, or an .npz
    or .csv file. A folder needs nothing else: it is looked through, split, and what was chosen is said. `auto-mpg` and
    `brain` are comparisons of the lectures (see striate compare).

    The folder of the run holds config.json, history.csv, history.json, best.keras (the epoch with the best validation
    accuracy), last.keras and report.html. Ctrl-C ends the training early and keeps what was learnt.
    """
    from rich.console import Console

    from striate.cli import join_ranks
    from striate.cli.terminal import say
    from striate.cli.training import Request, train

    check_resume(click.get_current_context())
    if options["data"] in COMPARISONS:
        _compare(click.get_current_context())
        return
    request = Request(**options)
    console = Console(stderr=request.json, quiet=not join_ranks())
    folder, result = train(request, console)
    if request.json:
        click.echo(json_text(result))
    else:
        if result["test"]:
            say(console, "Test", f"accuracy {result['test']['accuracy']:.2%}, loss {result['test']['loss']:.4f}",
                "bold green")
        say(console, "Report", result["report"])
    if result["interrupted"]:
        click.get_current_context().exit(INTERRUPTED)


def _compare(context: click.Context) -> None:
    """The systems of the lectures that are comparisons: what `striate compare` makes, with this command's options.

    Raises:
        UsageError: an option that has no meaning for a comparison.
    """
    from striate.cli.compare import command as compare

    options, taken = context.params, ("data", "epochs", "limit", "out", "json")
    strange = [name for name in options if name not in taken and
               context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if strange:
        raise click.UsageError(f"{options['data']} is a comparison, which takes no {', '.join(strange)}: see striate "
                               "compare --help.")
    context.invoke(compare, what=options["data"], epochs=options["epochs"], limit=options["limit"], out=options["out"],
                   as_json=options["json"])


def check_resume(context: click.Context) -> None:
    """Either DATA or --resume, which goes on with what the run began with: only few options make sense beside it."""
    given = {name for name in context.params
             if context.get_parameter_source(name) in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)}
    if "resume" not in given:
        if "data" not in given:
            raise click.UsageError(
                "Missing argument 'DATA': a data set's name, such as fashion-mnist, a folder of class folders, or "
                "--resume RUN.")
        return
    others = sorted(given - {"resume", "threads", "json", "model"})
    if others:
        raise click.UsageError("--resume goes on with what the run began with and cannot be combined with "
                               + ", ".join(others) + ".")


def json_text(result) -> str:
    """A result as `--json` prints it."""
    return json.dumps(result, indent=2, ensure_ascii=False)
