"""The search: what is drawn, how halving spends its epochs, that it goes on, and Optuna's way."""

import json

import pytest
from click.testing import CliRunner

from striate.cli import main
from striate.errors import ArgumentError, FileError
from striate.tune import Choice, Range, Search, Space
from striate.tune.with_optuna import optuna_search

SPACE = Space({"rate": Range(1e-4, 1.0, log=True), "units": Range(8, 16, whole=True), "kind": Choice(("a", "b"))})


class Objective:
    """More is better the nearer the rate is to 0.01, and the longer it was trained."""

    def __init__(self, stop_after=None):
        self.calls, self.stop_after = [], stop_after

    def __call__(self, settings, epochs, place):
        if self.stop_after is not None and len(self.calls) == self.stop_after:
            raise KeyboardInterrupt
        self.calls.append((settings["rate"], epochs, place.name))
        import math

        return 1 / (1 + abs(math.log10(settings["rate"]) + 2)) + epochs / 1000


def test_words_for_what_may_vary():
    space = Space.parsed({"rate": "1e-4..1e-1:log", "units": "8..16", "share": "0.0..0.5",
                          "kind": "sgd|adam|3|0.5|true"})
    assert space.names["rate"] == Range(1e-4, 1e-1, log=True) and space.names["units"] == Range(8, 16, whole=True)
    assert space.names["share"] == Range(0.0, 0.5) and space.names["kind"].values == ("sgd", "adam", 3, 0.5, True)
    for wrong in ("1..1", "-1..1:log", "a||b", "1..x"):
        with pytest.raises(ArgumentError):
            Space.parsed({"rate": wrong})


def test_draws_lie_in_the_space_and_depend_on_seed_and_number_alone():
    drawn = [SPACE.draw(0, number) for number in range(200)]
    assert all(1e-4 <= own["rate"] <= 1 and 8 <= own["units"] <= 16 and own["kind"] in "ab" for own in drawn)
    assert {own["units"] for own in drawn} == set(range(8, 17))
    assert sum(own["rate"] < 0.01 for own in drawn) == pytest.approx(100, abs=30)
    assert SPACE.draw(0, 7) == drawn[7] and SPACE.draw(1, 7) != drawn[7]


def test_halving_trains_few_for_long(tmp_path):
    objective = Objective()
    search = Search(tmp_path, SPACE, objective)
    best = search.halving(trials=9, epochs=9)
    assert [sum(epochs == budget for _, epochs, _ in objective.calls) for budget in (1, 3, 9)] == [9, 3, 1]
    assert best.epochs == 9 and best.settings == min((search.trials[n].settings for n in range(9)),
                                                     key=lambda own: abs(__import__("math").log10(own["rate"]) + 2))
    assert len(str(search).splitlines()) == 10


@pytest.mark.parametrize("stop", [0, 4, 10, 12])
def test_a_search_goes_on_where_it_was_broken_off(tmp_path, stop):
    whole = Search(tmp_path / "whole", SPACE, Objective())
    best = whole.halving(trials=9, epochs=9)
    broken = Objective(stop_after=stop)
    with pytest.raises(KeyboardInterrupt):
        Search(tmp_path / "broken", SPACE, broken).halving(trials=9, epochs=9)
    rest = Objective()
    again = Search(tmp_path / "broken", SPACE, rest)
    assert again.halving(trials=9, epochs=9).settings == best.settings
    assert len(broken.calls) + len(rest.calls) == 13
    scores = [[(row["number"], row["scores"]) for row in search.data()["trials"]] for search in (whole, again)]
    assert scores[0] == scores[1]


def test_another_search_is_not_mixed_in(tmp_path):
    Search(tmp_path, SPACE, Objective()).random(trials=2, epochs=1)
    with pytest.raises(FileError, match="another search"):
        Search(tmp_path, SPACE, Objective(), seed=1)
    (tmp_path / "tune.json").write_text("{}")
    with pytest.raises(FileError, match="damaged"):
        Search(tmp_path, SPACE, Objective())


ROW = {"number": 0, "settings": {"rate": 0.1, "units": 9, "kind": "a"}, "scores": {"1": 0.5}, "seconds": 1.0}


@pytest.mark.parametrize("row", [
    5, {}, ROW | {"number": "x"}, ROW | {"number": {}}, ROW | {"settings": True}, ROW | {"settings": {"rate": 0.1}},
    ROW | {"settings": ROW["settings"] | {"rate": []}}, ROW | {"scores": 1}, ROW | {"scores": {}}, ROW | {"more": 1},
    ROW | {"scores": {"1": "x"}}, ROW | {"scores": {"class": 0.5}}, ROW | {"scores": {"0": 0.5}},
    ROW | {"scores": {"9" * 5000: 0.5}}, ROW | {"seconds": None}], ids=str)
def test_a_trial_that_is_none_is_said_to_be_damaged(tmp_path, row):
    Search(tmp_path, SPACE, Objective()).random(trials=1, epochs=1)
    kept = json.loads((tmp_path / "tune.json").read_text())
    (tmp_path / "tune.json").write_text(json.dumps(kept | {"trials": [ROW]}))
    assert Search(tmp_path, SPACE, Objective()).trials[0].score == 0.5
    (tmp_path / "tune.json").write_text(json.dumps(kept | {"trials": [row]}))
    with pytest.raises(FileError, match="tune.json is damaged: .*Name another folder"):
        Search(tmp_path, SPACE, Objective())


def test_optuna_proposes_and_is_told(tmp_path):
    pytest.importorskip("optuna")
    objective = Objective()
    optuna_search(Search(tmp_path, SPACE, objective), trials=4, epochs=2)
    best = optuna_search(Search(tmp_path, SPACE, objective), trials=14, epochs=2)
    assert len(objective.calls) == 14 and 1e-4 < best.settings["rate"] < 0.2


def test_optuna_missing_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(ArgumentError, match=r"striate\[tune\]"):
        optuna_search(Search(tmp_path, SPACE, Objective()), 1, 1)


@pytest.mark.slow
def test_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny_networks.py").write_text(
        "def flat(input_shape, classes, units=8):\n"
        "    from striate import Input, Sequential, layers\n"
        "    return Sequential([Input(input_shape), layers.Flatten(), layers.Dense(units, activation='relu'),\n"
        "                       layers.Dense(classes, activation='softmax')])\n")
    words = ["tune", "x-or-o", "--model", "tiny_networks:flat", "--limit", "200", "--trials", "3", "--epochs", "3",
             "--space", "units=4|32", "--space", "learning_rate=1e-3..1e-1:log", "--out", "search", "--json"]
    done = CliRunner().invoke(main, words, catch_exceptions=False)
    found = json.loads(done.stdout)
    assert found["best"]["epochs"] == 3
    assert found["command"].startswith("striate train x-or-o --model tiny_networks:flat")
    again = CliRunner().invoke(main, words, catch_exceptions=False)
    assert json.loads(again.stdout) == found and "trial" not in again.stderr
    wrong = CliRunner().invoke(main, ["tune", "x-or-o", "--space", "depth=1|2"])
    assert wrong.exit_code == 2 and "depth" in wrong.output
    assert CliRunner().invoke(main, ["tune", "x-or-o", "--space", "nonsense"]).exit_code == 2
