"""Data and pictures as a trained model wants them: prepared as those that it learnt, its classes by their numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from striate.cli.run_folder import SavedModel, find_model
from striate.datasets.pictures import Preparation
from striate.errors import ArgumentError, ModelFileError, received
from striate.systems import data as datasets
from striate.systems import own


def preparation_of(saved: SavedModel, network) -> Preparation:
    """How the run prepared its pictures; of a model without a run the size and channels that it takes.

    Raises:
        ArgumentError: the model takes no pictures.
        ModelFileError: the run says another size than its model takes.
    """
    recorded = saved.config.get("data", {}).get("preparation")
    shape: tuple[int | None, ...] = tuple(network.inputs[0].shape[1:]) if len(network.inputs) == 1 else ()
    if recorded is not None:
        found = Preparation.of(recorded)
        if len(shape) == 3 and None not in shape[:2] and found.image_size != shape[:2]:
            raise ModelFileError("The run's config.json says another size of pictures than its model takes. "
                                 + received(model=str(saved.file), takes=shape[:2], says=found.image_size))
        return found
    modes = {1: "grayscale", 3: "rgb", 4: "rgba"}
    mode = modes.get(shape[2] or 0) if len(shape) == 3 else None
    if mode is None:
        raise ArgumentError("Pictures fit only models that take one picture (height, width, channels) with 1, 3 or 4 "
                            "channels. " + received(inputs=[tuple(tensor.shape) for tensor in network.inputs]))
    height, width, _ = shape
    return Preparation(None if height is None or width is None else (height, width), mode, "lanczos")


def saved_model(source: str) -> SavedModel | None:
    """The file of a model and what its run says; None for a network of the zoo or a function."""
    from striate import zoo
    from striate.cli import networks

    if source in (*zoo.names(), *zoo.generators(), *networks.OWN) or networks.is_code(source):
        return None
    return find_model(source)


def sample(saved: SavedModel | None, network, place: str, x: np.ndarray | None = None) -> np.ndarray:
    """A picture in a file, or numbers `x` that stand in one, as the model takes it."""
    from striate.cli import networks

    if x is None:
        return networks.pixels(network, preparation_of(saved or SavedModel(Path(place), {}), network).read(place))
    if saved is not None and "preparation" in saved.config.get("data", {}):
        x = own.as_bytes(x, preparation_of(saved, network), float(x.min()), float(x.max()), Path(place))
    return networks.pixels(network, x)


def load(saved: SavedModel, network, data: str | None = None, subset: bool = False,
         limit: int | None = None, to_train: bool = False) -> datasets.Data:
    """The data that a model is asked about, or goes on learning from (`to_train`).

    The data of its own run are split as the run split them, so that no test picture was trained on. Of other data
    without parts a run's model is asked about everything; to learn from them they are split as any new ones.

    Raises:
        ArgumentError: the model does not say which data it belongs to, or has another number of classes.
        DataError: the data cannot be read, or have classes that the model has not learnt.
    """
    of_run = saved.config.get("data", {})
    if data is None and "name" not in of_run:
        raise ArgumentError("This model does not say which data it belongs to: give DATA, for example fashion-mnist. "
                            + received(model=str(saved.file)))
    place = of_run.get("place", of_run.get("name"))
    same = data is None or _same(data, place)
    name = place if data is None else data
    learnt = None
    if name not in datasets.NAMED:
        learnt = datasets.Learnt(preparation_of(saved, network), tuple(of_run.get("classes", ())),
                                 whole=bool(of_run) and not same and not to_train)
    loaded = datasets.load(name, subset or (data is None and bool(of_run.get("subset"))), limit,
                           saved.config.get("seed", 0) if same else 0, learnt=learnt)
    _check_classes(network, loaded, of_run)
    return loaded


def _same(data: str, place: Any) -> bool:
    """Whether the user names what the run was trained on."""
    if place is None or data in datasets.NAMED or place in datasets.NAMED:
        return data == place
    return Path(data).resolve() == Path(place).resolve()


def _check_classes(network, loaded: datasets.Data, of_run) -> None:
    """Raises `ArgumentError` where labels would stand for other classes than the model's outputs."""
    outputs = network.output_shape[-1]
    if len(loaded.classes) != (2 if outputs == 1 else outputs) or \
            list(of_run.get("classes", loaded.classes)) != list(loaded.classes):
        raise ArgumentError("The model tells other classes apart than these data have. "
                            + received(model=of_run.get("classes", outputs), data=list(loaded.classes)))
