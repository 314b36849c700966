"""`striate launch`, plain mpiexec, and what they have in common."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from striate.errors import ArgumentError
from striate.parallel import launch
from tests.parallel.conftest import command, environment

EPOCHS = 8
TRAIN = ["train", "fashion-mnist", "--subset", "--limit", "120", "--epochs", str(EPOCHS), "--batch-size", "40",
         "--model", "lenet5", "--shards", "3"]


def striate(words, folder, ranks=None):
    start = command(ranks, "-m", "striate") if ranks else [sys.executable, "-m", "striate"]
    return subprocess.run([*start, *words], cwd=folder, env=environment(), capture_output=True, text=True, timeout=240)


@pytest.fixture(scope="module")
def one(mpi, tmp_path_factory):
    """The folder of the run that one process made."""
    folder = tmp_path_factory.mktemp("one")
    done = striate([*TRAIN, "--out", "run"], folder)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder / "run"


def assert_same_models(folder, one):
    for file in ("last.keras", "best.keras"):
        assert (folder / file).read_bytes() == (one / file).read_bytes()


@pytest.mark.slow
def test_a_run_by_mpiexec_is_that_of_one_process(one, tmp_path):
    done = striate([*TRAIN, "--out", "run"], tmp_path, ranks=2)
    assert done.returncode == 0, done.stderr[-2000:]
    assert_same_models(tmp_path / "run", one)
    assert done.stdout.count("Report") == 1
    assert json.loads((tmp_path / "run" / "config.json").read_text())["training"]["shards"] == 3


def process_of_rank(rank, folder):
    """The number of the process that is this rank of the job in a folder."""
    for place in Path("/proc").iterdir():
        try:
            if place.name.isdecimal() and os.readlink(place / "cwd") == str(folder) and \
                    f"PMI_RANK={rank}\0" in (place / "environ").read_text() + "\0" and \
                    "\0train\0" in (place / "cmdline").read_text():
                return int(place.name)
        except OSError:  # gone, or another user's
            continue
    return None


@pytest.mark.slow
def test_a_run_that_loses_a_rank_is_begun_again_with_more_ranks(one, tmp_path):
    words = ["launch", "-n", "2", "--retries", "3", "--retry-ranks", "3", "--", *TRAIN, "--out", "run", "--json"]
    job = subprocess.Popen([sys.executable, "-m", "striate", *words], cwd=tmp_path, env=environment(), text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while not (tmp_path / "run" / "state" / "LATEST").exists() and time.monotonic() < deadline and job.poll() is None:
        time.sleep(0.005)
    os.kill(process_of_rank(1, tmp_path), signal.SIGKILL)
    said, words = job.communicate(timeout=240)
    assert job.returncode == 0, words[-3000:]
    assert "goes on from its last saved state" in words
    assert json.loads(said)["epochs"] == EPOCHS
    assert_same_models(tmp_path / "run", one)


def test_launch_begins_again_until_the_job_is_done(tmp_path, monkeypatch):
    """The first two attempts lose a rank; the third one is another command, which resumes."""
    out, said = tmp_path / "run", []
    codes = iter([75, 137, 0])
    job = launch.Job(["train", "fashion-mnist", "--out", str(out), "--threads=2"], 2, retries=3, retry_ranks=1,
                     say=said.append)
    seen = []

    def attempt(ranks, words):
        seen.append((ranks, list(words)))
        out.mkdir(exist_ok=True)
        (out / "config.json").write_text("{}")
        return next(codes)
    monkeypatch.setattr(job, "_attempt", attempt)
    assert job.run() == 0 and job.attempts == [75, 137, 0]
    assert seen[0] == (2, ["train", "fashion-mnist", "--out", str(out), "--threads=2"])
    assert seen[1] == seen[2] == (1, ["train", "--resume", str(out), "--threads", "2"])
    assert "was lost (code 75)" in said[0] and "was killed (code 137)" in said[1]


@pytest.mark.parametrize("code", [0, 2, 130])
def test_what_another_try_would_not_help_is_not_tried_again(monkeypatch, code):
    job = launch.Job(["evaluate", "model"], 2, retries=3)
    monkeypatch.setattr(job, "_attempt", lambda ranks, words: code)
    assert job.run() == code and job.attempts == [code]


def test_hosts_that_cannot_be_reached_are_said(monkeypatch):
    said = []
    job = launch.Job(["evaluate", "model"], 2, hosts="nowhere", retries=1, say=said.append)
    monkeypatch.setattr(job, "_attempt", lambda ranks, words: 255)
    assert job.run() == 255 and len(said) == 2 and all("`ssh HOST true`" in text for text in said)


def test_no_mpiexec_names_the_extra(monkeypatch):
    monkeypatch.setattr(launch.shutil, "which", lambda name, path=None: None)
    with pytest.raises(ArgumentError, match=r"striate\[dist\]"):
        launch.find_mpiexec()


@pytest.mark.parametrize("given", ["nothing-of-this-name -v", ""])
def test_a_program_that_is_not_there_is_named(given):
    with pytest.raises(ArgumentError, match="no such program"):
        launch.find_mpiexec(given)


def test_a_command_that_ranks_cannot_share_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match="train, evaluate"):
        launch.refuse(["doctor"])
    assert striate(["launch", "-n", "2", "--", "doctor"], tmp_path).returncode == 2


def test_options_are_found_in_all_their_forms():
    for words in (["--out", "a"], ["--out=a"], ["out=a"]):
        assert launch.option(["train", *words], "out") == "a"
    assert launch.option(["train"], "out") is None


def test_the_command_line_names_the_hosts(mpi):
    line = launch.Job(["train", "x"], 4, hosts="a,b").command(4, ["train", "x"])
    assert line[1:5] == ["-n", "4", "-hosts", "a,b"] and line[-3:] == ["striate", "train", "x"]


def test_striate_never_loads_mpi_by_itself():
    code = ("import sys, numpy, striate as keras\nfrom striate import layers\n"
            "m = keras.Sequential([keras.Input((2,)), layers.Dense(1)]); m.compile('sgd', 'mse')\n"
            "m.fit(numpy.zeros((4, 2)), numpy.zeros(4), verbose=0)\n"
            "import striate.cli.train, striate.parallel\n"
            "assert not any(name.split('.')[0] == 'mpi4py' for name in sys.modules)")
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_missing_extra_is_named():
    code = "import sys; sys.modules['mpi4py'] = None\nfrom striate import parallel\nparallel.start()"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True)
    assert done.returncode == 1 and "pip install 'striate[dist]'" in done.stderr


def test_processes_of_a_batch_system_are_recognised(monkeypatch):
    from striate.parallel import started_by_mpi

    for name in list(os.environ):
        if name.startswith(("PMI", "OMPI", "SLURM")):
            monkeypatch.delenv(name)
    assert not started_by_mpi()
    monkeypatch.setenv("SLURM_NTASKS", "4")  # in the script of a job, which is one process
    assert not started_by_mpi()
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "4")
    assert started_by_mpi()
