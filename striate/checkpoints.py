"""States of a training on the disk, each whole or absent.

    FOLDER/step-000123/state.safetensors    every array
    FOLDER/step-000123/state.json           everything else; where an array belongs stands {"array": its name}
    FOLDER/step-000123/COMMIT               written last: the sha256 of the two files
    FOLDER/LATEST                           the name of the newest state, for people and other programs

    .FOLDER.finished/                       beside it: the end of the last complete training

A state counts only if its COMMIT is there and fits. The last two are kept, so that there is one even if the disk
damages a file of the newest. What is left of a complete training goes when its process ends, or completes `HELD` more
in other folders: where that was killed before, the same program finds the training done and does not do it twice. The
folder may come from a stranger: only regular files are read, and where it holds a symbolic link nothing is written or
removed, because that would happen where the link points to.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from striate.errors import FileError, ModelFileError, received
from striate.files import remove as remove_file
from striate.files import remove_abandoned, replacing_with, write_bytes, write_text

KEPT, HELD = 2, 8
_TENSORS, _FACTS, _COMMIT, _LATEST = "state.safetensors", "state.json", "COMMIT", "LATEST"
_NAME = re.compile(r"step-(\d+)(?:-(\d+))?")
_held: dict[tuple[int, Path], int] = {}
"""The last states of trainings that this process (its number) completed: open folders, locked until it ends."""


def save(folder: str | os.PathLike, step: int, state: Any) -> Path:
    """Writes a state: a nest of dicts, lists, numbers, texts, None and arrays.

    Args:
        folder: where states are kept; made if missing.
        step: how many steps were made; names the state's folder.
        state: what to write.

    Returns:
        The folder of this state.

    Raises:
        FileError: it cannot be written, or the folder holds links; earlier states are unharmed.
    """
    from striate.untrusted.tensors import safetensors_bytes

    base = Path(folder)
    _places(base)  # No link may be in the way.
    arrays: dict[str, np.ndarray] = {}
    facts = json.dumps(_without_arrays(state, arrays), indent=1).encode()
    tensors = safetensors_bytes(arrays)
    place = _free_place(base, step)
    write_bytes(place / _TENSORS, tensors)
    write_bytes(place / _FACTS, facts)
    write_text(place / _COMMIT, json.dumps({_TENSORS: _hash(tensors), _FACTS: _hash(facts)}, indent=1) + "\n")
    write_text(base / _LATEST, place.name + "\n")
    _prune(base, place)
    return place


def newest(folder: str | os.PathLike) -> Any:
    """The newest state that is whole; None when there is none.

    Raises:
        FileError: states are there, but none of them is whole; or the folder holds links.
    """
    places = _places(Path(folder))
    for place in reversed(places):
        content = _verified(place)
        if content is not None:
            return _read(*content)
    if any((place / _COMMIT).exists() for place in places):
        raise FileError("No state of this training is whole any more: the files do not have the sha256 that their "
                        f"COMMIT names. {received(folder=str(folder))}. Remove the folder to begin anew.")
    return None


def finish(folder: str | os.PathLike) -> None:
    """Removes all states of a training that is complete; the last one is set aside until this process ends.

    Args:
        folder: where states are kept.
    Raises:
        FileError: a state cannot be removed, or the folder holds links.
    """
    import fcntl

    base = Path(folder)
    aside, whole = _aside(base), [place for place in _places(base) if (place / _COMMIT).exists()]
    if whole:
        _let_go(aside)
        with suppress(FileError):  # The folder may be a disk of its own; then the state just goes.
            replacing_with(aside, whole[-1])
    if aside.is_dir():
        descriptor = os.open(aside, os.O_RDONLY)
        with suppress(OSError):  # Not every file system has locks: the state is nobody's then, and goes at the end.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _held[os.getpid(), aside] = descriptor
    own = [held for process, held in _held if process == os.getpid()]
    for held in own[:-HELD]:
        _let_go(held)
    remove(base)


def finished(folder: str | os.PathLike) -> Any:
    """The last state of a complete training whose process was killed before its end; else None.

    Raises:
        FileError: a symbolic link lies there.
    """
    import fcntl

    aside = _aside(Path(folder))
    if not aside.is_dir():
        return None
    descriptor = os.open(aside, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        content = _verified(aside)
    except OSError:  # A process that is still there has it, this one for example: whoever trains again means it.
        return None
    finally:
        os.close(descriptor)
    return None if content is None else _read(*content)


def _aside(base: Path) -> Path:
    base = base.absolute()
    aside = base.with_name(f".{base.name}.finished")
    _refuse_link(aside, base.parent)
    return aside


def _let_go(aside: Path) -> None:
    """Removes what was set aside there."""
    _discard(aside)
    descriptor = _held.pop((os.getpid(), aside), None)
    if descriptor is not None:
        os.close(descriptor)


@atexit.register
def _end() -> None:
    """The process ends as it should. A forked child leaves to its parent what is the parent's."""
    for process, aside in list(_held):
        if process == os.getpid():
            with suppress(FileError):
                _let_go(aside)


