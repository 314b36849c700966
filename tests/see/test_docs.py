"""The examples of docs/see run, and make the pictures that the pages show."""

import importlib.util
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from PIL import Image

DOCS = Path(__file__).parents[2] / "docs" / "see"
_spec = importlib.util.spec_from_file_location("make_pictures", DOCS / "make_pictures.py")
make_pictures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make_pictures)
LARGEST = 100_000


def shown(page):
    """The pictures that a page shows."""
    return re.findall(r"!\[[^\]]*\]\(([^)]*)\)", (DOCS / f"{page}.md").read_text("utf-8"))


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """What the examples of the first page define, and the folder that they ran in."""
    patch, folder = pytest.MonkeyPatch(), tmp_path_factory.mktemp("docs")
    (folder / "pictures").mkdir()
    patch.chdir(folder)
    yield make_pictures.run(make_pictures.examples("index"), {}), folder
    patch.undo()


@pytest.mark.slow
@pytest.mark.parametrize("page", make_pictures.PAGES)
def test_examples_make_the_pictures(names, page):
    known, folder = names
    make_pictures.run(make_pictures.examples(page), dict(known))
    for picture in shown(page):
        if Path(picture).suffix != ".png":  # That is a photograph of a page.
            assert (folder / picture).stat().st_size > 500


@pytest.mark.parametrize("page", make_pictures.PAGES)
def test_pages_show_whole_and_small_pictures(page):
    assert shown(page) or page == "doctor"
    for picture in shown(page):
        path = DOCS / picture
        assert path.stat().st_size < LARGEST, f"{picture} is too large for a page"
        if path.suffix == ".svg":
            ElementTree.fromstring(path.read_text("utf-8"))
        else:
            assert path.suffix == ".png" or Image.open(path).n_frames > 1


def test_every_picture_is_shown():
    used = {Path(picture).name for page in make_pictures.PAGES for picture in shown(page)}
    assert used == {path.name for path in (DOCS / "pictures").iterdir()}
    index = (DOCS / "index.md").read_text("utf-8")
    assert all(f"{page}.md" in index for page in make_pictures.PAGES)


def test_everything_that_can_be_seen_has_an_example():
    from striate import see

    told = "\n".join(make_pictures.examples(page) for page in make_pictures.PAGES)
    methods = {"plan": "model.plan(", "doctor": ".doctor(", "convolve": "", "DrawnModel": ""}
    told += make_pictures.examples("index")
    assert [name for name in see.__all__ if methods.get(name, f"see.{name}(") not in told] == []


def test_every_finding_has_its_heading():
    from striate.see import diagnosis

    codes = set(re.findall(r'Finding\(\s*"([MD]\d{3})"', Path(diagnosis.__file__).read_text("utf-8")))
    assert codes == set(re.findall(r"^### ([MD]\d{3})$", (DOCS / "doctor.md").read_text("utf-8"), re.MULTILINE))
