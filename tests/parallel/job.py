"""What the tests of several ranks run on each rank: `mpiexec -n 4 python job.py '{"task": "train", ...}'`.

Rank 0 prints one line of JSON. Ranks write their process numbers into `pids`, so that tests can kill or stop them, and
rank 0 writes each step it begins into `steps`.
"""

import hashlib
import json
import os
import resource
import socket
import sys
import time
import warnings
from pathlib import Path

import numpy as np

import striate as keras
from striate import callbacks, config, layers, parallel, tune, zoo
from striate.models.training import buckets


def dropout_network():
    """Everything that depends on the shard or the step: augmentation, batch normalisation, dropout."""
    return keras.Sequential([
        keras.Input((8, 8, 1)), layers.RandomFlip(), layers.Conv2D(4, 3), layers.BatchNormalization(),
        layers.Activation("relu"), layers.Flatten(), layers.Dropout(0.4), layers.Dense(3)], name="mixed")


def made(name, shards, **compile_options):
    """(a compiled model, images, labels) that depend on the name alone."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(7)
    config.set_value("shards", shards)
    model = dropout_network() if name == "mixed" else zoo.build(name)
    recipe = zoo.recipe("small" if name == "mixed" else name)
    draw = np.random.default_rng(5)
    classes = max(2, model.output_shape[-1])
    x = draw.random((26, *model.input_shape[1:]), np.float32)
    y = draw.integers(0, classes, 26)
    scores = name in ("mixed", "yale")
    if model.output_shape[-1] == 1:
        loss = "binary_crossentropy"
    elif recipe.one_hot_labels:
        loss, y = "categorical_crossentropy", np.eye(classes, dtype=np.float32)[y]
    else:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=scores)
    model.compile(**{"optimizer": recipe.make_optimizer(), "loss": loss, "metrics": ["accuracy"]} | compile_options)
    return model, x, y


def digest(model) -> str:
    """A hash of all weights and statistics."""
    return hashlib.sha256(b"".join(np.ascontiguousarray(w).tobytes() for w in model.get_weights())).hexdigest()


class Pace(callbacks.Callback):
    """Says which step begins, and waits a little, so that a test can meet the training at a step of its choice."""

    def __init__(self, folder, seconds):
        super().__init__()
        self.file, self.seconds, self.steps = Path(folder) / "steps", seconds, 0

    def on_train_batch_begin(self, batch, logs=None):
        self.steps += 1
        if parallel.ranks().rank == 0:
            self.file.write_text(str(self.steps))
        time.sleep(self.seconds)


def train(order):
    """Hash, history, evaluation and predictions of each network."""
    found = {}
    for name in order["networks"]:
        model, x, y = made(name, order["shards"])
        if order.get("generator"):
            history = model.fit(batches(x, y), steps_per_epoch=3, epochs=2, verbose=0)
        else:
            history = model.fit(x, y, batch_size=12, epochs=2, verbose=0, validation_data=(x[:9], y[:9]))
        found[name] = {"weights": digest(model), "history": history.history,
                       "evaluated": model.evaluate(x, y, batch_size=5, verbose=0),
                       "predicted": hashlib.sha256(model.predict(x, batch_size=5, verbose=0).tobytes()).hexdigest()}
    return found


def batches(x, y):
    """A generator that never ends."""
    while True:
        for first in (0, 8, 16):
            yield x[first:first + 8], y[first:first + 8]


def backed_up(order):
    """A training that keeps its state in the folder `state` and can be killed; its hash in the end."""
    folder = Path(order["folder"])
    (folder / f"pid-{parallel.ranks().rank}").write_text(str(os.getpid()))
    model, x, y = made("mixed", order["shards"])
    backup = callbacks.BackupAndRestore(folder / "state", save_freq=2)
    model.fit(x, y, batch_size=5, epochs=order.get("epochs", 4), verbose=0,
              callbacks=[backup, Pace(folder, order.get("pause", 0.0))])
    return digest(model)


def metrics(order):
    """Metrics that need predictions and sample weights, and several outputs."""
    draw = np.random.default_rng(3)
    keras.utils.set_random_seed(1)
    config.set_value("shards", order["shards"])
    inputs = keras.Input((6,))
    hidden = layers.Dense(5, activation="relu")(inputs)
    model = keras.Model(inputs, {"a": layers.Dense(1, activation="sigmoid")(hidden), "b": layers.Dense(2)(hidden)})
    model.compile("adam", {"a": "binary_crossentropy", "b": "mse"}, metrics={"a": [keras.metrics.AUC()], "b": ["mae"]},
                  weighted_metrics={"a": ["accuracy"], "b": []})
    x, weights = draw.random((30, 6), np.float32), draw.random(30).astype(np.float32)
    y = {"a": draw.integers(0, 2, (30, 1)), "b": draw.random((30, 2), np.float32)}
    history = model.fit(x, y, sample_weight=weights, batch_size=10, epochs=2, verbose=0)
    predicted = model.predict(x, batch_size=4, verbose=0)
    return {"weights": digest(model), "history": history.history, "predicted": float(predicted["b"].sum())}


def callbacks_and_weights(order):
    """Odd sizes everywhere: fewer samples than shards, more shards than ranks can share alike, weights of classes and
    of samples, metrics that are no means, and callbacks that decide."""
    found = []
    for batch_size, shards, weights in ((5, 7, "class"), (26, 5, "sample"), (11, 3, "none")):
        model, x, y = made("mixed", shards, weighted_metrics=["accuracy"])
        place = Path(order["folder"]) / f"{batch_size}.keras"
        deciding = [callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True),
                    callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=1, min_delta=0.5),
                    callbacks.ModelCheckpoint(place, monitor="val_accuracy", save_best_only=True)]
        given = {"class": {"class_weight": {0: 1.0, 1: 0.25, 2: 3.0}}, "none": {},
                 "sample": {"sample_weight": np.linspace(0, 2, len(x)).astype(np.float32)}}[weights]
        history = model.fit(x, y, batch_size=batch_size, epochs=4, verbose=0, callbacks=deciding,
                            validation_split=0.27, validation_batch_size=4, **given).history
        found.append([digest(model), history, float(model.optimizer.learning_rate.numpy()),
                      digest(keras.models.load_model(place)), model.evaluate(x, y, batch_size=7, verbose=0)])
    return found


def drawn_training(order):
    """One of the drawn trainings of the tests of reliability."""
    from tests.reliability import drawn

    return drawn.trained(order["case"], order["shards"])


def fails(order):
    """One rank has an error of its own."""
    if parallel.ranks().rank == order["rank"]:
        raise ValueError("something of this rank's own")
    return train({"networks": ["mixed"], "shards": 4})


def mapped(order):
    """Tasks shared out."""
    results = parallel.map_tasks(lambda task: {"rank": parallel.ranks().size, "square": task * task,
                                               "array": np.full(2, task, np.float32)}, range(order["count"]))
    return [[result["rank"], result["square"], result["array"].tolist()] for result in results]


def folds(order):
    """A cross-validation whose models are an ensemble afterwards; each of them is trained on one rank."""
    def fold(number):
        model, x, y = made("mixed", 1)
        held = np.arange(len(x)) % order["count"] == number
        model.fit(x[~held], y[~held], batch_size=12, epochs=2, verbose=0)
        return {"score": model.evaluate(x[held], y[held], verbose=0), "weights": digest(model),
                "predicted": model.predict(x, verbose=0)}
    results = parallel.map_tasks(fold, range(order["count"]))
    together = sum(result["predicted"] for result in results)
    return [[result["score"], result["weights"]] for result in results], hashlib.sha256(together.tobytes()).hexdigest()


def tuned(order):
    """A search whose trials are shared out, each with a file of its own."""
    def objective(settings, epochs, file):
        file.write_text(str(epochs))
        return -abs(settings["rate"] - 4.0) + 0.01 * epochs
    search = tune.Search(Path(order["folder"]), tune.Space.parsed({"rate": "1.0..10.0"}), objective, seed=2)
    best = search.halving(6, 4)
    return [best.number, [[trial.number, trial.settings, trial.scores] for trial in search.ranked()]]


def stored(order):
    """Training from a folder of shards of data."""
    model, x, y = made("mixed", order["shards"])
    data = parallel.open_stored(order["folder"])
    history = model.fit(data.batches(6, shuffle=True), epochs=2, verbose=0)
    return {"weights": digest(model), "history": history.history}


def interrupted(order):
    """A training that gets Ctrl-C; how many steps it made on each rank."""
    folder = Path(order["folder"])
    (folder / f"pid-{parallel.ranks().rank}").write_text(str(os.getpid()))
    model, x, y = made("mixed", order["shards"])
    model.fit(x, y, batch_size=5, epochs=1000, verbose=0, callbacks=[Pace(folder, 0.02)])
    steps = int(model.optimizer.iterations.array)
    return [parallel.ranks().from_first(lambda: steps), steps, model.history.interrupted]


def places(order):
    """The machine of each rank."""
    return parallel.ranks().gather(socket.gethostname())


def summed(order):
    """Sums of shards, one after the other and of changing sizes, while one of the ranks comes late to read them.

    `file_bytes`: no file, with a name or without, may be longer. `dies`: a rank that gets `signal` in the third sum.
    """
    if "file_bytes" in order:
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["file_bytes"], resource.RLIM_INFINITY))
    ranks, found = parallel.ranks(), []
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for number, (length, count) in enumerate([(4000, 4)] * 4 + [(4000, 1), (4000, 6), (96, 5), (100_016, 4)] * 2):
            vectors = np.random.default_rng(number).standard_normal((count, length), np.float32)
            buckets = [(48, length), (0, 48)]

            def compute(shard, ready, number=number, vectors=vectors, buckets=buckets):
                if number == 2 and order.get("dies") == ranks.rank:
                    os.kill(os.getpid(), order["signal"])
                if ready is not None:
                    ready(0, vectors[shard, slice(*buckets[0])])
                return vectors[shard], {"shard": shard}
            total, results = ranks.sum_shards(buckets, range(1, count + 1), compute)
            if ranks.rank == number % ranks.size:
                time.sleep(0.05)
            found.append([hashlib.sha256(total.tobytes()).hexdigest(), [result["shard"] for result in results]])
    return {"sums": found, "alike": all(one == found for one in ranks.gather(found)),
            "window": "striate-gradients" in Path("/proc/self/maps").read_text(),
            "warned": any("cannot share memory" in str(warning.message) for warning in said)}


TASKS = {function.__name__: function
         for function in (train, backed_up, metrics, callbacks_and_weights, fails, mapped, folds, tuned, stored,
                          interrupted, places, summed, drawn_training)}

if __name__ == "__main__":
    wanted = json.loads(sys.argv[1])
    buckets.MESSAGE_BYTES = wanted.get("message_bytes", buckets.MESSAGE_BYTES)
    if parallel.started_by_mpi():
        parallel.start()
    print(json.dumps(TASKS[wanted["task"]](wanted)), flush=True)
