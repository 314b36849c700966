"""Trainings that the kill harness starts, kills and starts again.

Run as `python child.py`. For each line of input, a JSON object {"kind", "folder", "at", "result"}, it forks a child
that trains in `folder`, says {"pid"}, and in the end {"status"}. The child writes what it came to into the file
`result`; with `at` it is killed at the at-th thing that it does to the disk. Before the first order of a kind this
process trains itself, so that its children find the kernels loaded: they only train.
"""

import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

from striate import Input, Sequential, callbacks, layers, optimizers, utils
from tests.reliability.faults import KILL, Faults

SAMPLES, EPOCHS = 192, 6


class Twins(utils.PyDataset):
    """Batches by number, fetched by two threads."""

    def __init__(self, x, y):
        super().__init__(workers=2)
        self.x, self.y = x, y

    def __len__(self):
        return 10

    def __getitem__(self, index):
        part = slice(16 * index, 16 * index + 16)
        return self.x[part], self.y[part]


def batches(x, y):
    """The same batches again and again, as a generator gives them."""
    while True:
        for first in range(0, len(x), 16):
            yield x[first:first + 16], y[first:first + 16]


class Best(callbacks.Callback):
    """A callback of the user's that remembers: how often the loss went down."""

    memory = ("falls", "last")

    def __init__(self):
        super().__init__()
        self.falls, self.last = 0, float("inf")

    def on_epoch_end(self, epoch, logs=None):
        self.falls += logs["loss"] < self.last
        self.last = logs["loss"]


def network(kind: str) -> Sequential:
    changes = [layers.RandomFlip("horizontal"), layers.RandomTranslation(0.1, 0.1)] if kind == "augmentation" else []
    return Sequential([Input((8, 8, 1)), *changes, layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization(),
                       layers.MaxPooling2D(), layers.Flatten(), layers.Dropout(0.3),
                       layers.Dense(3, activation="softmax")])


def compiled(kind: str) -> Sequential:
    model = network(kind)
    if kind == "augmentation":
        optimizer = optimizers.SGD(0.05, momentum=0.9, use_ema=True, ema_momentum=0.8)
        model.compile(optimizer, "sparse_categorical_crossentropy",
                      metrics=["accuracy", "sparse_top_k_categorical_accuracy"])
    else:
        schedule = optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)
        model.compile(optimizers.Adam(schedule), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def train(folder: Path, kind: str) -> dict:
    """Trains to the end (in one go or in several processes) and gives hashes of everything that came out."""
    utils.clear_session()
    utils.set_random_seed(3)
    generator = np.random.default_rng(7)
    y = generator.integers(0, 3, SAMPLES)
    x = generator.random((SAMPLES, 8, 8, 1), np.float32) + y.reshape(-1, 1, 1, 1) * np.float32(0.2)
    model, counter = compiled(kind), Best()
    watchers = [callbacks.BackupAndRestore(folder / "state", save_freq=2, delete_checkpoint=False),
                callbacks.EarlyStopping("val_loss", patience=4, restore_best_weights=True),
                callbacks.CSVLogger(folder / "log.csv"), counter,
                callbacks.ModelCheckpoint(folder / "best.keras", save_best_only=True)]
    if kind == "augmentation":
        watchers = [callbacks.SwapEMAWeights(swap_on_epoch=True), *watchers,
                    callbacks.ReduceLROnPlateau("val_loss", patience=1, factor=0.5, min_delta=0.05),
                    callbacks.LearningRateScheduler(lambda epoch, rate: 0.97 * rate),
                    callbacks.ModelCheckpoint(folder / "often.keras", save_freq=7),
                    callbacks.TensorBoard(folder / "logs", update_freq=3), callbacks.TerminateOnNaN()]
    data = {"dataset": (Twins(x, y),), "generator": (batches(x[:160], y[:160]),)}.get(kind, (x[:160], y[:160]))
    options = {"dataset": {}, "generator": {"steps_per_epoch": 10}}.get(kind, {"batch_size": 16})
    history = model.fit(*data, epochs=EPOCHS, validation_data=(x[160:], y[160:]), callbacks=watchers, verbose=0,
                        **options)
    weights = b"".join(variable.numpy().tobytes() for variable in [*model.variables, *model.optimizer.variables])
    return {"weights": _hash(weights), "history": {name: [float(v).hex() for v in values]
                                                   for name, values in history.history.items()},
            "epochs": history.epoch, "falls": counter.falls, "csv": (folder / "log.csv").read_text(),
            "saved": [_hash(path.read_bytes()) for path in sorted(folder.glob("*.keras"))]}


def command(folder: Path, kind: str) -> dict:
    """`striate train`, or `striate train --resume` where a run was begun and has not come to its end."""
    from striate.cli import main, training

    training.SECONDS_BETWEEN_STATES = 0.0
    run = folder / "run"
    begun = (run / training.CONFIG).exists()
    complete = begun and "result" in json.loads((run / training.CONFIG).read_text())
    words = ["--resume", str(run)] if begun else ["fashion-mnist", "--subset", "--limit", "320", "--epochs", "3",
                                                  "--batch-size", "32", "--model", "lenet5", "--timeline", "--out",
                                                  str(run)]
    sys.argv = ["striate", "train", *words, "--json"]
    if not complete or (run / training.STATE).exists():
        _call(main, 2 if complete else 0)
    history = json.loads((run / "history.json").read_text())
    history.pop("seconds")
    return {"files": {name: _hash((run / name).read_bytes()) for name in ("best.keras", "last.keras",
                                                                             "timeline/timeline.json")},
            "history": history, "left": sorted(path.name for path in run.iterdir())}


def _call(main, code: int) -> None:
    """Runs the command. A complete run (code 2) is not gone on with; what a killed process left of its state goes."""
    try:
        main()
    except SystemExit as end:
        if (end.code or 0) != code:
            raise RuntimeError(f"striate train ended with code {end.code}") from end


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def work(order: dict) -> None:
    """What the forked child does."""
    folder = Path(order["folder"])
    folder.mkdir(exist_ok=True)
    run = command if order["kind"] == "command" else train
    with Faults(folder, order["at"], KILL) as faults:
        result = run(folder, order["kind"])
    Path(order["result"]).write_text(json.dumps({"result": result, "done to the disk": faults.count}, sort_keys=True))


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    known = set()
    for line in sys.stdin:
        order = json.loads(line)
        if order["kind"] not in known:
            known.add(order["kind"])
            with tempfile.TemporaryDirectory() as place:
                work(order | {"folder": f"{place}/run", "result": f"{place}/result", "at": 0})
        child = os.fork()
        if child == 0:
            status = 1
            try:
                work(order)
                status = 0
            finally:
                sys.stderr.flush()
                os._exit(status)
        print(json.dumps({"pid": child}), file=answers, flush=True)
        print(json.dumps({"status": os.waitpid(child, 0)[1]}), file=answers, flush=True)


if __name__ == "__main__":
    main()
