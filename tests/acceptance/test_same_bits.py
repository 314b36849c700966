"""The same seed gives the same bits on one thread, two or three, whatever Python's hashes and working folder are."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.lessons import LESSONS

ROOT = Path(__file__).resolve().parents[2]
CHILD = """
import hashlib, json, sys
import numpy as np
import striate as keras
from striate import zoo
from striate.runtime import pool
from tests.acceptance.lessons import LESSONS
name = sys.argv[1]
images, labels = LESSONS[name].data()
for threads in map(int, sys.argv[2:]):
    pool.set_threads(threads)
    keras.utils.clear_session()
    keras.utils.set_random_seed(7)
    model = zoo.build(name)  # with its dropout
    zoo.recipe(name).compile(model)
    history = model.fit(images, labels, batch_size=len(images) // 4, epochs=5, verbose=0, shuffle=True).history
    digest = hashlib.sha256()
    for array in [*model.get_weights(), model.predict(images, verbose=0)]:
        digest.update(np.ascontiguousarray(array).tobytes())
    print(json.dumps([digest.hexdigest(), {key: [float(v).hex() for v in values] for key, values in history.items()}]))
"""


def run(name, folder, threads, hashes):
    """Weights' and predictions' sha256 and the history's exact numbers of twenty steps, for each number of threads."""
    environment = os.environ | {"PYTHONHASHSEED": str(hashes), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", CHILD, name, *map(str, threads)], capture_output=True, text=True,
                          env=environment, cwd=folder)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("name", LESSONS)
def test_training_gives_the_same_bits(name, tmp_path):
    (first,) = run(name, ROOT, threads=[1], hashes=0)
    assert len(first[1]["loss"]) == 5 and len(set(first[1]["loss"])) == 5
    assert run(name, tmp_path, threads=[2, 3], hashes=1) == [first, first]
