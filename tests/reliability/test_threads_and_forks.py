"""Threads that predict while one trains, children forked after and during a training, signals at awkward moments."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from striate import Input, Sequential, callbacks, layers, models, seeds
from striate.runtime import pool

ROOT = Path(__file__).resolve().parents[2]
X = np.random.default_rng(0).random((64, 6, 6, 1), np.float32)
Y = np.arange(64) % 3


def network(seed: int = 4) -> Sequential:
    seeds.set_random_seed(seed)
    made = Sequential([Input((6, 6, 1)), layers.Conv2D(4, 3, activation="relu"), layers.Flatten(),
                       layers.Dropout(0.2), layers.Dense(3, activation="softmax")])
    made.compile("adam", "sparse_categorical_crossentropy")
    return made


def trained(watchers=()) -> Sequential:
    model = network()
    model.fit(X, Y, epochs=4, batch_size=16, verbose=0, callbacks=list(watchers))
    return model


@pytest.fixture
def two_threads():
    before = pool.pool().threads
    pool.set_threads(2)
    yield
    pool.set_threads(before)


def test_four_threads_predict_while_one_trains(two_threads):
    """Another model's predictions keep their bits, and so does the training."""
    expected, other = trained().get_weights(), network(9)
    right = other.predict(X, verbose=0).tobytes()
    model, wrong, going = network(), [], threading.Event()
    model.predict(X[:16], verbose=0)
    going.set()

    def predict():
        while going.is_set():
            if other.predict(X, verbose=0).tobytes() != right:
                wrong.append("another model's predictions changed")
            if not np.allclose(model.predict(X[:16], verbose=0).sum(axis=1), 1.0, atol=1e-5):
                wrong.append("a prediction of the trained model is none")
            time.sleep(0.002)
    workers = [threading.Thread(target=predict) for _ in range(4)]
    for worker in workers:
        worker.start()
    seeds.set_random_seed(4)
    try:
        history = model.fit(X, Y, epochs=4, batch_size=16, verbose=0).history
    finally:
        going.clear()
        for worker in workers:
            worker.join()
    assert not wrong, wrong[0]
    assert len(history["loss"]) == 4
    for one, two in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(one, two)


def _predict(model):
    return model.predict(X, verbose=0).tobytes()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_children_forked_after_a_training_predict_and_train_on(two_threads):
    model = trained()
    right = _predict(model)
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    workers = [context.Process(target=lambda: answers.put(_predict(model))) for _ in range(2)]
    for worker in workers:
        worker.start()
    assert [answers.get(), answers.get()] == [right, right]
    for worker in workers:
        worker.join()

    def train_on():
        model.fit(X, Y, epochs=1, batch_size=16, verbose=0)
        return _predict(model)
    assert _in_child(train_on) == train_on()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_children_forked_while_other_threads_compute(two_threads):
    """Locks that a thread held when the process was forked are free in the child."""
    model, other = trained(), network(9)
    right, going = _predict(model), threading.Event()
    going.set()

    def busy():
        while going.is_set():
            other.predict(X, verbose=0)
            _predict(model)
            time.sleep(0.0001)
    workers = [threading.Thread(target=busy) for _ in range(2)]
    for worker in workers:
        worker.start()
    try:
        answers = [_in_child(lambda: _predict(model)) for _ in range(20)]
    finally:
        going.clear()
        for worker in workers:
            worker.join()
    assert answers == [right] * 20


def _in_child(action, seconds: int = 60) -> bytes:
    """What `action` gives in a forked child; an error if the child hangs."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            signal.alarm(seconds)
            os.write(writer, action())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as answer:
        content = answer.read()
    assert os.waitpid(child, 0)[1] == 0, "the forked child hung or failed"
    return content


# ---- signals -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_while_a_model_is_saved(tmp_path, monkeypatch, number):
    """The save that is under way is finished, then the training stops."""
    path, real = tmp_path / "last.keras", os.fsync
    network().fit(X, Y, batch_size=16, verbose=0)  # Kernels that are made are written, too: not while it counts.

    def interrupted(descriptor):
        monkeypatch.setattr(os, "fsync", real)
        os.kill(os.getpid(), number)
        real(descriptor)
    monkeypatch.setattr(os, "fsync", interrupted)
    model = network()
    history = model.fit(X, Y, epochs=9, batch_size=16, verbose=0, callbacks=[callbacks.ModelCheckpoint(path)])
    assert history.interrupted and len(history.history["loss"]) == 1
    assert os.listdir(tmp_path) == ["last.keras"]
    for one, two in zip(models.load_model(path).get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_second_ctrl_c_while_a_model_is_saved_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "last.keras"
    network().fit(X, Y, verbose=0)
    network(1).save(path)
    old, real = path.read_bytes(), os.fsync

    def twice(descriptor):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        real(descriptor)
    monkeypatch.setattr(os, "fsync", twice)
    with pytest.raises(KeyboardInterrupt):
        network().fit(X, Y, verbose=0, callbacks=[callbacks.ModelCheckpoint(path)])
    assert path.read_bytes() == old and os.listdir(tmp_path) == ["last.keras"]


def test_ctrl_c_during_validation_ends_before_the_epoch_counts():
    stop = callbacks.LambdaCallback(on_test_batch_begin=lambda batch, logs: os.kill(os.getpid(), signal.SIGINT))
    history = network().fit(X, Y, epochs=5, validation_data=(X, Y), verbose=0, callbacks=[stop])
    assert history.interrupted and history.history == {}


def test_ctrl_c_that_also_ends_the_reader_of_the_messages(monkeypatch):
    """`... 2>&1 | tee log`: the terminal sends Ctrl-C to both, and the one that is gone first is the reader."""
    stop = callbacks.LambdaCallback(on_train_batch_begin=lambda batch, logs: os.kill(os.getpid(), signal.SIGINT))
    reader, writer = os.pipe()
    os.close(reader)
    with open(os.dup(writer), "w") as gone, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", gone)
        history = network().fit(X, Y, epochs=5, verbose=0, callbacks=[stop])
        os.dup2(os.open(os.devnull, os.O_WRONLY), gone.fileno())  # what is left of the line goes there
    os.close(writer)
    assert history.interrupted and history.history == {}


BATCH_JOB = """
import sys
import numpy as np
import striate as keras
x, y = np.random.default_rng(0).random((64, 4), np.float32), np.arange(64) % 2
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
model.compile("sgd", "mse")
begun = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: epoch == 2 and print("ready", flush=True))
history = model.fit(x, np.eye(2)[y], epochs=10**7, verbose=0, callbacks=[begun])
model.save(sys.argv[1])
print("saved", history.interrupted, flush=True)
"""


@pytest.mark.slow
def test_sigterm_in_a_batch_job_leaves_the_model(tmp_path):
    job = subprocess.Popen([sys.executable, "-c", BATCH_JOB, str(tmp_path / "m.keras")], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        assert job.stdout.readline() == "ready\n", job.stderr.read()
        job.terminate()
        output, errors = job.communicate(timeout=120)
    finally:
        job.kill()
    assert job.returncode == 0 and output == "saved True\n", errors
    assert models.load_model(tmp_path / "m.keras").count_params() == 10
