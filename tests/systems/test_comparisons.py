"""The lectures' comparisons: a small part of each, and that a table goes on where it was broken off."""

import json
import warnings

import numpy as np
import pytest
from click.testing import CliRunner

from striate.cli import main
from striate.datasets import auto_mpg as cars
from striate.errors import FileError
from striate.systems import auto_mpg, brain, nova
from striate.systems.comparison import Comparison


def test_a_table_goes_on_where_it_was_broken_off(tmp_path):
    made = []

    def row(name):
        made.append(name)
        if name == "three" and made.count("three") == 1:
            raise KeyboardInterrupt
        return {"score": len(name)}
    variants = {name: lambda name=name: row(name) for name in ("one", "two", "three")}
    with pytest.raises(KeyboardInterrupt):
        Comparison.at(tmp_path, "title", "question", {"score": float}).run(variants)
    found = Comparison.at(tmp_path, "title", "question", {"score": float}).run(variants)
    assert made == ["one", "two", "three", "three"]
    assert [own["score"] for own in found.rows] == [3, 3, 5]
    assert json.loads((tmp_path / "comparison.json").read_text())["rows"] == found.rows
    assert "three" in str(found) and "5" in str(found)
    with pytest.raises(FileError, match="another comparison"):
        Comparison.at(tmp_path, "other", "question", {"score": float})
    kept = json.loads((tmp_path / "comparison.json").read_text())
    for rows in (5, None, [5], [{}], [{"variant": 5, "score": 1}], [{"variant": [], "score": 1}], [{"variant": "one"}],
                 [{"variant": "one", "score": "x"}], [{"variant": "one", "score": None}], {"variant": "one"}):
        (tmp_path / "comparison.json").write_text(json.dumps(kept | {"rows": rows}))
        with pytest.raises(FileError, match="comparison.json is damaged: .*Name another folder"):
            Comparison.at(tmp_path, "title", "question", {"score": float})
    (tmp_path / "comparison.json").write_text("{")
    with pytest.raises(FileError, match="damaged"):
        Comparison.at(tmp_path, "title", "question", {"score": float})


def test_half_a_training_is_no_row(monkeypatch):
    from striate.models import Model

    class Broken:
        interrupted = True
    monkeypatch.setattr(Model, "fit", lambda *arguments, **keywords: Broken())
    with pytest.raises(KeyboardInterrupt):
        auto_mpg.Trainer(7, "relu", 0.01).errors(cars.load_data(), 0)


def test_linear_model_is_least_squares():
    (x, y), (x_valid, y_valid) = cars.load_data(seed=5)
    ones = [np.c_[part.astype(float), np.ones(len(part))] for part in (x, x_valid)]
    weights = np.linalg.lstsq(ones[0], y, rcond=None)[0]
    error = float(np.sqrt(np.mean((ones[1] @ weights - y_valid) ** 2)))
    assert auto_mpg.linear_error(5) == pytest.approx(error, rel=1e-4)
    assert auto_mpg.linear_error(None) == pytest.approx(5.78, abs=0.005)
    assert np.mean([auto_mpg.linear_error(seed) for seed in range(20)]) == pytest.approx(3.39, abs=0.005)


def test_regression_beats_the_linear_model_and_is_repeatable():
    found = auto_mpg.compare(splits=2, activations=("relu",), rates=(0.01,)).rows
    assert found[1]["validation error"] < found[0]["validation error"]
    assert found[1]["better than linear"] == "2 of 2"
    trainer = auto_mpg.Trainer(7, "relu", 0.01)
    data = cars.load_data(seed=0)
    assert trainer.errors(data, 0) == trainer.errors(data, 0)


@pytest.mark.slow
def test_a_table_of_ones_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    x = random.normal(size=(120, 2))
    rows = ["a,b,price"] + [f"{a:.4f},{b:.4f},{a * 3 - b:.4f}" for a, b in x]
    (tmp_path / "own.csv").write_text("\n".join(rows))
    done = CliRunner().invoke(main, ["compare", "own.csv", "--target", "price", "--splits", "1", "--json"],
                              catch_exceptions=False)
    found = json.loads(done.stdout)
    assert found["rows"][0]["validation error"] < 1e-3 and "price" in found["title"]


@pytest.mark.parametrize("words, said", [
    (["auto-mpg", "--variant", "uva", "--rounds", "2"], "auto-mpg takes no --variant, --rounds; it takes --splits."),
    (["dna", "--target", "x"], "takes no --target"), (["brain", "--rounds", "2"], "--rounds with --data gan"),
    (["own.csv", "--subset"], "it takes --splits, --target"), (["nothing"], "What can be compared is"),
    (["two.csv", "--target", "price"], "must have different values"),
    (["same.csv", "--target", "b"], "must have different values")])
