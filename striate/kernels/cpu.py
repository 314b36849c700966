"""What the processor offers: vector lanes, registers, caches and cores.

Read once, from LLVM's own description of the host, so that `NUMBA_CPU_FEATURES` (Numba's way to mask a
processor's features) lets one machine take another's path.
"""

import os
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Cpu:
    """The facts that kernels are chosen by. `lanes` counts float32 values in one vector register."""

    name: str
    isa: str
    lanes: int
    registers: int
    fma: bool
    l1: int
    l2: int


KINDS = {
    "avx512": dict(lanes=16, registers=32, fma=True),
    "avx2": dict(lanes=8, registers=16, fma=True),
    "neon": dict(lanes=4, registers=32, fma=True),
    "plain": dict(lanes=4, registers=16, fma=False),
}


def _features() -> tuple[str, dict[str, bool]]:
    import llvmlite.binding as llvm

    masked = os.environ.get("NUMBA_CPU_FEATURES")
    name = os.environ.get("NUMBA_CPU_NAME") or llvm.get_host_cpu_name()
    if masked is not None:
        return name, {item[1:]: item[0] == "+" for item in masked.split(",") if item}
    if name == "generic":
        return name, {}
    return name, dict(llvm.get_host_cpu_features())


def _cache_bytes(level: int, default: int) -> int:
    base = f"/sys/devices/system/cpu/cpu0/cache/index{level}/size"
    try:
        with open(base, encoding="ascii") as file:
            text = file.read().strip()
        return int(text[:-1]) * {"K": 1024, "M": 1024**2}[text[-1]]
    except (OSError, KeyError, ValueError):
        return default


@lru_cache(maxsize=1)
def host() -> Cpu:
    """The processor of this process.

    Example:
        >>> host().lanes in (4, 8, 16)
        True
    """
    import platform

    name, features = _features()
    if features.get("avx512f") and features.get("avx512bw") and features.get("avx512vl"):
        isa = "avx512"
    elif features.get("avx2") and features.get("fma"):
        isa = "avx2"
    elif platform.machine() in ("aarch64", "arm64"):
        isa = "neon"
    else:
        isa = "plain"
    return Cpu(name=name, isa=isa, l1=_cache_bytes(0, 32 * 1024), l2=_cache_bytes(2, 512 * 1024), **KINDS[isa])


def cores() -> int:
    """Cores that this process may run on (its affinity mask, then the container's quota)."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        with open("/sys/fs/cgroup/cpu.max", encoding="ascii") as file:
            quota, period = file.read().split()
        if quota != "max":
            count = min(count, max(1, int(quota) // int(period)))
    except (OSError, ValueError):
        pass
    return count
