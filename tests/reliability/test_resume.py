"""What a saved training refuses, survives and forgets."""

import json
import os
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest

from striate import (
    Input,
    Model,
    Sequential,
    callbacks,
    checkpoints,
    layers,
    losses,
    ops,
    optimizers,
    see,
    seeds,
    utils,
)
from striate.errors import ArgumentError, FileError, ModelFileError
from striate.runner.tf.tape import GradientTape

X = np.random.default_rng(0).random((40, 4), np.float32)
Y = np.random.default_rng(1).integers(0, 2, 40)


def fit(folder, epochs, x=X, units=3, optimizer="adam", before=None, **options):
    seeds.set_random_seed(6)
    model = Sequential([Input((4,)), layers.Dense(units, activation="relu"), layers.Dense(2, activation="softmax")])
    model.compile(optimizer, "sparse_categorical_crossentropy")
    backup = callbacks.BackupAndRestore(folder, **{"delete_checkpoint": False, **options})
    return model, model.fit(x, Y, epochs=epochs, batch_size=8, verbose=0,
                            callbacks=[*([before] if before else []), backup]).history


@pytest.mark.parametrize(("change", "what"), [({"x": X + 1}, "data"), ({"units": 4}, "model"),
                                              ({"optimizer": "sgd"}, "optimizer")])
def test_another_training_is_refused(tmp_path, change, what):
    fit(tmp_path, 1)
    with pytest.raises(ArgumentError, match=f"its {what} differs in"):
        fit(tmp_path, 2, **change)


def test_force_goes_on_with_other_data(tmp_path):
    fit(tmp_path, 1)
    assert len(fit(tmp_path, 3, x=X + 1, force=True)[1]["loss"]) == 3


