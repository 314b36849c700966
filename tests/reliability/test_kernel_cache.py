"""Compiled kernels on the disk: damaged ones are made again, folders that others can write to are refused."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

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


def compute(cache):
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=200,
                          env={**os.environ, "PYTHONPATH": str(ROOT), "STRIATE_CACHE_DIR": str(cache),
                               "STRIATE_NUM_THREADS": "1"})
    return done.returncode, done.stdout.splitlines(), done.stderr


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    code, lines, errors = compute(folder)
    assert code == 0 and lines[-1] == "True" and any(line.startswith("compiled") for line in lines), errors
    assert compute(folder)[1] == ["True"], "a second process compiles nothing"
    return folder


@pytest.mark.parametrize("damage", ["truncate code", "flip code", "truncate index", "garble index", "no code"])
def test_damaged_files_are_made_again(cache, damage):
    draw = random.Random(damage)
    for path in sorted(cache.rglob("*.nbi" if "index" in damage else "*.nbc")):
        content = bytearray(path.read_bytes())
        if damage.startswith("truncate"):
            content = content[:draw.randrange(len(content))]
        elif damage == "no code":
            path.unlink()
            continue
        else:
            for _ in range(10):
                content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(content)
    code, lines, errors = compute(cache)
    assert code == 0 and lines[-1] == "True" and len(lines) > 1, errors
    assert compute(cache)[1] == ["True"]


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
