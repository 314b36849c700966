"""Connectionist temporal classification: the loss of a sequence of labels without places, and its reading back.

Between labels any number of masks may stand; equal labels in a row need one between them.
"""

from __future__ import annotations

import numpy as np

from striate import ops
from striate.errors import ArgumentError, ShapeError, received
from striate.ops.broadcast import shape_of
from striate.ops.dispatch import apply
from striate.ops.spec import OpSpec, TensorType, register

_NEVER = -1e5
"""The logarithm of a probability that counts as 0."""


def _start(count: int, states: int, first: float):
    row = np.full((1, states), _NEVER, np.float32)
    row[0, :1] = first
    return ops.broadcast_to(row, (count, states))


def _joined(behind, arriving):
    """Scores of having `behind` labels, with those that arrive from a label added to all but the first."""
    first, rest = ops.get_item(behind, (slice(None), slice(0, 1))), ops.get_item(behind, (slice(None), slice(1, None)))
    return ops.concatenate([first, ops.logaddexp(rest, arriving)], axis=-1)


def ctc_loss(target, output, target_length, output_length, mask_index=0):
    """-log of the probability of each target sequence (`keras.ops.ctc_loss`).

    Args:
        target: (n, labels) integers. output: (n, steps, classes), before the softmax.
        target_length, output_length: (n,): how many labels and steps of each row count.
        mask_index: the class that says nothing.

    Returns:
        (n,).

    Example:
        >>> loss = ctc_loss([[1]], np.zeros((1, 1, 2), np.float32), [1], [1])
        >>> bool(abs(loss[0] - np.log(2.0)) < 1e-6)
        True
    """
    target = ops.cast(target, "int32")
    count, labels = shape_of(target)
    _, steps, classes = shape_of(output)
    logs = ops.log_softmax(output, axis=-1)
    emits = ops.einsum("btk,bnk->btn", logs, ops.one_hot(target, classes))
    masks = ops.get_item(logs, (slice(None), slice(None), slice(mask_index, mask_index + 1)))
    same = ops.equal(ops.get_item(target, (slice(None), slice(0, labels - 1))),
                     ops.get_item(target, (slice(None), slice(1, None))))
    repeats = ops.pad(ops.cast(same, "float32"), [(0, 0), (0, 1)])
    behind, inside = _start(count, labels + 1, 0.0), _start(count, labels, _NEVER)
    over = ops.reshape(ops.cast(output_length, "float32"), (count, 1))
    for step in range(steps):
        emit, mask = ops.get_item(emits, (slice(None), step)), ops.get_item(masks, (slice(None), step))
        ready = _joined(behind, inside + repeats * _NEVER)
        next_inside = ops.logaddexp(ops.get_item(ready, (slice(None), slice(0, labels))) + emit, inside + emit)
        next_behind = _joined(ready + mask, inside + mask + (1.0 - repeats) * _NEVER)
        counts = ops.greater(over, float(step))
        behind, inside = ops.where(counts, next_behind, behind), ops.where(counts, next_inside, inside)
    ends = ops.one_hot(ops.cast(target_length, "int32"), labels + 1)
    return -ops.sum(_joined(behind, inside) * ends, axis=-1)


# ---- reading back ----------------------------------------------------------------------------------------------------

def _greedy(inputs, lengths, merge_repeated: bool, mask_index: int):
    count, steps, _ = shape_of(inputs)
    order = np.arange(steps, dtype=np.int32)
    over = ops.greater_equal(order, ops.expand_dims(lengths, -1))
    best = ops.where(over, mask_index, ops.argmax(inputs, axis=-1))
    scores = ops.where(over, 0.0, ops.max(inputs, axis=-1))
    kept = best
    if merge_repeated:
        again = ops.equal(ops.get_item(best, (slice(None), slice(1, None))),
                          ops.get_item(best, (slice(None), slice(0, steps - 1))))
        again = ops.concatenate([np.zeros((count, 1), bool), again], axis=1)
        kept = ops.where(again, mask_index, best)
    silent = ops.equal(kept, mask_index)
    places = ops.argsort(ops.where(silent, steps, ops.broadcast_to(order, (count, steps))), axis=-1)
    found = ops.take_along_axis(ops.where(silent, -1, kept), places, axis=-1)
    return ops.expand_dims(found, 0), ops.expand_dims(-ops.sum(scores, axis=1), -1)


