"""Data sets larger than the memory: a folder of NumPy files that are read row by row, as each rank needs them.

    FOLDER/part-00000-x.npy     images (rows, ...)
    FOLDER/part-00000-y.npy     their labels (rows, ...)
    FOLDER/part-00001-x.npy     and so on
    FOLDER/index.json           {"format": 1, "arrays": {"x": {"dtype": ..., "shape": [...]}, "y": ...},
                                 "files": [{"rows": 4096, "x": "part-00000-x.npy", "y": ...}, ...]}

The files are ordinary .npy files, so they can be written by other programs. An epoch's order depends on the seed and
the epoch alone: the files come in a random order, and rows are mixed within each group of `mixed` files, so that reads
stay near each other. A rank reads the rows of its shards and no others.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from striate.errors import ArgumentError, DataError, MissingFileError, ModelFileError, received
from striate.files import replacing, write_text
from striate.models.training.data import Batch, Examples, Source, check_batch_size
from striate.models.training.shuffle import permutation
from striate.untrusted.json_text import read_json
from striate.untrusted.limits import read_file
from striate.untrusted.npz import npy_header

INDEX, FORMAT = "index.json", 1
_OPEN = 64
"""So many files are kept open at once."""
_NUMBERS = re.compile("[<>|=]?(b1|[iu][1248]|f[248])")
_LONGEST_HEADER = 1 << 16
_WINDOW_BITS = 40
"""The number of the group of files stands above so many bits of the epoch in what its order is keyed by."""


def write_stored(folder: str | os.PathLike, parts: Iterator[dict[str, np.ndarray]] | list) -> StoredData:
    """Writes a data set into a folder, part after part; the index comes last, so a folder with one is complete.

    Args:
        folder: made if missing.
        parts: for each part a dict {"x": images, "y": labels, ...} of arrays with one length.

    Raises:
        DataError: there is no part, or its arrays do not fit together or to those of the first part.

    Example:
        >>> from tempfile import mkdtemp
        >>> data = write_stored(mkdtemp(), [{"x": np.zeros((5, 2), np.uint8), "y": np.arange(5)}])
        >>> data.rows
        5
    """
    base, files = Path(folder), []
    kinds: dict[str, dict] = {}
    for number, part in enumerate(parts):
        found = {name: _kind(array) for name, array in part.items()}
        lengths = {name: len(array) for name, array in part.items()}
        kinds = kinds or found
        if found != kinds or len(set(lengths.values())) != 1 or not next(iter(lengths.values())):
            raise DataError("Every part needs the same arrays, of the first part's types and shapes, and all of one "
                            f"length. {received(part=number, arrays=found, lengths=lengths)}")
        names = {name: f"part-{number:05d}-{name}.npy" for name in part}
        for name, array in part.items():
            with replacing(base / names[name], expected_bytes=array.nbytes) as file:
                np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
        files.append({"rows": next(iter(lengths.values())), **names})
    if not files:
        raise DataError("There are no parts to write. " + received(folder=str(folder)))
    write_text(base / INDEX, json.dumps({"format": FORMAT, "arrays": kinds, "files": files}, indent=1) + "\n")
    return open_stored(base)


def _kind(array: np.ndarray) -> dict[str, Any]:
    return {"dtype": array.dtype.str, "shape": list(array.shape[1:])}


def open_stored(folder: str | os.PathLike) -> StoredData:
    """The data set in a folder that `write_stored` (or another program) wrote.

    Raises:
        DataError: there is no index, or it is not of this format.

    Example:
        >>> open_stored("photographs").batches(128, shuffle=True)  # doctest: +SKIP
    """
    base = Path(folder)
    try:
        index = read_json(read_file(base / INDEX), INDEX)
        if index["format"] != FORMAT:
            raise DataError(f"The {INDEX} of this folder is of another format. {received(format=index['format'])}")
        for part in index["files"]:
            for name, kind in index["arrays"].items():
                _check_file(base, part, name, kind)
        return StoredData(base, index["arrays"], index["files"])
    except MissingFileError:
        raise DataError(f"The folder holds no data set: it has no {INDEX}. {received(folder=str(folder))}") from None
    except (LookupError, TypeError, AttributeError, ModelFileError) as error:
        raise DataError(f"The {INDEX} of this folder is damaged: {error}. {received(folder=str(folder))}") from None


def _check_file(base: Path, part: dict[str, Any], name: str, kind: dict[str, Any]) -> None:
    """What the index says of a file, compared with its size: nothing is made as long as an index wants it."""
    rows, file, dtype, lengths = part["rows"], part[name], str(kind["dtype"]), [part["rows"], *kind["shape"]]
    if not _NUMBERS.fullmatch(dtype) or not all(type(length) is int and 0 < length < 1 << 40 for length in lengths):
        raise DataError(f"The {INDEX} names an impossible array. " + received(rows=rows, array=kind))
    if not isinstance(file, str) or os.path.basename(file) != file or file in ("", ".", ".."):
        raise DataError(f"A file of a data set must lie in its folder. {received(file=file)}")
    if not os.path.isfile(base / file):
        raise DataError(f"A file of the data set cannot be read: it is not there. {received(file=file)}")
    wanted = math.prod(lengths) * np.dtype(dtype).itemsize
    if not wanted < (base / file).stat().st_size <= wanted + _LONGEST_HEADER:
        raise DataError(f"A file of the data set is not what its {INDEX} says: it should hold {wanted:,} bytes of "
                        "numbers. " + received(file=file, bytes=(base / file).stat().st_size))


class StoredData:
    """A data set on the disk. rows: how many samples it has.

    Args:
        folder: where it is.
        arrays: name -> {"dtype", "shape"} of a row.
        files: for each part the number of its rows and the names of its files.
    """

    def __init__(self, folder: Path, arrays: dict[str, dict], files: list[dict[str, Any]]):
        self.folder, self.arrays, self.files = folder, arrays, files
        self.starts = np.concatenate([[0], np.cumsum([int(part["rows"]) for part in files])])
        self.rows = int(self.starts[-1])
        self._open: OrderedDict[tuple[int, str], np.ndarray] = OrderedDict()

    def read(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Some rows of all arrays, in the order asked for.

        Raises:
            DataError: a file is missing, or not what the index says.
        """
        rows = np.asarray(rows)
        owners = np.searchsorted(self.starts, rows, side="right") - 1
        found = {}
        for name, kind in self.arrays.items():
            found[name] = np.empty((len(rows), *kind["shape"]), np.dtype(kind["dtype"]))
            for part in np.unique(owners):
                chosen = owners == part
                found[name][chosen] = self._part(int(part), name)[rows[chosen] - self.starts[part]]
        return found

    def _part(self, part: int, name: str) -> np.ndarray:
        """One array of one part, mapped into memory but not read."""
        if (part, name) in self._open:
            self._open.move_to_end((part, name))
            return self._open[part, name]
        file, kind = str(self.files[part][name]), self.arrays[name]
        try:
            with open(self.folder / file, "rb") as stream:
                shape, by_columns, dtype = npy_header(stream, file)
                begin = stream.tell()
            if shape != (self.files[part]["rows"], *kind["shape"]) or dtype != np.dtype(kind["dtype"]):
                raise DataError(f"A file of the data set is not what its {INDEX} says. "
                                + received(file=file, shape=shape, dtype=str(dtype)))
            array = np.memmap(self.folder / file, dtype, "r", begin, shape, "F" if by_columns else "C")
        except DataError:
            raise
        except (OSError, ValueError) as error:
            raise DataError(f"A file of the data set cannot be read: {error}. {received(file=file)}") from None
        self._open[part, name] = array
        if len(self._open) > _OPEN:
            self._open.popitem(last=False)
        return array

    def batches(self, batch_size: int | None = None, shuffle: bool = False, mixed: int = 8) -> StoredBatches:
        """What `fit`, `evaluate` and `predict` take as `x`.

        Args:
            batch_size: samples a step, 32 by default.
            shuffle: a new order in each epoch.
            mixed: how many files' rows are mixed with each other.

        Example:
            model.fit(open_stored("folder").batches(128, shuffle=True), epochs=10)
        """
        return StoredBatches(self, batch_size, shuffle, mixed)


