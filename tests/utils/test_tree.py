"""Nests as trees: the same results as `keras.tree`, and messages where they do not fit."""

from collections import OrderedDict, namedtuple

import pytest

from striate import tree
from striate.errors import ShapeError, TypeMismatchError

Point = namedtuple("Point", "x y")
NEST = {"b": [1, (2, None)], "a": Point(3, {"c": 4})}


def test_leaves_come_in_the_order_of_sorted_keys():
    assert tree.flatten(NEST) == [3, 4, 1, 2, None]
    assert tree.flatten(OrderedDict([("b", 1), ("a", 2)])) == [1, 2]
    assert tree.flatten_with_path(NEST)[1] == (("a", 1, "c"), 4)
    assert tree.flatten(5) == [5]


def test_a_packed_nest_is_the_same():
    assert tree.pack_sequence_as(NEST, tree.flatten(NEST)) == NEST
    with pytest.raises(ShapeError, match="5 leaves"):
        tree.pack_sequence_as(NEST, [1])
    with pytest.raises(TypeMismatchError, match="flat_sequence=3"):
        tree.pack_sequence_as(NEST, 3)


def test_functions_of_leaves():
    assert tree.map_structure(lambda a, b: (a, b), [1, {"x": 2}], [3, {"x": 4}]) == [(1, 3), {"x": (2, 4)}]
    assert tree.map_structure(str, [1, None], none_is_leaf=False) == ["1", None]
    assert tree.map_structure_up_to([0, 0], len, [[1, 2], (3,)]) == [2, 1]
    shapes = {"a": (None, 3), "b": [(2, 4)]}
    assert tree.map_shape_structure(lambda shape: shape[1:], shapes) == {"a": (3,), "b": [(4,)]}
    with pytest.raises(TypeMismatchError, match="callable|function"):
        tree.map_structure(3, [1])


def test_parts_are_replaced_from_the_top_or_the_bottom():
    assert tree.traverse(lambda part: 0 if part == [1] else None, [[1], 2]) == [0, 2]
    assert tree.traverse(lambda part: tree.MAP_TO_NONE if part == 2 else None, [1, 2]) == [1, None]
    assert tree.lists_to_tuples([1, [2, {"a": [3]}]]) == (1, (2, {"a": (3,)}))


def test_forms_are_compared():
    tree.assert_same_structure([1, (2,)], [3, (4,)])
    tree.assert_same_paths([1, 2], (3, 4))
    for other in ([1], [1, [2]], (1, (2,))):
        with pytest.raises(ShapeError):
            tree.assert_same_structure([1, (2,)], other)
    with pytest.raises(ShapeError, match="same paths"):
        tree.assert_same_paths({"a": 1}, {"b": 1})
