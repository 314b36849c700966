"""Choices and loops: over arrays they run as Python does; in a traced program both branches and all turns are recorded.

A program has no jumps, so a choice that depends on numbers computes both results and keeps one of them, and a loop
whose length is known is written out, turn by turn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from striate import ops
from striate.errors import ArgumentError, received
from striate.ops.broadcast import shape_of
from striate.ops.dispatch import active_tracer


def _known(value: Any) -> bool:
    """Whether a condition has a value now."""
    return isinstance(value, (bool, int, float, np.bool_, np.generic)) or (
        active_tracer() is None and not hasattr(value, "__striate_symbolic__"))


def _pairwise(function: Callable, first: Any, second: Any) -> Any:
    """A function of the leaves of two nests of one structure."""
    if isinstance(first, dict):
        return {key: _pairwise(function, first[key], second[key]) for key in first}
    if isinstance(first, (list, tuple)):
        return type(first)(_pairwise(function, a, b) for a, b in zip(first, second, strict=True))
    return None if first is None else function(first, second)


def cond(pred, true_fn: Callable, false_fn: Callable):
    """true_fn() or false_fn(), by one truth value; in a traced program both are computed.

    Args: pred, one truth value; both functions take nothing and give nests of the same structure and shapes.

    Example:
        >>> cond(True, lambda: 1, lambda: 2)
        1
    """
    if _known(pred):
        return true_fn() if bool(np.asarray(pred)) else false_fn()
    return _pairwise(lambda a, b: ops.where(pred, a, b), true_fn(), false_fn())


def switch(index, branches, *operands):
    """branches[index](*operands), the index limited to the branches that there are.

    Args: index, one integer; branches, functions that give nests of the same structure and shapes.
    """
    if _known(index):
        return branches[min(max(int(np.asarray(index)), 0), len(branches) - 1)](*operands)
    result = branches[-1](*operands)
    for place in range(len(branches) - 2, -1, -1):
        here = ops.less_equal(index, place)
        result = _pairwise(lambda a, b, here=here: ops.where(here, a, b), branches[place](*operands), result)
    return result


def while_loop(cond, body, loop_vars, maximum_iterations=None):  # noqa: A002 - Keras' name
    """Repeats loop_vars = body(*loop_vars) while cond(*loop_vars) holds.

    Shapes: body gives what it takes: as many tensors, of the same shapes.

    Raises:
        ArgumentError: in a traced program, without `maximum_iterations`: the loop must be written out.
    """
    several = isinstance(loop_vars, (list, tuple))
    state = tuple(loop_vars) if several else (loop_vars,)
    turn = 0
    while maximum_iterations is None or turn < maximum_iterations:
        go_on = cond(*state)
        if _known(go_on):
            if not bool(np.asarray(go_on)):
                break
        elif maximum_iterations is None:
            raise ArgumentError("A while_loop whose length depends on numbers needs `maximum_iterations` inside a "
                                "model, because the loop is written out. "
                                + received(maximum_iterations=maximum_iterations))
        new = body(*state)
        new = tuple(new) if isinstance(new, (list, tuple)) else (new,)
        state = new if _known(go_on) else _pairwise(
            lambda a, b, go_on=go_on: ops.where(go_on, a, b), new, state)
        turn += 1
    return state if several else state[0]


def fori_loop(lower: int, upper: int, body_fun: Callable, init_val):
    """value = body_fun(i, value) for i from lower to upper - 1.

    Args: lower, upper, integers; init_val, a tensor or a nest; body_fun gives the same structure and shapes.

    Example:
        >>> fori_loop(0, 4, lambda i, total: total + i, 0)
        6
    """
    for turn in range(int(lower), int(upper)):
        init_val = body_fun(turn, init_val)
    return init_val


def _part(structure: Any, place: int) -> Any:
    """Row `place` of every leaf."""
    if isinstance(structure, dict):
        return {key: _part(item, place) for key, item in structure.items()}
    if isinstance(structure, (list, tuple)):
        return type(structure)(_part(item, place) for item in structure)
    return None if structure is None else ops.get_item(structure, place)


def _length(structure: Any) -> int:
    if isinstance(structure, dict):
        return _length(next(iter(structure.values())))
    if isinstance(structure, (list, tuple)):
        return _length(structure[0])
    return shape_of(structure)[0]


def _stacked(parts: list) -> Any:
    first = parts[0]
    if isinstance(first, dict):
        return {key: _stacked([part[key] for part in parts]) for key in first}
    if isinstance(first, (list, tuple)):
        return type(first)(_stacked([part[i] for part in parts]) for i in range(len(first)))
    return None if first is None else ops.stack(parts, axis=0)


def scan(f, init, xs=None, length=None, reverse=False, unroll=1):
    """(carry, y) = f(carry, x) for each row x of xs; gives the last carry and the stacked ys.

    Shapes: xs (n, ...), a tensor or nest (None: `length` turns); ys (n, ...). f gives a carry like `init`. `reverse`
    goes from the last row to the first; `unroll` is accepted for Keras' sake.

    Raises:
        ArgumentError: neither `xs` nor `length` is given.
    """
    count = _length(xs) if xs is not None else length
    if count is None:
        raise ArgumentError("scan needs `xs` or `length`. " + received(xs=xs, length=length))
    results: list = [None] * count
    for place in reversed(range(count)) if reverse else range(count):
        init, results[place] = f(init, None if xs is None else _part(xs, place))
    return init, _stacked(results)


def map(f, xs):  # noqa: A001 - Keras' name
    """f of each row of xs, stacked.

    Shapes: xs (n, ...), a tensor or a nest; gives (n, ...).

    Example:
        >>> map(lambda row: row * 2.0, np.ones((2, 2), np.float32)).tolist()
        [[2.0, 2.0], [2.0, 2.0]]
    """
    return _stacked([f(_part(xs, place)) for place in range(_length(xs))])


def _sliced(structure: Any, key: tuple) -> Any:
    """The same part of every leaf."""
    return _pairwise(lambda leaf, _: ops.get_item(leaf, key), structure, structure)


def associative_scan(f, elems, reverse=False, axis=0):
    """Running results of a function that joins neighbours: x0, f(x0, x1), f(f(x0, x1), x2), ... along `axis`.

    f(a, b): of whole blocks at once, associative. elems: a tensor, or a nest of tensors of one length along `axis`.
    There are as many calls of f as doublings lead to that length. `reverse` begins at the end.

    Example:
        >>> associative_scan(lambda a, b: a + b, np.arange(4, dtype=np.float32)).tolist()
        [0.0, 1.0, 3.0, 6.0]
    """
    if reverse:
        turned = _pairwise(lambda leaf, _: ops.flip(leaf, axis), elems, elems)
        done = associative_scan(f, turned, axis=axis)
        return _pairwise(lambda leaf, _: ops.flip(leaf, axis), done, done)
    first = elems
    while isinstance(first, (dict, list, tuple)):
        first = next(iter(first.values())) if isinstance(first, dict) else first[0]
    place = axis % len(shape_of(first))
    length, step = shape_of(first)[place], 1
    front = (slice(None),) * place
    while step < length:
        joined = f(_sliced(elems, (*front, slice(0, length - step))), _sliced(elems, (*front, slice(step, length))))
        kept = _sliced(elems, (*front, slice(0, step)))
        elems = _pairwise(lambda a, b: ops.concatenate([a, b], axis=place), kept, joined)
        step *= 2
    return elems


def vectorized_map(function, elements):
    """As `map`; nothing is computed together that `function` computes apart.

    Shapes: elements (n, ...), a tensor or a nest; gives (n, ...).
    """
    return map(function, elements)
