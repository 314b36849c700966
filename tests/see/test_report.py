"""The report is one whole, harmless, well-formed page."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

import striate as keras
from striate import layers, see
from striate.errors import ArgumentError, ShapeError
from striate.see import run_report, svg
from striate.see.report_page import Mistake, Report, image_source, page, worst_confusion

EVIL = "<script>alert('x')</script>\"'&"
VOID = {"meta", "img", "br", "link", "input"}


class Reader(HTMLParser):
    """Checks that tags nest and collects tags and attributes."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.attributes = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def evil_report():
    counts = np.array([[8, 2], [1, 9]])
    return Report(title=EVIL, subtitle=EVIL, headline={EVIL: EVIL}, history={EVIL: [1.0, float("nan"), 0.5]}, best=3,
                  classes=[EVIL, "dog"], counts=counts, layers=[(EVIL, EVIL, EVIL, 10)], settings={EVIL: EVIL},
                  mistakes=[Mistake(np.zeros((4, 4), np.uint8), EVIL, EVIL, 0.9)], environment={EVIL: EVIL},
                  command=EVIL, warning=EVIL)


@pytest.fixture(scope="module")
def read():
    reader = Reader()
    reader.feed(page(evil_report()))
    return reader


def test_a_refused_receptive_field_leaves_grad_cam_in_the_report():
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.UpSampling2D(2), layers.Conv2D(2, 3), layers.Flatten(),
                              layers.Dense(2, activation="softmax")])
    parts = {part.title: part for part in run_report.inside(model, (np.ones((4, 8, 8, 1)), np.arange(4) % 2), None)}
    assert "sees differs" in parts["What a neuron sees"].note and not parts["What a neuron sees"].results
    assert [type(found).__name__ for found in parts["What the answer rests on"].results] == ["Attribution"]


def test_the_first_filters_of_a_report_are_those_of_the_first_convolution_wherever_it_is():
    base = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(2, 5, name="eye")], name="base")
    each = layers.TimeDistributed(layers.Conv2D(2, 3), name="each")
    nested = keras.Sequential([keras.Input((8, 8, 1)), base, layers.Conv2D(3, 3, name="outer"), layers.Flatten()])
    steps = keras.Sequential([keras.Input((4, 8, 8, 1)), each, layers.Flatten()])
    for model, name in ((nested, "base/eye"), (steps, "each")):
        parts = {part.title: part for part in run_report.inside(model, None, None)}
        assert [found.layer for found in parts["What the first layer looks for"].results] == [name]


def test_every_text_is_escaped(read):
    assert read.open == []
    assert "script" not in read.tags
    assert not any(name.startswith("on") for name, _ in read.attributes)


def test_nothing_comes_from_outside(read):
    for name, value in read.attributes:
        if name in ("src", "href"):
            assert value.startswith(("data:image/png;base64,", "#"))
    assert not re.search(r"url\(|@import|https?:", page(evil_report()))


def test_sections_without_data_are_left_out():
    text = page(Report("title", "", {}, {"loss": [1.0]}))
    assert "confusion" not in text and "The model" not in text
    assert "<svg" in text


