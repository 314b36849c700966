"""Starting jobs of several ranks, with the mpiexec of the `mpich` wheel or the system's."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

JOB = Path(__file__).with_name("job.py")
ROOT = JOB.parents[2]
SECONDS = 1800


def environment(**more):
    """One thread a rank, no more patience with silent ranks than a busy machine needs, and much with their start."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PMI", "OMPI", "SLURM"))}
    return {**kept, "PYTHONPATH": str(ROOT), "STRIATE_NUM_THREADS": "1", "STRIATE_RANK_TIMEOUT": "5",
            "STRIATE_START_TIMEOUT": "1200", **more}


def command(ranks, *words):
    """The command line of a job; without ranks a single process that knows nothing of MPI."""
    from striate.parallel.launch import find_mpiexec

    start = [] if ranks is None else [*find_mpiexec(), "-n", str(ranks)]
    return [*start, sys.executable, *map(str, words)]


def finished(ranks, **order):
    """What rank 0 of a job said: finished(2, task=..., ...)."""
    done = subprocess.run(command(ranks, JOB, json.dumps(order)), env=environment(), capture_output=True, text=True,
                          timeout=SECONDS)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.fixture(scope="session")
def mpi():
    """Skips, loudly, where the extra `dist` is not installed."""
    pytest.importorskip("mpi4py", reason="the extra `dist` is not installed: several ranks are NOT TESTED")


@pytest.fixture
def run(mpi):
    """`finished`, where several ranks can be started."""
    return finished


@pytest.fixture
def begin(mpi):
    """begin(ranks, task=..., ...): the job under way, a Popen."""
    jobs = []

    def begin(ranks, **order):
        jobs.append(subprocess.Popen(command(ranks, JOB, json.dumps(order)), env=environment(), text=True,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True))
        return jobs[-1]
    yield begin
    for job in jobs:
        if job.poll() is None:
            job.kill()
            job.communicate()
