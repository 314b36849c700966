"""The contact sheet of a table of numbers: what each column holds, and the target drawn over it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from striate.datasets import auto_mpg, tables
from striate.see import grid
from striate.see.canvas import Canvas
from striate.see.palette import BLUE, INK, LINE, MUTED
from striate.see.result import Result, aligned
from striate.see.svg import ticks

WIDTH = 1060.0
_COLUMNS, _PLOT, _ROOM, _LEFT = 4, 170.0, 256.0, 44.0
MOST_PLOTS, MOST_POINTS = 24, 2000
CARS = "auto-mpg"


def table_of(name: str) -> tables.Table | None:
    """The table that a name or a CSV file means; None where the data are pictures."""
    if name == CARS:
        (x, y), _ = auto_mpg.load_data(validation=0, seed=None)
        return tables.Table(x, y, auto_mpg.FEATURES, auto_mpg.TARGET)
    if Path(name).suffix.lower() in (".csv", ".tsv") and Path(name).is_file():
        read = tables.load_csv(name)
        return read if isinstance(read, tables.Table) else None
    return None


@dataclass(frozen=True)
class TableSheet(Result):
    """title: of the table; table: its numbers."""

    title: str
    table: tables.Table

    def rows(self) -> list[dict[str, Any]]:
        """Of each column, the target first: its least and largest value, mean, spread, how many values differ, and its
        correlation with the target."""
        columns = [(self.table.target, self.table.y), *zip(self.table.columns, self.table.x.T, strict=True)]
        return [{"column": name, "least": float(values.min()), "mean": float(values.mean()),
                 "spread": float(values.std()), "largest": float(values.max()), "different": len(np.unique(values)),
                 "correlation": _correlation(values, self.table.y)} for name, values in columns]

    def data(self) -> dict[str, Any]:
        """The columns in plain types."""
        return {"title": self.title, "rows": len(self.table.y), "target": self.table.target, "columns": self.rows()}

    def __str__(self) -> str:
        rows = self.rows()
        return aligned([[grid.short(value) if isinstance(value, float) else value for value in row.values()]
                        for row in rows], list(rows[0]))

    def figure(self) -> Canvas:
        """The target over each column, a point a row."""
        shown = list(zip(self.table.columns, self.table.x.T, strict=True))[:MOST_PLOTS]
        note = f"{len(self.table.y):,} rows; {self.table.target} (upwards) over each other column. The number is " \
               "their correlation: how well a straight line fits, from -1 to 1."
        top = grid.header_height(WIDTH, self.title, note)
        canvas = Canvas(WIDTH, top + -(-len(shown) // _COLUMNS) * (_PLOT + 74), self.title)
        grid.header(canvas, self.title, note)
        for place, (name, values) in enumerate(shown):
            row, column = divmod(place, _COLUMNS)
            self._scatter(canvas, grid.MARGIN + column * _ROOM + _LEFT, top + row * (_PLOT + 74) + 16, name, values)
        return canvas

    def _scatter(self, canvas: Canvas, x: float, y: float, name: str, values: np.ndarray) -> None:
        title = f"{name}: {_correlation(values, self.table.y):+.2f}"
        grid.label(canvas, (x, y - 8), title, _ROOM - _LEFT, 13, INK, bold=True)
        across, up = (ticks(float(own.min()), float(own.max()), 3) for own in (values, self.table.y))
        for mark in up:
            height = y + _PLOT * (1 - (mark - up[0]) / (up[-1] - up[0]))
            canvas.path([(x, height), (x + _PLOT, height)], LINE, 1)
            canvas.text(x - 6, height + 4, grid.short(mark), 11, MUTED, "end")
        for mark in across:
            canvas.text(x + _PLOT * (mark - across[0]) / (across[-1] - across[0]), y + _PLOT + 16, grid.short(mark), 11,
                        MUTED, "middle")
        every = max(1, len(values) // MOST_POINTS)
        places = zip(values[::every].tolist(), self.table.y[::every].tolist(), strict=True)
        for value, target in places:
            left = x + _PLOT * (value - across[0]) / (across[-1] - across[0])
            height = y + _PLOT * (1 - (target - up[0]) / (up[-1] - up[0]))
            canvas.rectangle(left - 2, height - 2, 4, 4, fill=BLUE, line="#ffffff", thickness=0.4, radius=2)


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Between -1 and 1; 0 where a column is constant."""
    one, other = one.astype(np.float64) - one.mean(), other.astype(np.float64) - other.mean()
    size = float(np.sqrt((one ** 2).sum() * (other ** 2).sum()))
    return float((one * other).sum()) / size if size else 0.0
