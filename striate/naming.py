"""Names of layers and paths of variables, as Keras makes them.

A layer without a name gets the snake case of its class, numbered from the second one on (`conv2d`, `conv2d_1`).
The path of a variable is made of the layers that are being built around it (`sequential/dense/kernel`).
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

from striate.errors import ArgumentError, received

_used: Counter[str] = Counter()
_at_clear: list[Callable[[], None]] = []


class _Scopes(threading.local):
    def __init__(self) -> None:
        self.names: list[str] = []


_scopes = _Scopes()


def to_snake_case(name: str) -> str:
    """The snake case of a class name.

    Example:
        >>> to_snake_case("BatchNormalization"), to_snake_case("Conv2D")
        ('batch_normalization', 'conv2d')
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def uniquify(name: str) -> str:
    """The name itself the first time, then with `_1`, `_2` ... behind it."""
    count = _used[name]
    _used[name] += 1
    return f"{name}_{count}" if count else name


def auto_name(prefix: str) -> str:
    """A name nobody has yet, from a class name."""
    return uniquify(to_snake_case(prefix))


def given(name: Any, prefix: str) -> Any:
    """The name that was given, or a new one from a class name.

    Raises:
        ArgumentError: it holds characters that are not shown; those of a file might steer a terminal.
    """
    if isinstance(name, str) and not name.isprintable():
        raise ArgumentError("A name can only hold characters that are shown, no control characters. "
                            + received(name=name))
    return name or auto_name(prefix)


def get_uid(prefix: str = "") -> int:
    """The next number of a prefix, counted from 1 (`keras.backend.get_uid`)."""
    _used[prefix] += 1
    return _used[prefix]


def at_clear_session(function: Callable[[], None]) -> Callable[[], None]:
    """Registers something else that `clear_session` resets; usable as a decorator."""
    _at_clear.append(function)
    return function


def clear_session(free_memory: bool = True) -> None:
    """Names are numbered from the start again (`keras.utils.clear_session`, `keras.backend.clear_session`).

    `free_memory` is accepted for Keras' sake.
    """
    _used.clear()
    for function in _at_clear:
        function()


@contextmanager
def name_scope(name: str):
    """Variables made inside have `name/` in front of their path."""
    _scopes.names.append(name)
    try:
        yield
    finally:
        _scopes.names.pop()


def current_path() -> str:
    """The names of the open scopes, joined by slashes."""
    return "/".join(_scopes.names)
