"""Processes that read picture files side by side.

A reader (`python -m striate.datasets.readers`) gets lines of JSON and answers each with a line of JSON, followed by the
pixels if there are any. Only paths and pixels travel: no code, no pickle, and the user's own script is not run again.
What comes when depends on the order of the paths alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import prod
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

from striate.datasets.pictures import Preparation, facts
from striate.errors import DataError

WORTH_PROCESSES = 48
"""So many files take longer to read than processes take to start."""


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Readers:
    """A crew of reading processes, to be used in a `with` block or closed.

    Args:
        processes: how many; 1 reads in this process, and so does 0 (nothing is started).

    Example:
        >>> with Readers(1) as readers:  # doctest: +SKIP
        ...     pictures = readers.pixels(["a.png", "b.png"], Preparation((32, 32)))
    """

    def __init__(self, processes: int):
        self.processes = processes if processes > 1 and sys.executable else 0
        self._idle: SimpleQueue = SimpleQueue()
        self._crew = [_start() for _ in range(self.processes)]
        for reader in self._crew:
            self._idle.put(reader)
        self._threads = ThreadPoolExecutor(max(1, self.processes), thread_name_prefix="striate-read")

    @classmethod
    def for_files(cls, count: int) -> Readers:
        """As many readers as so many files are worth: one a core, or none for few files."""
        return cls(cores() if count >= WORTH_PROCESSES else 0)

    def pixels(self, paths: Sequence[str | os.PathLike], preparation: Preparation) -> list[np.ndarray | DataError]:
        """Each file, prepared, or the error that says why it cannot be read; in the order of the paths."""
        return self._each(paths, preparation.read, {"do": "pixels", "preparation": preparation.config()})

    def facts(self, paths: Sequence[str | os.PathLike]) -> list[dict[str, Any] | DataError]:
        """What each file is (see `pictures.facts`), or the error that says why it cannot be read."""
        return self._each(paths, facts, {"do": "facts"})

    def _each(self, paths: Sequence, here: Callable, order: dict[str, Any]) -> list:
        if not self.processes:
            return [_tried(here, path) for path in paths]
        return list(self._threads.map(lambda path: self._ask({**order, "path": os.fspath(path)}), paths))

    def _ask(self, order: dict[str, Any]) -> Any:
        reader = self._idle.get()
        try:
            reader.stdin.write(json.dumps(order).encode() + b"\n")
            reader.stdin.flush()
            answer = json.loads(reader.stdout.readline())
            if "shape" not in answer:
                return DataError(answer["error"]) if "error" in answer else answer
            content = reader.stdout.read(prod(answer["shape"]))
            return np.frombuffer(content, np.uint8).reshape(answer["shape"])
        except (OSError, ValueError) as error:
            raise DataError(f"The process that read {order['path']} has ended. If the computer ran out of memory, "
                            "close other programs or ask for smaller pictures.") from error
        finally:
            self._idle.put(reader)

    def close(self) -> None:
        """Ends the processes."""
        self._threads.shutdown(cancel_futures=True)
        for reader in self._crew:
            reader.kill()
            reader.communicate()
        self._crew = []

    def __enter__(self) -> Readers:
        return self

    def __exit__(self, *_) -> None:
        self.close()


def _start() -> subprocess.Popen:
    home = str(Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([home, os.environ.get("PYTHONPATH", "")]),
                                "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, env=environment)


def _tried(read: Callable, path) -> Any:
    try:
        return read(path)
    except DataError as error:
        return error


def main() -> None:
    """A reader: does what its standard input asks for, until it is closed."""
    out = sys.stdout.buffer
    for line in sys.stdin.buffer:
        order = json.loads(line)
        try:
            if order["do"] == "facts":
                answer, content = facts(order["path"]), b""
            else:
                pixels = Preparation.of(order["preparation"]).read(order["path"])
                answer, content = {"shape": pixels.shape}, pixels.tobytes()
        except DataError as error:
            answer, content = {"error": str(error)}, b""
        out.write(json.dumps(answer).encode() + b"\n" + content)
        out.flush()


if __name__ == "__main__":
    main()
