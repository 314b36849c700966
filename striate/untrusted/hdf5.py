"""HDF5 files of strangers: plain groups and plain datasets, found and measured first, read by hand.

The HDF5 library is asked only what is where. The numbers themselves are taken from the file's bytes, and compressed
pieces are unpacked here with a limit, because the library would follow links into other files, make huge arrays out
of nothing, and unpack as much as a piece pretends to hold.
"""

from __future__ import annotations

import functools
import io
import math
import zlib
from dataclasses import dataclass

import h5py
import numpy as np

from striate.errors import ModelFileError, received
from striate.untrusted.limits import (
    MAX_DEPTH,
    MAX_EXPANSION,
    MAX_NAME_BYTES,
    MAX_OBJECTS,
    damaged,
)
from striate.untrusted.seal import NAME, check_seal

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_DEFLATE, _SHUFFLE = 1, 2
_SMALL = 1 << 20
_MAX_ATTRIBUTE_PARTS = 1000
_MAX_TEXT_BYTES = 1 << 30
_MAX_TEXTS = 10 * MAX_OBJECTS
"""Texts that are read from one file: names of layers and of their weights, a few more."""
_HEAP = b"GCOL\x01"


@dataclass(frozen=True)
class Entry:
    """A dataset that may be read."""

    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


