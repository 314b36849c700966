"""What a comparison's numbers say, its page and its plot."""

import copy
import json
from xml.etree import ElementTree

import pytest

from striate.bench import chart, report
from striate.bench.results import best_of_batches, by_fastest_step, disagreements, geometric_mean, rows, time_of


def _run(train, predict, losses=(2.0, 1.5), foreign=0.0, **more):
    times = {f"{name}_us": {"median": value, "min": 0.9 * value, "quartiles": [value, value], "steps": 9}
             for name, value in (("train", train), ("predict", predict))}
    return times | {"losses": list(losses), "outputs": [0.5, -1.0], "peak_mib": 100.0, "first_step_s": 1.0,
                    "version": "1.0", "foreign": foreign} | more


def _cell(framework, batch, *runs):
    return {"framework": framework, "network": "tue", "batch": batch, "threads": 0, "runs": list(runs)}


RESULT = {
    "name": "example", "started": "2030-01-01 00:00:00",
    "machine": {"processor": "P", "cores usable": "2", "instructions": "I"},
    "rounds": [{"before": {"gflops": 100.0, "copy_gbytes": 10.0, "load_average": 0.1}}],
    "cells": [
        _cell("striate", 32, _run(100, 30), _run(110, 31), _run(90, 29)),
        _cell("torch", 32, _run(400, 20), _run(500, 22), _run(450, 21)),
        _cell("tensorflow", 32, _run(300, 60)),
        _cell("striate", 128, _run(80, 25)), _cell("torch", 128, _run(600, 50)),
        _cell("tensorflow", 128, _run(350, 55)),
    ]}


def test_times_are_medians_over_rounds_and_ratios_are_to_the_best_peer():
    first = rows(RESULT, "train")[0]
    assert first.times["striate"].median == 100
    assert (first.times["torch"].low, first.times["torch"].high) == (400, 500)
    assert first.best_peer == "tensorflow"
    assert first.ratio == 3.0


def test_each_framework_is_given_its_best_batch_size():
    best, = best_of_batches(rows(RESULT, "train"))
    assert best.times["striate"].median == 80
    assert best.times["tensorflow"].median == 300
    assert best.ratio == 300 / 80


def test_fastest_steps_of_all_rounds():
    first = by_fastest_step(rows(RESULT, "train"))[0]
    assert first.times["striate"].median == 0.9 * 90
    assert first.ratio == 300 / 90


def test_quiet_rounds_count_before_disturbed_ones():
    assert time_of([_run(100, 1, foreign=1.0), _run(50, 1)], "train_us").median == 50
    assert time_of([_run(100, 1, foreign=1.0)], "train_us").disturbed
    assert time_of([], "train_us") is None


def test_other_losses_make_a_time_not_count():
    result = copy.deepcopy(RESULT)
    result["cells"][1]["runs"][0]["losses"] = [2.0, 1.6]
    row = rows(result, "train")[0]
    assert "torch" not in row.times
    assert "differ" in row.notes["torch"]
    assert "torch" in rows(result, "predict")[0].times


def test_nan_losses_are_a_difference():
    cells = [_cell(name, 32, _run(1, 1, losses)) for name, losses in (
        ("a", (1.0, 2.0)), ("b", (1.0, 2.0)), ("c", (1.0, float("nan"))))]
    assert "c" in disagreements(cells, "train")


def test_rounding_is_no_difference_even_beside_a_loss_near_zero():
    cells = [_cell(name, 32, _run(1, 1, (2.0, loss))) for name, loss in (("a", 1.0e-5), ("b", 1.1e-5), ("c", 1.0e-5))]
    assert disagreements(cells, "train") == {}


def test_a_cell_that_failed_says_so():
    result = copy.deepcopy(RESULT)
    result["cells"][1] |= {"error": "no memory", "runs": []}
    assert "no memory" in report.markdown(result)


def test_page_tells_wins_and_losses():
    text = report.markdown(RESULT)
    assert "**3.00 times faster**" in text
    assert "1.43 times SLOWER" in text
    assert "striate is slower in 1 of 2 cells: tue batch 32 (1.43 times)." in text
    assert f"geometric mean **{300 / 80:.2f}**" in text


def test_geometric_mean():
    assert geometric_mean([1.0, 4.0, 16.0]) == pytest.approx(4.0)


def test_plot_is_xml_with_a_dot_for_each_time():
    drawing = chart.times("Training step", rows(RESULT, "train"))
    root = ElementTree.fromstring(drawing)
    circles = [element for element in root.iter() if element.tag.endswith("circle")]
    assert len(circles) == 6 + 3


def test_files_are_written(tmp_path):
    paths = report.write(RESULT, tmp_path, "example")
    assert [path.name for path in paths] == ["example.md", "example-train.svg", "example-predict.svg"]
    assert "![Prediction](example-predict.svg)" in paths[0].read_text("utf-8")


def test_page_of_time_to_accuracy(tmp_path):
    from click.testing import CliRunner

    from striate.cli import main

    epochs = [{"epoch": 1, "seconds": 9.04, "training_accuracy": 0.8, "test_accuracy": 0.85},
              {"epoch": 2, "seconds": 18.5, "training_accuracy": 0.9, "test_accuracy": 0.91}]
    result = {"network": "fast90", "started": "2026-01-01", "data": "fashion-mnist", "subset": False, "target": 0.9,
              "machine": {"processor": "P", "threads": "2", "instructions": "I", "striate": "1"},
              "runs": [{"seed": 0, "seconds_to_target": 18.5, "epochs": epochs},
                       {"seed": 1, "seconds_to_target": None, "epochs": epochs[:1]}]}
    (tmp_path / "fast90.json").write_text(json.dumps(result), "utf-8")
    done = CliRunner().invoke(main, ["bench", "report", str(tmp_path / "fast90.json")])
    assert done.exit_code == 0, done.output
    text = (tmp_path / "fast90.md").read_text("utf-8")
    assert "| 0 | 18.5 | 2 | 18.5 | 0.9100 |" in text and "| 1 | never | 1 | 9.0 | 0.8500 |" in text
    assert "Reached in 1 of 2 runs: after 18.5 s on average, 18.5 s at the latest; at the end 0.8800" in text
    for damaged in ("{", "[]", json.dumps(result | {"runs": 5}), json.dumps({"name": "x", "results": 5}), "\0"):
        (tmp_path / "fast90.json").write_text(damaged, "utf-8")
        done = CliRunner().invoke(main, ["bench", "report", str(tmp_path / "fast90.json")])
        assert done.exit_code == 4 and "fast90.json" in done.output, (damaged, done.output, done.exception)
    assert (tmp_path / "fast90.md").read_text("utf-8") == text


def test_command_makes_the_page_again(tmp_path):
    from click.testing import CliRunner

    from striate.cli import main

    (tmp_path / "example.json").write_text(json.dumps(RESULT), "utf-8")
    done = CliRunner().invoke(main, ["bench", "report", str(tmp_path / "example.json")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "example.md").read_text("utf-8") == report.markdown(
        RESULT, {"train": "example-train.svg", "predict": "example-predict.svg"})
