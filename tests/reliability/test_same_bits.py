"""One training, told again in other circumstances: the same weights, history, predictions and bytes of every file."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
CODE = """
import hashlib, json, locale, sys
from pathlib import Path
import numpy as np
import striate as keras
from striate.runtime import pool

try:
    locale.setlocale(locale.LC_ALL, "")
except locale.Error:
    pass
if locale.localeconv()["decimal_point"] != sys.argv[2]:
    raise RuntimeError("the language of this circumstance is not in force")

def train(folder):
    keras.utils.clear_session()
    keras.utils.set_random_seed(11)
    draw = np.random.default_rng(5)
    y = draw.integers(0, 4, 90)
    x = draw.random((90, 9, 9, 2), np.float32) + y.reshape(-1, 1, 1, 1) * np.float32(0.1)
    inputs = keras.Input((9, 9, 2))
    a = keras.layers.RandomFlip("horizontal")(inputs)
    a = keras.layers.Conv2D(16, 3, padding="same", activation="relu")(a)
    b = keras.layers.BatchNormalization()(keras.layers.Conv2D(16, 3, padding="same")(a))
    c = keras.layers.MaxPooling2D()(keras.layers.Add()([a, b]))
    c = keras.layers.Dropout(0.3)(keras.layers.Flatten()(c))
    model = keras.Model(inputs, keras.layers.Dense(4, activation="softmax")(c))
    model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"])
    watchers = [keras.callbacks.CSVLogger(folder / "log.csv"),
                keras.callbacks.BackupAndRestore(folder / "state", delete_checkpoint=False)]
    history = model.fit(x, y, batch_size=32, epochs=2, validation_split=0.2, verbose=0, callbacks=watchers).history
    model.save(folder / "m.keras")
    model.save(folder / "m.h5")
    for name in ("m.weights.h5", "old.h5", "m.safetensors"):
        model.save_weights(folder / name)
    (folder / "history").write_text(json.dumps({k: [float(v).hex() for v in vs] for k, vs in history.items()}))
    (folder / "predictions").write_bytes(model.predict(x, verbose=0).tobytes())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file()}

for threads in map(int, sys.argv[1].split(",")):
    pool.set_threads(threads)
    folder = Path(f"run{threads}")
    folder.mkdir()
    print(json.dumps([threads, train(folder)]))
"""
CIRCUMSTANCES = {
    "plain": ("1", {"PYTHONHASHSEED": "0", "LC_ALL": "C"}),
    "other hashes": ("2,3,4,5,6,7,8", {"PYTHONHASHSEED": "12345", "TZ": "Asia/Kathmandu", "LC_ALL": "C"}),
    "comma for the point": ("2", {"PYTHONHASHSEED": "7", "LC_ALL": "de_DE.UTF-8", "LANG": "de_DE.UTF-8"}),
    "plain bytes, optimised Python": ("2", {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONOPTIMIZE": "2"}),
    "Turkish letters": ("1", {"LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "99"}),
}


def test_files_and_numbers_are_the_same_everywhere(tmp_path):
    first, circumstances = None, dict(CIRCUMSTANCES)
    if not _languages(tmp_path / "locales"):
        for name in ("comma for the point", "Turkish letters"):
            del circumstances[name]
    for name, (threads, settings) in circumstances.items():
        folder = tmp_path / name
        folder.mkdir()
        point = "," if settings["LC_ALL"][:2] in ("de", "tr") else "."
        done = subprocess.run([sys.executable, "-c", CODE, threads, point], cwd=folder, capture_output=True, text=True,
                              env={**os.environ, "PYTHONPATH": str(ROOT), "LOCPATH": str(tmp_path / "locales"),
                                   **settings})
        assert done.returncode == 0, done.stderr
        for line in done.stdout.splitlines():
            count, found = json.loads(line)
            first = first or found
            differing = [path for path in {*first, *found} if first.get(path) != found.get(path)]
            assert not differing, f"{name}, {count} threads: {differing} differ"
    assert len(first) >= 12 and "m.keras" in first and any(path.startswith("state/") for path in first)
    if circumstances != CIRCUMSTANCES:
        pytest.skip("all but other languages: localedef and the sources of locales are not here (Debian: locales)")


def _languages(folder: Path) -> bool:
    """Makes the locales that a computer seldom has; says whether they could be made."""
    folder.mkdir()
    if shutil.which("localedef") is None:
        return False
    made = [subprocess.run(["localedef", "-i", name, "-f", "UTF-8", folder / f"{name}.UTF-8"], capture_output=True)
            for name in ("de_DE", "tr_TR")]
    return all(done.returncode == 0 for done in made)
