"""A model as an ONNX file: every layer becomes a node or a few, its weights initializers of the same names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import striate
from striate.errors import ArgumentError, received
from striate.graph.ir import Graph, Node, Value
from striate.graph.trace import collect, trace
from striate.layers.base import Layer
from striate.layers.symbolic import KerasTensor, leaves
from striate.models import Model
from striate.models.structure import flatten
from striate.ops.spec import OPS, TensorType
from striate.saving.onnx import export_layers, export_ops
from striate.saving.onnx.writer import NATURAL, GraphWriter, Symbol
from striate.untrusted.onnx_package import onnx_package

OPSET = 21
"""The edition of ONNX' operators that is written; ONNX Runtime reads it since 1.18 (spring 2024)."""
_IR_VERSION = 10
_MAX_BYTES = 2_000_000_000
"""Protocol buffers end at 2 GiB."""


def onnx_bytes(model: Model, input_signature: Any = None) -> bytes:
    """The ONNX file of a model as it predicts. Images keep their order of axes outside, (batch, height, width,
    channels); inside the file they are (batch, channels, height, width), which is what ONNX' operators take.

    Args:
        model: the model.
        input_signature: for a model class without known inputs: one `keras.Input` or array for each input.

    Raises:
        ArgumentError: the input shapes are not known, the model is too large, or ONNX has no words for a part of it.

    Example:
        >>> from striate import Input, Sequential, layers
        >>> len(onnx_bytes(Sequential([Input((4,)), layers.Dense(2)]))) > 100
        True
    """
    onnx = onnx_package()
    if sum(variable.size * np.dtype(variable.dtype).itemsize for variable in model.weights) > _MAX_BYTES:
        raise ArgumentError("An ONNX file cannot hold more than 2 GB of weights. " + received(model=model.name))
    exporter = _Exporter()
    inputs, outputs = exporter.model(model, _signature(model, input_signature))
    made = exporter.proto(model.name, inputs, outputs)
    onnx.checker.check_model(made)
    return onnx.shape_inference.infer_shapes(made).SerializeToString(deterministic=True)


def _signature(model: Model, given: Any) -> list[KerasTensor]:
    """The inputs as symbolic tensors."""
    if given is not None:
        found = [given] if hasattr(given, "shape") else flatten(given)
        return [item if isinstance(item, KerasTensor) else KerasTensor((None, *np.shape(item)[1:]), str(item.dtype))
                for item in found]
    if model._graph is not None:
        return model.inputs
    if not model._inbound_nodes:
        raise ArgumentError("The shapes of the model's inputs are not known. Call the model on some data first, or "
                            "give `input_signature=[keras.Input(...)]`. " + received(model=model.name))
    return model._inbound_nodes[0].input_tensors


