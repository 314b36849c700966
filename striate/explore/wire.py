"""Arrays as they travel: JSON with the bytes in base64, channels first, so that a map is one piece."""

from __future__ import annotations

import base64
import binascii
from math import isfinite
from typing import Any

import numpy as np

from striate.errors import ArgumentError, received

_TYPES = {"u1": np.uint8, "i4": np.int32, "f4": np.float32, "f8": np.float64}


def packed(array, kind: str = "f4") -> dict[str, Any]:
    """An array for the page: its shape, its type ("u1", "i4", "f4" or "f8", little-endian) and its bytes in base64.

    Example:
        >>> packed(np.array([1, 2]), "u1")
        {'shape': [2], 'type': 'u1', 'data': 'AQI='}
    """
    array = np.ascontiguousarray(array, np.dtype(_TYPES[kind]).newbyteorder("<"))
    return {"shape": list(array.shape), "type": kind, "data": base64.b64encode(array.tobytes()).decode("ascii")}


def decoded(text: Any, most: int) -> bytes:
    """The bytes of base64 text from the page.

    Raises:
        ArgumentError: no such text, or more than `most` bytes.
    """
    if not isinstance(text, str) or len(text) > most * 4 // 3 + 4:
        raise ArgumentError(f"The data must be base64 text of at most {most:,} bytes. "
                            + received(type=type(text).__name__))
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ArgumentError(f"The data is no base64 text: {error}.") from None


def floats(text: Any, shape: tuple[int, ...]) -> np.ndarray:
    """float32 numbers from the page, as an array of `shape`.

    Raises:
        ArgumentError: another count, or numbers that are not finite.
    """
    count = int(np.prod(shape))
    content = decoded(text, 4 * count)
    if len(content) != 4 * count:
        raise ArgumentError(f"{count:,} numbers of four bytes were expected. " + received(bytes=len(content)))
    return finite(np.frombuffer(content, "<f4").astype(np.float32).reshape(shape))


def finite(array: np.ndarray) -> np.ndarray:
    """The array, if it holds finite numbers only."""
    if not np.isfinite(array).all():
        raise ArgumentError("All numbers must be finite.")
    return array


def planes(array: np.ndarray) -> tuple[str, np.ndarray, int]:
    """(kind, the array with its channels first, which slice) of a layer's output without the batch.

    kind: "vector" (n,) -> (n, 1, 1); "lines" (length, c) -> (c, 1, length); "maps" (h, w, c) -> (c, h, w); "volume"
    (d, h, w, c): the maps of the slice in the middle; "other": nothing that can be drawn.

    Example:
        >>> planes(np.zeros((8, 6, 3)))[1].shape
        (3, 8, 6)
    """
    array = np.asarray(array, np.float32)
    if array.ndim == 1:
        return "vector", array[:, np.newaxis, np.newaxis], 0
    if array.ndim == 2:
        return "lines", array.T[:, np.newaxis], 0
    if array.ndim == 3:
        return "maps", np.moveaxis(array, -1, 0), 0
    if array.ndim == 4:
        middle = len(array) // 2
        return "volume", np.moveaxis(array[middle], -1, 0), middle
    return "other", np.zeros((0, 0, 0), np.float32), 0


def as_json(value: Any) -> Any:
    """A nest of plain values, NumPy numbers and tuples as JSON knows it; floats that are no numbers become null.

    Example:
        >>> as_json({"a": (np.float32(0.5), float("nan"))})
        {'a': [0.5, None]}
    """
    if isinstance(value, dict):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not isfinite(value) else value
