"""Memory that the ranks of one machine share: the same sums as by messages, and what happens where there is none."""

import os
import signal
import time

import numpy as np
import pytest

from striate.parallel import window
from striate.ranks import Alone
from tests.parallel.losses import PATIENCE

linux = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="ranks share memory on Linux only: NOT TESTED")


@linux
@pytest.mark.parametrize("ranks", [2, 3])
def test_sums_in_the_window_have_the_bits_of_one_process_also_where_a_rank_reads_late(run, ranks):
    alone, found = run(None, task="summed"), run(ranks, task="summed")
    assert not alone["window"] and found["window"] and not found["warned"]
    assert found["sums"] == alone["sums"] and found["alike"]


@linux
def test_ranks_without_memory_for_a_window_say_so_and_send_messages(run):
    found = run(2, task="summed", file_bytes=50_000)
    assert found["warned"] and not found["window"]
    assert found["sums"] == run(None, task="summed")["sums"] and found["alike"]


@pytest.mark.slow
@linux
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_rank_lost_while_another_waits_for_the_window_ends_the_job(begin, how):
    job = begin(2, task="summed", dies=1, signal=int(how))
    started = time.monotonic()
    said = "".join(job.communicate(timeout=2 * PATIENCE))   # The other rank on stderr, or MPICH on stdout.
    assert job.returncode != 0 and time.monotonic() - started < 2 * PATIENCE
    assert "rank 1" in said or "BAD TERMINATION" in said


@linux
def test_the_memory_is_there_for_all_and_has_no_name():
    names = set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()
    place = window._made(4 * 6)
    try:
        own = np.frombuffer(window._opened(place, 0), np.float32)
        other = np.frombuffer(window._opened(place, 1), np.float32)
        own[:] = np.arange(6)
        assert other.tolist() == own.tolist() == [0, 1, 2, 3, 4, 5]
        with pytest.raises(OSError, match="another process"):
            window._opened(place | {"inode": place["inode"] + 1}, 1)
    finally:
        os.close(place["descriptor"])
    assert not os.path.isdir("/dev/shm") or not {name for name in set(os.listdir("/dev/shm")) - names
                                                if "striate" in name}


@linux
def test_no_memory_is_a_problem_that_is_told(monkeypatch):
    def full(descriptor, offset, length):
        raise OSError(28, "No space left on device")
    open_before = len(os.listdir("/proc/self/fd"))
    memory, problems = window.shared(Alone(), 2, 8)
    assert memory.shape == (2, 8) and memory.flags.writeable and not problems
    monkeypatch.setattr(os, "posix_fallocate", full)
    assert window.shared(Alone(), 2, 8) == (None, ["64 bytes: [Errno 28] No space left on device"])
    monkeypatch.delattr(os, "memfd_create")
    assert window.shared(Alone(), 2, 8) == (None, ["this system has no memfd_create"])
    assert len(os.listdir("/proc/self/fd")) <= open_before + 1  # A mapping holds a descriptor of its own.
