"""The measurements run and give numbers of the right kind; how large they are is nobody's test."""

import json
import os
import signal

import numpy as np
import pytest
from click.testing import CliRunner

from striate.bench import accuracy, install, machine, models, ops, timing
from striate.cli import main


def test_repeated_calls_are_counted():
    calls = []
    found = timing.repeat(lambda: calls.append(1), 0.0, warm=2)
    assert found.calls == timing.FEWEST_CALLS == len(calls) - 2
    assert found.smallest <= found.quartiles[0] <= found.median <= found.quartiles[1]


def test_peak_and_bandwidth_are_positive():
    found = machine.measure_peak(0.01)
    assert found.gflops > 0 and found.copy_gbytes > 0


def test_own_work_is_not_foreign():
    before = machine.Load(busy=10.0, stolen=0.0, own=3.0)
    after = machine.Load(busy=16.0, stolen=0.0, own=7.0)
    assert after.foreign_since(before, 4.0) == 0.5
    assert machine.Load(None, None, 1.0).foreign_since(before, 4.0) is None


@pytest.mark.slow
def test_ops_report_their_operations_and_kernels():
    found = list(ops.measure(1, 1, "lenet5"))
    assert [row.direction for row in found] == ["forward", "weights", "input"]
    # Only the winners of the 2x2 pooling carry a gradient.
    assert [row.flops for row in found] == [2 * 10 * 10 * 5 * 5 * 6 * 16] + 2 * [2 * 5 * 5 * 5 * 5 * 6 * 16]
    assert all(row.seconds > 0 and row.kernels and "reference" not in row.kernels for row in found)


def test_model_times_and_launches():
    subject = models.Subject("lenet5", 2)
    subject.train()
    launches = subject.profile(repeats=1)
    assert len(launches) > 10
    assert all(time.seconds >= 0 for time in launches)
    assert subject.predict().shape == (2, 10)


def test_installed_size_counts_what_striate_needs():
    found = install.sizes()
    assert {"striate", "numpy", "numba", "llvmlite"} <= set(found)
    assert min(found.values()) >= 0


@pytest.mark.slow
def test_half_a_training_is_no_measurement(monkeypatch):
    images = np.random.default_rng(0).random((64, 28, 28, 1), np.float32)
    monkeypatch.setattr(accuracy._Clock, "on_epoch_end", lambda *_: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        accuracy.run("lenet5", (images, np.arange(64) % 10), (images, np.arange(64) % 10), seed=0, epochs=2)


@pytest.mark.slow
def test_accuracy_is_noted_after_each_epoch():
    rng = np.random.default_rng(0)
    images, labels = rng.random((64, 28, 28, 1), np.float32), rng.integers(0, 10, 64)
    epochs = accuracy.run("lenet5", (images, labels), (images, labels), seed=0, epochs=2)
    assert [epoch.epoch for epoch in epochs] == [1, 2]
    assert 0 < epochs[0].seconds < epochs[1].seconds
    assert accuracy.seconds_to(epochs, 2.0) is None
    assert accuracy.seconds_to(epochs, 0.0) == epochs[0].seconds


@pytest.mark.slow
def test_commands_print_json():
    done = CliRunner().invoke(main, ["bench", "ops", "--only", "lenet5", "--batch", "1", "--repeats", "1", "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert found["ops"][0]["percent"] == pytest.approx(100 * found["ops"][0]["gflops"] / found["peak"]["gflops"])


@pytest.mark.parametrize("words, said", [
    (["memory", "nothing"], "no network of this name"), (["cold", "nothing"], "no network of this name"),
    (["accuracy", "small", "--target", "2"], "not in the range 0<=x<=1")])
def test_mistakes_are_told_before_anything_is_measured(words, said):
    done = CliRunner().invoke(main, ["bench", *words])
    assert done.exit_code == 2 and said in done.stderr


def test_wrong_batches_are_refused():
    done = CliRunner().invoke(main, ["bench", "models", "lenet5", "--batches", "1,none"])
    assert done.exit_code == 2
    assert "Received: batches='1,none'" in done.output
