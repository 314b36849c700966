"""`striate doctor MODEL DATA` and `model.doctor`."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import striate as keras
from striate import layers, see
from striate.cli import main


def run(*words):
    return CliRunner().invoke(main, ["doctor", *map(str, words)])


@pytest.fixture
def folder(tmp_path):
    """Deck Y's data in small: one folder of fakes, one of real images."""
    random = np.random.default_rng(0)
    for name in ("fake", "real"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(15):
            Image.fromarray(random.integers(0, 255, (12, 12), np.uint8)).save(
                tmp_path / "pictures" / name / f"{number}.png")
    return tmp_path / "pictures"


@pytest.fixture
def model_file(tmp_path):
    model = keras.Sequential([keras.Input((12, 12, 1)), layers.Conv2D(4, 3, activation="relu"),
                              layers.GlobalAveragePooling2D(), layers.Dense(2, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.save(tmp_path / "model.keras")
    return tmp_path / "model.keras"


def test_the_method_is_the_function(folder, model_file):
    model = keras.models.load_model(model_file)
    x, y = np.zeros((10, 12, 12, 1), np.float32), np.arange(10) % 2
    assert model.doctor(x, y).data() == see.doctor(model, x, y).data()


def test_validation_of_one_kind_is_found(folder, model_file, tmp_path):
    found = run(model_file, folder, "--validation-split", 0.2, "--json", "--out", tmp_path / "found.html")
    assert found.exit_code == 1
    assert [finding["code"] for finding in json.loads(found.stdout)["findings"]] == ["D207"]
    assert "All of them are of class 1" in (tmp_path / "found.html").read_text()


def test_the_order_of_a_folder_is_nobodys_choice(folder, model_file):
    """Folders lie sorted: unless a split is asked for, that is no mistake, and a part of one holds all classes."""
    for more in ((), ("--limit", 16)):
        sound = run(model_file, folder, *more)
        assert sound.exit_code == 0 and "nothing found" in sound.stdout, sound.stdout


def test_npz(model_file, tmp_path):
    random = np.random.default_rng(0)
    x, y = random.random((40, 12, 12, 1)).astype(np.float32), np.arange(40) % 2
    np.savez(tmp_path / "good.npz", x=x, y=y)
    sound = run(model_file, tmp_path / "good.npz", "--validation-split", 0.2)
    assert sound.exit_code == 0 and "nothing found" in sound.stdout
    np.savez(tmp_path / "bad.npz", images=x)
    assert run(model_file, tmp_path / "bad.npz").exit_code == 2
    assert "arrays x and y" in run(model_file, tmp_path / "bad.npz").output


def test_model_alone_and_machine():
    alone = run("yale")
    assert alone.exit_code == 1 and "M109" in alone.stdout and "docs/see/doctor.md#m109" in alone.stdout
    assert "kernel cache" in run("--json").stdout