def remove(folder: str | os.PathLike) -> None:
    """Removes all states, and the folder if nothing else is in it.

    Raises:
        FileError: a state cannot be removed, or the folder holds links.
    """
    base = Path(folder)
    for place in _places(base):
        _discard(place)
    remove_file(base / _LATEST)
    if base.is_dir():
        remove_abandoned(base / _LATEST)  # A process that was killed while it wrote LATEST would keep the folder.
    if base.is_dir() and not any(base.iterdir()):
        with suppress(OSError):  # An empty folder does no harm.
            base.rmdir()


def _places(base: Path) -> list[Path]:
    """The folders of states, the oldest first.

    Raises:
        FileError: one of them, or LATEST, is a symbolic link.
    """
    if not base.is_dir():
        return []
    found = [(match, entry) for entry in base.iterdir() if (match := _NAME.fullmatch(entry.name))]
    for entry in (*(entry for _, entry in found), base / _LATEST):
        _refuse_link(entry, base)
    return [entry for _, entry in sorted(((int(m[1]), int(m[2] or 1)), entry) for m, entry in found)]


def _refuse_link(entry: Path, base: Path) -> None:
    if entry.is_symlink():
        raise FileError(f"{entry} is a symbolic link; states of trainings are never looked for or written where "
                        f"one points to. Remove it. {received(folder=str(base))}")


def _free_place(base: Path, step: int) -> Path:
    """The folder for the next state; a second one of the same step (at the end of an epoch, say) gets a number."""
    place, count = base / f"step-{step:06d}", 1
    while place.exists():
        count += 1
        place = base / f"step-{step:06d}-{count}"
    return place


def _prune(base: Path, newest_place: Path) -> None:
    """Removes what came before the last states, and states that a killed process left incomplete."""
    others = [place for place in _places(base) if place != newest_place]
    whole = [place for place in others if (place / _COMMIT).exists()]
    for place in others:
        if place not in whole[-(KEPT - 1):]:
            _discard(place)


def _discard(place: Path) -> None:
    """COMMIT goes first: a state that is half removed must not count."""
    remove_file(place / _COMMIT)
    shutil.rmtree(place, ignore_errors=True)


def _verified(place: Path) -> tuple[bytes, bytes] | None:
    """The two files of a state, if they are what COMMIT says."""
    from striate.untrusted import read_file, read_own_json

    try:
        wanted = read_own_json(place / _COMMIT)
        tensors, facts = read_file(place / _TENSORS), read_file(place / _FACTS)
    except ModelFileError:
        return None
    return (tensors, facts) if wanted == {_TENSORS: _hash(tensors), _FACTS: _hash(facts)} else None


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _without_arrays(item: Any, arrays: dict[str, np.ndarray], path: str = "") -> Any:
    """The nest as JSON takes it; its arrays are put into `arrays`."""
    if isinstance(item, dict):
        return {str(key): _without_arrays(value, arrays, f"{path}/{key}".lstrip("/")) for key, value in item.items()}
    if isinstance(item, (list, tuple)):
        return [_without_arrays(value, arrays, f"{path}/{index}") for index, value in enumerate(item)]
    if isinstance(item, np.ndarray):
        arrays[path] = item
        return {"array": path}
    return item.item() if isinstance(item, np.generic) else item


def _read(tensors: bytes, facts: bytes) -> Any:
    from striate.untrusted import read_safetensors
    from striate.untrusted.limits import damaged

    arrays, _ = read_safetensors(tensors, _TENSORS)

    def whole(item):
        if isinstance(item, dict):
            if set(item) == {"array"} and isinstance(item["array"], str):
                if item["array"] not in arrays:
                    raise ModelFileError(f"{_TENSORS} lacks an array that {_FACTS} names. "
                                         + received(array=item["array"]))
                return arrays[item["array"]]
            return {key: whole(value) for key, value in item.items()}
        return [whole(value) for value in item] if isinstance(item, list) else item
    with damaged(_FACTS, RecursionError):
        return whole(json.loads(facts))
