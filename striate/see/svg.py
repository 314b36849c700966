"""Drawings as SVG text: curves over epochs and a confusion matrix. No plotting library, no script, no outside file.

Colours are the CSS variables of the page that holds the drawing (`--ink`, `--muted`, `--line`, `--accent`, `--second`,
`--card`), so that one drawing serves the light page, the dark page and the printer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, floor, isfinite, log10

import numpy as np

from striate.errors import ShapeError, received

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 54, 104, 14, 38
LABEL_GAP = 15
"""Least distance of two labels at the ends of curves, in pixels."""
COLOURS = ("var(--second)", "var(--accent)", "var(--third)", "var(--muted)")


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About `count` round numbers that cover low..high: multiples of 1, 2 or 5 times a power of ten.

    Example:
        >>> ticks(0.13, 0.88)
        [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    if high <= low:
        high = low + (abs(low) or 1.0) * 0.1
    raw = (high - low) / count
    power = 10.0 ** floor(log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


class _Scale:
    """Maps epochs and values to pixels of one chart."""

    def __init__(self, epochs: int, marks: Sequence[float]):
        self.epochs, self.low, self.high = epochs, marks[0], marks[-1]

    def x(self, epoch: int) -> float:
        inner = WIDTH - LEFT - RIGHT
        return LEFT + (inner / 2 if self.epochs == 1 else inner * (epoch - 1) / (self.epochs - 1))

    def y(self, value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (self.high - value) / (self.high - self.low)


def _curve(values: Sequence[float], scale: _Scale, colour: str, dotted: bool) -> str:
    """One curve; it breaks where a value is not finite."""
    points = [(scale.x(epoch), scale.y(value)) if isfinite(value) else None for epoch, value in enumerate(values, 1)]
    path, pen_down = "", False
    for point in points:
        if point is not None:
            path += f"{'L' if pen_down else 'M'}{point[0]:.1f} {point[1]:.1f}"
        pen_down = point is not None
    dash = ' stroke-dasharray="5 4"' if dotted else ""
    parts = [f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"{dash}/>']
    if len(values) <= 30:
        parts += [f'<circle cx="{p[0]:.1f}" cy="{p[1]:.1f}" r="2.6" fill="{colour}"/>' for p in points if p is not None]
    return "".join(parts)


def _axes(scale: _Scale, marks: Sequence[float], form: str) -> str:
    parts = []
    for mark in marks:
        y = scale.y(mark)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="var(--line)"/>'
                     f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{form.format(mark)}</text>')
    every = max(1, ceil(scale.epochs / 10))
    for epoch in range(1, scale.epochs + 1):
        if epoch == 1 or epoch % every == 0:
            parts.append(f'<text x="{scale.x(epoch):.1f}" y="{HEIGHT - BOTTOM + 18}" '
                         f'text-anchor="middle">{epoch}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 4}" text-anchor="middle">epoch</text>')
    return "".join(parts)


def _end_labels(series: Mapping[str, Sequence[float]], scale: _Scale) -> str:
    """The names of the curves at their right ends, pushed apart where they would overlap."""
    ends = []
    for index, (name, values) in enumerate(series.items()):
        last = next((value for value in reversed(values) if isfinite(value)), None)
        if last is not None:
            ends.append((scale.y(last), name, COLOURS[index % len(COLOURS)]))
    parts, before = [], float(-LABEL_GAP)
    for y, name, colour in sorted(ends):
        y = max(y, before + LABEL_GAP)
        before = y
        parts.append(f'<text x="{WIDTH - RIGHT + 10}" y="{y + 4:.1f}" fill="{colour}" '
                     f'style="fill:{colour};font-weight:600">{escape(name)}</text>')
    return "".join(parts)


def _hover(series: Mapping[str, Sequence[float]], scale: _Scale, form: str) -> str:
    """Invisible strips that say an epoch's numbers when pointed at."""
    width = (WIDTH - LEFT - RIGHT) / max(1, scale.epochs - 1)
    parts = []
    for epoch in range(1, scale.epochs + 1):
        said = ", ".join(f"{name} {form.format(values[epoch - 1])}"
                         for name, values in series.items() if epoch <= len(values))
        parts.append(f'<rect x="{scale.x(epoch) - width / 2:.1f}" y="{TOP}" width="{width:.1f}" '
                     f'height="{HEIGHT - TOP - BOTTOM}" fill="transparent">'
                     f'<title>epoch {epoch}: {escape(said)}</title></rect>')
    return "".join(parts)


