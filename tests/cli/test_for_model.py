"""A trained model is asked about data as it learnt them: prepared as its pictures, classes numbered as its classes."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import striate
from striate.cli import for_model, main
from striate.cli.explaining import input_of
from striate.cli.explore import make_subject
from striate.cli.run_folder import find_model
from striate.datasets.pictures import Preparation
from striate.errors import ArgumentError, DataError
from striate.systems import data as datasets

CLASSES = ("cat", "dog", "eel")
SIZE = (12, 16)


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


def picture(path, value, size=(30, 60)):
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(value)
    Image.fromarray(random.integers(0, 256, (*size, 3), np.uint8)).save(path)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for label, name in enumerate(CLASSES):
        for index in range(10):
            picture(tmp_path / "own" / name / f"{index}.png", 100 * label + index)
    return tmp_path


def a_run(folder, preparation, seed=5, place="own", classes=CLASSES):
    """A run's folder as `striate train` leaves it, with a model of random weights."""
    striate.utils.set_random_seed(0)
    height, width = preparation.image_size
    model = striate.Sequential([striate.Input((height, width, preparation.channels)), striate.layers.Flatten(),
                                striate.layers.Dense(len(classes), activation="softmax")])
    folder.mkdir()
    model.save(folder / "best.keras")
    (folder / "config.json").write_text(json.dumps({"seed": seed, "data": {
        "name": str(place), "place": str(place), "classes": list(classes), "preparation": preparation.config()}}))
    return find_model(str(folder)), model


def test_other_data_are_prepared_and_numbered_as_the_runs_own(here):
    preparation = Preparation(SIZE, "grayscale", "bilinear", crop=True)
    saved, model = a_run(here / "run", preparation)
    for name in ("dog", "eel"):
        for index in range(2):
            picture(here / "new" / name / f"{index}.png", 1000 + index + (name == "eel") * 9, size=(20, 20))
    found = for_model.load(saved, model, "new")
    assert found.test[1].tolist() == [1, 1, 2, 2] and found.classes == CLASSES and not len(found.train[1])
    assert np.array_equal(found.test[0][0], preparation.read(here / "new" / "dog" / "0.png"))
    measured = json.loads(run("evaluate", "run", "new", "--json").stdout)
    said = model.predict(found.test[0] / np.float32(255), verbose=0).argmax(axis=1)
    assert measured["images"] == 4 and measured["accuracy"] == np.mean(said == found.test[1])
    assert measured["recall"]["cat"] is None  # of which there are no images, which is not "none was found"
    assert "none there" in run("explain", "confusion", "run", "new").stdout
    picture(here / "new" / "fox" / "0.png", 7)
    with pytest.raises(DataError, match=r"not learnt.*fox"):
        for_model.load(saved, model, "new")
    with pytest.raises(ArgumentError, match="other classes apart"):
        for_model.load(saved, model, "x-or-o")


def test_the_runs_own_data_are_split_by_its_seed_however_they_are_named(here):
    trained = datasets.load("own", seed=5, image_size=SIZE)
    saved, model = a_run(here / "run", trained.preparation, seed=5)
    for named in (None, "own", "./own", str(here / "own")):
        assert np.array_equal(for_model.load(saved, model, named).test[0], trained.test[0])
    assert not np.array_equal(datasets.load("own", seed=0, image_size=SIZE).test[0], trained.test[0])


def test_explain_explore_and_predict_see_the_same_picture(here):
    preparation = Preparation(SIZE, "grayscale", "bilinear", crop=True, black=1000.0, white=3000.0)
    _, model = a_run(here / "run", preparation)
    deep = np.random.default_rng(0).integers(1000, 3001, (40, 30), np.uint16)
    Image.fromarray(deep).save(here / "deep.png")
    expected = preparation.read(here / "deep.png") / np.float32(255)
    assert 0.2 < expected.mean() < 0.8  # neither black nor white, as 16 bits would be to another reader
    assert np.array_equal(input_of(model, "deep.png", "run"), expected)
    assert np.array_equal(make_subject("run", [here / "deep.png"], "none").samples[0].values, expected)
    (found,) = json.loads(run("predict", "run", "deep.png", "--json").stdout)
    best = found["classes"][0]
    assert best["probability"] == pytest.approx(float(model.predict(expected[None], verbose=0).max()))
    why = run("explain", "why", "run", "--image", "deep.png", "--method", "occlusion", "--out", "why.svg").output
    assert f"({best['name']}, value" in why and f"({best['name']})" in (here / "why.svg").read_text()


