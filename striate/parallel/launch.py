"""Starting a job on several ranks, and starting it again when a rank is lost.

One MPI job cannot go on without one of its ranks, and need not: the state of a training is committed to the disk every
half minute, and a training that goes on from it ends in the same bits. So a failure ends the whole job, and the
supervisor here begins it again from the last committed state.
"""

from __future__ import annotations

import math
import os
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from striate import config
from striate.errors import ArgumentError, received
from striate.parallel import news
from striate.parallel.heartbeat import LOST

_NEVER_AGAIN = frozenset({0, 2, 3, 4, 5, 130})
"""Exit codes of jobs that another try would not help: done, a command that cannot work, no data, a damaged model, a
training that diverged, Ctrl-C."""
_NOT_STARTED = 255
"""What mpiexec, and ssh beneath it, end with when they do not get as far as a rank."""
_KILLED = (signal.SIGKILL, 128 + signal.SIGKILL)
_LOOK_SECONDS, _KILL_SECONDS = 0.5, 5.0
"""How long the ranks that are left get to end after the job has been told to."""
_BEFORE_RANKS = 15.0
"""Ranks give up by themselves when they do not find each other; they get so many seconds more, for their own start."""


@dataclass
class Job:
    """What to start.

    words: the command behind `striate`; for `train` it should name the run's folder (`--out`), so that another attempt
        goes on with it.
    mpiexec: the program and options of its own.
    retry_ranks: how many ranks further attempts have, when a machine is lost for good.
    """

    words: Sequence[str]
    ranks: int
    hosts: str | None = None
    retries: int = 0
    retry_ranks: int | None = None
    mpiexec: str | None = None
    say: Callable[[str], object] = print
    attempts: list[int] = field(default_factory=list)

    def run(self) -> int:
        """The exit code of the last attempt; those of all are in `attempts`."""
        while True:
            first = not self.attempts
            count = self.ranks if first or self.retry_ranks is None else self.retry_ranks
            code = self._attempt(count, self.words if first else resuming(self.words))
            self.attempts.append(code)
            left = self.retries + 1 - len(self.attempts)
            if code in _NEVER_AGAIN or left <= 0:
                if code == _NOT_STARTED:
                    self.say(f"{_meaning(code)} (code {code}).")
                return code
            self.say(f"{_meaning(code)} (code {code}); the job goes on from its last saved state, {left} "
                     f"{'try' if left == 1 else 'tries'} left.")

    def command(self, ranks: int, words: Sequence[str]) -> list[str]:
        """The whole command line."""
        place = ["-hosts" if _is_mpich(self.mpiexec) else "--host", self.hosts] if self.hosts else []
        return [*find_mpiexec(self.mpiexec), "-n", str(ranks), *place, sys.executable, "-m", "striate", *words]

    def _attempt(self, ranks: int, words: Sequence[str]) -> int:
        """The exit code of a job."""
        command, desk = self.command(ranks, words), news.Desk()
        # What mpiexec itself says of a failure goes to standard output; there JSON must stand alone.
        apart = subprocess.PIPE if "--json" in command else None
        job = subprocess.Popen(command, start_new_session=True, stdout=apart, text=True,
                               env={**os.environ, config.SETTINGS["news_to"].variable: desk.place})
        before = {number: signal.signal(number, lambda number, frame: job.send_signal(number))
                  for number in (signal.SIGINT, signal.SIGTERM)
                  if threading.current_thread() is threading.main_thread()}
        try:
            said = _output(job, desk)
            code = _exit_code(job.returncode, desk.heard())
            print(said or "", end="", file=sys.stderr if code else sys.stdout, flush=True)
            return code
        finally:
            desk.close()
            for number, handler in before.items():
                signal.signal(number, handler)
            _end_group(job.pid)


def _output(job: subprocess.Popen, desk: news.Desk) -> str | None:
    """What the job says until it ends. mpiexec may wait for ever for a machine that it cannot reach, when the job
    starts as well as when it has lost a rank; then it is ended."""
    deadline, lost = time.monotonic() + config.value("start_timeout") + _BEFORE_RANKS, False
    while True:
        try:
            return job.communicate(timeout=_LOOK_SECONDS)[0]
        except subprocess.TimeoutExpired:
            heard = desk.heard()
            if news.LOST in heard and not lost:
                deadline, lost = time.monotonic() + _KILL_SECONDS, True
            elif news.STARTED in heard and not lost:
                deadline = math.inf
            if time.monotonic() > deadline:
                job.kill()


