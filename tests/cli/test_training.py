"""`striate train` and what can be done with its run: every file, the same bits again, Ctrl-C, Python functions."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from rich.console import Console

from striate.cli import main
from striate.datasets import fashion_mnist

ROOT = Path(__file__).resolve().parents[2]
NETWORKS = """
    def small(input_shape, classes):
        from striate import Input, Sequential, layers
        return Sequential([Input(input_shape), layers.Conv2D(8, 5, strides=2, activation="relu"),
                           layers.MaxPooling2D(2), layers.Flatten(), layers.Dropout(0.1),
                           layers.Dense(classes, activation="softmax")])

    def wrong():
        from striate import Input, Sequential, layers
        return Sequential([Input((28, 28, 1)), layers.Flatten(), layers.Dense(3)])
"""
SMALL = ["train", "fashion-mnist", "--subset", "--limit", "600", "--model", "own_networks:small", "--epochs", "2",
         "--batch-size", "50", "--learning-rate", "0.01"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "own_networks.py").write_text(textwrap.dedent(NETWORKS))
    monkeypatch.chdir(tmp_path)
    sys.modules.pop("own_networks", None)
    return tmp_path


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(a run of SMALL, what was printed): trained once for all tests that only need one."""
    folder, before = tmp_path_factory.mktemp("trained"), os.getcwd()
    (folder / "own_networks.py").write_text(textwrap.dedent(NETWORKS))
    os.chdir(folder)
    try:
        done = run(*SMALL)
    finally:
        os.chdir(before)
    assert done.exit_code == 0, done.output
    return folder / "runs" / "fashion-mnist-0001", done.output


@pytest.fixture
def first(trained, folder):
    """A copy of that run in the test's own folder."""
    return Path(shutil.copytree(trained[0], folder / "first"))


def test_train_writes_a_run_that_the_other_commands_read(trained, folder):
    place, output = trained
    assert "10 % subset" in output and "not the whole data set" in output
    assert "Forecast" in output and "an epoch" in output
    assert {entry.name for entry in place.iterdir()} == {
        "config.json", "history.csv", "history.json", "best.keras", "last.keras", "report.html"}
    config = json.loads((place / "config.json").read_text())
    assert config["data"]["subset"] and config["data"]["classes"][9] == "Ankle boot"
    assert config["training"]["epochs"] == 2 and config["result"]["epochs"] == 2
    with open(place / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[1]["loss"]) < float(rows[0]["loss"])
    assert "10 % subset" in (place / "report.html").read_text()

    measured = json.loads(run("evaluate", place, "--limit", "600", "--json").stdout)
    assert measured["accuracy"] == config["result"]["test"]["accuracy"] > 0.4
    assert measured["loss"] == pytest.approx(config["result"]["test"]["loss"])

    image = fashion_mnist.load_data(subset=True)[1][0][0]
    Image.fromarray(image).save(folder / "one.png")
    found = json.loads(run("predict", place, "one.png", "--top", "10", "--json").stdout)
    assert sum(row["probability"] for row in found[0]["classes"]) == pytest.approx(1)
    assert {row["name"] for row in found[0]["classes"]} == set(fashion_mnist.CLASS_NAMES)

    layers = json.loads(run("summary", place, "--json").stdout)
    assert [row["type"] for row in layers["layers"]][0] == "Conv2D"
    assert layers["parameters"] == sum(row["parameters"] for row in layers["layers"])


def weights(place):
    import striate

    return [np.asarray(array) for array in striate.saving.load_model(place / "last.keras").get_weights()]


@pytest.mark.slow
def test_same_seed_gives_the_same_bits_on_any_number_of_threads(folder, first):
    """The run of the fixture had every core; two epochs each."""
    results = [json.loads((first / "config.json").read_text())["result"]]
    for threads in (1, 3):
        done = run(*SMALL, "--threads", threads, "--out", f"run{threads}", "--json")
        results.append(json.loads(done.stdout))
        assert all(np.array_equal(a, b) for a, b in zip(weights(first), weights(folder / f"run{threads}"), strict=True))
    assert len({result["test"]["loss"] for result in results}) == 1
    run(*SMALL, "--seed", "1", "--out", "other")
    assert not np.array_equal(weights(first)[0], weights(folder / "other")[0])


