"""CIFAR-100: 60,000 colour pictures, 32x32 pixels, 100 classes in 20 groups (Krizhevsky 2009). Downloaded."""

from __future__ import annotations

from striate.datasets.cifar10 import Archive, pictures
from striate.errors import ArgumentError, received

_ARCHIVE = Archive("cifar-100", "cifar-100-binary.tar.gz",
                   "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec", "cifar-100-binary", 2)
_FILES = {"train.bin": 50_000, "test.bin": 10_000}


def load_data(label_mode: str = "fine"):
    """The pictures, from this computer or the internet.

    Args:
        label_mode: "fine" for the 100 classes, "coarse" for the 20 groups.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8; pictures of shape (50000, 32, 32, 3) and (10000, 32, 32, 3),
        labels of shape (50000, 1) and (10000, 1), as Keras gives them.

    Raises:
        ArgumentError: another `label_mode`.
        DownloadError: the data is neither on this computer nor reachable, or damaged.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
    """
    if label_mode not in ("fine", "coarse"):
        raise ArgumentError("`label_mode` must be 'fine' or 'coarse'. " + received(label_mode=label_mode))
    column = ("coarse", "fine").index(label_mode)
    return tuple((pictures(rows), rows[:, column:column + 1].copy()) for rows in _ARCHIVE.read(_FILES))
