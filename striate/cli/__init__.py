"""The command `striate`: parses, calls the public API, says what happens.

A command is a file of this folder with a function `command`; it is loaded when it is used (or listed by `--help`).

Exit codes: 0 done; 1 failed; 2 the command or the data given to it cannot work; 3 a data set is not to be had;
4 a model file cannot be read; 5 the training diverged; 130 interrupted (what was learnt is kept).
"""

from __future__ import annotations

import re
import sys
from importlib import import_module

import click

from striate import __version__, errors

COMMANDS = ("train", "launch", "tune", "folds", "compare", "evaluate", "predict", "summary", "data", "lecture",
            "explain", "explore", "run", "convert", "warmup", "bench", "doctor")
EXIT_CODES = (
    (errors.DownloadError, 3),
    (errors.ModelFileError, 4),
    (errors.NonFiniteError, 5),
    (errors.ArgumentError, 2),
    (errors.TypeMismatchError, 2),
    (errors.StriateError, 1),
    (OSError, 1),
)
"""The first row whose class fits decides."""
INTERRUPTED = 130
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def plain(text: object) -> str:
    """Text from files or from the user, without control characters that a terminal would obey.

    Example:
        >>> plain("a\\x1b[2Jb")
        'a[2Jb'
    """
    return _CONTROL.sub("", str(text))


class Program(click.Group):
    """The group of all commands. Errors that striate knows become one sentence and an exit code."""

    def list_commands(self, context: click.Context) -> list[str]:
        """The commands in the order of their use."""
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Loads a command's file."""
        return import_module(f"striate.cli.{name}").command if name in COMMANDS else None

    def invoke(self, context: click.Context):
        """Runs the command."""
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            _fail(context, "\nInterrupted.", INTERRUPTED)
        except BrokenPipeError:
            # The reader of our output has gone (`striate ... | head`): nothing is wrong.
            sys.stderr.close()
            context.exit(0)
        except tuple(kind for kind, _ in EXIT_CODES) as error:
            _fail(context, f"Error: {plain(error)}", next(code for kind, code in EXIT_CODES if isinstance(error, kind)))


def _fail(context: click.Context, message: str, code: int) -> None:
    """Says what went wrong and ends the process; and with it all ranks that share the work."""
    parallel = sys.modules.get("striate.parallel")
    if parallel is not None:
        parallel.before_failing()
    click.echo(message, err=True)
    if parallel is not None:
        parallel.abort(code)
    context.exit(code)


def join_ranks() -> bool:
    """Shares the work with the other processes if mpiexec or srun started several; whether this one is to speak."""
    from striate.parallel import ranks, start, started_by_mpi

    if started_by_mpi():
        start()
    return ranks().rank == 0


class _WithExamples(click.Command):
    """Examples stand at the end of the help."""

    def __init__(self, *arguments, examples: str = "", **keywords):
        super().__init__(*arguments, **keywords)
        self.examples = examples

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the examples, one a line; what is too long for the terminal goes on in a second one."""
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples.strip().splitlines():
                    formatter.write("".join(f"  {part}\n" for part in _fitted(line.strip(), formatter.width)))


def _fitted(line: str, width: int) -> list[str]:
    """A command in lines that fit: broken before options, as a shell reads it."""
    lines = [""]
    for part in re.split(r" (?=--\w)", line):
        if lines[-1] and len(lines[-1]) + len(part) + 5 > width:
            lines[-1] += " \\"
            lines.append(f"   {part}")
        else:
            lines[-1] = f"{lines[-1]} {part}" if lines[-1] else part
    return lines


class Group(_WithExamples, click.Group):
    """A command of several commands."""


class Command(_WithExamples):
    """A command that also takes its options as `name=value`."""

    def parse_args(self, context: click.Context, words: list[str]) -> list[str]:
        """Reads `epochs=3` as `--epochs=3`."""
        options = {name for parameter in self.params for name in parameter.opts if name.startswith("--")}
        return super().parse_args(context, [
            f"--{word}" if "=" in word and f"--{word.split('=')[0]}" in options else word for word in words])


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, message="striate %(version)s")
def main() -> None:
    """Convolutional networks on the computer that you have.

    \b
    striate train fashion-mnist     trains, and writes the model and a report
    striate train photographs       the same with pictures of your own
    striate doctor                  what striate found on this computer

    Each command explains itself: striate train --help.
    """
