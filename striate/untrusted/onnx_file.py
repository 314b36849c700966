"""ONNX files of strangers: the message is parsed, counted and turned into plain values before anything is built.

Numbers may lie in a second file beside the first. It is read only if its name is a plain one in the same folder, and
only as many bytes of it as the tensor's own shape says.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from striate.errors import ModelFileError, received
from striate.untrusted.limits import MAX_FILE_BYTES, MAX_NAME_BYTES, MAX_OBJECTS, damaged

_DTYPES = {1: "<f4", 2: "u1", 3: "i1", 4: "<u2", 5: "<i2", 6: "<i4", 7: "<i8", 9: "?", 10: "<f2", 11: "<f8",
           12: "<u4", 13: "<u8"}
"""ONNX' numbers of types; 16 is bfloat16, which NumPy does not have."""
_BFLOAT16 = 16
_FIELDS = {1: "float_data", 2: "int32_data", 3: "int32_data", 4: "int32_data", 5: "int32_data", 6: "int32_data",
           7: "int64_data", 9: "int32_data", 10: "int32_data", 11: "double_data", 12: "uint64_data", 13: "uint64_data",
           _BFLOAT16: "int32_data"}
_DOMAINS = ("", "ai.onnx")
_OLDEST = 7
_PLAIN_NAME = re.compile(r"[\w-][\w.-]{0,200}")


