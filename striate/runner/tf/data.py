"""`tf.data`: light pipelines over samples, which `fit`, `evaluate` and `predict` take as they are.

The order that `shuffle` makes depends on its seed (or the global one) and on how often the data were gone through,
on nothing else.
"""

from __future__ import annotations

import itertools
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from striate import seeds
from striate.errors import ArgumentError, received
from striate.runner.tf.tensor import as_tensor

AUTOTUNE = -1
INFINITE_CARDINALITY, UNKNOWN_CARDINALITY = -1, -2
experimental = types.SimpleNamespace(AUTOTUNE=AUTOTUNE)


class Dataset:
    """Elements that can be gone through again and again: arrays, or tuples and dicts of arrays.

    Args:
        start: called for each pass, gives an iterator.
        length: how many elements a pass has; None: not known or endless.

    `class_names` and `file_paths` are set by `image_dataset_from_directory`.

    Example:
        >>> list(Dataset.range(5).map(lambda x: x * 2).batch(2).as_numpy_iterator())[-1].tolist()
        [8]
    """

    def __new__(cls, start: Callable[[], Iterator], length: int | None = None):
        # Whoever has no length must not have `__len__` either: `fit` asks whether it is there.
        return super().__new__(cls if length is None or cls is not Dataset else SizedDataset)

    def __init__(self, start: Callable[[], Iterator], length: int | None = None):
        self._start, self._length = start, length
        self.class_names: list[str] | None = None
        self.file_paths: list[str] | None = None

    def __iter__(self) -> Iterator:
        return self._start()

    @staticmethod
    def from_tensor_slices(tensors: Any) -> Dataset:
        """One element for each entry of the first axis of an array, or of the arrays of a tuple or dict together.

        Raises:
            ArgumentError: the arrays have different lengths.
        """
        whole = _arrays(tensors)
        lengths = {len(array) for array in _leaves(whole)}
        if len(lengths) != 1:
            raise ArgumentError("All arrays of a data set must have the same first length. "
                                + received(lengths=sorted(lengths)))
        count = lengths.pop()
        return Dataset(lambda: (_mapped(whole, lambda array, i=i: as_tensor(array[i])) for i in range(count)), count)

    @staticmethod
    def from_tensors(tensors: Any) -> Dataset:
        """One element: everything."""
        whole = _mapped(_arrays(tensors), as_tensor)
        return Dataset(lambda: iter([whole]), 1)

    @staticmethod
    def from_generator(generator: Callable[..., Iterable], output_types=None, output_shapes=None, args=(),
                       output_signature=None, name=None) -> Dataset:
        """What a function's generator yields."""
        return Dataset(lambda: (_mapped(_arrays(item), as_tensor) for item in generator(*args)))

    @staticmethod
    def range(*limits: int, **ignored) -> Dataset:
        """Whole numbers, as Python's `range`."""
        numbers = range(*limits)
        return Dataset(lambda: (as_tensor(np.int64(number)) for number in numbers), len(numbers))

    @staticmethod
    def zip(*datasets) -> Dataset:
        """Elements of several data sets as tuples."""
        parts = datasets[0] if len(datasets) == 1 and isinstance(datasets[0], tuple) else datasets
        lengths = [part._length for part in parts if part._length is not None]
        return Dataset(lambda: zip(*parts, strict=False), min(lengths) if lengths else None)

    def map(self, map_func: Callable, num_parallel_calls=None, deterministic=None, name=None) -> Dataset:
        """The function's results; the parts of a tuple are its arguments."""
        return Dataset(lambda: (_called(map_func, element) for element in self), self._length)

    def filter(self, predicate: Callable, name=None) -> Dataset:
        """The elements for which the function gives a true value."""
        return Dataset(lambda: (element for element in self if bool(_called(predicate, element))))

    def shuffle(self, buffer_size: int, seed: int | None = None, reshuffle_each_iteration: bool = True,
                name=None) -> Dataset:
        """Another order in every pass: each element is drawn from the `buffer_size` next ones."""
        stream = seeds.new_stream(seed)
        passes = itertools.count()

        def start():
            turn = next(passes) if reshuffle_each_iteration else 0
            return _drawn(iter(self), int(buffer_size), np.random.default_rng([seeds.global_seed(), stream, turn]))

        return Dataset(start, self._length)

    def batch(self, batch_size: int, drop_remainder: bool = False, num_parallel_calls=None, deterministic=None,
              name=None) -> Dataset:
        """Elements stacked, `batch_size` at a time; the last batch may be smaller."""
        size = int(batch_size)
        if size < 1:
            raise ArgumentError("`batch_size` must be at least 1. " + received(batch_size=batch_size))
        length = self._length
        if length is not None:
            length = length // size if drop_remainder else -(-length // size)

        def start():
            elements = iter(self)
            while group := list(itertools.islice(elements, size)):
                if len(group) == size or not drop_remainder:
                    yield _stacked(group)

        return Dataset(start, length)

    def unbatch(self, name=None) -> Dataset:
        """The entries of batches one by one."""
        def start():
            for batch in self:
                for index in range(len(_leaves(batch)[0])):
                    yield _mapped(batch, lambda array, i=index: as_tensor(array[i]))

        return Dataset(start)

    def take(self, count: int, name=None) -> Dataset:
        """The first elements; -1 for all."""
        if count < 0:
            return self
        length = count if self._length is None else min(count, self._length)
        return Dataset(lambda: itertools.islice(self, count), length)

    def skip(self, count: int, name=None) -> Dataset:
        """All but the first elements."""
        length = None if self._length is None else max(0, self._length - count)
        return Dataset(lambda: itertools.islice(self, count, None), length)

    def repeat(self, count: int | None = None, name=None) -> Dataset:
        """All elements several times over; without a number endlessly (then give `fit` its `steps_per_epoch`)."""
        if count is None or count < 0:
            return Dataset(lambda: itertools.chain.from_iterable(itertools.repeat(self)))
        length = None if self._length is None else count * self._length
        return Dataset(lambda: itertools.chain.from_iterable(itertools.repeat(self, count)), length)

    def concatenate(self, dataset: Dataset, name=None) -> Dataset:
        """The elements of another data set behind these."""
        length = None
        if self._length is not None and dataset._length is not None:
            length = self._length + dataset._length
        return Dataset(lambda: itertools.chain(self, dataset), length)

    def enumerate(self, start: int = 0, name=None) -> Dataset:
        """Pairs of number and element."""
        return Dataset(lambda: enumerate(self, start), self._length)

    def cache(self, filename: str = "", name=None) -> Dataset:
        """The elements of the first pass, kept in memory."""
        kept: list = []

        def start():
            if not kept:
                kept.extend(self)
            return iter(kept)

        return Dataset(start, self._length)

    def prefetch(self, buffer_size: int = AUTOTUNE, name=None) -> Dataset:
        """The same data set: elements are made when they are asked for."""
        return self

    def with_options(self, options, name=None) -> Dataset:
        """The same data set."""
        return self

    def as_numpy_iterator(self) -> Iterator:
        """The elements as plain arrays."""
        return (_mapped(element, np.asarray) for element in self)

    def cardinality(self) -> Any:
        """How many elements there are; -2 when that is not known."""
        return as_tensor(np.int64(UNKNOWN_CARDINALITY if self._length is None else self._length))


