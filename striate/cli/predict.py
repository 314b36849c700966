"""`striate predict`: what a trained model says about image files."""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np

from striate.cli import Command, plain
from striate.errors import DataError, received

PIECE = 1024
"""So many pictures are read and predicted at once, so that a large folder fits into the memory."""

EXAMPLES = """
striate predict runs/fashion-mnist-0001 shirt.png boot.jpg
striate predict runs/photographs-0001 new_pictures/ --top 1 --json
"""


@click.command(cls=Command, examples=EXAMPLES, short_help="Say what is on images.")
@click.argument("model", metavar="RUN_OR_MODEL")
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--top", type=click.IntRange(1), default=3, show_default=True, help="How many classes to name.")
@click.option("--invert", is_flag=True, help="Swap dark and bright: Fashion-MNIST and MNIST are bright on black.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(model, images, top, invert, as_json) -> None:
    """Say which class each of IMAGES belongs to: files, or folders, of which every picture is taken.

    Images are prepared as those that the run trained on were; for a model file without a run they are made grey or
    coloured and resized as the model needs it. Of files that cannot be read the reason is said; the command fails then,
    after the others.
    """
    from rich.console import Console

    from striate import saving
    from striate.cli import networks
    from striate.cli.for_model import preparation_of
    from striate.cli.forecast import compiling
    from striate.cli.run_folder import find_model
    from striate.datasets.readers import Readers

    saved = find_model(model)
    network = saving.load_model(saved.file)
    preparation = preparation_of(saved, network)
    paths = _files(images)
    rows: list[dict] = []
    failed: list[DataError] = []
    piece = 1 if preparation.image_size is None else PIECE
    with compiling(Console(stderr=True)), Readers.for_files(len(paths)) as readers:
        for start in range(0, len(paths), piece):
            read = readers.pixels(paths[start:start + piece], preparation)
            failed += [answer for answer in read if isinstance(answer, DataError)]
            good = [(path, answer) for path, answer in zip(paths[start:], read, strict=False)
                    if not isinstance(answer, DataError)]
            if good:
                batch = np.stack([answer for _, answer in good])
                outputs = network.predict(networks.pixels(network, 255 - batch if invert else batch), verbose=0)
                for (path, _), shares in zip(good, networks.probabilities(network, outputs), strict=True):
                    best = np.argsort(-shares, kind="stable")[:top]
                    rows.append({"image": str(path), "classes": [
                        {"name": saved.class_name(index), "probability": float(shares[index])}
                        for index in best.tolist()]})
    if as_json and rows:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    for row in () if as_json else rows:
        said = ", ".join(f"{plain(found['name'])} {found['probability']:.1%}" for found in row["classes"])
        click.echo(f"{plain(row['image'])}: {said}")
    for error in failed[:-1]:
        click.echo(f"Error: {plain(str(error))}", err=True)
    if failed:
        raise failed[-1]


def _files(images: tuple[Path, ...]) -> list[Path]:
    """The files that are meant: of a folder every picture in it.

    Raises:
        DataError: a folder has none.
    """
    from striate.datasets.folder import files_of

    found: list[Path] = []
    for image in images:
        files = files_of(image) if image.is_dir() else [image]
        if not files:
            raise DataError("There is no picture in this folder. " + received(folder=str(image)))
        found += files
    return found
