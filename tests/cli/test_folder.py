"""`striate train FOLDER`: nothing else is needed, everything is said, and `predict` prepares pictures the same way."""

import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from striate.cli import main
from striate.systems import own
from tests.systems import photographs


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return photographs.folder(tmp_path_factory.mktemp("data") / "things", 90)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


QUICK = ("--epochs", 2, "--image-size", "32x32")


@pytest.mark.slow
def test_a_folder_is_trained_on_and_its_model_used(pictures, here):
    own_copy = shutil.copytree(pictures, here / "things")
    (own_copy / "circles" / "broken.jpg").write_bytes(b"no picture")
    done = run("train", "things", *QUICK, "--json")
    result = json.loads(done.stdout)
    assert result["data"]["classes"] == ["circles", "stripes", "triangles"]
    assert result["data"]["image_shape"] == [32, 32, 3]
    said = " ".join(result["data"]["chosen"])
    assert "70%" in said and "32x32" in said and "photographs" in said
    assert "broken.jpg" in " ".join(result["data"]["findings"]) and "broken.jpg" in done.stderr
    config = json.loads((here / result["run"] / "config.json").read_text())
    assert config["data"]["preparation"]["image_size"] == [32, 32] and config["training"]["patience"] == 12
    assert "broken.jpg" in (here / result["run"] / "report.html").read_text()

    measured = json.loads(run("evaluate", result["run"], "--json").stdout)
    assert measured["accuracy"] == pytest.approx(result["test"]["accuracy"])
    path = sorted((own_copy / "stripes").iterdir())[0]
    (found,) = json.loads(run("predict", result["run"], path, "--json").stdout)
    assert sum(row["probability"] for row in found["classes"]) == pytest.approx(1)
    network = own_prediction(here / result["model"], config["data"]["preparation"], path)
    assert found["classes"][0]["probability"] == pytest.approx(float(network.max()), abs=1e-6)


def own_prediction(file, preparation, path):
    """What a user's own program gets out of the saved model with the recorded preparation."""
    import striate
    from striate.datasets.pictures import Preparation

    model = striate.saving.load_model(file)
    return np.asarray(model.predict(Preparation.of(preparation).read(path)[np.newaxis], verbose=0))[0]


@pytest.mark.slow
def test_pictures_on_the_disk_give_a_usable_model(pictures, here, monkeypatch):
    monkeypatch.setattr(own, "MEMORY_SHARE", 0.0)
    result = json.loads(run("train", pictures, *QUICK, "--out", "stored", "--json").stdout)
    assert "stay on the disk" in " ".join(result["data"]["chosen"])
    assert (here / "stored" / "best.keras").is_file()
    assert json.loads(run("evaluate", "stored", "--json").stdout)["accuracy"] == result["test"]["accuracy"]


@pytest.mark.slow
def test_an_archive_of_arrays_is_trained_on(here):
    random = np.random.default_rng(0)
    labels = np.arange(160) % 2
    x = random.normal(100, 10, (160, 12, 12)) + labels[:, None, None] * 60
    np.savez(here / "cells.npz", x=x.astype(np.float32), y=np.array(["dark", "light"])[labels])
    result = json.loads(run("train", "cells.npz", "--epochs", 12, "--json").stdout)
    assert result["data"]["classes"] == ["dark", "light"] and result["test"]["accuracy"] > 0.8


@pytest.mark.slow
def test_patience_ends_a_training(here):
    random = np.random.default_rng(0)
    np.savez(here / "noise.npz", x=random.integers(0, 256, (80, 12, 12), np.uint8), y=np.arange(80) % 2)
    done = run("train", "noise.npz", "--epochs", 200, "--patience", 2)
    assert done.exit_code == 0 and "had not improved for 2 epochs" in done.output
    assert json.loads((here / "runs" / "noise-0001" / "config.json").read_text())["result"]["epochs"] < 100


