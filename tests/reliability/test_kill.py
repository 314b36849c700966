"""Trainings killed with SIGKILL at random moments end in the bits of one that was left alone.

Repeat one case with `python -m pytest tests/reliability/test_kill.py -k "NAME"`; its moments follow from its seed.
"""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

CHILD = Path(__file__).with_name("child.py")
ROOT = CHILD.parents[2]


def start(folder, kind):
    return subprocess.Popen([sys.executable, str(CHILD), str(folder), kind], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


def finish(process):
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return output.splitlines()[-1]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """kind -> (the result of a training nobody disturbs, seconds from "ready" to the end)."""
    known = {}

    def get(kind):
        if kind not in known:
            for attempt in range(2):  # The first one compiles kernels, so only the second one tells the time.
                process = start(tmp_path_factory.mktemp(f"unbroken{attempt}"), kind)
                process.stdout.readline()
                started = time.monotonic()
                result = finish(process)
            known[kind] = result, time.monotonic() - started
        return known[kind]
    return get


def killed_at(folder, kind, moments):
    """Starts the training once for each moment and kills it then; gives (the final result, kills that hit)."""
    hits = 0
    for moment in moments:
        process = start(folder, kind)
        process.stdout.readline()
        time.sleep(moment)
        hits += process.poll() is None
        process.kill()
        process.communicate()
    return finish(start(folder, kind)), hits


def check(folder, kind, unbroken, seed, kills):
    expected, seconds = unbroken(kind)
    draw = random.Random(seed)
    moments = [draw.uniform(0.1, 1.0) * seconds for _ in range(kills)]
    result, hits = killed_at(folder, kind, moments)
    assert result == expected, f"differs after kills at {moments} s ({hits} hit), seed {seed}"
    return hits


def test_three_kills(tmp_path, unbroken):
    assert check(tmp_path / "run", "arrays", unbroken, seed=1, kills=3) >= 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["arrays", "dataset"])
@pytest.mark.parametrize("seed", range(10))
def test_kills(tmp_path, unbroken, kind, seed):
    """Forty kills: ten trainings of each kind, each killed twice."""
    check(tmp_path / "run", kind, unbroken, seed=100 + seed, kills=2)