@pytest.mark.slow
def test_the_printed_command_repeats_the_run(folder, first):
    words = json.loads((first / "config.json").read_text())["command"].split()
    assert words[0] == "striate"
    assert run(*words[1:], "--out", "second").exit_code == 0
    assert all(np.array_equal(a, b) for a, b in zip(weights(first), weights(folder / "second"), strict=True))


@pytest.mark.slow
def test_json_stands_alone_on_standard_output(folder):
    done = run(*SMALL, "--json")
    result = json.loads(done.stdout)
    assert Path(result["model"]).is_file() and Path(result["report"]).is_file()
    assert "subset" in done.stderr


def test_a_model_that_does_not_fit_is_refused_before_anything_is_written(folder):
    done = run("train", "fashion-mnist", "--subset", "--model", "own_networks:wrong")
    assert done.exit_code == 2
    assert "3 outputs" in done.output and "10 classes" in done.output
    assert not (folder / "runs").exists()


@pytest.mark.slow
def test_training_continues_from_a_model_file(folder, first):
    words = [word if word != "own_networks:small" else "first/best.keras" for word in SMALL]
    result = json.loads(run(*words, "--out", "second", "--json").stdout)
    before = json.loads((first / "config.json").read_text())["result"]["validation_accuracy"]
    assert result["validation_accuracy"] >= before


def test_predict_says_which_file_is_no_image(folder, first):
    (folder / "text.png").write_text("no image")
    done = run("predict", "first", "text.png")
    assert done.exit_code == 2 and "text.png" in done.output
    assert run("predict", "first", "nowhere.png").exit_code == 2


def test_predict_takes_folders_and_goes_on_behind_a_file_that_is_no_image(folder, first):
    (folder / "new" / "more").mkdir(parents=True)
    for place in ("new/1.png", "new/more/2.png"):
        Image.fromarray(np.full((28, 28), 90, np.uint8)).save(folder / place)
    assert [row["image"] for row in json.loads(run("predict", "first", "new", "--json").stdout)] == \
        ["new/1.png", "new/more/2.png"]
    (folder / "new" / "bad.png").write_text("no image")
    done = run("predict", "first", "new")
    assert done.exit_code == 2 and "bad.png" in done.stderr and len(done.stdout.splitlines()) == 2
    (folder / "none").mkdir()
    assert "no picture in this folder" in run("predict", "first", "none").stderr


@pytest.mark.slow
def test_interrupt_keeps_the_best_model_and_writes_the_report(folder):
    words = [sys.executable, "-m", "striate", *SMALL, "--out", "run"]
    words[words.index("--epochs") + 1] = "100000"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    child = subprocess.Popen(words, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True)
    deadline = time.monotonic() + 300
    while not (folder / "run" / "best.keras").is_file() and time.monotonic() < deadline and child.poll() is None:
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    output = child.communicate(timeout=120)[0]
    assert child.returncode == 130, output
    assert "best weights so far are kept" in output and "Traceback" not in output
    assert "interrupted" in (folder / "run" / "report.html").read_text()
    assert json.loads((folder / "run" / "config.json").read_text())["result"]["interrupted"]


