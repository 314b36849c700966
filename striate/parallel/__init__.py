"""The same training on several processes or machines, to the same bits.

    mpiexec -n 4 striate train fashion-mnist --shards 4

or in a script, started by mpiexec or srun:

    from striate import parallel
    parallel.start()                    # from here on fit, evaluate and predict are shared
    model.fit(...)

Needs the extra `dist` (mpi4py and an MPI) for more than one process. docs/scaling.md tells how it works, what it costs
and how far it reaches.
"""

from __future__ import annotations

from importlib import import_module

from striate.parallel.start import abort, before_failing, start, started_by_mpi
from striate.ranks import ranks, shards

_LATER = {"map_tasks": "tasks", "open_stored": "stored", "write_stored": "stored"}

__all__ = ["abort", "before_failing", "ranks", "shards", "start", "started_by_mpi", *_LATER]


def __getattr__(name: str):
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
