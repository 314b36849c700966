"""The only door through which model files of strangers come in: zip, JSON, HDF5 and safetensors.

What comes out is plain: bytes, dicts of plain values, names with shapes and arrays. The rules, each of which closes a
class of known holes: nothing names code; no container feature beyond the few that model files need; no declared size
is believed before it is compared with what is there; everything is counted; nothing is unpacked to the disk; every
failure is a `ModelFileError` that says what is wrong.
"""

from striate.saving.untrusted.archive import read_archive
from striate.saving.untrusted.hdf5 import H5Reader
from striate.saving.untrusted.json_text import read_json
from striate.saving.untrusted.limits import read_file
from striate.saving.untrusted.tensors import read_safetensors

__all__ = ["H5Reader", "read_archive", "read_file", "read_json", "read_safetensors"]
