"""`striate convert`: a model's file in another format."""

from __future__ import annotations

import json
from pathlib import Path

import click

from striate.cli import Command, plain

EXAMPLES = """
striate convert model.keras model.onnx
striate convert resnet18.onnx resnet18.keras --channels-last
striate convert old.h5 model.safetensors --json
"""


@click.command(cls=Command, examples=EXAMPLES, short_help="Write a model in another format.")
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--channels-last", is_flag=True,
              help="From ONNX: the model takes images as height, width, channels, whatever the file says.")
@click.option("--force", is_flag=True, help="Replace TARGET if it is there.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(source, target, channels_last, force, as_json) -> None:
    """Read the model in SOURCE and write it to TARGET; the endings say how.

    Formats: .keras, .h5, .onnx, and .safetensors (with the layers in a .json file beside it). What ONNX does not hold,
    such as the optimizer, is left out there.
    """
    from striate import saving
    from striate.errors import ArgumentError, received

    if target.exists() and not force:
        raise ArgumentError("TARGET exists; --force replaces it. " + received(target=str(target)))
    model = saving.convert(source, target, data_format="channels_last" if channels_last else "channels_first")
    files = [target, *([target.with_suffix(".json")] if target.suffix == ".safetensors" else [])]
    if as_json:
        sizes = {str(path): path.stat().st_size for path in files}
        click.echo(json.dumps({"model": model.name, "layers": len(model.layers),
                               "parameters": int(model.count_params()), "files": sizes}, indent=2))
        return
    for path in files:
        click.echo(f"{plain(path)}: {path.stat().st_size:,} bytes")
    click.echo(f"{len(model.layers)} layers, {model.count_params():,} parameters")
