"""State that outlives a step: weights, moving statistics, optimiser slots.

A variable owns an array, or a range of a *flat group*: one aligned buffer in which all trainable weights of a
model (or all slots of one kind) lie one after the other, so that an update, a copy or a sum over machines is one pass.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from striate.errors import ArgumentError, ShapeError, received
from striate.memory import aligned_zeros
from striate.ops.dispatch import TensorMethods, active_tracer

_ALIGN = 16
"""Elements (64 bytes of float32) that each variable of a flat group starts at a multiple of."""
_serial = itertools.count()
_moves = 0


def moves() -> int:
    """How often any variable's value was moved to other memory; programs then look up addresses again."""
    return _moves


def _first_value(value: Any, shape: Sequence[int] | None, dtype: Any) -> Any:
    """The value, or what an initializer (or one's name) makes for a shape."""
    if isinstance(value, str) or callable(value):
        if isinstance(value, str) or shape is not None:
            import striate  # the front door: initializers lie above

            if shape is None:
                raise ArgumentError("An initializer needs a `shape`. " + received(initializer=value, shape=shape))
            return striate.initializers.get(value)(tuple(shape), dtype=dtype or "float32")
        return value()
    if shape is not None and np.shape(value) != tuple(shape):
        raise ShapeError("The value of a variable must have its `shape`. "
                         + received(shape=tuple(shape), shape_of_the_value=np.shape(value)))
    return value


class Variable(TensorMethods):
    """A named array that training changes.

    `version` grows with every assignment from Python, so that what was derived from the value (packed weights)
    knows when to be made again. With `copy=False` the value stays where it lies, in aligned memory of the right type.

    Keras calls the value `initializer`, and it may be one, or its name, with a `shape`; TensorFlow calls it
    `initial_value`.

    Example:
        >>> Variable(initializer="ones", shape=(2,)).numpy().tolist()
        [1.0, 1.0]
    """

    def __init__(self, value=None, name: str = "variable", trainable: bool = True, dtype: str | None = None,
                 copy: bool = True, *, initializer=None, shape=None, initial_value=None):
        given = [item for item in (value, initializer, initial_value) if item is not None]
        if len(given) != 1:
            raise ArgumentError("A variable is made of one value. "
                                + received(value=value, initializer=initializer, initial_value=initial_value))
        array = np.asarray(_first_value(given[0], shape, dtype))
        if copy:
            dtype = dtype or ("float32" if array.dtype == np.float64 else str(array.dtype))
            self._array = aligned_zeros(max(array.size, 1), dtype)[:array.size].reshape(array.shape)
            self._array[...] = array
        else:
            self._array = array
        self.name, self.path, self.trainable = name, name, trainable
        self.serial = next(_serial)
        self.version = 0
        self.group: FlatGroup | None = None
        self.owner: Variable | None = None  # of an optimizer's slot: the variable that it belongs to
        self.regularizer: Callable[[Any], Any] | None = None
        self.constraint: Callable[[Any], Any] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self._array.shape

    @property
    def dtype(self) -> str:
        return str(self._array.dtype)

    @property
    def ndim(self) -> int:
        return self._array.ndim

    @property
    def size(self) -> int:
        return self._array.size

    @property
    def value(self):
        """The value: the traced tensor while a program is traced, else the array itself (not a copy)."""
        tracer = active_tracer()
        return self._array if tracer is None else tracer.read(self)

    @property
    def __striate_value__(self) -> np.ndarray:
        return self._array

    @property
    def array(self) -> np.ndarray:
        """The memory of the value."""
        return self._array

    def numpy(self) -> np.ndarray:
        """A copy of the value."""
        return self._array.copy()

    def __array__(self, dtype=None, copy=None):
        return np.array(self._array, dtype=dtype)

    def __float__(self) -> float:
        return float(self._array)

    def __int__(self) -> int:
        return int(self._array)

    def __len__(self) -> int:
        return len(self._array)

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other) -> bool:
        return self is other

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, value={self.array}>"

    def assign(self, value):
        """Replaces the value; while a program is traced, at the end of each run of that program."""
        shape = tuple(getattr(value, "shape", np.shape(value)))
        if shape != self.shape:
            raise ShapeError(f"The value assigned to variable {self.path!r} must have shape {self.shape}. "
                             + received(shape=shape))
        tracer = active_tracer()
        if tracer is not None:
            return tracer.assign(self, value)
        self._array[...] = getattr(value, "__striate_value__", value)
        self.version += 1
        return self

    def assign_add(self, value):
        """Adds to the value."""
        return self.assign(self.value + value)

    def assign_sub(self, value):
        """Subtracts from the value."""
        return self.assign(self.value - value)

    def move_into(self, memory: np.ndarray, group: FlatGroup) -> None:
        """Makes a range of a group's buffer the home of the value, which is kept."""
        memory = memory.reshape(self.shape)
        memory[...] = self._array
        global _moves
        self._array, self.group = memory, group
        self.version += 1
        _moves += 1


class FlatGroup:
    """Variables laid one after the other in one aligned float32 buffer, each starting at a multiple of 64 bytes.

    `flat` is the whole buffer as one variable; `offsets[i]` is where the i-th variable starts. The gaps hold zeros.
    """

    def __init__(self, variables: Sequence[Variable], name: str = "parameters"):
        self.variables = list(variables)
        self.offsets, end = [], 0
        for variable in self.variables:
            self.offsets.append(end)
            end += -(-variable.size // _ALIGN) * _ALIGN
        self.flat = Variable(aligned_zeros(end), name=name, copy=False)
        self.take_back()

    def take_back(self) -> None:
        """Moves variables home that another group has laid elsewhere, as when two models train layers in turn."""
        for variable, offset in zip(self.variables, self.offsets, strict=True):
            if variable.group is not self:
                variable.move_into(self.flat.array[offset:offset + variable.size], self)

    @property
    def size(self) -> int:
        return self.flat.size

    def like(self, name: str) -> FlatGroup:
        """A second group of the same layout, filled with zeros: optimiser slots."""
        # Zeros of no memory of their own, until the group gives them theirs.
        twins = [Variable(np.broadcast_to(np.float32(0), v.shape), name=f"{v.name}_{name}", trainable=False, copy=False)
                 for v in self.variables]
        return FlatGroup(twins, name)
