"""Items of a user's sequence, fetched ahead by threads if it asks for them, handed out in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


def items_in_order(sequence: Any, numbers: list[int]) -> Iterator[Any]:
    """`sequence[number]` for each number, in this order.

    With `sequence.workers > 1` threads fetch up to `max_queue_size` items ahead; what comes when stays the same.

    Example:
        >>> list(items_in_order("abc", [2, 0]))
        ['c', 'a']
    """
    workers = getattr(sequence, "workers", 1)
    if not isinstance(workers, int) or workers <= 1:
        yield from (sequence[number] for number in numbers)
        return
    ahead = max(1, getattr(sequence, "max_queue_size", 10))
    waiting: deque[Future] = deque()
    unasked = deque(numbers)
    with ThreadPoolExecutor(workers, thread_name_prefix="striate-data") as pool:
        try:
            while True:
                while unasked and len(waiting) < ahead:
                    waiting.append(pool.submit(sequence.__getitem__, unasked.popleft()))
                if not waiting:
                    return
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
