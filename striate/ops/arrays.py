"""Rarer functions of whole arrays under NumPy's names, made of other ops."""

from __future__ import annotations

import re
from math import prod

import numpy as np

from striate import ops
from striate.errors import ArgumentError, GraphError, ShapeError, received
from striate.ops.broadcast import broadcast_shapes, dtype_of, floating, length_of, shape_of
from striate.ops.dispatch import active_tracer, to_array

_builtin_any = any


# ---- products --------------------------------------------------------------------------------------------------------

def cross(x1, x2, axisa=-1, axisb=-1, axisc=-1, axis=None):
    """The vector product along an axis of 3 numbers (2: the third is 0); of two planes its third number alone.

    Shapes: x1, x2 that broadcast, but for the axes of the vectors: `axisa`, `axisb`, and `axisc` in the result; `axis`
    says all three.

    Raises:
        ShapeError: when the axis has another length.

    Example:
        >>> cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]).tolist()
        [0.0, 0.0, 1.0]
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    first, second = ops.moveaxis(x1, axisa, -1), ops.moveaxis(x2, axisb, -1)
    lengths = shape_of(first)[-1], shape_of(second)[-1]
    if not set(lengths) <= {2, 3}:
        raise ShapeError("cross takes vectors of two or three numbers. " + received(x1=shape_of(x1), x2=shape_of(x2)))
    a, b = ([ops.get_item(x, (Ellipsis, i)) for i in range(n)] for x, n in zip((first, second), lengths, strict=True))
    third = a[0] * b[1] - a[1] * b[0]
    if lengths == (2, 2):
        return third
    a3, b3 = (part[2] if len(part) == 3 else ops.zeros_like(part[0]) for part in (a, b))
    return ops.moveaxis(ops.stack([a[1] * b3 - a3 * b[1], a3 * b[0] - a[0] * b3, third], axis=-1), -1, axisc)


def kron(x1, x2):
    """Kronecker's product: each number of x1 times the whole of x2, in the place of that number.

    Shapes: (n, m) and (p, q) give (n p, m q).
    """
    rank = max(len(shape_of(x1)), len(shape_of(x2)))
    first, second = ((1,) * (rank - len(shape_of(x))) + shape_of(x) for x in (x1, x2))
    wide = ops.multiply(ops.reshape(x1, [n for length in first for n in (length, 1)]),
                        ops.reshape(x2, [n for length in second for n in (1, length)]))
    return ops.reshape(wide, [m * n for m, n in zip(first, second, strict=True)])


def vander(x, N=None, increasing=False):  # noqa: N803 - Keras' name
    """The powers of a line x: (n, N), falling from N - 1 to 0, or rising.

    Shapes: x (n,); N is n unless given. `increasing`: powers from 0 to N - 1.
    """
    length = length_of(x, 0)
    count = length if N is None else int(N)
    powers, columns = ops.ones_like(x), []
    for _ in range(count):
        columns.append(powers)
        powers = ops.multiply(powers, x)
    return ops.stack(columns if increasing else columns[::-1], axis=-1)


def cdist(x, y):
    """The distances of the points (..., n, d) from the points (..., m, d): (..., n, m).

    Raises `ShapeError` when d differs.
    """
    away = ops.subtract(ops.expand_dims(x, -2), ops.expand_dims(y, -3))
    return ops.sqrt(ops.sum(ops.square(away), axis=-1))


def corrcoef(x):
    """The correlations of the rows of x (n, samples) with one another: (n, n).

    A single line x (samples,) gives one number.
    """
    x = ops.cast(x, floating(dtype_of(x)))
    rows = ops.reshape(x, (1, -1)) if len(shape_of(x)) == 1 else x
    away = rows - ops.mean(rows, axis=1, keepdims=True)
    common = ops.matmul(away, away, transpose_b=True)
    spread = ops.sqrt(ops.diagonal(common))
    y = ops.clip(common / ops.outer(spread, spread), -1.0, 1.0)
    return ops.squeeze(y) if len(shape_of(x)) == 1 else y


# ---- order and places ------------------------------------------------------------------------------------------------

def ptp(x, axis=None, keepdims=False):
    """The largest element over `axis` less the smallest.

    Shapes: x any; gives x's without the axes that `axis` names (None: all), or with length 1 there if `keepdims`.
    """
    return ops.subtract(ops.max(x, axis, keepdims), ops.min(x, axis, keepdims))


def argpartition(x, kth, axis=-1):
    """Positions along `axis` such that what comes before place `kth` is no larger, and what comes after no smaller.

    Shapes: x any; gives int32 of x's shape. Raises `ArgumentError` for a place outside the axis.
    """
    axis_of = 0 if axis is None else axis
    length = prod(shape_of(x)) if axis is None else shape_of(x)[axis_of]
    if not -length <= kth < length:
        raise ArgumentError(f"`kth` must lie inside the axis of length {length}. " + received(kth=kth))
    return ops.argsort(x, axis)


def isin(x1, x2, assume_unique=False, invert=False):
    """Whether each element of x1 is an element of x2 (or is not, with `invert`); bool of x1's shape.

    Shapes: x1 and x2 any. `assume_unique` changes nothing.
    """
    found = ops.any(ops.equal(ops.expand_dims(x1, -1), ops.reshape(x2, (-1,))), axis=-1)
    return ops.logical_not(found) if invert else found


def unravel_index(indices, shape):
    """Places of the flattened tensor as places along each axis of `shape`: a tuple of integers.

    Shapes: `indices` any; gives a tensor of their shape for each axis.

    Example:
        >>> [int(place) for place in unravel_index(5, (2, 3))]
        [1, 2]
    """
    places, rest = [], ops.convert_to_tensor(indices)
    rest = ops.where(ops.less(rest, 0), ops.add(rest, prod(shape)), rest)
    for length in reversed(tuple(shape)):
        places.append(ops.mod(rest, int(length)))
        rest = ops.floor_divide(rest, int(length))
    return tuple(reversed(places))


def _arrays_only(name: str, *values) -> list[np.ndarray]:
    """The values as arrays. Raises `GraphError` inside a program, where the length of the result is not known."""
    if active_tracer() is not None or _builtin_any(hasattr(value, "__striate_symbolic__") for value in values):
        raise GraphError(f"The length of what {name} gives depends on numbers, so it cannot be part of a model or of "
                         "a program. Use it on arrays, or write the rest with a condition, as in ops.where.")
    return [to_array(value) for value in values]


def nonzero(x):
    """The places of all elements that are not zero: for each axis a line of integers. On arrays only.

    Shapes: x any; gives a tuple of x's rank. Raises `GraphError` inside a model.
    """
    (array,) = _arrays_only("nonzero", x)
    if not array.ndim:
        raise ShapeError("A number has no places: a line at least was expected. " + received(shape=()))
    return tuple(line.astype(np.int32) for line in np.nonzero(array))


def unique(x, sorted=True, return_index=False, return_inverse=False, return_counts=False, axis=None, size=None,
           fill_value=None):
    """The different elements of x (or slices along `axis`), rising; on arrays only.

    Raises `GraphError` inside a model. `sorted` changes nothing: the result always rises.

    Args:
        return_index, return_inverse, return_counts: also give where each comes first, which of them each element of x
            is, and how often each comes.
        size: the length of the results: what is more is cut off, what is missing filled with `fill_value` (the
            smallest element by default; 0 for indices and counts).
    """
    array = _arrays_only("unique", x)[0]
    results = list(np.unique(array, True, True, True, axis=axis, equal_nan=False))
    inverse = results[2].astype(np.int32)
    if size is not None:
        place = 0 if axis is None else axis
        smallest = np.take(results[0], [0], axis=place)
        filler = smallest if fill_value is None else np.full_like(smallest, fill_value)
        results[0] = _of_length(results[0], size, place, filler)
        results[1] = _of_length(results[1], size, 0, results[1][:1])
        results[3] = _of_length(results[3], size, 0, np.zeros(1, int))
    given = [results[0], results[1].astype(np.int32), inverse, results[3].astype(np.int32)]
    kept = [item for item, wanted in zip(given, (True, return_index, return_inverse, return_counts), strict=True)
            if wanted]
    return kept[0] if len(kept) == 1 else tuple(kept)


def _of_length(line, size: int, axis: int, filler):
    kept = np.take(line, np.arange(min(size, line.shape[axis])), axis=axis)
    missing = size - kept.shape[axis]
    return kept if missing == 0 else np.concatenate([kept, np.repeat(filler, missing, axis=axis)], axis=axis)


# ---- shapes ----------------------------------------------------------------------------------------------------------

def diagflat(x, k=0):
    """The square with the elements of x on its k-th diagonal.

    Shapes: x of n numbers; gives (n + |k|, n + |k|).
    """
    return ops.diag(ops.ravel(x), k)


def hsplit(x, indices_or_sections):
    """x cut along its second axis; a line along its only one.

    `indices_or_sections` as in `split`; gives a list. Raises `ShapeError` when the axis cannot be cut into equal parts.
    """
    return ops.split(x, indices_or_sections, axis=1 if len(shape_of(x)) > 1 else 0)


def vsplit(x, indices_or_sections):
    """x cut along its first axis.

    `indices_or_sections` as in `split`; gives a list. Raises `ShapeError` when the axis cannot be cut into equal parts.
    """
    return ops.split(x, indices_or_sections, axis=0)


def dsplit(x, indices_or_sections):
    """x cut along its third axis.

    `indices_or_sections` as in `split`; gives a list. Raises `ShapeError` when the axis cannot be cut into equal parts.
    """
    return ops.split(x, indices_or_sections, axis=2)


def logspace(start, stop, num=50, endpoint=True, base=10, dtype=None, axis=0):
    """`num` numbers from base ** start to base ** stop, each the same multiple of the one before.

    Shapes: as those of `linspace`, `endpoint` and `axis` too.
    """
    return np.logspace(start, stop, num, endpoint, base, axis=axis).astype(dtype or "float32")


def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    """`num` numbers from start to stop, each the same multiple of the one before.

    Shapes: as those of `linspace`, `endpoint` and `axis` too.
    """
    return np.geomspace(start, stop, num, endpoint, axis=axis).astype(dtype or "float32")


def psnr(x1, x2, max_val):
    """The ratio of signal to noise of two tensors of one shape, in decibels: 20 log10(max_val) - 10 log10(mean square).

    Shapes: x1, x2 of one shape; gives a number. `max_val`: the largest value that a number can have.

    Raises:
        ShapeError: when the shapes differ.
    """
    if shape_of(x1) != shape_of(x2):
        raise ShapeError("psnr compares tensors of one shape. " + received(x1=shape_of(x1), x2=shape_of(x2)))
    noise = ops.mean(ops.square(ops.subtract(x1, x2)))
    return ops.multiply(ops.log10(ops.cast(max_val, "float32")), 20.0) - ops.multiply(ops.log10(noise), 10.0)


def rearrange(tensor, pattern, **axes_lengths):
    """A tensor whose axes are named, split, moved and joined by a pattern, as in einops.

    Args:
        pattern: names of axes before and after "->"; names in brackets are one axis that is their product.
        axes_lengths: lengths of names in brackets; one of each bracket follows from the others.

    Raises:
        ArgumentError: when the pattern does not fit.

    Example:
        >>> rearrange(np.ones((2, 6, 3)), "b (h w) c -> b c h w", h=2).shape
        (2, 3, 2, 3)
    """
    left, arrow, right = pattern.partition("->")
    before, after = ([group.strip("()").split() for group in re.findall(r"\([^)]*\)|\S+", side)]
                     for side in (left, right))
    names, targets = [n for group in before for n in group], [n for group in after for n in group]
    shape = shape_of(tensor)
    if not arrow or len(before) != len(shape) or sorted(names) != sorted(targets) or len(set(names)) != len(names):
        raise ArgumentError("The pattern of rearrange must name each axis of the tensor, or a bracket for it, and the "
                            "same names again behind '->'. " + received(pattern=pattern, shape=shape))
    lengths: dict[str, int | None] = dict(axes_lengths)
    for group, length in zip(before, shape, strict=True):
        open_names = [name for name in group if name not in lengths]
        known = prod(lengths[name] for name in group if name in lengths)
        if len(open_names) > 1 or (length is not None and length % known) or (not open_names and known != length):
            raise ArgumentError(f"The lengths of the axes {group} do not multiply to {length}. "
                                + received(pattern=pattern, axes_lengths=axes_lengths))
        lengths.update({name: None if length is None else length // known for name in open_names})
    split = ops.reshape(tensor, [-1 if lengths[name] is None else lengths[name] for name in names])
    moved = ops.transpose(split, [names.index(name) for name in targets])
    joined = [None if None in [lengths[n] for n in group] else prod(lengths[n] for n in group) for group in after]
    return ops.reshape(moved, [-1 if length is None else length for length in joined])


# ---- functions over arrays -------------------------------------------------------------------------------------------

def _core(signature: str | None, count: int) -> list[int]:
    """How many last axes of each argument one call of a vectorised function takes."""
    if signature is None:
        return [0] * count
    groups = re.findall(r"\(([^)]*)\)", signature.partition("->")[0])
    if len(groups) != count:
        raise ArgumentError(f"`signature` must have a bracket for each of {count} arguments. "
                            + received(signature=signature))
    return [len([name for name in group.split(",") if name.strip()]) for group in groups]


def vectorize(pyfunc, *, excluded=None, signature=None):
    """A function of single numbers (or of the last axes that `signature` names) as one of arrays that broadcast.

    Args:
        pyfunc: a function of tensors, written with `ops`; it is called once for each place.
        excluded: positions of arguments that are handed on as they are.
        signature: as in NumPy, "(n),(n)->()".

    Example:
        >>> vectorize(lambda a, b: a + b)([1.0, 2.0], 10.0).tolist()
        [11.0, 12.0]
    """
    kept = frozenset(excluded or ())

    def vectorised(*args):
        places = [i for i in range(len(args)) if i not in kept]
        cores = _core(signature, len(places))
        tensors = [ops.convert_to_tensor(args[i]) for i in places]
        loops = [shape_of(t)[:len(shape_of(t)) - c] for t, c in zip(tensors, cores, strict=True)]
        loop = broadcast_shapes(*loops)
        rows = [ops.reshape(ops.broadcast_to(t, (*loop, *shape_of(t)[len(own):])), (-1, *shape_of(t)[len(own):]))
                for t, own in zip(tensors, loops, strict=True)]

        def call(parts):
            filled = list(args)
            for place, part in zip(places, parts, strict=True):
                filled[place] = part
            return pyfunc(*filled)
        results = ops.map(call, rows)
        several = isinstance(results, tuple)
        shaped = tuple(ops.reshape(y, (*loop, *shape_of(y)[1:])) for y in (results if several else (results,)))
        return shaped if several else shaped[0]
    return vectorised
