"""NumPy's archives of strangers: numbers and texts in `.npz` files, no declared shape believed unchecked."""

from __future__ import annotations

import math
import os
import re
import stat
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from striate.errors import MissingFileError, ModelFileError, received
from striate.untrusted.archive import END_BYTES, check_directory
from striate.untrusted.limits import damaged

MAX_BYTES = 8 << 30
_ALWAYS_ALLOWED = 64 << 20
_MAX_EXPANSION = 100
"""Packed arrays may become so many times larger: masks and drawings on white shrink more than weights do."""
_MAX_ARRAYS = 1000
_MAX_AXES = 8
_START = 12
"""A magic word, the edition, and the length of the header (2 or 4 bytes) are in the first so many bytes."""
_MAX_HEADER = 1 << 12
_HEADER = re.compile(
    rb"\{(?:(?:'descr': ?'(?P<dtype>[<>|=]?(?:b1|[iu][1248]|f[248]|[SU][0-9]{1,6}))'"
    rb"|'fortran_order': ?(?P<by_columns>True|False)"
    rb"|'shape': ?\((?P<shape>(?:[0-9]{1,15}, ?)*(?:[0-9]{1,15},?)?)\))(?:, ?|(?=\}))){3}\}\s*")


def read_npz(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """The arrays of an `.npz` file by name.

    Raises:
        MissingFileError: there is no such file.
        ModelFileError: it is damaged, holds Python objects, or declares more than it can hold.

    Example:
        >>> read_npz("cells.npz")["x_train"].shape  # doctest: +SKIP
        (800, 64, 64, 1)
    """
    what = os.fspath(path)
    if not Path(path).exists():
        raise MissingFileError("There is no such file. " + received(path=what))
    with damaged(what, zipfile.BadZipFile, zlib.error):
        facts = os.stat(path)
        if not stat.S_ISREG(facts.st_mode):
            raise ModelFileError(f"{what} is no regular file.")
        with open(path, "rb") as file:
            file.seek(max(facts.st_size - END_BYTES, 0))
            check_directory(file.read(END_BYTES), what)
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check(members, facts.st_size, what)
            return {member.filename.removesuffix(".npy"): _array(archive, member, what) for member in members}


def _check(members: list[zipfile.ZipInfo], size: int, what: str) -> None:
    declared = sum(member.file_size for member in members)
    allowed = min(MAX_BYTES, max(_ALWAYS_ALLOWED, _MAX_EXPANSION * size))
    if declared > allowed:
        raise ModelFileError(f"{what} unpacks to more than {allowed:,} bytes. " + received(bytes=declared))
    names = {member.filename for member in members}
    if len(members) > _MAX_ARRAYS or len(names) != len(members):
        raise ModelFileError(f"{what} holds too many arrays, or the same twice. " + received(arrays=len(members)))


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, what: str) -> np.ndarray:
    """One member; its shape is believed only if it fits the member's size, and that only as far as data comes."""
    with archive.open(member) as opened:
        stream: Any = opened
        shape, by_columns, dtype = npy_header(stream, f"{member.filename} of {what}")
        nbytes = math.prod(shape) * dtype.itemsize
        if stream.tell() + nbytes != member.file_size:
            raise ModelFileError(f"{member.filename} of {what} does not hold as many numbers as its shape says. "
                                 + received(shape=shape, dtype=str(dtype), bytes=member.file_size))
        data = np.empty(nbytes, np.uint8)
        at = 0
        while at < nbytes and (count := stream.readinto(data.data[at:])):
            at += count
        if at != nbytes or stream.read(1):
            raise ModelFileError(f"{member.filename} of {what} has another size than declared. "
                                 + received(declared=member.file_size))
    flat = data.view(dtype) if nbytes else np.empty(0, dtype)
    return flat.reshape(shape[::-1]).T if by_columns else flat.reshape(shape)


def npy_header(stream: Any, what: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether it lies by columns, and type of the array whose numbers the stream then gives.

    NumPy's own reader would parse the header as Python.

    Raises:
        ModelFileError: it is no array of numbers or texts.
    """
    start = stream.read(_START)
    width = 2 if start[6:7] == b"\1" else 4
    text = stream.read(min(int.from_bytes(start[8:8 + width], "little") - (_START - 8 - width), _MAX_HEADER))
    found = _HEADER.fullmatch(start[8 + width:] + text)
    if start[:6] != b"\x93NUMPY" or start[6:8] not in (b"\1\0", b"\2\0", b"\3\0") or not found:
        raise ModelFileError(f"{what} is no array of numbers or texts in NumPy's format. "
                             + received(start=start, header=text[:80]))
    shape = tuple(int(length) for length in found["shape"].split(b",") if length.strip())
    dtype = np.dtype(found["dtype"].decode())
    if len(shape) > _MAX_AXES or dtype.itemsize == 0:
        raise ModelFileError(f"{what} has an impossible shape or type. " + received(shape=shape, dtype=str(dtype)))
    return shape, found["by_columns"] == b"True", dtype