def _beams(logs: np.ndarray, width: int, mask_index: int) -> dict[tuple, float]:
    """The most probable readings of one sequence of log probabilities (steps, classes), each with its score.

    For each reading two scores are kept: of the ways that end with a label, and of those that end with the mask.
    """
    beams: dict[tuple, tuple[float, float]] = {(): (-np.inf, 0.0)}
    for row in logs:
        grown: dict[tuple, list[float]] = {}

        def enter(reading, label, score, grown=grown):
            scores = grown.setdefault(reading, [-np.inf, -np.inf])
            scores[label] = np.logaddexp(scores[label], score)
        for reading, (spoken, silent) in beams.items():
            both = np.logaddexp(spoken, silent)
            enter(reading, 1, both + row[mask_index])
            for label, score in enumerate(row):
                if label == mask_index:
                    continue
                again = bool(reading) and reading[-1] == label
                if again:
                    enter(reading, 0, spoken + score)
                enter((*reading, label), 0, (silent if again else both) + score)
        ranked = sorted(grown.items(), key=lambda item: np.logaddexp(item[1][0], item[1][1]), reverse=True)
        beams = {reading: (scores[0], scores[1]) for reading, scores in ranked[:width]}
    return {reading: float(np.logaddexp(*scores)) for reading, scores in beams.items()}


def _beam_shape(inputs, beam_width, top_paths, mask_index):
    count, steps, _ = inputs[0].shape
    return [TensorType((top_paths, count, steps), "int32"), TensorType((count, top_paths), "float32")]


def _beam_reference(inputs, lengths, beam_width, top_paths, mask_index):
    count, steps, _ = inputs.shape
    paths, scores = np.full((top_paths, count, steps), -1, np.int32), np.full((count, top_paths), -np.inf, np.float32)
    exact = inputs.astype(np.float64)
    logs = exact - np.logaddexp.reduce(exact, axis=-1, keepdims=True)
    for sample in range(count):
        found = _beams(logs[sample, :int(lengths[sample])], beam_width, mask_index)
        for place, (reading, score) in enumerate(list(found.items())[:top_paths]):
            paths[place, sample, :len(reading)] = reading
            scores[sample, place] = score
    return [paths, scores]


register(OpSpec("ctc_beam_search", _beam_shape, _beam_reference))


def ctc_decode(inputs, sequence_lengths, strategy="greedy", beam_width=100, top_paths=1, merge_repeated=True,
               mask_index=0):
    """The label sequences of network outputs (`keras.ops.ctc_decode`).

    Args:
        inputs: (n, steps, classes) scores; for "beam_search" before the softmax.
        sequence_lengths: (n,): the steps that count.
        strategy: "greedy" (the best class of each step) or "beam_search" (the `beam_width` best beginnings are kept).
        top_paths: how many readings a beam search gives.
        merge_repeated: whether equal neighbours are one, for "greedy".
        mask_index: the class that says nothing.

    Returns:
        Labels (readings, n, steps), int32, filled up with -1, and scores: minus the sum of the chosen scores (n, 1), or
        the log probability of each reading (n, top_paths).

    Raises:
        ArgumentError: for another strategy.
        ShapeError: for other shapes.
    """
    shape, count = shape_of(inputs), shape_of(sequence_lengths)
    if len(shape) != 3 or len(count) != 1 or None not in (shape[0], count[0]) and shape[0] != count[0]:
        raise ShapeError("ctc_decode takes scores (n, steps, classes) and n lengths. "
                         + received(inputs=shape, sequence_lengths=count))
    lengths = ops.cast(sequence_lengths, "int32")
    if strategy == "greedy":
        return _greedy(inputs, lengths, merge_repeated, mask_index)
    if strategy == "beam_search":
        return apply("ctc_beam_search", [inputs, lengths], beam_width=int(beam_width), top_paths=int(top_paths),
                     mask_index=int(mask_index))
    raise ArgumentError("`strategy` of ctc_decode must be 'greedy' or 'beam_search'. " + received(strategy=strategy))
