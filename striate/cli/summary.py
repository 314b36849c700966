"""`striate summary`: the layers of a model."""

from __future__ import annotations

import json

import click

from striate.cli import Command

EXAMPLES = """
striate summary nova
striate summary runs/fashion-mnist-0001
striate summary model.keras --json
"""


@click.command(cls=Command, examples=EXAMPLES, short_help="Show the layers of a model.")
@click.argument("model", metavar="MODEL")
@click.option("--json", "as_json", is_flag=True, help="Print the layers as JSON.")
def command(model, as_json) -> None:
    """Show the layers of MODEL: a network of the zoo, a run's folder, a model file or module:function."""
    network = _open(model)
    if not as_json:
        network.summary()
        return
    from striate.cli.reporting import layer_rows

    rows = [dict(zip(("name", "type", "output_shape", "parameters"), row, strict=True))
            for row in layer_rows(network)]
    click.echo(json.dumps({"name": network.name, "parameters": int(network.count_params()), "layers": rows}, indent=2))


def _open(model: str):
    from striate import saving, zoo
    from striate.cli import networks
    from striate.cli.run_folder import find_model

    if model in zoo.names() or ":" in model:
        return networks.build(model)
    return saving.load_model(find_model(model).file)
