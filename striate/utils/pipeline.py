"""Light pipelines over samples with the names of `tf.data`, which `fit`, `evaluate` and `predict` take as they are.

The order that `shuffle` makes depends on its seed (or the global one) and on how often the data were gone through,
on nothing else.
"""

from __future__ import annotations

import glob
import itertools
import os
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from striate import seeds
from striate.errors import ArgumentError, DataError, received
from striate.utils.nests import arrays_of, mapped, padded, stacked, tensors_in, tensors_of
from striate.utils.tensor import as_tensor

AUTOTUNE = -1
INFINITE_CARDINALITY, UNKNOWN_CARDINALITY = -1, -2


@dataclass(frozen=True)
class TensorSpec:
    """Shape and type of a tensor (`tf.TensorSpec`); a length that is not known is None."""

    shape: Any
    dtype: Any = "float32"
    name: str | None = None


class Dataset:
    """Elements that can be gone through again and again: tensors, or tuples and dicts of them.

    Args:
        start: called for each pass, gives an iterator.
        count: how many elements a pass has; -1: it never ends; -2: not known.

    `class_names` and `file_paths` are set by `image_dataset_from_directory`.

    Example:
        >>> list(Dataset.range(5).map(lambda x: x * 2).batch(2).as_numpy_iterator())[-1].tolist()
        [8]
    """

    def __new__(cls, start: Callable[[], Iterator], count: int = UNKNOWN_CARDINALITY):
        # Whoever has no length must not have `__len__` either: `fit` asks whether it is there.
        return super().__new__(cls if count < 0 or cls is not Dataset else SizedDataset)

    def __init__(self, start: Callable[[], Iterator], count: int = UNKNOWN_CARDINALITY):
        self._start, self._count = start, count
        self._open = False
        self._first: Callable[[], Any] = lambda: next(self._start(), None)
        self.class_names: list[str] | None = None
        self.file_paths: list[str] | None = None

    def __iter__(self) -> Iterator:
        return self._start()

    def _next(self, start: Callable[[], Iterator], count: int = UNKNOWN_CARDINALITY,
              first: Callable[[], Any] | None = None) -> Dataset:
        """A data set made of this one; `first` gives an element like its own without beginning a pass."""
        made = Dataset(start, count)
        made._open, made._first = self._open, first or self._first
        return made

    # ---- where elements come from -----------------------------------------------------------------------------

    @staticmethod
    def from_tensor_slices(tensors: Any, name=None) -> Dataset:
        """One element for each entry of the first axis of an array, or of the arrays of a tuple or dict together.

        Raises:
            ArgumentError: the arrays have different lengths.
        """
        whole = arrays_of(tensors)
        if any(array.ndim == 0 for array in tensors_in(whole)):
            raise ArgumentError("Numbers cannot be cut into slices: give arrays. " + received(tensors=tensors))
        lengths = {len(array) for array in tensors_in(whole)}
        if len(lengths) != 1:
            raise ArgumentError("All arrays of a data set must have the same first length. "
                                + received(lengths=sorted(lengths)))
        count = lengths.pop()
        return Dataset(lambda: (mapped(whole, lambda array, i=i: as_tensor(array[i])) for i in range(count)), count)

    @staticmethod
    def list_files(file_pattern: Any, shuffle: bool | None = None, seed: int | None = None, name=None) -> Dataset:
        """The paths that match a pattern, or patterns, like "data/*/*.png"; in a random order unless shuffle=False."""
        patterns = [file_pattern] if isinstance(file_pattern, (str, os.PathLike)) else list(file_pattern)
        found = sorted({path for pattern in patterns for path in glob.glob(os.fspath(pattern))})
        if not found:
            raise ArgumentError("No file matches. " + received(file_pattern=file_pattern))
        files = Dataset.from_tensor_slices(np.array(found))
        return files if shuffle is False else files.shuffle(len(found), seed=seed)

    @staticmethod
    def from_tensors(tensors: Any, name=None) -> Dataset:
        """One element: everything."""
        whole = tensors_of(tensors)
        return Dataset(lambda: iter([whole]), 1)

    @staticmethod
    def from_generator(generator: Callable[..., Iterable], output_types=None, output_shapes=None, args=(),
                       output_signature=None, name=None) -> Dataset:
        """What a function's generator yields; numbers become of `output_types` (or of the signature's types)."""
        kinds = output_types if output_signature is None else mapped(output_signature, lambda spec: spec.dtype)

        def typed(item):
            item = arrays_of(item)
            if kinds is None:
                return mapped(item, as_tensor)
            wanted = iter(tensors_in(kinds))
            return mapped(item, lambda array: as_tensor(np.asarray(array).astype(np.dtype(next(wanted)))))
        return Dataset(lambda: (typed(item) for item in generator(*args)))

    @staticmethod
    def range(*limits: int, output_type="int64", name=None) -> Dataset:
        """Whole numbers, as Python's `range`."""
        numbers, kind = range(*limits), np.dtype(output_type)
        return Dataset(lambda: (as_tensor(kind.type(number)) for number in numbers), len(numbers))

    @staticmethod
    def zip(*datasets, name=None) -> Dataset:
        """Elements of several data sets as tuples (or as the dict that they were given in)."""
        nest = datasets[0] if len(datasets) == 1 and not isinstance(datasets[0], Dataset) else datasets
        parts = tensors_in(nest)
        counts = [part._count for part in parts]
        known = [count for count in counts if count >= 0]
        count = UNKNOWN_CARDINALITY if UNKNOWN_CARDINALITY in counts else min(known, default=INFINITE_CARDINALITY)

        def start():
            for row in zip(*parts, strict=False):
                items = iter(row)
                yield mapped(nest, lambda _, items=items: next(items))
        made = Dataset(start, count)
        made._open, made._first = any(part._open for part in parts), lambda: mapped(nest, lambda part: part._first())
        return made

    # ---- other elements ---------------------------------------------------------------------------------------

    def map(self, map_func: Callable, num_parallel_calls=None, deterministic=None, synchronous=None,
            use_unbounded_threadpool=False, name=None) -> Dataset:
        """The function's results; the parts of a tuple are its arguments."""
        return self._next(lambda: (tensors_of(_called(map_func, element)) for element in self), self._count,
                          lambda: tensors_of(_called(map_func, self._first())))

    def filter(self, predicate: Callable, name=None) -> Dataset:
        """The elements for which the function gives a true value."""
        return self._next(lambda: (element for element in self if bool(_called(predicate, element))))

    def flat_map(self, map_func: Callable, name=None) -> Dataset:
        """The elements of the data sets that the function gives, one data set after the other."""
        return Dataset(lambda: itertools.chain.from_iterable(_called(map_func, element) for element in self))

    def enumerate(self, start: int = 0, name=None) -> Dataset:
        """Pairs of number (int64) and element."""
        def numbered(elements):
            return ((as_tensor(np.int64(number)), element) for number, element in enumerate(elements, start))
        return self._next(lambda: numbered(self), self._count, lambda: next(numbered([self._first()])))

    def apply(self, transformation_func: Callable) -> Dataset:
        """What a function of the whole data set gives."""
        return transformation_func(self)

    def reduce(self, initial_state: Any, reduce_func: Callable, name=None) -> Any:
        """`reduce_func(state, element)` over all elements; gives the last state."""
        state = tensors_of(initial_state)
        for element in self:
            state = tensors_of(reduce_func(state, element))
        return state

    # ---- other orders -----------------------------------------------------------------------------------------

    def shuffle(self, buffer_size: int, seed: int | None = None, reshuffle_each_iteration: bool = True,
                name=None) -> Dataset:
        """Another order in every pass: each element is drawn from the `buffer_size` next ones."""
        if int(buffer_size) < 1:
            raise ArgumentError("`buffer_size` must be at least 1. " + received(buffer_size=buffer_size))
        stream = seeds.new_stream(seed)
        passes = itertools.count()

        def start():
            turn = 0 if reshuffle_each_iteration is False else next(passes)
            return _drawn(iter(self), int(buffer_size), np.random.default_rng([seeds.global_seed(), stream, turn]))

        return self._next(start, self._count)

    def take(self, count: int, name=None) -> Dataset:
        """The first elements; -1 for all."""
        if count < 0:
            return self
        left = count if self._count == INFINITE_CARDINALITY else min(count, self._count)
        return self._next(lambda: itertools.islice(self, count), left)

    def skip(self, count: int, name=None) -> Dataset:
        """All but the first elements; -1 leaves none."""
        if count < 0:
            return self._next(lambda: iter(()), 0)
        return self._next(lambda: itertools.islice(self, count, None),
                          self._count if self._count < 0 else max(0, self._count - count))

    def take_while(self, predicate: Callable, name=None) -> Dataset:
        """The elements before the first for which the function gives a false value."""
        return self._next(lambda: itertools.takewhile(lambda element: bool(_called(predicate, element)), self))

    def shard(self, num_shards: int, index: int, name=None) -> Dataset:
        """Every `num_shards`-th element, from number `index` on."""
        if not 0 <= index < num_shards:
            raise ArgumentError("`index` must lie between 0 and num_shards - 1. "
                                + received(num_shards=num_shards, index=index))
        left = self._count if self._count < 0 else (self._count - index + num_shards - 1) // num_shards
        return self._next(lambda: itertools.islice(self, index, None, num_shards), left)

    def repeat(self, count: int | None = None, name=None) -> Dataset:
        """All elements several times over; without a number endlessly (then give `fit` its `steps_per_epoch`)."""
        if count is None or count < 0:
            return self._next(lambda: itertools.chain.from_iterable(itertools.repeat(self)),
                              INFINITE_CARDINALITY if self._count else 0)
        return self._next(lambda: itertools.chain.from_iterable(itertools.repeat(self, count)),
                          self._count if self._count < 0 and count else count * max(self._count, 0))

    def concatenate(self, dataset: Dataset, name=None) -> Dataset:
        """The elements of another data set behind these."""
        counts = (self._count, dataset._count)
        total = max(counts[index] for index in (0, 1) if counts[index] < 0) if min(counts) < 0 else sum(counts)
        return self._next(lambda: itertools.chain(self, dataset), total)

    # ---- batches ----------------------------------------------------------------------------------------------

    def batch(self, batch_size: int, drop_remainder: bool = False, num_parallel_calls=None, deterministic=None,
              name=None) -> Dataset:
        """Elements stacked, `batch_size` at a time; the last batch may be smaller."""
        return self._grouped(batch_size, drop_remainder, stacked)

    def padded_batch(self, batch_size: int, padded_shapes=None, padding_values=None, drop_remainder: bool = False,
                     name=None) -> Dataset:
        """Batches of elements of different lengths, filled up behind to the longest of the batch.

        Raises:
            ArgumentError: `padded_shapes` asks for fixed lengths.
        """
        if padded_shapes is not None and any(length not in (None, -1) for length in _numbers(padded_shapes)):
            raise ArgumentError("`padded_shapes` with fixed lengths is not supported. "
                                + received(padded_shapes=padded_shapes))
        value = 0 if padding_values is None else padding_values
        return self._grouped(batch_size, drop_remainder, lambda group: stacked(padded(group, value)))

    def window(self, size: int, shift: int | None = None, stride: int = 1, drop_remainder: bool = False,
               name=None) -> Dataset:
        """Data sets of `size` elements each, of which the next begins `shift` elements later (size unless given)."""
        step = size if shift is None else shift

        def start():
            elements = list(self)
            for first in range(0, len(elements), step):
                part = elements[first:first + (size - 1) * stride + 1:stride]
                if len(part) == size or not drop_remainder:
                    yield _windowed(part)

        return Dataset(start)

    def _grouped(self, batch_size: int, drop_remainder: bool, join: Callable[[list], Any]) -> Dataset:
        size = int(batch_size)
        if size < 1:
            raise ArgumentError("`batch_size` must be at least 1. " + received(batch_size=batch_size))
        count = self._count
        if count >= 0:
            count = count // size if drop_remainder else -(-count // size)

        def start():
            elements = iter(self)
            while group := list(itertools.islice(elements, size)):
                if len(group) == size or not drop_remainder:
                    yield join(group)

        made = self._next(start, count, lambda: join([self._first()] * size))
        made._open = not drop_remainder
        return made

    def unbatch(self, name=None) -> Dataset:
        """The entries of batches one by one."""
        def start():
            for batch in self:
                for index in range(len(tensors_in(batch)[0])):
                    yield mapped(batch, lambda array, i=index: as_tensor(array[i]))

        return Dataset(start)

    # ---- what changes nothing but the time --------------------------------------------------------------------

    def cache(self, filename: str = "", name=None) -> Dataset:
        """The elements of the first whole pass, kept in memory."""
        kept: list[list] = []

        def start():
            if kept:
                yield from kept[0]
                return
            found = []
            for element in self:
                found.append(element)
                yield element
            kept[:] = [found]

        return self._next(start, self._count)

    def prefetch(self, buffer_size: int = AUTOTUNE, name=None) -> Dataset:
        """The same data set: elements are made when they are asked for."""
        return self

    def with_options(self, options, name=None) -> Dataset:
        """The same data set."""
        return self

    # ---- looking at it ----------------------------------------------------------------------------------------

    def as_numpy_iterator(self) -> Iterator:
        """The elements as plain arrays and numbers."""
        return (mapped(element, lambda tensor: as_tensor(tensor).numpy()) for element in self)

    def get_single_element(self, name=None) -> Any:
        """The only element. Raises `DataError` if there is none, or more."""
        found = list(itertools.islice(self, 2))
        if len(found) != 1:
            raise DataError("The data set must have exactly one element. " + received(elements=len(found)))
        return found[0]

    @property
    def element_spec(self) -> Any:
        """Shape and type of the tensors of the first element; the length of batches is None unless all have the same.

        Raises:
            DataError: there is no element.
        """
        first = self._first()
        if first is None:
            raise DataError("The data set has no element to tell its shape by. " + received(elements=0))

        def spec(tensor):
            shape = (None, *tensor.shape[1:]) if self._open and tensor.shape else tensor.shape
            return TensorSpec(shape, str(tensor.dtype))
        return mapped(first, spec)

    def cardinality(self) -> Any:
        """How many elements there are (int64); -1 for a data set that never ends, -2 when that is not known."""
        return as_tensor(np.int64(self._count))


