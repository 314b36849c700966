"""What is asked of data before anything is computed: do they fit the model and the loss, are they finite?

Networks and losses that do not go together are warned of in `mismatches.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from striate.errors import DataError, ShapeError, received
from striate.layers.core import Embedding
from striate.models.structure import flatten
from striate.models.training.compile_loss import OutputLoss
from striate.models.training.loss_kinds import kind_of, option
from striate.models.training.outputs import Outputs

_CHUNK = 1 << 18


# ---- inputs ----------------------------------------------------------------------------------------------------------

def check_inputs(graph, x: Any, name: str) -> None:
    """Do the input arrays fit the symbolic inputs?

    Args:
        graph: the model's graph of layers; None for a class with a `call` of the user's, whose layers check themselves.
        x: the nest of arrays.
        name: the model's name, for messages.

    Raises:
        DataError: not one array for each input.
        ShapeError: an array has another shape than its input, with advice for the usual slips.
        ArgumentError: an integer has no row in the table of an `Embedding` on an input.
    """
    if graph is None:
        return
    arrays = flatten(x)
    if not isinstance(x, dict) and len(arrays) != len(graph.inputs):
        names = ", ".join(tensor.name for tensor in graph.inputs)
        plural = "s" if len(graph.inputs) > 1 else ""
        raise DataError(f"The model '{name}' takes {len(graph.inputs)} input{plural} ({names}), so `x` must hold "
                        f"{len(graph.inputs)} array{plural}. {received(arrays=len(arrays))}. "
                        "Samples of one input belong into one array: numpy.stack(x).")
    given = dict(zip(map(id, graph.inputs), graph.align(x, fit=False), strict=True))
    for tensor, array in zip(graph.inputs, given.values(), strict=True):
        if not _fits(tensor.shape, array.shape):
            raise ShapeError(f"The data do not fit the input '{tensor.name}' of the model '{name}': expected shape "
                             f"{tensor.shape}, where None is the number of samples. {received(shape=array.shape)}."
                             f"{_advice(tensor.shape, array.shape)}")
    for node in graph.nodes:
        if isinstance(node.operation, Embedding):
            node.operation.check_numbers(given.get(id(node.input_tensors[0])))


def _fits(wanted: tuple, shape: tuple) -> bool:
    if len(shape) == len(wanted) - 1 and wanted[-1] == 1:
        shape = (*shape, 1)
    if len(shape) == len(wanted) + 1 and shape[-1] == 1:
        shape = shape[:-1]
    return len(shape) == len(wanted) and all(n is None or n == m
                                             for n, m in zip(wanted[1:], shape[1:], strict=True))


def _advice(wanted: tuple, shape: tuple) -> str:
    """How the usual slips are mended."""
    sample = wanted[1:]
    if _looks_like_data_set(sample) and (_matches(sample[1:], shape[1:]) or _matches(sample[1:], (*shape[1:], 1))):
        return (f" Was `input_shape` the shape of the whole data set? It describes one sample: "
                f"input_shape={tuple(sample[1:])}.")
    if _matches(sample, shape) or (sample[-1:] == (1,) and _matches(sample[:-1], shape)):
        return " This is one sample; give a batch of one: x[numpy.newaxis]."
    if len(shape) == len(wanted) == 4 and _matches((sample[2], sample[0], sample[1]), shape[1:]):
        return " The channels come first in the data; move them to the end: numpy.moveaxis(x, 1, -1)."
    if None not in sample and int(np.prod(shape[1:], dtype=np.int64)) == int(np.prod(sample, dtype=np.int64)):
        return f" The numbers of a sample are as many: reshape them, x.reshape({(-1, *sample)})."
    if len(shape) == len(wanted) - 1 and len(wanted) == 4:
        return " The channel axis may be missing: x[..., numpy.newaxis]."
    if len(shape) == len(wanted) == 4 and _matches(sample[:2], shape[1:3]):
        return f" The images have {shape[3]} channels, the model expects {sample[2]}."
    return ""


def _looks_like_data_set(sample: tuple) -> bool:
    """Whether this cannot well be the shape of one sample: (60000, 28, 28) rather than (28, 28, 1)."""
    return None not in sample and (len(sample) > 3 or sample[0] > 1000 or
                                   (len(sample) == 3 and sample[-1] not in (1, 2, 3, 4)))


def _matches(wanted: tuple, shape: tuple) -> bool:
    return len(wanted) == len(shape) > 0 and all(n is None or n == m for n, m in zip(wanted, shape, strict=True))


# ---- numbers ---------------------------------------------------------------------------------------------------------

def check_finite(nest: Any, what: str) -> None:
    """Are there neither NaN nor infinity?

    Raises:
        DataError: names the first sample that has one.
    """
    for array in flatten(nest):
        if array is None or array.dtype.kind != "f":
            continue
        flat = array.reshape(-1)
        for start in range(0, flat.size, _CHUNK):
            bad = ~np.isfinite(flat[start:start + _CHUNK])
            if bad.any():
                index = np.unravel_index(start + int(bad.argmax()), array.shape)
                raise DataError(f"`{what}` holds {array[index]} at index {tuple(map(int, index))}; training on it "
                                "would make every weight NaN. Remove such samples, or replace the values with "
                                f"numpy.nan_to_num. {received(shape=array.shape, dtype=str(array.dtype))}")


@contextmanager
def found_in(argument: str) -> Iterator[None]:
    """Says of faults of data which argument they are in."""
    try:
        yield
    except (DataError, ShapeError) as error:
        raise type(error)(f"In `{argument}`: {error}") from None


# ---- targets ---------------------------------------------------------------------------------------------------------

def check_targets(outputs: Outputs, targets: list, losses: list[OutputLoss]) -> None:
    """Are there targets, and do they fit what the losses compare them with?

    Raises:
        DataError: missing targets, labels out of range or of the wrong kind.
        ShapeError: shapes that cannot be compared.
    """
    for entry in losses:
        target, shape = targets[entry.index], outputs.tensors[entry.index].shape
        if target is None:
            raise DataError(f"`y` is missing for the output {outputs.names[entry.index]!r}, whose loss is "
                            f"{entry.loss.name!r}. Give targets, or no loss for this output.")
        check = _CHECKS.get(kind_of(entry.loss) or "")
        if check is not None:
            check_finite(target, "y")
            check(target, shape, entry.loss)


def _check_sparse(labels: np.ndarray, shape: tuple, loss: Any) -> None:
    classes = shape[-1]
    if labels.ndim == len(shape) and labels.shape[-1] == classes != 1:
        raise DataError("`sparse_categorical_crossentropy` takes class numbers 0, 1, 2 ..., but `y` looks one-hot. "
                        f"{received(y_shape=labels.shape, output_shape=shape)}. Use loss='categorical_crossentropy', "
                        "or numpy.argmax(y, axis=-1).")
    if labels.ndim == len(shape) and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if labels.ndim != len(shape) - 1 or not _matches_rest(shape[1:-1], labels.shape[1:]):
        raise ShapeError("Class numbers must have the output's shape without its last axis. "
                         + received(y_shape=labels.shape, output_shape=shape))
    if labels.dtype.kind == "f":
        _refuse(labels, labels != np.floor(labels), "`y` must hold whole class numbers for "
                "`sparse_categorical_crossentropy`", "Are these targets of a regression? Then use loss='mse'.")
    ignored = option(loss, "ignore_class")
    outside = (labels < 0) | (labels >= classes)
    if ignored is not None:
        outside &= labels != ignored
    _refuse(labels, outside, f"`y` must hold class numbers from 0 to {classes - 1}, because the output has {classes} "
            f"unit{'s' * (classes > 1)}", _range_advice(labels, classes))


def _range_advice(labels: np.ndarray, classes: int) -> str:
    low, high = labels.min(), labels.max()
    if low == 1 and high == classes:
        return "The classes are counted from 1: use y - 1."
    if classes == 1:
        return "For two classes and one unit use loss='binary_crossentropy'."
    if low < 0:
        return "Negative labels stand for no class."
    return f"Give the last layer {int(high) + 1} units, or number the classes anew."


def _check_categorical(target: np.ndarray, shape: tuple, loss: Any) -> None:
    classes = shape[-1]
    if classes != 1 and (target.ndim == len(shape) - 1 or (target.ndim == len(shape) and target.shape[-1] == 1)):
        raise DataError(f"`{loss.name}` takes one-hot targets, but `y` looks like class numbers. "
                        f"{received(y_shape=target.shape, output_shape=shape)}. Use "
                        f"loss='sparse_categorical_crossentropy', or keras.utils.to_categorical(y, {classes}).")
    _check_same_shape(target, shape, loss)


def _check_binary(target: np.ndarray, shape: tuple, loss: Any) -> None:
    _check_same_shape(target, shape, loss)
    _refuse(target, (target < 0) | (target > 1), "`y` must lie between 0 and 1 for `binary_crossentropy`",
            "For labels -1 and 1 use (y + 1) / 2 or loss='hinge'; for more classes "
            "'sparse_categorical_crossentropy'.")


def _check_same_shape(target: np.ndarray, shape: tuple, loss: Any) -> None:
    found = target.shape
    if len(found) == len(shape) - 1 and shape[-1] == 1:
        found = (*found, 1)
    elif len(found) == len(shape) + 1 and found[-1] == 1:
        found = found[:-1]
    if len(found) != len(shape) or not _matches_rest(shape[1:], found[1:]):
        wanted = ("samples", *shape[1:])
        raise ShapeError(f"`y` must have the shape of the output, ({', '.join(map(str, wanted))}), for the loss "
                         f"`{loss.name}`. {received(y_shape=target.shape, output_shape=shape)}")


def _matches_rest(wanted: tuple, shape: tuple) -> bool:
    return len(wanted) == len(shape) and all(n is None or n == m for n, m in zip(wanted, shape, strict=True))


def _refuse(labels: np.ndarray, bad: np.ndarray, rule: str, mend: str) -> None:
    if not bad.any():
        return
    index = np.unravel_index(int(bad.reshape(-1).argmax()), labels.shape)
    place = int(index[0]) if len(index) == 1 else tuple(map(int, index))
    raise DataError(f"{rule}. {received(label=labels[index].item(), index=place)}; {int(bad.sum())} of {bad.size} "
                    f"labels are wrong. {mend}")


_CHECKS = {"sparse": _check_sparse, "categorical": _check_categorical, "binary": _check_binary,
           "distance": _check_same_shape, "regression": _check_same_shape}
