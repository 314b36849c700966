"""A training that the kill harness starts, kills and starts again: python child.py FOLDER [arrays|dataset]."""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from striate import Input, Sequential, callbacks, layers, optimizers, utils

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


def train(folder: Path, kind: str) -> dict:
    """Trains to the end (in one go or in several processes) and gives hashes of everything that came out."""
    utils.set_random_seed(3)
    generator = np.random.default_rng(7)
    y = generator.integers(0, 3, SAMPLES)
    x = generator.random((SAMPLES, 8, 8, 1), np.float32) + y.reshape(-1, 1, 1, 1) * np.float32(0.2)
    model = Sequential([Input((8, 8, 1)), layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization(),
                        layers.MaxPooling2D(), layers.Flatten(), layers.Dropout(0.3),
                        layers.Dense(3, activation="softmax")])
    schedule = optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)
    model.compile(optimizers.Adam(schedule), "sparse_categorical_crossentropy", metrics=["accuracy"])
    watchers = [callbacks.BackupAndRestore(folder / "state", save_freq=2, delete_checkpoint=False),
                callbacks.EarlyStopping("val_loss", patience=4, restore_best_weights=True),
                callbacks.CSVLogger(folder / "log.csv"),
                callbacks.ModelCheckpoint(folder / "best.keras", save_best_only=True)]
    validation = x[160:], y[160:]
    if kind == "dataset":
        history = model.fit(Twins(x, y), epochs=EPOCHS, validation_data=validation, callbacks=watchers, verbose=0)
    else:
        history = model.fit(x[:160], y[:160], batch_size=16, epochs=EPOCHS, validation_data=validation,
                            callbacks=watchers, verbose=0)
    weights = b"".join(variable.numpy().tobytes() for variable in [*model.variables, *model.optimizer.variables])
    return {"weights": hashlib.sha256(weights).hexdigest(), "history": history.history, "epochs": history.epoch,
            "csv": (folder / "log.csv").read_text(),
            "best": hashlib.sha256((folder / "best.keras").read_bytes()).hexdigest()}


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.mkdir(exist_ok=True)
    print("ready", flush=True)
    result = train(place, sys.argv[2] if len(sys.argv) > 2 else "arrays")
    print(json.dumps(result, sort_keys=True), flush=True)
