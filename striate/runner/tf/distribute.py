"""`tf.distribute`: strategies of one replica, which this computer's processor is."""

from __future__ import annotations

from contextlib import contextmanager


class Strategy:
    """Where variables are made and steps are run: here. Several processes share a training by `striate launch`."""

    num_replicas_in_sync = 1

    def __init__(self, *args, **kwargs):
        pass

    @contextmanager
    def scope(self):
        """A block like any other."""
        yield self

    def run(self, fn, args=(), kwargs=None, options=None):
        """The function's result."""
        return fn(*args, **(kwargs or {}))


MirroredStrategy = OneDeviceStrategy = Strategy


def get_strategy() -> Strategy:
    """The only one."""
    return Strategy()


__all__ = ["MirroredStrategy", "OneDeviceStrategy", "Strategy", "get_strategy"]
