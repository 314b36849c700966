"""Data sets by name, as the commands use them: arrays, class names, and the words that say what was used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module

import numpy as np

from striate.errors import ArgumentError, DownloadError, received

NAMED = {"fashion-mnist": ("striate.datasets.fashion_mnist", "Fashion-MNIST")}

WAYS = """What can be done:
  - connect to the internet and repeat the command: the data is then downloaded and kept;
  - on Debian or Ubuntu: apt-get install dataset-fashion-mnist;
  - put the four .gz files into a folder and set the environment variable STRIATE_DATA to it;
  - train on the 10 % that comes with striate: add --subset."""


@dataclass(frozen=True)
class Data:
    """Images (count, height, width, channels) as uint8 and their labels, split in three.

    said: which data this is, in words; source: where it was found; warning: a sentence if it is less than what the name
    promises.
    """

    name: str
    title: str
    train: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    classes: Sequence[str]
    said: str
    source: str
    warning: str = ""

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one image."""
        return self.train[0].shape[1:]


def with_channels(images: np.ndarray) -> np.ndarray:
    """Grey images (count, height, width) get their channel axis."""
    return images[..., np.newaxis] if images.ndim == 3 else images


def _split(images: np.ndarray, labels: np.ndarray, part: float, seed: int) -> tuple[tuple, tuple]:
    """Takes a random part for validation: files are often sorted by class, so never simply the last ones."""
    order = np.random.Generator(np.random.Philox(seed)).permutation(len(images))
    count = int(len(images) * part)
    kept, held = np.sort(order[count:]), np.sort(order[:count])
    return (images[kept], labels[kept]), (images[held], labels[held])


def load(name: str, subset: bool, limit: int | None, seed: int) -> Data:
    """Loads a data set by its name; one twelfth of the training images is held out for validation.

    limit: at most so many training images (and as many in each of the other parts).

    Raises:
        ArgumentError: no data set has this name.
        DownloadError: it is not to be had.
    """
    if name not in NAMED:
        raise ArgumentError(f"There is no data set of this name; there are {', '.join(NAMED)}. " + received(data=name))
    module_name, title = NAMED[name]
    module = import_module(module_name)
    place = "it comes with striate" if subset else module.on_this_computer() or "downloaded"
    try:
        (images, labels), (test_images, test_labels) = module.load_data(subset=subset)
    except DownloadError as error:
        raise DownloadError(f"{error}\n{WAYS}") from error
    train, validation = _split(with_channels(images), labels, 1 / 12, seed)
    data = Data(name, title, train, validation, (with_channels(test_images), test_labels), module.CLASS_NAMES,
                "", str(place))
    if limit is not None:
        train, validation, test = ((images[:limit], labels[:limit])
                                   for images, labels in (data.train, data.validation, data.test))
        data = replace(data, train=train, validation=validation, test=test)
    return replace(data, said=_said(data, subset), warning=_warning(data, subset, limit))


def _said(data: Data, subset: bool) -> str:
    count = [f"{len(part[0]):,}" for part in (data.train, data.validation, data.test)]
    which = f"the embedded 10 % subset of {data.title}" if subset else data.title
    return f"{which}: {count[0]} images to train on, {count[1]} for validation, {count[2]} for the test"


def _warning(data: Data, subset: bool, limit: int | None) -> str:
    if subset:
        return (f"This is the 10 % subset of {data.title} that comes with striate, not the whole data set: "
                "its accuracies are not those of the benchmark.")
    if limit is not None:
        return (f"Only {len(data.train[0]):,} training and {len(data.test[0]):,} test images were used (--limit): "
                "the accuracies are not those of the whole data set.")
    return ""
