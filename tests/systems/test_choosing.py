"""What is chosen for a user's folder, and why."""

import numpy as np
import pytest
from PIL import Image

from striate.datasets.survey import survey
from striate.systems.choosing import choose, network_for


def fill(folder, sizes, colour=True, classes=("cats", "dogs"), bits=8):
    random = np.random.default_rng(0)
    for index, (height, width) in enumerate(sizes):
        place = folder / classes[index % len(classes)]
        place.mkdir(parents=True, exist_ok=True)
        shape = (height, width, 3) if colour else (height, width)
        dtype = np.uint8 if bits == 8 else np.uint16
        Image.fromarray(random.integers(0, 2**bits, shape, dtype)).save(place / f"{index}.png")
    return survey(folder)


@pytest.mark.parametrize(("sizes", "expected", "crop"), [
    ([(40, 50)] * 8, (40, 50), False),
    ([(20, 20)] * 8, (20, 20), False),
    ([(300, 200), (150, 100)] * 4, (160, 104), False),
    ([(100, 200), (200, 100)] * 4, (96, 96), True),
    ([(30, 40), (50, 33)] * 4, (32, 32), True),
    ([(700, 500), (500, 700)] * 4, (128, 128), True),
])
def test_image_size(tmp_path, sizes, expected, crop):
    found = choose(fill(tmp_path, sizes))
    assert (found.preparation.image_size, found.preparation.crop) == (expected, crop)
    assert f"{expected[0]}x{expected[1]}" in found.reasons[0]


def test_grey_colour_and_depth(tmp_path):
    grey = choose(fill(tmp_path / "grey", [(20, 20)] * 8, colour=False))
    assert grey.preparation.color_mode == "grayscale" and grey.preparation.white is None
    deep = choose(fill(tmp_path / "deep", [(20, 20)] * 8, colour=False, bits=12))
    assert (deep.preparation.black, deep.preparation.white) == (0, 4095) and "12 bits" in " ".join(deep.reasons)


def test_letters_are_not_mirrored(tmp_path):
    assert choose(fill(tmp_path, [(20, 20)] * 8, colour=False, classes=("A", "B"))).model == "small"
    assert network_for((20, 20)) == "photographs" and network_for((15, 40)) == "small"


def test_a_size_that_was_asked_for(tmp_path):
    assert choose(fill(tmp_path, [(20, 20)] * 8), (48, 64)).preparation.image_size == (48, 64)
