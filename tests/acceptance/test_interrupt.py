"""Ctrl-C while `fit` runs: the best weights are kept, whole files are left, and the program goes on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHILD = """
import os, signal, sys
import numpy as np
import striate as keras
folder = sys.argv[1]
keras.utils.set_random_seed(3)
x = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
y = (x[:, 0] > 0).astype("int64")
model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(8, activation="relu"),
                          keras.layers.Dense(2, activation="softmax")])
model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
best = {}

class Watch(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if logs["loss"] < best.get("loss", 9.0):
            best.update(loss=logs["loss"], weights=self.model.get_weights())
        if epoch == 3:  # from here on every step makes the network worse
            self.model.optimizer.learning_rate = -0.5
        if epoch == 6:
            print("ready", flush=True)
            sys.stdin.readline()  # the parent sends the signal, then a line

stopping = keras.callbacks.EarlyStopping(monitor="loss", patience=50, restore_best_weights=True)
saving = keras.callbacks.ModelCheckpoint(folder + "/best.keras", monitor="loss", save_best_only=True)
history = model.fit(x, y, epochs=100000, batch_size=16, verbose=0, callbacks=[Watch(), stopping, saving])
assert history.interrupted
assert 7 <= len(history.history["loss"]) < 100000
for ours, expected in zip(model.get_weights(), best["weights"]):
    assert np.array_equal(ours, expected), "the best weights were not restored"
again = keras.models.load_model(folder + "/best.keras")
assert all(np.array_equal(a, b) for a, b in zip(again.get_weights(), best["weights"]))
model.save(folder + "/after.keras")
print("went on", len(model.predict(x, verbose=0)))
"""


def test_ctrl_c_keeps_the_best_weights_and_whole_files(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdin=subprocess.PIPE, text=True, cwd=ROOT,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert child.stdout.readline() == "ready\n", child.stderr.read()
        os.kill(child.pid, signal.SIGINT)
        output, errors = child.communicate("\n", timeout=120)
    finally:
        child.kill()
    assert child.returncode == 0 and "went on 64" in output, errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["after.keras", "best.keras"]
