"""Small pieces that many figures are made of: grids of numbers, titles, legends, maps side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from striate.see.canvas import Canvas, wrapped
from striate.see.palette import BLUE, INK, LINE, MUTED, heat, hexadecimal, photograph, readable_on, signed, text_width

MARGIN = 24
TITLE_SIZE, TEXT_SIZE, SMALL_SIZE = 21, 15, 13
LEAST_SIZE = 10.5
"""Of names: what is smaller nobody reads from the back of a lecture hall."""
BOLDER = 1.06
"""How much wider bold text is."""


def short(value: float, digits: int = 3) -> str:
    """A number as briefly as a figure needs it.

    Example:
        >>> short(0.12345), short(-3.0), short(12345.678), short(0.0000123)
        ('0.123', '-3', '12,346', '1.23e-05')
    """
    value = float(value)
    if value != value or value in (float("inf"), float("-inf")):
        return str(value)
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value):,}"
    if abs(value) >= 1000:
        return f"{value:,.0f}" if abs(value) < 1e9 else f"{value:.3g}"
    if abs(value) < 10 ** -digits:
        return f"{value:.{digits}g}" if value else "0"
    return f"{value:.{digits}g}" if abs(value) >= 100 else f"{value:.{digits}f}".rstrip("0").rstrip(".")


def uniform(values: np.ndarray, digits: int = 2) -> list[list[str]]:
    """A grid of numbers as text, all with as many decimals: enough for `digits` significant ones of the largest.

    Example:
        >>> uniform(np.array([[0.5, 0.25], [1.0, 2.0]]))
        [['0.5', '0.2'], ['1.0', '2.0']]
    """
    values = np.asarray(values, np.float64)
    if not np.isfinite(values).all() or (values == np.round(values)).all() or np.abs(values).max() >= 1e4:
        return [[short(value, digits) for value in row] for row in values]
    decimals = int(np.clip(digits - 1 - np.floor(np.log10(np.abs(values).max())), 0, 6))
    return [[f"{round(float(value), decimals) + 0.0:.{decimals}f}" for value in row] for row in values]


def header(canvas: Canvas, title: str, note: str = "", y: float = MARGIN) -> float:
    """Writes a title and, below it, a note broken into lines; gives the y where the drawing may begin."""
    room = canvas.width - 2 * MARGIN
    for line in wrapped(title, room, TITLE_SIZE * BOLDER):
        y += TITLE_SIZE
        canvas.text(MARGIN, y, line, fitting(line, room / BOLDER, TITLE_SIZE), INK, bold=True)
        y += 6
    for line in wrapped(note, room, TEXT_SIZE):
        y += TEXT_SIZE + 5
        canvas.text(MARGIN, y, line, fitting(line, room, TEXT_SIZE), MUTED)
    return y + 36


def fitting(text: str, room: float, size: float) -> float:
    """The size at which a line of text fits into `room`, at most `size`: for names that may be long.

    Example:
        >>> fitting("short", 500, 15), fitting("a_name_of_forty_letters_" * 4, 500, 15) < 10
        (15, True)
    """
    return min(size, room / max(text_width(text, 1.0), 0.1))


def elided(text: str, room: float, size: float) -> str:
    """A line of text without its middle where the whole does not fit: names often differ at their ends.

    Example:
        >>> elided("block_3_branch_2_convolution_b", 90, 10)
        'block_3…tion_b'
    """
    short = text
    for keep in range(len(text) - 1, 1, -1):
        if text_width(short, size) <= room:
            break
        short = f"{text[:keep - keep // 2]}…{text[len(text) - keep // 2:]}"
    return short


def label(canvas: Canvas, place: tuple[float, float], text: str, room: float, size: float, colour: str = INK,
          anchor: str = "start", bold: bool = False) -> None:
    """Writes a name that may be long into `room`: smaller, and where that would be too small without its middle."""
    room = room / BOLDER if bold else room
    size = max(fitting(text, room, size), min(size, LEAST_SIZE))
    canvas.text(*place, elided(text, room, size), size, colour, anchor, bold)


def header_height(width: float, title: str, note: str = "") -> float:
    """How much `header` needs."""
    return header(Canvas(width, 0), title, note)


def numbers(canvas: Canvas, x: float, y: float, values, cell: float, colours: np.ndarray, digits: int = 2,
            visible: np.ndarray | None = None) -> None:
    """A grid of numbers (rows, columns) on coloured cells; the numbers are left out where they would not fit.

    visible: (rows, columns), which cells are shown; the others stay as what lies below them. All when left out.
    """
    values = np.atleast_2d(np.asarray(values))
    height, width = values.shape
    if visible is None:
        canvas.picture(x, y, width * cell, height * cell, colours)
        visible = np.ones(values.shape, bool)
    else:
        for row, column in np.argwhere(visible):
            canvas.rectangle(x + column * cell, y + row * cell, cell, cell, fill=hexadecimal(colours[row, column]))
    texts = uniform(values, digits)
    longest = max((text_width(text, 1.0) for row in texts for text in row), default=1.0)
    size = min(cell * 0.48, (cell - 4) / max(longest, 0.1))
    if size >= 7.5:
        for row, column in np.argwhere(visible):
            canvas.text(x + (column + 0.5) * cell, y + (row + 0.5) * cell + size * 0.36, texts[row][column], size,
                        readable_on(colours[row, column]), "middle")
    lines(canvas, x, y, height, width, cell)


def lines(canvas: Canvas, x: float, y: float, rows: int, columns: int, cell: float, colour: str = LINE) -> None:
    """The lines of a grid."""
    if cell < 6:
        canvas.rectangle(x, y, columns * cell, rows * cell, line=colour)
        return
    for row in range(rows + 1):
        canvas.path([(x, y + row * cell), (x + columns * cell, y + row * cell)], colour, 0.8)
    for column in range(columns + 1):
        canvas.path([(x + column * cell, y), (x + column * cell, y + rows * cell)], colour, 0.8)


def as_image(values: np.ndarray) -> np.ndarray:
    """A line or an image of numbers as (rows, columns); of a volume the slice in the middle."""
    values = np.asarray(values)
    return values[np.newaxis] if values.ndim == 1 else values[len(values) // 2] if values.ndim == 3 else values


def slice_said(sample: np.ndarray, at: int | None = None, why: str = "in the middle") -> str:
    """Which slice of a volume (depth, height, width, channels) is drawn; nothing of other samples.

    Example:
        >>> slice_said(np.zeros((8, 4, 4, 1))), slice_said(np.zeros((4, 4, 1)))
        (' Drawn is slice 4 of 0 to 7, in the middle.', '')
    """
    if sample.ndim != 4:
        return ""
    return f" Drawn is slice {len(sample) // 2 if at is None else at} of 0 to {len(sample) - 1}, {why}."


def cells_of(shape: Sequence[int], room: float, largest: float = 46.0) -> float:
    """The size of a cell so that `shape` cells fill at most `room` units each way."""
    return min(largest, room / max(shape))


def overlay(image: np.ndarray, mask: np.ndarray, strength: float = 0.62) -> np.ndarray:
    """An image (height, width, 3) with a map (height, width) laid over it in colours, stronger where it is larger."""
    mask = np.nan_to_num(mask)
    share = mask / (mask.max(initial=0) or 1.0)
    alpha = (strength * np.sqrt(np.clip(share, 0, 1)))[..., np.newaxis]
    grey = image.astype(np.float64).mean(axis=-1, keepdims=True)
    return np.round(grey * (1 - alpha) + heat(share, 0, 1) * alpha).astype(np.uint8)


def gallery(canvas: Canvas, x: float, y: float, tiles: Sequence[tuple[np.ndarray, str]], side: float, columns: int,
            gap: float = 10) -> float:
    """Pictures (colours, caption) in rows; the lines of a caption are divided by line breaks. Gives the y below."""
    count = max((caption.count("\n") + 1 if caption else 0 for _, caption in tiles), default=0)
    # Where all pictures are wide, rows are no higher than they need to be.
    tallest = side * max((min(1.0, pixels.shape[0] / pixels.shape[1]) for pixels, _ in tiles), default=1.0)
    step = tallest + gap + count * (SMALL_SIZE + 4)
    for index, (pixels, caption) in enumerate(tiles):
        left, top = x + index % columns * (side + gap), y + index // columns * step
        height, width = pixels.shape[:2]
        zoom = side / max(height, width)
        canvas.picture(left, top, width * zoom, height * zoom, pixels)
        canvas.rectangle(left, top, width * zoom, height * zoom, line=LINE, thickness=0.8)
        for row, line in enumerate(caption.split("\n") if caption else ()):
            label(canvas, (left, top + tallest + (row + 1) * (SMALL_SIZE + 3)), line, side + gap - 4, SMALL_SIZE,
                  MUTED if row else INK)
    return y + -(-len(tiles) // columns) * step


def scale_bar(canvas: Canvas, x: float, y: float, largest: float, width: float = 180) -> None:
    """The legend of signed colours."""
    canvas.picture(x, y, width, 12, signed(np.linspace(-1, 1, 61))[np.newaxis])
    canvas.rectangle(x, y, width, 12, line=LINE, thickness=0.8)
    for place, value in ((0, -largest), (0.5, 0.0), (1, largest)):
        canvas.text(x + place * width, y + 28, short(value), SMALL_SIZE, MUTED, "middle")


def box(canvas: Canvas, x: float, y: float, width: float, height: float, colour: str = BLUE, thickness=3.0) -> None:
    """An outline that marks something; white around it, so that it is seen on any ground."""
    canvas.rectangle(x, y, width, height, line="#ffffff", thickness=thickness + 2)
    canvas.rectangle(x, y, width, height, line=colour, thickness=thickness)


def picture_of(x: np.ndarray) -> np.ndarray:
    """One sample (height, width, channels), the middle slice of a volume, or a line (length, channels), which is one
    row, as colours."""
    if x.ndim == 4:
        x = x[len(x) // 2]
    return photograph(x.mean(axis=-1, dtype=np.float64)[np.newaxis] if x.ndim == 2 else x)
