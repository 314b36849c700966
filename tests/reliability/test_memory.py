"""The memory that `memory_estimate` foretells is the memory that a training takes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from striate import zoo

ROOT = Path(__file__).resolve().parents[2]
CODE = """
import ctypes, gc, re, sys
import numpy as np
from striate import losses, utils
from tests.reliability import networks

def memory(row):
    return int(re.search(row + r":\\s*(\\d+) kB", open("/proc/self/status").read())[1]) * 1024

def made():
    utils.clear_session()
    model = networks.build(sys.argv[1])
    sparse = model.output_shape[-1] > 1
    model.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True) if sparse else "mse",
                  metrics=["accuracy"] if sparse else [])
    return model

size = int(sys.argv[2])
model = made()
x = np.random.default_rng(0).random((2 * size, *model.input_shape[1:]))
dtype = model.inputs[0].dtype if model.inputs[0].dtype == "float64" else "float32"
x = (255 * x).astype(np.uint8) if model.inputs[0].dtype == "uint8" else x.astype(dtype)
y = np.zeros(2 * size, np.int32) if model.output_shape[-1] > 1 else np.zeros((2 * size, 1), np.float32)
model.fit(x, y, batch_size=size, verbose=0)  # Libraries are loaded and kernels compiled.
del model
estimate = made().memory_estimate(size)
model = made()
copied = 4 * x.size if dtype == "float64" else 0  # the data as float32
gc.collect()
ctypes.CDLL(None).malloc_trim(0)  # what the drawing of the weights needed
open("/proc/self/clear_refs", "w").write("5")
before = memory("VmRSS") - estimate.weights
model.fit(x, y, batch_size=size, verbose=0)
print(estimate.total + copied, memory("VmHWM") - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="the peak cannot be reset here")
@pytest.mark.parametrize(("name", "batch_size"), [
    ("small", 128), ("nova", 64), ("yale", 64), ("lenet5", 256),
    *(pytest.param(name, size, marks=pytest.mark.nightly) for name, size in (
        ("brain_small", 16), ("brain_residual", 16), ("uva", 64), ("tue", 32), ("residual", 32), ("separable", 32),
        ("signal", 64), ("fast90", 64), ("fast92", 64), ("fast94", 64), ("dcgan_discriminator", 32), ("small", 512),
        ("nova", 256), ("yale", 16), ("lenet5", 1024), ("uva", 256), ("line", 64), ("volume", 16), ("apart", 32),
        ("depthwise", 32), ("transposed", 32), ("one image", 1), ("wide", 256), ("doubles", 64), ("groups", 16),
        ("bytes", 48), ("attention", 16)))])
def test_estimate_is_what_a_training_takes(name, batch_size):
    done = subprocess.run([sys.executable, "-c", CODE, name, str(batch_size)], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=1800)
    assert done.returncode == 0, done.stderr
    estimate, growth = map(int, done.stdout.split())
    assert abs(estimate - growth) < 0.15 * growth, f"{name}: {estimate:,} foretold, {growth:,} taken"


def test_estimate_leaves_the_model_as_it_was():
    model = zoo.build("lenet5")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    before = [array.copy() for array in model.get_weights()]
    small, large = model.memory_estimate(8), model.memory_estimate(64)
    assert 5 * small.arena < large.arena and small.weights == large.weights and "arena" in str(small)
    assert large.optimizer >= 2 * 4 * model.count_params()
    assert model._programs is None and all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


LIMITED = """
import resource, sys
import numpy as np
from striate import zoo
from striate.errors import ArgumentError
model = zoo.build("lenet5")
model.compile("adam", "sparse_categorical_crossentropy")
x, y = np.zeros((40_000, *model.input_shape[1:]), np.float32), np.zeros(40_000, np.int32)
model.fit(x[:8], y[:8], verbose=0)
if sys.argv[1] == "process":
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (512 << 20), used + (512 << 20)))
try:
    model.fit(x, y, batch_size=40_000, verbose=0)
except ArgumentError as error:
    print(error)
model.fit(x[:8], y[:8], verbose=0)
print("goes on")
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory of the process is limited by Linux")
@pytest.mark.parametrize(("kind", "words"), [("setting", "the setting `memory_limit`"),
                                             ("process", "this process can have")])
def test_too_much_memory_is_refused_in_words_and_the_process_goes_on(kind, words):
    limit = {"STRIATE_MEMORY_LIMIT": "200M"} if kind == "setting" else {}
    done = subprocess.run([sys.executable, "-c", LIMITED, kind], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT), **limit})
    assert done.returncode == 0, done.stderr
    assert words in done.stdout and "smaller batch size" in done.stdout and done.stdout.endswith("goes on\n")
