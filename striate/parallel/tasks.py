"""Independent pieces of work spread over ranks: trials of a search, folds of a cross-validation, models of an ensemble.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from striate import files, utils
from striate.parallel.wire import decode, encode
from striate.ranks import ranks, work_with


@contextmanager
def by_itself() -> Iterator[None]:
    """In the block this process works alone: `fit` is not shared, and files are written by whoever makes them."""
    together = ranks()
    work_with(None)
    try:
        with files.writing_all():
            yield
    finally:
        work_with(together)


def map_tasks(function: Callable[[Any], Any], tasks: Iterable[Any]) -> list:
    """`[function(task) for task in tasks]`, each task done by one rank: task i by rank i modulo their number.

    What a task gives must depend on the task alone, not on those before it: it should begin with
    `keras.utils.set_random_seed`. The counters behind names and random numbers start anew afterwards, as after
    `keras.utils.clear_session`, so that all ranks go on alike.

    Args:
        function: gives numbers, texts, None, arrays, or nests of them. In it, `fit` works on one rank.
        tasks: the same on all ranks.

    Returns:
        The results in the order of the tasks, on all ranks.

    Raises:
        TypeMismatchError: a result is something else.

    Example:
        >>> map_tasks(lambda number: number * number, range(4))
        [0, 1, 4, 9]
    """
    together, listed = ranks(), list(tasks)
    with by_itself():
        mine = [function(task) for task in listed[together.rank::together.size]]
    utils.clear_session()
    parts = together.gather(mine) if together.size > 1 else [decode(encode(mine))]
    return [parts[index % together.size][index // together.size] for index in range(len(listed))]
