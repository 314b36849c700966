"""`striate explain` on the command line."""

import json

import pytest
from click.testing import CliRunner

from striate.cli import main


def run(*words):
    return CliRunner().invoke(main, ["explain", *words])


def test_number():
    done = run("number", "lenet5", "--layer", "0", "--index", "0,1,2", "--json")
    assert done.exit_code == 0, done.output
    assert len(json.loads(done.stdout)["terms"]) == 25
    assert "begin{aligned}" in run("number", "lenet5", "--layer", "0", "--index", "0,1,2", "--latex").stdout


@pytest.mark.parametrize("words", [
    ("arithmetic", "yale"), ("architecture", "uva"), ("receptive-field", "lenet5", "--layer", "2"),
    ("filters", "yale"), ("model", "nova"), ("connectivity",), ("edges",), ("signal", "matched-filter"),
    ("toeplitz", "1 -1; 2 0", "--size", "4,4"), ("x-or-o",), ("x-or-o", "--votes", "--letter", "O"),
    ("film", "lenet5", "--layer", "1", "--piece", "4", "--backward"), ("step", "lenet5", "--target", "3"),
    ("maximise", "lenet5", "--layer", "0", "--channels", "1,2")])
def test_texts_and_pictures(words, tmp_path):
    done = run(*words, "--out", str(tmp_path / "figure.svg"))
    assert done.exit_code == 0, done.output
    assert (tmp_path / "figure.svg").read_text().startswith("<svg")


def test_errors_are_sentences():
    done = run("number", "lenet5", "--layer", "nonsense", "--index", "0,1,2")
    assert done.exit_code == 2 and "has no such layer" in done.output
    done = run("number", "lenet5", "--layer", "conv2d", "--index", "x")
    assert done.exit_code == 2 and "whole numbers separated by commas" in done.output


@pytest.mark.parametrize("words", [
    ("samples", "fashion-mnist", "--subset"), ("confusion", "lenet5", "fashion-mnist", "--subset", "--limit", "50"),
    ("mistakes", "lenet5", "fashion-mnist", "--subset", "--limit", "50", "--confident"),
    ("embedding", "lenet5", "fashion-mnist", "--subset", "--limit", "50"),
    ("gradient", "lenet5", "fashion-mnist", "--subset", "--layer", "0", "--weight", "1,1,0,2", "--count", "2"),
    ("patches", "lenet5", "fashion-mnist", "--subset", "--layer", "0", "--limit", "20")])
def test_commands_with_data(words, tmp_path):
    done = run(*words, "--out", str(tmp_path / "figure.svg"))
    assert done.exit_code == 0, done.output
    assert (tmp_path / "figure.svg").read_text().startswith("<svg")


def test_timeline_of_a_run(tmp_path):
    out = str(tmp_path / "run")
    trained = CliRunner().invoke(main, ["train", "fashion-mnist", "--subset", "--limit", "60", "--model", "lenet5",
                                        "--epochs", "2", "--batch-size", "20", "--timeline", "--out", out, "--json"])
    assert trained.exit_code == 0, trained.output
    done = run("training", out, "--json")
    assert json.loads(done.stdout)["steps"] == [0, 3, 6]
    again = run("training", out, "--again", "--steps", "2,5", "--json")
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)["steps"] == [2, 5]
    refused = run("training", out, "--steps", "2")
    assert refused.exit_code == 2 and "choose among the states: 0, 3, 6" in refused.output
