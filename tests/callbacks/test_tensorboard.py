"""Event files: the bytes by hand, a file that TensorBoard's own reader read, and what a training writes."""

import io
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from striate import Input, Sequential, callbacks, layers, optimizers, seeds
from striate.callbacks import events
from striate.callbacks.tensorboard import mosaic
from striate.errors import ArgumentError

GOLDEN = Path(__file__).with_name("golden.tfevents")
GOLDEN_READ = Path(__file__).with_name("golden_read_by_tensorboard.json")


def golden_bytes():
    """What `golden.tfevents` holds; TensorBoard 2.21.0 read it as `golden_read_by_tensorboard.json` says."""
    messages = [events.event(1.5e9, version="brain.Event:2"),
                events.event(1.5e9 + 1, 3, values=[events.scalar("epoch_loss", 0.25), events.scalar("rate", -1e-3)]),
                events.event(1.5e9 + 2, 300, values=[events.scalar("epoch_loss", float("nan"))]),
                events.event(1.5e9 + 3, 0, values=[events.image("filters", mosaic(
                    np.arange(24, dtype=np.float32).reshape(2, 3, 1, 4)))])]
    return b"".join(events.record(message) for message in messages)


def read(content):
    """Records of a file, their checksums tested: (step, [(tag, number)]) for each event with scalars."""
    found, place = [], 0
    while place < len(content):
        (length,) = struct.unpack_from("<Q", content, place)
        message = content[place + 12:place + 12 + length]
        assert events.record(message) == content[place:place + 16 + length]
        place += 16 + length
        fields = dict(parse(message))
        values = [dict(parse(value)) for number, value in parse(fields.get(5, b"")) if number == 1]
        found.append((fields.get(2, 0), [(v[1].decode(), v.get(2)) for v in values]))
    return found


def parse(message):
    place = 0
    while place < len(message):
        key, place = varint(message, place)
        if key & 7 == 0:
            value, place = varint(message, place)
        elif key & 7 == 1:
            (value,), place = struct.unpack_from("<d", message, place), place + 8
        elif key & 7 == 5:
            (value,), place = struct.unpack_from("<f", message, place), place + 4
        else:
            length, place = varint(message, place)
            value, place = message[place:place + length], place + length
        yield key >> 3, value


def varint(message, place):
    number = shift = 0
    while True:
        byte = message[place]
        number, shift, place = number | (byte & 127) << shift, shift + 7, place + 1
        if byte < 128:
            return number, place


def test_checksums_known_answers():
    assert events.crc32c(b"123456789") == 0xE3069283 and events.crc32c(bytes(32)) == 0x8A9136AA


def test_golden_file_as_tensorboard_read_it():
    assert golden_bytes() == GOLDEN.read_bytes()
    theirs = json.loads(GOLDEN_READ.read_text())
    assert theirs["version"] == 2.0
    ours = [(tag, step, number) for step, values in read(GOLDEN.read_bytes()) for tag, number in values
            if number is not None]
    assert [(tag, step) for tag, step, _ in ours] == [(tag, step) for tag, step, _ in theirs["scalars"]]
    np.testing.assert_array_equal([n for _, _, n in ours], [float(n) for _, _, n in theirs["scalars"]])
    assert theirs["images"] == [["filters", 0, 7, 5]]


def test_png_is_read_by_others():
    grey = np.arange(35, dtype=np.uint8).reshape(5, 7)
    colour = np.arange(105, dtype=np.uint8).reshape(5, 7, 3)
    for pixels in (grey, colour):
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(events.png(pixels)))), pixels)


def fit(folder, **options):
    seeds.set_random_seed(1)
    model = Sequential([Input((6, 6, 1)), layers.Conv2D(3, 3), layers.Flatten(), layers.Dense(2)])
    model.compile(optimizers.SGD(0.01), "mse")
    x = np.random.default_rng(0).random((20, 6, 6, 1), np.float32)
    history = model.fit(x, x[:, 0, :2, 0], epochs=2, batch_size=5, verbose=0, validation_split=0.5,
                        callbacks=[callbacks.TensorBoard(folder, **options)]).history
    return history, {path.parent.name: read(path.read_bytes()) for path in folder.rglob("events.out.tfevents.*")}


def test_curves_of_a_training(tmp_path):
    history, found = fit(tmp_path / "epochs")
    curve = [(step, dict(values)) for step, values in found["train"][1:]]
    assert [step for step, _ in curve] == [0, 1]
    assert [values["epoch_loss"] for _, values in curve] == pytest.approx(history["loss"])
    assert curve[0][1]["epoch_learning_rate"] == pytest.approx(0.01)
    assert [dict(values)["epoch_loss"] for _, values in found["validation"][1:]] == pytest.approx(history["val_loss"])


