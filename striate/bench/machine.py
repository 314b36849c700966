"""What the machine can do at most, and how busy it is with other things."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from striate.bench.timing import repeat
from striate.kernels import cpu, jit, program
from striate.kernels.peak import FMA_ROUNDS
from striate.memory import aligned_zeros
from striate.runtime import pool as threads

COPY_BYTES = 128 * 2**20
"""Size of the array that is copied: far more than any cache that a core has for itself."""
_TASKS = 64
_COPY_VECTORS = 4096


@dataclass(frozen=True)
class Peak:
    """Billions of floating-point operations a second, and billions of bytes a second read and written in a copy."""

    gflops: float
    copy_gbytes: float
    threads: int


def measure_peak(seconds: float = 0.5) -> Peak:
    """The peak of this machine on all threads of the pool; the best of repeated runs.

    Example:
        >>> measure_peak(0.01).gflops > 0
        True
    """
    host = cpu.host()
    # Two units with a latency of four or five cycles need about ten sums; the factor and the summand take two more
    # of the sixteen registers that the smallest processors have.
    sums = 12 if host.registers <= 16 else 20
    state = aligned_zeros(_TASKS * sums * host.lanes)
    state[:] = 0.5
    arithmetic = _Launches("fma_peak", {"sums": sums, "lanes": host.lanes}, [state.ctypes.data], _TASKS)
    count = COPY_BYTES // 8
    source, target = aligned_zeros(count), aligned_zeros(count)
    source[:] = 1.0
    copy = _Launches("stream_copy", {"lanes": host.lanes}, [source.ctypes.data, target.ctypes.data, _COPY_VECTORS],
                     count // (host.lanes * _COPY_VECTORS))
    return Peak(2 * _TASKS * sums * host.lanes * FMA_ROUNDS / repeat(arithmetic, seconds).smallest / 1e9,
                2 * source.nbytes / repeat(copy, seconds).smallest / 1e9, threads.pool().threads)


class _Launches:
    """One kernel as a program of its own."""

    def __init__(self, kernel: str, variant: dict, arguments: Sequence[int], tasks: int):
        self.block = np.array(arguments, np.int64)
        address = jit.compiled(kernel, **variant).address
        self.table = np.array([[address, self.block.ctypes.data, tasks, 1]], np.int64).reshape(1, program.ROW)
        self.scratch = aligned_zeros(64, np.uint8)

    def __call__(self) -> None:
        threads.pool().run(self.table, self.scratch, 0)


# ---- how busy the machine is -----------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Load:
    """A moment: processor seconds that all programs together, and that this process with its children have used.

    stolen: processor seconds that the host of a virtual machine took. All are None where the system does not tell.
    """

    busy: float | None
    stolen: float | None
    own: float

    def foreign_since(self, earlier: Load, seconds: float) -> float | None:
        """Processors that others kept busy, on average over the `seconds` since `earlier`; 0.0 is a quiet machine."""
        if self.busy is None or earlier.busy is None:
            return None
        return max(0.0, self.busy - earlier.busy - (self.own - earlier.own)) / seconds


def load() -> Load:
    """How much processor time has been used until now."""
    times = os.times()
    own = times.user + times.system + times.children_user + times.children_system
    try:
        fields = Path("/proc/stat").read_text("ascii").splitlines()[0].split()[1:9]
        tick = os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return Load(None, None, own)
    user, nice, system, _, _, hard, soft, stolen = (int(field) / tick for field in fields)
    return Load(user + nice + system + hard + soft + stolen, stolen, own)


def load_average() -> float | None:
    """Programs that wanted to run, on average over the last minute."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None
