"""Callbacks on a stand-in for a model: what they decide, say and write."""

import csv
import math

import numpy as np
import pytest

from striate import callbacks
from striate.callbacks import CallbackList, History
from striate.errors import ArgumentError, ModelFileError, NonFiniteError, TypeMismatchError


class Optimizer:
    learning_rate = 0.1


class Model:
    """Just what callbacks ask of a model; its weight is the number of the epoch."""

    def __init__(self):
        self.stop_training, self.optimizer, self.metrics, self.weights = False, Optimizer(), [], [np.zeros(1)]
        self.saved = []

    def get_weights(self):
        return [weight.copy() for weight in self.weights]

    def set_weights(self, weights):
        self.weights = weights

    def save(self, path, overwrite):
        self.saved.append(path)

    save_weights = save


def play(callback, values, name="val_loss"):
    """Feeds one value an epoch; gives the model and the number of epochs that ran."""
    model = Model()
    calls = CallbackList(callback, model=model)
    calls.on_train_begin()
    count = 0
    for epoch, value in enumerate(values):
        calls.on_epoch_begin(epoch)
        model.weights = [np.full(1, float(epoch))]
        calls.on_epoch_end(epoch, {name: value})
        count += 1
        if model.stop_training:
            break
    calls.on_train_end()
    return model, count


def test_early_stopping_waits_for_patience_and_restores(capsys):
    callback = callbacks.EarlyStopping(patience=2, restore_best_weights=True, verbose=1)
    model, count = play(callback, [3.0, 1.0, 2.0, 2.0, 0.5])
    assert count == 4 and model.weights[0][0] == 1.0 and callback.stopped_epoch == 3
    assert capsys.readouterr().out == ("Epoch 4: early stopping\n"
                                       "Restoring model weights from the end of the best epoch: 2.\n")


@pytest.mark.parametrize("monitor, values, expected", [
    ("val_accuracy", [0.1, 0.2, 0.2], 3), ("val_loss", [0.1, 0.2], 2), ("my_f1_score", [0.1, 0.3, 0.2], 3)])
def test_early_stopping_knows_the_direction(monitor, values, expected):
    _, count = play(callbacks.EarlyStopping(monitor=monitor), values, monitor)
    assert count == expected


def test_early_stopping_min_delta_and_baseline():
    assert play(callbacks.EarlyStopping(min_delta=0.5, patience=1), [3.0, 2.9, 0.1])[1] == 2
    assert play(callbacks.EarlyStopping(baseline=1.0, patience=2), [3.0, 2.0, 2.5, 0.5])[1] == 3


def test_early_stopping_start_from_epoch_and_missing_metric():
    assert play(callbacks.EarlyStopping(start_from_epoch=3), [1.0, 2.0, 3.0, 4.0, 5.0])[1] == 5
    with pytest.warns(UserWarning, match="`val_loss` which is not available. Available metrics are: loss"):
        play(callbacks.EarlyStopping(), [1.0], "loss")


def test_nan_is_never_an_improvement():
    callback = callbacks.EarlyStopping(patience=5, restore_best_weights=True)
    model, _ = play(callback, [2.0, math.nan, 1.0, math.nan])
    assert model.weights[0][0] == 2.0 and callback.best == 1.0


def test_unknown_direction_is_an_error():
    with pytest.raises(ArgumentError, match="Pass mode='max' or mode='min'"):
        play(callbacks.EarlyStopping(monitor="banana"), [1.0, 1.0], "banana")


def test_checkpoint_saves_the_best_only(tmp_path, capsys):
    path = str(tmp_path / "m-{epoch:02d}-{val_loss:.2f}.keras")
    model, _ = play(callbacks.ModelCheckpoint(path, save_best_only=True, verbose=1), [2.0, 3.0, 1.0])
    assert [p.rsplit("/")[-1] for p in model.saved] == ["m-01-2.00.keras", "m-03-1.00.keras"]
    lines = [line for line in capsys.readouterr().out.splitlines() if line]
    assert lines[0].startswith("Epoch 1: val_loss improved from None to 2.00000, saving model to ")
    assert lines[1].startswith("Epoch 1: finished saving model to ")
    assert lines[2] == "Epoch 2: val_loss did not improve from 2.00000"


def test_checkpoint_by_batches(tmp_path):
    callback = callbacks.ModelCheckpoint(tmp_path / "w{batch}.weights.h5", save_weights_only=True, save_freq=3)
    model = Model()
    callback.set_model(model)
    for batch in range(7):
        callback.on_train_batch_end(batch, {"loss": 1.0})
    assert [p.rsplit("/")[-1] for p in model.saved] == ["w3.weights.h5", "w6.weights.h5"]


def test_checkpoint_refuses_wrong_names(tmp_path):
    with pytest.raises(ArgumentError, match="must end in .weights.h5"):
        callbacks.ModelCheckpoint("model.keras", save_weights_only=True)
    with pytest.raises(ArgumentError, match="must end in .keras or .h5"):
        callbacks.ModelCheckpoint("model")
    with pytest.raises(ArgumentError, match="save_freq"):
        callbacks.ModelCheckpoint("model.keras", save_freq="batch")
    with pytest.raises(ArgumentError, match="names 'val_acc', which is not logged"):
        play(callbacks.ModelCheckpoint("{val_acc}.keras"), [1.0])
    (tmp_path / "folder.keras").mkdir()
    with pytest.raises(ArgumentError, match="is a folder"):
        play(callbacks.ModelCheckpoint(tmp_path / "folder.keras"), [1.0])