@pytest.mark.parametrize(("words", "said"), [
    (("train", "missing-folder"), "no data set of this name"),
    (("train", "empty"), "one folder for each class"),
    (("train", "file.txt"), ".npz file or a .csv file"),
    (("train", "x-or-o", "--image-size", "32x32"), "Only pictures in files"),
    (("train", "fashion-mnist", "--image-size", "32by32"), "written 64x64"),
    (("train", "x-or-o", "--subset"), "leave --subset out"),
    (("train", "auto-mpg", "--model", "small"), "takes no model"),
    (("data", "show", "missing-folder"), "no data set of this name"),
])
def test_mistakes_are_one_sentence(here, words, said):
    (here / "empty").mkdir()
    (here / "file.txt").write_text("text")
    done = run(*words)
    assert done.exit_code == 2 and said in " ".join(done.output.split()) and "Traceback" not in done.output


@pytest.mark.slow
def test_data_show_draws_a_sheet_and_tells_doubles(pictures, here):
    for part, rows in (("train", slice(0, 20)), ("test", slice(18, 30))):
        for kind in photographs.CLASSES:
            (here / "parted" / part / kind).mkdir(parents=True)
            for path in sorted((pictures / kind).iterdir())[rows]:
                shutil.copy(path, here / "parted" / part / kind)
    found = json.loads(run("data", "show", "parted", "--json").stdout)
    assert sum(found["across"].values()) == 6 and found["counts"]["test"]["circles"] == 12
    assert any("the same in" in sentence for sentence in found["findings"])
    with Image.open(here / found["sheet"]) as sheet:
        assert sheet.width > 1000 and len(set(sheet.convert("L").resize((50, 50)).getdata())) > 20
    text = run("data", "show", "parted", "--out", "again.svg").output
    assert "circles" in text and (here / "again.svg").is_file()


def test_data_list_and_get(here):
    rows = json.loads(run("data", "list", "--json").stdout)
    assert {"fashion-mnist", "auto-mpg", "simulated-ca", "brain-food"} <= {row["name"] for row in rows}
    assert "auto-mpg" in run("data", "list").output
    shapes = json.loads(run("data", "get", "x-or-o", "--json").stdout)["shapes"]
    assert sum(shape[0] for shape in shapes.values()) == 3000 and shapes["test"][1:] == [9, 9, 1]
    assert json.loads(run("data", "get", "auto-mpg", "--json").stdout)["shapes"] == {"x": [392, 7], "y": [392]}


def test_data_show_draws_a_table_of_numbers(here):
    found = json.loads(run("data", "show", "auto-mpg", "--out", "cars.svg", "--json").stdout)
    told = {row["column"]: row for row in found["columns"]}
    assert found["rows"] == 392 and list(told)[0] == "mpg" and (here / "cars.svg").is_file()
    assert (told["cylinders"]["least"], told["cylinders"]["largest"], told["cylinders"]["different"]) == (3, 8, 5)
    assert told["mpg"]["correlation"] == pytest.approx(1) and told["weight"]["correlation"] == pytest.approx(-0.832,
                                                                                                             abs=5e-4)
    (here / "prices.csv").write_text("size,price,rooms\n1.5,3,1\n2.5,5,1\n4.5,9,1\n")
    text = run("data", "show", "prices.csv").output
    assert "size is what striate compare predicts" in " ".join(text.split())


def test_arrays_and_drawn_letters_are_split_class_by_class_and_copies_stay_together(here):
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (40, 6, 6), np.uint8)
    np.savez(here / "own.npz", x=np.concatenate([x, x[:20]]), y=np.concatenate([np.arange(40), np.arange(20)]) % 2)
    for name in ("own.npz", "x-or-o"):
        found = json.loads(run("data", "show", name, "--out", "sheet.svg", "--json").stdout)
        assert not found["across"] and found["doubles"] >= 20
    counts = json.loads(run("data", "show", "own.npz", "--out", "sheet.svg", "--json").stdout)["counts"]
    assert all(part["0"] == pytest.approx(part["1"], abs=4) and min(part.values()) >= 3 for part in counts.values())


@pytest.mark.slow
def test_x_or_o_is_learnt(here):
    result = json.loads(run("train", "x-or-o", "--json").stdout)
    assert result["test"]["accuracy"] > 0.95


@pytest.mark.slow
def test_many_photographs_of_mixed_sizes(here, by_level):
    photographs.folder(here / "photographs", by_level(400, 1000))
    result = json.loads(run("train", "photographs", "--epochs", 12, "--json").stdout)
    assert result["data"]["image_shape"] == [96, 96, 3]
    assert result["test"]["accuracy"] > 0.6
