"""The user's own pictures as `Data`: a folder of class folders, an `.npz` file or a CSV table."""

from __future__ import annotations

import atexit
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from striate.datasets import tables
from striate.datasets.audit import Audit, audit, pixel_hashes
from striate.datasets.pictures import Preparation
from striate.datasets.readers import Readers
from striate.datasets.stream import StoredPictures
from striate.datasets.survey import PARTS, SHARES, Survey, check_known, parted, survey, survey_of
from striate.errors import ArgumentError, DataError, received
from striate.systems.choosing import OWN_PICTURES, PATIENCE, Choice, choose, network_for
from striate.systems.data import Data, Learnt, with_channels

MEMORY_SHARE = 0.25
"""Pictures that would take more than this share of the computer's memory stay on the disk."""
WHOLE = "All pictures are for the test: the model was not trained on these data."


def load(path: Path, seed: int, image_size: tuple[int, int] | None = None, learnt: Learnt | None = None) -> Data:
    """The data of a folder or file; with `learnt` prepared for a model that is trained already.

    Raises:
        ArgumentError: a file of another kind.
        DataError: a folder or file that cannot be trained on.
    """
    classes = None if learnt is None else learnt.classes
    if path.is_dir():
        return _of_survey(survey(path, classes), path, seed, image_size, learnt)
    if path.suffix.lower() == ".npz":
        return _of_arrays(tables.load_npz(path), path, seed, learnt)
    if path.suffix.lower() in (".csv", ".tsv"):
        read = tables.load_csv(path)
        if isinstance(read, list):
            return _of_survey(survey_of(path.parent, read, classes), path, seed, image_size, learnt)
        if isinstance(read, tables.Arrays):
            return _of_arrays(read, path, seed, learnt)
        raise DataError("The columns of this table are neither pixels nor paths to pictures. A column of numbers is "
                        "predicted from the others by: striate compare FILE.csv. "
                        + received(path=str(path), columns=read.columns))
    raise ArgumentError("Data are a folder of class folders, an .npz file or a .csv file. " + received(data=str(path)))


def audit_of(found: Survey, parts: dict[str, np.ndarray]) -> Audit:
    """What may be wrong with a folder that is split like this."""
    hashes = found.hashes
    return audit({part: ([hashes[row] for row in rows], found.labels[rows].tolist(),
                         [str(found.paths[row]) for row in rows]) for part, rows in parts.items()},
                 found.class_names, {str(path): why for path, why in found.unreadable.items()})


def audit_arrays(data: Data) -> Audit:
    """What may be wrong with data in memory."""
    return audit({part: (pixel_hashes(images), labels.tolist(), [f"{part} {row}" for row in range(len(labels))])
                  for part, (images, labels) in data.parts.items()}, data.classes)


def _of_survey(found: Survey, path: Path, seed: int, image_size: tuple[int, int] | None,
               learnt: Learnt | None) -> Data:
    choice = choose(found, image_size) if learnt is None else \
        Choice(learnt.preparation, "", ("Prepared as the pictures that the model was trained on.",))
    given = sorted(set(found.given) - {""})
    whole = learnt is not None and learnt.whole and not given
    parts = _all_for_the_test(len(found.paths)) if whole else found.split(seed)
    wanted = len(found.paths) * int(np.prod(choice.preparation.image_size or (1, 1))) * choice.preparation.channels
    readers = Readers.for_files(len(found.paths))
    stored = {part: StoredPictures([found.paths[row] for row in rows], choice.preparation, readers)
              for part, rows in parts.items()}
    if wanted > MEMORY_SHARE * memory_bytes():
        atexit.register(readers.close)
        pictures: dict = dict(stored)
        where = (f"The pictures take {wanted / 2**30:.1f} GiB: they stay on the disk and are read by "
                 f"{max(1, readers.processes)} processes.")
    else:
        with readers:
            pictures = {part: own[:] for part, own in stored.items()}
        where = ""
    train, validation, test = ((pictures[part], found.labels[parts[part]]) for part in ("train", "validation", "test"))
    return Data(path.name, path.name, train, validation, test, found.class_names, "", str(path),
                model=choice.model, recipe=OWN_PICTURES, patience=PATIENCE, preparation=choice.preparation,
                reasons=(WHOLE if whole else _split_said(given, "folders"), *found.remarks, *choice.reasons,
                         *([where] if where else [])),
                audit=audit_of(found, parts))