class H5Reader:
    """The groups and datasets of an HDF5 file in memory. A context manager.

    `groups` holds the paths of all groups ("" is the root), `datasets` maps paths to an `Entry`.

    Raises:
        ModelFileError: on opening: the file is damaged, or has links, external or virtual data, foreign filters,
            types that are no numbers, or more or larger objects than it can honestly hold.
    """

    def __init__(self, content: bytes, what: str):
        self.what = what
        self._content = content
        if not content.startswith(_SIGNATURE):
            raise ModelFileError(f"{what} is not an HDF5 file. " + received(start=content[:8]))
        self.groups: set[str] = set()
        self.datasets: dict[str, Entry] = {}
        self._addresses: set[int] = set()
        self._texts = 0
        with damaged(what):
            self._file = h5py.File(io.BytesIO(content), "r")
            try:
                self._walk(self._file.id, "", 0)
                self._check_sizes()
                check_seal(content, self.text("", NAME), what)
            except BaseException:
                self._file.close()
                raise

    def __enter__(self) -> H5Reader:
        return self

    def __exit__(self, *failure) -> None:
        self._file.close()

    # ---- what is there ----------------------------------------------------------------------------------------

    def _refuse(self, problem: str, path: str, **values) -> ModelFileError:
        return ModelFileError(f"{self.what} {problem}. " + received(path=path, **values))

    def _walk(self, group, path: str, depth: int) -> None:
        group = h5py.h5g.open(group, b"/") if depth == 0 else group
        if depth > MAX_DEPTH:
            raise self._refuse("is nested too deeply", path)
        self._note_address(group, path)
        self.groups.add(path)
        if len(self._addresses) + group.get_num_objs() > MAX_OBJECTS:
            raise self._refuse("holds too many objects", path)
        for name in list(group):
            if len(name) > MAX_NAME_BYTES or name in (b".", b"..") or b"/" in name:
                raise self._refuse("holds a name that is not allowed", path, name=name)
            inner = f"{path}/{name.decode('utf-8')}".lstrip("/")
            if group.links.get_info(name).type != h5py.h5l.TYPE_HARD:
                raise self._refuse("holds a soft or external link, which is never followed", inner)
            self._visit(h5py.h5o.open(group, name), inner, depth)

    def _visit(self, item, path: str, depth: int) -> None:
        if isinstance(item, h5py.h5g.GroupID):
            self._walk(item, path, depth + 1)
        elif isinstance(item, h5py.h5d.DatasetID):
            self._note_address(item, path)
            self.datasets[path] = self._entry(item, path)
        else:
            raise self._refuse("holds something that is neither a group nor a dataset", path)

    def _note_address(self, item, path: str) -> None:
        """An object under two names could be met again and again; no model file has that."""
        address = h5py.h5o.get_info(item).addr
        if address in self._addresses:
            raise self._refuse("holds an object under two names", path)
        self._addresses.add(address)

    def _entry(self, dataset, path: str) -> Entry:
        plan = dataset.get_create_plist()
        if plan.get_layout() == h5py.h5d.VIRTUAL or plan.get_external_count():
            raise self._refuse("takes data from another file, which is never opened", path)
        if plan.get_layout() not in (h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED, h5py.h5d.COMPACT):
            raise self._refuse("stores data in an unknown way", path)
        filters = [plan.get_filter(index)[0] for index in range(plan.get_nfilters())]
        if set(filters) - {_DEFLATE, _SHUFFLE} or len(filters) != len(set(filters)):
            raise self._refuse("uses filters other than gzip and shuffle", path, filters=filters)
        kind = dataset.get_type()
        if not isinstance(kind, (h5py.h5t.TypeFloatID, h5py.h5t.TypeIntegerID, h5py.h5t.TypeEnumID)):
            raise self._refuse("holds data that are no numbers", path, type=type(kind).__name__)
        dtype = kind.dtype
        if dtype.kind not in "fiub" or dtype.itemsize > 8 or dtype.itemsize != kind.get_size():
            raise self._refuse("holds numbers of an unknown type", path, dtype=str(dtype))
        if dataset.get_space().get_simple_extent_type() not in (h5py.h5s.SIMPLE, h5py.h5s.SCALAR):
            raise self._refuse("holds a dataset without data", path)
        return Entry(tuple(dataset.shape), dtype)

    def _check_sizes(self) -> None:
        """What the datasets declare must be there: in full, or compressed no more than honest data can be."""
        plain = packed = 0
        for path, entry in self.datasets.items():
            dataset = self._dataset(path)
            layout, stored = dataset.get_create_plist().get_layout(), dataset.get_storage_size()
            if layout == h5py.h5d.CHUNKED:
                packed += entry.nbytes
                self._check_chunks(dataset, entry, path)
            elif stored != entry.nbytes:
                raise self._refuse(f"declares {entry.nbytes:,} bytes and holds {stored:,}", path, shape=entry.shape)
            plain += 0 if layout == h5py.h5d.CHUNKED else entry.nbytes
        if plain > len(self._content) or packed > MAX_EXPANSION * len(self._content):
            raise ModelFileError(f"{self.what} declares more data than it can hold. "
                                 + received(declared=plain + packed, bytes=len(self._content)))

    def _check_chunks(self, dataset, entry: Entry, path: str) -> None:
        chunk = dataset.get_create_plist().get_chunk()
        pieces = math.prod(-(-length // part) for length, part in zip(entry.shape, chunk, strict=True))
        if pieces > MAX_OBJECTS or pieces * math.prod(chunk) * entry.dtype.itemsize > 4 * entry.nbytes + _SMALL:
            raise self._refuse("is cut into unreasonable chunks", path, shape=entry.shape, chunk=chunk)
        if dataset.get_num_chunks() != pieces:
            raise self._refuse(f"declares {pieces} chunks and holds {dataset.get_num_chunks()}", path)

    # ---- reading ----------------------------------------------------------------------------------------------

    def _dataset(self, path: str):
        return h5py.h5o.open(self._file.id, path.encode())

    def array(self, path: str) -> np.ndarray:
        """The numbers of a dataset, as a read-only array in its own type.

        Raises:
            ModelFileError: there is no such dataset, or its data are damaged.
        """
        entry = self.datasets.get(path)
        if entry is None:
            raise ModelFileError(f"{self.what} has no dataset of this name. " + received(path=path))
        with damaged(f"{path} in {self.what}", zlib.error):
            dataset = self._dataset(path)
            layout = dataset.get_create_plist().get_layout()
            if layout == h5py.h5d.CHUNKED:
                return self._unpacked(dataset, entry, path)
            if layout == h5py.h5d.COMPACT or not entry.nbytes:
                result = np.empty(entry.shape, entry.dtype)
                dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, result)
                return result
            data = self._piece(dataset.get_offset(), entry.nbytes, path)
            return np.frombuffer(data, entry.dtype).reshape(entry.shape)

    def _piece(self, offset: int | None, size: int, path: str) -> memoryview:
        if offset is None or not 0 <= offset <= len(self._content) - size:
            raise self._refuse("places data outside of itself", path, offset=offset, bytes=size)
        return memoryview(self._content)[offset:offset + size]

    def _unpacked(self, dataset, entry: Entry, path: str) -> np.ndarray:
        plan = dataset.get_create_plist()
        chunk = plan.get_chunk()
        filters = [plan.get_filter(index)[0] for index in range(plan.get_nfilters())]
        wanted = math.prod(chunk) * entry.dtype.itemsize
        result = np.empty(entry.shape, entry.dtype)
        places: list = []
        dataset.chunk_iter(lambda info: places.append(info))
        corners = {info.chunk_offset for info in places}
        if len(corners) != len(places) or any(at % part for corner in corners for at, part in
                                              zip(corner, chunk, strict=True)):
            raise self._refuse("places chunks over each other", path)
        for info in places:
            data = self._piece(info.byte_offset, info.size, path)
            for index in reversed(range(len(filters))):
                if not info.filter_mask >> index & 1:
                    data = _undo(filters[index], data, wanted, entry.dtype.itemsize)
            if len(data) != wanted:
                raise self._refuse("holds a chunk of the wrong length", path, bytes=len(data), expected=wanted)
            part = tuple(slice(at, at + length) for at, length in zip(info.chunk_offset, chunk, strict=True))
            target = result[part]
            target[...] = np.frombuffer(data, entry.dtype).reshape(chunk)[tuple(slice(n) for n in target.shape)]
        return result

    @functools.cached_property
    def names_in(self) -> dict[str, list[str]]:
        """The names of the datasets in each group that has any."""
        found: dict[str, list[str]] = {}
        for path in self.datasets:
            group, _, name = path.rpartition("/")
            found.setdefault(group, []).append(name)
        return found

    @functools.cached_property
    def _longest_in_heap(self) -> int:
        return _largest_in_heap(self._content)

    def text(self, path: str, name: str) -> str | None:
        """A text attribute of a group ("" is the root), or None if there is none."""
        values = self._strings(path, name, limit=1)
        return values[0] if values else None

    def texts(self, path: str, name: str) -> list[str]:
        """A list of texts in an attribute, or in `name0`, `name1` ... where the list was too long for one."""
        values = self._strings(path, name, limit=MAX_OBJECTS)
        if values is not None:
            return values
        values = []
        for part in range(_MAX_ATTRIBUTE_PARTS):
            more = self._strings(path, f"{name}{part}", limit=MAX_OBJECTS)
            if more is None:
                break
            values += more
        return values

    def _strings(self, path: str, name: str, limit: int) -> list[str] | None:
        if path not in self.groups:
            raise ModelFileError(f"{self.what} has no group of this name. " + received(path=path))
        with damaged(f"The attribute {name} of {self.what}"):
            place = h5py.h5o.open(self._file.id, f"/{path}".encode())
            if not h5py.h5a.exists(place, name.encode()):
                return None
            attribute = h5py.h5a.open(place, name.encode())
            count = math.prod(attribute.shape)
            if count == 0:
                return []
            kind = attribute.get_type()
            if not isinstance(kind, h5py.h5t.TypeStringID) or count > limit:
                raise self._refuse("holds an attribute that is no text", path, attribute=name, count=count)
            self._texts += count
            if self._texts > _MAX_TEXTS:
                raise self._refuse("has names of names of names", path, attribute=name)
            # Texts of variable length lie in a heap, and all of a list may point at the same huge one.
            longest = self._longest_in_heap if kind.is_variable_str() else kind.get_size()
            if longest > len(self._content) or count * longest > _MAX_TEXT_BYTES:
                raise self._refuse("holds an attribute that is too long", path, attribute=name, count=count)
            values = np.ravel(h5py.AttributeManager(_Holder(place))[name]).tolist()
            return [value.decode("utf-8") if isinstance(value, bytes) else str(value) for value in values]


class _Holder:
    """What `h5py.AttributeManager` wants to be given: something with an `id`."""

    def __init__(self, id):
        self.id = id


def _largest_in_heap(content: bytes) -> int:
    """Bytes of the largest object in any of the file's global heaps, where texts of variable length lie.

    A heap: signature, 3 unused bytes, 8 bytes of size, then objects of a 16-byte head (index, uses, 4 unused bytes,
    size) and data filled up to a multiple of 8; index 0 is free space, whose size counts its head.

    Raises:
        ValueError: heaps lie over each other, so that looking through them would take for ever; or there is free space
            without a size, which the HDF5 library would look through for ever.
    """
    largest, at, objects = 0, -1, 0
    while (at := content.find(_HEAP, at + 1)) >= 0:
        end = at + int.from_bytes(content[at + 8:at + 16], "little")
        place = at + 16
        while place + 16 <= min(end, len(content)):
            objects += 1
            if objects > len(content) // 16:
                raise ValueError("heaps lie over each other")
            size = int.from_bytes(content[place + 8:place + 16], "little")
            if content[place:place + 2] == b"\0\0":
                if size < 16:
                    raise ValueError("free space in a heap is smaller than its head")
                place += size
                continue
            largest = max(largest, size)
            place += 16 + size + -size % 8
    return largest


def _undo(filter_code: int, data, wanted: int, itemsize: int):
    """The data before a filter was applied; never more than `wanted` bytes are made."""
    if filter_code == _SHUFFLE:
        return np.frombuffer(data, np.uint8).reshape(itemsize, -1).T.tobytes()
    unpacker = zlib.decompressobj()
    result = unpacker.decompress(data, wanted + 1)
    if len(result) > wanted or not unpacker.eof:
        raise ValueError("a compressed chunk holds more than it should")
    return result
