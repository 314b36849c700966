"""The one way striate writes files: whole or not at all.

A new file is written beside its final place under a temporary name, forced to the disk, and only then renamed over
the old one. Whatever happens in between (an exception, Ctrl-C, `kill -9`, a power cut), the file at the final place is
either the complete old one or the complete new one. Only event files and downloads under way grow in place, by whole
pieces (`Growing`).
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from striate.errors import FileError, received

_MARK = ".striate-tmp"
_ABANDONED_SECONDS = 24 * 3600
"""A temporary file of another computer counts as left behind after this age."""
_LONGEST_BEGINNING = 128
"""Bytes; most file systems allow names of 255, of which the name of the computer takes up to 64."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_own_folder: Path | None = None


def leave_to_another(own_folder: str | os.PathLike) -> None:
    """From now on nothing is written outside `own_folder`: another process has the same results and writes them."""
    global _own_folder
    _own_folder = Path(os.path.realpath(own_folder))


@contextmanager
def writing_all() -> Iterator[None]:
    """In the block this process writes all files itself again."""
    global _own_folder
    before, _own_folder = _own_folder, None
    try:
        yield
    finally:
        _own_folder = before


def writes(path: str | os.PathLike) -> bool:
    """Whether this process writes such a file itself."""
    return _own_folder is None or Path(os.path.realpath(path)).is_relative_to(_own_folder)


@contextmanager
def replacing(path: str | os.PathLike, expected_bytes: int = 0) -> Iterator[BinaryIO]:
    """A binary file to write to; when the block ends without an exception it takes the place of `path`.

    Args:
        path: the final place; its folder is made if it is missing. A symbolic link stays, its target is replaced.
        expected_bytes: how much will be written, if known; checked against the free space before anything is written.

    Raises:
        FileError: the disk is full, the folder cannot be written to, or `path` is a folder. The old file is intact.

    Example:
        >>> with replacing("results.csv") as file:  # doctest: +SKIP
        ...     _ = file.write(b"epoch,loss\\n")
    """
    final = Path(os.path.realpath(path))
    if not writes(final):
        yield io.BytesIO()
        return
    try:
        os.makedirs(final.parent, exist_ok=True)
        _check_kind(final)
        remove_abandoned(final)
        _check_space(final.parent, expected_bytes)
        temporary = _temporary(final)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    except OSError as error:
        raise _explained(error, final) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if final.exists():
            shutil.copymode(final, temporary)
        os.replace(temporary, final)
    except OSError as error:
        raise _explained(error, final) from error
    finally:
        with suppress(OSError):
            os.unlink(temporary)
    _sync_folder(final.parent)


def is_lack_of_room(error: FileError) -> bool:
    """Whether a file could not be written because the disk is full or may not be written to."""
    return error.errno in _FULL | _FORBIDDEN


def write_bytes(path: str | os.PathLike, content: bytes) -> None:
    """Makes `content` the whole content of the file `path`, as `replacing` does."""
    with replacing(path, expected_bytes=len(content)) as file:
        file.write(content)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Makes `text` (UTF-8, line ends as given) the whole content of the file `path`, as `replacing` does."""
    write_bytes(path, text.encode("utf-8"))


def replacing_with(path: str | os.PathLike, ready: str | os.PathLike) -> None:
    """Moves the file `ready`, complete and in the same folder, to `path`."""
    try:
        os.replace(ready, path)
    except OSError as error:
        raise _explained(error, Path(path)) from error
    _sync_folder(Path(path).parent)


def refuse_links(folder: str | os.PathLike, *patterns: str) -> None:
    """For folders that work goes on in, which may come from anybody: what is written into them stays in them.

    Args:
        folder: need not be there yet.
        patterns: what the names begin with of all that is written there.

    Raises:
        FileError: a symbolic link has such a name, and writing would replace, or make, what it points to.
    """
    for entry in Path(folder).iterdir() if os.path.isdir(folder) else ():
        if entry.name.startswith(patterns) and entry.is_symlink():
            raise FileError("Nothing is written through symbolic links in a folder that work goes on in. Put the file "
                            f"itself in its place, or name another folder. {received(link=str(entry))}")


def remove(path: str | os.PathLike) -> None:
    """Removes a file, if it is there."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise FileError(f"{path} could not be removed: {error.strerror or error}. " + received(path=str(path))
                        ) from error


