"""What this computer and this installation are: for `striate doctor`, for reports and for bug reports."""

from __future__ import annotations

import os
import platform
from collections import Counter
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from striate import __version__, config

REQUIRED = ("numpy", "numba", "llvmlite", "h5py", "safetensors", "pillow", "click", "rich")
OPTIONAL = {"matplotlib": "viz", "tifffile": "bio", "pydicom": "bio", "nibabel": "bio", "onnx": "onnx",
            "mpi4py": "dist", "optuna": "tune"}
ISA_WORDS = {
    "avx512": "AVX-512 (16 float32 numbers at once)",
    "avx2": "AVX2 with FMA (8 float32 numbers at once)",
    "neon": "NEON (4 float32 numbers at once)",
    "plain": "no vector instructions that striate uses; slow, but the results are right",
}


def versions() -> dict[str, str]:
    """Versions of what striate needs."""
    found = {"striate": __version__, "python": platform.python_version()}
    for package in REQUIRED:
        found[package] = installed(package) or "missing"
    return found


def installed(package: str) -> str | None:
    """The installed version of a package, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def processor() -> str:
    """The processor's own name for itself."""
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")),
                platform.machine())


def memory_bytes() -> int | None:
    """Main memory of the computer, if the system tells."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def environment() -> dict[str, str]:
    """The facts that a result may be judged by, in the order in which a reader wants them."""
    from striate.kernels import cpu
    from striate.runtime.pool import default_threads

    host, memory = cpu.host(), memory_bytes()
    return {
        "processor": processor(),
        "instructions": ISA_WORDS[host.isa],
        "cores usable": str(cpu.cores()),
        "threads": str(default_threads()),
        "memory": "unknown" if memory is None else f"{memory / 2**30:.1f} GiB",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        **{name: number for name, number in versions().items() if name not in ("click", "rich")},
    }


def kernel_cache() -> dict[str, Any]:
    """Where compiled kernels are kept, which there are and in how many variants."""
    from striate.kernels.jit import cache_folder

    folder = cache_folder()
    files = [entry for entry in folder.rglob("*.nbc")]
    # Numba names a file module.factory.locals.kernel-LINE.VERSION.NUMBER.nbc, one for each variant.
    variants = Counter(entry.name.split(".")[1] for entry in files)
    return {"folder": str(folder), "compiled": len(files), "bytes": sum(entry.stat().st_size for entry in files),
            "variants": dict(sorted(variants.items()))}


def settings() -> dict[str, dict[str, object]]:
    """Every setting with its value and the variable that sets it."""
    return {row.name: {"value": config.value(row.name), "variable": row.variable, "meaning": row.meaning}
            for row in config.SETTINGS.values()}


def data_found() -> dict[str, str]:
    """Where each data set lies on this computer."""
    found = {}
    for name in ("fashion-mnist", "mnist", "cifar10", "brain-food"):
        place = import_module(f"striate.datasets.{name.replace('-', '_')}").on_this_computer()
        found[name] = str(place) if place else "not on this computer: would be downloaded at first use"
    return found | {"fashion-mnist, 10 %": "comes with striate (--subset)", "auto-mpg": "comes with striate",
                    "x-or-o": "drawn by striate", "simulated-ca": "simulated by striate"}
