"""Real disks that are full or may not be written to: a clear error, the old files whole, nothing left behind."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = """
import sys
from pathlib import Path
import numpy as np
from striate import Input, Sequential, callbacks, checkpoints, layers, models
from striate.callbacks import events
from striate.errors import FileError

folder = Path(sys.argv[1])
model = Sequential([Input((10,)), layers.Dense(2000)])
endings = ("keras", "h5", "weights.h5", "safetensors")

def save(ending):
    (model.save if ending in ("keras", "h5") else model.save_weights)(folder / f"m.{ending}")

for ending in endings:
    save(ending)
checkpoints.save(folder / "states", 1, {"x": np.arange(9)})
log, board = callbacks.CSVLogger(folder / "log.csv"), callbacks.TensorBoard(folder / "logs")
log.on_train_begin()
log.on_epoch_end(0, {"loss": 1.0})
board.on_epoch_end(0, {"loss": 1.0})
before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
with open(folder / "filler", "wb", buffering=0) as file:
    try:
        while True:
            file.write(bytes(4096))
    except OSError:
        pass
tries = [lambda ending=ending: save(ending) for ending in endings]
tries += [lambda: checkpoints.save(folder / "states", 2, {"x": np.arange(9)}),
          lambda: [log.on_epoch_end(epoch, {"loss": 1.0}) for epoch in range(500)],
          lambda: [board.on_epoch_end(epoch, {"loss": 1.0}) for epoch in range(500)]]
for attempt in tries:
    try:
        attempt()
        sys.exit("nothing was said")
    except FileError as error:
        if "disk is full" not in str(error) or "bytes are free" not in str(error):
            sys.exit(f"unclear: {error}")
(folder / "filler").unlink()
for path, content in before.items():
    now = path.read_bytes()
    if path.parent.parent.name == "logs":
        at = 0
        while at < len(now):
            length = int.from_bytes(now[at:at + 8], "little")
            if events.record(now[at + 12:at + 12 + length]) != now[at:at + 16 + length]:
                sys.exit("half a record")
            at += 16 + length
    elif now != content and path.name != "log.csv":
        sys.exit(f"{path} was harmed")
litter = [str(path) for path in folder.rglob("*") if path.name.endswith(".striate-tmp")]
if litter or checkpoints.newest(folder / "states")["x"].tolist() != list(range(9)):
    sys.exit(f"left behind: {litter}")
models.load_model(folder / "m.keras")
board.on_epoch_end(1, {"loss": 2.0})  # there is room again, and the training goes on
print("fine")
"""


def _python(words, **options):
    return subprocess.run(words, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, **options)


def _can_mount(folder: Path) -> bool:
    if shutil.which("unshare") is None:
        return False
    return _python(["unshare", "-rm", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]).returncode == 0


def test_full_disk(tmp_path):
    """A disk of one megabyte, mounted for the child alone."""
    if not _can_mount(tmp_path):
        pytest.skip("no disk may be mounted here; test_faults.py and the file size limit stand in")
    done = _python(["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=1m tmpfs "$1" && exec "$2" -c "$3" "$1"',
                    "sh", str(tmp_path), sys.executable, CODE])
    assert done.stdout == "fine\n", done.stderr


GOING_ON = """
import sys, warnings
import numpy as np
from striate import Input, Sequential, callbacks, config, layers, models, utils
from striate.errors import FileError

folder, x = sys.argv[1], np.arange(24, dtype=np.float32).reshape(8, 3) / 24


class Disk(callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        with open(folder + "/filler", "wb", buffering=0) as file:
            try:
                while epoch == 1:
                    file.write(bytes(4096))
            except OSError:
                pass


def train(watchers):
    utils.clear_session()
    utils.set_random_seed(1)
    model = Sequential([Input((3,)), layers.Dense(900), layers.Dense(2)])
    model.compile("sgd", "mse")
    model.fit(x, x[:, :2], epochs=3, verbose=0, callbacks=watchers)
    return [array.tobytes() for array in model.get_weights()]


def watchers(disk):
    return [*disk, callbacks.CSVLogger(folder + "/log.csv"), callbacks.TensorBoard(folder + "/logs"),
            callbacks.ModelCheckpoint(folder + "/m.keras", monitor="loss", save_best_only=True),
            callbacks.BackupAndRestore(folder + "/state", delete_checkpoint=False)]


undisturbed = train([])
try:
    train(watchers([Disk()]))
    sys.exit("the training did not end with the error")
except FileError:
    pass
config.set_value("go_on", True)
import shutil
for name in ("logs", "state"):
    shutil.rmtree(f"{folder}/{name}")
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    again = train(watchers([Disk()]))
said = {text.split("what ")[1].split()[0] for text in map(str, (row.message for row in caught)) if "goes on" in text}
if again != undisturbed or not said >= {"CSVLogger", "ModelCheckpoint", "BackupAndRestore"}:
    sys.exit(f"other weights, or not said by all: {said}")
if models.load_model(folder + "/m.keras").get_weights()[1].tobytes() != undisturbed[1]:
    sys.exit("the best model was not written once there was room again")
if len(open(folder + "/log.csv").read().splitlines()) != 4:
    sys.exit("the table lacks an epoch")
print("fine")
"""


@pytest.mark.slow
def test_a_training_goes_on_without_its_files_if_asked(tmp_path):
    if not _can_mount(tmp_path):
        pytest.skip("no disk may be mounted here; test_faults.py stands in")
    done = _python(["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=1m tmpfs "$1" && exec "$2" -c "$3" "$1"',
                    "sh", str(tmp_path), sys.executable, GOING_ON])
    assert done.stdout == "fine\n", done.stderr


READ_ONLY = """
import sys
from striate import Input, Sequential, callbacks, checkpoints, layers
from striate.errors import FileError
model = Sequential([Input((3,)), layers.Dense(2)])
folder = sys.argv[1]
tries = [lambda: model.save(folder + "/m.keras"), lambda: model.save_weights(folder + "/m.safetensors"),
         lambda: checkpoints.save(folder + "/states", 1, {}),
         lambda: callbacks.CSVLogger(folder + "/x/l").on_train_begin(),
         lambda: callbacks.TensorBoard(folder).on_epoch_end(0, {"loss": 1.0})]
for attempt in tries:
    try:
        attempt()
        sys.exit("nothing was said")
    except FileError as error:
        if "cannot be written to" not in str(error) or "another folder" not in str(error):
            sys.exit(f"unclear: {error}")
print("fine")
"""


def test_read_only_folder(tmp_path):
    if not _can_mount(tmp_path):
        pytest.skip("no disk may be mounted here; test_faults.py stands in")
    done = _python(["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o ro tmpfs "$1" && exec "$2" -c "$3" "$1"',
                    "sh", str(tmp_path), sys.executable, READ_ONLY])
    assert done.stdout == "fine\n", done.stderr
