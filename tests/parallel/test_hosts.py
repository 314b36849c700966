"""Several machines: network namespaces that reach each other by ssh, and batch systems."""

import json
import os
import signal
import subprocess
import sys

import pytest

from tests.parallel.conftest import JOB, command, environment, finished
from tests.parallel.hosts import two_hosts, why_not
from tests.parallel.losses import step_of, wait_for

NETWORKS = ["yale", "uva", "nova", "tue", "lenet5", "small"]
TRAIN = ["train", "fashion-mnist", "--subset", "--limit", "120", "--epochs", "2", "--batch-size", "40",
         "--model", "lenet5", "--shards", "4", "--out", "run"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def hosts(mpi, tmp_path_factory):
    """Two machines, or a skip that says what is missing."""
    missing = why_not()
    if missing:
        pytest.skip(f"several machines are NOT TESTED: {missing}")
    with two_hosts(tmp_path_factory.mktemp("hosts")) as found:
        yield found


@pytest.fixture(scope="module")
def alone(mpi):
    """What one process that knows nothing of MPI comes to, with each of the networks."""
    return finished(None, task="train", networks=NETWORKS, shards=4)


def line(hosts, ranks, **order):
    """The command line of a job whose ranks take turns on the machines."""
    first, count, number, *rest = command(ranks, JOB, json.dumps(order))
    return [first, count, number, "-hosts", hosts.names, *rest]


@pytest.mark.nightly
def test_launch_on_two_machines_gives_the_model_of_one_process(hosts, tmp_path):
    words = [sys.executable, "-m", "striate"]
    for ranks, folder in ((None, tmp_path / "one"), (4, tmp_path / "four")):
        folder.mkdir()
        start = ["launch", "-n", ranks, "--hosts", hosts.names, "--"] if ranks else []
        code, said, errors = hosts.run([*words, *start, *TRAIN], folder, STRIATE_RANK_TIMEOUT="60")
        assert code == 0, said[-2000:] + errors[-2000:]
    for file in ("last.keras", "best.keras"):
        assert (tmp_path / "one/run" / file).read_bytes() == (tmp_path / "four/run" / file).read_bytes()


@pytest.mark.nightly
@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
def test_ranks_on_two_machines_give_the_bits_of_one_process_for_every_network(hosts, alone, tmp_path, ranks):
    order = {"task": "train", "networks": NETWORKS, "shards": 4, "message_bytes": 2**10}
    code, said, errors = hosts.run(line(hosts, ranks, **order), tmp_path, STRIATE_RANK_TIMEOUT="60")
    assert code == 0, errors[-3000:]
    assert json.loads(said) == alone


def test_the_ranks_are_on_both_machines(hosts, tmp_path):
    code, said, errors = hosts.run(line(hosts, 4, task="places"), tmp_path, STRIATE_RANK_TIMEOUT="60")
    assert code == 0, errors[-3000:]
    assert sorted(set(json.loads(said))) == sorted(hosts.spaces)


def test_ranks_of_two_machines_send_messages_and_share_no_memory(hosts, tmp_path):
    code, said, errors = hosts.run(line(hosts, 4, task="summed"), tmp_path, STRIATE_RANK_TIMEOUT="60")
    assert code == 0, errors[-3000:]
    found = json.loads(said)
    assert not found["window"] and not found["warned"] and found["alike"]
    assert found["sums"] == finished(None, task="summed")["sums"]


@pytest.mark.nightly
def test_machines_whose_mpi_chose_a_card_that_leads_nowhere_end_within_the_limit(hosts, tmp_path):
    """MPI by itself would wait for ever."""
    code, _, errors = hosts.run(line(hosts, 2, task="places"), tmp_path, seconds=120, FI_TCP_IFACE="lo",
                                STRIATE_START_TIMEOUT="5")
    assert code != 0 and "did not find each other within 5 s" in errors


def test_a_run_killed_on_one_machine_goes_on_with_three_ranks(hosts, tmp_path):
    order = {"task": "backed_up", "folder": str(tmp_path), "shards": 4}
    # On a busy machine, too, the job must be alive when this test meets it.
    job = hosts.begin(line(hosts, 2, **order, pause=0.5), tmp_path, STRIATE_RANK_TIMEOUT="60")
    wait_for(lambda: step_of(tmp_path) >= 5, job)
    os.kill(int((tmp_path / "pid-1").read_text()), signal.SIGKILL)
    job.communicate(timeout=90)
    assert job.returncode != 0 and (tmp_path / "state").is_dir()
    code, said, errors = hosts.run(line(hosts, 3, **order), tmp_path, STRIATE_RANK_TIMEOUT="60")
    assert code == 0, errors[-3000:]
    (unbroken := tmp_path / "unbroken").mkdir()
    assert json.loads(said) == finished(None, task="backed_up", folder=str(unbroken), shards=4)


def test_a_cable_that_is_cut_ends_the_job_on_both_machines(hosts, tmp_path):
    """The last test of the module: the cable stays out."""
    job = hosts.begin(line(hosts, 2, task="backed_up", folder=str(tmp_path), shards=4, pause=0.05, epochs=1000),
                      tmp_path)
    wait_for(lambda: step_of(tmp_path) >= 5, job)
    ranks = [int((tmp_path / f"pid-{rank}").read_text()) for rank in range(2)]
    hosts.cut()
    wait_for(lambda: not any(_runs(rank) for rank in ranks), job)
    assert not any(_runs(rank) for rank in ranks)
    job.kill()
    assert "no sign of life" in job.communicate(timeout=60)[1]


def _runs(process):
    """Whether a process is there and no zombie."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


SRUN = """#!/bin/sh
# As much of Slurm's srun as a program sees: PMI variables from whoever starts it, and Slurm's own.
while [ "${1#-}" != "$1" ]; do
    case "$1" in -n) count="$2"; shift;; --mpi=none) alone=yes;; esac
    shift
done
export SLURM_STEP_ID=0 SLURM_NTASKS="$count" SLURM_STEP_NUM_TASKS="$count"
if [ "$alone" ]; then SLURM_PROCID=0 exec "$@"; fi
exec MPIEXEC -launcher fork -n "$count" sh -c 'export SLURM_PROCID="$PMI_RANK"; exec "$@"' task "$@"
"""


@pytest.fixture
def srun(mpi, tmp_path, monkeypatch):
    """srun([options], **order): (exit code, standard output, standard error) of a job that it starts."""
    from striate.parallel.launch import find_mpiexec

    script = tmp_path / "srun"
    script.write_text(SRUN.replace("MPIEXEC", find_mpiexec()[0]))
    script.chmod(0o755)

    def srun(options, **order):
        done = subprocess.run([script, *options, sys.executable, JOB, json.dumps(order)], capture_output=True,
                              text=True, env=environment(STRIATE_RANK_TIMEOUT="60"), timeout=800, check=False)
        return done.returncode, done.stdout, done.stderr
    return srun


def test_srun_starts_ranks(srun):
    code, said, errors = srun(["--mpi=pmi2", "-n", "3"], task="mapped", count=4)
    assert code == 0, errors[-3000:]
    assert [entry[1] for entry in json.loads(said)] == [0, 1, 4, 9]
    code, said, errors = srun(["--mpi=pmi2", "-n", "2"], task="places")
    assert code == 0 and len(json.loads(said)) == 2, errors[-3000:]


def test_srun_whose_processes_do_not_find_each_other_says_what_to_do(srun):
    code, _, errors = srun(["--mpi=none", "-n", "2"], task="places")
    assert code != 0 and "srun --mpi=pmi2" in errors
