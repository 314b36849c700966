"""`striate folds`: parts of the images, the same result on any number of ranks, going on, the ensemble."""

import json
import subprocess

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from striate.cli import main
from striate.cli.folding import _together, parts
from striate.errors import ArgumentError
from striate.systems import own
from tests.parallel.conftest import command, environment

WORDS = ["folds", "x-or-o", "--limit", "90", "--folds", "3", "--epochs", "2"]


def test_parts_have_as_many_of_each_class_and_depend_on_the_seed():
    labels = np.repeat([0, 1, 2], [10, 20, 7])
    found = parts(labels, 3, seed=4)
    counts = np.array([[((found == part) & (labels == label)).sum() for label in range(3)] for part in range(3)])
    assert counts.sum(axis=0).tolist() == [10, 20, 7] and (np.ptp(counts, axis=0) <= 1).all()
    assert np.array_equal(found, parts(labels, 3, seed=4)) and not np.array_equal(found, parts(labels, 3, seed=5))
    with pytest.raises(ArgumentError, match="ask for fewer folds, or add images. Received: folds=8, label=2, images=7"):
        parts(labels, 8, seed=0)


def test_copies_of_a_picture_are_in_one_part():
    images = np.random.default_rng(0).integers(0, 256, (24, 4, 4, 1), np.uint8)
    images[12:] = images[:12]
    labels = np.tile([0, 1, 2], 8)
    found = _together(images, labels, 2, seed=0)
    assert np.array_equal(found[:12], found[12:]) and np.bincount(found[:12]).tolist() == [6, 6]
    assert np.array_equal(_together(images[:12], labels[:12], 2, seed=0), parts(labels[:12], 2, seed=0))


@pytest.mark.slow
def test_folds_and_their_ensemble(tmp_path):
    words = [*WORDS, "--out", str(tmp_path / "run"), "--json"]
    first = json.loads(CliRunner().invoke(main, words, catch_exceptions=False).stdout)
    assert sum(row["images"] for row in first["folds"]) == 180 and len(first["folds"]) == 3
    assert first["accuracy"] == pytest.approx(np.mean([row["accuracy"] for row in first["folds"]]))
    assert first["ensemble_test_accuracy"] > 0.6
    (tmp_path / "run" / "fold-01.keras").unlink()  # as if it had been killed there
    kept = (tmp_path / "run" / "fold-00.keras").stat().st_mtime_ns
    assert json.loads(CliRunner().invoke(main, words, catch_exceptions=False).stdout) == first
    assert (tmp_path / "run" / "fold-00.keras").stat().st_mtime_ns == kept
    other = CliRunner().invoke(main, [*words, "--seed", "1"])
    assert other.exit_code == 1 and "another cross-validation" in other.output
    assert CliRunner().invoke(main, ["folds", "simulated-ca"]).exit_code == 2


@pytest.mark.nightly
def test_folds_on_ranks_are_those_of_one_process(tmp_path):
    pytest.importorskip("mpi4py", reason="the extra `dist` is not installed: several ranks are NOT TESTED")
    said = []
    for ranks in (None, 2):
        done = subprocess.run(command(ranks, "-m", "striate", *WORDS, "--json", "--out", tmp_path / str(ranks)),
                              env=environment(STRIATE_RANK_TIMEOUT="60"), capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stderr[-3000:]
        said.append({name: value for name, value in json.loads(done.stdout).items() if name != "folder"})
    assert said[0] == said[1]
    for number in range(3):
        name = f"fold-{number:02d}.keras"
        assert (tmp_path / "None" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


@pytest.mark.slow
def test_folds_of_pictures_that_stay_on_the_disk(tmp_path, monkeypatch):
    random = np.random.default_rng(0)
    for name, low in (("dark", 0), ("light", 150)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for index in range(16):
            pixels = random.integers(low, low + 100, (12, 12), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{index:02d}.png")
    words = ["folds", str(tmp_path / "data"), "--folds", "2", "--epochs", "15", "--out", str(tmp_path / "run"),
             "--json"]
    monkeypatch.setattr(own, "MEMORY_SHARE", 0.0)
    stored = json.loads(CliRunner().invoke(main, words, catch_exceptions=False).stdout)
    assert stored["accuracy"] > 0.8 and sum(row["images"] for row in stored["folds"]) == 28
    monkeypatch.undo()  # now in memory, the same models give the same numbers
    assert json.loads(CliRunner().invoke(main, words, catch_exceptions=False).stdout)["folds"] == stored["folds"]