def test_a_comparison_says_what_it_cannot_do_and_leaves_no_folder(tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "two.csv").write_text("a,b,price\n1,2,3\n2,3,4\n")
    (tmp_path / "same.csv").write_text("a,b\n" + "".join(f"{i},7\n" for i in range(40)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        done = CliRunner().invoke(main, ["compare", *words])
    assert done.exit_code == 2 and said in " ".join(done.stderr.split())
    assert not list(tmp_path.glob("runs/*"))


@pytest.mark.slow
def test_brain_networks_are_judged_on_sessions_that_they_have_not_seen(tmp_path):
    def few():
        parts = brain.simulated(frames=16)
        assert {name: len(y) for name, (_, y) in parts.items()} == {"train": 68, "same": 12, "other": 16, "test": 48}
        return parts
    found = brain.compare(("yale",), seeds=(0,), epochs=1, data=few, folder=tmp_path)
    row = found.rows[0]
    assert row["parameters"] == 62338 and 0 <= row["test accuracy"] <= 1
    assert (tmp_path / "yale.keras").is_file()
    assert any("simulated" in note for note in found.notes)
    assert row["spread"] is None and any("one seed" in note for note in found.notes), "one value has no spread"


def test_brain_networks_on_a_folder_of_ones_own(tmp_path):
    from PIL import Image

    random = np.random.default_rng(0)
    for part, count in (("train", 12), ("val", 4), ("test", 4)):
        for label, name in enumerate(("fake", "real")):
            (tmp_path / part / name).mkdir(parents=True)
            for index in range(count):
                Image.fromarray(random.integers(0, 200 + 50 * label, (128, 128), np.uint8)).save(
                    tmp_path / part / name / f"{index}.png")
    parts = brain.of_folder(tmp_path)
    assert {name: len(y) for name, (_, y) in parts.items()} == {"train": 21, "same": 3, "other": 8, "test": 8}
    assert parts["test"][0].shape == (8, 128, 128, 1) and parts["test"][0].dtype == np.float32


def test_variants_differ_from_the_network_as_described_in_one_thing():
    import striate

    plain = nova.network()
    assert plain.count_params() == striate.zoo.build("nova").count_params()
    kinds = [type(layer).__name__ for layer in nova.network(normalised=False, dropout=0).layers]
    assert "BatchNormalization" not in kinds and "Dropout" not in kinds
    pooled = [type(layer).__name__ for layer in nova.network(pooling="average").layers]
    assert pooled.count("AveragePooling2D") == 2
    for changes in nova.VARIANTS.values():
        assert set(changes) <= {"activation", "normalised", "dropout", "stack_dropout", "pooling", "optimizer",
                                "learning_rate", "optimizer_arguments"}


@pytest.mark.slow
def test_nova_variants_in_one_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["compare", "nova", "--subset", "--limit", "300", "--epochs", "1", "--variant", "as described", "--variant",
             "Adam", "--out", "table", "--json"]
    found = json.loads(CliRunner().invoke(main, words, catch_exceptions=False).stdout)
    assert [row["variant"] for row in found["rows"]] == ["as described", "Adam"]
    assert all(row["test accuracy"] > 0.1 for row in found["rows"])


@pytest.mark.slow
def test_networks_by_their_recipes_each_with_several_seeds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["compare", "fashion-mnist", "--subset", "--limit", "300", "--epochs", "1", "--seeds", "2", "--out",
             "table", "--json", "--variant"]
    one = json.loads(CliRunner().invoke(main, [*words, "lenet5"], catch_exceptions=False).stdout)
    both = json.loads(CliRunner().invoke(main, [*words, "small"], catch_exceptions=False).stdout)
    assert [row["variant"] for row in both["rows"]] == ["small, seed 0", "small, seed 1", "lenet5, seed 0",
                                                        "lenet5, seed 1"]
    assert both["rows"][2:] == one["rows"], "what is in the table is not trained again"
    mean = sum(row["test accuracy"] for row in both["rows"][:2]) / 2
    assert f"small: test accuracy {mean:.4f}, mean of 2 seeds" in both["notes"][0]
    assert "slides" not in " ".join(both["notes"]), "a tenth of the data is not held against the whole"


def test_the_network_for_lines_beside_searches_that_know_the_word(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["compare", "dna", "--limit", "200", "--epochs", "1", "--seeds", "2", "--out", "table", "--json"]
    found = json.loads(CliRunner().invoke(main, words, catch_exceptions=False).stdout)
    assert [row["variant"] for row in found["rows"]] == ["search for the word", "one letter may differ",
                                                         "signal, seed 0", "signal, seed 1"]
    assert found["rows"][1]["test accuracy"] > found["rows"][0]["test accuracy"] > 0.7
    assert "200 to train" in found["title"] and any("no" in note and "result on DNA" in note for note in found["notes"])


def test_every_network_for_pictures_without_a_comparison_of_its_own_is_in_this_one():
    from striate import zoo
    from striate.systems import fashion

    others = {*brain.NETWORKS, "signal", "dcgan_discriminator"}
    assert set(fashion.NETWORKS) == set(zoo.names()) - others
