"""The drawing of one number: input with its window, the window's numbers, the weights, the products, the result."""

from __future__ import annotations

import numpy as np

from striate.see import grid
from striate.see.canvas import Canvas
from striate.see.palette import BLUE, INK, LINE, MUTED, ORANGE, heat, photograph, signed

WIDTH = 1120
CHANNELS_SHOWN = 3
BARS_SHOWN = 14


def draw(number) -> Canvas:
    """The figure of a `Number`."""
    place = ", ".join(map(str, number.index))
    title = f"{number.layer}[{place}] = {grid.short(number.engine, 4)}"
    taps = [term.tap for term in number.terms]
    windowed = number.inputs.ndim in (2, 3) and len(taps) > 1 and all(len(tap) >= number.inputs.ndim - 1 > 0
                                                                      for tap in taps)
    note = f"{number.layer_type} of {number.model}: {_sentence(number)}"
    return _windows(number, title, note) if windowed and _extent(number) <= 16 else _bars(number, title, note)


def _extent(number) -> int:
    axes = number.inputs.ndim - 1
    return 1 + max(max(term.tap[:axes]) for term in number.terms)


def _sentence(number) -> str:
    count = f"{len(number.terms):,}"
    if number.kind == "max":
        return f"the largest of {count} numbers."
    if number.kind == "l2":
        return f"the root of the sum of {count} squares."
    after = "" if number.activation == "linear" else f", then {number.activation}"
    what = "numbers" if number.is_plain else "products and a bias" if number.has_bias else "products"
    said = f" {number.note}" if number.note else ""
    return f"{count} {what} are added{after}.{said} Blue is above zero, orange below."


