"""Who works on this training: this process alone, or several of them (*ranks*) that share it.

Training, evaluation and callbacks ask `ranks()` for everything that several processes would do together. `Alone` is
the answer of a single process. `striate.parallel` puts MPI's processes in its place, which give the same bits: what is
added, and in which order, never depends on how many ranks there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from striate import config
from striate.errors import ArgumentError, received

_BLOCK = 16384
"""Numbers that are added at once: 64 kB."""


class Alone:
    """The only process. `rank` counts from 0; rank 0 is the one that writes files."""

    rank, size = 0, 1

    def sum_shards(self, buckets: Sequence[tuple[int, int]], rows: Sequence[int],
                   compute: Callable) -> tuple[np.ndarray, list]:
        """Has every shard of a batch computed once, by whichever rank, and adds up what came of it.

        Args:
            buckets: (first element, end) of the pieces of the vectors that may become final one by one.
            rows: how many samples each shard has.
            compute: (number of the shard, `ready`) -> (float32 vector, which the next call may overwrite, a nest of
                small arrays). On the way it may call `ready(number of a bucket, its elements)`, if this is not None,
                when these are final.

        Returns:
            (the mean of the vectors, weighted by the rows and added in the order of the shards; the nests of all
            shards), the same on every rank.
        """
        total, results = np.empty(max(end for _, end in buckets), np.float32), []
        for shard, share in enumerate(shares(rows)):
            vector, small = compute(shard, None)
            add_share(total, vector, share, first=shard == 0)
            results.append(small)
        return total, results

    def spread(self, items: Iterable, compute: Callable) -> Iterator[tuple[Any, Callable]]:
        """Has `compute(item)` done once for each item, by whichever rank; gives (item, function that gives the nest of
        arrays that came of it) in the order of the items, on every rank."""
        for item in items:
            yield item, lambda item=item: compute(item)

    def gather(self, nest: Any) -> list:
        """What each rank gave (numbers, texts, None, arrays, nests of them), in the order of the ranks, on all."""
        return [nest]

    def from_first(self, make: Callable[[], Any]) -> Any:
        """What `make()` gave on rank 0 (numbers, texts, None, arrays, nests of them), on every rank."""
        return make()

    def agreed(self, wish: bool) -> bool:
        """Whether any rank had this wish when all last exchanged results; a single process has its will at once."""
        return wish


_alone = Alone()
_ranks: Alone = _alone


def ranks() -> Alone:
    """The ranks that work together now."""
    return _ranks


def work_with(found: Alone | None) -> None:
    """Makes `found` what `ranks()` gives; None for this process alone."""
    global _ranks
    _ranks = _alone if found is None else found


def shards() -> int:
    """Into how many pieces each training batch is cut: the setting, or one for each rank.

    Raises:
        ArgumentError: there would be ranks without a shard.
    """
    count = config.value("shards") or ranks().size
    if count < ranks().size:
        raise ArgumentError(f"Each rank needs a shard of the batch, and there are {ranks().size} ranks. "
                            f"{received(shards=count)}. Start fewer ranks, or set more shards (which changes the "
                            "results in the last bits).")
    return count


def share_of(count: int, rank: int, size: int) -> range:
    """Which of `count` pieces belong to a rank: neighbours, as evenly as can be.

    Example:
        >>> [list(share_of(5, rank, 2)) for rank in range(2)]
        [[0, 1], [2, 3, 4]]
    """
    return range(rank * count // size, (rank + 1) * count // size)


def shares(rows: Sequence[int]) -> np.ndarray:
    """The part of all samples that each shard has, float32."""
    return (np.asarray(rows, np.float64) / sum(rows)).astype(np.float32)


def add_share(total: np.ndarray, vector: np.ndarray, share: np.float32, first: bool) -> None:
    """total += share * vector, each product and each sum rounded to float32; the first one replaces what was there.

    Element by element, so that any stretch of the vectors can be added by itself; in blocks that stay in the cache.
    """
    if first:
        np.multiply(vector, share, out=total)
        return
    products = np.empty(min(_BLOCK, len(total)), np.float32)
    for start in range(0, len(total), _BLOCK):
        block = total[start:start + _BLOCK]
        product = products[:len(block)]
        np.multiply(vector[start:start + _BLOCK], share, out=product)
        np.add(block, product, out=block)
