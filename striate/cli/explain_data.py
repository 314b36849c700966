"""The commands of `striate explain` that look at a model's answers to data, or at a past training."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from striate.cli import Command
from striate.cli.explaining import (
    arrays_of,
    index_of,
    input_of,
    input_option,
    json_option,
    layer_of,
    layer_option,
    model_argument,
    open_model,
    out_option,
    takes_lines,
    tell,
)
from striate.errors import ArgumentError, received

data_argument = click.argument("data", metavar="DATA")
subset_option = click.option("--subset", is_flag=True, help="Use the 10 % of the data that comes with striate.")
limit_option = click.option("--limit", type=click.IntRange(1), default=1000, show_default=True,
                            help="Look at no more than so many samples.")
count_option = click.option("--count", type=click.IntRange(1), default=12, show_default=True, help="How many to show.")


def _test_data(source: str, data: str, subset: bool, limit: int):
    """(model, test inputs as the model takes them, their classes, names of the classes)."""
    from striate.cli import for_model, networks
    from striate.systems import data as datasets

    if data.endswith(".npz") and takes_lines(open_model(source)):
        return _lines(source, data, limit)
    saved = for_model.saved_model(source)
    if saved is None:
        loaded = datasets.load(data, subset)
        model = open_model(source, loaded.image_shape, len(loaded.classes))
    else:
        model = open_model(source)
        loaded = for_model.load(saved, model, data, subset)
    x, y = datasets.limited(*loaded.test, limit)
    return model, networks.pixels(model, x[:]), y, loaded.classes


def _lines(source: str, data: str, limit: int):
    """The same for a model of lines (length, channels): the test part of an .npz file, or all of it."""
    from striate.datasets import tables

    read = tables.load_npz(data)
    x, y = read.parts["test" if "test" in read.parts else next(iter(read.parts))]
    x = x[..., np.newaxis] if x.ndim == 2 else x
    return open_model(source, x.shape[1:], len(read.class_names)), x[:limit], y[:limit], read.class_names


@click.command(cls=Command, examples="striate explain confusion runs/fashion-mnist-0001 fashion-mnist --subset")
@model_argument
@data_argument
@subset_option
@limit_option
@out_option
@json_option
def confusion(model, data, subset, limit, out, as_json) -> None:
    """Which class is called which, on the test part of DATA."""
    from striate import see

    tell(see.confusion(*_test_data(model, data, subset, limit)), as_json, out)


@click.command(cls=Command, examples="striate explain mistakes runs/fashion-mnist-0001 fashion-mnist")
@model_argument
@data_argument
@click.option("--confident", is_flag=True, help="The surest answers, right or wrong, instead.")
@count_option
@subset_option
@limit_option
@out_option
@json_option
def mistakes(model, data, confident, count, subset, limit, out, as_json) -> None:
    """The wrong answers that the model is most sure of, on the test part of DATA."""
    from striate import see

    show = see.most_confident if confident else see.worst_mistakes
    tell(show(*_test_data(model, data, subset, limit), count=count), as_json, out)


@click.command(cls=Command, examples="striate explain embedding runs/fashion-mnist-0001 fashion-mnist --subset")
@model_argument
@data_argument
@click.option("--method", type=click.Choice(["pca", "tsne"]), default="pca", show_default=True,
              help="How many numbers become two; tsne needs scikit-learn.")
@subset_option
@limit_option
@out_option
@json_option
def embedding(model, data, method, subset, limit, out, as_json) -> None:
    """The features that the last layer decides by, in a plane, on the test part of DATA."""
    from striate import see

    tell(see.embedding(*_test_data(model, data, subset, limit), method=method), as_json, out)


@click.command(cls=Command, examples="striate explain regression cars.keras cars.npz --unit mpg --out cars.svg")
@model_argument
@click.argument("data", metavar="DATA.npz", type=click.Path(exists=True, dir_okay=False))
@click.option("--unit", default="", help="Of the targets, such as mpg.")
@click.option("--scale", type=float, default=1.0, show_default=True, help="Takes standardised targets back: times,")
@click.option("--offset", type=float, default=0.0, show_default=True, help="and plus this.")
@out_option
@json_option
def regression(model, data, unit, scale, offset, out, as_json) -> None:
    """Predicted and true numbers, for the arrays x and y of an .npz file."""
    from striate import see

    tell(see.regression(open_model(model), *arrays_of(data), unit, scale, offset), as_json, out)


@click.command(cls=Command, examples="striate explain report model.keras pictures --out report.html")
@model_argument
@data_argument
@subset_option
@limit_option
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", default="report.html",
              show_default=True, help="The page.")
def report(model, data, subset, limit, out) -> None:
    """A page about a model on the test part of DATA: answers, mistakes, what is inside, costs, findings."""
    from striate import see

    network, x, y, classes = _test_data(model, data, subset, limit)
    command = f"striate explain report {model} {data}{' --subset' if subset else ''} --limit {limit}"
    page = see.report(network, None, (x, y), classes=classes, command=command)
    click.echo(f"Saved {page.save(out)}", err=True)


@click.command(cls=Command, examples="striate explain samples fashion-mnist --subset --out samples.png")
@data_argument
@click.option("--count", type=click.IntRange(1), default=20, show_default=True, help="How many to show.")
@subset_option
@out_option
@json_option
def samples(data, count, subset, out, as_json) -> None:
    """A few samples of each class of DATA."""
    from striate import see
    from striate.systems import data as datasets

    loaded = datasets.load(data, subset)
    x, y = loaded.train
    tell(see.samples(x[:], y, loaded.classes, count), as_json, out)


@click.command(cls=Command, examples="striate explain patches runs/fashion-mnist-0001 fashion-mnist --layer conv2d_1")
@model_argument
@data_argument
@layer_option
@click.option("--count", type=click.IntRange(1), default=6, show_default=True, help="Patches for each channel.")
@subset_option
@limit_option
@out_option
@json_option
def patches(model, data, layer, count, subset, limit, out, as_json) -> None:
    """The pieces of the test images that excite each channel of a layer most."""
    from striate import see

    network, x, _, _ = _test_data(model, data, subset, limit)
    tell(see.patches(network, x, layer_of(layer), count), as_json, out)


@click.command(cls=Command, examples="striate explain gradient small fashion-mnist --layer conv2d --weight 1,1,0,5")
@model_argument
@data_argument
@layer_option
@click.option("--weight", required=True, help="Element of the kernel: row, column, channel, filter; or feature, unit.")
@click.option("--count", type=click.IntRange(1), default=6, show_default=True, help="Samples of the batch.")
@subset_option
@out_option
@json_option
def gradient(model, data, layer, weight, count, subset, out, as_json) -> None:
    """Which pixels of a batch of DATA move one weight, and how far."""
    from striate import see
    from striate.cli import networks

    network, x, y, _ = _test_data(model, data, subset, count)
    if not network.compiled:
        networks.compiled(network, networks.recipe("user"))
    tell(see.gradient_number(network, x, y, layer_of(layer), index_of(weight, "weight")), as_json, out)


@click.command(name="training", cls=Command, examples="striate explain training runs/fashion-mnist-0001 --out f.html")
@click.argument("run", metavar="RUN", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--layer", metavar="NAME", help="A convolution; the first when left out.")
@click.option("--steps", help="Steps to show, such as 0,10,500; all with a state when left out.")
@click.option("--again", is_flag=True, help="Make the steps between two states again from the run's data.")
@input_option
@out_option
@json_option
def training(run, layer, steps, again, image, out, as_json) -> None:
    """Weights and feature maps over a past training: of a run that was made with --timeline, or a recording."""
    from striate import see

    line = see.Timeline(run)
    x, y = _run_data(run, line.model) if again else (None, None)
    shown = input_of(line.model, image, str(run))
    chosen = None if steps is None else index_of(steps, "steps")
    tell(see.time_travel(run, x, y, shown, None if layer is None else layer_of(layer), chosen), as_json, out)


def _run_data(run: Path, model):
    """The training data of a run, as it had them."""
    from striate.cli.keeper import fed
    from striate.cli.run_folder import CONFIG, asked, read_config
    from striate.systems import data as datasets

    config = read_config(run / CONFIG)
    if "request" not in config:
        raise ArgumentError("Only a run of `striate train` says which data it had. " + received(run=str(run)))
    request = asked(config, run / CONFIG)
    seed = request.get("seed", 0)
    loaded = datasets.load(request["data"], request.get("subset", False), request.get("limit"), seed,
                           request.get("image_size"))
    given = fed(model, loaded, 1, seed)
    return given["x"], given.get("y")


COMMANDS = (samples, confusion, mistakes, embedding, regression, patches, gradient, training, report)
