"""A limit for the start: MPI waits for ever for a rank that does not come, and holds Python's lock while it waits.

So no thread of this process can end the waiting; another process does, which lives no longer than the start.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_WATCH = """
import os, select, signal, sys
process, seconds, words = sys.argv[1:]
if not select.select([0], [], [], float(seconds))[0]:
    os.write(2, words.encode())
    os.kill(int(process), signal.SIGKILL)
"""
"""Waits for the end of its input: the process that is watched has started, or is gone."""


@contextmanager
def started_within(seconds: float) -> Iterator[None]:
    """Ends this process, with a message, when the block takes longer.

    Example:
        >>> with started_within(120):
        ...     pass
    """
    words = (f"striate: {socket.gethostname()}, process {os.getpid()}: the ranks did not find each other within "
             f"{seconds:.0f} s. One of them was not started, or its machine cannot be reached by MPI: look at what MPI "
             "said above, at host names, firewalls and the network card that MPI chose (with MPICH, FI_TCP_IFACE "
             "names it). STRIATE_START_TIMEOUT sets the limit.\n")
    # A session of its own: Ctrl-C at the terminal is not for it.
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", _WATCH, str(os.getpid()), str(seconds), words],
                          stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True):
        yield
