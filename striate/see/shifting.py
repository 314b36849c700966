"""The invariance lab: shift the input, and see how far each layer's output shifts with it, or stays as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from striate.errors import ArgumentError, received
from striate.see import arguments, grid, probe
from striate.see.canvas import Canvas
from striate.see.fields import field_of
from striate.see.geometry import channels_last
from striate.see.palette import BLUE, LINE, MUTED, ORANGE, heat, signed
from striate.see.result import Result, aligned

WIDTH = 1060.0
EQUAL = 1e-4
"""Numbers closer than this share of a layer's largest count as the same."""


@dataclass(frozen=True)
class LayerShift:
    """One layer under a shift of the input.

    equivariance: share of the numbers, border left out, that the shifted input's output has at the shifted place; None
    where the shift is no whole number of the layer's steps. unchanged: share of the numbers that stay as they were.
    """

    name: str
    kind: str
    step: tuple[int, ...]
    equivariance: float | None
    unchanged: float


@dataclass(frozen=True)
class Invariance(Result):
    """What a shift of the input does to every layer."""

    model: str
    shift: tuple[int, ...]
    layers: tuple[LayerShift, ...]
    image: np.ndarray
    shifted: np.ndarray
    maps: tuple[tuple[str, np.ndarray, np.ndarray], ...]

    def data(self) -> dict[str, Any]:
        """The shares, layer by layer."""
        return {"model": self.model, "shift": self.shift, "layers": [vars(layer) for layer in self.layers]}

    def __str__(self) -> str:
        rows = [[layer.name, " x ".join(map(str, layer.step)) or "-", _percent(layer.equivariance),
                 f"{layer.unchanged:.0%}"] for layer in self.layers]
        return "\n".join([
            f"{self.model}: the input is shifted by {_said(self.shift)}", "",
            aligned(rows, ["layer", "step", "moves with the input", "stays the same"]), "",
            '"moves with the input": equivariance, border left out ("-": the shift is no multiple of the step).',
            '"stays the same": invariance; numbers that were and are zero count too.'])

    def figure(self) -> Canvas:
        """Input, two maps before and after, and bars for every layer."""
        title = f"{self.model}: the input is shifted by {_said(self.shift)}"
        note = "Blue: share of numbers that move along with the input (equivariance). Orange: share that stay as " \
               "they are (invariance)." + grid.slice_said(self.image)
        top = grid.header_height(WIDTH, title, note)
        canvas = Canvas(WIDTH, 10, title)
        grid.header(canvas, title, note)
        tiles = [(grid.picture_of(self.image), "input"), (grid.picture_of(self.shifted), "shifted")]
        for name, before, after in self.maps:
            difference = after - before
            tiles += [(heat(before), name), (heat(after), "after"), (signed(difference), "difference")]
        if self.image.ndim > 2:
            top = grid.gallery(canvas, grid.MARGIN, top, tiles, (WIDTH - 2 * grid.MARGIN) / 8 - 10, 8) + 14
        for row, layer in enumerate(self.layers):
            y = top + 46 * row
            grid.label(canvas, (250, y + 24), layer.name, 230, 15, anchor="end")
            for offset, share, colour in ((0, layer.equivariance, BLUE), (18, layer.unchanged, ORANGE)):
                canvas.rectangle(270, y + offset, 620, 15, line=LINE, thickness=0.8)
                if share is not None:
                    canvas.rectangle(270, y + offset, 620 * share, 15, fill=colour)
                text = "no whole step" if share is None and layer.step else _percent(share)
                canvas.text(900, y + offset + 13, text, 13, MUTED)
        canvas.height = top + 46 * len(self.layers) + 16
        return canvas


def _said(shift: tuple[int, ...]) -> str:
    """A shift in words."""
    if len(shift) != 2:
        return f"{', '.join(map(str, shift))} place{'s' * (shift not in ((1,), (-1,)))}"
    parts = [f"{abs(by)} {word}{'s' * (abs(by) != 1)} {way[by < 0]}" for by, word, way in
             zip(shift, ("row", "column"), (("down", "up"), ("to the right", "to the left")), strict=True) if by]
    return " and ".join(parts) or "nothing"


