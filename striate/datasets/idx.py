"""The IDX format of MNIST and its relatives: a tiny header, then bytes."""

from __future__ import annotations

import math
import struct

import numpy as np

from striate.errors import DownloadError, received

_UNSIGNED_BYTE = 8
_MOST_AXES = 8


def read_idx(content: bytes, what: str = "IDX data") -> np.ndarray:
    """The array in unpacked IDX data of unsigned bytes (a read-only view).

    Raises:
        DownloadError: the header is not that of an IDX file of bytes, or the length does not fit it.

    Example:
        >>> read_idx(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9])).tolist()
        [7, 9]
    """
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != _UNSIGNED_BYTE:
        raise DownloadError(f"{what} is not an IDX file of unsigned bytes. " + received(start=content[:4]))
    axes = content[3]
    if not 1 <= axes <= _MOST_AXES:
        raise DownloadError(f"{what} has an impossible number of axes. " + received(axes=axes))
    start = 4 + 4 * axes
    if len(content) < start:
        raise DownloadError(f"{what} ends inside its header. " + received(length=len(content)))
    shape = struct.unpack_from(f">{axes}I", content, 4)
    if 0 in shape or len(content) - start != math.prod(shape):
        raise DownloadError(f"{what} should hold {math.prod(shape):,} bytes of data after its header, "
                            f"{len(content) - start:,} are there. " + received(shape=shape))
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def write_idx(array: np.ndarray) -> bytes:
    """The IDX data of an array of unsigned bytes: what `read_idx` reads."""
    header = bytes([0, 0, _UNSIGNED_BYTE, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + np.ascontiguousarray(array, np.uint8).tobytes()
