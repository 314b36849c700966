"""Locks that a forked child finds free.

A child of `fork` has only the thread that forked. A lock that another thread held at that moment would never be let go
in the child; so every lock of striate that guards more than a moment is made anew there.
"""

from __future__ import annotations

import os
import threading
import weakref

_locks: weakref.WeakSet[Lock] = weakref.WeakSet()


class Lock:
    """A lock, used by `with`; the same thread may take it again.

    Example:
        >>> lock = Lock()
        >>> with lock, lock:
        ...     print("alone")
        alone
    """

    def __init__(self) -> None:
        self._renew()
        _locks.add(self)

    def _renew(self) -> None:
        self._inner = threading.RLock()

    def __enter__(self) -> None:
        self._inner.acquire()

    def __exit__(self, *failure: object) -> None:
        self._inner.release()


def _after_fork() -> None:
    for lock in list(_locks):
        lock._renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
