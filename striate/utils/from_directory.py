"""Folders with one folder for each class as pipelines of batches: pictures, and sounds."""

from __future__ import annotations

import os
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from striate import seeds
from striate.callbacks.console import say
from striate.datasets.pictures import Preparation
from striate.errors import ArgumentError, DataError, MissingDataError, received
from striate.utils.pipeline import AUTOTUNE, Dataset
from striate.utils.resizing import resized_picture
from striate.utils.tensor import as_tensor

_LABEL_MODES = ("int", "categorical", "binary", None)
_PICTURES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
_SOUNDS = (".wav",)


@dataclass(frozen=True)
class _Listing:
    """Files with their class numbers (None: no labels), before and after they were put into an order."""

    paths: list[Path]
    labels: np.ndarray | None
    class_names: list[str]

    def part(self, rows: np.ndarray) -> _Listing:
        """Some of the files, in an order."""
        labels = None if self.labels is None else self.labels[rows]
        return _Listing([self.paths[row] for row in rows], labels, self.class_names)


def image_dataset_from_directory(  # noqa: PLR0913 - Keras' arguments
        directory: str | os.PathLike, labels="inferred", label_mode="int", class_names=None, color_mode="rgb",
        batch_size=32, image_size=(256, 256), shuffle=True, seed=None, validation_split=None, subset=None,
        interpolation="bilinear", follow_links=False, crop_to_aspect_ratio=False, pad_to_aspect_ratio=False,
        data_format=None, format="tf", verbose=True) -> Any:
    """Batches (pictures, labels) of a folder with one folder for each class. Files are read when they are needed.

    Args:
        directory: the folder.
        labels: "inferred" from the folders' names, a list with the class number of each file in the order of their
            paths, or None for pictures alone.
        label_mode: "int", "categorical" (rows with a one), "binary" (0.0 and 1.0 in one column) or None.
        class_names: the class folders in the order of the labels; alphabetical unless given.
        color_mode: "grayscale", "rgb" or "rgba".
        batch_size: pictures a batch; None gives single pictures.
        image_size: (height, width) of all pictures.
        shuffle: a new order in each pass. seed: of the order and of the split.
        validation_split, subset: the share for "validation"; the rest is "training"; "both" gives both. Needs a seed,
            or no shuffling.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".
        follow_links: whether to go into folders that are links.
        crop_to_aspect_ratio, pad_to_aspect_ratio: cut or fill up pictures of another shape, instead of distorting.
        data_format: "channels_last" or "channels_first".
        format: accepted for Keras' sake.
        verbose: whether to say how many files were found.

    Returns:
        A pipeline as `tf.data` has them, with attributes `class_names` and `file_paths`; pixels are float32 from 0 to
        255. For subset="both" a pair of them.

    Raises:
        ArgumentError: an argument cannot work. DataError: there are no pictures.

    Example:
        >>> train = image_dataset_from_directory("cells", image_size=(64, 64))  # doctest: +SKIP
    """
    if len(image_size) != 2 or min(image_size) < 1:
        raise ArgumentError("`image_size` must be (height, width). " + received(image_size=image_size))
    if data_format not in (None, "channels_last", "channels_first"):
        raise ArgumentError('`data_format` must be "channels_last" or "channels_first". '
                            + received(data_format=data_format))
    preparation, size = Preparation(None, color_mode), tuple(image_size)
    how = {"crop_to_aspect_ratio": crop_to_aspect_ratio, "pad_to_aspect_ratio": pad_to_aspect_ratio}

    def read(path: Path) -> np.ndarray:
        picture = resized_picture(preparation.read(path), size, interpolation, **how)
        return picture.transpose(2, 0, 1) if data_format == "channels_first" else picture

    return _batches(directory, read, _PICTURES, labels=labels, label_mode=label_mode, class_names=class_names,
                    batch_size=batch_size, shuffle=shuffle, seed=seed, validation_split=validation_split,
                    subset=subset, follow_links=follow_links, verbose=verbose)


