"""`striate lecture`: every number on a lecture's slides, computed again."""

from __future__ import annotations

import json

import click

from striate.cli import Command

EXAMPLES = """
striate lecture yale
striate lecture uva --train
striate lecture nova --train --subset --json
striate lecture tue
"""


@click.command(cls=Command, examples=EXAMPLES, short_help="Compute the numbers of a lecture's slides again.")
@click.argument("name", type=click.Choice(["yale", "uva", "nova", "tue"]))
@click.option("--train", is_flag=True, help="Also make the trainings of the slides; some take many minutes.")
@click.option("--subset", is_flag=True, help="With --train: use the 10 % of Fashion-MNIST that comes with striate.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(name, train, subset, as_json) -> None:
    """Compute every number on the slides of a lecture again, and say where the slides slip.

    "ok" is a number that was reproduced, "SLIP" one that was not, with the reason. yale: S&DS 365; uva: SYS 6016; nova:
    Técnicas de IA para Biologia; tue: deep learning for industry. The command ends with 1 if a number was neither
    reproduced nor explained.
    """
    from striate import lectures

    found = lectures.check(name, train, subset, lambda text: click.echo(text, err=True))
    click.echo(json.dumps(found.data(), indent=2, ensure_ascii=False) if as_json else str(found))
    if found.count("missed"):
        click.get_current_context().exit(1)
