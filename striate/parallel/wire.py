"""What goes over the wire: nests of arrays and plain values as bytes. Never pickle, never code.

    8 bytes: length of the header | header: JSON, where an array stands {"a": [type, shape]} | arrays, one after another

Nests of one structure, with arrays of the same shapes, have the same length.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import numpy as np

from striate.errors import TypeMismatchError, received

_ALIGN = 8
_KINDS = "fiub"


def encode(nest: Any) -> np.ndarray:
    """Numbers, texts, None, arrays and lists, tuples and dicts of them, as uint8.

    Raises:
        TypeMismatchError: something else is among them.

    Example:
        >>> decode(encode({"a": (1, np.ones(2, np.float32))}))
        {'a': (1, array([1., 1.], dtype=float32))}
    """
    arrays: list[np.ndarray] = []
    header = json.dumps(_plain(nest, arrays)).encode()
    header += b" " * (-len(header) % _ALIGN)
    pieces = [np.array([len(header)], np.int64).tobytes(), header]
    for array in arrays:
        pieces += [array.tobytes(), bytes(-array.nbytes % _ALIGN)]
    return np.frombuffer(b"".join(pieces), np.uint8)


def decode(data: np.ndarray) -> Any:
    """The nest that `encode` was given; its arrays are copies."""
    content = data.tobytes()
    length = int(np.frombuffer(content, np.int64, 1)[0])
    return _whole(_parsed(content[8:8 + length]), content, [8 + length])


@lru_cache(maxsize=64)
def _parsed(header: bytes) -> Any:
    """A header's content, which nobody changes: those of a training's steps are alike."""
    return json.loads(header)


def _plain(item: Any, arrays: list[np.ndarray]) -> Any:
    if isinstance(item, (np.ndarray, np.generic)):
        array = np.asarray(item)
        if array.dtype.kind not in _KINDS:
            raise TypeMismatchError("Only arrays of numbers are sent to other ranks. " + received(dtype=array.dtype))
        arrays.append(array)
        return {"a": [array.dtype.str, array.shape]}
    if isinstance(item, dict):
        return {"d": [[str(key), _plain(value, arrays)] for key, value in item.items()]}
    if isinstance(item, tuple):
        return {"t": [_plain(value, arrays) for value in item]}
    if isinstance(item, list):
        return [_plain(value, arrays) for value in item]
    if item is None or isinstance(item, (bool, int, float, str)):
        return item
    raise TypeMismatchError("Only numbers, texts, None, arrays and nests of them are sent to other ranks. "
                            + received(item=item))


def _whole(item: Any, content: bytes, place: list[int]) -> Any:
    """`place` holds where the next array begins: arrays come in the order of the header."""
    if isinstance(item, list):
        return [_whole(value, content, place) for value in item]
    if not isinstance(item, dict):
        return item
    if "a" in item:
        dtype, shape = np.dtype(item["a"][0]), tuple(item["a"][1])
        count = int(np.prod(shape, dtype=np.int64))
        array = np.frombuffer(content, dtype, count, place[0]).reshape(shape).copy()
        place[0] += -(-array.nbytes // _ALIGN) * _ALIGN
        return array
    if "t" in item:
        return tuple(_whole(value, content, place) for value in item["t"])
    return {key: _whole(value, content, place) for key, value in item["d"]}
