"""Weights as safetensors: `variable path -> tensor`, readable by many other programs."""

from __future__ import annotations

import warnings

from striate.errors import ModelFileError, received
from striate.models import Model
from striate.untrusted import read_safetensors, seal
from striate.untrusted.tensors import safetensors_bytes


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
