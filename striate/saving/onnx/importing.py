"""An ONNX file as a model of striate's layers."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from striate import Input
from striate.errors import ArgumentError, ModelFileError, StriateError, received
from striate.layers.base import Layer
from striate.layers.budget import weight_budget
from striate.layers.symbolic import leaves
from striate.models import Model
from striate.models.node_graph import node_of
from striate.saving.onnx import import_elementwise, import_products, import_resize, import_shapes, import_windows
from striate.saving.onnx.builder import LAST, RULES, Builder, Tensor, checked
from striate.saving.onnx.writer import last_order
from striate.untrusted import read_file
from striate.untrusted.limits import damaged
from striate.untrusted.onnx_file import OnnxGraph, OnnxInput, OnnxNode, read_onnx

_ROOMS = (import_elementwise, import_products, import_resize, import_shapes, import_windows)
"""The modules whose rules make up `OPERATORS`."""
OPERATORS = frozenset(RULES)
"""ONNX operators that can be read."""
_COPIES = 4
"""How often the file's numbers may lie in the model: half as wide in the file, or used at two places."""


def load_onnx(filepath: str | os.PathLike, data_format: str = "channels_first") -> Model:
    """The model in an ONNX file, made of striate's layers: it can be trained, looked into and saved as `.keras`.

    Inside, images are NHWC; by default its inputs and outputs stay as the file has them.

    Args:
        filepath: the file. Numbers in further files are read if these lie in the same folder.
        data_format: "channels_last" if images shall be given to the model as (batch, height, width, channels), although
            the file wants (batch, channels, height, width).

    Raises:
        ModelFileError: the file is missing, damaged or hostile, or uses what striate does not have; operators that it
            does not know are listed.

    Example:
        >>> model = load_onnx("resnet18.onnx")  # doctest: +SKIP
    """
    content = read_file(filepath)
    return onnx_model(content, str(filepath), Path(filepath).parent, data_format)


def onnx_model(content: bytes, what: str, folder: str | os.PathLike | None = None,
               data_format: str = "channels_first") -> Model:
    """The model in the bytes of an ONNX file; see `load_onnx`."""
    if data_format not in ("channels_first", "channels_last"):
        raise ArgumentError('`data_format` must be "channels_first" (as in the file) or "channels_last". '
                            + received(data_format=data_format))
    graph = read_onnx(content, what, folder, OPERATORS)
    builder = Builder(graph, what)
    held = sum(array.size * 4 for array in graph.constants.values())
    with weight_budget(_COPIES * held + (1 << 20)), damaged(what, ArithmeticError, RecursionError):
        try:
            inputs = [_entrance(builder, item, data_format) for item in graph.inputs]
            for node in graph.nodes:
                if id(node) not in builder.done:
                    _build(builder, node)
            outputs = _exits(builder, graph, inputs)
            _tell_apart(builder, leaves(outputs))
            return Model(inputs, outputs, name=graph.name or None)
        except ModelFileError:
            raise
        except StriateError as error:
            raise ModelFileError(f"{what} cannot be made of striate's layers: {error}") from error


def _entrance(builder: Builder, item: OnnxInput, data_format: str) -> Any:
    """The symbolic input for one of the file's."""
    dtype = {"float16": "float32", "float64": "float32", "int64": "int32"}.get(item.dtype, item.dtype)
    turned = data_format == "channels_last" and len(item.shape) > 2
    shape = tuple(item.shape[axis] for axis in last_order(len(item.shape))) if turned else item.shape
    name = re.sub(r"[^\w.-]+", "_", item.name).strip("_")[:100] or "input"
    tensor = Input(batch_shape=shape, dtype=dtype, name=builder.unique(name))
    builder.values[item.name] = Tensor(tensor, LAST) if turned else Tensor(tensor)
    return tensor


def _build(builder: Builder, node: OnnxNode) -> None:
    builder.node = node
    values = []
    for name in node.inputs:
        if name and builder.values.get(name) is None:
            raise builder.refuse("reads a tensor that nothing made before", tensor=name)
        values.append(builder.values[name] if name else None)
    arrays = [value for value in values if isinstance(value, np.ndarray)]
    if values and len(arrays) == len(values) and node.op in import_shapes.CONSTANT:
        found = [import_shapes.constant(builder, node, arrays)]
    else:
        result = RULES[node.op](builder, node, *values)
        found = result if isinstance(result, list) else [result]
    for name, value in zip(builder.node.outputs, found, strict=False):
        builder.values[name] = checked(builder, value)


def _tell_apart(builder: Builder, tensors: list) -> None:
    """Gives single operations, which have names of their own making, others where layers have been named so."""
    seen: set[int] = set()
    while tensors:
        node = node_of(tensors.pop())
        if id(node) in seen:
            continue
        seen.add(id(node))
        tensors += node.input_tensors
        if not isinstance(node.operation, Layer):
            node.operation.name = builder.unique(node.operation.name)


def _exits(builder: Builder, graph: OnnxGraph, inputs: list) -> Any:
    """The symbolic outputs, in the file's own order of axes."""
    found = []
    for name in graph.outputs:
        value = builder.values.get(name)
        if not isinstance(value, Tensor):
            raise ModelFileError(f"{builder.what}: the output {name!r} does not depend on the model's inputs, or is "
                                 "not made by any node.")
        tensor = builder.natural(value)
        if any(tensor is item for item in inputs):
            from striate.layers import Identity

            tensor = Identity(name=builder.name())(tensor)
        found.append(tensor)
    return found[0] if len(found) == 1 else found