def test_ctrl_c_in_the_forecast_is_not_taken_for_its_end():
    """The forecast trains a little, and `fit` ends in order when it is interrupted."""
    from striate import Input, Sequential, callbacks, layers
    from striate.cli import forecast

    class Interrupted(Sequential):
        def fit(self, *data, callbacks=(), **options):
            return super().fit(*data, callbacks=[*callbacks, stop], **options)

    for batch in (0, 3):  # of the first epoch and of the second one
        left = iter(range(batch, -1, -1))
        stop = callbacks.LambdaCallback(on_train_batch_begin=lambda index, logs, left=left: next(left, 1) or
                                        os.kill(os.getpid(), signal.SIGINT))
        model = Interrupted([Input((4, 4, 1)), layers.Flatten(), layers.Dense(3, activation="softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        with pytest.raises(KeyboardInterrupt):
            forecast.probe(model, np.zeros((8, 4, 4, 1), np.uint8), np.arange(8) % 3, 4, Console(quiet=True))


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_bits(folder):
    words = [*SMALL[:-6], "--epochs", "6", "--batch-size", "10", "--learning-rate", "0.01"]
    assert run(*words, "--out", "whole").exit_code == 0
    process = subprocess.Popen([sys.executable, "-m", "striate", *words, "--out", "broken"], cwd=folder,
                               env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"},
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while process.poll() is None and not (folder / "broken" / "state" / "LATEST").exists():
        time.sleep(0.005)
    process.kill()
    process.communicate()
    assert not (folder / "broken" / "report.html").exists()
    assert run("train", "--resume", "broken", "--seed", 3).exit_code == 2
    named = ("--model", "own_networks:small")
    done = run("train", "--resume", "broken")
    assert done.exit_code == 2 and f"train --resume broken {' '.join(named)}" in " ".join(done.output.split())
    assert run("train", "--resume", "broken", "--model", "own_networks:wrong").exit_code == 2
    done = run("train", "--resume", "broken", *named)
    assert done.exit_code == 0, done.output
    for name in ("best.keras", "last.keras"):
        assert (folder / "broken" / name).read_bytes() == (folder / "whole" / name).read_bytes()
    histories = [json.loads((folder / place / "history.json").read_text()) for place in ("whole", "broken")]
    assert [{name: row for name, row in h.items() if name != "seconds"} for h in histories][0] == {
        name: row for name, row in histories[1].items() if name != "seconds"}
    assert run("train", "--resume", "broken", *named).exit_code == 2


def test_a_run_that_is_killed_before_its_report_trains_nothing_twice(folder, monkeypatch):
    """The state of the complete training stays until the result is written down."""
    from striate.cli import training

    def power_cut(*arguments):
        raise KeyboardInterrupt
    with monkeypatch.context() as patch:
        patch.setattr(training, "write_report", power_cut)
        assert run(*SMALL, "--out", "broken").exit_code == 130
    history, last = ((folder / "broken" / name).read_bytes() for name in ("history.json", "last.keras"))
    assert "result" not in json.loads((folder / "broken" / "config.json").read_text())
    done = run("train", "--resume", "broken", "--model", "own_networks:small")
    assert done.exit_code == 0, done.output
    assert (folder / "broken" / "history.json").read_bytes() == history, "its seconds are those of the first process"
    assert (folder / "broken" / "last.keras").read_bytes() == last
    assert (folder / "broken" / "report.html").is_file() and not (folder / "broken" / "state").exists()
    assert json.loads((folder / "broken" / "config.json").read_text())["result"]["epochs"] == 2
    (folder / "broken" / "state").mkdir()  # what is left when it is killed while it removes the last state
    again = run("train", "--resume", "broken", "--model", "own_networks:small")
    assert again.exit_code == 2 and "complete" in again.output and not (folder / "broken" / "state").exists()


def test_a_folder_of_a_stranger_runs_no_code(folder):
    """`module:function` in a run's config.json is only compared with what the user names."""
    (folder / "evil.py").write_text("open('was-run', 'w')\ndef net(): pass\n")
    (folder / "run" / "state").mkdir(parents=True)
    request = {"data": "fashion-mnist", "model": "evil:net", "subset": True, "limit": 20}
    (folder / "run" / "config.json").write_text(json.dumps({"request": request}))
    done = run("train", "--resume", "run")
    assert done.exit_code == 2 and "never names code" in " ".join(done.output.split())
    assert not (folder / "was-run").exists()
