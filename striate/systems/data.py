"""Data sets by name or place, ready for training: pictures, labels and class names, and words for what was used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from striate.datasets.audit import Audit
from striate.datasets.pictures import Preparation
from striate.errors import ArgumentError, DownloadError, received
from striate.zoo import Recipe

WAYS = """What can be done:
  - connect to the internet and repeat the command: the data is then downloaded and kept;
  - on Debian or Ubuntu: apt-get install dataset-fashion-mnist;
  - put the four .gz files into a folder and set the environment variable STRIATE_DATA to it;
  - train on the 10 % that comes with striate: add --subset."""
VALIDATION_SHARE = 1 / 12
Part = tuple[Any, np.ndarray]
"""Pictures (count, height, width, channels), an array or `StoredPictures`, and their labels (count,)."""


@dataclass(frozen=True)
class Learnt:
    """What a trained model knows of its data: how files became its pictures, and its `classes` by number (none where
    nobody wrote them down). whole: data without parts of their own are all for the test; else they are split as for
    training."""

    preparation: Preparation
    classes: tuple[str, ...] = ()
    whole: bool = False


@dataclass(frozen=True)
class Data:
    """Pictures (count, height, width, channels), uint8 or as a network takes them, and labels; split in three.

    said: which data this is, in words; source: where it was found; warning: a sentence if it is less than what the name
    promises; model: the network that is trained unless another is asked for, recipe: how, unless it has a recipe of its
    own; patience: epochs without improvement after which training ends; preparation: how files became these pictures;
    reasons: what was decided; audit: what may be wrong with the data, where they are the user's own.
    """

    name: str
    title: str
    train: Part
    validation: Part
    test: Part
    classes: Sequence[str]
    said: str
    source: str
    warning: str = ""
    model: str = "small"
    recipe: Recipe | None = None
    patience: int | None = None
    preparation: Preparation | None = None
    reasons: tuple[str, ...] = ()
    audit: Audit | None = None

    @property
    def findings(self) -> list[str]:
        """What may be wrong with the data, a sentence each."""
        return [] if self.audit is None else self.audit.findings()

    @property
    def sentence(self) -> str:
        """`said` as it begins a sentence; the user's own names stay as they are."""
        return self.said if self.said.startswith(self.title) else f"{self.said[0].upper()}{self.said[1:]}"

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one image."""
        return self.train[0].shape[1:]

    @property
    def parts(self) -> dict[str, Part]:
        """The three parts by their names."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def with_channels(images: np.ndarray) -> np.ndarray:
    """Grey images (count, height, width) get their channel axis."""
    return images[..., np.newaxis] if images.ndim == 3 else images


def split(images: np.ndarray, labels: np.ndarray, part: float, seed: int) -> tuple[Part, Part]:
    """Takes a random part for validation: files are often sorted by class, so never simply the last ones."""
    order = np.random.Generator(np.random.Philox(seed)).permutation(len(images))
    count = int(len(images) * part)
    kept, held = np.sort(order[count:]), np.sort(order[:count])
    return (images[kept], labels[kept]), (images[held], labels[held])


def _published(name: str, title: str, model: str = "small") -> Callable[[bool, int], Data]:
    """A loader for a data set that is found or downloaded whole."""
    def load(subset: bool, seed: int) -> Data:
        module = import_module(f"striate.datasets.{name.replace('-', '_')}")
        if subset and name != "fashion-mnist":
            raise ArgumentError(f"Only Fashion-MNIST comes with striate in part: leave --subset out for {title}. "
                                + received(data=name, subset=subset))
        place = "it comes with striate" if subset else module.on_this_computer() or "downloaded"
        try:
            (images, labels), (test_images, test_labels) = module.load_data(**({"subset": True} if subset else {}))
        except DownloadError as error:
            raise DownloadError(f"{error}\n{WAYS}" if name == "fashion-mnist" else str(error)) from error
        train, validation = split(with_channels(images), labels.reshape(-1), VALIDATION_SHARE, seed)
        classes = getattr(module, "CLASS_NAMES", tuple("0123456789"))
        return Data(name, title, train, validation, (with_channels(test_images), test_labels.reshape(-1)), classes, "",
                    str(place), model=model)
    return load


def _letters(subset: bool, seed: int) -> Data:
    """Letters on so few pixels often come out the same: copies stay in one part, so that the test asks for new ones."""
    from striate.datasets import x_or_o
    from striate.datasets.audit import pixel_hashes
    from striate.datasets.survey import parted

    _no_subset(subset, "x-or-o")
    (images, labels), _ = x_or_o.load_data(train=3000, test=0, seed=seed)
    rows = parted(labels, pixel_hashes(images), x_or_o.CLASS_NAMES, seed)
    train, validation, test = ((images[own], labels[own]) for own in rows.values())
    recipe = Recipe(title="X or O", source="University of Virginia SYS 6016, bonus slides", optimizer="Adam",
                    learning_rate=0.01, loss="SparseCategoricalCrossentropy", epochs=12, batch_size=32,
                    inputs="9x9 pixels of -1 and 1")
    return Data("x-or-o", "X or O", train, validation, test, x_or_o.CLASS_NAMES, "", "drawn by striate",
                model="letters", recipe=recipe)


