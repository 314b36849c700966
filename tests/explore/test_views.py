"""The numbers of the page are the engine's."""

import base64
import importlib.util
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from striate import see
from striate.errors import ArgumentError, DataError
from striate.explore import export, images, views
from striate.explore.lab import KERNELS, Setting, lab
from striate.explore.session import Session
from striate.explore.subject import Sample, Subject
from striate.explore.wire import as_json

_spec = importlib.util.spec_from_file_location("see_networks", Path(__file__).parents[1] / "see" / "networks.py")
networks = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(networks)
TYPES = {"u1": np.uint8, "i4": np.int32, "f4": np.float32, "f8": np.float64}


def unpack(packed):
    return np.frombuffer(base64.b64decode(packed["data"]), TYPES[packed["type"]]).reshape(packed["shape"])


def explored(model):
    x = networks.sample(model)[0]
    return Session(Subject(model, "", (Sample("one", x),), (), lambda pixels: pixels, lambda outputs: outputs)), x


@pytest.mark.parametrize("name", networks.NETWORKS)
def test_every_layer_shows_what_see_shows(name):
    model = networks.NETWORKS[name]()
    session, x = explored(model)
    described = views.state(session)["nodes"]
    shown = views.overview(session, "sample-0")
    assert len(described) == len(shown["layers"]) == len(session.nodes)
    json.dumps(as_json(shown))
    for place, node in enumerate(described):
        found = views.layer(session, str(place), "sample-0")
        maps = unpack(found["maps"])
        if found["kind"] == "maps":
            expected = see.feature_maps(model, x, node["name"]).maps
            assert np.array_equal(np.moveaxis(maps, 0, -1), expected)
        number = _strongest(session, place, maps, found["kind"])
        if number is None:
            continue
        index, summed = number
        expected = see.number(model, x, node["name"], index)
        assert summed["engine"] == expected.engine and summed["total"] == expected.total
        assert summed["engine"] == pytest.approx(float(maps.max()), abs=0)
        assert np.array_equal(unpack(summed["products"]), [term.product for term in expected.terms])
        assert np.array_equal(unpack(summed["sums"]), expected.partial_sums)
        assert sum(value for _, value in summed["channels"]) == pytest.approx(sum(t.product for t in expected.terms))


def _strongest(session, place, maps, kind):
    channel, row, column = np.unravel_index(int(maps.argmax()), maps.shape)
    index = {"vector": (channel,), "lines": (column, channel), "maps": (row, column, channel)}[kind]
    index = tuple(int(i) for i in index)
    try:
        return index, views.number(session, str(place), index, "sample-0")
    except ArgumentError:
        return None


def test_the_graph_is_told():
    session, _ = explored(networks.residual())
    described = views.nodes(session)
    by_name = {node["name"]: i for i, node in enumerate(described)}
    assert described[0]["sources"] == [-1]
    assert described[by_name["sum"]]["sources"] == [by_name["stem"], by_name["norm"]]
    assert described[by_name["depth"]]["field"] == [[5, 1, -2], [5, 1, -2]]


def test_bytes_of_the_overview_are_the_maps(session):
    strip, full = views.overview(session, "sample-0")["layers"][0], views.layer(session, "0", "sample-0")
    levels, maps = unpack(strip["maps"]), unpack(full["maps"])
    assert np.abs(levels / 255 * strip["high"] - maps).max() <= strip["high"] / 500


def test_a_verdict_is_the_overview_without_maps(session):
    shown = views.overview(session, "sample-2")
    assert views.verdict(session, "sample-2") == {key: shown[key] for key in shown if key != "layers"}
    assert shown["steps"] == 0 and len(shown["answer"]) == 3


@pytest.mark.parametrize("name", networks.NETWORKS)
def test_the_overview_says_where_the_largest_numbers_are(name):
    session, _ = explored(networks.NETWORKS[name]())
    for place, strip in enumerate(views.overview(session, "sample-0")["layers"]):
        maps = unpack(views.layer(session, str(place), "sample-0")["maps"])
        if not maps.size:
            assert strip["largest"] == []
            continue
        at = strip["largest"]
        channel, row, column = (at[-1], *{"vector": (0, 0), "lines": (0, at[0])}.get(strip["kind"], at[-3:-1]))
        assert maps[channel, row, column] == maps.max() == strip["high"]