@dataclass(frozen=True)
class OnnxNode:
    """One operator: attributes are numbers, texts, lists of them and arrays."""

    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class OnnxInput:
    """An input of the graph; lengths that the file leaves open are None."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True)
class OnnxGraph:
    """What an ONNX file says, in plain values. constants: name -> numbers that the file holds."""

    inputs: tuple[OnnxInput, ...]
    outputs: tuple[str, ...]
    nodes: tuple[OnnxNode, ...]
    constants: Mapping[str, np.ndarray]
    opset: int
    name: str = ""


def read_onnx(content: bytes, what: str, folder: str | os.PathLike | None, operators: Iterable[str]) -> OnnxGraph:
    """The graph in an ONNX file.

    Args:
        content: the file.
        what: how to call it in messages.
        folder: where files with further numbers may lie; None: nowhere.
        operators: the names of the operators that may occur.

    Raises:
        ModelFileError: damaged, too large, with operators that are not known (all of them are listed), or with numbers
            that lie elsewhere.
    """
    from google.protobuf.message import DecodeError

    from striate.untrusted.onnx_package import onnx_package

    onnx = onnx_package()
    with damaged(what, DecodeError):
        model = onnx.ModelProto.FromString(content)
        graph = model.graph
        if len(graph.node) + len(graph.initializer) > MAX_OBJECTS or model.functions or graph.sparse_initializer:
            raise ModelFileError(f"{what} has too many nodes, functions of its own, or sparse numbers. "
                                 + received(nodes=len(graph.node), functions=len(model.functions)))
        _check_operators(graph.node, set(operators), what)
        reader = _Tensors(what, None if folder is None else Path(folder))
        constants = {_name(tensor.name, what): reader.array(tensor) for tensor in graph.initializer}
        nodes = tuple(OnnxNode(node.op_type, node.name[:MAX_NAME_BYTES], tuple(node.input), tuple(node.output),
                               {item.name: reader.attribute(item) for item in node.attribute}) for node in graph.node)
        inputs = tuple(_input(item, what) for item in graph.input if item.name not in constants)
        return OnnxGraph(inputs, tuple(item.name for item in graph.output), nodes, constants, _opset(model, what),
                         re.sub(r"\W+", "_", graph.name)[:100].strip("_"))


def _opset(model: Any, what: str) -> int:
    found = [entry.version for entry in model.opset_import if entry.domain in _DOMAINS]
    if len(found) != 1 or found[0] < _OLDEST:
        raise ModelFileError(f"{what} must use one edition of ONNX' operators, {_OLDEST} or newer. "
                             + received(opsets=found))
    return int(found[0])


def _check_operators(nodes: Iterable[Any], known: set[str], what: str) -> None:
    unknown = sorted({node.op_type if node.domain in _DOMAINS else f"{node.domain}.{node.op_type}" for node in nodes
                      if node.op_type not in known or node.domain not in _DOMAINS})
    if unknown:
        raise ModelFileError(f"{what} uses operators that striate does not have: {', '.join(unknown)[:2000]}.")


def _name(name: str, what: str) -> str:
    if not name or len(name.encode()) > MAX_NAME_BYTES:
        raise ModelFileError(f"{what} has a tensor without a proper name. " + received(name=name))
    return name


def _input(item: Any, what: str) -> OnnxInput:
    kind = item.type.tensor_type
    if kind.elem_type not in _DTYPES or not kind.HasField("shape"):
        raise ModelFileError(f"The input {item.name!r} of {what} is no tensor of numbers with a known rank. "
                             + received(type=kind.elem_type))
    shape = tuple(dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None for dim in kind.shape.dim)
    if len(shape) > 8 or any(length is not None and length > 1 << 31 for length in shape):
        raise ModelFileError(f"The input {item.name!r} of {what} has an impossible shape. " + received(shape=shape))
    return OnnxInput(_name(item.name, what), shape, np.dtype(_DTYPES[kind.elem_type]).name)


class _Tensors:
    """Reads tensors and attributes; every declared size is compared with what is there."""

    def __init__(self, what: str, folder: Path | None):
        self.what, self.folder = what, folder
        self._outside = 0

    def attribute(self, item: Any) -> Any:
        """The value of an attribute; None for kinds that no operator here uses."""
        simple = {1: lambda: item.f, 2: lambda: item.i, 3: lambda: item.s.decode("utf-8"),
                  4: lambda: self.array(item.t), 6: lambda: tuple(item.floats), 7: lambda: tuple(item.ints),
                  8: lambda: tuple(text.decode("utf-8") for text in item.strings)}
        return simple[item.type]() if item.type in simple else None

    def array(self, tensor: Any) -> np.ndarray:
        """The numbers of a tensor; bfloat16 as float32."""
        kind, dims = tensor.data_type, tuple(tensor.dims)
        if kind not in _FIELDS or len(dims) > 16 or any(length < 0 for length in dims):
            raise ModelFileError(f"A tensor of {self.what} has an unknown type or shape. "
                                 + received(tensor=tensor.name, type=kind, shape=dims))
        count = math.prod(dims)
        itemsize = 2 if kind == _BFLOAT16 else np.dtype(_DTYPES[kind]).itemsize
        if tensor.data_location == 1:
            data: Any = self._elsewhere(tensor, count * itemsize)
        elif tensor.HasField("raw_data"):
            data = tensor.raw_data
        else:
            return self._listed(getattr(tensor, _FIELDS[kind]), kind, dims, tensor.name)
        if len(data) != count * itemsize:
            raise self._refuse(tensor.name, len(data), count * itemsize)
        return _typed(np.frombuffer(data, "<u2" if kind == _BFLOAT16 else _DTYPES[kind]), kind).reshape(dims)

    def _listed(self, values: Any, kind: int, dims: tuple[int, ...], name: str) -> np.ndarray:
        if len(values) != math.prod(dims):
            raise self._refuse(name, len(values), math.prod(dims))
        if kind in (10, _BFLOAT16):
            bits = np.array(values, np.uint16)
            return _typed(bits if kind == _BFLOAT16 else bits.view(np.float16), kind).reshape(dims)
        return np.array(values).astype(_DTYPES[kind]).reshape(dims)

    def _refuse(self, name: str, found: int, expected: int) -> ModelFileError:
        return ModelFileError(f"A tensor of {self.what} does not hold as many numbers as its shape says. "
                              + received(tensor=name, found=found, expected=expected))

    def _elsewhere(self, tensor: Any, size: int) -> bytes:
        """A part of a file in the model's own folder."""
        entries = {entry.key: entry.value for entry in tensor.external_data}
        location = entries.get("location", "")
        begin, length = int(entries.get("offset", 0)), int(entries.get("length", size))
        if self.folder is None or not _PLAIN_NAME.fullmatch(location) or begin < 0 or length != size:
            raise ModelFileError(f"A tensor of {self.what} lies outside of the model's folder, or is not described as "
                                 "it should be. " + received(tensor=tensor.name, location=location, length=length))
        self._outside += size
        with open(os.open(self.folder / location, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            held = os.fstat(file.fileno()).st_size
            if begin + size > held or self._outside > min(4 * held, MAX_FILE_BYTES):
                raise self._refuse(tensor.name, held, begin + size)
            file.seek(begin)
            return file.read(size)


def _typed(array: np.ndarray, kind: int) -> np.ndarray:
    return (array.astype(np.uint32) << 16).view(np.float32) if kind == _BFLOAT16 else array
