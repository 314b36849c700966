"""Trust in the folder of compiled kernels: nobody else can write to it, and damaged files are compiled again.

Beside each file of machine code lies its sha256 (`NAME.sha256`), written when it was compiled.
"""

import hashlib
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path

from striate import files
from striate.errors import FileError, received

_CODE = ".nbc"


def private_folder(folder: Path) -> Path:
    """Makes the folder for its owner alone, or makes sure that it is such a one.

    Raises:
        FileError: it belongs to another user, is a link, or others can write to it: they could put code there.
    """
    with suppress(FileExistsError):
        folder.mkdir(parents=True, mode=0o700)
    if os.name != "posix":
        return folder
    facts = folder.lstat()
    strange = not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid()
    if strange or facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        reason = "belongs to another user or is a link" if strange else "can be written to by others"
        raise FileError(f"Compiled kernels are not loaded from a folder that {reason}. {received(folder=str(folder))}. "
                        "Remove it, or set STRIATE_CACHE_DIR to a folder of your own.")
    return folder


def _codes(folder: Path) -> list[Path]:
    return list(folder.rglob(f"*{_CODE}"))


def _sum_file(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def discard_damaged(folder: Path) -> int:
    """Removes the machine code in a folder whose sha256 is not the noted one; gives how many files went.

    Code without a note is from a process that was killed before it could write one, or that is just about to: it goes
    too, and whoever needs it compiles it again.
    """
    count = 0
    for path in list(folder.rglob("*")):
        if path.is_symlink() or (path.suffix and not path.is_file()):  # Such a thing may be read without end.
            with suppress(FileNotFoundError):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            count += 1
    for path in _codes(folder):
        with suppress(FileNotFoundError):
            content, note = path.read_bytes(), _sum_file(path)
            noted = note.read_text("ascii", errors="replace").strip() if note.exists() else ""
            if noted != hashlib.sha256(content).hexdigest():
                path.unlink()
                note.unlink(missing_ok=True)
                count += 1
    return count


def seal(folder: Path) -> None:
    """Notes the sha256 of machine code in a folder that has just been compiled."""
    for path in _codes(folder):
        noted = _sum_file(path)
        with suppress(FileNotFoundError):
            if not noted.exists() or noted.stat().st_mtime_ns < path.stat().st_mtime_ns:
                files.write_text(noted, hashlib.sha256(path.read_bytes()).hexdigest() + "\n")


def forget(folder: Path) -> None:
    """Removes everything in the folder: its index cannot be read."""
    for entry in folder.iterdir():
        shutil.rmtree(entry, ignore_errors=True)
