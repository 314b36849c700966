"""A disk that fails, or a process that dies, at the n-th thing that is done to it.

    with Faults(folder, at=3, fault=OSError(errno.ENOSPC, "No space left on device")): ...
    with Faults(folder) as faults: ...          # only counts: faults.count
    survived = dies_at(folder, 3, write)        # kill -9 in a forked child

What is counted below `folder`: opening for writing, each write (half of it is done before the fault), fsync, truncate,
rename, removal, making and removing folders. Everything that Python does to files goes through these.
"""

import io
import os
import signal

KILL = object()
"""The fault that ends the process by SIGKILL."""
_NAMED = {"open": (0,), "replace": (0, 1), "rename": (0, 1), "unlink": (0,), "remove": (0,), "mkdir": (0,),
          "rmdir": (0,)}
"""Functions of `os` that change a disk, and which of their arguments are paths."""


class Faults:
    """Counts what is done to files below `folder`, and lets the `at`-th do `fault`."""

    def __init__(self, folder, at: int = 0, fault=None):
        self.folder, self.at, self.fault, self.count = os.path.realpath(folder), at, fault, 0
        self._real = {name: getattr(os, name) for name in (*_NAMED, "fsync", "fdopen")}
        self._open = io.open

    def strike(self) -> None:
        """One more thing is about to be done."""
        self.count += 1
        if self.count == self.at:
            if self.fault is KILL:
                os.kill(os.getpid(), signal.SIGKILL)
            raise self.fault

    def _concerns(self, path) -> bool:
        if isinstance(path, int):
            path = os.readlink(f"/proc/self/fd/{path}")
        path = os.path.abspath(os.fsdecode(path))
        return path.startswith(self.folder + os.sep) and not path.endswith((".pyc", ".py"))

    def _wrapped(self, name: str):
        real, places = self._real[name], _NAMED[name]

        def function(*arguments, **options):
            looks = name == "open" and not arguments[1] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            directory = options.get("dir_fd", options.get("src_dir_fd"))
            base = "" if directory is None else os.readlink(f"/proc/self/fd/{directory}")
            if not looks and any(self._concerns(os.path.join(base, os.fsdecode(arguments[place])))
                                 for place in places):
                self.strike()
            return real(*arguments, **options)
        return function

    def __enter__(self):
        for name in _NAMED:
            setattr(os, name, self._wrapped(name))
        os.fsync, os.fdopen = self._fsync, self._fdopen
        return self

    def __exit__(self, *failure):
        for name, real in self._real.items():
            setattr(os, name, real)

    def _fsync(self, descriptor):
        if self._concerns(descriptor):
            self.strike()
        self._real["fsync"](descriptor)

    def _fdopen(self, descriptor, mode="r", buffering=-1, **options):
        if not set(mode) & set("wax+") or not self._concerns(descriptor):
            return self._real["fdopen"](descriptor, mode, buffering, **options)
        return _Half(self._real["fdopen"](descriptor, mode, buffering=0), self)


class _Half:
    """An unbuffered file; a fault comes in the middle of a write."""

    def __init__(self, file, faults):
        self._file, self._faults = file, faults

    def write(self, content):
        content = memoryview(content)
        half = len(content) // 2
        while half:
            half -= self._file.write(content[len(content) // 2 - half:len(content) // 2])
        self._faults.strike()
        rest = content[len(content) // 2:]
        while rest:
            rest = rest[self._file.write(rest):]
        return len(content)

    def truncate(self, size=None):
        self._faults.strike()
        return self._file.truncate(size)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self._file.close()

    def __getattr__(self, name):
        return getattr(self._file, name)


def dies_at(folder, at: int, action) -> bool:
    """Does `action` in a forked child that is killed at the `at`-th thing; says whether it came to its end instead."""
    child = os.fork()
    if child == 0:
        status = 3
        try:
            with Faults(folder, at, KILL):
                action()
            status = 0
        finally:
            os._exit(status)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return False
    if status != 0:
        raise AssertionError(f"the child ended with status {status}")
    return True
