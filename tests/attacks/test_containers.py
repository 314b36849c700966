"""Tricks of containers: zip, JSON, HDF5 and safetensors files that lie, point elsewhere or explode."""

import io
import json
import struct
import zipfile
import zlib

import h5py
import numpy as np
import pytest

from tests.attacks.harness import assert_refused, load_in_child

pytestmark = pytest.mark.filterwarnings("ignore:Duplicate name")
GOOD_JSON = b'{"keras_version": "3.0.0"}'


def h5_bytes(fill):
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        fill(file)
    return memory.getvalue()


GOOD_H5 = h5_bytes(lambda file: file.create_dataset("layers/dense/vars/0", data=np.ones((3, 2), np.float32)))


def keras_file(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def good_members():
    return [("metadata.json", GOOD_JSON), ("config.json", b"{}"), ("model.weights.h5", GOOD_H5)]


def test_good_files_pass(tmp_path):
    assert load_in_child(keras_file(tmp_path / "m.keras", good_members()))["outcome"] == "loaded"
    (tmp_path / "w.h5").write_bytes(GOOD_H5)
    assert load_in_child(tmp_path / "w.h5")["outcome"] == "loaded"


# ---- zip -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil", "assets/../../evil", "evil.pkl", "C:\\evil",
                                  "config.json/x", "model.weights.npz", "assets/vocabulary.txt", "CONFIG.JSON",
                                  "config.json\0.txt"])
def test_zip_names(tmp_path, name):
    assert_refused(keras_file(tmp_path / "m.keras", [*good_members(), (name, b"x")]), "")


def test_zip_link(tmp_path):
    link = zipfile.ZipInfo("config.json")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    members = [("metadata.json", GOOD_JSON), (link, b"/etc/passwd")]
    assert_refused(keras_file(tmp_path / "m.keras", members), "no plain file")


def test_zip_doubled_member(tmp_path):
    assert_refused(keras_file(tmp_path / "m.keras", [*good_members(), ("config.json", b"{}")]), "the same twice")


def test_zip_bomb(tmp_path):
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("metadata.json", GOOD_JSON)
        archive.writestr("model.weights.h5", bytes(400 << 20))
    assert_refused(path, "larger than allowed")


def test_zip_with_a_lying_size(tmp_path):
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b'{"a": "' + b"x" * 100_000 + b'"}')
    content = bytearray(path.read_bytes())
    directory = content.rindex(b"PK\x01\x02")
    content[directory + 24:directory + 28] = struct.pack("<I", 100)
    path.write_bytes(content)
    assert_refused(path, "")


def test_zip_overlapping_members(tmp_path):
    path = keras_file(tmp_path / "m.keras", good_members())
    content = bytearray(path.read_bytes())
    first = content.index(b"PK\x01\x02")
    second = content.index(b"PK\x01\x02", first + 4)
    content[second + 42:second + 46] = content[first + 42:first + 46]
    path.write_bytes(content)
    assert_refused(path, "")


def test_zip_behind_another_file(tmp_path):
    path = keras_file(tmp_path / "m.keras", good_members())
    path.write_bytes(b"#!/bin/sh\necho evil\n" + path.read_bytes())
    assert_refused(path, "")


def test_zip_encrypted(tmp_path):
    path = keras_file(tmp_path / "m.keras", good_members())
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    path.write_bytes(content)
    assert_refused(path, "encrypted")


@pytest.mark.parametrize("wide", [False, True])
def test_zip_with_a_directory_of_a_million_entries(tmp_path, wide):
    """38 MB of entries would be half a gigabyte of objects; the size that counts may stand in two places."""
    entry = struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    entries = entry * 800_000
    said = 0 if wide else len(entries)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, said, 0xFFFFFFFF if wide else 0, 0)
    if wide:
        end = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, 800_000, 800_000, len(entries), 0) + struct.pack(
            "<4sIQI", b"PK\6\7", 0, len(entries), 1) + end
    (tmp_path / "m.keras").write_bytes(entries + end)
    assert_refused(tmp_path / "m.keras", "directory larger than allowed")


