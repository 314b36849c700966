"""The only home of Numba's options: how a kernel is compiled, cached and addressed.

Every kernel has one signature, so that one compiled loop can run a whole training step:

    kernel(arguments, first, last, scratch)

`arguments` is the address of a block of 64-bit slots (array addresses, sizes, real numbers), `first:last` the
range of tasks to do, `scratch` the address of memory that belongs to the running thread. A kernel is compiled
to a C function without the interpreter lock; Python is not needed while it runs.

A kernel is made by a *factory*: a function of plain integers and strings that returns the Python function to
compile. Numba's disk cache notices these integers (they are closure cells), but not edits of other files, so
the cache folder is named after the contents of all kernel files, and of the versions they are compiled with.
"""

import hashlib
import time
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from threading import Lock

import llvmlite
import numba
from numba import config, types

from striate import config as settings
from striate.kernels import KERNELS, Kernel

helper = numba.njit(error_model="numpy")
"""Decorates a module-level function that kernels call. Not for use inside a factory: a closure over a compiled
function would miss the disk cache in every process."""

inlined = numba.njit(error_model="numpy", inline="always")
"""As `helper`, but copied into its caller, so that the caller's closure constants (lanes, say) stay constants in it."""

_compiled: dict = {}
_lock = Lock()
listeners: list = []
"""Functions called with (kernel name, seconds) after each compilation that the cache could not serve."""


@lru_cache(maxsize=1)
def cache_folder() -> Path:
    """The folder of this kernel set: private to the user, named by what determines the machine code."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    digest.update(f"{numba.__version__} {llvmlite.__version__}".encode())
    folder = settings.value("cache_dir") / "kernels" / digest.hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _build(row: Kernel, variant: tuple):
    factory = getattr(import_module(row.module), row.factory)
    function = factory(**dict(variant))
    signature = types.void(types.intp, types.intp, types.intp, types.intp)
    old = config.CACHE_DIR
    config.CACHE_DIR = str(cache_folder())
    try:
        started = time.perf_counter()
        compiled = numba.cfunc(signature, nopython=True, cache=True, error_model="numpy")(function)
        if not compiled.cache_hits:
            for listener in listeners:
                listener(row.name, time.perf_counter() - started)
    finally:
        config.CACHE_DIR = old
    return compiled


def compiled(name: str, **variant):
    """The compiled kernel `name` in the given variant: an object with `.address`; compiled at most once a process."""
    key = name, tuple(sorted(variant.items()))
    with _lock:
        if key not in _compiled:
            _compiled[key] = _build(KERNELS[name], key[1])
        return _compiled[key]
