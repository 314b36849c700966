"""`striate run`: a script written for Keras or TensorFlow, run by striate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from striate.cli import Command, join_ranks

EXAMPLES = """
striate run homework.py --epochs 3
striate run --from-slides slides.txt
striate run --from-slides slides.txt --output homework.py
striate run --from-slides slides.txt --yes
"""


class ScriptCommand(Command):
    """A command whose arguments behind the first belong to somebody else: they are not looked at."""

    def parse_args(self, context: click.Context, words: list[str]) -> list[str]:
        """Reads click's options only."""
        return click.Command.parse_args(self, context, words)


@click.command(cls=ScriptCommand, examples=EXAMPLES, short_help="Run a script written for Keras or TensorFlow.",
               context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--from-slides", "slides", metavar="FILE", type=click.Path(exists=True, dir_okay=False),
              help="Repair code copied from slides, and show the changes. Nothing is run.")
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write the repaired code into this file.")
@click.option("--yes", is_flag=True, help="Run the repaired code.")
@click.argument("words", nargs=-1, metavar="SCRIPT [ARGUMENTS]...", type=click.UNPROCESSED)
@click.pass_context
def command(context, slides, output, yes, words) -> None:
    """Run SCRIPT, written for Keras or TensorFlow, unchanged: `import keras` and `import tensorflow` find striate.

    At the end it says what was adapted. The exit code is the script's.
    """
    if slides is not None:
        context.exit(_from_slides(Path(slides), output, yes, words))
    if not words or output or yes:
        raise click.UsageError("Give a script, or --from-slides FILE with or without --output and --yes.")
    from striate.runner.script import run_script

    join_ranks()
    context.exit(run_script(words[0], words[1:]))


def _from_slides(file: Path, output: str | None, run: bool, arguments: Sequence[str]) -> int:
    """Shows the repair; writes and runs it as asked. 2 when it still is not Python."""
    import tempfile

    from striate.errors import DataError, received
    from striate.files import write_bytes
    from striate.runner.script import run_script
    from striate.runner.slides import repair

    text = file.read_text("utf-8", errors="replace")
    if "\0" in text or not text.strip():
        raise DataError("The file holds no text: expected code copied from slides. Save the slides' text as UTF-8. "
                        + received(file=str(file), bytes=file.stat().st_size))
    repaired = repair(text)
    click.echo(repaired.difference(file.name), nl=False)
    kinds = f"{len(repaired.changes)} kind{'s' * (len(repaired.changes) != 1)} of repair"
    click.echo(f"{kinds}: {', '.join(repaired.changes) or 'none needed'}", err=True)
    if output is not None:
        write_bytes(output, repaired.text.encode())
    if repaired.problem:
        click.echo(f"Error: after the repair this is still not Python: {repaired.problem}", err=True)
        return 2
    if not run:
        return 0
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / file.with_suffix(".py").name
        script.write_text(repaired.text, "utf-8")
        return run_script(script, arguments)
