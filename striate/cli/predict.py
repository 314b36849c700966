"""`striate predict`: what a trained model says about image files."""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np

from striate.cli import Command, plain

EXAMPLES = """
striate predict runs/fashion-mnist-0001 shirt.png boot.jpg
striate predict model.keras photographs/*.png --top 1 --json
"""


@click.command(cls=Command, examples=EXAMPLES, short_help="Say what is on images.")
@click.argument("model", metavar="RUN_OR_MODEL")
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--top", type=click.IntRange(1), default=3, show_default=True, help="How many classes to name.")
@click.option("--invert", is_flag=True, help="Swap dark and bright: Fashion-MNIST and MNIST are bright on black.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(model, images, top, invert, as_json) -> None:
    """Say which class each of IMAGES belongs to.

    Images are prepared as those that the run trained on were; for a model file without a run they are made grey or
    coloured and resized as the model needs it.
    """
    from rich.console import Console

    from striate import saving
    from striate.cli import networks
    from striate.cli.for_model import preparation_of
    from striate.cli.forecast import compiling
    from striate.cli.run_folder import find_model

    saved = find_model(model)
    network = saving.load_model(saved.file)
    preparation = preparation_of(saved, network)
    batch = np.stack([preparation.read(path) for path in images])
    if invert:
        batch = 255 - batch
    with compiling(Console(stderr=True)):
        outputs = network.predict(networks.pixels(network, batch), verbose=0)
    rows: list[dict] = []
    for path, shares in zip(images, networks.probabilities(network, outputs), strict=True):
        best = np.argsort(-shares, kind="stable")[:top]
        rows.append({"image": str(path), "classes": [
            {"name": saved.class_name(index), "probability": float(shares[index])} for index in best.tolist()]})
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for row in rows:
        said = ", ".join(f"{plain(found['name'])} {found['probability']:.1%}" for found in row["classes"])
        click.echo(f"{plain(row['image'])}: {said}")
