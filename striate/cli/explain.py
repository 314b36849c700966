"""`striate explain`: a number, a layer or a whole model explained, as text, JSON or a picture."""

from __future__ import annotations

from pathlib import Path

import click

from striate.cli import Command, Group
from striate.errors import ArgumentError, received

EXAMPLES = """
striate explain arithmetic yale
striate explain number runs/fashion-mnist-0001 --layer conv2d --index 3,4,0 --image shoe.png
striate explain receptive-field uva --layer conv2d_2 --out field.svg
"""
COMMON = {"cls": Command}
model_argument = click.argument("model", metavar="MODEL")
input_option = click.option("--image", type=click.Path(exists=True, dir_okay=False), metavar="FILE",
                            help="An image file; noise when left out.")
layer_option = click.option("--layer", required=True, metavar="NAME", help="Name of the layer, or its place from 0.")
class_option = click.option("--class", "class_index", type=int, help="Which output; the largest when left out.")
out_option = click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
                          help="Also save it: the ending says how (svg, png, pdf, html, json, txt).")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


@click.group(name="explain", cls=Group, examples=EXAMPLES)
def command() -> None:
    """Explain any number, layer or model.

    MODEL is a network of the zoo, a run's folder, a model file or module:function.
    """


def open_model(source: str, image_shape: tuple[int, ...] | None = None, classes: int | None = None):
    """The model that the user means; networks of the zoo and functions are made for the data, if there are any."""
    from striate import saving, zoo
    from striate.cli import networks
    from striate.cli.run_folder import find_model

    if source in zoo.names() or ":" in source:
        return networks.build(source, image_shape, classes)
    return saving.load_model(find_model(source).file)


def _layer(text: str) -> str | int:
    return int(text) if text.lstrip("-").isdigit() else text


def _index(text: str, name: str = "index") -> tuple[int, ...]:
    try:
        return tuple(int(item) for item in text.split(","))
    except ValueError:
        raise ArgumentError(f"--{name} takes whole numbers separated by commas, such as 3,4,0. "
                            + received(**{name: text})) from None


def _input(network, image: str | None):
    """The image file as the model takes it (numbers from 0 to 1), or noise."""
    import numpy as np

    shape = network.input_shape[1:]
    if image is None:
        size = tuple(length or 32 for length in shape)
        return np.random.Generator(np.random.PCG64(0)).random(size, np.float32)
    if len(shape) != 3:
        raise ArgumentError("An image fits only models for images (height, width, channels). "
                            + received(input_shape=shape))
    from striate import utils
    from striate.cli import networks

    mode = "grayscale" if shape[2] == 1 else "rgb"
    loaded = utils.load_img(image, color_mode=mode, target_size=(shape[0], shape[1]) if None not in shape else None)
    return networks.pixels(network, utils.img_to_array(loaded).astype(np.uint8))


def _tell(result, as_json: bool, out: Path | None) -> None:
    click.echo(result.json() if as_json else str(result))
    if out is not None:
        click.echo(f"Saved {result.save(out)}", err=True)


@command.command(**COMMON, examples="striate explain number small --layer conv2d_1 --index 3,4,0")
@model_argument
@layer_option
@click.option("--index", required=True, help="Place in the layer's output, without the batch: 3,4,0 or 7.")
@input_option
@out_option
@json_option
@click.option("--latex", is_flag=True, help="Print LaTeX instead of text.")
def number(model, layer, index, image, out, as_json, latex) -> None:
    """One number of a layer: window, weights, products, bias, activation."""
    from striate import see

    network = open_model(model)
    found = see.number(network, _input(network, image), _layer(layer), _index(index))
    if latex:
        click.echo(found.latex())
    else:
        _tell(found, as_json, out)


