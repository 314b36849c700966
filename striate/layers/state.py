"""The state of a layer: its variables, those of the layers inside it, and whether they are trained."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from math import prod
from types import NoneType
from typing import Any

import numpy as np

from striate import constraints, initializers, naming, regularizers
from striate.dtype_policies import DTypePolicy
from striate.errors import ArgumentError, ShapeError, received
from striate.layers.budget import blank_weights
from striate.ops.dispatch import recording
from striate.variables import Variable

_BOOKKEEPING = ("_trainable_variables", "_non_trainable_variables", "_inbound_nodes", "_outbound_nodes",
                "_init_arguments", "_losses", "_trained", "_loss_tracker", "_compile_arguments")
_PLAIN = frozenset((NoneType, bool, int, float, str, np.ndarray))
"""Types of most attributes: nothing is held in them, and models are searched in every `train_on_batch`."""
_freezings = 0


def freezings() -> int:
    """How often `trainable` of any layer was set; models look again when it has grown."""
    return _freezings


def _gather(item: Any, kind: type, found: dict[int, Any]) -> None:
    """Enters the objects of a class that `item` is or contains, by their id."""
    if isinstance(item, kind):
        found.setdefault(id(item), item)
    elif isinstance(item, (list, tuple)):
        for part in item:
            _gather(part, kind, found)
    elif isinstance(item, Mapping):
        for part in item.values():
            _gather(part, kind, found)


class LayerState:
    """Finds variables and sub-layers in the attributes of a layer, also inside lists, tuples and dicts.

    Nothing has to be registered: an attribute that is a layer or a variable (or holds some) belongs to the layer.
    """

    name: str
    built: bool
    dtype_policy: DTypePolicy
    _trainable_variables: list[Variable]
    _non_trainable_variables: list[Variable]

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls)
        self._trainable_variables, self._non_trainable_variables = [], []
        self._trainable = True
        return self

    def add_weight(self, *args, shape=None, initializer=None, dtype=None, trainable: bool = True, regularizer=None,
                   constraint=None, name: str | None = None, **ignored) -> Variable:
        """Makes a variable of this layer.

        Args:
            args: shape, initializer and dtype, or as in older Keras name, shape, dtype and initializer.
            shape: its shape; () when left out.
            initializer: a name or an initializer; Glorot's uniform one for floats and zeros for others by default.
            dtype: its type, the layer's by default.
            trainable: whether training changes it.
            regularizer: adds a penalty to the loss.
            constraint: projects the value after each step.
            name: last part of its path.

        Returns:
            The `Variable`.
        """
        if args:
            older = isinstance(args[0], str)
            order = ("name", "shape", "dtype", "initializer") if older else ("shape", "initializer", "dtype")
            given = dict(zip(order, args, strict=False))
            name, shape = given.get("name", name), given.get("shape", shape)
            initializer, dtype = given.get("initializer", initializer), given.get("dtype", dtype)
        shape = tuple(shape) if isinstance(shape, (tuple, list)) else (() if shape is None else (shape,))
        if any(length is None for length in shape):
            raise ShapeError("Shapes used to initialize variables must be fully-defined (no `None` dimensions). "
                             + received(shape=shape, name=name))
        dtype = str(np.dtype(dtype or self.dtype_policy.variable_dtype))
        if initializer is None:
            initializer = "glorot_uniform" if "float" in dtype else "zeros"
        initialize = initializers.get(initializer)
        value = blank_weights(shape, dtype)
        if value is None:
            with recording(None):
                value = np.asarray(initialize(shape, dtype=dtype)).reshape(shape)
        variable = Variable(value, name=name or naming.auto_name("variable"), trainable=trainable, dtype=dtype)
        path = naming.current_path()
        variable.path = f"{path}/{variable.name}" if path else f"{self.name}/{variable.name}"
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        self._file_variable(variable)
        return variable

    def _file_variable(self, variable: Variable) -> None:
        """Enters a variable among the trained or the untrained ones, where it stays whatever `trainable` becomes."""
        known = self._trainable_variables + self._non_trainable_variables
        if any(variable is other for other in known):
            return
        (self._trainable_variables if variable.trainable else self._non_trainable_variables).append(variable)
        if not self._trainable:
            variable.trainable = False

    def _held(self, kind: type) -> list:
        """Objects of a class among the attributes, also inside containers, each once."""
        found: dict[int, Any] = {}
        for name, item in vars(self).items():
            if type(item) not in _PLAIN and name not in _BOOKKEEPING:
                _gather(item, kind, found)
        return list(found.values())

    def inner_layers(self) -> list:
        """The layers among the attributes, in the order in which they were assigned."""
        return self._held(LayerState)

    def _flatten_layers(self, include_self: bool = True) -> list:
        """This layer and all layers inside it, each once, in depth-first order."""
        found: dict[int, LayerState] = {}

        def visit(layer):
            if id(layer) not in found:
                found[id(layer)] = layer
                for inner in layer.inner_layers():
                    visit(inner)
        visit(self)
        return [layer for layer in found.values() if include_self or layer is not self]

    def _own_variables(self) -> list[Variable]:
        for variable in self._held(Variable):
            self._file_variable(variable)
        return self._trainable_variables + self._non_trainable_variables

    @property
    def variables(self) -> list[Variable]:
        """All variables: the trained ones of the layer, the others, then those of each layer inside."""
        found = {id(v): v for layer in self._flatten_layers() for v in layer._own_variables()}
        return list(found.values())

    @property
    def weights(self) -> list[Variable]:
        """All variables that belong to a saved model."""
        return self.variables

    @property
    def trainable_variables(self) -> list[Variable]:
        """The variables that training changes."""
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The variables that the optimiser leaves alone."""
        return self.non_trainable_weights

    @property
    def trainable_weights(self) -> list[Variable]:
        """The variables that training changes."""
        return [v for v in self.weights if v.trainable] if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The variables that the optimiser leaves alone."""
        return [v for v in self.weights if not v.trainable] if self.trainable else self.weights

    @property
    def trainable(self) -> bool:
        """Whether training changes the layer; setting it also sets it for the layers inside."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        global _freezings
        _freezings += 1
        value = bool(value)
        self._own_variables()
        self._trainable = value
        for variable in self._trainable_variables:
            variable.trainable = value
        for layer in self.inner_layers():
            layer.trainable = value

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all variables' values, in the order of `weights`."""
        return [variable.numpy() for variable in self.weights]

    def set_weights(self, weights) -> None:
        """Replaces all variables' values.

        Raises:
            ArgumentError: not one array for each variable.
            ShapeError: an array has another shape than its variable.
        """
        variables = self.weights
        if len(variables) != len(weights):
            raise ArgumentError(f"You called `set_weights(weights)` on layer '{self.name}' with a weight list of "
                                f"length {len(weights)}, but the layer was expecting {len(variables)} weights.")
        for variable, value in zip(variables, weights, strict=True):
            if tuple(np.shape(value)) != variable.shape:
                raise ShapeError(f"Layer {self.name} weight shape {variable.shape} is not compatible with provided "
                                 f"weight shape {tuple(np.shape(value))}.")
        for variable, value in zip(variables, weights, strict=True):
            variable.assign(np.asarray(value))

    def count_params(self) -> int:
        """How many numbers the variables hold."""
        if not self.built:
            raise ArgumentError(f"You tried to call `count_params` on layer '{self.name}', but the layer isn't built. "
                                "You can build it manually via: `layer.build(input_shape)`.")
        return sum(prod(variable.shape) for variable in self.weights)

    def save_own_variables(self, store: MutableMapping) -> None:
        """Writes the layer's own variables as "0", "1" ... into a mapping."""
        for index, variable in enumerate(self._own_variables()):
            store[str(index)] = variable.numpy()

    def load_own_variables(self, store: Mapping) -> None:
        """Reads what `save_own_variables` wrote.

        Raises:
            ArgumentError: the mapping holds another number of variables.
        """
        variables = self._own_variables()
        if len(store.keys()) != len(variables):
            raise ArgumentError(f"Layer '{self.name}' expected {len(variables)} variables, but received "
                                f"{len(store.keys())} variables during loading. Expected: "
                                f"{[variable.name for variable in variables]}")
        for index, variable in enumerate(variables):
            variable.assign(np.asarray(store[str(index)]))
