"""Ranks that are not started, or do not find each other: everything ends within the limit, and says why."""

import subprocess
import sys

import pytest

from striate import config
from striate.parallel import launch, news
from striate.parallel.start_limit import started_within
from tests.parallel.conftest import environment


@pytest.fixture
def told(monkeypatch):
    """A desk that this process's news go to."""
    desk = news.Desk()
    monkeypatch.setenv(config.SETTINGS["news_to"].variable, desk.place)
    yield desk
    desk.close()


def test_news_are_heard(told, monkeypatch):
    assert told.heard() == set()
    assert news.tell(news.STARTED) and news.tell(news.LOST)
    assert told.heard() == {news.STARTED, news.LOST}


def test_strangers_are_not_heard(told, monkeypatch):
    token, *rest = told.place.split(",")
    monkeypatch.setenv("STRIATE_NEWS_TO", ",".join(["00" * (len(token) // 2), *rest]))
    assert news.tell(news.LOST) and told.heard() == set()


def test_news_without_a_listener(monkeypatch):
    monkeypatch.delenv("STRIATE_NEWS_TO", raising=False)
    assert news.tell(news.STARTED)
    desk = news.Desk()
    desk.close()
    monkeypatch.setenv("STRIATE_NEWS_TO", desk.place)
    assert not news.tell(news.STARTED)


def test_a_start_within_the_limit_goes_on():
    with started_within(60):
        pass
    with pytest.raises(ZeroDivisionError), started_within(60):
        raise ZeroDivisionError


@pytest.mark.slow
def test_a_start_that_takes_longer_is_ended_even_when_python_is_locked():
    script = ("import ctypes\nfrom striate.parallel.start_limit import started_within\n"
              "with started_within(1):\n    ctypes.PyDLL(None).sleep(60)")  # keeps Python's lock, as MPI's start does
    done = subprocess.run([sys.executable, "-c", script], env=environment(), capture_output=True, text=True, timeout=50,
                          check=False)
    assert done.returncode == -9 and "did not find each other within 1 s" in done.stderr


def waiting(monkeypatch, *lines):
    """A job whose mpiexec never ends."""
    job = launch.Job(["evaluate"], 2)
    script = "\n".join([*lines, "import time; time.sleep(100)"])
    monkeypatch.setattr(job, "command", lambda ranks, words: [sys.executable, "-c", script])
    monkeypatch.setattr(launch, "_KILL_SECONDS", 0.5)
    return job


def test_mpiexec_that_waits_for_a_machine_that_is_cut_off_is_ended(monkeypatch):
    tell = "from striate.parallel import news; news.tell(news.STARTED); news.tell(news.LOST)"
    assert waiting(monkeypatch, tell).run() == launch.LOST


def test_mpiexec_that_starts_no_rank_is_ended(monkeypatch):
    said = []
    job = waiting(monkeypatch)
    job.say = said.append
    monkeypatch.setattr(launch, "_BEFORE_RANKS", 0.0)
    monkeypatch.setenv("STRIATE_START_TIMEOUT", "1")
    assert job.run() == 255 and "did not find each other" in said[0]


def test_a_rank_that_was_killed_before_all_had_started():
    assert launch._exit_code(9, set()) == launch._exit_code(-9, set()) == 255
    assert launch._exit_code(-9, {news.STARTED}) == 137
    assert launch._exit_code(1, set()) == 1
    assert launch._exit_code(0, {news.LOST}) == launch.LOST
