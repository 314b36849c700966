"""The only door through which model files of strangers come in: zip, JSON, HDF5, safetensors and ONNX.

What comes out is plain: bytes, dicts of plain values, names with shapes and arrays. The rules, each of which closes a
class of known holes: nothing names code; no container feature beyond the few that model files need; no declared size
is believed before it is compared with what is there; everything is counted; nothing is unpacked to the disk; every
failure is a `ModelFileError` that says what is wrong.
"""

from importlib import import_module

from striate.untrusted.archive import read_archive
from striate.untrusted.json_text import read_json, read_own_json
from striate.untrusted.limits import read_file
from striate.untrusted.tensors import read_safetensors

__all__ = ["H5Reader", "read_archive", "read_file", "read_json", "read_own_json", "read_safetensors"]


def __getattr__(name: str):
    if name != "H5Reader":  # h5py takes long to load, and tables and arrays do not need it
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.hdf5").H5Reader
