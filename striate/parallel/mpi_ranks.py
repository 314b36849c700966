"""MPI's processes as the ranks of a training. Everything that they send is flat buffers; nothing is pickled."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import accumulate, islice
from typing import Any

import numpy as np

from striate.errors import received
from striate.parallel.exchange import Exchange
from striate.parallel.window import shared
from striate.parallel.wire import decode, encode
from striate.ranks import Alone

_EAGER_SECONDS, _PAUSE_SECONDS = 0.02, 1e-4
"""A rank that waits looks for messages without pause at first, and then after each pause: its core may be needed."""
_SUMS = 2
"""Rows of the window for sums."""


class MPIRanks(Alone):
    """The ranks of a communicator.

    Args:
        communicator: of mpi4py; only the thread that made this object may use it.
        test_all: `MPI.Request.Testall`.
        together: whether all ranks are on one machine, so that they can share memory.
    """

    def __init__(self, communicator: Any, test_all: Callable[[list], bool], together: bool = False):
        self.rank, self.size = communicator.Get_rank(), communicator.Get_size()
        self._communicator, self._test_all = communicator, test_all
        self._together, self._window, self._exchanges = together, np.empty((0, 0), np.float32), 0
        self._wish = self._agreed = False
        self._lengths: dict[tuple, list[int]] = {}
        self._buffers: dict[str, np.ndarray] = {}

    # ---- training ---------------------------------------------------------------------------------------------

    def sum_shards(self, buckets: Sequence[tuple[int, int]], rows: Sequence[int],
                   compute: Callable) -> tuple[np.ndarray, list]:
        """See `Alone.sum_shards`; the vector is overwritten by the next call."""
        window, results = self._window_for(max(end for _, end in buckets), len(rows)), []
        exchange = Exchange(self._communicator, self._test_all, self._buffer, buckets, rows, window)
        for shard in exchange.mine:
            vector, small = compute(shard, partial(exchange.ready, shard))
            results.append(small)
            for bucket in exchange.missing(shard):
                exchange.ready(shard, bucket, vector[slice(*buckets[bucket])])
        tail, shapes = encode([self._wish, results]), (*buckets, *rows)
        if shapes not in self._lengths:
            self._lengths[shapes] = self._lengths_of(tail)
        lengths = self._lengths[shapes]
        tails = self._buffer("tails", sum(lengths), np.uint8)
        request = self._communicator.Iallgatherv(tail, [tails, (lengths, _starts(lengths))])
        self._wait(lambda: all([exchange.advance(), self._test_all([request])]))
        return exchange.total, [result for part in self._opened(tails, lengths) for result in part]

    def _window_for(self, length: int, count: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Memory that all ranks see, for one exchange of so many shards: (for the sum, a row for each shard); None
        where they share none.

        The rows of the shards are free: the last exchange ended here when all of them had been read. The last sum may
        still be read by other ranks, but not the one before it: they have sent results since then. So sums lie in two
        rows in turn.
        """
        if self._together and (len(self._window) < _SUMS + count or self._window.shape[1] != length):
            found, problems = shared(self, _SUMS + count, length)
            if found is None:
                self._together = False
                warnings.warn("The ranks of this machine cannot share memory; they send messages instead, which takes "
                              f"longer and gives the same bits. {received(problems=problems)}", stacklevel=4)
            else:
                self._window = found
        if not self._together:
            return None
        self._exchanges += 1
        return self._window[self._exchanges % _SUMS], self._window[_SUMS:]

    # ---- everything else --------------------------------------------------------------------------------------

    def spread(self, items: Iterable, compute: Callable) -> Iterator[tuple[Any, Callable]]:
        """See `Alone.spread`: of each round of as many items as there are ranks, every rank computes one."""
        items = iter(items)
        while block := list(islice(items, self.size)):
            nest = compute(block[self.rank]) if self.rank < len(block) else None
            for item, result in zip(block, self.gather(nest), strict=False):
                yield item, lambda result=result: result

    def gather(self, nest: Any) -> list:
        """See `Alone.gather`."""
        mine = encode([self._wish, nest])
        lengths = self._lengths_of(mine)
        everything = np.empty(sum(lengths), np.uint8)
        self._complete(self._communicator.Iallgatherv(mine, [everything, (lengths, _starts(lengths))]))
        return self._opened(everything, lengths)

    def _opened(self, joined: np.ndarray, lengths: list[int]) -> list:
        """What the ranks sent beside their wishes; whether any wishes to stop is noted."""
        parts = [decode(joined[start:start + length])
                 for start, length in zip(_starts(lengths), lengths, strict=True)]
        self._agreed = any(wish for wish, _ in parts)
        return [content for _, content in parts]

    def from_first(self, make: Callable[[], Any]) -> Any:
        """See `Alone.from_first`."""
        data = encode(make()) if self.rank == 0 else np.empty(0, np.uint8)
        length = np.array([len(data)], np.int64)
        self._complete(self._communicator.Ibcast(length, 0))
        if self.rank:
            data = np.empty(int(length[0]), np.uint8)
        else:
            data = data.copy()
        self._complete(self._communicator.Ibcast(data, 0))
        return decode(data)

    def agreed(self, wish: bool) -> bool:
        """See `Alone.agreed`."""
        self._wish = bool(wish)
        return self._agreed

    # ---- waiting ----------------------------------------------------------------------------------------------

    def _complete(self, *requests: Any) -> None:
        """Until all is sent and received."""
        self._wait(lambda: self._test_all(list(requests)))

    def _wait(self, done: Callable[[], bool]) -> None:
        """Until something is done. Signals are heard meanwhile; a rank that is lost ends the process."""
        started = time.perf_counter()
        while not done():
            if time.perf_counter() - started > _EAGER_SECONDS:
                time.sleep(_PAUSE_SECONDS)
            else:
                os.sched_yield()

    def _lengths_of(self, data: np.ndarray) -> list[int]:
        lengths = np.zeros(self.size, np.int64)
        self._complete(self._communicator.Iallgather(np.array([len(data)], np.int64), lengths))
        return lengths.tolist()

    def _buffer(self, name: str, length: int, dtype: Any = np.float32) -> np.ndarray:
        """Memory that is used again."""
        if name not in self._buffers or len(self._buffers[name]) < length:
            self._buffers[name] = np.empty(length, dtype)
        return self._buffers[name][:length]


def _starts(lengths: list[int]) -> list[int]:
    return [0, *accumulate(lengths[:-1])]
