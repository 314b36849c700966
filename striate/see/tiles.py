"""One sample of any kind as a small picture."""

from __future__ import annotations

import numpy as np

from striate.see.canvas import Canvas
from striate.see.palette import BLUE, LINE, ORANGE, SERIES, heat, photograph


def tile_of(sample: np.ndarray, side: int = 120) -> np.ndarray:
    """One sample as a square of colours: an image as it is; a line (length, channels) as curves, one a channel, or as
    rows of cells where it holds zeros and ones; any other vector as bars."""
    sample = np.asarray(sample)
    if sample.ndim >= 3:
        return photograph(sample if sample.ndim == 3 else sample[sample.shape[0] // 2])
    if sample.ndim == 2 and min(sample.shape) > 4:
        return photograph(sample)
    if sample.ndim == 1:
        return _bars(sample.astype(np.float64), side)
    line = sample
    if line.shape[1] > 1 and np.isin(line, (0, 1)).all():
        shown = heat(line.T.astype(np.float64), 0, 1)
        return np.repeat(shown, max(1, line.shape[0] // line.shape[1]), axis=0)
    return _curves(line, side)


def _curves(line: np.ndarray, side: int) -> np.ndarray:
    canvas = Canvas(side, side)
    curves(canvas, 4, 4, side - 8, side - 8, line)
    return np.asarray(canvas.image(2.0))


def _bars(vector: np.ndarray, side: int) -> np.ndarray:
    canvas, largest = Canvas(side, side), float(np.abs(vector).max()) or 1.0
    each, middle = (side - 8) / len(vector), side / 2 if vector.min() < 0 else side - 4
    for place, value in enumerate(vector.tolist()):
        height = (side / 2 - 4 if vector.min() < 0 else side - 8) * abs(value) / largest
        canvas.rectangle(4 + place * each, middle - height if value > 0 else middle, max(each - 1, 0.5), height,
                         fill=BLUE if value > 0 else ORANGE)
    return np.asarray(canvas.image(2.0))


def curves(canvas: Canvas, x: float, y: float, width: float, height: float, line: np.ndarray) -> None:
    """Draws a line (length, channels) as curves, one a channel (the first five), on one scale."""
    low, high = float(line.min()), float(line.max())
    span = (high - low) or 1.0
    if low < 0 < high:
        zero = y + height * high / span
        canvas.path([(x, zero), (x + width, zero)], LINE, 1)
    for channel in range(min(line.shape[1], len(SERIES))):
        canvas.path([(x + width * (i + 0.5) / len(line), y + height * (high - float(value)) / span)
                     for i, value in enumerate(line[:, channel])], SERIES[channel], 1.6)


def strip(canvas: Canvas, x: float, y: float, width: float, height: float, line: np.ndarray) -> None:
    """Draws a line (length, channels) over the whole width: curves, or rows of cells for zeros and ones."""
    if line.shape[1] > 1 and np.isin(line, (0, 1)).all():
        canvas.picture(x, y, width, height, heat(line.T.astype(np.float64), 0, 1))
    else:
        curves(canvas, x, y + 2, width, height - 4, line)
    canvas.rectangle(x, y, width, height, line=LINE, thickness=0.8)
