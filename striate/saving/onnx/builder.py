"""A striate model growing out of an ONNX graph, node by node.

ONNX has images as NCHW, striate as NHWC. A `Tensor` may be there in both orders of axes; the second is made (by a
`Permute` layer) only when something asks for it, so that a chain of convolutions turns its data once in and once out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from striate import layers, ops
from striate.errors import ModelFileError, received
from striate.layers.symbolic import KerasTensor
from striate.saving.onnx.writer import first_order, last_order
from striate.untrusted.onnx_file import OnnxGraph, OnnxNode

NATURAL, LAST = "natural", "last"
"""The axes as ONNX has them; the channels (axis 1) at the end."""
MAX_ELEMENTS = 1 << 31
"""What one sample may have in any tensor of the model."""
MAX_CONSTANT = 1 << 24
"""What a tensor that is computed while loading may have; all of them together so much more than the file's own."""


class Tensor:
    """A tensor of the model; shape and rank are those of ONNX. forms: order of axes -> symbolic tensor."""

    def __init__(self, tensor: KerasTensor, order: str = NATURAL):
        self.forms = {order: tensor}
        rank = len(tensor.shape)
        self.shape = tuple(tensor.shape) if order == NATURAL else tuple(tensor.shape[axis] for axis in
                                                                       first_order(rank))
        self.dtype = tensor.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)


Value = Tensor | np.ndarray | None


class Builder:
    """What rules work with: the values so far, layers with names and weights, and both orders of axes.

    graph: the file. node: the one that is being built.
    """

    def __init__(self, graph: OnnxGraph, what: str):
        self.graph, self.what, self.opset = graph, what, graph.opset
        self.values: dict[str, Value] = dict(graph.constants)
        self.node: OnnxNode
        self.done: set[int] = set()
        self.computable = MAX_CONSTANT + 4 * sum(array.size for array in graph.constants.values())
        """How many more numbers may be computed while loading."""
        self._names: Counter[str] = Counter()
        self._shared: dict[tuple, Any] = {}
        self._readers: dict[str, list[OnnxNode]] = {}
        for node in graph.nodes:
            for name in node.inputs:
                self._readers.setdefault(name, []).append(node)

    # ---- complaints -------------------------------------------------------------------------------------------

    def refuse(self, problem: str, **values: Any) -> ModelFileError:
        """The error that says what of the present node striate cannot do."""
        return ModelFileError(f"{self.what}: {self.node.op} {problem}. " + received(node=self.node.name, **values))

    def array(self, value: Value, name: str) -> np.ndarray:
        """An input that must be known while loading.

        Raises:
            ModelFileError: it is computed from the model's inputs.
        """
        if not isinstance(value, np.ndarray):
            raise self.refuse(f"needs {name!r} to be a constant of the file")
        return value

    def integers(self, value: Value, name: str) -> list[int]:
        """A list of whole numbers that must be known while loading."""
        return [int(item) for item in np.ravel(self.array(value, name))]

    def tensor(self, value: Value) -> Tensor:
        """An input that must be computed from the model's inputs."""
        if not isinstance(value, Tensor):
            raise self.refuse("on constants alone is not read")
        return value

    # ---- layers -----------------------------------------------------------------------------------------------

    def name(self, suffix: str = "") -> str:
        """A layer's name after the node's."""
        wish = self.node.name or self.node.op
        stem = wish.removesuffix(f"/{self.node.op}")
        wish = re.sub(r"[^\w.-]+", "_", stem).strip("_") or self.node.op.lower()
        return self.unique(wish[:100] + suffix)

    def unique(self, wish: str) -> str:
        """A name like `wish` that no layer has yet."""
        self._names[wish] += 1
        return wish if self._names[wish] == 1 else self.unique(f"{wish}_{self._names[wish] - 1}")

    def layer(self, kind: type, inputs: Any, weights: Sequence[np.ndarray] = (), **arguments: Any) -> KerasTensor:
        """The output of a new layer; nodes that share numbers and settings share the layer."""
        key = (kind, tuple(id(self._source(array)) for array in weights), repr(sorted(arguments.items())))
        if weights and key in self._shared:
            return self._shared[key][0](inputs)
        layer = kind(**arguments, name=self.name())
        output = layer(inputs)
        if weights:
            layer.set_weights([np.asarray(array, np.float32) for array in weights])
            # The arrays are kept as well, so that their identities stay theirs.
            self._shared[key] = layer, weights
        return output

    @staticmethod
    def _source(array: np.ndarray) -> Any:
        """The array of the file that this one is a view of."""
        while isinstance(array.base, np.ndarray):
            array = array.base
        return array

    # ---- orders of axes ---------------------------------------------------------------------------------------

    def natural(self, value: Value) -> Any:
        """A tensor (or array) with ONNX' order of axes."""
        return value if isinstance(value, np.ndarray) else self._form(self.tensor(value), NATURAL)

    def last(self, value: Value) -> Any:
        """A tensor with its channels at the end."""
        return self._form(self.tensor(value), LAST)

    def to_flatten(self, tensor: Tensor) -> Any:
        """A tensor whose numbers lie as in ONNX' order of axes; a single pixel does so in either."""
        only_pixel = tensor.ndim > 2 and all(length == 1 for length in tensor.shape[2:])
        return self._form(tensor, LAST if only_pixel and LAST in tensor.forms else NATURAL)

    def form(self, value: Value, order: str) -> Any:
        """A tensor in `NATURAL` or `LAST` order; arrays are turned."""
        if isinstance(value, np.ndarray):
            return value if order == NATURAL or value.ndim < 3 else value.transpose(last_order(value.ndim))
        return self._form(self.tensor(value), order)

    def _form(self, tensor: Tensor, order: str) -> KerasTensor:
        if order not in tensor.forms:
            (given,) = tensor.forms.values()
            axes = last_order(tensor.ndim) if order == LAST else first_order(tensor.ndim)
            tensor.forms[order] = layers.Permute(axes[1:], name=self.name("_permuted"))(given)
        return tensor.forms[order]

    def order_of(self, *values: Value) -> str:
        """The order of axes that costs nothing: the channels last if a tensor of full rank is known only so."""
        tensors = [value for value in values if isinstance(value, Tensor)]
        rank = max((value.ndim for value in values if value is not None), default=0)
        full = rank > 2 and all(tensor.ndim in (0, rank) for tensor in tensors)
        return LAST if full and any(NATURAL not in tensor.forms for tensor in tensors) else NATURAL

    @staticmethod
    def place(axis: int, order: str, rank: int) -> int:
        """Where an axis of ONNX' is in the given order."""
        return axis % rank if order == NATURAL else last_order(rank).index(axis % rank)

    def elementwise(self, function: Callable, *values: Value) -> Tensor:
        """A function of every element; arrays and tensors broadcast as ONNX has it."""
        order = self.order_of(*values)
        rank = max(value.ndim for value in values if value is not None)
        return Tensor(function(*(self._operand(value, order, rank) for value in values)), order)

    def _operand(self, value: Value, order: str, rank: int) -> Any:
        if isinstance(value, np.ndarray):
            array = as_float32(value)
            if array.size == 1 and array.ndim < rank:
                return array.reshape(()).item()
            if order == LAST:
                array = array.reshape((1,) * (rank - array.ndim) + array.shape).transpose(last_order(rank))
            return array
        tensor = self.tensor(value)
        return next(iter(tensor.forms.values())) if tensor.ndim < 3 else self._form(tensor, order)

    # ---- what comes next --------------------------------------------------------------------------------------

    def bias_behind(self, channels: int, axes_behind: int) -> np.ndarray | None:
        """The numbers that the only reader of the present node adds to each channel; that node is then done."""
        readers = self._readers.get(self.node.outputs[0], [])
        if len(readers) != 1 or readers[0].op != "Add" or self.node.outputs[0] in self.graph.outputs:
            return None
        follower = readers[0]
        others = [name for name in follower.inputs if name != self.node.outputs[0]]
        bias = self.graph.constants.get(others[0]) if len(others) == 1 else None
        wanted = (channels, *(1,) * axes_behind)
        if bias is None or bias.shape not in (wanted, (1, *wanted)):
            return None
        self.done.add(id(follower))
        self.values[follower.outputs[0]] = self.values[self.node.outputs[0]] = None
        self.node = OnnxNode(self.node.op, self.node.name, self.node.inputs, follower.outputs, self.node.attributes)
        return bias.reshape(channels)


