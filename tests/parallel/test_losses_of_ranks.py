"""A rank that dies, hangs or fails ends the job at once; the training goes on, with any number of ranks, to the same
bits.
"""

import json
import os
import signal
from pathlib import Path

import pytest

from striate.parallel.heartbeat import LOST
from tests.parallel.losses import PATIENCE, lose, step_of, trials, wait_for
from tests.parallel.losses import unbroken as unbroken_weights

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def unbroken(mpi):
    return unbroken_weights()


def lost(begin, folder, **how):
    job = begin(2, task="backed_up", folder=str(folder), shards=4, pause=0.02)
    return lose(job, folder, **how)


def test_a_killed_run_of_two_ranks_resumed_with_three(begin, run, tmp_path, unbroken):
    memory = Path("/dev/shm")
    before = set(memory.glob("mpich*"))
    code, words, _ = lost(begin, tmp_path, who=1, how=signal.SIGKILL, at=5)
    assert code != 0
    assert set(memory.glob("mpich*")) <= before  # Killed ranks would fill it, some megabytes each time.
    # mpiexec notices the death of a process of its own machine as well; whichever is first says so.
    assert "has died" in words or "BAD TERMINATION" in words
    assert (tmp_path / "state").is_dir()
    assert run(3, task="backed_up", folder=str(tmp_path), shards=4) == unbroken


def test_a_stopped_rank_ends_the_job_within_the_timeout(begin, run, tmp_path, unbroken):
    code, words, seconds = lost(begin, tmp_path, who=0, how=signal.SIGSTOP, at=5)
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
def test_random_losses(mpi, tmp_path, seed, by_level):
    """Any rank, killed or stopped at any step, again and again, with a changing number of ranks."""
    losses, longest = trials(by_level(0, 0, 200), seed, tmp_path / "record")
    print(f"{losses} losses of a rank; the longest took {longest:.1f} s to end the job")