def audio_dataset_from_directory(  # noqa: PLR0913 - Keras' arguments
        directory: str | os.PathLike, labels="inferred", label_mode="int", class_names=None, batch_size=32,
        sampling_rate=None, output_sequence_length=None, ragged=False, shuffle=True, seed=None, validation_split=None,
        subset=None, follow_links=False, verbose=True) -> Any:
    """Batches (sounds, labels) of a folder with one folder of WAV files for each class.

    Args: as those of `image_dataset_from_directory`, and
        output_sequence_length: samples of each sound, cut off or filled up with zeros; None: the longest of the batch.
        sampling_rate, ragged: must be None and False.

    Returns:
        A pipeline; sounds are float32 from -1 to 1 of shape (samples, channels).

    Raises:
        ArgumentError: an argument cannot work. DataError: there are no sounds, or no readable ones.

    Example:
        >>> train = audio_dataset_from_directory("words", output_sequence_length=16000)  # doctest: +SKIP
    """
    if sampling_rate is not None or ragged:
        raise ArgumentError("`sampling_rate` and `ragged` are not supported: bring the files to one rate before. "
                            + received(sampling_rate=sampling_rate, ragged=ragged))

    def read(path: Path) -> np.ndarray:
        sound = read_wav(path)
        if output_sequence_length is None:
            return sound
        sound = sound[:output_sequence_length]
        return np.pad(sound, ((0, output_sequence_length - len(sound)), (0, 0)))

    return _batches(directory, read, _SOUNDS, labels=labels, label_mode=label_mode, class_names=class_names,
                    batch_size=batch_size, shuffle=shuffle, seed=seed, validation_split=validation_split,
                    subset=subset, follow_links=follow_links, verbose=verbose, filled=output_sequence_length is None)


def read_wav(path: str | os.PathLike) -> np.ndarray:
    """A WAV file of 16-bit numbers as float32 (samples, channels) from -1 to 1.

    Raises:
        DataError: damaged, or of another kind.
    """
    try:
        with wave.open(os.fspath(path), "rb") as file:
            width, channels = file.getsampwidth(), file.getnchannels()
            content = file.readframes(file.getnframes())
    except (wave.Error, EOFError, OSError) as error:
        raise DataError(f"{path} is no WAV file that can be read: {error}.") from error
    if width != 2:
        raise DataError(f"{path} must hold numbers of 16 bits. " + received(bits=8 * width))
    return np.frombuffer(content, "<i2").reshape(-1, channels).astype(np.float32) / 32768


# ---- what both share ------------------------------------------------------------------------------------------

def _batches(directory, read: Callable[[Path], np.ndarray], suffixes: Sequence[str], *, labels, label_mode,
             class_names, batch_size, shuffle, seed, validation_split, subset, follow_links, verbose,
             filled: bool = False) -> Any:
    """One pipeline, or two for subset="both"."""
    label_mode = None if labels is None else label_mode
    if label_mode not in _LABEL_MODES or not (labels in ("inferred", None) if isinstance(labels, (str, type(None)))
                                              else len(labels)):
        raise ArgumentError("`labels` is 'inferred', None or a list of class numbers, and `label_mode` one of 'int', "
                            "'categorical', 'binary' and None. " + received(labels=labels, label_mode=label_mode))
    _check_split(validation_split, subset, needs_seed=bool(shuffle) and seed is None)
    listing = _listed(Path(directory), suffixes, labels, class_names, follow_links)
    if label_mode == "binary" and len(listing.class_names) != 2:
        raise DataError("label_mode='binary' needs exactly two classes. " + received(classes=listing.class_names))
    if verbose:
        of = "." if labels is None else f" belonging to {len(listing.class_names)} classes."
        say(f"Found {len(listing.paths)} files{of}")
    if shuffle:
        order = np.arange(len(listing.paths))
        np.random.RandomState(seeds.global_seed() if seed is None else seed).shuffle(order)
        listing = listing.part(order)
    # Of both parts only the first, which is for training, comes in a new order each time.
    found = [_pipeline(part, read, label_mode, batch_size, shuffle and number == 0, seed, filled)
             for number, part in enumerate(_parts(listing, validation_split, subset, verbose))]
    return tuple(found) if subset == "both" else found[0]


