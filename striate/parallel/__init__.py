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

from striate.parallel.start import abort, before_failing, start, started_by_mpi
from striate.ranks import ranks, shards

__all__ = ["abort", "before_failing", "ranks", "shards", "start", "started_by_mpi"]
