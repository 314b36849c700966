"""Joining the ranks that mpiexec or srun started, and leaving them."""

from __future__ import annotations

import atexit
import os
import socket
import sys
import time
import traceback
import warnings
from contextlib import suppress
from typing import Any

import numpy as np

from striate import config, files, seeds
from striate.errors import ArgumentError, StriateError, received
from striate.parallel import heartbeat, news, sockets
from striate.parallel.mpi_ranks import MPIRanks
from striate.parallel.start_limit import started_within
from striate.ranks import Alone, ranks, work_with

_MARKS = ("PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK")
"""Variables by which mpiexec and srun tell a process its rank: MPICH's and Intel's, PMIx's, Open MPI's."""
_FIRST_SPEAKS = 1.0
"""All ranks often fail in the same way; the others give rank 0 so many seconds to say it once and end the job."""
_HEARD = 0.3
"""Seconds from a rank's last words to the end of all: mpiexec passes them on by processes that it ends as well."""
_heartbeat: heartbeat.Heartbeat | None = None


def started_by_mpi() -> bool:
    """Whether mpiexec or srun started this process as one of several; asks the environment, loads nothing."""
    return any(name in os.environ for name in _MARKS) or _srun_tasks() > 1


def _srun_tasks() -> int:
    """How many processes srun started; 1 elsewhere, also in the script of a Slurm job itself."""
    return int(os.environ.get("SLURM_STEP_NUM_TASKS") or 1)


def start() -> Alone:
    """Joins the other ranks: `fit`, `evaluate` and `predict` are shared from now on. Gives the ranks.

    Without other processes, nothing changes. On all ranks but the first, standard output and files outside the cache
    go nowhere: these ranks hold the same results, and the first one writes them. Threads are shared out among the
    ranks of a machine unless their number is set.

    Raises:
        ArgumentError: mpi4py and an MPI are not installed.
        StriateError: ranks cannot reach each other.
    """
    global _heartbeat
    if ranks().size > 1:
        return ranks()
    with started_within(config.value("start_timeout")):
        MPI = _load_mpi()
        communicator = MPI.COMM_WORLD
        atexit.register(_leave, MPI)
        if communicator.Get_size() == 1:
            _refuse_strangers()
            _say_started()
            return ranks()
        machine = communicator.Split_type(MPI.COMM_TYPE_SHARED)
        local = machine.Get_size()
        found = MPIRanks(communicator, MPI.Request.Testall, together=local == communicator.Get_size())
        _forget_names(machine)
        _share_threads(local)
        _heartbeat = _begin_heartbeat(found)
    if found.rank == 0:
        _say_started()
    else:
        files.leave_to_another(config.value("cache_dir"))
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (for the rest of the process)
        warnings.simplefilter("ignore")
    sys.excepthook = _end_all
    work_with(found)
    seeds.go_on_with(found.from_first(seeds.global_seed))
    return found


def _refuse_strangers() -> None:
    """A process that MPI knows as the only one should be the only one."""
    if _srun_tasks() > 1:
        raise StriateError("srun started several processes that do not find each other by MPI. Use srun --mpi=pmi2 "
                           f"(srun --mpi=list shows what there is). {received(tasks=_srun_tasks())}")


def _say_started() -> None:
    if not news.tell(news.STARTED):
        raise StriateError("The machine on which `striate launch` runs cannot be reached; is TCP to it blocked? "
                           + received(news_to=config.value("news_to")))


def _load_mpi() -> Any:
    try:
        import mpi4py
    except ImportError:
        raise ArgumentError("Training on several ranks needs mpi4py and an MPI: pip install 'striate[dist]'.") from None
    mpi4py.rc.thread_level = "funneled"
    mpi4py.rc.finalize = False
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise ArgumentError(f"mpi4py finds no MPI library ({error}): pip install 'striate[dist]' brings one.") from None
    return MPI


def _forget_names(machine: Any) -> None:
    """MPICH's ranks of one machine share memory in files, which it removes at the end of the job: killed ranks would
    leave megabytes in /dev/shm each time, until it is full. All ranks have the memory by now; the names can go."""
    machine.Barrier()
    if machine.Get_rank() == 0:
        for name in _shared_files("/proc/self/maps"):
            with suppress(OSError):
                os.unlink(name)


def _shared_files(maps: str) -> set[str]:
    """The files of MPICH that a process has in its memory."""
    try:
        with open(maps, encoding="utf-8", errors="surrogateescape") as lines:
            names = {line.rstrip("\n").partition("/")[2] for line in lines}
    except OSError:  # Not everywhere there.
        return set()
    return {f"/{name}" for name in names if name.startswith("dev/shm/mpich_shm_") and not name.endswith(" (deleted)")}


def _share_threads(local: int) -> None:
    """So many ranks on this machine share its cores."""
    from striate.kernels import cpu

    if config.value("num_threads") is None:
        config.set_value("num_threads", max(1, cpu.cores() // local))


def _begin_heartbeat(found: MPIRanks) -> heartbeat.Heartbeat:
    names = found.gather(f"{socket.gethostname()}, process {os.getpid()}")
    timeout = config.value("rank_timeout")
    server = None
    if found.rank == 0:
        server, token = sockets.listen()
        where = {"addresses": sockets.own_addresses(), "port": server.getsockname()[1],
                 "token": np.frombuffer(token, np.uint8)}
    place = found.from_first(lambda: where)
    token = place["token"].tobytes()
    if server is not None:
        peers = heartbeat.accept(server, token, found.size - 1, config.value("start_timeout"))
    else:
        peers = [heartbeat.connect(place["addresses"], place["port"], token, found.rank)]
    return heartbeat.Heartbeat(found.rank, peers, timeout, names)


def _leave(MPI: Any) -> None:
    """At the end of the process: all ranks end together."""
    MPI.Finalize()
    if _heartbeat is not None:
        _heartbeat.stop()


def abort(code: int) -> None:
    """Ends all ranks, if there are several, with this exit code; to be called when this one fails for itself."""
    found = ranks()
    if found.size == 1:
        return
    from mpi4py import MPI

    sys.stdout.flush()
    sys.stderr.flush()
    time.sleep(_HEARD)
    MPI.COMM_WORLD.Abort(code)


def before_failing() -> None:
    """To be called before a rank says why it fails: when all fail alike, the first one's words are enough."""
    if ranks().rank:
        time.sleep(_FIRST_SPEAKS)


def _end_all(kind, error, trace) -> None:
    before_failing()
    print(f"Rank {ranks().rank}:", file=sys.stderr)
    traceback.print_exception(kind, error, trace)
    abort(1)
