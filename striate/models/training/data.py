"""Where batches come from: arrays in memory, generators, and objects with `__getitem__` and `__len__`."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from striate.errors import ArgumentError, DataError, received
from striate.graph.trace import collect
from striate.models.structure import flatten
from striate.models.training.fetching import items_in_order
from striate.models.training.shuffle import permutation

BATCH_SIZE = 32
_SAMPLED_ROWS = 64


@dataclass
class Examples:
    """Arrays that belong together, sample by sample, as the compiled programs take them.

    x: a nest of arrays. y: an array or None for each output. weights: the same, float32.
    """

    x: Any
    y: list = field(default_factory=list)
    weights: list = field(default_factory=list)

    @property
    def rows(self) -> int:
        return len(flatten(self.x)[0])

    @property
    def nest(self) -> dict[str, Any]:
        return {"x": self.x, "y": self.y, "weights": self.weights}

    def part(self, rows: slice | np.ndarray) -> Examples:
        """Some of the samples; a slice copies nothing."""
        return Examples(*(collect(item, lambda array: array[rows]) for item in (self.x, self.y, self.weights)))

    def weighted(self, weights: list) -> Examples:
        """The same samples with other weights."""
        return Examples(self.x, self.y, weights)


@dataclass
class Batch:
    """What one step works on: examples, and which of their rows (None: all of them).

    first: the number of the first row in the data, where rows are a slice of them.
    """

    examples: Examples
    indices: np.ndarray | None = None
    first: int = 0

    @property
    def size(self) -> int:
        return self.examples.rows if self.indices is None else len(self.indices)

    @property
    def held_bytes(self) -> int:
        """Memory that keeping this batch takes, beyond the data that are there anyhow."""
        if self.indices is not None:
            return 0
        return sum(array.nbytes for array in flatten(self.examples.x) if array.base is None)

    def between(self, first: int, last: int) -> Batch:
        """Some neighbouring samples of the batch; nothing is copied."""
        if self.indices is not None:
            return Batch(self.examples, self.indices[first:last])
        return Batch(self.examples.part(slice(first, last)), first=self.first + first)

    @property
    def selected(self) -> Examples:
        """The examples of the batch alone, copied if they lie scattered."""
        return self.examples if self.indices is None else self.examples.part(self.indices)


class Source:
    """What all sources offer besides `batches(seed, epoch, first)`, the batches of one epoch from a number on.

    steps: batches an epoch; None if unknown.
    """

    steps: int | None = None

    @property
    def position(self) -> dict[str, int]:
        """What `go_to` needs besides the epoch and the number of the batch."""
        return {}

    def go_to(self, position: dict[str, int]) -> None:
        """Goes on where `position` was read."""

    def opens(self, is_new: bool) -> None:
        """Before the first epoch of a training, and before every evaluation: Keras tells a `PyDataset` that an epoch
        has ended, and before that that one begins if the model is new. Data that shuffle themselves then have the
        same order here.
        """
        if is_new:
            self.epoch_begins()
        self.epoch_ends()

    def epoch_begins(self) -> None:
        """Called by the loops before the batches of an epoch; a user's data set may want to know."""

    def epoch_ends(self) -> None:
        """Called by the loops after the batches of an epoch."""

    def settle(self) -> Examples | None:
        """Makes sure that one batch was prepared, so that the model knows its data; no batch is lost. Gives it, or
        None where there is none."""
        raise NotImplementedError(f"{type(self).__name__} does not say how the model comes to know its data.")

    @property
    def fingerprint(self) -> dict[str, Any]:
        """What tells these data from others, in plain values."""
        return {"kind": type(self).__name__, "steps": self.steps}