def test_damaged_newest_state_falls_back_to_the_one_before(tmp_path):
    expected, history = fit(tmp_path / "whole", 4)
    fit(tmp_path / "run", 2)
    states = sorted((tmp_path / "run").glob("step-*"))
    assert len(states) == 2 and (tmp_path / "run" / "LATEST").read_text().strip() == states[-1].name
    content = bytearray((states[-1] / "state.safetensors").read_bytes())
    content[-1] ^= 1
    (states[-1] / "state.safetensors").write_bytes(content)
    model, found = fit(tmp_path / "run", 4)
    assert found == history
    for one, other in zip(expected.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_no_whole_state_is_an_error_and_an_uncommitted_one_does_not_count(tmp_path):
    fit(tmp_path, 1)
    for place in tmp_path.glob("step-*"):
        (place / "state.json").write_text("{}")
    with pytest.raises(FileError, match="No state of this training is whole"):
        fit(tmp_path, 2)
    for place in tmp_path.glob("step-*"):
        (place / "COMMIT").unlink()
    assert checkpoints.newest(tmp_path) is None and len(fit(tmp_path, 1)[1]["loss"]) == 1


def test_complete_training_removes_its_states(tmp_path):
    fit(tmp_path / "run", 2, delete_checkpoint=True)
    assert not (tmp_path / "run").exists()


def test_state_that_is_written_comes_back(tmp_path):
    state = {"a": [1, 2.5, None, "text", np.arange(3)], "nested": {"b": np.float32(1.5), "c": np.zeros((0, 2))},
             "best": float("inf")}
    checkpoints.save(tmp_path, 7, state)
    found = checkpoints.newest(tmp_path)
    np.testing.assert_array_equal(found["a"].pop(), np.arange(3))
    assert found["a"] == [1, 2.5, None, "text"] and found["nested"]["c"].shape == (0, 2)
    assert found["nested"]["b"] == 1.5 and found["best"] == float("inf")
    assert set(json.loads((tmp_path / "step-000007" / "COMMIT").read_text())) == {"state.json", "state.safetensors"}


@pytest.mark.parametrize(("place", "value"), [
    (("format",), np.zeros(3)), (("format",), 2),
    (("fingerprint",), 5), (("fingerprint", "data"), [1]), (("position", "epoch"), "x"), (("position", "batch"), -1),
    (("position", "seed"), None), (("position", "began"), [1]), (("position", "first_step"), 1.5), (("variables",), []),
    (("variables",), "text"), (("variables",), [None] * 4), (("optimizer",), [[[0]]] * 9), (("losses",), []),
    (("losses", "sums"), "x"), (("losses", "sums"), [0.5] * 9), (("losses", "count"), "1"), (("metrics",), [5]),
    (("callbacks",), 7), (("callbacks",), [["History", [1]]])])
def test_a_state_that_is_none_is_said_to_be_damaged(tmp_path, place, value):
    """Whoever can write the state can write its hashes."""
    fit(tmp_path, 1)
    state = checkpoints.newest(tmp_path)
    inner = state
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    checkpoints.save(tmp_path, 99, state)
    said = ("The saved (state is damaged|state is of a format|state of |state has sums|training cannot go on)|"
            "The value assigned to variable")
    with pytest.raises((ModelFileError, ArgumentError), match=said):
        fit(tmp_path, 2)


def test_what_a_killed_process_left_beside_the_states_goes_with_them(tmp_path):
    """Killed while it wrote LATEST, and nothing was saved since."""
    checkpoints.save(tmp_path / "state", 1, {"step": 1})
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    (tmp_path / "state" / f".LATEST.{socket.gethostname()}.{dead.stdout.strip()}.0.striate-tmp").touch()
    checkpoints.remove(tmp_path / "state")
    assert not (tmp_path / "state").exists()


def test_a_state_of_a_later_fit_is_not_taken_up_by_an_earlier_one(tmp_path):
    """A program that trains twice with one folder, killed in the second training and started again."""
    def program(stops=None):
        seeds.set_random_seed(6)
        model = Sequential([Input((4,)), layers.Dense(3, activation="relu"), layers.Dense(2, activation="softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        for number in range(2):
            watchers = [callbacks.LambdaCallback(on_train_batch_end=stops)] if number and stops else []
            model.fit(X, Y, epochs=3, batch_size=8, verbose=0,
                      callbacks=[*watchers, callbacks.BackupAndRestore(tmp_path)])
        return model

    def power_cut(batch, logs):
        if len(list(tmp_path.glob("step-*"))) == 2:
            raise KeyboardInterrupt
    whole = program().get_weights()
    with pytest.raises(KeyboardInterrupt):
        program(power_cut)
    with pytest.raises(ArgumentError, match="state is of another call of `fit`, which began .* trained for 15 steps"):
        program()
    checkpoints.remove(tmp_path)
    assert all(map(np.array_equal, program().get_weights(), whole))


def test_a_cell_of_a_notebook_that_is_run_again_goes_on(tmp_path):
    """The model of the interrupted training is still there, with the steps that it has made."""
    def stop(batch, logs):
        if not stopped and batch == 2:
            stopped.append(os.kill(os.getpid(), signal.SIGINT))
    stopped: list = []
    whole = fit(tmp_path / "whole", 2)[0].get_weights()
    seeds.set_random_seed(6)
    model = Sequential([Input((4,)), layers.Dense(3, activation="relu"), layers.Dense(2, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    for _ in range(2):
        watchers = [callbacks.LambdaCallback(on_train_batch_end=stop), callbacks.BackupAndRestore(tmp_path / "run")]
        model.fit(X, Y, epochs=2, batch_size=8, verbose=0, callbacks=watchers)
    assert stopped and all(map(np.array_equal, model.get_weights(), whole))


class Network(Model):
    """Has no weights before it sees data."""

    def __init__(self):
        super().__init__()
        self.parts = [layers.Dense(3, activation="relu"), layers.Dense(2, activation="softmax")]

    def call(self, x):
        return self.parts[1](self.parts[0](x))


def _files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*"))
            if path.is_file() and "state" not in path.parts}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["built", "unbuilt", "class", "generator"])
def test_files_are_those_of_an_unbroken_training_wherever_it_was_broken_off(tmp_path, kind):
    """Tables that are appended to, best models and recordings too; also before the first epoch was saved."""
    def batches():
        while True:
            for first in range(0, 40, 8):
                yield X[first:first + 8], Y[first:first + 8]

    def train(place, cut_at=None):
        def passed(*_, **__):
            moments.append(1)
            if len(moments) == cut_at:
                raise KeyboardInterrupt  # As good as a kill: nobody's on_train_end is called.
        moments: list = []
        utils.clear_session()
        seeds.set_random_seed(6)
        dense = [layers.Dense(3, activation="relu"), layers.Dropout(0.2), layers.Dense(2, activation="softmax")]
        model = Network() if kind == "class" else Sequential(dense if kind == "unbuilt" else [Input((4,)), *dense])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        cut = callbacks.LambdaCallback(on_train_batch_begin=passed, on_epoch_end=passed, on_train_batch_end=passed,
                                       on_epoch_begin=passed)
        place.mkdir(exist_ok=True)
        if not (place / "log.csv").exists():
            (place / "log.csv").write_text("epoch,accuracy,loss\n0,0.5,1.0\n")
        data = {"x": batches(), "steps_per_epoch": 5} if kind == "generator" else {"x": X, "y": Y, "batch_size": 8}
        recorder = [] if kind in ("class", "unbuilt") else [see.Recorder(place / "timeline", every=3)]
        model.fit(**data, epochs=2, verbose=0, callbacks=[
            callbacks.BackupAndRestore(place / "state", save_freq=2, delete_checkpoint=False),
            callbacks.CSVLogger(place / "log.csv", append=True), *recorder,
            callbacks.ModelCheckpoint(place / "best.weights.h5", monitor="loss", save_best_only=True,
                                      save_weights_only=True), cut])
        return len(moments), model.get_weights(), _files(place)

    count, weights, files = train(tmp_path / "whole")
    assert count == 24 and len(files) == (2 if kind in ("class", "unbuilt") else 28)
    for cut_at in range(1, count + 1):
        place = tmp_path / str(cut_at)
        with pytest.raises(KeyboardInterrupt):
            train(place, cut_at)
        _, found, left = train(place)
        assert all(map(np.array_equal, found, weights)), cut_at
        assert left.keys() == files.keys() and [name for name in files if left[name] != files[name]] == [], cut_at


@pytest.mark.parametrize("kind", ["compiled", "eager", "generator", "two optimizers"])
def test_weights_that_the_first_step_makes_go_on_too(tmp_path, kind):
    """A class without `call`, as Keras' examples of autoencoders and GANs write them; a second optimizer has a memory,
    too. The last moment is that after the last step: none follows that could make the weights."""
    class Own(Network):
        call = Model.call

        def __init__(self):
            super().__init__()
            self.dropout = layers.Dropout(0.3)
            if kind == "two optimizers":
                self.other = optimizers.Adam(0.01, name="other")

        def train_step(self, data):
            x, y = data
            with GradientTape() as tape:
                hidden = self.dropout(self.parts[0](x), training=True)
                loss = ops.mean(losses.sparse_categorical_crossentropy(y, self.parts[1](hidden)))
            given = tape.gradient(loss, self.trainable_weights)
            if kind == "two optimizers":
                self.other.apply(given[2:], self.parts[1].trainable_weights)
                given = given[:2]
            self.optimizer.apply(given, self.trainable_weights[:len(given)])
            return {"loss": loss}

    def batches():
        while True:
            for first in range(0, 40, 8):
                yield X[first:first + 8], Y[first:first + 8]

    def train(folder, stop=None):
        def cut(*_, **__):
            moments.append(1)
            if len(moments) == stop:
                raise KeyboardInterrupt
        moments: list = []
        utils.clear_session()
        seeds.set_random_seed(6)
        model = Own()
        model.compile("adam", run_eagerly=kind == "eager")
        data = {"x": batches(), "steps_per_epoch": 5} if kind == "generator" else {"x": X, "y": Y, "batch_size": 8}
        history = model.fit(**data, epochs=2, verbose=0, callbacks=[
            callbacks.LambdaCallback(on_train_batch_begin=cut, on_train_end=cut),
            callbacks.BackupAndRestore(folder, save_freq=1, delete_checkpoint=False)]).history
        variables = [variable for optimizer in model._optimizers() for variable in optimizer.variables]
        return [*model.get_weights(), *(variable.numpy() for variable in variables)], history, len(moments)
    whole, history, count = train(tmp_path / "whole")
    assert count == 11 and len(whole) == (16 if kind == "two optimizers" else 14)
    for stop in (1, 2, 4, 6, 7, 11):
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / str(stop), stop)
        found, found_history, _ = train(tmp_path / str(stop))
        assert found_history == history and len(found) == len(whole), stop
        assert all(map(np.array_equal, found, whole)), stop


@pytest.mark.slow
def test_a_program_that_is_killed_behind_its_training_does_not_train_twice(tmp_path):
    """Nor are lines appended twice; one that has ended trains anew when it is started again, and nothing stays."""
    (tmp_path / "program.py").write_text("""
import os, signal, sys
import numpy as np
from striate import Input, Sequential, callbacks, layers, seeds
x, fits = np.arange(12, dtype=np.float32).reshape(6, 2), []
seeds.set_random_seed(3)
model = Sequential([Input((2,)), layers.Dense(1)])
model.compile("adam", "mse")
for number in range(2):
    log = callbacks.CSVLogger(f"log{number}.csv", append=True)
    counter = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: fits.append(batch))
    model.fit(x, x[:, :1], epochs=2, batch_size=3, verbose=0,
              callbacks=[log, counter, callbacks.BackupAndRestore(f"state{number}")])
    assert not os.path.exists(f"state{number}")
    if number == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)
print(len(fits), model.get_weights())
""")

    def run(folder, killed=-1):
        folder.mkdir(exist_ok=True)
        found = subprocess.run([sys.executable, tmp_path / "program.py", str(killed)], cwd=folder, text=True,
                               capture_output=True)
        assert found.returncode == (0 if killed < 0 else -signal.SIGKILL), found.stderr
        steps, _, weights = found.stdout.partition(" ")
        return steps, weights, {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}
    steps, weights, files = run(tmp_path / "whole")
    assert steps == "8" and sorted(path.name for path in (tmp_path / "whole").iterdir()) == ["log0.csv", "log1.csv"]
    run(tmp_path / "run", killed=0)
    run(tmp_path / "run", killed=1)
    assert run(tmp_path / "run") == ("0", weights, files)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == sorted(files)
    again = run(tmp_path / "run")
    assert again[:2] == ("8", weights) and [len(again[2][name].splitlines()) for name in sorted(files)] == [5, 5]


def test_what_a_complete_training_left_is_for_that_training_alone(tmp_path):
    """Another model, other data or a link in its place: nothing of it is taken."""
    def leave():
        checkpoints._end()
        fit(tmp_path / "run", 2)
        newest = sorted((tmp_path / "run").glob("step-*"))[-1]
        newest.rename(tmp_path / ".run.finished")
        checkpoints.remove(tmp_path / "run")
    leave()
    assert len(fit(tmp_path / "run", 2, delete_checkpoint=True)[1]["loss"]) == 2
    whole = fit(tmp_path / "whole", 2, x=X + 1)[1]
    leave()
    assert fit(tmp_path / "run", 2, x=X + 1, delete_checkpoint=True)[1] == whole
    checkpoints._end()
    assert not checkpoints._held and not list(tmp_path.glob(".run*"))
    for number in range(12):
        fit(tmp_path / f"many{number}", 1, delete_checkpoint=True)
        fit(tmp_path / f"many{number}", 1, delete_checkpoint=True)
    assert len(checkpoints._held) == len(list(tmp_path.glob(".many*.finished"))) == checkpoints.HELD
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".run.finished").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileError, match="is a symbolic link"):
        fit(tmp_path / "run", 2)


def test_another_training_begins_where_nothing_was_done_yet(tmp_path):
    """Nothing is lost by it, and who mends the data after an error in the first step need not remove anything."""
    def broken(*_, **__):
        raise ValueError("a mistake of the user's")
    for change in ({"x": X + 1}, {"units": 4}, {"optimizer": "sgd"}):
        with pytest.raises(ValueError, match="a mistake"):
            fit(tmp_path, 2, before=callbacks.LambdaCallback(on_train_batch_begin=broken))
        model, found = fit(tmp_path / "whole", 2, **change)
        again, history = fit(tmp_path, 2, **change)
        assert history == found and all(map(np.array_equal, model.get_weights(), again.get_weights()))
        checkpoints.remove(tmp_path)
        checkpoints.remove(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["on_train_begin", "on_epoch_begin", "on_train_batch_begin", "on_train_batch_end",
                                    "on_test_begin", "on_test_batch_begin", "on_test_batch_end", "on_test_end",
                                    "on_epoch_end", "on_train_end"])
def test_code_of_the_users_that_fails_leaves_a_training_that_goes_on_to_the_same_bits(tmp_path, moment):
    def train(folder, *watchers):
        seeds.set_random_seed(6)
        model = Sequential([Input((4,)), layers.Dense(3, activation="relu"), layers.Dropout(0.5), layers.Dense(2)])
        model.compile("adam", "mse")
        backup = callbacks.BackupAndRestore(folder, save_freq=1, delete_checkpoint=False)
        history = model.fit(X, np.eye(2)[Y], epochs=3, batch_size=8, verbose=0,
                            validation_data=(X[:9], np.eye(2)[Y[:9]]), callbacks=[backup, *watchers]).history
        arrays = [*model.get_weights(), *(variable.numpy() for variable in model.optimizer.variables)]
        return [array.tobytes() for array in arrays], history
    calls = []

    def fails(*arguments, **options):
        calls.append(moment)
        if len(calls) == (1 if "train_" in moment and "batch" not in moment else 2):
            raise RuntimeError("on purpose")
    expected, ended = train(tmp_path / "whole"), []
    with pytest.raises(RuntimeError, match="on purpose"):
        train(tmp_path / "run", callbacks.LambdaCallback(on_train_end=ended.append),
              callbacks.LambdaCallback(**{moment: fails}))
    assert len(ended) == 1 and train(tmp_path / "run") == expected


def trained(folder, epochs, watchers=()):
    """(all arrays, the history) of a training with averages of the weights, a metric and a validation."""
    seeds.set_random_seed(6)
    model = Sequential([Input((4,)), layers.Dense(3, activation="relu"), layers.Dense(2, activation="softmax")])
    model.compile(optimizers.SGD(0.1, momentum=0.9, use_ema=True, ema_momentum=0.7), "sparse_categorical_crossentropy",
                  metrics=["accuracy"])
    backup = callbacks.BackupAndRestore(folder, delete_checkpoint=False)
    history = model.fit(X, Y, epochs=epochs, batch_size=8, verbose=0, validation_data=(X[:12], Y[:12]),
                        callbacks=[*watchers, backup])
    return [variable.numpy().tobytes() for variable in (*model.variables, *model.optimizer.variables)], history


def test_weights_that_are_swapped_when_the_state_is_saved_are_swapped_back(tmp_path):
    """At the end of an epoch the averages are in place of the weights; the next process must know."""
    whole, history = trained(tmp_path / "whole", 4, [callbacks.SwapEMAWeights(swap_on_epoch=True)])
    trained(tmp_path / "run", 2, [callbacks.SwapEMAWeights(swap_on_epoch=True)])
    arrays, found = trained(tmp_path / "run", 4, [callbacks.SwapEMAWeights(swap_on_epoch=True)])
    assert found.history == history.history and arrays == whole


def test_ctrl_c_during_a_validation_keeps_what_the_epoch_gathered(tmp_path):
    """The state is that of before the validation, whose own sums of losses and metrics are not the training's."""
    def stop(batch, logs):
        if len(seen) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        seen.append(batch)
    seen: list = []
    whole, history = trained(tmp_path / "whole", 4)
    interrupted = trained(tmp_path / "run", 4, [callbacks.LambdaCallback(on_test_batch_end=stop)])[1]
    assert interrupted.interrupted and len(interrupted.history["loss"]) == 1
    arrays, found = trained(tmp_path / "run", 4)
    assert found.history == history.history and arrays == whole


def test_a_state_of_a_stranger_cannot_have_a_callback_write_elsewhere(tmp_path):
    """It may set what the callback remembers and nothing else: not the name of its file."""
    logger, target = callbacks.CSVLogger(tmp_path / "log.csv"), tmp_path / "authorized_keys"
    with pytest.raises(ArgumentError, match="holds something else than it should"):
        logger.set_state({"filename": str(target), "_content": "evil", "keys": []})
    assert not target.exists() and logger.filename == str(tmp_path / "log.csv")
