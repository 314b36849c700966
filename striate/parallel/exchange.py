"""One sum over the shards of a batch, under way between ranks while they compute.

Every bucket of the vector is cut into one stretch for each rank. As soon as a bucket of a shard is final, its rank
sends every other rank that one's stretch of it. Each rank adds its stretch over all shards, in the order of the shards,
as far as they have come, and sends the sum to all others. So what a rank sends for a vector of V bytes, S shards and R
ranks is

    (its shards) * (R - 1) * (number of buckets) messages of V / R bytes in all from each bucket's stretches, and
    (R - 1) * (number of buckets) messages with its finished stretches.

With as many shards as ranks that is 2 (R - 1) / R times the vector, as little as the best all-reduce sends; but the
order of the sum is that of the shards, whoever computed them, and whenever their pieces come.

Ranks of one machine have a *window*: memory that all of them see. There the elements are written and read in place, and
the messages are empty: they only say that something is there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from striate.ranks import add_share, share_of, shares

_BLOCK = 16
"""Stretches begin at multiples of so many elements: a cache line."""
_EMPTY = np.empty(0, np.float32)


@lru_cache(maxsize=16)
def _stretches_of(buckets: tuple[tuple[int, int], ...], size: int) -> list[list[tuple[int, int]]]:
    """Bucket -> rank -> where its stretch begins and ends; one may be empty."""
    found = []
    for first, end in buckets:
        shared_out = [share_of(-(-(end - first) // _BLOCK), rank, size) for rank in range(size)]
        found.append([(min(first + blocks.start * _BLOCK, end), min(first + blocks.stop * _BLOCK, end))
                      for blocks in shared_out])
    return found


class Exchange:
    """The messages of one step.

    Args:
        communicator: of mpi4py.
        test_all: `MPI.Request.Testall`.
        memory: (name, length) -> float32 memory that is used again in the next step.
        buckets: (first element, end) of each, alike on all ranks.
        rows: how many samples each shard has.
        window: float32 memory that all ranks see: (for the sum, rows for the shards); None where they share none.
    """

    def __init__(self, communicator: Any, test_all: Callable[[list], bool], memory: Callable[[str, int], np.ndarray],
                 buckets: Sequence[tuple[int, int]], rows: Sequence[int],
                 window: tuple[np.ndarray, np.ndarray] | None = None):
        self._communicator, self._test_all, self._buckets = communicator, test_all, buckets
        self.rank, self.size = communicator.Get_rank(), communicator.Get_size()
        self._count, self._weights = len(rows), shares(rows)
        self._stretches = _stretches_of(tuple(buckets), self.size)
        self.mine = share_of(self._count, self.rank, self.size)
        if window is None:
            self._shared, self.total = None, memory("total", max(end for _, end in buckets))
            copied = max(0, len(self.mine) - 1)
            self._kept = memory("kept", copied * len(self.total)).reshape(copied, len(self.total))
        else:
            self.total, self._shared = window
            self._kept = self._shared[self.mine.start:self.mine.stop]
        self._pieces: list[list] = [[None] * self._count for _ in buckets]
        self._arriving: list[dict[int, Any]] = [{} for _ in buckets]
        self._added, self._open = [0] * len(buckets), list(range(len(buckets)))
        self._requests: list = []
        self._receive(memory)

    def _receive(self, memory: Callable[[str, int], np.ndarray]) -> None:
        """Says where everything goes that will come."""
        lengths = [end - first for first, end in map(self._own, self._open)]
        places, used = memory("arriving", self._count * sum(lengths) if self._shared is None else 0), 0
        for bucket, length in enumerate(lengths):
            for owner in self._others():
                start, stop = self._stretches[bucket][owner]
                if start < stop:
                    self._requests.append(self._come(self.total[start:stop], owner, self._tag(bucket, self._count)))
                for shard in share_of(self._count, owner, self.size) if length else ():
                    if self._shared is None:
                        piece = places[used:used + length]
                        used += length
                    else:
                        piece = self._shared[shard, slice(*self._own(bucket))]
                    self._pieces[bucket][shard] = piece
                    self._arriving[bucket][shard] = self._come(piece, owner, self._tag(bucket, shard))

    def _come(self, elements: np.ndarray, rank: int, tag: int) -> Any:
        """The request of what another rank will send, or will have written into the window."""
        return self._communicator.Irecv(elements if self._shared is None else _EMPTY, rank, tag)

    def _others(self) -> list[int]:
        """The other ranks; the next one first, so that not all send to the same one."""
        return [(self.rank + step) % self.size for step in range(1, self.size)]

    def _own(self, bucket: int) -> tuple[int, int]:
        return self._stretches[bucket][self.rank]

    def _tag(self, bucket: int, shard: int) -> int:
        """Tells messages between two ranks apart; the finished sum counts as one more shard."""
        return shard * len(self._buckets) + bucket

    def ready(self, shard: int, bucket: int, elements: np.ndarray) -> None:
        """Sends a bucket of one of this rank's shards.

        The elements of its last shard must stay as they are until all is done; those of the others, whose memory the
        next shard needs, are copied. Into a window goes what others read.
        """
        begin, end = self._buckets[bucket]
        if shard != self.mine[-1]:
            copy = self._kept[shard - self.mine.start, begin:end]
            copy[:] = elements
            elements = copy
        elif self._shared is not None:
            first, last = self._own(bucket)
            self._shared[shard, begin:first] = elements[:first - begin]
            self._shared[shard, last:end] = elements[last - begin:]
        for other in self._others():
            start, stop = self._stretches[bucket][other]
            self._send(elements[start - begin:stop - begin], other, self._tag(bucket, shard))
        start, stop = self._own(bucket)
        self._pieces[bucket][shard] = elements[start - begin:stop - begin]
        self.advance()

    def _send(self, elements: np.ndarray, rank: int, tag: int) -> None:
        """Sends elements, or says that they are in the window."""
        if len(elements):
            self._requests.append(self._communicator.Isend(elements if self._shared is None else _EMPTY, rank, tag))

    def missing(self, shard: int) -> list[int]:
        """The buckets of one of this rank's shards that were not made ready yet."""
        return [bucket for bucket in range(len(self._buckets)) if self._pieces[bucket][shard] is None]

    def advance(self) -> bool:
        """Adds what has come, sends what is finished; whether all is done."""
        self._open = [bucket for bucket in self._open if not self._add(bucket)]
        return not self._open and self._test_all(self._requests)

    def _add(self, bucket: int) -> bool:
        """Adds the shards of a bucket as far as they are here, in order; whether all are."""
        first, end = self._own(bucket)
        if first == end:
            return True
        for shard in range(self._added[bucket], self._count):
            if not self._is_here(bucket, shard):
                return False
            add_share(self.total[first:end], self._pieces[bucket][shard], self._weights[shard], first=shard == 0)
            self._added[bucket] += 1
        for other in self._others():
            self._send(self.total[first:end], other, self._tag(bucket, self._count))
        return True

    def _is_here(self, bucket: int, shard: int) -> bool:
        if shard in self.mine:
            return self._pieces[bucket][shard] is not None
        return self._test_all([self._arriving[bucket][shard]])
