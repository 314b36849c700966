"""Event files that TensorBoard reads, written without TensorFlow.

A file is a chain of records: length (uint64), masked CRC of the length, an `Event` message, masked CRC of the message.
Messages are protocol buffers: pairs of field number and value. Three kinds are needed, so they are written by hand:

    Event    1 wall_time double, 2 step int64, 3 file_version string, 5 summary Summary
    Summary  1 value repeated Value
    Value    1 tag string, 2 simple_value float, 4 image Image
    Image    1 height, 2 width, 3 colorspace int32, 4 encoded_image_string bytes (PNG)
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable

import numpy as np

_POLYNOMIAL = 0x82F63B78
_MASK = 0xA282EAD8
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def _table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
        table.append(byte)
    return table


_CRC = _table()


def crc32c(content: bytes) -> int:
    """The Castagnoli checksum.

    Example:
        >>> hex(crc32c(b"123456789"))
        '0xe3069283'
    """
    crc = 0xFFFFFFFF
    for byte in content:
        crc = _CRC[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def _masked(content: bytes) -> bytes:
    crc = crc32c(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF)


def record(message: bytes) -> bytes:
    """A message framed as one record of the file."""
    length = struct.pack("<Q", len(message))
    return length + _masked(length) + message + _masked(message)


def _varint(number: int) -> bytes:
    """A whole number (negative ones in two's complement), seven bits a byte."""
    number &= (1 << 64) - 1
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def _field(number: int, kind: int, content: bytes) -> bytes:
    length = _varint(len(content)) if kind == _BYTES else b""
    return _varint(number << 3 | kind) + length + content


def event(wall_time: float, step: int = 0, *, version: str = "", values: Iterable[bytes] = ()) -> bytes:
    """An `Event`: the file's version (the first one), or a summary of values."""
    message = _field(1, _FIXED64, struct.pack("<d", wall_time)) + _field(2, _VARINT, _varint(step))
    if version:
        return message + _field(3, _BYTES, version.encode())
    return message + _field(5, _BYTES, b"".join(_field(1, _BYTES, value) for value in values))


def scalar(tag: str, number: float) -> bytes:
    """A `Value`: one number."""
    return _field(1, _BYTES, tag.encode()) + _field(2, _FIXED32, struct.pack("<f", number))


def image(tag: str, pixels: np.ndarray) -> bytes:
    """A `Value`: a picture, uint8 (height, width) or (height, width, 3 or 4)."""
    height, width = pixels.shape[:2]
    colours = 1 if pixels.ndim == 2 else pixels.shape[2]
    content = (_field(1, _VARINT, _varint(height)) + _field(2, _VARINT, _varint(width))
               + _field(3, _VARINT, _varint(colours)) + _field(4, _BYTES, png(pixels)))
    return _field(1, _BYTES, tag.encode()) + _field(4, _BYTES, content)


def png(pixels: np.ndarray) -> bytes:
    """A PNG file of grey, RGB or RGBA pixels, uint8 (height, width[, 3 or 4])."""
    height, width = pixels.shape[:2]
    rows = np.ascontiguousarray(pixels, np.uint8).reshape(height, -1)
    filtered = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1).tobytes()
    kind = 0 if pixels.ndim == 2 else {3: 2, 4: 6}[pixels.shape[2]]
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(filtered)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in parts)