def test_batches_and_filters(tmp_path):
    _, found = fit(tmp_path, update_freq=2, write_images=True)
    tags = [(step, tag) for step, values in found["train"] for tag, _ in values]
    assert [step for step, tag in tags if tag == "batch_loss"] == [1, 3]
    assert sum(tag.endswith("/kernel") for _, tag in tags) == 2


def test_training_loops_write_their_own(tmp_path):
    from striate.runner.tf import summary

    writer = summary.create_file_writer(str(tmp_path))
    assert summary.scalar("loss", 1.0, step=0) is False
    with writer.as_default():
        for step in range(2):
            summary.scalar("loss", np.float32(1 / (step + 1)), step=step)
        summary.image("pictures", np.zeros((2, 3, 4, 4), np.float32), step=5)
        with pytest.raises(ArgumentError, match="No step set"):
            summary.scalar("loss", 1.0)
        with pytest.raises(ArgumentError, match="one number"):
            summary.scalar("loss", [1.0, 2.0], step=0)
        with pytest.raises(ArgumentError, match="shape"):
            summary.image("pictures", np.zeros((3, 4, 3)), step=0)
    with writer.as_default(step=7):
        summary.scalar("accuracy", 0.5)
    with writer.as_default():
        writer.close()
    assert summary.scalar("loss", 1.0, step=0) is False
    writer.close()
    (path,) = tmp_path.iterdir()
    assert read(path.read_bytes())[1:] == [(0, [("loss", 1.0)]), (1, [("loss", 0.5)]), (
        5, [("pictures/0", None), ("pictures/1", None)]), (7, [("accuracy", 0.5)])]


def test_wrong_frequency():
    with pytest.raises(ArgumentError, match="update_freq"):
        callbacks.TensorBoard(update_freq=0)


def test_every_callback_of_keras_is_here_or_absent_with_a_reason():
    known = {"BackupAndRestore", "CSVLogger", "Callback", "CallbackList", "EarlyStopping", "History", "LambdaCallback",
             "LearningRateScheduler", "ModelCheckpoint", "OrbaxCheckpoint", "ProgbarLogger", "ReduceLROnPlateau",
             "RemoteMonitor", "SwapEMAWeights", "TensorBoard", "TerminateOnNaN"}
    absent = known - set(callbacks.__all__)
    assert absent == {"OrbaxCheckpoint"}
    assert all(name in callbacks.__doc__ for name in absent)


@pytest.mark.parametrize("validated", [False, True])
def test_training_ends_in_the_averages_however_they_are_swapped(validated):
    x, y = np.ones((8, 4), np.float32), np.zeros((8, 2), np.float32)

    def trained(*watchers, epochs=3):
        seeds.set_random_seed(1)
        model = Sequential([Input((4,)), layers.Dense(2)])
        model.compile(optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5), "mse")
        for _ in range(2):  # a second training goes on from the averages
            model.fit(x, y, epochs=epochs, verbose=0, validation_data=(x, y) if validated else None, callbacks=watchers)
        return [*model.get_weights(), *(np.array(target.slots["average"].array) for target in model.optimizer.targets)]

    class StopAtOnce(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    expected, after_one = trained(), trained(epochs=1)
    for on_epoch in (False, True):
        for mine, theirs in zip(trained(callbacks.SwapEMAWeights(on_epoch)), expected, strict=True):
            np.testing.assert_array_equal(mine, theirs)
        stopped = trained(callbacks.SwapEMAWeights(on_epoch), StopAtOnce())
        for mine, theirs in zip(stopped, after_one, strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_swap_of_averages():
    seeds.set_random_seed(1)
    model = Sequential([Input((4,)), layers.Dense(2)])
    model.compile(optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5), "mse")
    x, y = np.ones((8, 4), np.float32), np.zeros((8, 2), np.float32)
    seen = []
    watch = callbacks.LambdaCallback(on_test_begin=lambda logs: seen.append(model.get_weights()[0].copy()))
    model.fit(x, y, epochs=3, verbose=0, validation_data=(x, y), callbacks=[callbacks.SwapEMAWeights(), watch])
    average = model.optimizer.targets[0].slots["average"].array
    assert len(seen) == 3 and not np.array_equal(seen[-1], seen[-2])
    np.testing.assert_array_equal(model.get_weights()[0].ravel(), average[:8])
    with pytest.raises(ArgumentError, match="use_ema"):
        model.compile("sgd", "mse")
        model.evaluate(x, y, verbose=0, callbacks=[callbacks.SwapEMAWeights()])
