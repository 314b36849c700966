"""Several processes that share the trials of one study: none is lost and none counts twice, whatever happens."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from striate.cli import main
from striate.errors import ArgumentError, FileError
from striate.tune import Search, Space
from tests.parallel.conftest import ROOT, environment

optuna = pytest.importorskip("optuna", reason="the extra `tune` is not installed: studies are NOT TESTED")
TRIALS, SECONDS, PATIENCE = 9, 0.3, 240
SPACE = Space.parsed({"rate": "1.0..10.0", "kind": "a|b"})


class Workers:
    """Processes that work on the study of a folder."""

    def __init__(self, folder, storage):
        self.folder, self.storage, self.jobs = folder, storage, []

    def begin(self):
        """One more."""
        words = [Path(__file__).with_name("worker.py"), self.folder / f"worker-{len(self.jobs)}", self.storage,
                 str(TRIALS), str(SECONDS)]
        self.jobs.append(subprocess.Popen([sys.executable, *words], cwd=ROOT, env=environment(), text=True,
                                          stdout=subprocess.PIPE, stderr=subprocess.PIPE))

    def lines(self):
        """(begin or end, trial, process) so far."""
        place = self.folder / "trials"
        return [line.split() for line in place.read_text().splitlines()] if place.exists() else []

    def at_work(self, begun):
        """The process that began the trial of a number, while it makes it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            begins = [line for line in self.lines() if line[0] == "begin"]
            if len(begins) > begun:
                return int(begins[begun][2])
            time.sleep(0.01)
        raise AssertionError(f"no trial has begun: {self.lines()}")

    def results(self):
        """What those say that come to the end: all the same."""
        said = []
        for job in self.jobs:
            words, errors = job.communicate(timeout=PATIENCE)
            assert job.returncode in (0, -signal.SIGKILL), errors
            if job.returncode == 0:
                said.append([(row["number"], row["settings"], row["scores"]) for row in json.loads(words)])
        assert all(found == said[0] for found in said)
        return said[0]


@pytest.fixture
def workers(tmp_path, request):
    found = Workers(tmp_path, getattr(request, "param", "{}/study").format(tmp_path))
    yield found
    for job in found.jobs:
        if job.poll() is None:
            job.kill()
            job.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["{}/study", pytest.param("sqlite:///{}/study.db", marks=pytest.mark.nightly)],
                         indirect=True)
def test_killed_and_stopped_workers_lose_no_trial_and_none_counts_twice(workers):
    for _ in range(3):
        workers.begin()
    killed = workers.at_work(begun=1)
    os.kill(killed, signal.SIGKILL)
    workers.begin()
    stopped = workers.at_work(begun=4)
    os.kill(stopped, signal.SIGSTOP)
    deadline = time.monotonic() + PATIENCE
    while sum(line[0] == "end" for line in workers.lines()) < TRIALS and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(stopped, signal.SIGCONT)
    found = workers.results()
    assert [number for number, _, _ in sorted(found)] == list(range(TRIALS))
    begun = Counter(line[1] for line in workers.lines() if line[0] == "begin")
    assert set(begun) == {f"trial-{number:04d}" for number in range(TRIALS)}
    assert sum(begun.values()) <= TRIALS + 2  # no more again than the two that may have been lost
    assert len({settings["rate"] for _, settings, _ in found}) == TRIALS
    study = optuna.load_study(study_name="striate", storage=opened(workers.storage))
    complete = [own.user_attrs["place"] for own in study.get_trials() if own.state.name == "COMPLETE"]
    assert sorted(complete) == list(range(TRIALS))
    assert not any(own.state.name == "RUNNING" for own in study.get_trials())


def opened(storage):
    from striate.tune.with_optuna import _opened

    return _opened(optuna, storage)


def test_another_search_or_folder_is_not_mixed_in(tmp_path):
    from striate.tune.with_optuna import optuna_search

    def objective(settings, epochs, place):
        return settings["rate"]
    storage = str(tmp_path / "study")
    best = optuna_search(Search(tmp_path / "a", SPACE, objective), 3, 1, storage)
    again = Search(tmp_path / "b", SPACE, lambda *_: pytest.fail("every result is there"))
    assert optuna_search(again, 3, 1, storage).settings == best.settings and len(again.trials) == 3
    with pytest.raises(FileError, match="study is of another search"):
        optuna_search(Search(tmp_path / "c", SPACE, objective, seed=1), 3, 1, storage)
    with pytest.raises(FileError, match="study is of another search"):
        optuna_search(Search(tmp_path / "c", SPACE, objective), 3, 2, storage)
    Search(tmp_path / "d", SPACE, objective).random(2, 1)
    with pytest.raises(FileError, match="not this study's"):
        optuna_search(Search(tmp_path / "d", SPACE, objective), 3, 1, storage)


def test_a_trial_that_fails_or_is_interrupted_is_free_at_once(tmp_path):
    from striate.tune.with_optuna import optuna_search

    seen = []

    def objective(settings, epochs, place):
        seen.append((place.stem, settings))
        if len(seen) == 2:
            raise KeyboardInterrupt
        return settings["rate"]
    with pytest.raises(KeyboardInterrupt):
        optuna_search(Search(tmp_path, SPACE, objective), 3, 1)
    optuna_search(Search(tmp_path, SPACE, objective), 3, 1)
    assert [name for name, _ in seen] == ["trial-0000", "trial-0001", "trial-0001", "trial-0002"]
    assert seen[1] == seen[2]


def test_a_journal_that_was_changed_is_said(tmp_path):
    """Optuna raises an error of no words about it."""
    from striate.tune.with_optuna import optuna_search

    (tmp_path / "study.journal").write_text(
        '{"op_code": 0, "worker_id": "a", "study_name": "striate", "directions": [2]}\n'
        '{"op_code": 2, "worker_id": "a", "study_id": 0, "user_attr": "two"}\n')
    with pytest.raises(ArgumentError, match="storage of the study cannot be opened: .*AssertionError"):
        optuna_search(Search(tmp_path, SPACE, lambda settings, epochs, place: 0.0), 1, 1)


@pytest.mark.slow
def test_a_storage_that_cannot_be_opened_is_said_without_its_password(tmp_path):
    from striate.tune.with_optuna import optuna_search

    with pytest.raises(ArgumentError, match="cannot be opened") as caught:
        optuna_search(Search(tmp_path, SPACE, lambda *_: 0.0), 1, 1, "nonsense://me:secret@host/study")
    assert "secret" not in str(caught.value)


@pytest.mark.slow
def test_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["tune", "x-or-o", "--limit", "60", "--method", "optuna", "--epochs", "1", "--space",
             "learning_rate=1e-3..1e-1:log", "--storage", "sqlite:///study.db", "--study", "letters", "--json"]
    first = CliRunner().invoke(main, [*words, "--trials", "2", "--out", "here"], catch_exceptions=False)
    more = CliRunner().invoke(main, [*words, "--trials", "3", "--out", "there"], catch_exceptions=False)
    rows = [json.loads(done.stdout)["trials"] for done in (first, more)]
    assert len(rows[1]) == 3 and rows[1][:2] == rows[0]
    assert sorted(path.name for path in Path("there").iterdir()) == ["trial-0002.keras", "tune.json"]
    wrong = CliRunner().invoke(main, [*words, "--trials", "2", "--limit", "50"])
    assert wrong.exit_code == 1 and "another search" in wrong.output
    wrong = CliRunner().invoke(main, ["tune", "x-or-o", "--storage", "study"])
    assert wrong.exit_code == 2 and "--method optuna" in wrong.output
