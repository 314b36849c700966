"""Hostile folders: data sets larger than the memory, and states of trainings, each read in the guarded child."""

import hashlib
import json
import os
import struct

import numpy as np
import pytest

from tests.attacks.harness import load_in_child


def index(**changes):
    part = {"rows": 5, "x": "x.npy"}
    return {"format": 1, "arrays": {"x": {"dtype": "<f4", "shape": [2]}}, "files": [part]} | changes


def part(**changes):
    return index(files=[{"rows": 5, "x": "x.npy"} | changes])


def array(dtype="<f4", shape=(2,)):
    return index(arrays={"x": {"dtype": dtype, "shape": list(shape)}})


INDICES = {
    "an exabyte of rows": part(rows=1 << 60), "rows below zero": part(rows=-5), "no rows": part(rows=0),
    "rows are a float": part(rows=5.0), "rows are true": part(rows=True), "rows are a text": part(rows="5"),
    "rows are missing": index(files=[{"x": "x.npy"}]), "file outside": part(x="../x.npy"),
    "file from the root": part(x="/etc/passwd"), "file is a number": part(x=7), "file is missing": part(x="y.npy"),
    "file has a name too long": part(x="x" * 5000),
    "file is the folder": part(x="."), "file is a pipe": part(x="pipe"), "file is the index": part(x="index.json"),
    "Python objects": array("|O"), "fields": array("f4,f4"), "texts": array("<U9"), "no type": array(""),
    "huge rows": array(shape=(1 << 40, 1 << 40)), "rows below zero long": array(shape=(-2,)),
    "other type": array("<i4"),
    "forty axes": array(shape=(1,) * 40 + (2,)), "another format": index(format=9),
    "files are a text": index(files="abc"),
    "arrays are a list": index(arrays=["x"]), "shape is a number": index(arrays={"x": {"dtype": "<f4", "shape": 2}}),
    "a list": [1], "nested": json.loads("[" * 90 + "]" * 90), "nothing": {},
}


@pytest.fixture
def folder(tmp_path):
    np.save(tmp_path / "x.npy", np.ones((5, 2), np.float32))
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


def outcome(path):
    report = load_in_child(path, kind="folder")
    return report["outcome"], report


@pytest.mark.parametrize("name", INDICES)
def test_stored_data(folder, name):
    (folder / "index.json").write_text(json.dumps(INDICES[name]))
    found, report = outcome(folder / "index.json")
    assert found == "refused", report


@pytest.mark.slow
def test_stored_arrays_that_lie(folder):
    (folder / "index.json").write_text(json.dumps(index()))
    assert outcome(folder / "index.json")[0] == "loaded"
    whole = (folder / "x.npy").read_bytes()
    for content in (whole[:-4], whole.replace(b"(5, 2)", b"(5, 9)"), whole.replace(b"<f4", b"|O8"),
                    whole.replace(b"(5, 2)", b"(-5,2)"), b"GIF89a" + whole[6:],
                    whole[:8] + struct.pack("<H", 60000) + whole[10:], bytes(100)):
        (folder / "x.npy").write_bytes(content)
        found, report = outcome(folder / "index.json")
        assert found == "refused", (content[:90], report)
    (folder / "index.json").write_text('{"files": [{"rows": NaN}]}')
    assert outcome(folder / "index.json")[0] == "refused"


def tensors(header, data=b""):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


STATES = {
    "an array that is not there": (tensors({}), '{"x": {"array": "y"}}'),
    "nested": (tensors({}), '{"x": ' + "[" * 100_000 + "]" * 100_000 + "}"), "no JSON": (tensors({}), "{"),
    "an exabyte": (tensors({"x": {"dtype": "F32", "shape": [1 << 60], "data_offsets": [0, 8]}}, bytes(8)), "{}"),
    "header beyond the file": (struct.pack("<Q", 1 << 40), "{}"), "no tensors": (b"", "{}"),
}


@pytest.mark.parametrize("name", STATES)
def test_states(tmp_path, name):
    """Whoever can write the state can write its hashes."""
    place = tmp_path / "step-000001"
    place.mkdir()
    files = dict(zip(("state.safetensors", "state.json"), (STATES[name][0], STATES[name][1].encode()), strict=True))
    for file, content in files.items():
        (place / file).write_bytes(content)
    commit = {file: hashlib.sha256(content).hexdigest() for file, content in files.items()}
    (place / "COMMIT").write_text(json.dumps(commit))
    found, report = outcome(place / "COMMIT")
    assert found == "refused", report


def test_deep_hashes(tmp_path):
    place = tmp_path / "step-000001"
    place.mkdir()
    (place / "COMMIT").write_text("[" * 100_000)
    assert outcome(place / "COMMIT")[0] == "refused"
