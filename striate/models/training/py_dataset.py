"""`PyDataset`: the base of a user's own source of batches."""

from __future__ import annotations

from typing import Any


class PyDataset:
    """Batches by number: write `__len__` (how many batches) and `__getitem__` (batch number -> (x, y)).

    Args:
        workers: threads that fetch batches ahead when there is more than one; `__getitem__` must bear that.
        use_multiprocessing: accepted for Keras' sake; batches are fetched by threads.
        max_queue_size: how many batches may wait.

    Batches come in an order that depends on the seed alone, whoever fetched them.

    Example:
        >>> class Twos(PyDataset):
        ...     def __len__(self):
        ...         return 3
        ...     def __getitem__(self, index):
        ...         return [2.0], [2.0]
        >>> Twos().num_batches
        3
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10):
        self.workers, self.use_multiprocessing, self.max_queue_size = workers, use_multiprocessing, max_queue_size

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} needs a `__len__`: the number of batches.")

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} needs a `__getitem__`: batch number -> (x, y).")

    @property
    def num_batches(self) -> int:
        """Batches an epoch."""
        return len(self)

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""

    def on_epoch_end(self) -> None:
        """Called after each epoch."""
