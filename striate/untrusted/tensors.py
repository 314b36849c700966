"""The safetensors format: a length, a JSON header, then the tensors' bytes one after the other, without gaps."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from striate.errors import ArgumentError, ModelFileError, received
from striate.untrusted.json_text import read_json
from striate.untrusted.limits import MAX_JSON_BYTES, MAX_NAME_BYTES, MAX_OBJECTS
from striate.untrusted.seal import NAME, check_seal

DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
          "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?"}
_BFLOAT16 = "BF16"
_NAMES = {np.dtype(code): name for name, code in DTYPES.items()}


def read_safetensors(content: bytes, what: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The tensors (read-only views into `content`; bfloat16 becomes float32) and the metadata of a safetensors file.

    Raises:
        ModelFileError: the header is damaged or too large, or the tensors overlap, leave gaps, or do not fit.
    """
    if len(content) < 8:
        raise ModelFileError(f"{what} is too short for a safetensors file. " + received(bytes=len(content)))
    (length,) = struct.unpack_from("<Q", content)
    if length > min(MAX_JSON_BYTES, len(content) - 8):
        raise ModelFileError(f"The header of {what} is longer than the file or than allowed. " + received(bytes=length))
    header = read_json(content[8:8 + length], f"The header of {what}")
    metadata = _metadata(header.pop("__metadata__", {}), what)
    check_seal(content, metadata.get(NAME), what)
    if len(header) > MAX_OBJECTS:
        raise ModelFileError(f"{what} holds too many tensors. " + received(tensors=len(header)))
    data = memoryview(content)[8 + length:]
    rows = [(name, *_checked(name, row, what)) for name, row in header.items()]
    rows.sort(key=lambda row: row[3:])
    end = 0
    for name, _, _, begin, stop in rows:
        if begin != end:
            raise ModelFileError(f"The tensors of {what} overlap or leave gaps. " + received(tensor=name, begin=begin))
        end = stop
    if end != len(data):
        raise ModelFileError(f"{what} should have {end:,} bytes of tensors. " + received(bytes=len(data)))
    return {name: _array(data[begin:stop], dtype, shape) for name, dtype, shape, begin, stop in rows}, metadata


def _metadata(entries: Any, what: str) -> dict[str, str]:
    if not isinstance(entries, Mapping) or not all(isinstance(text, str) for text in entries.values()):
        raise ModelFileError(f"The metadata of {what} must be texts. " + received(metadata=entries))
    return dict(entries)


def _checked(name: str, row: Any, what: str) -> tuple[str, tuple[int, ...], int, int]:
    """dtype, shape, begin and end of a tensor, if they make sense together."""
    problem = f"A tensor of {what} is not described as it should be. " + received(tensor=name, description=row)
    if not isinstance(row, Mapping) or set(row) != {"dtype", "shape", "data_offsets"}:
        raise ModelFileError(problem)
    dtype, shape, offsets = row["dtype"], row["shape"], row["data_offsets"]
    if not (_are_sizes(shape) and _are_sizes(offsets) and len(offsets) == 2 and len(shape) <= 32):
        raise ModelFileError(problem)
    if not isinstance(dtype, str) or dtype not in DTYPES and dtype != _BFLOAT16 or len(name.encode()) > MAX_NAME_BYTES:
        raise ModelFileError(problem)
    size = 2 if dtype == _BFLOAT16 else np.dtype(DTYPES[dtype]).itemsize
    if offsets[1] - offsets[0] != size * math.prod(shape):
        raise ModelFileError(problem)
    return dtype, tuple(shape), offsets[0], offsets[1]


def _are_sizes(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 1 << 62 for value in values)


def _array(data: memoryview, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    if dtype == _BFLOAT16:
        return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32).reshape(shape)
    return np.frombuffer(data, DTYPES[dtype]).reshape(shape)


def safetensors_bytes(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None) -> bytes:
    """The safetensors file of arrays: wide types first, then by name, the header filled up to a multiple of 8 bytes.

    Raises:
        ArgumentError: an array's type has no name in this format.

    Example:
        >>> len(safetensors_bytes({"bias": np.zeros(2, np.float32)}))
        80
    """
    header: dict = {"__metadata__": dict(sorted(metadata.items()))} if metadata else {}
    arrays = {name: np.ascontiguousarray(array).reshape(np.shape(array)) for name, array in tensors.items()}
    for name, array in arrays.items():
        if array.dtype not in _NAMES:
            raise ArgumentError("safetensors has no name for this type of array. "
                                + received(tensor=name, dtype=str(array.dtype)))
    ordered, end = sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name)), 0
    for name in ordered:
        array = arrays[name]
        begin, end = end, end + array.nbytes
        header[name] = {"dtype": _NAMES[array.dtype], "shape": list(array.shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([struct.pack("<Q", len(text)), text, *(arrays[name].tobytes() for name in ordered)])
