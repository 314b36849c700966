"""Weights as safetensors: `variable path -> tensor`, readable by many other programs."""

from __future__ import annotations

import json
import struct
import warnings
from collections.abc import Mapping

import numpy as np

from striate.errors import ArgumentError, ModelFileError, received
from striate.models import Model
from striate.saving.untrusted import read_safetensors, seal
from striate.saving.untrusted.tensors import DTYPES

_NAMES = {np.dtype(code): name for name, code in DTYPES.items()}


def safetensors_bytes(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None) -> bytes:
    """The safetensors file of arrays: wide types first, then by name, the header filled up to a multiple of 8 bytes.

    Raises:
        ArgumentError: an array's type has no name in this format.

    Example:
        >>> len(safetensors_bytes({"bias": np.zeros(2, np.float32)}))
        80
    """
    header: dict = {"__metadata__": dict(sorted(metadata.items()))} if metadata else {}
    arrays = {name: np.ascontiguousarray(array).reshape(np.shape(array)) for name, array in tensors.items()}
    for name, array in arrays.items():
        if array.dtype not in _NAMES:
            raise ArgumentError("safetensors has no name for this type of array. "
                                + received(tensor=name, dtype=str(array.dtype)))
    ordered, end = sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name)), 0
    for name in ordered:
        array = arrays[name]
        begin, end = end, end + array.nbytes
        header[name] = {"dtype": _NAMES[array.dtype], "shape": list(array.shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([struct.pack("<Q", len(text)), text, *(arrays[name].tobytes() for name in ordered)])


def weights_safetensors(model: Model) -> bytes:
    """A model's weights by their paths, such as "sequential/conv2d/kernel" or "conv2d/kernel"."""
    return seal.sealed(safetensors_bytes({variable.path: variable.numpy() for variable in model.weights},
                                         {"format": "keras", seal.NAME: seal.BLANK}))


def load_safetensors_weights(model: Model, content: bytes, what: str, skip_mismatch: bool = False) -> None:
    """Sets a model's weights from a safetensors file with the same names.

    Raises:
        ModelFileError: the file is damaged or does not fit the model.
    """
    tensors, _ = read_safetensors(content, what)
    ready = []
    for variable in model.weights:
        tensor = tensors.get(variable.path)
        if tensor is None or tensor.shape != variable.shape:
            problem = (f"{what} does not fit the model: {variable.path} needs the shape {variable.shape}. "
                       + received(shape=None if tensor is None else tensor.shape, names=sorted(tensors)[:8]))
            if not skip_mismatch:
                raise ModelFileError(problem)
            warnings.warn(f"Skipped: {problem}", stacklevel=3)
            continue
        ready.append((variable, tensor))
    for variable, tensor in ready:
        variable.assign(tensor.astype(variable.dtype))
