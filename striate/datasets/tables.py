"""Data in one file: `.npz` archives of arrays, and CSV tables of pixels, of paths to pictures, or of numbers."""

from __future__ import annotations

import csv
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from striate.errors import ArgumentError, DataError, ModelFileError, received
from striate.untrusted.limits import read_file
from striate.untrusted.npz import read_npz

TARGETS = ("label", "class", "target", "y", "mpg")
"""Names that a table's target column may have, best first; without one it is the first column that is no `PATHS`."""
PATHS = ("path", "file", "filename", "image")
_PAIRS = (("train", "x_train", "y_train"), ("validation", "x_val", "y_val"), ("validation", "x_valid", "y_valid"),
          ("test", "x_test", "y_test"), ("all", "x", "y"), ("all", "images", "labels"))
_MOST_CLASSES = 1000
_DECIMAL_COMMA = r"[+-]?[0-9]+,[0-9]+"


@dataclass(frozen=True)
class Arrays:
    """Pictures or rows and their labels by part ("train", "validation", "test"; or "all" where there are no parts)."""

    parts: dict[str, tuple[np.ndarray, np.ndarray]]
    class_names: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A CSV file of numbers: `x` (n, columns) float32, `y` (n,) float32, and what the columns are called."""

    x: np.ndarray
    y: np.ndarray
    columns: tuple[str, ...]
    target: str


def load_npz(path: str | os.PathLike) -> Arrays:
    """Arrays of an `.npz` file: `x_train`, `y_train`, `x_val`, `y_val`, `x_test`, `y_test`; or `x` and `y`.

    Labels are whole numbers or texts, one for each picture, or one-hot rows. Class names may stand in an array
    `class_names`.

    Raises:
        DataError: the file is damaged, holds other names, or arrays that do not belong together.

    Example:
        >>> load_npz("cells.npz").parts["train"][0].shape  # doctest: +SKIP
        (800, 64, 64, 1)
    """
    try:
        arrays = read_npz(path)
    except ModelFileError as error:
        raise DataError(f"No data can be read: {error}") from error
    parts = {part: (arrays[x], arrays[y]) for part, x, y in _PAIRS if x in arrays and y in arrays}
    if "train" not in parts and "all" not in parts:
        raise DataError("The file must hold arrays x_train and y_train (with x_val, y_val, x_test, y_test if there "
                        "are), or x and y. " + received(path=str(path), arrays=sorted(arrays)))
    if "train" in parts:
        parts.pop("all", None)
    for part, (x, y) in parts.items():
        if 0 in (x.ndim, y.ndim, x.size, y.size) or len(x) != len(y) or x.dtype.kind not in "biuf":
            raise DataError("Each picture needs one label, and pictures are numbers. "
                            + received(part=part, x=x.shape, y=y.shape, type=str(x.dtype)))
    labels = np.concatenate([_one_each(y, path) for _, y in parts.values()])
    names, numbers = _classes(labels, arrays.get("class_names"))
    borders = np.cumsum([len(y) for _, y in parts.values()])[:-1]
    pieces = np.split(numbers, borders)
    return Arrays({part: (x, own) for (part, (x, _)), own in zip(parts.items(), pieces, strict=True)}, names)


def _one_each(labels: np.ndarray, path: str | os.PathLike) -> np.ndarray:
    """One label for each row (n,): columns of one label, and one-hot rows, become what they stand for.

    Raises:
        DataError: rows of several numbers that are not one-hot.
    """
    if labels.ndim == 1 or labels.size == len(labels):
        return labels.reshape(-1)
    if labels.ndim == 2 and labels.dtype.kind in "biuf" and ((labels == 0) | (labels == 1)).all() and \
            (labels.sum(axis=1) == 1).all():
        return labels.argmax(axis=1)
    raise DataError("Labels must be one for each picture, or one-hot rows: a single 1 and else 0. "
                    + received(path=str(path), labels=labels.shape, first_row=labels[0].tolist()))


def _classes(labels: np.ndarray, given: np.ndarray | None) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the classes, and each label's number.

    Raises:
        DataError: labels that are no classes.
    """
    if labels.dtype.kind in "US":
        names, numbers = np.unique(labels.astype(str), return_inverse=True)
        return tuple(names.tolist()), numbers
    if not (0 <= labels.min() and labels.max() < _MOST_CLASSES and (labels == np.rint(labels)).all()):
        raise DataError(f"Labels must be texts or whole numbers from 0 to {_MOST_CLASSES - 1}. "
                        + received(least=float(labels.min()), largest=float(labels.max())))
    numbers = labels.astype(np.int64)
    count = int(numbers.max()) + 1
    if given is not None:
        if given.ndim != 1 or len(given) < count:
            raise DataError("`class_names` must name every class. " + received(names=given.shape, classes=count))
        return tuple(str(name) for name in given), numbers
    return tuple(str(number) for number in range(count)), numbers


