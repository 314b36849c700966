"""Nests of lists, tuples and dicts as trees of leaves (`keras.tree`).

A dict's leaves come in the order of its sorted keys, an OrderedDict's in its own. None is a leaf.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from typing import Any

from striate.errors import ShapeError, TypeMismatchError, received

__all__ = [
    "MAP_TO_NONE", "assert_same_paths", "assert_same_structure", "flatten", "flatten_with_path", "is_nested",
    "lists_to_tuples", "map_shape_structure", "map_structure", "map_structure_up_to", "pack_sequence_as", "traverse",
]


class MAP_TO_NONE:  # noqa: N801 - Keras' name
    """What a function of `traverse` returns to put None in place of a part."""


def is_nested(structure: Any) -> bool:
    """Whether something is a list, tuple, dict or deque.

    Nests are lists, tuples, dicts and deques; anything else is a leaf.

    Example:
        >>> is_nested([1]), is_nested("text")
        (True, False)
    """
    return isinstance(structure, (list, tuple, dict, deque))


def _children(structure: Any) -> list[tuple[Any, Any]]:
    """(key or position, part) of each part, in the order of leaves."""
    if isinstance(structure, OrderedDict):
        return list(structure.items())
    if isinstance(structure, dict):
        return [(key, structure[key]) for key in sorted(structure)]
    return list(enumerate(structure))


def _rebuilt(structure: Any, parts: Iterable) -> Any:
    """A nest like `structure`, of these parts."""
    parts = list(parts)
    if isinstance(structure, dict):
        found = dict(zip([key for key, _ in _children(structure)], parts, strict=True))
        ordered = [(key, found[key]) for key in structure]
        if isinstance(structure, defaultdict):
            return defaultdict(structure.default_factory, ordered)
        return type(structure)(ordered)
    if hasattr(structure, "_fields"):
        return type(structure)(*parts)
    return deque(parts, structure.maxlen) if isinstance(structure, deque) else type(structure)(parts)


def flatten_with_path(structure: Any) -> list[tuple[tuple, Any]]:
    """(path, leaf) of every leaf; a path holds the keys and positions that lead there.

    Nests are lists, tuples, dicts and deques; anything else is a leaf.

    Example:
        >>> flatten_with_path({"a": [1, 2]})
        [(('a', 0), 1), (('a', 1), 2)]
    """
    if not is_nested(structure):
        return [((), structure)]
    return [((key, *path), leaf) for key, part in _children(structure) for path, leaf in flatten_with_path(part)]


def flatten(structure: Any) -> list:
    """The leaves, in order.

    Nests are lists, tuples, dicts and deques; anything else is a leaf.
    """
    return [leaf for _, leaf in flatten_with_path(structure)]


def traverse(func: Callable, structure: Any, top_down: bool = True) -> Any:
    """Calls func on every part, the whole first (or last); what it returns takes the part's place.

    None from func means: as it is, go on inside. `MAP_TO_NONE` means None.

    Nests are lists, tuples, dicts and deques; anything else is a leaf.
    """
    if not callable(func):
        raise TypeMismatchError("`func` must be callable. " + received(func=func))

    def inside():
        if not is_nested(structure):
            return structure
        return _rebuilt(structure, (traverse(func, part, top_down) for _, part in _children(structure)))
    whole = structure if top_down else inside()
    result = func(whole)
    if result is None:
        return inside() if top_down else whole
    return None if result is MAP_TO_NONE else result


def map_structure(func: Callable, *structures: Any, none_is_leaf: bool = True) -> Any:
    """A nest like the first, of func(leaf, leaf ...) for the leaves of all at one place.

    none_is_leaf: False leaves None as it is.

    Nests are lists, tuples, dicts and deques; anything else is a leaf.

    Raises:
        TypeMismatchError: no structure, or func cannot be called. ShapeError: the nests differ.

    Example:
        >>> map_structure(lambda a, b: a + b, {"x": 1}, {"x": 2})
        {'x': 3}
    """
    for other in structures[1:]:
        assert_same_structure(structures[0], other)
    return map_structure_up_to(structures[0] if structures else None, func, *structures, none_is_leaf=none_is_leaf)


def map_structure_up_to(shallow_structure: Any, func: Callable, *structures: Any, none_is_leaf: bool = True) -> Any:
    """As `map_structure`, down to the leaves of `shallow_structure`: func gets whole parts of the others there.

    Nests are lists, tuples, dicts and deques; anything else is a leaf.
    """
    if not callable(func) or not structures:
        raise TypeMismatchError("A function and at least one structure are needed. "
                                + received(func=func, structures=structures))
    if not is_nested(shallow_structure):
        return None if shallow_structure is None and not none_is_leaf else func(*structures)
    children = [dict(_children(other)) if is_nested(other) else {} for other in structures]
    keys = [key for key, _ in _children(shallow_structure)]
    if any(set(found) != set(keys) for found in children):
        raise ShapeError("The nests do not have the same parts. "
                         + received(shallow_structure=shallow_structure, structures=structures))
    return _rebuilt(shallow_structure, (map_structure_up_to(part, func, *[found[key] for found in children],
                                                            none_is_leaf=none_is_leaf)
                                        for key, part in _children(shallow_structure)))


def assert_same_structure(a: Any, b: Any, check_types: bool | None = None) -> None:
    """Nothing when two nests have the same form.

    Nests are lists, tuples, dicts and deques; anything else is a leaf.

    Raises:
        ShapeError: when they differ, in the kinds of nests too.
    """
    if is_nested(a) != is_nested(b) or (is_nested(a) and _kind(a) is not _kind(b)):
        raise ShapeError("The two structures don't have the same nested structure. " + received(a=a, b=b))
    if not is_nested(a):
        return
    first, second = dict(_children(a)), dict(_children(b))
    if set(first) != set(second):
        raise ShapeError("The two structures don't have the same parts. " + received(a=a, b=b))
    for key, part in first.items():
        assert_same_structure(part, second[key])


def _kind(structure: Any) -> type:
    return dict if isinstance(structure, dict) else type(structure)


def assert_same_paths(a: Any, b: Any) -> None:
    """Nothing when the paths of two nests are the same, whatever kinds of nests they are.

    Nests are lists, tuples, dicts and deques; anything else is a leaf.

    Raises:
        ShapeError: when they differ.
    """
    if {path for path, _ in flatten_with_path(a)} != {path for path, _ in flatten_with_path(b)}:
        raise ShapeError("`a` and `b` don't have the same paths. " + received(a=a, b=b))


def pack_sequence_as(structure: Any, flat_sequence: Iterable) -> Any:
    """A nest like `structure` with these leaves.

    Raises:
        TypeMismatchError: when `flat_sequence` is no sequence. ShapeError: too few leaves or too many.

    Example:
        >>> pack_sequence_as({"a": 0, "b": [0]}, [1, 2])
        {'a': 1, 'b': [2]}
    """
    if not isinstance(flat_sequence, Iterable) or isinstance(flat_sequence, (str, dict)):
        raise TypeMismatchError("`flat_sequence` must be a sequence. " + received(flat_sequence=flat_sequence))
    leaves = list(flat_sequence)
    if len(leaves) != len(flatten(structure)):
        raise ShapeError(f"The structure has {len(flatten(structure))} leaves. " + received(flat_sequence=leaves))
    rest = iter(leaves)
    return map_structure(lambda _: next(rest), structure)


def lists_to_tuples(structure: Any) -> Any:
    """The same nest with tuples in place of lists.

    Nests are lists, tuples, dicts and deques; anything else is a leaf.
    """
    def turned(part):
        return tuple(part) if isinstance(part, list) else None
    return traverse(turned, structure, top_down=False)


def map_shape_structure(func: Callable, structure: Any) -> Any:
    """A nest of shapes (tuples or lists of integers and None) with func(shape) in place of each shape.

    Nests are lists, tuples, dicts and deques; anything else is a leaf.
    """
    def is_shape(part):
        return isinstance(part, (list, tuple)) and all(isinstance(n, (int, type(None))) for n in part)

    def turned(part):
        return (MAP_TO_NONE if (result := func(part)) is None else result) if is_shape(part) else None
    if not callable(func):
        raise TypeMismatchError("`func` must be callable. " + received(func=func))
    return traverse(turned, structure)
