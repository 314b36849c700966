"""Trainings killed with SIGKILL end in the bits of one that was left alone: at random moments, and at every single
thing that is done to the disk. `fit` with `BackupAndRestore`, and `striate train` with `--resume`.
"""

import json
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

CHILD = Path(__file__).with_name("child.py")
ROOT = CHILD.parents[2]
KINDS = ["arrays", "augmentation", "dataset", "generator", "command"]


class Trainer:
    """Starts trainings and kills them. Each is forked from a process that has loaded striate and nothing else."""

    def __init__(self):
        self.errors = tempfile.TemporaryFile("w+")
        self.server = subprocess.Popen([sys.executable, str(CHILD)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=self.errors, text=True, bufsize=1,
                                       env={**os.environ, "PYTHONPATH": str(ROOT), "STRIATE_NUM_THREADS": "1"})
        self.known: dict[str, tuple] = {}

    def run(self, kind, folder, kill_after=None, at=0):
        """(what the training came to or None if it was killed, seconds, things done to the disk)."""
        result = folder.parent / f"{folder.name}.json"
        order = {"kind": kind, "folder": str(folder), "at": at, "result": str(result)}
        self.server.stdin.write(json.dumps(order) + "\n")
        pid, started = json.loads(self.server.stdout.readline())["pid"], time.monotonic()
        if kill_after is not None:
            with suppress(ProcessLookupError):  # It has come to its end.
                descriptor = os.pidfd_open(pid)
                ended = select.select([descriptor], [], [], kill_after)[0]
                if not ended and not result.exists():
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                os.close(descriptor)
        status = json.loads(self.server.stdout.readline())["status"]
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            result.unlink(missing_ok=True)
            return None, time.monotonic() - started, 0
        self.errors.seek(0)
        assert status == 0, self.errors.read()[-3000:]
        content = json.loads(result.read_text())
        result.unlink()
        return content["result"], time.monotonic() - started, content["done to the disk"]

    def unbroken(self, kind):
        """The same of a training that nobody disturbs; the second one, because the first one compiles kernels."""
        if kind not in self.known:
            for _ in range(2):
                with tempfile.TemporaryDirectory(dir=memory()) as place:
                    self.known[kind] = self.run(kind, Path(place) / "run")
        return self.known[kind]


def memory():
    """A folder in memory where there is one: a real disk takes minutes."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@pytest.fixture(scope="module")
def trainer():
    made = Trainer()
    yield made
    made.server.stdin.close()
    made.server.wait()
    made.errors.close()


def random_kills(trainer, kind, seed, kills):
    """Starts one training again and again, each time for a random while, then lets it end; gives the kills that hit."""
    expected, seconds, _ = trainer.unbroken(kind)
    draw, hits, moments = random.Random(f"{kind} {seed}"), 0, []
    with tempfile.TemporaryDirectory(dir=memory()) as place:
        for _ in range(kills):
            moments.append(draw.uniform(0.05, 1.0) * seconds)
            hits += trainer.run(kind, Path(place) / "run", kill_after=moments[-1])[0] is None
            if hits < len(moments):  # it came to its end: the next kill begins a new training
                break
        result = trainer.run(kind, Path(place) / "run")[0] if kind != "command" or hits == len(moments) else expected
    assert result == expected, f"differs after kills at {moments} s ({hits} hit), seed {seed}"
    return hits


def test_three_kills(trainer, seed, record_property):
    record_property("kills", random_kills(trainer, "arrays", seed, 3))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_kills_at_random_moments(trainer, kind, seed, by_level, record_property):
    """In continuous integration some dozens of kills of each kind, 400 and more each night."""
    wanted, hits, case = by_level(3, 12 if kind == "command" else 24, 400, 400), 0, 0
    while hits < wanted:
        hits += random_kills(trainer, kind, 1000 * seed + case, kills=1 + case % 4)
        case += 1
        assert case < 10 * wanted, f"only {hits} kills hit"
    record_property("kills", hits)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["arrays", "command"])
def test_kills_at_what_is_done_to_the_disk(trainer, kind, seed, by_level, record_property):
    """The training dies in the middle of the n-th write, fsync, rename ...: for every n at night, else for some."""
    expected, _, count = trainer.unbroken(kind)
    moments = list(range(1, count + 1))
    chosen = sorted(random.Random(seed).sample(moments, min(count, by_level(2, 20, count, count))))
    for at in chosen:
        with tempfile.TemporaryDirectory(dir=memory()) as place:
            assert trainer.run(kind, Path(place) / "run", at=at)[0] is None, f"{at} of {count} did not come"
            result = trainer.run(kind, Path(place) / "run")[0]
        assert result == expected, f"differs after a kill at {at} of {count} things done to the disk"
    record_property("kills", len(chosen))
