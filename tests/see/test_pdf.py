"""PDF pages read back by another program: text is text, lines are lines, one page a frame."""

import sys

import numpy as np
import pytest

from striate import errors, see
from striate.layers import Flatten
from striate.see.canvas import Canvas
from striate.see.pdf import ENLARGED, pages

pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed (extra `dev`)")
pytest.importorskip("matplotlib", reason="the extra `viz` is not installed")


@pytest.fixture(scope="module")
def sheet():
    """One page with each kind of shape."""
    canvas = Canvas(300, 120, "a sheet")
    canvas.rectangle(10, 10, 80, 40, fill="#1f5fbf", line="#17212d", radius=6, opacity=0.5)
    canvas.path([(100, 20), (180, 60)], dash=4)
    canvas.path([(200, 20), (240, 20), (220, 50)], None, 0, fill="#cf5a12")
    canvas.picture(10, 60, 40, 20, np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [0, 0, 0]]]))
    canvas.text(10, 100, "⌊(28 + 2·3 − 7) / 1⌋ + 1 = 28")
    canvas.text(290, 100, "$5 & <b>", anchor="end", bold=True)
    return canvas


def test_text_can_be_selected_and_the_page_has_its_size(sheet, tmp_path):
    (tmp_path / "sheet.pdf").write_bytes(pages([sheet]))
    page = pypdf.PdfReader(tmp_path / "sheet.pdf").pages[0]
    text = page.extract_text()
    assert "⌊(28 + 2·3 − 7) / 1⌋ + 1 = 28" in text and "$5 & <b>" in text
    assert (page.mediabox.width, page.mediabox.height) == (300, 120)


def test_shapes_are_drawn_and_only_pictures_are_pixels(sheet, tmp_path):
    (tmp_path / "sheet.pdf").write_bytes(pages([sheet]))
    reader = pypdf.PdfReader(tmp_path / "sheet.pdf")
    assert reader.metadata.title == "a sheet"
    (image,) = reader.pages[0].images
    pixels = np.asarray(image.image.convert("RGB"))
    assert pixels.shape == (2 * ENLARGED, 2 * ENLARGED, 3)
    assert (pixels[0, 0], pixels[-1, 0])[0].tolist() == [255, 0, 0] and pixels[-1, 0].tolist() == [0, 0, 255]
    operators = [operator for _, operator in reader.pages[0].get_contents().operations]
    assert operators.count(b"m") >= 3 and b"c" in operators and b"d" in operators


def test_a_film_has_a_page_for_each_frame(tmp_path):
    film = see.animate(Flatten(), np.arange(4.0).reshape(2, 2))
    reader = pypdf.PdfReader(film.save(tmp_path / "film.pdf"))
    assert len(reader.pages) == film.count
    for index, page in enumerate(reader.pages):
        words = {shape.text for shape in film.frame(index).shapes if hasattr(shape, "anchor")}
        assert all(word in page.extract_text() for word in words)


def test_the_same_drawing_gives_the_same_bits(sheet):
    assert pages([sheet]) == pages([sheet])


def test_without_matplotlib_the_error_says_what_to_do(sheet, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(errors.ArgumentError, match=r"striate\[viz\].*svg"):
        pages([sheet])
