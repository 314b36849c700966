"""The only home of Numba's options: how a kernel is compiled, cached and addressed.

Every kernel has one signature, so that one compiled loop can run a whole training step:

    kernel(arguments, first, last, scratch)

`arguments` is the address of a block of 64-bit slots (array addresses, sizes, real numbers), `first:last` the
range of tasks to do, `scratch` the address of memory that belongs to the running thread. A kernel is compiled
to a C function without the interpreter lock; Python is not needed while it runs.

A kernel is made by a *factory*: a function of plain integers and strings that returns the Python function to
compile. Numba's disk cache notices these integers (they are closure cells), but not edits of other files, so
the cache folder is named after the contents of all kernel files, and of the versions they are compiled with.
Within it each variant has a folder of its own.
"""

import hashlib
import re
import time
from functools import cache
from importlib import import_module
from pathlib import Path

import llvmlite
import numba
from numba import config, types

from striate import config as settings
from striate.kernels import KERNELS, Kernel, machine_code
from striate.locks import Lock

helper = numba.njit(error_model="numpy")
"""Decorates a module-level function that kernels call. Not for use inside a factory: a closure over a compiled
function would miss the disk cache in every process."""

inlined = numba.njit(error_model="numpy", inline="always")
"""As `helper`, but copied into its caller, so that the caller's closure constants (lanes, say) stay constants in it."""

_compiled: dict = {}
_lock = Lock()
listeners: list = []
"""Functions called with (kernel name, seconds) after each compilation that the cache could not serve."""


def cache_folder() -> Path:
    """Where machine code is kept: a folder private to the user, with one folder for each version of a kernel file."""
    return settings.value("cache_dir") / "kernels"


def _sources(module: str, found: dict[str, bytes]) -> dict[str, bytes]:
    """The texts of a kernel module and of all kernel modules that it imports."""
    if module not in found:
        found[module] = (Path(__file__).parent / f"{module}.py").read_bytes()
        for name in re.findall(rb"^from striate\.kernels\.(\w+) import", found[module], re.MULTILINE):
            _sources(name.decode(), found)
    return found


@cache
def _folder_of(module: str) -> Path:
    """The cache folder of one kernel module, named by everything that determines its machine code but the processor."""
    digest = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__} {config.CPU_FEATURES}".encode())
    for name, text in sorted(_sources(module, {}).items()):
        digest.update(name.encode() + text)
    return machine_code.private_folder(cache_folder() / f"{module}-{digest.hexdigest()[:16]}")


def _variant_folder(row: Kernel, variant: tuple) -> Path:
    """The folder of one variant: a process reads and verifies the machine code that it runs, and no other."""
    digest = hashlib.sha256(str(variant).encode()).hexdigest()[:16]
    return _folder_of(row.module.rsplit(".", 1)[-1]) / f"{row.factory}-{digest}"


def _made_file(folder: Path) -> Path:
    """A file that says: the variant of this folder was compiled for this processor."""
    return folder / f"{config.CPU_NAME or 'host'}.made"


def is_made(name: str, variant: tuple) -> bool:
    """Whether this process or the cache has the kernel `name` in the variant (sorted pairs)."""
    return (name, variant) in _compiled or _made_file(_variant_folder(KERNELS[name], variant)).exists()


def _build(row: Kernel, variant: tuple):
    factory = getattr(import_module(row.module), row.factory)
    function, folder = factory(**dict(variant)), _variant_folder(row, variant)
    old = config.CACHE_DIR
    config.CACHE_DIR = str(folder)
    try:
        started = time.perf_counter()
        compiled = _loaded_or_compiled(function, folder)
        if not compiled.cache_hits:
            machine_code.seal(folder)
            for listener in listeners:
                listener(row.name, time.perf_counter() - started)
        _made_file(folder).touch()
    finally:
        config.CACHE_DIR = old
    return compiled


def _loaded_or_compiled(function, folder: Path):
    """The kernel from the disk or from the compiler; files that cannot be read are removed, and made again."""
    compile_it = numba.cfunc(types.void(*[types.intp] * 4), nopython=True, cache=True, error_model="numpy")
    machine_code.discard_damaged(folder)
    try:
        return compile_it(function)
    except numba.core.errors.NumbaError:
        raise
    except Exception:  # Whatever a damaged file makes Numba's loader stumble over.
        machine_code.forget(folder)
        return compile_it(function)


def compiled(name: str, **variant):
    """The compiled kernel `name` in the given variant: an object with `.address`; compiled at most once a process."""
    key = name, tuple(sorted(variant.items()))
    with _lock:
        if key not in _compiled:
            _compiled[key] = _build(KERNELS[name], key[1])
        return _compiled[key]
