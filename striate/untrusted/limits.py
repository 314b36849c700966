"""How much a model file may ask for, and how complaints are worded."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from striate.errors import DescriptionError, MissingFileError, ModelDescriptionError, ModelFileError, received

MAX_FILE_BYTES = 16 << 30
_ALWAYS_READ = 256 << 20
MAX_JSON_BYTES = 16 << 20
MAX_OWN_JSON_BYTES = 256 << 20
"""Of what striate writes about trainings: a line for each step of a recorded one."""
MAX_JSON_DEPTH = 64
MAX_EXPANSION = 32
"""Compressed data may become so many times larger. Weights hardly shrink, so honest files stay far below."""
MAX_OBJECTS = 20_000
"""Groups and datasets of an HDF5 file, or tensors of a safetensors file."""
MAX_DEPTH = 64
MAX_NAME_BYTES = 4096


def read_file(path: str | os.PathLike, limit: int = MAX_FILE_BYTES) -> bytes:
    """The content of a regular file.

    Args:
        path: the file.
        limit: a larger file is refused. So is one that is larger than the memory that is left: a file with holes says
            that it is, and takes no room on the disk.

    Raises:
        MissingFileError: there is no such file.
        ModelFileError: it is no regular file, cannot be read, or is enormous.
    """
    try:
        # A named pipe without a writer would make an ordinary opening wait for ever.
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb") as file:
            facts = os.fstat(file.fileno())
            size = facts.st_size
            if not stat.S_ISREG(facts.st_mode):
                raise ModelFileError(f"{path} is no regular file.")
            if size > limit:
                raise ModelFileError(f"{path} has {size:,} bytes; at most {limit:,} are read.")
            if size > _ALWAYS_READ and size > (left := _memory_left()):
                raise ModelFileError(f"{path} has {size:,} bytes; {left:,} bytes of memory are left.")
            return file.read(size)
    except FileNotFoundError:
        raise MissingFileError(f"There is no file {path}. " + received(path=str(path))) from None
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror or error}.") from error


def _memory_left() -> int:
    """Bytes that this computer can still give."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            rows = dict(line.split(":") for line in file)
        return int(rows["MemAvailable"].split()[0]) << 10
    except (OSError, KeyError, ValueError):
        return MAX_FILE_BYTES


_RAISED: tuple[type[Exception], ...] = (
    ValueError, KeyError, IndexError, TypeError, OverflowError, RuntimeError, OSError, EOFError, MemoryError,
    NotImplementedError, AttributeError)
"""What parsers raise about content that is not what they expect."""


@contextmanager
def damaged(what: str, *kinds: type[Exception]) -> Iterator[None]:
    """Turns whatever a parser raises about bad content into a ModelFileError."""
    try:
        yield
    except ModelFileError:
        raise
    except DescriptionError as error:  # the file may be whole, and the reader lacks the user's classes
        raise ModelDescriptionError(f"{what} cannot be followed: {str(error)[:1000]}") from error
    except _RAISED + kinds as error:
        raise ModelFileError(f"{what} is damaged or of an unknown kind: {type(error).__name__}: "
                             f"{str(error)[:300]}") from error
