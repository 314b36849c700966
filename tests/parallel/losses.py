"""Ranks killed and stopped at random, again and again: nothing may be lost, nothing may hang.

    nice -n 19 python -m tests.parallel.losses --count 200 --seed 1

Each trial begins a training on 2 to 4 ranks and loses a rank at a random step, up to three times in a row and each time
with another number of ranks, which go on from what is saved; then it lets the training end. Its weights must be those
of a training that nothing happened to. A line of JSON for each trial goes into the record; a command that is stopped
and given again goes on behind the last line. `docs/scaling.md` takes its figures from there.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.parallel.conftest import ROOT, command, environment

RECORD = ROOT / "benchmarks" / "results" / "losses.jsonl"
JOB = ROOT / "tests" / "parallel" / "job.py"
PATIENCE = 90
"""How long after a loss the job may take to be over, on a machine that does ten other things: the time-out and more."""
STARTING = 3600
"""How long a job may take that nobody disturbs, and how long until it trains; at the lowest priority that is long."""


def begun(ranks, settings=None, **order):
    """A job under way."""
    return subprocess.Popen(command(ranks, JOB, json.dumps(order)), env=environment(**settings or {}), text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def ended(ranks, **order):
    """What a job says that nothing happens to."""
    job = begun(ranks, {"STRIATE_RANK_TIMEOUT": "120"}, **order)  # a busy machine is no loss here
    said, words = job.communicate(timeout=STARTING)
    if job.returncode:
        raise SystemExit(f"A training that nobody disturbed failed:\n{words[-3000:]}")
    return json.loads(said)


def wait_for(ready, job):
    """Until something is so, or the job is over."""
    deadline = time.monotonic() + STARTING
    while not ready() and job.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)


def step_of(folder):
    """The step that the training in a folder makes."""
    try:
        return int((folder / "steps").read_text() or 0)
    except FileNotFoundError:
        return 0


def lose(job, folder, who, how, at):
    """Kills or stops a rank of a training at a step; gives the job's exit code, words and last seconds.

    The seconds are None when the job was over before: it had no such step left, or its machine was so busy that a rank
    was silent for longer than the time-out.
    """
    wait_for(lambda: step_of(folder) >= at, job)
    lost = job.poll() is None
    if lost:
        os.kill(int((folder / f"pid-{who}").read_text()), how)
    started = time.monotonic()
    said, words = job.communicate(timeout=PATIENCE)
    for file in (*folder.glob("pid-*"), *folder.glob("steps")):
        file.unlink()
    return job.returncode, words + said, time.monotonic() - started if lost else None


def trial(seed, number, folder):
    """One training that loses ranks: {"losses": [[ranks, who, signal, step, seconds], ...], "weights": hash}."""
    draw = random.Random(f"{seed} {number}")
    found = []
    for _ in range(draw.randint(1, 3)):
        ranks, how, at = draw.randint(2, 4), draw.choice([signal.SIGKILL, signal.SIGSTOP]), draw.randint(1, 18)
        who = draw.randrange(ranks)
        job = begun(ranks, task="backed_up", folder=str(folder), shards=4, pause=0.02, message_bytes=4)
        code, _, seconds = lose(job, folder, who, how, at)
        if code and seconds is not None:
            found.append([ranks, who, how.name, at, round(seconds, 2)])
    weights = ended(draw.randint(1, 4), task="backed_up", folder=str(folder), shards=4)
    return {"seed": seed, "trial": number, "losses": found, "weights": weights}


def unbroken():
    """The weights of a training that nothing happens to."""
    with tempfile.TemporaryDirectory() as folder:
        return ended(None, task="backed_up", folder=folder, shards=4)


def trials(count, seed, record):
    """Makes trials until `record` tells of so many losses of this seed; gives (how many, seconds of the longest).

    Raises:
        SystemExit: a training ended in other weights.
    """
    wanted = unbroken()
    while True:
        lines = [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []
        rows = [row for row in lines if row["seed"] == seed]
        losses = [loss for row in rows for loss in row["losses"]]
        if len(losses) >= count:
            return len(losses), max((loss[-1] for loss in losses), default=0.0)
        with tempfile.TemporaryDirectory() as folder:
            row = trial(seed, len(rows), Path(folder))
        if row["weights"] != wanted:
            raise SystemExit(f"Other weights than those of an unbroken training ({wanted}): {row}")
        record.parent.mkdir(parents=True, exist_ok=True)
        with record.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(f"trial {row['trial']}: {row['losses']}", file=sys.stderr, flush=True)


def main():
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="losses in all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--record", type=Path, default=RECORD)
    given = parser.parse_args()
    losses, longest = trials(given.count, given.seed, given.record)
    print(f"{losses} losses of a rank; the longest took {longest:.1f} s to end the job.")


if __name__ == "__main__":
    main()