def test_a_callback_watches_what_its_subclass_says():
    class Doubled(callbacks.EarlyStopping):
        def get_monitor_value(self, logs):
            return 2 * logs["loss"]
    callback = Doubled("loss", patience=1)
    play(callback, [3.0, 1.0], "loss")
    assert callback.best == 2.0 and callback.monitor_op(1.0, 2.0) and not callback.monitor_op(2.0, 1.0)
    assert callbacks.EarlyStopping("auc").monitor_op(2.0, 1.0)


def test_reduce_on_plateau(capsys):
    callback = callbacks.ReduceLROnPlateau(factor=0.5, patience=2, cooldown=1, min_lr=0.02, verbose=1)
    model, _ = play(callback, [1.0] * 12)
    assert model.optimizer.learning_rate == 0.02
    assert capsys.readouterr().out.startswith("\nEpoch 3: ReduceLROnPlateau reducing learning rate to 0.05.\n")
    with pytest.raises(ArgumentError, match="factor >= 1"):
        callbacks.ReduceLROnPlateau(factor=1.0)


def test_scheduler_takes_one_or_two_arguments(capsys):
    callback = callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2, verbose=1)
    model, _ = play(callback, [1.0, 1.0])
    assert model.optimizer.learning_rate == 0.025
    assert "Epoch 2: LearningRateScheduler setting learning rate to 0.025." in capsys.readouterr().out
    assert play(callbacks.LearningRateScheduler(lambda epoch: 0.5), [1.0])[0].optimizer.learning_rate == 0.5
    with pytest.raises(ArgumentError, match="should be a float"):
        play(callbacks.LearningRateScheduler(lambda epoch: "fast"), [1.0])


def test_scheduler_logs_the_rate():
    logs = {}
    callback = callbacks.LearningRateScheduler(lambda epoch: 0.5)
    callback.set_model(Model())
    callback.on_epoch_begin(0)
    callback.on_epoch_end(0, logs)
    assert logs == {"learning_rate": 0.5}


def test_csv_logger(tmp_path):
    path = tmp_path / "log.csv"
    play(callbacks.CSVLogger(path), [1.5, 0.5])
    play(callbacks.CSVLogger(path, append=True), [0.25])
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [["epoch", "val_loss"], ["0", "1.5"], ["1", "0.5"], ["0", "0.25"]]


def test_csv_logger_appends_in_the_columns_of_the_file(tmp_path):
    """Which may be those of another training, and need not end with a whole line."""
    path = tmp_path / "log.csv"
    path.write_text("epoch,rate,val_loss\n0,0.1,2.0")
    play(callbacks.CSVLogger(path, append=True), [0.25])
    with open(path, newline="") as file:
        assert list(csv.reader(file)) == [["epoch", "rate", "val_loss"], ["0", "0.1", "2.0"], ["0", "NA", "0.25"]]
    for content, words in ((b"epoch,\xff\n", "damaged"), (b"a" * 200_000, "damaged")):
        path.write_bytes(content)
        with pytest.raises(ModelFileError, match=f"log.csv is {words}"):
            callbacks.CSVLogger(path, append=True).on_train_begin()
        assert path.read_bytes() == content


def test_csv_logger_leaves_columns_for_a_later_validation(tmp_path):
    path = tmp_path / "log.csv"
    play(callbacks.CSVLogger(path, separator=";"), [1.0], "loss")
    assert path.read_text().split() == ["epoch;loss;val_loss", "0;1.0;NA"]


def test_terminate_on_nan(capsys):
    model, callback = Model(), callbacks.TerminateOnNaN()
    callback.set_model(model)
    callback.on_train_batch_end(0, {"loss": 1.0})
    assert not model.stop_training
    callback.on_train_batch_end(4, {"loss": math.inf})
    assert model.stop_training and capsys.readouterr().out == "Batch 4: Invalid loss, terminating training\n"
    with pytest.raises(NonFiniteError, match="batch 2"):
        callbacks.TerminateOnNaN(raise_error=True).on_batch_end(2, {"loss": math.nan})


def test_lambda_callback():
    seen = []
    callback = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch),
                                        on_train_end=lambda logs: seen.append("end"), on_test_begin=None)
    play(callback, [1.0, 2.0])
    assert seen == [0, 1, "end"]


def test_history_alias_is_for_lookup_only():
    history = History()
    history.on_train_begin()
    history.on_epoch_end(0, {"accuracy": 0.5, "val_acc": 0.25})
    assert history.history["acc"] == [0.5] and history.history["val_accuracy"] == [0.25]
    assert list(history.history) == ["accuracy", "val_acc"] and "acc" not in history.history
    with pytest.raises(KeyError, match="there are: 'accuracy', 'val_acc'"):
        history.history["banana"]


def test_list_calls_only_those_who_listen():
    class Old(callbacks.Callback):
        def on_batch_end(self, batch, logs=None):
            seen.append(("old", batch))

    seen = []
    calls = CallbackList([Old(), [History()]])
    assert calls.hears("on_train_batch_end") and not calls.hears("on_train_batch_begin")
    calls.on_train_batch_end(3, {})
    calls.on_predict_begin()
    assert seen == [("old", 3)]
    assert not CallbackList([]).hears("on_epoch_end")


def test_list_refuses_what_is_no_callback():
    with pytest.raises(TypeMismatchError, match="Create it first, for example EarlyStopping()"):
        CallbackList([callbacks.EarlyStopping])
    with pytest.raises(TypeMismatchError, match="LambdaCallback"):
        CallbackList([print])