def _simulated(subset: bool, seed: int) -> Data:
    """Sessions 0 to 4 to train on, 5 for validation, 6 to 8 for the test: whole sessions, never frames of one."""
    from striate.datasets import simulated_ca

    _no_subset(subset, "simulated-ca")
    train, validation, test = (
        simulated_ca.load_sessions(numbers, seed=seed)[:2]
        for numbers in (simulated_ca.TRAIN_SESSIONS[:-1], simulated_ca.TRAIN_SESSIONS[-1:], simulated_ca.TEST_SESSIONS))
    return Data("simulated-ca", "simulated calcium imaging", train, validation, test, simulated_ca.CLASS_NAMES, "",
                "simulated by striate", model="brain_small",
                warning="These pictures are simulated: no accuracy on them is a result on brain data.")


def _brain_food(subset: bool, seed: int) -> Data:
    """Files 0 and 1 to train on, 2 for validation, 7 to 9 for the test: each file is another session."""
    from striate.datasets import brain_food

    _no_subset(subset, "brain-food")
    train, test = brain_food.load_data()
    border = len(train[0]) * 2 // 3
    return Data("brain-food", "Brain food", (train[0][:border], train[1][:border]),
                (train[0][border:], train[1][border:]), test, brain_food.CLASS_NAMES, "",
                str(brain_food.on_this_computer() or "streamed from the course's bucket"), model="brain_small",
                warning="The first 256 images of each file were used, not the whole data set.")


def _no_subset(subset: bool, name: str) -> None:
    if subset:
        raise ArgumentError("Only Fashion-MNIST has a part that comes with striate: leave --subset out. "
                            + received(data=name, subset=subset))


NAMED: dict[str, Callable[[bool, int], Data]] = {
    "fashion-mnist": _published("fashion-mnist", "Fashion-MNIST"),
    "mnist": _published("mnist", "MNIST", "lenet5"),
    "cifar10": _published("cifar10", "CIFAR-10", "residual"),
    "x-or-o": _letters,
    "simulated-ca": _simulated,
    "brain-food": _brain_food,
}


def load(name: str, subset: bool = False, limit: int | None = None, seed: int = 0,
         image_size: tuple[int, int] | None = None, learnt: Learnt | None = None) -> Data:
    """Data ready for training; or, with `learnt`, for a model that is trained already.

    Args:
        name: one of `NAMED`, a folder of class folders, or an `.npz` or `.csv` file.
        subset: only the part that comes with striate (of Fashion-MNIST).
        limit: at most so many training pictures (and as many in each of the other parts), taken at random.
        seed: of the split, and of what is drawn.
        image_size: (height, width) that the pictures of a folder are brought to, instead of the one that is chosen.
        learnt: how the user's own pictures are prepared and their classes numbered, instead of what suits them best.

    Raises:
        ArgumentError: nothing has this name.
        DataError: a folder or file that cannot be trained on.
        DownloadError: the data set is not to be had.
    """
    if name in NAMED:
        data = NAMED[name](subset, seed)
    elif Path(name).exists():
        from striate.systems import own

        _no_subset(subset, name)
        data = own.load(Path(name), seed, image_size, learnt)
    else:
        raise ArgumentError("There is no data set of this name, and no folder or file; there are "
                            f"{', '.join(NAMED)}. " + received(data=name))
    if image_size is not None and (data.preparation is None or data.preparation.image_size != image_size):
        raise ArgumentError("Only pictures in files are brought to another size. "
                            + received(data=name, image_size=image_size))
    if limit is not None:
        train, validation, test = (limited(*part, limit) for part in data.parts.values())
        data = replace(data, train=train, validation=validation, test=test)
    return replace(data, said=_said(data, subset), warning=_warning(data, subset, limit))


def limited(images, labels: np.ndarray, limit: int) -> Part:
    """The first pictures of each class in turn, so that no class is missing: a folder is sorted by class."""
    if len(labels) <= limit:
        return images, labels
    rank = np.empty(len(labels), int)
    for label in np.unique(labels):
        rank[labels == label] = np.arange((labels == label).sum())
    rows = np.sort(np.lexsort((np.arange(len(labels)), rank))[:limit])
    return images[rows], labels[rows]


def _said(data: Data, subset: bool) -> str:
    count = [f"{len(part[1]):,}" for part in (data.train, data.validation, data.test)]
    which = f"the embedded 10 % subset of {data.title}" if subset else data.title
    return f"{which}: {count[0]} images to train on, {count[1]} for validation, {count[2]} for the test"


def _warning(data: Data, subset: bool, limit: int | None) -> str:
    if subset:
        return (f"This is the 10 % subset of {data.title} that comes with striate, not the whole data set: "
                "its accuracies are not those of the benchmark.")
    if limit is not None:
        return (f"Only {len(data.train[1]):,} training and {len(data.test[1]):,} test images were used (--limit): "
                "the accuracies are not those of the whole data set.") + (f" {data.warning}" if data.warning else "")
    return data.warning
