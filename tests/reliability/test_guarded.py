"""Kernels stay inside their arrays, and arrays of every make are taken or refused in words.

Kernels get addresses, not arrays, so NUMBA_BOUNDSCHECK has nothing to check in them; pages that nobody may touch do
its work, at every edge of every buffer.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from striate import Input, Sequential, layers, seeds
from striate.errors import StriateError

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="pages are protected by Linux' mprotect")
@pytest.mark.parametrize("lanes", [pytest.param(4, marks=pytest.mark.nightly), 8,
                                   pytest.param(16, marks=pytest.mark.nightly)])
def test_kernels_stay_inside_their_arrays(lanes):
    done = subprocess.run([sys.executable, "-m", "tests.reliability.guard_pages", str(lanes)], cwd=ROOT,
                          capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    last = done.stdout.splitlines()[-1:]
    assert done.returncode == 0, f"ended with {done.returncode} at {last}\n{done.stderr[-900:]}"
    assert done.stdout.splitlines()[-1].startswith("all ")


@pytest.mark.skipif(sys.platform != "linux", reason="pages are protected by Linux' mprotect")
def test_the_guard_notices_one_byte_too_many():
    code = ("from tests.reliability.guard_pages import Pages; import ctypes; p = Pages(12, {end}, 4); p.bytes[11] = 1; "
            "print('here', flush=True); ctypes.c_uint8.from_address(p.bytes.ctypes.data + {place}).value")
    for end, place in ((True, 12), (False, -1)):
        done = subprocess.run([sys.executable, "-c", code.format(end=end, place=place)], cwd=ROOT, capture_output=True)
        assert done.stdout == b"here\n" and done.returncode == -11


# ---- arrays of every make ------------------------------------------------------------------------------------------

X = np.random.default_rng(0).integers(0, 256, (12, 6, 6, 2)).astype(np.float32)
Y = np.arange(12) % 3


def network() -> Sequential:
    seeds.set_random_seed(2)
    made = Sequential([Input((6, 6, 2)), layers.Conv2D(4, 3, activation="relu"), layers.Flatten(),
                       layers.Dense(3, activation="softmax")])
    made.compile("adam", "sparse_categorical_crossentropy")
    return made


def everything(x, y) -> list:
    """Weights after two epochs, losses, predictions."""
    model = network()
    history = model.fit(x, y, batch_size=5, epochs=2, verbose=0).history
    return [*model.get_weights(), history["loss"], model.predict(x, batch_size=5, verbose=0)]


def _unaligned(x):
    raw = np.zeros(x.nbytes + 1, np.uint8)
    raw[1:] = np.frombuffer(x.tobytes(), np.uint8)
    return raw[1:].view(x.dtype).reshape(x.shape)


def _read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


MAKES = {
    "negative strides": lambda x: x[::-1].copy()[::-1],
    "every second row": lambda x: np.repeat(x, 2, axis=0)[::2],
    "inner stride": lambda x: np.repeat(x, 3, axis=-1)[..., ::3],
    "transposed": lambda x: np.ascontiguousarray(np.moveaxis(x, -1, 1)).transpose(0, 2, 3, 1),
    "Fortran's order": np.asfortranarray,
    "read-only": _read_only,
    "other byte order": lambda x: x.astype(x.dtype.newbyteorder()),
    "unaligned": _unaligned,
    "float64": lambda x: x.astype(np.float64),
    "int16": lambda x: x.astype(np.int16),
    "uint8": lambda x: x.astype(np.uint8),
    "lists": lambda x: x.tolist(),
    "broadcast": lambda x: np.broadcast_to(x, (1, *x.shape))[0],
}


@pytest.mark.slow
@pytest.mark.parametrize("make", MAKES)
def test_arrays_of_every_make_give_the_same_bits(make):
    expected = everything(X, Y)
    labels = Y if make in ("transposed", "float64") else MAKES[make](Y.reshape(12, 1))
    before = np.array(X, copy=True)
    for one, other in zip(everything(MAKES[make](X), labels), expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert (before == X).all(), "the caller's array was changed"


@pytest.mark.parametrize("count", [1, 4, 5, 6, 11])
def test_any_number_of_samples(count):
    assert len(network().predict(X[:count], batch_size=5, verbose=0)) == count
    network().fit(X[:count], Y[:count], batch_size=5, verbose=0)


@pytest.mark.parametrize("shape", [(0, 6, 6, 2), (12, 0, 6, 2), (12, 6, 6, 0), ()])
def test_nothing_is_refused_in_words(shape):
    for use in (lambda x: network().predict(x, verbose=0), lambda x: network().fit(x, Y, verbose=0),
                lambda x: network().train_on_batch(x, Y)):
        with pytest.raises(StriateError):
            use(np.zeros(shape, np.float32))


def test_the_result_is_the_callers_own():
    model = network()
    first = model.predict(X, verbose=0)
    kept = first.copy()
    model.predict(X[::-1], verbose=0)
    assert (first == kept).all() and first.flags.writeable
