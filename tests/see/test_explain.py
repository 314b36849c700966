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
    ("filters", "yale"), ("model", "nova")])
def test_texts_and_pictures(words, tmp_path):
    done = run(*words, "--out", str(tmp_path / "figure.svg"))
    assert done.exit_code == 0, done.output
    assert (tmp_path / "figure.svg").read_text().startswith("<svg")


def test_errors_are_sentences():
    done = run("number", "lenet5", "--layer", "nonsense", "--index", "0,1,2")
    assert done.exit_code == 2 and "has no such layer" in done.output
    done = run("number", "lenet5", "--layer", "conv2d", "--index", "x")
    assert done.exit_code == 2 and "whole numbers separated by commas" in done.output
