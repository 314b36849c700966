"""Ctrl-C while `fit` runs: the best weights are kept, whole files are left, and the program goes on."""

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import striate as keras
from striate.lectures import nova, tue
from striate.see import letters_votes

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


TAKEN_AS_IT_IS = {
    "cli/training.py": "the command writes a run's folder of what there is, and says so",
    "explore/learner.py": "a thread, which no signal reaches",
    "wrappers/estimators.py": "keeps the model first",
}


def test_no_training_inside_the_library_that_was_broken_off_is_taken_for_whole():
    package, found = Path(keras.__file__).parent, []
    for path in sorted(package.rglob("*.py")):
        where = path.relative_to(package).as_posix()
        calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
        asked = {id(call.args[0]) for call in calls if ast.unparse(call.func) == "finished"}
        found += [f"striate/{where}:{call.lineno}: write finished({ast.unparse(call.func)}(...))" for call in calls
                  if ast.unparse(call.func).endswith(("model.fit", "pair.fit")) and id(call) not in asked
                  and where not in TAKEN_AS_IT_IS]
    assert not found, "\n".join(found)


def test_ctrl_c_in_a_small_training_behind_a_picture_or_a_claim_ends_it(monkeypatch, tmp_path):
    """`fit` ends in order; what called it would go on with half a network, and one of them even keep it."""
    def random_model(seed):
        keras.utils.set_random_seed(seed)
        model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3), keras.layers.Flatten(),
                                  keras.layers.Dense(3, activation="softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    def broken_off(model, *data, callbacks=(), **options):
        stop = keras.callbacks.LambdaCallback(on_train_batch_begin=lambda batch, logs: kills.append(batch) or
                                              os.kill(os.getpid(), signal.SIGINT))
        return whole(model, *data, callbacks=[*callbacks, stop], **options)

    x, y = np.random.default_rng(0).random((16, 8, 8, 1)).astype(np.float32), np.arange(16) % 3
    random_model(1).fit(x, y, batch_size=4, epochs=2, verbose=0, callbacks=[keras.see.Recorder(tmp_path / "line")])
    line, kills, whole = keras.see.Timeline(tmp_path / "line", x, y), [], keras.Model.fit
    letters_votes.stacked_network.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr(keras.Model, "fit", broken_off)
        for work in (keras.see.x_or_o_votes, lambda: list(nova._training()),
                     lambda: tue.trainings(True, lambda text: None), lambda: line.visit([1, 2, 3], lambda *seen: None)):
            with pytest.raises(KeyboardInterrupt):
                work()
    assert len(kills) == 4
    assert keras.see.x_or_o_votes().said == "X"  # The half-trained network was not kept.
