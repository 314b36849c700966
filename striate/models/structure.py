"""Nested lists, tuples and dicts of tensors, flattened in Keras' order: dict entries by sorted key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def is_nested(structure: Any) -> bool:
    """Whether this is a list, tuple or dict."""
    return isinstance(structure, (list, tuple, dict))


def flatten(structure: Any) -> list:
    """The leaves; None is a leaf.

    Example:
        >>> flatten({"b": 1, "a": [2, 3]})
        [2, 3, 1]
    """
    if isinstance(structure, dict):
        return [leaf for key in sorted(structure) for leaf in flatten(structure[key])]
    if isinstance(structure, (list, tuple)):
        return [leaf for item in structure for leaf in flatten(item)]
    return [structure]


def pack(structure: Any, leaves: list) -> Any:
    """The same nest with other leaves, given in the order of `flatten`.

    Example:
        >>> pack({"b": None, "a": [None, None]}, [2, 3, 1])
        {'b': 1, 'a': [2, 3]}
    """
    return _pack(structure, iter(leaves))


def _pack(structure: Any, leaves: Iterator) -> Any:
    if isinstance(structure, dict):
        found = {key: _pack(structure[key], leaves) for key in sorted(structure)}
        return {key: found[key] for key in structure}
    if isinstance(structure, (list, tuple)):
        return type(structure)(_pack(item, leaves) for item in structure)
    return next(leaves)


def single(items: list) -> Any:
    """The only item of a list, or the list when there are more."""
    return items[0] if len(items) == 1 else items
