"""Files are replaced whole or not at all, whatever fails and whenever."""

import errno
import os
import socket
import subprocess
import sys

import pytest

from striate import files
from striate.errors import FileError


class FaultyOs:
    """The module `os`, except that its n-th write, fsync or replace fails (or is the last thing that happens)."""

    def __init__(self, fail_at, fault):
        self.fail_at, self.fault, self.calls = fail_at, fault, 0

    def _count(self):
        self.calls += 1
        if self.calls == self.fail_at:
            raise self.fault

    def fsync(self, descriptor):
        self._count()
        os.fsync(descriptor)

    def replace(self, source, target):
        self._count()
        os.replace(source, target)

    def fdopen(self, descriptor, mode):
        faulty, file = self, os.fdopen(descriptor, mode, buffering=0)

        class FaultyFile:
            def __enter__(self):
                return self

            def __exit__(self, *_):
                file.close()

            def write(self, content):
                file.write(content[: len(content) // 2])
                faulty._count()
                file.write(content[len(content) // 2:])

            def flush(self):
                file.flush()

            def fileno(self):
                return file.fileno()

        return FaultyFile()

    def __getattr__(self, name):
        return getattr(os, name)


def test_write_replaces_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "new folder" / "model.keras"
    files.write_bytes(path, b"old")
    files.write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(path.parent) == ["model.keras"]


@pytest.mark.parametrize("fault", [OSError(errno.ENOSPC, "No space left on device"), OSError(errno.EIO, "I/O error"),
                                   KeyboardInterrupt(), MemoryError()], ids=["full", "io", "ctrl-c", "memory"])
@pytest.mark.parametrize("fail_at", range(1, 6))
def test_write_failing_anywhere_gives_old_or_new(tmp_path, monkeypatch, fail_at, fault):
    path = tmp_path / "weights.h5"
    path.write_bytes(b"the old content")
    faulty = FaultyOs(fail_at, fault)
    monkeypatch.setattr(files, "os", faulty)
    try:
        with files.replacing(path) as file:
            file.write(b"the new")
            file.write(b" content")
    except (OSError, KeyboardInterrupt, MemoryError) as error:
        # Calls: two writes, fsync of the file, replace, fsync of the folder.
        expected = b"the new content" if fail_at == 5 else b"the old content"
        assert type(error) is (FileError if isinstance(fault, OSError) else type(fault))
    else:
        expected = b"the new content"
        assert fail_at == 5 and isinstance(fault, OSError)
    assert faulty.calls == min(fail_at, 5)
    assert path.read_bytes() == expected
    assert os.listdir(tmp_path) == ["weights.h5"]


def test_full_disk_message_says_what_is_free_and_that_nothing_was_lost(tmp_path):
    path = tmp_path / "big.keras"
    path.write_bytes(b"old")
    with pytest.raises(FileError, match=r"disk is full .* bytes are free .* The old file is unharmed.") as caught:
        with files.replacing(path, expected_bytes=1 << 60):
            pytest.fail("the block must not start")
    assert caught.value.errno == errno.ENOSPC
    assert path.read_bytes() == b"old"


_LIMITED = """
import resource, signal, sys
from striate.files import write_bytes
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
write_bytes(sys.argv[1], bytes(100_000))
"""


def test_file_size_limit_leaves_old_file(tmp_path):
    path = tmp_path / "log.csv"
    path.write_bytes(b"old")
    result = subprocess.run([sys.executable, "-c", _LIMITED, str(path)], capture_output=True, text=True, check=False)
    assert "FileError" in result.stderr and "disk is full" in result.stderr
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["log.csv"]


_KILLED = """
import os, signal, sys
from striate.files import replacing
with replacing(sys.argv[1]) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_writer_leaves_old_file_and_its_litter_goes_with_the_next_write(tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes(b"old")
    subprocess.run([sys.executable, "-c", _KILLED, str(path)], check=False)
    assert path.read_bytes() == b"old"
    assert len(os.listdir(tmp_path)) == 2, "the kill must have left a temporary file"
    files.write_bytes(path, b"new")
    assert os.listdir(tmp_path) == ["model.keras"]


def test_temporary_file_of_a_running_writer_stays(tmp_path):
    path = tmp_path / "model.keras"
    with files.replacing(path) as slow:
        slow.write(b"slow")
        files.write_bytes(path, b"quick")
    assert path.read_bytes() == b"slow"


def test_symbolic_link_stays_and_mode_is_kept(tmp_path):
    target = tmp_path / "real.keras"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link = tmp_path / "best.keras"
    link.symlink_to(target)
    files.write_text(link, "neu")
    assert link.is_symlink() and target.read_text() == "neu"
    assert target.stat().st_mode & 0o777 == 0o640


def test_folder_in_the_way(tmp_path):
    with pytest.raises(FileError, match="it is a folder. Give the name of a file."):
        files.write_bytes(tmp_path, b"")


def test_only_plain_files_are_replaced(tmp_path):
    """A device or a pipe is never replaced by a file: who writes to /dev/null as root must not take it from all."""
    os.mkfifo(tmp_path / "pipe")
    for path in ("/dev/null", tmp_path / "pipe"):
        with pytest.raises(FileError, match="a device or a pipe"):
            files.write_bytes(path, b"x")
    assert os.listdir(tmp_path) == ["pipe"] and not os.path.isfile("/dev/null")


@pytest.mark.parametrize("name", ["a" * 255, "ü" * 127, "a"])
def test_names_as_long_as_can_be_and_foreign_files_with_our_mark(tmp_path, name):
    """255 bytes leave no room for a longer temporary name; a file with no process in its name is no writer's."""
    (tmp_path / f".{name[:100]}.striate-tmp").write_bytes(b"not ours")
    foreign = tmp_path / f".{name[:9]}.{socket.gethostname()}.{10 ** 30}.0.striate-tmp"    # No process has this number.
    foreign.write_bytes(b"not ours")
    for content in (b"old", b"new"):
        files.write_bytes(tmp_path / name, content)
    assert (tmp_path / name).read_bytes() == b"new" and len(os.listdir(tmp_path)) == 2 + foreign.exists()