def as_float32(array: np.ndarray) -> np.ndarray:
    """Floats of any width as float32, int64 as int32 where it fits; others as they are."""
    if array.dtype.kind == "f":
        return array.astype(np.float32, copy=False)
    if array.dtype == np.int64 and np.all(np.abs(array) < 1 << 31):
        return array.astype(np.int32)
    return array


def checked(builder: Builder, value: Value) -> Value:
    """A value that may stay in the model, if it is no larger than allowed."""
    if isinstance(value, Tensor):
        size = 1
        for length in value.shape:
            size *= 1 if length is None else length
        if size > MAX_ELEMENTS:
            raise builder.refuse("makes a tensor that is too large", shape=value.shape)
    elif value is not None:
        builder.computable -= value.size if value.base is None else 0
        if value.size > MAX_CONSTANT or builder.computable < 0:
            raise builder.refuse("makes a constant that is too large, or one too many", shape=value.shape)
    return value


Rule = Callable[..., Any]
RULES: dict[str, Rule] = {}


def reads(*names: str) -> Callable[[Rule], Rule]:
    """Enters the rule of one or more operators: (builder, node, *inputs) -> value, or a list of values."""
    def enter(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, rule))
        return rule
    return enter


def plain(builder: Builder, function: Callable, *values: Value) -> Tensor:
    """A function of tensors in ONNX' order of axes."""
    return Tensor(function(*(builder.natural(value) for value in values)))


def sliced(x: Any, cuts: dict[int, slice]) -> Any:
    """Parts of a tensor along axes."""
    return ops.get_item(x, tuple(cuts.get(axis, slice(None)) for axis in range(len(x.shape))))
