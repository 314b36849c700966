"""What is in a folder of pictures before anything is trained: sizes, classes, doubles, damaged files; and its split."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from striate.datasets.folder import class_names_of, files_of
from striate.datasets.pictures import is_picture
from striate.datasets.readers import Readers
from striate.errors import DataError, received

PARTS = ("train", "validation", "test")
_PART_NAMES = {"train": "train", "training": "train", "val": "validation", "valid": "validation",
               "validation": "validation", "test": "test", "testing": "test"}
SHARES = (0.7, 0.15, 0.15)


@dataclass(frozen=True)
class Survey:
    """A folder's readable pictures: `paths`, their `labels` (n,), `facts` of each (see `pictures.facts`), and `given`,
    the part ("train", "validation", "test") whose folder a picture lies in, or "" where the folder has no parts.
    `remarks` are sentences about what was passed over: empty folders, files of other kinds, further pages."""

    folder: Path
    class_names: tuple[str, ...]
    paths: tuple[Path, ...]
    labels: np.ndarray
    facts: tuple[Mapping[str, Any], ...]
    given: tuple[str, ...]
    unreadable: Mapping[Path, str]
    remarks: tuple[str, ...] = ()

    @property
    def hashes(self) -> list[str]:
        """A hash of the pixels of each picture."""
        return [fact["pixels"] for fact in self.facts]

    @property
    def grey(self) -> bool:
        """Whether no picture has a colour."""
        return all(fact["grey"] for fact in self.facts)

    @property
    def sizes(self) -> np.ndarray:
        """(height, width) of each picture: (n, 2)."""
        return np.array([(fact["height"], fact["width"]) for fact in self.facts])

    @property
    def value_range(self) -> tuple[float, float] | None:
        """The least and the largest value in the folder, where a picture has more than 8 bits; else None."""
        deep = [fact for fact in self.facts if fact["type"] != "uint8"]
        if not deep:
            return None
        return min(fact["low"] for fact in deep), max(fact["high"] for fact in deep)

    def split(self, seed: int = 0) -> dict[str, np.ndarray]:
        """The indices of the pictures of each part.

        Parts that the folder has are kept. What it lacks is taken from "train", class by class, in an order that the
        seed decides; pictures with the same pixels stay together, so that none is learnt by heart and then asked for.

        Raises:
            DataError: a class has not enough pictures for three parts.
        """
        present = set(self.given)
        if present == {""}:
            return parted(self.labels, self.hashes, self.class_names, seed)
        parts = {part: np.array([i for i, own in enumerate(self.given) if own == part], int) for part in PARTS}
        missing = {part: share for part, share in zip(PARTS, SHARES, strict=True) if part not in present}
        if "train" in missing:
            raise DataError("The folder has parts, but none to train on: there must be a folder 'train'. "
                            + received(folder=str(self.folder), parts=sorted(present)))
        if missing:
            shares = {"train": 1 - sum(missing.values()), **missing}
            rows, hashes = parts["train"], self.hashes
            found = parted(self.labels[rows], [hashes[row] for row in rows], self.class_names, seed, shares)
            parts |= {part: rows[own] for part, own in found.items()}
        return parts


def parted(labels: np.ndarray, hashes: Sequence[str], class_names: Sequence[str], seed: int,
           shares: Mapping[str, float] = dict(zip(PARTS, SHARES, strict=True)),
           ) -> dict[str, np.ndarray]:
    """Cuts pictures into parts, class by class, in an order that the seed decides; the same pixels stay together.

    Args:
        labels: (n,) numbers of the classes.
        hashes: of each picture's pixels.
        class_names: of all classes.
        seed: decides the order.
        shares: of each part, by its name.

    Returns:
        The sorted indices of each part's pictures.

    Raises:
        DataError: a class has fewer different pictures than there are parts.

    Example:
        >>> found = parted(np.array([0, 0, 0, 0]), ["a", "b", "c", "a"], ["cat"], seed=0)
        >>> sorted(len(rows) for rows in found.values())
        [1, 1, 2]
    """
    random = np.random.Generator(np.random.PCG64(seed))
    kept: dict[str, list[int]] = {part: [] for part in shares}
    for label, name in enumerate(class_names):
        groups: dict[str, list[int]] = defaultdict(list)
        for row in np.flatnonzero(labels == label).tolist():
            groups[hashes[row]].append(row)
        if len(groups) < len(shares):
            raise DataError(f"Each class needs at least {len(shares)} different pictures: one to train on and one "
                            "for every other part. Add pictures, or take the class out. "
                            + received(class_name=name, pictures=len(groups)))
        ordered = [groups[key] for key in sorted(groups)]
        shuffled = [ordered[index] for index in random.permutation(len(ordered))]
        borders = _borders(len(shuffled), list(shares.values()))
        for part, first, last in zip(shares, borders, borders[1:], strict=False):
            kept[part] += [row for group in shuffled[first:last] for row in group]
    return {part: np.array(sorted(found), int) for part, found in kept.items()}


def _borders(count: int, shares: Sequence[float]) -> list[int]:
    """Where `count` things are cut into parts of about these shares, each of at least one.

    Example:
        >>> _borders(10, [0.7, 0.15, 0.15]), _borders(3, [0.7, 0.15, 0.15])
        ([0, 6, 8, 10], [0, 1, 2, 3])
    """
    others = [max(1, round(count * share)) for share in shares[1:]]
    first = max(1, count - sum(others))
    return [0, *np.cumsum([first, *others]).tolist()]


def survey(folder: str | os.PathLike, classes: Sequence[str] | None = None) -> Survey:
    """Looks at every picture of a folder of class folders, which may lie in folders "train", "val" and "test".

    Args:
        folder: the folder.
        classes: what the labels count, where a model has learnt that already; else the folder's own classes.

    Raises:
        DataError: no class folders or no readable pictures; parts with different classes, or classes that are not
            among those of the model.

    Example:
        >>> found = survey("cells")  # doctest: +SKIP
        >>> found.class_names, len(found.paths)  # doctest: +SKIP
        (('healthy', 'sick'), 1000)
    """
    folder = Path(folder)
    names, found = _listed(folder)
    kept = tuple(names[label] for label in sorted({label for _, label, _ in found})) or names
    known = tuple(classes) if classes else kept
    check_known(kept, known)
    found = [(part, known.index(names[label]), path) for part, label, path in found]
    surveyed = _surveyed(folder, known, found)
    own = {path for _, _, path in found}
    return replace(surveyed, remarks=(*_passed_over(folder, names, kept, own), *surveyed.remarks))


def check_known(found: Sequence[str], known: Sequence[str]) -> None:
    """Raises `DataError` where data have classes that are not among those that a model knows."""
    strange = [name for name in found if name not in known]
    if strange:
        raise DataError("The data have classes that the model has not learnt. "
                        + received(strange=strange[:10], classes=list(known)))


def _passed_over(folder: Path, names: Sequence[str], kept: Sequence[str], own: set[Path]) -> Iterator[str]:
    empty = [name for name in names if name not in kept]
    if empty:
        yield f"Folders without a picture are no classes: {', '.join(empty[:5])}{' ...' * (len(empty) > 5)}."
    rest = [path for path in folder.rglob("*") if path not in own and path.is_file()
            and not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    outside = sorted(path for path in rest if is_picture(path))
    if outside:
        yield f"Pictures in no class folder were passed over: {len(outside):,}. For example: {outside[0]}."
    others = Counter(path.suffix.lower() or path.name for path in rest if not is_picture(path))
    if others:
        kinds = ", ".join(kind for kind, _ in others.most_common(5))
        yield f"Files of other kinds were passed over: {sum(others.values()):,} ({kinds})."


def survey_of(folder: Path, pictures: Sequence[tuple[Path, str]], classes: Sequence[str] | None = None) -> Survey:
    """Looks at pictures that a table names, each with its class; relative paths begin at `folder`. `classes` are those
    of `survey`."""
    own = tuple(sorted({name for _, name in pictures}))
    names = tuple(classes) if classes else own
    check_known(own, names)
    return _surveyed(folder, names, [("", names.index(name), folder / path) for path, name in pictures])


def _surveyed(folder: Path, names: tuple[str, ...], found: list[tuple[str, int, Path]]) -> Survey:
    if len(names) < 2:
        raise DataError("There must be at least two class folders, to have something to tell apart. "
                        + received(folder=str(folder), classes=names))
    with Readers.for_files(len(found)) as readers:
        answers = readers.facts([path for _, _, path in found])
    rows = list(zip(found, answers, strict=True))
    unreadable = {row[2]: str(answer) for row, answer in rows if isinstance(answer, DataError)}
    good = [(*row, answer) for row, answer in rows if not isinstance(answer, DataError)]
    if not good:
        why = f" The first file: {next(iter(unreadable.values()))}" if unreadable else ""
        raise DataError(f"There is no readable picture in the class folders of {folder}. "
                        + received(classes=names, unreadable=len(unreadable)) + why)
    given, labels, paths, facts = zip(*good, strict=True)
    more = [path for path, fact in zip(paths, facts, strict=True) if fact["more"]]
    remarks = (f"Files that hold several pictures: {len(more):,}. Of pages and films the first is read, of volumes the "
               f"middle slice. For example: {more[0]}.",) if more else ()
    return Survey(folder, names, paths, np.array(labels), facts, given, unreadable, remarks)


def _listed(folder: Path) -> tuple[tuple[str, ...], list[tuple[str, int, Path]]]:
    """The classes, and (part, label, path) of each picture."""
    inside = class_names_of(folder)
    parts = {name: _PART_NAMES[name.lower()] for name in inside if name.lower() in _PART_NAMES}
    if "train" not in parts.values() or len(parts) < len(inside):
        parts = {"": ""}
    classes = {part: class_names_of(folder / place) for place, part in parts.items()}
    names = classes.get("train", classes.get("", ()))
    for part, found in classes.items():
        strange = sorted(set(found) - set(names))
        if strange:
            raise DataError(f"The part '{part}' has classes that there is nothing to train on for. "
                            + received(strange=strange, classes=names))
    return names, [(part, label, path) for place, part in parts.items() for label, name in enumerate(names)
                   if (folder / place / name).is_dir() for path in files_of(folder / place / name)]