def memory_bytes() -> int:
    """Main memory of the computer; 8 GiB if the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 8 << 30


def _all_for_the_test(count: int) -> dict[str, np.ndarray]:
    """The rows of each part of data that a trained model is asked about, and that have no parts."""
    none = np.zeros(0, int)
    return {"train": none, "validation": none, "test": np.arange(count)}


def _split_said(own: Sequence[str], kind: str) -> str:
    """In words: which parts there were (as folders or arrays), and what was taken from which."""
    if not own:
        return "Split: {:.0%} to train, {:.0%} for validation, {:.0%} for the test, class by class.".format(*SHARES)
    lacking = [part for part in PARTS if part not in own]
    more = f"; what was lacking was taken from train, class by class: {' and '.join(lacking)}" if lacking else ""
    return f"Split: the {kind} for {', '.join(part for part in PARTS if part in own)} as they are{more}."


def _of_arrays(read: tables.Arrays, path: Path, seed: int, learnt: Learnt | None) -> Data:
    shape, low, high = _measured(read, path)
    preparation = Preparation((shape[0], shape[1]), {1: "grayscale", 3: "rgb", 4: "rgba"}[shape[2]])
    if learnt is not None:
        preparation = learnt.preparation
    elif low < 0 or high > 255:
        preparation = replace(preparation, black=low, white=high)
    parts = {part: (as_bytes(with_channels(images), preparation, low, high, path),
                    _numbered(labels, read.class_names, learnt)) for part, (images, labels) in read.parts.items()}
    names = learnt.classes if learnt and learnt.classes else read.class_names
    given = [part for part in PARTS if part in parts]
    images, labels = parts.pop("train" if given else "all")
    lacking = {part: share for part, share in zip(PARTS[1:], SHARES[1:], strict=True) if part not in given}
    whole = learnt is not None and learnt.whole and not given
    if whole:
        parts = {part: (images[own], labels[own]) for part, own in _all_for_the_test(len(labels)).items()}
    elif lacking:
        _check_no_gaps(labels, names)
        rows = parted(labels, pixel_hashes(images), names, seed, {PARTS[0]: 1 - sum(lacking.values()), **lacking})
        parts |= {part: (images[own], labels[own]) for part, own in rows.items()}
    else:
        parts["train"] = images, labels
    model = network_for(images.shape[1:3], all(len(name) == 1 for name in names))
    data = Data(path.stem, path.name, parts["train"], parts["validation"], parts["test"], names, "",
                str(path), model=model, recipe=OWN_PICTURES, patience=PATIENCE, preparation=preparation,
                reasons=(WHOLE if whole else _split_said(given, "arrays"),
                         *([] if preparation.black is None else [f"Numbers from {preparation.black:g} to "
                                                                 f"{preparation.white:g} become black to white."]),
                         f"Network: {model}, for pictures of {images.shape[1]}x{images.shape[2]} pixels."))
    return replace(data, audit=audit_arrays(data))


def _numbered(labels: np.ndarray, names: Sequence[str], learnt: Learnt | None) -> np.ndarray:
    """Labels as the model's classes count them: by name, or, where both are numbers, by number."""
    known = learnt.classes if learnt else ()
    if not known or names == known or all(name.isdecimal() for name in names) and len(names) <= len(known):
        return labels
    check_known([names[label] for label in np.unique(labels)], known)
    return np.array([known.index(name) if name in known else -1 for name in names])[labels]


def _check_no_gaps(labels: np.ndarray, names: Sequence[str]) -> None:
    """Raises `DataError` where the numbers of classes do not begin at 0, or leave some out."""
    present = np.unique(labels)
    if len(present) < len(names) and all(name.isdecimal() for name in names):
        raise DataError("Labels that are numbers count the classes from 0 on, without gaps. Subtract the smallest one, "
                        "or write names of classes in their place. " + received(labels=present[:10].tolist()))


def _measured(read: tables.Arrays, path: Path) -> tuple[tuple[int, ...], float, float]:
    """(height, width, channels) of the pictures, and the least and the largest number in all parts together.

    Raises:
        DataError: they are no pictures, or some numbers are NaN or infinite.
    """
    lows, highs = [], []
    for images, _ in read.parts.values():
        shape = with_channels(images).shape
        if len(shape) != 4 or shape[3] not in (1, 3, 4):
            raise DataError("Pictures have the shape (n, height, width) or (n, height, width, channels), with 1, 3 or "
                            "4 channels; x.transpose(0, 2, 3, 1) puts channels behind. "
                            + received(path=str(path), shape=images.shape))
        lows.append(float(images.min()))
        highs.append(float(images.max()))
    if not np.isfinite([*lows, *highs]).all():
        raise DataError("The pictures hold NaN or infinity. Remove or fill them. " + received(path=str(path)))
    return shape[1:], min(lows), max(highs)


def as_bytes(images: np.ndarray, preparation: Preparation, low: float, high: float, path: Path) -> np.ndarray:
    """Pictures as bytes: of the numbers that `preparation` calls black and white, else of shares of white from 0 to 1,
    or numbers from 0 to 255. Bytes stay as they are.

    Args:
        images: some pictures.
        preparation: of the data.
        low, high: the least and the largest number of all pictures that belong together.
        path: where they are from.

    Raises:
        DataError: nobody said what is black and what white, and the numbers do not tell.
    """
    if images.dtype == np.uint8:
        return images
    black, white = preparation.black, preparation.white
    if black is None or white is None:
        if low < 0 or high > 255:
            raise DataError("The model was trained on pictures of 8 bits, and these numbers do not lie between 0 and "
                            "255. Scale them as its pictures were. "
                            + received(path=str(path), least=low, largest=high))
        black, white = 0.0, 1.0 if high <= 1 else 255.0
    scaled = (images.astype(np.float32) - black) * (255 / ((white - black) or 1))
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
