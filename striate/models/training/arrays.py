"""Whatever the user holds (arrays, lists, tables, other libraries' tensors) as NumPy arrays that the engine reads."""

from __future__ import annotations

from typing import Any

import numpy as np

from striate.errors import DataError, received

_KINDS = "fiub"


def is_array(item: Any) -> bool:
    """Whether this is one array, of NumPy or any library whose tensors become arrays."""
    return isinstance(item, (np.ndarray, np.generic)) or (
        hasattr(item, "__array__") and not isinstance(item, type)) or hasattr(item, "to_numpy")


def to_arrays(structure: Any, what: str) -> Any:
    """A nest of arrays; a list of numbers is one array, a list of arrays is several.

    Args:
        structure: arrays, nested numbers, or lists and dicts of arrays.
        what: the argument's name, for messages.

    Raises:
        DataError: something that is no array of numbers.

    Example:
        >>> to_arrays([[1.0, 2.0], [3.0, 4.0]], "x").shape
        (2, 2)
    """
    if structure is None:
        return None
    if isinstance(structure, dict):
        return {key: to_arrays(item, what) for key, item in structure.items()}
    if isinstance(structure, (list, tuple)) and any(is_array(item) and np.ndim(item) or isinstance(item, dict)
                                                    for item in structure):
        return [to_arrays(item, what) for item in structure]
    return to_array(structure, what)


def to_array(item: Any, what: str) -> np.ndarray:
    """One C-contiguous array of numbers in the machine's byte order; the data are copied only if they must be."""
    if hasattr(item, "to_numpy"):
        item = item.to_numpy()
    try:
        array = np.asarray(item)
    except ValueError as error:
        raise DataError(f"`{what}` cannot become an array: {error}. Its rows must have one length.") from None
    if array.dtype == object or array.dtype.kind not in _KINDS:
        raise DataError(f"`{what}` must hold numbers. {received(dtype=str(array.dtype), first=_first(array))}. "
                        f"{_mend_dtype(array)}")
    if array.ndim == 0:
        raise DataError(f"`{what}` must be an array with one entry for each sample. {received(**{what: item})}")
    if array.dtype == np.float16 or array.dtype.itemsize > 8:
        array = array.astype(np.float32)
    return np.ascontiguousarray(array, array.dtype.newbyteorder("="))


def _first(array: np.ndarray) -> Any:
    return array.reshape(-1)[0] if array.size else None


def _mend_dtype(array: np.ndarray) -> str:
    if array.dtype == object and array.ndim == 1 and array.size and np.ndim(array[0]) > 0:
        return "Its entries have different shapes; bring all images to one size."
    if array.dtype.kind in "US":
        return "Turn names into numbers first, for example with numpy.unique(names, return_inverse=True)."
    return "Convert it, for example with .astype('float32')."


def as_target(array: np.ndarray) -> np.ndarray:
    """Targets and weights as the engine takes them: integers as int32, floats as float32, booleans as float32."""
    kind = array.dtype.kind
    wanted = np.int32 if kind in "iu" else np.float32
    if kind in "iu" and array.dtype.itemsize == 8 and array.size and np.abs(array).max() > np.iinfo(np.int32).max:
        wanted = np.float32
    return np.ascontiguousarray(array, wanted)
