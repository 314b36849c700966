"""How a user's own pictures are trained on when nobody says how: image size, colours, network, epochs; and why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from striate.datasets.pictures import Preparation
from striate.datasets.survey import Survey
from striate.zoo import Recipe

SIDES = (32, 48, 64, 96, 128)
SAME_SHAPE = 0.05
"""Ratios of height to width that differ by less count as the same."""
LARGEST_OWN = 160
SMALLEST = 16
VISIBLE = 0.01
"""A deep picture whose values span less than this share of the folder's would be all one grey."""
DARK = 1 / 16
"""A 16-bit picture without a value beyond this share of the range is nearly black: 12 bits among 16, for example."""
PATIENCE = 12
EPOCHS = 60

OWN_PICTURES = Recipe(
    title="The user's own pictures",
    source="striate",
    optimizer="Adam",
    learning_rate=0.002,
    loss="SparseCategoricalCrossentropy",
    epochs=EPOCHS,
    batch_size=32,
    inputs="bytes from 0 to 255, as the run's preparation makes them",
)
"""How such pictures are trained on; training ends when the validation loss has not improved for `PATIENCE` epochs."""


@dataclass(frozen=True)
class Choice:
    """What was decided, and `reasons`: a sentence for each decision."""

    preparation: Preparation
    model: str
    reasons: tuple[str, ...]


def choose(found: Survey, image_size: tuple[int, int] | None = None) -> Choice:
    """Decides how the pictures of a folder are prepared and which network learns them.

    Args:
        found: what is in the folder.
        image_size: (height, width), if the user wants one.
    """
    size, crop, why_size = (image_size, True, "Image size: as asked for") if image_size else _size(found.sizes)
    black, white, why_range = _range(found)
    mode = "grayscale" if found.grey else "rgb"
    model, why_model = _model(size, found)
    reasons = [f"{why_size}: {size[0]}x{size[1]} pixels.",
               "Grey, as all pictures are." if found.grey else "In colour, because there are coloured pictures."]
    return Choice(Preparation(size, mode, "bilinear", crop, black, white), model, (*reasons, *why_range, why_model))


def _size(sizes: np.ndarray) -> tuple[tuple[int, int], bool, str]:
    """(height, width), whether pictures are cut to that shape, and why."""
    if (sizes == sizes[0]).all() and sizes[0].max() <= LARGEST_OWN:
        return (int(sizes[0][0]), int(sizes[0][1])), False, "All pictures keep the size that they have"
    short = float(np.median(sizes.min(axis=1)))
    side = max([SIDES[0], *(side for side in SIDES if side <= short)])
    ratios = sizes[:, 0] / sizes[:, 1]
    ratio = float(np.median(ratios))
    span = f"Pictures from {_said(sizes[sizes.prod(axis=1).argmin()])} to {_said(sizes[sizes.prod(axis=1).argmax()])}"
    if np.abs(ratios / ratio - 1).max() < SAME_SHAPE and max(ratio, 1 / ratio) <= 2:
        height, width = (8 * max(4, round(length / 8)) for length in (side * ratio**0.5, side / ratio**0.5))
        return (height, width), False, f"{span} of the same shape are brought to one size"
    return (side, side), True, f"{span} are cut to a square in their middle and brought to one size"


def _said(size: np.ndarray) -> str:
    return f"{size[0]}x{size[1]}"


def _range(found: Survey) -> tuple[float | None, float | None, list[str]]:
    """The values of deep pictures that become black and white: a camera's whole range, or what is in the folder; or of
    each picture its own, where the pictures are of kinds that have nothing to do with each other."""
    span = found.value_range
    if span is None:
        return None, None, []
    low, high = span
    deep = [fact for fact in found.facts if fact["type"] != "uint8"]
    spans = [fact["high"] - fact["low"] for fact in deep if fact["high"] > fact["low"]]
    if len({fact["type"] for fact in deep}) > 1 or min(spans, default=high - low) < VISIBLE * (high - low):
        return None, None, ["Pictures of very different ranges: 0 to 65,535 becomes black to white in those of 16 "
                            "bits, in other deep ones each one's own least to its own largest value."]
    if low >= 0 and all(fact["type"] in ("uint8", "uint16") for fact in found.facts):
        bits = max(8, int(np.ceil(np.log2(high + 1))))
        dark = [path for path, fact in zip(found.paths, found.facts, strict=True)
                if fact["type"] == "uint16" and fact["high"] < 2**bits * DARK]
        said = f" {len(dark):,} of them use less than a sixteenth of that and become nearly black: if they are of " \
               f"another camera, bring all to one range. For example: {dark[0]}." if dark else ""
        return 0.0, float(2**bits - 1), [f"Pictures of {bits} bits: 0 to {2**bits - 1:,} becomes black to white.{said}"]
    return low, high, [f"Numbers from {low:g} to {high:g} become black to white."]


def _model(size: tuple[int, int], found: Survey) -> tuple[str, str]:
    characters = all(len(name) == 1 for name in found.class_names)
    model = network_for(size, characters)
    if model == "photographs":
        return model, "Network: photographs, residual blocks; it mirrors, moves and magnifies pictures at random in " \
                      "training."
    reason = "class names of one character may be letters or digits, which must not be mirrored" if characters \
        else "such small pictures"
    return model, f"Network: {model}, for {reason}."


def network_for(size: tuple[int, int], characters: bool = False) -> str:
    """The network for pictures of a size; `characters`: they may be letters or digits.

    Example:
        >>> network_for((96, 96)), network_for((12, 12))
        ('photographs', 'small')
    """
    return "small" if characters or min(size) < SMALLEST else "photographs"
