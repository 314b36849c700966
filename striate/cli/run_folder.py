"""The folder of one training run: what was asked for, what happened, the models and the report."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from striate.datasets.pictures import Preparation
from striate.errors import FileError, MissingFileError, ModelFileError, received
from striate.files import write_text
from striate.ranks import ranks
from striate.untrusted import read_own_json
from striate.untrusted.limits import damaged

CONFIG, HISTORY_CSV, HISTORY_JSON = "config.json", "history.csv", "history.json"
BEST, LAST, REPORT, STATE, TIMELINE = "best.keras", "last.keras", "report.html", "state", "timeline"


def name_of(text: str) -> str:
    """A text as a part of a file's name.

    Example:
        >>> name_of("../my cells")
        'my-cells'
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.") or "run"


@contextmanager
def filling(path: Path) -> Iterator[None]:
    """Takes a new folder away again where nothing came of it: a mistake leaves nothing behind. Where the work is broken
    off, it says how to go on."""
    try:
        yield
    except BaseException as error:
        with suppress(OSError):
            path.rmdir()  # Only an empty one.
        if isinstance(error, KeyboardInterrupt) and path.exists() and ranks().rank == 0:
            click.echo(f"\nWhat is done is in {path}: the same command with --out {shlex.quote(str(path))} goes on.",
                       err=True)
        raise


@dataclass(frozen=True)
class RunFolder:
    """One run's folder."""

    path: Path

    @classmethod
    def create(cls, base: Path, name: str) -> RunFolder:
        """Makes base/NAME-0001, or the next number that is free; safe when two runs start at once."""
        name = name_of(name)
        base.mkdir(parents=True, exist_ok=True)
        numbers = [int(found[1]) for entry in base.iterdir()
                   if (found := re.fullmatch(re.escape(name) + r"-(\d+)", entry.name))]
        number = max(numbers, default=0) + 1
        while True:
            path = base / f"{name}-{number:04d}"
            try:
                path.mkdir()
                return cls(path)
            except FileExistsError:
                number += 1

    @classmethod
    def at(cls, path: Path) -> RunFolder:
        """Makes the folder that the user named.

        Raises:
            FileError: there is something in it.
        """
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise FileError("The folder of a run must be new or empty, so that no earlier result is lost. "
                            + received(out=str(path)))
        path.mkdir(parents=True, exist_ok=True)
        return cls(path)

    @classmethod
    def to_go_on_with(cls, path: Path) -> RunFolder:
        """The folder of a run that was broken off. It may come from a stranger.

        Raises:
            FileError: it holds a symbolic link, and what is written there would replace what that points to.
        """
        for place, folders, names in os.walk(path):
            for name in (*folders, *names):
                if os.path.islink(found := os.path.join(place, name)):
                    raise FileError("A run with symbolic links in its folder is not gone on with: what it writes would "
                                    "replace what they point to. Put the files themselves in their place. "
                                    + received(link=found))
        return cls(path)

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def write_json(self, name: str, content: Any) -> None:
        """Writes a JSON file that people can read."""
        write_text(self / name, json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n")

    def write_history(self, history: Mapping[str, Sequence[float]]) -> None:
        """Writes history.json and history.csv: one row an epoch, one column a metric."""
        self.write_json(HISTORY_JSON, {name: [float(value) for value in values] for name, values in history.items()})
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["epoch", *history])
        for epoch, row in enumerate(zip(*history.values(), strict=True), 1):
            writer.writerow([epoch, *(float(value) for value in row)])
        write_text(self / HISTORY_CSV, text.getvalue())


@dataclass(frozen=True)
class SavedModel:
    """A model file and what its run, if it came from one, says about it."""

    file: Path
    config: Mapping[str, Any]

    def class_name(self, index: int) -> str:
        """The name of a class, or its number if nobody wrote the name down."""
        names = self.config.get("data", {}).get("classes", [])
        return str(names[index]) if index < len(names) else str(index)


def find_model(place: str) -> SavedModel:
    """The model that the user means: a run's folder (its best model) or a file.

    Raises:
        ModelFileError: there is no such file, or the folder is not a run's.
    """
    path = Path(place)
    if path.is_dir():
        found = next((path / name for name in (BEST, LAST) if (path / name).is_file()), None)
        if found is None:
            raise ModelFileError(f"This folder holds neither {BEST} nor {LAST}, so it is not a run's folder. "
                                 + received(model=place))
        path = found
    if not path.is_file():
        from striate import zoo

        raise ModelFileError("There is no such model: give a run's folder or a model file. Most commands take a "
                             f"network of the zoo, too: {', '.join((*zoo.names(), *zoo.generators()))}. "
                             + received(model=place))
    return SavedModel(path, read_config(path.parent / CONFIG))


def read_config(path: Path) -> Mapping[str, Any]:
    """What a run's config.json says; nothing if there is none.

    Raises:
        ModelFileError: it is damaged, or something in it is not what `striate train` writes there.
    """
    try:
        config = _known(read_own_json(path))
    except MissingFileError:
        return {}
    _check(path, config, seed=_is_count, data=_is_object, request=_is_object, result=_is_object)
    data = config["data"] = _known(config.get("data", {}))
    _check(path, data, name=_is_text, place=_is_text, classes=_are_texts, preparation=_is_object)
    preparation = data.get("preparation", {})
    _check(path, _known(preparation), image_size=_is_size, color_mode=_is_text, interpolation=_is_text, crop=_is_switch,
           black=_is_number, white=_is_number)
    with damaged(str(path)):
        Preparation.of(preparation)
    return config


def asked(config: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """What was asked of the run, out of its config.json: only what the command `striate train` takes.

    Raises:
        ModelFileError: something else.
    """
    request = _known(config["request"])
    strange = sorted(set(request) - {*_REQUESTS, *_LEFT_OUT})
    if strange or "data" not in request:
        raise ModelFileError(f"{path} is damaged: its request is not one of `striate train`. "
                             + received(request=request, strange=strange))
    _check(path, request, **_REQUESTS)
    return {name: tuple(value) if name == "image_size" else value
            for name, value in request.items() if name in _REQUESTS}


def _known(section: Mapping[str, Any]) -> dict[str, Any]:
    """Without the entries that are null, which say nothing."""
    return {name: value for name, value in section.items() if value is not None}


def _check(path: Path, section: Mapping[str, Any], **kinds: Callable[[Any], bool]) -> None:
    """Refuses entries of another kind; a missing one says nothing."""
    for name, fits in kinds.items():
        if name in section and not fits(section[name]):
            raise ModelFileError(f"{path} is damaged: this is not what `striate train` writes there. "
                                 + received(**{name: section[name]}))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_switch(value: Any) -> bool:
    return isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_positive(value: Any) -> bool:
    return _is_count(value) and value > 0


def _is_rate(value: Any) -> bool:
    return _is_number(value) and value > 0


def _is_size(value: Any) -> bool:
    """Whether this is a (height, width) such as `--image-size` takes."""
    return (isinstance(value, (list, tuple)) and len(value) == 2
            and all(type(length) is int and 0 < length < 10_000 for length in value))


_REQUESTS: dict[str, Callable[[Any], bool]] = {
    "data": _is_text, "model": _is_text, "epochs": _is_positive, "batch_size": _is_positive, "optimizer": _is_text,
    "learning_rate": _is_rate, "patience": _is_positive, "image_size": _is_size, "seed": _is_count,
    "shards": _is_positive, "limit": _is_positive, "subset": _is_switch, "timeline": _is_switch}
_LEFT_OUT = ("threads", "out", "json", "resume")
"""What was asked and is asked anew when a run goes on."""
