"""Threads that run programs: the caller's thread and the workers that help it.

One pool a process. A program is posted in a mailbox in memory; workers spin on it for a moment after each
program and then sleep in Python, so that back-to-back steps cost no wake-up and an idle process no time.
Programs of several Python threads are run one after the other. A forked child starts its own pool.
"""

import ctypes
import os
import threading

import numpy as np

from striate import config
from striate.kernels import cpu, jit, program
from striate.memory import address_of, aligned_zeros

_SPIN_TURNS = 20_000
_entry_type = ctypes.CFUNCTYPE(None, *[ctypes.c_ssize_t] * 4)


class Pool:
    """`threads` threads, the caller's included, that run one program at a time."""

    def __init__(self, threads: int):
        self.threads = threads
        self.mailbox = aligned_zeros(program.PARKED + program.LINE * (threads + 1), np.int64)
        self._address = address_of(self.mailbox)
        self._run = _entry_type(jit.compiled("run").address)
        self._locks = [threading.Lock() for _ in range(threads)]
        self._busy = threading.Lock()
        self._memory: list = []
        self._make_room(256)
        if threads > 1:
            serve = _entry_type(jit.compiled("serve").address)
            for thread in range(1, threads):
                self._locks[thread].acquire()
                threading.Thread(target=self._work, args=(serve, thread), daemon=True,
                                 name=f"striate-{thread}").start()

    def _work(self, serve, thread):
        box, address, parked = self.mailbox, self.mailbox.ctypes.data, program.PARKED + program.LINE * thread
        while not box[program.STOP]:
            serve(address, thread, self.threads, _SPIN_TURNS)
            # A program may be announced between the look at the flag (`_wake`) and the setting of it: look again soon.
            pause = 0.001
            while box[parked] and not self._locks[thread].acquire(timeout=pause):
                if box[program.EPOCH] != box[parked + 1]:
                    box[parked] = 0
                pause = min(2 * pause, 1.0)

    def _wake(self) -> None:
        for thread in range(1, self.threads):
            parked = program.PARKED + program.LINE * thread
            if self.mailbox[parked]:
                self.mailbox[parked] = 0
                if self._locks[thread].locked():
                    self._locks[thread].release()

    def run(self, table: np.ndarray, scratch: np.ndarray, scratch_bytes: int) -> None:
        """Runs the program `table` (rows of `program.ROW` int64) to its end; each thread has `scratch_bytes`."""
        box = self.mailbox
        with self._busy:
            if len(table) > self._room:
                self._make_room(2 * len(table))
            box[program.PROGRAM], box[program.COUNT] = address_of(table), len(table)
            box[program.SCRATCH], box[program.SCRATCH_BYTES] = address_of(scratch), scratch_bytes
            self._wake()
            self._run(self._address, 0, self.threads, 0)

    def _make_room(self, launches: int) -> None:
        """Memory for programs of so many launches. The old memory is kept: a late worker may still look at it."""
        for _, old in self._memory:
            old[:] = -1
        table = aligned_zeros(launches * program.ROW, np.int64)
        counters = aligned_zeros(launches * (self.threads + 1) * program.LINE, np.int64)
        self._memory.append((table, counters))
        self.mailbox[program.TABLE], self.mailbox[program.COUNTERS] = table.ctypes.data, counters.ctypes.data
        self.mailbox[program.LAST_COUNT] = 0
        self._room = launches

    def stop(self) -> None:
        """Ends the workers."""
        with self._busy:
            self.mailbox[program.STOP] = 1
            self.mailbox[program.EPOCH] += 1
            self._wake()


_pool: Pool | None = None
_making = threading.Lock()


def default_threads() -> int:
    """The setting `num_threads`, or every core that this process may use."""
    return config.value("num_threads") or cpu.cores()


def pool() -> Pool:
    """The pool of this process; made at first use."""
    global _pool
    with _making:
        if _pool is None:
            _pool = Pool(default_threads())
        return _pool


def set_threads(threads: int) -> None:
    """Replaces the pool by one of `threads` threads. Results do not depend on the number."""
    global _pool
    if threads < 1:
        raise ValueError(f"The number of threads must be at least 1. Received: threads={threads}")
    with _making:
        if _pool is not None:
            _pool.stop()
        _pool = Pool(threads)


def _forget() -> None:
    global _pool, _making
    _pool, _making = None, threading.Lock()


os.register_at_fork(after_in_child=_forget)