@contextmanager
def lock(path: str | os.PathLike) -> Iterator[None]:
    """Makes other processes that want the same lock wait; a process that dies lets go of it.

    Args:
        path: what is guarded; the lock is the empty file `.NAME.lock` beside it.
    """
    import fcntl

    guarded = Path(path)
    try:
        guarded.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(guarded.with_name(f".{guarded.name}.lock"), os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise _explained(error, guarded) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def temporary_folder(final: Path) -> Iterator[Path]:
    """A fresh folder to fill; when the block ends without an exception its files are forced to the disk and it is
    renamed to `final`, which must not exist."""
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(final)
        folder = _temporary(final)
        folder.mkdir()
    except OSError as error:
        raise _explained(error, final) from error
    try:
        yield folder
        for place, _, names in os.walk(folder):
            for name in names:
                _sync(os.path.join(place, name))
            _sync_folder(Path(place))
        replacing_with(final, folder)
    except OSError as error:
        raise _explained(error, final) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Growing:
    """A file that grows in place by whole pieces: a piece that cannot be written is taken back. A context manager.

    Args:
        path: the file; its folder is made if it is missing.
        keep: so many bytes of what is there stay, the rest goes.

    Raises:
        FileError: on opening or writing: the disk is full, or the folder cannot be written to.

    Example:
        >>> with Growing("events.log") as file:  # doctest: +SKIP
        ...     file.append(b"one record")
    """

    def __init__(self, path: str | os.PathLike, keep: int = 0):
        self.path = Path(path)
        if not writes(path):
            self._file: FileIO = tempfile.TemporaryFile(buffering=0)
            self.size = 0
            return
        try:
            os.makedirs(self.path.parent, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
            self._file = os.fdopen(descriptor, "r+b", buffering=0)
            self._file.truncate(keep)
            self._file.seek(keep)
        except OSError as error:
            raise _explained(error, self.path) from error
        self.size = keep

    def append(self, piece: bytes) -> None:
        """Writes a piece, wholly or not at all."""
        rest = memoryview(piece)
        try:
            while rest:
                rest = rest[self._file.write(rest):]
        except BaseException as error:
            with suppress(OSError):
                self._file.truncate(self.size)
                self._file.seek(self.size)
            if isinstance(error, OSError):
                raise _explained(error, self.path) from error
            raise
        self.size += len(piece)

    def sync(self) -> None:
        """Forces what was written to the disk."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _explained(error, self.path) from error

    def close(self) -> None:
        """Ends the writing."""
        self._file.close()

    def __enter__(self) -> Growing:
        return self

    def __exit__(self, *failure) -> None:
        self.close()


def _check_kind(final: Path) -> None:
    """Only a plain file may be replaced: not a folder, and not a device such as /dev/null, which all others need."""
    if final.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder")
    if final.exists() and not final.is_file():
        raise OSError(errno.EINVAL, "it is a device or a pipe, not a file. Give the name of a file")


def _temporary(final: Path) -> Path:
    """A name beside `final` that says which process uses it."""
    owner = f"{socket.gethostname()}.{os.getpid()}.{secrets.token_hex(4)}"
    return final.parent / f"{_beginning(final)}{owner}{_MARK}"


def _beginning(final: Path) -> str:
    """How the names of temporary files of `final` begin; a long name is cut to leave room for the rest."""
    name = f".{final.name}."
    if len(os.fsencode(name)) <= _LONGEST_BEGINNING:
        return name
    return f".{hashlib.sha256(os.fsencode(final.name)).hexdigest()}."


def remove_abandoned(final: Path) -> None:
    """Removes what writers of the same file or folder left behind when they were killed."""
    for entry in os.scandir(final.parent):
        if entry.name.startswith(_beginning(final)) and entry.name.endswith(_MARK) and _is_abandoned(entry):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
                continue
            with suppress(OSError):
                os.unlink(entry.path)


def _is_abandoned(entry: os.DirEntry) -> bool:
    host, process = [*entry.name.removesuffix(_MARK).rsplit(".", 2), "", ""][:2]
    if host.endswith(socket.gethostname()) and os.name == "posix" and process.isdecimal():
        return not _is_running(int(process))
    with suppress(FileNotFoundError):
        return time.time() - entry.stat().st_mtime > _ABANDONED_SECONDS
    return False


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):  # No process has so large a number: somebody else made the name.
        return False
    except PermissionError:
        return True
    return True


def _check_space(folder: Path, expected_bytes: int) -> None:
    if expected_bytes and shutil.disk_usage(folder).free < expected_bytes:
        raise OSError(errno.ENOSPC, f"{expected_bytes:,} bytes are needed")


def _sync(path: str) -> None:
    """Forces a file that somebody else wrote to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """Forces the renaming itself to the disk; some file systems cannot do that, and nothing is lost by it."""
    if os.name != "posix":
        return
    with suppress(OSError):
        _sync(os.fspath(folder))


def _explained(error: OSError, final: Path) -> FileError:
    """The same error in words that say what to do; the number of the error is kept."""
    if isinstance(error, FileError):
        return error
    if error.errno in _FULL:
        free = shutil.disk_usage(next(place for place in final.absolute().parents if place.exists())).free
        advice = (f"the disk is full ({error.strerror}; {free:,} bytes are free in {final.parent}). "
                  "Free some space or choose another folder.")
    elif error.errno in _FORBIDDEN:
        advice = f"{final.parent} cannot be written to ({error.strerror}). Choose another folder."
    elif error.errno == errno.EISDIR:
        advice = "it is a folder. Give the name of a file."
    else:
        advice = f"{error.strerror or error}."
    unharmed = " The old file is unharmed." if final.is_file() else ""
    explained = FileError(f"Could not write {final.name!r}: {advice}{unharmed} " + received(path=str(final)))
    explained.errno = error.errno
    return explained
