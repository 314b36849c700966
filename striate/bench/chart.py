"""The plot of a comparison as SVG text: one line a cell, one dot a framework, on a logarithmic axis."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil, floor, log10

from striate.bench.results import OWN, Row

WIDTH, LEFT, RIGHT, TOP, LINE, BOTTOM = 860, 150, 130, 74, 26, 46
COLOURS = ("#0b6e4f", "#d1495b", "#edae49", "#30638e", "#8d6a9f", "#7a7a7a", "#b56576")
"""striate's first, then the others' in alphabetical order."""
STYLE = ("text{font:13px system-ui,sans-serif;fill:#333}.title{font-size:16px;font-weight:600}"
         ".win{fill:#0b6e4f;font-weight:600}.loss{fill:#b00020;font-weight:600}")


def times(title: str, table: Sequence[Row]) -> str:
    """Microseconds a sample of all rows as one standalone `<svg>`.

    Example:
        >>> from striate.bench.results import Time
        >>> row = Row("tue", 32, 0, {"striate": Time(90, 90, 90, 90, 1, False)})
        >>> times("Training step", [row]).count("<circle")
        2
    """
    frameworks = [OWN] + sorted({name for row in table for name in row.times} - {OWN})
    colours = dict(zip(frameworks, COLOURS * len(frameworks), strict=False))
    values = [time.median for row in table for time in row.times.values()]
    axis = _Axis(min(values), max(values))
    height = TOP + LINE * len(table) + BOTTOM
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
             f'aria-label="{escape(title)}"><style>{STYLE}</style><rect width="100%" height="100%" fill="#fff"/>',
             f'<text x="16" y="26" class="title">{escape(title)}: microseconds a sample (less is better)</text>',
             _legend(colours), axis.lines(TOP - 8, height - BOTTOM + 4)]
    parts += [_row(row, TOP + LINE * (index + 0.5), axis, colours) for index, row in enumerate(table)]
    return "".join([*parts, "</svg>\n"])


class _Axis:
    """A logarithmic axis over whole decades."""

    def __init__(self, low: float, high: float):
        self.low = floor(log10(low))
        self.high = max(ceil(log10(high)), self.low + 1)

    def x(self, value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (log10(value) - self.low) / (self.high - self.low)

    def lines(self, top: float, bottom: float) -> str:
        parts = []
        for decade in range(self.low, self.high + 1):
            for digit in range(1, 10 if decade < self.high else 2):
                x = self.x(digit * 10.0**decade)
                parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}" '
                             f'stroke="{"#bbb" if digit == 1 else "#eee"}"/>')
            parts.append(f'<text x="{self.x(10.0**decade):.1f}" y="{bottom + 18}" text-anchor="middle">'
                         f'{10.0**decade:g}</text>')
        return "".join(parts)


def _legend(colours: dict[str, str]) -> str:
    parts, x = [], 22
    for name, colour in colours.items():
        parts.append(f'<circle cx="{x}" cy="46" r="5" fill="{colour}"/><text x="{x + 10}" y="50">{escape(name)}</text>')
        x += 34 + 8 * len(name)
    return "".join(parts)


def _row(row: Row, y: float, axis: _Axis, colours: dict[str, str]) -> str:
    threads = f", {row.threads} threads" if row.threads else ""
    parts = [f'<text x="{LEFT - 12}" y="{y + 4:.1f}" text-anchor="end">'
             f'{escape(row.network)}, {row.batch}{threads}</text>']
    ends = [axis.x(time.median) for time in row.times.values()]
    parts.append(f'<line x1="{min(ends):.1f}" x2="{max(ends):.1f}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ccc"/>')
    for name, time in row.times.items():
        said = f"{name}: {time.median:.4g} (rounds from {time.low:.4g} to {time.high:.4g})"
        parts.append(f'<circle cx="{axis.x(time.median):.1f}" cy="{y:.1f}" r="{6 if name == OWN else 5}" '
                     f'fill="{colours[name]}"><title>{escape(said)}</title></circle>')
    if row.ratio is not None:
        kind, text = ("win", f"{row.ratio:.1f}x faster") if row.ratio >= 1 else ("loss", f"{1 / row.ratio:.1f}x slower")
        parts.append(f'<text x="{WIDTH - RIGHT + 14}" y="{y + 4:.1f}" class="{kind}">{text}</text>')
    return "".join(parts)