class StoredBatches:
    """Batches of a data set on the disk, in the order of an epoch. Iterating gives (x, y[, weights]) unshuffled."""

    def __init__(self, data: StoredData, batch_size: int | None, shuffle: bool, mixed: int):
        if mixed < 1:
            raise ArgumentError(f"`mixed` must be at least 1. {received(mixed=mixed)}")
        self.data, self.batch_size = data, check_batch_size(batch_size)
        self.shuffle, self.mixed = shuffle, mixed

    def __len__(self) -> int:
        return -(-self.data.rows // self.batch_size)

    def __iter__(self) -> Iterator[tuple]:
        for start in range(0, self.data.rows, self.batch_size):
            yield self.item(np.arange(start, min(start + self.batch_size, self.data.rows)))

    def item(self, rows: np.ndarray) -> tuple:
        """(x, y, weights) of some rows; what the data set does not have is None."""
        found = self.data.read(rows)
        return found["x"], found.get("y"), found.get("weights")

    def __striate_source__(self, prepare: Callable[[Any], Examples]) -> StoredSource:
        return StoredSource(self, prepare)

    def order(self, seed: int, epoch: int, first: int = 0) -> Iterator[np.ndarray]:
        """Numbers of the rows of each batch of an epoch, from batch `first` on."""
        skip, waiting = first * self.batch_size, np.empty(0, np.int64)
        for rows in self._groups(seed, epoch):
            if skip >= len(rows) + len(waiting):
                skip -= len(rows)
                continue
            waiting = np.concatenate([waiting, rows[skip:]])
            skip = 0
            while len(waiting) >= self.batch_size:
                yield waiting[:self.batch_size]
                waiting = waiting[self.batch_size:]
        if len(waiting):
            yield waiting

    def _groups(self, seed: int, epoch: int) -> Iterator[np.ndarray]:
        """Row numbers of one group of files after the other."""
        starts, count = self.data.starts, len(self.data.files)
        files = permutation(count, seed, epoch) if self.shuffle else np.arange(count)
        for group, first in enumerate(range(0, count, self.mixed)):
            chosen = files[first:first + self.mixed]
            rows = np.concatenate([np.arange(starts[file], starts[file + 1]) for file in chosen])
            if self.shuffle:
                rows = rows[permutation(len(rows), seed, epoch | (group + 1) << _WINDOW_BITS)]
            yield rows


class StoredBatch(Batch):
    """A batch that is read when, and as far as, it is needed."""

    def __init__(self, source: StoredSource, rows: np.ndarray):
        self._source, self._rows = source, rows
        self.indices, self.first = None, 0

    @property
    def examples(self) -> Examples:  # type: ignore[override]
        """The samples, read anew at each call."""
        return self._source.examples(self._rows)

    @property
    def size(self) -> int:
        return len(self._rows)

    @property
    def held_bytes(self) -> int:
        return self._rows.nbytes

    def between(self, first: int, last: int) -> StoredBatch:
        """Some neighbouring samples; nothing is read."""
        return StoredBatch(self._source, self._rows[first:last])


class StoredSource(Source):
    """The source of batches on the disk."""

    steps: int

    def __init__(self, batches: StoredBatches, prepare: Callable[[Any], Examples]):
        self._batches, self._prepare, self.steps = batches, prepare, len(batches)

    def examples(self, rows: np.ndarray) -> Examples:
        """Some rows as the programs take them."""
        return self._prepare(self._batches.item(rows))

    def settle(self) -> Examples:
        """Prepares the first row."""
        return self.examples(np.arange(1))

    def batches(self, seed: int = 0, epoch: int = 0, first: int = 0) -> Iterator[Batch]:
        """The batches of one epoch; (seed, epoch) decide the order."""
        if first == 0:
            self.settle()
        for rows in self._batches.order(seed, epoch, first):
            yield StoredBatch(self, rows)

    @property
    def fingerprint(self) -> dict[str, Any]:
        """The arrays' types and lengths, a hash of the index, size and order of the batches."""
        data = self._batches.data
        digest = hashlib.sha256(json.dumps([data.arrays, data.files], sort_keys=True).encode()).hexdigest()
        return {"kind": "stored", "arrays": data.arrays, "rows": data.rows, "index": digest,
                "batch_size": self._batches.batch_size, "shuffle": self._batches.shuffle, "mixed": self._batches.mixed}
