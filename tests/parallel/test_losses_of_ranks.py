"""A rank that dies, hangs or fails ends the job at once; the training goes on, with any number of ranks, to the same
bits.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from striate.parallel.heartbeat import LOST
from tests.parallel.conftest import ROOT, environment

PATIENCE = 90
"""How long after a loss the job may take to be over, on a machine that does ten other things: the time-out and more."""


def wait_for(ready, job):
    deadline = time.monotonic() + 120
    while not ready() and job.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)


def step_of(folder):
    try:
        return int((folder / "steps").read_text() or 0)
    except FileNotFoundError:
        return 0


def lose(begin, folder, ranks, who, how, at):
    """Starts the training and kills or stops a rank at a step; gives the job's exit code, words and last seconds."""
    job = begin(ranks, task="backed_up", folder=str(folder), shards=4, pause=0.02)
    wait_for(lambda: step_of(folder) >= at, job)
    if job.poll() is None:
        os.kill(int((folder / f"pid-{who}").read_text()), how)
    started = time.monotonic()
    said, words = job.communicate(timeout=PATIENCE)
    return job.returncode, words + said, time.monotonic() - started


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def unbroken(mpi, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    order = json.dumps({"task": "backed_up", "folder": str(folder), "shards": 4})
    words = [sys.executable, str(ROOT / "tests/parallel/job.py"), order]
    return json.loads(subprocess.run(words, env=environment(), capture_output=True, text=True, check=True).stdout)


def test_a_killed_run_of_two_ranks_resumed_with_three(begin, run, tmp_path, unbroken):
    code, words, seconds = lose(begin, tmp_path, 2, who=1, how=signal.SIGKILL, at=5)
    assert code != 0
    # mpiexec notices the death of a process of its own machine as well; whichever is first says so.
    assert "has died" in words or "BAD TERMINATION" in words
    assert (tmp_path / "state").is_dir()
    assert run(3, task="backed_up", folder=str(tmp_path), shards=4) == unbroken


def test_a_stopped_rank_ends_the_job_within_the_timeout(begin, run, tmp_path, unbroken):
    code, words, seconds = lose(begin, tmp_path, 2, who=0, how=signal.SIGSTOP, at=5)
    assert code == LOST and "rank 0" in words and "no sign of life" in words
    assert seconds < PATIENCE
    assert run(1, task="backed_up", folder=str(tmp_path), shards=4) == unbroken


def test_an_error_of_one_rank_ends_all(begin):
    _, words = (job := begin(2, task="fails", rank=1)).communicate(timeout=120)
    assert job.returncode not in (0, None)
    assert "something of this rank's own" in words and "Rank 1:" in words


def test_an_interrupt_of_one_rank_stops_all_after_one_step(begin, tmp_path):
    job = begin(2, task="interrupted", folder=str(tmp_path), shards=4)
    wait_for(lambda: step_of(tmp_path) >= 3, job)
    os.kill(int((tmp_path / "pid-1").read_text()), signal.SIGINT)
    said, words = job.communicate(timeout=60)
    assert job.returncode == 0, words
    first, second, stopped = json.loads(said)
    assert first == second < 1000 and stopped


@pytest.mark.nightly
@pytest.mark.timeout(4 * 3600)
def test_random_losses(begin, run, tmp_path, unbroken, seed, by_level):
    """Any rank, killed or stopped at any step, again and again, with a changing number of ranks."""
    draw, longest, losses = random.Random(seed), 0.0, 0
    wanted = int(os.environ.get("RANK_LOSSES", by_level(0, 0, 200)))
    while losses < wanted:
        folder = tmp_path / str(losses)
        folder.mkdir()
        for _ in range(draw.randint(1, 3)):
            ranks = draw.randint(2, 4)
            how = draw.choice([signal.SIGKILL, signal.SIGSTOP])
            code, words, seconds = lose(begin, folder, ranks, draw.randrange(ranks), how, draw.randint(1, 18))
            losses += code != 0
            longest = max(longest, seconds if code else 0.0)
            for file in folder.glob("pid-*"):
                file.unlink()
            (folder / "steps").unlink(missing_ok=True)
        assert run(draw.randint(1, 4), task="backed_up", folder=str(folder), shards=4) == unbroken, folder
    print(f"{losses} losses of a rank; the longest took {longest:.1f} s to end the job")
