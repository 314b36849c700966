"""The commands of `striate explain` that need no model: the mathematics of the lectures, and X or O."""

from __future__ import annotations

import click

from striate.cli import Command
from striate.cli.explaining import json_option, out_option, tell
from striate.errors import ArgumentError, received


def _matrix(text: str):
    """Rows separated by semicolons, numbers by commas or blanks."""
    import numpy as np

    try:
        rows = [[float(item) for item in row.replace(",", " ").split()] for row in text.split(";")]
        return np.array(rows[0] if len(rows) == 1 else rows)
    except ValueError:
        raise ArgumentError("A kernel is written as rows of numbers, such as '1 0; 2 -1'. "
                            + received(kernel=text)) from None


@click.command(cls=Command, examples="striate explain connectivity --pixels 9 --neurons 7")
@click.option("--pixels", type=click.IntRange(1), default=5, show_default=True, help="Inputs.")
@click.option("--neurons", type=click.IntRange(1), default=3, show_default=True, help="Outputs.")
@click.option("--taps", type=click.IntRange(1), default=3, show_default=True, help="Inputs that a neuron sees.")
@out_option
@json_option
def connectivity(pixels, neurons, taps, out, as_json) -> None:
    """Weights of a full, a sparse and a shared connection: 15, 9 and 3."""
    from striate import see

    tell(see.connectivity(pixels, neurons, taps), as_json, out)


@click.command(cls=Command, examples="striate explain edges --image photograph.jpg --out edges.png")
@click.option("--image", type=click.Path(exists=True, dir_okay=False), metavar="FILE",
              help="A photograph; 320 x 280 pixels are only counted when left out.")
@out_option
@json_option
def edges(image, out, as_json) -> None:
    """Edge detection: each pixel minus its left neighbour, and how much a matrix product would cost."""
    from striate import see, utils

    pixels = None if image is None else utils.img_to_array(utils.load_img(image, color_mode="grayscale"))[..., 0]
    tell(see.edge_detection(pixels), as_json, out)


@click.command(cls=Command, examples="striate explain signal smoothing\n"
                                      "striate explain signal matched-filter --out found.svg")
@click.argument("what", type=click.Choice(["smoothing", "matched-filter", "impulse-response", "noisy-sensor"]))
@out_option
@json_option
def signal(what, out, as_json) -> None:
    """Convolution over a line: smoothing, a pattern found in noise, an impulse response, a noisy sensor."""
    from striate import see

    tell(getattr(see, what.replace("-", "_"))(), as_json, out)


@click.command(cls=Command, examples="striate explain toeplitz '3 2 1' --size 5\n"
                                      "striate explain toeplitz '1 -1; 2 0' --size 4,4 --out matrix.svg")
@click.argument("kernel")
@click.option("--size", default="5", show_default=True, help="Of the input: a number, or rows,columns.")
@out_option
@json_option
def toeplitz(kernel, size, out, as_json) -> None:
    """A convolution as a matrix with tied weights."""
    from striate import see
    from striate.cli.explaining import index_of

    shape = index_of(size, "size")
    tell(see.toeplitz(_matrix(kernel), shape[0] if len(shape) == 1 else shape), as_json, out)


@click.command(cls=Command, examples="striate explain forms '1 0; 2 -1'\n"
                                      "striate explain forms '1 2; 3 4' --image photograph.jpg --json")
@click.argument("kernel")
@click.option("--image", type=click.Path(exists=True, dir_okay=False), metavar="FILE",
              help="A picture, made small and grey; the numbers from 0 to 19 when left out.")
@out_option
@json_option
def forms(kernel, image, out, as_json) -> None:
    """Convolution, its commuted form and cross-correlation, each by its own sum."""
    import numpy as np

    from striate import see, utils

    pixels = np.arange(20.0).reshape(4, 5) if image is None else utils.img_to_array(
        utils.load_img(image, color_mode="grayscale", target_size=(8, 8)))[..., 0]
    tell(see.convolution_forms(pixels, np.atleast_2d(_matrix(kernel))), as_json, out)


@click.command(cls=Command, examples="striate explain animation --kernel 3 --stride 2 --padding same --out stride.gif\n"
                                      "striate explain animation --kind transposed --size 4 --out up.mp4\n"
                                      "striate explain animation --kind max --kernel 2 --stride 2 --backward "
                                      "--out back.gif")
@click.option("--kind", type=click.Choice(["convolution", "transposed", "max", "average"]), default="convolution",
              show_default=True, help="What slides over the input.")
@click.option("--kernel", default="3", show_default=True, help="Size of the window: a number, or rows,columns.")
@click.option("--stride", default="1", show_default=True, help="Its step: a number, or rows,columns.")
@click.option("--padding", type=click.Choice(["valid", "same"]), default="valid", show_default=True, help="At edges.")
@click.option("--dilation", default="1", show_default=True, help="Of a convolution: distance of its weights.")
@click.option("--size", default="7", show_default=True, help="Of the input: a number, or rows,columns.")
@click.option("--backward", is_flag=True, help="The way of the gradient back.")
@out_option
@json_option
def animation(kind, kernel, stride, padding, dilation, size, backward, out, as_json) -> None:
    """A film of a convolution or pooling with any settings, over small whole numbers."""
    import numpy as np

    from striate import layers, see
    from striate.cli.explaining import index_of

    def pair_of(text: str, name: str) -> tuple[int, ...]:
        given = index_of(text, name)
        if min(given) < 1 or max(given) > 100:
            raise ArgumentError(f"--{name} takes numbers from 1 to 100. " + received(**{name: text}))
        return given if len(given) == 2 else 2 * given

    window, steps, apart, shape = (pair_of(*option) for option in (
        (kernel, "kernel"), (stride, "stride"), (dilation, "dilation"), (size, "size")))
    layer = {
        "convolution": lambda: layers.Conv2D(1, window, steps, padding, dilation_rate=apart, name=kind),
        "transposed": lambda: layers.Conv2DTranspose(1, window, steps, padding, dilation_rate=apart, name=kind),
        "max": lambda: layers.MaxPooling2D(window, steps, padding, name=kind),
        "average": lambda: layers.AveragePooling2D(window, steps, padding, name=kind)}[kind]()
    random = np.random.Generator(np.random.PCG64(0))
    pixels = random.integers(0, 10, shape[:2]).astype(np.float32)
    layer.build((None, *shape[:2], 1))
    if layer.weights:
        layer.set_weights([random.integers(-2, 3, layer.get_weights()[0].shape), np.zeros(1)])
    tell(see.animate(layer, pixels, backward=backward), as_json, out)


@click.command(name="x-or-o", cls=Command, examples="striate explain x-or-o\nstriate explain x-or-o --tricks\n"
                                                     "striate explain x-or-o --letter O --votes --out votes.svg")
@click.option("--letter", type=click.Choice(["X", "O"]), default="X", show_default=True, help="Which letter is drawn.")
@click.option("--votes", is_flag=True, help="Two stacks of layers and trained votes.")
@click.option("--tricks", is_flag=True, help="All letters shifted, smaller, turned and thicker.")
@out_option
@json_option
def x_or_o(letter, votes, tricks, out, as_json) -> None:
    """The lectures' letters through kernels, ReLU and pooling to votes."""
    from striate import see
    from striate.datasets import x_or_o as letters

    picture = letters.plain_x() if letter == "X" else letters.plain_o()
    tell(see.x_or_o_tricks() if tricks else see.x_or_o_votes(picture) if votes else see.x_or_o(picture), as_json, out)


COMMANDS = (connectivity, edges, signal, forms, toeplitz, animation, x_or_o)