class SizedDataset(Dataset):
    """A data set that knows how many elements it has."""

    _length: int

    def __len__(self) -> int:
        return self._length


def _called(function: Callable, element: Any) -> Any:
    return function(*element) if isinstance(element, tuple) else function(element)


def _drawn(elements: Iterator, size: int, generator: np.random.Generator) -> Iterator:
    """Elements drawn at random from a buffer that is refilled behind each draw."""
    buffer = list(itertools.islice(elements, size))
    for element in elements:
        place = int(generator.integers(len(buffer)))
        yield buffer[place]
        buffer[place] = element
    for index in generator.permutation(len(buffer)):
        yield buffer[index]


def _arrays(structure: Any) -> Any:
    """Lists of numbers as arrays; tuples and dicts stay, as TensorFlow has it."""
    if isinstance(structure, tuple):
        return tuple(_arrays(part) for part in structure)
    if isinstance(structure, dict):
        return {key: _arrays(part) for key, part in structure.items()}
    return structure.to_numpy() if hasattr(structure, "to_numpy") else np.asarray(structure)


def _mapped(structure: Any, function: Callable) -> Any:
    if isinstance(structure, tuple):
        return tuple(_mapped(part, function) for part in structure)
    if isinstance(structure, dict):
        return {key: _mapped(part, function) for key, part in structure.items()}
    return function(structure)


def _leaves(structure: Any) -> list:
    if isinstance(structure, (tuple, dict)):
        parts = structure.values() if isinstance(structure, dict) else structure
        return [leaf for part in parts for leaf in _leaves(part)]
    return [structure]


def _stacked(group: list) -> Any:
    first = group[0]
    if isinstance(first, tuple):
        return tuple(_stacked(list(parts)) for parts in zip(*group, strict=True))
    if isinstance(first, dict):
        return {key: _stacked([element[key] for element in group]) for key in first}
    return as_tensor(np.stack([np.asarray(element) for element in group]))
