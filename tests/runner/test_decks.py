"""Every listing of the four lectures, written as the slides write it, run by `striate run` in a process of its own."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.fixture
def run(tmp_path):
    def run_deck(name):
        shutil.copy(ROOT / "striate/datasets/data/AutoMPG.tsv", tmp_path)
        done = subprocess.run([sys.executable, str(HERE / "with_few_pictures.py"), "run",
                               str(HERE / "scripts" / f"{name}.py")], cwd=tmp_path, capture_output=True, text=True,
                              env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}, timeout=600)
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr
    return run_deck


def losses(output):
    numbers = re.search(r"^losses \[(.*)\]$", output, re.M)[1]
    return [float(number) for number in numbers.split(", ")]


def rows(output):
    """Layer name -> (shape, parameters) of the printed summary."""
    found = re.findall(r"│ (\w+) \(\w+\) +│ (\(.*?\)) +│ +([\d,]+) │", output)
    return {name: (shape, int(count.replace(",", ""))) for name, shape, count in found}


@pytest.mark.slow
def test_yale_baseline_model(run):
    output, report = run("yale")
    assert rows(output) == {
        "conv2d": ("(None, 124, 124, 32)", 832),
        "max_pooling2d": ("(None, 31, 31, 32)", 0),
        "flatten": ("(None, 30752)", 0),
        "dense": ("(None, 2)", 61506),
    }
    assert "Total params: 62,338" in output and "Non-trainable params: 0" in output
    assert output.startswith("True\n[[[ 0  1  2  3]")
    assert "[[ 0  4  8]\n [12 16 20]]" in output
    assert min(losses(output)[1:]) < losses(output)[0]
    assert "sums [1.0, 1.0, 1.0, 1.0, 1.0]" in output and "classes (5,)" in output
    assert "maps (1, 124, 124, 32)" in output
    assert "striate: no adaptations" in report and "Warning" not in report


@pytest.mark.slow
def test_virginia_fashion_mnist(run):
    output, report = run("virginia")
    table = rows(output)
    assert table["conv2d"] == ("(None, 28, 28, 64)", 3200)
    assert table["conv2d_4"] == ("(None, 7, 7, 256)", 590080)
    assert table["flatten"] == ("(None, 2304)", 0)
    assert "Total params: 1,413,834" in output
    assert len(losses(output)) == 10 and losses(output)[-1] < losses(output)[0]
    assert "score 2 True" in output and "y_pred (10, 10) [1.0," in output
    assert "striate: no adaptations" in report


@pytest.mark.slow
def test_nova_fashion_mnist(run):
    output, report = run("nova")
    table = rows(output)
    assert table["conv2d"] == ("(None, 28, 28, 32)", 320)
    assert table["dense"] == ("(None, 512)", 3136 * 512 + 512)
    assert "Total params: 1,679,082" in output and "Non-trainable params: 1,408" in output
    assert losses(output)[-1] < losses(output)[0]
    assert "val 3 3" in output and "names ['accuracy', 'loss', 'val_accuracy', 'val_loss']" in output
    assert "same True" in output
    assert ("striate: 4 adaptations: lr -> learning_rate (line 49), decay honoured (line 49), "
            "'acc' served from 'accuracy' (line 57), 'val_acc' served from 'val_accuracy' (line 59)") in report


@pytest.mark.slow
def test_nova_auto_mpg(run):
    output, report = run("nova_mpg")
    assert "shapes (300, 7) (92, 7)" in output and "parameters 145" in output
    assert losses(output)[-1] < 0.5 * losses(output)[0]
    assert "striate: 1 adaptation: lr -> learning_rate (line 24)" in report


@pytest.mark.slow
def test_eindhoven_functional_api(run):
    output, report = run("eindhoven")
    assert "one Dense True" in output
    table = rows(output)
    assert table["conv2d"] == ("(None, 64, 64, 16)", 160)
    assert table["max_pooling2d_1"] == ("(None, 16, 16, 32)", 0)
    assert table["dense"] == ("(None, 100)", 819300)
    assert "Total params: 824,201" in output
    assert losses(output)[1] < losses(output)[0]
    assert "classes (16, 1)" in output
    assert "with one unit this loss is the same whatever the weights are" in report
    assert ("striate: 2 adaptations: activation 'ReLU' -> 'relu' (line 38), lr -> learning_rate (lines 62, 70)"
            in report)
