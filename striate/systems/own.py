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
from striate.datasets.readers import Readers
from striate.datasets.stream import StoredPictures
from striate.datasets.survey import PARTS, SHARES, Survey, parted, survey, survey_of
from striate.errors import ArgumentError, DataError, received
from striate.systems.choosing import OWN_PICTURES, PATIENCE, choose, network_for
from striate.systems.data import Data, with_channels

MEMORY_SHARE = 0.25
"""Pictures that would take more than this share of the computer's memory stay on the disk."""


def load(path: Path, seed: int, image_size: tuple[int, int] | None = None) -> Data:
    """The data of a folder or file.

    Raises:
        ArgumentError: a file of another kind.
        DataError: a folder or file that cannot be trained on.
    """
    if path.is_dir():
        return _of_survey(survey(path), path, seed, image_size)
    if path.suffix.lower() == ".npz":
        return _of_arrays(tables.load_npz(path), path, seed)
    if path.suffix.lower() in (".csv", ".tsv"):
        read = tables.load_csv(path)
        if isinstance(read, list):
            return _of_survey(survey_of(path.parent, read), path, seed, image_size)
        if isinstance(read, tables.Arrays):
            return _of_arrays(read, path, seed)
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


def _of_survey(found: Survey, path: Path, seed: int, image_size: tuple[int, int] | None) -> Data:
    choice, parts = choose(found, image_size), found.split(seed)
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
                reasons=(_split_said(sorted(set(found.given) - {""}), "folders"), *found.remarks, *choice.reasons,
                         *([where] if where else [])),
                audit=audit_of(found, parts))


def memory_bytes() -> int:
    """Main memory of the computer; 8 GiB if the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 8 << 30


def _split_said(own: Sequence[str], kind: str) -> str:
    """In words: which parts there were (as folders or arrays), and what was taken from which."""
    if not own:
        return "Split: {:.0%} to train, {:.0%} for validation, {:.0%} for the test, class by class.".format(*SHARES)
    lacking = [part for part in ("validation", "test") if part not in own]
    more = f"; {' and '.join(lacking)} were taken from train, class by class" if lacking else ""
    return f"Split: the {kind} {', '.join(own)} are used as they are{more}."


def _of_arrays(read: tables.Arrays, path: Path, seed: int) -> Data:
    parts = {part: (_pictures(images, path), labels) for part, (images, labels) in read.parts.items()}
    given = [part for part in PARTS if part in parts]
    images, labels = parts.pop("train" if given else "all")
    lacking = {part: share for part, share in zip(PARTS[1:], SHARES[1:], strict=True) if part not in given}
    if lacking:
        rows = parted(labels, pixel_hashes(images), read.class_names, seed,
                      {PARTS[0]: 1 - sum(lacking.values()), **lacking})
        parts |= {part: (images[own], labels[own]) for part, own in rows.items()}
    else:
        parts["train"] = images, labels
    model = network_for(images.shape[1:3], all(len(name) == 1 for name in read.class_names))
    data = Data(path.stem, path.name, parts["train"], parts["validation"], parts["test"], read.class_names, "",
                str(path), model=model, recipe=OWN_PICTURES, patience=PATIENCE,
                reasons=(_split_said(given, "arrays"),
                         f"Network: {model}, for pictures of {images.shape[1]}x{images.shape[2]} pixels."))
    return replace(data, audit=audit_arrays(data))


def _pictures(images: np.ndarray, path: Path) -> np.ndarray:
    """Pictures (n, height, width, channels) as bytes; floats that are shares of white, and deeper whole ones, too."""
    images = with_channels(images)
    if images.ndim != 4 or images.shape[3] not in (1, 3, 4):
        raise DataError("Pictures have the shape (n, height, width) or (n, height, width, channels). "
                        + received(path=str(path), shape=images.shape))
    if images.dtype == np.uint8:
        return images
    low, high = float(images.min()), float(images.max())
    black, white = (0.0, 1.0) if 0 <= low and high <= 1 else (0.0, 255.0) if 0 <= low and high <= 255 else (low, high)
    scaled = (images.astype(np.float32) - black) * (255 / ((white - black) or 1))
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
