"""Whatever fails at whatever moment: every file that striate writes is the old one, the new one, or not there.

Each writer runs once for every thing n that it does to the disk (opening, half a write, fsync, rename, removal ...):
the n-th fails as on a full disk, as a broken one, by Ctrl-C, or the process is killed there. Then the file is read,
the writer runs again undisturbed, and nothing may be left lying about.
"""

import errno
import functools
import hashlib
import io
import json
import os
import struct
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from striate import Input, Sequential, callbacks, checkpoints, files, layers, models, see
from striate.callbacks import events
from striate.cli.run_folder import RunFolder
from striate.datasets.fetch import fetch
from striate.errors import DownloadError, FileError
from striate.kernels import machine_code
from striate.utils import download
from tests.datasets.web import serving
from tests.reliability.faults import Faults, dies_at

FAULTS = {"full disk": OSError(errno.ENOSPC, "No space left on device"), "broken disk": OSError(errno.EIO, "I/O error"),
          "read-only": OSError(errno.EROFS, "Read-only file system"), "ctrl-c": KeyboardInterrupt(), "kill -9": None}
MARKS = {"kill -9": pytest.mark.slow, "ctrl-c": pytest.mark.slow, "broken disk": pytest.mark.nightly,
         "read-only": pytest.mark.nightly}
CONTENT = bytes(range(256)) * 3000


class Writer:
    """Writes version 1 or 2 below `folder`; `read` gives 1 or 2 (or 0: not there), or raises: the test fails."""

    absent = False
    """Whether a fault may leave nothing at all."""

    def __init__(self, folder: Path):
        self.folder = folder

    def litter(self) -> list[str]:
        """What is there besides what belongs there."""
        return sorted(path.name for path in self.folder.rglob("*") if path.name.endswith(".striate-tmp"))


@functools.cache
def network(version: int) -> Sequential:
    made = Sequential([Input((3,)), layers.Dense(4), layers.Dense(2)])
    made.compile("adam", "mse")
    made.set_weights([np.full(array.shape, version, np.float32) for array in made.get_weights()])
    return made


def alike(version: int) -> Sequential:
    """A network whose variables have the same names every time."""
    made = Sequential([Input((3,)), layers.Dense(4, name="a")], name="m")
    made.set_weights([np.full(array.shape, version, np.float32) for array in made.get_weights()])
    return made


class ModelFile(Writer):
    name = "model.keras"

    def write(self, version):
        network(version).save(self.folder / self.name)

    def read(self):
        return int(models.load_model(self.folder / self.name).get_weights()[0][0, 0])


class LegacyFile(ModelFile):
    name = "model.h5"


class WeightsFile(Writer):
    name = "model.weights.h5"

    def write(self, version):
        network(version).save_weights(self.folder / self.name)

    def read(self):
        found = Sequential([Input((3,)), layers.Dense(4), layers.Dense(2)])
        found.load_weights(self.folder / self.name)
        return int(found.get_weights()[0][0, 0])


class Safetensors(WeightsFile):
    name = "model.safetensors"

    def write(self, version):
        alike(version).save_weights(self.folder / self.name)

    def read(self):
        found = alike(9)
        found.load_weights(self.folder / self.name)
        return int(found.get_weights()[0][0, 0])


class Checkpoint(Writer):
    def write(self, version):
        checkpoints.save(self.folder, 10 * version, {"version": version, "weights": np.full(1000, version, np.float32)})

    def read(self):
        state = checkpoints.newest(self.folder)
        assert (state["weights"] == state["version"]).all()
        return state["version"]


class FirstCheckpoint(Checkpoint):
    """No state was there before: one that is not whole does not count, and the training begins anew."""

    absent = True

    def write(self, version):
        if version == 2:
            super().write(2)

    def read(self):
        return 0 if checkpoints.newest(self.folder) is None else super().read()


class RemovedCheckpoint(Checkpoint):
    """All states are removed in version 2."""

    absent = True

    def write(self, version):
        super().write(1) if version == 1 else checkpoints.remove(self.folder)

    def read(self):
        state = checkpoints.newest(self.folder)
        return 2 if state is None else state["version"]


class Table(Writer):
    absent = True

    def write(self, version):
        logger = callbacks.CSVLogger(self.folder / "log.csv")
        logger.on_train_begin()
        for epoch in range(version):
            logger.on_epoch_end(epoch, {"loss": 1.0})

    def read(self):
        lines = (self.folder / "log.csv").read_text().splitlines()
        assert lines == ["epoch,loss,val_loss", "0,1.0,NA", "1,1.0,NA"][:len(lines)]
        return max(0, len(lines) - 1)


class Events(Writer):
    """Version 2 adds a file of its own to the folder; each holds whole records, and at most one cut off at the end."""

    def write(self, version):
        board = callbacks.TensorBoard(self.folder)
        board.on_train_begin()
        for epoch in range(2):
            board.on_epoch_end(epoch, {"loss": float(version)})
        board.on_train_end()

    def read(self):
        counts = sorted(len(whole_records(path.read_bytes())) for path in self.folder.rglob("*tfevents*"))
        assert 3 in counts, "the old file must be whole"
        return 2 if counts.count(3) >= 2 else 1


class Report(Writer):
    def write(self, version):
        answer = see.architecture(network(version))
        answer.save(self.folder / "page.svg")

    def read(self):
        text = (self.folder / "page.svg").read_text()
        assert text.rstrip().endswith("</svg>")
        return 2