# ---- JSON ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("text, words", [
    (b"[" * 100_000, "nested too deeply"),
    (b'{"a":' * 100_000, "nested too deeply"),
    (b'{"a": 1, "a": 2}', "the same key twice"),
    (b"{" + b",".join(b'"%d":1' % index for index in range(300_000)) + b',"299999":2}', "the same key twice"),
    (b'{"a": NaN}', "NaN"),
    (b'{"a": 1e999}', "too large"),
    (b'{"a": ' + b"9" * 5000 + b"}", "64 bits"),
    (b'{"a": 1', "damaged"),
    (b"\xff\xfe{}", "damaged"),
    (b"[1, 2]", "must hold an object"),
    (b" " * (17 << 20) + b"{}", "too large"),
])
def test_json(tmp_path, text, words):
    (tmp_path / "c.json").write_bytes(text)
    assert_refused(tmp_path / "c.json", words)


# ---- HDF5 ----------------------------------------------------------------------------------------------------------

def external_storage(file):
    # CVE-2026-1669: the dataset's bytes are those of any file of the reader's.
    file.create_dataset("x", (16,), "u1", external=[("/etc/passwd", 0, 16)])


def virtual_dataset(file):
    layout = h5py.VirtualLayout((16,), "u1")
    layout[:] = h5py.VirtualSource("/tmp/other.h5", "x", (16,))
    file.create_virtual_dataset("x", layout)


def external_link(file):
    file["x"] = h5py.ExternalLink("/tmp/other.h5", "/x")


def soft_link(file):
    file["x"] = h5py.SoftLink("/elsewhere")


def hard_link_cycle(file):
    file.create_group("a")["b"] = file["/"]


def two_names(file):
    file["y"] = file.create_dataset("x", data=np.zeros(10))


def shape_bomb(file):
    # CVE-2026-0897: a kilobyte that declares an exabyte.
    file.create_dataset("x", (1 << 60,), "f4")


