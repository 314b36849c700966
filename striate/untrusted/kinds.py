"""Whether what comes back from a file is what was written there: whoever can write a file can write its hashes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Any, get_args, get_origin

import numpy as np

from striate.errors import ArgumentError, received

_WHOLE_NUMBERS = range(-2 ** 63, 2 ** 63)


def of_kinds(what: str, kinds: Mapping[str, Any] | Iterable[str], found: Any, advice: str = "") -> dict[str, Any]:
    """The dict, if it holds a value of its kind for each name and nothing else.

    Args:
        what: what this is, for the message.
        kinds: name -> type hint (int, float, str, bool, dict[str, list[float]], list[np.ndarray] | None ...); names
            alone say nothing about their values.
        found: what is to be believed.
        advice: how to mend it, for the end of the message.

    Raises:
        ArgumentError: it is something else.

    Example:
        >>> of_kinds("The saved state", {"wait": int, "best": float | None}, {"wait": 2, "best": None})
        {'wait': 2, 'best': None}
    """
    kinds = kinds if isinstance(kinds, Mapping) else dict.fromkeys(kinds, Any)
    if not isinstance(found, dict) or set(found) != set(kinds):
        shown = sorted(found) if isinstance(found, dict) else found
        raise ArgumentError(f"{what} holds something else than it should, which is {', '.join(kinds) or 'nothing'}. "
                            f"{received(found=shown)}. {advice}".rstrip())
    for name, kind in kinds.items():
        if not _is(found[name], kind):
            said = kind.__name__ if isinstance(kind, type) and get_origin(kind) is None else kind
            raise ArgumentError(f"{what} is damaged: `{name}` must be of the kind {said}. "
                                f"{received(**{name: found[name]})}. {advice}".rstrip())
    return found


def _is(value: Any, kind: Any) -> bool:
    outer, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return True
    if outer is UnionType:
        return any(_is(value, each) for each in inner)
    if outer is list:
        return isinstance(value, list) and all(_is(item, inner[0]) for item in value)
    if outer is dict:
        return isinstance(value, dict) and all(_is(key, inner[0]) for key in value) \
            and all(_is(item, inner[1]) for item in value.values())
    if kind is int:
        return type(value) is int and value in _WHOLE_NUMBERS
    if kind is float:
        return isinstance(value, float) or _is(value, int) or (
            isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind in "fiu")
    if kind is str:  # What JSON can say and no file can hold: half a character.
        return isinstance(value, str) and not any("\ud800" <= sign <= "\udfff" for sign in value)
    return isinstance(value, kind)
