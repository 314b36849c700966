"""The command `striate` as a user meets it: help, exit codes, messages, names of runs."""

import json

import pytest
from click.testing import CliRunner

import striate
from striate import __version__
from striate.cli import COMMANDS, main, plain
from striate.cli.run_folder import RunFolder, find_model
from striate.cli.terminal import duration
from striate.errors import FileError, ModelFileError


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def test_version():
    assert run("--version").output == f"striate {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_examples(name):
    result = run(name, "--help")
    assert result.exit_code == 0
    assert "Examples:" in result.output and f"  striate {name}" in result.output


def test_help_lists_every_command():
    text = run("--help").output
    assert all(f"\n  {name} " in text for name in COMMANDS)


@pytest.mark.parametrize(("words", "code", "said"), [
    (["train", "no-such-data"], 2, "no data set of this name"),
    (["train", "fashion-mnist", "--subset", "--model", "no-such-net"], 2, "no network of this name"),
    (["train", "fashion-mnist", "--subset", "--model", "no_module:f"], 2, "must name a function"),
    (["train", "fashion-mnist", "--subset", "--model", "missing.keras"], 4, "missing.keras"),
    (["train", "fashion-mnist", "--epochs", "0"], 2, "--epochs"),
    (["train", "fashion-mnist", "epochs=zero"], 2, "--epochs"),
    (["evaluate", "no-such-run"], 4, "no such model"),
    (["predict", "no-such-run", "image.png"], 4, "no such model"),
    (["summary", "no-such-net"], 4, "no such model"),
    (["nonsense"], 2, "No such command"),
])
def test_mistakes_give_one_sentence_and_an_exit_code(words, code, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*words)
    assert result.exit_code == code
    assert said in result.output
    assert "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == []


def test_missing_data_is_an_error_that_names_the_ways(tmp_path, monkeypatch):
    from striate.datasets import fashion_mnist
    from striate.errors import DownloadError

    def nothing(subset=False):
        raise DownloadError("Fashion-MNIST is not on this computer.")
    monkeypatch.setattr(fashion_mnist, "load_data", nothing)
    monkeypatch.chdir(tmp_path)
    result = run("train", "fashion-mnist")
    assert result.exit_code == 3
    assert "--subset" in result.output and "STRIATE_DATA" in result.output
    assert list(tmp_path.iterdir()) == []


def test_doctor_tells_machine_cache_data_and_settings():
    found = json.loads(run("doctor", "--json").output)
    assert found["machine"]["numba"][0].isdigit()
    assert found["settings"]["num_threads"]["variable"] == "STRIATE_NUM_THREADS"
    assert found["kernel cache"]["folder"]
    assert any(name.startswith("fashion-mnist") for name in found["data"])
    text = run("doctor").output
    assert "processor" in text and "STRIATE_CACHE_DIR" in text


def test_run_folders_are_numbered(tmp_path):
    names = [RunFolder.create(tmp_path, "fashion-mnist").path.name for _ in range(3)]
    assert names == ["fashion-mnist-0001", "fashion-mnist-0002", "fashion-mnist-0003"]
    assert RunFolder.create(tmp_path, "../we ird").path.parent == tmp_path


def test_run_folder_of_the_users_must_be_empty(tmp_path):
    assert RunFolder.at(tmp_path / "new").path.is_dir()
    (tmp_path / "new" / "file").write_text("precious")
    with pytest.raises(FileError, match="new or empty"):
        RunFolder.at(tmp_path / "new")


def test_history_files(tmp_path):
    RunFolder(tmp_path).write_history({"loss": [1.5, 1.25], "val_accuracy": [0.5, 0.75]})
    assert (tmp_path / "history.csv").read_text() == "epoch,loss,val_accuracy\n1,1.5,0.5\n2,1.25,0.75\n"
    assert json.loads((tmp_path / "history.json").read_text()) == {"loss": [1.5, 1.25], "val_accuracy": [0.5, 0.75]}


def test_find_model_prefers_the_best(tmp_path):
    (tmp_path / "last.keras").write_bytes(b"")
    assert find_model(str(tmp_path)).file.name == "last.keras"
    (tmp_path / "best.keras").write_bytes(b"")
    (tmp_path / "config.json").write_text('{"data": {"classes": ["cat", "dog"]}}')
    found = find_model(str(tmp_path))
    assert [found.file.name, found.class_name(1), found.class_name(2)] == ["best.keras", "dog", "2"]
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelFileError, match="damaged"):
        find_model(str(tmp_path))


@pytest.mark.parametrize(("module", "function", "words"), [
    ("striate.systems.auto_mpg", "compare", ["compare", "auto-mpg"]),
    ("striate.cli.folding", "Folds.run", ["folds", "x-or-o"]),
    ("striate.tune", "Search.halving", ["tune", "x-or-o"]),
])
def test_work_that_is_broken_off_says_how_to_go_on(tmp_path, monkeypatch, module, function, words):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"{module}.{function}", interrupted)
    place = tmp_path / "the run"
    place.mkdir()
    (place / "rows.json").write_text("[]")
    done = CliRunner().invoke(main, [*words, "--out", str(place)])
    assert done.exit_code == 130 and f"the same command with --out '{place}' goes on" in done.output
    (place / "rows.json").unlink()
    if words[0] == "compare":  # nothing was done, nothing is left
        done = CliRunner().invoke(main, [*words, "--out", str(place)])
        assert done.exit_code == 130 and "goes on" not in done.output and not place.exists()


def test_plain_text_has_no_terminal_escapes():
    assert plain("\x1b]0;owned\x07name\n") == "]0;ownedname\n"


@pytest.mark.parametrize(("seconds", "said"), [
    (0.04, "0.0 s"), (59.9, "59.9 s"), (75, "1 min 15 s"), (7260, "2 h 1 min"),
])
def test_duration(seconds, said):
    assert duration(seconds) == said


def test_scores_are_told_by_the_layer_that_makes_the_first_output():
    from striate.cli import networks

    inputs = striate.Input((4,))
    kind = striate.layers.Dense(3, activation="softmax")(inputs)
    assert not networks.gives_scores(striate.Model(inputs, [kind, striate.layers.Dense(1)(inputs)]))
    head = striate.Sequential([striate.Input((4,)), striate.layers.Dense(3), striate.layers.Softmax()])
    assert not networks.gives_scores(striate.Model(inputs, head(inputs)))
    assert networks.gives_scores(striate.Model(inputs, striate.layers.Dense(3)(inputs)))