def modest_shape_bomb(file):
    file.create_dataset("x", ((39 << 30) // 10,), "u1")


def chunked_shape_bomb(file):
    file.create_dataset("x", (1 << 40,), "f4", chunks=(1 << 20,))


def compound(file):
    file.create_dataset("x", data=np.zeros(3, [("a", "f4"), ("b", "i4")]))


def references(file):
    file.create_dataset("x", (3,), h5py.ref_dtype)


def texts(file):
    file.create_dataset("x", data=["a", "b"])


def foreign_filter(file):
    file.create_dataset("x", data=np.zeros(100, "f4"), compression="lzf")


def checksum_filter(file):
    file.create_dataset("x", data=np.zeros(100, "f4"), chunks=(100,), fletcher32=True)


def named_type(file):
    file["x"] = np.dtype("f4")


def empty_dataset(file):
    file["x"] = h5py.Empty("f4")


def many_objects(file):
    for index in range(25):
        group = file.create_group(str(index))
        for inner in range(1000):
            group.create_group(str(inner))


def deep_groups(file):
    file.create_group("/".join("a" * 100))


HDF5_TRICKS = [
    (external_storage, "another file"), (virtual_dataset, "another file"), (external_link, "link"), (soft_link, "link"),
    (hard_link_cycle, "under two names"), (two_names, "under two names"), (shape_bomb, "declares"),
    (modest_shape_bomb, "declares"), (chunked_shape_bomb, "chunks"), (compound, "no numbers"),
    (references, "no numbers"), (texts, "no numbers"), (foreign_filter, "filters"), (checksum_filter, "filters"),
    (named_type, "neither a group nor a dataset"), (empty_dataset, "without data"), (deep_groups, "nested too deeply"),
    pytest.param(many_objects, "too many objects", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("trick, words", HDF5_TRICKS)
def test_hdf5(tmp_path, trick, words):
    (tmp_path / "w.h5").write_bytes(h5_bytes(trick))
    assert_refused(tmp_path / "w.h5", words)


def test_hdf5_tricks_inside_a_keras_file(tmp_path):
    members = [("metadata.json", GOOD_JSON), ("config.json", b"{}"), ("model.weights.h5", h5_bytes(external_storage))]
    assert_refused(keras_file(tmp_path / "m.keras", members), "another file")


def test_hdf5_chunk_that_unpacks_to_more_than_it_should(tmp_path):
    def fill(file):
        dataset = file.create_dataset("x", (1000,), "f4", chunks=(1000,), compression="gzip")
        dataset.id.write_direct_chunk((0,), zlib.compress(bytes(400 << 20), 1))
    (tmp_path / "w.h5").write_bytes(h5_bytes(fill))
    assert_refused(tmp_path / "w.h5", "more than it should")


def test_hdf5_compressed_beyond_belief(tmp_path):
    def fill(file):
        file.create_dataset("x", data=np.zeros(200_000_000, "u1"), chunks=(20_000_000,), compression="gzip")
    (tmp_path / "w.h5").write_bytes(h5_bytes(fill))
    assert_refused(tmp_path / "w.h5", "more data than it can hold")


def test_hdf5_attribute_bomb(tmp_path):
    """Many texts that all point at the same large one."""
    def fill(file):
        file.attrs["model_config"] = "x" * 2_000_000
        file.attrs["layer_names"] = [f"{index:05}" for index in range(4000)]
    content = h5_bytes(fill)
    (tmp_path / "w.h5").write_bytes(content)
    assert_refused(tmp_path / "w.h5", "too long")
    (tmp_path / "w.h5").write_bytes(content.replace(b"GCOL\1\0\0\0", b"GCOL\1\0\0\7"))  # The library reads it, too.
    assert_refused(tmp_path / "w.h5", "too long")


def test_hdf5_heap_without_an_end(tmp_path):
    """Free space of no size, from which the HDF5 library would never come to the next object."""
    def fill(file):
        file.attrs["model_config"] = "x"
    content = bytearray(h5_bytes(fill))
    place = content.index(b"GCOL") + 16
    while content[place:place + 2] != b"\0\0":
        size = int.from_bytes(content[place + 8:place + 16], "little")
        place += 16 + size + -size % 8
    content[place + 8:place + 16] = bytes(8)
    (tmp_path / "w.h5").write_bytes(content)
    assert_refused(tmp_path / "w.h5", "smaller than its head")


def test_hdf5_heaps_in_heaps(tmp_path):
    """Each of 100,000 heaps says that it holds all those behind it."""
    heap = struct.pack("<H6xQ", 1, 16) + struct.pack("<8sQ", b"GCOL\1\0\0\0", 1 << 40)

    def fill(file):
        file.attrs["striate_seal"] = "x"
        file.create_dataset("x", data=np.frombuffer(heap * 100_000, "u1"))
    (tmp_path / "w.h5").write_bytes(h5_bytes(fill))
    assert_refused(tmp_path / "w.h5", "heaps lie over each other")


@pytest.mark.parametrize("length", [0, 1, 8, 100, 1000])
def test_hdf5_cut_short(tmp_path, length):
    (tmp_path / "w.h5").write_bytes(GOOD_H5[:length])
    assert_refused(tmp_path / "w.h5", "")


# ---- safetensors ---------------------------------------------------------------------------------------------------

def safetensors(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def row(shape, begin, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@pytest.mark.parametrize("content, words", [
    (b"", "too short"),
    (safetensors({}, length=1 << 60), "longer than"),
    (safetensors({}, length=100), "longer than"),
    (safetensors(b"\xff\xff"), "damaged"),
    (safetensors(b"[" * 5000), "nested too deeply"),
    (safetensors(b'{"a": 1, "a": 2}'), "the same key twice"),
    (safetensors({"a": row([2], 0, 8)}, bytes(4)), "should have 8 bytes"),
    (safetensors({"a": row([2], 0, 8, [])}, bytes(8)), "not described as it should be"),
    (safetensors({"a": row([2], 0, 8, {"F32": 1})}, bytes(8)), "not described as it should be"),
    (safetensors({"a": row([2], 0, 8)}, bytes(12)), "should have 8 bytes"),
    (safetensors({"a": row([2], 0, 8), "b": row([2], 4, 12)}, bytes(12)), "overlap"),
    (safetensors({"a": row([1], 0, 4), "b": row([1], 8, 12)}, bytes(12)), "gaps"),
    (safetensors({"a": row([1 << 40, 1 << 40], 0, 8)}, bytes(8)), "not described"),
    (safetensors({"a": row([-1], 0, 8)}, bytes(8)), "not described"),
    (safetensors({"a": row([True], 0, 4)}, bytes(4)), "not described"),
    (safetensors({"a": row([1], 0, 4, "C64")}, bytes(4)), "not described"),
    (safetensors({"a": {"dtype": "F32"}}), "not described"),
    (safetensors({"a": [1]}), "not described"),
    (safetensors({"__metadata__": {"a": 1}}), "metadata"),
])
def test_safetensors(tmp_path, content, words):
    (tmp_path / "w.safetensors").write_bytes(content)
    assert_refused(tmp_path / "w.safetensors", words)
