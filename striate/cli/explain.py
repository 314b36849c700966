"""`striate explain`: a number, a layer or a whole model explained, as text, JSON or a picture."""

from __future__ import annotations

from dataclasses import replace

import click

from striate.cli import Group, explain_data, explain_lectures
from striate.cli.explaining import (
    COMMON,
    class_option,
    index_of,
    input_of,
    input_option,
    json_option,
    layer_of,
    layer_option,
    model_argument,
    open_model,
    out_option,
    tell,
)

EXAMPLES = """
striate explain arithmetic yale
striate explain number runs/fashion-mnist-0001 --layer conv2d --index 3,4,0 --image shoe.png
striate explain receptive-field uva --layer conv2d_2 --out field.svg
"""


SECTIONS = {
    "One number, and what it costs": "number gradient arithmetic plan",
    "The network": "architecture filters receptive-field maximise model",
    "The network and an image": "feature-maps why shift film step",
    "The network and data": "confusion mistakes embedding regression patches report training",
    "Data": "samples",
    "The lectures' mathematics": "animation forms toeplitz connectivity edges signal x-or-o"}
"""The commands by what they need, as the help lists them."""


class _Sections(Group):
    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the commands in sections, each with the whole first sentence about it."""
        for title, names in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, self.commands[name].get_short_help_str(200)) for name in names.split()])


@click.group(name="explain", cls=_Sections, examples=EXAMPLES)
def command() -> None:
    """Explain any number, layer or model.

    MODEL is a network of the zoo, a run's folder, a model file or module:function.
    """


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
    found = see.number(network, input_of(network, image, model), layer_of(layer), index_of(index))
    if latex:
        click.echo(found.latex())
    else:
        tell(found, as_json, out)


@command.command(**COMMON, examples="striate explain arithmetic yale\nstriate explain arithmetic uva --out uva.svg")
@model_argument
@out_option
@json_option
def arithmetic(model, out, as_json) -> None:
    """Output sizes, parameters, operations and bytes of every layer, with the formulas filled in."""
    from striate import see

    tell(see.arithmetic(open_model(model)), as_json, out)


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
    where = None if place is None else index_of(place, "place")
    tell(see.receptive_field(network, layer_of(layer), input_of(network, image, model), where), as_json, out)


@command.command(**COMMON, examples="striate explain architecture uva --out uva.svg")
@model_argument
@out_option
@json_option
def architecture(model, out, as_json) -> None:
    """The drawing of a network."""
    from striate import see

    tell(see.architecture(open_model(model)), as_json, out)


@command.command(**COMMON, examples="striate explain plan uva --batch 32\nstriate explain plan small --training")
@model_argument
@click.option("--batch", type=click.IntRange(1), default=32, show_default=True, help="Samples at once.")
@click.option("--training", is_flag=True, help="Also the backward pass.")
@out_option
@json_option
def plan(model, batch, training, out, as_json) -> None:
    """Which kernels run a model, why, how long each takes, and its share of the processor's peak."""
    from striate import see

    tell(see.plan(open_model(model), batch, training), as_json, out)


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
    tell(see.feature_maps(network, input_of(network, image, model), layer_of(layer)), as_json, out)


@command.command(**COMMON, examples="striate explain filters small --out filters.svg")
@model_argument
@click.option("--layer", metavar="NAME", help="A convolution; the first when left out.")
@out_option
@json_option
def filters(model, layer, out, as_json) -> None:
    """The filters of a convolution."""
    from striate import see

    tell(see.filters(open_model(model), None if layer is None else layer_of(layer)), as_json, out)


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
    from striate.cli.for_model import saved_model

    network, saved = open_model(model), saved_model(model)
    found = getattr(see, method.replace("-", "_"))(network, input_of(network, image, model), class_index)
    name = "" if saved is None else saved.class_name(found.class_index)
    tell(replace(found, class_name=name), as_json, out)


@command.command(**COMMON, examples="striate explain shift uva --by 0,1 --image shoe.png")
@model_argument
@click.option("--by", default="1", show_default=True, help="Columns to the right; or rows down and columns to the "
              "right, such as 2,0.")
@input_option
@out_option
@json_option
def shift(model, by, image, out, as_json) -> None:
    """The invariance lab: how each layer answers when the input is shifted."""
    from striate import see

    network = open_model(model)
    amounts = index_of(by, "by")
    shown = input_of(network, image, model)
    tell(see.invariance(network, shown, amounts if len(amounts) > 1 else amounts[0]), as_json, out)


@command.command(**COMMON, examples="striate explain model runs/fashion-mnist-0001")
@model_argument
@out_option
@json_option
def model(model, out, as_json) -> None:
    """What the doctor says of a model: mistakes in layers and loss."""
    from striate import see

    tell(see.doctor(open_model(model)), as_json, out)


@command.command(**COMMON, examples="striate explain maximise small --layer conv2d_1 --out images.png")
@model_argument
@layer_option
@click.option("--channels", help="Numbers of channels, such as 0,3,5; the first six when left out.")
@out_option
@json_option
def maximise(model, layer, channels, out, as_json) -> None:
    """Images that excite channels of a layer as much as possible."""
    from striate import see

    chosen = None if channels is None else index_of(channels, "channels")
    tell(see.activation_maximisation(open_model(model), layer_of(layer), chosen), as_json, out)


@command.command(**COMMON, examples="striate explain film small --layer conv2d --piece 8 --out film.gif\n"
                                    "striate explain film small --layer 1 --piece 6 --backward --out back.mp4")
@model_argument
@layer_option
@click.option("--piece", type=click.IntRange(2, 20), default=8, show_default=True,
              help="Places each way of the piece, in the middle of the layer's input, that the film is about.")
@click.option("--channel", type=click.IntRange(0), default=0, show_default=True, help="Of the output.")
@click.option("--backward", is_flag=True, help="The way of the gradient back.")
@input_option
@out_option
@json_option
def film(model, layer, piece, channel, backward, image, out, as_json) -> None:
    """A film of what a layer does to a piece of its input, window by window."""
    from striate import see

    network = open_model(model)
    tell(see.film_of(network, input_of(network, image, model), layer_of(layer), piece, channel, backward), as_json, out)


@command.command(**COMMON, examples="striate explain step small --target 9 --image shoe.png --out step.html")
@model_argument
@click.option("--target", type=int, required=True, help="The class of the image.")
@input_option
@out_option
@json_option
def step(model, target, image, out, as_json) -> None:
    """A film of one training step: forward through every layer, the loss, the gradients back."""
    from striate import see
    from striate.cli import networks

    network = open_model(model)
    if not network.compiled:
        networks.compiled(network, networks.recipe("user"))
    tell(see.passes(network, input_of(network, image, model), target), as_json, out)


for _other in (*explain_data.COMMANDS, *explain_lectures.COMMANDS):
    command.add_command(_other)
