"""Compiling many kernels at once: Numba compiles one at a time in a process, so each core gets a process of its own.

The workers (`python -m striate.kernels.ahead`) read lines [name, variant] and answer [seconds] when that kernel lies in
the cache; the kernels are then loaded from there. What a worker cannot do is compiled by whoever asks for the kernel.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from queue import Empty, SimpleQueue

from striate.kernels import cpu, jit

_WORTH_WORKERS = 4
"""So many kernels take longer to compile than workers take to start."""


def compile_ahead(wanted: Iterable[tuple[str, Mapping]]) -> int:
    """Brings those of the wanted (name, variant) that are not in the cache there; says how many were not."""
    variants = {(name, tuple(sorted(variant.items()))) for name, variant in wanted}
    missing = sorted(key for key in variants if not jit.is_made(*key))
    workers = min(cpu.cores(), len(missing))
    if len(missing) < _WORTH_WORKERS or workers < 2 or not sys.executable:
        return len(missing)
    jobs: SimpleQueue = SimpleQueue()
    for key in missing:
        jobs.put(key)
    crew = [subprocess.Popen([sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True, env=_environment()) for _ in range(workers)]
    threads = [threading.Thread(target=_feed, args=(worker, jobs), daemon=True) for worker in crew]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        for worker in crew:
            worker.kill()
            worker.communicate()
    return len(missing)


def _environment() -> dict[str, str]:
    """This process's environment, in which a worker finds the same striate and computes nothing by threads."""
    home = str(Path(__file__).parents[2])
    return os.environ | {"PYTHONPATH": os.pathsep.join([home, os.environ.get("PYTHONPATH", "")])}


def _feed(worker: subprocess.Popen, jobs: SimpleQueue) -> None:
    """Hands one kernel after the other to a worker until none is left or the worker is gone."""
    while True:
        try:
            name, variant = jobs.get_nowait()
            worker.stdin.write(json.dumps([name, dict(variant)]) + "\n")
            worker.stdin.flush()
            seconds = json.loads(worker.stdout.readline())[0]
        except (Empty, OSError, ValueError):
            return
        for listener in jit.listeners:
            listener(name, seconds)


def main() -> None:
    """A worker: compiles what its standard input names."""
    for line in sys.stdin:
        name, variant = json.loads(line)
        started = time.perf_counter()
        jit.compiled(name, **variant)
        print(json.dumps([time.perf_counter() - started]), flush=True)


if __name__ == "__main__":
    main()
