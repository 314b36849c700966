"""The colours and type of every figure: one palette that colour-blind readers can tell apart, one family of type."""

from __future__ import annotations

from unicodedata import east_asian_width

import numpy as np

PAPER, INK, MUTED, LINE, SHADE = "#ffffff", "#17212d", "#5d6a79", "#d3dae3", "#f1f4f8"
BLACK, READABLE = "#000000", 4.5
"""The contrast that small text needs by WCAG 2 (AA), and the ink where no other of the palette has it."""
BLUE, ORANGE, GREEN, PURPLE, YELLOW = "#1f5fbf", "#cf5a12", "#1d8562", "#8a4fa3", "#e0a100"
SERIES = (BLUE, ORANGE, GREEN, PURPLE, MUTED)
CLASSES = (BLUE, ORANGE, GREEN, PURPLE, YELLOW, "#17212d", "#29a8c4", "#c2276b", "#8aa51c", "#7a4a32")
"""Ten colours; shapes tell apart what these do not."""
FONT = "'DejaVu Sans', Verdana, system-ui, sans-serif"

_NARROW, _WIDE = set("iljtfrI.,:;|'!()[] -"), set("mwMW%@—")
_HEAT = np.array([[0, 34, 78], [65, 77, 107], [124, 123, 120], [187, 175, 113], [254, 232, 56]], float)
_ABOVE, _BELOW = np.array([31.0, 95.0, 191.0]), np.array([207.0, 90.0, 18.0])


def text_width(text: str, size: float) -> float:
    """About how wide a line of text is, in pixels; never much too small.

    Example:
        >>> text_width("mm", 10) > text_width("ii", 10)
        True
    """
    units = sum(0.39 if letter in _NARROW else 0.98 if letter in _WIDE else 1.02 if east_asian_width(letter) in "WF"
                else 0.66 for letter in text)
    return units * size


def rgb(colour: str) -> tuple[int, int, int]:
    """The three numbers of "#rrggbb".

    Example:
        >>> rgb("#1f5fbf")
        (31, 95, 191)
    """
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def hexadecimal(colour) -> str:
    """Three numbers as "#rrggbb".

    Example:
        >>> hexadecimal((31, 95, 191))
        '#1f5fbf'
    """
    return "#" + "".join(f"{int(part):02x}" for part in colour)


def _finite(values) -> np.ndarray:
    """Numbers in float64, NaN as 0, infinity as the largest that the engine can hold."""
    largest = float(np.finfo(np.float32).max)
    return np.nan_to_num(np.asarray(values, np.float64), posinf=largest, neginf=-largest)


def signed(values, largest: float | None = None) -> np.ndarray:
    """Numbers as colours (..., 3), uint8: white at zero, blue above, orange below, full at `largest`.

    Example:
        >>> signed(np.array([0.0, 2.0, -2.0])).tolist()
        [[255, 255, 255], [31, 95, 191], [207, 90, 18]]
    """
    values = _finite(values)
    end = largest if largest and np.isfinite(largest) else np.abs(values).max(initial=0) or 1.0
    share = np.clip(values / end, -1, 1)[..., np.newaxis]
    return np.round(255 + (np.where(share > 0, _ABOVE, _BELOW) - 255) * np.abs(share)).astype(np.uint8)


def heat(values, low: float | None = None, high: float | None = None) -> np.ndarray:
    """Numbers as colours (..., 3), uint8: dark blue for the smallest, over grey to yellow for the largest.

    Example:
        >>> heat(np.array([0.0, 1.0])).tolist()
        [[0, 34, 78], [254, 232, 56]]
    """
    places = scaled(values, low, high) * (len(_HEAT) - 1)
    first = np.minimum(places.astype(int), len(_HEAT) - 2)
    share = (places - first)[..., np.newaxis]
    return np.round(_HEAT[first] * (1 - share) + _HEAT[first + 1] * share).astype(np.uint8)


def scaled(values, low: float | None = None, high: float | None = None) -> np.ndarray:
    """Numbers moved into 0..1 (by default their own range); all the same gives zeros."""
    values = _finite(values)
    low = values.min(initial=np.inf) if low is None else float(_finite(low))
    high = values.max(initial=-np.inf) if high is None else float(_finite(high))
    return np.clip((values - low) / (high - low), 0, 1) if high > low else np.zeros(values.shape)


def photograph(image) -> np.ndarray:
    """An image (height, width[, 1, 3 or other number of channels]) as colours (height, width, 3), uint8.

    Bytes are taken as they are, floats are scaled to their range; of other numbers of channels the mean is shown.
    """
    image = np.asarray(image)
    if image.ndim == 3 and image.shape[-1] not in (1, 3):
        image = image.mean(axis=-1, dtype=np.float64)
    if image.ndim == 2:
        image = image[..., np.newaxis]
    if image.dtype != np.uint8:
        image = np.round(scaled(image) * 255).astype(np.uint8)
    return np.broadcast_to(image, (*image.shape[:2], 3))


def readable_on(colour) -> str:
    """Ink or white, whichever is easier to read on a colour given as three numbers; black where neither is easy enough
    (a contrast of 4.5, as WCAG has it).

    Example:
        >>> readable_on((0, 34, 78)), readable_on((255, 255, 255))
        ('#ffffff', '#17212d')
    """
    on_ink, on_paper = contrast(colour, rgb(INK)), contrast(colour, rgb(PAPER))
    if max(on_ink, on_paper) < READABLE:
        return BLACK
    return INK if on_ink > on_paper else PAPER


def contrast(one, other) -> float:
    """The contrast of two colours given as three numbers each, from 1 to 21, by WCAG 2.

    Example:
        >>> round(contrast((0, 0, 0), (255, 255, 255)), 3)
        21.0
    """
    def light(colour) -> float:
        shares = (int(part) / 255 for part in colour)
        parts = [share / 12.92 if share <= 0.03928 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
    dark, bright = sorted((light(one), light(other)))
    return (bright + 0.05) / (dark + 0.05)
