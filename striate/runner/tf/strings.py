"""`tf.strings`: the few operations on text that pipelines of pictures make with paths and labels."""

from __future__ import annotations

import builtins
import re
from typing import Any

import numpy as np

from striate.errors import ArgumentError, received
from striate.utils.tensor import as_tensor


def _text(item: Any) -> np.ndarray:
    """Text of any kind (str, bytes, arrays of these) as an array of str."""
    array = np.asarray(item)
    if array.dtype.kind in "SO":
        array = np.vectorize(lambda part: part.decode() if isinstance(part, bytes) else str(part), otypes=[str])(array)
    if array.dtype.kind != "U":
        raise ArgumentError("Text was expected. " + received(item=item))
    return array


def _each(function, item: Any, kind: type = str) -> Any:
    """A function of one text applied to each."""
    text = _text(item)
    return as_tensor(np.array([function(str(part)) for part in text.ravel()], kind).reshape(text.shape))


def split(input, sep=None, maxsplit=-1, name=None):  # noqa: A002
    """The parts of a text between separators; of several texts, if all have equally many parts.

    Raises:
        ArgumentError: not text, or texts of different numbers of parts: tensors are dense here.

    Example:
        >>> split("flowers/rose/1.png", "/").numpy()[-2]
        b'rose'
    """
    text = _text(input)
    parts = [str(part).split(None if sep is None else str(_text(sep)), maxsplit) for part in text.ravel()]
    if len({len(row) for row in parts}) > 1:
        raise ArgumentError("The texts have different numbers of parts, and tensors are dense here: split each by "
                            "itself, in `map`. " + received(parts=[len(row) for row in parts]))
    return as_tensor(np.array(parts, str).reshape(*text.shape, -1))


def regex_replace(input, pattern, rewrite, replace_global=True, name=None):  # noqa: A002
    """Each text with what matches a pattern written anew."""
    count = 0 if replace_global else 1
    return _each(lambda part: re.sub(str(_text(pattern)), str(_text(rewrite)), part, count=count), input)


def regex_full_match(input, pattern, name=None):  # noqa: A002
    """Whether a pattern matches all of each text."""
    return _each(lambda part: re.fullmatch(str(_text(pattern)), part) is not None, input, bool)


def join(inputs, separator="", name=None):
    """Texts one behind the other, element by element."""
    columns = np.broadcast_arrays(*(_text(item) for item in inputs))
    rows = zip(*(column.ravel() for column in columns), strict=True)
    return as_tensor(np.array([separator.join(map(str, row)) for row in rows], str).reshape(columns[0].shape))


def reduce_join(inputs, axis=None, keepdims=False, separator="", name=None):
    """All texts, or those along an axis, as one."""
    text = _text(inputs)
    if axis is None:
        joined = np.array(separator.join(map(str, text.ravel())))
        return as_tensor(joined.reshape((1,) * text.ndim) if keepdims else joined)
    joined = np.apply_along_axis(lambda row: np.array(separator.join(map(str, row)), object), axis, text).astype(str)
    return as_tensor(np.expand_dims(joined, axis) if keepdims else joined)


def lower(input, encoding="", name=None):  # noqa: A002
    """Each text in small letters."""
    return _each(str.lower, input)


def upper(input, encoding="", name=None):  # noqa: A002
    """Each text in capitals."""
    return _each(str.upper, input)


def strip(input, name=None):  # noqa: A002
    """Each text without white space around it."""
    return _each(str.strip, input)


def length(input, unit="BYTE", name=None):  # noqa: A002
    """How long each text is, in bytes or (unit="UTF8_CHAR") characters."""
    return _each(lambda part: len(part.encode() if unit == "BYTE" else part), input, np.int32)


def substr(input, pos, len, unit="BYTE", name=None):  # noqa: A002
    """`len` bytes (or characters) of each text, from `pos` on; counted from the end, if negative."""
    def part_of(part):
        units = part.encode() if unit == "BYTE" else part
        start = pos if pos >= 0 else pos + builtins.len(units)
        found = units[start:start + len]
        return found.decode() if isinstance(found, bytes) else found
    return _each(part_of, input)


def to_number(input, out_type="float32", name=None):  # noqa: A002
    """The number that each text says."""
    kind = np.dtype(out_type)
    return _each(int if kind.kind == "i" else float, input, kind)


def as_string(input, precision=-1, name=None):  # noqa: A002
    """Each number as text."""
    numbers = np.asarray(input)
    digits = 6 if precision < 0 else precision
    said = (lambda number: f"{number:.{digits}f}") if numbers.dtype.kind == "f" else lambda number: str(number).lower()
    return as_tensor(np.array([said(number) for number in numbers.ravel()], str).reshape(numbers.shape))


__all__ = ["as_string", "join", "length", "lower", "reduce_join", "regex_full_match", "regex_replace", "split", "strip",
           "substr", "to_number", "upper"]