def _meaning(code: int) -> str:
    """What an exit code of mpiexec says about the ranks."""
    if code == LOST:
        return "A rank was lost"
    if code == _NOT_STARTED:
        return ("The ranks were not started or did not find each other, or their machines were lost: each of the hosts "
                "must be reached by `ssh HOST true` without a password, and by MPI")
    return "A rank was killed" if code in _KILLED else "A rank failed"


def _exit_code(code: int, heard: set[bytes]) -> int:
    """As a shell has it, 128 and the signal's number for a process that a signal ended; or what the ranks' news say."""
    if news.LOST in heard:
        return LOST
    code = 128 - code if code < 0 else code
    return _NOT_STARTED if code in _KILLED and news.STARTED not in heard else code


def _end_group(group: int) -> None:
    """Ends what mpiexec may have left behind on this machine."""
    deadline = time.monotonic() + _KILL_SECONDS
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(group, signal.SIGCONT)
            os.killpg(group, number)
            while time.monotonic() < deadline:
                os.killpg(group, 0)
                time.sleep(0.05)
        except ProcessLookupError:
            return


def find_mpiexec(given: str | None = None) -> list[str]:
    """The program that starts ranks, with options: the one asked for, that of the `mpich` wheel, or the system's.

    Raises:
        ArgumentError: there is none.
    """
    if given is not None:
        words = shlex.split(given)
        if not words or shutil.which(words[0]) is None:
            raise ArgumentError("There is no such program to start ranks with: give the `mpiexec` of your MPI, or "
                                "leave it out. " + received(mpiexec=given))
        return words
    beside = shutil.which("mpiexec", path=sysconfig.get_path("scripts"))
    found = beside or shutil.which("mpiexec")
    if found is None:
        raise ArgumentError("No `mpiexec` was found: pip install 'striate[dist]' brings one, or install your system's "
                            "MPI.")
    return [found]


def _is_mpich(given: str | None) -> bool:
    """Whether the program is of MPICH's family, which names its options differently from Open MPI."""
    done = subprocess.run([*find_mpiexec(given)[:1], "--version"], capture_output=True, text=True, check=False)
    return "HYDRA" in done.stdout or "MPICH" in done.stdout.upper()


def option(words: Sequence[str], name: str) -> str | None:
    """The value of an option among the words: `--out x`, `--out=x` or `out=x`."""
    for index, word in enumerate(words):
        if word == f"--{name}" and index + 1 < len(words):
            return words[index + 1]
        if word.startswith((f"--{name}=", f"{name}=")):
            return word.split("=", 1)[1]
    return None


def run_folder(words: Sequence[str]) -> Path | None:
    """The folder that `striate train` was told to use, if any."""
    given = option(words, "out") or option(words, "resume")
    return None if given is None else Path(given)


def resuming(words: Sequence[str]) -> list[str]:
    """The words for another attempt: `striate train` goes on with its run, if it had begun; others start anew.

    Example:
        >>> resuming(["evaluate", "model.keras"])
        ['evaluate', 'model.keras']
    """
    folder = run_folder(words) if words[0] == "train" else None
    if folder is None or not (folder / "config.json").is_file():
        return list(words)
    kept = [(f"--{name}", option(words, name)) for name in ("threads", "model")]
    return ["train", "--resume", str(folder), *["--json"] * ("--json" in words),
            *(word for name, value in kept if value for word in (name, value))]


def refuse(words: Sequence[str]) -> None:
    """Does the command make sense on several ranks?

    Raises:
        ArgumentError: it is none, or not one whose work can be shared.
    """
    shared = ("train", "evaluate", "run", "tune", "folds")
    if not words or words[0] not in shared:
        raise ArgumentError(f"Only {', '.join(shared)} can be run on several ranks. {received(command=list(words))}. "
                            "For example: striate launch -n 4 -- train fashion-mnist")
