"""Elements of pipelines: tensors, or tuples and dicts of them, as `tf.data` knows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from striate.utils.tensor import as_tensor


def arrays_of(structure: Any) -> Any:
    """Whatever was given as arrays; Python's floats become float32 and its integers int32.

    Lists are arrays, tuples and dicts stay, as TensorFlow has it.

    Example:
        >>> arrays_of(([1.0, 2.0], [1, 2]))[1].dtype
        dtype('int32')
    """
    if isinstance(structure, tuple):
        return tuple(arrays_of(part) for part in structure)
    if isinstance(structure, dict):
        return {key: arrays_of(part) for key, part in structure.items()}
    if hasattr(structure, "to_numpy"):
        return structure.to_numpy()
    array = np.asarray(structure)
    if _is_python(structure) and array.dtype in (np.float64, np.int64):
        return array.astype(np.float32 if array.dtype == np.float64 else np.int32)
    return array


def _is_python(structure: Any) -> bool:
    """Whether numbers come from Python, with types of no fixed width."""
    while isinstance(structure, list) and structure:
        structure = structure[0]
    return isinstance(structure, (int, float, list))


def tensors_of(structure: Any) -> Any:
    """Whatever a user's function gave as an element."""
    return mapped(arrays_of(structure), as_tensor)


def mapped(structure: Any, function: Callable) -> Any:
    """The same nest with `function` applied to every tensor."""
    if isinstance(structure, tuple):
        return tuple(mapped(part, function) for part in structure)
    if isinstance(structure, dict):
        return {key: mapped(part, function) for key, part in structure.items()}
    return function(structure)


def tensors_in(structure: Any) -> list:
    """The tensors of a nest, in order."""
    found: list = []
    mapped(structure, found.append)
    return found


def stacked(group: list) -> Any:
    """Elements of one form as one element with a further first axis."""
    first = group[0]
    if isinstance(first, tuple):
        return tuple(stacked(list(parts)) for parts in zip(*group, strict=True))
    if isinstance(first, dict):
        return {key: stacked([element[key] for element in group]) for key in first}
    return as_tensor(np.stack([np.asarray(element) for element in group]))


def padded(group: list, value: Any) -> list:
    """Elements whose tensors have their longest form's lengths, filled up behind."""
    columns = [tensors_in(element) for element in group]
    shapes = [tuple(map(max, zip(*(np.shape(tensor) for tensor in column), strict=True)))
              for column in zip(*columns, strict=True)]

    def filled(element):
        wanted = iter(shapes)
        return mapped(element, lambda tensor: _lengthened(np.asarray(tensor), next(wanted), value))
    return [filled(element) for element in group]


def _lengthened(array: np.ndarray, shape: tuple[int, ...], value: Any) -> np.ndarray:
    widths = [(0, length - own) for own, length in zip(array.shape, shape, strict=True)]
    return np.pad(array, widths, constant_values=value) if widths else array
