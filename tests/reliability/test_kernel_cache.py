"""Compiled kernels on the disk: damaged ones are made again, folders that others can write to are refused."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from striate.kernels import machine_code

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
CODE = """
import numpy as np
from striate import engine, ops
from striate.kernels import jit
jit.listeners.append(lambda name, seconds: print("compiled", name))
x = np.arange(8, dtype=np.float32)
print(engine.Function(lambda x: ops.exp(x) + 1.0, "test")(x).tolist() == (np.exp(x) + 1).astype(np.float32).tolist() or
      float(np.abs(engine.Function(lambda x: ops.exp(x) + 1.0, "test")(x) - np.exp(x) - 1).max()) < 1e-2)
"""


def start(cache):
    return subprocess.Popen([sys.executable, "-c", CODE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env={**os.environ, "PYTHONPATH": str(ROOT), "STRIATE_CACHE_DIR": str(cache),
                                 "STRIATE_NUM_THREADS": "1"})


def compute(cache):
    process = start(cache)
    output, errors = process.communicate(timeout=300)
    return process.returncode, output.splitlines(), errors


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    code, lines, errors = compute(folder)
    assert code == 0 and lines[-1] == "True" and any(line.startswith("compiled") for line in lines), errors
    assert compute(folder)[1] == ["True"], "a second process compiles nothing"
    return folder


@pytest.mark.parametrize("damage", ["truncate code", "flip code", "truncate index", "garble index", "no code",
                                    "no seal"])
def test_damaged_files_are_made_again(cache, damage):
    draw = random.Random(damage)
    for path in sorted(cache.rglob("*.nbi" if "index" in damage else "*.nbc")):
        content = bytearray(path.read_bytes())
        if damage.startswith("truncate"):
            content = content[:draw.randrange(len(content))]
        elif damage in ("no code", "no seal"):
            (path if damage == "no code" else path.with_name(path.name + ".sha256")).unlink()
            continue
        else:
            for _ in range(10):
                content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(content)
    code, lines, errors = compute(cache)
    assert code == 0 and lines[-1] == "True" and len(lines) > 1, errors
    assert compute(cache)[1] == ["True"]


def test_what_is_no_file_goes(tmp_path):
    """A link may lead to what has no end, a pipe is waited for, and nothing can be read from a folder."""
    whole = tmp_path / "kernels_0" / "whole.nbc"
    whole.parent.mkdir()
    whole.write_bytes(b"code")
    machine_code.seal(tmp_path)
    for name in ("endless.nbc", "index.nbi", "nowhere.made"):
        (whole.parent / name).symlink_to("/dev/zero" if name != "nowhere.made" else tmp_path / "nowhere")
    os.mkfifo(whole.parent / "pipe.nbc")
    (whole.parent / "folder.nbc.sha256").mkdir()
    assert machine_code.discard_damaged(tmp_path) == 5
    assert sorted(path.name for path in whole.parent.iterdir()) == ["whole.nbc", "whole.nbc.sha256"]


@pytest.mark.nightly
def test_eight_processes_at_once(tmp_path):
    """All compile the same kernels into the same empty cache; each computes what is right, and the cache is whole."""
    processes = [start(tmp_path) for _ in range(8)]
    for process in processes:
        output, errors = process.communicate(timeout=600)
        assert process.returncode == 0 and output.splitlines()[-1] == "True", errors
    code, lines, errors = compute(tmp_path)
    assert code == 0 and lines[-1] == "True", errors
    assert compute(tmp_path)[1] == ["True"]


@pytest.mark.skipif(os.name != "posix", reason="rights of files are another matter there")
def test_folder_that_others_can_write_to_is_refused(cache):
    folders = list((cache / "kernels").iterdir())
    assert all(folder.stat().st_mode & 0o777 == 0o700 for folder in folders)
    try:
        for folder in folders:
            folder.chmod(0o770)
        code, _, errors = compute(cache)
        assert code != 0 and "can be written to by others" in errors
    finally:
        for folder in folders:
            folder.chmod(0o700)
