"""What is chosen for a user's folder, and why."""

import numpy as np
import pytest
from PIL import Image

from striate.cli import networks
from striate.datasets.survey import survey
from striate.errors import DataError
from striate.systems import own
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


def test_pictures_of_twelve_bits_among_sixteen_are_told(tmp_path):
    fill(tmp_path, [(20, 20)] * 8, colour=False, bits=16)
    assert "nearly black" not in " ".join(choose(survey(tmp_path)).reasons)
    Image.fromarray(np.full((20, 20), 4095, np.uint16)).save(tmp_path / "cats" / "other_camera.png")
    (said,) = [reason for reason in choose(survey(tmp_path)).reasons if "16 bits" in reason]
    assert "1 of them" in said and "nearly black" in said and "other_camera.png" in said


def test_deep_pictures_of_kinds_that_have_nothing_to_do_with_each_other(tmp_path):
    fill(tmp_path, [(20, 20)] * 8, colour=False, bits=16)
    Image.fromarray(np.linspace(0, 1, 400, dtype=np.float32).reshape(20, 20)).save(tmp_path / "cats" / "share.tif")
    found = choose(survey(tmp_path))
    assert (found.preparation.black, found.preparation.white) == (None, None)
    assert "very different ranges" in " ".join(found.reasons)
    seen = found.preparation.read(tmp_path / "cats" / "share.tif")
    assert seen.min() < 5 and seen.max() > 250  # it would be black if 60,000 were white for it, too


def test_what_is_passed_over_is_said(tmp_path):
    fill(tmp_path, [(20, 20)] * 8)
    (tmp_path / "empty").mkdir()
    (tmp_path / "cats" / "telephone.heic").write_bytes(b"...")
    (tmp_path / "cats" / ".hidden").write_bytes(b"...")
    found = survey(tmp_path)
    assert found.class_names == ("cats", "dogs") and set(found.labels.tolist()) == {0, 1}
    assert "empty" in found.remarks[0] and "1 (.heic)" in found.remarks[1] and len(found.remarks) == 2


def test_what_a_folder_holds_beside_its_pictures_is_said(tmp_path):
    fill(tmp_path, [(20, 20)] * 8)
    page = Image.fromarray(np.arange(400, dtype=np.uint8).reshape(20, 20))
    page.save(tmp_path / "outside.png")
    page.save(tmp_path / "cats" / "stack.tif", save_all=True, append_images=[page.rotate(90)])
    (tmp_path / "cats" / ".thumbnails").mkdir()
    page.rotate(180).save(tmp_path / "cats" / ".thumbnails" / "1.png")
    (tmp_path / "dogs" / "moved.png").symlink_to(tmp_path / "nowhere.png")
    found = survey(tmp_path)
    assert len(found.paths) == 9 and [path.name for path in found.unreadable] == ["moved.png"]
    outside, several = found.remarks
    assert "no class folder" in outside and "outside.png" in outside
    assert "several pictures: 1." in several and "stack.tif" in several


def test_labels_follow_the_classes_when_the_first_folder_is_empty(tmp_path):
    (tmp_path / "aaa").mkdir()
    found = fill(tmp_path, [(20, 20)] * 8)
    assert found.class_names == ("cats", "dogs")
    assert all(found.class_names[label] == path.parent.name
               for label, path in zip(found.labels, found.paths, strict=True))


@pytest.mark.parametrize(("arrays", "message"), [
    ({"x": np.full((30, 12, 12), np.nan), "y": np.arange(30) % 2}, "NaN or infinity"),
    ({"x": np.zeros((30, 12, 12)), "y": 1 + np.arange(30) % 2}, "from 0 on, without gaps"),
    ({"x": np.zeros((30, 12)), "y": np.arange(30) % 2}, "have the shape"),
    ({"x": np.zeros((30, 3, 12, 12)), "y": np.arange(30) % 2}, r"x.transpose\(0, 2, 3, 1\)"),
])
def test_arrays_that_cannot_be_trained_on(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=message):
        own.load(tmp_path / "a.npz", 0)


@pytest.mark.parametrize("size", [(8, 8), (5, 30), (100, 1)])
def test_the_network_for_tiny_pictures_fits_them(size):
    assert network_for(size) == "small" and networks.build("small", (*size, 1), 3).output_shape == (None, 3)