class _Exporter:
    """Walks through a model; layers with a rule of their own at once, all others op by op."""

    def __init__(self) -> None:
        self.writer = GraphWriter(lambda function, x: self.traced(function, (x,), {}))
        self._weights: dict[Any, Symbol] = {}
        self._results: set[str] = set()

    def model(self, model: Model, signature: Sequence[KerasTensor]) -> tuple[list[Symbol], list[tuple[str, Symbol]]]:
        """Writes the nodes; gives the inputs and the outputs with their names."""
        labels = [tensor.name if model._graph is not None else f"input_{index}"
                  for index, tensor in enumerate(signature)]
        inputs = [Symbol(tensor.shape, tensor.dtype, {NATURAL: self.writer.unique(label)})
                  for label, tensor in zip(labels, signature, strict=True)]
        if model._graph is not None and not _has_masks(model):
            result = model._graph.run(list(inputs), self.call)
            names = model.output_names or []
        else:
            single = inputs[0] if len(inputs) == 1 else inputs
            result = self.traced(lambda *values: model(*values, training=False), (single,), {})
            names = []
        found = flatten(result)
        wishes = names if len(names) == len(found) else [f"output_{index}" for index in range(len(found))]
        return inputs, list(zip(wishes, found, strict=True))

    def call(self, operation: Any, args: tuple, kwargs: dict) -> Any:
        """One call in the graph of layers, on `Symbol`s."""
        symbols = [leaf for leaf in leaves((args, kwargs)) if isinstance(leaf, Symbol)]
        if isinstance(operation, Model) and operation._graph is not None:
            return operation._graph.run(args[0], self.call)
        before, self.writer.scope = self.writer.scope, operation.name
        try:
            rule = export_layers.rule_of(operation)
            kwargs = {name: value for name, value in kwargs.items() if value is not None}
            if rule is not None and len(symbols) == 1 and not kwargs and _is_plain(operation, symbols[0]):
                written = rule(self.writer, operation, symbols[0], _type_of(operation, args, symbols))
                if written is not None:
                    return written
            if isinstance(operation, Layer) and kwargs.get("training") is None:
                kwargs = {**kwargs, "training": False}
            return self.traced(operation, args, kwargs)
        finally:
            self.writer.scope = before

    def traced(self, function: Any, args: tuple, kwargs: dict) -> Any:
        """Records what a function does with tensors, and writes that op by op."""
        symbols = [leaf for leaf in leaves((args, kwargs)) if isinstance(leaf, Symbol)]
        graph, result = trace(lambda *values: function(*_filled(args, symbols, values),
                                                       **_filled(kwargs, symbols, values)),
                              [TensorType(symbol.shape, symbol.dtype) for symbol in symbols])
        known: dict[Value, Symbol] = dict(zip(graph.inputs, symbols, strict=False))
        self._write(graph, known)
        outputs = iter(graph.outputs)
        return collect(result, lambda leaf: self._symbol(next(outputs), known))

    def _write(self, graph: Graph, known: dict[Value, Symbol]) -> None:
        outer = self.writer.scope
        for node in _needed(graph):
            inputs = [self._symbol(value, known) for value in node.inputs]
            if all(symbol.constant is not None for symbol in inputs):
                arrays = OPS[node.op].reference(*(symbol.constant for symbol in inputs), **node.attributes)
                known.update((value, Symbol(array.shape, str(array.dtype), constant=np.asarray(array),
                                            label=inputs[0].label))
                             for value, array in zip(node.outputs, arrays, strict=True))
                continue
            rule = export_ops.RULES.get(node.op)
            if rule is None:
                raise ArgumentError(f"ONNX has no word for the op {node.op!r}, or only in training. "
                                    + received(layer=node.scope or outer))
            self.writer.scope = outer or node.scope.partition("/")[2]
            known[node.outputs[0]] = rule(self.writer, node, inputs)
        self.writer.scope = outer

    def _symbol(self, value: Value, known: dict[Value, Symbol]) -> Symbol:
        if value in known:
            return known[value]
        if value.role == "parameter":
            if value.source not in self._weights:
                self._weights[value.source] = Symbol(value.shape, value.dtype, label=value.source.path,
                                                     constant=np.asarray(value.source.numpy()))
            return self._weights[value.source]
        if value.role == "constant":
            return Symbol(value.shape, value.dtype, constant=value.source)
        raise ArgumentError("This model needs random numbers, or an output of an op that ONNX does not give, when it "
                            "predicts. " + received(value=value))

    def proto(self, name: str, inputs: Sequence[Symbol], outputs: Sequence[tuple[str, Symbol]]) -> Any:
        """The finished file as ONNX' message."""
        from onnx import helper, numpy_helper

        results = []
        for wish, symbol in outputs:
            inner, name_of_output = self.writer.natural(symbol), self.writer.unique(wish)
            results.append(_described(name_of_output, symbol))
            if not self._rename(inner, name_of_output, [symbol.names[NATURAL] for symbol in inputs]):
                self.writer.nodes.append(helper.make_node("Identity", [inner], [name_of_output], name=name_of_output))
        graph = helper.make_graph(
            self.writer.nodes, name, [_described(symbol.names[NATURAL], symbol) for symbol in inputs], results,
            [numpy_helper.from_array(array, label) for label, array in self.writer.initializers.items()])
        return helper.make_model(graph, producer_name="striate", producer_version=striate.__version__,
                                 ir_version=_IR_VERSION, opset_imports=[helper.make_opsetid("", OPSET)])

    def _rename(self, old: str, new: str, inputs: Sequence[str]) -> bool:
        """Gives a computed tensor the name of an output; not when it is an input, a weight, or an output already."""
        if old in (*inputs, *self.writer.initializers, *self._results):
            return False
        self._results.add(new)
        for node in self.writer.nodes:
            for names in (node.input, node.output):
                names[:] = [new if entry == old else entry for entry in names]
        return True


def _described(name: str, symbol: Symbol) -> Any:
    """Name, type and shape for the list of inputs or outputs; the batch is called so."""
    from onnx import helper

    shape = ["batch" if length is None and axis == 0 else length for axis, length in enumerate(symbol.shape)]
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(symbol.dtype)), shape)


def _has_masks(model: Model) -> bool:
    """Whether a layer tells those behind it to pass over some places; then the model is traced as a whole."""
    return any(getattr(layer, "mask_zero", False) or type(layer).__name__ == "Masking"
               for layer in model._flatten_layers())


def _is_plain(operation: Any, x: Symbol) -> bool:
    """Whether a layer computes in float32 on a tensor of float32, as the rules for whole layers assume."""
    return isinstance(operation, Layer) and x.dtype == "float32" and operation.compute_dtype == "float32"


def _type_of(operation: Any, args: tuple, symbols: list[Symbol]) -> TensorType:
    shape = operation.compute_output_shape(symbols[0].shape)
    return TensorType(tuple(shape), symbols[0].dtype)


def _filled(structure: Any, symbols: list[Symbol], values: Sequence[Value]) -> Any:
    by_symbol = {id(symbol): value for symbol, value in zip(symbols, values, strict=True)}
    return collect(structure, lambda leaf: by_symbol.get(id(leaf), leaf))


def _needed(graph: Graph) -> list[Node]:
    """The nodes that the outputs need, in order."""
    wanted = {value.node for value in graph.outputs}
    found = []
    for node in reversed(graph.nodes):
        if node in wanted:
            found.append(node)
            wanted.update(value.node for value in node.inputs)
    return found[::-1]
