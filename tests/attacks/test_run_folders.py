"""Folders of `striate train` that come from strangers: one sentence that says what is wrong, before anything is
computed, read elsewhere or written elsewhere.
"""

import json
import os

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from striate import Input, Sequential, checkpoints, layers, see
from striate.cli import main
from striate.errors import FileError, ModelFileError

REQUEST = {"data": "fashion-mnist", "model": "lenet5", "epochs": 2, "subset": True, "limit": 20, "seed": 0}
DATA = {"name": "fashion-mnist", "place": "fashion-mnist", "subset": True, "classes": ["a", "b"]}
SIZES = {"image_size": [8, 8], "color_mode": "grayscale", "interpolation": "bilinear", "crop": False, "black": None,
         "white": None}


@pytest.fixture(scope="module")
def model():
    return Sequential([Input((8, 8, 1)), layers.Flatten(), layers.Dense(2, activation="softmax")])


@pytest.fixture
def folder(tmp_path, model, monkeypatch):
    """A run whose config.json the test writes, with a picture beside it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    model.save(tmp_path / "run" / "best.keras")
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "picture.png")
    return tmp_path / "run"


def run(*words):
    return CliRunner().invoke(main, [*map(str, words)], catch_exceptions=False)


def refused(words, *commands):
    for command in commands:
        done = run(*command)
        said = " ".join(done.output.split())
        assert done.exit_code == 4 and words in said and "Traceback" not in said, (command, said)


RESUME, PREDICT, EVALUATE = ("train", "--resume", "run"), ("predict", "run", "picture.png"), ("evaluate", "run")
TEXTS = {"nested": "[" * 200_000, "nested objects": '{"a": ' * 50_000, "a list": "[]", "cut": '{"request": {',
         "no JSON": "\0" * 100, "a number of 5000 digits": '{"seed": ' + "9" * 5000 + "}"}


@pytest.mark.parametrize("name", TEXTS)
def test_texts(folder, name):
    (folder / "config.json").write_text(TEXTS[name])
    refused("config.json", RESUME, PREDICT, EVALUATE)


def test_pipes_and_devices_are_not_waited_for(folder):
    os.mkfifo(folder / "config.json")
    refused("no regular file", RESUME, PREDICT, EVALUATE)
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to("/dev/zero")
    refused("no regular file", PREDICT, EVALUATE)


REQUESTS = [("unknown", 1), ("data", 5), ("data", None), ("model", 5), ("epochs", "x"), ("epochs", -1), ("epochs", 1.5),
            ("epochs", True), ("batch_size", 0), ("batch_size", [1]), ("optimizer", 5), ("learning_rate", "x"),
            ("learning_rate", -1.0), ("learning_rate", float("inf")), ("learning_rate", float("nan")), ("patience", 0),
            ("image_size", 5), ("image_size", [1]), ("image_size", [10**9, 10**9]), ("image_size", ["a", 3]),
            ("seed", -1), ("seed", 1.5), ("seed", "x"), ("shards", 0), ("limit", -1), ("limit", "x"), ("subset", "x"),
            ("timeline", [1])]


@pytest.mark.parametrize(("name", "value"), REQUESTS)
def test_requests(folder, name, value):
    (folder / "config.json").write_text(json.dumps({"request": REQUEST | {name: value}}))
    refused("config.json is damaged", RESUME)


@pytest.mark.parametrize("request_", ["abc", [1], 5, float("nan")])
def test_requests_that_are_none(folder, request_):
    (folder / "config.json").write_text(json.dumps({"request": request_}))
    refused("config.json is damaged", RESUME)


SECTIONS = [*({"data": data} for data in ("abc", [1], 5)), {"seed": "x"}, {"seed": -1},
            *({"data": DATA | {name: value}} for name, value in [
                ("name", 5), ("place", 5), ("place", [1]), ("classes", 5), ("classes", {"a": 1}), ("classes", [[1]]),
                ("preparation", 5), ("preparation", {"evil": 1})]),
            *({"data": DATA | {"preparation": SIZES | change}} for change in (
                {"image_size": 5}, {"image_size": [10**9, 10**9]}, {"image_size": [-1, 3]}, {"image_size": ["a", 3]},
                {"color_mode": [1]}, {"color_mode": "CMYK"}, {"interpolation": 7}, {"crop": "x"}, {"black": "x"},
                {"white": float("nan")}))]


@pytest.mark.parametrize("section", SECTIONS, ids=str)
def test_sections(folder, section):
    (folder / "config.json").write_text(json.dumps(section))
    refused("config.json", PREDICT, EVALUATE, RESUME)


def test_pictures_are_not_blown_up_to_another_size_than_the_model_takes(folder):
    data = DATA | {"preparation": SIZES | {"image_size": [9999, 9999]}}
    (folder / "config.json").write_text(json.dumps({"data": data}))
    refused("another size of pictures than its model takes", PREDICT)


def test_a_sound_folder_is_read(folder):
    """NaN is what a loss can be, and a seed may have any length."""
    content = {"seed": 1 << 70, "request": REQUEST, "data": DATA | {"preparation": SIZES},
               "result": {"test": {"loss": float("nan")}}}
    (folder / "config.json").write_text(json.dumps(content))
    done = run(*PREDICT)
    assert done.exit_code == 0 and "b 50.0%" in done.output, done.output


@pytest.mark.parametrize("name", ["last.keras", "history.json", "report.html", "state/LATEST", "config.json", "state"])
def test_links_are_not_written_through(folder, name):
    """A copied repository may hold them, and a run that goes on writes all of these files."""
    target = folder.parent / ("elsewhere" if name == "state" else "important")
    target.mkdir() if name == "state" else target.write_text(json.dumps({"request": REQUEST}))
    before = target.stat().st_mtime_ns
    (folder / "config.json").write_text(json.dumps({"request": REQUEST}))
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(target)
    done = run(*RESUME)
    assert done.exit_code == 1 and "symbolic links in its folder" in " ".join(done.output.split())
    assert target.stat().st_mtime_ns == before and not list(target.parent.glob("elsewhere/*"))


@pytest.mark.parametrize("name", ["LATEST", "step-000007", "step-000001"])
def test_states_are_not_written_or_removed_through_links(tmp_path, name):
    base, target = tmp_path / "state", tmp_path / "elsewhere"
    for step in (1, 2):
        checkpoints.save(target, step, {"step": step})
    base.mkdir()
    (base / name).symlink_to(target / "LATEST" if name == "LATEST" else target / "step-000001")
    before = sorted(path.stat().st_mtime_ns for path in target.rglob("*"))
    for act in (lambda: checkpoints.save(base, 7, {"step": 7}), lambda: checkpoints.newest(base),
                lambda: checkpoints.remove(base)):
        with pytest.raises(FileError, match="is a symbolic link"):
            act()
    assert sorted(path.stat().st_mtime_ns for path in target.rglob("*")) == before


@pytest.mark.parametrize("name", ["COMMIT", "state.json", "state.safetensors"])
def test_states_of_pipes_and_devices_do_not_count(tmp_path, name):
    for step in (1, 2):
        place = checkpoints.save(tmp_path, step, {"step": step, "x": np.ones(3)})
    (place / name).unlink()
    os.mkfifo(place / name)
    assert checkpoints.newest(tmp_path)["step"] == 1
    (place / name).unlink()
    (place / name).symlink_to("/dev/zero")
    assert checkpoints.newest(tmp_path)["step"] == 1


TIMELINES = [{"states": []}, {"states": ["../../x"]}, {"states": [5, 3]}, {"states": 5}, {"streams": [1, 2, 3]},
             {"hashes": {"x": 1}}, {"losses": [1]}, {"losses": {"1": "x"}}, {"epochs": {"1": None}}]


@pytest.mark.parametrize("change", TIMELINES, ids=str)
def test_recordings(tmp_path, model, change):
    facts = {"format": 1, "streams": [], "states": [0], "hashes": {}, "losses": {}, "epochs": {}}
    model.save(tmp_path / "model.keras")
    (tmp_path / "timeline.json").write_text(json.dumps(facts))
    assert see.Timeline(tmp_path).steps == (0, 0)
    (tmp_path / "timeline.json").write_text(json.dumps(facts | change))
    with pytest.raises(ModelFileError, match="timeline.json is damaged"):
        see.Timeline(tmp_path)
