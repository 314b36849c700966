"""Runs architectures under Keras, in a process of its own.

    python keras_side.py FOLDER [SEED]

The folder holds architectures.json and, for each architecture, what striate saved (`striate_<seed>.keras`). Written are
`keras_<seed>.npz` (what `runs.measure` gives, and what Keras predicts with striate's file), `keras_<seed>.keras` and
`keras_<seed>.json`, the configuration. Failures are written as `keras_<seed>.txt`. What has a result is left out.

With a seed, this one is computed in float64 instead, also what follows from the weights in both files, and written is
`truth_<seed>.npz`.
"""

import json
import sys
import traceback
from pathlib import Path

import keras
import numpy as np
import runs


def average_without_padding():
    """Makes Keras over PyTorch average as its other backends do: without the padding."""
    pool = keras.src.backend.nn.average_pool

    def average_pool(inputs, pool_size, strides=None, padding="valid", data_format=None):
        sizes = pool_size if isinstance(pool_size, (tuple, list)) else (pool_size,) * (len(inputs.shape) - 2)
        steps = sizes if strides is None else strides
        steps = steps if isinstance(steps, (tuple, list)) else (steps,) * len(sizes)
        lacking = [max((-(-n // step) - 1) * step + size - n, 0)
                   for n, size, step in zip(inputs.shape[1:-1], sizes, steps, strict=True)]
        if padding != "same" or not any(lacking) or data_format == "channels_first":
            return pool(inputs, pool_size, strides, padding, data_format)
        around = [(0, 0), *((n // 2, n - n // 2) for n in lacking), (0, 0)]
        wide, counted = (keras.ops.pad(x, around) for x in (inputs, keras.ops.ones_like(inputs)))
        return pool(wide, sizes, steps, "valid", data_format) / pool(counted, sizes, steps, "valid", data_format)
    keras.src.backend.nn.average_pool = average_pool


def run(description, folder):
    """Everything about one architecture."""
    seed = description["seed"]
    found, model = runs.measure(keras, description, folder / f"keras_{seed}.keras")
    theirs = folder / f"striate_{seed}.keras"
    if theirs.exists():
        loaded = keras.saving.load_model(theirs)
        found["from_striate"] = np.asarray(loaded.predict_on_batch(runs.data(description)[0]))
        found["step_from_striate"] = np.asarray(loaded.optimizer.iterations)
    np.savez(folder / f"keras_{seed}.npz", **found)
    (folder / f"keras_{seed}.json").write_text(model.to_json())


def in_float64(description, folder):
    """What float32 is measured by."""
    keras.config.set_floatx("float64")
    found, model = runs.measure(keras, description)
    for name in ("striate", "keras"):
        model.set_weights(keras.saving.load_model(folder / f"{name}_{description['seed']}.keras").get_weights())
        found[f"from_{name}"] = np.asarray(model.predict_on_batch(runs.data(description)[0]))
    np.savez(folder / f"truth_{description['seed']}.npz", **found)


def main():
    """Runs every architecture of the folder, or that of one seed in float64."""
    folder = Path(sys.argv[1])
    descriptions = json.loads((folder / "architectures.json").read_text())
    if len(sys.argv) > 2:
        return in_float64(next(row for row in descriptions if row["seed"] == int(sys.argv[2])), folder)
    if keras.backend.backend() == "torch":
        average_without_padding()
    for description in descriptions:
        if list(folder.glob(f"keras_{description['seed']}.[jt]*")):
            continue
        try:
            run(description, folder)
        except Exception:
            (folder / f"keras_{description['seed']}.txt").write_text(traceback.format_exc())


if __name__ == "__main__":
    main()