def load_csv(path: str | os.PathLike, target: str | None = None) -> Arrays | Table | list[tuple[Path, str]]:
    """A CSV file with a line of column names.

    Args:
        path: the file, in UTF-8; columns are parted by commas, semicolons or tabs, and numbers have points, or, where
            no comma parts columns, commas.
        target: the column to predict; else one called label, class, target, y or mpg, else the first, or the one beside
            the paths of pictures.

    Returns:
        - [(path, class), ...] where a column is called path, file, filename or image: pictures, relative to the table;
        - `Arrays` of uint8 pictures (n, side, side, 1) where all other columns are pixels (whole numbers from 0 to 255,
          a square number of them, at least 16) and the target is whole numbers or words;
        - else a `Table` of numbers. Rows in which a number is missing are left out of it.

    Raises:
        ArgumentError: no column has the name of `target`, or none of several beside the pictures says that it is it.
        DataError: there are no rows, or words where numbers should be.
    """
    head, rows = _rows(Path(path))
    target = _target(head, target)
    at = head.index(target)
    picture = next((name for name in head if name.lower() in PATHS and name != target), None)
    if picture is not None:
        return [(Path(path).parent / row[head.index(picture)], row[at]) for row in rows]
    columns = [index for index in range(len(head)) if index != at]
    values = np.array([[_number(row[index]) for index in columns] for row in rows])
    side = math.isqrt(len(columns))
    if side >= 4 and side * side == len(columns) and not np.isnan(values).any() and \
            (values == np.rint(values)).all() and values.min() >= 0 and values.max() <= 255:
        labels = [row[at] for row in rows]
        whole = all(re.fullmatch(r"\s*[0-9]{1,9}\s*", label) for label in labels)
        names, numbers = _classes(np.array(labels, np.int64 if whole else str), None)
        return Arrays({"all": (values.astype(np.uint8).reshape(-1, side, side, 1), numbers)}, names)
    wanted = np.array([_number(row[at]) for row in rows])
    kept = ~(np.isnan(values).any(axis=1) | np.isnan(wanted))
    if not kept.any():
        given = np.column_stack([wanted, values])
        without = [name for name, numbers in zip([target, *(head[index] for index in columns)], given.T, strict=True)
                   if np.isnan(numbers).all()]
        raise DataError("No row of the table has a number in every column"
                        + (f": there is none at all in {', '.join(without)}. Take these columns out, or put numbers in "
                           "the place of words and dates. " if without else ". ")
                        + received(path=str(path), columns=head, first_row=rows[0]))
    with np.errstate(over="ignore"):
        x, y = values[kept].astype(np.float32), wanted[kept].astype(np.float32)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise DataError("The table holds infinity, or numbers that float32 does not have. " + received(path=str(path)))
    return Table(x, y, tuple(head[index] for index in columns), target)


def _rows(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        text = read_file(path).decode("utf-8-sig")
        first = text.partition("\n")[0]
        parting = max(",;\t", key=first.count)
        lines = [row for row in csv.reader(text.splitlines(), delimiter=parting) if row]
        if parting != ",":
            lines = _with_points(lines)
    except UnicodeDecodeError as error:
        raise DataError(f"The text of {path} is not in UTF-8: save the table as \"CSV UTF-8\". "
                        + received(position=error.start, byte=hex(error.object[error.start]))) from error
    except (ModelFileError, csv.Error) as error:
        raise DataError(f"No table can be read from {path}: {error}") from error
    if len(lines) < 2 or len(lines[0]) < 2:
        raise DataError("A table needs a line of column names, two columns at least, and rows. "
                        + received(path=str(path), lines=len(lines)))
    head = [name.strip() for name in lines[0]]
    for number, row in enumerate(lines[1:], 2):
        if len(row) != len(head):
            raise DataError(f"Line {number} of {path} has another number of columns than the first. "
                            + received(columns=len(row), expected=len(head)))
    return head, lines[1:]


def _with_points(lines: list[list[str]]) -> list[list[str]]:
    """Numbers like 3,25 become 3.25, where the table has them and none with a point. 1,250 alone may be a thousand."""
    cells = [cell for row in lines[1:] for cell in row]
    parts = [cell.partition(",")[2] for cell in cells if re.fullmatch(_DECIMAL_COMMA, cell)]
    if all(len(part) == 3 for part in parts) or any(re.fullmatch(r"\s*[+-]?[0-9]*\.[0-9]+\s*", cell) for cell in cells):
        return lines
    return [lines[0], *([cell.replace(",", ".") if re.fullmatch(_DECIMAL_COMMA, cell) else cell for cell in row]
                        for row in lines[1:])]


def _target(head: list[str], target: str | None) -> str:
    if target is not None:
        if target not in head:
            raise ArgumentError(f"The table has no column of this name; there are {', '.join(head)}. "
                                + received(target=target))
        return target
    lower = [name.lower() for name in head]
    named = next((head[lower.index(name)] for name in TARGETS if name in lower), None)
    if named is not None:
        return named
    others = [name for name in head if name.lower() not in PATHS]
    if len(others) > 1 and len(others) < len(head):
        raise ArgumentError(f"One of several columns beside the pictures is the class: call it '{TARGETS[1]}'. "
                            + received(columns=head))
    return others[0] if others else head[0]


def _number(text: str) -> float:
    try:
        return math.nan if "_" in text else float(text)  # Python's 1_000 is no number of a table's
    except ValueError:
        return math.nan
