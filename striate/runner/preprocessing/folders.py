"""`image_dataset_from_directory`: a folder of pictures as a pipeline of batches."""

from __future__ import annotations

import os

import numpy as np

from striate import seeds
from striate.datasets import folder
from striate.errors import ArgumentError, DataError, received
from striate.runner.tf.data import Dataset
from striate.runner.tf.tensor import as_tensor

_LABEL_MODES = ("int", "categorical", "binary", None)


def image_dataset_from_directory(directory: str | os.PathLike, labels="inferred",  # noqa: PLR0913 (Keras' order)
                                 label_mode="int", class_names=None, color_mode="rgb", batch_size=32,
                                 image_size=(256, 256), shuffle=True, seed=None, validation_split=None, subset=None,
                                 interpolation="bilinear", follow_links=False, verbose=True, **ignored) -> Dataset:
    """Batches (pictures, labels) of a folder with one folder for each class.

    Args:
        directory: the folder. labels: "inferred" from the folders' names, or None for pictures alone.
        label_mode: "int", "categorical" (rows with a one), "binary" (0.0 and 1.0 in one column) or None.
        class_names: the class folders in the order of the labels; alphabetical unless given.
        color_mode: "grayscale", "rgb" or "rgba". image_size: (height, width) of all pictures.
        batch_size: pictures a batch; None gives single pictures.
        shuffle: a new order in each pass. seed: of the order and of the split.
        validation_split, subset: the share for "validation"; the rest is "training". Needs a seed, or no shuffling.

    Returns:
        A `tf.data.Dataset` with attributes `class_names` and `file_paths`; pixels are float32 from 0 to 255.

    Raises:
        ArgumentError: an argument cannot work. DataError: there are no pictures.
    """
    label_mode = label_mode if labels == "inferred" else None
    if labels not in ("inferred", None) or label_mode not in _LABEL_MODES:
        raise ArgumentError("`labels` is 'inferred' or None, and `label_mode` one of 'int', 'categorical', 'binary' "
                            "and None. " + received(labels=labels, label_mode=label_mode))
    pictures = folder.load(directory, tuple(image_size), color_mode, interpolation, class_names)
    chosen = np.arange(len(pictures.x))
    if shuffle:
        chosen = np.random.default_rng(seeds.global_seed() if seed is None else seed).permutation(chosen)
    if validation_split:
        chosen = _part(chosen, validation_split, subset, needs_seed=shuffle and seed is None)
    if verbose:
        used = f"Using {len(chosen)} files for {subset}." if validation_split else ""
        print(f"Found {len(pictures.x)} files belonging to {len(pictures.class_names)} classes.\n{used}".rstrip())
    targets = _targets(pictures.y, label_mode, len(pictures.class_names))
    found = Dataset.from_tensor_slices(chosen)
    found = found.shuffle(len(chosen), seed=seed) if shuffle else found

    def picture(row):
        pixels = as_tensor(pictures.x[row].astype(np.float32))
        return pixels if targets is None else (pixels, as_tensor(targets[row]))

    found = found.map(picture)
    found = found if batch_size is None else found.batch(batch_size)
    found.class_names = list(pictures.class_names)
    found.file_paths = [str(pictures.paths[row]) for row in chosen]
    return found


def _part(rows: np.ndarray, share: float, subset: str | None, needs_seed: bool) -> np.ndarray:
    if subset not in ("training", "validation") or not 0 < share < 1 or needs_seed:
        raise ArgumentError('A `validation_split` lies between 0 and 1 and needs subset="training" or "validation", '
                            "and a `seed` if the pictures are shuffled: else the two parts would overlap. "
                            + received(validation_split=share, subset=subset))
    border = len(rows) - int(share * len(rows))
    return rows[:border] if subset == "training" else rows[border:]


def _targets(labels: np.ndarray, mode: str | None, count: int) -> np.ndarray | None:
    if mode == "binary" and count != 2:
        raise DataError("label_mode='binary' needs exactly two class folders. " + received(classes=count))
    if mode == "categorical":
        return np.eye(count, dtype=np.float32)[labels]
    if mode == "binary":
        return labels.astype(np.float32)[:, np.newaxis]
    return None if mode is None else labels.astype(np.int32)
