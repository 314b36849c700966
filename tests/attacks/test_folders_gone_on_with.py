"""Folders that a search, a cross-validation or a comparison goes on in, from strangers: nothing is written through
links, nothing waits for pipes, and files with holes do not fill the memory.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from striate import callbacks, zoo
from striate.cli import main
from striate.errors import FileError, ModelFileError
from striate.systems import brain, brain_gan
from striate.tune import Search, Space
from striate.tune.with_optuna import optuna_search
from striate.untrusted import limits, read_file

TUNE = ("tune", "pictures", "--model", "model:tiny", "--trials", "1", "--epochs", "1", "--out", "folder")
FOLDS = ("folds", "pictures", "--model", "model:tiny", "--folds", "2", "--epochs", "1", "--out", "folder")
COMPARE = ("compare", "auto-mpg", "--splits", "1", "--out", "folder")
WRITTEN = [(TUNE, "tune.json"), (TUNE, "trial-0000.keras"), ((*TUNE, "--method", "optuna"), "study.journal"),
           (FOLDS, "folds.json"), (FOLDS, "fold-00.keras"), (COMPARE, "comparison.json")]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "model.py").write_text(
        "from striate import Input, Sequential, layers\n\n"
        "def tiny(input_shape, classes):\n"
        "    return Sequential([Input(input_shape), layers.Flatten(), layers.Dense(classes, activation='softmax')])\n")
    for name in "ab":
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(12):
            pixels = np.random.default_rng([ord(name), number]).integers(0, 255, (8, 8), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pictures" / name / f"{number}.png")
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


def run(*words):
    done = CliRunner().invoke(main, [*map(str, words)], catch_exceptions=False)
    return done.exit_code, " ".join(done.output.split())


@pytest.mark.parametrize(("command", "name"), WRITTEN)
@pytest.mark.parametrize("there", [True, False])
def test_links_are_not_written_through(folder, command, name, there):
    target = folder.parent / "elsewhere.keras"
    if there:
        zoo.build("lenet5").save(target)
    before = target.read_bytes() if there else None
    (folder / name).symlink_to(target)
    code, said = run(*command)
    assert code == 1 and "through symbolic links" in said and name in said, said
    assert (target.read_bytes() if target.exists() else None) == before
    assert [entry.name for entry in folder.iterdir()] == [name]


@pytest.mark.parametrize("name", ["yale.keras", "generator.svg", "discriminator.keras"])
def test_networks_of_a_comparison_are_not_written_through_links(folder, name):
    (folder / name).symlink_to(folder.parent / "elsewhere")
    with pytest.raises(FileError, match="through symbolic links"):
        brain_gan.compare(folder=folder)
    if name == "yale.keras":
        with pytest.raises(FileError, match="through symbolic links"):
            brain.compare(data=lambda: {"train": (np.zeros((4, 8, 8, 1)), np.arange(4) % 2)}, folder=folder)


@pytest.mark.parametrize(("command", "name"), [row for row in WRITTEN if not row[1].endswith(".keras")])
@pytest.mark.parametrize("kind", ["pipe", "holes", "folder"])
def test_other_kinds_of_files_are_a_sentence(folder, command, name, kind):
    if kind == "pipe":
        os.mkfifo(folder / name)
    elif kind == "folder":
        (folder / name).mkdir()
    else:
        with open(folder / name, "wb") as file:
            file.truncate(5 << 30)
    code, said = run(*command)
    assert code in (1, 2, 4) and name in said and "Traceback" not in said, said
    assert any(words in said for words in ("regular file", "at most 268,435,456 are read", "Is a directory")), said


def test_a_journal_of_two_names_is_not_grown(folder):
    """The other name may be somebody's file, or a copy that was made to be kept."""
    other = folder.parent / "kept"
    other.write_text("")
    os.link(other, folder / "study.journal")
    search = Search(folder, Space.parsed({"units": "1..5"}), lambda settings, epochs, place: 0.0)
    with pytest.raises(Exception, match="regular file of one name"):
        optuna_search(search, 1, 1)
    assert other.read_text() == ""


def test_files_of_two_names_are_replaced_and_not_written_into(folder):
    other = folder.parent / "kept"
    code, said = run(*COMPARE)
    assert code == 0, said
    os.link(folder / "comparison.json", other)
    before = other.read_bytes()
    assert run(*COMPARE[:3], "2", *COMPARE[4:])[0] == 1  # another comparison: refused
    assert run(*COMPARE)[0] == 0 and other.read_bytes() == before
    assert not os.path.samefile(other, folder / "comparison.json")


def test_a_file_that_is_larger_than_the_memory_is_refused_before_it_is_read(tmp_path, monkeypatch):
    place: Path = tmp_path / "model.keras"
    with open(place, "wb") as file:
        file.truncate(300 << 20)
    monkeypatch.setattr(limits, "_memory_left", lambda: 299 << 20)
    with pytest.raises(ModelFileError, match="314,572,800 bytes; 313,524,224 bytes of memory are left"):
        read_file(place)
    monkeypatch.undo()
    assert limits._memory_left() > 64 << 20
    with pytest.raises(ModelFileError, match="at most 1,000 are read"):
        read_file(place, limit=1000)


def test_a_table_to_append_to_is_no_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(ModelFileError, match="no regular file"):
        callbacks.CSVLogger(tmp_path / "pipe.csv", append=True).on_train_begin()
