"""Several trainings side by side: a table that is on the disk after every row, and goes on where it was broken off."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from textwrap import fill
from typing import Any

from striate.errors import FileError, received
from striate.files import refuse_links, write_text
from striate.see.result import aligned
from striate.untrusted import read_own_json
from striate.untrusted.kinds import of_kinds

FILE = "comparison.json"
NOTE_WIDTH = 110
Say = Callable[[str], None]


@dataclass
class Comparison:
    """A table of trainings.

    title: what is compared; question: what the rows answer; columns: the numbers of a row in their order; rows: a
    mapping each, with "variant" and the columns; notes: sentences for below the table; place: the file that keeps it.
    """

    title: str
    question: str
    columns: Sequence[str]
    rows: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    place: Path | None = None

    @classmethod
    def at(cls, folder: Path | None, title: str, question: str, columns: Mapping[str, Any],
           networks: Sequence[str] = ()) -> Comparison:
        """A new table, or the one of the same title in the folder, to go on with.

        Args:
            folder: where the table is kept; None: nowhere.
            title, question: of the table.
            columns: name -> type hint of its values, with None where not every row has one.
            networks: what else is written into the folder: models and figures of these names.

        Raises:
            FileError: the folder's table is another one, or damaged, or what is written would go through links.
        """
        if folder is None:
            return cls(title, question, tuple(columns))
        refuse_links(folder, FILE, *(f"{name}." for name in networks))
        place = folder / FILE
        made = cls(title, question, tuple(columns), place=place)
        if place.exists():
            try:
                kept = read_own_json(place)
                same = kept["title"] == title and kept["columns"] == list(columns)
                kinds = {"variant": str, **columns}
                for row in kept["rows"] if same else ():
                    of_kinds("a row", kinds, {name: row.get(name) for name in kinds})
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise FileError(f"{place} is damaged: {str(error).rstrip('.')}. Name another folder.") from None
            if not same:
                raise FileError("This folder holds another comparison: name a new one. "
                                + received(folder=str(folder), found=kept["title"], wanted=title))
            made.rows = kept["rows"]
        return made

    def run(self, variants: Mapping[str, Callable[[], Mapping[str, Any]]], say: Say | None = None) -> Comparison:
        """Makes the row of every variant that the table lacks, in their order; writes the table after each."""
        known = {row["variant"] for row in self.rows}
        for number, (name, make) in enumerate(variants.items(), 1):
            if name in known:
                continue
            if say is not None:
                say(f"{number}/{len(variants)}: {name}")
            self.rows.append({"variant": name, **make()})
            self.save()
        order = list(variants)
        self.rows.sort(key=lambda row: order.index(row["variant"]) if row["variant"] in order else len(order))
        self.save()
        return self

    def save(self) -> None:
        """Writes the table, if it has a place."""
        if self.place is not None:
            self.place.parent.mkdir(parents=True, exist_ok=True)
            write_text(self.place, json.dumps(self.data(), indent=2, ensure_ascii=False) + "\n")

    def data(self) -> dict[str, Any]:
        """The table in plain types."""
        return {"title": self.title, "question": self.question, "columns": list(self.columns), "rows": self.rows,
                "notes": self.notes}

    def __str__(self) -> str:
        head = ["variant", *self.columns]
        rows = [[_shown(row.get(name)) for name in head] for row in self.rows]
        return "\n".join([self.title, "", aligned(rows, head), "", *(fill(note, NOTE_WIDTH) for note in self.notes)])


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) <= 1 else f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else "" if value is None else str(value)


def mean_and_spread(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and standard deviation; one value has no such deviation: None.

    Example:
        >>> mean_and_spread([1.0, 2.0, 3.0]), mean_and_spread([1.0])
        ((2.0, 1.0), (1.0, None))
    """
    return fmean(values), stdev(values) if len(values) > 1 else None


def seeds_and_spread(seeds: int, spread: float | None) -> str:
    """How far a mean may be trusted, in words.

    Example:
        >>> seeds_and_spread(3, 0.00123), seeds_and_spread(1, None)
        ('mean of 3 seeds, spread 0.0012', 'one seed')
    """
    return "one seed" if spread is None else f"mean of {seeds} seeds, spread {spread:.4f}"
