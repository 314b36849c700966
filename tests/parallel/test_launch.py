"""`striate launch`, plain mpiexec, and what they have in common."""

import json
import os
import subprocess
import sys

import pytest

from striate.errors import ArgumentError
from striate.parallel import launch
from tests.parallel.conftest import command, environment

TRAIN = ["train", "fashion-mnist", "--subset", "--limit", "120", "--epochs", "2", "--batch-size", "40", "--model",
         "lenet5", "--shards", "3"]


def striate(words, folder, ranks=None):
    start = command(ranks, "-m", "striate") if ranks else [sys.executable, "-m", "striate"]
    return subprocess.run([*start, *words], cwd=folder, env=environment(), capture_output=True, text=True, timeout=240)


@pytest.mark.slow
def test_a_run_by_mpiexec_and_by_launch_is_that_of_one_process(mpi, tmp_path):
    jobs = {"one": striate([*TRAIN, "--out", "one"], tmp_path),
            "two": striate([*TRAIN, "--out", "two"], tmp_path, ranks=2),
            "three": striate(["launch", "-n", "3", "--", *TRAIN, "--out", "three", "--json"], tmp_path)}
    for done in jobs.values():
        assert done.returncode == 0, done.stderr[-2000:]
    for name in ("two", "three"):
        for file in ("last.keras", "best.keras"):
            assert (tmp_path / name / file).read_bytes() == (tmp_path / "one" / file).read_bytes()
    assert jobs["two"].stdout.count("Report") == 1
    assert json.loads(jobs["three"].stdout)["epochs"] == 2
    assert json.loads((tmp_path / "two" / "config.json").read_text())["training"]["shards"] == 3


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
    assert len(said) == 2 and "code 75" in said[0]


@pytest.mark.parametrize("code", [0, 2, 130])
def test_what_another_try_would_not_help_is_not_tried_again(monkeypatch, code):
    job = launch.Job(["evaluate", "model"], 2, retries=3)
    monkeypatch.setattr(job, "_attempt", lambda ranks, words: code)
    assert job.run() == code and job.attempts == [code]


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