@command.command(**COMMON, examples="striate explain arithmetic yale\nstriate explain arithmetic uva --out uva.svg")
@model_argument
@out_option
@json_option
def arithmetic(model, out, as_json) -> None:
    """Output sizes, parameters, operations and bytes of every layer, with the formulas filled in."""
    from striate import see

    _tell(see.arithmetic(open_model(model)), as_json, out)


@command.command(name="receptive-field", **COMMON, examples="striate explain receptive-field uva --layer conv2d_2")
@model_argument
@layer_option
@click.option("--place", help="Place in the layer's output, such as 3,4; the middle when left out.")
@input_option
@out_option
@json_option
def receptive_field(model, layer, place, image, out, as_json) -> None:
    """What part of the input a number of a layer sees, by arithmetic and measured."""
    from striate import see

    network = open_model(model)
    where = None if place is None else _index(place, "place")
    _tell(see.receptive_field(network, _layer(layer), _input(network, image), where), as_json, out)


@command.command(**COMMON, examples="striate explain architecture uva --out uva.svg")
@model_argument
@out_option
@json_option
def architecture(model, out, as_json) -> None:
    """The drawing of a network."""
    from striate import see

    _tell(see.architecture(open_model(model)), as_json, out)


@command.command(**COMMON, examples="striate explain plan uva --batch 32\nstriate explain plan small --training")
@model_argument
@click.option("--batch", type=click.IntRange(1), default=32, show_default=True, help="Samples at once.")
@click.option("--training", is_flag=True, help="Also the backward pass.")
@out_option
@json_option
def plan(model, batch, training, out, as_json) -> None:
    """Which kernels run a model, why, how long each takes, and its share of the processor's peak."""
    from striate import see

    _tell(see.plan(open_model(model), batch, training), as_json, out)


@command.command(name="feature-maps", **COMMON,
                 examples="striate explain feature-maps small --layer conv2d --image shoe.png --out maps.png")
@model_argument
@layer_option
@input_option
@out_option
@json_option
def feature_maps(model, layer, image, out, as_json) -> None:
    """The feature maps that a layer gives for an image."""
    from striate import see

    network = open_model(model)
    _tell(see.feature_maps(network, _input(network, image), _layer(layer)), as_json, out)


@command.command(**COMMON, examples="striate explain filters small --out filters.svg")
@model_argument
@click.option("--layer", metavar="NAME", help="A convolution; the first when left out.")
@out_option
@json_option
def filters(model, layer, out, as_json) -> None:
    """The filters of a convolution."""
    from striate import see

    _tell(see.filters(open_model(model), None if layer is None else _layer(layer)), as_json, out)


@command.command(**COMMON, examples="striate explain why runs/fashion-mnist-0001 --image shoe.png --method grad-cam")
@model_argument
@click.option("--method", type=click.Choice(["saliency", "grad-cam", "occlusion"]), default="grad-cam",
              show_default=True, help="How it is found out.")
@class_option
@input_option
@out_option
@json_option
def why(model, method, class_index, image, out, as_json) -> None:
    """What in an image an output rests on."""
    from striate import see

    network = open_model(model)
    _tell(getattr(see, method.replace("-", "_"))(network, _input(network, image), class_index), as_json, out)


@command.command(**COMMON, examples="striate explain shift uva --by 0,1 --image shoe.png")
@model_argument
@click.option("--by", default="0,1", show_default=True, help="Rows down and columns to the right.")
@input_option
@out_option
@json_option
def shift(model, by, image, out, as_json) -> None:
    """The invariance lab: how each layer answers when the input is shifted."""
    from striate import see

    network = open_model(model)
    _tell(see.invariance(network, _input(network, image), _index(by, "by")), as_json, out)


@command.command(**COMMON, examples="striate explain model runs/fashion-mnist-0001")
@model_argument
@out_option
@json_option
def model(model, out, as_json) -> None:
    """What the doctor says of a model: mistakes in layers and loss."""
    from striate import see

    _tell(see.doctor(open_model(model)), as_json, out)