def test_arrays_are_scaled_by_what_the_run_calls_black_and_white(here):
    random = np.random.default_rng(0)
    x = random.integers(500, 4000, (60, 12, 16)).astype(np.float64)
    x[0, 0, 0], x[1, 0, 0] = 0, 4095
    y = np.arange(60) % 3
    np.savez(here / "own.npz", x_train=x[:40], y_train=y[:40], x_test=x[40:], y_test=y[40:])
    trained = datasets.load("own.npz")
    assert np.array_equal(trained.test[0][..., 0], np.rint(x[40:].astype(np.float32) * (255 / 4095)))
    saved, model = a_run(here / "run", trained.preparation, place=here / "own.npz", classes=("0", "1", "2"))
    np.savez(here / "new.npz", x=x[40:50], y=[1] * 10)
    found = for_model.load(saved, model, "new.npz")
    assert np.array_equal(found.test[0], trained.test[0][:10]) and found.test[1].tolist() == [1] * 10
    assert np.array_equal(input_of(model, "new.npz", "run"), trained.test[0][0] / np.float32(255))
    bytes_only, model = a_run(here / "bytes", Preparation(SIZE, "grayscale"), classes=("0", "1", "2"))
    with pytest.raises(DataError, match="8 bits"):
        for_model.load(bytes_only, model, "new.npz")


def test_the_doctor_sees_what_the_run_was_trained_on(here):
    np.savez(here / "own.npz", x=np.random.default_rng(0).uniform(0, 4095, (60, 12, 16)), y=np.arange(60) % 3)
    preparation = datasets.load("own.npz").preparation
    a_run(here / "run", preparation, place=here / "own.npz", classes=("0", "1", "2"))
    assert "D202" not in run("doctor", "run", "own.npz").stdout  # they are scaled before the model gets them


def test_few_samples_are_of_all_classes(here):
    a_run(here / "run", Preparation(SIZE, "rgb"))
    for index in range(9):
        for name in CLASSES:
            picture(here / "new" / name / f"{index}.png", index)
    assert json.loads(run("explain", "confusion", "run", "new", "--limit", 6, "--json").stdout)["counts"] is not None
    counts = np.array(json.loads(run("explain", "confusion", "run", "new", "--limit", 6, "--json").stdout)["counts"])
    assert counts.sum(axis=1).tolist() == [2, 2, 2]


def test_the_page_trains_on_what_the_run_learnt_from(here):
    preparation = Preparation(SIZE, "grayscale", "bilinear", crop=True)
    saved, model = a_run(here / "run", preparation, classes=("eel", "cat", "dog"))
    own, data = make_subject("run", [], "own"), for_model.load(saved, model)
    for x, y, part in ((own.data.x, own.data.y, data.train), (*own.data.validation, data.validation)):
        np.testing.assert_array_equal(x, part[0] / np.float32(255))
        np.testing.assert_array_equal(y, part[1])
    assert own.classes == ("eel", "cat", "dog") and own.data.said == data.said
    for name in CLASSES:
        for index in range(10):
            picture(here / "new" / name / f"{index}.png", 1000 * (1 + CLASSES.index(name)) + index)
    new = make_subject("run", [], "new")  # Other pictures are split as any new ones, and prepared as the run's.
    assert len(new.data.y) + len(new.data.validation[1]) < 30 and set(new.data.validation[1].tolist()) == {0, 1, 2}
    files = [preparation.read(file) / np.float32(255) for file in sorted((here / "new").rglob("*.png"))]
    assert any(np.array_equal(new.data.x[0], file) for file in files)
    picture(here / "new" / "fox" / "0.png", 7)
    with pytest.raises(DataError, match=r"not learnt.*fox"):
        make_subject("run", [], "new")


def test_the_page_trains_other_networks_on_a_folder(here):
    subject = make_subject("small", [], "own")
    assert subject.classes == CLASSES and subject.data.x.shape[1:] == subject.model.input_shape[1:]
    assert set(subject.data.y.tolist()) == set(subject.data.validation[1].tolist()) == {0, 1, 2}