def test_the_shown_model_is_a_copy_without_drawn_weights():
    """Weights are laid in before they are looked at; to draw them first would take time and random numbers."""
    from explore_tiny import make_subject

    subject = make_subject()
    session = Session(subject)
    assert not any(variable.numpy().any() for variable in session.model.variables)
    session.taps("sample-0")
    for mine, theirs in zip(session.model.variables, subject.model.variables, strict=True):
        assert np.array_equal(mine.numpy(), theirs.numpy())


def test_an_edited_kernel_changes_its_map_alone(session):
    before = unpack(views.layer(session, "0", "sample-0")["maps"])
    kernel = np.zeros((3, 3), np.float32)
    kernel[1, 1] = 1
    views.edit(session, "0", 0, 2, kernel.ravel())
    after = unpack(views.layer(session, "0", "sample-0")["maps"])
    image = session.samples["sample-0"].values[..., 0]
    assert np.array_equal(after[2], image)  # The biases of a new network are zero.
    assert np.array_equal(after[[0, 1, 3]], before[[0, 1, 3]])
    summed = views.number(session, "0", (5, 5, 2), "sample-0")
    assert summed["engine"] == image[5, 5] and unpack(summed["weights"])[4] == 1
    assert (session.subject.model.layers[0].kernel.numpy()[..., 0, 2] != kernel).all()
    session.reset()
    assert np.array_equal(unpack(views.layer(session, "0", "sample-0")["maps"]), before)


@pytest.mark.parametrize("name, place, channel, filter", [("residual", 1, 2, 2), ("plain", 0, 1, 3), ("line", 0, 1, 2)])
def test_edits_reach_the_right_weights(name, place, channel, filter):
    session, _ = explored(networks.NETWORKS[name]())
    layer = session.nodes[place].operation
    values = np.arange(np.prod(layer.kernel.shape[:-2]), dtype=np.float32)
    views.edit(session, str(place), channel, filter, values)
    maps = views.layer(session, str(place), "sample-0")
    index = (0, filter) if name == "line" else (1, 1, filter)
    assert maps["count"] > filter
    summed = views.number(session, str(place), index, "sample-0")
    taps, weights, places = unpack(summed["taps"]), unpack(summed["weights"]), unpack(summed["places"])
    axes = len(layer.kernel.shape) - 2
    own = [i for i in range(len(taps)) if (places[i, -1] if places[i, 0] >= 0 else taps[i, axes]) == channel]
    assert np.array_equal(weights[own], values)
    with pytest.raises(ArgumentError, match="does not look at this channel"):
        views.edit(session, str(place), 7, filter, values)


def test_gradients_are_those_of_the_loss(session):
    _, outputs, kernels = session.slopes("sample-1")
    output = np.asarray(session.taps("sample-1")[-1].output)[0]
    said, _, _ = session.slopes("sample-1")
    assert "pole" in said
    step = 1e-2
    kernel = session.subject.model.layers[0].kernel.numpy()[1, 1, 0, 0]
    losses = []
    for change in (-step, step):
        values = session.subject.model.layers[0].kernel.numpy()[..., 0, 0].copy()
        values[1, 1] = kernel + change
        views.edit(session, "0", 0, 0, values.ravel())
        losses.append(-np.log(float(np.asarray(session.taps("sample-1")[-1].output)[0, 1])))
    assert kernels["first"][1, 1, 0, 0] == pytest.approx((losses[1] - losses[0]) / (2 * step), abs=2e-3)
    assert np.asarray(outputs[-1])[0, 1] == pytest.approx(-1 / output[1], rel=1e-4)


def test_regressions_and_images_as_outputs_have_gradients():
    session, _ = explored(networks.painter())
    said, outputs, _ = session.slopes("sample-0")
    assert said == "the sum of the outputs" and np.asarray(outputs[1]).any()
    assert views.overview(session, "sample-0")["answer"] == []


@pytest.mark.parametrize("setting", [Setting(3), Setting(5, 2, 2), Setting(2, 1, 1, 2), Setting(7, 3, 4, 1, "blur")])
def test_the_lab_computes_the_definition(session, setting):
    found = lab(session, "0", "sample-0", "live", 0, 1, setting)
    x, kernel, y = (unpack(found[name]).astype(np.float64) for name in ("x", "kernel", "y"))
    padded, taps = np.pad(x, setting.padding), np.arange(setting.size) * setting.dilation
    for row in range(y.shape[0]):
        for column in range(y.shape[1]):
            window = padded[np.ix_(row * setting.stride + taps, column * setting.stride + taps)]
            assert y[row, column] == pytest.approx((window * kernel).sum(), abs=1e-5)
    length = (12 + 2 * setting.padding - taps[-1] - 1) // setting.stride + 1
    assert y.shape == (length, length) and found["formulas"][0].endswith(f"= {length}")


