"""Where each part of a model keeps its variables in a file: Keras 3's tree of names.

    layers/conv2d/vars/0        the kernel of the model's first Conv2D, whatever its name
    layers/conv2d_1/vars/1      the bias of the second
    optimizer/vars/0            the iteration; then the learning rate and the slots

The layers of a Sequential or functional model lie below `layers`; layers that are attributes of another layer or of a
model class lie below the attribute's name, those inside lists and dicts below their class' name with a number.
"""

from __future__ import annotations

import functools
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from striate.errors import ModelFileError, StriateError, received
from striate.layers import Layer
from striate.models import Model, Sequential
from striate.naming import to_snake_case
from striate.optimizers import Optimizer
from striate.untrusted import H5Reader

_PARTS = (Layer, Optimizer)
WITHOUT_SLOTS = 2
"""An optimizer's variables besides its slots: the iteration and the learning rate."""
INNER = "inner_optimizer"
"""Where `LossScaleOptimizer` has the optimizer that it hands everything on to."""


def parts(model: Model) -> Iterator[tuple[str, Any]]:
    """Every part of a model that may own variables, with its path in the file; the model itself has the path ""."""
    seen: set[int] = set()

    def walk(part, path: str):
        if id(part) in seen:
            return
        seen.add(id(part))
        yield path, part
        for name, child in _children(part):
            yield from item(child, f"{path}/{name}".lstrip("/"))

    def item(child, path: str):
        if isinstance(child, _PARTS):
            yield from walk(child, path)
        elif isinstance(child, (list, tuple, dict)):
            used: Counter[str] = Counter()
            for inner in child.values() if isinstance(child, dict) else child:
                name = to_snake_case(type(inner).__name__) if isinstance(inner, _PARTS) else "container"
                if isinstance(inner, (*_PARTS, list, tuple, dict)):
                    yield from item(inner, f"{path}/{_numbered(name, used)}")

    yield from walk(model, "")


def _numbered(name: str, used: Counter[str]) -> str:
    used[name] += 1
    return name if used[name] == 1 else f"{name}_{used[name] - 1}"


def _children(part: Any) -> Iterator[tuple[str, Any]]:
    """Attributes in Keras' order: the layers of a model that knows them, then by name, private ones last."""
    if isinstance(part, Optimizer) and INNER in vars(part):
        yield INNER, vars(part)[INNER]
    if not isinstance(part, Layer):
        return
    if isinstance(part, Sequential) or isinstance(part, Model) and part._graph is not None:
        yield "layers", part.layers
    for name in sorted(vars(part), key=lambda name: (name.startswith("_"), name)):
        if name not in _bookkeeping():
            yield name, vars(part)[name]


@functools.cache
def _bookkeeping() -> frozenset[str]:
    """Attributes that every layer and model has: they hold no parts of their own, save the optimizer."""
    return frozenset({*vars(Layer(name="layer")), *vars(Sequential(name="model")), "_operations"} - {"optimizer"})


def variables_of(part: Any) -> list:
    """The part's own variables, in the order of the file."""
    return part._own_variables() if isinstance(part, Layer) else list(part.variables)


def _place(reader: H5Reader, path: str) -> str:
    """The path as the file has it: newer Keras names a private attribute by the property that hands it out."""
    found = ""
    for name in path.split("/"):
        place, public = (f"{found}/{word}".lstrip("/") for word in (name, name.lstrip("_")))
        found = public if place not in reader.groups and public in reader.groups else place
    return found


class _Restoring:
    """The variables of one part, compared with the file and read, but not yet assigned."""

    def __init__(self, reader: H5Reader, path: str, part: Any):
        self.reader, self.part = reader, part
        self.folder = f"{_place(reader, path)}/vars".lstrip("/")
        self.names = sorted(reader.names_in.get(self.folder, ()), key=lambda name: (len(name), name))
        self.variables = variables_of(part)
        self.reads_itself = isinstance(part, Layer) and type(part).load_own_variables is not Layer.load_own_variables
        self.values: dict[str, np.ndarray] = {}

    def compare(self) -> None:
        """Looks at counts, shapes and types, before anything is read.

        Raises:
            ModelFileError: the file does not hold what the part needs.
        """
        if self.reads_itself:
            return
        label = f"{self.reader.what}: {getattr(self.part, 'name', self.part)!r}"
        if isinstance(self.part, Optimizer) and len(self.names) <= WITHOUT_SLOTS:
            # It was saved before its first step, when Keras has made no slots yet.
            self.variables = self.variables[:len(self.names)]
        if self.names != [str(index) for index in range(len(self.variables))]:
            raise ModelFileError(f"{label} needs {len(self.variables)} variables, the file has {len(self.names)} in "
                                 f"{self.folder}. " + received(names=self.names))
        for name, variable in zip(self.names, self.variables, strict=True):
            entry = self.reader.datasets[f"{self.folder}/{name}"]
            # Where Keras' Adafactor keeps nothing, for vectors, it writes a whole 0.
            empty = isinstance(self.part, Optimizer) and entry.shape == () and entry.dtype.kind in "iu"
            if entry.shape != variable.shape or not (empty or _alike(entry.dtype, np.dtype(variable.dtype))):
                raise ModelFileError(f"{label} needs {variable.dtype} of shape {variable.shape} for {variable.name}. "
                                     + received(shape=entry.shape, dtype=str(entry.dtype)))

    def read(self) -> None:
        """Takes the values out of the file."""
        self.values = {name: self.reader.array(f"{self.folder}/{name}") for name in self.names}

    def assign(self) -> None:
        """Hands the values over."""
        if self.reads_itself:
            self.part.load_own_variables(self.values)
            return
        for variable, value in zip(self.variables, self.values.values(), strict=True):
            variable.assign(value.astype(variable.dtype))


def _alike(one: np.dtype, other: np.dtype) -> bool:
    """Whole numbers for whole numbers, floats for floats; how long they are does not matter."""
    return one.kind == other.kind or one.kind in "iu" and other.kind in "iu"


def restore(model: Model, reader: H5Reader, skip_mismatch: bool = False) -> None:
    """Reads the variables of a model (and of its optimizer, if both have it) out of a file's tree.

    Everything is read and compared before the first value is assigned, so a file that does not fit changes nothing.

    Raises:
        ModelFileError: a part's variables are missing, too many, or of another shape; with `skip_mismatch` such parts
            keep what they have, and a warning says so. So does an optimizer in any case.
    """
    ready = []
    for path, part in parts(model):
        if isinstance(part, Optimizer) and (f"{path}/vars" not in reader.groups
                                            or f"{path}/{INNER}/vars" in reader.groups):
            continue  # Keras writes the variables of an inner optimizer twice; its own group has them alone.
        waiting = _Restoring(reader, path, part)
        try:
            waiting.compare()
        except ModelFileError as error:
            if not (skip_mismatch or isinstance(part, Optimizer)):
                raise
            warnings.warn(f"Skipped: {error}", stacklevel=3)
            continue
        waiting.read()
        ready.append(waiting)
    for waiting in ready:
        try:
            waiting.assign()
        except StriateError as error:
            raise ModelFileError(f"{reader.what}: {error}") from error


def values_of(part: Any) -> Mapping[str, np.ndarray]:
    """What the part writes: "0", "1" ... -> values."""
    store: dict[str, np.ndarray] = {}
    if hasattr(part, "save_own_variables"):
        part.save_own_variables(store)
    else:
        store.update((str(index), variable.numpy()) for index, variable in enumerate(part.variables))
    return store
