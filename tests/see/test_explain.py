"""`striate explain` on the command line."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from striate import utils
from striate.cli import main


def run(*words):
    return CliRunner().invoke(main, ["explain", *words])


def test_number():
    done = run("number", "lenet5", "--layer", "0", "--index", "0,1,2", "--json")
    assert done.exit_code == 0, done.output
    assert len(json.loads(done.stdout)["terms"]) == 25
    assert "begin{aligned}" in run("number", "lenet5", "--layer", "0", "--index", "0,1,2", "--latex").stdout


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("words", [
    ("confusion",), ("mistakes", "--confident"), ("embedding",), ("patches", "--layer", "0", "--count", "2"),
    ("gradient", "--layer", "0", "--weight", "0,1,2", "--count", "2"), ("report",)])
def test_commands_with_lines_as_data(words, tmp_path, monkeypatch):
    """A network for lines is looked into like one for pictures; its samples are the rows of an .npz file."""
    monkeypatch.chdir(tmp_path)
    np.savez("lines.npz", x=np.random.default_rng(0).normal(size=(12, 64, 4)).astype(np.float32), y=np.arange(12) % 3)
    out = "page.html" if words[0] == "report" else "figure.svg"
    done = run(words[0], "signal", "lines.npz", *words[1:], "--out", out)
    assert done.exit_code == 0, done.output
    assert (tmp_path / out).stat().st_size > 500


@pytest.mark.slow
@pytest.mark.parametrize("words", [("shift",), ("why", "--method", "saliency"), ("feature-maps", "--layer", "0")])
def test_a_line_of_ones_own(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = np.random.default_rng(0).random((512, 4)).astype(np.float32)
    np.savez("lines.npz", x=line[np.newaxis])
    np.savez("line.npz", x=line)
    told = []
    for more in (("--image", "lines.npz"), ("--image", "line.npz"), ()):
        utils.clear_session()  # Layers get the same names each time.
        done = run(words[0], "signal", *words[1:], *more, "--json")
        assert done.exit_code == 0, done.output
        told.append(done.stdout)
    assert told[0] == told[1] != told[2]


def test_networks_for_lines_take_no_images(tmp_path):
    Image.new("L", (28, 28)).save(tmp_path / "black.png")
    done = run("why", "signal", "--image", str(tmp_path / "black.png"))
    assert done.exit_code == 2 and "an .npz file with the numbers of a sample in an array x" in done.output


def test_networks_that_only_commands_know():
    for name in ("photographs", "dcgan_generator"):
        assert run("arithmetic", name).exit_code == 0
    done = run("arithmetic", "nosuch")
    assert done.exit_code == 4 and "network of the zoo, too: yale, brain_small" in done.output


@pytest.mark.slow
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


def test_films_of_any_settings(tmp_path):
    done = run("animation", "--kernel", "2,3", "--stride", "2", "--padding", "same", "--size", "5", "--json")
    assert done.exit_code == 0, done.output
    assert len(json.loads(done.stdout)["frames"]) == 9
    done = run("animation", "--kind", "max", "--kernel", "2", "--stride", "2", "--size", "4", "--backward", "--out",
               str(tmp_path / "back.gif"))
    assert done.exit_code == 0 and (tmp_path / "back.gif").read_bytes().startswith(b"GIF")
    assert "16 frames, output 4 x 4" in run("animation", "--kind", "transposed", "--kernel", "3", "--size", "2").stdout
    refused = run("animation", "--kernel", "9", "--size", "4")
    assert refused.exit_code == 2 and "smaller than its kernel" in refused.output


def test_three_forms_and_predicted_numbers(tmp_path):
    import numpy as np

    import striate as keras

    found = json.loads(run("forms", "1 0; 2 -1", "--json").stdout)
    assert found["convolution"] == found["commuted"] != found["correlation"]
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.save(tmp_path / "line.keras")
    np.savez(tmp_path / "line.npz", x=np.eye(2, dtype=np.float32), y=np.zeros(2))
    done = run("regression", str(tmp_path / "line.keras"), str(tmp_path / "line.npz"), "--unit", "mpg")
    assert done.exit_code == 0 and "mpg" in done.stdout
    np.savez(tmp_path / "other.npz", x=np.eye(2))
    refused = run("regression", str(tmp_path / "line.keras"), str(tmp_path / "other.npz"))
    assert refused.exit_code == 2 and "arrays x and y" in refused.output


@pytest.mark.slow
def test_a_page_about_a_model(tmp_path):
    page = tmp_path / "page.html"
    done = run("report", "lenet5", "fashion-mnist", "--subset", "--limit", "40", "--out", str(page))
    assert done.exit_code == 0, done.output
    assert "The arithmetic" in page.read_text("utf-8") and "striate explain report lenet5" in page.read_text("utf-8")


def test_every_item_has_its_command():
    """What `see` offers and the command does not is listed here, with the reason."""
    from striate import see
    from striate.cli.explain import SECTIONS, command

    elsewhere = {"DrawnModel": "utils.plot_model draws it", "Recorder": "a callback: striate train --timeline",
                 "Timeline": "what `training` reads", "convolve": "a function of two lines of numbers"}
    commands = {"number": "number", "gradient_number": "gradient", "arithmetic": "arithmetic", "plan": "plan",
                "connectivity": "connectivity", "edge_detection": "edges", "feature_maps": "feature-maps",
                "filters": "filters", "patches": "patches", "receptive_field": "receptive-field", "saliency": "why",
                "grad_cam": "why", "occlusion": "why", "activation_maximisation": "maximise", "invariance": "shift",
                "architecture": "architecture", "animate": "animation", "film_of": "film", "passes": "step",
                "smoothing": "signal", "matched_filter": "signal", "impulse_response": "signal",
                "noisy_sensor": "signal", "toeplitz": "toeplitz", "convolution_forms": "forms", "x_or_o": "x-or-o",
                "x_or_o_votes": "x-or-o", "x_or_o_tricks": "x-or-o", "doctor": "model", "time_travel": "training",
                "confusion": "confusion", "worst_mistakes": "mistakes", "most_confident": "mistakes",
                "embedding": "embedding", "regression": "regression", "samples": "samples", "report": "report"}
    assert set(commands) | set(elsewhere) == set(see.__all__)
    assert set(commands.values()) == set(command.commands)
    assert sorted(" ".join(SECTIONS.values()).split()) == sorted(command.commands)
    assert all(one.examples.strip() and one.help for one in command.commands.values())


@pytest.mark.parametrize("width", [80, 120])
def test_long_lines_go_on_in_the_next(width):
    from striate.cli.explaining import folded

    text = run("arithmetic", "uva").stdout
    assert max(map(len, folded(text, width).splitlines())) <= width
    assert folded(text, width).split() == text.split() and folded(text, 1000) == text.rstrip("\n")


def test_help_is_sorted_by_what_is_asked():
    told = run("--help").stdout
    assert "The network and an image:" in told and "..." not in told.split("Options:")[1]
