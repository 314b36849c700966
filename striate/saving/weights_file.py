"""The HDF5 file of weights: `.weights.h5`, and the `model.weights.h5` inside a `.keras` archive."""

from __future__ import annotations

import io
from collections.abc import Callable

import h5py
import numpy as np

from striate.errors import ModelFileError, received
from striate.models import Model
from striate.saving.state import parts, restore, values_of
from striate.untrusted import H5Reader, seal


def h5_bytes(fill: Callable[[h5py.File], None]) -> bytes:
    """The bytes of an HDF5 file that `fill` writes into, sealed: the same for the same content, whenever it is made."""
    memory = io.BytesIO()
    with h5py.File(memory, "w", track_order=False) as file:
        file.attrs[seal.NAME] = np.bytes_(seal.BLANK)
        fill(file)
    return seal.sealed(memory.getvalue())


def put(group: h5py.Group, name: str, value) -> None:
    """Adds a dataset, without the time at which it was made."""
    group.create_dataset(name, data=np.asarray(value), track_times=False)


def weights_bytes(model: Model) -> bytes:
    """The weights (and the optimizer's state, if there is one) in Keras 3's tree."""
    def fill(file: h5py.File) -> None:
        for path, part in parts(model):
            group = file.create_group(f"{path}/vars".lstrip("/"))
            if isinstance(getattr(part, "name", None), str):
                group.attrs["name"] = part.name
            for name, value in values_of(part).items():
                put(group, name, value)
    return h5_bytes(fill)


def load_weights_bytes(model: Model, content: bytes, what: str, skip_mismatch: bool = False) -> None:
    """Restores a model from what `weights_bytes` made.

    Raises:
        ModelFileError: the file is damaged or does not fit the model.
    """
    with H5Reader(content, what) as reader:
        if "layers" not in reader.groups and "vars" not in reader.groups:
            raise ModelFileError(f"{what} is no file of Keras 3 weights. " + received(groups=sorted(reader.groups)[:8]))
        restore(model, reader, skip_mismatch=skip_mismatch)
