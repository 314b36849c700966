"""Flipped, cut, extended and overwritten files: the right model, or an error that says what is wrong. Never a crash,
never wrong weights in silence.

Every byte of every kind of file is changed at night; in continuous integration some hundreds, chosen by `--seed`, and
all of the first and last hundred bytes, where the structure lies.
"""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.attacks.damage import model

ROOT = Path(__file__).resolve().parents[2]
FILES = ["m.keras", "whole.h5", "m.weights.h5", "old.h5", "m.safetensors", "pictures.npz"]


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A folder with a good file of each kind."""
    folder, made = tmp_path_factory.mktemp("good"), model()
    made.save(folder / "m.keras")
    made.save(folder / "whole.h5")
    for name in ("m.weights.h5", "old.h5", "m.safetensors"):
        made.save_weights(folder / name)
    draw = np.random.default_rng(0)
    np.savez(folder / "pictures.npz", x=draw.integers(0, 256, (6, 5, 5)).astype(np.uint8), y=np.arange(6) % 3)
    return folder


def damages(size: int, count: int, seed: int) -> list:
    """`count` flips of single bits, and a quarter as many of each other damage; `size` stands for every place."""
    draw = random.Random(seed)
    places = range(size) if count >= size else sorted({*range(50), *range(size - 50, size),
                                                   *(draw.randrange(size) for _ in range(count))})
    few = list(places)[::4]
    return [*(["flip", place, draw.randrange(8)] for place in places), *(["cut", place, 0] for place in few),
            *(["extend", place, draw.choice([1, 4, 8, 100, 5000])] for place in [*few, size]),
            *(["fill", place, draw.choice([2, 4, 8, 64, 512])] for place in few)]


@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name == "m.keras" else pytest.mark.slow)
                                  for name in FILES])
def test_damage(good, name, seed, by_level, record_property):
    size = (good / name).stat().st_size
    found = try_all(good / name, damages(size, by_level(20, 150, size), seed))
    assert not found["bad"], found["bad"][:5]
    assert found["refused"] > 10 * found["right"] or name.endswith((".keras", ".npz"))
    record_property("damages", found["right"] + found["refused"])


def try_all(path: Path, wanted: list) -> dict:
    """What `damage.py` says; a damage that ends its process is an error."""
    done = subprocess.run([sys.executable, str(Path(__file__).with_name("damage.py")), str(path)], text=True,
                          input=json.dumps(wanted), capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    if done.returncode:
        last = [line for line in done.stderr.splitlines() if line.isdecimal()]
        raise AssertionError(f"the process ended with {done.returncode} at {wanted[int(last[-1])] if last else None}:\n"
                             f"{done.stderr[-2000:]}")
    return json.loads(done.stdout)


def test_the_judge_knows_wrong_from_right(good, tmp_path):
    """Weights without a seal can be wrong in silence: the harness must say so."""
    import h5py

    path = tmp_path / "m.weights.h5"
    path.write_bytes((good / "m.weights.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        del file.attrs["striate_seal"]
    content = path.read_bytes()
    place = content.index(np.float32(2.0).tobytes() + np.float32(2.125).tobytes())
    found = try_all(path, [["flip", place, 3], ["cut", 100, 0]])
    assert found["refused"] == 1 and found["bad"][0][1] == "wrong and silent"
