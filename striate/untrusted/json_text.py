"""JSON of strangers: bounded in size, depth and numbers, without the looseness of Python's own reader."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from typing import Any

from striate.errors import ModelFileError, received
from striate.untrusted.limits import MAX_JSON_BYTES, MAX_JSON_DEPTH, MAX_OWN_JSON_BYTES, damaged, read_file


def read_json(content: bytes | str, what: str) -> dict[str, Any]:
    """The object in a JSON text.

    Raises:
        ModelFileError: not JSON, not an object, too large, nested too deeply, the same key twice in an object, NaN or
            infinity, or a whole number beyond 64 bits.

    Example:
        >>> read_json(b'{"a": [1, 2]}', "an example")
        {'a': [1, 2]}
    """
    if len(content) > MAX_JSON_BYTES:
        raise ModelFileError(f"{what} is too large. " + received(bytes=len(content), allowed=MAX_JSON_BYTES))
    return _object(content, what, MAX_JSON_DEPTH, object_pairs_hook=_without_doubles, parse_int=_small_integer,
                   parse_float=_finite, parse_constant=_no_constant)


def read_own_json(path: str | os.PathLike) -> dict[str, Any]:
    """The object in a JSON file of the kind that striate itself writes into folders of trainings and searches, where
    losses may be NaN or infinite, seeds longer than 64 bits, and notes of many steps long.

    Raises:
        MissingFileError: there is no such file.
        ModelFileError: not JSON, not an object, far too large, or nested so deeply that Python's reader gives up.

    Example:
        >>> read_own_json("runs/fashion-mnist-0001/history.json")["loss"]  # doctest: +SKIP
        [0.5198, 0.4163]
    """
    return _object(read_file(path, MAX_OWN_JSON_BYTES), str(path))


def _object(content: bytes | str, what: str, depth: int | None = None, **kinds) -> dict[str, Any]:
    with damaged(what, RecursionError):
        text = content.decode("utf-8") if isinstance(content, bytes) else content
        if depth is not None:
            _check_depth(text, depth, what)
        result = json.loads(text, **kinds)
    if not isinstance(result, dict):
        raise ModelFileError(f"{what} must hold an object. " + received(kind=type(result).__name__))
    return result


def _check_depth(text: str, allowed: int, what: str) -> None:
    """Counts brackets outside of strings before the recursive parser sees the text."""
    depth, inside, escaped = 0, False, False
    for character in text:
        if inside:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                inside = False
        elif character == '"':
            inside = True
        elif character in "[{":
            depth += 1
            if depth > allowed:
                raise ModelFileError(f"{what} is nested too deeply; at most {allowed} levels are read.")
        elif character in "]}":
            depth -= 1


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        double, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ModelFileError("A JSON object holds the same key twice. " + received(key=double))
    return result


def _small_integer(text: str) -> int:
    if len(text) > 20 or not -(1 << 63) <= int(text) < 1 << 64:
        raise ModelFileError("A whole number does not fit into 64 bits. " + received(number=text))
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ModelFileError("A number is too large. " + received(number=text))
    return number


def _no_constant(text: str) -> None:
    raise ModelFileError("NaN and infinities are no JSON. " + received(number=text))
