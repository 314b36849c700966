"""Measurements that need a fresh process: cold start, and peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

from striate.config import SETTINGS
from striate.errors import StriateError, received

_CHILD = """
import json, sys, time
started = time.perf_counter()
import striate
imported = time.perf_counter()
from striate.bench.models import Subject
subject = Subject(sys.argv[1], int(sys.argv[2]))
subject.train()
first = time.perf_counter()
for _ in range(int(sys.argv[3])):
    subject.train()
import resource
print(json.dumps({"import_s": imported - started, "first_step_s": first - started,
                  "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
"""
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Start:
    """One fresh process: seconds of `import striate`, seconds until the first training step was done (from the start
    of the import, and from the start of the process), and its peak memory in bytes."""

    import_seconds: float
    first_step_seconds: float
    process_seconds: float
    peak_bytes: int


def start(network: str, batch: int, steps: int = 0, empty_cache: bool = False) -> Start:
    """Trains a network of the zoo for one step and `steps` more in a fresh process.

    empty_cache: kernels are compiled anew, as at the very first use; the user's own cache is left alone.

    Raises:
        StriateError: the process failed.

    Example:
        >>> start("lenet5", 2).first_step_seconds > 0  # doctest: +SKIP
        True
    """
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ, **({SETTINGS["cache_dir"].variable: folder} if empty_cache else {}))
        started = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", _CHILD, network, str(batch), str(steps)], env=environment,
                              capture_output=True, text=True)
        seconds = time.perf_counter() - started
    if done.returncode:
        raise StriateError("The process that was to be measured failed: "
                           + received(network=network, error=done.stderr.strip()[-500:]))
    found = json.loads(done.stdout.splitlines()[-1])
    return Start(found["import_s"], found["first_step_s"], seconds, found["peak"] * _PEAK_UNIT)
