"""Zip archives of strangers, read in memory: known names, plain members, honest sizes."""

from __future__ import annotations

import io
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping

from striate.errors import ModelFileError, received
from striate.untrusted.limits import MAX_EXPANSION, damaged

_MAX_MEMBERS = 16
_CHUNK = 1 << 20
_ENCRYPTED = 1
_END_MARK, _END = b"PK\5\6", struct.Struct("<12xI6x")
"""What an archive ends with, but for a remark; the size of the directory is in it."""
_WIDE_PLACE_MARK, _WIDE_PLACE, _WIDE = b"PK\6\7", struct.Struct("<20x"), struct.Struct("<40xQ8x")
"""In front of that in archives of more than 4 GB: where the same for wide numbers is, and that itself."""
END_BYTES = 65_535 + 22 + 20 + 56
"""The remark, and these three."""


def read_archive(content: bytes, limits: Mapping[str, int | None], what: str) -> dict[str, bytes]:
    """The members of a zip archive.

    Args:
        content: the whole archive.
        limits: the names that may be there, each with the most bytes it may have; None allows as many as an honest
            member of this archive can have.
        what: how to call the archive in messages.

    Returns:
        name -> content, of the members that are there.

    Raises:
        ModelFileError: not a zip archive, or one with other names, links, folders, encrypted, overlapping or doubled
            members, foreign data in front, or members larger than declared or allowed.
    """
    check_directory(content[-END_BYTES:], what)
    with damaged(what, zipfile.BadZipFile, zlib.error, lzma.LZMAError), \
            zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        _check_members(members, limits, what)
        _check_places(members, archive.start_dir, what)
        return {member.filename: _read(archive, member, _limit(limits[member.filename], content), what)
                for member in members}


def check_directory(end: bytes, what: str, allowed: int = 1 << 20) -> None:
    """Looks at how large the archive's directory says it is, before `zipfile` makes an object of each of its entries.

    Args:
        end: the last END_BYTES of the archive (or all of a shorter one).
        what: how to call the archive in messages.
        allowed: bytes.

    Raises:
        ModelFileError: it is larger.
    """
    at = len(end) - _END.size
    if at < 0 or not end.startswith(_END_MARK, at) or end[-2:] != b"\0\0":
        at = end.rfind(_END_MARK)
    if at < 0 or at + _END.size > len(end):
        return  # no archive, as `zipfile` will say
    (size,) = _END.unpack_from(end, at)
    wide = at - _WIDE_PLACE.size - _WIDE.size
    if wide >= 0 and end.startswith(_WIDE_PLACE_MARK, at - _WIDE_PLACE.size):
        size = max(size, _WIDE.unpack_from(end, wide)[0])
    if size > allowed:
        raise ModelFileError(f"{what} has a directory larger than allowed. " + received(bytes=size, allowed=allowed))


def _limit(allowed: int | None, content: bytes) -> int:
    return allowed if allowed is not None else MAX_EXPANSION * len(content)


def _check_members(members: list[zipfile.ZipInfo], limits: Mapping[str, int | None], what: str) -> None:
    names = [member.filename for member in members]
    if len(members) > _MAX_MEMBERS or len(set(names)) != len(names):
        raise ModelFileError(f"{what} holds too many members, or the same twice. " + received(names=names))
    for member in members:
        mode = member.external_attr >> 16
        if member.filename not in limits:
            raise ModelFileError(f"{what} may hold only {', '.join(limits)}. " + received(name=member.filename))
        if member.orig_filename != member.filename or member.is_dir() or (mode and not _is_plain(mode)):
            raise ModelFileError(f"{what} holds something that is no plain file. "
                                 + received(name=member.orig_filename))
        if member.flag_bits & _ENCRYPTED:
            raise ModelFileError(f"{what} is encrypted. " + received(name=member.filename))
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ModelFileError(f"{what} is compressed in a way that is not read. "
                                 + received(name=member.filename, method=member.compress_type))


def _is_plain(mode: int) -> bool:
    return stat.S_IFMT(mode) in (0, stat.S_IFREG)


def _check_places(members: list[zipfile.ZipInfo], end: int, what: str) -> None:
    """Members follow each other from the first byte on, none inside another."""
    position = 0
    for member in sorted(members, key=lambda member: member.header_offset):
        if member.header_offset < position or (position == 0 and member.header_offset != 0):
            raise ModelFileError(f"{what} has overlapping members or foreign data in front. "
                                 + received(name=member.filename))
        # The local header has at least 30 bytes and the name.
        position = member.header_offset + 30 + len(member.orig_filename.encode()) + member.compress_size
    if position > end:
        raise ModelFileError(f"{what} has members that reach into its directory.")


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int, what: str) -> bytes:
    if member.file_size > limit:
        raise ModelFileError(f"{what} declares a member larger than allowed. "
                             + received(name=member.filename, bytes=member.file_size, allowed=limit))
    chunks, size = [], 0
    with archive.open(member) as stream:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > limit:
                raise ModelFileError(f"{what} holds a member larger than allowed. "
                                     + received(name=member.filename, allowed=limit))
            chunks.append(chunk)
    if size != member.file_size:
        raise ModelFileError(f"{what} holds a member of another size than declared. "
                             + received(name=member.filename, bytes=size, declared=member.file_size))
    return b"".join(chunks)
