"""Memory that all ranks of one machine see.

It is a file without a name (`memfd_create`): the system takes it back when the last rank ends, however that ends. Its
pages are there from the start, so a machine without memory for it says so at once. MPI's own shared windows lie in
/dev/shm, which in containers is often smaller than a network's gradients: writing there ends a rank by a bus error.
"""

from __future__ import annotations

import mmap
import os
from typing import Any

import numpy as np

from striate.ranks import Alone


def shared(ranks: Alone, rows: int, columns: int) -> tuple[np.ndarray | None, list[str]]:
    """(float32 memory of this shape that all ranks share, or None on all of them, what stood against it).

    All ranks must call this together.
    """
    place = ranks.from_first(lambda: _made(4 * rows * columns))
    memory, problem = None, place.get("problem")
    if problem is None:
        try:
            memory = _opened(place, ranks.rank)
        except OSError as error:
            problem = f"rank {ranks.rank}: {error}"
    problems = [found for found in ranks.gather(problem) if found]
    if ranks.rank == 0 and "descriptor" in place:
        os.close(place["descriptor"])
    if memory is None or problems:
        return None, sorted(set(problems))
    return np.frombuffer(memory, np.float32).reshape(rows, columns), []


def _made(length: int) -> dict[str, Any]:
    """Where the others find the memory, or why there is none."""
    if not hasattr(os, "memfd_create"):
        return {"problem": "this system has no memfd_create"}
    descriptor = os.memfd_create("striate-gradients")
    try:
        os.posix_fallocate(descriptor, 0, length)
    except OSError as error:
        os.close(descriptor)
        return {"problem": f"{length:,} bytes: {error}"}
    return {"process": os.getpid(), "descriptor": descriptor, "inode": os.fstat(descriptor).st_ino, "length": length}


def _opened(place: dict[str, Any], rank: int) -> mmap.mmap:
    if rank == 0:
        return mmap.mmap(place["descriptor"], place["length"])
    descriptor = os.open(f"/proc/{place['process']}/fd/{place['descriptor']}", os.O_RDWR)
    try:
        if os.fstat(descriptor).st_ino != place["inode"]:
            raise OSError("another process has the number of rank 0's (ranks in containers of their own?)")
        return mmap.mmap(descriptor, place["length"])
    finally:
        os.close(descriptor)
