"""Which parts of the gradients are final when: so that they can be sent while the backward pass still runs.

The flat vector of a shard is cut into buckets, which depend on the model and the number of ranks alone: all ranks have
the same. The backward pass comes to the last layers first, so the buckets begin at the vector's end. Sums are made
element by element, so the bits do not depend on the buckets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

MESSAGE_BYTES = 2**14
"""A bucket is closed when each rank's stretch of it has so many bytes: more time than a message costs by itself."""
_FEWEST = 16
"""Buckets are at least those of so many ranks: 256 kB."""


def buckets_of(offsets: Sequence[int], length: int, ranks: int) -> list[tuple[int, int]]:
    """(first element, end) of each bucket of a vector, in the order in which they become final.

    Args:
        offsets: where the variables begin, in rising order.
        length: of the vector.
        ranks: how many there are.

    Example:
        >>> buckets_of([0, 1000, 100_000, 200_000], 200_016, ranks=4)
        [(100000, 200016), (1000, 100000), (0, 1000)]
    """
    found, end, least = [], length, least_bytes(ranks)
    for offset in reversed(offsets):
        if 4 * (end - offset) >= least:
            found.append((offset, end))
            end = offset
    return [*found, (0, end)] if end or not found else found


def least_bytes(ranks: int) -> int:
    """The bytes from which on a bucket is closed."""
    return MESSAGE_BYTES * max(ranks, _FEWEST)


def final_after(plan: Any, flat: Any, buckets: Sequence[tuple[int, int]]) -> dict[int, list[int]]:
    """Number of a step of the plan -> the buckets to which nothing is written after it.

    Buckets that are final with the last step are left out: then the run is over anyway.

    Args:
        plan: of a program whose gradients lie in `flat`.
        flat: the value that `flat_gradients` gave.
        buckets: as `buckets_of` gives them.
    """
    last = [0] * len(buckets)
    for index, step in enumerate(plan.steps):
        for first, end in written(plan, flat, step):
            for bucket, (start, stop) in enumerate(buckets):
                if first < stop and start < end:
                    last[bucket] = index
    found: dict[int, list[int]] = {}
    for bucket, index in enumerate(last):
        if index < len(plan.steps) - 1:
            found.setdefault(index, []).append(bucket)
    return found


def written(plan: Any, flat: Any, step: Any) -> list[tuple[int, int]]:
    """The stretches of the vector that a step writes: (first element, end)."""
    if flat in step.node.outputs:  # It copies the gradients that could not be made in place.
        return [(offset, offset + value.type.size)
                for value, offset in zip(step.node.inputs, step.node.attributes["offsets"], strict=True)
                if not _inside(plan, flat, value)]
    return [(start, start + value.type.size) for value in step.node.outputs if _inside(plan, flat, value)
            for start in [plan.homes[value].offset // 4]]


def _inside(plan: Any, flat: Any, value: Any) -> bool:
    return value in plan.homes and plan.homes[value].owner is flat
