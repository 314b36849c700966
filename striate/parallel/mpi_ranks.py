"""MPI's processes as the ranks of a training.

A step's vectors are added like this. The vector is cut into one stretch for each rank. As soon as a rank has computed
a shard, it sends every other rank that one's stretch of the result, and goes on with its next shard; then it adds the
stretch that is its own, shard after shard in order; then all exchange their finished stretches. With as many shards as
ranks each rank sends and receives about twice the length of the vector, as the best all-reduce does, but the order of
the sum is that of the shards, whoever computed them. Everything is flat buffers; nothing is pickled.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from striate.parallel.wire import decode, encode
from striate.ranks import Alone, add_share, share_of, shares

_BLOCK = 16
"""Stretches begin at multiples of so many elements: a cache line."""
_EAGER_SECONDS, _PAUSE_SECONDS = 0.02, 1e-4
"""A rank that waits looks for messages without pause at first, and then after each pause: its core may be needed."""


class MPIRanks(Alone):
    """The ranks of a communicator.

    Args:
        communicator: of mpi4py; only the thread that made this object may use it.
        test_all: `MPI.Request.Testall`.
    """

    def __init__(self, communicator: Any, test_all: Callable[[list], bool]):
        self.rank, self.size = communicator.Get_rank(), communicator.Get_size()
        self._communicator, self._test_all = communicator, test_all
        self._wish = self._agreed = False
        self._lengths: dict[tuple, np.ndarray] = {}
        self._buffers: dict[str, np.ndarray] = {}

    # ---- training ---------------------------------------------------------------------------------------------

    def sum_shards(self, length: int, rows: Sequence[int], compute: Callable) -> tuple[np.ndarray, list]:
        """See `Alone.sum_shards`; the vector is overwritten by the next call."""
        count, weights = len(rows), shares(rows)
        mine = share_of(count, self.rank, self.size)
        first, last = self._stretch(length, self.rank)
        arriving = self._receive_shards(count, mine, last - first)
        vectors, results, sends = {}, [], []
        for shard in mine:
            vectors[shard], small = compute(shard)
            results.append(small)
            sends += self._send_shard(vectors[shard], shard, length)
        total = self._buffer("total", length)
        for shard in range(count):
            if shard in vectors:
                part = vectors[shard][first:last]
            else:
                request, part = arriving[shard]
                self._wait([request])
            add_share(total[first:last], part, weights[shard], first=shard == 0)
        self._wait(sends)
        return total, self._join(total, encode([self._wish, results]), (length, *rows))

    def _stretch(self, length: int, rank: int) -> tuple[int, int]:
        """Where the stretch of a rank begins and ends."""
        blocks = share_of(-(-length // _BLOCK), rank, self.size)
        return min(blocks.start * _BLOCK, length), min(blocks.stop * _BLOCK, length)

    def _receive_shards(self, count: int, mine: range, length: int) -> dict[int, tuple[Any, np.ndarray]]:
        """Places for this rank's stretch of the shards that others compute, and the requests that fill them."""
        memory = self._buffer("arriving", count * length).reshape(count, length)
        found = {}
        for owner in range(self.size):
            for shard in share_of(count, owner, self.size):
                if shard not in mine:
                    found[shard] = self._communicator.Irecv(memory[shard], owner, shard), memory[shard]
        return found

    def _send_shard(self, vector: np.ndarray, shard: int, length: int) -> list:
        """Begins to send every other rank its stretch; the next rank first, so that not all send to the same one."""
        others = [(self.rank + step) % self.size for step in range(1, self.size)]
        requests = [self._communicator.Isend(vector[slice(*self._stretch(length, other))], other, shard)
                    for other in others]
        self._test_all(requests)
        return requests

    def _join(self, total: np.ndarray, tail: np.ndarray, shapes: tuple) -> list:
        """Completes `total` by the stretches of the others; gives the results of all shards, which come along."""
        if shapes not in self._lengths:
            self._lengths[shapes] = self._lengths_of(tail)
        lengths = self._lengths[shapes]
        borders = [self._stretch(len(total), rank) for rank in range(self.size)]
        counts, offsets = [last - first for first, last in borders], [first for first, _ in borders]
        stretch = total[slice(*borders[self.rank])].copy()
        tails = self._buffer("tails", int(lengths.sum()), np.uint8)
        self._wait([self._communicator.Iallgatherv(stretch, [total, (counts, offsets)]),
                    self._communicator.Iallgatherv(tail, [tails, (lengths, _starts(lengths))])])
        return [result for part in self._opened(tails, lengths) for result in part]

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
        everything = np.empty(int(lengths.sum()), np.uint8)
        self._wait([self._communicator.Iallgatherv(mine, [everything, (lengths, _starts(lengths))])])
        return self._opened(everything, lengths)

    def _opened(self, joined: np.ndarray, lengths: np.ndarray) -> list:
        """What the ranks sent beside their wishes; whether any wishes to stop is noted."""
        parts = [decode(joined[start:start + length])
                 for start, length in zip(_starts(lengths), lengths, strict=True)]
        self._agreed = any(wish for wish, _ in parts)
        return [content for _, content in parts]

    def from_first(self, make: Callable[[], Any]) -> Any:
        """See `Alone.from_first`."""
        data = encode(make()) if self.rank == 0 else np.empty(0, np.uint8)
        length = np.array([len(data)], np.int64)
        self._wait([self._communicator.Ibcast(length, 0)])
        if self.rank:
            data = np.empty(int(length[0]), np.uint8)
        else:
            data = data.copy()
        self._wait([self._communicator.Ibcast(data, 0)])
        return decode(data)

    def agreed(self, wish: bool) -> bool:
        """See `Alone.agreed`."""
        self._wish = bool(wish)
        return self._agreed

    # ---- waiting ----------------------------------------------------------------------------------------------

    def _wait(self, requests: list) -> None:
        """Until all is sent and received. Signals are heard meanwhile; a rank that is lost ends the process."""
        started = time.perf_counter()
        while not self._test_all(requests):
            if time.perf_counter() - started > _EAGER_SECONDS:
                time.sleep(_PAUSE_SECONDS)
            else:
                os.sched_yield()

    def _lengths_of(self, data: np.ndarray) -> np.ndarray:
        lengths = np.zeros(self.size, np.int64)
        self._wait([self._communicator.Iallgather(np.array([len(data)], np.int64), lengths)])
        return lengths

    def _buffer(self, name: str, length: int, dtype: Any = np.float32) -> np.ndarray:
        """Memory that is used again."""
        if name not in self._buffers or len(self._buffers[name]) < length:
            self._buffers[name] = np.empty(length, dtype)
        return self._buffers[name][:length]


def _starts(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)[:-1]])