class ArraySource(Source):
    """Batches of arrays in memory. Shuffled batches are rows of the whole arrays; others are slices of them."""

    steps: int

    def __init__(self, examples: Examples, batch_size: int | None = None, shuffle: bool | str = False):
        self.examples, self.shuffle = examples, shuffle
        self.batch_size = check_batch_size(batch_size)
        self.rows = examples.rows
        self.steps = -(-self.rows // self.batch_size)

    @property
    def fingerprint(self) -> dict[str, Any]:
        """Shapes, types and samples of the arrays; size and order of the batches."""
        nest = self.examples.nest
        return {name: array_fingerprint(nest[name]) for name in nest} | {
            "batch_size": self.batch_size, "shuffle": self.shuffle}

    def settle(self) -> Examples:
        """The arrays are prepared already."""
        return self.examples.part(slice(self.batch_size))

    def batches(self, seed: int = 0, epoch: int = 0, first: int = 0) -> Iterator[Batch]:
        """The batches of one epoch; (seed, epoch) decide the order."""
        size = self.batch_size
        starts = range(first * size, self.rows, size)
        if self.shuffle == "batch":
            for index in permutation(self.steps, seed, epoch)[first:]:
                yield Batch(self.examples.part(slice(index * size, (index + 1) * size)), first=int(index) * size)
        elif self.shuffle:
            order = permutation(self.rows, seed, epoch)
            for start in starts:
                yield Batch(self.examples, order[start:start + size])
        else:
            for start in starts:
                yield Batch(self.examples.part(slice(start, start + size)), first=start)


class SequenceSource(Source):
    """Batches of an object with `__len__` and `__getitem__`, such as a `PyDataset`."""

    steps: int

    def __init__(self, sequence: Any, prepare: Callable[[Any], Examples], shuffle: bool | str = False):
        self.sequence, self.prepare, self.shuffle = sequence, prepare, shuffle
        self.steps = getattr(sequence, "num_batches", None) or len(sequence)
        if not self.steps:
            raise DataError(f"The data set has no batches: its length is 0. {received(x=sequence)}")

    def epoch_begins(self) -> None:
        """Calls `on_epoch_begin`, if there is one."""
        if hasattr(self.sequence, "on_epoch_begin"):
            self.sequence.on_epoch_begin()

    def epoch_ends(self) -> None:
        """Calls `on_epoch_end`, if there is one."""
        if hasattr(self.sequence, "on_epoch_end"):
            self.sequence.on_epoch_end()

    def settle(self) -> Examples:
        """Prepares the first batch."""
        return self.prepare(self.sequence[0])

    def batches(self, seed: int = 0, epoch: int = 0, first: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, in a new order if shuffled."""
        order = permutation(self.steps, seed, epoch) if self.shuffle else range(self.steps)
        for item in items_in_order(self.sequence, [int(index) for index in order[first:]]):
            yield Batch(self.prepare(item))


class IterableSource(Source):
    """Batches of a generator, or of anything else that can be iterated; its length becomes known at the end.

    A generator cannot jump: to go on in the middle, the batches before are taken from it and thrown away.
    """

    def __init__(self, items: Iterable, prepare: Callable[[Any], Examples]):
        self.items, self.prepare = items, prepare
        self.steps: int | None = len(items) if isinstance(items, Sized) else None

    def settle(self) -> Examples | None:
        """Prepares the first item, which a generator gets back."""
        items = iter(self.items)
        first = next(items, None)
        if items is self.items:
            self.items = itertools.chain([] if first is None else [first], items)
        return None if first is None else self.prepare(first)

    def batches(self, seed: int = 0, epoch: int = 0, first: int = 0) -> Iterator[Batch]:
        """The batches of one epoch: until the items end."""
        for item in itertools.islice(self.items, first, None):
            yield Batch(self.prepare(item))


class LimitedSource(Source):
    """A fixed number of batches an epoch out of another source, which goes on where it stopped and starts anew."""

    steps: int

    def __init__(self, source: Any, steps: int):
        if steps < 1:
            raise ArgumentError(f"The number of steps must be at least 1. {received(steps=steps)}")
        self.source, self.steps = source, int(steps)
        self._running: Iterator[Batch] | None = None
        self._passes = self._taken = 0

    @property
    def fingerprint(self) -> dict[str, Any]:
        """Those of the source, and how many batches make an epoch."""
        return {**self.source.fingerprint, "steps_per_epoch": self.steps}

    @property
    def position(self) -> dict[str, int]:
        """How often the source was begun, and how many batches of the last pass were taken."""
        return {"passes": self._passes, "taken": self._taken}

    def go_to(self, position: dict[str, int]) -> None:
        """Goes on in the pass and at the batch of `position`."""
        self._passes, self._taken, self._running = position["passes"], position["taken"], None

    def epoch_begins(self) -> None:
        """An epoch is `steps` batches, wherever in the source they begin."""
        self.source.epoch_begins()

    def epoch_ends(self) -> None:
        """See `epoch_begins`."""
        self.source.epoch_ends()

    def settle(self) -> Examples | None:
        """Prepares one batch of the source."""
        return self.source.settle()

    def batches(self, seed: int = 0, epoch: int = 0, first: int = 0) -> Iterator[Batch]:
        """The next `steps - first` batches; fewer when a generator has ended."""
        for _ in range(first, self.steps):
            batch = self._next(seed)
            if batch is None:
                return
            yield batch

    def _next(self, seed: int) -> Batch | None:
        for _ in range(2):
            if self._running is None:
                if not self._taken:
                    self._passes += 1
                self._running = self.source.batches(seed, self._passes - 1, self._taken)
            batch = next(self._running, None)
            if batch is not None:
                self._taken += 1
                return batch
            self._running, self._taken = None, 0
        return None


def check_batch_size(batch_size: int | None) -> int:
    """The size of batches: 32 for None.

    Raises:
        ArgumentError: not a positive whole number.
    """
    if batch_size is None:
        return BATCH_SIZE
    if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
        raise ArgumentError(f"`batch_size` must be a positive integer. {received(batch_size=batch_size)}")
    return int(batch_size)


def split_last(examples: Examples, share: float) -> tuple[Examples, Examples]:
    """(the first, the last `share`) of the samples, in the order they have: `validation_split`.

    Raises:
        ArgumentError: the share is not between 0 and 1, or one part would be empty.
    """
    if not 0 < share < 1:
        raise ArgumentError(f"`validation_split` must lie between 0 and 1. {received(validation_split=share)}")
    border = int(examples.rows * (1 - share))
    if border in (0, examples.rows):
        raise ArgumentError(f"Training data contains {examples.rows} samples, which is not sufficient to split it into "
                            f"a validation and training set as specified by `validation_split={share}`. Either provide "
                            "more data, or a different value for the `validation_split` argument.")
    return examples.part(slice(None, border)), examples.part(slice(border, None))


def is_stream(x: Any) -> bool:
    """Whether x gives batches itself: a generator, a PyDataset, another library's loader; not arrays or lists."""
    if x is None or isinstance(x, (list, tuple, dict, np.ndarray, str)) or hasattr(x, "__array__"):
        return False
    return not hasattr(x, "to_numpy") and (
        hasattr(x, "__next__") or hasattr(x, "__iter__") or (hasattr(x, "__getitem__") and hasattr(x, "__len__")))


def check_end(x: Any, steps: int | None) -> None:
    """Refuses data that say of themselves that they never end, unless the number of steps is given.

    Raises:
        ArgumentError: there would be no end.
    """
    if steps is None and hasattr(x, "cardinality") and int(x.cardinality()) == -1:
        raise ArgumentError("The data never end, because of `repeat()`: say how many steps are to be made, with "
                            "`steps_per_epoch` in fit, `validation_steps` for its validation data, and `steps` in "
                            "evaluate and predict; or leave `repeat()` out. " + received(steps=steps))


def make_stream(x: Any, prepare: Callable[[Any], Examples], shuffle: bool | str):
    """The source for something that gives batches itself; it may bring its own (`__striate_source__`)."""
    if hasattr(x, "__striate_source__"):
        return x.__striate_source__(prepare)
    if hasattr(x, "__getitem__") and (hasattr(x, "__len__") or hasattr(x, "num_batches")):
        return SequenceSource(x, prepare, shuffle)
    return IterableSource(x, prepare)


def unpack(item: Any) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight) of what a generator gave: x alone, (x, y) or (x, y, weight).

    Raises:
        DataError: a tuple of another length.
    """
    if isinstance(item, list) and len(item) in (2, 3) and all(hasattr(part, "shape") for part in item):
        item = tuple(item)
    if not isinstance(item, tuple):
        return item, None, None
    if not 1 <= len(item) <= 3:
        raise DataError("A batch must be x, (x, y) or (x, y, sample_weight). " + received(length=len(item)))
    return (*item, None, None)[:3]


def array_fingerprint(arrays: Any) -> list:
    """Shape, type and a hash of some rows for each array of a nest."""
    found: list = []
    for array in flatten(arrays):
        if array is None:
            found.append(None)
            continue
        rows = np.unique(np.linspace(0, len(array) - 1, min(len(array), _SAMPLED_ROWS)).astype(int))
        digest = hashlib.sha256(np.ascontiguousarray(array[rows]).tobytes()).hexdigest()
        found.append([list(array.shape), str(array.dtype), digest])
    return found
