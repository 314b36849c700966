"""`striate doctor`: what striate found on this computer."""

from __future__ import annotations

import json
import sys

import click

from striate.cli import Command

EXAMPLES = """
striate doctor
striate doctor --json > doctor.json
"""


@click.command(cls=Command, examples=EXAMPLES)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(as_json) -> None:
    """Show the processor, threads, kernel cache, data sets, packages and settings that striate uses.

    Put this into a report of a problem.
    """
    from striate.cli import machine

    found = {
        "machine": {**machine.environment(), "python executable": sys.executable},
        "kernel cache": machine.kernel_cache(),
        "data": machine.data_found(),
        "extras": {package: machine.installed(package) or f"not installed (pip install 'striate[{extra}]')"
                   for package, extra in machine.OPTIONAL.items()},
        "settings": {name: f"{row['value']}  ({row['variable']}: {row['meaning']})"
                     for name, row in machine.settings().items()},
    }
    if as_json:
        click.echo(json.dumps({**found, "settings": machine.settings()}, indent=2, default=str))
        return
    _print(found)


def _print(found) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for title, rows in found.items():
        table = Table(box=None, show_header=False, title=title.capitalize(), title_justify="left", title_style="bold",
                      padding=(0, 2, 0, 1))
        table.add_column(style="cyan", no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in rows.items():
            table.add_row(str(name), str(value))
        console.print(table)
        console.print()
