"""Placement: lifetimes to offsets in one arena.

Greedy by size (Pisarchyk and Lee, 2020): the largest buffer first, each at the lowest offset where it overlaps no
buffer that lives at the same time.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

_ALIGN = 64


@dataclass(frozen=True)
class Lifetime:
    """A buffer of `bytes` that must exist from step `first` to step `last`, both included."""

    bytes: int
    first: int
    last: int


def place(lifetimes: Mapping[Hashable, Lifetime]) -> tuple[dict, int]:
    """Offsets for all buffers and the size of the arena, in bytes.

    Example:
        >>> place({"a": Lifetime(64, 0, 1), "b": Lifetime(64, 2, 3), "c": Lifetime(128, 1, 2)})
        ({'c': 0, 'a': 128, 'b': 128}, 192)
    """
    offsets: dict = {}
    placed: list[tuple[int, int, Lifetime]] = []
    end = 0
    for key, life in sorted(lifetimes.items(), key=lambda item: -item[1].bytes):
        size = -(-max(life.bytes, 1) // _ALIGN) * _ALIGN
        offset = 0
        for begin, stop, other in placed:
            if other.first <= life.last and life.first <= other.last:
                if offset + size <= begin:
                    break
                offset = max(offset, stop)
        offsets[key] = offset
        placed.append((offset, offset + size, life))
        placed.sort(key=lambda item: item[0])
        end = max(end, offset + size)
    return offsets, end
