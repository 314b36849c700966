"""`striate data`: which data sets there are, fetching one, and looking at one before training on it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from striate.cli import Command, Group, plain

EXAMPLES = """
striate data list
striate data get mnist
striate data show photographs/ --out sheet.png
striate data show auto-mpg
"""
ABOUT = {
    "fashion-mnist": "70,000 grey pictures of clothes, 28x28, 10 classes; a tenth comes with striate (--subset)",
    "mnist": "70,000 handwritten digits, 28x28, 10 classes",
    "cifar10": "60,000 colour pictures, 32x32, 10 classes",
    "x-or-o": "toy letters of the lectures, 9x9, drawn by striate",
    "simulated-ca": "simulated calcium imaging, 128x128, real or fake, whole sessions held out",
    "brain-food": "the course's images of mouse cortex and GAN-made fakes, 128x128; a part is streamed",
    "auto-mpg": "392 cars of 1970-82 for regression; comes with striate",
}


@click.group(cls=Group, examples=EXAMPLES, short_help="List, fetch and look at data sets.")
def command() -> None:
    """Data sets by name, and the user's own folders and files."""


@command.command("list", cls=Command, examples="striate data list --json",
                 short_help="Name the data sets, and where each lies.")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def list_command(as_json) -> None:
    """List the data sets that have a name, and where each lies on this computer."""
    from rich.console import Console
    from rich.table import Table

    from striate.cli.machine import data_found

    found = data_found()
    if as_json:
        click.echo(json.dumps([{"name": name, "what": what, "where": found[name]} for name, what in ABOUT.items()],
                              indent=2))
        return
    table = Table("name", "what", box=None)
    table.add_column("where", overflow="fold")
    for name, what in ABOUT.items():
        table.add_row(name, what, plain(found[name]))
    Console().print(table)


@command.command(cls=Command, examples="striate data get fashion-mnist", short_help="Fetch a data set, and check it.")
@click.argument("name", type=click.Choice(list(ABOUT)), metavar="NAME")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def get(name, as_json) -> None:
    """Make sure that the data set NAME is on this computer, downloading it if need be, and check it.

    NAME is one of those that striate data list names.
    """
    from striate.systems import data as datasets
    from striate.systems.table_sheet import table_of

    table = table_of(name)
    if table is not None:
        rows, columns = table.x.shape
        click.echo(json.dumps({"name": name, "said": ABOUT[name], "source": "comes with striate",
                               "shapes": {"x": [rows, columns], "y": [rows]}}, indent=2) if as_json
                   else f"{name}: {rows} rows of {columns} numbers and a target, {table.target} (comes with striate).")
        return
    loaded = datasets.load(name)
    if as_json:
        click.echo(json.dumps({"name": name, "said": loaded.said, "source": loaded.source,
                               "shapes": {part: list(images.shape) for part, (images, _) in loaded.parts.items()}},
                              indent=2))
    else:
        click.echo(f"{plain(loaded.said)} ({plain(loaded.source)}).")


@command.command(cls=Command, examples="""
    striate data show fashion-mnist --subset
    striate data show photographs/ --out sheet.png --json""", short_help="Draw samples; say what may be wrong.")
@click.argument("data", metavar="NAME_OR_FOLDER")
@click.option("--subset", is_flag=True, help="Use the 10 % of Fashion-MNIST that comes with striate.")
@click.option("--limit", type=click.IntRange(1), help="Look at so many pictures of each part at most.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Chooses the split and the samples.")
@click.option("--out", type=click.Path(path_type=Path), help="The contact sheet: .png, .svg, .pdf or .html; "
              "NAME-sheet.png unless given.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def show(data, subset, limit, seed, out, as_json) -> None:
    """Draw a contact sheet of NAME_OR_FOLDER, and say what may be wrong with it.

    Counts each class, finds pictures that are the same in two parts (by a hash of their pixels), that are twice in one,
    or have two classes, and files that cannot be read. NAME_OR_FOLDER is the name of a data set, a folder with one
    folder of pictures for each class (or folders train, val and test with such folders), an .npz or a .csv file. Of
    a table of numbers (auto-mpg, or a .csv file) the columns are told, and the target is drawn over each.
    """
    from striate.cli.run_folder import name_of
    from striate.cli.terminal import say
    from striate.systems import data as datasets
    from striate.systems import own
    from striate.systems.sheet import sheet
    from striate.systems.table_sheet import table_of

    table = table_of(data)
    if table is not None:
        _show_table(data, table, out, as_json)
        return
    loaded = datasets.load(data, subset, limit, seed)
    found = sheet(loaded, loaded.audit or own.audit_arrays(loaded), seed)
    place = found.save(out or Path(f"{name_of(loaded.name)}-sheet.png"))
    if as_json:
        click.echo(json.dumps({**found.data(), "chosen": list(loaded.reasons), "sheet": str(place)}, indent=2,
                              ensure_ascii=False))
        return
    from rich.console import Console

    console = Console()
    click.echo(plain(found.table()))
    for reason in loaded.reasons:
        say(console, "Chosen", plain(reason))
    for sentence in found.audit.findings():
        say(console, "Note", plain(sentence), "bold yellow")
    say(console, "Sheet", str(place))


def _show_table(name: str, table, out: Path | None, as_json: bool) -> None:
    from rich.console import Console

    from striate.cli.run_folder import name_of
    from striate.cli.terminal import say
    from striate.systems.table_sheet import TableSheet

    found = TableSheet(name, table)
    place = found.save(out or Path(f"{name_of(Path(name).stem)}-sheet.png"))
    if as_json:
        click.echo(json.dumps({**found.data(), "sheet": str(place)}, indent=2, ensure_ascii=False))
        return
    console = Console()
    say(console, "Table", f"{len(table.y):,} rows; {plain(table.target)} is what striate compare predicts.")
    click.echo(plain(str(found)))
    say(console, "Sheet", str(place))
