"""Whether a saved state is what was remembered: whoever can write a state can write its hashes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Any, get_args, get_origin

import numpy as np

from striate.errors import ArgumentError, received

_WHOLE_NUMBERS = range(-2 ** 63, 2 ** 63)


def remembered(owner: str, kinds: Mapping[str, Any] | Iterable[str], state: Any) -> dict[str, Any]:
    """The state, if it holds a value of its kind for each name and nothing else.

    Args:
        owner: whose state it is, for the message.
        kinds: name -> type hint (int, float, str, bool, dict[str, list[float]], list[np.ndarray] | None ...); names
            alone say nothing about their values.
        state: what is to be believed.

    Raises:
        ArgumentError: it is something else.

    Example:
        >>> remembered("EarlyStopping", {"wait": int, "best": float | None}, {"wait": 2, "best": None})
        {'wait': 2, 'best': None}
    """
    kinds = kinds if isinstance(kinds, Mapping) else dict.fromkeys(kinds, Any)
    names = ", ".join(kinds) or "nothing"
    if not isinstance(state, dict) or set(state) != set(kinds):
        raise ArgumentError(f"The saved state of {owner} holds something else than it remembers, which is {names}. "
                            f"{received(state=sorted(state) if isinstance(state, dict) else state)}. Remove the saved "
                            "state to begin anew.")
    for name, kind in kinds.items():
        if not _is(state[name], kind):
            raise ArgumentError(f"The saved state of {owner} is damaged: `{name}` must be of the kind "
                                f"{getattr(kind, '__name__', kind) if get_origin(kind) is None else kind}. "
                                f"{received(**{name: state[name]})}. Remove the saved state to begin anew.")
    return state


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