def line_chart(title: str, series: Mapping[str, Sequence[float]], best: int | None = None, form: str = "{:.3f}") -> str:
    """Curves over epochs 1, 2, ... as one `<svg>`; `best` is the epoch to mark, `form` how a value is written.

    Example:
        >>> line_chart("loss", {"training": [0.9, 0.5]}).startswith("<svg")
        True
    """
    values = [value for curve in series.values() for value in curve if isfinite(value)]
    if not values:
        return f'<p class="note">No finite value of {escape(title)} was recorded.</p>'
    marks = ticks(min(values), max(values))
    scale = _Scale(max(len(curve) for curve in series.values()), marks)
    short = form if "%" not in form else "{:.0%}" if marks[1] - marks[0] >= 0.01 else form
    parts = [f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
             f'aria-label="{escape(title)} by epoch">', _axes(scale, marks, short.replace(".3f", ".4g"))]
    if best is not None:
        x = scale.x(best)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="var(--muted)" '
                     'stroke-dasharray="2 3"/>')
        side, shift = ("end", -4) if x > WIDTH / 2 else ("start", 4)
        heights = [scale.y(curve[best - 1]) for curve in series.values() if len(curve) >= best]
        above = [y for y in heights if isfinite(y) and y < HEIGHT / 2]
        y = HEIGHT - BOTTOM - 6 if len(above) * 2 > len(heights) else TOP + 11  # Where the curves are not.
        parts.append(f'<text x="{x + shift:.1f}" y="{y}" text-anchor="{side}">best</text>')
    for index, curve in enumerate(series.values()):
        parts.append(_curve(curve, scale, COLOURS[index % len(COLOURS)], dotted=index == 0 and len(series) > 1))
    return "".join([*parts, _end_labels(series, scale), _hover(series, scale, form), "</svg>"])


def _cell(count: int, total: int, place: tuple[float, float, float], right: bool, said: str) -> str:
    """One cell: shade by the share of its row; mistakes are shaded four times as strongly, to be seen at all."""
    share = count / total if total else 0.0
    strength = min(1.0, share if right else 4 * share)
    colour, (x, y, size) = "var(--accent)" if right else "var(--second)", place
    text = ""
    if count:
        ink = "var(--card)" if strength > 0.55 else "var(--ink)"
        text = f'<text x="{x + size / 2:.1f}" y="{y + size / 2 + 4:.1f}" text-anchor="middle" ' \
               f'style="fill:{ink}">{count:,}</text>'
    return (f'<g><title>{escape(said)}</title><rect x="{x:.1f}" y="{y:.1f}" width="{size - 2:.1f}" '
            f'height="{size - 2:.1f}" rx="3" fill="var(--line)" fill-opacity="0.35"/>'
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{size - 2:.1f}" height="{size - 2:.1f}" rx="3" fill="{colour}" '
            f'fill-opacity="{strength:.3f}"/>{text}</g>')


def confusion_matrix(counts: np.ndarray, names: Sequence[str]) -> str:
    """A confusion matrix as one `<svg>`: row = true class, column = predicted class.

    counts: integers, shape (classes, classes).

    Raises:
        ShapeError: `counts` is not square or `names` has another length.

    Example:
        >>> confusion_matrix(np.array([[5, 1], [0, 4]]), ["cat", "dog"]).count("<rect")
        8
    """
    counts = np.asarray(counts)
    if counts.shape != (len(names), len(names)):
        raise ShapeError("A confusion matrix has one row and one column a class. "
                         + received(shape=counts.shape, classes=len(names)))
    size = 46.0 if len(names) <= 12 else max(16.0, 560 / len(names))
    longest = max(14, *map(len, names))
    left, top = 8 + 6.6 * longest, 26 + 4.8 * longest
    side = size * len(names)
    parts = [f'<svg class="matrix" viewBox="0 0 {left + side + 40:.0f} {top + side + 8:.0f}" role="img" '
             f'style="max-width:{left + side + 40:.0f}px" aria-label="confusion matrix">',
             f'<text x="{left - 8:.1f}" y="{top - 10:.1f}" text-anchor="end" class="axis">true ↓ &#160; said →</text>']
    for row, name in enumerate(names):
        middle = top + size * row + size / 2
        parts.append(f'<text x="{left - 8:.1f}" y="{middle + 4:.1f}" text-anchor="end">{escape(name)}</text>')
        x = left + size * row + size / 2
        parts.append(f'<text transform="translate({x:.1f} {top - 8:.1f}) rotate(-40)">{escape(name)}</text>')
        total = int(counts[row].sum())
        for column, guess in enumerate(names):
            said = f"{counts[row, column]} of {total} {name} were called {guess}"
            place = left + size * column, top + size * row, size
            parts.append(_cell(int(counts[row, column]), total, place, row == column, said))
    return "".join([*parts, "</svg>"])
