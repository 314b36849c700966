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


@click.command(cls=Command, examples=EXAMPLES, short_help="Show what striate found on this computer.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(as_json) -> None:
    """Show the processor, threads, kernel cache, data sets, packages and settings that striate uses.

    Put this into a report of a problem.
    """
    from striate.cli import machine

    cache, settings = machine.kernel_cache(), machine.settings()
    found = {
        "machine": {**machine.environment(), "python executable": sys.executable},
        "kernel cache": cache,
        "data": machine.data_found(),
        "extras": {package: machine.installed(package) or f"not installed (pip install 'striate[{extra}]')"
                   for package, extra in machine.OPTIONAL.items()},
        "settings": settings,
    }
    if as_json:
        click.echo(json.dumps(found, indent=2, default=str))
    else:
        _print(found | {
            "kernel cache": {**cache, "bytes": f"{cache['bytes'] / 2**20:.1f} MiB", "variants": ", ".join(
                f"{name} {count}" for name, count in cache["variants"].items()) or "none yet"},
            "settings": {row["variable"]: f"{'not set' if row['value'] is None else row['value']} ({row['meaning']})"
                         for row in settings.values()},
        })


def _print(found) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    for title, rows in found.items():
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 1))
        table.add_column(style="cyan", no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in rows.items():
            table.add_row(Text(name), Text(str(value)))
        console.print(f"[bold]{title.capitalize()}[/]")
        console.print(table)
        console.print()