def test_the_lab_begins_with_the_layer_itself(session):
    found = lab(session, "0", "sample-0", "live", 0, 1, Setting(3, 1, 1))
    maps = unpack(views.layer(session, "0", "sample-0")["maps"])
    assert np.allclose(np.maximum(unpack(found["y"]), 0), maps[1], atol=1e-6)
    assert lab(session, "0", "sample-0", "live", 0, 0, Setting(11, 1, 0, 4))["y"] is None
    assert all(np.isfinite(make(size)).all() for make in KERNELS.values() for size in range(1, 12))


def test_images_are_brought_to_the_model():
    from PIL import Image

    content = io.BytesIO()
    Image.new("RGB", (40, 20), (255, 255, 255)).save(content, "PNG")
    pixels = images.decode(content.getvalue(), (12, 12, 1))
    assert pixels.shape == (12, 12, 1) and pixels.min() == 255
    assert images.decode(content.getvalue(), (None, None, 3), invert=True).shape == (20, 40, 3)
    with pytest.raises(DataError, match="cannot be read"):
        images.decode(content.getvalue()[:60], (12, 12, 1))
    with pytest.raises(ArgumentError, match="only models for"):
        images.decode(content.getvalue(), (20, 3))


def test_uploads_are_forgotten_one_day(session):
    names = [session.add(Sample("mine", np.zeros((12, 12, 1), np.float32))) for _ in range(30)]
    assert names[0] not in session.samples and names[-1] in session.samples and "sample-0" in session.samples


def test_the_exported_page_needs_nothing(session):
    page = export.html(session, "sample-0", numbers=[("0", (3, 4, 0))])
    assert "src=" not in page.split("<body>")[0] and 'href="/' not in page
    content = page.split('<script type="application/json" id="snapshot">')[1].split("</script>")[0]
    answers = json.loads(content)["answers"]
    number = answers["number?at=live&image=sample-0&index=3%2C4%2C0&layer=0"]
    assert number["engine"] == views.number(session, "0", (3, 4, 0), "sample-0")["engine"]
    assert sum(name.startswith("number?") for name in answers) == 1 + len(session.nodes)


def test_names_from_files_are_text(session):
    evil = "</script><img src=x onerror=alert(1)>"
    session.add(Sample(evil, np.zeros((12, 12, 1), np.float32)))
    page = export.html(session, "upload-1")
    assert evil not in page and "\\u003c/script>" in page


def test_command_exports_a_page(tmp_path):
    from click.testing import CliRunner

    from striate.cli import main
    from striate.utils import clear_session

    clear_session()  # names are counted from the start, as in a new process
    out = tmp_path / "page.html"
    done = CliRunner().invoke(main, ["explore", "lenet5", "--train-on", "none", "--export", str(out), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output) == {"file": str(out)} and b"conv2d_1" in out.read_bytes()


def test_networks_that_cannot_be_trained_here_do_not_ask_for_data(tmp_path):
    from striate import Input, Sequential, layers
    from striate.cli.explore import make_subject

    Sequential([Input((20, 3)), layers.Conv1D(2, 3), layers.Flatten(), layers.Dense(2)]).save(tmp_path / "line.keras")
    assert "Only classifiers of images" in make_subject(str(tmp_path / "line.keras"), [], None).why_not


@pytest.mark.slow
def test_every_network_of_the_zoo_can_be_explored():
    from striate import zoo
    from striate.cli.explore import make_subject

    for name in zoo.names():
        subject = make_subject(name, [], None)
        assert subject.samples and (subject.data is not None or len(subject.why_not) > 20), name
    yale = make_subject("yale", [], None)
    assert yale.samples[0].values.shape == (128, 128, 1) and "2 classes" in yale.why_not
    small = make_subject("yale", [], "fashion-mnist")
    assert small.data is not None and small.samples[0].values.shape == (28, 28, 1)


@pytest.mark.parametrize("words, message", [
    (["explore", "nothing"], "no such model"), (["explore", "small", "--train-on", "nowhere"], "takes fashion-mnist"),
    (["explore", "small", __file__], "cannot be read"),
])
def test_command_says_what_is_wrong(words, message):
    from click.testing import CliRunner

    from striate.cli import main

    done = CliRunner().invoke(main, words)
    assert done.exit_code != 0 and message in done.output


def test_the_missing_extra_is_named():
    code = ("import sys; sys.modules['starlette'] = None\nfrom striate.cli import main\n"
            "main(['explore', 'small'])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 2 and "pip install 'striate[explore]'" in done.stderr