def _step(model, layer) -> tuple[int, ...]:
    """How many input elements lie between two neighbours of a layer's output; () where there is no such number."""
    try:
        return tuple(step for _, step, _ in field_of(model, layer))
    except ArgumentError:
        return ()


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def invariance(model, x, shift=1) -> Invariance:
    """Shifts an input and measures how each layer answers.

    Args:
        model: a model with a graph and one input with places.
        x: one input (of a batch the first).
        shift: elements to the right, or one number for each axis (down, right); what comes in is the edge repeated.

    Returns:
        An `Invariance`: prints a table, draws maps before and after.

    Raises:
        ArgumentError: the shift does not fit the input.

    Example:
        see.invariance(model, image, shift=(0, 1)).save("shift.png")
    """
    probe.need_places(model, "Shifts")
    x = probe.pictures(model, probe.batch(model, x)[:1])
    axes = x.ndim - 2
    given = np.atleast_1d(arguments.numbers(shift, "shift"))
    amounts = (*(0,) * (given.size == 1 and np.ndim(shift) == 0 and axes - 1), *given.tolist())
    fits = given.ndim == 1 and given.dtype.kind in "iu" and len(amounts) == axes
    if not fits or any(abs(s) >= n for s, n in zip(amounts, x.shape[1:-1], strict=False)):
        raise ArgumentError(f"`shift` is one number, or one for each of {axes} axes, smaller than the input. "
                            + received(shift=shift, input=x.shape[1:-1]))
    moved = moved_by(x, amounts)
    layers: list[LayerShift] = []
    maps: list[tuple[str, np.ndarray, np.ndarray]] = []
    for before, after in zip(*(probe.taps(model, probe.taken(model, one)) for one in (x, moved)), strict=True):
        layer = before.layer
        one, two = (_whole(channels_last(tap, probe.arrays(tap.output)[0])[0]) for tap in (before, after))
        step = _step(model, before.name) if one.ndim == axes + 1 else ()
        limit = EQUAL * float(max(np.abs(one).max(initial=0), np.abs(two).max(initial=0)))
        layers.append(LayerShift(before.name, type(layer).__name__, step, _equivariance(one, two, step, amounts, limit),
                                 float((np.abs(one - two) <= limit).mean())))
        if one.ndim in (3, 4) and len(maps) < 2 and type(layer).__name__.startswith(("Conv", "Max", "Average")):
            busiest = int(np.abs(one).reshape(-1, one.shape[-1]).mean(axis=0, dtype=np.float64).argmax())
            maps.append((before.name, *(grid.as_image(array[..., busiest]) for array in (one, two))))
    return Invariance(model.name, amounts, tuple(layers), x[0], moved[0], tuple(maps))


def _whole(array: np.ndarray) -> np.ndarray:
    """float64, in which no difference of two float32 is too large; infinity as the largest of these, NaN as it is."""
    largest = float(np.finfo(np.float32).max)
    return np.nan_to_num(array.astype(np.float64), nan=np.nan, posinf=largest, neginf=-largest)


def moved_by(x: np.ndarray, amounts: tuple[int, ...]) -> np.ndarray:
    """A batch moved along its places; the edge is repeated into the gap.

    Example:
        >>> moved_by(np.arange(4.0).reshape(1, 4, 1), (1,)).ravel().tolist()
        [0.0, 0.0, 1.0, 2.0]
    """
    for axis, amount in enumerate(amounts, 1):
        places = np.clip(np.arange(x.shape[axis]) - amount, 0, x.shape[axis] - 1)
        x = np.take(x, places, axis)
    return x


def _equivariance(one, two, step, amounts, limit: float) -> float | None:
    """Share of equal numbers after moving `one` by the shift, the border left out."""
    if not step or any(amount % s for amount, s in zip(amounts, step, strict=True)):
        return None
    inner_one, inner_two = [], []
    for n, amount, s in zip(one.shape, amounts, step, strict=False):
        by = amount // s
        edge = min(max(2, abs(by) + 1), max((n - abs(by) - 1) // 2, 0)) if n > 2 else 0
        low, high = edge + max(by, 0), n - edge + min(by, 0)
        inner_two.append(slice(low, high))
        inner_one.append(slice(low - by, high - by))
    a, b = one[tuple(inner_one)], two[tuple(inner_two)]
    return float((np.abs(a - b) <= limit).mean()) if a.size else None