def _check_split(share: float | None, subset: str | None, needs_seed: bool) -> None:
    if share is None and subset is None:
        return
    if share is None or not 0 < share < 1 or subset not in ("training", "validation", "both") or needs_seed:
        raise ArgumentError('A `validation_split` lies between 0 and 1 and needs subset="training", "validation" or '
                            '"both", and a `seed` if the files are shuffled: else the two parts would overlap. '
                            + received(validation_split=share, subset=subset))


def _listed(directory: Path, suffixes: Sequence[str], labels, class_names, follow_links: bool) -> _Listing:
    """The files of a folder in the order of class and path."""
    if not directory.is_dir():
        raise MissingDataError("There is no such folder. " + received(directory=str(directory)))
    if labels != "inferred":
        paths = _files(directory, suffixes, follow_links)
        numbers = None if labels is None else np.asarray(labels)
        if numbers is not None and len(numbers) != len(paths):
            raise ArgumentError("`labels` must have one entry for each file. "
                                + received(labels=len(numbers), files=len(paths)))
        names = [] if numbers is None else list(class_names or map(str, sorted(set(numbers.tolist()))))
        return _Listing(_present(paths, directory, suffixes), numbers, names)
    present = sorted(entry.name for entry in directory.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if class_names is not None and set(class_names) != set(present):
        raise ArgumentError("`class_names` must be the names of the class folders, in any order. "
                            + received(class_names=list(class_names), folders=present))
    names = list(class_names or present)
    rows = [(path, number) for number, name in enumerate(names)
            for path in _files(directory / name, suffixes, follow_links)]
    paths = _present([path for path, _ in rows], directory, suffixes)
    return _Listing(paths, np.array([number for _, number in rows]), names)


def _present(paths: list[Path], directory: Path, suffixes: Sequence[str]) -> list[Path]:
    if not paths:
        raise DataError(f"No files found in {directory}. Allowed formats: {', '.join(suffixes)}.")
    return paths


def _files(folder: Path, suffixes: Sequence[str], follow_links: bool) -> list[Path]:
    found = []
    for place, _, names in sorted(os.walk(folder, followlinks=follow_links), key=lambda row: row[0]):
        found += [Path(place, name) for name in sorted(names) if name.lower().endswith(tuple(suffixes))]
    return found


def _parts(listing: _Listing, share: float | None, subset: str | None, verbose: bool) -> list[_Listing]:
    if share is None:
        return [listing]
    count = len(listing.paths)
    border = count - int(share * count)
    if border in (0, count):
        raise ArgumentError("The `validation_split` leaves one part empty. " + received(files=count, share=share))
    rows = np.arange(count)
    parts = {"training": listing.part(rows[:border]), "validation": listing.part(rows[border:])}
    chosen = [name for name in parts if subset in (name, "both")]
    if verbose:
        for name in chosen:
            say(f"Using {len(parts[name].paths)} files for {name}.")
    return [parts[name] for name in chosen]


def _pipeline(listing: _Listing, read: Callable, label_mode: str | None, batch_size: int | None, shuffle: bool,
              seed: int | None, filled: bool) -> Dataset:
    count = len(listing.class_names)
    targets = None if label_mode is None or listing.labels is None else _targets(listing.labels, label_mode, count)
    found = Dataset.from_tensor_slices(np.arange(len(listing.paths)))
    if shuffle:
        found = found.shuffle(len(listing.paths) if batch_size is None else batch_size * 8, seed=seed)

    def element(row):
        tensor = as_tensor(read(listing.paths[int(row)]))
        return tensor if targets is None else (tensor, as_tensor(targets[int(row)]))

    found = found.map(element)
    if batch_size is not None:
        found = found.padded_batch(batch_size) if filled else found.batch(batch_size)
    found = found.prefetch(AUTOTUNE)
    found.class_names = None if label_mode is None else list(listing.class_names)
    found.file_paths = [str(path) for path in listing.paths]
    return found


def _targets(labels: np.ndarray, mode: str, count: int) -> np.ndarray:
    if mode == "categorical":
        return np.eye(count, dtype=np.float32)[labels]
    return labels.astype(np.float32)[:, np.newaxis] if mode == "binary" else labels.astype(np.int32)
