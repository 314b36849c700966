"""What the commands of `striate explain` share: arguments, the model, the input, how a result is told."""

from __future__ import annotations

import shutil
import sys
import textwrap
from pathlib import Path
from typing import Any

import click

from striate.cli import Command
from striate.errors import ArgumentError, DataError, ModelFileError, received

COMMON = {"cls": Command}
model_argument = click.argument("model", metavar="MODEL")
input_option = click.option("--image", type=click.Path(exists=True, dir_okay=False), metavar="FILE",
                            help="An image file, or an .npz file with an array x (of several samples the first); "
                                 "noise when left out.")
layer_option = click.option("--layer", required=True, metavar="NAME", help="Name of the layer, or its place from 0.")
class_option = click.option("--class", "class_index", type=int, help="Which output; the largest when left out.")
out_option = click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
                          help="Also save it: the ending says how (svg, png, gif, mp4, pdf, html, json, txt).")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


def open_model(source: str, image_shape: tuple[int, ...] | None = None, classes: int | None = None):
    """The model that the user means; networks of the zoo and functions are made for the data, if there are any."""
    from striate import saving, zoo
    from striate.cli import networks
    from striate.cli.run_folder import find_model

    if source in (*zoo.names(), *networks.OWN) or ":" in source:
        return networks.build(source, image_shape, classes)
    if source in zoo.generators():
        return zoo.build(source)
    return saving.load_model(find_model(source).file)


def layer_of(text: str) -> str | int:
    """A layer's name, or its place."""
    return int(text) if text.lstrip("-").isdigit() else text


def index_of(text: str, name: str = "index") -> tuple[int, ...]:
    """Whole numbers separated by commas.

    Raises:
        ArgumentError: something else.
    """
    try:
        return tuple(int(item) for item in text.split(","))
    except ValueError:
        raise ArgumentError(f"--{name} takes whole numbers separated by commas, such as 3,4,0. "
                            + received(**{name: text})) from None


def arrays_of(place: str) -> tuple[Any, Any]:
    """(x, y) of an .npz file.

    Raises:
        DataError: it cannot be read, or holds no such arrays.
    """
    return _arrays(place, "x", "y")


def _arrays(place: str, *names: str) -> tuple[Any, ...]:
    from striate.untrusted.npz import read_npz

    try:
        arrays = read_npz(place)
        return tuple(arrays[name] for name in names)
    except (KeyError, ModelFileError) as error:
        raise DataError(f"{place} cannot be read: an .npz file with the array{'s' * (len(names) > 1)} "
                        f"{' and '.join(names)} is needed ({error}). " + received(data=place)) from None


def takes_lines(model) -> bool:
    """Whether the one input of a model is a line (length, channels)."""
    return len(model.inputs) == 1 and len(model.inputs[0].shape) == 3


def input_of(network, image: str | None, source: str):
    """The file's image, or the numbers that it holds, as the model that `source` names takes it; or noise."""
    import numpy as np

    from striate.cli import for_model

    shapes = [tuple(tensor.shape[1:]) for tensor in network.inputs]
    if image is None:
        random = np.random.Generator(np.random.PCG64(0))
        noise = [random.random(tuple(length or 32 for length in shape), np.float32) for shape in shapes]
        return noise[0] if len(noise) == 1 else [one[np.newaxis] for one in noise]
    if len(shapes) > 1:
        raise ArgumentError(f"An image fits only models with one input; this one has {len(shapes)}. Leave --image out, "
                            "and all of them get noise, or use Python. " + received(input_shapes=shapes))
    shape = shapes[0]
    if image.endswith(".npz"):
        (x,) = _arrays(image, "x")
        if not x.size:
            raise DataError("The file holds no sample. " + received(file=image, shape=x.shape))
        return for_model.sample(for_model.saved_model(source), network, image, first_of(x, shape))
    if len(shape) != 3:
        raise ArgumentError("An image fits only models for images (height, width, channels). Others take an .npz file "
                            "with the numbers of a sample in an array x. " + received(input_shape=shape))
    return for_model.sample(for_model.saved_model(source), network, image)


def first_of(x, shape: tuple[int | None, ...]):
    """The sample that an array is, or its first one; grey pictures and lines may lack the axis of their one channel.

    Example:
        >>> import numpy as np
        >>> [first_of(np.zeros(size), (28, 28, 1)).shape for size in ((5, 28, 28, 1), (5, 28, 28), (28, 28))]
        [(28, 28, 1), (28, 28, 1), (28, 28, 1)]
    """
    for found in (x, x[..., None], *((x[0], x[0][..., None]) if x.ndim > 1 and len(x) else ())):
        if found.ndim == len(shape) and all(want in (None, have)
                                            for want, have in zip(shape, found.shape, strict=True)):
            return found
    return x[0] if x.ndim == len(shape) + 1 else x


def folded(text: str, width: int) -> str:
    """Text whose long lines go on, indented, in the next one; tables keep their columns where they fit.

    Example:
        >>> print(folded("one two three", 9))
        one two
            three
    """
    lines: list[str] = []
    for line in text.splitlines():
        indent = " " * (len(line) - len(line.lstrip()) + 4)
        lines += textwrap.wrap(line, width, subsequent_indent=indent, replace_whitespace=False,
                               break_long_words=False, break_on_hyphens=False) if len(line) > width else [line]
    return "\n".join(lines)


def tell(result, as_json: bool, out: Path | None) -> None:
    """Prints a result, as wide as the terminal if it goes to one, and saves it if it is to be saved."""
    if as_json:
        click.echo(result.json())
    else:
        text = str(result)
        click.echo(folded(text, shutil.get_terminal_size().columns) if sys.stdout.isatty() else text)
    if out is not None:
        click.echo(f"Saved {result.save(out)}", err=True)
