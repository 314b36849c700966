"""The folder of one training run: what was asked for, what happened, the models and the report."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from striate.errors import FileError, ModelFileError, received
from striate.files import write_text

CONFIG, HISTORY_CSV, HISTORY_JSON = "config.json", "history.csv", "history.json"
BEST, LAST, REPORT, STATE, TIMELINE = "best.keras", "last.keras", "report.html", "state", "timeline"


def name_of(text: str) -> str:
    """A text as a part of a file's name.

    Example:
        >>> name_of("../my cells")
        'my-cells'
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.") or "run"


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
        ModelFileError: it is damaged.
    """
    try:
        config = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ModelFileError(f"{path} is damaged: {error}.") from None
    return config if isinstance(config, dict) else {}
