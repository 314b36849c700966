"""Long runs: memory, descriptors and threads stay what they are, and steps take no longer at the end.

Half a minute in continuous integration, ten minutes each night, six hours before a release.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = """
import gc, json, os, re, sys, tempfile, threading, time
import numpy as np
from striate import Input, Sequential, callbacks, layers, losses, models, utils

def memory():
    return int(re.search(r"RssAnon:\\s*(\\d+) kB", open("/proc/self/status").read())[1]) / 1024

def made():
    model = Sequential([Input((12, 12, 1)), layers.Conv2D(8, 3, activation="relu"), layers.BatchNormalization(),
                        layers.MaxPooling2D(), layers.Flatten(), layers.Dropout(0.2), layers.Dense(4)])
    model.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model

def turn(folder, number):
    for _ in range(100):
        model.train_on_batch(x[:32], y[:32])
    model.predict(x, verbose=0)
    model.evaluate(x, y, verbose=0)
    watchers = [callbacks.BackupAndRestore(folder + "/state"), callbacks.CSVLogger(folder + "/log.csv"),
                callbacks.TensorBoard(folder + "/logs"), callbacks.ModelCheckpoint(folder + "/m.keras")]
    model.fit(x, y, epochs=1, batch_size=32, verbose=0, callbacks=watchers)
    utils.clear_session()
    models.load_model(folder + "/m.keras").predict(x[:7], verbose=0)
    for path in os.scandir(folder + "/logs/train"):
        os.unlink(path.path)

x, y = np.random.default_rng(0).random((96, 12, 12, 1), np.float32), np.arange(96) % 4
model = made()
turns = 0
with tempfile.TemporaryDirectory() as folder:
    for number in range(8):
        turn(folder, number)
    begin = time.monotonic()
    while time.monotonic() - begin < float(sys.argv[1]):
        before = time.process_time()
        turn(folder, turns)
        turns += 1
        spent = time.process_time() - before
        gc.collect()
        # Told at once, not kept: a hundred thousand rows would be memory that grows.
        print(json.dumps([time.monotonic() - begin, memory(), len(os.listdir("/proc/self/fd")),
                          threading.active_count(), spent]), flush=True)
"""


@pytest.mark.slow
@pytest.mark.timeout(8 * 3600)
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="memory is read from /proc")
def test_memory_descriptors_and_times_stay_flat(by_level, record_property):
    import json

    import numpy as np

    seconds = by_level(10, 25, 600, 6 * 3600)
    done = subprocess.run([sys.executable, "-c", CODE, str(seconds)], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT), "STRIATE_NUM_THREADS": "2"})
    assert done.returncode == 0, done.stderr
    rows = np.array([json.loads(line) for line in done.stdout.splitlines()])
    times, memory, descriptors, threads, spent = rows.T
    slope = float(np.polyfit(times / 3600, memory, 1)[0])
    record_property("soak", f"{seconds} s, {len(rows)} turns, {slope:+.2f} MB/h, from {memory[0]:.1f} to "
                            f"{memory[-1]:.1f} MB")
    print(f"{len(rows)} turns, {slope:+.2f} MB/h, from {memory[0]:.1f} to {memory[-1]:.1f} MB")
    assert descriptors.min() == descriptors.max() and threads.min() == threads.max()
    assert memory[-1] - memory[0] < 3 and (slope < 1 or seconds < 3600), f"{slope:.2f} MB an hour"
    quarter = max(1, len(spent) // 4)
    # The fastest turns: what else the machine does disturbs them least, and a leak slows them like all others.
    drift = spent[-quarter:].min() / spent[:quarter].min() - 1
    assert drift < (0.02 if seconds >= 3600 else 0.5), f"steps became {drift:.1%} slower"