def _planes(number) -> list[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
    """For each input channel (channel, values, weights, is there a tap), by the size of its contribution."""
    axes = number.inputs.ndim - 1
    extent = np.max([term.tap[:axes] for term in number.terms], axis=0) + 1
    shape = tuple(extent) if axes == 2 else (1, *extent)
    planes: dict[int, list[np.ndarray]] = {}
    for term in number.terms:
        channel = term.tap[axes] if len(term.tap) > axes else number.index[-1]
        values, weights, known = planes.setdefault(channel, [np.zeros(shape), np.zeros(shape), np.zeros(shape)])
        at = tuple(term.tap[:axes]) if axes == 2 else (0, *term.tap[:axes])
        values[at], weights[at], known[at] = term.value, term.weight, 1 if term.place is not None else 0.5
    ordered = sorted(planes.items(), key=lambda item: -abs(float((item[1][0] * item[1][1]).sum())))
    return [(channel, arrays[0], arrays[1], arrays[2]) for channel, arrays in ordered]


def _windows(number, title: str, note: str) -> Canvas:
    planes = _planes(number)
    shown = planes[:CHANNELS_SHOWN]
    rows, columns = shown[0][1].shape
    cell = min(54.0, 190 / columns, 210 / rows)
    block = rows * cell + 44
    top = grid.header_height(WIDTH, title, note)
    body = max(block * len(shown), 250 if number.inputs.ndim == 3 else 150)
    canvas = Canvas(WIDTH, top + body + 86, title)
    grid.header(canvas, title, note)
    _map(canvas, number, top + 14, shown[0][0])
    left, step = 322, columns * cell + 46
    plain_sum = number.kind == "sum"
    heads = ("input", "weights", "products") if plain_sum else ("input",)
    for row, (channel, values, weights, known) in enumerate(shown):
        y = top + 14 + row * block
        arrays = (values, weights, values * weights)
        for column, name in enumerate(heads):
            x = left + column * step
            caption = f"{name}, channel {channel}" if column == 0 and len(planes) > 1 else name
            canvas.text(x, y - 5, caption, grid.SMALL_SIZE, MUTED)
            colours = heat(arrays[0]) if column == 0 and (arrays[0] >= 0).all() else signed(arrays[column])
            grid.numbers(canvas, x, y, arrays[column], cell, colours, 2 if np.abs(arrays[column]).max() < 1 else 3)
            if column == 0:
                _mark(canvas, number, x, y, values, known, cell)
            else:
                sign = "×" if column == 1 else "="
                canvas.text(x - 23, y + rows * cell / 2 + 8, sign, 22, INK, "middle")
        if plain_sum:
            canvas.text(left + 3 * step - 28, y + rows * cell / 2 + 6,
                        f"Σ = {grid.short(float(arrays[2].sum()), 3)}", 15, INK, bold=True)
    _ending(canvas, number, left, top + body + 34, len(planes) - len(shown))
    return canvas


def _mark(canvas, number, x, y, values, known, cell) -> None:
    """Padding is crossed out; the largest of a max pooling is outlined."""
    for row, column in np.argwhere(known == 0.5):
        left, top = x + column * cell, y + row * cell
        canvas.path([(left, top), (left + cell, top + cell)], LINE, 1)
    if number.kind == "max":
        masked = np.where(known > 0, values, -np.inf)
        row, column = np.unravel_index(int(masked.argmax()), masked.shape)
        grid.box(canvas, x + column * cell, y + row * cell, cell, cell, ORANGE)


def _map(canvas: Canvas, number, y: float, channel: int) -> None:
    """The layer's input, and where in it the window lies."""
    x = number.inputs[..., channel] if number.inputs.ndim == 3 else number.inputs[:, channel][np.newaxis]
    side = 230.0
    zoom = side / max(x.shape)
    height = max(x.shape[0] * zoom, 26 if x.shape[0] == 1 else 0)
    canvas.text(grid.MARGIN, y - 5, f"input of the layer, channel {channel}", grid.SMALL_SIZE, MUTED)
    canvas.picture(grid.MARGIN, y, x.shape[1] * zoom, height, photograph(x))
    canvas.rectangle(grid.MARGIN, y, x.shape[1] * zoom, height, line=LINE)
    places = np.array([term.place[:-1] for term in number.terms if term.place is not None])
    if len(places):
        first, last = places.min(axis=0), places.max(axis=0) + 1
        if number.inputs.ndim == 2:
            grid.box(canvas, grid.MARGIN + first[0] * zoom, y, (last[0] - first[0]) * zoom, height)
        else:
            grid.box(canvas, grid.MARGIN + first[1] * zoom, y + first[0] * zoom, (last[1] - first[1]) * zoom,
                     (last[0] - first[0]) * zoom)


def _ending(canvas: Canvas, number, x: float, y: float, left_out: int) -> None:
    if left_out > 0:
        canvas.text(x, y - 14, f"and {left_out:,} more input channels, which contribute less", grid.SMALL_SIZE, MUTED)
    if number.kind != "sum":
        name = "largest" if number.kind == "max" else "root of the sum of squares"
        canvas.text(x, y + 16, f"{name}:  {grid.short(number.value, 4)}", 20, BLUE, bold=True)
        return
    text = grid.short(number.total, 4)
    if number.has_bias:
        sign = "−" if number.bias < 0 else "+"
        text = f"{grid.short(number.total - number.bias, 4)} {sign} bias {grid.short(abs(number.bias), 4)} = {text}"
    if number.activation != "linear":
        text += f"   →   {number.activation}   →   {grid.short(number.value, 4)}"
    canvas.text(x, y + 16, text, 20, BLUE, bold=True)


def _bars(number, title: str, note: str) -> Canvas:
    """The largest contributions of a long sum."""
    terms = sorted(number.terms, key=lambda term: -abs(term.product))
    shown, rest = terms[:BARS_SHOWN], terms[BARS_SHOWN:]
    factors = ["" if number.is_plain else f"   {grid.short(t.value)} × {grid.short(t.weight)}" for t in shown]
    rows = [(f"{list(term.place) if term.place else 'padding'}{text}", term.product)
            for term, text in zip(shown, factors, strict=True)]
    if rest:
        rows.append((f"{len(rest):,} others", sum(term.product for term in rest)))
    if number.kind == "sum" and number.bias:
        rows.append(("bias", number.bias))
    top = grid.header_height(WIDTH, title, note)
    canvas = Canvas(WIDTH, top + 27 * len(rows) + 70, title)
    grid.header(canvas, title, note)
    largest = max(abs(value) for _, value in rows) or 1.0
    middle, room = 640.0, 300.0
    for index, (name, value) in enumerate(rows):
        y, length = top + 27 * index, abs(value) / largest * room
        canvas.text(middle - room - 20, y + 15, name, 14, INK, "end")
        canvas.rectangle(middle if value > 0 else middle - length, y, max(length, 0.5), 19,
                         fill=BLUE if value > 0 else ORANGE)
        canvas.text(middle + length + 8 if value > 0 else middle + 8, y + 15, grid.short(value, 4), 13, MUTED)
    canvas.path([(middle, top - 4), (middle, top + 27 * len(rows))], LINE, 1.5)
    _ending(canvas, number, grid.MARGIN, top + 27 * len(rows) + 20, 0)
    return canvas
