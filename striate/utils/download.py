"""`get_file`: a file from the internet, checked and kept."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import tarfile
import urllib.parse
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from striate import config
from striate.datasets.fetch import fetch
from striate.errors import ArgumentError, ModelFileError, received
from striate.files import Growing, temporary_folder

_MAX_MEMBERS = 1_000_000
_MAX_UNPACKED_BYTES = 64 << 30
_ALWAYS_ALLOWED = 256 << 20
_MAX_EXPANSION = 200
"""An archive may unpack to so many times its size, if that is more than what is always allowed."""
_CHUNK = 1 << 20
_PACKINGS: dict[bytes, Callable[[Any], Any]] = {b"\x1f\x8b\x08": gzip.open, b"BZh": bz2.open, b"\xfd7z": lzma.open}
_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError,
            NotImplementedError, RuntimeError, struct.error)
"""What the readers of archives raise about content that is not what they expect."""


def get_file(  # noqa: PLR0913 - Keras' arguments
             fname: str | None = None, origin: str | None = None, untar: bool = False, md5_hash: str | None = None,
             file_hash: str | None = None, cache_subdir: str = "datasets", hash_algorithm: str = "auto",
             extract: bool = False, archive_format: str = "auto", cache_dir: str | None = None,
             force_download: bool = False) -> str:
    """Downloads a file once, into striate's cache, and gives its path.

    Args:
        fname: its name in the cache; the last part of the address by default.
        origin: its address, http or https.
        untar, extract: whether to unpack it (tar or zip, with any compression); then the folder is what is returned.
        md5_hash: not supported, because MD5 protects nothing: give `file_hash`.
        file_hash: its SHA-256.
        cache_subdir: folder below the cache.
        hash_algorithm: "auto" or "sha256".
        archive_format: "auto", "tar" or "zip"; found out from the content in any case.
        cache_dir: another cache.
        force_download: whether to download it again.

    Raises:
        ArgumentError: `origin` is missing, or an argument cannot work.
        DownloadError: it could not be downloaded, or has the wrong hash.
        ModelFileError: the archive is damaged or would write outside its folder.

    Example:
        >>> get_file(origin="https://example.org/cells.zip", extract=True)  # doctest: +SKIP
    """
    if not origin:
        raise ArgumentError('Please specify the "origin" argument (URL of the file to download).')
    if md5_hash or hash_algorithm not in ("auto", "sha256") or (file_hash and len(file_hash) != 64):
        raise ArgumentError("Give the SHA-256 of the file as `file_hash`. "
                            + received(md5_hash=md5_hash, file_hash=file_hash, hash_algorithm=hash_algorithm))
    name = fname or PurePosixPath(urllib.parse.urlsplit(origin).path).name
    if not name or Path(name).name != name:
        raise ArgumentError("`fname` must be a plain file name. " + received(fname=fname, origin=origin))
    path = Path(cache_dir or config.value("cache_dir")).expanduser() / cache_subdir / name
    if force_download:
        path.unlink(missing_ok=True)
    fetch(path, [origin], file_hash)
    return str(unpack(path) if untar or extract else path)


def unpack(path: Path) -> Path:
    """Unpacks an archive into a folder beside it, named like it with `_extracted`, and gives the folder.

    Only regular files and folders are unpacked; they are written into a fresh folder, which is then renamed.

    Raises:
        ModelFileError: a member is a link or a device, or would lie outside, or there is too much of it.
    """
    target = path.with_name(path.name + "_extracted")
    if target.is_dir():
        return target
    with temporary_folder(target) as folder:
        try:
            if zipfile.is_zipfile(path):
                _unpack_zip(path, folder)
            else:
                _unpack_tar(path, folder)
        except _DAMAGED as error:
            if isinstance(error, ModelFileError) or getattr(error, "errno", None) is not None:
                raise  # what the disk says has a number, what the readers of archives say has none
            raise ModelFileError(f"{path} is neither a zip nor a tar archive, or damaged: {error}") from error
    return target


def _unpack_tar(path: Path, folder: Path) -> None:
    budget = _Budget(path)
    with open(path, "rb") as packed:
        opener = _PACKINGS.get(packed.read(3), lambda file: file)
        packed.seek(0)
        sips: Any = _Sips(opener(packed))
        with tarfile.open(fileobj=sips, mode="r:") as archive:
            for member in archive:
                if not (member.isreg() or member.isdir()) or member.issparse():
                    raise ModelFileError(f"{path} holds something else than files and folders. "
                                         + received(name=member.name))
                place = _place(folder, member.name)
                budget.enter()
                if member.isdir():
                    budget.folder(place)
                else:
                    budget.copy(archive.extractfile(member), place)


class _Sips:
    """A stream that is read in small pieces only: a header of a tar file can say that gigabytes of names follow."""

    def __init__(self, stream):
        self.seek, self.tell, self._stream = stream.seek, stream.tell, stream

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _CHUNK:
            raise tarfile.ReadError(f"a header says that {size:,} bytes belong to it")
        return self._stream.read(size)


def _unpack_zip(path: Path, folder: Path) -> None:
    budget = _Budget(path)
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            kind = member.external_attr >> 28
            if kind not in (0, 0o10, 0o4) or member.flag_bits & 1:
                raise ModelFileError(f"{path} holds a link, a device or an encrypted file. "
                                     + received(name=member.filename))
            place = _place(folder, member.filename)
            budget.enter()
            if member.is_dir():
                budget.folder(place)
            else:
                with archive.open(member) as content:
                    budget.copy(content, place)


class _Budget:
    """Counts what is written, because the sizes that an archive declares can lie."""

    def __init__(self, path: Path) -> None:
        self.members, self.bytes = 0, 0
        self._allowed = min(_MAX_UNPACKED_BYTES, max(_ALWAYS_ALLOWED, _MAX_EXPANSION * path.stat().st_size))

    def enter(self) -> None:
        """One more file or folder."""
        self.members += 1
        if self.members > _MAX_MEMBERS:
            raise self._too_much()

    def folder(self, place: Path) -> None:
        """Makes one folder, unless it is there."""
        try:
            place.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise ModelFileError("The archive holds a file and a folder of the same name. "
                                 + received(name=place.name)) from None

    def copy(self, content, place: Path) -> None:
        """Writes one file."""
        self.folder(place.parent)
        if place.exists():
            raise ModelFileError("The archive holds the same name twice. " + received(name=place.name))
        with Growing(place) as file:
            while chunk := content.read(_CHUNK):
                self.bytes += len(chunk)
                if self.bytes > self._allowed:
                    raise self._too_much()
                file.append(chunk)

    def _too_much(self) -> ModelFileError:
        return ModelFileError(f"The archive unpacks to more than allowed ({self._allowed:,} bytes, "
                              f"{_MAX_MEMBERS:,} files). " + received(members=self.members, bytes=self.bytes))


_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}


def _place(folder: Path, name: str) -> Path:
    """Where a member belongs; refused unless it is an ordinary relative name on every system."""
    parts = name.rstrip("/").split("/")
    for part in parts:
        plain = part.split(".")[0].lower()
        if (part in ("", "..") or plain in _RESERVED or any(
                character in "\\:" or ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in part)
                or len(part.encode()) > 255):
            raise ModelFileError("The archive holds a name that is not allowed. " + received(name=name))
    if len(parts) > 64:
        raise ModelFileError("The archive holds folders nested too deeply. " + received(name=name))
    return folder.joinpath(*(part for part in parts if part != "."))
