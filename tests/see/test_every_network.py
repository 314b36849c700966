"""Everything that can be seen, on the lectures' networks, residual, 1-D and nested ones, and files that Keras wrote."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from see_networks import line, nested, residual, sample

import striate as keras
from striate import see, zoo
from striate.see import probe
from striate.see.geometry import is_convolution

FILES = Path(__file__).parents[1] / "saving" / "keras_files"
LECTURES = {"yale": (20, 20, 1), "uva": (8, 8, 1), "nova": (12, 12, 1), "tue": (16, 16, 1)}
MODELS = {name: lambda name=name, shape=shape: zoo.build(name, input_shape=shape) for name, shape in LECTURES.items()}
MODELS |= {"residual": residual, "line": line, "nested": nested}
MODELS |= {f"{name}.keras": lambda name=name: keras.saving.load_model(FILES / f"{name}.keras")
           for name in ("sequential", "functional")}


@dataclass
class Case:
    """A compiled network and three samples for it."""

    model: Any
    folder: Path
    x: np.ndarray = field(init=False)
    y: np.ndarray = field(init=False)

    def __post_init__(self):
        units = self.model.output_shape[-1]
        self.x, self.y = sample(self.model, 3), np.arange(3) % max(units, 2)
        scores = self.model.layers[-1].activation.__name__ == "linear"
        self.model.compile("sgd", "binary_crossentropy" if units == 1 else
                           keras.losses.SparseCategoricalCrossentropy(from_logits=scores))

    @cached_property
    def layer(self):
        """The last convolution, in whichever model."""
        return [layer for layer in probe.network(self.model).layers if is_convolution(layer)][-1]

    @property
    def place(self):
        return (0,) * (len(self.layer.output.shape) - 1)

    def recorded(self):
        self.model.fit(self.x, self.y, batch_size=2, verbose=0, callbacks=[see.Recorder(self.folder, 2)])
        return self.folder


ITEMS = {
    "activation_maximisation": lambda of: see.activation_maximisation(of.model, of.layer, [0], steps=2),
    "architecture": lambda of: see.architecture(of.model),
    "arithmetic": lambda of: see.arithmetic(of.model),
    "confusion": lambda of: see.confusion(of.model, of.x, of.y),
    "doctor": lambda of: of.model.doctor(of.x, of.y),
    "embedding": lambda of: see.embedding(of.model, of.x, of.y),
    "feature_maps": lambda of: see.feature_maps(of.model, of.x[0], of.layer),
    "film": lambda of: see.film_of(of.model, of.x[0], of.layer, piece=4),
    "filters": lambda of: see.filters(of.model, of.layer),
    "grad_cam": lambda of: see.grad_cam(of.model, of.x[:1]),
    "gradient_number": lambda of: see.gradient_number(of.model, of.x[:2], of.y[:2], of.layer,
                                                      (0,) * of.layer.kernel.ndim),
    "invariance": lambda of: see.invariance(of.model, of.x[:1], 1),
    "most_confident": lambda of: see.most_confident(of.model, of.x, of.y),
    "number": lambda of: see.number(of.model, of.x[0], of.layer, of.place),
    "occlusion": lambda of: see.occlusion(of.model, of.x[:1]),
    "passes": lambda of: see.passes(of.model, of.x[0], of.y[0] if of.model.output_shape[-1] > 1 else [0.0]),
    "patches": lambda of: see.patches(of.model, of.x, of.layer, count=2),
    "plan": lambda of: see.plan(of.model, 2, repeats=1),
    "receptive_field": lambda of: see.receptive_field(of.model, of.layer, of.x[0]),
    "saliency": lambda of: see.saliency(of.model, of.x[:1]),
    "samples": lambda of: see.samples(of.x, of.y),
    "time_travel": lambda of: see.time_travel(of.recorded(), x=of.x, y=of.y, image=of.x[0]),
    "worst_mistakes": lambda of: see.worst_mistakes(of.model, of.x, of.y),
}
PIXELS = (".png", ".gif", ".apng", ".pdf", ".mp4")
DRAWN = ("residual", "line")
"""On these networks each item is also saved as a file with pixels or pages, of each kind in turn."""
FILMS = {"film", "passes", "time_travel"}


@pytest.fixture(scope="module", params=[name if name in (*DRAWN, "nested", "functional.keras") else pytest.param(
    name, marks=pytest.mark.nightly) for name in MODELS])
def case(request, tmp_path_factory):
    return request.param, Case(MODELS[request.param](), tmp_path_factory.mktemp("recording"))


@pytest.mark.slow
@pytest.mark.parametrize("item", list(ITEMS))
def test_every_item_of_every_network(case, item, tmp_path):
    name, of = case
    result = ITEMS[item](of)
    for canvas in (result.frame(0), result.figure()) if item in FILMS else (result.figure(),):
        ElementTree.fromstring(canvas.svg())
        assert canvas.describe
    for ending in (".txt", ".json") if item in FILMS else (".txt", ".json", ".svg", ".html"):
        assert result.save(tmp_path / f"result{ending}").stat().st_size > 20
    if item not in FILMS and name in DRAWN:
        ending = PIXELS[(2 * DRAWN.index(name) + list(ITEMS).index(item)) % len(PIXELS)]
        assert readable(result.save(tmp_path / f"result{ending}"))


@pytest.mark.slow
@pytest.mark.parametrize("ending", (".svg", ".html", *PIXELS))
def test_films_as_every_kind_of_file(made, ending, tmp_path):
    film = see.film_of(made["line"], sample(made["line"])[0], 0, piece=3)
    path = film.save(tmp_path / f"film{ending}")
    assert path.stat().st_size > 500 if ending in (".svg", ".html") else readable(path) == film.count


def readable(path):
    """How many frames or pages another program finds in a file."""
    if path.suffix == ".mp4":
        av = pytest.importorskip("av", reason="the extra `film` is not installed")
        with av.open(str(path)) as container:
            return sum(1 for _ in container.decode(video=0))
    if path.suffix == ".pdf":
        return len(pytest.importorskip("pypdf", reason="pypdf is not installed").PdfReader(path).pages)
    with Image.open(path) as image:
        image.load()
        return getattr(image, "n_frames", 1)