@pytest.mark.parametrize(("low", "high", "expected"), [
    (0.13, 0.88, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
    (0, 10, [0, 2, 4, 6, 8, 10]),
    (-1e-3, 1e-3, [-0.001, -0.0005, 0.0, 0.0005, 0.001]),
    (2300, 2301, [2300.0, 2300.2, 2300.4, 2300.6, 2300.8, 2301.0]),
])
def test_ticks_are_round_and_cover(low, high, expected):
    assert svg.ticks(low, high) == pytest.approx(expected)


def test_ticks_of_a_constant():
    marks = svg.ticks(0.5, 0.5)
    assert marks[0] <= 0.5 < marks[-1]


def test_curve_goes_where_the_values_are():
    drawing = svg.line_chart("loss", {"training": [1.0, 0.0]})
    path = re.search(r'<path d="M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)"', drawing)
    x1, y1, x2, y2 = map(float, path.groups())
    assert x1 == svg.LEFT and x2 == svg.WIDTH - svg.RIGHT
    assert y1 == svg.TOP and y2 == svg.HEIGHT - svg.BOTTOM


def test_curve_breaks_at_values_that_are_not_finite():
    path = re.search(r'<path d="([^"]*)"', svg.line_chart("loss", {"a": [1.0, float("nan"), 0.5, 0.2]}))[1]
    assert path.count("M") == 2 and path.count("L") == 1
    assert "<svg" not in svg.line_chart("loss", {"a": [float("nan")]})


def test_confusion_matrix_says_its_numbers():
    drawing = svg.confusion_matrix(np.array([[8, 2], [0, 10]]), ["cat", "dog"])
    assert "2 of 10 cat were called dog" in drawing and "10 of 10 dog were called dog" in drawing
    with pytest.raises(ShapeError, match="one row and one column"):
        svg.confusion_matrix(np.zeros((2, 3), int), ["a", "b"])


def test_worst_confusion():
    assert worst_confusion(np.diag([3, 4]), ["a", "b"]) == "Every test image was classified correctly."


def test_image_source_holds_the_image():
    import base64
    import io

    from PIL import Image

    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)
    raw = base64.b64decode(image_source(pixels).split(",")[1])
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(raw))), pixels[..., 0])
    assert image_source(np.linspace(-1, 1, 12).reshape(2, 2, 3)).startswith("data:image/png")


def trained(kind):
    """(model, history, test data, class names) of a small training of each kind."""
    random = np.random.default_rng(0)
    shapes = {"images": (10, 10, 1), "lines": (40, 2), "numbers": (6,)}
    x = random.random((60, *shapes[kind])).astype(np.float32)
    y = x.reshape(60, -1)[:, :3].sum(axis=1) if kind == "numbers" else random.integers(0, 3, 60)
    ends = [layers.Flatten(), layers.Dense(1 if kind == "numbers" else 3)]
    begins = {"images": [layers.Conv2D(4, 3, activation="relu", name="first")],
              "lines": [layers.Conv1D(4, 3, activation="relu", name="first")], "numbers": []}
    model = keras.Sequential([keras.Input(shapes[kind]), *begins[kind], *ends], name=kind)
    model.compile("adam", "mse" if kind == "numbers" else keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model, model.fit(x, y, epochs=2, verbose=0, validation_split=0.2), (x, y)


PARTS = {"images": ("Which class is called which", "The worst mistakes", "What the first layer looks for", "The data",
                    "What the layers find", "What a neuron sees", "How the network sees the samples", "The arithmetic",
                    "How it runs", "What the doctor says", "To repeat this run"),
         "numbers": ("Predicted and true", "mean absolute error", "mpg", "The data", "The arithmetic", "How it runs")}
PARTS["lines"] = PARTS["images"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["images", "lines", "numbers"])
def test_report_of_any_model(kind, tmp_path):
    model, history, data = trained(kind)
    facts = {"unit": "mpg"} if kind == "numbers" else {"classes": ["a", "<b>", "c"]}
    path = see.report(model, history, data, data, command="striate train <x>", **facts).save(tmp_path / "report.html")
    text = path.read_text()
    reader = Reader()
    reader.feed(text)
    assert reader.open == [] and "script" not in reader.tags
    for part in PARTS[kind]:
        assert part in text
    assert "Not shown" not in text and "striate train &lt;x&gt;" in text
    assert not re.search(r"url\(|@import|https?:", text)
    for name, value in reader.attributes:
        assert name not in ("src", "href") or value.startswith(("data:image/png;base64,", "#"))
        assert not name.startswith("on")


@pytest.mark.slow
def test_a_part_that_cannot_be_made_says_why():
    model, history, (x, y) = trained("images")
    text = see.report(model, history, (x, y), classes=["only one"]).html()
    assert "Not shown: `classes` must hold 3 names" in text
    with pytest.raises(ArgumentError, match="knows the facts"):
        see.report(model, history, colour="blue")
    with pytest.raises(ArgumentError, match="ends in .html"):
        see.report(model, history).save("report.pdf")