class Run(Writer):
    def write(self, version):
        run = RunFolder(self.folder)
        run.write_json("config.json", {"version": version})
        run.write_history({"loss": [1.0] * version})

    def read(self):
        config = json.loads((self.folder / "config.json").read_text())["version"]
        history = len(json.loads((self.folder / "history.json").read_text())["loss"])
        rows = len((self.folder / "history.csv").read_text().splitlines()) - 1
        assert config >= history >= rows >= 1
        return rows


class Seal(Writer):
    """The sha256 beside machine code: without it, or with a wrong one, the code is discarded."""

    absent = True

    def write(self, version):
        (self.folder / f"k.test.{version}.nbc").write_bytes(CONTENT)
        machine_code.seal(self.folder)

    def read(self):
        machine_code.discard_damaged(self.folder)
        return 2 if (self.folder / "k.test.2.nbc").exists() else 1


class Download(Writer):
    absent = True

    def __init__(self, folder):
        super().__init__(folder)
        self.server = serving(CONTENT)
        self.site = self.server.__enter__()

    def write(self, version):
        if version == 2:
            fetch(self.folder / "data.gz", [self.site.url], hashlib.sha256(CONTENT).hexdigest())

    def read(self):
        path = self.folder / "data.gz"
        assert not path.exists() or path.read_bytes() == CONTENT
        return 2 if path.exists() else 0

    def litter(self):
        return sorted(path.name for path in self.folder.iterdir() if path.name not in ("data.gz", ".data.gz.lock"))


class Archive(Writer):
    absent = True

    def __init__(self, folder):
        super().__init__(folder)
        memory = io.BytesIO()
        with zipfile.ZipFile(memory, "w") as archive:
            for name in ("a.txt", "inner/b.txt"):
                archive.writestr(name, CONTENT)
        (folder / "x.zip").write_bytes(memory.getvalue())

    def write(self, version):
        if version == 2:
            download.unpack(self.folder / "x.zip")

    def read(self):
        target = self.folder / "x.zip_extracted"
        if target.exists():
            assert [(target / name).read_bytes() == CONTENT for name in ("a.txt", "inner/b.txt")] == [True, True]
        return 2 if target.exists() else 0


WRITERS = [ModelFile, LegacyFile, WeightsFile, Safetensors, Checkpoint, FirstCheckpoint, RemovedCheckpoint, Table,
           Events, Report, Run, Seal, Download, Archive]


def whole_records(content: bytes) -> list[bytes]:
    """The records of an event file; what is cut off at the end does not count, anything else wrong is an error."""
    found, at = [], 0
    while at + 12 <= len(content):
        (length,) = struct.unpack_from("<Q", content, at)
        record = content[at + 12:at + 12 + length]
        if len(content) < at + 16 + length:
            break
        assert events.record(record) == content[at:at + 16 + length]
        found.append(record)
        at += 16 + length
    return found


def made(kind, place: Path) -> Writer:
    """A writer in a fresh folder, with version 1 on the disk."""
    place.mkdir(parents=True)
    writer = kind(place)
    writer.write(1)
    return writer


@pytest.fixture
def tmp_path():
    """A folder in memory where there is one: forcing thousands of files to a real disk takes minutes."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


@pytest.mark.parametrize("fault", [pytest.param(fault, marks=MARKS.get(fault, ())) for fault in FAULTS])
@pytest.mark.parametrize("kind", WRITERS, ids=lambda kind: kind.__name__)
def test_every_moment(kind, fault, tmp_path, monkeypatch, record_property):
    monkeypatch.setattr("striate.datasets.fetch.time.sleep", lambda seconds: None)
    with Faults(tmp_path) as counted:
        made(kind, tmp_path / "count").write(2)
    for at in range(1, counted.count + 2):
        writer = made(kind, tmp_path / str(at))
        done = _disturbed(writer, fault, at)
        found = writer.read()
        assert found in ((0, 1, 2) if writer.absent else (1, 2)), f"at {at}: version {found}"
        assert found == 2 or not done, f"at {at}: came to its end, but version {found} is there"
        writer.write(2)
        assert writer.read() == 2 and writer.litter() == [], f"at {at}: left {writer.litter()}"
        if done and fault == "kill -9":
            break
    record_property("faults", at - 1)


def _disturbed(writer: Writer, fault: str, at: int) -> bool:
    """Writes version 2 with a fault at the `at`-th thing; says whether the writer said that it succeeded."""
    if fault == "kill -9":
        return dies_at(writer.folder, at, lambda: writer.write(2))
    try:
        with Faults(writer.folder, at, FAULTS[fault]):
            writer.write(2)
    except (FileError, DownloadError, KeyboardInterrupt) as error:
        assert isinstance(error, KeyboardInterrupt) == (fault == "ctrl-c")
        return False
    return True


def test_the_shim_counts_and_strikes(tmp_path):
    path = tmp_path / "x"
    with Faults(tmp_path) as faults:
        files.write_bytes(path, b"old")
    assert faults.count == 5, "open, write, fsync, replace, fsync of the folder"
    with Faults(tmp_path, 2, FAULTS["full disk"]), pytest.raises(FileError, match="disk is full"):
        files.write_bytes(path, b"new")
    assert not dies_at(tmp_path, 4, lambda: files.write_bytes(path, b"new")) and path.read_bytes() == b"old"
    assert dies_at(tmp_path, 99, lambda: files.write_bytes(path, b"new")) and path.read_bytes() == b"new"