class SizedDataset(Dataset):
    """A data set that knows how many elements it has."""

    def __len__(self) -> int:
        return self._count


class Options:
    """`tf.data.Options`: any attribute may be set; nothing depends on it."""

    def __getattr__(self, name: str) -> Options:
        options = Options()
        setattr(self, name, options)
        return options


experimental = types.SimpleNamespace(
    AUTOTUNE=AUTOTUNE, INFINITE_CARDINALITY=INFINITE_CARDINALITY, UNKNOWN_CARDINALITY=UNKNOWN_CARDINALITY,
    cardinality=Dataset.cardinality)


def _called(function: Callable, element: Any) -> Any:
    return function(*element) if isinstance(element, tuple) else function(element)


def _windowed(part: list) -> Any:
    """A data set of elements; of elements that are tuples or dicts, a tuple or dict of data sets."""
    first = part[0]
    if isinstance(first, tuple):
        return tuple(_windowed([element[index] for element in part]) for index in range(len(first)))
    if isinstance(first, dict):
        return {key: _windowed([element[key] for element in part]) for key in first}
    return Dataset(lambda: iter(part), len(part))


def _numbers(structure: Any) -> list:
    if isinstance(structure, (tuple, list, dict)):
        parts = structure.values() if isinstance(structure, dict) else structure
        return [number for part in parts for number in _numbers(part)]
    return [structure]


def _drawn(elements: Iterator, size: int, generator: np.random.Generator) -> Iterator:
    """Elements drawn at random from a buffer that is refilled behind each draw."""
    buffer = list(itertools.islice(elements, size))
    for element in elements:
        place = int(generator.integers(len(buffer)))
        yield buffer[place]
        buffer[place] = element
    for index in generator.permutation(len(buffer)):
        yield buffer[index]
