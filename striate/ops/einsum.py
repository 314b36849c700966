"""Einstein's summation, made of transposes, sums and one batched matrix product a pair of operands.

Every label of two operands is one of four kinds: *batch* (in both and still needed), *summed* (in both and not needed
any more), *left* or *right* (in one). Both operands are laid out as stacks of matrices (batch, left, summed) and
(batch, summed, right), multiplied, and the product is unfolded again.
"""

from __future__ import annotations

import string

import numpy as np

from striate import ops
from striate.errors import ArgumentError, ShapeError, received
from striate.ops.broadcast import shape_of
from striate.ops.matrix import matmul, product_of, reshape_to


def einsum(subscripts: str, *operands):
    """The sum over repeated labels, as `numpy.einsum`: "ij,jk->ik" is the matrix product.

    One label a letter; "..." stands for leading axes that broadcast; without "->" the labels that occur once are
    kept, in alphabetical order. Raises `ArgumentError` for a malformed formula, `ShapeError` for lengths that differ.

    Example:
        >>> einsum("ij,j->i", [[1.0, 2.0]], [3.0, 4.0])
        array([11.], dtype=float32)
    """
    inputs, output = _parsed(subscripts, [len(shape_of(operand)) for operand in operands])
    lengths = _lengths(inputs, operands, subscripts)
    terms = [_without_repeats(operand, labels, lengths) for operand, labels in zip(operands, inputs, strict=True)]
    x, labels = terms[0]
    for position, (other, other_labels) in enumerate(terms[1:], start=2):
        needed = set(output).union(*[later for _, later in terms[position:]])
        x, labels = _pair((x, labels), (other, other_labels), needed, lengths)
    x, labels = _summed((x, labels), set(output))
    return _ordered(x, labels, output)


def _parsed(subscripts: str, ranks: list[int]) -> tuple[list[str], str]:
    """The labels of each operand and of the result, the dots replaced by letters not in use."""
    left, arrow, output = subscripts.replace(" ", "").partition("->")
    inputs = left.split(",")
    letters = (left + output).replace("...", "").replace(",", "")
    if len(inputs) != len(ranks) or (letters and not letters.isalpha()):
        raise ArgumentError(f"`subscripts` must name the axes of {len(ranks)} operands by letters, as in 'ij,jk->ik'. "
                            + received(subscripts=subscripts))
    free = [letter for letter in string.ascii_letters if letter not in letters]
    dots = max([0] + [rank - len(term.replace("...", "")) for term, rank in zip(inputs, ranks, strict=True)
                      if "..." in term])
    named = "".join(free[:dots])

    def spelled(term, rank):
        count = rank - len(term.replace("...", ""))
        if count < 0 or (count > 0 and "..." not in term):
            raise ArgumentError(f"The term {term!r} does not name each axis of an operand with {rank} axes. "
                                + received(subscripts=subscripts))
        return term.replace("...", named[dots - count:])
    spelled_inputs = [spelled(term, rank) for term, rank in zip(inputs, ranks, strict=True)]
    if not arrow:
        return spelled_inputs, named + "".join(sorted(x for x in set(letters) if letters.count(x) == 1))
    output = output.replace("...", named)
    if len(set(output)) < len(output) or not set(output) <= set("".join(spelled_inputs)):
        raise ArgumentError("The result of an einsum names each of its labels once, and only labels of the operands. "
                            + received(subscripts=subscripts))
    return spelled_inputs, output


def _lengths(inputs: list[str], operands, subscripts: str) -> dict[str, int | None]:
    """The length of each label; 1 gives way to a longer one."""
    lengths: dict[str, int | None] = {}
    for labels, operand in zip(inputs, operands, strict=True):
        for label, length in zip(labels, shape_of(operand), strict=True):
            known = lengths.get(label, 1)
            if known != 1 and length not in (1, None, known) and known is not None:
                raise ShapeError(f"The label {label!r} stands for axes of different lengths. "
                                 + received(subscripts=subscripts, shapes=[shape_of(o) for o in operands]))
            lengths[label] = length if known == 1 or (known is None and length != 1) else known
    return lengths


def _without_repeats(x, labels: str, lengths: dict) -> tuple:
    """The operand with one axis a label: diagonals taken, axes of length 1 that broadcast dropped."""
    for label in sorted(set(labels)):
        while labels.count(label) > 1:
            first, second = [place for place, other in enumerate(labels) if other == label][:2]
            rest = [place for place in range(len(labels)) if place not in (first, second)]
            shape, length = shape_of(x), lengths[label]
            moved = ops.transpose(x, axes=(*rest, first, second))
            flat = reshape_to(moved, (*[shape[place] for place in rest], length * length))
            x = ops.take(flat, np.arange(length, dtype=np.int32) * (length + 1), axis=-1)
            labels = "".join(labels[place] for place in rest) + label
    dropped = tuple(place for place, length in enumerate(shape_of(x)) if length == 1 and lengths[labels[place]] != 1)
    if dropped:
        x = ops.squeeze(x, axis=dropped)
        labels = "".join(label for place, label in enumerate(labels) if place not in dropped)
    return x, labels


def _summed(operand: tuple, needed: set[str]) -> tuple:
    """The operand without the axes whose labels nobody needs."""
    x, labels = operand
    axes = tuple(place for place, label in enumerate(labels) if label not in needed)
    return (ops.sum(x, axis=axes), "".join(x for x in labels if x in needed)) if axes else (x, labels)


def _ordered(x, labels: str, wanted: str):
    """The operand with its axes in the wanted order."""
    return x if labels == wanted else ops.transpose(x, axes=tuple(labels.index(label) for label in wanted))


def _pair(one: tuple, other: tuple, needed: set[str], lengths: dict) -> tuple:
    """The product of two operands, summed over the labels that both have and nobody else needs."""
    x, x_labels = _summed(one, needed | set(other[1]))
    y, y_labels = _summed(other, needed | set(x_labels))
    batch = "".join(label for label in x_labels if label in y_labels and label in needed)
    summed = "".join(label for label in x_labels if label in y_labels and label not in needed)
    left = "".join(label for label in x_labels if label not in y_labels)
    right = "".join(label for label in y_labels if label not in x_labels)

    def stacked(z, labels, *groups):
        return reshape_to(_ordered(z, labels, "".join(groups)),
                          [product_of([lengths[label] for label in group]) for group in groups])
    product = matmul(stacked(x, x_labels, batch, left, summed), stacked(y, y_labels, batch, summed, right))
    labels = batch + left + right
    return reshape_to(product, [lengths[label] for label in labels]), labels
