"""`striate explore`: a page on this computer that looks into a network while it runs and learns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from striate.cli import Command, plain
from striate.errors import ArgumentError, DataError, received

if TYPE_CHECKING:
    from striate.cli.run_folder import SavedModel
    from striate.datasets.pictures import Preparation
    from striate.explore.subject import Data, Sample, Subject
    from striate.systems import data as datasets

EXAMPLES = """
striate explore
striate explore uva
striate explore runs/fashion-mnist-0001 shirt.png boots/
striate explore model.keras cells/ --train-on cells/
striate explore lenet5 --export lenet5.html
"""
SAMPLES, FILES = 20, 40
FIRST_EPOCHS = 3
"""How long the network trains by itself when the command is given no model."""
DEFAULT_MODEL = "small"
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")


@click.command(cls=Command, examples=EXAMPLES, short_help="Look into a network, live, in the browser.")
@click.argument("model", required=False)
@click.argument("images", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--train-on", metavar="DATA", help="fashion-mnist (its 10 % subset), a folder with one folder of images "
                                                 "a class, or none. Networks of the zoo get fashion-mnist.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of the page; a free one unless given.")
@click.option("--host", default="127.0.0.1", show_default=True,
              help="Address to serve at. Any other than this computer's own lets the network in.")
@click.option("--browser/--no-browser", default=True, help="Open the page in the browser.")
@click.option("--export", "out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write the page as one HTML file that needs no server, and end.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of weights and training.")
@click.option("--json", "as_json", is_flag=True, help="Print the address (or the file) as JSON.")
def command(model, images, train_on, port, host, browser, out, seed, as_json) -> None:
    """Open a page that shows a network at work: its maps, one layer, one neuron, the sum behind it; and its training.

    MODEL is a network of the zoo, a run's folder, a model file or module:function. IMAGES are files or folders. Without
    a model a small network begins to learn on the tenth of Fashion-MNIST that comes with striate.
    """
    require_extra()
    if named_data(model or DEFAULT_MODEL, train_on) == "fashion-mnist":
        clothes()  # Decompressed while modules are imported and the model is built.
    from striate import utils
    from striate.explore.server import is_loopback, serve
    from striate.explore.session import LIVE, Session

    utils.set_random_seed(seed)
    subject = make_subject(model or DEFAULT_MODEL, images, train_on)
    session = Session(subject)
    if out is not None:
        from striate.explore.export import html
        from striate.files import write_text

        write_text(out, html(session, next(iter(session.samples)), LIVE))
        click.echo(json.dumps({"file": str(out)}) if as_json else f"Written to {out}.")
        return
    if not is_loopback(host):
        click.echo(f"Warning: at {plain(host)} every computer of the network that learns the address below can see the "
                   "model and the images, and the way there is not encrypted.", err=True)
    if model is None and session.learner is not None:
        session.learner.act("start", FIRST_EPOCHS)

    def tell(address: str) -> None:
        click.echo(json.dumps({"address": address, "model": subject.model.name}) if as_json else
                   f"{subject.said}\nThe page: {address}\nThe address holds a secret; Ctrl-C ends the page.")
    serve(session, host, port, browser, tell)


def require_extra() -> None:
    """Says how to mend it when the packages of the page are missing.

    Raises:
        ArgumentError: Starlette or uvicorn is not installed.
    """
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise ArgumentError(f"The page needs the package {error.name}, which is not installed: "
                            "pip install 'striate[explore]'.") from None


def make_subject(source: str, images: Sequence[Path], train_on: str | None) -> Subject:
    """The model that the user means, with inputs to look at and data to train on.

    Raises:
        ArgumentError: no such model, or data that do not fit it.
        DataError: images that cannot be read.
    """
    from striate import zoo
    from striate.cli import networks
    from striate.cli.for_model import preparation_of
    from striate.explore.subject import Subject
    from striate.see import probe

    saved: SavedModel | None = None
    if source in zoo.names() or ":" in source:
        model = networks.build(source, *_wished(source, train_on))
        said = f"{model.name} has random weights: it has learnt nothing yet."
    else:
        from striate import saving
        from striate.cli.run_folder import find_model

        saved = find_model(source)
        model = saving.load_model(saved.file)
        said = f"{model.name} has the weights of {saved.file.name}."
    probe.network(model)
    classes, data, why_not = training_data(model, source, saved, train_on)
    shape = tuple(model.inputs[0].shape[1:])
    preparation = None
    if saved is not None and "preparation" in saved.config.get("data", {}):
        preparation = preparation_of(saved, model)
    samples = [*user_samples(model, images, shape, preparation), *(data_samples(data) or lent_samples(model, shape))]
    outputs = model.outputs[0].shape
    if not classes and len(outputs) == 2 and not networks.gives_scores(model):
        names = [saved.class_name(i) if saved else str(i) for i in range(outputs[-1] if outputs[-1] > 1 else 2)]
        classes = tuple(f"class {name}" if name.isdecimal() else name for name in names)
    return Subject(model, said, tuple(samples or noise(model)), classes, lambda pixels: networks.pixels(model, pixels),
                   lambda values: networks.probabilities(model, values), data, why_not, preparation)


def _wished(source: str, train_on: str | None) -> tuple[tuple[int, ...] | None, int | None]:
    """(image shape, number of classes) that a network of the zoo is made for; None leaves it as it is by itself."""
    if train_on is None or train_on == "none" or ":" in source:
        return None, None
    if train_on == "fashion-mnist":
        return (28, 28, 1), 10
    folder = Path(train_on)
    return None, sum(entry.is_dir() for entry in folder.iterdir()) if folder.is_dir() else None


def named_data(source: str, train_on: str | None, saved: SavedModel | None = None) -> str:
    """What to train on: fashion-mnist, a folder or none. A run tells by its configuration."""
    from striate import zoo

    known = saved.config.get("data", {}).get("name") if saved else None
    usual = "fashion-mnist" if source in zoo.names() or known == "fashion-mnist" else "none"
    return usual if train_on is None else train_on


@cache
def clothes() -> Future:
    """The tenth of Fashion-MNIST that comes with striate, read by a thread: decompression needs no interpreter."""
    from striate.systems import data as datasets

    reader = ThreadPoolExecutor(1, "striate-explore-data")
    found = reader.submit(datasets.load, "fashion-mnist", subset=True, limit=None, seed=0)
    reader.shutdown(wait=False)
    return found


def training_data(model, source: str, saved: SavedModel | None, train_on: str | None) \
        -> tuple[tuple[str, ...], Data | None, str]:
    """(class names, what to train on or None, why there is none)."""
    wanted = named_data(source, train_on, saved)
    shape, outputs = tuple(model.input_shape[1:]), model.output_shape
    if len(model.inputs) > 1 or len(shape) != 3 or shape[-1] not in (1, 3) or None in shape or len(outputs) != 2:
        if wanted == "none" or train_on is None:
            return (), None, ("Only classifiers of images of one known size, grey or RGB, channels last, can be "
                              "trained here; this network is none.")
        raise ArgumentError("Only classifiers of images with a known size can be trained here. "
                            + received(input_shape=shape, output_shape=outputs))
    if wanted == "none":
        return (), None, "No data was named: --train-on fashion-mnist, or --train-on FOLDER with one folder a class."
    if wanted != "fashion-mnist":
        found = _own_pictures(model, source, saved, wanted)
        return tuple(found.classes), _data(model, source, (found.train, found.validation), found.said), ""
    clothing = clothes().result()
    classes, count = tuple(clothing.classes), 2 if outputs[-1] == 1 else outputs[-1]
    if count != len(classes):
        if train_on is None:
            return (), None, (f"The network has {count} classes, Fashion-MNIST {len(classes)}. A network of the zoo is "
                              "built for the data that you name: --train-on fashion-mnist, or --train-on FOLDER with "
                              "one folder a class.")
        raise ArgumentError(f"The network has {count} classes, the data {len(classes)}. " + received(train_on=wanted))
    parts = [(_fitted(x, shape), y) for x, y in (clothing.train, clothing.validation)]
    return classes, _data(model, source, parts, f"the 10 % subset of {clothing.title} that comes with striate"), ""


def _own_pictures(model, source: str, saved: SavedModel | None, place: str) -> datasets.Data:
    """The user's folder, prepared, split and its classes numbered as a run's model learnt them (as `evaluate` does)."""
    from striate.cli import for_model
    from striate.cli.run_folder import SavedModel

    if not Path(place).is_dir():
        raise ArgumentError("--train-on takes fashion-mnist, a folder with one folder a class, or none. "
                            + received(train_on=place))
    found = for_model.load(saved or SavedModel(Path(source), {}), model, place, to_train=True)
    if not isinstance(found.train[0], np.ndarray):
        raise ArgumentError("The page keeps all pictures that it trains on in memory, and these do not fit: name a "
                            "folder with a part of them. " + received(train_on=place, pictures=len(found.train[1])))
    return found


def _fitted(images: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """uint8 images (count, height, width, 1) at another size, with as many channels as needed."""
    if images.shape[1:3] != shape[:2]:
        from PIL import Image

        size = (shape[1], shape[0])
        images = np.stack([np.asarray(Image.fromarray(image[..., 0]).resize(size, Image.Resampling.BILINEAR))
                           for image in images])[..., np.newaxis]
    return np.repeat(images, shape[-1], axis=-1) if shape[-1] != images.shape[-1] else images


def _data(model, source: str, parts, said: str) -> Data:
    from striate.cli import networks
    from striate.explore.subject import Data

    recipe = networks.recipe(source)
    if recipe.schedule:  # It would end somewhere; this training ends when the user has seen enough.
        recipe = replace(recipe, schedule=None, optimizer="Adam", learning_rate=None, optimizer_arguments={})
    # Labels stay whole numbers: no smoothing.
    recipe = replace(recipe, loss_arguments={})

    def prepare(model):
        return networks.compiled(model, recipe)
    prepare(model)
    (x, y), (held, labels) = parts
    return Data(said, networks.pixels(model, x), y, (networks.pixels(model, held), labels), recipe.batch_size, prepare)


def user_samples(model, images: Sequence[Path], shape: tuple[int, ...],
                 preparation: Preparation | None = None) -> list[Sample]:
    """The images that the user named, read for the model; folders are looked through.

    Raises:
        ArgumentError: the model takes no images. DataError: a file cannot be read, or there is none.
    """
    from striate.cli import networks
    from striate.explore.images import decode
    from striate.explore.subject import Sample
    from striate.untrusted import read_file

    if images and len(model.inputs) > 1:
        raise ArgumentError(f"Images of yours can be shown to models with one input; '{model.name}' has "
                            f"{len(model.inputs)}. Leave them out. {received(images=[str(place) for place in images])}")
    paths: list[Path] = []
    for place in images:
        inside = sorted(path for path in place.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()) \
            if place.is_dir() else [place]
        if not inside:
            raise DataError("There is no image in this folder. " + received(images=str(place)))
        paths += inside[::max(1, len(inside) // FILES)]
    found = []
    for path in paths[:FILES]:
        try:
            found.append(Sample(path.name, networks.pixels(
                model, decode(read_file(path), shape, preparation=preparation))))
        except DataError as error:
            raise DataError(f"{error} File: {path}") from None
    return found


def data_samples(data: Data | None) -> list[Sample]:
    """Some images of the validation data, of every class in turn; they are not trained on."""
    from striate.explore.subject import Sample

    if data is None:
        return []
    x, y = data.validation
    by_class = [np.flatnonzero(y == label) for label in sorted(set(y.tolist()))]
    rows = [int(places[turn]) for turn in range(SAMPLES) for places in by_class if turn < len(places)][:SAMPLES]
    return [Sample(f"image {row}", x[row], int(y[row])) for row in rows]


def lent_samples(model, shape: tuple[int, ...]) -> list[Sample]:
    """For models of images without data: pictures of clothes at the model's size. They have no label for it."""
    from striate.cli import networks
    from striate.datasets import fashion_mnist
    from striate.explore.subject import Sample

    if len(model.inputs) > 1 or len(shape) != 3 or shape[-1] not in (1, 3) or None in shape:
        return []
    images, labels = fashion_mnist.load_data(subset=True)[1]
    rows = [int(np.flatnonzero(labels == label)[0]) for label in range(len(fashion_mnist.CLASS_NAMES))]
    pixels = networks.pixels(model, _fitted(images[rows][..., np.newaxis], shape))
    return [Sample(f"{fashion_mnist.CLASS_NAMES[labels[row]]} (Fashion-MNIST, resized)", values)
            for row, values in zip(rows, pixels, strict=True)]


def noise(model) -> list[Sample]:
    """Inputs for models of which nothing is known: numbers between 0 and 1, and waves for lines."""
    from striate.explore.subject import Sample

    random = np.random.Generator(np.random.PCG64(0))
    shapes = [tuple(length or 32 for length in tensor.shape[1:]) for tensor in model.inputs]
    found = []
    if len(shapes) == 1 and len(shapes[0]) == 2:
        at = np.linspace(0, 1, shapes[0][0])[:, np.newaxis]
        for waves in (1, 2, 4, 8):
            phases = np.arange(shapes[0][1]) / max(1, shapes[0][1])
            name = f"{waves} waves" if waves > 1 else "one wave"
            found.append(Sample(name, np.sin(2 * np.pi * (waves * at + phases)).astype(np.float32)))
    values = [random.random(shape, np.float32) for shape in shapes]
    return [*found, Sample("noise", values if len(values) > 1 else values[0])]
